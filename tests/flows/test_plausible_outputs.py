"""Originals are kept until what was made of them can be what was ordered, by the length of what stands there."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import NotPermitted, StateConflict, StorageBusy
from chalicelib.core.ids import ArtifactId
from chalicelib.core.order import wish
from chalicelib.core.settle import Actor, gates
from chalicelib.core.settle.facts import Facts
from chalicelib.flows import operations
from chalicelib.flows.deadline import OutOfTime
from chalicelib.flows.observe import observe_gates
from chalicelib.flows.settle import settle_session
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, memory_ports, recorded
from tests.support.counted import counted
from tests.support.faults import Fault, faulty
from tests.support.films import make_film
from tests.support.measurements import as_document, make_frames
from tests.support.story import LIGHTS, MADE, NORTH, OPERATOR, PROCESSOR, VIDEO

TOTAL_MS = sum(story.LASTING_MS)
TABLE = ArtifactId("output.table.csv")


def ripe(
    made: dict[ArtifactId, bytes],
    bodies: Sequence[bytes] = story.BODIES,
    chapters: Sequence[Chapter] = story.CHAPTERS,
) -> MemoryPorts:
    """A world in which the grace of a session has passed of which exactly this is required and was made."""
    ports = memory_ports()
    story.arm(ports)
    story.haul(ports, wish(made, {}), bodies=bodies, chapters=chapters)
    story.process(ports, made)
    story.let_pass(ports)
    assert story.state_of(ports) == "PROCESSED"
    ports.clock.advance(ports.policy.grace_s)
    return ports


def settled(ports: MemoryPorts) -> str:
    return settle_session(ports, SESSION_ID, Actor.RECONCILER).session.state.value


def why_kept(ports: MemoryPorts, bodies: Sequence[bytes] = story.BODIES) -> str:
    assert settled(ports) == "PROCESSED"
    assert [ports.objects.body(key) for key in story.original_keys()] == [*bodies]
    picture = recorded(ports)
    facts = observe_gates(ports, picture, Facts())
    closed = gates.closed(picture, facts, ports.clock.now(), ports.policy)
    assert closed.keys() - {"originals-whole"} == {gates.PLAUSIBLE}
    return closed[gates.PLAUSIBLE]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"what the processor made of it", "is not a whole film"),
        (MADE[VIDEO][:-1], "is not a whole film"),
        (MADE[VIDEO] + b"\0", "is not a whole film"),
        (make_film(TOTAL_MS // 2), "lasts 0.7 s of the 1.3 s of the chapters, less than 90 %"),
    ],
)
def test_a_video_that_is_no_whole_film_of_its_chapters_keeps_them(body: bytes, why: str):
    assert why in why_kept(ripe({VIDEO: body}))


def test_a_single_frame_keeps_the_chapters_it_claims_to_measure():
    one = as_document(make_frames(1))

    assert "covers 0.0 s of the 1.3 s" in why_kept(ripe({LIGHTS: one}))


def test_outputs_that_are_as_long_as_their_chapters_keep_nothing():
    assert settled(ripe({VIDEO: MADE[VIDEO], LIGHTS: MADE[LIGHTS]})) == "CLEANED"


def test_an_output_of_another_kind_is_only_verified_and_the_chapters_are_read_for_their_boxes_alone():
    ports, calls = counted(ripe({TABLE: b"light,angle"}))

    assert settled(ports) == "CLEANED"
    assert calls["read_range"] == len(story.CHAPTERS)


def test_a_broken_chapter_keeps_its_session_whatever_is_ordered_of_it():
    at = story.BODIES[1].index(b"moov") - 4
    unended = story.BODIES[1][:at] + bytes(4) + story.BODIES[1][at + 4 :]
    broken = (story.BODIES[0], unended)

    ports = ripe({TABLE: b"light,angle"}, broken)

    assert settled(ports) == "PROCESSED"
    assert [ports.objects.body(key) for key in story.original_keys()] == [*broken]
    assert "has no size" in (recorded(ports).broken_films[0].fault or "")


def test_a_chapter_that_is_no_film_keeps_its_session():
    bodies = (story.BODIES[0], b"?" * len(story.BODIES[1]))

    why = why_kept(ripe({VIDEO: MADE[VIDEO]}, bodies), bodies)

    assert f"the length of {story.CHAPTERS[1].name} cannot be told" in why


@pytest.mark.parametrize("trailing", [b"\0", bytes(7), bytes(8), b"left by a repair"])
def test_a_chapter_with_bytes_after_its_last_box_lasts_as_long_as_its_film(trailing: bytes):
    noted = replace(
        story.CHAPTERS[0],
        size_bytes=len(story.BODIES[0] + trailing),
        trailing_bytes=len(trailing),
    )
    bodies = (story.BODIES[0] + trailing, story.BODIES[1])

    ports = ripe({VIDEO: MADE[VIDEO]}, bodies, (noted, story.CHAPTERS[1]))

    assert settled(ports) == "CLEANED"
    assert [film.duration_ms for film in recorded(ports).session.films] == [*story.LASTING_MS, TOTAL_MS]


def test_a_chapter_whose_bytes_after_its_last_box_nobody_noted_keeps_its_session():
    bodies = (story.BODIES[0] + bytes(8), story.BODIES[1])
    chapters = (replace(story.CHAPTERS[0], size_bytes=len(bodies[0])), story.CHAPTERS[1])

    why = why_kept(ripe({VIDEO: MADE[VIDEO]}, bodies, chapters), bodies)

    assert f"the length of {story.CHAPTERS[0].name} cannot be told" in why


def test_every_film_is_read_once_and_never_again():
    ports, calls = counted(ripe({VIDEO: make_film(1)}))
    settled(ports)
    reads = calls["read_range"]

    for _ in range(3):
        ports.clock.advance(ports.policy.cleanup_patience_s)
        settled(ports)

    assert 0 < reads <= 6
    assert calls["read_range"] == reads
    assert [film.duration_ms for film in recorded(ports).session.films] == [*story.LASTING_MS, 1]


def hold(ports: MemoryPorts) -> None:
    operations.hold(ports, OPERATOR, SESSION_ID, "look first")


@pytest.mark.parametrize("keep", [lambda ports: story.arm(ports, is_armed=False), hold])
def test_no_film_is_read_while_another_gate_is_closed(keep):
    ports, calls = counted(ripe({VIDEO: MADE[VIDEO]}))
    keep(ports)

    settled(ports)

    assert calls["read_range"] == 0


def test_what_was_read_before_the_time_was_over_is_not_read_again():
    ports = ripe({VIDEO: MADE[VIDEO]})
    ended = faulty(ports.objects, Fault("read_range", OutOfTime(), call=2))

    with pytest.raises(OutOfTime):
        settled(replace(ports, objects=ended))

    assert [film.duration_ms for film in recorded(ports).session.films] == [*story.LASTING_MS[:1]]
    watched, calls = counted(ports)
    assert settled(watched) == "CLEANED"
    assert calls["read_range"] == 2


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_read_that_fails_is_made_again_and_nothing_is_cleaned_for_it(call: int):
    ports = ripe({VIDEO: MADE[VIDEO]})
    broken = faulty(ports.objects, Fault("read_range", StorageBusy("S3"), call=call))

    with pytest.raises(StorageBusy):
        settled(replace(ports, objects=broken))

    assert len(recorded(ports).session.films) < 3
    assert story.originals_stand(ports)
    assert settled(ports) == "CLEANED"


def test_an_operator_who_looked_at_them_accepts_outputs_that_are_not_plausible():
    ports = ripe({VIDEO: make_film(1)})
    why_kept(ports)

    picture = operations.accept(ports, OPERATOR, SESSION_ID, "the approach alone; I watched it")

    assert picture.session.order
    assert picture.session.order.accepted == "the approach alone; I watched it"
    assert settled(ports) == "CLEANED"


@pytest.mark.parametrize("principal", [NORTH, PROCESSOR])
def test_nobody_but_an_operator_accepts(principal):
    ports = ripe({VIDEO: make_film(1)})

    with pytest.raises(NotPermitted):
        operations.accept(ports, principal, SESSION_ID, "mine")

    why_kept(ports)


def test_nothing_is_accepted_before_it_is_made():
    ports = memory_ports()
    story.haul(ports)

    with pytest.raises(StateConflict, match="STORED: outputs can be accepted once all of them are verified"):
        operations.accept(ports, OPERATOR, SESSION_ID, "it will be fine")


def test_what_is_restored_is_read_again_as_the_version_that_it_is_now():
    ports = ripe({VIDEO: MADE[VIDEO]})
    settled(ports)
    operations.restore(ports, OPERATOR, SESSION_ID, None, "cut again")
    story.let_pass(ports, 2 * ports.policy.in_flight_s, rounds=4)
    operations.hold(ports, OPERATOR, SESSION_ID, None)
    before = recorded(ports).session.films

    story.let_grace_pass(ports)

    assert story.state_of(ports) == "CLEANED"
    after = recorded(ports).session.films
    assert [film.duration_ms for film in after] == [film.duration_ms for film in before]
    assert {film.version_id for film in after} & {film.version_id for film in before} == {
        before[-1].version_id
    }
