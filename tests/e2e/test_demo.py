"""`make demo`, with a folder of films instead of the drawn ones."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
PART_SIZE_BYTES = 5 * 2**20


def demo(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.local.demo", *arguments]
    return subprocess.run(command, check=False, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_the_demo_proves_a_folder_of_films_and_writes_what_it_found(tmp_path: Path):
    films = tmp_path / "films"
    films.mkdir()
    sizes = {"first.mp4": PART_SIZE_BYTES + 1, "second.MP4": 1000}
    for name, size_bytes in sizes.items():
        (films / name).write_bytes(bytes(n % 251 for n in range(1000)) * (size_bytes // 1000 + 1))
    given = sum(path.stat().st_size for path in films.iterdir())

    done = demo(tmp_path, "--footage", str(films))

    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "build" / "demo.json").read_text())
    assert found["verified"] is True
    assert (found["chapters"], found["receipts"], found["parts"]) == (2, 2, 3)
    assert (found["bytes"], found["rerun_parts"], found["orders"]) == (given, 0, 1)
    assert 0 < found["edge_peak_rss_mib"] <= 100
    assert 0 < found["wall_s"] <= 60
    assert found["api_calls"] > 0
    assert "SHA-256" in done.stdout


def test_a_folder_without_films_is_refused_with_a_clear_word(tmp_path: Path):
    done = demo(tmp_path, "--footage", str(tmp_path))

    assert done.returncode == 2
    assert "no MP4 files" in done.stderr
    assert not (tmp_path / "build").exists()
