"""What every FrameIndex does, whatever it stands on."""

import io
import tempfile

import pytest

from chalicelib.core.errors import NotFound, VersionGone
from chalicelib.core.ids import SessionId
from chalicelib.core.keys import OF_SESSIONS
from tests.contracts.worlds import World

BODY = bytes(range(256)) * 4096
"""Longer than a chunk."""


@pytest.fixture
def key(session_id: SessionId) -> str:
    return f"index/{session_id}/papi/0123456789abcdef/frames.jsonl.gz"


@pytest.fixture
def version_id(world: World, key: str) -> str:
    """The version that holds BODY, the only one of the key."""
    world.put_object(key, BODY)
    (version_id,) = world.version_ids(key)
    return version_id


def test_a_source_brings_every_byte_of_its_version_in_chunks(world: World, key: str, version_id: str):
    chunks = list(world.frame_index.source(key, version_id))

    assert b"".join(chunks) == BODY
    assert len(chunks) > 1


def test_a_source_is_its_version_whatever_stands_on_the_key_later(world: World, key: str, version_id: str):
    world.put_object(key, b"newer")
    world.mark_deleted(key)

    assert b"".join(world.frame_index.source(key, version_id)) == BODY


def test_a_source_of_another_keys_version_is_gone(world: World, key: str, version_id: str):
    with pytest.raises(VersionGone):
        list(world.frame_index.source(f"{key}x", version_id))


def test_a_source_of_a_version_that_never_was_is_gone(world: World, key: str, version_id: str):
    with pytest.raises(VersionGone):
        list(world.frame_index.source(key, f"{version_id}x"))


def test_what_is_put_is_read_again(world: World, key: str):
    world.frame_index.put(key, io.BytesIO(BODY))

    assert world.frame_index.read(key) == BODY


def test_a_file_is_put_whole(world: World, key: str):
    with tempfile.TemporaryFile() as file:
        file.write(BODY)
        file.seek(0)
        world.frame_index.put(key, file)

    assert world.body(key) == BODY


def test_what_is_put_again_replaces_what_was_there(world: World, key: str, version_id: str):
    world.frame_index.put(key, io.BytesIO(b"other"))

    assert world.frame_index.read(key) == b"other"


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (0, 0),
        (0, 9),
        (5, 5),
        (1000, 2000),
        (len(BODY) - 1, len(BODY) - 1),
        (7, None),
        (len(BODY) - 3, len(BODY) + 3),
    ],
)
def test_a_range_has_its_first_and_its_last_byte(
    world: World, key: str, version_id: str, first: int, last: int | None
):
    assert world.frame_index.read(key, first, last) == BODY[first : None if last is None else last + 1]


def test_a_range_behind_the_end_is_not_found(world: World, key: str, version_id: str):
    with pytest.raises(NotFound):
        world.frame_index.read(key, len(BODY))


def test_what_is_not_there_is_not_found(world: World, key: str):
    with pytest.raises(NotFound):
        world.frame_index.read(key)


def test_what_is_marked_deleted_is_not_found(world: World, key: str, version_id: str):
    world.mark_deleted(key)

    with pytest.raises(NotFound):
        world.frame_index.read(key)


@pytest.mark.parametrize("kind", ["index", "lake"])
def test_what_is_removed_is_not_found_and_removing_it_again_changes_nothing(
    world: World, session_id: SessionId, kind: str
):
    key = f"{kind}/{session_id}/old"
    world.put_object(key, BODY)

    world.frame_index.remove(key)
    world.frame_index.remove(key)

    with pytest.raises(NotFound):
        world.frame_index.read(key)


@pytest.mark.parametrize("prefix", [*OF_SESSIONS, "", "indexes/", "lakes/", "results/", "/index/", "INDEX/"])
def test_nothing_but_an_index_and_the_lake_is_ever_removed(world: World, session_id: SessionId, prefix: str):
    key = f"{prefix}{session_id}/kept"
    world.put_object(key, BODY)

    with pytest.raises(ValueError, match="never removed"):
        world.frame_index.remove(key)

    assert world.body(key) == BODY


def test_what_is_put_shows_no_crc64nvme(world: World, key: str):
    world.frame_index.put(key, io.BytesIO(BODY))

    stored = world.objects.head(key)

    assert stored is not None
    assert (stored.size_bytes, stored.crc64nvme) == (len(BODY), None)
