"""The walk, from the camera's card to a receipt."""

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from edge_client.base.disk import SystemDisk
from edge_client.base.errors import (
    CardFault,
    CoordinatorRefusal,
    FilmBroken,
    GaveUp,
    PartRefused,
    PlanDiffers,
    PlanUnreadable,
    ReceiptDiffers,
    SpoolBusy,
    SpoolFault,
    SpoolFull,
    SpoolTooSmall,
    Stopped,
    Unsettled,
)
from edge_client.haul.camera_session import SIZES_APART_S
from edge_client.haul.last_look import MOST_SPOTS
from edge_client.haul.patience import STILL_S
from edge_client.model.selection import (
    ByFile,
    ByNumber,
    ByTime,
    Everything,
    New,
    parsed_time,
)
from edge_client.spool.budget import RESERVE_BYTES
from edge_client.spool.spool import Spool
from tests.edge.conftest import PART_BYTES, Device
from tests.edge.fake_camera import (
    LEAST_FILM_BYTES,
    LOOKS,
    SERIAL,
    CameraExchange,
    CameraFile,
    boxed,
    film,
    footage,
)
from tests.support.coordinator import Door, SentUpload
from tests.support.memory import crc64nvme_of


def s3_says(status: int, code: str) -> Callable[[Door, SentUpload, int], None]:
    def act(handler: Door, upload: SentUpload, number: int) -> None:
        handler.body()
        handler.s3_error(status, code)

    return act


def s3_fails_once_there_are(device: Device, parts: int) -> None:
    """Every PUT fails, the first only when the spool holds so many parts: else patience might end before."""

    def act(handler: Door, upload: SentUpload, number: int) -> None:
        deadline = time.monotonic() + 5
        while len(device.parts()) < parts and time.monotonic() < deadline:
            time.sleep(0.01)
        s3_says(500, "InternalError")(handler, upload, number)

    device.cloud.faults["put"] = [act] * 1000


def hang_up(handler: Door, *rest: Any) -> None:
    handler.close_connection = True


def killed_after(device: Device, parts: int) -> None:
    """Let the first run end when the camera has given so many parts, as a kill would leave it."""
    taken: list[int] = []

    def act(handler: CameraExchange, file: CameraFile, first: int, last: int) -> None:
        taken.append(first)
        if len(taken) > parts:
            device.time.stop.set()
        handler.part(file, first, last)

    device.camera.faults["read"] = [act] * (parts + 1)
    # A refused part is tried again on a clock that costs nothing: on a busy machine that would end the run too soon.
    patience_s, device.give_up_after_s = device.give_up_after_s, math.inf
    with pytest.raises(Stopped):
        device.run()
    device.give_up_after_s = patience_s
    device.time.stop.clear()
    device.camera.faults.clear()
    device.camera.requests.clear()
    device.cloud.puts.clear()


class TestAHaul:
    @pytest.mark.parametrize(
        "size_bytes",
        [
            LEAST_FILM_BYTES,
            PART_BYTES - 1,
            PART_BYTES,
            PART_BYTES + 1,
            2 * PART_BYTES - 1,
            2 * PART_BYTES,
            2 * PART_BYTES + 1,
        ],
    )
    def test_brings_every_byte_at_the_limits_of_part_sizes(self, device: Device, size_bytes: int):
        device.card(GX010042=size_bytes)

        device.run()

        assert device.object() == device.content()

    def test_hauls_all_chapters_of_a_recording_in_order(self, device: Device):
        device.card(GX020042=5000, GX010043=100, GX010042=9000)

        report = device.report()

        assert [chapter.path for chapter in report.chapters] == [
            "100GOPRO/GX010042.MP4",
            "100GOPRO/GX020042.MP4",
        ]
        assert device.object("GX020042.MP4") == device.content("GX020042.MP4")

    def test_reports_sizes_crcs_receipts_and_counts(self, device: Device):
        report = device.report()

        [chapter] = report.chapters
        assert chapter.crc64nvme == crc64nvme_of(device.content())
        assert chapter.receipt["upload_id"] == "u_1"
        assert (chapter.size_bytes, chapter.parts_sent, chapter.parts_skipped) == (
            len(device.content()),
            4,
            0,
        )
        assert report.api_calls == len(device.cloud.calls)

    def test_leaves_the_report_in_the_spool(self, device: Device):
        report = device.report()

        assert json.loads((device.spool / "s" / "report.json").read_text())["session"] == report.session

    def test_writes_the_receipt_and_then_drops_the_parts(self, device: Device):
        device.run()

        receipt = json.loads(
            (device.spool / "s" / "receipts" / "original.100GOPRO.GX010042.MP4.json").read_text()
        )
        assert receipt == device.cloud.receipts()["original.100GOPRO.GX010042.MP4"]
        assert device.parts() == []

    def test_reads_each_byte_of_the_camera_once_and_never_beyond_the_end(self, device: Device):
        device.run()

        last = len(device.content()) - 1
        assert device.camera.reads() == [
            "bytes=0-4095",
            "bytes=4096-8191",
            "bytes=8192-12287",
            f"bytes=12288-{last}",
        ]

    def test_sends_each_part_once(self, device: Device):
        device.run()

        assert sorted(device.cloud.puts) == [1, 2, 3, 4]

    def test_sends_parts_while_the_camera_is_still_read(self, device: Device):
        seen: list[int] = []

        def last_part(handler: CameraExchange, file: CameraFile, first: int, last: int) -> None:
            deadline = time.monotonic() + 5
            while not device.cloud.puts and time.monotonic() < deadline:
                time.sleep(0.01)
            seen.extend(device.cloud.puts)
            handler.part(file, first, last)

        device.camera.faults["read"] = [None, None, None, last_part]
        device.run()

        assert seen

    def test_sends_only_get_and_head_to_the_camera(self, device: Device):
        device.run()

        assert {method for method, _, _ in device.camera.requests} == {"GET", "HEAD"}
        assert not any("delete" in path for _, path, _ in device.camera.requests)

    def test_tells_the_coordinator_the_identity_of_each_chapter(self, device: Device):
        device.run()

        [chapter] = device.cloud.sessions["s"]["chapters"]
        assert chapter == {
            "directory": "100GOPRO",
            "filename": "GX010042.MP4",
            "size_bytes": len(device.content()),
            "created": 1656931398,
            "modified": 1656931398,
            "etag": '"62c2a1c6.1"',
            "gumi": None,
        }

    def test_counts_both_legs_to_the_end(self, device: Device):
        device.camera.faults["read"] = [lambda handler, *_: handler.answer(503)]
        device.cloud.faults["put"] = [s3_says(500, "InternalError")]

        device.run()

        assert (device.progress.down_bytes, device.progress.up_bytes) == (len(device.content()),) * 2

    def test_keeps_the_camera_awake_while_s3_stalls_and_stops_at_the_end(self, device: Device):
        device.keep_alive_every_s = 0.02

        def stall(handler: Door, upload: SentUpload, number: int) -> None:
            before, deadline = device.camera.beats(), time.monotonic() + 5
            while device.camera.beats() < before + 3 and time.monotonic() < deadline:
                time.sleep(0.01)
            s3_says(503, "SlowDown")(handler, upload, number)

        device.cloud.faults["put"] = [stall]
        device.run()

        beats = device.camera.beats()
        assert beats >= 3
        assert not [thread for thread in threading.enumerate() if thread.name == "keep-alive"]


class TestARerun:
    def test_after_success_transfers_nothing_and_needs_no_camera(self, device: Device):
        device.run()
        device.camera.requests.clear()
        device.cloud.puts.clear()

        report = device.report()

        assert (device.camera.requests, device.cloud.puts) == ([], [])
        assert report.chapters[0].receipt["upload_id"] == "u_1"

    def test_after_a_kill_reads_and_sends_only_what_is_missing(self, device: Device):
        killed_after(device, parts=2)

        device.run()

        assert device.camera.reads() == ["bytes=8192-12287", "bytes=12288-12292"]
        assert device.object() == device.content()

    def test_of_a_wiped_spool_takes_the_parts_that_s3_has(self, device: Device):
        killed_after(device, parts=2)
        stored = set(device.cloud.uploads["u_1"].parts)
        for part in device.parts():
            part.unlink()

        report = device.report()

        assert stored.isdisjoint(device.cloud.puts)
        assert report.chapters[0].parts_skipped == len(stored)
        assert device.object() == device.content()

    def test_of_a_wiped_plan_plans_the_same_again(self, device: Device):
        killed_after(device, parts=2)
        (device.spool / "s" / "plan.json").unlink()

        device.run()

        assert device.object() == device.content()

    def test_of_a_wiped_plan_never_mixes_in_parts_of_another_file(self, device: Device):
        killed_after(device, parts=2)
        (device.spool / "s" / "plan.json").unlink()
        device.cloud.forget()
        other = CameraFile(film(len(device.content()), seed=9), etag='"other.1"')
        device.camera.files["100GOPRO/GX010042.MP4"] = other

        device.run()

        assert device.object() == other.content

    def test_under_another_part_plan_never_mixes_in_old_parts(self, device: Device):
        killed_after(device, parts=2)
        device.cloud.expire_uploads()
        device.cloud.part_bytes = 2 * PART_BYTES

        device.run()

        assert device.object() == device.content()

    def test_does_not_widen_the_plan(self, device: Device):
        killed_after(device, parts=1)
        device.card(GX010042=len(device.content()), GX020042=100)

        report = device.report()

        assert [chapter.path for chapter in report.chapters] == ["100GOPRO/GX010042.MP4"]

    def test_after_a_failed_upload_does_not_need_the_camera(self, device: Device):
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        with pytest.raises(CoordinatorRefusal):
            device.run()
        device.cloud.expire_uploads()
        device.camera.requests.clear()

        device.run()

        assert [path for _, path, _ in device.camera.requests if not path.endswith("keep_alive")] == []
        assert device.object() == device.content()

    def test_for_another_recording_under_the_same_session_is_refused(self, device: Device):
        device.run()

        with pytest.raises(PlanDiffers, match="already planned"):
            device.run(choice=ByNumber("0043"))

    @pytest.mark.parametrize("number", ["0042", "100GOPRO/0042", "100GOPRO/GX..0042"])
    def test_for_the_recording_in_other_words_is_the_same(self, device: Device, number: str):
        device.run()

        assert len(device.report(choice=ByNumber(number)).chapters) == 1

    @pytest.mark.parametrize("number", ["101GOPRO/0042", "100GOPRO/GH..0042", "100GOPRO/AA"])
    def test_for_one_of_another_directory_or_prefix_is_refused(self, device: Device, number: str):
        device.run()

        with pytest.raises(PlanDiffers, match="already planned with recording 0042"):
            device.run(choice=ByNumber(number))

    def test_for_the_recording_after_some_of_its_files_is_refused(self, device: Device):
        device.card(GX010042=100, GX020042=100)
        device.run(choice=ByFile(("100GOPRO/GX010042.MP4",)))

        with pytest.raises(PlanDiffers, match="already planned with 100GOPRO"):
            device.run()

    def test_for_the_very_files_of_the_recording_is_the_same(self, device: Device):
        device.card(GX010042=100, GX020042=100)
        device.run()

        again = device.report(choice=ByFile(("100GOPRO/GX020042.MP4", "100GOPRO/GX010042.MP4")))

        assert len(again.chapters) == 2

    def test_with_another_camera_is_refused_before_a_byte_is_read(self, device: Device):
        killed_after(device, parts=1)
        device.camera.serial = "C0000000000000"

        with pytest.raises(PlanDiffers, match="C0000000000000"):
            device.run()

        assert device.camera.reads() == []

    def test_with_another_size_is_refused_and_keeps_the_parts(self, device: Device):
        killed_after(device, parts=2)
        kept = device.parts()
        device.camera.files["100GOPRO/GX010042.MP4"].content += b"more"

        with pytest.raises(PlanDiffers, match="were planned"):
            device.run()

        assert device.parts() == kept

    def test_with_another_etag_is_refused_and_keeps_the_parts(self, device: Device):
        killed_after(device, parts=2)
        kept = device.parts()
        device.camera.files["100GOPRO/GX010042.MP4"].etag = '"other"'

        with pytest.raises(PlanDiffers, match="ETag"):
            device.run()

        assert device.parts() == kept

    def test_with_a_plan_that_cannot_be_read_is_refused(self, device: Device):
        device.run()
        (device.spool / "s" / "plan.json").write_text("{")

        with pytest.raises(PlanUnreadable):
            device.run()


class TestTheSpoolInAHaul:
    def test_a_part_that_changed_on_disk_is_read_again(self, device: Device):
        killed_after(device, parts=2)
        device.cloud.uploads["u_1"].parts.clear()
        part = device.parts()[0]
        part.write_bytes(b"x" * part.stat().st_size)

        device.run()

        assert "bytes=0-4095" in device.camera.reads()
        assert device.object() == device.content()

    def test_a_failed_upload_keeps_the_parts_on_disk(self, device: Device):
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]

        with pytest.raises(CoordinatorRefusal):
            device.run()

        assert len(device.parts()) == 4

    def test_a_receipt_with_another_crc_keeps_the_parts(self, device: Device):
        def lie(handler: Door) -> None:
            handler.serve_otherwise(
                lambda view: view["receipt"].update(crc64nvme=crc64nvme_of(b"another film"))
            )

        device.cloud.faults["complete"] = [lie]

        with pytest.raises(ReceiptDiffers):
            device.run()

        assert len(device.parts()) == 4

    @pytest.mark.parametrize(("member", "other"), [("size_bytes", 1), ("artifact_id", "original.x")])
    def test_a_receipt_for_something_else_keeps_the_parts(self, device: Device, member: str, other: object):
        def lie(handler: Door) -> None:
            handler.serve_otherwise(lambda view: view["receipt"].update({member: other}))

        device.cloud.faults["complete"] = [lie]

        with pytest.raises(ReceiptDiffers, match="another object"):
            device.run()

        assert len(device.parts()) == 4

    def test_a_completion_that_is_answered_without_a_receipt_is_asked_for_again(self, device: Device):
        def lie(handler: Door) -> None:
            handler.serve_otherwise(lambda view: view.update(receipt=None))

        device.cloud.faults["complete"] = [lie]

        device.run()

        assert device.object() == device.content()
        assert device.parts() == []

    @pytest.mark.parametrize("difference", [-1, 1])
    def test_a_session_whose_chapter_has_another_size_at_the_coordinator_is_not_read(
        self, device: Device, difference: int
    ):
        def lie(handler: Door) -> None:
            handler.serve_otherwise(
                lambda session: session["chapters"][0].update(size_bytes=len(device.content()) + difference)
            )

        device.cloud.faults["session"] = [lie]

        with pytest.raises(CoordinatorRefusal, match=r"has no 100GOPRO/GX010042\.MP4 of this size"):
            device.run()

        assert device.camera.reads() == []

    def test_a_receipt_that_cannot_be_kept_keeps_the_parts(self, device: Device):
        (device.spool / "s").mkdir(parents=True, mode=0o700)
        device.spool.chmod(0o700)
        (device.spool / "s" / "receipts").write_bytes(b"in the way")

        with pytest.raises(SpoolFault, match="receipts"):
            device.run()

        assert len(device.parts()) == 4

    @pytest.mark.parametrize("lies", [True, False])
    def test_a_receipt_that_is_there_at_the_start_is_compared_with_the_parts(
        self, device: Device, lies: bool
    ):
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        with pytest.raises(CoordinatorRefusal):
            device.run()
        device.cloud.complete("u_1")

        def lie(handler: Door) -> None:
            handler.serve_otherwise(
                lambda session: session["chapters"][0]["receipt"].update(
                    crc64nvme=crc64nvme_of(b"another film")
                )
            )

        device.cloud.faults["session"] = [lie] if lies else []

        with pytest.raises(ReceiptDiffers) if lies else contextlib.nullcontext():
            device.run()

        assert len(device.parts()) == (4 if lies else 0)

    def test_a_disk_that_others_fill_ends_the_run_for_now_after_sending_what_is_there(self, device: Device):
        device.free_bytes = lambda folder: 10**12 if len(device.camera.reads()) < 3 else RESERVE_BYTES

        with pytest.raises(SpoolFull, match="stay free"):
            device.run()

        assert sorted(device.cloud.uploads["u_1"].parts) == [1, 2, 3]

    def test_a_full_disk_never_costs_a_part_that_s3_does_not_have(self, device: Device):
        device.free_bytes = lambda folder: 10**12 if len(device.camera.reads()) < 3 else RESERVE_BYTES
        s3_fails_once_there_are(device, 3)
        device.give_up_after_s = 60.0

        with pytest.raises(GaveUp):
            device.run()

        assert len(device.parts()) == 3
        device.free_bytes = SystemDisk().free_bytes
        device.cloud.faults.clear()
        device.camera.requests.clear()
        device.run()
        assert device.object() == device.content()
        assert len(device.camera.reads()) == 1

    def test_a_second_client_on_the_spool_is_sent_away(self, device: Device):
        with Spool(str(device.spool), SystemDisk()).hold(), pytest.raises(SpoolBusy, match="uses the spool"):
            device.run()

    def test_a_second_client_on_the_camera_is_sent_away_whatever_its_spool(self, device: Device):
        with device.camera_locks.hold("C3501324500711"), pytest.raises(SpoolBusy, match="camera C35"):
            device.run()


class TestABudget:
    @pytest.fixture
    def held(self, device: Device) -> list[int]:
        """What the spool's parts hold in all, each time that the camera is read."""
        device.card(GX010042=12 * PART_BYTES + 5)
        held: list[int] = []

        def act(handler: CameraExchange, file: CameraFile, first: int, last: int) -> None:
            held.append(sum(path.stat().st_size for path in device.parts()))
            handler.part(file, first, last)

        device.camera.faults["read"] = [act] * 100
        return held

    @pytest.mark.parametrize("room", [2 * PART_BYTES, 2 * PART_BYTES + 1, 3 * PART_BYTES])
    def test_is_kept_while_every_byte_comes_home(self, device: Device, held: list[int], room: int):
        device.spool_budget_bytes = room

        report = device.report()

        assert device.object() == device.content()
        assert len(held) == report.chapters[0].parts_sent == 13
        assert max(held) + PART_BYTES <= room

    def test_below_two_parts_is_refused_before_anything_is_read(self, device: Device, held: list[int]):
        device.spool_budget_bytes = 2 * PART_BYTES - 1

        with pytest.raises(SpoolTooSmall, match="--spool-budget"):
            device.run()

        assert held == []

    def test_of_less_than_two_parts_is_enough_for_a_chapter_of_one(self, device: Device):
        device.card(GX010042=PART_BYTES)
        device.spool_budget_bytes = PART_BYTES

        device.run()

        assert device.object() == device.content()

    def test_with_room_for_all_drops_nothing_before_the_receipt(self, device: Device, held: list[int]):
        device.run()

        assert max(held) == 12 * PART_BYTES

    def test_never_costs_a_part_that_s3_does_not_have(self, device: Device, held: list[int]):
        device.spool_budget_bytes = 3 * PART_BYTES
        device.give_up_after_s = 60.0
        s3_fails_once_there_are(device, 3)

        with pytest.raises(GaveUp):
            device.run()

        assert len(device.parts()) == len(held) == 3

    def test_is_not_held_by_parts_that_another_part_plan_has_made_useless(self, device: Device):
        device.card(GX010042=12 * PART_BYTES + 5)
        device.spool_budget_bytes = 4 * PART_BYTES
        device.cloud.faults["put"] = [s3_says(500, "InternalError")] * 1000
        device.give_up_after_s = 60.0
        with pytest.raises(GaveUp):
            device.run()
        assert device.parts()
        device.cloud.faults.clear()
        device.cloud.expire_uploads()
        device.cloud.part_bytes = 2 * PART_BYTES

        device.run()

        assert device.object() == device.content()

    def test_survives_a_kill_with_what_was_dropped_in_s3(self, device: Device):
        device.card(GX010042=12 * PART_BYTES + 5)
        device.spool_budget_bytes = 2 * PART_BYTES
        killed_after(device, parts=8)
        stored = set(device.cloud.uploads["u_1"].parts)
        assert len(device.parts()) < len(stored)

        device.run()

        assert device.object() == device.content()
        assert stored.isdisjoint(device.cloud.puts)

    def test_that_parts_of_another_session_fill_gets_those_that_s3_and_the_card_have(self, device: Device):
        device.card(GX010042=3 * PART_BYTES, GX010043=5 * PART_BYTES)
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        with pytest.raises(CoordinatorRefusal):
            device.run()
        device.spool_budget_bytes = 3 * PART_BYTES

        device.run("other", ByNumber("0043"))

        assert device.object("GX010043.MP4") == device.content("GX010043.MP4")


class TestS3:
    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param(s3_says(500, "InternalError"), id="internal error"),
            pytest.param(s3_says(503, "SlowDown"), id="slow down"),
            pytest.param(s3_says(400, "RequestTimeout"), id="request time-out"),
            pytest.param(s3_says(403, "AccessDenied"), id="expired url"),
            pytest.param(s3_says(400, "ExpiredToken"), id="expired credentials"),
            pytest.param(s3_says(400, "BadDigest"), id="corrupted on the way"),
            pytest.param((200, b"<html>welcome</html>"), id="captive portal without etag"),
            pytest.param(hang_up, id="connection closed"),
            pytest.param((307, b"", {"Location": "http://127.0.0.1:1/elsewhere"}), id="redirect"),
        ],
    )
    def test_one_fault_costs_one_more_try(self, device: Device, fault: Any):
        device.cloud.faults["put"] = [fault]

        device.run()

        assert len(device.cloud.puts) == 5
        assert device.cloud.calls.count("complete") == 1
        assert device.object() == device.content()

    def test_a_lost_reply_to_a_part_is_sent_again(self, device: Device):
        def stored_then_lost(handler: Door, upload: SentUpload, number: int) -> None:
            handler.take()
            handler.lose_answer()

        device.cloud.faults["put"] = [stored_then_lost]

        device.run()

        assert device.object() == device.content()

    def test_an_expired_url_is_not_counted_as_a_failure(self, device: Device):
        device.cloud.faults["put"] = [s3_says(403, "AccessDenied")]

        report = device.report()

        assert (report.retries, device.time.slept) == (0, [])

    def test_a_url_known_to_be_expired_is_renewed_before_the_next_try(self, device: Device):
        device.card(GX010042=100)
        device.cloud.expires_in_s = 1
        device.cloud.faults["put"] = [s3_says(500, "InternalError")] * 2

        device.run()

        assert device.cloud.puts == [1, 1, 1]
        assert device.cloud.batches == [[1], [1]]

    def test_sends_no_part_elsewhere(self, device: Device):
        def elsewhere(handler: Door, upload: SentUpload, number: int) -> None:
            handler.body()
            handler.answer(307, b"", {"Location": handler.path.replace("number=1&", "number=9&")})

        device.card(GX010042=100)
        device.cloud.faults["put"] = [elsewhere]

        device.run()

        assert device.cloud.puts == [1, 1]

    def test_refusals_without_end_end_in_a_refusal(self, device: Device):
        device.cloud.faults["put"] = [s3_says(403, "SignatureDoesNotMatch")] * 40

        with pytest.raises(PartRefused, match="SignatureDoesNotMatch"):
            device.run()

    def test_an_outage_longer_than_patience_is_given_up(self, device: Device):
        device.cloud.faults["put"] = [s3_says(503, "SlowDown")] * 400

        with pytest.raises(GaveUp):
            device.run()

        assert device.parts()

    def test_parts_that_wait_together_get_their_urls_in_one_call(self, device: Device):
        killed_after(device, parts=3)
        device.cloud.uploads["u_1"].parts.clear()
        device.cloud.batches.clear()

        device.run()

        assert max(map(len, device.cloud.batches)) >= 2

    def test_a_batch_of_urls_is_never_larger_than_32(self, device: Device):
        device.card(GX010042=PART_BYTES * 40)
        device.cloud.faults["put"] = [s3_says(400, "Nonsense")] * 400
        with pytest.raises(PartRefused):
            device.run()
        device.cloud.faults.clear()

        device.run()

        assert max(map(len, device.cloud.batches)) <= 32
        assert device.object() == device.content()


class TestTheCoordinator:
    def test_a_lost_reply_to_complete_is_settled_by_asking(self, device: Device):
        def done_but_lost(handler: Door) -> None:
            handler.serve()
            handler.lose_answer()

        device.cloud.faults["complete"] = [done_but_lost]

        device.run()

        assert device.cloud.calls.count("complete") == 1
        assert "get" in device.cloud.calls

    def test_an_upload_that_is_gone_is_opened_anew_from_the_spool(self, device: Device):
        def gone(handler: Door) -> None:
            handler.coordinator.expire_uploads()
            handler.serve()

        device.cloud.faults["complete"] = [gone]

        device.run()

        assert device.object() == device.content()
        assert len(device.camera.reads()) == 4

    def test_an_upload_that_another_client_completed_is_accepted(self, device: Device):
        def completed_meanwhile(handler: Door, upload: SentUpload, number: int) -> None:
            content, size = device.content(), handler.coordinator.part_bytes
            upload.parts.update({n + 1: content[n * size : (n + 1) * size] for n in range(4)})
            handler.coordinator.complete(upload.upload_id)
            handler.take()

        device.cloud.faults["put"] = [completed_meanwhile]

        device.run()

        assert device.object() == device.content()

    def test_an_upload_that_s3_lost_is_opened_anew(self, device: Device):
        def aborted(handler: Door, upload: SentUpload, number: int) -> None:
            upload.lose()
            handler.take()

        device.cloud.faults["put"] = [aborted]

        device.run()

        assert device.object() == device.content()

    def test_an_upload_that_is_lost_in_the_middle_ends_with_both_legs_at_the_end(self, device: Device):
        device.cloud.faults["put"] = [None, s3_says(404, "NoSuchUpload"), s3_says(404, "NoSuchUpload")]

        device.run()

        size_bytes = len(device.content())
        assert (device.progress.down_bytes, device.progress.up_bytes) == (size_bytes, size_bytes)

    def test_parts_that_it_names_are_sent_again(self, device: Device):
        def without_one(handler: Door) -> None:
            stored = handler.coordinator.uploads["u_1"].parts
            del stored[2]
            stored[3] = b"shorter"
            handler.serve()

        device.cloud.faults["complete"] = [without_one]

        device.run()

        assert sorted(device.cloud.puts) == [1, 2, 2, 3, 3, 4]
        assert device.object() == device.content()

    def test_parts_that_differ_without_end_end_in_a_refusal(self, device: Device):
        def never(handler: Door) -> None:
            handler.coordinator.uploads["u_1"].parts[1] = b"shorter"
            handler.serve()

        device.cloud.faults["complete"] = [never] * 20

        with pytest.raises(CoordinatorRefusal, match="5 times"):
            device.run()

        assert len(device.parts()) == 4

    def test_a_part_that_s3_has_with_another_crc_than_ours_is_sent_again(self, device: Device):
        killed_after(device, parts=2)
        device.cloud.uploads["u_1"].parts[1] = b"x" * PART_BYTES

        device.run()

        assert device.object() == device.content()

    def test_a_part_that_s3_has_with_another_length_is_sent_again(self, device: Device):
        killed_after(device, parts=2)
        device.cloud.uploads["u_1"].replace_parts({1: device.content()[: PART_BYTES - 1]})
        for part in device.parts():
            part.unlink()

        device.run()

        assert 1 in device.cloud.puts
        assert device.object() == device.content()

    def test_sends_nobody_elsewhere_with_the_token(self, device: Device):
        elsewhere = f"{device.cloud.url}/v1/sessions/elsewhere"
        device.cloud.faults["session"] = [(307, b"{}", {"Location": elsewhere})]

        device.run()

        assert list(device.cloud.sessions) == ["s"]

    def test_another_chapter_under_this_session_is_refused(self, device: Device):
        other = {"directory": "100GOPRO", "filename": "GX010042.MP4", "size_bytes": 1}
        device.cloud.call("PUT", "/v1/sessions/s", {"camera": {"serial": SERIAL}, "chapters": [other]})

        with pytest.raises(CoordinatorRefusal, match="Session differs"):
            device.run()

    def test_a_file_that_may_not_be_sent_is_named_and_the_other_sessions_are_hauled(self, device: Device):
        device.card(GX010042=5000, GX010043=5000)
        words = "100GOPRO/GX010042.MP4 has 5000 bytes; files of at most 4999 bytes are taken here"

        def refuse_it(handler: Door) -> None:
            body = json.dumps(
                {
                    "type": "urn:reelhaul:problem:too-large",
                    "action": "stop",
                    "title": "Too large",
                    "detail": words,
                }
            )
            handler.answer(413, body.encode())

        device.cloud.faults["session"] = [refuse_it]

        outcome = device.run(session=None, choice=Everything())

        [refusal] = outcome.refusals
        assert words in str(refusal)
        assert list(device.cloud.objects()) == ["original.100GOPRO.GX010043.MP4"]

    def test_at_a_limit_waits_and_hauls_everything(self, device: Device):
        limited = (
            429,
            b'{"type": "urn:reelhaul:problem:too-many-requests", "action": "retry", "title": "t", "detail": "d"}',
            {"Retry-After": "60"},
        )
        for kind in ("session", "open", "urls", "complete", "progress"):
            device.cloud.faults[kind] = [limited, limited]

        device.run()

        assert device.object() == device.content()
        assert device.time.slept.count(60.0) >= 8

    def test_another_size_in_its_plan_is_refused(self, device: Device):
        def plan_otherwise(handler: Door) -> None:
            handler.serve_otherwise(lambda view: view["plan"].update(size_bytes=77, part_count=1))

        device.cloud.faults["open"] = [plan_otherwise]

        with pytest.raises(CoordinatorRefusal, match="another size"):
            device.run()


class TestTheCameraInAHaul:
    def test_may_switch_itself_off_which_is_told_once_for_each_reason(
        self, device: Device, caplog: pytest.LogCaptureFixture
    ):
        device.camera.state |= {"6": 1, "70": 3, "2": 0}
        device.camera.faults["read"] = [lambda handler, *_: handler.answer(503)] * 3

        device.run()

        told = [vars(record) for record in caplog.records if "switch itself off" in record.message]
        assert sorted(one["reason"] for one in told) == ["it is too hot", "its battery is at 3 percent"]

    def test_is_waited_for_while_it_records(self, device: Device):
        device.camera.state["10"] = 1
        busy = device.time.sleep

        def stop_recording(seconds: float) -> None:
            device.camera.state["10"] = 0
            busy(seconds)

        device.time.sleep = stop_recording  # type: ignore[method-assign]  # the fake clock is ours

        device.run()

        assert device.time.slept
        assert device.object() == device.content()

    @pytest.mark.parametrize(("status", "words"), [(2, "out"), (3, "format"), (8, "swapped")])
    def test_with_a_bad_card_is_refused(self, device: Device, status: int, words: str):
        device.camera.state["33"] = status

        with pytest.raises(CardFault, match=words):
            device.run()

    def test_with_a_full_card_is_hauled(self, device: Device):
        device.camera.state["33"] = "1"

        device.run()

        assert device.object() == device.content()

    def test_that_lists_nothing_but_counts_videos_is_a_fault(self, device: Device):
        device.camera.files.clear()

        with pytest.raises(Unsettled, match="lists none"):
            device.run()

        assert sum(device.time.slept) <= 60

    def test_that_lists_another_size_than_it_serves_is_refused_after_a_minute(self, device: Device):
        device.camera.files["100GOPRO/GX010042.MP4"].listed_bytes = 1

        with pytest.raises(Unsettled, match="listed with 1 bytes"):
            device.run()

        assert 25 < sum(device.time.slept) <= 60

    def test_without_an_info_page_is_known_by_its_files(self, device: Device):
        device.camera.serial = None
        head = b"GPRO" + bytes(83) + b"C3281324500963"
        device.camera.files["100GOPRO/GX010042.MP4"].content = boxed(head + footage(5000))

        device.run()

        assert device.cloud.sessions["s"]["camera"] == {
            "serial": "C3281324500963",
            "model": None,
            "firmware": None,
        }

    def test_is_checked_again_after_an_outage(self, device: Device):
        def swapped(handler: CameraExchange, *rest: Any) -> None:
            device.camera.serial = "C0000000000000"
            handler.answer(503)

        device.camera.faults["read"] = [None, swapped]

        with pytest.raises(PlanDiffers, match="C0000000000000"):
            device.run()

    def test_that_is_away_for_long_and_odd_when_it_starts_is_waited_for(self, device: Device):
        away = [lambda handler, *_: handler.answer(503)] * 12
        device.camera.faults["read"] = [None, *away, lambda handler, *_: handler.answer(404)]

        device.run()

        assert sum(device.time.slept) > 60
        assert device.object() == device.content()

    def test_whose_info_page_of_a_file_fails_is_hauled(self, device: Device):
        device.camera.faults["media"] = [(500, b"<html>")] * 100

        device.run()

        [chapter] = device.cloud.sessions["s"]["chapters"]
        assert chapter["gumi"] is None

    def test_is_kept_awake_while_an_earlier_chapter_only_goes_up(self, device: Device):
        device.card(GX010042=PART_BYTES, GX020042=100)
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        with pytest.raises(CoordinatorRefusal):
            device.run()
        device.cloud.expire_uploads()
        device.keep_alive_every_s = 0.02

        stalled = threading.Event()

        def stall(handler: Door, upload: SentUpload, number: int) -> None:
            before, deadline = device.camera.beats(), time.monotonic() + 5
            while device.camera.beats() == before and time.monotonic() < deadline:
                time.sleep(0.01)
            seen.append(device.camera.beats() - before)
            stalled.set()
            s3_says(503, "SlowDown")(handler, upload, number)

        def keep_reading(handler: CameraExchange, *_: object) -> None:
            stalled.wait(5)
            handler.answer(503)

        seen: list[int] = []
        device.cloud.faults["put"] = [stall]
        device.camera.faults["read"] = [keep_reading]
        device.run()

        assert seen[0] > 0

    def test_that_stays_away_is_given_up_and_the_parts_stay(self, device: Device):
        device.camera.faults["read"] = [None, *[lambda handler, *_: handler.answer(503)] * 400]

        with pytest.raises(GaveUp):
            device.run()

        assert len(device.parts()) == 1

    @pytest.mark.parametrize(
        ("spoilt", "words"),
        [
            (lambda whole: whole[:-8], "no moov"),
            (lambda whole: whole[:-100], "beyond the end"),
            (lambda whole: whole + whole[20:-9], "beyond the end"),
            (lambda whole: whole[:20] + bytes(4) + whole[24:], "no length yet"),
        ],
        ids=["without moov", "cut", "with a second mdat", "still recording"],
    )
    def test_with_a_file_that_is_not_final_and_stays_so_is_refused_and_nothing_is_sent(
        self, device: Device, spoilt: Callable[[bytes], bytes], words: str
    ):
        device.camera.files["100GOPRO/GX010042.MP4"].content = spoilt(device.content())

        with pytest.raises(FilmBroken, match=f"GX010042.MP4 is not finished: .*{words}"):
            device.run()

        assert STILL_S <= sum(device.time.slept) <= 2 * STILL_S
        assert (device.cloud.calls, device.camera.reads(), device.parts()) == ([], [], [])

    def test_with_one_file_of_many_that_is_not_final_sends_none_of_its_recording(self, device: Device):
        device.card(GX010042=5000, GX020042=5000, GX010043=5000)
        device.camera.files["100GOPRO/GX020042.MP4"].content = film(5000)[:-8]

        outcome = device.run(session=None, choice=Everything())

        [refusal] = outcome.refusals
        assert "GX020042.MP4 is not finished" in str(refusal)
        assert list(device.cloud.objects()) == ["original.100GOPRO.GX010043.MP4"]

    def test_that_finishes_a_file_meanwhile_is_hauled(self, device: Device):
        whole, slept = device.content(), device.time.sleep
        device.camera.files["100GOPRO/GX010042.MP4"].content = whole[:-8]

        def finish(seconds: float) -> None:
            device.camera.files["100GOPRO/GX010042.MP4"].content = whole
            slept(seconds)

        device.time.sleep = finish  # type: ignore[method-assign]  # the fake clock is ours

        device.run()

        assert device.object() == whole

    def test_that_finishes_a_file_under_another_etag_is_planned_with_that(self, device: Device):
        def other(handler: CameraExchange, file: CameraFile, first: int, last: int) -> None:
            file.etag = '"repaired.1"'
            handler.part(file, first, last)

        device.camera.faults["look"] = [None, other]

        device.run()

        [chapter] = device.cloud.sessions["s"]["chapters"]
        assert chapter["etag"] == '"repaired.1"'

    @pytest.mark.parametrize("busy", [{"8": 1}, {"10": 1}])
    def test_that_has_only_just_stopped_is_given_time_for_its_last_bytes(
        self, device: Device, busy: dict[str, int]
    ):
        """Its file is whole at the first look, and grows to its end in the two seconds after."""
        longer, slept = film(9000, seed=7), device.time.sleep
        at_rest = dict(device.camera.state)
        device.camera.state.update(busy)

        def last_bytes(seconds: float) -> None:
            if device.camera.state != at_rest:
                device.camera.state = at_rest
            else:
                device.camera.files["100GOPRO/GX010042.MP4"].content = longer
            slept(seconds)

        device.time.sleep = last_bytes  # type: ignore[method-assign]  # the fake clock is ours

        device.run()

        assert device.object() == longer

    def test_that_is_at_rest_is_not_waited_for(self, device: Device):
        device.run()

        assert device.time.slept == []

    def test_that_has_only_just_stopped_is_given_time_once_for_all_its_files(self, device: Device):
        device.card(GX010042=100, GX020042=100, GX030042=100)
        device.camera.faults["state"] = [(503, b'{"message": "Camera is busy"}')]

        device.run()

        assert device.time.slept == [0.5, SIZES_APART_S]

    def test_has_boxes_heads_and_spots_looked_at_and_no_more(self, device: Device):
        device.time.chance = 0.0
        device.run()

        end = len(device.content()) - 1
        boxes = ["bytes=0-15", "bytes=20-35", f"bytes={end - 7}-{end}"]
        head, spot = f"bytes=0-{LOOKS.head_bytes - 1}", LOOKS.spot_bytes
        spots = [f"bytes={first}-{first + spot - 1}" for first in range(0, end - spot, PART_BYTES)]
        # The head in planning, at its end, before the first byte, and after the last one.
        assert device.camera.looks() == [*boxes, head, head, head, head, *spots]

    @pytest.mark.parametrize("parts", [1, MOST_SPOTS - 1, MOST_SPOTS, MOST_SPOTS + 1, 4 * MOST_SPOTS])
    def test_is_asked_a_few_calls_more_for_each_chapter_however_long_it_is(self, device: Device, parts: int):
        device.card(GX010042=PART_BYTES * parts)

        device.run()

        calls = [request for request in device.camera.requests if not request[1].endswith("keep_alive")]
        assert len(calls) - parts <= 33 + MOST_SPOTS
        assert len(device.camera.reads()) == parts

    def test_an_empty_chapter_is_refused(self, device: Device):
        device.camera.files["100GOPRO/GX010042.MP4"].content = b""

        with pytest.raises(FilmBroken, match="no bytes"):
            device.run()


class TestSessionsWithoutAName:
    def test_take_their_name_from_camera_directory_number_and_date(self, device: Device):
        report = device.report(session=None)

        assert report.session == "C3501324500711-100GOPRO-0042-1656931398"

    def test_are_one_for_each_recording(self, device: Device):
        device.card(GX010042=100, GX020042=100, GX010043=100)

        outcome = device.run(session=None, choice=Everything())

        assert [len(report.chapters) for report in outcome.done] == [2, 1]

    def test_are_hauled_whatever_form_the_names_have(self, device: Device):
        names = (
            *("GXAA9999", "GXAA0001", "GPFR0043", "GF010043", "GPBK0043", "GOPR0044", "GP010044"),
            *("CamA-GX010045", "CamA-GX020045", "SX010046", "GG010047"),
        )
        device.camera.files.clear()
        device.card(**dict.fromkeys(names, 100))

        outcome = device.run(session=None, choice=Everything())

        assert outcome.refusals == ()
        assert {
            report.session.split("-", 2)[2].rpartition("-")[0]: [c.path[9:-4] for c in report.chapters]
            for report in outcome.done
        } == {
            "GXAA": ["GXAA9999", "GXAA0001"],
            "GF0043": ["GPFR0043", "GF010043"],
            "GB0043": ["GPBK0043"],
            "0044": ["GOPR0044", "GP010044"],
            "CamA-GX0045": ["CamA-GX010045", "CamA-GX020045"],
            "SX0046": ["SX010046"],
            "GG0047": ["GG010047"],
        }
        assert all(device.object(f"{name}.MP4") == device.content(f"{name}.MP4") for name in names)

    def test_differ_where_two_recordings_of_one_card_share_number_and_date(self, device: Device):
        device.card(GX010042=100, GH010042=100)

        outcome = device.run(session=None, choice=ByFile(("100GOPRO/GH010042.MP4",)))

        assert [report.session for report in outcome.done] == ["C3501324500711-100GOPRO-GH0042-1656931398"]

    def test_of_a_recording_with_a_gap_are_refused_and_the_others_hauled(self, device: Device):
        device.card(GX010042=100, GX020043=100)

        outcome = device.run(session=None, choice=Everything())

        [refusal] = outcome.refusals
        assert "lacks chapter 01" in str(refusal)
        assert len(outcome.done) == 1

    def test_hold_exactly_the_files_that_were_named(self, device: Device):
        device.card(GX010042=100, GX020042=100)

        outcome = device.run(session=None, choice=ByFile(("100GOPRO/GX020042.MP4",)))

        assert [c.path for report in outcome.done for c in report.chapters] == ["100GOPRO/GX020042.MP4"]

    def test_say_which_files_were_asked_for_and_are_not_in_the_plan(self, device: Device):
        device.card(GX010042=100, GX020042=100)
        device.run(session=None, choice=ByFile(("100GOPRO/GX010042.MP4",)))

        report = device.report(session=None, choice=Everything())

        assert [chapter.path for chapter in report.chapters] == ["100GOPRO/GX010042.MP4"]
        assert report.left_out == ("100GOPRO/GX020042.MP4",)

    def test_of_a_time_are_those_that_began_in_it(self, device: Device):
        device.card(GX010042=100, GX010043=100, GX010044=100)
        device.camera.files["100GOPRO/GX010043.MP4"].created = "1656931399"
        device.camera.files["100GOPRO/GX010044.MP4"].created = "unset"

        outcome = device.run(session=None, choice=ByTime(parsed_time("2022-07-04T10:43:19"), None))

        assert [report.chapters[0].path for report in outcome.done] == ["100GOPRO/GX010043.MP4"]
        [refusal] = outcome.refusals
        assert "100GOPRO/GX..0044" in str(refusal)

    def test_of_what_is_new_leave_out_what_is_verified(self, device: Device):
        device.card(GX010042=100)
        device.run("match-17")
        device.card(GX010042=100, GX010043=100)

        outcome = device.run(session=None, choice=New())

        assert [report.chapters[0].path for report in outcome.done] == ["100GOPRO/GX010043.MP4"]

    def test_of_what_is_new_take_up_what_was_begun_here_under_its_own_name(self, device: Device):
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        with pytest.raises(CoordinatorRefusal):
            device.run("match-17")

        outcome = device.run(session=None, choice=New())

        assert [report.session for report in outcome.done] == ["match-17"]
        assert list(device.cloud.uploads) == ["u_1"]

    def test_of_a_repaired_file_say_so_instead_of_calling_it_home(self, device: Device):
        """The camera repairs a file under its name and date: the session of that name has what it was before."""
        device.run(session=None, choice=Everything())
        device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(9000), etag='"repaired.1"')

        outcome = device.run(session=None, choice=New())

        [refusal] = outcome.refusals
        assert "another session name" in str(refusal)

    def test_of_everything_refuse_a_home_session_whose_file_was_repaired(self, device: Device):
        device.run(session=None, choice=Everything())
        device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(9000), etag='"repaired.1"')

        outcome = device.run(session=None, choice=Everything())

        [refusal] = outcome.refusals
        assert "has 9000 bytes now" in str(refusal)
        assert not outcome.done

    def test_of_everything_believe_the_camera_and_not_a_list_with_an_old_size(self, device: Device):
        device.run(session=None, choice=Everything())
        device.camera.files["100GOPRO/GX010042.MP4"].listed_bytes = 9000

        outcome = device.run(session=None, choice=Everything())

        assert not outcome.refusals
        assert len(outcome.done) == 1

    def test_of_what_is_new_go_on_past_a_plan_that_cannot_be_read(self, device: Device):
        device.run("match-17")
        (device.spool / "match-17" / "plan.json").write_bytes(b"torn")
        device.card(GX010042=len(device.content()), GX010043=100)

        outcome = device.run(session=None, choice=New())

        [refusal] = outcome.refusals
        assert "plan.json of session match-17" in str(refusal)
        assert [report.chapters[0].path for report in outcome.done] == ["100GOPRO/GX010043.MP4"]

    def test_of_what_is_new_haul_another_file_of_a_verified_name(self, device: Device):
        device.run("match-17")
        device.camera.files["100GOPRO/GX010042.MP4"].created = "1656931399"

        outcome = device.run(session=None, choice=New())

        assert len(outcome.done) == 1

    def test_that_another_device_has_are_refused_with_what_to_do(self, device: Device):
        problem = {"type": "urn:reelhaul:problem:not-found", "title": "Not found", "action": "stop"}
        device.cloud.faults["session"] = [(404, json.dumps(problem).encode())]

        [refusal] = device.run(session=None, choice=Everything()).refusals

        assert "is not this device's" in str(refusal)

    def test_of_a_card_with_videos_of_other_names_say_so_and_haul_the_rest(self, device: Device):
        device.card(GX010042_Proxy=100, GX010042=100)

        outcome = device.run(session=None, choice=Everything())

        [refusal] = outcome.refusals
        assert "100GOPRO/GX010042_Proxy.MP4" in str(refusal)
        assert len(outcome.done) == 1

    def test_that_are_home_are_told_though_an_outage_ends_the_run(self, device: Device):
        device.card(GX010042=100, GX010043=100)
        device.cloud.faults["session"] = [None, *[(503, b"{}")] * 100]

        outcome = device.run(session=None, choice=Everything())

        assert [report.session[-15:-11] for report in outcome.done] == ["0042"]
        assert isinstance(outcome.unfinished, GaveUp)

    def test_an_empty_card_hauls_nothing(self, device: Device):
        device.camera.files.clear()
        device.camera.state["39"] = 0

        assert device.run(session=None, choice=Everything()).done == ()


def test_the_plan_on_disk_is_private_to_its_user(device: Device):
    device.run()

    modes = {path: os.stat(path).st_mode & 0o077 for path in [device.spool, *device.spool.rglob("*")]}
    assert set(modes.values()) == {0}


def test_a_stop_in_the_middle_leaves_a_spool_to_go_on_with(device: Device):
    killed_after(device, parts=2)

    assert len(device.parts()) == 2
    assert (device.spool / "s" / "plan.json").exists()
