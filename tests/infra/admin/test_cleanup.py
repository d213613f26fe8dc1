"""`cleanup`: the plan, the arming, the kill switch."""

from typing import Any, cast

import pytest
from msgspec.structs import replace

from chalicelib.core.cleanup import Arming, Spent
from chalicelib.core.errors import StorageBusy
from chalicelib.core.settle import Actor
from chalicelib.flows.settle import settle_session
from tests.infra.admin.desks import Terminal, cleaned, held, processed, ripe, stored
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, make_picture, make_session_id, recorded
from tests.support.faults import Fault, faulty
from tests.support.films import make_film
from tests.support.interrupted import Interrupted, Moment

ARM = ("cleanup", "--arm", "--reason", "outputs reviewed")
DISARM = ("cleanup", "--disarm", "--reason", "outputs look wrong")
PLAN = ("cleanup", "--plan")


def of_session(document: dict[str, Any]) -> dict[str, Any]:
    [session] = document["sessions"]
    found: dict[str, Any] = session
    return found


def test_the_plan_of_a_ripe_session_names_every_object_and_its_bytes():
    document, code = Terminal(ripe()).told(*PLAN)

    session = of_session(document)
    assert code == 0
    assert [each["key"] for each in session["objects"]] == story.original_keys()
    assert [each["size_bytes"] for each in session["objects"]] == [60, 57]
    assert session["closed"].keys() == {"armed"}
    assert document["total"] == {"sessions": 1, "objects": 2, "size_bytes": 117}


def test_what_the_arming_says_does_not_hide_the_other_gates():
    ports = held(processed())
    ports.objects.promise = replace(ports.objects.promise, is_versioned=False)
    ports.objects.mark_deleted(story.key_of(story.VIDEO))

    document, _ = Terminal(ports).told(*PLAN)

    closed = of_session(document)["closed"]
    assert closed.keys() == {
        "armed",
        "not-held",
        "grace-over",
        "grace-over-in-s3",
        "outputs-stand",
        "bucket-keeps",
        "outputs-plausible",
    }
    assert closed["not-held"] == "held: the referee wants to see it"
    assert closed["outputs-stand"] == "no longer what was verified: output.enhanced.mp4"
    assert document["total"]["objects"] == 0


def test_an_armed_stage_says_so_and_since_when_and_why():
    ports = ripe()
    story.arm(ports)

    document, _ = Terminal(ports).told(*PLAN)

    assert document["arming"] == {
        "is_armed": True,
        "changed_at": "2026-11-24T12:00:02Z",
        "reason": "a test says so",
    }
    assert of_session(document)["closed"] == {}
    assert of_session(document)["would_go"] is True


def test_the_plan_tells_what_was_cleaned_today_and_what_may_be():
    ports = cleaned()

    document, _ = Terminal(ports).told(*PLAN)

    assert document["today"] == {"objects": 2, "size_bytes": 117}
    assert document["limit"] == {"objects": 500, "size_bytes": 4 * 2**40}


def test_the_plan_is_about_processed_sessions_unless_others_are_named():
    ports = stored()

    whole, _ = Terminal(ports).told(*PLAN)
    named, _ = Terminal(ports).told(*PLAN, SESSION_ID)

    assert whole["sessions"] == []
    assert of_session(named)["state"] == "STORED"
    assert of_session(named)["closed"]["processed"] == "the session is STORED"


def test_a_session_that_is_named_and_unknown_fails_and_hides_no_other():
    document, code = Terminal(ripe()).told(*PLAN, "match-99", SESSION_ID)

    unknown, known = document["sessions"]
    assert code == 1
    assert "there is no session" in unknown["fault"]
    assert known["would_go"] is True
    assert document["failed"] == 1


def test_a_begun_cleanup_is_planned_as_its_intent_says():
    ports = ripe()
    story.arm(ports)
    limited = replace(ports, policy=replace(ports.policy, cleanup_limit=Spent(1, 10**6)))
    settle_session(limited, SESSION_ID, Actor.RECONCILER)

    document, _ = Terminal(ports).told(*PLAN)

    assert [each["key"] for each in of_session(document)["objects"]] == story.original_keys()[1:]


def test_the_plan_for_people_is_short_and_aligned():
    terminal = Terminal(held(ripe()))

    assert terminal.run(*PLAN) == 0

    assert terminal.said == [
        "cleanup was never armed here: everything is kept",
        "today, 0 objects of 500 and 0 B of 4.0 TiB were cleaned",
        "every order requires nothing: REQUIRED_OUTPUTS is empty",
        "",
        "main/match-17-north: PROCESSED, 2 objects, 117 B kept",
        "  requires           output.enhanced.mp4",
        "  known              read-once",
        "  not-held           held: the referee wants to see it",
        "  armed              cleanup was never armed here: everything is kept",
        "  outputs-plausible  the length of 3 films is not read yet, such as original.100GOPRO.GX010038.MP4",
        "",
        "total: 0 objects, 0 B of 0 sessions to be cleaned; 1 kept, 0 not looked at",
    ]


def test_the_plan_shows_what_each_session_requires_and_what_all_must():
    ports = ripe()
    later = replace(ports, policy=replace(ports.policy, required_outputs=(story.VIDEO, story.LIGHTS)))

    document, _ = Terminal(later).told(*PLAN)

    assert document["required_outputs"] == [story.VIDEO, story.LIGHTS]
    assert of_session(document)["required"] == [story.VIDEO]
    assert of_session(document)["closed"].keys() == {"armed", "minimum-required", "outputs-plausible"}
    assert document["total"]["sessions"] == 0


def test_the_plan_reads_the_films_that_the_reconciler_would_read_and_records_nothing():
    ports = stored()
    story.process(ports, {story.VIDEO: make_film(100)})
    story.let_pass(ports)
    ports.clock.advance(ports.policy.grace_s)
    terminal = Terminal(ports)

    document, _ = terminal.told(*PLAN)

    closed = of_session(document)["closed"]
    assert closed.keys() == {"armed", "outputs-plausible"}
    assert "lasts 0.1 s of the 1.3 s" in closed["outputs-plausible"]
    assert (terminal.writes, recorded(ports).session.films) == ([], ())


def test_the_plan_shows_what_an_operator_left_out_and_why():
    ports = stored(wanted=None)
    minimum = replace(ports, policy=replace(ports.policy, required_outputs=(story.VIDEO, story.LIGHTS)))
    terminal = Terminal(minimum)
    terminal.run("order", SESSION_ID, "--require", story.VIDEO, "--below-minimum-reason", "no lights here")
    terminal.said.clear()

    document, _ = terminal.told(*PLAN, SESSION_ID)
    terminal.run(*PLAN, SESSION_ID)

    found = of_session(document)
    assert (found["left_out"], found["below_minimum_reason"]) == ([story.LIGHTS], "no lights here")
    assert "minimum-required" not in found["closed"]
    assert any(
        line.split() == ["left", "out", f"{story.LIGHTS}:", "no", "lights", "here"] for line in terminal.said
    )


@pytest.mark.parametrize("made", [stored, processed, ripe, cleaned])
def test_a_plan_never_writes(made):
    terminal = Terminal(made())

    terminal.run(*PLAN)
    terminal.run(*PLAN, SESSION_ID)

    assert terminal.writes == []


def test_a_long_plan_shows_how_far_it_is():
    ports = processed()
    for number in range(100):
        ports.records.arrange(make_picture(session_id=make_session_id(f"other-{number}")))
    terminal = Terminal(ports)

    terminal.run(*PLAN)

    assert terminal.progress == ["100 of 101 sessions"]


def test_arming_shows_the_totals_and_asks_before_anything_would_go():
    terminal = Terminal(ripe(), answer="yes\n")

    document, code = terminal.told(*ARM)

    assert code == 0
    assert any("2 objects, 117 B of 1 session to be cleaned" in line for line in terminal.noted)
    assert terminal.asked == ["type yes to let the reconciler of prod clean this: "]
    assert document == {
        "stage": "prod",
        "arming": {"is_armed": True, "changed_at": "2026-11-24T12:00:02Z", "reason": "outputs reviewed"},
        "total": {"sessions": 1, "objects": 2, "size_bytes": 117},
    }
    assert terminal.ports.records.arming() == Arming(True, terminal.ports.clock.now(), "outputs reviewed")


@pytest.mark.parametrize("answer", ["", "y\n", "no\n", "YES\n", None])
def test_nothing_is_armed_without_a_typed_yes(answer: str | None):
    terminal = Terminal(ripe(), answer=answer)

    assert terminal.run(*ARM) == 1

    assert terminal.writes == []
    assert terminal.ports.records.arming() is None


def test_nobody_is_asked_who_said_yes_already():
    terminal = Terminal(ripe())

    assert terminal.run(*ARM, "--yes") == 0

    assert terminal.asked == []
    assert terminal.writes == ["replace_arming"]


def test_nobody_is_asked_when_nothing_would_go():
    terminal = Terminal(processed())

    assert terminal.run(*ARM) == 0

    assert terminal.asked == []
    assert terminal.writes == ["replace_arming"]


def test_arming_asks_when_a_session_could_not_be_looked_at():
    ports = processed()
    troubled = replace(ports, records=faulty(ports.records, Fault("picture", StorageBusy("try later"))))
    terminal = Terminal(troubled, answer="no\n")

    assert terminal.run(*ARM) == 1
    assert len(terminal.asked) == 1


def test_arming_again_changes_neither_time_nor_reason():
    terminal = Terminal(ripe())
    terminal.run(*ARM, "--yes")
    terminal.ports.clock.advance(60)

    document, code = terminal.told("cleanup", "--arm", "--reason", "once more")

    assert code == 0
    assert document["arming"]["reason"] == "outputs reviewed"
    assert terminal.writes == ["replace_arming"]


def test_a_kill_switch_thrown_while_somebody_is_asked_is_not_undone():
    ports = ripe()
    terminal = Terminal(ports, answer="yes\n", asking=lambda: story.arm(ports, is_armed=False))

    assert terminal.run(*ARM) == 1

    arming = ports.records.arming()
    assert arming
    assert not arming.is_armed


class DisarmedMeanwhile:
    """The table, where somebody throws the kill switch right before the next word is written."""

    def __init__(self, ports: MemoryPorts) -> None:
        self._ports = ports

    def replace_arming(self, before: Arming | None, after: Arming) -> bool:
        story.arm(self._ports, is_armed=False)
        return self._ports.records.replace_arming(before, after)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ports.records, name)


class AskedAgain(DisarmedMeanwhile):
    """The table, asked twice because the first reply was lost."""

    def replace_arming(self, before: Arming | None, after: Arming) -> bool:
        self._ports.records.replace_arming(before, after)
        return self._ports.records.replace_arming(before, after)


def test_a_kill_switch_thrown_right_before_the_word_is_written_is_not_undone(capsys: Any):
    ports = ripe()
    terminal = Terminal(replace(ports, records=cast(Any, DisarmedMeanwhile(ports))))

    assert terminal.run(*ARM, "--yes") == 1

    arming = ports.records.arming()
    assert arming == Arming(False, ports.clock.now(), "a test says so")
    assert "somebody else armed or disarmed it meanwhile" in capsys.readouterr().err


def test_a_word_whose_reply_was_lost_is_as_good_as_said():
    ports = ripe()
    terminal = Terminal(replace(ports, records=cast(Any, AskedAgain(ports))))

    assert terminal.run(*ARM, "--yes") == 0

    assert ports.records.arming() == Arming(True, ports.clock.now(), "outputs reviewed")


def test_disarming_asks_nobody_and_reads_nothing():
    ports = ripe()
    blind = replace(ports, records=faulty(ports.records, Fault("arming", StorageBusy("try later"))))
    terminal = Terminal(blind)

    document, code = terminal.told(*DISARM)

    assert (code, terminal.asked) == (0, [])
    assert document["arming"]["is_armed"] is False
    assert ports.records.arming() == Arming(False, ports.clock.now(), "outputs look wrong")


def test_disarming_twice_is_as_good_as_once():
    terminal = Terminal(ripe())

    assert [terminal.run(*DISARM), terminal.run(*DISARM)] == [0, 0]
    assert terminal.said == ["cleanup is disarmed since 2026-11-24 12:00 UTC: outputs look wrong"] * 2


def gone(ports: MemoryPorts) -> int:
    return sum(ports.objects.head(key) is None for key in story.original_keys())


@pytest.mark.parametrize("moment", list(Moment))
def test_at_most_one_marker_follows_the_kill_switch_whenever_it_is_thrown(moment: Moment):
    stopped_in_between = 0
    for call in range(1, 60):
        ports = ripe()
        story.arm(ports)
        seen: list[int] = []

        def disarm(ports: MemoryPorts = ports, seen: list[int] = seen) -> None:
            Terminal(ports).run(*DISARM)
            seen.append(gone(ports))

        interrupted = Interrupted(ports, call, moment, disarm)
        settle_session(interrupted.ports, SESSION_ID, Actor.RECONCILER)
        if not interrupted.happened:
            break
        assert gone(ports) <= seen[0] + 1
        stopped_in_between += gone(ports) < 2
    assert call > 20
    assert stopped_in_between > 10


@pytest.mark.parametrize(
    "arguments",
    [
        ("cleanup",),
        ("cleanup", "--plan", "--arm", "--reason", "both"),
        ("cleanup", "--arm"),
        ("cleanup", "--disarm"),
        ("cleanup", "--arm", "--reason", ""),
        ("cleanup", "--arm", "--reason", "x" * 501),
        ("cleanup", "--arm", "--reason", "one", SESSION_ID),
        ("cleanup", "--plan", "--yes"),
        ("cleanup", "--plan", "--reason", "none is needed"),
        ("cleanup", "--plan", "no/such/session"),
    ],
)
def test_a_cleanup_that_makes_no_sense_is_a_usage_error(arguments: tuple[str, ...]):
    terminal = Terminal(ripe())

    with pytest.raises(SystemExit) as ended:
        terminal.run(*arguments)

    assert (ended.value.code, terminal.said, terminal.writes) == (2, [], [])


def test_a_reason_may_be_as_long_as_the_api_takes_it():
    assert Terminal(processed()).run("cleanup", "--arm", "--reason", "x" * 500) == 0
