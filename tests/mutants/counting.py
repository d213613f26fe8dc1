"""Planted bugs in the counters, each of which would let a statistic drift from the sessions."""

from tests.mutants.mutant import bug

CORE = "cloud/chalicelib/core"
FLOWS = "cloud/chalicelib/flows"
RECORDS = "cloud/chalicelib/aws/records.py"
CONTRACT = ("tests/contracts/test_counters_contract.py",)

COUNTING = (
    bug(
        "a camera's clock that nobody told is taken for right",
        f"{CORE}/guarantee.py",
        "    if progress is None or progress.camera_ahead_s is None:\n        return None, _NO_CLOCK\n",
        "    if progress is None:\n        return None, _NO_CLOCK\n",
        "tests/core/test_guarantee.py",
    ),
    bug(
        "a clock that was set since counts",
        f"{CORE}/guarantee.py",
        "    if not heard_s - _OLDEST_S <= closed_s <= heard_s + _TOLERANCE_S:\n",
        "    if not closed_s <= heard_s + _TOLERANCE_S:\n",
        "tests/core/test_guarantee.py",
    ),
    bug(
        "a session is counted once and never again",
        f"{FLOWS}/store.py",
        "        counting=counted,\n    )\n    ports.records.write(change)\n    note(ports, after",
        "    )\n    ports.records.write(change)\n    note(ports, after",
        "tests/flows/test_counting.py",
    ),
    bug(
        "the table records what a session counts for and counts nothing",
        RECORDS,
        "        writes += self._counts(change.session, change.counting) if change.counting else ()\n",
        "",
        *CONTRACT,
    ),
    bug(
        "a counter takes the whole instead of the difference",
        f"{CORE}/statistics/counts.py",
        "        return difference(self.before, self.after)\n",
        "        return self.after\n",
        *CONTRACT,
    ),
    bug(
        "a counter is replaced whoever wrote it since",
        RECORDS,
        '                "ConditionExpression": "#writes = :before",\n',
        '                "ConditionExpression": "#writes = :before OR attribute_exists(pk)",\n',
        *CONTRACT,
    ),
    bug(
        "a counter that was written while its sessions were read counts as drifted",
        f"{FLOWS}/recount.py",
        "            if self._read(key).writes != counter.writes:\n                left.add(key)\n            elif",
        "            if",
        "tests/flows/test_recount.py",
    ),
    bug(
        "a session that was opened during a recount is taken for a surplus",
        f"{FLOWS}/recount.py",
        "        for _ in self._unseen():\n            pass\n",
        "",
        "tests/flows/test_recount.py",
    ),
    bug(
        "a write that met another at its session is tried again as it is",
        RECORDS,
        '    return elsewhere == {"None"} and is_met_there\n',
        "    return is_met_there\n",
        "tests/aws/test_records.py",
        "-k",
        "meets_another",
    ),
)
