"""A look at a card for an audit, over the time that it takes."""

from __future__ import annotations

from tests.edge_client.conftest import Device


def test_a_list_that_stays_empty_while_the_camera_counts_videos_is_a_reason_to_keep_the_card(device: Device):
    device.camera.files.clear()

    found = device.survey()

    assert not found.all_home
    assert found.reasons_to_keep[0].startswith("the camera counts 1 videos, but its list has none: ")
    assert 30 < sum(device.time.slept) <= 60


def test_a_list_that_was_empty_for_a_moment_is_read_again(device: Device):
    device.camera.faults["list"] = [(200, b'{"media": []}')] * 2

    found = device.survey()

    assert [one.recording.label for one in found.recordings] == ["100GOPRO/GX..0042"]


def test_an_entry_is_asked_for_once_and_a_camera_that_is_busy_again(device: Device):
    device.camera.files["100GOPRO/GX010043.MP4"] = device.camera.files.pop("100GOPRO/GX010042.MP4")
    listed = device.camera.media()
    listed["media"][0]["fs"][0]["s"] = ""
    listed["media"][0]["fs"].append({"n": "GX010099.MP4"})
    device.camera.media = lambda: listed  # type: ignore[method-assign]  # the fake is ours

    found = device.survey()

    heads = [path for method, path, _ in device.camera.requests if method == "HEAD"]
    assert heads == [f"/videos/DCIM/100GOPRO/{name}.MP4" for name in ("GX010043", "GX010099")]
    assert [each.label for each in found.unreadable] == ["100GOPRO/GX010099.MP4"]
    assert device.time.slept == []
