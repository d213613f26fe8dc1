"""The bugs that are planted in the reconciler: in what bounds its rounds."""

from tests.mutants.mutant import Mutant, bug

CORE = "cloud/chalicelib/core"
FLOWS = "cloud/chalicelib/flows"
ROUNDS = ("tests/simulation/test_bounded_rounds.py",)


def _timeless_copies(name: str, scenario: str) -> Mutant:
    """S3 is asked to copy parts however late it is."""
    old = "return self._in_time(getattr(self._objects, name))"
    new = (
        "found = getattr(self._objects, name)\n"
        '        return found if name == "copy_part" else self._in_time(found)'
    )
    return bug(name, f"{FLOWS}/deadline.py", old, new, *ROUNDS, "-k", scenario)


IN_THE_RECONCILER = (
    _timeless_copies("a restore copies on after its turn", "restore"),
    _timeless_copies("a checksum is copied on after its turn", "outputs_of_8_gib"),
    bug(
        "a session with hours of work takes the whole round",
        f"{FLOWS}/reconcile.py",
        "turns.ends[item.session_id] = _settle_due(ports, item, end.at_most(TURN_S))",
        "turns.ends[item.session_id] = _settle_due(ports, item, end)",
        *ROUNDS,
    ),
    bug(
        "the sweep of orphans has no limit",
        f"{FLOWS}/reconcile.py",
        "_multiparts(punctual(ports, end).objects, began_behind)",
        "_multiparts(ports.objects, began_behind)",
        *ROUNDS,
    ),
    bug(
        "the sweep of orphans begins with the first key in every round",
        f"{FLOWS}/reconcile.py",
        "began_behind = reached = ports.records.swept_until()",
        'began_behind = reached = ""',
        *ROUNDS,
    ),
    bug(
        "an original is hidden without the tag",
        f"{FLOWS}/actions/cleaning.py",
        "        ports.objects.tag_cleaned(doomed.key, doomed.version_id)\n",
        "",
        "tests/flows/test_cleaning.py",
    ),
    bug(
        "a version is purged while it is copied back",
        f"{FLOWS}/actions/cleaning.py",
        "        _keep(ports, each)\n    picture, _ = create_upload(",
        "        pass\n    picture, _ = create_upload(",
        "tests/flows/test_restoring.py",
    ),
    bug(
        "a rule that purges what nobody cleaned opens no gate's eyes",
        f"{CORE}/lifecycle.py",
        "and CLEANED_TAG not in _tags(rule)",
        "and not rule",
        "tests/core/test_lifecycle.py",
    ),
    bug(
        "originals are never looked at again",
        f"{CORE}/settle/scrubbing.py",
        "return due_at is not None and now >= due_at",
        "return due_at is not None and now > due_at + timedelta(days=9_999)",
        "tests/flows/test_scrubbing.py",
    ),
    bug(
        "an original that was replaced counts as fine",
        f"{CORE}/settle/scrubbing.py",
        "return stored is not None and stored.version_id != receipt.version_id",
        "return stored is receipt",
        "tests/flows/test_scrubbing.py",
    ),
    bug(
        "a foreign object is hidden whatever took its place meanwhile",
        f"{FLOWS}/actions/scrubbing.py",
        "    if stored is None or stored.version_id != action.stored.version_id:\n",
        "    if stored is None:\n",
        "tests/flows/test_scrubbing.py",
    ),
    bug(
        "what is lost keeps its receipt",
        f"{CORE}/picture.py",
        "        return frozenset(each.version_id for each in self.session.lost)\n",
        "        return frozenset()\n",
        "tests/flows/test_scrubbing.py",
    ),
    bug(
        "what is damaged does not hold its session",
        f"{CORE}/session.py",
        "            held=self.held or reason,\n",
        "            held=self.held,\n",
        "tests/flows/test_scrubbing.py",
    ),
    bug(
        "the copy of a checksum is aborted as an orphan",
        f"{FLOWS}/reconcile.py",
        "    if copy and copy.multipart_id == multipart.multipart_id:\n        return False\n",
        "",
        "tests/flows/test_outputs.py",
    ),
    bug(
        "a checksum that was computed is not compared with the manifest",
        f"{CORE}/settle/outputs.py",
        "    if _may_be(stated, stored):\n        return VerifyOutput(",
        "    if stored.crc64nvme:\n        return VerifyOutput(",
        "tests/flows/test_outputs.py",
    ),
    bug(
        "an original that is gone is brought back only beside one that was replaced",
        f"{CORE}/settle/scrubbing.py",
        "    if gone or replaced:\n",
        "    if gone and replaced:\n",
        "tests/core/settle/test_scrubbing.py",
    ),
    bug(
        "a scrub ends although an original is not proven",
        f"{CORE}/settle/scrubbing.py",
        "    elif all(_is_proven(*pair) for pair in found.values()):\n",
        "    elif any(_is_proven(*pair) for pair in found.values()):\n",
        "tests/core/settle/test_scrubbing.py",
    ),
    bug(
        "what came into the place of a cleaned original is hidden by its restore",
        f"{CORE}/settle/restoring.py",
        " and receipt.version_id not in picture.gone_versions:\n",
        ":\n",
        "tests/core/settle/test_restoring.py",
    ),
    bug(
        "a session is processed although an output of it will never have its proof",
        f"{CORE}/settle/outputs.py",
        "is_processed(picture) and not has_unproven and",
        "is_processed(picture) and",
        "tests/core/settle/test_outputs.py",
    ),
    bug(
        "a video is compared with its chapters only beside measurements",
        f"{CORE}/settle/plausibility.py",
        "picture.required) or Kind.MEASUREMENTS in kinds",
        "picture.required) and Kind.MEASUREMENTS in kinds",
        "tests/core/settle/test_plausibility.py",
    ),
)
