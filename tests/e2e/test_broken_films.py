"""Films that a camera did not leave as it should, from its card to the coordinator and back into the audit."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from infra.local.camera import Card, card_with, recording, repaired, trailed, unfinished
from infra.local.camera.folder import card_of_folder
from tests.e2e.rig import PART_SIZE_BYTES, Rig, camera_with, source_sha256
from tests.support.gopro_data import FILMS

pytestmark = pytest.mark.e2e

BROKEN = "100GOPRO/GX010008.MP4"


def card_of(serial: str) -> Card:
    """A card with a film of zeros after its last box, and one that its camera did not finish."""
    [left] = recording(7, [PART_SIZE_BYTES + 7], serial=serial)
    [cut] = recording(8, [PART_SIZE_BYTES + 8], serial=serial)
    return card_with(trailed(left, bytes(512)), unfinished(cut), serial=serial)


def test_bytes_after_the_last_box_come_home_with_a_note_and_a_broken_film_with_a_mark_once_it_is_named(
    rig: Rig,
):
    with camera_with(card=card_of("C7100000000001")) as camera:
        new = rig.haul(camera, None, "--new")
        assert new.code == 1
        assert f"`reelhaul haul NAME --file {BROKEN} --unfinished` hauls it as it is" in new.said
        assert [chapter["trailing_bytes"] for chapter in new.report["chapters"]] == [512]
        assert rig.command("audit", camera).code == 1

        named = rig.haul(camera, "broken-8", "--file", BROKEN, "--unfinished")
        again = rig.haul(camera, "broken-8", "--file", BROKEN)
        audit = rig.command("audit", camera)
        later = rig.haul(camera, None, "--new")

        stored = [*rig.stored_sha256(new.report["session"]), *rig.stored_sha256("broken-8")]
        assert stored == source_sha256(camera)

    assert (named.code, again.code, audit.code, later.code) == (0, 0, 0, 0), named.said + audit.said
    assert [chapter["unfinished"] for chapter in (*named.report["chapters"], *again.report["chapters"])] == [
        True,
        True,
    ]
    files = {file["path"]: file for one in audit.report["recordings"] for file in one["files"]}
    assert {path: file["unfinished"] for path, file in files.items()} == {
        "100GOPRO/GX010007.MP4": False,
        BROKEN: True,
    }
    assert "512 bytes after its last box" in files["100GOPRO/GX010007.MP4"]["notes"][0]
    assert later.reports == []
    shown = [rig.session(name) for name in (new.report["session"], "broken-8")]
    assert [
        (chapter["unfinished"], chapter["trailing_bytes"], chapter["film"]["is_broken"])
        for session in shown
        if session
        for chapter in session["chapters"]
    ] == [(False, 512, False), (True, 0, True)]


def test_a_film_that_is_repaired_after_it_was_hauled_as_it_was_is_hauled_again(rig: Rig):
    with camera_with(card=card_of("C7200000000001")) as camera:
        assert rig.haul(camera, "as-it-was", "--file", BROKEN, "--unfinished").code == 0
        [_, broken] = camera.card.directories[0].files
        whole = repaired(replace(broken, modified=broken.modified + 60), PART_SIZE_BYTES + 100)
        camera.card = camera.card.with_file("100GOPRO", whole)

        audit = rig.command("audit", camera)
        done = rig.haul(camera, "repaired-8", "--file", BROKEN)

        assert (audit.code, done.code) == (1, 0), done.said
        assert rig.stored_sha256("repaired-8") == [whole.sha256()]

    assert [one["state"] for one in audit.report["recordings"]] == ["missing", "other content"]
    assert [chapter["unfinished"] for chapter in done.report["chapters"]] == [False]


class TestFilmsOfCameras:
    @pytest.mark.parametrize("name", FILMS)
    def test_come_home_with_zeros_after_them(self, rig: Rig, films: Path, tmp_path: Path, name: str):
        (tmp_path / name).write_bytes((films / name).read_bytes() + bytes(4096))

        with camera_with(card=card_of_folder(tmp_path)) as camera:
            done = rig.haul(camera, f"left-{uuid4().hex}", "--recording", "0001")

            assert done.code == 0, done.said
            assert rig.stored_sha256(done.report["session"]) == source_sha256(camera)
        assert [chapter["trailing_bytes"] for chapter in done.report["chapters"]] == [4096]
