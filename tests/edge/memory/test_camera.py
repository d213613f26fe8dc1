"""What a test does to the camera in memory, beyond what every camera does."""

from __future__ import annotations

import pytest

from edge_client.base.errors import CameraUnreachable, FileInDoubt, ReadBroken
from edge_client.model.parts import Span
from edge_client.model.plan import ChapterPlan
from tests.edge.memory.camera import CREATED, MemoryCamera, MemoryFile

DIRECTORY, NAME = "100GOPRO", "GX010042.MP4"
PATH = f"{DIRECTORY}/{NAME}"
FILE = MemoryFile(bytes(range(100)))
CHAPTER = ChapterPlan(DIRECTORY, NAME, 100, CREATED, CREATED, FILE.etag, None)
ALL = Span(1, 0, 100)


def read(camera: MemoryCamera) -> bytes:
    taken = bytearray()
    camera.read_part(CHAPTER, ALL, taken.extend)
    return bytes(taken)


def test_the_third_read_is_broken():
    camera = MemoryCamera(files={PATH: FILE})
    camera.faults["read_part"] = [None, None, ReadBroken("torn")]

    found = [read(camera), read(camera)]
    with pytest.raises(ReadBroken, match="torn"):
        read(camera)

    assert [*found, read(camera)] == [FILE.content] * 3
    assert camera.reads == [(PATH, ALL)] * 4


def test_a_read_breaks_after_its_second_block():
    camera = MemoryCamera(files={PATH: FILE}, block_bytes=30)
    camera.faults["block"] = [None, ReadBroken("torn")]
    taken = bytearray()

    with pytest.raises(ReadBroken):
        camera.read_part(CHAPTER, ALL, taken.extend)

    assert taken == FILE.content[:60]


def test_the_camera_leaves_while_it_is_read():
    camera = MemoryCamera(files={PATH: FILE}, block_bytes=30)
    camera.faults["block"] = [camera.leave]

    for _ in range(2):
        with pytest.raises(CameraUnreachable):
            read(camera)


def test_a_card_is_swapped_before_a_read_and_what_keeps_the_camera_awake_notices_it_once():
    camera = MemoryCamera(files={PATH: FILE})
    other = {PATH: MemoryFile(bytes(100), etag='"other"')}
    camera.faults["read_part"] = [lambda: camera.swap_card(other)]

    with camera.keep_awake() as awake:
        with pytest.raises(FileInDoubt):
            read(camera)
        noticed = [awake.take_failure(), awake.take_failure()]
        keepers = camera.keepers

    assert noticed == [True, False]
    assert (keepers, camera.keepers) == (1, 0)
