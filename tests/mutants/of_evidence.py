"""The bugs that are planted in the evidence of chapters: each would call a card safe that must be kept."""

from tests.mutants.mutant import bug

EVIDENCE = "cloud/chalicelib/core/evidence.py"
CORE = ("tests/core/test_evidence.py",)
FLOWS = ("tests/flows/test_evidence.py",)

OF_EVIDENCE = (
    bug(
        "a later read that agrees hides the difference",
        EVIDENCE,
        "            return replace(known, agreed=known.agreed or read)\n",
        "            return replace(known, agreed=known.agreed or read, differences=())\n",
        *CORE,
    ),
    bug(
        "a read of any bytes makes a chapter read twice",
        EVIDENCE,
        "        if read.crc64nvme == receipt.crc64nvme and is_as_before:\n",
        "        if is_as_before:\n",
        *CORE,
    ),
    bug(
        "equal CRCs of different bytes agree",
        EVIDENCE,
        "        is_as_before = known.agreed is None or known.agreed.xxh128 == read.xxh128\n",
        "        is_as_before = True\n",
        *CORE,
    ),
    bug(
        "a part of a chapter counts as the whole",
        EVIDENCE,
        "    if read.size_bytes != first.size_bytes:\n",
        "    if read.size_bytes > first.size_bytes:\n",
        *CORE,
    ),
    bug(
        "the first read passes for the second",
        EVIDENCE,
        "    if read_at < first.verified_at - skew:\n",
        "    if read_at < first.verified_at - 9 * skew:\n",
        *CORE,
    ),
    bug(
        "a difference leaves the level where it was",
        EVIDENCE,
        "        if self.agreed is None or not self.agrees:\n",
        "        if self.agreed is None:\n",
        *CORE,
    ),
    bug(
        "what was read back alone is more than read once",
        EVIDENCE,
        "        if self.agreed is None or not self.agrees:\n",
        "        if not self.agrees or self.agreed is self.read_back is None:\n",
        *CORE,
    ),
    bug(
        "one word holds for every later difference",
        EVIDENCE,
        "        return tuple(each for each in self.differences if each.accepted is None)\n",
        "        return self.differences if all(each.accepted is None for each in self.differences) else ()\n",
        *CORE,
    ),
    bug(
        "an agreement with an earlier receipt holds for other bytes",
        EVIDENCE,
        "        if self.agreed and self.agreed.crc64nvme != receipt.crc64nvme:\n",
        "        if self.agreed and not receipt:\n",
        *CORE,
    ),
    bug(
        "the comparison of an earlier version holds for the present one",
        EVIDENCE,
        "        if known.read_back and known.read_back.version_id != receipt.version_id:\n",
        "        if known.read_back and not receipt:\n",
        *CORE,
    ),
    bug(
        "any device of the project tells of any card",
        "cloud/chalicelib/flows/operations.py",
        "        picture = view_session(ports, principal, session_id)\n        session = change(picture)\n",
        "        from chalicelib.flows.store import load\n\n"
        "        picture = load(ports, session_id)\n        session = change(picture)\n",
        *FLOWS,
    ),
    bug(
        "anybody accepts a difference",
        "cloud/chalicelib/flows/evidence.py",
        "    principal.demand(Role.OPERATOR)\n",
        "",
        *FLOWS,
    ),
    bug(
        "a difference that is found after the cleanup lets the originals be purged",
        "cloud/chalicelib/core/settle/cleaning.py",
        "    elif picture.differing:\n",
        "    elif not picture:\n",
        "tests/core/settle/test_cleaning.py",
    ),
    bug(
        "no notice tells of a read that differs",
        "cloud/chalicelib/core/notices.py",
        "            if all(each.read != difference.read for each in before_it):\n",
        "            if not known:\n",
        "tests/core/test_notices.py",
    ),
    bug(
        "a chapter that was not read counts as read back",
        "infra/admin/at_rest/round.py",
        "is_original(receipt.artifact_id) and self._journal.has_proven(",
        "is_original(receipt.artifact_id) or self._journal.has_proven(",
        "tests/infra/admin/test_verify.py",
        "-k",
        "read_back",
    ),
)
