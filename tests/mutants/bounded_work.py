"""Planted bugs in what keeps work and answers bounded."""

from tests.mutants.mutant import bug

CORE = "cloud/chalicelib/core"
ANSWERS = ("tests/web/test_answers.py", "tests/core/test_measurements_ranges.py")

BOUNDED_WORK = (
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
