"""Sessions of the older system: on record, uploaded like all others, and cleaned through an order of their own only."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.chapter import OLDER_SYSTEM, Chapter
from chalicelib.core.errors import (
    InvalidRequest,
    NotFound,
    NotPermitted,
    SessionDiffers,
    StateConflict,
)
from chalicelib.core.ids import ArtifactId
from chalicelib.core.measurements.ranges import Wanted
from chalicelib.core.order import wish
from chalicelib.core.picture import MOST_CHAPTERS, Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Facts, gates
from chalicelib.core.storage import OldKey, Storage
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows import artifacts, cameras, completion, operations, uploads
from chalicelib.flows.frames import view_frames
from chalicelib.flows.imports import BELOW_MINIMUM, IMPORTER, Import, import_session
from chalicelib.flows.observe import observe_cleanup
from tests.support import story
from tests.support.builders import POLICY, SESSION_ID, START, MemoryPorts, memory_ports, recorded
from tests.support.memory import crc64nvme_of, fetch
from tests.support.story import LIGHTS, MADE, OPERATOR, PROCESSOR, VIDEO

BODY = story.BODIES[0]
FLIGHT = Chapter(OLDER_SYSTEM, "flight.avi", len(BODY))
STORAGE = Storage("s3://older", START, "row-1", (OldKey(VIDEO, "videos/enhanced/1/a.mp4"),))
WANTED = Import(SESSION_ID, START - timedelta(days=400), STORAGE, (FLIGHT,), (VIDEO, LIGHTS))
HANDS = {True: Principal(Role.DEVICE, "main", IMPORTER), False: OPERATOR}


def bring(ports: MemoryPorts, artifact_id: ArtifactId, body: bytes) -> None:
    """The import uploads one object."""
    hand = HANDS[artifact_id == FLIGHT.artifact_id]
    view, _ = uploads.open_upload(ports, hand, SESSION_ID, artifact_id, len(body), None, 1)
    story.send_body(ports, view.upload, body)
    completion.complete_upload(ports, hand, view.upload.upload_id, crc64nvme_of(body))


def imported(
    wanted: Import = WANTED, made: Mapping[ArtifactId, bytes] = MADE, ports: MemoryPorts | None = None
) -> MemoryPorts:
    """A world, armed, in which the session is imported with all that it has."""
    ports = ports or memory_ports()
    story.arm(ports)
    import_session(ports, OPERATOR, wanted)
    for chapter in wanted.chapters:
        bring(ports, chapter.artifact_id, BODY)
    for artifact_id, body in made.items():
        bring(ports, artifact_id, body)
    story.let_pass(ports)
    return ports


def test_an_imported_session_is_processed_without_a_processor():
    ports = imported()

    session = recorded(ports).session
    assert (session.state, session.storage, session.created_at) == (
        SessionState.PROCESSED,
        STORAGE,
        WANTED.created_at,
    )
    assert ports.orders.sent == []


def test_the_order_of_an_import_never_goes_to_the_queue():
    ports = imported(made={VIDEO: MADE[VIDEO]})

    story.let_pass(ports, 40 * 86_400, rounds=40)

    assert story.state_of(ports) == "STORED"
    assert ports.orders.sent == []


def test_an_imported_session_plays_and_answers_ranges_of_its_frames():
    ports = imported()

    for artifact_id, body in ((FLIGHT.artifact_id, BODY), (VIDEO, MADE[VIDEO])):
        _, read = artifacts.sign_artifact(ports, OPERATOR, SESSION_ID, artifact_id)
        assert fetch(ports.objects, read.url, ports.clock.now()) == body
    _, found = view_frames(ports, OPERATOR, SESSION_ID, None, Wanted(from_frame=3, to_frame=5))
    assert [frame["frame_number"] for frame in found.frames] == [3, 4]


def test_an_imported_session_is_listed_under_the_camera_legacy():
    ports = imported()

    known = cameras.list_known_sessions(ports, OPERATOR, "main", "legacy", None)

    assert [picture.session.session_id for picture in known.pictures] == [SESSION_ID]


def test_no_device_sees_an_imported_session():
    ports = imported()

    with pytest.raises(NotFound):
        artifacts.list_artifacts(ports, story.NORTH, SESSION_ID)


def everything_stands(ports: MemoryPorts) -> bool:
    keys = [FLIGHT.key(SESSION_ID), story.key_of(VIDEO), story.key_of(LIGHTS)]
    return all(ports.objects.head(key) for key in keys)


def test_cleanup_never_begins_by_an_import_alone():
    ports = imported()

    story.let_pass(ports, 60 * 86_400, rounds=60)

    assert story.state_of(ports) == "PROCESSED"
    assert recorded(ports).session.cleanup is None
    assert everything_stands(ports)


def test_neither_a_release_nor_an_acceptance_lets_an_import_be_cleaned():
    ports = imported()
    operations.hold(ports, OPERATOR, SESSION_ID, "look first")
    operations.hold(ports, OPERATOR, SESSION_ID, None)
    operations.accept(ports, OPERATOR, SESSION_ID, "watched all of it")

    story.let_grace_pass(ports)

    picture = recorded(ports)
    facts = observe_cleanup(ports, picture, Facts())
    assert "ordered-here" in gates.closed(picture, facts, ports.clock.now(), ports.policy)
    assert everything_stands(ports)


def test_an_imported_session_is_cleaned_through_an_order_of_its_own():
    film = Chapter(OLDER_SYSTEM, "flight.mp4", len(BODY))
    ports = memory_ports()
    wanted = replace(WANTED, chapters=(film,))
    story.arm(ports)
    import_session(ports, OPERATOR, wanted)
    view, _ = uploads.open_upload(ports, HANDS[True], SESSION_ID, film.artifact_id, len(BODY), None)
    story.send_body(ports, view.upload, BODY)
    completion.complete_upload(ports, HANDS[True], view.upload.upload_id, crc64nvme_of(BODY))

    operations.order(ports, OPERATOR, SESSION_ID, wish([VIDEO], {}))
    story.let_pass(ports)
    [message] = ports.orders.sent
    assert message["order"] == 2
    story.process(ports, {VIDEO: MADE[VIDEO]}, order=2)
    story.let_pass(ports)
    assert story.state_of(ports) == "PROCESSED"
    story.let_grace_pass(ports)

    assert story.state_of(ports) == "CLEANED"
    assert ports.objects.head(film.key(SESSION_ID)) is None


def test_a_session_without_its_original_is_never_stored_and_still_answers():
    ports = imported(replace(WANTED, chapters=(), storage=replace(STORAGE, missing=("original",))))

    assert story.state_of(ports) == "OPEN"
    assert recorded(ports).missing == ()
    _, found = view_frames(ports, OPERATOR, SESSION_ID, None, Wanted(to_frame=2))
    assert len(found.frames) == 2
    assert ports.records.due(ports.clock.now() + timedelta(days=400), 10) == ()


def test_a_session_without_its_original_cannot_be_ordered():
    ports = imported(replace(WANTED, chapters=()))

    with pytest.raises(StateConflict, match="without its original"):
        operations.order(ports, OPERATOR, SESSION_ID, wish([VIDEO], {}))


def test_a_session_with_nothing_but_its_original_has_no_order():
    ports = imported(replace(WANTED, made=()), made={})

    assert story.state_of(ports) == "STORED"
    assert recorded(ports).session.order is None


def test_the_minimum_of_a_deployment_does_not_stop_an_import():
    minimum = (VIDEO, ArtifactId("output.report.pdf"))
    ports = imported(ports=memory_ports(policy=replace(POLICY, required_outputs=minimum)))

    order = recorded(ports).session.order
    assert order
    assert (order.wish.left_out, order.wish.below_minimum_reason) == ((minimum[1],), BELOW_MINIMUM)
    assert story.state_of(ports) == "PROCESSED"


def test_the_same_import_again_changes_nothing():
    ports = imported()
    before = recorded(ports)

    later = replace(STORAGE, imported_at=ports.clock.now())
    import_session(ports, OPERATOR, replace(WANTED, storage=later))

    assert recorded(ports) == before


def test_an_import_that_finds_more_adds_it():
    ports = imported(replace(WANTED, made=(VIDEO,)), {VIDEO: MADE[VIDEO]})
    assert story.state_of(ports) == "PROCESSED"

    import_session(ports, OPERATOR, WANTED)
    bring(ports, LIGHTS, MADE[LIGHTS])
    story.let_pass(ports)

    assert recorded(ports).required == (VIDEO, LIGHTS)
    assert story.state_of(ports) == "PROCESSED"


def test_an_import_adds_nothing_once_the_session_is_ordered():
    ports = imported(replace(WANTED, made=(VIDEO,)), {VIDEO: MADE[VIDEO]})
    ordered = operations.order(ports, OPERATOR, SESSION_ID, wish([VIDEO], {}))

    import_session(ports, OPERATOR, WANTED)

    assert recorded(ports).session == ordered.session
    with pytest.raises(StateConflict, match="order is number 2, not 1"):
        uploads.open_upload(ports, OPERATOR, SESSION_ID, LIGHTS, 10, None, 1)


def test_a_session_of_a_device_is_not_imported_over():
    ports = memory_ports()
    story.haul(ports)

    with pytest.raises(SessionDiffers) as raised:
        import_session(ports, OPERATOR, WANTED)

    assert raised.value.differences == ("a device has hauled a session of this name",)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (replace(WANTED, storage=replace(STORAGE, source="s3://other")), "source"),
        (replace(WANTED, storage=replace(STORAGE, row_id="row-2")), "row"),
        (replace(WANTED, chapters=(replace(FLIGHT, size_bytes=3),)), "000OLDER/flight.avi"),
    ],
)
def test_another_session_of_the_same_name_is_refused(changed: Import, told: str):
    ports = imported()
    before = recorded(ports)

    with pytest.raises(SessionDiffers) as raised:
        import_session(ports, OPERATOR, changed)

    assert told in raised.value.differences[0]
    assert recorded(ports) == before


def test_an_original_that_the_older_system_has_lost_since_is_kept_here():
    ports = imported()

    import_session(ports, OPERATOR, replace(WANTED, chapters=()))

    assert recorded(ports).chapters == (FLIGHT,)
    assert everything_stands(ports)


@pytest.mark.parametrize("principal", [PROCESSOR, story.NORTH])
def test_only_an_operator_imports(principal: Principal):
    with pytest.raises(NotPermitted):
        import_session(memory_ports(), principal, WANTED)


def test_no_processor_adds_to_what_was_imported():
    ports = imported()

    with pytest.raises(NotPermitted):
        uploads.open_upload(ports, PROCESSOR, SESSION_ID, ArtifactId("output.mine.mp4"), 10, None)


def chapters(count: int) -> Sequence[Chapter]:
    return [Chapter(OLDER_SYSTEM, f"{number}.mp4", 1) for number in range(count)]


@pytest.mark.parametrize("count", [MOST_CHAPTERS, MOST_CHAPTERS + 1])
def test_an_imported_session_has_at_most_99_originals(count: int):
    wanted = replace(WANTED, chapters=tuple(chapters(count)))
    if count == MOST_CHAPTERS:
        assert isinstance(import_session(memory_ports(), OPERATOR, wanted), Picture)
        return
    with pytest.raises(InvalidRequest, match="99"):
        import_session(memory_ports(), OPERATOR, wanted)
