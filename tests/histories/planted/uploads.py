"""Bugs in how an upload becomes an object with a receipt, and in what is done to those that do not."""

from tests.histories.planted.bug import Kind, Neighbour, NoNeighbour, PlantedBug
from tests.mutants.mutant import Edit

CORE = "cloud/chalicelib/core"
UPLOAD = f"{CORE}/upload.py"
OWED = f"{CORE}/settle/uploads.py"
FLOWS = "cloud/chalicelib/flows"
ACTING = f"{FLOWS}/actions/uploads.py"
COMPLETION = f"{FLOWS}/completion.py"
RECONCILE = f"{FLOWS}/reconcile.py"
OBSERVE = f"{FLOWS}/observe.py"

_LAST_WRITER_WINS = Edit(
    f"{FLOWS}/store.py",
    "picture, session=(session or picture.session).bumped(), chapters",
    "picture, session=replace(session or picture.session, "
    "version=load(ports, picture.session.session_id).session.version).bumped(), chapters",
)
_SECOND_LOOK = Edit(
    ACTING,
    "        if now_there is None or now_there.upload_id != upload.upload_id:\n",
    "        if now_there is None:\n",
)
_ANY_VERSION = Edit(
    ACTING,
    "        if now_there.version_id != action.stored.version_id:\n",
    "        if now_there.key != action.stored.key:\n",
)
_FREE_AT_ONCE = Edit(
    OWED,
    "is_free = not seen.stored and not is_being_cleared(upload, picture, now, policy)",
    "is_free = not seen.stored",
)
UNCLAIMED = Edit(
    OWED,
    "    if whole and upload.claim == whole and is_free:\n",
    "    if whole and upload.claim in (None, whole) and is_free:\n",
)
"""Parts that nobody claims are completed."""
ANY_WHOLE = (
    Edit(OWED, "    if whole and upload.claim == whole and is_free:\n", "    if whole and is_free:\n"),
    Edit(
        UPLOAD,
        "        return None not in (self.claim, self.promise) and self.claim != self.promise\n",
        "        return False\n",
    ),
)
"""No claim counts where parts are completed and where their object is judged."""
_CLAIM_OF_PARTS = Edit(
    COMPLETION,
    "    if upload.claim not in (None, assembled(upload.plan, stored)):\n",
    "    if upload.claim == upload.key:\n",
)
CLAIM_AT_THE_API = (
    _CLAIM_OF_PARTS,
    Edit(
        COMPLETION,
        "    if claim not in (None, upload.receipt.crc64nvme):\n",
        "    if claim == upload.key:\n",
    ),
)

OF_UPLOADS = (
    PlantedBug(
        "a write does not ask whether the session was written since",
        Kind.IF_MATCH,
        "a function writes over an operator's word, a receipt or an intent that it has not read",
        (_LAST_WRITER_WINS,),
        NoNeighbour("every flow rests on the version of what it read"),
    ),
    PlantedBug(
        "two rounds have the same session",
        Kind.LEASE,
        "two reconcilers act on one session at the same time",
        (
            Edit(
                RECONCILE,
                "        if not ports.records.postpone(item, postponed.due_at):\n",
                "        if ports.records.postpone(item, postponed.due_at) is None:\n",
            ),
        ),
        Neighbour(
            "a session is written only with the version that was read", (_LAST_WRITER_WINS,), masks=True
        ),
    ),
    PlantedBug(
        "a killed round keeps its sessions for days",
        Kind.LEASE,
        "no round looks at a session, although nobody works on it",
        (
            Edit(
                RECONCILE,
                "        postponed = Due(item.session_id, ports.clock.now())\n",
                "        postponed = Due(item.session_id, ports.clock.now() + timedelta(days=90))\n",
            ),
        ),
        NoNeighbour("what is due is looked at by the reconciler alone"),
    ),
    PlantedBug(
        "S3 assembles what nobody promised on record",
        Kind.ORDER,
        "after a crash the good object is rejected, and its film must be read again",
        (
            Edit(
                ACTING,
                "    picture = save(ports, picture, upload)\n    try:\n        ports.objects.complete(",
                "    picture = picture.with_upload(upload)\n    try:\n        ports.objects.complete(",
            ),
        ),
        NoNeighbour("an object proves nothing of what its parts should be"),
    ),
    PlantedBug(
        "a completion that another one did ends the promise",
        Kind.IDEMPOTENCY,
        "a lost reply of S3 makes the good object one that nobody promised, and it is rejected",
        (
            Edit(
                ACTING,
                '"error": str(error)})\n        return picture\n    except PartsRefused:\n',
                '"error": str(error)})\n        return save(ports, picture, upload.unpromised())\n'
                "    except PartsRefused:\n",
            ),
        ),
        NoNeighbour("the promise alone says what the object must be"),
    ),
    PlantedBug(
        "an upload whose object has just come is ended",
        Kind.IDEMPOTENCY,
        "the object of another's completion has no upload, and its key is taken for ever",
        (
            Edit(
                OBSERVE,
                "        return _observe_object(ports, picture, upload, ports.objects.head(upload.key))\n",
                "        return Observation(None, None)\n",
            ),
        ),
        Neighbour(
            "what was promised a moment ago is waited for",
            (
                Edit(
                    OWED,
                    "    if may_be_assembling(upload, now, policy):\n        return None\n"
                    "    if upload.state is UploadState.COMPLETED:\n",
                    "    if upload.state is UploadState.COMPLETED:\n",
                ),
            ),
        ),
    ),
    PlantedBug(
        "a multipart upload is an orphan as soon as it is opened",
        Kind.LEASE,
        "the parts of an upload that is just being recorded are aborted",
        (
            Edit(
                RECONCILE,
                "    age_s = ports.policy.orphan_age_s if is_ours else ports.policy.upload_ttl_s\n",
                "    age_s = 0\n",
            ),
        ),
        Neighbour(
            "the record is asked right before",
            (
                Edit(
                    RECONCILE,
                    "upload.multipart_id == multipart.multipart_id and upload.owes for upload",
                    "upload.multipart_id == multipart.multipart_id and upload.receipt for upload",
                ),
            ),
        ),
    ),
    PlantedBug(
        "a live upload counts as an orphan",
        Kind.GUARD,
        "the parts of a film that is on its way are aborted",
        (
            Edit(
                RECONCILE,
                "upload.multipart_id == multipart.multipart_id and upload.owes for upload",
                "upload.multipart_id == multipart.multipart_id and upload.receipt for upload",
            ),
        ),
        Neighbour(
            "an orphan is an hour old",
            (
                Edit(
                    RECONCILE,
                    "    age_s = ports.policy.orphan_age_s if is_ours else ports.policy.upload_ttl_s\n",
                    "    age_s = 60\n",
                ),
            ),
        ),
    ),
    PlantedBug(
        "the sweep of orphans ends with the originals",
        Kind.PAGING,
        "parts of proxies that nobody knows stay for ever, and cost",
        (Edit(RECONCILE, "enumerate(kinds[first:]):", "enumerate(kinds[first:][:1]):"),),
        NoNeighbour("nobody else looks for what is not on record"),
    ),
    PlantedBug(
        "parts are completed as another whole than the device read",
        Kind.CLAIM,
        "a receipt is for bytes that are not those of the card",
        ANY_WHOLE,
        Neighbour("the API compares the claim with the parts, and with the receipt", CLAIM_AT_THE_API),
    ),
    PlantedBug(
        "a claim that comes while S3 assembles is not recorded",
        Kind.CLAIM,
        "an object gets its receipt although its device read other bytes",
        (
            Edit(
                COMPLETION,
                "        if not upload.is_live:\n",
                "        if not upload.is_live or upload.promise:\n",
            ),
        ),
        Neighbour("the API compares the claim with the parts", (_CLAIM_OF_PARTS,)),
    ),
    PlantedBug(
        "a key counts as free while a marker of a removal may be on its way",
        Kind.LEASE,
        "a late marker that was meant for a rejected object hides the good one after it",
        (_FREE_AT_ONCE,),
        Neighbour(
            "record and object are looked at once more before a removal",
            (_SECOND_LOOK, _ANY_VERSION, Edit(ACTING, "        demand_unwritten(ports, picture)\n", "")),
        ),
    ),
    PlantedBug(
        "a rejected object is removed though the session was written since",
        Kind.IF_MATCH,
        "a late removal hides what came after the rejected object",
        (Edit(ACTING, "        demand_unwritten(ports, picture)\n", ""),),
        Neighbour(
            "the object is looked at once more, and its key is not free while a removal may be under way",
            (_SECOND_LOOK, _ANY_VERSION, _FREE_AT_ONCE),
            masks=True,
        ),
    ),
    PlantedBug(
        "an event settles nothing",
        Kind.GUARD,
        "what nobody asks for waits for the reconciler",
        (
            Edit(
                f"{FLOWS}/s3_events.py",
                "            settle_session(ports, session_id, actor, keys=named)\n",
                "            session_id.split()\n",
            ),
        ),
        Neighbour(
            "the reconciler looks at a session that awaits outputs",
            (Edit(f"{CORE}/settle/__init__.py", "        or awaits_outputs(picture)\n", ""),),
            masks=True,
        ),
    ),
)
