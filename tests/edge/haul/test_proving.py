"""What another device hauled speaks for a card once it is compared with that card, and not before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from edge_client.base.disk import SystemDisk
from edge_client.base.errors import Stopped
from edge_client.haul.sessions import Each, Report
from edge_client.model.files import CameraFile as ListedFile
from edge_client.model.files import FileIdentity
from edge_client.model.haul_state import KnownChapter, Proof, StoredVersion
from edge_client.model.selection import New
from edge_client.spool.spool import Proofs
from tests.edge.commands.test_commands import HOME, Line
from tests.edge.commands.test_commands import line as line
from tests.edge.conftest import Device
from tests.edge.fake_camera import SERIAL, CameraExchange, CameraFile, film, part
from tests.support.coordinator import SIGNATURE, Door, told_otherwise

NAME = "GX010042.MP4"
PROVEN = "hauled by another device, proven against this card"
DERIVED = f"{SERIAL}-100GOPRO-0042-1656931398"
DENIED = (403, b"<Error><Code>AccessDenied</Code></Error>")


def chapter_of(device: Device, name: str = NAME, **changes: Any) -> dict[str, Any]:
    """A chapter of the card as a device states it that reads it."""
    file = device.camera.files[f"100GOPRO/{name}"]
    stated = {
        "directory": "100GOPRO",
        "filename": name,
        "size_bytes": len(file.content),
        "created": int(file.created),
        "modified": int(file.created),
        "etag": file.etag,
        "gumi": None,
    }
    return {**stated, **changes}


def claim(device: Device, body: bytes | None = None, session: str = "theirs", **changes: Any) -> None:
    """Another device says that it has hauled the card's chapter, and has uploaded `body` (else the chapter)."""
    chapter = chapter_of(device, **changes)
    hauled = device.content(chapter["filename"]) if body is None else body
    device.cloud.claim(session, SERIAL, chapter, hauled)


def known_with(change: Callable[[dict[str, Any]], None]) -> Callable[[Door], None]:
    """What the coordinator knows of the camera, its one chapter being changed so."""

    def act(told: dict[str, Any]) -> None:
        [chapter] = told["chapters"]
        change(chapter)

    return lambda door: door.serve_otherwise(act)


def gives_zeros(door: Door) -> None:
    """A range of the stored file, whose bytes are others than the stored ones."""
    door.give()
    assert door.said
    door.said = replace(door.said, body=bytes(len(door.said.body)))


def over(door: Door) -> None:
    """URLs whose time is over when they come."""

    def change(told: dict[str, Any]) -> None:
        for url in told["proof_urls"]:
            url["expires_in_s"] = 0

    door.serve_otherwise(change)


def zeros(device: Device) -> bytes:
    return bytes(len(device.content()))


def new(device: Device) -> Each[Report]:
    return device.run(session=None, choice=New())


class TestAudit:
    def test_takes_what_another_device_hauled_once_it_is_proven(self, device: Device, line: Line):
        claim(device)

        assert line.audit() == 0
        assert PROVEN in line.said
        assert line.said.splitlines()[-1] == HOME
        assert device.cloud.gets == [f"bytes=0-{len(device.content()) - 1}"]

    def test_says_by_which_device_and_how_it_is_known(self, device: Device, line: Line):
        claim(device)

        assert line.audit("--json") == 0
        [recording] = line.document["recordings"]
        [file] = recording["files"]
        assert (recording["state"], recording["safe_to_erase"]) == (PROVEN, True)
        assert (recording["sessions"], recording["devices"]) == (["theirs"], ["d_other"])
        assert (file["session"], file["device"], file["known_by"]) == ("theirs", "d_other", "proof")

    def test_of_zeros_in_the_name_of_the_card_says_keep(self, device: Device, line: Line):
        claim(device, zeros(device))

        assert line.audit() == 1
        assert "another file of the same name is home, in session theirs of device d_other" in line.said
        assert "safe to erase" not in line.said

    def test_of_a_record_without_the_cards_etag_says_keep_and_compares_nothing(
        self, device: Device, line: Line
    ):
        claim(device, zeros(device), etag=None)

        assert line.audit() == 1
        assert "other content" in line.said
        assert device.cloud.gets == []

    @pytest.mark.parametrize(("gumi", "code"), [("2f3a", 0), ("2f3b", 1), (None, 1)])
    def test_counts_a_record_only_with_the_cards_own_id(
        self, device: Device, line: Line, gumi: str | None, code: int
    ):
        device.camera.gumis[f"100GOPRO/{NAME}"] = "2f3a"
        claim(device, gumi=gumi)

        assert line.audit() == code
        assert bool(device.cloud.gets) is (code == 0)

    @pytest.mark.parametrize(
        ("etag", "gumi"), [(None, None), ('"told"', None), (None, "told"), ('"told"', "told")]
    )
    def test_of_a_camera_that_tells_neither_the_bytes_alone_decide(
        self, device: Device, line: Line, etag: str | None, gumi: str | None
    ):
        device.camera.files[f"100GOPRO/{NAME}"].etag = ""
        claim(device, etag=etag, gumi=gumi)
        claim(device, zeros(device), "false", etag=etag, gumi=gumi)

        assert line.audit("--json") == 0
        assert line.document["recordings"][0]["sessions"] == ["theirs"]

    @pytest.mark.parametrize("is_own", [True, False])
    def test_of_a_file_that_is_served_longer_than_it_is_listed_says_keep(
        self, device: Device, line: Line, is_own: bool
    ):
        file = device.camera.files[f"100GOPRO/{NAME}"]
        if is_own:
            line.haul("ours", "--recording", "0042")
        else:
            claim(device)
        file.listed_bytes = len(file.content)
        file.content += b"more"

        assert line.audit() == 1

    def test_of_a_card_that_changes_while_it_is_compared_says_keep(self, device: Device, line: Line):
        def swap(handler: CameraExchange, file: CameraFile, first: int, last: int) -> None:
            file.etag = '"swapped"'
            handler.part(file, first, last)

        claim(device)
        device.camera.faults["read"] = [swap]

        assert line.audit() == 1
        assert "the file changed while it was compared" in line.said

    @pytest.mark.parametrize(
        "headers", [{"Etag": '"odd"'}, {"Content-Range": "bytes 0-12292/12294"}, {"Etag": ""}]
    )
    def test_asks_once_more_before_it_believes_that_the_card_changed(
        self, device: Device, line: Line, headers: dict[str, str]
    ):
        claim(device)
        device.camera.faults["read"] = [part(**headers)]

        assert line.audit() == 0

    @pytest.mark.parametrize(
        "odd", [{"Content-Length": "1"}, {"Etag": '"odd"'}, {"Etag": ""}], ids=["size", "ETag", "no ETag"]
    )
    @pytest.mark.parametrize(("times", "code"), [(1, 0), (2, 1)])
    def test_believes_two_answers_about_a_file_that_is_home_and_not_one(
        self, device: Device, line: Line, odd: dict[str, str], times: int, code: int
    ):
        line.haul("ours", "--recording", "0042")
        device.camera.faults["head"] = [odd] * times

        # Without an ETag the card says nothing against its record.
        assert line.audit() == (0 if odd == {"Etag": ""} else code)
        assert not device.camera.faults["head"]

    @pytest.mark.parametrize(("by_bytes", "more", "code"), [(-1, b"", 0), (1, b"", 0), (1, b"!", 1)])
    def test_asks_the_camera_how_long_a_file_is_that_the_list_has_with_another_size(
        self, device: Device, line: Line, by_bytes: int, more: bytes, code: int
    ):
        line.haul("ours", "--recording", "0042")
        file = device.camera.files[f"100GOPRO/{NAME}"]
        file.listed_bytes = len(file.content) + by_bytes
        file.content += more

        assert line.audit() == code
        assert line.haul("--new") == 0
        assert len(device.cloud.uploads) == 1 + code

    @pytest.mark.parametrize("at", [0, 1, -1])
    def test_sees_one_byte_in_a_short_film(self, device: Device, line: Line, at: int):
        body = bytearray(device.content())
        body[at] ^= 1
        claim(device, bytes(body))

        assert line.audit() == 1

    @pytest.mark.parametrize("size_bytes", [-1, 1])
    def test_of_a_stored_file_of_another_length_says_keep(self, device: Device, line: Line, size_bytes: int):
        def stretch(chapter: dict[str, Any]) -> None:
            chapter["receipt"]["size_bytes"] += size_bytes

        claim(device)
        device.cloud.faults["known"] = [known_with(stretch)]

        assert line.audit() == 1
        assert device.cloud.gets == []

    def test_one_true_claim_is_enough(self, device: Device, line: Line):
        claim(device, zeros(device), "false-1")
        claim(device, session="true")
        claim(device, zeros(device), "false-2")

        assert line.audit("--json") == 0
        assert line.document["recordings"][0]["sessions"] == ["true"]

    def test_of_its_own_receipt_needs_no_proof(self, device: Device, line: Line):
        line.haul("ours", "--recording", "0042")
        claim(device, zeros(device))

        assert line.audit("--json") == 0
        [file] = line.document["recordings"][0]["files"]
        assert (file["state"], file["device"], file["known_by"]) == ("hauled", "d_own", "receipt")
        assert device.cloud.gets == []

    def test_of_its_own_receipt_needs_no_spool(self, device: Device, line: Line):
        line.haul("ours", "--recording", "0042")
        device.spool = device.spool.parent / "another-spool"

        assert line.audit() == 0
        assert device.cloud.gets == []

    def test_compares_no_more_than_16_mib_of_a_long_film(self, device: Device, line: Line):
        device.cloud.part_bytes = 1 << 20
        long = film(17 * 1024 * 1024)
        device.camera.files[f"100GOPRO/{NAME}"] = CameraFile(long)
        claim(device)

        assert line.audit() == 0
        assert len(device.cloud.gets) == 64
        assert device.cloud.calls.count("proof") == 2


CARD = FileIdentity(ListedFile("100GOPRO", NAME, 1000, 7, 8), "etag", "gumi")
CHAPTER = KnownChapter(CARD, "theirs", "original.1", "d_other", False, StoredVersion("v1", 1000, 5))
PROOF = Proof(SERIAL, CARD, CHAPTER)


def test_a_list_calls_nothing_hauled_that_another_device_hauled(device: Device, line: Line):
    claim(device)

    assert line.list_asked() == 0
    assert line.said.splitlines()[-1].endswith("no, hauled by another device, not proven")
    line.list_asked("--json")
    [recording] = line.document["recordings"]
    assert (recording["hauled"], recording["devices"]) == (False, ["d_other"])
    assert recording["state"] == "hauled by another device, not proven"
    assert device.cloud.gets == []


def test_who_asks_and_is_no_device_has_no_receipt_of_its_own(device: Device, line: Line, tmp_path: Path):
    line.haul("ours", "--recording", "0042")
    (tmp_path / "token").write_text(device.cloud.enrol_operator())

    assert line.audit() == 1
    assert "not proven:" in line.said


class TestRemembered:
    def test_what_was_proven_is_not_compared_again(self, device: Device, line: Line):
        claim(device)
        line.audit()
        device.cloud.gets.clear()

        assert (line.audit(), device.cloud.gets) == (0, [])
        assert PROVEN in line.said

    def test_what_was_cleaned_since_stays_proven(self, device: Device, line: Line):
        claim(device)
        line.audit()
        device.cloud.faults["proof"] = [(404, b"{}")]

        assert line.audit() == 0

    def test_a_proof_says_nothing_of_another_file_of_the_name(self, device: Device, line: Line):
        claim(device)
        line.audit()
        other = film(len(device.content()), seed=9)
        device.camera.files[f"100GOPRO/{NAME}"] = CameraFile(other, etag='"other"')
        device.cloud.faults["known"] = [known_with(lambda chapter: chapter.update(etag='"other"'))]

        assert line.audit() == 1
        assert "another file of the same name is home" in line.said

    def test_a_difference_is_not_remembered(self, device: Device, line: Line):
        claim(device)
        device.cloud.faults["get_range"] = [gives_zeros]
        assert line.audit() == 1

        assert line.audit() == 0

    def test_a_spool_that_cannot_be_written_does_not_keep_the_card(self, device: Device, line: Line):
        claim(device)
        device.spool.mkdir(mode=0o700)
        (device.spool / ".proofs").write_text("no folder")

        assert line.audit() == 0
        assert "a proof is not remembered" in line.complaints

    def test_the_same_is_proven(self, tmp_path: Path):
        proofs = Proofs(str(tmp_path / ".proofs"), SystemDisk())
        assert not proofs.has(PROOF)

        proofs.add(PROOF)

        assert proofs.has(PROOF)
        assert Proofs(str(tmp_path / ".proofs"), SystemDisk()).has(PROOF)

    @pytest.mark.parametrize(
        "other",
        [
            replace(PROOF, serial="C9999999999999"),
            *(
                replace(PROOF, card=replace(CARD, file=replace(CARD.file, **change)))
                for change in (
                    {"directory": "101GOPRO"},
                    {"filename": "GX010043.MP4"},
                    {"size_bytes": 1001},
                    {"created": 6},
                    {"created": None},
                    {"modified": 9},
                )
            ),
            *(replace(PROOF, card=replace(CARD, etag=etag)) for etag in ("other", None)),
            *(replace(PROOF, card=replace(CARD, gumi=gumi)) for gumi in ("other", None)),
            *(
                replace(PROOF, chapter=replace(CHAPTER, stored=stored))
                for stored in (StoredVersion("v2", 1000, 5), StoredVersion("v1", 1000, 6), None)
            ),
            replace(PROOF, chapter=replace(CHAPTER, session_id="others")),
            replace(PROOF, chapter=replace(CHAPTER, artifact_id="original.2")),
        ],
        ids=lambda other: str(asdict(other)),
    )
    def test_a_proof_of_anything_else_proves_nothing(self, tmp_path: Path, other: Proof):
        proofs = Proofs(str(tmp_path / ".proofs"), SystemDisk())
        proofs.add(PROOF)

        assert not proofs.has(other)

    @pytest.mark.parametrize("spoilt", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
    def test_a_proof_that_a_disk_has_spoilt_is_none(self, tmp_path: Path, spoilt: bytes):
        proofs = Proofs(str(tmp_path / ".proofs"), SystemDisk())
        proofs.add(PROOF)
        [kept] = (tmp_path / ".proofs").iterdir()
        kept.write_bytes(spoilt)

        assert not proofs.has(PROOF)


def short(door: Door) -> None:
    """The right head, and fewer bytes."""
    door.give()
    assert door.said
    door.said = replace(door.said, body=b"too few", headers=(*door.said.headers, ("Content-Length", "99999")))
    door.close_connection = True


class TestImpossible:
    """Whatever keeps a comparison from being made: the card is kept, and the reason is told."""

    @pytest.mark.parametrize(
        ("fault", "answers", "told"),
        [
            (
                "proof",
                [(404, b'{"type": "urn:reelhaul:problem:not-found", "detail": "it was cleaned"}')],
                "cleaned",
            ),
            ("proof", [(503, b"{}")] * 3, "503"),
            ("get_range", [(404, b"<Error><Code>NoSuchVersion</Code></Error>")], "no such version"),
            ("get_range", [DENIED] * 5, "gave up"),
            ("get_range", [(403, b"<html>blocked</html>")], "403 is not S3; a captive portal, a firewall"),
            ("get_range", [(403, b"")], "403 is not S3"),
            ("get_range", [(404, b"<html>no such page</html>")], "404 is not S3"),
            ("get_range", [(503, b"")], "503"),
            ("get_range", [(200, b"a page of a portal")], "200"),
            ("get_range", [(206, b"too few")], "range"),
            ("get_range", [short], "early|did not send"),
        ],
    )
    def test_the_card_is_kept_and_the_reason_told(
        self, device: Device, line: Line, fault: str, answers: list[Any], told: str
    ):
        claim(device)
        device.cloud.faults[fault] = answers

        assert line.audit("--give-up-after", "0s") == 1
        [shown] = [row for row in line.said.splitlines() if "not proven:" in row]
        assert any(word in shown for word in told.split("|")), shown
        assert "keep this card" in line.said
        assert SIGNATURE not in line.said + line.complaints

    def test_a_refused_address_is_asked_for_again(self, device: Device):
        claim(device)
        device.cloud.faults["get_range"] = [DENIED] * 4

        assert new(device).done == ()
        assert device.cloud.calls.count("proof") == 5

    def test_an_address_that_is_refused_five_times_is_not_asked_for_again(self, device: Device):
        claim(device)
        device.cloud.faults["get_range"] = [DENIED] * 5

        assert len(new(device).done) == 1
        assert device.cloud.calls.count("proof") == 5

    def test_a_firewalls_answers_say_nothing_of_the_address_and_are_waited_for(self, device: Device):
        claim(device)
        device.cloud.faults["get_range"] = [(403, b"<html>blocked</html>"), (404, b"<html>")] * 3

        assert new(device).done == ()
        assert device.cloud.calls.count("proof") == 1

    def test_an_address_that_is_over_is_not_used(self, device: Device):
        device.camera.files[f"100GOPRO/{NAME}"] = CameraFile(film(1024 * 1024))
        claim(device)
        device.cloud.faults["proof"] = [over] * 9

        assert new(device).done == ()
        assert device.cloud.calls.count("proof") == len(device.cloud.gets) == 4

    def test_an_outage_is_waited_for_once_and_not_for_each_file(self, device: Device, line: Line):
        device.card(GX010042=1000, GX010043=1000)
        claim(device)
        claim(device, session="theirs-2", name="GX010043.MP4")
        device.cloud.faults["get_range"] = [(503, b"")]

        assert line.audit("--give-up-after", "0s") == 1
        assert len(device.cloud.gets) == 1
        assert line.said.count("not proven:") == 2

    def test_a_short_outage_is_waited_for(self, device: Device):
        claim(device)
        device.cloud.faults["get_range"] = [(503, b"")] * 3

        assert new(device).done == ()
        assert device.time.slept

    def test_a_version_that_was_replaced_meanwhile_proves_nothing(self, device: Device, line: Line):
        claim(device)
        device.cloud.faults["proof"] = [told_otherwise(version_id="v2")]

        assert line.audit() == 1
        assert "another version" in line.said

    def test_an_address_for_another_range_is_not_taken(self, device: Device, line: Line):
        claim(device)
        device.cloud.faults["proof"] = [told_otherwise(proof_urls=[])]

        assert line.audit() == 1
        assert "no URL for a range" in line.said


class TestNew:
    def test_leaves_out_what_another_device_hauled_once_it_is_proven(self, device: Device):
        claim(device)

        assert new(device) == Each(())
        assert device.progress.proofs == [(f"100GOPRO/{NAME}", len(device.content()))]
        assert device.progress.compared_bytes == len(device.content())

    @pytest.mark.parametrize("etag", ['"62c2a1c6.1"', None])
    def test_hauls_what_another_device_only_claims(self, device: Device, etag: str | None):
        claim(device, zeros(device), etag=etag)

        [report] = new(device).done

        assert report.session == DERIVED
        assert device.object() == device.content()

    def test_hauls_under_the_next_name_where_another_device_has_the_first(self, device: Device):
        claim(device, zeros(device), DERIVED)
        claim(device, zeros(device), f"{DERIVED}-2")

        [report] = new(device).done

        assert report.session == f"{DERIVED}-3"
        assert device.object() == device.content()

    def test_is_content_after_that(self, device: Device, line: Line):
        claim(device, zeros(device), DERIVED)
        new(device)

        assert new(device).done == ()
        assert line.audit() == 0

    def test_of_a_repaired_file_of_the_same_size_and_dates_says_so(self, device: Device):
        device.run(session=None, choice=New())
        device.camera.files[f"100GOPRO/{NAME}"].etag = '"repaired.1"'

        outcome = new(device)

        [refusal] = outcome.refusals
        assert (outcome.done, "another session name" in str(refusal)) == ((), True)

    def test_hauls_the_others_where_the_camera_does_not_show_a_file_that_is_home(self, device: Device):
        device.card(GX010042=1000)
        device.run(session=None, choice=New())
        device.card(GX010042=1000, GX010043=1000)
        device.camera.hidden.add("100GOPRO/GX010042.MP4")

        outcome = new(device)

        assert [chapter.path for report in outcome.done for chapter in report.chapters] == [
            "100GOPRO/GX010043.MP4"
        ]
        [refusal] = outcome.refusals
        assert "100GOPRO/GX010042.MP4 on the card is not the file that it has, or cannot be looked at" in str(
            refusal
        )

    def test_is_stopped_between_two_pieces(self, device: Device):
        device.camera.files[f"100GOPRO/{NAME}"] = CameraFile(film(1024 * 1024))
        claim(device)

        def stop(door: Door) -> None:
            device.time.stop.set()
            door.give()

        device.cloud.faults["get_range"] = [stop]

        with pytest.raises(Stopped):
            new(device)
        assert len(device.cloud.gets) == 1
