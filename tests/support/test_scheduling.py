"""Tests that share a world run in one worker, and the longest begin first."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.scheduling import IN_HALVES, LONG, TOGETHER, ByUnit, turn_of, unit_of

HOUSE = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("nodeid", "unit"),
    [
        ("tests/core/test_keys.py::test_a_key[a::b/c]", "tests/core/test_keys.py"),
        ("tests/flows/test_settle.py::TestIt::test_one", "tests/flows/test_settle.py"),
        ("tests/contracts/test_records_contract.py::test_one", "tests/contracts/"),
        ("tests/contracts/edge/test_spool_contract.py::test_one", "tests/contracts/"),
        ("tests/e2e/test_adoption.py::test_one", "tests/e2e/1"),
        ("tests/e2e/test_known_chapters.py::test_one", "tests/e2e/1"),
        ("tests/e2e/test_migration.py::test_one", "tests/e2e/2"),
        ("tests/e2e/test_stuck_sessions.py::test_one", "tests/e2e/2"),
    ],
)
def test_a_worker_runs_a_file_or_all_that_share_a_world(nodeid: str, unit: str):
    assert unit_of(nodeid) == unit


def test_every_folder_whose_files_share_a_fixture_stays_together():
    sharing = {
        f"{path.parent.relative_to(HOUSE).as_posix()}/"
        for path in (HOUSE / "tests").rglob("conftest.py")
        if re.search(r'scope="package"', path.read_text())
    }

    assert sharing == {*TOGETHER, IN_HALVES}


def test_what_is_long_begins_first():
    units = [
        "tests/web/test_app.py",
        "tests/edge/test_a.py",
        "tests/e2e/2",
        "tests/contracts/",
        "tests/e2e/1",
    ]

    assert sorted(units, key=turn_of) == [
        "tests/e2e/2",
        "tests/e2e/1",
        "tests/edge/test_a.py",
        "tests/web/test_app.py",
        "tests/contracts/",
    ]


def test_every_folder_that_is_named_exists():
    assert [folder for folder in (*TOGETHER, IN_HALVES, *LONG) if not (HOUSE / folder).is_dir()] == []


class Worker:
    """As pytest-xdist has one: it notes what it is sent."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.sent: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        self.sent += indices

    def shutdown(self) -> None:
        self.shutting_down = True


class Settings:
    """What a scheduler asks of pytest's configuration."""

    option = SimpleNamespace(loadscopereorder=True)

    def getvalue(self, name: str) -> list[str]:
        return ["popen", "popen"]


def test_each_test_is_sent_to_one_worker_and_each_unit_to_one_alone():
    tests = [
        *(f"tests/contracts/test_{each}_contract.py::test_{number}" for each in "ab" for number in range(5)),
        *(
            f"tests/e2e/test_{each}.py::test_{number}"
            for each in ("adoption", "story")
            for number in range(3)
        ),
        *(f"tests/flows/test_{each}.py::test_{number}" for each in "abcdefg" for number in range(4)),
    ]
    workers, scheduler = [Worker("one"), Worker("two")], ByUnit(Settings(), None)
    for worker in workers:
        scheduler.add_node(worker)
        scheduler.add_node_collection(worker, tests)

    scheduler.schedule()
    done = [0, 0]
    while not scheduler.tests_finished:
        for place, worker in enumerate(workers):
            if done[place] < len(worker.sent):
                scheduler.mark_test_complete(worker, worker.sent[done[place]])
                done[place] += 1

    assert sorted(workers[0].sent + workers[1].sent) == list(range(len(tests)))
    first, second = ({unit_of(tests[index]) for index in worker.sent} for worker in workers)
    assert not first & second
    assert all(worker.shutting_down for worker in workers)
