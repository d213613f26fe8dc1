"""What a device asks for: confirm a session, open an upload, sign its parts."""

import logging
from collections.abc import Sequence

from msgspec import Struct

from chalicelib.core import artifact
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import (
    NO_UPLOAD,
    Conflict,
    Finalizing,
    InvalidRequest,
    NotAFilm,
    NotFound,
    PartsRefused,
    PlanDiffers,
    ProxiesOff,
    StateConflict,
    StorageBusy,
    UploadGone,
)
from chalicelib.core.ids import ArtifactId, SessionId, UploadId
from chalicelib.core.limits import Windowed
from chalicelib.core.parts import PartPlan, StoredPart, plan_parts
from chalicelib.core.picture import Picture
from chalicelib.core.session import Origin, Session
from chalicelib.core.settle import Actor, is_being_cleared, may_be_assembling, undo_until
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import Upload, UploadState, Way
from chalicelib.flows import limits
from chalicelib.flows.create_upload import create_upload
from chalicelib.flows.sessions import view_session
from chalicelib.flows.settle import settle_session
from chalicelib.flows.store import ATTEMPTS, load, save
from chalicelib.ports import PartToSign, PartUrl, Ports

log = logging.getLogger(__name__)

MOST_URLS = 32
ONE_PUT_TTL_S = 300
"""Ten minutes less than it may take to be on its way: no object comes after its upload was given up."""


class UploadView(Struct, frozen=True):
    """An upload with what S3 holds of it; `parts` is empty once it has ended."""

    upload: Upload
    parts: tuple[StoredPart, ...] = ()


def open_upload(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    artifact_id: ArtifactId,
    size_bytes: int,
    part_size_bytes: int | None,
    number: int | None = None,
    way: Way = Way.PARTS,
) -> tuple[UploadView, bool]:
    """The upload of an artifact, and whether it is new: the verified one, the open one, or one opened now.

    Devices upload originals and, where the deployment takes them, sidecars; operators upload the originals of a
    browser's session. Processors and operators upload what the present order makes, while the session is STORED.
    A new upload of a browser's film comes by one PUT where the caller asks for that `way` and the plan has one part.
    `number` is the order that the caller works for: nothing is uploaded for another (StateConflict). What belongs to an
    import's order is uploaded by operators alone, in any state.
    A cancelled upload opens again with its parts while its undo window lasts. Raises PlanDiffers when the caller
    names another size or part size than the plan's, NotAFilm for a chapter or sidecar whose bytes were rejected as no
    film, ProxiesOff.
    """
    _demand_artifact(artifact_id)
    is_counted = False
    for _ in range(ATTEMPTS):
        picture = view_session(ports, principal, session_id)
        _demand_hand(principal, picture.session, artifact_id)
        _demand_order(principal, picture, artifact_id, number)
        _demand_policy(ports, picture, artifact_id)
        picture, known = _find_upload(ports, picture, artifact_id, size_bytes)
        plan = known.plan if known else _new_plan(ports, picture, artifact_id, size_bytes)
        _demand_plan(plan, size_bytes, part_size_bytes)
        if known and known.unproven_since:
            raise unproven(known)
        if known is None:
            _refuse_no_film(ports, picture, artifact_id)
            _refuse_taken_key(ports, picture, artifact_id)
        try:
            if known:
                return view_parts(ports, _resume(ports, picture, known)), False
            if not is_counted:
                _demand_room(ports, principal, picture, artifact_id, plan)
                is_counted = True
            chosen = _choose_way(picture, plan, way)
            return UploadView(create_upload(ports, picture, artifact_id, plan, way=chosen)[1]), True
        except Conflict:
            log.info("session written by another", extra={"session_id": session_id})
    raise StorageBusy(f"session {session_id} is being written by others; ask again")


def _choose_way(picture: Picture, plan: PartPlan, asked: Way) -> Way:
    is_small = plan.part_count == 1
    return asked if is_small and picture.session.origin is Origin.BROWSER else Way.PARTS


def _demand_room(
    ports: Ports, principal: Principal, picture: Picture, artifact_id: ArtifactId, plan: PartPlan
) -> None:
    """Raises TooManyRequests at a limit, TooLarge for what others than devices make; chapters were confirmed."""
    if not artifact.is_original(artifact_id):
        ports.limits.demand_size(artifact_id, plan.size_bytes)
    project = picture.session.project
    limits.demand_open(ports, principal, project, "open_uploads")
    limits.spend(ports, principal, project, Windowed.bytes_a_day, plan.size_bytes)


def sign_parts(
    ports: Ports,
    principal: Principal,
    upload_id: UploadId,
    wanted: Sequence[tuple[int, Crc64Nvme]],
    claim: Crc64Nvme | None = None,
) -> tuple[PartUrl, ...]:
    """One presigned URL for each (number, CRC64NVME) of `wanted`, at most 32, no number twice.

    `claim` is the whole's CRC64NVME as the sender read it; it is on record before the URLs are given. So a sender that
    falls silent after its last part has claimed it, and the reconciler completes the upload.
    Raises UploadGone once the upload has ended or is verified, Finalizing while it is completed.
    """
    numbers = [number for number, _ in wanted]
    if not 1 <= len(numbers) <= MOST_URLS or len(set(numbers)) < len(numbers):
        raise InvalidRequest(f"ask for 1 to {MOST_URLS} parts, no number twice; not for {len(numbers)}")
    upload, now = _load_upload_to_send(ports, principal, upload_id, claim), ports.clock.now()
    parts_to_sign = [PartToSign(number, upload.plan.size_of(number), crc) for number, crc in wanted]
    if upload.is_one_put:
        whole = parts_to_sign[0]
        if claim not in (None, whole.crc64nvme):
            raise InvalidRequest("this upload is one part: its crc64nvme is that of the whole")
        return (_sign_one_put(ports, principal, upload_id, whole),)
    return ports.signer.part_urls(
        upload.key, upload.multipart_id, parts_to_sign, ports.policy.part_url_ttl_s, now
    )


def _sign_one_put(ports: Ports, principal: Principal, upload_id: UploadId, whole: PartToSign) -> PartUrl:
    """Where to PUT the whole object; what it must be is on record before anybody can send it.

    Raises Finalizing while an address for other bytes may still be good, or a rejected object's marker on its way.
    """
    for _ in range(ATTEMPTS):
        picture, upload = load_own_upload(ports, principal, upload_id)
        now = ports.clock.now()
        demand_open(upload)
        if is_being_cleared(upload, picture, now, ports.policy):
            raise Finalizing(
                "an object that was rejected is being removed from this key; ask again in a quarter of an hour"
            )
        if upload.promise not in (None, whole.crc64nvme) and may_be_assembling(upload, now, ports.policy):
            raise Finalizing(
                "an address for other bytes of this film was given a moment ago; ask again in a quarter of an hour"
            )
        try:
            save(ports, picture, upload.signed(whole.crc64nvme, now))
        except Conflict:
            log.info("session written by another", extra={"session_id": upload.session_id})
            continue
        ttl_s = min(ports.policy.part_url_ttl_s, ONE_PUT_TTL_S)
        return ports.signer.put_url(upload.key, upload_id, whole, ttl_s, now)
    raise StorageBusy(f"session {upload.session_id} is being written by others; ask again")


def _load_upload_to_send(
    ports: Ports, principal: Principal, upload_id: UploadId, claim: Crc64Nvme | None
) -> Upload:
    """The upload, open for parts and with its claim on record; from now on the reconciler looks at it at once."""
    for _ in range(ATTEMPTS):
        picture, upload = load_own_upload(ports, principal, upload_id)
        if upload.receipt:
            # Another client or the reconciler was first: a client that opens the artifact again gets its receipt.
            raise UploadGone("this upload is verified; open it again for its receipt", "verified")
        demand_open(upload)
        if upload.is_past(ports.clock.now()):
            raise UploadGone("the upload's deadline has passed; open a new one", "its deadline passed")
        # The address of one PUT is its claim.
        told = None if upload.is_one_put else claim
        if told in (None, upload.claim) and not upload.is_resting(ports.clock.now()):
            return upload
        heard = upload.claimed(told) if told else upload.woken()
        try:
            return save(ports, picture, heard).upload(upload_id)
        except Conflict:
            log.info("session written by another", extra={"session_id": upload.session_id})
    raise StorageBusy(f"session {upload.session_id} is being written by others; ask again")


def load_own_upload(ports: Ports, principal: Principal, upload_id: UploadId) -> tuple[Picture, Upload]:
    """An upload that this caller may send: what it makes itself.

    Raises NotFound alike for what does not exist and for what this caller may not see, SessionAdopted for what another
    device finishes, NotPermitted for another's kind, StateConflict for a restore, whose parts S3 copies by itself.
    """
    picture, upload = load_upload(ports, principal, upload_id)
    _demand_hand(principal, picture.session, upload.artifact_id)
    if upload.is_copied:
        raise StateConflict(
            "this upload brings back what was cleaned, or what landed; S3 copies its parts by itself"
        )
    return picture, upload


def load_upload(ports: Ports, principal: Principal, upload_id: UploadId) -> tuple[Picture, Upload]:
    """Raises NotFound alike for what does not exist and for what this caller may not see."""
    session_id = ports.records.session_of(upload_id)
    picture = ports.records.picture(session_id) if session_id else None
    if picture is None:
        raise NotFound(NO_UPLOAD)
    principal.demand_sight(picture.session, NO_UPLOAD)
    return picture, picture.upload(upload_id)


def _demand_artifact(artifact_id: ArtifactId) -> None:
    """Raises InvalidRequest for no artifact's id."""
    if not artifact.is_of_a_device(artifact_id):
        artifact.made_id(artifact_id)


def _demand_hand(principal: Principal, session: Session, artifact_id: ArtifactId) -> None:
    """Raises NotPermitted for a kind that others upload: originals come from one device, or from operators' browsers.

    Raises StateConflict for a sidecar of a browser's session: no camera made one.
    """
    if not artifact.is_of_a_device(artifact_id):
        principal.demand(Role.PROCESSOR, Role.OPERATOR)
        return
    is_of_a_browser = session.origin is Origin.BROWSER
    principal.demand(Role.OPERATOR if is_of_a_browser else Role.DEVICE)
    if is_of_a_browser and artifact.is_sidecar(artifact_id):
        raise StateConflict("a browser brings films alone: no camera made a proxy or a thumbnail of them")


def _demand_policy(ports: Ports, picture: Picture, artifact_id: ArtifactId) -> None:
    """Raises ProxiesOff for a sidecar where none is taken; one that is verified is still told."""
    is_unwanted = artifact.is_sidecar(artifact_id) and not ports.policy.takes_proxies
    if is_unwanted and picture.receipt(artifact_id) is None:
        raise ProxiesOff("this deployment takes no proxies and no thumbnails; send the originals alone")


def _demand_order(
    principal: Principal, picture: Picture, artifact_id: ArtifactId, number: int | None
) -> None:
    """Raises StateConflict unless the present order is `number`, NotPermitted for an import's but to operators."""
    order = picture.session.order
    if artifact.is_of_a_device(artifact_id) or order is None:
        return
    if number not in (None, order.number):
        raise StateConflict(f"the session's order is number {order.number}, not {number}")
    if order.is_import:
        principal.demand(Role.OPERATOR)


def _find_upload(
    ports: Ports, picture: Picture, artifact_id: ArtifactId, size_bytes: int
) -> tuple[Picture, Upload | None]:
    """The upload of the artifact that can still be used, or None; one found ended in S3 is recorded so first."""
    known = picture.latest_upload(artifact_id)
    if known and known.is_live:
        picture = _look_at(ports, known)
        known = picture.latest_upload(artifact_id)
    if known and (known.is_live or known.receipt or _can_be_undone(ports, known, size_bytes)):
        return picture, known
    return picture, None


def _look_at(ports: Ports, upload: Upload) -> Picture:
    try:
        return settle_session(ports, upload.session_id, Actor.API, upload.upload_id)
    except PartsRefused:
        # The caller learns from the parts what to send again.
        return load(ports, upload.session_id)


def _can_be_undone(ports: Ports, upload: Upload, size_bytes: int) -> bool:
    """What a processor made again with another size is another upload."""
    is_in_time = ports.clock.now() < undo_until(upload, ports.policy)
    return upload.can_be_undone and is_in_time and upload.plan.size_bytes == size_bytes


def _new_plan(ports: Ports, picture: Picture, artifact_id: ArtifactId, size_bytes: int) -> PartPlan:
    """The plan of an upload to be opened now. Raises StateConflict when nothing of this kind is awaited now."""
    if artifact.is_original(artifact_id):
        return plan_parts(picture.chapter(artifact_id).size_bytes, ports.policy.part_size_bytes)
    if artifact.is_sidecar(artifact_id):
        return plan_parts(size_bytes, ports.policy.part_size_bytes)
    if not picture.session.takes_outputs:
        raise StateConflict(
            f"the session is {picture.session.state.value}: nothing is made of it now; order it, then upload"
        )
    if picture.receipt(artifact_id):
        raise StateConflict(f"{artifact_id} is verified already, as its processor wrote it itself")
    return plan_parts(size_bytes, ports.policy.part_size_bytes)


def _refuse_no_film(ports: Ports, picture: Picture, artifact_id: ArtifactId) -> None:
    """Raises NotAFilm for what was rejected as no film: the same bytes would be rejected again."""
    latest = picture.latest_upload(artifact_id)
    if latest and latest.is_no_film and ports.policy.checks_films:
        raise not_a_film(artifact_id, latest.reason)


def _refuse_taken_key(ports: Ports, picture: Picture, artifact_id: ArtifactId) -> None:
    """Raises StateConflict for a sidecar whose rejected object has its key: nothing of its kind is ever removed."""
    latest = picture.latest_upload(artifact_id)
    is_rejected = latest is not None and latest.state is UploadState.REJECTED
    if artifact.is_sidecar(artifact_id) and is_rejected and ports.objects.head(picture.key(artifact_id)):
        raise StateConflict(
            f"{artifact_id} was rejected, and its key is taken for good; the session goes without it"
        )


def _demand_plan(plan: PartPlan, size_bytes: int, part_size_bytes: int | None) -> None:
    if size_bytes != plan.size_bytes:
        difference = f"this artifact has {plan.size_bytes} bytes, not {size_bytes}"
    elif part_size_bytes not in (None, plan.part_size_bytes):
        difference = f"its parts have {plan.part_size_bytes} bytes, not {part_size_bytes}"
    else:
        return
    raise PlanDiffers(difference, plan.size_bytes, plan.part_size_bytes)


def _resume(ports: Ports, picture: Picture, known: Upload) -> Upload:
    if known.state is not UploadState.CANCELLED:
        return known
    after = save(ports, picture, known.reopened())
    log.info("upload reopened", extra={"session_id": known.session_id, "upload_id": known.upload_id})
    return after.upload(known.upload_id)


def view_parts(ports: Ports, upload: Upload) -> UploadView:
    """The upload with the parts that S3 holds while it is live. Raises MultipartGone."""
    if not upload.is_live or upload.is_one_put:
        return UploadView(upload)
    return UploadView(upload, ports.objects.parts(upload.key, upload.multipart_id))


def demand_open(upload: Upload) -> None:
    """Raises what a caller must hear who wants to change the parts of an upload that is not open for it."""
    if upload.receipt:
        raise StateConflict("this upload is verified; GET shows its receipt")
    if not upload.is_live:
        raise gone(upload)
    if upload.promise and not upload.is_one_put:
        raise Finalizing("this upload is being completed; ask again in a moment")


def unproven(upload: Upload) -> Finalizing:
    """The answer while it is unknown whether an upload's object is what was promised."""
    return Finalizing(
        f"S3 holds this object and does not tell its CRC64NVME since {upload.unproven_since:%Y-%m-%d %H:%M} UTC; it is "
        "kept and not verified. Keep the parts; an operator must let the coordinator use the bucket's key"
    )


def not_a_film(artifact_id: ArtifactId, reason: str | None) -> NotAFilm:
    """What a caller hears of a chapter or a sidecar whose bytes are no film."""
    reason = reason or "not a film"
    if artifact.is_sidecar(artifact_id):
        return NotAFilm(f"{reason}. The session goes without it, and nothing waits for it", reason)
    if artifact.is_of_a_browser(artifact_id):
        return NotAFilm(
            f"{reason}. This file is not stored as footage, and its name is not taken again under this session. "
            "Take it out of the session, and add the right film under another name",
            reason,
        )
    return NotAFilm(
        f"{reason}. Keep the card: this file is not stored as footage, and is not taken again under this session. "
        "Haul it as `unfinished` into a session of its own if it must be kept as it is",
        reason,
    )


def gone(upload: Upload) -> UploadGone | NotAFilm:
    """What a caller hears of an upload that ended without an object."""
    if upload.is_no_film:
        return not_a_film(upload.artifact_id, upload.reason)
    reason = upload.reason or upload.state.value
    return UploadGone(f"this upload has ended: {reason}; open a new one", reason)
