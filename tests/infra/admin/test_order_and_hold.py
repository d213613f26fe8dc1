"""`order` and `hold`."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from chalicelib.core.evidence import WholeRead, Xxh128
from chalicelib.core.order import wish
from chalicelib.core.scan import CLEAN, INFECTED, TAG
from chalicelib.flows import evidence
from tests.infra.admin.desks import Terminal, cleaned, held, processed, stored
from tests.support import story
from tests.support.builders import POLICY, SESSION_ID, make_picture, make_session_id, memory_ports, recorded
from tests.support.memory import crc64nvme_of

ORDER = ("order", SESSION_ID)
HOLD = ("hold", SESSION_ID, "--reason", "the referee wants to see it")
RELEASE = ("hold", SESSION_ID, "--release")


def test_a_session_is_ordered_as_the_deployment_requires():
    terminal = Terminal(stored(wanted=None), default_wish=wish([story.VIDEO], {}))

    document, code = terminal.told(*ORDER)

    assert code == 0
    assert document["order"] == {
        "number": 1,
        "required": [story.VIDEO],
        "left_out": [],
        "below_minimum_reason": None,
        "accepted": None,
        "parameters": {},
        "sent_at": "2026-11-21T12:00:01Z",
    }
    assert [sent["required"] for sent in terminal.ports.orders.sent] == [[story.VIDEO]]


def test_what_is_said_of_one_projects_session_is_not_said_of_the_others():
    theirs = make_session_id(project="club")
    ports = memory_ports(make_picture(), make_picture(session_id=theirs))

    document, code = Terminal(ports).told("hold", "club/match-17-north", "--reason", "look first")

    assert (code, document["project"], document["session_id"]) == (0, "club", "match-17-north")
    assert recorded(ports, theirs).session.held == "look first"
    assert recorded(ports).session.held is None


def test_required_outputs_and_parameters_can_be_named():
    terminal = Terminal(stored(wanted=None), default_wish=wish([story.VIDEO], {}))

    document, _ = terminal.told(
        *ORDER, "--require", "output.a.mp4", "output.b.mp4", "--parameters", '{"n": 3}'
    )

    assert document["order"]["required"] == ["output.a.mp4", "output.b.mp4"]
    assert document["order"]["parameters"] == {"n": 3}


def below_minimum() -> Terminal:
    """A deployment that requires the video of every order."""
    ports = stored(wanted=None)
    policy = replace(ports.policy, required_outputs=(story.VIDEO,))
    return Terminal(replace(ports, policy=policy))


def test_an_order_below_the_minimum_needs_a_reason(capsys: pytest.CaptureFixture[str]):
    terminal = below_minimum()

    assert terminal.run(*ORDER, "--require", story.LIGHTS) == 1

    assert f"the deployment requires {story.VIDEO} as well" in capsys.readouterr().err
    assert terminal.writes == []


def test_an_order_below_the_minimum_tells_what_it_does_without():
    terminal = below_minimum()

    assert terminal.run(*ORDER, "--require", story.LIGHTS, "--below-minimum-reason", "a rehearsal") == 0

    assert f"it does without {story.VIDEO}: a rehearsal" in terminal.said
    order = recorded(terminal.ports).session.order
    assert order
    assert (order.wish.left_out, order.wish.below_minimum_reason) == ((story.VIDEO,), "a rehearsal")


def test_parameters_can_stand_in_a_file(tmp_path: Path):
    file = tmp_path / "parameters.json"
    file.write_text('{"segments": 3}')
    terminal = Terminal(stored(wanted=None))

    document, _ = terminal.told(*ORDER, "--require", story.VIDEO, "--parameters", f"@{file}")

    assert document["order"]["parameters"] == {"segments": 3}


@pytest.mark.parametrize(
    "parameters", ["{", "[1]", "3", "NaN", '{"a": NaN}', "@/nowhere/at/all.json", "@", ""]
)
def test_bad_parameters_are_a_usage_error(parameters: str):
    terminal = Terminal(stored(wanted=None))

    with pytest.raises(SystemExit) as ended:
        terminal.run(*ORDER, "--require", story.VIDEO, "--parameters", parameters)

    assert (ended.value.code, terminal.writes) == (2, [])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((SESSION_ID,), "stage prod requires no outputs by default"),
        ((SESSION_ID, "--require", "intermediate.a"), "a required artifact is"),
        ((SESSION_ID, "--require", "output.a", "output.a"), "none twice"),
        (("match-99", "--require", "output.a"), "there is no session"),
        ((SESSION_ID, "--require", "output.a", "--parameters", '{"a": ' + "[" * 30 + "]" * 30 + "}"), "deep"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_what_cannot_be_ordered_is_refused(
    arguments: tuple[str, ...], why: str, dry: tuple[str, ...], capsys: pytest.CaptureFixture[str]
):
    terminal = Terminal(stored(wanted=None))

    assert terminal.run("order", *arguments, *dry) == 1

    assert why in capsys.readouterr().err
    assert terminal.writes == []


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_cleaned_session_is_restored_before_it_is_ordered(
    dry: tuple[str, ...], capsys: pytest.CaptureFixture[str]
):
    assert Terminal(cleaned()).run(*ORDER, "--require", story.VIDEO, *dry) == 1
    assert "restore them first" in capsys.readouterr().err


@pytest.mark.parametrize("made", [stored, processed])
def test_a_dry_order_says_what_would_be_ordered_and_writes_nothing(made):
    terminal = Terminal(made())
    before = recorded(terminal.ports)

    document, code = terminal.told(*ORDER, "--require", "output.other.mp4", "--dry-run")

    assert code == 0
    assert (document["order"]["number"], document["changed"]) == (2, True)
    assert (recorded(terminal.ports), terminal.writes) == (before, [])


def test_the_same_order_again_changes_nothing_while_it_waits():
    ports = memory_ports(make_picture())
    Terminal(ports).run(*ORDER, "--require", story.VIDEO)

    dry, _ = Terminal(ports).told(*ORDER, "--require", story.VIDEO, "--dry-run")
    again, code = Terminal(ports).told(*ORDER, "--require", story.VIDEO)

    assert code == 0
    assert [each["changed"] for each in (dry, again)] == [False, False]
    assert [each["order"]["number"] for each in (dry, again)] == [1, 1]


def test_people_are_told_what_an_order_waits_for():
    terminal = Terminal(memory_ports(make_picture()))

    terminal.run(*ORDER, "--require", story.VIDEO)

    assert terminal.said == [
        "main/match-17-north is ordered: order 1 for output.enhanced.mp4",
        "it goes to the queue after every chapter to be verified; missing: original.100GOPRO.GX010038.MP4",
    ]


def test_an_order_of_a_held_session_waits_for_its_release():
    terminal = Terminal(held(stored(wanted=None)))

    document, _ = terminal.told(*ORDER, "--require", story.VIDEO)

    assert document["waits_for"] == "its release; held: the referee wants to see it"
    assert terminal.ports.orders.sent == []


def test_no_presigned_address_is_shown():
    terminal = Terminal(stored(wanted=None))

    terminal.run(*ORDER, "--require", story.VIDEO)

    assert terminal.ports.orders.sent
    assert "://" not in "".join([*terminal.said, *terminal.noted])


def test_a_session_is_held_and_released():
    terminal = Terminal(processed())

    kept, held_code = terminal.told(*HOLD)
    released, released_code = terminal.told(*RELEASE)

    assert (held_code, released_code) == (0, 0)
    assert kept == {
        "project": "main",
        "session_id": "match-17-north",
        "state": "PROCESSED",
        "dry_run": False,
        "changed": True,
        "held": "the referee wants to see it",
    }
    assert released["held"] is None


@pytest.mark.parametrize("arguments", [HOLD, RELEASE])
def test_a_dry_hold_never_writes(arguments: tuple[str, ...]):
    for ports in (processed(), held(processed(), "for another reason")):
        terminal = Terminal(ports)
        before = recorded(ports)

        assert terminal.run(*arguments, "--dry-run") == 0

        assert (recorded(ports), terminal.writes) == (before, [])


def test_a_dry_hold_says_what_would_change():
    terminal = Terminal(processed())

    terminal.run(*HOLD, "--dry-run")
    terminal.run(*RELEASE, "--dry-run")

    assert terminal.said == [
        "main/match-17-north would be held: the referee wants to see it",
        "main/match-17-north is not held; nothing changes",
    ]


def test_an_unknown_session_is_not_held(capsys: pytest.CaptureFixture[str]):
    assert Terminal(processed()).run("hold", "match-99", "--reason", "why not") == 1
    assert "there is no session" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("hold", SESSION_ID),
        ("hold", SESSION_ID, "--reason", ""),
        ("hold", SESSION_ID, "--reason", "one", "--release"),
        ("order",),
        ("order", SESSION_ID, "--require"),
    ],
)
def test_an_order_or_a_hold_that_makes_no_sense_is_a_usage_error(arguments: tuple[str, ...]):
    with pytest.raises(SystemExit) as ended:
        Terminal(processed()).run(*arguments)

    assert ended.value.code == 2


ACCEPT = ("accept", SESSION_ID, "--reason", "the approach alone; seen")


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_outputs_are_accepted_with_a_reason(dry: tuple[str, ...]):
    terminal = Terminal(processed())

    document, code = terminal.told(*ACCEPT, *dry)

    assert (code, document["changed"], document["dry_run"]) == (0, True, bool(dry))
    assert document["order"]["accepted"] == "the approach alone; seen"
    order = recorded(terminal.ports).session.order
    assert order
    assert order.accepted == (None if dry else "the approach alone; seen")


def test_accepting_again_changes_nothing():
    terminal = Terminal(processed())
    terminal.run(*ACCEPT)

    terminal.run(*ACCEPT)

    assert terminal.said == [
        "match-17-north: the outputs of order 1 are accepted: the approach alone; seen",
        "match-17-north: the outputs of order 1 are accepted already; nothing changes: the approach alone; seen",
    ]


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_what_is_not_made_yet_is_not_accepted(dry: tuple[str, ...], capsys: pytest.CaptureFixture[str]):
    terminal = Terminal(stored())

    assert terminal.run(*ACCEPT, *dry) == 1

    assert "once all of them are verified" in capsys.readouterr().err
    assert terminal.writes == []


class TestAcceptingReadsThatDiffer:
    """A session of whose first chapter a second read differs."""

    ONE = story.CHAPTERS[0].artifact_id
    ACCEPT = ("accept", SESSION_ID, "--evidence", ONE, "--reason", "read in a card reader: the film is right")

    @classmethod
    def differing(cls) -> Terminal:
        ports = stored()
        crc = crc64nvme_of(b"a bit flipped")
        read = WholeRead(len(story.BODIES[0]), crc, Xxh128("ab" * 16), ports.clock.now())
        evidence.record_second_read(ports, story.NORTH, SESSION_ID, cls.ONE, read)
        return Terminal(ports)

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_they_are_accepted_with_a_reason(self, dry: tuple[str, ...]):
        terminal = self.differing()

        document, code = terminal.told(*self.ACCEPT, *dry)

        assert (code, document["changed"], document["dry_run"]) == (0, True, bool(dry))
        assert [each["by"] for each in document["differences"]] == ["d_north"]
        assert document["differences"][0]["accepted"] == "read in a card reader: the film is right"
        assert len(recorded(terminal.ports).differing) == (1 if dry else 0)

    def test_a_person_reads_both_values_and_the_reason(self):
        terminal = self.differing()

        terminal.run(*self.ACCEPT)

        assert terminal.said[0] == f"main/match-17-north: the reads of {self.ONE} that differ are accepted"
        assert crc64nvme_of(b"a bit flipped") in terminal.said[1]
        assert terminal.said[1].endswith("read by d_north: read in a card reader: the film is right")

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_where_nothing_differs_nothing_is_accepted(
        self, dry: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ):
        terminal = Terminal(stored())

        assert terminal.run(*self.ACCEPT, *dry) == 1

        assert "no read of" in capsys.readouterr().err
        assert terminal.writes == []

    def test_one_thing_is_accepted_at_a_time(self):
        with pytest.raises(SystemExit) as ended:
            self.differing().run(*self.ACCEPT, "--scan", story.VIDEO)

        assert ended.value.code == 2


class TestAcceptingAScan:
    """A session whose video waits behind the scan gate."""

    ACCEPT = ("accept", SESSION_ID, "--scan", story.VIDEO, "--reason", "watched")

    @staticmethod
    def waiting(finding: str | None = "FAILED") -> Terminal:
        ports = memory_ports(policy=replace(POLICY, scan_gate=True))
        story.haul(ports, wish([story.VIDEO], {}))
        story.let_pass(ports)
        story.process(ports, {story.VIDEO: story.MADE[story.VIDEO]})
        if finding:
            ports.objects.give_tag(story.key_of(story.VIDEO), TAG, finding)
        story.let_pass(ports)
        return Terminal(ports)

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_lets_the_artifact_count(self, dry: tuple[str, ...]):
        terminal = self.waiting()

        document, code = terminal.told(*self.ACCEPT, *dry)

        assert (code, document["changed"], document["dry_run"]) == (0, True, bool(dry))
        assert (document["finding"], document["accepted"]) == ("FAILED", "watched")
        assert bool(recorded(terminal.ports).awaited) is bool(dry)

    @pytest.mark.parametrize(
        ("finding", "why"),
        [(INFECTED, "order it again"), (None, "after a day"), (CLEAN, "waits for no scan")],
    )
    def test_is_refused_with_the_reason(
        self, finding: str | None, why: str, capsys: pytest.CaptureFixture[str]
    ):
        terminal = self.waiting(finding)

        assert terminal.run(*self.ACCEPT) == 1
        assert why in capsys.readouterr().err

    def test_is_told_in_one_line(self):
        terminal = self.waiting()
        terminal.run(*self.ACCEPT)

        assert terminal.said == ["main/match-17-north: output.enhanced.mp4 (FAILED) is accepted: watched"]
