"""The bugs that are planted in the scan gate: each would let out, or count, what nobody found clean."""

from tests.mutants.mutant import bug

SCANNING = "cloud/chalicelib/core/settle/scanning.py"
OUTPUTS = "cloud/chalicelib/core/settle/outputs.py"
UPLOADS = "cloud/chalicelib/core/settle/uploads.py"
GATE = ("tests/core/settle/test_scanning.py", "tests/flows/test_scan_gate.py")

OF_SCANS = (
    bug(
        "an output is readable before its scan",
        OUTPUTS,
        "if stored.crc64nvme and stored.key not in kept:",
        "if stored.crc64nvme:",
        *GATE,
    ),
    bug(
        "an upload is readable before its scan",
        UPLOADS,
        "    if must_read_scan(upload, stored, policy) and not may_count(picture, stored, seen.scan, policy):\n",
        "    if must_read_scan(upload, stored, policy) and not seen:\n",
        *GATE,
    ),
    bug(
        "the checksum copy of an output that was not scanned ends in its receipt",
        OUTPUTS,
        "if stored.crc64nvme is None and stored.key not in kept:",
        "if stored.crc64nvme is None:",
        *GATE,
    ),
    bug(
        "an infected output counts once it is accepted",
        SCANNING,
        "    if known and known.is_infected:\n        return False\n",
        "",
        *GATE,
    ),
    bug(
        "any finding is a clean one",
        SCANNING,
        "    return tag.finding == CLEAN or",
        "    return tag.finding is not None or",
        *GATE,
    ),
    bug(
        "the scan of another version lets this one pass",
        SCANNING,
        "    if tag is None or tag.finding is None:\n        return known",
        "    if tag is None:\n        return True\n    if tag.finding is None:\n        return known",
        *GATE,
    ),
    bug(
        "a word for one finding holds for the next",
        SCANNING,
        "    return known.finding == tag.finding\n",
        "    return True\n",
        *GATE,
    ),
    bug(
        "a session is PROCESSED before the last of its outputs is scanned",
        OUTPUTS,
        " and not _waits_for_scans(picture, waiting)",
        "",
        *GATE,
    ),
    bug(
        "an infected output holds nothing",
        "cloud/chalicelib/core/session.py",
        "scan.words if scan.is_infected else None",
        "None",
        *GATE,
    ),
    bug(
        "a scan that has just begun can be done without",
        "cloud/chalicelib/flows/operations.py",
        "        if scan.finding is None and not is_overdue(scan, ports.clock.now(), ports.policy):\n",
        "        if scan.finding is None and not ports.clock:\n",
        "tests/flows/test_scan_gate.py",
    ),
    bug(
        "the bucket gives out what is infected",
        "infra/aws/storage.yaml",
        "GuardDutyMalwareScanStatus: THREATS_FOUND",
        "GuardDutyMalwareScanStatus: THREATS",
        "tests/infra/test_scanner.py",
        "-k",
        "infected_output",
    ),
)
