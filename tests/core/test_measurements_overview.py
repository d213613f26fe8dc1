"""The overview: at most 1,000 buckets of any length, with the extremes in them and the gaps left open."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.measurements import overview
from chalicelib.core.measurements.columns import FrameColumns
from chalicelib.core.measurements.indexing import Indexing
from chalicelib.core.measurements.kinds import KINDS, Kind
from chalicelib.core.measurements.overview import MOST_BUCKETS, Overview
from chalicelib.core.measurements.ranges import Wanted
from tests.support.measurements import as_document, make_frame, make_frames

GENERIC = KINDS["generic"]
PAPI = KINDS["papi"]

rows = st.lists(
    st.tuples(st.integers(1, 400), st.none() | st.floats(-1e6, 1e6)),
    min_size=1,
    max_size=300,
)


def columns_of(*frames: tuple[int, float | None]) -> FrameColumns:
    """The columns of frames with one number `x`; None is a frame without it."""
    return read(
        GENERIC,
        *(
            {"frame_number": number, "timestamp": number / 10, **({} if x is None else {"x": x})}
            for number, x in frames
        ),
    )


def read(kind: Kind, *frames: dict[str, Any]) -> FrameColumns:
    return kind.read([json.dumps(frame).encode() for frame in frames])


def document_of(*frames: tuple[int, float | None], most: int = MOST_BUCKETS) -> dict[str, Any]:
    made = Overview(most)
    made.take(columns_of(*frames))
    return made.document("r", "generic")


def spaced(steps: list[tuple[int, float | None]]) -> list[tuple[int, float | None]]:
    """Frames whose numbers are the sums of `steps`."""
    number, found = 0, []
    for step, x in steps:
        number += step
        found.append((number, x))
    return found


def test_a_film_of_at_most_1000_frames_has_a_bucket_a_frame():
    found = document_of(*((number, float(number)) for number in range(1000)))

    assert found["frames_per_bucket"] == 1
    assert found["count"] == [1] * 1000
    assert found["numbers"]["x"]["mean"] == [float(number) for number in range(1000)]


@pytest.mark.parametrize(("frames", "width", "buckets"), [(1001, 2, 501), (2000, 2, 1000), (2001, 4, 501)])
def test_the_width_doubles_when_there_would_be_too_many_buckets(frames: int, width: int, buckets: int):
    found = document_of(*((number, 1.0) for number in range(frames)))

    assert (found["frames_per_bucket"], len(found["count"])) == (width, buckets)
    assert sum(found["count"]) == found["frames"] == frames


def test_a_gap_is_null_and_has_no_frames():
    found = document_of((5, 1.0), (8, 2.0))

    assert found["first_frame"] == 5
    assert found["count"] == [1, 0, 0, 1]
    assert found["first_s"] == [0.5, None, None, 0.8]
    assert found["numbers"]["x"] == {
        "count": [1, 0, 0, 1],
        "min": [1.0, None, None, 2.0],
        "max": [1.0, None, None, 2.0],
        "mean": [1.0, None, None, 2.0],
    }


def test_a_bucket_whose_frames_lack_a_number_is_null_for_it():
    found = document_of((0, None), (1, 3.0), (2, None))

    assert found["count"] == [1, 1, 1]
    assert found["numbers"]["x"]["min"] == [None, 3.0, None]


def test_the_greatest_frame_number_fits():
    found = document_of((0, 1.0), (2**53 - 1, 2.0))

    assert len(found["count"]) <= MOST_BUCKETS
    assert sum(found["count"]) == 2


def test_statuses_are_counted_in_each_bucket():
    made = Overview(2)
    lights = ["red", "red", "white", None]
    made.take(
        read(
            PAPI,
            *(
                {"frame_number": number, "timestamp": 0, "papi_a": {"status": status}}
                for number, status in enumerate(lights)
            ),
        )
    )

    assert made.document("r", "papi")["statuses"] == {"papi_a.status": {"red": [2, 0], "white": [0, 1]}}


@given(steps=rows, most=st.integers(1, 50), cut=st.integers(0, 300))
def test_each_bucket_has_the_extremes_the_mean_and_the_count_of_its_frames(
    steps: list[tuple[int, float | None]], most: int, cut: int
):
    frames = spaced(steps)
    made = Overview(most)
    for some in (frames[:cut], frames[cut:]):
        if some:
            made.take(columns_of(*some))
    found = made.document("r", "generic")

    assert len(found["count"]) <= most
    for place, count in enumerate(found["count"]):
        first = found["first_frame"] + place * found["frames_per_bucket"]
        held = [x for number, x in frames if first <= number < first + found["frames_per_bucket"]]
        values = [x for x in held if x is not None]
        assert count == len(held)
        lists = found["numbers"].get("x")
        if not values:
            assert lists is None or lists["min"][place] is None
            continue
        assert (lists["min"][place], lists["max"][place]) == (min(values), max(values))
        assert lists["mean"][place] == pytest.approx(sum(values) / len(values), abs=1e-6)
        assert min(values) <= lists["mean"][place] <= max(values)


@given(steps=rows, points=st.integers(1, 60))
def test_points_of_the_overview_are_those_of_the_frames(steps: list[tuple[int, float | None]], points: int):
    frames = spaced(steps)
    found = overview.shown(document_of(*frames), Wanted(), points)

    assert 1 <= len(found["count"]) <= points
    assert sum(found["count"]) == found["frames"] == len(frames)
    values = [x for _, x in frames if x is not None]
    if values:
        told = [x for x in found["numbers"]["x"]["max"] if x is not None]
        assert max(told) == max(values)


def test_points_of_a_range_are_the_buckets_that_hold_frames_of_it():
    document = document_of(*((number, float(number)) for number in range(4000)))

    found = overview.shown(document, Wanted(from_frame=400, to_frame=800), 1000)

    assert (found["first_frame"], found["frames_per_bucket"], len(found["count"])) == (400, 4, 100)
    by_time = overview.shown(document, Wanted(from_s=40, to_s=80), 50)
    assert (by_time["first_frame"], by_time["frames_per_bucket"], len(by_time["count"])) == (400, 8, 50)


def test_points_of_a_range_without_frames_are_none():
    found = overview.shown(document_of((0, 1.0), (100, 1.0)), Wanted(from_frame=20, to_frame=30), 10)

    assert (found["frames"], found["count"], found["numbers"]) == (0, [], {})


def test_points_from_the_frames_hold_only_frames_of_the_range():
    blocks = [
        columns_of(*((number, float(number)) for number in range(start, start + 300))) for start in (0, 300)
    ]

    found = overview.measured(blocks, Wanted(from_frame=290, to_frame=310), 10, "r", "generic")

    assert found["frames"] == sum(found["count"]) == 20
    assert (found["first_frame"], found["frames_per_bucket"]) == (290, 2)
    assert found["numbers"]["x"]["min"] == [float(number) for number in range(290, 310, 2)]


@pytest.mark.parametrize(
    ("columns", "numbers", "statuses"),
    [
        (("papi_a",), 5, 1),
        (("papi_a.angle", "papi_b.status"), 1, 1),
        (("drone_elevation",), 1, 0),
        (None, 23, 4),
    ],
)
def test_columns_are_chosen_by_name_or_by_the_light(
    columns: tuple[str, ...] | None, numbers: int, statuses: int
):
    frame = make_frame(0)
    for light in ("papi_a", "papi_b", "papi_c", "papi_d"):
        frame[light] = {name: frame[light][name] for name in ("status", "angle", "intensity", "area_pixels")}
        frame[light] |= {"distance_ground": 1, "distance_direct": 2}
    block = read(PAPI, frame)
    made = Overview()
    made.take(block)
    wanted = Wanted(columns=columns)

    for found in (
        overview.shown(made.document("r", "papi"), wanted, 10),
        overview.measured([block], wanted, 10, "r", "papi"),
    ):
        assert (len(found["numbers"]), len(found["statuses"])) == (numbers, statuses)


def test_an_unknown_column_is_refused_with_those_that_there_are():
    document = document_of((0, 1.0))
    wanted = Wanted(columns=("y",))

    with pytest.raises(InvalidRequest, match="there is no y; there are x"):
        overview.shown(document, wanted, 10)
    with pytest.raises(InvalidRequest, match="there is no y; there are x"):
        overview.measured([columns_of((0, 1.0))], wanted, 10, "r", "generic")


@pytest.mark.parametrize("points", [0, 1001])
def test_points_are_1_to_1000(points: int):
    with pytest.raises(InvalidRequest, match=f"points is 1 to 1000, not {points}"):
        overview.demand_points(points)
    assert (overview.demand_points(1), overview.demand_points(1000)) == (1, 1000)


def test_the_index_has_the_overview_as_gzip_of_the_same_bytes_each_time():
    made = []
    for _ in range(2):
        indexing = Indexing("revision")
        for _block in indexing.blocks_of([as_document(make_frames(700))]):
            pass
        made.append(indexing.overview())

    assert made[0] == made[1]
    document = json.loads(gzip.decompress(made[0]))
    assert document == overview.decoded(made[0])
    assert (document["version"], document["revision"], document["kind"]) == (1, "revision", "papi")
    assert (document["frames"], document["frames_per_bucket"]) == (700, 1)
    angles = [frame["papi_b"]["angle"] for frame in make_frames(700)]
    assert document["numbers"]["papi_b.angle"]["min"] == angles
    assert "papi_h.angle" not in document["numbers"]
