"""Planted bugs in what keeps work and answers bounded."""

from tests.mutants.mutant import bug

CORE = "cloud/chalicelib/core"
ANSWERS = ("tests/web/test_answers.py", "tests/core/test_measurements_ranges.py")

WORK = ("tests/core/test_measurements_work.py", "-k", "not gigabyte")

BOUNDED_WORK = (
    bug(
        "blank lines of a measurements file cost nothing",
        f"{CORE}/measurements/text.py",
        "self._work.spend(_LINE_STEPS * len(lines))",
        "self._work.spend(_LINE_STEPS * sum(map(bool, lines)))",
        *WORK,
    ),
    bug(
        "brackets that are scanned cost nothing",
        f"{CORE}/measurements/text.py",
        "    work.spend(tokens)\n",
        "    work.spend(min(tokens, 1))\n",
        *WORK,
    ),
    bug(
        "any file may cost what the largest may",
        f"{CORE}/measurements/work.py",
        "self.most_steps = min(limits.first_steps + self._source_bytes * limits.steps_a_byte, limits.steps)",
        "self.most_steps = limits.steps",
        *WORK,
    ),
    bug(
        "an answer is counted in its own characters, not in Lambda's bytes",
        f"{CORE}/answers.py",
        "return len(json.dumps(body))",
        "return len(body)",
        *ANSWERS,
    ),
    bug(
        "an answer above what Lambda lets out is sent",
        "cloud/chalicelib/web/door.py",
        "if size_bytes > answers.MOST_BODY_BYTES:",
        "if size_bytes > 2 * answers.MOST_BODY_BYTES:",
        *ANSWERS,
    ),
)
