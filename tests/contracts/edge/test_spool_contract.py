"""The spool of a device: on a disk, on a simulated disk, and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from awscrt.checksums import crc64nvme

from edge_client.base.disk import SystemDisk
from edge_client.base.errors import (
    PartCorrupt,
    PartUnkept,
    SpoolBusy,
    SpoolFault,
    SpoolFull,
    SpoolTooSmall,
)
from edge_client.base.folders import make_private, write_file
from edge_client.haul.ports import ChapterSpool, Spool
from edge_client.model.files import CameraFile, FileIdentity
from edge_client.model.flushing import Flushed
from edge_client.model.haul_state import KnownChapter, Proof, StoredVersion
from edge_client.model.levels import Evidence, Level, Reread, WholeRead
from edge_client.model.parts import ChapterParts, PartPlan, Span, SpooledPart
from edge_client.model.plan import PLAN, CameraIdentity, ChapterPlan, SessionPlan
from edge_client.spool.budget import RESERVE_BYTES
from edge_client.spool.spool import Spool as DiskSpool
from tests.edge.memory.disk import File, SimulatedDisk
from tests.edge.memory.scripted import Fault
from tests.edge.memory.spool import KeptChapter, MemoryDisk, MemorySpool
from tests.edge.refusing_disk import altered

PARTS = PartPlan(25, 10, 3)  # the last one is short
FIRST, SECOND, LAST = PARTS.spans()
ARTIFACT = "original.100GOPRO.GX010042.MP4"
IDENTITY, OTHER_IDENTITY = "0123456789abcdef", "fedcba9876543210"
FOLDER = f"/spool/s/{ARTIFACT}.{IDENTITY}"
AMPLE_BYTES = 10**12
FILE = CameraFile("100GOPRO", "GX010042.MP4", 25, 1656931398, 1656931398)
FILM = FileIdentity(FILE, '"e"', "abc")
READ = WholeRead(25, 7, "99aa06d3014798d86001c324468d497f", "2026-11-30T12:00:00Z")
REREAD = Reread("s", ARTIFACT, 7, (READ,))
FLUSHED = Flushed(("s/a", "s/b"), {"s/b": 3}, 5, 7)
PROOF = Proof("C1", FILM, KnownChapter(FILM, "s", ARTIFACT, "d", False, StoredVersion("v", 25, 7)))


class Place(Protocol):
    """Where a spool is kept, and what befalls it past the client."""

    def spool(self, budget_bytes: int | None = None) -> Spool:
        """The spool of another client of this place."""

    def leave_free(self, size_bytes: int) -> None:
        """From now on parts of so many bytes together fit on the disk."""

    def change(self, number: int) -> None:
        """The disk changes the last byte of a part of the session `s`."""

    def cut(self, number: int) -> None:
        """The disk loses the last byte of a part."""

    def lose(self, number: int) -> None:
        """Somebody removes a part."""

    def add_odd_file(self, content: bytes) -> None:
        """Somebody puts a file among the parts that is none."""

    def spoil_confirmation(self) -> None: ...

    def spoil_suspects(self) -> None: ...

    def end_within_forget(self, session_id: str) -> None:
        """A client ends after it has decided to remove the session, and before it has."""

    def end_within_part(self, span: Span) -> None:
        """A client is killed while it writes a part."""

    def unkeep(self) -> None:
        """The disk does not keep the next part that is committed."""

    def spoil_reread(self) -> None:
        """The disk changes the one record of a second read."""


class OnDisk:
    """A folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._free_bytes = AMPLE_BYTES
        self._will_keep = True

    def spool(self, budget_bytes: int | None = None) -> Spool:
        disk = altered(free_bytes=lambda _: self._free_bytes, fsync=self._fsync)
        return DiskSpool(str(self._root), disk, budget_bytes)

    def leave_free(self, size_bytes: int) -> None:
        self._free_bytes = RESERVE_BYTES + size_bytes

    def change(self, number: int) -> None:
        path = self._part(number)
        *kept, last = path.read_bytes()
        path.write_bytes(bytes([*kept, last ^ 1]))

    def cut(self, number: int) -> None:
        path = self._part(number)
        path.write_bytes(path.read_bytes()[:-1])

    def lose(self, number: int) -> None:
        self._part(number).unlink()

    def add_odd_file(self, content: bytes) -> None:
        (self._folder / "odd.part").write_bytes(content)

    def spoil_confirmation(self) -> None:
        (self._folder / "confirmed").write_text("x")

    def spoil_suspects(self) -> None:
        (self._folder / "suspect").write_text("x")

    def end_within_forget(self, session_id: str) -> None:
        make_private(SystemDisk(), f"{self._root}/.forgotten")
        (self._root / session_id).rename(self._root / ".forgotten" / session_id)

    def end_within_part(self, span: Span) -> None:
        make_private(SystemDisk(), str(self._folder))
        (self._folder / f"{span.number:05d}.writing").write_bytes(b"half")

    def unkeep(self) -> None:
        self._will_keep = False

    def spoil_reread(self) -> None:
        [record] = (self._root / ".rereads").glob("*.json")
        record.write_bytes(record.read_bytes()[:-9])

    def _fsync(self, file: int) -> None:
        if not self._will_keep:
            self._will_keep = True
            raise OSError(5, "Input/output error")

    @property
    def _folder(self) -> Path:
        return self._root / "s" / f"{ARTIFACT}.{IDENTITY}"

    def _part(self, number: int) -> Path:
        [path] = self._folder.glob(f"{number:05d}-*.part")
        return path


class OnSimulatedDisk:
    """The spool of a disk, on a disk that is simulated."""

    def __init__(self) -> None:
        self._disk = SimulatedDisk(AMPLE_BYTES)
        self._faults = list[Fault]()

    def spool(self, budget_bytes: int | None = None) -> Spool:
        mount = self._disk.mount()
        mount.faults["fsync"] = self._faults
        return DiskSpool("/spool", mount, budget_bytes)

    def leave_free(self, size_bytes: int) -> None:
        self._disk.others_bytes = (
            self._disk.capacity_bytes - self._disk.used_bytes - RESERVE_BYTES - size_bytes
        )

    def change(self, number: int) -> None:
        self._part(number)[1].data[-1] ^= 1

    def cut(self, number: int) -> None:
        cut(self._part(number)[1], 1)

    def lose(self, number: int) -> None:
        self._disk.mount().remove(self._part(number)[0])

    def add_odd_file(self, content: bytes) -> None:
        write_file(self._disk.mount(), f"{FOLDER}/odd.part", content)

    def spoil_confirmation(self) -> None:
        write_file(self._disk.mount(), f"{FOLDER}/confirmed", b"x")

    def spoil_suspects(self) -> None:
        write_file(self._disk.mount(), f"{FOLDER}/suspect", b"x")

    def end_within_forget(self, session_id: str) -> None:
        make_private(self._disk.mount(), "/spool/.forgotten")
        self._disk.mount().move(f"/spool/{session_id}", f"/spool/.forgotten/{session_id}")

    def end_within_part(self, span: Span) -> None:
        mount = self._disk.mount()
        make_private(mount, FOLDER)
        mount.append(mount.create(f"{FOLDER}/{span.number:05d}.writing"), memoryview(b"half"))

    def unkeep(self) -> None:
        self._faults.append(OSError(5, "Input/output error"))

    def spoil_reread(self) -> None:
        [(_, record)] = [each for each in self._disk.files(".json") if each[0].startswith("/spool/.rereads/")]
        cut(record, 9)

    def _part(self, number: int) -> tuple[str, File]:
        [part] = [each for each in self._disk.files(".part") if each[0].startswith(f"{FOLDER}/{number:05d}-")]
        return part


def cut(file: File, lost_bytes: int) -> None:
    del file.data[-lost_bytes:]
    file.size_bytes = file.safe_bytes = len(file.data)


class InMemory:
    """A disk in memory."""

    def __init__(self) -> None:
        self._disk = MemoryDisk()

    def spool(self, budget_bytes: int | None = None) -> Spool:
        return MemorySpool(self._disk, budget_bytes)

    def leave_free(self, size_bytes: int) -> None:
        self._disk.others_bytes = self._disk.capacity_bytes - self._disk.spool_bytes - size_bytes

    def change(self, number: int) -> None:
        self._chapter.change(number)

    def cut(self, number: int) -> None:
        self._chapter.cut(number)

    def lose(self, number: int) -> None:
        self._chapter.lose(number)

    def add_odd_file(self, content: bytes) -> None:
        self._chapter.odd_files.append(content)

    def spoil_confirmation(self) -> None:
        self._chapter.spoil_confirmation()

    def spoil_suspects(self) -> None:
        self._chapter.spoil_suspects()

    def end_within_forget(self, session_id: str) -> None:
        self._disk.faults["forgotten"] = [KeyError("the client ends")]
        with self.spool().hold(), pytest.raises(KeyError):
            self.spool().forget(session_id)

    def end_within_part(self, span: Span) -> None:
        self._disk.reserved_bytes = span.size_bytes

    def unkeep(self) -> None:
        self._disk.faults["commit"] = [PartUnkept("the spool's disk did not keep part 1")]

    def spoil_reread(self) -> None:
        [place] = self._disk.rereads
        self._disk.rereads[place] = self._disk.rereads[place][:-9]

    @property
    def _chapter(self) -> KeptChapter:
        return self._disk.chapter("s", ARTIFACT, IDENTITY)


@pytest.fixture(params=["disk", "simulated disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "memory":
        return InMemory()
    return OnDisk(tmp_path / "spool") if request.param == "disk" else OnSimulatedDisk()


@pytest.fixture
def spool(place: Place) -> Iterator[Spool]:
    """A spool that is held."""
    made = place.spool(1000)
    with made.hold():
        yield made


@pytest.fixture
def chapter(spool: Spool) -> ChapterSpool:
    """The chapter to which a place does things; its parts are known."""
    return found(spool)


def found(spool: Spool, identity: str = IDENTITY, plan: PartPlan = PARTS) -> ChapterSpool:
    chapter = spool.session("s").chapter(ARTIFACT, identity)
    chapter.parts(plan)
    return chapter


def bytes_of(span: Span, seed: int = 0) -> bytes:
    return bytes(range(seed + span.first, seed + span.first + span.size_bytes))


def put(chapter: ChapterSpool, span: Span, content: bytes | None = None) -> SpooledPart:
    with chapter.open_writer(span) as writer:
        writer.write(memoryview(bytes_of(span) if content is None else content))
        return writer.commit()


def read(chapter: ChapterSpool, part: SpooledPart, buffer_bytes: int = 4) -> bytes:
    """The part's bytes."""
    return b"".join(
        bytes(block) for block in chapter.reader(part).blocks(memoryview(bytearray(buffer_bytes)))
    )


def plan_of(session_id: str) -> SessionPlan:
    chapter = ChapterPlan("100GOPRO", "GX010042.MP4", 25, 1, 1, '"e"', None)
    return SessionPlan(session_id, "0042", CameraIdentity("C1", None, None), (chapter,))


class TestDocuments:
    def test_are_read_as_they_were_written(self, spool: Spool):
        spool.session("s").write("report.json", b"\x00\xff")

        assert spool.session("s").read("report.json") == b"\x00\xff"

    def test_are_replaced_whole(self, spool: Spool):
        spool.session("s").write("report.json", b"a longer one")
        spool.session("s").write("report.json", b"short")

        assert spool.session("s").read("report.json") == b"short"

    def test_may_be_empty(self, spool: Spool):
        spool.session("s").write("report.json", b"")

        assert spool.session("s").read("report.json") == b""

    def test_that_are_not_there_are_none(self, spool: Spool):
        assert spool.session("s").read("report.json") is None

    def test_are_those_of_their_session(self, spool: Spool):
        spool.session("s").write("report.json", b"of s")

        assert spool.session("t").read("report.json") is None

    def test_are_there_for_the_next_client(self, place: Place):
        with (first := place.spool()).hold():
            first.session("s").write("report.json", b"one")

        assert place.spool().session("s").read("report.json") == b"one"

    def test_are_removed_as_often_as_one_likes(self, spool: Spool):
        spool.session("s").write("report.json", b"one")
        spool.session("s").remove("report.json")
        spool.session("s").remove("report.json")

        assert spool.session("s").read("report.json") is None


class TestReceipts:
    def test_are_read_in_the_order_of_their_artifacts(self, spool: Spool):
        session = spool.session("s")
        session.write_receipt("b", b'{"artifact_id": "b", "size_bytes": 2}')
        session.write_receipt("a", b'{"artifact_id": "a", "size_bytes": 1}')

        assert session.receipts() == [
            {"artifact_id": "a", "size_bytes": 1},
            {"artifact_id": "b", "size_bytes": 2},
        ]
        assert session.receipted() == {"a", "b"}
        assert spool.home_bytes("s") == 3

    @pytest.mark.parametrize(
        "spoilt", [b"", b"{", b"[]", b"[" * 100_000, b'{"size_bytes": "1"}', b'{"artifact_id": "a"}', b"\xff"]
    )
    def test_that_a_disk_has_spoilt_are_none_and_hide_no_other(self, spool: Spool, spoilt: bytes):
        session = spool.session("s")
        session.write_receipt("a", spoilt)
        session.write_receipt("b", b'{"artifact_id": "b", "size_bytes": 2}')

        assert session.receipted() == {"b"}
        assert spool.home_bytes("s") == 2

    def test_are_replaced_by_later_ones(self, spool: Spool):
        session = spool.session("s")
        session.write_receipt("a", b'{"artifact_id": "a", "size_bytes": 1}')
        session.write_receipt("a", b'{"artifact_id": "a", "size_bytes": 2}')

        assert session.receipts() == [{"artifact_id": "a", "size_bytes": 2}]

    def test_are_none_of_a_session_without_any(self, spool: Spool):
        assert spool.session("s").receipts() == []
        assert spool.home_bytes("t") == 0
        assert not spool.has("t")


class TestAPart:
    def test_has_the_crc_of_what_was_written(self, chapter: ChapterSpool):
        with chapter.open_writer(FIRST) as writer:
            writer.write(memoryview(b"01234"))
            writer.write(memoryview(b"56789"))
            part = writer.commit()

        assert part == SpooledPart(FIRST, crc64nvme(b"0123456789"))
        assert read(chapter, part) == b"0123456789"

    @pytest.mark.parametrize("buffer_bytes", [1, 9, 10, 11])
    def test_is_read_through_a_buffer_of_any_size(self, chapter: ChapterSpool, buffer_bytes: int):
        part = put(chapter, FIRST)

        assert read(chapter, part, buffer_bytes) == bytes_of(FIRST)

    @pytest.mark.parametrize("size_bytes", [0, 9, 11])
    def test_that_is_not_written_to_its_full_length_is_refused(self, chapter: ChapterSpool, size_bytes: int):
        with chapter.open_writer(FIRST) as writer:
            writer.write(memoryview(bytes(size_bytes)))
            with pytest.raises(SpoolFault, match=f"{size_bytes} of 10 bytes"):
                writer.commit()

        assert chapter.parts(PARTS) == {}

    def test_without_a_commit_leaves_nothing(self, chapter: ChapterSpool, spool: Spool):
        with chapter.open_writer(FIRST) as writer:
            writer.write(memoryview(bytes_of(FIRST)))

        assert chapter.parts(PARTS) == {}
        assert spool.session("s").part_bytes() == 0

    def test_whose_reading_breaks_leaves_nothing(self, chapter: ChapterSpool):
        def tear() -> None:
            with chapter.open_writer(FIRST) as writer:
                writer.write(memoryview(b"0123"))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            tear()

        assert chapter.parts(PARTS) == {}

    def test_that_the_disk_does_not_keep_leaves_nothing_and_may_be_written_again(
        self, chapter: ChapterSpool, place: Place
    ):
        with chapter.open_writer(FIRST) as writer:
            writer.write(memoryview(bytes_of(FIRST)))
            place.unkeep()
            with pytest.raises(PartUnkept):
                writer.commit()
        lost = chapter.parts(PARTS)
        part = put(chapter, FIRST)

        assert lost == {}
        assert chapter.parts(PARTS) == {1: part}

    def test_is_there_for_the_next_client(self, place: Place):
        with (first := place.spool()).hold():
            part = put(found(first), FIRST)

        with (then := place.spool()).hold():
            assert found(then).parts(PARTS) == {1: part}

    def test_that_a_killed_client_was_writing_is_swept_by_the_next_one(self, place: Place):
        place.spool().session("s").chapter(ARTIFACT, IDENTITY)
        place.end_within_part(FIRST)

        with (then := place.spool(10)).hold():
            assert found(then).parts(PARTS) == {}
            assert put(found(then), FIRST)

    def test_takes_the_place_of_the_older_one_of_its_number(self, chapter: ChapterSpool, spool: Spool):
        put(chapter, FIRST)

        newer = put(chapter, FIRST, bytes_of(FIRST, seed=1))

        assert chapter.parts(PARTS) == {1: newer}
        assert spool.session("s").part_bytes() == 10

    def test_leaves_the_older_one_of_its_number_until_it_is_committed(self, chapter: ChapterSpool):
        older = put(chapter, FIRST)

        with chapter.open_writer(FIRST) as writer:
            writer.write(memoryview(bytes_of(FIRST, seed=1)))
            during = chapter.parts(PARTS)

        assert during == {1: older}
        assert chapter.parts(PARTS) == {1: older}

    def test_may_be_written_again_with_the_same_bytes(self, chapter: ChapterSpool, spool: Spool):
        part = put(chapter, FIRST)

        assert put(chapter, FIRST) == part
        assert read(chapter, part) == bytes_of(FIRST)
        assert spool.budget.held_bytes == 10

    def test_is_dropped_as_often_as_one_likes(self, chapter: ChapterSpool, spool: Spool):
        part = put(chapter, FIRST)
        other = put(chapter, SECOND)

        chapter.drop_part(part)
        chapter.drop_part(part)

        assert chapter.parts(PARTS) == {2: other}
        assert spool.budget.held_bytes == 10

    def test_is_dropped_by_its_number(self, chapter: ChapterSpool):
        put(chapter, FIRST)
        other = put(chapter, SECOND)

        chapter.drop_number(1)
        chapter.drop_number(3)

        assert chapter.parts(PARTS) == {2: other}

    def test_that_changed_is_corrupt_before_its_last_byte_is_given(self, chapter: ChapterSpool, place: Place):
        part = put(chapter, FIRST)
        place.change(1)
        seen = list[bytes]()

        with pytest.raises(PartCorrupt):
            seen.extend(map(bytes, chapter.reader(part).blocks(memoryview(bytearray(4)))))

        assert b"".join(seen) == bytes_of(FIRST)[:8]

    def test_that_changes_while_it_is_read_is_corrupt(self, chapter: ChapterSpool, place: Place):
        part = put(chapter, FIRST)
        blocks = chapter.reader(part).blocks(memoryview(bytearray(4)))
        first = bytes(next(blocks))
        place.change(1)

        with pytest.raises(PartCorrupt):
            list(blocks)

        assert first == bytes_of(FIRST)[:4]

    def test_that_lost_a_byte_is_corrupt_and_not_seen(self, chapter: ChapterSpool, place: Place):
        part = put(chapter, FIRST)
        place.cut(1)

        with pytest.raises(PartCorrupt):
            read(chapter, part)
        assert chapter.parts(PARTS) == {}

    def test_that_somebody_removed_is_corrupt_and_not_seen(self, chapter: ChapterSpool, place: Place):
        part = put(chapter, FIRST)
        place.lose(1)

        with pytest.raises(PartCorrupt):
            read(chapter, part)
        assert chapter.parts(PARTS) == {}

    @pytest.mark.parametrize(
        ("first", "size_bytes", "is_known"),
        [(0, 10, True), (3, 4, True), (9, 1, True), (6, 4, True), (7, 4, False), (10, 1, False)],
    )
    def test_tells_the_crc_of_the_bytes_within_it(
        self, chapter: ChapterSpool, first: int, size_bytes: int, is_known: bool
    ):
        part = put(chapter, FIRST)

        expected = crc64nvme(bytes_of(FIRST)[first : first + size_bytes]) if is_known else None
        assert chapter.crc_within(part, first, size_bytes) == expected

    def test_that_is_gone_tells_no_crc(self, chapter: ChapterSpool):
        part = put(chapter, FIRST)
        chapter.drop_part(part)

        assert chapter.crc_within(part, 0, 1) is None


class TestAChapter:
    def test_has_its_parts_by_number(self, chapter: ChapterSpool):
        made = {span.number: put(chapter, span) for span in (LAST, FIRST)}

        assert chapter.parts(PARTS) == made

    def test_of_another_identity_has_other_parts(self, chapter: ChapterSpool, spool: Spool):
        put(chapter, FIRST)

        assert found(spool, OTHER_IDENTITY).parts(PARTS) == {}

    @pytest.mark.parametrize(
        ("plan", "is_useless"),
        [
            (PartPlan(25, 10, 3), False),
            (PartPlan(24, 12, 2), True),
            (PartPlan(10, 10, 1), True),
            (PartPlan(20, 10, 2), False),
        ],
        ids=["the same", "another length", "fewer parts", "as far as it goes"],
    )
    def test_drops_parts_that_do_not_fit_the_plan(
        self, chapter: ChapterSpool, spool: Spool, plan: PartPlan, is_useless: bool
    ):
        part = put(chapter, SECOND)

        assert chapter.parts(plan) == ({} if is_useless else {2: part})
        assert chapter.drop_useless(plan) is is_useless
        assert spool.budget.held_bytes == (0 if is_useless else 10)

    def test_drops_files_of_an_unknown_form(self, chapter: ChapterSpool, place: Place):
        part = put(chapter, FIRST)
        place.add_odd_file(b"odd")

        assert chapter.parts(PARTS) == {1: part}
        assert chapter.drop_useless(PARTS)
        assert not chapter.drop_useless(PARTS)
        assert chapter.parts(PARTS) == {1: part}

    def test_exists_from_the_first_writer_on_until_it_is_dropped(self, chapter: ChapterSpool):
        before = chapter.exists
        with chapter.open_writer(FIRST):
            pass
        during = chapter.exists
        chapter.drop()
        chapter.drop()

        assert (before, during, chapter.exists) == (False, True, False)

    def test_that_is_dropped_has_nothing_and_takes_no_room(self, chapter: ChapterSpool, spool: Spool):
        put(chapter, FIRST)
        put(chapter, SECOND)
        chapter.confirm(7)
        chapter.suspect([1])
        chapter.drop()

        assert (chapter.parts(PARTS), spool.budget.held_bytes) == ({}, 0)
        assert (chapter.confirmed_crc(), chapter.suspects(PARTS)) == (None, frozenset())

    def test_is_not_confirmed_and_has_no_suspects_at_first(self, chapter: ChapterSpool):
        assert (chapter.confirmed_crc(), chapter.suspects(PARTS)) == (None, frozenset())

    def test_has_suspects_until_it_is_confirmed(self, chapter: ChapterSpool, spool: Spool):
        chapter.suspect([3])
        chapter.suspect([1])
        chapter.suspect([])
        before = found(spool).suspects(PARTS)
        chapter.confirm(0xAE8B14860A799888)

        assert before == {1, 3}
        assert found(spool).suspects(PARTS) == frozenset()
        assert found(spool).confirmed_crc() == 0xAE8B14860A799888

    @pytest.mark.parametrize("whole_crc", [0, 1, 2**64 - 1])
    def test_is_confirmed_with_any_crc(self, chapter: ChapterSpool, whole_crc: int):
        chapter.confirm(whole_crc)

        assert chapter.confirmed_crc() == whole_crc

    def test_keeps_what_was_confirmed_while_parts_are_suspect(self, chapter: ChapterSpool):
        chapter.confirm(7)
        chapter.suspect([2])

        assert (chapter.confirmed_crc(), chapter.suspects(PARTS)) == (7, frozenset({2}))

    def test_has_only_suspects_where_the_disk_has_spoilt_their_numbers(
        self, chapter: ChapterSpool, place: Place
    ):
        chapter.suspect([1])
        place.spoil_suspects()
        spoilt = chapter.suspects(PARTS)
        chapter.suspect([2])

        assert spoilt == {1, 2, 3}
        assert chapter.suspects(PARTS) == {1, 2, 3}

    def test_is_not_confirmed_where_the_disk_has_spoilt_the_record(self, chapter: ChapterSpool, place: Place):
        chapter.confirm(7)
        place.spoil_confirmation()

        assert chapter.confirmed_crc() is None

    @pytest.mark.parametrize("name", ["", "..", "a/b", ".a", "a\0"])
    def test_has_no_name_that_leaves_the_spool(self, spool: Spool, name: str):
        with pytest.raises(SpoolFault):
            spool.session("s").chapter(name, IDENTITY)


class TestTheRoom:
    @pytest.mark.parametrize(("budget_bytes", "fits"), [(19, False), (20, True), (21, True)])
    def test_of_the_budget_is_for_all_parts_together(self, place: Place, budget_bytes: int, fits: bool):
        with (spool := place.spool(budget_bytes)).hold():
            chapter = found(spool)
            put(chapter, FIRST)

            assert (spool.budget.lack(10) is None) is fits
            if fits:
                assert put(chapter, SECOND)
            else:
                with pytest.raises(SpoolFull, match="budget"):
                    put(chapter, SECOND)

    @pytest.mark.parametrize(("free_bytes", "fits"), [(9, False), (10, True), (11, True)])
    def test_of_the_disk_is_looked_at_before_a_part_is_begun(self, place: Place, free_bytes: int, fits: bool):
        with (spool := place.spool(1000)).hold():
            place.leave_free(free_bytes)

            assert (spool.budget.lack(10) is None) is fits
            if fits:
                assert put(found(spool), FIRST)
            else:
                with pytest.raises(SpoolFull, match="nothing was deleted"):
                    put(found(spool), FIRST)

    @pytest.mark.parametrize(("budget_bytes", "fits"), [(19, False), (20, True), (21, True)])
    def test_is_needed_for_both_while_a_part_is_written_again(
        self, place: Place, budget_bytes: int, fits: bool
    ):
        with (spool := place.spool(budget_bytes)).hold():
            chapter = found(spool)
            older = put(chapter, FIRST)
            if fits:
                put(chapter, FIRST, bytes_of(FIRST, seed=1))
            else:
                with pytest.raises(SpoolFull):
                    put(chapter, FIRST, bytes_of(FIRST, seed=1))
                assert chapter.parts(PARTS) == {1: older}

            assert spool.budget.held_bytes == 10

    def test_is_taken_while_a_part_is_written_and_freed_without_a_commit(
        self, chapter: ChapterSpool, spool: Spool
    ):
        with chapter.open_writer(FIRST):
            during = spool.budget.held_bytes

        assert (during, spool.budget.held_bytes) == (10, 0)

    def test_is_taken_by_parts_and_freed_when_they_go(self, chapter: ChapterSpool, spool: Spool):
        part = put(chapter, FIRST)
        put(chapter, LAST)
        both = spool.budget.held_bytes
        chapter.drop_part(part)

        assert (both, spool.budget.held_bytes, spool.session("s").part_bytes()) == (15, 5, 5)

    def test_that_somebody_freed_by_hand_is_noticed_when_it_is_needed(self, place: Place):
        with (spool := place.spool(10)).hold():
            put(found(spool), FIRST)
            place.lose(1)

            assert put(found(spool), SECOND)

    def test_that_other_sessions_hold_is_taken(self, place: Place):
        with (spool := place.spool(19)).hold():
            put(spool.session("t").chapter(ARTIFACT, IDENTITY), FIRST)

            with pytest.raises(SpoolFull):
                put(found(spool), SECOND)

    def test_is_measured_when_the_next_client_holds_the_spool(self, place: Place):
        with (first := place.spool(1000)).hold():
            put(found(first), FIRST)

        with (then := place.spool(1000)).hold():
            assert then.budget.held_bytes == 10

    def test_is_freed_when_a_session_is_forgotten(self, chapter: ChapterSpool, spool: Spool):
        put(chapter, FIRST)
        spool.forget("s")

        assert spool.budget.held_bytes == 0

    @pytest.mark.parametrize(("needed_bytes", "is_enough"), [(19, True), (20, True), (21, False)])
    def test_of_the_users_budget_is_refused_when_it_never_suffices(
        self, place: Place, needed_bytes: int, is_enough: bool
    ):
        with (spool := place.spool(20)).hold():
            put(found(spool), FIRST)

            if is_enough:
                spool.budget.demand(needed_bytes)
            else:
                with pytest.raises(SpoolTooSmall):
                    spool.budget.demand(needed_bytes)

    def test_of_a_disk_that_never_suffices_is_waited_for(self, place: Place):
        with (spool := place.spool()).hold(), pytest.raises(SpoolFull):
            spool.budget.demand(AMPLE_BYTES + 1)

    @pytest.mark.parametrize(("part_bytes", "count"), [(9, 2), (10, 2), (11, 1), (20, 1), (21, 0)])
    def test_holds_so_many_whole_parts(self, place: Place, part_bytes: int, count: int):
        with (spool := place.spool(20)).hold():
            put(found(spool), FIRST)

            assert spool.budget.whole_parts(part_bytes) == count

    def test_that_is_free_on_the_disk_is_known(self, spool: Spool):
        assert spool.free_bytes() > 0


class TestASession:
    def test_is_there_from_the_first_use_on(self, spool: Spool):
        before = spool.has("s")
        spool.session("s")

        assert (before, spool.has("s")) == (False, True)

    @pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a\0b", "a" * 201])
    def test_has_no_name_that_leaves_the_spool(self, spool: Spool, name: str):
        for ask in (spool.session, spool.has, spool.is_being_forgotten, spool.home_bytes):
            with pytest.raises(SpoolFault):
                ask(name)

    def test_tells_what_there_is_of_each_chapter_also_of_unknown_identities(
        self, chapter: ChapterSpool, spool: Spool, place: Place
    ):
        part, last = put(chapter, FIRST), put(chapter, LAST)
        place.add_odd_file(b"odd")
        other = put(found(spool, OTHER_IDENTITY), SECOND)
        found(spool, OTHER_IDENTITY).confirm(7)

        assert spool.session("s").chapter_parts() == [
            ChapterParts(ARTIFACT, IDENTITY, (part, last), 18, None),
            ChapterParts(ARTIFACT, OTHER_IDENTITY, (other,), 10, 7),
        ]
        assert spool.session("s").part_bytes() == 28

    def test_tells_the_length_that_a_part_has_now(self, chapter: ChapterSpool, spool: Spool, place: Place):
        part = put(chapter, FIRST)
        place.cut(1)
        cut = replace(part, span=replace(FIRST, size_bytes=9))

        assert spool.session("s").chapter_parts() == [ChapterParts(ARTIFACT, IDENTITY, (cut,), 9, None)]

    def test_tells_of_a_chapter_that_is_confirmed_and_has_no_parts(
        self, chapter: ChapterSpool, spool: Spool, place: Place
    ):
        chapter.confirm(7)
        confirmed = spool.session("s").chapter_parts()
        place.spoil_confirmation()

        assert confirmed == [ChapterParts(ARTIFACT, IDENTITY, (), 0, 7)]
        assert spool.session("s").chapter_parts() == [ChapterParts(ARTIFACT, IDENTITY, (), 0, None)]

    def test_tells_nothing_of_a_chapter_without_parts(self, chapter: ChapterSpool, spool: Spool):
        chapter.suspect([1])

        assert spool.session("s").chapter_parts() == []

    def test_that_is_forgotten_leaves_nothing(self, chapter: ChapterSpool, spool: Spool):
        put(chapter, FIRST)
        spool.session("s").write(PLAN, plan_of("s").encoded())
        spool.session("s").write_receipt("a", b'{"artifact_id": "a", "size_bytes": 1}')
        spool.forget("s")

        assert (spool.has("s"), spool.is_being_forgotten("s")) == (False, False)
        assert (spool.plans().readable, spool.home_bytes("s")) == ((), 0)
        assert spool.session("s").read(PLAN) is None

    def test_that_is_forgotten_leaves_the_others(self, spool: Spool):
        spool.session("s")
        spool.session("t").write(PLAN, b"one")
        spool.forget("s")

        assert spool.session("t").read(PLAN) == b"one"

    def test_that_is_not_there_cannot_be_forgotten(self, spool: Spool):
        with pytest.raises(SpoolFault):
            spool.forget("s")

    def test_whose_removal_was_interrupted_is_removed_by_the_next_client(self, place: Place):
        place.spool().session("s").write(PLAN, plan_of("s").encoded())
        place.end_within_forget("s")
        then = place.spool()
        between = (then.has("s"), then.is_being_forgotten("s"), then.plans().readable)

        with then.hold():
            assert not then.is_being_forgotten("s")
        assert between == (False, True, ())


class TestPlans:
    def test_are_those_of_all_sessions_by_name(self, spool: Spool):
        for name in ("b", "a"):
            spool.session(name).write(PLAN, plan_of(name).encoded())
        spool.session("c")

        plans = spool.plans()

        assert [plan for _, plan in plans.readable] == [plan_of("a"), plan_of("b")]
        assert plans.readable[0][0].read(PLAN) == plan_of("a").encoded()
        assert list(plans.unreadable) == []

    @pytest.mark.parametrize("spoilt", [b"", b"{", plan_of("b").encoded(), plan_of("a").encoded()[:-9]])
    def test_that_cannot_be_read_hide_no_others(self, spool: Spool, spoilt: bytes):
        spool.session("a").write(PLAN, spoilt)
        spool.session("c").write(PLAN, plan_of("c").encoded())

        plans = spool.plans()

        assert [plan.session_id for _, plan in plans.readable] == ["c"]
        assert ["session a" in str(error) for error in plans.unreadable] == [True]

    def test_are_read_while_another_client_works(self, spool: Spool, place: Place):
        spool.session("s").write(PLAN, plan_of("s").encoded())

        assert [plan for _, plan in place.spool().plans().readable] == [plan_of("s")]


class TestTheSpool:
    def test_has_one_client(self, spool: Spool, place: Place):
        for other in (spool, place.spool()):
            with pytest.raises(SpoolBusy, match="another client"), other.hold():
                pass

    def test_is_free_after_its_client(self, place: Place):
        with place.spool().hold():
            pass
        with pytest.raises(ZeroDivisionError), place.spool().hold():
            raise ZeroDivisionError

        with place.spool().hold():
            pass

    def test_remembers_exactly_what_was_proven(self, spool: Spool, place: Place):
        before = spool.proofs.has(PROOF)
        spool.proofs.add(PROOF)

        assert not before
        assert place.spool().proofs.has(PROOF)
        assert not spool.proofs.has(replace(PROOF, serial="C2"))
        assert not spool.proofs.has(replace(PROOF, card=FileIdentity(FILE, '"other"', "abc")))
        assert not spool.proofs.has(replace(PROOF, chapter=replace(PROOF.chapter, stored=None)))
        assert not spool.proofs.has(replace(PROOF, chapter=replace(PROOF.chapter, session_id="t")))

    def test_remembers_the_last_proof_of_a_chapter(self, spool: Spool):
        later = replace(PROOF, serial="C2")
        spool.proofs.add(PROOF)
        spool.proofs.add(later)

        assert (spool.proofs.has(PROOF), spool.proofs.has(later)) == (False, True)

    def test_says_whether_a_client_has_it(self, place: Place):
        before = place.spool().is_held()
        with place.spool().hold():
            meanwhile = place.spool().is_held()

        assert (before, meanwhile, place.spool().is_held()) == (False, True, False)

    def test_remembers_what_was_read_again(self, spool: Spool, place: Place):
        before = spool.rereads.find("s", ARTIFACT)
        spool.rereads.keep(REREAD)

        assert before is None
        assert place.spool().rereads.find("s", ARTIFACT) == REREAD
        assert [*place.spool().rereads.all()] == [REREAD]
        assert spool.rereads.find("t", ARTIFACT) is None
        assert spool.rereads.find("s", "original.100GOPRO.GX020042.MP4") is None

    def test_remembers_a_later_read_in_place_of_the_record(self, spool: Spool):
        later = REREAD.with_read(replace(READ, crc=8), 8)
        spool.rereads.keep(REREAD)
        spool.rereads.keep(later)

        assert spool.rereads.find("s", ARTIFACT) == later

    def test_forgets_a_read_that_the_coordinator_has(self, spool: Spool):
        spool.rereads.keep(REREAD)
        for _ in range(2):
            spool.rereads.drop(REREAD)

        assert spool.rereads.find("s", ARTIFACT) is None
        assert [*spool.rereads.all()] == []

    def test_keeps_what_was_read_again_of_a_session_that_is_forgotten(self, spool: Spool):
        spool.session("s").write(PLAN, plan_of("s").encoded())
        spool.rereads.keep(REREAD)
        spool.forget("s")

        assert spool.rereads.find("s", ARTIFACT) == REREAD

    def test_takes_a_record_that_the_disk_has_spoilt_for_one(self, spool: Spool, place: Place):
        spool.rereads.keep(REREAD)
        place.spoil_reread()

        found = spool.rereads.find("s", ARTIFACT)
        assert found
        assert found.is_spoilt
        assert found.forbids(Evidence(Level.READ_TWICE, agrees=True))
        assert [*spool.rereads.all()] == []

    def test_remembers_how_far_a_second_read_is(self, spool: Spool, place: Place):
        before = spool.rereads.flushed()
        spool.rereads.keep_flushed(FLUSHED)

        assert before is None
        assert place.spool().rereads.flushed() == FLUSHED

    def test_has_one_second_read_and_a_haul_beside_it(self, place: Place):
        with (
            place.spool().rereads.hold(),
            place.spool().hold(),
            pytest.raises(SpoolBusy, match="another client"),
            place.spool().rereads.hold(),
        ):
            pass
        with place.spool().rereads.hold():
            pass

    def test_remembers_exactly_which_films_were_broken(self, spool: Spool, place: Place):
        before = spool.broken_films.has(FILM)
        spool.broken_films.add(FILM)

        assert not before
        assert place.spool().broken_films.has(FILM)
        assert not spool.broken_films.has(replace(FILM, etag='"other"'))
        assert not spool.broken_films.has(replace(FILM, file=replace(FILE, size_bytes=26)))

    def test_remembers_the_last_broken_film_of_a_path(self, spool: Spool):
        later = replace(FILM, etag='"later"')
        spool.broken_films.add(FILM)
        spool.broken_films.add(later)

        assert (spool.broken_films.has(FILM), spool.broken_films.has(later)) == (False, True)

    def test_shows_no_session_for_what_it_remembers(self, spool: Spool):
        spool.proofs.add(PROOF)
        spool.broken_films.add(FILM)

        assert (spool.plans().readable, spool.plans().unreadable) == ((), ())
