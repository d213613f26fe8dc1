"""`verify`: every receipt against the bytes that S3 has today; only what two readings agree on is damage."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import StorageBusy
from chalicelib.core.evidence import Level, ReadBack, WholeRead, Xxh128
from chalicelib.core.ids import ArtifactId
from chalicelib.core.session import SessionState
from chalicelib.core.upload import Receipt
from chalicelib.flows import evidence, operations
from infra.admin.at_rest import reading
from infra.admin.at_rest.journal import Journal
from infra.admin.at_rest.reading import End, Pace, Stopped, judge
from infra.admin.deployment import Refused
from tests.infra.admin.desks import Terminal, cleaned, processed, stored
from tests.support import story
from tests.support.builders import SESSION_ID, START, MemoryPorts, memory_ports, recorded
from tests.support.memory import MemoryObjectStore, crc64nvme_of

ONE, TWO = (chapter.artifact_id for chapter in story.CHAPTERS)
FIRST, SECOND = story.original_keys()
ALL = ("verify", "--all")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where journals are."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "reelhaul"


def journals(state: Path) -> list[Path]:
    return sorted(state.glob("*")) if state.exists() else []


def no_pause(_: float) -> None:
    """Nobody waits in a test."""


def usual_pace(rate_bytes_s: float | None = None, pause: Callable[[float], None] = no_pause) -> Pace:
    return Pace(rate_bytes_s, lambda: 0.0, pause)


def many(count: int) -> MemoryPorts:
    """Sessions of one verified original each: copies of the story's under names of their own."""
    ports = stored(None)
    picture = recorded(ports)
    [whole] = [each for each in picture.uploads if each.artifact_id == ONE]
    for number in range(count):
        name = SESSION_ID.replace("match-17-north", f"s{number:04}")
        session_id = type(SESSION_ID)(name)
        key = story.CHAPTERS[0].key(session_id)
        ports.objects.put_object(key, story.original(1) + b"%04d" % number)
        current = ports.objects.head(key)
        assert current
        assert whole.receipt
        assert current.crc64nvme
        receipt = replace(
            whole.receipt,
            key=key,
            version_id=current.version_id,
            size_bytes=current.size_bytes,
            crc64nvme=current.crc64nvme,
        )
        upload = replace(whole, session_id=session_id, key=key, receipt=receipt)
        session = replace(picture.session, session_id=session_id)
        ports.records.arrange(
            replace(picture, session=session, chapters=story.CHAPTERS[:1], uploads=(upload,))
        )
    return ports


class Counted(MemoryObjectStore):
    """A bucket that counts which versions were read, and may do something first."""

    def __init__(
        self, plain: MemoryObjectStore, before: Callable[[str, int], None] = lambda *_: None
    ) -> None:
        self.__dict__.update(plain.__dict__)
        self.reads: Counter[str] = Counter()
        self._before = before

    def read_range(self, key: str, version_id: str, first: int, last: int) -> bytes:
        self.reads[version_id] += 1
        self._before(version_id, self.reads[version_id])
        return super().read_range(key, version_id, first, last)


def watched(ports: MemoryPorts, before: Callable[[str, int], None] = lambda *_: None) -> MemoryPorts:
    return replace(ports, objects=Counted(ports.objects, before))


def receipt_of(ports: MemoryPorts, artifact_id=ONE) -> Receipt:
    receipt = recorded(ports).receipt(artifact_id)
    assert receipt
    return receipt


def test_a_sound_session_is_proven_and_that_is_on_record():
    ports = processed()
    terminal = Terminal(ports)

    document, code = terminal.told("verify", "match-17-north")

    assert (code, document["proven"], document["damaged"], document["unread"]) == (0, 3, [], [])
    assert document["by"] == "reading"
    assert recorded(ports).session.proven_at == ports.clock.now()


def test_every_version_of_every_session_is_read_once():
    ports = watched(many(7))

    _, code = Terminal(ports).told(*ALL)

    assert code == 0
    assert isinstance(ports.objects, Counted)
    assert set(ports.objects.reads.values()) == {1}
    assert len(ports.objects.reads) == 7 + 2


@pytest.mark.parametrize("at", [0, 1, len(story.original(1)) - 1])
def test_one_bit_is_found_told_and_on_record(at: int):
    ports = processed()
    ports.objects.rot(FIRST, at=at)
    terminal = Terminal(ports)

    document, code = terminal.told(*ALL)

    assert code == 1
    [damaged] = document["damaged"]
    assert (damaged["artifact_id"], damaged["version_id"]) == (ONE, receipt_of(ports).version_id)
    assert crc64nvme_of(ports.objects.body(FIRST)) in damaged["fault"]
    assert "haul the session again" in damaged["remedy"]
    [found] = recorded(ports).session.damage
    assert (found.version_id, found.good_version_id) == (damaged["version_id"], None)


def test_a_person_reads_what_is_damaged_and_what_to_do_next():
    ports = processed()
    ports.objects.rot(story.key_of(story.VIDEO))
    terminal = Terminal(ports)

    assert terminal.run("verify", "match-17-north") == 1

    text = "\n".join(terminal.said)
    assert "main/match-17-north: damaged output.enhanced.mp4" in text
    assert "order the session again" in text
    assert "2 objects" in text
    assert "1 damaged" in text


def test_the_reconciler_makes_it_lost_and_nothing_is_cleaned():
    ports = processed()
    story.arm(ports)
    ports.objects.rot(FIRST)
    Terminal(ports).run(*ALL)

    story.let_grace_pass(ports)

    assert [each.artifact_id for each in recorded(ports).lost] == [ONE]
    assert recorded(ports).session.state is SessionState.PROCESSED
    assert ports.metrics.counts["original.lost"] == 1


def test_what_is_lost_already_is_told_again_and_not_read():
    ports = processed()
    ports.objects.rot(FIRST)
    Terminal(ports).run(*ALL)
    story.let_pass(ports)
    again = watched(ports)

    document, code = Terminal(again).told(*ALL)

    assert (code, document["damaged"]) == (1, [])
    assert [each["artifact_id"] for each in document["lost"]] == [ONE]
    assert isinstance(again.objects, Counted)
    assert len(again.objects.reads) == 2


def test_the_receipts_own_version_is_read_whatever_stands_on_the_key():
    ports = processed()
    rotten = receipt_of(ports).version_id
    ports.objects.rot(FIRST)
    ports.objects.put_object(FIRST, story.original(1))

    document, code = Terminal(ports).told(*ALL)

    assert code == 1
    assert [each["version_id"] for each in document["damaged"]] == [rotten]


def test_another_object_on_the_key_is_no_damage_of_the_version():
    ports = processed()
    ports.objects.put_object(FIRST, b"a stranger's")

    document, code = Terminal(ports).told(*ALL)

    assert (code, document["damaged"]) == (0, [])


def test_a_version_that_is_gone_is_damage():
    ports = processed()
    ports.objects.put_object(FIRST, b"a stranger's")
    ports.objects.lose(FIRST)

    document, code = Terminal(ports).told(*ALL)

    assert code == 1
    assert document["damaged"][0]["fault"] == "S3 holds this version no longer"


def restored() -> MemoryPorts:
    """A session that was cleaned and restored: each original has an earlier version."""
    ports = cleaned()
    operations.restore(ports, story.OPERATOR, SESSION_ID, None, "cut again")
    story.let_pass(ports, ports.policy.in_flight_s + 1_800, rounds=8)
    assert recorded(ports).session.restoring == ()
    return ports


def test_an_earlier_version_that_is_whole_is_named_and_copied_back():
    ports = restored()
    earlier = ports.objects.versions(FIRST)[0].version_id
    ports.objects.rot(FIRST)

    document, code = Terminal(ports).told(*ALL)
    story.let_pass(ports, ports.policy.in_flight_s + 1_800, rounds=8)

    assert code == 1
    [damaged] = document["damaged"]
    assert damaged["good_version_id"] == earlier
    assert "copies it back" in damaged["remedy"]
    assert ports.objects.body(FIRST) == story.original(1)
    assert recorded(ports).lost == ()


def test_an_earlier_version_that_is_damaged_too_brings_nothing_back():
    ports = restored()
    ports.objects.rot(FIRST, ports.objects.versions(FIRST)[0].version_id)
    ports.objects.rot(FIRST)

    document, _ = Terminal(ports).told(*ALL)

    assert document["damaged"][0]["good_version_id"] is None


def test_a_reading_that_fails_is_no_damage_and_the_session_stays_unproven():
    def refuse(version_id: str, _: int) -> None:
        if version_id == broken:
            raise StorageBusy("S3 asks for patience")

    plain = processed()
    broken = receipt_of(plain).version_id
    ports = watched(plain, refuse)

    document, code = Terminal(ports).told(*ALL)

    assert (code, document["damaged"]) == (75, [])
    [unread] = document["unread"]
    assert (unread["artifact_id"], unread["fault"]) == (ONE, "S3 asks for patience")
    assert (recorded(plain).session.damage, recorded(plain).session.proven_at) == ((), None)


def test_a_chapter_that_was_compared_is_read_back_and_one_that_was_not_is_not():
    def refuse(version_id: str, _: int) -> None:
        if version_id == broken:
            raise StorageBusy("S3 asks for patience")

    plain = processed()
    broken = receipt_of(plain).version_id

    Terminal(watched(plain, refuse)).told(*ALL)

    assert backs(plain) == {TWO: ReadBack(receipt_of(plain, TWO).version_id, plain.clock.now(), "reading")}
    assert not recorded(plain).session.evidence_of(ONE).read_back


def test_every_chapter_of_a_sound_session_is_read_back_and_the_trail_says_so():
    ports = processed()
    for artifact_id, body in zip((ONE, TWO), story.BODIES, strict=True):
        read = WholeRead(len(body), crc64nvme_of(body), Xxh128("ab" * 16), ports.clock.now())
        evidence.record_second_read(ports, story.NORTH, SESSION_ID, artifact_id, read)

    Terminal(ports).told(*ALL)

    assert backs(ports).keys() == {ONE, TWO}
    assert recorded(ports).level is Level.READ_BACK
    steps = [step for entry in ports.records.trail(SESSION_ID, 0, 100) for step in entry.steps]
    assert [step.name for step in steps if step.after and step.after.endswith("by reading")] == [ONE, TWO]


def test_what_was_compared_and_is_damaged_agrees_with_nothing():
    ports = processed()
    ports.objects.rot(FIRST)

    Terminal(ports).told(*ALL)

    known = recorded(ports).evidence(ONE)
    assert known
    assert known.read_back
    assert (known.agrees, known.read_back.agrees) == (False, False)
    assert backs(ports).keys() == {TWO}


def test_what_a_killed_round_compared_is_read_back_once_the_next_one_ends():
    plain = stored(None)
    assert Terminal(killed_after(plain, 1)).run(*ALL, "--parallel", "1") == 75
    assert backs(plain) == {}

    Terminal(plain).told(*ALL)

    assert backs(plain).keys() == {ONE, TWO}


def backs(ports: MemoryPorts) -> dict[ArtifactId, ReadBack]:
    """What was read back of the session's chapters, as it is recorded."""
    found = recorded(ports).session.evidence
    return {each.artifact_id: each.read_back for each in found if each.read_back}


def test_what_s3_puts_off_is_asked_again():
    def refuse_once(_: str, times: int) -> None:
        if times == 1:
            raise StorageBusy("S3 asks for patience")

    plain = processed()

    assert Terminal(watched(plain, refuse_once)).told(*ALL)[1] == 0


class Lying(MemoryObjectStore):
    """A bucket, or the way to it, that changes bytes now and then: `lies` says by how much at each reading."""

    def __init__(self, plain: MemoryObjectStore, lies: list[bytes | None]) -> None:
        self.__dict__.update(plain.__dict__)
        self._lies = lies

    def read_range(self, key: str, version_id: str, first: int, last: int) -> bytes:
        lie = self._lies.pop(0)
        return super().read_range(key, version_id, first, last) if lie is None else lie


@pytest.mark.parametrize(
    ("lies", "end", "says"),
    [
        ([None], End.TRUE, ""),
        ([b"x" * 25, b"y" * 25], End.UNREAD, "two readings differ"),
        ([b"x" * 25, b"x" * 25], End.DAMAGED, "its bytes have CRC64NVME"),
        ([b"x" * 24, b"x" * 24], End.DAMAGED, "it has 24 bytes; its receipt has 25"),
        ([b"x" * 26, b"x" * 26], End.DAMAGED, "it has more than 25 bytes"),
        ([b"", b""], End.DAMAGED, "it has 0 bytes"),
    ],
)
def test_damage_is_what_two_readings_agree_on(lies: list[bytes | None], end: End, says: str):
    objects = MemoryObjectStore()
    objects.put_object("originals/k", b"z" * 25)
    current = objects.head("originals/k")
    assert current
    assert current.crc64nvme
    receipt = Receipt(None, ONE, "originals/k", current.version_id, 25, current.crc64nvme, START)

    judgement = judge(Lying(objects, lies), receipt, usual_pace())

    assert judgement.end is end
    assert says in judgement.fault
    assert bool(judgement.note) == (
        end is End.TRUE and len(lies) == 0 and says == "" and judgement.note != ""
    )


def test_an_object_that_goes_on_behind_its_receipts_end_is_damaged():
    objects = MemoryObjectStore()
    objects.put_object("originals/k", b"z" * 26)
    current = objects.head("originals/k")
    assert current
    receipt = Receipt(None, ONE, "originals/k", current.version_id, 25, crc64nvme_of(b"z" * 25), START)

    judgement = judge(objects, receipt, usual_pace())

    assert (judgement.end, judgement.fault) == (
        End.DAMAGED,
        "it has more than 25 bytes; its receipt has 25",
    )


def test_a_reading_that_differed_once_is_no_damage_and_is_told():
    plain = processed()
    ports = replace(plain, objects=Lying(plain.objects, [b"x", None, None, None]))

    document, code = Terminal(ports).told(*ALL, "--parallel", "1")

    assert (code, document["damaged"], document["proven"]) == (0, [], 3)
    assert "look at this machine" in document["notes"][0]


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_version_is_read_piece_by_piece_to_its_very_end(more: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "PIECE_BYTES", 10)
    body = bytes(range(30 + more))
    plain = MemoryObjectStore()
    plain.put_object("originals/k", body)
    current = plain.head("originals/k")
    assert current
    receipt = Receipt(None, ONE, "originals/k", current.version_id, len(body), crc64nvme_of(body), START)
    for at in (None, *range(len(body))):
        objects = Counted(plain)
        if at is not None:
            objects._versions = dict(plain._versions)
            objects.rot("originals/k", at=at)

        judgement = judge(objects, receipt, usual_pace())

        assert judgement.end is (End.TRUE if at is None else End.DAMAGED)


def test_readers_together_keep_to_the_rate():
    waits: list[float] = []
    pace = usual_pace(100.0, waits.append)

    for _ in range(3):
        pace.spend(50)

    assert waits == [0.5, 1.0, 1.5]
    assert pace.read_bytes == 150


def test_a_round_that_is_stopped_reads_no_further():
    pace = usual_pace()
    pace.stop()

    with pytest.raises(Stopped):
        judge(MemoryObjectStore(), Receipt(None, ONE, "k", "v", 25, crc64nvme_of(b""), START), pace)


def test_a_sample_is_the_same_for_its_seed_and_is_told():
    ports = many(19)

    def sampled(*more: str) -> tuple[set[str], dict[str, Any]]:
        again = watched(ports)
        document, code = Terminal(again).told("verify", "--sample", "15%", *more)
        assert code == 0
        assert isinstance(again.objects, Counted)
        return set(again.objects.reads), document

    first, document = sampled()
    again, _ = sampled("--seed", str(document["seed"]))

    assert first == again
    assert document["sessions"] == 3


def test_every_session_is_in_some_sample():
    ports = many(9)
    seen: set[str] = set()
    for seed in range(60):
        again = watched(ports)
        Terminal(again).told("verify", "--sample", "10%", "--seed", str(seed))
        assert isinstance(again.objects, Counted)
        seen |= set(again.objects.reads)

    assert len(seen) == 9 + 2


@pytest.mark.parametrize("share", ["0%", "101%", "5", "-5%", "5 %", "1e1%", "%"])
def test_a_share_that_is_none_is_usage(share: str):
    with pytest.raises(SystemExit) as ended:
        Terminal(memory_ports()).run("verify", f"--sample={share}")
    assert ended.value.code == 2


@pytest.mark.parametrize(
    "arguments",
    [(), ("--all", "match-17"), ("--all", "--sample", "5%"), ("--all", "--seed", "7"), ("--older-than", "9")],
)
def test_what_to_prove_is_said_in_exactly_one_way(arguments: tuple[str, ...]):
    with pytest.raises(SystemExit) as ended:
        Terminal(memory_ports()).run("verify", *arguments)
    assert ended.value.code == 2


def test_the_smallest_sample_has_a_session():
    assert Terminal(processed()).told("verify", "--sample", "0.0001%")[0]["sessions"] == 1


def test_the_scheduled_round_reads_only_what_nobody_has_proven_for_long():
    ports = many(9)
    ports.clock.advance(80 * 86_400)
    assert Terminal(ports).told("verify", "--older-than", "80d")[0]["sessions"] == 10
    ports.clock.advance(1)

    assert Terminal(ports).told("verify", "--older-than", "80d")[0]["sessions"] == 0


def test_one_byte_in_one_of_many_objects_is_found_in_the_scheduled_round():
    ports = many(99)
    ports.clock.advance(85 * 86_400)
    key = story.CHAPTERS[0].key(type(SESSION_ID)("main/s0042"))
    ports.objects.rot(key, at=20)

    document, code = Terminal(ports).told("verify", "--older-than", "80d")

    assert code == 1
    assert [each["session_id"] for each in document["damaged"]] == ["s0042"]
    assert document["proven"] == 100


def test_what_is_being_restored_leaves_its_session_unproven():
    ports = cleaned()
    operations.restore(ports, story.OPERATOR, SESSION_ID, None, "cut again")

    document, code = Terminal(ports).told(*ALL)

    assert (code, document["proven"]) == (0, 1)
    assert recorded(ports).session.proven_at is None


def killed_after(ports: MemoryPorts, versions: int) -> MemoryPorts:
    """The deployment, where this process dies after it has read so many versions."""
    read: set[str] = set()

    def die(version_id: str, _: int) -> None:
        read.add(version_id)
        if len(read) > versions:
            raise KeyboardInterrupt

    return watched(ports, die)


def test_a_round_that_was_killed_continues_and_reads_nothing_twice(state: Path):
    plain = many(9)
    first = killed_after(plain, 4)
    assert Terminal(first).run(*ALL, "--parallel", "1") == 75
    [journal] = journals(state)
    proven = [json.loads(line)["proven"] for line in journal.read_text().splitlines() if "proven" in line]
    again = watched(plain)
    terminal = Terminal(again)

    _, code = terminal.told(*ALL)

    assert code == 0
    assert isinstance(again.objects, Counted)
    assert proven
    assert not set(proven) & set(again.objects.reads)
    assert len(set(proven) | set(again.objects.reads)) == 9 + 2
    assert "continues" in terminal.noted[0]
    assert journals(state) == []


def test_damage_that_a_killed_round_found_is_told_by_the_one_that_continues():
    plain = many(3)
    plain.objects.rot(FIRST)
    assert Terminal(killed_after(plain, 2)).run(*ALL, "--parallel", "1") == 75

    document, code = Terminal(plain).told(*ALL)

    assert code == 1
    assert [each["artifact_id"] for each in document["damaged"]] == [ONE]


def test_a_sample_that_was_killed_continues_with_its_own_seed():
    plain = many(9)
    assert Terminal(killed_after(plain, 2)).run("verify", "--sample", "50%", "--seed", "7") == 75

    document, _ = Terminal(plain).told("verify", "--sample", "50%")

    assert document["seed"] == 7


@pytest.mark.parametrize("torn", ["", '{"session": "main/s", "pro', "\x00\x00", "[]", "null"])
def test_a_line_that_was_cut_short_counts_as_not_written(torn: str, tmp_path: Path):
    path = tmp_path / "journal"
    one = Journal(path, "all", START, 1)
    one.note_proven(SESSION_ID, "v1")
    one.close()
    path.write_text(path.read_text() + torn)

    two = Journal(path, "all", START, 2)
    two.note_proven(SESSION_ID, "v2")
    two.close()
    three = Journal(path, "all", START, 3)

    assert (three.seed, three.is_continued) == (1, True)
    assert three.has_proven(SESSION_ID, "v1")
    assert three.has_proven(SESSION_ID, "v2")
    assert not three.has_proven(SESSION_ID, "v3")
    three.close()


def test_two_rounds_of_the_same_selection_exclude_each_other(tmp_path: Path):
    one = Journal(tmp_path / "journal", "all", START, 1)

    with pytest.raises(Refused, match="under way"):
        Journal(tmp_path / "journal", "all", START, 1)
    one.close()


def test_the_journal_of_another_selection_is_not_taken_over(tmp_path: Path):
    Journal(tmp_path / "journal", "all", START, 1).close()

    with pytest.raises(Refused, match="another round"):
        Journal(tmp_path / "journal", "sample of 0.05", START, 1)


def test_a_dry_run_reads_nothing_and_leaves_nothing(state: Path):
    ports = watched(processed())
    terminal = Terminal(ports)

    assert terminal.run(*ALL, "--dry-run") == 0

    assert isinstance(ports.objects, Counted)
    assert ports.objects.reads == {}
    assert "3 objects" in terminal.noted[0]
    assert journals(state) == []
    assert recorded(ports).session.proven_at is None


def test_a_session_that_cannot_be_read_stops_no_other():
    ports = many(2)
    document, code = Terminal(ports).told("verify", "nothing-here", "s0001")

    assert code == 75
    assert [each["session_id"] for each in document["unread"]] == ["nothing-here"]
    assert document["proven"] == 1


def test_those_who_wait_see_how_far_it_is():
    terminal = Terminal(many(3))
    terminal.run(*ALL)

    assert any("sessions" in line for line in terminal.drawn)
    assert terminal.drawn[-1] == ""
