"""Planted bugs in what operators fetch: each would give wrong bytes a film's name, or write over another file."""

from tests.mutants.mutant import bug

FETCHING = "infra/admin/fetching.py"
DOWNLOAD = ("tests/infra/admin/test_download.py",)
MANIFEST = ("tests/infra/admin/test_manifest.py",)

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
    bug(
        "bytes of S3 that are not the receipt's come into a hash list",
        "infra/admin/hashing.py",
        "    if (read, read_bytes) != (receipt.crc64nvme, receipt.size_bytes):\n",
        "    if not read:\n",
        *MANIFEST,
    ),
    bug(
        "the hash of a second read that another one contradicts is the card's",
        "infra/admin/commands/manifest.py",
        "evidence.agreed if evidence.agrees else None",
        "evidence.agreed",
        *MANIFEST,
    ),
    bug(
        "the hash of a second read counts whatever bytes the receipt has",
        "infra/admin/commands/manifest.py",
        "read if read and read.crc64nvme == receipt.crc64nvme else None",
        "read",
        *MANIFEST,
    ),
    bug(
        "a hash list lacks a file that nobody could read",
        "infra/admin/commands/manifest.py",
        "    if unknown or not files:\n",
        "    if not files:\n",
        *MANIFEST,
    ),
)
