from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import StorageBusy
from chalicelib.core.events import Measure
from chalicelib.core.ids import ArtifactId, UploadId
from chalicelib.core.picture import Picture
from chalicelib.core.rounds import MOST_COUNTED, SILENT_S
from chalicelib.core.upload import StoredObject, Upload, UploadState
from chalicelib.flows.reconcile import BATCH, Round, reconcile
from chalicelib.ports import Due
from tests.support import story
from tests.support.builders import (
    SESSION_ID,
    START,
    UPLOAD_ID,
    MemoryPorts,
    make_chapter,
    make_claimed,
    make_picture,
    make_session,
    make_session_id,
    make_upload,
    memory_ports,
    recorded,
    send_parts,
)
from tests.support.counted import counted
from tests.support.faults import Fault, faulty
from tests.support.memory import MemoryObjectStore, MemoryRecords, MovableClock


def sessions(count: int) -> list[Picture]:
    return [session(f"s{number:03d}") for number in range(count)]


def session(name: str) -> Picture:
    session_id = make_session_id(name)
    upload = make_claimed(
        session_id=session_id, upload_id=UploadId(f"u_{name}"), multipart_id=f"multipart-{name}"
    )
    return Picture(make_session(session_id=session_id), (make_chapter(),), (upload,))


def arranged(*pictures: Picture) -> MemoryPorts:
    """Ports where every upload of `pictures` has all its parts; the clock is a second past their due time."""
    ports = memory_ports(*pictures)
    for picture in pictures:
        send_parts(ports.objects, picture.uploads[0])
    ports.clock.advance(1)
    return ports


def upload_of(ports: MemoryPorts, picture: Picture) -> Upload:
    after = ports.records.picture(picture.session.session_id)
    assert after
    return after.uploads[0]


def test_everything_due_is_finished_however_many_batches_it_takes():
    pictures = sessions(2 * BATCH + 1)
    ports = arranged(*pictures)

    assert reconcile(ports, 60) == Round(settled=len(pictures), failed=0, aborted_orphans=0, finished=True)
    assert all(upload_of(ports, picture).receipt for picture in pictures)


def test_every_round_reports_its_time_even_with_nothing_to_do():
    ports = memory_ports()

    class Slow:
        def __getattr__(self, name: str) -> Any:
            ports.clock.advance(0.25)
            return getattr(ports.records, name)

    reconcile(replace(ports, records=cast(MemoryRecords, Slow())), 60)

    [seconds] = ports.metrics.sizes[Measure.ROUND_TIME]
    assert seconds > 0
    assert seconds % 0.25 == 0
    assert ports.metrics.counts["reconcile.settled"] == 0


def test_a_second_round_has_nothing_to_do():
    ports = arranged(*sessions(3))
    reconcile(ports, 60)
    ports.clock.advance(1)

    assert reconcile(ports, 60).settled == 0


@pytest.mark.parametrize(("seconds", "due"), [(-1, 0), (0, 2), (1, 2)])
def test_an_upload_that_only_waits_is_due_again_when_its_rest_is_over(seconds: int, due: int):
    waiting, ready = session("a-waiting"), session("b-ready")
    ports = memory_ports(waiting, ready)
    ports.clock.advance(1)
    reconcile(ports, 60)
    ports.clock.advance(ports.policy.look_s + seconds)

    assert upload_of(ports, waiting).state is UploadState.OPEN
    assert len(ports.records.due(ports.clock.now(), 10)) == due


def poisoned(ports: MemoryPorts, upload: Upload) -> MemoryPorts:
    """`ports` whose bucket fails at every look at `upload`."""

    class Poisoned:
        def __getattr__(self, name: str) -> Any:
            return getattr(ports.objects, name)

        def head(self, key: str) -> StoredObject | None:
            if key == upload.key:
                raise ValueError("poison")
            return ports.objects.head(key)

    return replace(ports, objects=cast(MemoryObjectStore, Poisoned()))


def test_a_session_that_fails_starves_no_other_and_is_tried_again():
    pictures = sessions(3)
    ports = arranged(*pictures)

    done = reconcile(poisoned(ports, pictures[0].uploads[0]), 60)

    assert (done.settled, done.failed) == (2, 1)
    assert ports.metrics.counts["reconcile.failed"] == 1
    assert [bool(upload_of(ports, picture).receipt) for picture in pictures] == [False, True, True]
    ports.clock.advance(ports.policy.look_s)
    assert reconcile(ports, 60).settled == 1
    assert all(upload_of(ports, picture).receipt for picture in pictures)


def test_an_upload_that_fails_keeps_no_other_of_its_session_from_its_end():
    chapters = make_chapter(1), make_chapter(2)
    first, second = (
        make_claimed(chapter, upload_id=UploadId(f"u_{place}"), multipart_id=f"multipart-{place}")
        for place, chapter in enumerate(chapters)
    )
    ports = memory_ports(make_picture(first, second, chapters=chapters))
    send_parts(ports.objects, first)
    send_parts(ports.objects, second)

    done = reconcile(poisoned(ports, first), 60)

    assert done.failed == 1
    assert [bool(upload.receipt) for upload in recorded(ports).uploads] == [False, True]


def unreadable(ports: MemoryPorts, *calls: int) -> MemoryPorts:
    """`ports` whose table fails at these reads of a session."""
    faults = [Fault("picture", StorageBusy("throttled"), call=call) for call in calls]
    return replace(ports, records=faulty(ports.records, *faults))


def test_a_session_that_cannot_be_read_starves_no_other_and_is_tried_again():
    pictures = sessions(2)
    ports = arranged(*pictures)

    # Once to settle it, and once to settle each of its uploads.
    done = reconcile(unreadable(ports, 1, 2), 60)

    assert (done.settled, done.failed) == (1, 1)
    assert [bool(upload_of(ports, picture).receipt) for picture in pictures] == [False, True]
    ports.clock.advance(ports.policy.look_s)
    assert reconcile(ports, 60).settled == 1
    assert all(upload_of(ports, picture).receipt for picture in pictures)


def test_an_upload_that_fails_and_cannot_be_put_off_starves_no_other_session():
    pictures = sessions(2)
    ports = arranged(*pictures)
    poison = poisoned(ports, pictures[0].uploads[0])

    # The session, its uploads, its upload, and then the upload that shall rest.
    done = reconcile(unreadable(poison, 4), 60)

    assert (done.settled, done.failed) == (1, 1)
    assert [bool(upload_of(ports, picture).receipt) for picture in pictures] == [False, True]
    assert upload_of(ports, pictures[0]).looks == 0


def test_an_upload_that_fails_after_it_was_cancelled_is_not_put_off():
    [picture] = sessions(1)
    upload = picture.uploads[0].cancelled(START)
    ports = memory_ports(replace(picture, uploads=(upload,)))
    ports.clock.advance(ports.policy.undo_s)
    broken = faulty(ports.objects, *(Fault("abort", StorageBusy("S3"), call=call) for call in range(1, 5)))

    done = reconcile(replace(ports, objects=broken), 60)

    after = upload_of(ports, picture)
    assert done.failed == 1
    assert (after.state, after.owes_abort, after.looks) == (UploadState.CANCELLED, True, 0)


def test_a_session_whose_due_time_cannot_be_written_stops_no_round():
    pictures = sessions(2)
    ports = arranged(*pictures)
    broken = faulty(ports.records, Fault("postpone", StorageBusy("throttled")))

    assert reconcile(replace(ports, records=broken), 60).finished
    assert all(upload_of(ports, picture).receipt for picture in pictures)


def test_a_session_that_takes_the_function_down_is_due_behind_all_others():
    pictures = sessions(2)
    ports = arranged(*pictures)
    deadly = faulty(ports.objects, Fault("head", KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        reconcile(replace(ports, objects=deadly), 60)

    due = ports.records.due(ports.clock.now(), 10)
    assert [item.session_id for item in due] == [picture.session.session_id for picture in reversed(pictures)]


def test_an_index_that_lags_behind_a_whole_batch_ends_no_round():
    pictures = sessions(BATCH + 1)
    ports = arranged(*pictures)
    stale = ports.records.due(ports.clock.now(), 2 * BATCH)

    class Lagging:
        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def due(self, until: datetime, limit: int) -> tuple[Due, ...]:
            return stale[:limit]

    done = reconcile(replace(ports, records=cast(MemoryRecords, Lagging())), 60)

    assert done.settled == len(pictures)


def test_a_round_stops_when_its_time_is_over_and_the_next_goes_on():
    pictures = sessions(5)
    ports = arranged(*pictures)

    class Ticking(MovableClock):
        """A clock on which each look at it takes a second."""

        def now(self):
            self.advance(1)
            return super().now()

    slow = replace(ports, clock=Ticking(ports.clock.now()))

    first = reconcile(slow, 60)
    assert not first.finished
    assert 0 < first.settled < 5
    assert reconcile(slow, 600).finished
    assert all(upload_of(ports, picture).receipt for picture in pictures)


def test_a_cancelled_upload_is_aborted_after_its_undo_window_and_not_before():
    upload = make_upload().cancelled(START)
    ports = memory_ports()
    ports.records.arrange(make_picture(upload), due_at=START)
    ports.objects.register(upload.key, UPLOAD_ID, upload.multipart_id)

    ports.clock.advance(ports.policy.undo_s - 1)
    reconcile(ports, 60)
    assert list(ports.objects.multiparts("originals/"))

    ports.clock.advance(1)
    reconcile(ports, 60)
    assert not list(ports.objects.multiparts("originals/"))


@pytest.mark.parametrize(("seconds", "kept"), [(-1, True), (0, False), (1, False)])
def test_a_multipart_upload_that_no_record_needs_is_aborted_when_it_is_old_enough(seconds: int, kept: bool):
    ports = memory_ports(make_picture())
    ports.objects.register(make_upload().key, UploadId("u_lost"), "orphan")
    ports.clock.advance(ports.policy.orphan_age_s + seconds)

    assert reconcile(ports, 60).aborted_orphans == (0 if kept else 1)
    assert bool(list(ports.objects.multiparts("originals/"))) is kept


@pytest.mark.parametrize(("seconds", "kept"), [(-1, True), (0, False), (1, False)])
@pytest.mark.parametrize("prefix", ["outputs", "measurements"])
def test_what_processors_send_by_themselves_is_not_aborted_before_an_uploads_own_time_is_over(
    prefix: str, seconds: int, kept: bool
):
    ports = memory_ports(make_picture())
    ports.objects.register(f"{prefix}/{SESSION_ID}/1/enhanced.mp4", UploadId("u_theirs"), "theirs")
    ports.clock.advance(ports.policy.upload_ttl_s + seconds)

    assert reconcile(ports, 60).aborted_orphans == (0 if kept else 1)
    assert bool(list(ports.objects.multiparts(f"{prefix}/"))) is kept


@pytest.mark.parametrize(("seconds", "kept"), [(-1, True), (0, False), (1, False)])
def test_an_intermediate_comes_by_our_uploads_alone_and_is_an_orphan_as_early_as_an_original(
    seconds: int, kept: bool
):
    ports = memory_ports(make_picture())
    ports.objects.register(f"intermediates/{SESSION_ID}/1/notes.txt", UploadId("u_lost"), "orphan")
    ports.clock.advance(ports.policy.orphan_age_s + seconds)

    reconcile(ports, 60)
    assert bool(list(ports.objects.multiparts("intermediates/"))) is kept


@pytest.mark.parametrize("key", ["index/s/lights.json/1/frames.jsonl.gz", "lake/x", "quarantine/s/x", "x"])
def test_what_is_not_of_a_session_is_not_ours_to_abort(key: str):
    ports = memory_ports(make_picture())
    ports.objects.register(key, UploadId("u_theirs"), "theirs")
    ports.clock.advance(30 * 86_400)

    assert reconcile(ports, 60).aborted_orphans == 0


@pytest.mark.parametrize("artifact_id", ["output.enhanced.mp4", "measurements.a.json", "intermediate.a"])
def test_the_live_upload_of_a_processor_is_never_taken_for_an_orphan(artifact_id: str):
    ports = memory_ports()
    story.haul(ports)
    story.let_pass(ports)
    upload = story.open_made(ports, ArtifactId(artifact_id), b"twenty bytes of this")
    ports.objects.put_part(upload.key, upload.multipart_id, 1, b"ten of its")

    story.let_pass(ports, ports.policy.upload_ttl_s - 1, rounds=7)

    assert ports.metrics.counts["multipart.orphaned"] == 0
    assert ports.objects.parts(upload.key, upload.multipart_id)


def test_an_orphan_of_a_session_that_was_never_recorded_is_aborted_too():
    ports = memory_ports()
    ports.objects.register("originals/main/never/100GOPRO/GX010001.MP4", UploadId("u_lost"), "orphan")
    ports.clock.advance(ports.policy.orphan_age_s)

    assert reconcile(ports, 60).aborted_orphans == 1


def test_a_live_upload_is_never_taken_for_an_orphan():
    upload = make_upload()
    ports = memory_ports(make_picture(upload))
    send_parts(ports.objects, upload, 1)
    ports.clock.advance(5 * 86_400)

    assert reconcile(ports, 60).aborted_orphans == 0
    assert ports.objects.parts(upload.key, upload.multipart_id)


def test_a_part_that_arrived_after_its_uploads_abort_is_swept_up():
    upload = make_upload().expired("late", START).aborted()
    ports = memory_ports(make_picture(upload))
    ports.objects.register(upload.key, UPLOAD_ID, upload.multipart_id)
    ports.clock.advance(ports.policy.orphan_age_s)

    assert reconcile(ports, 60).aborted_orphans == 1


def test_a_listing_that_fails_is_an_error_and_never_an_empty_one():
    ports = arranged(*sessions(1))
    broken = faulty(ports.objects, Fault("multiparts", StorageBusy("SlowDown")))

    with pytest.raises(StorageBusy):
        reconcile(replace(ports, objects=broken), 60)


def test_of_two_rounds_that_overlap_one_has_the_session():
    picture = session("shared")
    ports = arranged(picture)

    class Overtaken:
        """Another round takes the session between our list and our turn."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def due(self, until: datetime, limit: int) -> tuple[Due, ...]:
            found = ports.records.due(until, limit)
            for each in found:
                ports.records.postpone(each, ports.clock.now() + timedelta(seconds=1))
            return found

    done = reconcile(replace(ports, records=cast(MemoryRecords, Overtaken())), 60)

    assert (done.settled, done.failed) == (0, 0)
    assert upload_of(ports, picture).receipt is None
    ports.clock.advance(1)
    assert reconcile(ports, 60).settled == 1


def test_a_round_records_what_it_did_and_when():
    ports = arranged(*sessions(2))
    began_at = ports.clock.now()

    done = reconcile(ports, 60)

    last = ports.records.last_round()
    assert last
    assert (last.began_at, last.ended_at) == (began_at, ports.clock.now())
    assert (last.settled, last.failed, last.finished, last.swept) == (2, 0, done.finished, done.swept)


@pytest.mark.parametrize(("seconds", "count"), [(-2, 0), (0, 1), (1, 1)])
def test_a_round_counts_the_sessions_that_nobody_has_proven_in_time(seconds: int, count: int):
    ports = arranged(*sessions(1))

    ports.clock.advance(ports.policy.at_rest_s + seconds)
    reconcile(ports, 60)

    last = ports.records.last_round()
    assert last
    assert (last.unproven, ports.metrics.counts["proof.overdue"]) == (count, count)


def test_a_round_counts_no_more_unproven_sessions_than_it_tells():
    ports = memory_ports(*(session(f"s{number:03d}") for number in range(MOST_COUNTED + 1)))
    ports.clock.advance(ports.policy.at_rest_s)

    assert reconcile(ports, 0).unproven == MOST_COUNTED


@pytest.mark.parametrize(("seconds", "is_silent"), [(-1, False), (0, True), (1, True)])
def test_a_reconciler_is_silent_once_six_rounds_did_not_happen(seconds: int, is_silent: bool):
    ports = memory_ports()
    reconcile(ports, 60)

    last = ports.records.last_round()
    assert last
    assert last.is_silent(ports.clock.now() + timedelta(seconds=SILENT_S + seconds)) is is_silent


class Minutes:
    """A bucket that takes a minute and a second to say what is on a key, and fails at those of `poison`."""

    def __init__(self, ports: MemoryPorts, *poison: str) -> None:
        self._ports = ports
        self._poison = poison
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ports.objects, name)

    def head(self, key: str) -> StoredObject | None:
        self.asked.append(key)
        self._ports.clock.advance(61)
        if key in self._poison:
            raise ValueError("poison")
        return self._ports.objects.head(key)


def test_uploads_of_a_session_that_failed_wait_for_the_next_round_when_its_turn_is_over():
    chapters = make_chapter(1), make_chapter(2)
    uploads = [
        make_claimed(chapter, upload_id=UploadId(f"u_{place}"), multipart_id=f"multipart-{place}")
        for place, chapter in enumerate(chapters)
    ]
    ports = memory_ports(make_picture(*uploads, chapters=chapters))
    for upload in uploads:
        send_parts(ports.objects, upload)
    ports.clock.advance(1)
    slow = Minutes(ports, *(upload.key for upload in uploads))
    watched, calls = counted(replace(ports, objects=cast(MemoryObjectStore, slow)))

    assert reconcile(watched, 600).failed == 1
    assert len(slow.asked) == 1
    assert calls["picture"] == 2  # to settle the session, and to see which of its uploads are due

    ports.clock.advance(ports.policy.look_s)
    reconcile(ports, 600)
    assert all(each.receipt for each in recorded(ports).uploads)


def test_no_session_has_a_further_turn_once_the_time_of_all_turns_is_over():
    first, second = sessions(2)
    ports = arranged(first, second)
    slow = Minutes(ports)
    watched, calls = counted(replace(ports, objects=cast(MemoryObjectStore, slow)))

    done = reconcile(watched, 176)

    assert slow.asked == [each.uploads[0].key for each in (first, second, first)]
    assert calls["postpone"] == len(slow.asked)
    assert (done.settled, done.unfinished) == (0, 2)
