"""Sessions that cannot end: they are told of, they hold no haul up, and what can come home comes home."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_client.base.errors import (
    CoordinatorRefusal,
    EdgeError,
    SessionStuck,
    SpoolFull,
    SpoolHeld,
)
from edge_client.model.selection import ByNumber, New
from tests.edge.commands.test_commands import Line
from tests.edge.conftest import PART_BYTES, Device
from tests.edge.fake_camera import CameraFile, film
from tests.edge.haul.test_forget import format_card, read_in_part, unlisted, wait_for_s3
from tests.support.coordinator import TOKEN

SECOND = "100GOPRO/GX010043.MP4"


@pytest.fixture
def line(device: Device, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    return Line(device, token_file, capsys)


def read_whole(device: Device) -> None:
    """Session s has read all of GX010042 and taken its last look when the coordinator refuses."""
    device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
    with pytest.raises(CoordinatorRefusal):
        device.run()
    # Nothing of it is in S3 any more.
    device.cloud.expire_uploads()


def refusal(device: Device) -> EdgeError | None:
    """What a haul of what is new refuses, and what ended it."""
    each = device.run(None, New())
    return each.unfinished or next(iter(each.refusals), None)


class TestAFormattedCard:
    def test_ends_with_1_once_and_then_with_0(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)

        assert line.haul("--new") == 1
        assert "session s cannot end (100GOPRO/GX010042.MP4: not on the card any more)" in line.complaints
        assert line.haul("--new") == 0
        assert "a session cannot end" in line.complaints

    def test_is_told_with_1_by_the_first_run_that_no_outage_ends(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)
        device.cloud.faults["session"] = [(503, b"")]

        assert line.haul("--new", "--give-up-after", "0s") == 75
        assert line.status() == 1
        assert line.haul("--new") == 1
        assert line.haul("--new") == 0

    def test_is_told_by_a_dry_run_that_records_nothing(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)

        assert line.haul("--new", "--dry-run") == 1
        assert "session s cannot end" in line.complaints
        assert line.status() == 75

    def test_does_not_keep_the_new_recording(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)

        line.haul("--new")

        assert device.object("GX010043.MP4") == device.content("GX010043.MP4")

    def test_is_told_by_status_which_ends_with_1(self, device: Device, line: Line):
        read_in_part(device)
        assert line.status() == 75
        format_card(device)
        line.haul("--new")

        assert line.status() == 1
        assert (
            "session s cannot end (100GOPRO/GX010042.MP4: not on the card any more): put the card back that has it and "
            "haul again, or drop the session with `reelhaul forget s`" in line.said
        )
        assert line.status("--json") == 1
        stuck = [row for row in map(loaded, line.said.splitlines()) if row["session"] == "s"]
        assert stuck[0]["cannot_end"] == {"100GOPRO/GX010042.MP4": "not on the card any more"}

    def test_and_forget_ends_what_status_tells(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)
        line.haul("--new")

        assert line.forget_asked("s", "--lose-footage") == 0
        assert line.status() == 0

    def test_that_is_swapped_back_brings_the_session_home(self, device: Device, line: Line):
        read_in_part(device)
        first = dict(device.camera.files)
        format_card(device)
        refusal(device)
        device.camera.files = first

        assert refusal(device) is None
        assert line.status() == 0
        assert device.object() == device.content()
        assert not (device.spool / "s" / "stuck.json").exists()

    def test_is_recorded_by_a_haul_of_the_named_session_too(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)

        with pytest.raises(EdgeError):
            device.run()

        assert line.status() == 1

    @pytest.mark.parametrize("fault", ["state", "get"])
    def test_is_not_recorded_while_the_coordinator_does_not_say_what_s3_has(
        self, device: Device, line: Line, fault: str
    ):
        read_in_part(device)
        format_card(device)
        device.cloud.faults[fault] = [(500, b"")] * 3

        assert line.haul("--new") == 0
        assert line.status() == 75

    def test_is_not_recorded_while_the_camera_serves_the_file(self, device: Device, line: Line):
        read_in_part(device)
        device.card(GX010043=PART_BYTES)
        unlisted(device)

        device.run(session=None, choice=New())

        assert line.status() == 75

    def test_is_not_recorded_of_another_cameras_session(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)
        device.camera.serial = "C0000000000001"

        assert line.haul("--new") == 0
        assert line.status() == 75

    def test_a_chapter_that_is_still_there_comes_home(self, device: Device, line: Line):
        device.card(GX010042=3 * PART_BYTES, GX020042=PART_BYTES)
        read_in_part(device)
        del device.camera.files["100GOPRO/GX010042.MP4"]

        assert isinstance(refusal(device), SessionStuck)
        assert device.object("GX020042.MP4") == device.content("GX020042.MP4")
        assert line.status() == 1
        assert "1 of 2" in line.said
        assert refusal(device) is None

    def test_a_record_that_cannot_be_read_is_none(self, device: Device, line: Line):
        read_in_part(device)
        (device.spool / "s" / "stuck.json").write_bytes(b"{")

        assert line.status() == 75


class TestARepairedFile:
    def test_is_told_of_by_status(self, device: Device, line: Line):
        read_in_part(device)
        device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(PART_BYTES, 9), etag='"repaired"')

        line.haul("--new")

        assert line.status() == 1
        assert "another file is on the card under its name" in line.said


class TestAWholeChapter:
    def test_is_sent_without_its_card(self, device: Device, line: Line):
        read_whole(device)
        content = device.content()
        format_card(device)
        device.camera.requests.clear()

        assert line.haul("--new") == 0
        assert device.object() == content
        assert line.status() == 0
        assert not any("GX010042" in path and span for _, path, span in device.camera.requests)

    def test_is_planned_by_a_dry_run(self, device: Device, line: Line):
        read_whole(device)
        format_card(device)

        assert line.haul("--new", "--dry-run") == 0
        assert line.said.splitlines()[0].startswith("session s,")

    def test_is_sent_when_the_formatted_card_is_still_empty(self, device: Device, line: Line):
        read_whole(device)
        content = device.content()
        device.camera.files.clear()
        device.camera.state["39"] = 0

        assert line.haul("--new") == 0
        assert device.object() == content

    def test_that_s3_has_without_a_receipt_here_gets_it_without_its_card(self, device: Device, line: Line):
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        with pytest.raises(CoordinatorRefusal):
            device.run()
        [upload] = device.cloud.uploads.values()
        # As the reconciler does when the device is away.
        device.cloud.complete(upload.upload_id)
        format_card(device)

        assert line.haul("--new") == 0
        assert len(device.receipts()) == 1
        assert device.parts() == []

    def test_whose_last_look_was_not_taken_is_kept_and_told_of(self, device: Device, line: Line):
        read_whole(device)
        [confirmed] = device.spool.glob("s/*/confirmed")
        confirmed.unlink()
        format_card(device)
        device.spool_budget_bytes = 4 * PART_BYTES

        assert isinstance(refusal(device), EdgeError)
        assert len(device.parts()) == 4
        assert line.status() == 1

    def test_never_makes_room_and_a_person_is_told(self, device: Device):
        read_whole(device)
        [confirmed] = device.spool.glob("s/*/confirmed")
        confirmed.unlink()
        format_card(device)
        device.spool_budget_bytes = 4 * PART_BYTES
        refusal(device)

        with pytest.raises(SpoolHeld, match=r"session s holds .*; s cannot end: .* `reelhaul forget s`"):
            device.run("other", ByNumber("0043"))
        assert len(device.parts()) == 4


class TestRoom:
    @pytest.mark.parametrize(("spare_bytes", "kept"), [(-1, 1), (0, 2), (1, 2)])
    def test_a_part_of_a_film_that_can_never_be_whole_goes_only_where_none_fits(
        self, device: Device, spare_bytes: int, kept: int
    ):
        read_in_part(device)
        format_card(device)
        device.spool_budget_bytes = 3 * PART_BYTES + spare_bytes

        device.run("other", ByNumber("0043"))

        assert device.object("GX010043.MP4") == device.content("GX010043.MP4")
        assert len(device.parts()) == kept

    def test_the_last_part_goes_first_and_is_named(self, device: Device, caplog: pytest.LogCaptureFixture):
        read_in_part(device)
        format_card(device)
        device.spool_budget_bytes = 2 * PART_BYTES

        device.run("other", ByNumber("0043"))

        [told] = [record for record in caplog.records if "never be whole" in record.message]
        assert vars(told)["bytes"] == f"{PART_BYTES} to {2 * PART_BYTES - 1}"
        assert [path.name[:5] for path in device.parts()] == ["00001"]

    def test_parts_that_s3_has_go_before_those_that_it_has_not(self, device: Device):
        read_in_part(device, sent=True)
        wait_for_s3(device, 1)
        format_card(device)
        device.spool_budget_bytes = 2 * PART_BYTES

        device.run("other", ByNumber("0043"))

        assert [path.name[:5] for path in device.parts()] == ["00002"]

    def test_parts_that_s3_has_go_while_their_card_is_there(self, device: Device):
        read_in_part(device, sent=True)
        wait_for_s3(device, 2)
        device.camera.files[SECOND] = CameraFile(film(PART_BYTES, 7))
        device.spool_budget_bytes = 2 * PART_BYTES

        device.run("other", ByNumber("0043"))
        assert device.parts() == []
        device.cloud.puts.clear()
        device.run()

        assert device.object() == device.content()
        assert sorted(device.cloud.puts) == [3, 4]

    def test_a_part_that_s3_lacks_stays_while_its_file_is_on_the_card(self, device: Device):
        read_in_part(device)
        device.camera.files[SECOND] = CameraFile(film(PART_BYTES, 7))
        device.spool_budget_bytes = 2 * PART_BYTES

        with pytest.raises(SpoolFull, match=r"budget of 0\.0 MB, session s holds 0\.0 MB"):
            device.run("other", ByNumber("0043"))
        assert len(device.parts()) == 2

    def test_a_part_stays_while_the_coordinator_does_not_say_what_s3_has(self, device: Device):
        read_in_part(device)
        format_card(device)
        device.spool_budget_bytes = 2 * PART_BYTES
        device.cloud.faults["state"] = [(500, b"")] * 9

        with pytest.raises(SpoolFull):
            device.run("other", ByNumber("0043"))
        assert len(device.parts()) == 2

    def test_a_part_stays_while_the_coordinator_shows_no_such_session(self, device: Device):
        read_in_part(device)
        format_card(device)
        device.spool_budget_bytes = 2 * PART_BYTES
        device.cloud.forget()

        with pytest.raises(SpoolFull):
            device.run("other", ByNumber("0043"))
        assert len(device.parts()) == 2

    def test_a_part_of_another_cameras_session_stays(self, device: Device):
        read_in_part(device)
        format_card(device)
        device.spool_budget_bytes = 2 * PART_BYTES
        device.camera.serial = "C0000000000001"

        with pytest.raises(SpoolFull):
            device.run("other", ByNumber("0043"))
        assert len(device.parts()) == 2

    def test_a_part_stays_while_the_camera_serves_a_file_that_it_does_not_list(self, device: Device):
        read_in_part(device)
        device.card(GX010043=PART_BYTES)
        unlisted_but(device, SECOND)
        device.spool_budget_bytes = 2 * PART_BYTES

        with pytest.raises(SpoolFull):
            device.run("other", ByNumber("0043"))
        assert len(device.parts()) == 2

    def test_a_whole_unsent_chapter_stays_though_its_card_was_formatted(self, device: Device):
        read_whole(device)
        format_card(device)
        device.spool_budget_bytes = 4 * PART_BYTES

        with pytest.raises(SpoolFull):
            device.run("other", ByNumber("0043"))
        assert len(device.parts()) == 4

    def test_what_s3_has_of_a_whole_chapter_stays_though_its_card_was_formatted(self, device: Device):
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        with pytest.raises(CoordinatorRefusal):
            device.run()
        format_card(device)
        device.spool_budget_bytes = 4 * PART_BYTES

        with pytest.raises(SpoolFull):
            device.run("other", ByNumber("0043"))
        assert len(device.parts()) == 4

    def test_a_haul_of_what_is_new_sends_a_whole_chapter_first_and_has_the_room(self, device: Device):
        read_whole(device)
        first = device.content()
        format_card(device)
        device.spool_budget_bytes = 4 * PART_BYTES

        assert refusal(device) is None
        assert device.object() == first
        assert device.object("GX010043.MP4") == device.content("GX010043.MP4")


def loaded(text: str) -> dict[str, object]:
    return dict(json.loads(text))


def unlisted_but(device: Device, path: str) -> None:
    """The camera serves all its files and lists this one alone, as it is."""
    hidden = {name: file for name, file in device.camera.files.items() if name != path}
    for name in hidden:
        del device.camera.files[name]
    shown = json.dumps(device.camera.media()).encode()
    device.camera.files.update(hidden)
    device.camera.faults["list"] = [(200, shown)] * 20
