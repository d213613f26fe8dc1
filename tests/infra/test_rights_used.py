"""What each function asks of AWS at its work is what its policy file allows: no more, no less."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
from msgspec.structs import replace

from chalicelib.aws.lake import ParquetLake
from chalicelib.aws.push import ApiGatewayPush
from chalicelib.core import keys, tokens
from chalicelib.core.artifact import Kind, made_key, sidecar_id
from chalicelib.core.cleanup import Arming
from chalicelib.core.errors import Conflict, Finalizing, StorageBusy
from chalicelib.core.ids import ArtifactId, SessionId, UploadId
from chalicelib.core.landing import Landing
from chalicelib.core.limits import Limits, Quota
from chalicelib.core.listing import Wanted
from chalicelib.core.measurements.limits import INDEXED_IN_PASSING_BYTES
from chalicelib.core.measurements.ranges import Wanted as WantedFrames
from chalicelib.core.order import Wish, wish
from chalicelib.core.page_sessions import RENEW_S, PageRules
from chalicelib.core.picture import Progress
from chalicelib.core.push import Listener, Socket
from chalicelib.core.session import Lost, SessionState
from chalicelib.core.settle import Actor, Policy
from chalicelib.core.silence import Watch
from chalicelib.core.tokens import ALL_PROJECTS, Principal, Role
from chalicelib.core.upload import Upload
from chalicelib.flows import (
    artifacts,
    cameras,
    completion,
    devices,
    enrolment,
    frames,
    landings,
    operations,
    page_sessions,
    sessions,
    shares,
    upload_passes,
    uploads,
)
from chalicelib.flows.devices import Grant
from chalicelib.flows.health import look_at_health, view_details
from chalicelib.flows.listings import list_sessions
from chalicelib.flows.push import close_socket, make_ticket, note, open_socket, tell_pages
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from chalicelib.flows.store import load, save
from chalicelib.flows.take_stock import take_stock
from chalicelib.ports import Change, Indexer, Notifier, Orders, Ports, Signer
from chalicelib.wiring import RandomIds, SystemClock
from tests.contracts.worlds import AwsWorld, Place
from tests.infra.asked import Asked, Heard, hearing
from tests.infra.test_policies import INDEXER, NOTIFICATIONS, ORDERS, PAGES, WRITES_OF, Rights, rights
from tests.support.builders import DEVICE_ID, make_chapter, make_session, make_session_id, named
from tests.support.faults import Fault, When, faulty
from tests.support.films import make_film
from tests.support.local_aws import local_aws
from tests.support.measurements import as_document, make_frames
from tests.support.memory import (
    CountingMetrics,
    MemoryIndexer,
    MemoryNotifier,
    MemoryOrders,
    MovableClock,
    crc64nvme_of,
)

NORTH = Principal(Role.DEVICE, "main", DEVICE_ID)
PROCESSOR = Principal(Role.PROCESSOR, "main", None)
OPERATOR = Principal(Role.OPERATOR, ALL_PROJECTS, None)
BODY = make_film(70)
CRC = crc64nvme_of(BODY)
CHAPTER = make_chapter(size_bytes=len(BODY))
VIDEO = ArtifactId("output.enhanced.mp4")
LIGHTS = ArtifactId("measurements.lights.json")
STABILISED = ArtifactId("intermediate.stabilised.mp4")
PROXY = sidecar_id(CHAPTER.artifact_id, Kind.PROXY)
THUMBNAIL = sidecar_id(CHAPTER.artifact_id, Kind.THUMBNAIL)
EVERY_MADE_KIND = (VIDEO, LIGHTS, STABILISED)
WISH = wish([VIDEO, LIGHTS], {})
MADE = {VIDEO: BODY, LIGHTS: as_document(make_frames(3))}


@pytest.fixture(scope="module")
def world() -> Iterator[AwsWorld]:
    with local_aws() as endpoint_url:
        made = AwsWorld(Place(endpoint_url, "test", "test", "us-east-1", part_size_bytes=4))
        made.purge_after(dict.fromkeys(keys.CLEANED, Policy().restorable_days))
        yield made
        made.end()


@pytest.fixture
def asked(world: AwsWorld) -> Iterator[Asked]:
    """What was asked so far; what others than the function do is done `by_others`."""
    found = Asked()
    with hearing(world, found):
        yield found


@pytest.fixture
def ports(world: AwsWorld, asked: Asked) -> Iterator[Ports]:
    """The real adapters and a queue in memory, with no patience, no undo window and no grace."""
    yield Ports(
        objects=world.objects,
        frame_index=world.frame_index,
        lake=ParquetLake(),
        records=world.records,
        signer=cast(Signer, Heard(world.signer, asked)),
        orders=cast(Orders, Heard(MemoryOrders(), asked)),
        indexer=cast(Indexer, Heard(MemoryIndexer(), asked)),
        notifier=cast(Notifier, Heard(MemoryNotifier(), asked)),
        ids=RandomIds(),
        clock=SystemClock(),
        metrics=CountingMetrics(),
        push=ApiGatewayPush(
            lambda: cast(Any, GonePages(asked)), world.clients.dynamodb, world.name, "wss://sockets.test/api"
        ),
        changed=[],
        policy=Policy(
            undo_s=0, finalize_patience_s=0, orphan_age_s=0, grace_s=0, in_flight_s=0, superseded_s=0
        ),
    )
    world.wipe_records()


def allowed(function: str) -> Rights:
    """What its policy file says of footage, records and orders."""
    kept = {right for right in rights(function) if right[0].startswith(("s3:", "dynamodb:"))}
    return kept | (rights(function) & (ORDERS | INDEXER | PAGES | NOTIFICATIONS))


def assert_uses_what_it_may(asked: Asked, function: str) -> None:
    assert asked.rights() == allowed(function)
    assert asked.written_keys() == {each for each in WRITES_OF[function] if each[0] != "dynamodb:Query"}


class NoSocket(Exception):
    """What boto3 raises for a socket that is closed."""


class GonePages:
    """The client of a WebSocket API all of whose sockets are closed."""

    exceptions = SimpleNamespace(GoneException=NoSocket)

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def post_to_connection(self, **params: object) -> None:
        self._asked.calls.append(("PostToConnection", params))
        raise NoSocket


def tell_a_page(ports: Ports, asked: Asked) -> None:
    """End the run of a function that changed a session, which a page watches that was closed since."""
    push = ports.push
    assert push
    with asked.by_others():
        now = ports.clock.now()
        push.put_socket(Socket("c=", Listener("main"), now + timedelta(seconds=60)))
    note(ports, make_session_id("told"))
    tell_pages(ports)
    assert push.sockets() == ()


def opened(ports: Ports, name: str, wanted: Wish | None = WISH) -> Upload:
    """The open upload of the session `name`, without parts."""
    session_id = make_session_id(name)
    sessions.confirm_session(ports, NORTH, session_id, make_session().camera, None, [CHAPTER], wanted)
    return uploads.open_upload(ports, NORTH, session_id, CHAPTER.artifact_id, len(BODY), None)[0].upload


def sent(ports: Ports, upload: Upload, principal: Principal = NORTH) -> Upload:
    """The upload, claimed, all its parts in S3."""
    [url] = uploads.sign_parts(ports, principal, upload.upload_id, [(1, CRC)], CRC)
    assert requests.put(url.url, data=BODY, headers=url.headers, timeout=10).status_code == 200
    return upload


def completed(ports: Ports, upload: Upload) -> Upload:
    """An upload whose object stands, and whose caller died before it was verified."""
    sent(ports, upload)
    dying = faulty(ports.objects, Fault("complete", StorageBusy("gone"), when=When.AFTER))
    with pytest.raises(StorageBusy):
        settle_session(replace(ports, objects=dying), upload.session_id, Actor.API, upload.upload_id)
    return upload


def completed_by_a_stranger(ports: Ports, upload: Upload) -> Upload:
    """An upload whose object stands without a promise."""
    sent(ports, upload)
    held = ports.objects.parts(upload.key, upload.multipart_id)
    ports.objects.complete(upload.key, upload.multipart_id, held, CRC, len(BODY))
    return upload


def hauled(ports: Ports, name: str) -> SessionId:
    """A STORED session whose order is on the queue."""
    upload = sent(ports, opened(ports, name))
    completion.complete_upload(ports, NORTH, upload.upload_id, CRC)
    settle_session(ports, upload.session_id, Actor.EVENT)
    return upload.session_id


def made(ports: Ports, session_id: SessionId, artifact_id: ArtifactId) -> Upload:
    """The open upload of what a processor makes."""
    return uploads.open_upload(ports, PROCESSOR, session_id, artifact_id, len(BODY), None)[0].upload


def sidecar(ports: Ports, name: str, artifact_id: ArtifactId = PROXY) -> Upload:
    """The open upload of a sidecar of the session `name`."""
    named_so = make_session_id(name)
    return uploads.open_upload(ports, NORTH, named_so, artifact_id, len(BODY), None)[0].upload


def gated(ports: Ports) -> Ports:
    """The same world behind the scan gate; nothing in it is ever scanned."""
    return replace(ports, policy=replace(ports.policy, scan_gate=True))


def unscanned(ports: Ports, name: str) -> SessionId:
    """A session of which everything was uploaded that a processor makes, and waits for its scan."""
    session_id = hauled(ports, name)
    for artifact_id in EVERY_MADE_KIND:
        upload = sent(ports, made(ports, session_id, artifact_id), PROCESSOR)
        with pytest.raises(Finalizing, match="waits for the scan"):
            completion.complete_upload(gated(ports), PROCESSOR, upload.upload_id, CRC)
    return session_id


def processed(
    world: AwsWorld,
    session_id: SessionId,
    has_crc64nvme: bool = True,
    made: Mapping[ArtifactId, bytes] = MADE,
    order: int = 1,
) -> None:
    """A processor writes all that is required itself, and its manifest."""
    for artifact_id, body in made.items():
        write = world.put_with_crc64nvme if has_crc64nvme else world.put_object
        write(made_key(session_id, order, artifact_id), body)
    stated = [
        {"artifact_id": each, "size_bytes": len(body), "crc64nvme": crc64nvme_of(body)}
        for each, body in made.items()
    ]
    state(world, session_id, {**named(session_id), "order": order, "artifacts": stated}, order)


def state(world: AwsWorld, session_id: SessionId, document: Mapping[str, object], order: int = 1) -> None:
    """A processor writes its manifest."""
    world.put_object(keys.manifest_key(session_id, order), json.dumps(document).encode())


def doubt(ports: Ports, session_id: SessionId) -> None:
    """S3 did not give the checksum of the session's upload, so that a person was needed."""
    picture = load(ports, session_id)
    save(ports, picture, replace(picture.uploads[0], unproven_since=ports.clock.now()))


def lose_the_original(ports: Ports, session_id: SessionId) -> None:
    """Nothing of the session is left to be looked at: whoever ends its work takes it off the list."""
    picture = load(ports, session_id)
    receipt = picture.receipt(CHAPTER.artifact_id)
    assert receipt
    gone = Lost(receipt.artifact_id, receipt.version_id, "a test says so", ports.clock.now())
    ports.records.write(Change(picture.session.losing(gone).bumped(), due_at=ports.clock.now()))


def loses_every_race(ports: Ports) -> Ports:
    return replace(
        ports,
        records=faulty(
            ports.records, *(Fault("write", Conflict("rival"), call=call) for call in range(1, 9))
        ),
    )


def state_of(ports: Ports, session_id: SessionId) -> SessionState:
    return load(ports, session_id).session.state


def use_the_page(ports: Ports, asked: Asked, session_id: SessionId) -> None:
    """Log in, look for so long that a use is recorded, log out; share a session, and use and revoke the link."""
    with asked.by_others():
        _, written = devices.enrol(ports, Role.OPERATOR, "main")
    token_id, secret = tokens.parsed(written)
    holder = tokens.principal(ports.records.token(token_id), secret, ports.clock.now())
    made, cookie = page_sessions.log_in(ports, holder, PageRules())
    later = replace(ports, clock=MovableClock(ports.clock.now() + timedelta(seconds=RENEW_S)))
    page_sessions.find_caller(later, cookie, PageRules())
    page_sessions.log_out(ports, made.key)
    share, written = shares.create_share(ports, holder, session_id, "the coach", 60, 60)
    page_sessions.log_in(ports, shares.find_holder(ports, written), PageRules())
    shares.revoke_share(ports, holder, session_id, share.share_id)


def opened_landing(ports: Ports, name: str) -> Landing:
    """A landing whose only part is in S3."""
    session_id = make_session_id(name)
    wanted = landings.Wanted("GX010042.MP4", "video/mp4")
    opened = landings.open_parts(ports, OPERATOR, session_id, wanted, None)
    url = landings.sign_part(ports, load(ports, session_id), opened, 1)
    assert requests.put(url.url, data=BODY, timeout=10).status_code == 200
    return opened


def landed(ports: Ports, name: str) -> Landing:
    """A landing whose film has its place, and no copy yet."""
    opened = opened_landing(ports, name)
    [held] = landings.list_parts(ports, load(ports, make_session_id(name)), opened)
    listed = [(held.number, held.etag)]
    return landings.complete(ports, OPERATOR, make_session_id(name), opened.landing_id, listed)


def test_the_api_uses_exactly_the_rights_it_has(world: AwsWorld, ports: Ports, asked: Asked):
    session_id = make_session_id("hauled")
    completion.complete_upload(ports, NORTH, sent(ports, opened(ports, "hauled")).upload_id, CRC)
    limited = replace(ports, limits=Limits(caller=Quota(orders_an_hour=1)))
    operations.order(limited, NORTH, session_id, WISH)
    completion.cancel_upload(ports, NORTH, opened(ports, "cancelled").upload_id)
    with pytest.raises(StorageBusy):
        opened(loses_every_race(ports), "cancelled")
    begun = make_session_id("begun")
    sessions.confirm_session(ports, NORTH, begun, make_session().camera, "match-17", [CHAPTER], None)
    operations.hold(ports, OPERATOR, begun, "nothing came yet")
    operations.hold(ports, OPERATOR, begun, None)
    now = ports.clock.now()
    sessions.record_progress(ports, NORTH, begun, Progress(1, 2, None, None, 3, 4, now, now))
    for artifact_id in EVERY_MADE_KIND:
        upload = sent(ports, made(ports, session_id, artifact_id), PROCESSOR)
        completion.complete_upload(ports, PROCESSOR, upload.upload_id, CRC)
        with pytest.raises(StorageBusy):
            made(loses_every_race(ports), session_id, ArtifactId(f"{artifact_id}.again"))
        artifacts.sign_artifact(ports, PROCESSOR, session_id, artifact_id)
    completion.complete_upload(ports, NORTH, sent(ports, sidecar(ports, "hauled")).upload_id, CRC)
    artifacts.sign_artifact(ports, PROCESSOR, session_id, PROXY)
    with pytest.raises(StorageBusy):
        sidecar(loses_every_race(ports), "hauled", THUMBNAIL)
    unscanned(ports, "unscanned")
    with asked.by_others():
        indexed = hauled(ports, "indexed")
        processed(world, indexed)
        settle_session(ports, indexed, Actor.MADE_EVENT)
    _, found = frames.view_frames(ports, OPERATOR, indexed, LIGHTS, WantedFrames())
    frames.view_summary(ports, OPERATOR, indexed, None)
    frames.sign_frames(ports, OPERATOR, indexed, None)
    cameras.list_known_sessions(ports, NORTH, "main", make_session().camera.serial, None)
    for wanted in (Wanted(), Wanted(device_id=NORTH.device_id), Wanted(group="match-17")):
        assert list_sessions(ports, OPERATOR, "main", wanted, None, 1).rows
    with asked.by_others():
        _, _, code = enrolment.invite(ports, Grant(Role.DEVICE, "main", "jetson-north", None, None), 60)
    _, token, _ = enrolment.exchange(ports, code, "ab" * 32)
    enrolment.rotate(ports, token.token_id, 1, "cd" * 32)
    use_the_page(ports, asked, session_id)
    landed(ports, "landed")
    with pytest.raises(StorageBusy):
        opened_landing(loses_every_race(ports), "landed")
    caller = Principal(Role.OPERATOR, "main", None, token.token_id)
    upload_passes.make_pass(ports, caller, make_session_id("landed"), 60)
    details = view_details(ports, OPERATOR, look_at_health(ports))
    make_ticket(ports, Listener("main"))
    tell_a_page(ports, asked)
    unordered = sent(ports, opened(ports, "unordered", wanted=None))
    completion.complete_upload(ports, NORTH, unordered.upload_id, CRC)

    assert details.health.is_well
    assert len(found.frames) == 3
    assert_uses_what_it_may(asked, "api_handler")


@pytest.mark.parametrize(
    ("function", "actor"),
    [
        ("on_original", Actor.EVENT),
        ("on_output", Actor.MADE_EVENT),
        ("on_measurements", Actor.MADE_EVENT),
    ],
)
def test_an_event_function_uses_exactly_the_rights_it_has(
    world: AwsWorld, ports: Ports, asked: Asked, function: str, actor: Actor
):
    # S3 tells a function of one kind of object; the session that it belongs to may owe anything by then.
    with asked.by_others():
        heard_of = completed(ports, opened(ports, f"heard-of-{function}")).session_id
        doubt(ports, heard_of)
        at_work, ended, lost = (hauled(ports, f"{name}-{function}") for name in ("at-work", "ended", "lost"))
        for artifact_id in EVERY_MADE_KIND:
            made(ports, at_work, artifact_id)
        processed(world, ended)
        state(world, lost, {**named(lost), "order": 1, "artifacts": []})
        lose_the_original(ports, lost)
        waiting = opened(ports, f"waiting-{function}").session_id
        guarded = unscanned(ports, f"guarded-{function}")

    settle_session(gated(ports), guarded, actor)
    for session_id in (heard_of, at_work, ended, lost, waiting):
        settle_session(ports, session_id, actor)

    assert state_of(ports, heard_of) is SessionState.STORED
    assert state_of(ports, lost) is SessionState.FAILED
    is_indexed = actor is Actor.MADE_EVENT
    assert state_of(ports, ended) is (SessionState.PROCESSED if is_indexed else SessionState.STORED)
    tell_a_page(ports, asked)
    assert_uses_what_it_may(asked, function)


def test_the_reconciler_uses_exactly_the_rights_it_has(world: AwsWorld, ports: Ports, asked: Asked):
    with asked.by_others():
        finished = sent(ports, opened(ports, "finished"))
        doubt(ports, finished.session_id)
        sent(ports, sidecar(ports, "finished"))
        completion.cancel_upload(ports, NORTH, sidecar(ports, "finished", THUMBNAIL).upload_id)
        rejected = completed_by_a_stranger(ports, opened(ports, "rejected"))
        completion.cancel_upload(ports, NORTH, opened(ports, "cancelled").upload_id)
        waiting = opened(ports, "waiting")
        long_ago = ports.clock.now() - timedelta(hours=1)
        ports.records.put_watch(Watch("main", DEVICE_ID, waiting.session_id, long_ago), long_ago)
        at_work = hauled(ports, "at-work")
        for artifact_id in EVERY_MADE_KIND:
            sent(ports, made(ports, at_work, artifact_id), PROCESSOR)
            again = made(ports, at_work, ArtifactId(f"{artifact_id}.again"))
            completion.cancel_upload(ports, PROCESSOR, again.upload_id)
        ports.objects.create_multipart(finished.key, UploadId("u_orphan"))
        replaced = hauled(ports, "replaced")
        processed(world, replaced)
        settle_session(ports, replaced, Actor.MADE_EVENT)
        operations.order(ports, OPERATOR, replaced, WISH)
        processed(world, replaced, order=2)
        settle_session(ports, replaced, Actor.MADE_EVENT)
        large = hauled(ports, "large")
        processed(world, large, made={**MADE, LIGHTS: MADE[LIGHTS] + b" " * INDEXED_IN_PASSING_BYTES})
        lost = hauled(ports, "lost")
        state(world, lost, {**named(lost), "order": 1, "artifacts": []})
        lose_the_original(ports, lost)
        landing = landed(ports, "landed")
        cancelled = opened_landing(ports, "landing-cancelled")
        landings.cancel(ports, load(ports, make_session_id("landing-cancelled")), cancelled)

    assert not reconcile(ports, 0).swept
    done = reconcile(ports, 60)

    assert (done.failed, done.finished) == (0, True)
    assert done.aborted_orphans
    assert load(ports, finished.session_id).receipt(PROXY)
    assert sessions.view_session(ports, NORTH, finished.session_id).missing == ()
    assert ports.objects.head(rejected.key) is None
    assert ports.objects.head(landing.key) is None
    with asked.by_others():
        guarded = unscanned(ports, "guarded")
    settle_session(gated(ports), guarded, Actor.RECONCILER)
    with asked.by_others():
        settle_session(ports, guarded, Actor.RECONCILER)
        cleaned = cleanable(world, ports)
    reconcile(ports, 60)
    assert state_of(ports, cleaned) is SessionState.CLEANED
    with asked.by_others():
        operations.restore(ports, OPERATOR, cleaned, None, "wanted")
    reconcile(ports, 60)
    restored = load(ports, cleaned)
    assert (restored.session.restoring, restored.gone) == ((), ())
    assert ports.objects.head(made_key(cleaned, 1, STABILISED)) is not None
    assert [bool(index.removed_at) for index in load(ports, replaced).indexes].count(True) == 1
    tell_a_page(ports, asked)
    assert_uses_what_it_may(asked, "reconcile")


def test_the_function_that_takes_stock_uses_exactly_the_rights_it_has(ports: Ports, asked: Asked):
    with asked.by_others():
        opened(ports, "counted")

    take_stock(replace(ports, clock=MovableClock(datetime(2026, 11, 30, 6, 0, tzinfo=UTC))))

    assert [each.kind.value for each in ports.records.notices(10)] == ["week.summary"]
    assert_uses_what_it_may(asked, "take_stock")


def cleanable(world: AwsWorld, ports: Ports) -> SessionId:
    """A session with an intermediate, whose outputs have no CRC64NVME yet, in a deployment that cleans."""
    session_id = hauled(ports, "cleaned")
    upload = sent(ports, made(ports, session_id, STABILISED), PROCESSOR)
    completion.complete_upload(ports, PROCESSOR, upload.upload_id, CRC)
    processed(world, session_id, has_crc64nvme=False)
    ports.records.put_arming(Arming(True, ports.clock.now(), "a test says so"))
    return session_id


def test_the_functions_of_sockets_use_exactly_the_rights_they_have(ports: Ports, asked: Asked):
    with asked.by_others():
        address, _ = make_ticket(ports, Listener("main"))

    open_socket(ports, "c=", address.partition("?ticket=")[2])
    assert_uses_what_it_may(asked, "websocket_connect")

    asked.calls.clear()
    close_socket(ports, "c=")
    assert_uses_what_it_may(asked, "websocket_disconnect")
