"""A film that is not finished: waited for while it changes, looked at once when it is known to be broken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge_client.base.disk import SystemDisk
from edge_client.base.errors import (
    EdgeError,
    FilmBroken,
    Postponed,
    Unfinished,
    Unsettled,
)
from edge_client.haul.patience import STILL_S, Stillness
from edge_client.model.files import CameraFile as Film
from edge_client.model.files import FileIdentity
from edge_client.model.selection import Everything, New
from edge_client.spool.spool import BrokenFilms
from tests.edge.conftest import Device
from tests.edge.fake_camera import CameraFile

FILE = Film("100GOPRO", "GX010042.MP4", 1000, 1656931398, 1656931398)
PATH = "100GOPRO/GX010042.MP4"


def unfinished(size_bytes: int = 1000, etag: str | None = '"1.1"') -> Unfinished:
    return Unfinished("not finished", size_bytes, etag)


def judged(
    *looks: tuple[float, Unsettled], broken: BrokenFilms | None = None, file: Film = FILE
) -> EdgeError:
    """What the last of these looks means."""
    stillness = Stillness(broken)
    return [stillness.judge(file, error, at) for at, error in looks][-1]


def test_the_first_look_is_never_the_last():
    assert isinstance(judged((0.0, unfinished())), Postponed)


@pytest.mark.parametrize(
    ("after_s", "meant"),
    [(STILL_S - 0.1, Unfinished), (STILL_S, FilmBroken), (STILL_S + 0.1, FilmBroken)],
)
def test_a_film_that_has_not_changed_for_a_while_is_broken(after_s: float, meant: type[EdgeError]):
    assert type(judged((5.0, unfinished()), (5.0 + after_s, unfinished()))) is meant


@pytest.mark.parametrize("changed", [unfinished(1001), unfinished(etag='"2.1"'), unfinished(etag=None)])
def test_a_film_that_changed_is_waited_for_from_then_on(changed: Unfinished):
    looks = [(0.0, unfinished()), (STILL_S, changed)]

    assert type(judged(*looks)) is Unfinished
    assert type(judged(*looks, (2 * STILL_S - 0.1, changed))) is Unfinished
    assert type(judged(*looks, (2 * STILL_S, changed))) is FilmBroken


def test_a_file_that_is_odd_in_another_way_has_its_minute():
    odd = Unsettled("the camera answers 404")

    assert type(judged((0.0, odd), (STILL_S, odd), (50.0, odd))) is Unsettled


class TestKnownBrokenFilms:
    @pytest.fixture
    def broken(self, tmp_path: Path) -> BrokenFilms:
        films = BrokenFilms(str(tmp_path / "broken"), SystemDisk())
        films.add(FileIdentity(FILE, '"1.1"'))
        return films

    def test_are_looked_at_once(self, broken: BrokenFilms):
        assert isinstance(judged((0.0, unfinished()), broken=broken), FilmBroken)

    @pytest.mark.parametrize("changed", [unfinished(1001), unfinished(etag='"2.1"'), unfinished(etag=None)])
    def test_are_others_once_size_or_etag_change(self, broken: BrokenFilms, changed: Unfinished):
        assert isinstance(judged((0.0, changed), broken=broken), Postponed)

    @pytest.mark.parametrize(
        "file",
        [replace(FILE, created=1), replace(FILE, modified=1), replace(FILE, filename="GX010043.MP4")],
        ids=["created", "modified", "name"],
    )
    def test_are_others_once_date_or_name_change(self, broken: BrokenFilms, file: Film):
        assert isinstance(judged((0.0, unfinished()), broken=broken, file=file), Postponed)

    @pytest.mark.parametrize("spoilt", [b"", b"{", b"[1]", b"\xff"])
    def test_of_which_the_disk_lost_the_note_are_waited_for(
        self, broken: BrokenFilms, tmp_path: Path, spoilt: bytes
    ):
        [note] = (tmp_path / "broken").iterdir()
        note.write_bytes(spoilt)

        assert isinstance(judged((0.0, unfinished()), broken=broken), Postponed)


def breaks(device: Device, path: str = PATH) -> bytes:
    """The film at `path` loses its last box; what it was."""
    whole = device.camera.files[path].content
    device.camera.files[path] = CameraFile(whole[:-8])
    return whole


def test_a_broken_film_is_waited_for_in_the_first_run_alone(device: Device):
    breaks(device)
    device.run(session=None, choice=New())
    first_s = sum(device.time.slept)
    device.camera.requests.clear()

    again = device.run(session=None, choice=New())

    assert STILL_S <= first_s <= 2 * STILL_S
    assert sum(device.time.slept) == first_s
    assert "has not changed since an earlier run" in str(again.refusals[0])
    assert [method for method, path, _ in device.camera.requests if method == "HEAD"] == ["HEAD"]


def test_a_broken_film_is_hauled_by_the_first_run_after_its_repair(device: Device):
    whole = breaks(device)
    device.run(session=None, choice=New())
    waited_s = sum(device.time.slept)

    device.camera.files[PATH] = CameraFile(whole, etag='"repaired.1"')
    outcome = device.run(session=None, choice=New())

    assert outcome.refusals == ()
    assert device.object() == whole
    assert sum(device.time.slept) == waited_s


def test_a_broken_film_of_a_camera_that_is_busy_with_it_is_waited_for(device: Device):
    whole, slept = breaks(device), device.time.sleep
    device.run(session=None, choice=New())
    idle = json.dumps({"status": device.camera.state}).encode()
    busy = json.dumps({"status": {**device.camera.state, "8": 1}}).encode()
    # The first look at the state is before the list.
    device.camera.faults["state"] = [(200, idle), (200, idle), (200, busy)]

    def repair(seconds: float) -> None:
        device.camera.files[PATH] = CameraFile(whole, etag='"repaired.1"')
        slept(seconds)

    device.time.sleep = repair  # type: ignore[method-assign]  # the fake clock is ours

    device.run(session=None, choice=New())

    assert device.object() == whole


def test_a_film_that_was_repaired_in_place_is_hauled_too(device: Device):
    """Its size, ETag and dates are as before; what counts is that its boxes are whole now."""
    whole = device.content()
    spoilt = CameraFile(whole[:-4] + b"free")
    device.camera.files[PATH] = spoilt
    device.run(session=None, choice=New())

    spoilt.content = whole
    device.run(session=None, choice=New())

    assert device.object() == whole


def test_the_other_recordings_do_not_wait_for_a_broken_one(device: Device):
    device.card(GX010042=5000, GX010043=5000, GX010044=5000)
    breaks(device)
    waits: list[tuple[float, list[str]]] = []
    slept = device.time.sleep

    def sleep(seconds: float) -> None:
        waits.append((seconds, sorted(device.cloud.objects())))
        slept(seconds)

    device.time.sleep = sleep  # type: ignore[method-assign]  # the fake clock is ours

    outcome = device.run(session=None, choice=Everything())

    assert len(outcome.done) == 2
    assert len(outcome.refusals) == 1
    assert {len(home) for _, home in waits} == {2}


def test_a_film_that_still_grows_is_waited_for_and_hauled(device: Device):
    """It grows for longer than an unchanged film would be waited for."""
    whole, slept, began = device.content(), device.time.sleep, device.time.now_s

    def grow(seconds: float) -> None:
        slept(seconds)
        passed_s = device.time.now_s - began
        end = len(whole) if passed_s > 3 * STILL_S else len(whole) - 1000 + int(passed_s)
        device.camera.files[PATH] = CameraFile(whole[:end], etag=f'"{end}.1"', listed_bytes=end)

    device.camera.files[PATH] = CameraFile(whole[:-1000])
    device.time.sleep = grow  # type: ignore[method-assign]  # the fake clock is ours

    device.run(session=None, choice=New())

    assert device.object() == whole


def test_a_file_that_the_camera_does_not_show_delays_no_other_recording(device: Device):
    device.card(GX010042=5000, GX010043=5000)
    device.camera.hidden.add(PATH)
    slept, home = device.time.sleep, list[int]()

    def sleep(seconds: float) -> None:
        home.append(len(device.cloud.objects()))
        slept(seconds)

    device.time.sleep = sleep  # type: ignore[method-assign]  # the fake clock is ours

    outcome = device.run(session=None, choice=Everything())

    assert set(home) == {1}
    assert len(outcome.refusals) == 1


def test_a_spool_that_remembers_nothing_hauls_all_the_same(device: Device):
    device.card(GX010042=5000, GX010043=5000)
    breaks(device)
    device.spool.mkdir(mode=0o700)
    (device.spool / ".broken").write_text("no folder")

    outcome = device.run(session=None, choice=Everything())

    assert (len(outcome.done), len(outcome.refusals)) == (1, 1)
