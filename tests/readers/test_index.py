"""frames.jsonl.gz of 360 gzip members: who reads all of them, and who stops after the first."""

import gzip
import json
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas
import pyarrow
import pyarrow.compute
import pyarrow.json
import pytest

from tests.readers.facts import FRAMES, MEMBERS, Facts, expected_facts, facts_of
from tests.readers.node import Node

FRAMES_IN_MEMBER = 300


def by_zcat(file: Path) -> Facts:
    zcat = shutil.which("zcat")
    if zcat is None:
        pytest.skip("there is no zcat here")
    with subprocess.Popen([zcat, file], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        facts = facts_of(map(json.loads, running.stdout))
    assert running.returncode == 0
    return facts


def by_python(file: Path) -> Facts:
    with gzip.open(file) as lines:
        return facts_of(map(json.loads, lines))


def by_pandas(file: Path) -> Facts:
    frames = pandas.read_json(file, lines=True)
    numbers, angles = frames["frame_number"], frames["papi_a"].str["angle"]
    return Facts(
        len(frames),
        int(numbers.iloc[-1]),
        int(numbers.sum()),
        int(angles.isna().sum()),
        round(angles.sum() * 1000),
    )


def by_duckdb(file: Path) -> Facts:
    found = duckdb.execute(
        """SELECT count(*), max(frame_number), sum(frame_number)::BIGINT, count(*) - count(papi_a.angle),
                  round(sum(papi_a.angle) * 1000)::BIGINT
           FROM read_json(?)""",
        [str(file)],
    ).fetchone()
    assert found is not None
    return Facts(*found)


def by_pyarrow(file: Path) -> Facts:
    table = pyarrow.json.read_json(file)
    numbers = table["frame_number"]
    angles = pyarrow.compute.struct_field(table["papi_a"], "angle")
    return Facts(
        table.num_rows,
        numbers[-1].as_py(),
        pyarrow.compute.sum(numbers).as_py(),
        angles.null_count,
        round(pyarrow.compute.sum(angles).as_py() * 1000),
    )


@pytest.mark.parametrize("read", [by_zcat, by_python, by_pandas, by_duckdb, by_pyarrow])
def test_a_reader_of_whole_gzip_files_sees_every_frame(long_index: Path, read: Callable[[Path], Facts]):
    assert read(long_index / "frames.jsonl.gz") == expected_facts()


def test_a_page_sees_every_frame_when_it_inflates_each_member_alone(long_index: Path, node: Node):
    answer = node.answer("members.js", long_index)

    assert answer["members"] == MEMBERS
    assert answer["wrong"] == 0
    assert Facts(**answer["facts"]) == expected_facts(FRAMES)


def test_a_reader_of_one_member_sees_300_frames_and_no_error(long_index: Path):
    content = (long_index / "frames.jsonl.gz").read_bytes()

    seen = zlib.decompress(content, 31).splitlines()

    assert facts_of(map(json.loads, seen)) == expected_facts(FRAMES_IN_MEMBER)
