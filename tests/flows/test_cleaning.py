"""A processed session is cleaned: intent first, markers one by one, proof last; whatever is unknown is kept."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any, cast

import pytest
from msgspec.structs import replace

from chalicelib.core.cleanup import Cleanup, Doomed, Spent
from chalicelib.core.errors import Conflict, StorageBusy
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.order import wish
from chalicelib.core.picture import Picture
from chalicelib.core.settle import Actor, Clean
from chalicelib.core.settle.gates import evidence, lost_evidence
from chalicelib.core.upload import StoredObject
from chalicelib.flows import operations
from chalicelib.flows.actions.cleaning import clean
from chalicelib.flows.inspect_film import inspect_film
from chalicelib.flows.observe import observe_evidence
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from tests.support import story
from tests.support.builders import POLICY, SESSION_ID, MemoryPorts, memory_ports, recorded
from tests.support.counted import WRITES, counted
from tests.support.faults import Fault, When, faulty
from tests.support.interrupted import Crash, Interrupted, Moment, at_call
from tests.support.memory import MemoryObjectStore, MemoryRecords, MovableClock
from tests.support.story import LIGHTS, MADE, OPERATOR, VIDEO

NOTES = ArtifactId("intermediate.notes.txt")
KEY = story.key_of(VIDEO)
FIRST, SECOND = story.original_keys()


def ripe(required: tuple[ArtifactId, ...] = (VIDEO,), **policy: Any) -> MemoryPorts:
    """A world in which the grace of a processed session has just passed, and nobody has looked since."""
    ports = story.processed(required, replace(POLICY, **policy))
    ports.clock.advance(ports.policy.grace_s)
    return ports


def settled(ports: MemoryPorts) -> str:
    return settle_session(ports, SESSION_ID, Actor.RECONCILER).session.state.value


def at_each_marker(ports: MemoryPorts, act: Callable[[int], object]) -> MemoryPorts:
    """`ports` where `act` happens right after each delete marker; it is told how many there are by then."""

    class Watched:
        markers = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.objects, name)

        def remove(self, key: str, etag: str) -> None:
            ports.objects.remove(key, etag)
            self.markers += 1
            act(self.markers)

    return replace(ports, objects=cast(MemoryObjectStore, Watched()))


def is_gone(ports: MemoryPorts, key: str) -> bool:
    return ports.objects.head(key) is None


def test_originals_get_delete_markers_and_nothing_else_does():
    ports = ripe()
    before = story.bodies_of(ports, [FIRST, SECOND])

    assert settled(ports) == "CLEANED"

    assert story.originals_are_gone(ports)
    assert story.bodies_of(ports, [FIRST, SECOND]) == before
    assert [each.stored is None for each in ports.objects.versions(FIRST)] == [False, True]
    assert ports.objects.body(KEY) == MADE[VIDEO]
    assert recorded(ports).session.cleaned_at == ports.clock.now()


def test_what_is_cleaned_is_tagged_and_nothing_else_is_so_that_s3_purges_nothing_else():
    ports = ripe()
    ports.objects.mark_deleted("originals/main/hidden-by-accident/100GOPRO/GX010001.MP4")

    settled(ports)

    versions = {key: ports.objects.versions(key) for key in (FIRST, KEY)}
    assert ports.objects.is_tagged(versions[FIRST][0])
    assert not ports.objects.is_tagged(versions[KEY][0])


def test_a_version_is_tagged_before_it_is_hidden():
    ports = ripe()

    with pytest.raises(Crash):
        settle_session(at_the_first(ports, "remove"), SESSION_ID, Actor.RECONCILER)

    assert not is_gone(ports, FIRST)
    assert ports.objects.is_tagged(ports.objects.versions(FIRST)[0])


def test_what_cannot_be_tagged_is_not_hidden():
    ports = ripe()
    broken = faulty(ports.objects, Fault("tag_cleaned", StorageBusy("denied")))

    with pytest.raises(StorageBusy):
        settle_session(replace(ports, objects=broken), SESSION_ID, Actor.RECONCILER)

    assert not is_gone(ports, FIRST)


def at_the_first(ports: MemoryPorts, method: str) -> MemoryPorts:
    """`ports` whose user dies right before the first call of `method`."""
    return replace(ports, objects=faulty(ports.objects, Fault(method, Crash())))


def test_intermediates_are_cleaned_too_and_outputs_and_measurements_never():
    ports = memory_ports()
    story.arm(ports)
    story.haul(ports, wish([VIDEO, LIGHTS], {}))
    settle_session(ports, SESSION_ID, Actor.EVENT)
    story.upload_made(ports, NOTES, b"what was seen on the way")
    story.process(ports)
    story.let_pass(ports)
    kept = [KEY, story.key_of(LIGHTS), f"outputs/{SESSION_ID}/1/manifest.json"]
    before = {key: ports.objects.versions(key) for key in kept}

    story.let_grace_pass(ports)

    assert story.state_of(ports) == "CLEANED"
    assert is_gone(ports, story.key_of(NOTES))
    assert {key: ports.objects.versions(key) for key in kept} == before


def test_intermediates_of_an_earlier_order_are_cleaned_as_well():
    ports = memory_ports()
    story.arm(ports)
    story.haul(ports, wish([VIDEO], {}))
    settle_session(ports, SESSION_ID, Actor.EVENT)
    story.upload_made(ports, NOTES, b"what was seen on the way")
    operations.order(ports, OPERATOR, SESSION_ID, wish([VIDEO], {"again": True}))
    story.process(ports, {VIDEO: MADE[VIDEO]}, order=2)
    story.let_pass(ports)

    story.let_grace_pass(ports)

    assert is_gone(ports, story.key_of(NOTES, 1))


def test_the_intent_stands_on_record_before_the_first_marker():
    ports = ripe()
    found = []

    settled(at_each_marker(ports, lambda _: found.append(recorded(ports).session.cleanup)))

    assert len(found) == 2
    for cleanup in found:
        assert cleanup
        assert [each.key for each in cleanup.doomed] == [FIRST, SECOND]
        assert [receipt.artifact_id for receipt in cleanup.evidence] == [VIDEO]


def test_an_intent_that_cannot_be_recorded_removes_nothing():
    ports = ripe()
    broken = faulty(ports.records, *(Fault("write", StorageBusy("DynamoDB"), call=n) for n in range(1, 9)))

    with pytest.raises(StorageBusy):
        settled(replace(ports, records=broken))

    assert story.originals_stand(ports)


def test_a_session_is_cleaned_only_when_every_object_is_confirmed_to_be_gone():
    ports = ripe()

    class Deaf:
        """A bucket that answers well and removes nothing."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.objects, name)

        def remove(self, key: str, etag: str) -> None:
            if key == FIRST:
                ports.objects.remove(key, etag)

    assert settled(replace(ports, objects=cast(MemoryObjectStore, Deaf()))) == "PROCESSED"
    assert not is_gone(ports, SECOND)

    assert settled(ports) == "CLEANED"


def test_a_round_after_the_end_writes_nothing_and_looks_at_nothing():
    ports = story.cleaned()
    ports.clock.advance(1)
    watched, calls = counted(ports)

    reconcile(watched, 60)

    assert sum(calls[name] for name in WRITES) == 0
    assert calls["picture"] == calls["head"] == 0


@pytest.mark.parametrize("actor", [Actor.API, Actor.EVENT, Actor.MADE_EVENT])
def test_nobody_but_the_reconciler_cleans(actor: Actor):
    ports = ripe()

    settle_session(ports, SESSION_ID, actor)

    assert story.originals_stand(ports)
    assert recorded(ports).session.cleanup is None


@pytest.mark.parametrize(("seconds", "state"), [(-1, "PROCESSED"), (0, "CLEANED"), (1, "CLEANED")])
def test_nothing_is_cleaned_before_the_grace_is_over(seconds: int, state: str):
    ports = story.processed()
    ports.clock.advance(ports.policy.grace_s + seconds)

    assert settled(ports) == state


@pytest.mark.parametrize(("seconds", "is_cleaned"), [(-1, False), (0, True), (1, True)])
def test_the_grace_must_be_over_by_s3s_clock_as_well(seconds: int, is_cleaned: bool):
    """Ours runs ahead, by less than what is told apart."""
    ports = story.processed()
    ahead_s = ports.policy.clock_tolerance_s - 1
    # The output was written a second before the session was processed.
    ports.clock.advance(ports.policy.grace_s - 1 + seconds)
    ours = replace(ports, clock=MovableClock(ports.clock.now() + timedelta(seconds=ahead_s)))

    settled(ours)

    assert story.originals_are_gone(ports) is is_cleaned


@pytest.mark.parametrize("apart_s", [-30 * 86_400, -901, 901, 30 * 86_400])
def test_nothing_is_cleaned_while_the_clocks_are_apart(apart_s: int):
    ports = ripe()
    ports.clock.advance(60 * 86_400)
    ours = replace(ports, clock=MovableClock(ports.clock.now() + timedelta(seconds=apart_s)))

    settled(ours)

    assert story.originals_stand(ports)
    assert recorded(ports).session.cleanup is None


@pytest.mark.parametrize("apart_s", [-900, -899, 899, 900])
def test_clocks_that_differ_a_little_are_believed(apart_s: int):
    ports = ripe()
    ports.clock.advance(86_400)
    ours = replace(ports, clock=MovableClock(ports.clock.now() + timedelta(seconds=apart_s)))

    assert settled(ours) == "CLEANED"


@pytest.mark.parametrize("said", ["never", "disarmed"])
def test_nothing_is_cleaned_until_it_is_armed(said: str):
    ports = memory_ports()
    story.haul(ports, wish([VIDEO], {}))
    story.process(ports, {VIDEO: MADE[VIDEO]})
    story.let_pass(ports)
    if said == "disarmed":
        story.arm(ports)
        story.arm(ports, is_armed=False)

    story.let_pass(ports, 60 * 86_400, rounds=6)

    assert story.originals_stand(ports)
    assert recorded(ports).session.cleanup is None
    story.arm(ports)
    story.let_pass(ports, ports.policy.cleanup_patience_s)
    assert story.state_of(ports) == "CLEANED"


def test_a_cleanup_that_is_disarmed_in_the_middle_stops_at_once():
    ports = ripe()

    settled(at_each_marker(ports, lambda _: story.arm(ports, is_armed=False)))

    assert is_gone(ports, FIRST)
    assert not is_gone(ports, SECOND)
    story.let_pass(ports, 86_400, rounds=3)
    assert not is_gone(ports, SECOND)
    assert story.state_of(ports) == "PROCESSED"


def test_a_cleanup_that_was_stopped_goes_on_when_it_is_armed_again():
    ports = ripe()
    settled(at_each_marker(ports, lambda _: story.arm(ports, is_armed=False)))

    story.arm(ports)
    story.let_pass(ports)

    assert story.state_of(ports) == "CLEANED"
    assert len(ports.objects.versions(FIRST)) == 2


def test_a_kill_switch_that_cannot_be_read_stops_the_cleanup():
    ports = ripe()
    # The first look is the decision's for the intent, the second for the markers, the third right before the first.
    broken = faulty(ports.records, Fault("arming", StorageBusy("DynamoDB"), call=3))

    with pytest.raises(StorageBusy):
        settled(replace(ports, records=broken))

    assert story.originals_stand(ports)


def test_a_session_that_is_held_in_the_middle_stops_at_once():
    ports = ripe()

    settled(at_each_marker(ports, lambda _: operations.hold(ports, OPERATOR, SESSION_ID, "wait")))

    assert is_gone(ports, FIRST)
    assert not is_gone(ports, SECOND)
    story.let_pass(ports, 30 * 86_400, rounds=3)
    assert not is_gone(ports, SECOND)


def test_a_held_session_is_never_cleaned_and_has_a_new_grace_when_it_is_released():
    ports = story.processed()
    operations.hold(ports, OPERATOR, SESSION_ID, "the referee wants to look first")
    story.let_pass(ports, 30 * 86_400, rounds=3)
    assert story.originals_stand(ports)

    operations.hold(ports, OPERATOR, SESSION_ID, None)
    ports.clock.advance(ports.policy.grace_s - 1)
    assert settled(ports) == "PROCESSED"
    ports.clock.advance(1)

    assert settled(ports) == "CLEANED"


def test_a_failed_session_is_never_cleaned():
    ports = memory_ports()
    story.arm(ports)
    story.haul(ports, wish([VIDEO], {}))
    settle_session(ports, SESSION_ID, Actor.EVENT)
    story.write_output(ports, VIDEO, b"wrong")
    story.write_manifest(ports, {VIDEO: MADE[VIDEO]})

    story.let_pass(ports, 60 * 86_400, rounds=6)

    assert story.state_of(ports) == "FAILED"
    assert story.originals_stand(ports)


@pytest.mark.parametrize("wanted", [None, wish([VIDEO], {})])
def test_a_session_that_is_only_stored_is_never_cleaned(wanted):
    ports = memory_ports()
    story.arm(ports)
    story.haul(ports, wanted)

    story.let_pass(ports, 60 * 86_400, rounds=6)

    assert story.state_of(ports) == "STORED"
    assert story.originals_stand(ports)


def test_poison_fails_a_session_that_requires_it_and_keeps_its_originals():
    ports = memory_ports()
    story.arm(ports)
    story.haul(ports, wish([VIDEO, LIGHTS], {}))
    story.process(ports, {VIDEO: MADE[VIDEO], LIGHTS: b'{"frames": [{"frame_number": 1, '})

    story.let_pass(ports, 60 * 86_400, rounds=6)

    session = recorded(ports).session
    assert session.state.value == "FAILED"
    assert session.failure
    assert session.failure.startswith(f"{LIGHTS} is poison: ")
    assert story.originals_stand(ports)


def test_poison_that_nobody_required_keeps_the_originals_all_the_same():
    ports = memory_ports()
    story.arm(ports)
    story.haul(ports, wish([VIDEO], {}))
    story.process(ports, {VIDEO: MADE[VIDEO], LIGHTS: b"\x00poison"})

    story.let_pass(ports, 60 * 86_400, rounds=6)

    assert story.state_of(ports) == "PROCESSED"
    assert [index.artifact_id for index in recorded(ports).quarantined] == [LIGHTS]
    assert settled(ports) == "PROCESSED"
    assert story.originals_stand(ports)


@pytest.mark.parametrize(
    "promise",
    [
        {"is_versioned": False},
        {"keeps_days": {"originals/": 13, "intermediates/": 14}},
        {"keeps_days": {"originals/": 14, "intermediates/": 13}},
        {"keeps_days": {"originals/": None, "intermediates/": 14}},
        {"keeps_days": {"intermediates/": 14}},
        {"keeps_days": {}},
    ],
)
def test_nothing_is_cleaned_in_a_bucket_that_keeps_too_little(promise: dict[str, Any]):
    ports = ripe()
    good = ports.objects.promise
    ports.objects.promise = replace(good, **promise)

    story.let_pass(ports, 86_400, rounds=3)
    assert story.originals_stand(ports)

    ports.objects.promise = good
    story.let_pass(ports, ports.policy.cleanup_patience_s)
    assert story.state_of(ports) == "CLEANED"


@pytest.mark.parametrize(("days", "is_cleaned"), [(13, False), (14, True), (15, True)])
def test_the_bucket_must_keep_what_is_cleaned_as_long_as_promised(days: int, is_cleaned: bool):
    ports = ripe()
    ports.objects.promise = replace(
        ports.objects.promise, keeps_days={"originals/": days, "intermediates/": days}
    )

    settled(ports)

    assert story.originals_are_gone(ports) is is_cleaned


class TestTheBreaker:
    def test_it_stops_in_the_middle_and_the_cleanup_goes_on_the_next_day(self):
        ports = ripe(cleanup_limit=Spent(1, 10**6))
        ports.clock.move_to(ports.clock.now().replace(hour=23, minute=0, second=0))
        ports.clock.advance(86_400)
        settled(ports)
        assert [is_gone(ports, key) for key in (FIRST, SECOND)] == [True, False]

        story.let_pass(ports, 3_599)
        assert not is_gone(ports, SECOND)
        story.let_pass(ports, 1)

        assert story.state_of(ports) == "CLEANED"

    @pytest.mark.parametrize(
        ("limit", "gone"),
        [
            (Spent(0, 10**6), 0),
            (Spent(1, 10**6), 1),
            (Spent(2, 10**6), 2),
            (Spent(9, 59), 0),
            (Spent(9, 60), 1),
            (Spent(9, 116), 1),
            (Spent(9, 117), 2),
        ],
    )
    def test_it_counts_objects_and_bytes(self, limit: Spent, gone: int):
        ports = ripe(cleanup_limit=limit)

        settled(ports)

        assert sum(is_gone(ports, key) for key in (FIRST, SECOND)) == gone
        assert bool(recorded(ports).session.cleanup) is bool(gone)

    def test_it_is_told_before_each_marker(self):
        ports = ripe()
        spent = []

        settled(at_each_marker(ports, lambda _: spent.append(ports.records.spent(today(ports)))))

        assert spent == [Spent(1, 60), Spent(2, 117)]

    def test_what_others_cleaned_meanwhile_counts(self):
        """Another session's cleanup takes what is left between the decision and the marker."""
        ports = ripe(cleanup_limit=Spent(2, 10**6))
        others = Spent(99, 10**6)

        settled(at_each_marker(ports, lambda _: ports.records.spend(today(ports), 1, others)))

        assert is_gone(ports, FIRST)
        assert not is_gone(ports, SECOND)

    def test_a_crash_after_it_was_told_counts_too_much_and_never_too_little(self):
        ports = ripe()
        broken = faulty(ports.objects, Fault("remove", StorageBusy("S3")))
        with pytest.raises(StorageBusy):
            settled(replace(ports, objects=broken))

        settled(ports)

        assert ports.records.spent(today(ports)) == Spent(3, 60 + 60 + 57)
        assert story.originals_are_gone(ports)


def today(ports: MemoryPorts) -> date:
    return ports.clock.now().date()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ports: ports.objects.mark_deleted(KEY),
        lambda ports: ports.objects.put_object(KEY, b""),
        lambda ports: ports.objects.put_object(KEY, b"something else"),
        lambda ports: ports.objects.put_object(KEY, MADE[VIDEO]),
    ],
    ids=["vanished", "empty", "another", "the same bytes as another version"],
)
class TestAnOutputThatIsNoLongerWhatWasVerified:
    def test_it_keeps_the_originals(self, spoil: Callable[[MemoryPorts], None]):
        ports = ripe()
        spoil(ports)

        story.let_pass(ports, 30 * 86_400, rounds=3)

        assert story.originals_stand(ports)
        assert recorded(ports).session.cleanup is None

    def test_it_stops_the_cleanup_between_decision_and_marker(self, spoil: Callable[[MemoryPorts], None]):
        ports = ripe()

        settled(after_the_decision(ports, spoil))

        assert recorded(ports).session.cleanup
        assert story.originals_stand(ports)

    def test_it_stops_the_cleanup_between_two_markers(self, spoil: Callable[[MemoryPorts], None]):
        ports = ripe()

        settled(at_each_marker(ports, lambda _: spoil(ports)))

        assert is_gone(ports, FIRST)
        assert not is_gone(ports, SECOND)
        assert story.state_of(ports) == "PROCESSED"


def after_the_decision(ports: MemoryPorts, spoil: Callable[[MemoryPorts], None]) -> MemoryPorts:
    """`ports` where `spoil` happens when the first marker is decided, before the last look at what allows it."""

    class Spoilt:
        looks = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def picture(self, session_id: SessionId) -> Picture | None:
            found = ports.records.picture(session_id)
            # With the intent on record it is read for the decision first, and then right before each marker.
            self.looks += bool(found and found.session.cleanup)
            if self.looks == 2:
                spoil(ports)
            return found

    return replace(ports, records=cast(MemoryRecords, Spoilt()))


def test_the_cleanup_does_not_begin_while_a_strangers_object_is_in_the_place_of_an_original():
    ports = ripe()
    ports.objects.put_object(FIRST, b"a stranger's")

    story.let_pass(ports, 2 * 86_400, rounds=48)

    assert ports.objects.body(FIRST) == b"a stranger's"
    assert not is_gone(ports, SECOND)
    assert recorded(ports).session.cleanup is None


def test_nothing_is_cleaned_after_a_strangers_object_was_hidden_until_somebody_releases_the_session():
    ports = ripe()
    ports.objects.put_object(FIRST, b"a stranger's")

    story.let_pass(ports, 30 * 86_400, rounds=30 * 24)

    assert not is_gone(ports, FIRST)
    assert not is_gone(ports, SECOND)
    assert recorded(ports).session.cleanup is None
    assert recorded(ports).session.held


def test_a_strangers_object_that_comes_between_decision_and_marker_is_kept():
    ports = ripe()

    class Overtaken:
        """A stranger writes the key right before our marker."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.objects, name)

        def remove(self, key: str, etag: str) -> None:
            ports.objects.put_object(SECOND, b"a stranger's")
            ports.objects.remove(key, etag)

    settled(replace(ports, objects=cast(MemoryObjectStore, Overtaken())))
    story.let_pass(ports, 30 * 86_400, rounds=3)

    assert ports.objects.body(SECOND) == b"a stranger's"
    assert story.state_of(ports) == "PROCESSED"


def test_a_strangers_object_on_a_cleaned_key_is_kept_and_the_cleanup_does_not_end():
    ports = ripe()

    def written(markers: int) -> None:
        if markers == 1:
            ports.objects.put_object(FIRST, b"a stranger's")

    settled(at_each_marker(ports, written))
    story.let_pass(ports, 30 * 86_400, rounds=3)

    assert ports.objects.body(FIRST) == b"a stranger's"
    assert story.state_of(ports) == "PROCESSED"


def test_an_original_that_somebody_else_removed_keeps_the_other():
    ports = ripe()
    ports.objects.mark_deleted(FIRST)

    story.let_pass(ports, 30 * 86_400, rounds=3)

    assert not is_gone(ports, SECOND)
    assert story.state_of(ports) == "PROCESSED"


@pytest.mark.parametrize("when", list(When))
@pytest.mark.parametrize("call", [1, 2])
def test_a_marker_that_fails_or_whose_reply_is_lost_is_made_good(call: int, when: When):
    ports = ripe()
    broken = faulty(ports.objects, Fault("remove", StorageBusy("S3"), call=call, when=when))
    assert reconcile(replace(ports, objects=broken), 60).failed == 1

    story.let_pass(ports)

    assert story.state_of(ports) == "CLEANED"
    assert [len(ports.objects.versions(key)) for key in (FIRST, SECOND)] == [2, 2]


def test_a_cleanup_that_is_killed_at_any_call_is_finished_by_the_next_round():
    calls = 1
    while True:
        ports = ripe()
        try:
            settled(at_call(ports, calls).ports)
        except Crash:
            story.let_pass(ports, rounds=2)
            assert story.state_of(ports) == "CLEANED", calls
            assert [len(ports.objects.versions(key)) for key in (FIRST, SECOND)] == [2, 2]
            calls += 1
        else:
            break
    assert calls > 20


@pytest.mark.parametrize("moment", list(Moment))
def test_two_cleanups_at_once_write_one_marker_each_whoever_overtakes_whom(moment: Moment):
    call = 1
    while True:
        ports = ripe()
        rival = Interrupted(ports, call, moment, partial(settled, ports))
        settled(rival.ports)
        if not rival.happened:
            break
        story.let_pass(ports)
        assert story.state_of(ports) == "CLEANED", call
        assert [len(ports.objects.versions(key)) for key in (FIRST, SECOND)] == [2, 2], call
        call += 1
    assert call > 20


def test_a_session_that_only_waits_for_its_grace_is_not_looked_at():
    ports = story.processed()
    watched, calls = counted(ports)

    for _ in range(20):
        watched.clock.advance(300)
        reconcile(watched, 60)

    assert calls["picture"] == calls["head"] == 0


@pytest.mark.parametrize("why", ["disarmed", "output lost", "held back by the bucket"])
def test_a_session_whose_grace_is_over_is_looked_at_only_now_and_then(why: str):
    ports = ripe()
    if why == "disarmed":
        story.arm(ports, is_armed=False)
    elif why == "output lost":
        ports.objects.mark_deleted(KEY)
    else:
        ports.objects.promise = replace(ports.objects.promise, is_versioned=False)
    watched, calls = counted(ports)

    # Ten hours, every five minutes, as the schedule has it.
    for _ in range(120):
        reconcile(watched, 60)
        watched.clock.advance(300)

    # A deployment that is not armed costs one read: nothing of S3 is looked at.
    assert calls["bucket"] == (0 if why == "disarmed" else 10)
    assert calls["picture"] == 10
    assert sum(calls[name] for name in WRITES) == 0


def test_the_first_look_of_a_session_comes_right_when_its_grace_is_over():
    ports = story.processed()
    ports.clock.advance(ports.policy.grace_s - 1)
    assert reconcile(ports, 60).settled == 0
    ports.clock.advance(1)

    assert reconcile(ports, 60).settled == 1
    assert story.state_of(ports) == "CLEANED"


def test_whoever_cleans_says_what_and_how_much(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    ports = ripe()

    settled(ports)

    assert ports.metrics.counts["object.cleaned"] == 2
    assert ports.metrics.counts["bytes.cleaned"] == 117
    cleaned = [entry for entry in caplog.records if entry.message == "object cleaned"]
    assert [vars(entry)["key"] for entry in cleaned] == [FIRST, SECOND]


def test_an_object_is_never_cleaned_by_its_name_alone():
    """What comes back on the key as another version is not what was doomed."""
    ports = ripe()
    seen: list[StoredObject | None] = []

    def replaced(markers: int) -> None:
        if markers == 1:
            ports.objects.put_object(SECOND, story.original(2))
            seen.append(ports.objects.head(SECOND))

    settled(at_each_marker(ports, replaced))

    assert ports.objects.head(SECOND) == seen[0]


def test_a_device_that_orders_again_for_less_does_not_have_its_session_cleaned():
    ports = story.processed((VIDEO,), replace(POLICY, required_outputs=(VIDEO,)))
    operations.order(ports, story.NORTH, SESSION_ID, wish([LIGHTS], {}))
    story.process(ports, {LIGHTS: MADE[LIGHTS]}, order=2)

    story.let_pass(ports)
    story.let_grace_pass(ports)

    assert recorded(ports).awaited == (VIDEO,)
    assert story.originals_stand(ports)


def test_a_session_that_was_ordered_before_the_minimum_grew_is_kept():
    ports = ripe((VIDEO,))
    stricter = replace(ports, policy=replace(ports.policy, required_outputs=(VIDEO, LIGHTS)))

    assert settled(stricter) == "PROCESSED"
    assert story.originals_stand(ports)


def test_what_an_operator_left_out_with_a_reason_keeps_nothing():
    ports = ripe((VIDEO,))
    stricter = replace(ports, policy=replace(ports.policy, required_outputs=(VIDEO, LIGHTS)))
    below = wish([VIDEO], {"n": 1}, "a rehearsal: nobody measures it")
    operations.order(stricter, OPERATOR, SESSION_ID, below)
    story.process(ports, {VIDEO: MADE[VIDEO]}, order=2)

    story.let_pass(stricter)
    story.let_grace_pass(stricter)

    assert story.state_of(ports) == "CLEANED"


class TestARefusal:
    """S3 refuses to remove an object: a policy, a lock, a right that was taken away."""

    def refusing(self, **policy: Any) -> MemoryPorts:
        ports = ripe(**policy)
        ports.objects.refuses_removals = True
        settled(ports)
        return ports

    def test_it_is_counted_once_a_day_however_often_it_is_tried(self):
        ports = self.refusing()

        story.let_pass(ports, 4 * 3_600, rounds=16)

        assert ports.records.spent(today(ports)) == Spent(1, 60)
        assert story.originals_stand(ports)

    def test_it_is_counted_anew_on_another_day(self):
        ports = self.refusing()
        ports.clock.advance(86_400)

        story.let_pass(ports, 4 * 3_600, rounds=16)

        assert ports.records.spent(today(ports)) == Spent(1, 60)

    def test_what_is_removed_at_last_was_counted_before(self):
        ports = self.refusing()
        ports.objects.refuses_removals = False

        story.let_pass(ports, ports.policy.cleanup_patience_s)

        assert story.state_of(ports) == "CLEANED"
        assert ports.records.spent(today(ports)) == Spent(2, 117)

    def test_it_is_tried_again_after_a_while_and_not_before(self):
        ports = self.refusing()
        watched, calls = counted(ports)

        story.let_pass(watched, ports.policy.cleanup_patience_s - 1, rounds=4)
        assert calls["remove"] == 0
        story.let_pass(watched, 1)

        assert calls["remove"] == 1

    def test_the_other_objects_of_the_session_wait_with_it(self):
        plain = ripe()
        plain.objects.refuses_removals = True
        ports, calls = counted(plain)

        settled(ports)

        assert calls["remove"] == 1

    def test_somebody_is_told(self, caplog: pytest.LogCaptureFixture):
        ports = self.refusing()

        cleanup = recorded(ports).session.cleanup

        assert ports.metrics.counts["cleanup.refused"] == 1
        assert cleanup
        assert cleanup.refusal
        assert cleanup.refusal.reason == f"S3 refuses to remove {FIRST}: AccessDenied"
        assert "cleanup refused" in [entry.message for entry in caplog.records]

    def test_a_crash_before_it_is_on_record_counts_too_much_and_never_too_little(self):
        ports = ripe()
        ports.objects.refuses_removals = True
        dying = faulty(ports.records, Fault("write", StorageBusy("table"), call=3))
        with pytest.raises(StorageBusy):
            settled(replace(ports, records=dying))

        settled(ports)

        assert ports.records.spent(today(ports)) == Spent(2, 120)

    def test_it_comes_back_before_s3_would_purge_what_is_gone(self):
        ports = ripe()
        refuse = at_each_marker(ports, lambda _: setattr(ports.objects, "refuses_removals", True))
        settled(refuse)
        assert is_gone(ports, FIRST)

        story.let_pass(ports, ports.policy.last_look_s, rounds=4)

        assert recorded(ports).session.held


@pytest.mark.parametrize("named", ["nothing", "another"])
def test_no_marker_is_written_for_what_the_intent_on_record_does_not_name(named: str):
    ports = ripe()
    first, second = (doomed_at(ports, key) for key in (FIRST, SECOND))
    picture = recorded(ports)
    if named == "another":
        intent = Cleanup(ports.clock.now(), (second,), ())
        picture = replace(picture, session=picture.session.intending(intent))

    with pytest.raises(Conflict, match="no intent on record names this object"):
        clean(ports, picture, Clean(first))

    assert story.originals_stand(ports)


def doomed_at(ports: MemoryPorts, key: str) -> Doomed:
    stored = ports.objects.head(key)
    receipt = recorded(ports).receipts_at(key)[-1]
    assert stored
    return Doomed(
        receipt.artifact_id, key, receipt.version_id, stored.etag, receipt.size_bytes, receipt.crc64nvme
    )


def test_of_a_film_whose_version_is_gone_it_is_recorded_that_nobody_knows_how_long_it_lasts():
    ports = ripe()
    receipt = recorded(ports).receipts_at(FIRST)[-1]
    ports.objects.mark_deleted(FIRST)
    ports.objects.lose(FIRST)

    film = inspect_film(ports, recorded(ports), receipt)

    assert (film.artifact_id, film.version_id, film.duration_ms) == (
        receipt.artifact_id,
        receipt.version_id,
        None,
    )
    assert film.fault


def test_the_evidence_of_a_cleanup_is_lost_when_its_output_is_another_or_gone():
    ports = ripe()
    intent = Cleanup(ports.clock.now(), (doomed_at(ports, FIRST),), evidence(recorded(ports)))
    picture = replace(recorded(ports), session=recorded(ports).session.intending(intent))

    def lost() -> tuple[str, ...]:
        return lost_evidence(picture, observe_evidence(ports.objects, picture))

    assert lost() == ()
    ports.objects.put_object(KEY, b"another")
    assert lost() == (VIDEO,)
    ports.objects.mark_deleted(KEY)
    assert lost() == (VIDEO,)


def test_without_a_cleanup_there_is_no_evidence_to_look_at():
    ports = ripe()

    found = observe_evidence(ports.objects, recorded(ports))

    assert (found.stored, lost_evidence(recorded(ports), found)) == ({}, ())
