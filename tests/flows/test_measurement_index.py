"""Indexing a measurements file, and reading what was indexed."""

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.core.artifact import required_id
from chalicelib.core.errors import StateConflict, StorageBusy, VersionGone
from chalicelib.core.ids import name_of, project_of
from chalicelib.core.measurements import blocks
from chalicelib.core.measurements.index import FORMAT, Index, revision_of
from chalicelib.core.measurements.limits import MOST_SOURCE_BYTES
from chalicelib.core.measurements.ranges import Wanted
from chalicelib.core.upload import Receipt
from chalicelib.flows.index_measurements import index_measurements
from chalicelib.flows.measurement_index import read_frames, read_summary
from tests.support.builders import DEVICE_ID, SESSION_ID, START, UPLOAD_ID, make_session
from tests.support.measurements import as_document, as_lines, make_frames, zipped
from tests.support.memory import (
    MemoryFrameIndex,
    MemoryLake,
    MemoryObjectStore,
    MovableClock,
    crc64nvme_of,
    rows_of,
)

INDEX = ("frames.jsonl.gz", "blocks.json.gz", "overview.json.gz", "summary.json")
ALL = (*INDEX, "papi", "papi_summary")
KEY = f"measurements/{SESSION_ID}/papi.json.gz"


class Bucket:
    """A bucket with a measurements file, its receipt, and all that is written beside it."""

    def __init__(self, content: bytes) -> None:
        self.objects = MemoryObjectStore()
        self.frame_index = MemoryFrameIndex(self.objects)
        self.session = make_session()
        self.receipt = self.arrived(content)

    def arrived(self, content: bytes) -> Receipt:
        self.objects.put_object(KEY, content)
        version_id = self.objects.versions(KEY)[-1].version_id
        artifact_id = required_id("measurements.papi")
        crc = crc64nvme_of(content)
        return Receipt(UPLOAD_ID, artifact_id, KEY, version_id, len(content), crc, START)

    def index(self, receipt: Receipt | None = None) -> Index:
        return self.index_at(self.frame_index, receipt)

    def index_at(self, frame_index: MemoryFrameIndex, receipt: Receipt | None = None) -> Index:
        return index_measurements(
            frame_index, MemoryLake(), self.session, receipt or self.receipt, MovableClock()
        )

    def written(self, index: Index) -> dict[str, bytes]:
        """The objects of the index, and those of the lake by their table; only those that are there."""
        prefix = f"index/{SESSION_ID}/papi/{index.revision}/"
        file = f"dt={START.date()}/{str(SESSION_ID).replace('/', '.')}.papi.{index.revision}.parquet"
        keys = {name: prefix + name for name in INDEX} | {
            name: f"lake/kind={name}/{file}" for name in ("papi", "papi_summary", "generic")
        }
        return {name: self.objects.body(key) for name, key in keys.items() if self.objects.head(key)}

    def rows(self, index: Index, table: str = "papi") -> list[dict[str, Any]]:
        """The rows of a table of the lake."""
        return rows_of(self.written(index)[table])


class Failing(MemoryFrameIndex):
    """Storage that fails after so many chunks of a source, and at the writes of one name."""

    def __init__(self, objects: MemoryObjectStore, chunks: int = 10**9, name: str = "-") -> None:
        super().__init__(objects)
        self._chunks = chunks
        self._name = name

    def source(self, key: str, version_id: str) -> Iterator[bytes]:
        for number, chunk in enumerate(super().source(key, version_id)):
            if number == self._chunks:
                raise StorageBusy("the body ended early")
            yield chunk

    def put(self, key: str, content: BinaryIO) -> None:
        if key.endswith(self._name) or f"kind={self._name}" in key:
            raise StorageBusy("not now")
        super().put(key, content)


def test_an_index_is_written_under_the_revision_of_its_version():
    bucket = Bucket(zipped(as_document(make_frames(301))))

    index = bucket.index()

    revision = revision_of(bucket.receipt.version_id)
    assert index == Index(
        bucket.receipt.artifact_id,
        bucket.receipt.version_id,
        revision,
        "papi",
        301,
        0,
        START,
        None,
        10_000,
        FORMAT,
        index.objects,
    )
    assert index.is_published
    written = bucket.written(index)
    assert [
        json.loads(line) for line in gzip.decompress(written["frames.jsonl.gz"]).splitlines()
    ] == make_frames(301)
    assert blocks.decoded(written["blocks.json.gz"]).revision == revision
    assert json.loads(written["summary.json"])["frames"] == 301


@pytest.mark.parametrize("spare", [-1, 0, 1])
def test_an_index_and_its_part_of_the_lake_have_a_cap_together(spare: int):
    """What is on disk once the last block is written: the rows of a group that is not full are not yet."""
    bucket = Bucket(as_document(make_frames(301)))
    made = bucket.index()
    [lake_key] = [key for key in made.objects if key.startswith("lake/kind=papi/")]
    head = bucket.objects.body(lake_key).splitlines(keepends=True)[0]
    size_bytes = len(bucket.written(made)["frames.jsonl.gz"]) + len(head)

    index = index_measurements(
        bucket.frame_index, MemoryLake(), bucket.session, bucket.receipt, MovableClock(), size_bytes + spare
    )

    assert index.is_published is (spare >= 0)
    if spare < 0:
        assert index.quarantine == (
            f"the index and its part of the lake would be larger than {size_bytes - 1} bytes"
        )


def test_a_revision_is_of_one_version_alone_and_always_the_same():
    assert revision_of("v1") == revision_of("v1") != revision_of("v2")
    assert len(revision_of("v1")) == 16


def test_the_version_of_the_receipt_is_indexed_whatever_stands_on_the_key():
    bucket = Bucket(as_lines(make_frames(2)))
    bucket.arrived(b"newer, and poison")

    assert bucket.index().frames == 2


def test_another_version_is_another_index_and_leaves_the_first_as_it_was():
    bucket = Bucket(as_lines(make_frames(2)))
    first = bucket.index()
    before = bucket.written(first)

    second = bucket.index(bucket.arrived(as_lines(make_frames(5))))

    assert (first.frames, second.frames) == (2, 5)
    assert bucket.written(first) == before


def test_indexing_again_writes_the_same_bytes():
    bucket = Bucket(as_lines(make_frames(301)))
    before = bucket.written(bucket.index())

    assert bucket.written(bucket.index()) == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"[", "too early"),
        (zipped(as_lines(make_frames(400)))[:-1], "too early"),
        (as_document(make_frames(400))[:-1], "too early"),
        (as_document(make_frames(1), kind="gpmf"), "unknown kind"),
        (b"[{}]", "no frame"),
        (b"[" * 100_000, "deeper"),
        (as_lines(make_frames(400)) + b'{"a":tru}\n', "frame 401"),
    ],
)
def test_poison_is_quarantined_with_its_reason_and_nothing_is_written(content: bytes, reason: str):
    bucket = Bucket(content)

    index = bucket.index()

    assert not index.is_published
    assert reason in (index.quarantine or "")
    assert (index.frames, index.rejected) == (0, 0)
    assert bucket.written(index) == {}


@pytest.mark.parametrize(("beyond", "is_published"), [(-1, True), (0, True), (1, False)])
def test_a_file_that_is_too_large_is_quarantined_unread(beyond: int, is_published: bool):
    bucket = Bucket(as_lines(make_frames(1)))

    index = bucket.index(replace(bucket.receipt, size_bytes=MOST_SOURCE_BYTES + beyond))

    assert index.is_published == is_published
    unread = replace(bucket.receipt, size_bytes=MOST_SOURCE_BYTES + 1, version_id="never")
    assert not bucket.index(unread).is_published


def test_a_version_that_is_gone_is_no_poison():
    bucket = Bucket(b"[]")

    with pytest.raises(VersionGone):
        bucket.index(replace(bucket.receipt, version_id="never"))


@pytest.mark.parametrize("chunks", [0, 1, 5])
def test_a_body_that_ends_early_is_no_poison(chunks: int):
    bucket = Bucket(as_lines(make_frames(301)))

    with pytest.raises(StorageBusy):
        bucket.index_at(Failing(bucket.objects, chunks))


@pytest.mark.parametrize("name", [*INDEX, "papi/", "papi_summary/"])
def test_a_write_that_fails_is_no_poison_and_the_next_try_writes_all(name: str):
    bucket = Bucket(as_lines(make_frames(2)))

    with pytest.raises(StorageBusy):
        bucket.index_at(Failing(bucket.objects, name=name))

    assert tuple(bucket.written(bucket.index())) == ALL


def test_a_range_is_read_with_one_read_of_the_blocks_and_one_of_their_bytes():
    bucket = Bucket(as_lines(make_frames(901)))
    index = bucket.index()

    answer = read_frames(bucket.frame_index, SESSION_ID, index, Wanted(from_s=10, to_s=20))

    assert list(answer.frames) == make_frames(300, start=300)
    assert answer.next_frame is None
    (_, *whole), (key, first, last) = bucket.frame_index.reads
    assert whole == [0, None]
    assert key.endswith("frames.jsonl.gz")
    assert last is not None
    assert len(gzip.decompress(bucket.objects.body(key)[first : last + 1]).splitlines()) == 300


def test_a_range_without_frames_reads_the_blocks_alone():
    bucket = Bucket(as_lines(make_frames(3)))
    index = bucket.index()

    assert read_frames(bucket.frame_index, SESSION_ID, index, Wanted(from_frame=3)).frames == ()
    assert len(bucket.frame_index.reads) == 1


def test_the_summary_is_read_as_it_was_written():
    bucket = Bucket(as_lines(make_frames(3)))
    index = bucket.index()

    assert json.loads(read_summary(bucket.frame_index, SESSION_ID, index))["frames"] == 3


def test_of_a_quarantined_file_nothing_is_read():
    bucket = Bucket(b"[]")
    index = bucket.index()

    with pytest.raises(StateConflict, match="quarantine"):
        read_frames(bucket.frame_index, SESSION_ID, index, Wanted())
    with pytest.raises(StateConflict, match="quarantine"):
        read_summary(bucket.frame_index, SESSION_ID, index)
    assert bucket.frame_index.reads == []


WHOLE = as_document(make_frames(3), metadata={"k": [1.5, {"a": None}]}, kind="papi")
LINES = as_lines(make_frames(3))


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=100).map(zipped)))
def test_any_bytes_are_an_index_or_a_quarantine(content: bytes):
    index = Bucket(content).index()

    assert index.is_published == (index.frames > 0)


@given(
    st.sampled_from([WHOLE, LINES, zipped(WHOLE), zipped(LINES, 3)]),
    st.lists(
        st.tuples(st.integers(0, 6000), st.integers(0, 9), st.binary(max_size=4)), min_size=1, max_size=4
    ),
)
def test_a_damaged_file_is_an_index_or_a_quarantine(content: bytes, damages: list[tuple[int, int, bytes]]):
    for place, dropped, put_in in damages:
        at = place % (len(content) or 1)
        content = content[:at] + put_in + content[at + dropped :]
    bucket = Bucket(content)

    index = bucket.index()

    assert index.is_published == (index.frames > 0)
    for body in bucket.written(index).values():
        assert b"NaN" not in body or b'reason":"NaN' in body


NAME = name_of(SESSION_ID)


@pytest.mark.parametrize("named", [NAME, str(SESSION_ID), None])
@pytest.mark.parametrize(
    "content",
    [
        lambda named: as_document(make_frames(3), session_id=named),
        lambda named: as_document(make_frames(3), metadata={"session_id": named, "pilot": "north"}),
        lambda named: as_lines({**frame, "session_id": named} for frame in make_frames(3)),
    ],
    ids=["document", "metadata", "frames"],
)
def test_measurements_that_name_their_session_are_indexed(
    content: Callable[[str | None], bytes], named: str | None
):
    index = Bucket(content(named)).index()

    assert (index.quarantine, index.frames) == (None, 3)


@pytest.mark.parametrize(
    "named", ["match-18-south", f"{SESSION_ID}/", "", 17, ["match-17"], {"id": 1}, False]
)
@pytest.mark.parametrize(
    "content",
    [
        lambda named: as_document(make_frames(3), session_id=named),
        lambda named: as_document(make_frames(3), metadata={"session_id": named}),
        lambda named: as_lines({**frame, "session_id": named} for frame in make_frames(3)),
    ],
    ids=["document", "metadata", "frames"],
)
def test_measurements_that_name_another_session_are_quarantined_with_both_names(
    content: Callable[[object], bytes], named: object
):
    bucket = Bucket(content(named))

    index = bucket.index()

    assert index.quarantine
    assert "the file names session" in index.quarantine
    assert "belong" in index.quarantine
    assert str(SESSION_ID) in index.quarantine
    assert bucket.written(index) == {}


def test_measurements_of_a_session_of_that_name_in_another_project_are_quarantined():
    index = Bucket(as_document(make_frames(3), project="other", session_id=NAME)).index()

    assert index.quarantine
    assert f"the file names session '{NAME}' of project 'other'" in index.quarantine


@pytest.mark.parametrize(
    "said",
    [{"project": project_of(SESSION_ID), "session_id": NAME}, {"project": "runway 25L"}],
    ids=["its own project and session", "a project of its writer's, and no session"],
)
def test_measurements_that_name_no_other_session_are_indexed(said):
    assert Bucket(as_document(make_frames(3), **said)).index().quarantine is None


@pytest.mark.parametrize(
    "content",
    [
        as_document(make_frames(3), session_id=NAME, metadata={"session_id": "match-18"}),
        as_document([*make_frames(2), {**make_frames(3)[2], "session_id": "match-18"}], session_id=NAME),
        as_lines(
            [{**make_frames(1)[0], "session_id": NAME}, {**make_frames(2)[1], "session_id": "match-18"}]
        ),
    ],
    ids=["document and metadata", "document and a frame", "two frames"],
)
def test_measurements_that_name_two_sessions_are_quarantined(content: bytes):
    index = Bucket(content).index()

    assert index.quarantine
    assert "names two sessions" in index.quarantine


def test_the_lake_has_exactly_the_accepted_frames():
    frames = [*make_frames(301), {"frame_number": 7, "timestamp": 1.0}, *make_frames(2, start=500)]
    bucket = Bucket(as_lines(frames))

    index = bucket.index()

    accepted = [
        json.loads(line) for line in gzip.decompress(bucket.written(index)["frames.jsonl.gz"]).splitlines()
    ]
    assert (index.frames, index.rejected) == (303, 1)
    assert [(row["frame_number"], row["time_s"]) for row in bucket.rows(index)] == [
        (frame["frame_number"], frame["timestamp"]) for frame in accepted
    ]
    assert [row["papi_b_angle"] for row in bucket.rows(index)] == [
        frame["papi_b"]["angle"] for frame in accepted
    ]


def test_every_row_of_the_lake_says_where_it_is_from():
    bucket = Bucket(as_lines(make_frames(2)))
    bucket.session = make_session(group="derby")

    index = bucket.index()

    said = {
        "project": project_of(SESSION_ID),
        "session": name_of(SESSION_ID),
        "device": DEVICE_ID,
        "group_name": "derby",
        "camera": "C3501324500711",
        "measurements": "papi",
        "revision": index.revision,
        "measured_at": bucket.receipt.verified_at.isoformat(),
    }
    for table in ("papi", "papi_summary"):
        assert all(said.items() <= row.items() for row in bucket.rows(index, table))


def test_what_no_column_holds_is_in_the_lake_as_json_and_nothing_becomes_zero():
    frame = {"frame_number": 3, "timestamp": 0.1, "papi_a": {"status": None, "wind": 3}, "note": "x"}
    bucket = Bucket(as_lines([frame]))

    (row,) = bucket.rows(bucket.index())

    assert json.loads(row["extra"]) == {"note": "x", "papi_a": {"wind": 3}}
    assert {row[name] for name in ("drone_elevation", "papi_a_angle", "papi_a_status", "papi_h_rgb_r")} == {
        None
    }


def test_frames_of_another_kind_are_in_a_table_of_their_own():
    frames = [{"frame_number": n, "timestamp": n / 30, "wind": n * 2, "gust": None} for n in range(3)]
    bucket = Bucket(as_document(frames, kind="generic"))

    index = bucket.index()

    assert set(bucket.written(index)) == {*INDEX, "generic"}
    assert [row["numbers"] for row in bucket.rows(index, "generic")] == [{"wind": n * 2.0} for n in range(3)]


def test_an_index_names_all_that_was_written_in_the_order_of_writing():
    bucket = Bucket(as_lines(make_frames(2)))
    writes: list[str] = []

    class Noting(MemoryFrameIndex):
        def put(self, key: str, content: BinaryIO) -> None:
            writes.append(key)
            super().put(key, content)

    index = bucket.index_at(Noting(bucket.objects))

    assert list(index.objects) == writes
    assert [key.partition("/")[0] for key in writes] == ["index"] * 4 + ["lake"] * 2


def test_a_light_that_did_not_turn_has_a_row_in_the_summary():
    bucket = Bucket(as_lines([{"frame_number": 0, "timestamp": 0.0, "papi_c": {"status": "red"}}]))

    (row,) = bucket.rows(bucket.index(), "papi_summary")

    assert (row["light"], row["run"], row["angle"], row["verdict"]) == (
        "papi_c",
        1,
        None,
        "not enough data",
    )


@pytest.mark.parametrize("place", [0, 1])
def test_a_kind_that_is_named_late_leaves_no_row_of_another(place: int):
    frames = [{"frame_number": n, "timestamp": n / 30, "wind": n} for n in range(700)]
    members = [("frames", frames), ("kind", "generic")]
    content = json.dumps(dict(reversed(members) if place else members)).encode()

    index = (bucket := Bucket(content)).index()

    assert set(bucket.written(index)) == {*INDEX, "generic"}
    assert len(bucket.rows(index, "generic")) == 700
