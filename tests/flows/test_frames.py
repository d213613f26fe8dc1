"""Reading the frames of a session, as its record and its index have them."""

import gzip
import json

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import InvalidRequest, NotFound
from chalicelib.core.ids import ArtifactId
from chalicelib.core.keys import index_prefix
from chalicelib.core.measurements.blocks import LONGEST_COLUMN, MOST_COLUMNS
from chalicelib.core.measurements.index import revision_of
from chalicelib.core.measurements.ranges import Frames, Wanted
from chalicelib.core.order import wish
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows import frames
from chalicelib.flows.settle import settle_session
from chalicelib.flows.store import load
from chalicelib.ports import Change
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, memory_ports
from tests.support.measurements import as_list, make_frame, make_frames
from tests.support.memory.frame_index import MemoryFrameIndex
from tests.support.story import LIGHTS, OPERATOR, PROCESSOR

OTHER = ArtifactId("measurements.other.json")
FRAMES = make_frames(3)


def processed(*required: ArtifactId, body: bytes | None = None, by: Actor = Actor.MADE_EVENT) -> MemoryPorts:
    """A session of which these measurements were made and settled as `by` may."""
    ports = memory_ports()
    story.haul(ports, wish(list(required), {}))
    story.process(ports, dict.fromkeys(required, as_list(FRAMES) if body is None else body))
    settle_session(ports, SESSION_ID, by)
    return ports


def read(ports: MemoryPorts, wanted: Wanted | None = None, artifact_id: ArtifactId | None = None) -> Frames:
    _, found = frames.view_frames(ports, OPERATOR, SESSION_ID, artifact_id, wanted or Wanted())
    return found


def blocks_key(ports: MemoryPorts) -> str:
    revision = revision_of(ports.objects.versions(story.key_of(LIGHTS))[-1].version_id)
    return f"{index_prefix(SESSION_ID, LIGHTS, revision)}blocks.json.gz"


def mark_as_older(ports: MemoryPorts) -> None:
    """Have the index on record be one of format 1."""
    picture = load(ports, SESSION_ID)
    session = replace(picture.session, version=picture.session.version + 1)
    indexes = tuple(replace(index, format=1) for index in picture.indexes)
    ports.records.write(Change(session, indexes=indexes))


@pytest.mark.parametrize("principal", [PROCESSOR, OPERATOR], ids=lambda who: who.role.value)
def test_whoever_may_see_the_session_may_read_its_frames(principal: Principal):
    ports = processed(LIGHTS)

    index, found = frames.view_frames(ports, principal, SESSION_ID, None, Wanted())

    assert list(found.frames) == FRAMES
    assert (index.artifact_id, index.frames) == (LIGHTS, 3)
    assert json.loads(frames.view_summary(ports, principal, SESSION_ID, None))["frames"] == 3


@pytest.mark.parametrize(
    "stranger",
    [Principal(Role.OPERATOR, "club", None), Principal(Role.PROCESSOR, "club", None)],
    ids=["an operator", "a processor"],
)
def test_frames_are_hidden_from_whoever_may_not_see_the_session(stranger: Principal):
    ports = processed(LIGHTS)

    with pytest.raises(NotFound, match="no session with this id"):
        frames.view_frames(ports, stranger, SESSION_ID, None, Wanted())
    with pytest.raises(NotFound, match="no session with this id"):
        frames.view_summary(ports, stranger, SESSION_ID, None)


def test_measurements_that_are_verified_and_not_indexed_are_asked_for_again():
    ports = processed(LIGHTS, by=Actor.EVENT)

    with pytest.raises(NotFound, match="verified but not indexed yet; ask again in a moment"):
        read(ports)

    settle_session(ports, SESSION_ID, Actor.MADE_EVENT)
    assert list(read(ports).frames) == FRAMES


def test_of_several_measurements_one_is_named():
    ports = processed(LIGHTS, OTHER)

    with pytest.raises(InvalidRequest, match=f"several measurements; name one of {LIGHTS}, {OTHER}"):
        read(ports)

    assert len(read(ports, artifact_id=OTHER).frames) == 3


def test_poison_is_answered_with_its_reason():
    with pytest.raises(NotFound, match=r"is poison and has no frames: .*neither \[ nor \{"):
        read(processed(LIGHTS, body=b"nothing"))


def test_the_columns_that_there_are_are_those_of_all_blocks():
    many = [make_frame(number) for number in range(301)]
    ports = processed(LIGHTS, body=as_list([*many, make_frame(301, gust=7)]))

    assert json.loads(gzip.decompress(ports.objects.body(blocks_key(ports))))["columns"] == sorted(
        make_frame(gust=7)
    )
    assert len(read(ports, Wanted(columns=("gust",))).frames) == 302


@pytest.mark.parametrize("column", ["gusts", "Gust", ""])
def test_a_column_that_there_is_not_is_refused_with_those_that_there_are(column: str):
    with pytest.raises(
        InvalidRequest, match=rf"^columns: no frame has {column}; there are drone_elevation, "
    ):
        read(processed(LIGHTS), Wanted(columns=("papi_a", column)))


def test_an_older_index_does_not_know_its_columns_and_refuses_none():
    ports = processed(LIGHTS)
    key = blocks_key(ports)
    before = json.loads(gzip.decompress(ports.objects.body(key)))
    del before["columns"]
    older_key = key.removesuffix(".gz")
    ports.objects.put_object(older_key, json.dumps(before).encode())
    mark_as_older(ports)

    assert read(ports, Wanted(columns=("x",), limit=1)).frames == ({"frame_number": 0, "timestamp": 0.0},)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_columns_are_noted_up_to_a_number(more: int):
    usual = len(make_frame())
    extra = {f"x{number}": 1 for number in range(MOST_COLUMNS - usual + more)}
    ports = processed(LIGHTS, body=as_list([make_frame(0, **extra)]))

    noted = json.loads(gzip.decompress(ports.objects.body(blocks_key(ports))))["columns"]

    assert (noted is None) is (more > 0)
    assert noted is None or len(noted) == MOST_COLUMNS + more


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_columns_are_noted_up_to_a_length(more: int):
    name = "x" * (LONGEST_COLUMN + more)
    ports = processed(LIGHTS, body=as_list([make_frame(0, **{name: 1}), make_frame(1)]))

    noted = json.loads(gzip.decompress(ports.objects.body(blocks_key(ports))))["columns"]

    assert (noted is None) is (more > 0)
    assert len(read(ports, Wanted(columns=(name,))).frames) == 2


@pytest.fixture(scope="module")
def long_film() -> MemoryPorts:
    """102 blocks of 300 small frames."""
    frames_of_it = [
        {"frame_number": number, "timestamp": number / 30, "drone_elevation": 100 + number % 7}
        for number in range(102 * 300)
    ]
    return processed(LIGHTS, body=as_list(frames_of_it))


@pytest.mark.parametrize(("blocks", "source"), [(99, "frames"), (100, "frames"), (101, "overview")])
def test_points_of_up_to_100_blocks_come_from_the_frames(long_film: MemoryPorts, blocks: int, source: str):
    wanted = Wanted(from_frame=300, to_frame=300 + blocks * 300)

    _, found = frames.view_points(long_film, OPERATOR, SESSION_ID, None, wanted, 10)

    elevations = found["numbers"]["drone_elevation"]
    assert found["source"] == source
    assert len(found["count"]) <= 10
    assert (min(elevations["min"]), max(elevations["max"])) == (100, 106)
    assert source == "overview" or sum(found["count"]) == blocks * 300


@pytest.mark.parametrize(("wanted", "reads"), [(Wanted(), 1), (Wanted(from_frame=600, to_frame=900), 2)])
def test_points_of_a_whole_film_are_one_read_and_those_of_a_range_two(
    long_film: MemoryPorts, wanted: Wanted, reads: int
):
    index = MemoryFrameIndex(long_film.objects)

    frames.view_points(replace(long_film, frame_index=index), OPERATOR, SESSION_ID, None, wanted, 1000)

    assert len(index.reads) == reads


def test_the_whole_file_that_the_bucket_lost_is_missing():
    ports = processed(LIGHTS)
    ports.objects.mark_deleted(blocks_key(ports))

    with pytest.raises(NotFound, match="ask again in a moment"):
        frames.sign_frames(ports, OPERATOR, SESSION_ID, None)
