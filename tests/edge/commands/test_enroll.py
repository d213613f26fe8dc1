"""`enroll` and `rotate` against the coordinator itself: a token in its file, whatever ended the run before."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chalicelib.core import tokens
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows.devices import Grant, revoke
from chalicelib.flows.enrolment import exchange, invite
from chalicelib.flows.enrolment import rotate as rotate_there
from edge_client.cli import run
from edge_client.commands.enroll import digest
from tests.support.builders import START
from tests.support.coordinator import MemoryCoordinator, serving


@pytest.fixture
def cloud() -> Iterator[MemoryCoordinator]:
    with serving(MemoryCoordinator(part_bytes=10, now=START)) as coordinator:
        yield coordinator


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a folder" / "token"


@pytest.fixture(autouse=True)
def folder(file: Path) -> None:
    file.parent.mkdir()


def code_for(cloud: MemoryCoordinator, life_s: int = 60) -> str:
    return invite(cloud.ports, Grant(Role.DEVICE, "main", "jetson-north", None, None), life_s)[2]


def enroll(cloud: MemoryCoordinator, file: Path, code: str, *more: str) -> int:
    return run(["enroll", code, "--coordinator", cloud.url, "--token-file", str(file), *more])


def rotate(cloud: MemoryCoordinator, file: Path, *more: str) -> int:
    return run(["rotate", "--coordinator", cloud.url, "--token-file", str(file), *more])


def holder(cloud: MemoryCoordinator, file: Path) -> Principal:
    """Whom the coordinator takes the token in the file for."""
    token_id, secret = tokens.parsed(file.read_text())
    return tokens.principal(cloud.ports.records.token(token_id), secret, cloud.ports.clock.now())


def demand_alone(file: Path) -> None:
    """The token is in the folder, for its owner alone, and nothing else is."""
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_code_becomes_a_token_in_a_file_of_its_own(
    cloud: MemoryCoordinator, file: Path, capfd: pytest.CaptureFixture[str]
):
    assert enroll(cloud, file, code_for(cloud)) == 0

    demand_alone(file)
    found = holder(cloud, file)
    assert (found.role, found.project) == (Role.DEVICE, "main")
    said = capfd.readouterr()
    assert (
        said.out == f"enrolled as jetson-north ({found.device_id}) of project main; the token is in {file}\n"
    )
    assert tokens.parsed(file.read_text())[1] not in said.out + said.err


def test_programs_get_who_this_machine_is_and_no_secret(
    cloud: MemoryCoordinator, file: Path, capfd: pytest.CaptureFixture[str]
):
    assert enroll(cloud, file, code_for(cloud), "--json") == 0

    told = json.loads(capfd.readouterr().out)
    assert told["token_file"] == str(file)
    assert told["token_id"] == tokens.parsed(file.read_text())[0]
    assert tokens.parsed(file.read_text())[1] not in str(told)


def test_a_code_is_taken_as_a_person_types_it(cloud: MemoryCoordinator, file: Path):
    assert enroll(cloud, file, code_for(cloud).lower().replace("-", " ")) == 0


def test_a_lost_reply_costs_nothing(cloud: MemoryCoordinator, file: Path):
    code = code_for(cloud)
    cloud.faults["enroll"] = [lambda door: (door.serve(), door.lose_answer())]

    assert enroll(cloud, file, code) == 0

    assert holder(cloud, file).secret_version == 1


def test_a_run_that_ended_after_the_exchange_continues_with_the_same_secret(
    cloud: MemoryCoordinator, file: Path
):
    code, secret = code_for(cloud), "s" * 43
    file.with_name("token.enrolling").write_text(secret)
    exchange(cloud.ports, code, digest(secret))

    assert enroll(cloud, file, code) == 0

    demand_alone(file)
    assert tokens.parsed(file.read_text())[1] == secret


def test_half_a_secret_of_an_earlier_run_is_made_again(cloud: MemoryCoordinator, file: Path):
    file.with_name("token.enrolling").write_text("half")

    assert enroll(cloud, file, code_for(cloud)) == 0

    assert holder(cloud, file)


def _unknown(_cloud: MemoryCoordinator) -> str:
    return "7K3Q-M2XA-0123-4567-89AB-CDEF"


def _used(cloud: MemoryCoordinator) -> str:
    code = code_for(cloud)
    exchange(cloud.ports, code, "ab" * 32)
    return code


def _expired(cloud: MemoryCoordinator) -> str:
    code = code_for(cloud)
    cloud.ports.clock.advance(60)
    return code


def _revoked(cloud: MemoryCoordinator) -> str:
    code = code_for(cloud)
    [waiting] = [each for each in cloud.ports.records.tokens() if each.held is None]
    revoke(cloud.ports, waiting.token_id)
    return code


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_unknown, "there is no such code"),
        (_used, "this code was used at"),
        (_expired, "this code expired at"),
        (_revoked, "was revoked"),
    ],
)
def test_a_code_that_cannot_be_exchanged_says_why_and_leaves_no_token(
    cloud: MemoryCoordinator,
    file: Path,
    capfd: pytest.CaptureFixture[str],
    make: Callable[[MemoryCoordinator], str],
    words: str,
):
    code = make(cloud)

    assert enroll(cloud, file, code) == 1

    assert words in capfd.readouterr().err
    assert not file.exists()


def test_a_token_is_never_written_over_another(
    cloud: MemoryCoordinator, file: Path, capfd: pytest.CaptureFixture[str]
):
    file.write_text("t_old.token")
    code = code_for(cloud)

    assert enroll(cloud, file, code) == 2

    assert file.read_text() == "t_old.token"
    assert "never written over another" in capfd.readouterr().err
    assert exchange(cloud.ports, code, "ab" * 32)[2]


@pytest.mark.parametrize(
    "code", ["", "7K3Q", "7K3Q-M2XA-0123-4567-89AB-CDE", "7K3Q-M2XA-0123-4567-89AB-CDEFG", "t_1.secret"]
)
def test_what_is_no_code_is_a_usage_error_and_is_not_repeated(
    cloud: MemoryCoordinator, file: Path, capfd: pytest.CaptureFixture[str], code: str
):
    assert enroll(cloud, file, code) == 2

    said = capfd.readouterr().err
    assert "CODE has 24 letters" in said
    assert not code or code not in said


def test_a_folder_that_is_not_there_is_named(
    cloud: MemoryCoordinator, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    code = code_for(cloud)

    assert enroll(cloud, tmp_path / "absent" / "token", code) == 2

    assert "cannot be written" in capfd.readouterr().err
    assert exchange(cloud.ports, code, "ab" * 32)[2]


def enrolled(cloud: MemoryCoordinator, file: Path) -> str:
    """The token that the file has."""
    assert enroll(cloud, file, code_for(cloud)) == 0
    return file.read_text()


def test_a_token_gets_another_secret_and_keeps_its_id(
    cloud: MemoryCoordinator, file: Path, capfd: pytest.CaptureFixture[str]
):
    before = enrolled(cloud, file)

    assert rotate(cloud, file) == 0

    demand_alone(file)
    assert file.read_text() != before
    assert file.read_text().partition(".")[0] == before.partition(".")[0]
    assert holder(cloud, file).secret_version == 2
    assert "the one before is good until" in capfd.readouterr().out


def test_a_rotation_whose_reply_was_lost_is_the_same_rotation(cloud: MemoryCoordinator, file: Path):
    enrolled(cloud, file)
    cloud.faults["rotate"] = [lambda door: (door.serve(), door.lose_answer())]

    assert rotate(cloud, file) == 0

    assert holder(cloud, file).secret_version == 2


def test_a_rotation_that_ended_half_way_is_finished_even_days_later(cloud: MemoryCoordinator, file: Path):
    before, secret = enrolled(cloud, file), "s" * 43
    file.with_name("token.rotating").write_text(secret)
    rotate_there(cloud.ports, tokens.parsed(before)[0], 1, digest(secret))
    cloud.ports.clock.advance(2 * 86_400)

    assert rotate(cloud, file) == 0

    demand_alone(file)
    assert holder(cloud, file).secret_version == 2


def test_a_revoked_token_is_not_rotated_and_stays_in_its_file(
    cloud: MemoryCoordinator, file: Path, capfd: pytest.CaptureFixture[str]
):
    before = enrolled(cloud, file)
    revoke(cloud.ports, tokens.parsed(before)[0])

    assert rotate(cloud, file) == 1

    assert file.read_text() == before
    assert "revoked" in capfd.readouterr().err
