"""The world in memory: one adapter for every port, as strict as the real one (see tests/contracts)."""

from tests.support.memory.ambient import START, CountingMetrics, FixedIds, MovableClock
from tests.support.memory.frame_index import MemoryFrameIndex
from tests.support.memory.indexer import MemoryIndexer
from tests.support.memory.lake import MemoryLake, rows_of
from tests.support.memory.notifier import MemoryNotifier
from tests.support.memory.object_store import MemoryObjectStore, Refused, crc64nvme_of
from tests.support.memory.orders import MemoryOrders
from tests.support.memory.push import MemoryPush
from tests.support.memory.records import MemoryRecords
from tests.support.memory.signer import MemorySigner, deliver, fetch, post

__all__ = [
    "START",
    "CountingMetrics",
    "FixedIds",
    "MemoryFrameIndex",
    "MemoryIndexer",
    "MemoryLake",
    "MemoryNotifier",
    "MemoryObjectStore",
    "MemoryOrders",
    "MemoryPush",
    "MemoryRecords",
    "MemorySigner",
    "MovableClock",
    "Refused",
    "crc64nvme_of",
    "deliver",
    "fetch",
    "post",
    "rows_of",
]
