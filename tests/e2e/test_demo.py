"""`make demo`, with a folder of short films instead of the usual ones."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.footage import Film, chapter_bytes
from tests.edge.fake_camera import boxed
from tests.support.surroundings import surrounded

pytestmark = pytest.mark.e2e
SHORT = Film(width=480, height=270, chapters=2, frames_per_chapter=45, bit_rate=2_000_000)


def demo(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.local.demo", *arguments]
    return subprocess.run(
        command,
        check=False,
        cwd=cwd,
        env=surrounded(os.environ),
        capture_output=True,
        text=True,
        timeout=150,
    )


def folder_with(tmp_path: Path, films: dict[str, bytes]) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for name, body in films.items():
        (folder / name).write_bytes(body)
    return folder


def test_the_demo_proves_a_folder_of_films_and_writes_what_it_found(tmp_path: Path):
    films = {
        name: chapter_bytes(SHORT, place) for place, name in enumerate(("first.mp4", "second.MP4"), start=1)
    }

    done = demo(tmp_path, "--footage", str(folder_with(tmp_path, films)))

    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "build" / "demo.json").read_text())
    assert found["verified"] is True
    assert (found["chapters"], found["receipts"], found["parts"]) == (2, 2, 2)
    assert (found["bytes"], found["rerun_parts"], found["orders"]) == (sum(map(len, films.values())), 0, 1)
    assert (found["outputs"], found["frames_indexed"]) == (2, SHORT.frames)
    assert found["frames_in_lake"] == SHORT.frames
    assert found["verdict"] == "not enough data"  # a film of others has no telemetry, so no angles
    assert (tmp_path / "build" / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert (found["session_state"], found["originals_current"]) == ("CLEANED", 0)
    assert found["noncurrent_match_receipts"] is True
    assert found["restored_ok"] is True
    assert found["reconcile_second_run_writes"] == 0
    assert 0 < found["edge_peak_rss_mib"] <= 100
    assert found["wall_s"] > 0
    assert found["api_calls"] > 0
    assert re.search(r"it is at http://127\.0\.0\.1:\d+/api/ until this demo ends", done.stdout)


# A second world and demo take half a minute of CPU time. That such a film fails its session, and with which reason, is
# held by tests/infra/test_processor.py; what is left is how the demo ends, of which no footage depends.
@pytest.mark.soak
def test_a_film_that_cannot_be_processed_ends_the_demo_with_the_reason(tmp_path: Path):
    done = demo(
        tmp_path, "--footage", str(folder_with(tmp_path, {"noise.mp4": boxed(b"no film at all" * 100)}))
    )

    assert done.returncode == 1
    assert "the session is FAILED: chapter 1 has no video" in done.stderr


def test_a_folder_without_films_is_refused_with_a_clear_word(tmp_path: Path):
    done = demo(tmp_path, "--footage", str(tmp_path))

    assert done.returncode == 2
    assert "no MP4 files" in done.stderr
    assert not (tmp_path / "build").exists()
