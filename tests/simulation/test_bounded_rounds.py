"""No round of the reconciler runs past its limit, and heavy work comes to its end in a known number of them.

The clock stands still but for what calls cost: 1.3 s a copied part, which stands for 128 MiB, and 20 ms any other.
"""

import math
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

import pytest
from msgspec.structs import replace

from chalicelib.core import keys
from chalicelib.core.ids import ArtifactId, SessionId, UploadId
from chalicelib.core.order import wish
from chalicelib.core.session import SessionState
from chalicelib.core.upload import UploadState
from chalicelib.flows import operations
from chalicelib.flows.reconcile import SWEEP_SHARE, TURN_S, Round, reconcile
from chalicelib.ports import Due
from tests.support import story
from tests.support.builders import (
    MemoryPorts,
    make_chapter,
    make_claimed,
    make_session,
    make_session_id,
    make_upload,
    memory_ports,
    recorded,
    send_parts,
)
from tests.support.builders import make_picture as picture_of
from tests.support.costs import CALL_S, COPY_S, Copied, costly
from tests.support.memory import MemoryRecords

LIMIT_S = 240
EVERY_S = 300
TURNS_S = LIMIT_S * (1 - SWEEP_SHARE)
END_S = 20 * CALL_S
"""What comes after the last turn: the table's calls that end it, and a sweep that finds nothing."""
PART = 80
"""Bytes that stand for 128 MiB: what S3 copies at a time where devices send parts of ten."""


def let_rounds_pass(
    ports: MemoryPorts, most: int, is_over: Callable[[], bool], limit_s: float = LIMIT_S
) -> tuple[list[Round], Counter[Copied]]:
    """The rounds until it is over, `most` at most, none of them longer than its limit and one copy."""
    paying, copies = costly(ports)
    rounds: list[Round] = []
    while not is_over():
        assert len(rounds) < most, f"not over after {most} rounds"
        began_at = ports.clock.now()
        rounds.append(reconcile(paying, LIMIT_S))
        took_s = (ports.clock.now() - began_at).total_seconds()
        assert took_s <= limit_s + COPY_S
        ports.clock.advance(EVERY_S - took_s)
    return rounds, copies


def demand_copied_once(copies: Counter[Copied], parts: int, turns: int) -> None:
    """Every part was copied, and at most one for each time that somebody had to stop was copied again."""
    assert len(copies) == parts
    assert copies.total() <= parts + turns


def test_four_outputs_of_8_gib_without_crc64nvme_are_proven_within_three_rounds():
    made = {ArtifactId(f"output.cut-{number}.mp4"): bytes([number]) * (64 * PART) for number in range(4)}
    ports = memory_ports()
    story.haul(ports, wish(made, {}))
    story.let_pass(ports)
    for artifact_id, body in made.items():
        ports.objects.put_without_crc64nvme(story.key_of(artifact_id), body)
    story.write_manifest(ports, made)

    rounds, copies = let_rounds_pass(ports, 3, lambda: story.state_of(ports) == "PROCESSED", TURNS_S + END_S)

    assert len(rounds) >= 4 * 64 * COPY_S / LIMIT_S
    demand_copied_once(copies, 4 * 64, len(rounds))
    assert not list(ports.objects.multiparts(""))
    assert [each.unfinished for each in rounds] == [1] * (len(rounds) - 1) + [0]


def cleaned_session(chapters: int, chapter_bytes: int, name: str = "large") -> MemoryPorts:
    """A session that is CLEANED: every original under a delete marker, its version as it was verified."""
    listed = [make_chapter(number, size_bytes=chapter_bytes) for number in range(1, chapters + 1)]
    ports = memory_ports()
    session_id = make_session_id(name)
    uploads = []
    for number, chapter in enumerate(listed, start=1):
        body = bytes([number]) * chapter_bytes
        ports.objects.put_object(chapter.key(session_id), body)
        stored = ports.objects.head(chapter.key(session_id))
        assert stored
        assert stored.crc64nvme
        upload_id, now = UploadId(f"u_{number}"), ports.clock.now()
        upload = make_upload(chapter, session_id=session_id, upload_id=upload_id, multipart_id=f"m-{number}")
        upload = upload.promised(stored.crc64nvme, now).verified(replace(stored, upload_id=upload_id), now)
        uploads.append(upload)
        ports.objects.mark_deleted(upload.key)
    picture = replace(picture_of(*uploads, chapters=listed), session=make_session(session_id=session_id))
    versions = tuple(each.receipt.version_id for each in uploads if each.receipt)
    session = replace(
        picture.session,
        state=SessionState.CLEANED,
        processed_at=ports.clock.now(),
        cleaned=versions,
        is_guarded=True,
    )
    ports.records.arrange(replace(picture, session=session))
    return ports


def is_restored(ports: MemoryPorts, session_id: SessionId) -> bool:
    picture = recorded(ports, session_id)
    return not picture.session.restoring and all(
        upload.state is UploadState.VERIFIED for upload in picture.uploads
    )


def test_a_restore_of_99_chapters_of_4_gib_ends_within_22_rounds_and_takes_none_down():
    ports, name = cleaned_session(99, 32 * PART), make_session_id("large")
    operations.restore(ports, story.OPERATOR, name, None, "cut again")
    ports.clock.advance(ports.policy.in_flight_s)

    rounds, copies = let_rounds_pass(ports, 22, lambda: is_restored(ports, name), TURNS_S + END_S)

    assert len(rounds) >= 99 * 32 * COPY_S / LIMIT_S
    demand_copied_once(copies, 99 * 32, len(rounds) * math.ceil(TURNS_S / TURN_S))
    assert not [each for each in rounds if each.failed]


def test_a_session_with_hours_of_work_takes_one_turn_before_any_other_has_its_own():
    ports, name = cleaned_session(99, 32 * PART), make_session_id("large")
    operations.restore(ports, story.OPERATOR, name, None, "cut again")
    waiting = []
    for number in range(60):
        session_id = make_session_id(f"small-{number:02d}")
        upload = make_claimed(
            session_id=session_id, upload_id=UploadId(f"u_s{number}"), multipart_id=f"s{number}"
        )
        ports.objects.register(upload.key, upload.upload_id, upload.multipart_id)
        send_parts(ports.objects, upload)
        picture = replace(picture_of(upload), session=make_session(session_id=session_id))
        ports.records.arrange(picture, due_at=ports.clock.now())
        waiting.append(session_id)
    ports.clock.advance(1)
    paying, copies = costly(ports)

    done = reconcile(paying, LIMIT_S)

    assert done == Round(
        settled=len(waiting), failed=0, aborted_orphans=0, finished=True, unfinished=1, swept=True
    )
    assert all(recorded(ports, session_id).uploads[0].receipt for session_id in waiting)
    # What the others left of the round went to the one that has more to do.
    assert copies.total() * COPY_S > TURN_S


def test_a_session_that_another_round_takes_after_its_turn_has_no_further_one_in_this():
    ports, name = cleaned_session(99, 32 * PART), make_session_id("large")
    operations.restore(ports, story.OPERATOR, name, None, "cut again")
    ports.clock.advance(ports.policy.in_flight_s)
    paying, copies = costly(ports)

    class TakenByAnother:
        postponed = 0

        def __getattr__(self, method: str) -> Any:
            return getattr(paying.records, method)

        def postpone(self, due: Due, until: datetime) -> bool:
            self.postponed += 1
            return self.postponed == 1 and paying.records.postpone(due, until)

    done = reconcile(replace(paying, records=cast(MemoryRecords, TakenByAnother())), LIMIT_S)

    assert (done.settled, done.unfinished, done.finished) == (0, 1, True)
    assert copies.total() * COPY_S <= TURN_S + COPY_S


def strew_orphans(ports: MemoryPorts, count: int, prefix: str = keys.ORIGINALS) -> None:
    for number in range(count):
        ports.objects.register(
            f"{prefix}{make_session_id(f's-{number:05d}')}/x",
            UploadId(f"u_o{number}"),
            f"orphan-{prefix}{number}",
        )


@pytest.mark.parametrize("count", [30_000])
def test_a_sweep_of_30000_orphans_goes_on_where_it_stopped_and_ends_within_six_rounds(count: int):
    ports = memory_ports()
    strew_orphans(ports, count)
    ports.clock.advance(ports.policy.orphan_age_s)

    rounds, _ = let_rounds_pass(ports, 6, lambda: not list(ports.objects.multiparts("")))

    assert sum(each.aborted_orphans for each in rounds) == count
    assert [each.swept for each in rounds] == [False] * (len(rounds) - 1) + [True]
    assert len(rounds) >= count * 2 * CALL_S / LIMIT_S


def test_a_sweep_passes_over_what_is_no_orphan_and_reaches_the_last_kind():
    ports = memory_ports()
    strew_orphans(ports, 15_000)
    uploads = [
        make_upload(
            session_id=make_session_id(f"s-{n:05d}"),
            upload_id=UploadId(f"u_o{n}"),
            multipart_id=f"orphan-{keys.ORIGINALS}{n}",
        )
        for n in range(15_000)
    ]
    for upload in uploads:
        picture = replace(picture_of(upload), session=make_session(session_id=upload.session_id))
        ports.records.arrange(picture)
    strew_orphans(ports, 1, keys.MEASUREMENTS)
    ports.clock.advance(ports.policy.upload_ttl_s)

    rounds, _ = let_rounds_pass(ports, 3, lambda: not list(ports.objects.multiparts(keys.MEASUREMENTS)))

    assert len(list(ports.objects.multiparts(keys.ORIGINALS))) == len(uploads)
    assert not rounds[0].swept
    assert ports.records.swept_until() == ""


def test_sessions_leave_the_sweep_its_share_of_every_round():
    ports, name = cleaned_session(99, 32 * PART), make_session_id("large")
    operations.restore(ports, story.OPERATOR, name, None, "cut again")
    strew_orphans(ports, 10)
    ports.clock.advance(ports.policy.orphan_age_s)
    paying, _ = costly(ports)

    done = reconcile(paying, LIMIT_S)

    assert (done.unfinished, done.aborted_orphans, done.swept) == (1, 10, True)
