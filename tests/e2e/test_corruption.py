"""A thousand parts that changed on their way or on the disk: a thousand refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from edge_client.base.disk import SystemDisk
from edge_client.base.errors import PartCorrupt
from edge_client.model.parts import PartPlan
from edge_client.spool.budget import SpoolBudget
from edge_client.spool.chapter import ChapterSpool
from tests.e2e.rig import DEADLINE_S, PART_SIZE_BYTES, Rig
from tests.e2e.test_by_hand import crc_of, opened

CORRUPTED = 1000


def bit_flipped(chance: random.Random, true: bytes) -> bytes:
    body = bytearray(true)
    body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    return bytes(body)


def bytes_swapped(chance: random.Random, true: bytes) -> bytes:
    """Two neighbours that differ change places."""
    body = bytearray(true)
    at = next(n for n in _from(chance, len(body) - 1) if body[n] != body[n + 1])
    body[at], body[at + 1] = body[at + 1], body[at]
    return bytes(body)


def end_zeroed(chance: random.Random, true: bytes) -> bytes:
    """As a disk leaves it that lost power: the length is right, the last blocks are not."""
    kept = chance.randrange(len(true) - 1)
    return true[:kept] + bytes(len(true) - kept)


def shifted(chance: random.Random, true: bytes) -> bytes:
    """Some bytes were lost, and what followed came sooner."""
    lost = chance.randrange(1, 64)
    return true[lost:] + true[:lost]


def another(chance: random.Random, true: bytes) -> bytes:
    """Another part's bytes, of the same length."""
    return chance.randbytes(len(true))


KINDS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    bit_flipped,
    bytes_swapped,
    end_zeroed,
    shifted,
    another,
)


def _from(chance: random.Random, count: int) -> list[int]:
    """All of `count`, beginning anywhere."""
    first = chance.randrange(count)
    return [*range(first, count), *range(first)]


def corrupted(seed: int, true: bytes) -> bytes:
    """The bytes of a part, wrong in the way and place that follow from the seed."""
    chance = random.Random(seed)
    body = KINDS[seed % len(KINDS)](chance, true)
    assert len(body) == len(true)
    assert body != true
    return body


TRUE = random.Random(1).randbytes(PART_SIZE_BYTES)


@pytest.mark.e2e
def test_of_a_thousand_parts_that_changed_on_their_way_s3_takes_none(rig: Rig):
    upload_id = opened(rig, "a-thousand")
    wanted = {"parts": [{"number": 1, "crc64nvme": crc_of(TRUE)}]}
    [url] = rig.call("POST", f"/v1/uploads/{upload_id}/part-urls", wanted).json()["part_urls"]
    with requests.Session() as s3:

        def put(body: bytes) -> int:
            return s3.put(url["url"], data=body, headers=url["headers"], timeout=DEADLINE_S).status_code

        answers = [put(corrupted(seed, TRUE)) for seed in range(CORRUPTED)]

        assert answers == [400] * CORRUPTED
        assert rig.call("GET", f"/v1/uploads/{upload_id}").json()["parts"] == []
        assert put(TRUE) == 200


def test_of_a_thousand_parts_that_changed_in_the_spool_none_goes_out_whole(tmp_path: Path):
    folder, plan = tmp_path / "s" / "chapter", PartPlan(PART_SIZE_BYTES, PART_SIZE_BYTES, 1)
    parts = ChapterSpool(str(folder), SystemDisk(), SpoolBudget(str(tmp_path), SystemDisk(), 10**9))
    with parts.open_writer(plan.span(1)) as writer:
        writer.write(TRUE)
        part = writer.commit()
    buffer = memoryview(bytearray(16 * 1024))

    def leaves(body: bytes) -> int:
        """How many bytes leave before the part is found to have changed; all of them when it is not."""
        (folder / part.filename).write_bytes(body)
        left_bytes = 0
        try:
            for block in parts.reader(part).blocks(buffer):
                left_bytes += len(block)
        except PartCorrupt:
            return left_bytes
        return left_bytes

    assert max(leaves(corrupted(seed, TRUE)) for seed in range(CORRUPTED)) < PART_SIZE_BYTES
    assert leaves(TRUE) == PART_SIZE_BYTES
