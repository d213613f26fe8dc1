"""A card beside the deployed coordinator: list, --new, audit, and what a heartbeat leaves."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.admin import deployment
from infra.admin.commands.tokens import enroll
from infra.local.camera import (
    ABSENT,
    MISSING,
    NO_MEDIA,
    Camera,
    Card,
    Fault,
    card_with,
    chapter_path,
    recording,
)
from tests.e2e.rig import PART_SIZE_BYTES, Ended, Rig, camera_with, source_sha256

pytestmark = pytest.mark.e2e


def card_of(serial: str, *numbers: int) -> Card:
    """A card of one camera with these recordings, a part and a bit each."""
    files = [file for n in numbers for file in recording(n, [PART_SIZE_BYTES + n], serial=serial)]
    return card_with(*files, serial=serial)


def another_device(rig: Rig) -> Rig:
    """One more device of the same project."""
    registry = deployment.registry(rig.world.aws.client("dynamodb"), rig.world.table)
    token_file = rig.folder / "another.token"
    token_file.touch(mode=0o600)
    token_file.write_text(enroll(registry, name="south").token)
    return replace(rig, token_file=token_file)


def test_a_card_is_listed_with_what_is_hauled(rig: Rig):
    with camera_with(card=card_of("C1111111111111", 7, 8)) as camera:
        assert rig.haul(camera, "listed-7", "--recording", "0007").code == 0
        shown = rig.command("list", camera)

    assert shown.code == 0, shown.said
    recordings = shown.report["recordings"]
    assert [(one["number"], one["hauled"], one["sessions"]) for one in recordings] == [
        ("0007", True, ["listed-7"]),
        ("0008", False, []),
    ]
    assert [one["seconds"] for one in recordings] == [60, 60]


def test_an_audit_names_what_is_missing_and_with_haul_brings_it(rig: Rig):
    with camera_with(card=card_of("C2222222222222", 7, 8)) as camera:
        assert rig.haul(camera, "audited-7", "--recording", "0007").code == 0
        before = rig.command("audit", camera)
        brought = rig.command("audit", camera, "--haul")
        again = rig.command("audit", camera)

        assert (before.code, brought.code, again.code) == (1, 0, 0), brought.said
        assert camera.deletes == []
        assert rig.stored_sha256(brought.reports[0]["session"]) == source_sha256(camera)[1:]
    assert [one["state"] for one in before.report["recordings"]] == ["hauled", "missing"]
    assert [one["safe_to_erase"] for one in again.report["recordings"]] == [True, True]
    assert brought.reports[-1]["all_home"] is True


def test_the_commands_that_an_audit_prints_bring_the_card_home(rig: Rig):
    serial = "C2222222222223"
    gap = recording(8, [PART_SIZE_BYTES, PART_SIZE_BYTES], serial=serial)[1:]
    card = card_with(*recording(7, [PART_SIZE_BYTES], serial=serial), *gap, serial=serial)
    with camera_with(card=card) as camera:
        before = rig.command("audit", camera)
        said = [one["command"] for one in before.report["advice"]]
        followed = [rig.printed_command(command) for command in said]
        again = rig.command("audit", camera)

    assert [words.split()[1] for words in said] == ["audit", "haul"]
    assert [one.code for one in followed] == [1, 0], "the first hauls 0007 and says that 0008 has a gap"
    assert (before.code, again.code) == (1, 0), again.said
    assert again.report["advice"] == []


def test_what_another_device_hauled_is_not_new(rig: Rig):
    with camera_with(card=card_of("C3333333333333", 7)) as camera:
        assert rig.haul(camera, None, "--new").code == 0
        sent = parts_put(rig, camera)
        swapped = another_device(rig)
        done = swapped.haul(camera, None, "--new", spool="another")
        audit = swapped.command("audit", camera, spool="another")

        assert (done.code, done.reports, audit.code) == (0, [], 0), done.said
        # Compared once, and remembered.
        assert parts_put(rig, camera) == sent + PART_SIZE_BYTES + 7


def test_a_card_formatted_and_filled_anew_is_new_though_its_names_are_not(rig: Rig):
    with camera_with(card=card_of("C4444444444444", 7)) as camera:
        assert rig.haul(camera, None, "--new").code == 0
        camera.card = card_with(
            *recording(7, [PART_SIZE_BYTES + 7], serial="C4444444444444", created=1_700_000_000),
            serial="C4444444444444",
        )
        audit = rig.command("audit", camera)
        done = rig.haul(camera, None, "--new")

        assert (audit.code, done.code) == (1, 0), done.said
        assert [one["state"] for one in audit.report["recordings"]] == ["other content"]
        assert rig.stored_sha256(done.report["session"]) == source_sha256(camera)


def test_a_session_shows_the_last_heartbeat_of_its_device(rig: Rig):
    with camera_with(card=card_of("C5555555555555", 7)) as camera:
        assert rig.haul(camera, "beaten", "--recording", "0007").code == 0

    shown = rig.session("beaten")
    assert shown
    assert shown["progress"]["disk_free_bytes"] > 0
    assert shown["progress"]["heard_at"]


def test_a_budget_of_two_parts_hauls_ten(rig: Rig):
    budget = ("--spool-budget", str(2 * PART_SIZE_BYTES))
    with camera_with(10 * PART_SIZE_BYTES) as camera:
        done = rig.haul(camera, "narrow", "--recording", "0038", *budget)

        assert done.code == 0, done.said
        assert rig.stored_sha256("narrow") == source_sha256(camera)
    assert done.parts_sent == 10


def audit_of(rig: Rig, card: Card, disturb: Callable[[Camera], None], *faults: Fault) -> Ended:
    """The audit of a card that was hauled whole, after something happened to its camera."""
    with camera_with(card=card) as camera:
        assert rig.haul(camera, None, "--new").code == 0
        assert rig.command("audit", camera).code == 0
        camera.faults.add(*faults)
        disturb(camera)
        return rig.command("audit", camera)


def listed_as(camera: Camera, **said: object) -> None:
    """The first film's entry says this instead."""
    [(directory, film), *_] = camera.card.files()
    camera.card = camera.card.with_file(directory, replace(film, listed_as=tuple(said.items())))


@pytest.mark.parametrize(
    ("serial", "size"), [("C6100000000001", ABSENT), ("C6100000000002", "65,543")], ids=["no size", "a word"]
)
def test_a_size_that_the_list_does_not_give_is_asked_of_the_camera(rig: Rig, serial: str, size: object):
    audit = audit_of(rig, card_of(serial, 7), lambda camera: listed_as(camera, s=size))

    assert audit.code == 0, audit.said
    [recording] = audit.report["recordings"]
    assert (recording["size_bytes"], recording["safe_to_erase"]) == (PART_SIZE_BYTES + 7, True)


def test_an_entry_that_cannot_be_read_keeps_the_card(rig: Rig):
    gone = Fault(chapter_path("GX010007.MP4"), MISSING, times=None, method="HEAD")
    audit = audit_of(rig, card_of("C6200000000001", 7), lambda camera: listed_as(camera, s=ABSENT), gone)

    assert audit.code == 1, audit.said
    assert audit.report["all_home"] is False
    assert [one["entry"] for one in audit.report["unreadable"]] == ["100GOPRO/GX010007.MP4"]


def test_a_film_whose_name_is_not_utf_8_keeps_the_card(rig: Rig):
    def add(camera: Camera) -> None:
        [directory] = camera.card.directories
        odd = replace(directory.files[0], name="caf\udce9.MP4", listed_as=(("s", ABSENT),))
        camera.card = replace(camera.card, directories=(replace(directory, files=(*directory.files, odd)),))

    audit = audit_of(rig, card_of("C6300000000001", 7), add)

    assert audit.code == 1, audit.said
    assert audit.report["unrecognised_videos"] == ["100GOPRO/caf\udce9.MP4"]
    assert audit.report["unreadable"] == []


def test_a_film_that_the_camera_counts_and_does_not_list_keeps_the_card(rig: Rig):
    def hide(camera: Camera) -> None:
        [directory] = camera.card.directories
        hidden = replace(recording(8, [1000])[0], listed=False)
        camera.card = replace(
            camera.card, directories=(replace(directory, files=(*directory.files, hidden)),)
        )
        camera.state.says = {"39": 2}

    audit = audit_of(rig, card_of("C6400000000001", 7), hide)

    assert audit.code == 1, audit.said
    assert [one["safe_to_erase"] for one in audit.report["recordings"]] == [True]
    [reason] = audit.report["reasons_to_keep"]
    assert "counts 2 videos, but its list has 1 files of 1 recordings: put the card into a reader" in reason


def test_used_space_that_no_listed_file_explains_keeps_the_card(rig: Rig):
    def hide(camera: Camera) -> None:
        [directory] = camera.card.directories
        hidden = replace(recording(8, [11_794_645_144])[0], listed=False)
        camera.card = replace(
            camera.card, directories=(replace(directory, files=(*directory.files, hidden)),)
        )

    audit = audit_of(rig, card_of("C6500000000001", 7), hide)

    assert audit.code == 1, audit.said
    [reason] = audit.report["reasons_to_keep"]
    assert reason.startswith("11.8 GB of the card are used by what the camera does not list: ")


def test_an_empty_list_on_a_used_card_keeps_it(rig: Rig):
    def empty(camera: Camera) -> None:
        camera.state.says = {"39": ABSENT, "54": 1_000}

    audit = audit_of(
        rig, card_of("C6600000000001", 7), empty, Fault("/gopro/media/list", NO_MEDIA, times=None)
    )

    assert audit.code == 1, audit.said
    assert audit.report["recordings"] == []
    [reason] = audit.report["reasons_to_keep"]
    assert reason.startswith(
        "the camera lists nothing, but 127.9 GB of its card are used: switch the camera off"
    )


def parts_put(rig: Rig, camera: Camera) -> int:
    """How many bytes of parts the camera has given in all."""
    return sum(entry.body_bytes for entry in camera.log.all() if entry.asked and entry.body_bytes > 256)
