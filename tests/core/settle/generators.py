"""Sessions that may be cleaned with a few things changed, for properties.

A generator that draws everything at random reaches the deleting branches once in 2,000 cases.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import cache

from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.core.artifact import Kind, sidecar_id
from chalicelib.core.cleanup import Spent
from chalicelib.core.errors import ReelhaulError
from chalicelib.core.ids import ArtifactId, UploadId
from chalicelib.core.manifest import Manifest, Stated
from chalicelib.core.session import Damage, SessionState
from chalicelib.core.settle import (
    Observation,
)
from chalicelib.core.upload import UploadState
from tests.core.settle.cases import (
    AUDIO,
    LIGHTS,
    NOW,
    ORDER,
    ORIGINALS,
    OTHER_CRC,
    POLICY,
    SPARE,
    VIDEO,
    Case,
    cleaned,
    crc_of,
    intended,
    made_session,
    open_gates,
    receipt_of,
    stored_of,
    stored_session,
    upload_of,
)
from tests.core.settle.closings import CLOSINGS

Change = Callable[[Case], Case]

STANDING = (*ORIGINALS, AUDIO, VIDEO, LIGHTS)
PROXY = sidecar_id(ORIGINALS[0], Kind.PROXY)


def at_last_look() -> Case:
    return cleaned().at(POLICY.last_look_s)


def losing() -> Case:
    return at_last_look().gone(VIDEO)


def all_gone() -> Case:
    return intended().gone(*ORIGINALS, AUDIO)


def being_restored() -> Case:
    case = cleaned()
    return case.after(case.picture.session.bringing_back([*ORIGINALS, AUDIO], "wanted", case.now))


def called_off() -> Case:
    case = intended()
    session = case.picture.session.bringing_back([*ORIGINALS, AUDIO], "wanted", case.now)
    return case.after(session).at(POLICY.in_flight_s)


def stated() -> Case:
    """A session of which a processor wrote everything and said so."""
    case = stored_session()
    receipts = [receipt_of(case.picture, artifact_id) for artifact_id in (VIDEO, LIGHTS, SPARE)]
    said = Manifest(tuple(Stated(each.artifact_id, each.size_bytes, each.crc64nvme) for each in receipts))
    return case.told(manifest=said, stored={each.key: stored_of(each) for each in receipts})


def of_object(artifact_id: ArtifactId, changes: dict) -> Change:
    """Another object on the artifact's key; where there is none, nothing."""

    def change(case: Case) -> Case:
        key = case.picture.key(artifact_id) if case.picture.session.order else ""
        stored = case.facts.stored.get(key)
        return case.seen(key, replace(stored, **changes)) if stored else case

    return change


def of_sight(artifact_id: ArtifactId, is_looked_at: bool) -> Change:
    """The artifact's key is empty, or was not looked at."""

    def change(case: Case) -> Case:
        if case.picture.session.order is None:
            return case
        return case.gone(artifact_id) if is_looked_at else case.unseen(case.key(artifact_id))

    return change


def of_upload(
    artifact_id: ArtifactId, state: UploadState, is_seen: bool, owes: bool, upload_id: str = "u_more"
) -> Change:
    """One more upload of the artifact in some state, and whether it was looked at."""

    def change(case: Case) -> Case:
        if case.picture.session.order is None or not case.picture.chapters:
            return case
        upload = upload_of(case.picture, artifact_id, upload_id=UploadId(upload_id), opened_at=case.now)
        upload = replace(
            upload,
            state=state,
            promise=crc_of(artifact_id) if owes else None,
            promised_at=case.now - timedelta(hours=1) if owes else None,
            reason="it ended",
            ended_at=case.now - timedelta(hours=2),
            expires_at=case.now + timedelta(days=6),
            can_be_undone=owes and state is UploadState.CANCELLED,
            owes_abort=owes and state in (UploadState.EXPIRED, UploadState.REJECTED),
        )
        seen = {upload.upload_id: Observation((), case.facts.stored.get(upload.key))} if is_seen else {}
        return case.uploaded(upload).told(uploads={**case.facts.uploads, **seen})

    return change


def later(seconds: int) -> Change:
    return lambda case: case.at(seconds)


def spending(left: Spent) -> Change:
    limit = POLICY.cleanup_limit
    spent = Spent(limit.objects - left.objects, limit.size_bytes - left.size_bytes)
    return lambda case: case.told(spent=spent)


def in_session(changes: dict) -> Change:
    return lambda case: case.session(**changes)


WAYS = [close for ways in CLOSINGS.values() for close in ways.values()]
OBJECT_CHANGES = [
    {"version_id": "another"},
    {"etag": '"another"'},
    {"size_bytes": 6},
    {"crc64nvme": OTHER_CRC},
    {"crc64nvme": None},
    {"upload_id": None},
]
SESSION_CHANGES: list[dict] = [
    {"held": "look first"},
    {"restoring": ORIGINALS[:1]},
    {"restoring": (AUDIO,)},
    {"cleaned": ("version-of-another",)},
    {"order": replace(ORDER, sent_at=None)},
    {"cleanup": None},
    {"is_guarded": True},
    *({"damage": (Damage(f"version-of-u_{each}", "a bit flipped", NOW),)} for each in (*ORIGINALS, AUDIO)),
    {"damage": (Damage(f"version-of-{VIDEO}", "a bit flipped", NOW),)},
    *({"state": state} for state in SessionState),
]
WITHOUT_RECEIPT = [state for state in UploadState if state is not UploadState.VERIFIED]
SIDECAR_ID = UploadId("u_sidecar")
SIDECARS = st.builds(
    of_upload,
    st.just(PROXY),
    st.sampled_from(WITHOUT_RECEIPT),
    st.booleans(),
    st.booleans(),
    st.just(SIDECAR_ID),
)
"""One more upload of a sidecar without a receipt: no gate knows of it."""
CHANGES = st.one_of(
    st.builds(of_object, st.sampled_from(STANDING), st.sampled_from(OBJECT_CHANGES)),
    st.builds(of_sight, st.sampled_from(STANDING), st.booleans()),
    st.builds(
        of_upload,
        st.sampled_from([*STANDING, SPARE, PROXY]),
        st.sampled_from(WITHOUT_RECEIPT),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(later, st.sampled_from([-1, 0, 1, 3_600, 30 * 86_400])),
    st.builds(spending, st.builds(Spent, st.integers(0, 4), st.integers(0, 40))),
    st.builds(in_session, st.sampled_from(SESSION_CHANGES)),
    st.sampled_from(WAYS),
)
BASES = st.sampled_from(
    [open_gates, open_gates, intended, intended, all_gone, at_last_look, losing, being_restored, called_off]
)


def changed(base: Callable[[], Case], changes: list[Change]) -> Case:
    case = known(base)
    for change in changes:
        case = attempted(case, change)
    # Nothing makes an order or a chapter vanish while something of it is wanted back.
    made = (AUDIO,) if case.picture.session.order else ()
    known_ids = {*made, *(chapter.artifact_id for chapter in case.picture.chapters)}
    return case.session(restoring=tuple(each for each in case.picture.session.restoring if each in known_ids))


@cache
def known(base: Callable[[], Case]) -> Case:
    return base()


def attempted(case: Case, change: Change) -> Case:
    try:
        return change(case)
    except (LookupError, AssertionError, ReelhaulError):
        return case  # an earlier change took away what this one is about


MILD = st.one_of(
    st.builds(later, st.sampled_from([0, 1, 3_600])),
    st.builds(spending, st.builds(Spent, st.integers(0, 4), st.integers(0, 40))),
    st.builds(of_sight, st.sampled_from([*ORIGINALS, AUDIO]), st.booleans()),
    st.builds(of_object, st.just(AUDIO), st.sampled_from(OBJECT_CHANGES)),
    st.builds(of_object, st.sampled_from([VIDEO, LIGHTS]), st.sampled_from([{"crc64nvme": None}])),
    st.builds(of_upload, st.just(SPARE), st.just(UploadState.EXPIRED), st.booleans(), st.just(False)),
    SIDECARS,
)
"""What leaves most gates open, so that what is decided behind them is seen in many forms."""

DELETING = st.builds(changed, st.sampled_from([open_gates, intended]), st.lists(MILD, max_size=3))
CASES = st.one_of(st.builds(changed, BASES, st.lists(CHANGES, max_size=2)), DELETING)
MAKING = st.builds(
    changed, st.sampled_from([stored_session, made_session, stated]), st.lists(CHANGES, max_size=3)
)
EVERY = st.one_of(CASES, MAKING)
