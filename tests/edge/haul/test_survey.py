"""A look at a card for an audit, over the time that it takes."""

from __future__ import annotations

import io
import json
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from edge_client.base.terminal import say
from edge_client.camera.documents import entries_of
from edge_client.commands.audit import audit_json, audit_lines
from edge_client.commands.list import list_json, list_lines
from edge_client.commands.output import line
from edge_client.haul.camera_session import CameraSession
from edge_client.haul.survey import survey_card
from edge_client.model.gopro_names import may_be_video
from edge_client.model.listing import NOT_NAMED, Listed, Unreadable, Witnesses, listed
from edge_client.model.plan import CameraIdentity
from tests.edge.conftest import Device


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
    device.camera.shown = listed

    found = device.survey()

    heads = [path for method, path, _ in device.camera.requests if method == "HEAD"]
    # Once for the list; and once for what helps, as it is not home.
    assert heads == [f"/videos/DCIM/100GOPRO/{name}.MP4" for name in ("GX010043", "GX010099", "GX010043")]
    assert [each.label for each in found.unreadable] == ["100GOPRO/GX010099.MP4"]
    assert device.time.slept == []


WORD = st.text(st.characters(exclude_categories=()), max_size=12)
NAMES = (
    st.sampled_from(["GX010042.MP4", "GX020042.MP4", "GXAA0001.MP4", "GOPR0042.JPG", "GOPR0043.MP4"]) | WORD
)
NUMBERS = st.none() | st.integers(-(10**20), 10**20) | st.integers(-(10**20), 10**20).map(str) | WORD
ROWS = st.none() | st.fixed_dictionaries(
    {}, optional={"n": NAMES, "s": NUMBERS, "cre": NUMBERS, "mod": NUMBERS}
)
FOLDERS = st.none() | st.fixed_dictionaries(
    {},
    optional={"d": st.sampled_from(["100GOPRO", "101GOPRO"]) | WORD, "fs": st.lists(ROWS, max_size=4) | WORD},
)


class StillCamera:
    """A visit to a camera whose list is known and that serves none of its files."""

    def __init__(self, media: list[Any], model: str) -> None:
        entries = entries_of({"media": media}) or []
        found = [
            entry.file(entry.size_bytes) if entry.size_bytes else Unreadable(entry, "no size")
            for entry in entries
        ]
        looked = [each or Unreadable(entry, NOT_NAMED) for entry, each in zip(entries, found, strict=True)]
        self._listed = listed(entries, looked, Witnesses(1, 10**12))
        self._model = model

    def read_list(self) -> Listed:
        return self._listed

    def itself(self) -> CameraIdentity:
        return CameraIdentity("C3501324500711", self._model, None)


@given(st.lists(FOLDERS, max_size=3), WORD, st.sampled_from(["ascii", "latin-1", "utf-8"]))
def test_any_list_that_a_camera_can_give_is_shown_on_any_terminal(
    media: list[Any], model: str, encoding: str
):
    found = survey_card(cast(CameraSession, StillCamera(media, model)), None)
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)

    say(list_lines(found, {}), terminal)
    say(audit_lines(found), terminal)
    say([line(list_json(found, {})), line(audit_json(found))], terminal)

    terminal.seek(0)
    *lines, listing, audit = terminal.read().splitlines()
    assert all(line.isprintable() for line in (*lines, listing, audit))
    assert json.loads(listing)["camera"] == json.loads(audit)["camera"]
    assert json.loads(audit)["all_home"] is False


@given(st.lists(FOLDERS, max_size=3))
def test_every_entry_of_any_list_is_shown_or_counted(media: list[Any]):
    found = survey_card(cast(CameraSession, StillCamera(media, "")), None)

    shown = [file.path for one in found.recordings for file in one.recording.files]
    shown += [file.path for file in found.unrecognised] + [each.label for each in found.unreadable]
    for folder in media:
        rows = folder.get("fs") if folder else None
        for row in rows if isinstance(rows, list) else [{}]:
            name = (row or {}).get("n") or None
            if name is None or may_be_video(name):
                assert f"{(folder or {}).get('d') or '?'}/{name or '?'}" in shown
