"""`forget`: a session that cannot end leaves the spool, and no byte of a film goes without being named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_client.base.errors import CoordinatorRefusal
from edge_client.model.plan import PLAN
from edge_client.model.selection import ByNumber
from edge_client.spool.spool import Spool
from tests.edge.commands.test_commands import Line
from tests.edge.conftest import PART_BYTES, Device
from tests.edge.fake_camera import SERIAL, CameraFile, film
from tests.edge.haul.test_haul import killed_after
from tests.edge.refusing_disk import altered
from tests.support.coordinator import TOKEN


@pytest.fixture
def line(device: Device, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    return Line(device, token_file, capsys)


def read_in_part(device: Device, parts: int = 2, sent: bool = False) -> None:
    """Session s has read so many parts of GX010042 when its client ends; S3 has them where they were `sent`."""
    killed_after(device, parts)
    if not sent:
        for upload in device.cloud.uploads.values():
            upload.parts.clear()
    assert len(device.parts()) == parts


def read_a_second(device: Device, session: str = "s") -> None:
    """GX010044 was read whole after another session is home, and S3 has nothing of it."""
    device.card(GX010044=3 * PART_BYTES)
    device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
    with pytest.raises(CoordinatorRefusal):
        device.run(session, ByNumber("0044"))
    for upload in device.cloud.uploads.values():
        if "0044" in upload.artifact_id:
            upload.parts.clear()
    assert len(device.parts()) == 3


def wait_for_s3(device: Device, parts: int) -> None:
    """S3 has so many parts of the one upload."""
    [upload] = device.cloud.uploads.values()
    content = device.content()
    upload.replace_parts({n: content[(n - 1) * PART_BYTES : n * PART_BYTES] for n in range(1, parts + 1)})


def unlisted(device: Device) -> None:
    """The camera serves GX010042 and leaves it out of its list."""
    listed = {
        "id": "1",
        "media": [{"d": "100GOPRO", "fs": [{"n": "GX010043.MP4", "cre": "1", "mod": "1", "s": "9"}]}],
    }
    device.camera.faults["list"] = [(200, json.dumps(listed).encode())] * 9


def format_card(device: Device) -> None:
    """The card is formatted, and a new recording is on it."""
    device.camera.files = {"100GOPRO/GX010043.MP4": CameraFile(film(PART_BYTES, 7), created="1656999999")}


class TestForget:
    def test_frees_the_room_of_a_session_whose_parts_s3_has(self, device: Device, line: Line):
        read_in_part(device, sent=True)
        wait_for_s3(device, 2)
        format_card(device)

        assert line.forget_asked("s") == 0
        assert line.said.startswith(
            "session s: forgotten, 0.0 MB of the spool free; 0 of 1 chapters are home"
        )
        assert not (device.spool / "s").exists()
        assert line.status() == 0

    def test_refuses_while_the_file_is_on_the_card(self, device: Device, line: Line):
        read_in_part(device, sent=True)

        assert line.forget_asked("s", "--lose-footage") == 1
        assert "session s can still come home, the camera has 100GOPRO/GX010042.MP4" in line.complaints
        assert len(device.parts()) == 2

    def test_names_the_bytes_that_exist_nowhere_else_and_keeps_them(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)

        assert line.forget_asked("s") == 1
        assert (
            f"100GOPRO/GX010042.MP4: {2 * PART_BYTES:,} bytes (0 to {2 * PART_BYTES - 1})" in line.complaints
        )
        assert len(device.parts()) == 2

    def test_deletes_the_only_copy_where_the_operator_says_so(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)

        assert line.forget_asked("s", "--lose-footage") == 0
        assert (
            f"100GOPRO/GX010042.MP4  lost: {2 * PART_BYTES:,} bytes (0 to {2 * PART_BYTES - 1})" in line.said
        )
        assert "bytes of a film are deleted" in line.complaints
        assert not (device.spool / "s").exists()

    def test_counts_nothing_as_stored_when_no_coordinator_is_asked(self, device: Device, line: Line):
        read_in_part(device, sent=True)
        format_card(device)

        assert line.forget("s") == 1
        assert "unless they are in S3, which the coordinator does not say" in line.complaints

    def test_counts_nothing_as_stored_when_the_coordinator_does_not_answer(self, device: Device, line: Line):
        read_in_part(device, sent=True)
        format_card(device)
        device.cloud.faults["state"] = [(500, b"")]

        assert line.forget_asked("s") == 1
        assert len(device.parts()) == 2

    def test_without_a_camera_every_part_that_s3_lacks_may_be_the_only_copy(self, device: Device, line: Line):
        read_in_part(device)

        assert line.forget_asked("s", "--without-camera") == 1
        assert "unless they are on the card, which was not asked" in line.complaints
        assert line.forget_asked("s", "--without-camera", "--lose-footage") == 0

    def test_of_a_part_that_s3_has_with_other_bytes_keeps_the_one_here(self, device: Device, line: Line):
        read_in_part(device, sent=True)
        wait_for_s3(device, 2)
        format_card(device)
        [upload] = device.cloud.uploads.values()
        upload.parts[2] = bytes(PART_BYTES)

        assert line.forget_asked("s") == 1
        assert f"{PART_BYTES:,} bytes ({PART_BYTES} to {2 * PART_BYTES - 1})" in line.complaints

    def test_of_an_upload_that_has_ended_s3_has_nothing(self, device: Device, line: Line):
        read_in_part(device, sent=True)
        format_card(device)
        device.cloud.expire_uploads()

        assert line.forget_asked("s") == 1

    def test_needs_the_camera_of_the_session(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)
        device.camera.serial = "C0000000000001"

        assert line.forget_asked("s", "--lose-footage") == 1
        assert f"session s is planned for camera {SERIAL}, but C0000000000001 answers" in line.complaints

    def test_waits_for_a_camera_that_does_not_answer(self, device: Device, line: Line):
        read_in_part(device)
        device.camera.url = "http://127.0.0.1:1"

        assert line.forget_asked("s", "--lose-footage", "--give-up-after", "0s") == 75
        assert len(device.parts()) == 2

    def test_a_file_that_is_served_and_not_listed_is_not_gone(self, device: Device, line: Line):
        read_in_part(device)
        device.card(GX010043=PART_BYTES)
        unlisted(device)

        assert line.forget_asked("s", "--lose-footage") == 1
        assert "does not show whether it has 100GOPRO/GX010042.MP4" in line.complaints

    def test_an_empty_list_proves_nothing_while_the_camera_counts_a_video(self, device: Device, line: Line):
        read_in_part(device)
        device.camera.files.clear()
        del device.camera.state["39"]

        assert line.forget_asked("s", "--lose-footage") == 1
        assert "does not show whether it has" in line.complaints

    def test_an_empty_card_of_which_the_camera_counts_nothing_is_empty(self, device: Device, line: Line):
        read_in_part(device)
        device.camera.files.clear()
        device.camera.state["39"] = 0

        assert line.forget_asked("s", "--lose-footage") == 0

    @pytest.mark.parametrize("odd", [{"Etag": '"odd"'}, {"Content-Length": "5"}], ids=["ETag", "length"])
    def test_one_odd_answer_of_the_camera_is_no_other_file(
        self, device: Device, line: Line, odd: dict[str, str]
    ):
        read_in_part(device)
        device.camera.faults["head"] = [odd]

        assert line.forget_asked("s", "--lose-footage") == 1
        assert len(device.parts()) == 2

    def test_a_repaired_file_is_another_one(self, device: Device, line: Line):
        read_in_part(device)
        device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(PART_BYTES, 9), etag='"repaired"')

        assert line.forget_asked("s") == 1
        assert "the spool has the only copy of bytes of session s" in line.complaints
        assert line.forget_asked("s", "--lose-footage") == 0

    def test_of_a_session_that_is_home_needs_no_flag(self, device: Device, line: Line):
        device.run()

        assert line.forget_asked("s") == 0
        assert "1 of 1 chapters are home" in line.said
        assert line.audit() == 0

    def test_a_dry_run_drops_nothing_and_works_beside_a_client(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)

        with device.spool_held():
            assert line.forget_asked("s", "--lose-footage", "--dry-run") == 0
        assert line.said.startswith("session s: would be forgotten")
        assert len(device.parts()) == 2

    def test_waits_for_a_client_that_works(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)

        with device.spool_held():
            assert line.forget_asked("s", "--lose-footage") == 75
        assert len(device.parts()) == 2

    def test_leaves_the_other_sessions_alone(self, device: Device, line: Line):
        device.run("other")
        read_a_second(device)
        format_card(device)
        before = sorted(path for path in (device.spool / "other").rglob("*"))

        assert line.forget_asked("s", "--lose-footage") == 0
        assert sorted(path for path in (device.spool / "other").rglob("*")) == before

    def test_says_that_a_whole_film_can_still_be_sent(self, device: Device, line: Line):
        device.run("other")
        read_a_second(device)
        format_card(device)

        assert line.forget_asked("s") == 1
        assert (
            "100GOPRO/GX010044.MP4 was read whole: `reelhaul haul --new` sends it without" in line.complaints
        )

    def test_is_the_same_as_json(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)

        assert line.forget_asked("s", "--lose-footage", "--json") == 0
        assert line.document == {
            "session": "s",
            "chapters": 1,
            "chapters_home": 0,
            "spool_bytes": 2 * PART_BYTES,
            "lost": [
                {
                    "path": "100GOPRO/GX010042.MP4",
                    "size_bytes": 2 * PART_BYTES,
                    "ranges": f"0 to {2 * PART_BYTES - 1}",
                }
            ],
            "is_dry": False,
        }

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_of_a_session_that_is_not_here_says_so_and_makes_nothing(
        self, device: Device, line: Line, dry: tuple[str, ...]
    ):
        assert line.forget("nobody", *dry) == 1
        assert "the spool has no session nobody" in line.complaints
        assert not device.spool.exists()

    def test_of_a_plan_that_cannot_be_read_drops_nothing(self, device: Device, line: Line):
        read_in_part(device)
        (device.spool / "s" / PLAN).write_bytes(b"{")

        assert line.forget_asked("s", "--lose-footage", "--without-camera") == 1
        assert len(device.parts()) == 2

    def test_of_parts_without_a_plan_drops_nothing(self, device: Device, line: Line):
        read_in_part(device)
        (device.spool / "s" / PLAN).unlink()

        assert line.forget_asked("s", "--lose-footage", "--without-camera") == 1
        assert "session s has parts and no plan.json" in line.complaints

    def test_of_a_session_without_a_plan_and_without_parts_drops_its_folder(self, device: Device, line: Line):
        (device.spool / "s").mkdir(parents=True, mode=0o700)
        device.spool.chmod(0o700)

        assert line.forget_asked("s", "--dry-run") == 0
        assert (device.spool / "s").exists()
        assert line.forget_asked("s") == 0
        assert not (device.spool / "s").exists()

    def test_names_parts_that_belong_to_no_planned_file(self, device: Device, line: Line):
        device.run()
        read_a_second(device, session="t")
        [folder] = {path.parent for path in device.parts()}
        folder.rename(folder.with_name("original.100GOPRO.GX010099.MP4.0123456789abcdef"))
        format_card(device)

        assert line.forget_asked("t") == 1
        assert "parts of no planned file (original.100GOPRO.GX010099.MP4)" in line.complaints

    def test_needs_a_camera_or_a_word_that_there_is_none(self, device: Device, line: Line):
        assert line._run("forget", "s", "--spool", str(device.spool)) == 2
        assert line._run("forget", "s", *line._at(), "--without-camera", "--spool", str(device.spool)) == 2


class TestAKillInTheMiddle:
    """One rename decides; before it nothing is gone, after it a rerun or any haul finishes."""

    def test_before_the_rename_leaves_the_session_whole(self, device: Device, line: Line):
        read_in_part(device)
        format_card(device)
        killed = Spool(str(device.spool), altered(move=no_power))

        with killed.hold(), pytest.raises(PowerCut):
            killed.forget("s")

        assert len(device.parts()) == 2
        assert line.status() == 75
        assert line.forget_asked("s", "--lose-footage") == 0

    def test_after_the_rename_a_rerun_says_that_it_is_done(self, device: Device, line: Line):
        read_in_part(device)
        half_forgotten(device)

        assert line.forget_asked("s") == 0
        assert line.said.startswith("session s: forgotten")
        assert left(device) == []

    def test_after_the_rename_no_status_shows_it_and_no_room_is_taken(self, device: Device, line: Line):
        read_in_part(device)
        half_forgotten(device)

        assert line.status() == 0
        assert line.said == "no session here\n"
        with device.spool_held():
            assert left(device) == []

    def test_after_the_rename_a_haul_finishes_and_plans_the_name_anew(self, device: Device, line: Line):
        read_in_part(device)
        half_forgotten(device)

        device.run()

        assert device.object() == device.content()
        assert left(device) == []


class PowerCut(BaseException):
    """As a kill: no handler runs."""


def no_power(path: str, name: str) -> None:
    raise PowerCut


def half_forgotten(device: Device) -> None:
    """The power fails when the session's folder has been moved and one of its files removed."""
    place = device.spool / ".forgotten"
    place.mkdir(mode=0o700)
    (device.spool / "s").rename(place / "s")
    (place / "s" / PLAN).unlink()


def left(device: Device) -> list[Path]:
    return list((device.spool / ".forgotten").glob("*"))
