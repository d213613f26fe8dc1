"""Planted bugs in the proof at rest: each would call rotten bytes sound, or sound ones lost."""

from tests.mutants.mutant import bug

AT_REST = "infra/admin/at_rest"
VERIFY = ("tests/infra/admin/test_verify.py",)
FLOWS = ("tests/flows/test_at_rest.py",)

IN_THE_PROOF_AT_REST = (
    bug(
        "a checksum that differs is no damage",
        f"{AT_REST}/reading.py",
        "    if found == receipt.crc64nvme:\n",
        "    if found:\n",
        *VERIFY,
    ),
    bug(
        "one reading that differs is damage",
        f"{AT_REST}/reading.py",
        "        second = _fault(objects, receipt, pace)\n",
        "        second = first\n",
        *VERIFY,
    ),
    bug(
        "what stands on the key is read in place of the receipt's version",
        f"{AT_REST}/reading.py",
        "objects.read_range(receipt.key, receipt.version_id, first, first + most - 1)",
        '(objects.read(receipt.key, 10**9) or b"")[first : first + most]',
        *VERIFY,
    ),
    bug(
        "a longer object passes for its beginning",
        f"{AT_REST}/reading.py",
        "receipt.size_bytes - read_bytes + 1)",
        "receipt.size_bytes - read_bytes)",
        *VERIFY,
    ),
    bug(
        "a sample never has the same session twice in a year",
        f"{AT_REST}/selection.py",
        'f"{seed}/{session_id}"',
        'f"{session_id}"',
        *VERIFY,
        "-k",
        "some_sample",
    ),
    bug(
        "an unread version counts as proven",
        f"{AT_REST}/round.py",
        "        if not session.unread and may_be_proven(",
        "        if may_be_proven(",
        *VERIFY,
    ),
    bug(
        "an earlier version is believed unread",
        f"{AT_REST}/round.py",
        "if self._is_true(each)",
        "if each",
        *VERIFY,
    ),
    bug(
        "a report about any version proves the receipt",
        f"{AT_REST}/batch.py",
        "        if told is None:\n",
        "        told = told or next(iter(computed.values()), None)\n        if told is None:\n",
        "tests/infra/admin/test_batch.py",
    ),
    bug(
        "whatever S3 Batch reports proves the receipt",
        f"{AT_REST}/batch.py",
        "Judgement(End.TRUE) if told.crc64nvme == receipt.crc64nvme else read(receipt)",
        "Judgement(End.TRUE)",
        "tests/infra/admin/test_batch.py",
    ),
    bug(
        "the damaged version stays in the way of the next haul",
        "cloud/chalicelib/flows/actions/damage.py",
        "owes_removal=True)",
        "owes_removal=False)",
        *FLOWS,
    ),
    bug(
        "damage in the midst of a cleanup lets it continue",
        "cloud/chalicelib/core/settle/at_rest.py",
        "damage.version_id not in session.cleaned:",
        "damage.version_id not in picture.gone_versions:",
        "tests/core/settle",
    ),
    bug(
        "a lost output is verified again in every round",
        "cloud/chalicelib/core/settle/outputs.py",
        "picture.receipts_at(key) or picture.lost_at(key)",
        "picture.receipts_at(key)",
        *FLOWS,
    ),
)
