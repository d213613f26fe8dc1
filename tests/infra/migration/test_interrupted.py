"""An import that is killed, or whose calls fail, at any point: it is run again and ends as if nothing had happened."""

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count

import pytest
from msgspec.structs import replace

from chalicelib.core import ids
from chalicelib.core.errors import StorageBusy
from chalicelib.core.picture import Picture
from infra.migration import run
from infra.migration.legacy.sql import open_database
from infra.migration.plan import TABLE
from tests.infra.migration.older import Older, frame_row, old_id
from tests.support import story
from tests.support.builders import START, memory_ports, recorded
from tests.support.interrupted import Crash, Interrupted, Moment, at_call

NAME = old_id(1)
SESSION = ids.session_id("main", NAME)
PART_BYTES = 200


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Older]:
    """A session with two films, a file of frames and rows of frames; three parts for the file."""
    made = Older(tmp_path_factory.mktemp("older"))
    made.add(1, frames=60)
    made.make_tables()
    made.add_row(NAME)
    made.add_frames([frame_row(each, NAME, each) for each in range(3)])
    with closing(open_database(made.url)) as opened:
        made.opened = opened
        yield made


def renewed(older: Older) -> Older:
    """The same older system before an empty stage."""
    ports = memory_ports()
    story.arm(ports)
    parts = replace(ports.policy, part_size_bytes=PART_BYTES)
    return Older(older.root, replace(ports, policy=parts), opened=older.opened)


def facts(picture: Picture) -> tuple[object, ...]:
    """What must be the same, however often the import was interrupted: names, states, sizes and checksums."""
    session = picture.session
    assert session.storage
    assert session.order
    receipts = [each.receipt for each in picture.uploads if each.receipt]
    proven = sorted((each.key, each.size_bytes, each.crc64nvme) for each in receipts)
    storage, order = replace(session.storage, imported_at=START), replace(session.order, ordered_at=START)
    return session.state, storage, order, picture.chapters, proven, len(picture.indexes)


def whole(older: Older) -> tuple[object, ...]:
    """What an import leaves that nobody disturbs."""
    older.play()
    story.let_pass(older.ports, rounds=2)
    return facts(recorded(older.ports, SESSION))


def killed(older: Older, call: int) -> bool:
    """Kill the import at its call of this number; whether it came so far."""
    at = at_call(older.ports, call)
    try:
        older.play(world=older.world(at.ports))
    except Crash:
        return True
    return at.happened


def busy(older: Older, call: int) -> bool:
    """Let that one call fail, after its effect, as when a reply is lost."""

    def fail() -> None:
        raise StorageBusy("the reply was lost")

    at = Interrupted(older.ports, call, Moment.AFTER, fail)
    older.play(world=older.world(at.ports))
    return at.happened


def disturbances(disturb: Callable[[Older, int], bool], older: Older) -> Iterator[Older]:
    """The worlds after the import was disturbed at each of its calls."""
    for call in count(1):
        world = renewed(older)
        if not disturb(world, call):
            assert call > 30, "too few calls to be the whole import"
            return
        yield world


@pytest.mark.parametrize("disturb", [killed, busy])
def test_an_import_that_is_disturbed_at_any_call_ends_when_it_is_run_again(
    older: Older, disturb: Callable[[Older, int], bool]
):
    expected = whole(renewed(older))

    for world in disturbances(disturb, older):
        report = world.one()
        story.let_pass(world.ports, rounds=2)

        assert not report.is_wrong, report
        assert facts(recorded(world.ports, SESSION)) == expected
        assert world.ports.orders.sent == []


def test_wherever_it_is_killed_only_whole_bytes_are_received_nothing_is_cleaned_and_nothing_stays_open(
    older: Older,
):
    for world in disturbances(killed, older):
        story.let_pass(world.ports, 10 * 86_400, rounds=8)
        # What stays open costs money for ever.
        assert list(world.ports.objects.multiparts("")) == []
        story.let_pass(world.ports, 20 * 86_400, rounds=2)

        picture = world.ports.records.picture(SESSION)
        if picture is None:
            continue
        for upload in picture.uploads:
            if upload.receipt:
                assert len(world.ports.objects.body(upload.key)) == upload.plan.size_bytes
        assert picture.session.cleanup is None


def test_a_person_who_stops_it_gets_a_report_of_what_was_done(older: Older):
    world = renewed(older)
    world.add(2)

    def stops(url, body) -> None:
        if world.sent == 9:
            raise KeyboardInterrupt
        world.send(url, body)

    report = world.play(world=world.world(send=stops))

    assert not report.finished
    assert world.play(world=world.world()).finished
    assert TABLE in {item.artifact_id for item in world.play(run.verify).sessions[0].items}
