"""Bugs in what removes originals, and in what brings them back."""

from tests.histories.planted.bug import Kind, Neighbour, NoNeighbour, PlantedBug
from tests.mutants.mutant import Edit

CORE = "cloud/chalicelib/core"
SETTLE = f"{CORE}/settle"
GATES = f"{SETTLE}/gates.py"
DECISION = f"{SETTLE}/__init__.py"
CLEANING = f"{SETTLE}/cleaning.py"
RESTORING = f"{SETTLE}/restoring.py"
SESSION = f"{CORE}/session.py"
FLOWS = "cloud/chalicelib/flows"
ACTING = f"{FLOWS}/actions/cleaning.py"
OBSERVE = f"{FLOWS}/observe.py"


def _open_gate(name: str, function: str) -> Edit:
    return Edit(GATES, f'    "{name}": {function},\n', f'    "{name}": lambda *_: None,\n')


_WRITTEN_SINCE = Edit(ACTING, "    demand_unwritten(ports, picture)\n", "")
_GRACE_BY_S3 = _open_gate("grace-over-in-s3", "_grace_is_over_in_s3")
_OUTPUTS_STAND = _open_gate("outputs-stand", "_outputs_stand")
_ARMED = _open_gate("armed", "_is_armed")

OF_CLEANING = (
    PlantedBug(
        "a held session is cleaned",
        Kind.GUARD,
        "originals go although an operator holds their session",
        (_open_gate("not-held", "_is_not_held"),),
        Neighbour(
            "a held session is not due for cleanup",
            (
                Edit(
                    DECISION,
                    "    if session.held or session.restoring or picture.quarantined",
                    "    if session.restoring or picture.quarantined",
                ),
            ),
        ),
    ),
    PlantedBug(
        "a session is cleaned while cleanup is disarmed",
        Kind.GUARD,
        "originals go although an operator threw the kill switch",
        (_ARMED,),
        Neighbour(
            "without an intent, a disarmed deployment does not look at what a cleanup depends on",
            (
                Edit(
                    OBSERVE,
                    "    if picture.session.cleanup is None and (arming is None or not arming.is_armed):\n"
                    "        return replace(facts, arming=arming)\n",
                    "",
                ),
            ),
        ),
    ),
    PlantedBug(
        "the kill switch is not asked right before a marker",
        Kind.GUARD,
        "markers that were decided before the kill switch was thrown are written after it",
        (
            Edit(
                GATES,
                'LAST_MOMENT = ("armed", "outputs-stand")',
                'LAST_MOMENT = ("outputs-stand",)',
            ),
        ),
        Neighbour("the kill switch is asked at each decision", (_ARMED,)),
    ),
    PlantedBug(
        "the outputs are not looked at right before a marker",
        Kind.GUARD,
        "an original goes after its output is gone",
        (Edit(GATES, 'LAST_MOMENT = ("armed", "outputs-stand")', 'LAST_MOMENT = ("armed",)'),),
        Neighbour("the outputs are looked at for each decision", (_OUTPUTS_STAND,)),
    ),
    PlantedBug(
        "a cleanup begins before its grace is over",
        Kind.GUARD,
        "people do not get the promised days to object",
        (_open_gate("grace-over", "_grace_is_over"),),
        Neighbour(
            "the grace by S3's clock, and a session that is not due before its grace is over",
            (
                _GRACE_BY_S3,
                Edit(
                    DECISION,
                    "    return session.processed_at + timedelta(seconds=policy.grace_s)\n",
                    "    return session.processed_at\n",
                ),
            ),
            masks=True,
        ),
    ),
    PlantedBug(
        "a function's clock that is ahead ends graces",
        Kind.GUARD,
        "originals go days too early, by one wrong clock",
        (_open_gate("clocks-agree", "_clocks_agree"),),
        Neighbour("the grace by S3's clock", (_GRACE_BY_S3,), masks=True),
    ),
    PlantedBug(
        "a cleanup is finished without a look",
        Kind.GUARD,
        "a session says CLEANED while its originals stand",
        (
            Edit(
                CLEANING,
                "elif session.cleanup and _is_gone(session.cleanup, facts):",
                "elif session.cleanup:",
            ),
        ),
        NoNeighbour("the state follows from this look alone"),
    ),
    PlantedBug(
        "markers are written before the intent is on record",
        Kind.ORDER,
        "after a crash originals are hidden, and nothing on record says why or where from to restore them",
        (
            Edit(
                ACTING,
                "    cleanup = Cleanup(ports.clock.now(), action.doomed, action.evidence)\n",
                "    for each in action.doomed:\n"
                "        ports.objects.remove(each.key, each.etag)\n"
                "    cleanup = Cleanup(ports.clock.now(), action.doomed, action.evidence)\n",
            ),
        ),
        NoNeighbour("nothing else knows what was removed"),
    ),
    PlantedBug(
        "a marker comes before its tag",
        Kind.ORDER,
        "after a crash in between, S3 keeps what was cleaned for ever",
        (
            Edit(
                ACTING,
                "        ports.objects.tag_cleaned(doomed.key, doomed.version_id)\n"
                "        ports.objects.remove(doomed.key, doomed.etag)\n",
                "        ports.objects.remove(doomed.key, doomed.etag)\n"
                "        ports.objects.tag_cleaned(doomed.key, doomed.version_id)\n",
            ),
        ),
        NoNeighbour("a hidden version is not looked at again"),
    ),
    PlantedBug(
        "a marker is written though the session was written since",
        Kind.IF_MATCH,
        "an original goes after an operator held, restored or ordered its session",
        (_WRITTEN_SINCE,),
        Neighbour(
            "kill switch and outputs are asked right before",
            (Edit(GATES, 'LAST_MOMENT = ("armed", "outputs-stand")', "LAST_MOMENT = ()"),),
        ),
    ),
    PlantedBug(
        "a marker takes what is on the key",
        Kind.IF_MATCH,
        "a late cleanup hides the copy that a restore has just made",
        (
            Edit(
                ACTING,
                "        ports.objects.remove(doomed.key, doomed.etag)\n",
                "        ports.objects.remove(doomed.key, (ports.objects.head(doomed.key) or doomed).etag)\n",
            ),
        ),
        Neighbour("the record is read once more right before", (_WRITTEN_SINCE,), masks=True),
    ),
    PlantedBug(
        "what the day's limit refuses is removed all the same",
        Kind.GUARD,
        "a mistake removes more on one day than the breaker lets pass",
        (
            Edit(
                ACTING,
                "    if not is_counted and not ports.records.spend("
                "now.date(), doomed.size_bytes, ports.policy.cleanup_limit):\n",
                "    if not is_counted and ports.records.spend("
                "now.date(), doomed.size_bytes, ports.policy.cleanup_limit) is None:\n",
            ),
        ),
        Neighbour(
            "each decision counts what the day has left",
            (
                Edit(
                    CLEANING,
                    "        if spent is None or not spent.leaves(policy.cleanup_limit, each.size_bytes):\n",
                    "        if spent is None:\n",
                ),
                _open_gate("breaker", "_breaker_holds"),
            ),
        ),
    ),
    PlantedBug(
        "poison keeps no original",
        Kind.GUARD,
        "originals go although measurements of them cannot be read and may have to be made again",
        (_open_gate("not-quarantined", "_nothing_is_quarantined"),),
        Neighbour(
            "a session with poison is not due for cleanup",
            (
                Edit(
                    DECISION,
                    " or session.restoring or picture.quarantined or session.has_import_order:\n",
                    " or session.restoring or session.has_import_order:\n",
                ),
            ),
        ),
    ),
    PlantedBug(
        "the last look recalls nothing",
        Kind.GUARD,
        "S3 purges the originals of outputs that are gone",
        (Edit(CLEANING, "    if lost:\n", "    if lost and not picture.session.cleanup:\n"),),
        Neighbour("outputs are looked at before each marker", (_OUTPUTS_STAND,)),
    ),
    PlantedBug(
        "a session that is being cleaned is ordered again",
        Kind.GUARD,
        "a processor gets an order whose originals are gone or go",
        (
            Edit(
                SESSION,
                "        if self.state is SessionState.CLEANED or self.cleanup or self.restoring:\n",
                "        if self.restoring:\n",
            ),
        ),
        Neighbour(
            "an order asks which originals are gone",
            (
                Edit(
                    f"{FLOWS}/operations.py",
                    "        if picture.gone:\n",
                    "        if picture.chapters == ():\n",
                ),
            ),
            masks=True,
        ),
    ),
    PlantedBug(
        "a restore is over while a marker may be on its way",
        Kind.LEASE,
        "a late marker hides what an operator was told is back",
        (
            Edit(
                RESTORING,
                "if began_at and now < began_at + timedelta(seconds=policy.in_flight_s):",
                "if began_at and now < began_at:",
            ),
        ),
        Neighbour("the record is read once more right before a marker", (_WRITTEN_SINCE,)),
    ),
    PlantedBug(
        "a restore takes the cleaned version for a rival",
        Kind.IDENTITY,
        "what was cleaned never comes back, and each round opens another copy",
        (
            Edit(
                f"{SETTLE}/uploads.py",
                "return bool(rivals) and upload.copies != rivals[-1].version_id",
                "return bool(rivals)",
            ),
        ),
        NoNeighbour("only this comparison knows a copy from a rival"),
    ),
    PlantedBug(
        "a restore is not continued",
        Kind.LEASE,
        "what an operator wants back stays hidden until S3 purges it",
        (Edit(DECISION, "        or session.restoring\n", ""),),
        NoNeighbour("an order to restore is only recorded; the reconciler alone copies"),
    ),
    PlantedBug(
        "a session that is released has no new grace",
        Kind.GUARD,
        "originals go right after a person let go of them",
        (
            Edit(
                SESSION,
                "        processed_at = now if self.state is SessionState.PROCESSED and self.held"
                " else self.processed_at\n",
                "        processed_at = self.processed_at\n",
            ),
        ),
        NoNeighbour("S3's clock knows when an object was written, and not when a person let go"),
    ),
    PlantedBug(
        "what a restore found in its place stays marked for the purge",
        Kind.ORDER,
        "the next marker, of anybody, lets S3 purge an original that nobody cleaned",
        (
            Edit(
                ACTING,
                "        _keep(ports, receipt)\n        _let_go_of_copied(",
                "        _let_go_of_copied(",
            ),
        ),
        NoNeighbour("a tag is taken back in no other place"),
    ),
    PlantedBug(
        "a version may be purged while it is copied back",
        Kind.ORDER,
        "S3 purges the only version while its copy is made",
        (
            Edit(
                ACTING,
                "        _keep(ports, each)\n    picture, _ = create_upload(",
                "        pass\n    picture, _ = create_upload(",
            ),
        ),
        NoNeighbour("S3's lifecycle asks for the tag alone"),
    ),
    PlantedBug(
        "a restore leaves its session free",
        Kind.GUARD,
        "what an operator brought back is cleaned again before the operator released it",
        (
            Edit(
                SESSION,
                "            state=SessionState.PROCESSED,\n            held=reason,\n",
                "            state=SessionState.PROCESSED,\n",
            ),
        ),
        NoNeighbour("the hold is what a restore promises"),
    ),
)
