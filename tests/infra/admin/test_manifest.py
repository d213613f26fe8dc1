"""`manifest`: the library's own `verify` passes what `download` fetched, and nothing else."""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

pytest.importorskip("ascmhl", reason="ascmhl needs Python 3.11")

import xxhash
from ascmhl import commands as ascmhl
from ascmhl import errors
from click.testing import CliRunner

from chalicelib.core.evidence import Difference, Evidence, SecondRead, Xxh128
from chalicelib.core.ids import DeviceId
from infra.admin import hash_list, hashing
from infra.admin.deployment import Refused
from tests.flows import test_sidecars as sidecars
from tests.infra.admin.desks import Terminal, cleaned, processed, stored
from tests.infra.admin.test_download import ONE, ORIGINALS, PLACES, TWO, fetched, home, reading_of
from tests.support import story
from tests.support.builders import START, MemoryPorts, memory_ports, recorded
from tests.support.memory import crc64nvme_of

pytestmark = pytest.mark.filterwarnings("ignore:.*GitWildMatchPattern:DeprecationWarning")
"""The library's own."""
NAMESPACE = "{urn:ASC:MHL:v2.0}"


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films of a few hundred bytes come in several pieces."""
    monkeypatch.setattr(hashing, "PIECE_BYTES", 16)


def xxh128(body: bytes) -> Xxh128:
    return Xxh128(xxhash.xxh3_128_hexdigest(body))


def read_again(ports: MemoryPorts, number: int = 1, **changes: object) -> MemoryPorts:
    """The device has read a chapter a second time from its card."""
    body, chapter = story.BODIES[number - 1], story.CHAPTERS[number - 1]
    read = SecondRead(START - timedelta(hours=1), DeviceId("d_north"), crc64nvme_of(body), xxh128(body))
    evidence = replace(Evidence(chapter.artifact_id, read), **changes)
    picture = recorded(ports)
    ports.records.arrange(replace(picture, session=picture.session.with_evidence(evidence)))
    return ports


def run(ports: MemoryPorts, folder: Path, *arguments: str) -> Terminal:
    terminal = Terminal(ports)
    assert terminal.run("manifest", "match-17-north", "--out", str(folder), *arguments) == 0
    return terminal


def downloaded(ports: MemoryPorts, folder: Path, *arguments: str) -> None:
    assert Terminal(ports).run("download", "match-17-north", str(folder), *arguments) == 0


def verdict(folder: Path, *arguments: str) -> int:
    """The exit code of the library's own command for the session's folder; 0 when all is as the list says."""
    return CliRunner().invoke(ascmhl.verify, [str(folder / "match-17-north"), *arguments]).exit_code


def listed(folder: Path) -> ElementTree.Element:
    [path] = home(folder, "ascmhl").glob("*.mhl")
    return ElementTree.parse(path).getroot()


def comment(folder: Path) -> str:
    found = listed(folder).find(f"{NAMESPACE}creatorinfo/{NAMESPACE}comment")
    assert found is not None
    assert found.text
    return found.text


@pytest.mark.parametrize("arguments", [(), ("--directory_hash",)], ids=["files", "folders"])
@pytest.mark.parametrize("list_first", [True, False])
def test_the_librarys_verify_passes_what_was_fetched(
    tmp_path: Path, list_first: bool, arguments: tuple[str, ...]
):
    ports = processed()
    acts: list[Callable[[], object]] = [lambda: run(ports, tmp_path), lambda: downloaded(ports, tmp_path)]
    for act in acts if list_first else reversed(acts):
        act()

    assert verdict(tmp_path, *arguments) == 0


@pytest.mark.parametrize("at", [0, len(story.BODIES[1]) - 1])
def test_a_flipped_byte_fails(tmp_path: Path, at: int):
    ports = processed()
    downloaded(ports, tmp_path)
    run(ports, tmp_path)
    body = bytearray(story.BODIES[1])
    body[at] ^= 1
    home(tmp_path, PLACES[1]).write_bytes(bytes(body))

    assert verdict(tmp_path) == errors.VerificationFailedException.exit_code
    assert verdict(tmp_path, "--directory_hash") == errors.VerificationDirectoriesFailedException.exit_code


def test_a_missing_file_fails(tmp_path: Path):
    ports = processed()
    downloaded(ports, tmp_path)
    run(ports, tmp_path)
    home(tmp_path, PLACES[1]).unlink()

    assert verdict(tmp_path) == errors.CompletenessCheckFailedException.exit_code


def test_a_file_that_is_still_being_fetched_fails(tmp_path: Path):
    ports = processed()
    downloaded(ports, tmp_path)
    run(ports, tmp_path)
    home(tmp_path, "100GOPRO/GX030038.MP4.partial").write_bytes(b"half")

    assert verdict(tmp_path) == errors.NewFilesFoundException.exit_code


def test_what_processors_made_is_listed_where_it_is_named(tmp_path: Path):
    ports = stored(story.WISH)
    story.process(ports)
    story.let_pass(ports)
    parts = ("--originals", "--outputs", "--measurements")
    downloaded(ports, tmp_path, *parts)

    run(ports, tmp_path, *parts)

    assert verdict(tmp_path) == 0
    assert verdict(tmp_path, "--directory_hash") == 0


def test_hashes_of_a_second_read_of_the_card_need_no_byte_of_s3(tmp_path: Path):
    ports, reads = reading_of(read_again(read_again(processed(), 1), 2))

    terminal = run(ports, tmp_path)

    assert reads.ranges == []
    assert "2 by a second read of the card, 0 by S3's bytes" in terminal.said[1]
    assert comment(tmp_path).endswith(f"From a second read of the card: {PLACES[0]}, {PLACES[1]}.")
    downloaded(ports, tmp_path)
    assert verdict(tmp_path) == 0


def test_the_list_says_of_each_file_where_its_hash_comes_from(tmp_path: Path):
    ports = read_again(processed(), 2)

    document, _ = Terminal(ports).told("manifest", "match-17-north", "--out", str(tmp_path))

    assert [(each["artifact_id"], each["from"]) for each in document["files"]] == [(ONE, "s3"), (TWO, "card")]
    said = comment(tmp_path)
    assert f"From a second read of the card: {PLACES[1]}." in said
    assert f"proves the copy in S3 and says nothing of the card: {PLACES[0]}." in said
    dates = [each.get("hashdate") for each in listed(tmp_path).iter(f"{NAMESPACE}xxh128")]
    assert START - timedelta(hours=1) in [datetime.fromisoformat(each) for each in dates if each]


def test_a_second_read_that_differs_from_any_other_counts_for_nothing(tmp_path: Path):
    other = SecondRead(START, DeviceId("d_north"), crc64nvme_of(b"other"), xxh128(b"other"))
    difference = Difference(other, crc64nvme_of(story.BODIES[0]))
    ports = read_again(processed(), 1, differences=(difference,))

    document, _ = Terminal(ports).told("manifest", "match-17-north", "--out", str(tmp_path))

    assert document["files"][0]["from"] == "s3"
    assert document["files"][0]["xxh128"] == xxh128(story.BODIES[0])


def test_a_second_read_of_other_bytes_than_the_receipts_counts_for_nothing(tmp_path: Path):
    read = SecondRead(START, DeviceId("d_north"), crc64nvme_of(b"older"), xxh128(b"older"))
    ports = read_again(processed(), 1, agreed=read)

    run(ports, tmp_path)

    downloaded(ports, tmp_path)
    assert verdict(tmp_path) == 0


def test_originals_that_were_cleaned_are_listed_if_the_card_was_read_twice(tmp_path: Path):
    ports = processed()
    downloaded(ports, tmp_path)

    run(read_again(read_again(cleaned(), 1), 2), tmp_path)

    assert verdict(tmp_path) == 0


def test_originals_that_were_cleaned_and_read_once_have_no_list(tmp_path: Path):
    terminal = Terminal(read_again(cleaned(), 1))

    assert terminal.run("manifest", "match-17-north", "--out", str(tmp_path)) == 1

    text = "\n".join(terminal.said)
    assert f"no hash of {TWO}" in text
    assert ONE not in text
    assert f"restore --stage prod match-17-north {TWO}" in text
    assert list(tmp_path.iterdir()) == []


def test_a_session_that_is_not_all_home_has_no_list_yet(tmp_path: Path):
    ports = memory_ports()
    story.haul(ports, None, bodies=story.BODIES[:1], chapters=story.CHAPTERS[:1])
    ports.records.arrange(replace(recorded(ports), chapters=story.CHAPTERS))

    assert Terminal(ports).run("manifest", "match-17-north", "--out", str(tmp_path)) == 75
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at", [0, len(story.BODIES[0]) - 1])
def test_bytes_of_s3_that_are_not_the_receipts_never_come_into_a_list(tmp_path: Path, at: int):
    ports = processed()
    ports.objects.rot(story.original_keys()[0], at=at)

    assert Terminal(ports).run("manifest", "match-17-north", "--out", str(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_is_gone_has_no_list(tmp_path: Path):
    ports = processed()
    ports.objects.put_object(story.original_keys()[0], b"a stranger's")
    ports.objects.lose(story.original_keys()[0])

    assert Terminal(ports).run("manifest", "match-17-north", "--out", str(tmp_path)) == 1


def test_a_list_that_is_there_is_never_changed_and_no_byte_is_read_for_another(tmp_path: Path):
    ports, reads = reading_of(processed())
    run(ports, tmp_path)
    reads.ranges.clear()
    before = {path: path.read_bytes() for path in home(tmp_path, "ascmhl").iterdir()}

    assert Terminal(ports).run("manifest", "match-17-north", "--out", str(tmp_path)) == 1

    assert {path: path.read_bytes() for path in home(tmp_path, "ascmhl").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["match-17-north"]
    assert reads.ranges == []


def test_a_session_without_such_files_has_no_list(tmp_path: Path):
    terminal = Terminal(processed())

    assert terminal.run("manifest", "match-17-north", "--out", str(tmp_path), "--measurements") == 1
    assert terminal.said == ["main/match-17-north: no list is written: it has none of these files"]


def test_the_list_is_of_exactly_what_the_receipts_say(tmp_path: Path):
    run(processed(), tmp_path)

    paths = [each for each in listed(tmp_path).iter(f"{NAMESPACE}path") if each.get("size")]
    assert {each.text: int(each.get("size", 0)) for each in paths} == {
        place: len(body) for place, body in ORIGINALS.items()
    }


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ascmhl.generator", None)

    with pytest.raises(Refused, match=r"reelhaul-admin\[manifest\]"):
        hash_list.demand_library()


def test_proxies_and_thumbnails_are_fetched_and_listed_where_they_are_named(tmp_path: Path):
    ports = sidecars.confirmed()
    sidecars.bring(ports)
    sidecars.bring(ports, sidecars.THUMBNAIL, sidecars.PICTURE)
    parts = ("--proxies", "--thumbnails")
    downloaded(ports, tmp_path, *parts)
    brought = fetched(tmp_path)

    run(ports, tmp_path, *parts)

    assert brought == {
        f"proxies/{PLACES[0]}.mp4": sidecars.FILM,
        f"thumbnails/{PLACES[0]}.jpg": sidecars.PICTURE,
    }
    assert verdict(tmp_path) == 0
