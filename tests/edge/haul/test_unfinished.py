"""`--file … --unfinished` hauls a film that its camera did not finish as it is, and marks it wherever it is told of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_client.base.errors import (
    CoordinatorRefusal,
    FilmBroken,
    GaveUp,
    PlanDiffers,
    Unsettled,
)
from edge_client.commands.output import report_lines
from edge_client.haul.camera_session import SIZES_APART_S
from edge_client.model.files import FilmNotes
from edge_client.model.plan import PLAN, decoded
from edge_client.model.selection import (
    ByFile,
    ByNumber,
    Choice,
    Everything,
    Films,
    New,
)
from tests.edge.commands.test_commands import HOME, Line
from tests.edge.conftest import Device
from tests.edge.fake_camera import SERIAL, CameraFile, film
from tests.support.coordinator import TOKEN

NAME = "100GOPRO/GX010042.MP4"
AS_IT_IS = ByFile((NAME,), Films.AS_THEY_ARE)
FINISHED = ByFile((NAME,))
REFUSED = (403, b'{"message": "Forbidden"}')
MARK = FilmNotes(unfinished=True).texts[0]

BREAKS: dict[str, Callable[[bytes], bytes]] = {
    "no moov": lambda whole: whole[:-8],
    "cut in its samples": lambda whole: whole[:-100],
    "cut in its first header": lambda whole: whole[:3],
    "one byte": lambda whole: whole[:1],
    "no length yet": lambda whole: whole[:20] + bytes(4) + whole[24:],
    "nothing but noise": lambda whole: b"\xa5" * len(whole),
    "a second film begun after it": lambda whole: whole + whole[20:-9],
}


@pytest.fixture(params=BREAKS)
def broken(request: pytest.FixtureRequest, device: Device) -> Device:
    """A device beside a camera whose film is broken in one way."""
    device.camera.files[NAME].content = BREAKS[request.param](device.content())
    return device


@pytest.fixture
def cut(device: Device) -> Device:
    """A device beside a camera whose film has no `moov`."""
    device.camera.files[NAME].content = device.content()[:-8]
    return device


@pytest.fixture
def line(device: Device, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    return Line(device, token_file, capsys)


class TestAnUnfinishedFilm:
    def test_is_hauled_byte_for_byte_where_that_is_asked_for(self, broken: Device):
        report = broken.report(choice=AS_IT_IS)

        assert broken.object() == broken.content()
        [chapter] = report.chapters
        assert (chapter.unfinished, chapter.trailing_bytes, chapter.notes) == (True, 0, (MARK,))

    def test_is_refused_where_it_is_not(self, broken: Device):
        with pytest.raises(FilmBroken, match=f"haul NAME --file {NAME} --unfinished` hauls it as it is"):
            broken.run(choice=FINISHED)

        assert broken.cloud.sessions == {}

    def test_is_marked_in_the_plan_the_session_the_report_and_the_log(
        self, cut: Device, caplog: pytest.LogCaptureFixture
    ):
        report = cut.report(choice=AS_IT_IS)

        [planned] = decoded((cut.spool / "s" / PLAN).read_bytes(), "s").chapters
        [recorded] = cut.cloud.sessions["s"]["chapters"]
        [kept] = json.loads((cut.spool / "s" / "report.json").read_bytes())["chapters"]
        assert (planned.unfinished, recorded["unfinished"], kept["unfinished"]) == (True, True, True)
        assert f"    {MARK}" in report_lines(report)
        assert [vars(each)["note"] for each in caplog.records if each.message == "noted"] == [MARK]

    def test_without_a_byte_is_refused_all_the_same(self, device: Device):
        device.camera.files[NAME].content = b""

        with pytest.raises(FilmBroken, match="it has no bytes; switch the camera off and on"):
            device.run(choice=AS_IT_IS)

    def test_that_is_whole_is_hauled_without_a_mark(self, device: Device):
        [chapter] = device.report(choice=AS_IT_IS).chapters

        assert chapter.notes == ()
        assert "unfinished" not in device.cloud.sessions["s"]["chapters"][0]
        assert device.time.slept == []

    def test_is_the_only_one_that_is_marked(self, device: Device):
        device.card(GX010042=5000, GX020042=5000)
        device.camera.files["100GOPRO/GX020042.MP4"].content = film(5000)[:-8]

        report = device.report(choice=ByFile((NAME, "100GOPRO/GX020042.MP4"), Films.AS_THEY_ARE))

        assert [chapter.unfinished for chapter in report.chapters] == [False, True]


class TestItsCamera:
    def test_must_show_the_same_file_once_more_a_while_later(self, cut: Device):
        cut.run(choice=AS_IT_IS)

        assert cut.time.slept == [SIZES_APART_S]

    @pytest.mark.parametrize("grows", ["size", "etag"])
    def test_that_writes_the_film_still_is_waited_for(self, cut: Device, grows: str):
        slept, times = cut.time.sleep, iter(range(3))

        def write(seconds: float) -> None:
            file = cut.camera.files[NAME]
            if (turn := next(times, None)) is not None:
                file.content += b"more" if grows == "size" else b""
                file.etag = f'"{turn}.1"'
            slept(seconds)

        cut.time.sleep = write  # type: ignore[method-assign]  # the fake clock is ours

        report = cut.report(choice=AS_IT_IS)

        assert cut.object() == cut.content()
        assert report.chapters[0].unfinished
        assert sum(cut.time.slept) > 2 * SIZES_APART_S

    def test_that_never_comes_to_an_end_ends_in_a_refusal_and_nothing_is_sent(self, cut: Device):
        slept = cut.time.sleep

        def write(seconds: float) -> None:
            cut.camera.files[NAME].content += b"more"
            slept(seconds)

        cut.time.sleep = write  # type: ignore[method-assign]  # the fake clock is ours

        with pytest.raises(Unsettled, match=r"still changes \(its size or ETag\)"):
            cut.run(choice=AS_IT_IS)

        assert cut.cloud.sessions == {}

    @pytest.mark.parametrize("busy", [{"10": 1}, {"8": 1}])
    def test_that_records_or_writes_is_waited_for(self, cut: Device, busy: dict[str, int]):
        cut.camera.state.update(busy)

        with pytest.raises(GaveUp):
            cut.run(choice=AS_IT_IS)

        assert cut.cloud.sessions == {}

    def test_that_begins_to_record_while_it_is_waited_for_ends_in_no_plan(self, cut: Device):
        slept = cut.time.sleep

        def record(seconds: float) -> None:
            cut.camera.state["10"] = 1
            slept(seconds)

        cut.time.sleep = record  # type: ignore[method-assign]  # the fake clock is ours

        with pytest.raises(GaveUp, match="is recording"):
            cut.run(choice=AS_IT_IS)

        assert cut.cloud.sessions == {}


class TestLater:
    def test_a_frozen_plan_stands_without_the_option(self, cut: Device):
        cut.cloud.faults["complete"] = [REFUSED]
        with pytest.raises(CoordinatorRefusal):
            cut.run(choice=AS_IT_IS)

        report = cut.report(choice=FINISHED)

        assert cut.object() == cut.content()
        assert report.chapters[0].unfinished

    def test_a_frozen_plan_of_a_finished_film_stands_with_the_option(self, device: Device):
        device.report(choice=FINISHED)

        assert device.report(choice=AS_IT_IS).chapters[0].notes == ()

    def test_a_begun_session_is_brought_home_with_what_is_new(self, cut: Device):
        cut.cloud.faults["complete"] = [REFUSED]
        with pytest.raises(CoordinatorRefusal):
            cut.run(choice=AS_IT_IS)

        [report] = cut.run(session=None, choice=New()).done

        assert (report.session, report.chapters[0].unfinished) == ("s", True)

    def test_what_is_home_is_not_new(self, cut: Device):
        cut.report(choice=AS_IT_IS)

        outcome = cut.run(session=None, choice=New())

        assert (outcome.done, outcome.refusals) == ((), ())

    def test_the_rest_of_its_recording_is_hauled_by_new_with_the_mark_again(self, cut: Device):
        cut.report(choice=AS_IT_IS)
        cut.camera.files["100GOPRO/GX020042.MP4"] = CameraFile(film(5000, 2))

        [report] = cut.run(session=None, choice=New()).done

        assert [(chapter.path, chapter.unfinished) for chapter in report.chapters] == [
            (NAME, True),
            ("100GOPRO/GX020042.MP4", False),
        ]

    def test_another_unfinished_film_of_its_recording_is_refused_by_new(self, cut: Device):
        cut.report(choice=AS_IT_IS)
        cut.camera.files["100GOPRO/GX020042.MP4"] = CameraFile(film(5000, 2)[:-8])

        outcome = cut.run(session=None, choice=New())

        [refusal] = outcome.refusals
        assert outcome.done == ()
        assert "GX020042.MP4 is not finished" in str(refusal)

    @pytest.mark.parametrize("choice", [Everything(), ByNumber("0042")])
    def test_it_is_refused_where_nobody_asks_what_is_home(self, cut: Device, choice: Choice):
        cut.report(choice=AS_IT_IS)

        outcome = cut.run(session=None, choice=choice)

        assert ["GX010042.MP4 is not finished" in str(refusal) for refusal in outcome.refusals] == [True]

    def test_a_repaired_film_is_another_file_and_goes_into_a_session_of_its_own(self, cut: Device):
        cut.report(choice=AS_IT_IS)
        cut.camera.files[NAME] = CameraFile(film(9000, 3), etag='"repaired.1"')

        assert not cut.survey().all_home
        report = cut.report(session="repaired", choice=FINISHED)

        assert report.chapters[0].notes == ()
        assert "unfinished" not in cut.cloud.sessions["repaired"]["chapters"][0]
        assert cut.cloud.sessions["s"]["chapters"][0]["unfinished"]

    def test_a_film_that_is_repaired_before_its_first_byte_was_read_is_not_the_planned_one(self, cut: Device):
        cut.cloud.faults["open"] = [REFUSED]
        with pytest.raises(CoordinatorRefusal):
            cut.run(choice=AS_IT_IS)
        cut.camera.files[NAME] = CameraFile(film(9000, 3), etag='"repaired.1"')

        with pytest.raises(PlanDiffers):
            cut.run(choice=AS_IT_IS)


class TestWhatIsSaid:
    def test_a_haul_an_audit_a_list_and_status_mark_it(self, cut: Device, line: Line):
        assert line.haul("broken-42", "--file", NAME, "--unfinished") == 0
        assert line.said.splitlines()[-1] == f"    {MARK}"

        assert line.audit() == 0
        *_, row, note, verdict, advice = line.said.splitlines()
        assert row.endswith("safe to erase, read once, unfinished")
        assert note == f"  {NAME}  {MARK}"
        assert verdict == HOME
        assert "before you erase, switch the camera off and on" in advice

        assert line.list_asked() == 0
        *_, row, note = line.said.splitlines()
        assert row.endswith("yes (broken-42), unfinished")
        assert note == f"  {NAME}  {MARK}"

        assert line.status() == 0
        assert line.said.splitlines()[-1] == f"  broken-42: {NAME}  {MARK}"

    def test_an_audit_as_json_marks_it(self, cut: Device, line: Line):
        line.haul("broken-42", "--file", NAME, "--unfinished")

        assert line.audit("--json") == 0

        [recording] = line.document["recordings"]
        [file] = recording["files"]
        assert (recording["safe_to_erase"], file["unfinished"], file["notes"]) == (True, True, [MARK])

    def test_an_audit_of_finished_films_says_nothing_of_it(self, device: Device, line: Line):
        line.haul("--new")

        assert line.audit() == 0

        assert "unfinished" not in line.said
        assert line.said.splitlines()[-1] == HOME

    def test_another_device_learns_it_from_the_coordinator(self, cut: Device):
        chapter = {
            "directory": "100GOPRO",
            "filename": "GX010042.MP4",
            "size_bytes": len(cut.content()),
            "created": 1656931398,
            "modified": 1656931398,
            "etag": cut.camera.files[NAME].etag,
            "gumi": None,
            "unfinished": True,
            "trailing_bytes": 0,
        }
        cut.cloud.claim("theirs", SERIAL, chapter, cut.content())

        [recording] = cut.survey().recordings

        assert (recording.state.is_home, recording.is_unfinished) == (True, True)
        assert recording.notes == (f"{NAME}  {MARK}",)

    def test_a_dry_run_shows_the_mark_and_sends_nothing(self, cut: Device, line: Line):
        assert line.haul("broken-42", "--file", NAME, "--unfinished", "--dry-run") == 0

        assert line.said.splitlines()[-1] == f"    {MARK}"
        assert cut.cloud.sessions == {}
