"""Planted bugs in what operators fetch: each would give wrong bytes a film's name, or write over another file."""

from tests.mutants.mutant import bug

FETCHING = "infra/admin/fetching.py"
DOWNLOAD = ("tests/infra/admin/test_download.py",)

OF_COPIES = (
    bug(
        "fetched bytes that are not those of the receipt get the film's name",
        FETCHING,
        "    if crc != target.receipt.crc64nvme:\n",
        "    if not crc:\n",
        *DOWNLOAD,
    ),
    bug(
        "a file that has the name already counts as fetched, unread",
        FETCHING,
        "    if crc != receipt.crc64nvme:\n",
        "    if not crc:\n",
        *DOWNLOAD,
    ),
    bug(
        "a fetched film replaces a file that has its name",
        FETCHING,
        '    if os.path.lexists(target.path):\n        return Outcome(target, End.DIFFERS, "another',
        '    if not target.path:\n        return Outcome(target, End.DIFFERS, "another',
        *DOWNLOAD,
    ),
    bug(
        "what an earlier run left wrong is trusted to its end",
        FETCHING,
        "outcome.end is End.DAMAGED and copy.begin",
        "outcome.end is End.DAMAGED and not copy.target",
        *DOWNLOAD,
    ),
)
