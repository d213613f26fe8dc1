"""Frames in are frames out by every route: ranges, CSV, the lake, the overview. null stays null, a gap stays a gap."""

import csv
import io
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.measurements import table
from chalicelib.core.measurements.kinds import KINDS
from chalicelib.core.measurements.ranges import Wanted
from chalicelib.flows.measurement_index import read_blocks, read_overview, read_range
from tests.support.indexes import SESSION_ID, MadeIndex, make_index
from tests.support.measurements import as_document, as_lines, as_list, zipped

Frame = Mapping[str, Any]

NUMBERS = st.none() | st.floats(-1e6, 1e6) | st.integers(-1000, 1000)
STATUSES = st.sampled_from([None, "red", "white", "transition", "not_visible"])
LIGHTS = st.none() | st.fixed_dictionaries(
    {"angle": NUMBERS, "status": STATUSES},
    optional={"rgb": st.none() | st.fixed_dictionaries({"r": NUMBERS, "g": NUMBERS}), "intensity": NUMBERS},
)
NOTES = st.none() | st.text('a=,"\n')
TIMES = st.floats(0, 1e5) | st.integers(0, 9)
PATTERNS = st.lists(
    st.fixed_dictionaries(
        {"timestamp": TIMES},
        optional={
            "papi_a": LIGHTS,
            "papi_h": LIGHTS,
            "drone_elevation": NUMBERS,
            "note": st.none() | st.text('a=,"\n'),
        },
    ),
    min_size=1,
    max_size=5,
)
GAPS = st.lists(st.sampled_from([1, 1, 1, 2, 50, 4000]), min_size=1, max_size=7)
COUNTS = st.sampled_from([1, 2, 299, 300, 301, 650])
WRITERS = st.sampled_from([as_list, as_lines, as_document])


@dataclass(frozen=True)
class Film:
    """Frames, and the file that has them."""

    frames: Sequence[Frame]
    content: bytes


@st.composite
def films(draw: st.DrawFn) -> Film:
    """Frames of repeated patterns, their numbers with gaps, in any form, zipped in some members or not."""
    patterns, gaps, count = draw(PATTERNS), draw(GAPS), draw(COUNTS)
    number, frames = draw(st.integers(0, 5)), []
    for place in range(count):
        members = list({"frame_number": number, **patterns[place % len(patterns)]}.items())
        # The members of a frame may come in any order.
        turn = place % len(members)
        frames.append(dict(members[turn:] + members[:turn]))
        number += gaps[place % len(gaps)]
    text, members_of_gzip = draw(WRITERS)(frames), draw(st.integers(0, 3))
    return Film(frames, zipped(text, members_of_gzip) if members_of_gzip else text)


def pages(made: MadeIndex, limit: int) -> Iterator[tuple[Sequence[Frame], Sequence[Mapping[str, str]]]]:
    """Every page of the film, as frames and as the rows of its CSV."""
    blocks = read_blocks(made.bucket, SESSION_ID, made.record)
    columns = table.frame_columns(KINDS[made.record.kind], blocks.columns, Wanted())
    wanted: Wanted | None = Wanted(limit=limit)
    while wanted is not None:
        found = read_range(made.bucket, SESSION_ID, made.record, blocks, wanted)
        written = table.of_frames(found, columns)
        assert written.next_frame == found.next_frame
        yield found.frames, list(csv.DictReader(io.StringIO(written.text, newline="")))
        wanted = None if found.next_frame is None else replace(wanted, from_frame=found.next_frame)


def light_values(frames: Sequence[Frame], name: str) -> list[float | None]:
    """The angle of a light, as a float; None where it is null or missing."""
    angles = [(frame.get(name) or {}).get("angle") for frame in frames]
    return [None if angle is None else float(angle) for angle in angles]


def extremes(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else (None, None)


@settings(max_examples=30)
@given(film=films(), limit=st.sampled_from([7, 299, 300, 2000]))
def test_frames_in_are_frames_out_by_every_route(film: Film, limit: int):
    with tempfile.TemporaryDirectory() as folder:
        made = make_index(lambda: [film.content], Path(folder))
        assert made.record.quarantine is None

        read = list(pages(made, limit))
        lake = pyarrow.parquet.read_table(Path(folder) / "papi.parquet", partitioning=None).sort_by(
            "frame_number"
        )
        overview = read_overview(made.bucket, SESSION_ID, made.record)

    assert [frame for frames, _ in read for frame in frames] == film.frames
    demand_rows([row for _, rows in read for row in rows], film.frames)
    demand_lake(lake.to_pydict(), film.frames)
    demand_overview(overview, film.frames)


def demand_rows(rows: Sequence[Mapping[str, str]], frames: Sequence[Frame]) -> None:
    assert [int(row["frame_number"]) for row in rows] == [frame["frame_number"] for frame in frames]
    assert [float(row["timestamp"]) for row in rows] == [frame["timestamp"] for frame in frames]
    for name in ("papi_a", "papi_h"):
        found = [float(cell) if (cell := row.get(f"{name}.angle", "")) else None for row in rows]
        assert found == light_values(frames, name)


def demand_lake(columns: Mapping[str, Sequence[Any]], frames: Sequence[Frame]) -> None:
    assert columns["frame_number"] == [frame["frame_number"] for frame in frames]
    assert columns["time_s"] == [frame["timestamp"] for frame in frames]
    assert columns["papi_a_status"] == [(frame.get("papi_a") or {}).get("status") for frame in frames]
    for name in ("papi_a", "papi_h"):
        assert columns[f"{name}_angle"] == light_values(frames, name)
    notes = [json.loads(extra).get("note") if extra else None for extra in columns["extra"]]
    assert notes == [frame.get("note") for frame in frames]


def demand_overview(document: Mapping[str, Any], frames: Sequence[Frame]) -> None:
    """Each bucket tells of its own frames, and of no others."""
    first, width = document["first_frame"], document["frames_per_bucket"]
    assert len(document["count"]) <= 1000
    assert sum(document["count"]) == len(frames)
    held: dict[int, list[Frame]] = {}
    for frame in frames:
        held.setdefault((frame["frame_number"] - first) // width, []).append(frame)
    for place, count in enumerate(document["count"]):
        mine = held.get(place, [])
        assert count == len(mine)
        times = [frame["timestamp"] for frame in mine]
        assert (document["first_s"][place], document["last_s"][place]) == extremes(times)
        for name in ("papi_a", "papi_h"):
            lists = document["numbers"].get(
                f"{name}.angle", {"min": [None] * (place + 1), "max": [None] * (place + 1)}
            )
            found = (lists["min"][place], lists["max"][place])
            assert found == extremes(light_values(mine, name))
