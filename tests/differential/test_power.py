"""Sequences as each run plays them find a bug that is planted in a model."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from chalicelib.core.crc import Crc64Nvme, fold
from chalicelib.core.parts import StoredPart
from chalicelib.ports import Change
from tests.contracts.worlds import AwsWorld, MemoryWorld, Place
from tests.differential.pair import FOUND, play
from tests.differential.test_object_store import Buckets, Side
from tests.differential.test_table import Sessions
from tests.support.memory import MemoryObjectStore, MemoryRecords


class TakesAnyChecksum(MemoryObjectStore):
    def complete(
        self, key: str, multipart_id: str, parts: Sequence[StoredPart], crc64nvme: Crc64Nvme, size_bytes: int
    ) -> None:
        right = fold((part.crc64nvme, part.size_bytes) for part in parts)
        super().complete(key, multipart_id, parts, right, size_bytes)


class RemovesAnything(MemoryObjectStore):
    def remove(self, key: str, etag: str) -> None:
        stored = self.head(key)
        super().remove(key, stored.etag if stored else etag)


class TakesAnyVersion(MemoryRecords):
    def write(self, change: Change) -> None:
        known = self.picture(change.session.session_id)
        version = known.session.version + 1 if known else 1
        super().write(replace(change, session=replace(change.session, version=version)))


def buckets(place: Place, model: type[MemoryObjectStore]) -> Buckets:
    machine = Buckets(AwsWorld(place))
    world = MemoryWorld()
    world.objects = model()
    machine.pair.memory = Side(world)
    return machine


def tables(place: Place, model: type[MemoryRecords]) -> Sessions:
    machine = Sessions(AwsWorld(place))
    machine.pair.memory = model()
    return machine


@pytest.mark.parametrize("model", [TakesAnyChecksum, RemovesAnything])
def test_of_a_bucket(place: Place, model: type[MemoryObjectStore]):
    with pytest.raises(AssertionError, match="in memory"):
        play(lambda: buckets(place, model), 8, 25, FOUND)


def test_of_a_table(place: Place):
    with pytest.raises(AssertionError, match="in memory"):
        play(lambda: tables(place, TakesAnyVersion), 5, 25, FOUND)
