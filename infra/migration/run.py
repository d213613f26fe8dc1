"""Plan, apply and verify an import: one session after the other, by the coordinator's own flows.

Names and orders are the same at each run, receipts end an upload, and an upload that was begun is continued: so an
import that was killed is simply run again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from chalicelib.core import artifact
from chalicelib.core.artifact import Kind
from chalicelib.core.crc import Crc64Nvme, fold
from chalicelib.core.errors import Finalizing, PlanDiffers, Poison, StorageBusy
from chalicelib.core.ids import ArtifactId, SessionId, project_of
from chalicelib.core.measurements.forms import File
from chalicelib.core.measurements.limits import LIMITS
from chalicelib.core.picture import Picture
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import Receipt, Upload
from chalicelib.flows import completion, uploads
from chalicelib.flows.imports import IMPORTER, differences, import_session
from chalicelib.flows.settle import settle_session
from chalicelib.flows.uploads import UploadView
from chalicelib.logs import without_secrets
from chalicelib.ports import Ports
from infra.migration.bodies import Body, chunks, crc64nvme, crc_of, open_body
from infra.migration.legacy.values import OldRow, OldSession
from infra.migration.plan import From, Item, SessionPlan, plan_session, readable
from infra.migration.progress import Progress
from infra.migration.report import ItemReport, Report, SessionReport, Status
from infra.migration.send import NotSent, Send
from infra.migration.sources import Database, Files, SourceUnusable

ORDER = 1
"""The number of an import's order."""

TRIES = 5
"""How often a call is made that may succeed later: with waits of 1, 2, 4 and 8 s between them."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class World:
    """All that an import touches: the stage, the older system, the way of parts, and what a wait does."""

    ports: Ports
    operator: Principal
    project: str
    files: Files
    database: Database | None
    send: Send
    pause: Callable[[float], None]


@dataclass(frozen=True)
class Found:
    """An old session with its plan, or with the `fault` that allows none."""

    old_id: str
    row: OldRow | None
    plan: SessionPlan | None
    fault: str | None = None


Step = Callable[[World, Found, Progress], SessionReport]


def find_sessions(world: World, wanted: Sequence[str]) -> Iterator[Found]:
    """Every session of the older system, or those `wanted`, by id, with its plan; nothing is written."""
    now = world.ports.clock.now()
    for old_id, row in _old_sessions(world, wanted):
        try:
            objects = world.files.objects(old_id, row.named if row else {})
            frame_rows = world.database.count_frames(row) if world.database and row else None
            old = OldSession(old_id, row, objects, frame_rows)
            if row is None and not objects:
                raise SourceUnusable("the older system has no session of this id")
            yield Found(old_id, row, plan_session(world.project, world.files.name, old, now))
        except Exception as error:  # noqa: BLE001 a door for each session: one that fails never stops the others
            yield Found(old_id, row, None, _why(error))


def run(world: World, found: Iterable[Found], step: Step, limit: int | None, progress: Progress) -> Report:
    """`step` for each session; with `limit`, until so many had something to do."""
    done: list[SessionReport] = []
    waiting = list(found)
    worked = 0
    try:
        for each in waiting:
            if worked == limit:
                break
            done.append(_guarded(step, world, each, progress))
            worked += done[-1].has_work
            progress.end_session()
    except KeyboardInterrupt:
        return Report(tuple(done), finished=False)
    return Report(tuple(done), finished=len(done) == len(waiting))


def foresee(world: World, found: Found, _: Progress) -> SessionReport:
    """What an import would do; nothing is written."""
    plan = _plan_of(found)
    picture = world.ports.records.picture(plan.wanted.session_id)
    others = differences(picture, plan.wanted) if picture else ()
    items = tuple(_foreseen(picture, item) for item in plan.items)
    report = replace(_report(plan, picture), items=items)
    if others:
        return replace(report, items=(), fault="; ".join(others))
    return replace(report, fault=_why_closed(picture, items))


def apply(world: World, found: Found, progress: Progress) -> SessionReport:
    """Import the session as far as it is possible now; what is verified already is left."""
    plan = _plan_of(found)
    items: list[ItemReport] = []
    import_session(world.ports, world.operator, plan.wanted)
    for item in plan.items:
        picture = _load(world, plan)
        receipt = _receipt(picture, item)
        if receipt:
            progress.move(item.size_bytes or 0)
            items.append(_told(item, Status.KEPT, receipt))
            continue
        try:
            items.append(_bring(world, found, plan, item, progress))
        except Finalizing as error:
            items.append(replace(_told(item, Status.BEING_COMPLETED), detail=str(error)))
        except Exception as error:  # noqa: BLE001 a door for each artifact: the others are imported all the same
            items.append(replace(_told(item, Status.NOT_IMPORTED), detail=_why(error)))
    # The last receipt, or the index, may have ended the order.
    settle_session(world.ports, plan.wanted.session_id, Actor.API)
    picture = _load(world, plan)
    owed = [each.detail for each in items if each.status is Status.BEING_COMPLETED and each.detail]
    return replace(_report(plan, picture), items=tuple(items), owed=(*owed, *_owed(picture)))


def verify(world: World, found: Found, progress: Progress) -> SessionReport:
    """Compare everything that was imported with its source, byte for byte by CRC64NVME, and frames by their number."""
    plan = _plan_of(found)
    picture = world.ports.records.picture(plan.wanted.session_id)
    if picture is None:
        return replace(_report(plan, None), fault="not imported")
    others = differences(picture, plan.wanted)
    if others:
        return replace(_report(plan, picture), fault="; ".join(others))
    items = tuple(_verified(world, found, picture, item, progress) for item in plan.items)
    return replace(_report(plan, picture), items=items, owed=tuple(_owed(picture)))


def _old_sessions(world: World, wanted: Sequence[str]) -> Iterator[tuple[str, OldRow | None]]:
    """The ids of rows and of files, each once and sorted; a wanted one that neither has is None's."""
    rows = {row.row_id: row for row in world.database.rows()} if world.database else {}
    ids = wanted or sorted({*rows, *world.files.sessions()})
    for old_id in dict.fromkeys(ids):
        yield old_id, rows.get(old_id)


def _guarded(step: Step, world: World, found: Found, progress: Progress) -> SessionReport:
    if found.plan is None:
        return SessionReport(found.old_id, None, fault=found.fault)
    try:
        return step(world, found, progress)
    except Exception as error:  # noqa: BLE001 a door for each session
        return replace(_report(found.plan, None), fault=_why(error))


def _plan_of(found: Found) -> SessionPlan:
    if found.plan is None:
        raise ValueError(found.fault)
    return found.plan


def _load(world: World, plan: SessionPlan) -> Picture:
    picture = world.ports.records.picture(plan.wanted.session_id)
    if picture is None:
        raise StorageBusy(f"session {plan.wanted.session_id} was just written and cannot be read")
    return picture


def _bring(world: World, found: Found, plan: SessionPlan, item: Item, progress: Progress) -> ItemReport:
    """Upload one artifact to its receipt."""
    with open_body(world.files, world.database, found.row, item) as body:
        receipt = _upload(world, plan, item, body, progress)
        return replace(_told(item, Status.IMPORTED, receipt), rows=body.rows)


def _upload(world: World, plan: SessionPlan, item: Item, body: Body, progress: Progress) -> Receipt | None:
    """The receipt. Raises Finalizing while S3 assembles the object."""
    session_id = plan.wanted.session_id
    hand = _hand(world, session_id, item.artifact_id)
    upload, stored = _open(world, hand, session_id, item.artifact_id, body)
    crcs: list[tuple[Crc64Nvme, int]] = []
    for number in upload.plan.numbers:
        part = body.read(upload.plan.start_of(number), upload.plan.size_of(number))
        crc = crc64nvme(part)
        crcs.append((crc, len(part)))
        # Verified meanwhile, as when a run was killed at its last step: the claim below still compares the source.
        if upload.receipt is None and stored.get(number) != crcs[-1]:
            _send(world, hand, upload, number, part, crc)
        progress.move(len(part))
    ended = _patiently(
        world, lambda: completion.complete_upload(world.ports, hand, upload.upload_id, fold(crcs))
    )
    return ended.upload.receipt


def _open(
    world: World, hand: Principal, session_id: SessionId, artifact_id: ArtifactId, body: Body
) -> tuple[Upload, dict[int, tuple[Crc64Nvme, int]]]:
    """The upload of the artifact, and the CRC and size of each part that S3 holds.

    One that an earlier run began with another size, because rows were added since, is cancelled first.
    """

    def ask() -> UploadView:
        order = None if artifact.is_original(artifact_id) else ORDER
        return uploads.open_upload(world.ports, hand, session_id, artifact_id, body.size_bytes, None, order)[
            0
        ]

    try:
        view = _patiently(world, ask)
    except PlanDiffers:
        begun = _live_upload(world, session_id, artifact_id)
        if begun is None:
            raise
        completion.cancel_upload(world.ports, hand, begun.upload_id)
        view = _patiently(world, ask)
    return view.upload, {part.number: (part.crc64nvme, part.size_bytes) for part in view.parts}


def _live_upload(world: World, session_id: SessionId, artifact_id: ArtifactId) -> Upload | None:
    picture = world.ports.records.picture(session_id)
    known = picture.latest_upload(artifact_id) if picture else None
    return known if known and known.is_live else None


def _send(world: World, hand: Principal, upload: Upload, number: int, part: bytes, crc: Crc64Nvme) -> None:
    def send() -> None:
        [url] = uploads.sign_parts(world.ports, hand, upload.upload_id, [(number, crc)])
        world.send(url, part)

    _patiently(world, send)


def _patiently(world: World, call: Callable[[], Answer]) -> Answer:
    """The answer of `call`, which is made again while S3 or the table is busy."""
    for wait_s in (2**times for times in range(TRIES - 1)):
        try:
            return call()
        except (StorageBusy, Finalizing, NotSent):
            world.pause(wait_s)
    return call()


def _hand(world: World, session_id: SessionId, artifact_id: ArtifactId) -> Principal:
    """Who uploads it: originals are a device's to upload, all else an operator's."""
    if artifact.is_original(artifact_id):
        return Principal(Role.DEVICE, project_of(session_id), IMPORTER)
    return world.operator


def _receipt(picture: Picture | None, item: Item) -> Receipt | None:
    """The receipt that the import has for an item; what an operator's order made of this name is not it."""
    storage = picture.session.storage if picture else None
    if picture is None or storage is None:
        return None
    if artifact.is_original(item.artifact_id):
        known = [chapter.artifact_id for chapter in picture.chapters]
        return picture.receipt(item.artifact_id) if item.artifact_id in known else None
    is_row = item.source is not From.OBJECT and storage.row_id is not None
    if not is_row and item.artifact_id not in [each.artifact_id for each in storage.keys]:
        return None
    key = artifact.made_key(picture.session.session_id, ORDER, item.artifact_id)
    return next(reversed(picture.receipts_at(key)), None)


def _foreseen(picture: Picture | None, item: Item) -> ItemReport:
    receipt = _receipt(picture, item)
    return _told(item, Status.KEPT if receipt else Status.WOULD_IMPORT, receipt)


def _why_closed(picture: Picture | None, items: Iterable[ItemReport]) -> str | None:
    """Why what is left cannot be imported any more."""
    order = picture.session.order if picture else None
    if order is None or order.is_import or all(each.status is Status.KEPT for each in items):
        return None
    return f"it was ordered since (order {order.number}): an import adds nothing to it"


def _verified(world: World, found: Found, picture: Picture, item: Item, progress: Progress) -> ItemReport:
    receipt = _receipt(picture, item)
    if receipt is None:
        return _told(item, Status.NOT_IMPORTED)
    try:
        with open_body(world.files, world.database, found.row, item) as body:
            rows = body.rows
            detail = _difference(world, receipt, body) or _frame_difference(picture, receipt, body)
    except Exception as error:  # noqa: BLE001 a door for each artifact
        detail, rows = _why(error), None
    progress.move(item.size_bytes or 0)
    status = Status.DIFFERS if detail else Status.SAME
    return replace(_told(item, status, receipt), detail=detail, rows=rows)


def _difference(world: World, receipt: Receipt, body: Body) -> str | None:
    """What the object in S3 and its source do not agree in."""
    if receipt.size_bytes != body.size_bytes:
        return f"the source has {body.size_bytes} bytes, imported were {receipt.size_bytes}"
    stored = world.ports.objects.head(receipt.key)
    if stored is None or not receipt.is_kept_by(stored):
        return "S3 does not show the version of the receipt"
    crc = crc_of(body)
    return (
        None
        if crc == receipt.crc64nvme
        else f"the source has CRC64NVME {crc}, imported was {receipt.crc64nvme}"
    )


def _frame_difference(picture: Picture, receipt: Receipt, body: Body) -> str | None:
    """Whether the index has another number of frames than the source; an index that is not there yet is not a fault."""
    index = picture.index(receipt)
    if artifact.kind_of(receipt.artifact_id) is not Kind.MEASUREMENTS or index is None:
        return None
    if not index.is_published:
        return f"its frames cannot be read: {index.quarantine}"
    count = body.rows.written if body.rows else _count(body)
    if count == index.frames + index.rejected:
        return None
    return f"the source has {count} frames, the index {index.frames} and {index.rejected} rejected"


def _count(body: Body) -> int | None:
    """How many frames a file has; None when it is poison."""
    try:
        return sum(1 for _ in File(chunks(body), LIMITS).frames())
    except Poison:
        return None


def _report(plan: SessionPlan, picture: Picture | None) -> SessionReport:
    wanted = plan.wanted
    indexes = picture.indexes if picture else ()
    storage = picture.session.storage if picture else None
    missing = storage.missing if storage else plan.missing
    return SessionReport(
        wanted.storage.row_id or wanted.session_id.partition("/")[2],
        wanted.session_id,
        picture.session.state.value if picture else None,
        missing=missing,
        notes=plan.notes,
        frame_rows=plan.frame_rows,
        frames={index.artifact_id: index.frames for index in indexes if index.is_published} or None,
    )


def _owed(picture: Picture) -> Iterator[str]:
    """What time alone brings: an index, which S3's event or the reconciler makes."""
    if picture.session.failure:
        return
    for receipt in picture.unindexed:
        yield f"{receipt.artifact_id} is not indexed yet"


def _told(item: Item, status: Status, receipt: Receipt | None = None) -> ItemReport:
    size_bytes = receipt.size_bytes if receipt else item.size_bytes
    source = readable(item.key) if item.source is From.OBJECT and item.key else item.source.value
    return ItemReport(item.artifact_id, source, size_bytes, status)


def _why(error: Exception) -> str:
    return (without_secrets(str(error)) or type(error).__name__)[:500]
