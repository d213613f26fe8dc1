"""`download`: exactly the receipts' bytes get their names, and a run that was ended is continued."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core import ids
from chalicelib.core.errors import StorageBusy
from chalicelib.flows import operations
from infra.admin import fetching, layout
from infra.admin.at_rest.reading import Pace
from infra.admin.commands import download
from infra.admin.fetching import End, Fetching, FetchProgress, Target
from tests.infra.admin.desks import Terminal, cleaned, processed, stored
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, memory_ports, recorded
from tests.support.memory import MemoryObjectStore, crc64nvme_of

ONE, TWO = (chapter.artifact_id for chapter in story.CHAPTERS)
PLACES = [chapter.name for chapter in story.CHAPTERS]
FIRST, SECOND = story.original_keys()
PIECE = 16
SPARE = b"what an operator keeps here"


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films of a few hundred bytes come in several pieces."""
    monkeypatch.setattr(fetching, "PIECE_BYTES", PIECE)


def home(folder: Path, place: str) -> Path:
    return folder / "match-17-north" / place


def fetched(folder: Path) -> dict[str, bytes]:
    """All files below the session's folder, by their place there."""
    top = folder / "match-17-north"
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


ORIGINALS = dict(zip(PLACES, story.BODIES, strict=True))


class Reads(MemoryObjectStore):
    """A bucket that tells what was read of it, and may do something first or change what is given."""

    def __init__(
        self,
        plain: MemoryObjectStore,
        before: Callable[[int], None] = lambda _: None,
        given: Callable[[int, bytes], bytes] = lambda _, body: body,
    ) -> None:
        self.__dict__.update(plain.__dict__)
        self.ranges: list[tuple[str, int, int]] = []
        self._before = before
        self._given = given

    def read_range(self, key: str, version_id: str, first: int, last: int) -> bytes:
        self.ranges.append((key, first, last))
        self._before(len(self.ranges))
        return self._given(len(self.ranges), super().read_range(key, version_id, first, last))


def reading_of(ports: MemoryPorts, **how: Any) -> tuple[MemoryPorts, Reads]:
    reads = Reads(ports.objects, **how)
    return replace(ports, objects=reads), reads


def flipped(body: bytes) -> bytes:
    return bytes([body[0] ^ 1]) + body[1:] if body else body


def test_the_originals_come_home_as_they_are_on_the_card(tmp_path: Path):
    document, code = Terminal(processed()).told("download", "match-17-north", str(tmp_path))

    assert (code, fetched(tmp_path)) == (0, ORIGINALS)
    assert document["fetched_bytes"] == sum(map(len, story.BODIES))
    assert [each["status"] for each in document["files"]] == ["fetched", "fetched"]


def test_outputs_and_measurements_come_when_they_are_named(tmp_path: Path):
    ports = stored(story.WISH)
    story.process(ports)
    story.let_pass(ports)

    code = Terminal(ports).run("download", "match-17-north", str(tmp_path), "--outputs", "--measurements")

    made = {
        "outputs/enhanced.mp4": story.MADE[story.VIDEO],
        "measurements/lights.json": story.MADE[story.LIGHTS],
    }
    assert (code, fetched(tmp_path)) == (0, made)


def test_what_is_there_already_is_checked_and_not_read_again(tmp_path: Path):
    ports, reads = reading_of(processed())
    Terminal(ports).run("download", "match-17-north", str(tmp_path))
    reads.ranges.clear()

    document, code = Terminal(ports).told("download", "match-17-north", str(tmp_path))

    assert (code, reads.ranges, document["fetched_bytes"]) == (0, [], 0)
    assert [each["status"] for each in document["files"]] == ["there", "there"]


@pytest.mark.parametrize("other", [SPARE, flipped(story.BODIES[0])], ids=["another size", "one bit"])
def test_another_file_of_the_name_is_never_written_over(tmp_path: Path, other: bytes):
    home(tmp_path, "100GOPRO").mkdir(parents=True)
    home(tmp_path, PLACES[0]).write_bytes(other)

    document, code = Terminal(processed()).told("download", "match-17-north", str(tmp_path))

    assert (code, fetched(tmp_path)) == (1, {PLACES[0]: other, PLACES[1]: story.BODIES[1]})
    assert [each["status"] for each in document["files"]] == ["differs", "fetched"]
    assert "move that file away" in document["files"][0]["next"]


def test_a_folder_or_a_dead_link_of_the_name_is_left_as_it_is(tmp_path: Path):
    home(tmp_path, PLACES[0]).mkdir(parents=True)
    home(tmp_path, PLACES[1]).symlink_to(tmp_path / "nowhere")

    document, code = Terminal(processed()).told("download", "match-17-north", str(tmp_path))

    assert (code, [each["status"] for each in document["files"]]) == (1, ["differs", "differs"])
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("at", [0, PIECE, len(story.BODIES[0]) - 1])
def test_a_file_with_a_wrong_byte_never_gets_its_name(tmp_path: Path, at: int):
    ports = processed()
    ports.objects.rot(FIRST, at=at)

    document, code = Terminal(ports).told("download", "match-17-north", str(tmp_path))

    assert (code, fetched(tmp_path)) == (1, {PLACES[1]: story.BODIES[1]})
    assert document["files"][0]["status"] == "damaged"
    assert "verify" in document["files"][0]["next"]


def test_a_byte_that_turns_on_its_way_is_found_too(tmp_path: Path):
    ports, _ = reading_of(processed(), given=lambda number, body: flipped(body) if number == 2 else body)

    _, code = Terminal(ports).told("download", "match-17-north", str(tmp_path), "--parallel", "1")

    assert (code, list(fetched(tmp_path))) == (1, [PLACES[1]])


@pytest.mark.parametrize("more", [-1, 1])
def test_an_object_longer_or_shorter_than_its_receipt_never_gets_its_name(tmp_path: Path, more: int):
    receipt, body = target_of(processed(), tmp_path).receipt, story.BODIES[0]

    class Other:
        def read_range(self, key: str, version_id: str, first: int, last: int) -> bytes:
            return (body + b"!")[: len(body) + more][first : last + 1]

    [outcome] = run(Other(), [Target(receipt, tmp_path / "film.mp4")])

    assert outcome.end is End.DAMAGED
    assert not (tmp_path / "film.mp4").exists()


def target_of(ports: MemoryPorts, folder: Path) -> Target:
    receipt = recorded(ports).receipt(ONE)
    assert receipt
    return Target(receipt, folder / "film.mp4")


def run(
    objects: Any,
    targets: list[Target],
    parallel: int = 3,
    tell: Callable[[FetchProgress], None] = lambda _: None,
) -> list[fetching.Outcome]:
    return Fetching(objects, Pace(None, lambda: 0.0, lambda _: None), parallel, tell).run(targets)


@pytest.mark.parametrize("begun", [1, PIECE - 1, PIECE, PIECE + 1, len(story.BODIES[0])])
def test_a_run_that_was_killed_is_continued_where_the_file_ends(tmp_path: Path, begun: int):
    ports, reads = reading_of(processed())
    target = target_of(ports, tmp_path)
    target.partial.write_bytes(story.BODIES[0][:begun])

    [outcome] = run(reads, [target])

    assert outcome.end is End.FETCHED
    assert target.path.read_bytes() == story.BODIES[0]
    assert not target.partial.exists()
    assert min((first for _, first, _ in reads.ranges), default=begun) == begun


@pytest.mark.parametrize("left", [flipped(story.BODIES[0][:50]), bytes(len(story.BODIES[0]) + 1)])
def test_what_an_earlier_run_left_wrong_is_fetched_again(tmp_path: Path, left: bytes):
    ports, reads = reading_of(processed())
    target = target_of(ports, tmp_path)
    target.partial.write_bytes(left)

    [outcome] = run(reads, [target])

    assert outcome.end is End.FETCHED
    assert target.path.read_bytes() == story.BODIES[0]


def test_an_interrupted_run_keeps_what_it_has_and_the_next_one_reads_the_rest(tmp_path: Path):
    def interrupted(number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt

    ports = processed()
    broken, _ = reading_of(ports, before=interrupted)
    again, reads = reading_of(ports)
    arguments = ("download", "match-17-north", str(tmp_path), "--parallel", "1")

    assert Terminal(broken).run(*arguments) == 75
    left = home(tmp_path, f"{PLACES[0]}.partial").stat().st_size
    assert Terminal(again).run(*arguments) == 0

    assert left in (PIECE, 2 * PIECE)
    assert fetched(tmp_path) == ORIGINALS
    assert reads.ranges[0][1] == left


@pytest.mark.parametrize("reads", range(1, 9))
def test_a_run_that_is_killed_at_any_read_is_continued(tmp_path: Path, reads: int):
    def killed(number: int) -> None:
        if number == reads:
            os.kill(os.getpid(), signal.SIGKILL)

    ports = processed()
    dying, _ = reading_of(ports, before=killed)
    arguments = ("download", "match-17-north", str(tmp_path), "--parallel", "2")
    child = multiprocessing.get_context("fork").Process(target=Terminal(dying).run, args=arguments)
    child.start()
    child.join()
    left = {place: body for place, body in fetched(tmp_path).items() if not place.endswith(layout.PARTIAL)}

    code = Terminal(ports).run(*arguments)

    assert child.exitcode == -signal.SIGKILL
    assert left.items() <= ORIGINALS.items()
    assert (code, fetched(tmp_path)) == (0, ORIGINALS)


def test_a_file_that_s3_does_not_give_now_is_owed_and_the_others_come(tmp_path: Path):
    def busy(number: int) -> None:
        if number <= 5:
            raise StorageBusy("GetObject: SlowDown")

    ports, _ = reading_of(processed(), before=busy)

    document, code = Terminal(ports).told("download", "match-17-north", str(tmp_path), "--parallel", "1")

    assert (code, sorted(fetched(tmp_path))) == (75, sorted([f"{PLACES[0]}.partial", PLACES[1]]))
    assert document["files"][0]["status"] == "unread"


def test_s3_may_ask_for_patience(tmp_path: Path):
    def busy(number: int) -> None:
        if number <= 3:
            raise StorageBusy("GetObject: SlowDown")

    ports, _ = reading_of(processed(), before=busy)

    assert Terminal(ports).run("download", "match-17-north", str(tmp_path), "--parallel", "1") == 0
    assert fetched(tmp_path) == ORIGINALS


def test_a_version_that_is_gone_is_named(tmp_path: Path):
    ports = processed()
    ports.objects.put_object(FIRST, b"a stranger's")
    ports.objects.lose(FIRST)

    document, code = Terminal(ports).told("download", "match-17-north", str(tmp_path))

    assert (code, document["files"][0]["why"]) == (1, "S3 holds this version no longer")


def test_the_receipts_version_is_fetched_whatever_stands_on_the_key(tmp_path: Path):
    ports = processed()
    ports.objects.put_object(FIRST, b"a stranger's")

    assert Terminal(ports).run("download", "match-17-north", str(tmp_path)) == 0
    assert fetched(tmp_path) == ORIGINALS


def test_what_was_cleaned_is_named_with_the_command_that_restores_it(tmp_path: Path):
    terminal = Terminal(cleaned())

    code = terminal.run("download", "match-17-north", str(tmp_path), "--originals", "--outputs")

    text = "\n".join(terminal.said)
    assert (code, list(fetched(tmp_path))) == (1, ["outputs/enhanced.mp4"])
    assert f"not fetched {ONE}" in text
    assert f"restore --stage prod match-17-north {ONE}" in text


def test_what_is_being_restored_comes_later(tmp_path: Path):
    ports = cleaned()
    operations.restore(ports, story.OPERATOR, SESSION_ID, None, "cut again")

    document, code = Terminal(ports).told("download", "match-17-north", str(tmp_path))

    assert (code, {each["why"] for each in document["files"]}) == (75, {"it is being restored"})


def test_a_chapter_without_receipt_comes_later(tmp_path: Path):
    ports = memory_ports()
    story.haul(ports, None, bodies=story.BODIES[:1], chapters=story.CHAPTERS[:1])
    picture = recorded(ports)
    ports.records.arrange(replace(picture, chapters=story.CHAPTERS))

    document, code = Terminal(ports).told("download", "match-17-north", str(tmp_path))

    assert (code, list(fetched(tmp_path))) == (75, [PLACES[0]])
    assert document["files"][1]["why"] == "it has no receipt yet"


def test_a_group_comes_session_by_session(tmp_path: Path):
    ports = processed()
    picture = recorded(ports)
    other = ids.session_id("main", "match-17-south")
    for session_id in (SESSION_ID, other):
        session = replace(picture.session, session_id=session_id, group="match-17")
        ports.records.arrange(replace(picture, session=session, uploads=moved(ports, session_id)))

    code = Terminal(ports).run("download", "--group", "match-17", str(tmp_path))

    assert code == 0
    assert fetched(tmp_path) == ORIGINALS
    assert (tmp_path / "match-17-south" / PLACES[1]).read_bytes() == story.BODIES[1]


def moved(ports: MemoryPorts, session_id: ids.SessionId) -> tuple[Any, ...]:
    """The story's uploads as those of another session, whose objects the bucket has too."""
    uploads = []
    for upload, chapter, body in zip(recorded(ports).uploads, story.CHAPTERS, story.BODIES, strict=True):
        key = chapter.key(session_id)
        ports.objects.put_object(key, body)
        current = ports.objects.head(key)
        assert current
        assert upload.receipt
        receipt = replace(upload.receipt, key=key, version_id=current.version_id)
        uploads.append(replace(upload, session_id=session_id, key=key, receipt=receipt))
    return tuple(uploads)


def test_a_group_without_a_session_is_refused(tmp_path: Path):
    terminal = Terminal(processed())

    assert terminal.run("download", "--group", "match-18", str(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "names",
    [
        ("DIR",),
        ("match-17-north", "DIR", "--group", "match-17"),
        ("main/one", "other/one", "DIR"),
        ("no session", "DIR"),
        ("match-17-north", "DIR", "--parallel", "11"),
    ],
)
def test_what_cannot_be_meant_is_a_misuse(names: tuple[str, ...]):
    with pytest.raises(SystemExit) as ended:
        Terminal(processed()).run("download", *names)

    assert ended.value.code == 2


def test_without_room_on_the_disk_nothing_is_read(tmp_path: Path):
    ports, reads = reading_of(processed())
    terminal = Terminal(ports, free_bytes=sum(map(len, story.BODIES)) - 1)

    assert terminal.run("download", "match-17-north", str(tmp_path)) == 1
    assert (reads.ranges, fetched(tmp_path)) == ([], {})


def test_room_is_asked_for_what_is_still_to_come(tmp_path: Path):
    home(tmp_path, "100GOPRO").mkdir(parents=True)
    home(tmp_path, f"{PLACES[0]}.partial").write_bytes(story.BODIES[0][:PIECE])
    wanted = sum(map(len, story.BODIES)) - PIECE

    assert Terminal(processed(), free_bytes=wanted).run("download", "match-17-north", str(tmp_path)) == 0


def test_two_runs_never_write_into_one_folder(tmp_path: Path):
    ports = processed()
    second: list[int] = []

    def run_again(number: int) -> None:
        if number == 1:
            second.append(Terminal(ports).run("download", "match-17-north", str(tmp_path)))

    first, _ = reading_of(ports, before=run_again)

    assert Terminal(first).run("download", "match-17-north", str(tmp_path)) == 0
    assert (second, fetched(tmp_path)) == ([1], ORIGINALS)


def test_a_run_leaves_no_lock_behind_and_minds_none_that_a_killed_one_left(tmp_path: Path):
    (tmp_path / ".match-17-north.lock").touch()

    assert Terminal(processed()).run("download", "match-17-north", str(tmp_path)) == 0
    assert [each.name for each in tmp_path.iterdir()] == ["match-17-north"]


def test_no_more_pieces_are_in_memory_than_readers_may_be_ahead(tmp_path: Path):
    ports, reads = reading_of(processed())
    target = target_of(ports, tmp_path)
    ahead: list[int] = []

    def written(so_far: FetchProgress) -> None:
        ahead.append(len(reads.ranges) - so_far.fetched_bytes // PIECE)

    run(reads, [target], parallel=2, tell=written)

    assert max(ahead) <= 4


def test_a_rate_is_kept(tmp_path: Path):
    paused: list[float] = []
    target = target_of(processed(), tmp_path)
    pace = Pace(1000.0, lambda: 0.0, paused.append)

    Fetching(processed().objects, pace, 1, lambda _: None).run([target])

    assert max(paused) == pytest.approx(len(story.BODIES[0]) / 1000)


def test_the_bar_shows_files_bytes_and_the_time_left():
    assert download._bar(FetchProgress(6, 200, 3, 100), 100, 10.0) == (
        "[############------------]  50%  3 of 6 files, 100 B of 200 B, 10 B/s, 0:00:10 left"
    )


def test_a_name_that_would_leave_the_folder_is_not_fetched():
    picture = recorded(processed())
    chapter = replace(picture.chapters[0], directory="000OLDER", filename="..")

    [file, *_] = layout.files_of(replace(picture, chapters=(chapter,)), [layout.Part.ORIGINALS], "prod")

    assert (file.receipt, file.reach) == (None, layout.Reach.NOT)


def test_a_file_that_takes_the_name_meanwhile_is_kept(tmp_path: Path):
    ports = processed()
    target = target_of(ports, tmp_path)

    def take(_: int) -> None:
        target.path.write_bytes(SPARE)

    taken, _ = reading_of(ports, before=take)

    [outcome] = run(taken.objects, [target])

    assert (outcome.end, target.path.read_bytes()) == (End.DIFFERS, SPARE)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["film.mp4", "film.mp4.partial"]


def test_the_crc_is_that_of_receipts(tmp_path: Path):
    path = tmp_path / "film.mp4"
    path.write_bytes(story.BODIES[0])

    with path.open("rb") as file:
        assert fetching.crc_of(file) == crc64nvme_of(story.BODIES[0])
