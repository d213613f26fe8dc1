"""Whose films are on a card: silent cameras, cards of several cameras, and cards without a film."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from itertools import permutations

import pytest

from edge_client.base.errors import PlanDiffers, Refused
from edge_client.commands.audit import audit_json, audit_lines
from edge_client.commands.list import list_lines
from edge_client.haul.context import open_context
from edge_client.haul.sessions import Each
from edge_client.haul.survey import Survey
from edge_client.haul.whereabouts import Whereabouts, find_files
from edge_client.model.haul_state import Obstacle
from edge_client.model.plan import decoded
from edge_client.model.selection import ByFile, ByNumber, Everything, New
from tests.edge.conftest import Device
from tests.edge.fake_camera import SERIAL, CameraFile, boxed, footage

NORTH, SOUTH = "C3461324500001", "C3471324500002"
CREATED = 1656931398


def film_of(serial: str | None, seed: int = 1, created: int = CREATED) -> CameraFile:
    """A film that a camera of this serial recorded; None: no header says so."""
    header = b"" if serial is None else b"GPRO" + bytes(83) + serial.encode()
    return CameraFile(boxed(header + footage(900, seed)), f'"e{seed}"', str(created))


def card_of(device: Device, films: Mapping[str, str | None]) -> None:
    """The card of a camera that does not say who it is: names in 100GOPRO, and the cameras that recorded them."""
    device.camera.serial = None
    device.camera.files = {
        f"100GOPRO/{name}.MP4": film_of(serial, seed) for seed, (name, serial) in enumerate(films.items(), 1)
    }


def sessions(device: Device) -> dict[str, tuple[str, list[str]]]:
    """The camera and the files of each session that the coordinator has."""
    return {
        name: (body["camera"]["serial"], [one["filename"] for one in body["chapters"]])
        for name, body in device.cloud.sessions.items()
    }


def cameras(survey: Survey) -> dict[str, str | None]:
    return {one.recording.number: one.serial for one in survey.recordings}


def reordered(device: Device, order: tuple[str, ...]) -> None:
    device.camera.files = {path: device.camera.files[path] for path in order}


TWO_CAMERAS = {"GX010041": NORTH, "GX010042": SOUTH, "GX010043": NORTH}


class TestACardOfTwoCameras:
    def test_has_each_recording_hauled_for_the_camera_that_recorded_it(self, device: Device):
        card_of(device, TWO_CAMERAS)

        outcome = device.run(session=None, choice=New())

        assert (outcome.refusals, outcome.unfinished) == ((), None)
        assert sessions(device) == {
            f"{NORTH}-100GOPRO-0041-{CREATED}": (NORTH, ["GX010041.MP4"]),
            f"{SOUTH}-100GOPRO-0042-{CREATED}": (SOUTH, ["GX010042.MP4"]),
            f"{NORTH}-100GOPRO-0043-{CREATED}": (NORTH, ["GX010043.MP4"]),
        }
        assert device.survey().all_home

    @pytest.mark.parametrize("order", [*permutations(f"100GOPRO/{name}.MP4" for name in TWO_CAMERAS)])
    def test_is_told_the_same_in_any_order_of_the_list(self, device: Device, order: tuple[str, ...]):
        card_of(device, TWO_CAMERAS)
        reordered(device, order)

        assert cameras(device.survey()) == {"0041": NORTH, "0042": SOUTH, "0043": NORTH}

    def test_is_home_only_where_the_session_is_of_the_camera_that_recorded_it(self, device: Device):
        card_of(device, {"GX010042": NORTH})
        device.run(session=None, choice=New())
        found = device.camera.files["100GOPRO/GX010042.MP4"]
        card_of(device, {"GX010041": NORTH, "GX010042": SOUTH})
        other = device.camera.files["100GOPRO/GX010042.MP4"]
        # Equal in all that a list and a HEAD say: only its own bytes tell it from the one that is home.
        other.etag, other.created = found.etag, found.created

        states = {one.recording.number: one.state.is_home for one in device.survey().recordings}

        assert states == {"0041": False, "0042": False}

    def test_says_so_and_names_the_camera_of_each_recording(self, device: Device):
        card_of(device, TWO_CAMERAS)

        lines = audit_lines(device.survey())

        assert lines[0].startswith(f"cameras {NORTH}, {SOUTH}: 3 recordings")
        assert f"100GOPRO/GX..0042 of {SOUTH}" in "\n".join(lines)
        document = audit_json(device.survey())
        assert document["camera"] == {"serial": "", "model": None, "firmware": None}

    def test_has_its_begun_sessions_finished_each_for_its_own(self, device: Device):
        card_of(device, TWO_CAMERAS)
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')] * 3
        assert len(device.run(session=None, choice=New()).refusals) == 3
        before = set(sessions(device))

        outcome = device.run(session=None, choice=New())

        assert (len(outcome.done), set(sessions(device))) == (3, before)

    def test_with_both_in_one_recording_is_refused_with_both_serials(self, device: Device):
        card_of(device, {"GX010042": NORTH, "GX020042": SOUTH, "GX010043": SOUTH})

        outcome = device.run(session=None, choice=New())

        [refusal] = outcome.refusals
        assert f"GX020042.MP4 was recorded by camera {SOUTH}" in str(refusal)
        assert f"by {NORTH}: a session has the films of one camera; name those of each with --file" in str(
            refusal
        )
        assert [one.session for one in outcome.done] == [f"{SOUTH}-100GOPRO-0043-{CREATED}"]

    def test_with_both_in_one_recording_has_advice_that_works(self, device: Device):
        card_of(device, {"GX010042": NORTH, "GX020042": SOUTH})

        found = device.survey()

        obstacles = {file.obstacle for one in found.recordings for file in one.files}
        assert obstacles == {Obstacle.TWO_CAMERAS}
        for name, path in (("north", "GX010042"), ("south", "GX020042")):
            device.run(session=name, choice=ByFile((f"100GOPRO/{path}.MP4",)))
        assert sessions(device) == {
            "north": (NORTH, ["GX010042.MP4"]),
            "south": (SOUTH, ["GX020042.MP4"]),
        }
        assert device.survey().all_home
        assert device.run(session=None, choice=New()) == Each(())

    @pytest.mark.parametrize("choice", [ByFile(("100GOPRO/GX010041.MP4", "100GOPRO/GX010042.MP4"))])
    def test_is_refused_for_one_session(self, device: Device, choice: ByFile):
        card_of(device, TWO_CAMERAS)

        with pytest.raises(Refused, match=f"{SOUTH}, the other files of this session by {NORTH}"):
            device.run(session="match-17", choice=choice)

        assert device.cloud.sessions == {}

    def test_gives_a_session_of_the_users_the_camera_of_its_films(self, device: Device):
        card_of(device, TWO_CAMERAS)

        device.run(session="match-17", choice=ByNumber("0042"))

        assert sessions(device) == {"match-17": (SOUTH, ["GX010042.MP4"])}

    def test_in_a_camera_that_says_who_it_is_is_of_that_camera(self, device: Device):
        card_of(device, TWO_CAMERAS)
        device.camera.serial = SERIAL

        device.run(session=None, choice=Everything())

        assert {serial for serial, _ in sessions(device).values()} == {SERIAL}
        assert device.survey().all_home


class TestAFilmThatDoesNotSayWhichCameraRecordedIt:
    @pytest.mark.parametrize("choice", [New(), Everything()])
    def test_is_of_the_camera_that_all_others_are_of(self, device: Device, choice):
        card_of(device, {"GX010041": None, "GX010042": NORTH, "GX010043": NORTH})

        outcome = device.run(session=None, choice=choice)

        assert outcome.refusals == ()
        assert {serial for serial, _ in sessions(device).values()} == {NORTH}
        assert len(device.cloud.sessions) == 3
        assert device.survey().all_home

    @pytest.mark.parametrize(
        ("others", "words"),
        [
            (
                {"GX010042": NORTH, "GX010043": SOUTH},
                f", and the other films on it are of cameras {NORTH}, {SOUTH}",
            ),
            ({}, "says which camera recorded it; copy it by hand"),
        ],
    )
    def test_is_refused_and_keeps_the_card_where_nobody_knows(
        self, device: Device, others: dict[str, str], words: str
    ):
        card_of(device, {"GX010041": None, **others})

        outcome = device.run(session=None, choice=New())

        [refusal] = outcome.refusals
        assert words in str(refusal)
        assert len(outcome.done) == len(others)
        found = device.survey()
        assert cameras(found) == {"0041": None, **{name[-4:]: serial for name, serial in others.items()}}
        assert (
            "nothing says which camera recorded 1 of its recordings; copy them by hand"
            in found.reasons_to_keep
        )
        assert "100GOPRO/GX..0041 of an unknown camera" in "\n".join(list_lines(found, {}))

    def test_is_not_waited_for_when_the_camera_does_not_show_it(self, device: Device):
        card_of(device, {"GX010041": NORTH, "GX010042": SOUTH})
        device.camera.hidden.add("100GOPRO/GX010041.MP4")

        found = device.survey()

        assert cameras(found) == {"0041": SOUTH, "0042": SOUTH}
        assert sum(device.time.slept) < 60

    def test_of_a_session_of_the_users_is_refused(self, device: Device):
        card_of(device, {"GX010042": None})

        with pytest.raises(Refused, match="copy it by hand"):
            device.run()

    def test_is_hauled_on_when_its_session_has_begun(self, device: Device):
        card_of(device, {"GX010041": None, "GX010042": NORTH})
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        device.run(session=None, choice=New())
        device.camera.files["100GOPRO/GX010043.MP4"] = film_of(SOUTH, 3)

        outcome = device.run(session=None, choice=New())

        assert outcome.refusals == ()
        assert len(device.cloud.objects()) == 3

    def test_of_another_card_is_told_by_its_first_bytes(self, device: Device):
        card_of(device, {"GX010041": None, "GX010042": NORTH})
        device.cloud.faults["open"] = [(403, b'{"message": "Forbidden"}')] * 2
        device.run(session=None, choice=New())
        swapped = device.camera.files["100GOPRO/GX010041.MP4"]
        swapped.content = boxed(footage(900, 7))

        with pytest.raises(PlanDiffers, match="begins with other bytes"):
            device.run(session=f"{NORTH}-100GOPRO-0041-{CREATED}", choice=ByNumber("0041"))


class TestACardWithoutAFilm:
    @pytest.mark.parametrize("status", [400, 404, 500])
    def test_is_told_as_such_by_a_camera_that_does_not_say_who_it_is(self, device: Device, status: int):
        device.camera.files = {"100GOPRO/GOPR0001.JPG": CameraFile(b"photo")}
        device.camera.state["39"] = 0
        device.camera.faults["info"] = [(status, b"x")] * 1000

        found = device.survey()

        assert found.all_home
        assert list_lines(found, {}) == [
            "camera of unknown serial: no video on this card",
            "photos and the like, never hauled: 1",
        ]
        assert audit_lines(found)[-1] == (
            "no video on this card; its photos and the like were never hauled: copy them by hand before you erase it"
        )

    def test_but_with_a_file_of_another_name_is_kept(self, device: Device):
        device.camera.serial = None
        device.camera.files = {"100GOPRO/holiday.MOV": CameraFile(b"film")}

        found = device.survey()

        assert not found.all_home
        assert "films that are not named like chapters: 1; copy them by hand" in found.reasons_to_keep
        assert "no video" not in "\n".join(audit_lines(found))

    def test_that_is_empty_is_safe_to_erase(self, device: Device):
        device.camera.files.clear()
        device.camera.state.update({"39": 0, "54": 1000, "117": 1000})

        assert audit_lines(device.survey())[-1] == "no video on this card: safe to erase"

    def test_has_nothing_to_haul(self, device: Device):
        device.camera.serial = None
        device.camera.files = {"100GOPRO/GOPR0001.JPG": CameraFile(b"photo")}
        device.camera.state["39"] = 0

        outcome = device.run(session=None, choice=New())

        assert (outcome.done, outcome.refusals) == ((), ())


class TestASessionLookedForOnACard:
    """Before a session is forgotten: where are its files?"""

    def found(self, device: Device, session: str) -> dict[str, Whereabouts]:
        plan = decoded((device.spool / session / "plan.json").read_bytes(), session)
        with ExitStack() as stack:
            context = stack.enter_context(open_context(device._tools(stack)))
            return dict(find_files(context.camera, plan, plan.chapters))

    @pytest.fixture
    def begun(self, device: Device) -> str:
        card_of(device, TWO_CAMERAS)
        device.run(session="s", choice=ByNumber("0042"))
        return "s"

    def test_is_there_whichever_camera_recorded_the_first_film(self, device: Device, begun: str):
        assert self.found(device, begun) == {"100GOPRO/GX010042.MP4": Whereabouts.ON_CARD}

    def test_is_gone_from_a_card_that_has_films_of_its_camera(self, device: Device, begun: str):
        card_of(device, {"GX010050": NORTH, "GX010051": SOUTH})

        assert self.found(device, begun) == {"100GOPRO/GX010042.MP4": Whereabouts.GONE}

    @pytest.mark.parametrize(
        ("films", "words"),
        [
            ({"GX010050": NORTH}, f"planned for camera {SOUTH}, but {NORTH} answers"),
            ({"GX010050": None}, "neither the camera nor a film on its card says which camera this is"),
            ({}, "neither the camera nor a film on its card says which camera this is"),
        ],
    )
    def test_is_not_looked_for_on_a_card_without_a_film_of_its_camera(
        self, device: Device, begun: str, films: dict[str, str | None], words: str
    ):
        card_of(device, films)
        device.camera.state["39"] = 0

        with pytest.raises(PlanDiffers, match=words):
            self.found(device, begun)
