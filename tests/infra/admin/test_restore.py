"""`restore`: what was cleaned comes back, and whoever wants to know waits for it."""

import json

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import StorageBusy
from chalicelib.core.ids import ArtifactId
from chalicelib.flows.reconcile import reconcile
from tests.infra.admin.desks import Terminal, cleaned, processed
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, recorded
from tests.support.faults import Fault, faulty

FIRST, SECOND = (chapter.artifact_id for chapter in story.CHAPTERS)
RESTORE = ("restore", SESSION_ID, "--reason", "cut again")


def statuses(document) -> dict[ArtifactId, str]:
    return {each["artifact_id"]: each["status"] for each in document["artifacts"]}


def test_a_dry_run_says_what_would_be_restored_and_until_when_it_is_kept():
    terminal = Terminal(cleaned())

    document, code = terminal.told(*RESTORE, "--dry-run")

    first, _ = document["artifacts"]
    assert code == 0
    assert statuses(document) == {FIRST: "being restored", SECOND: "being restored"}
    assert (first["size_bytes"], first["version_id"]) == (60, recorded(terminal.ports).session.cleaned[0])
    # Fourteen days from the intent, which stood three and a half hours into the fourth day at the latest.
    assert first["kept_until"].startswith("2026-12-08T")
    assert document["held"] == "restored: cut again; release it to let cleanup continue"
    assert document["dry_run"] is True


@pytest.mark.parametrize("wanted", [(), (FIRST,)])
def test_a_dry_run_never_writes(wanted: tuple[str, ...]):
    terminal = Terminal(cleaned())
    before = recorded(terminal.ports)

    terminal.run("restore", SESSION_ID, *wanted, "--reason", "cut again", "--dry-run")

    assert terminal.writes == []
    assert recorded(terminal.ports) == before


def test_a_dry_run_for_people_is_short_and_aligned():
    terminal = Terminal(cleaned())

    terminal.run(*RESTORE, "--dry-run")

    heading, first, second = terminal.said
    assert heading == (
        "main/match-17-north would be PROCESSED, held: restored: cut again; release it to let cleanup continue"
    )
    assert first.startswith(f"  {FIRST}  version-")
    assert "60 B  would be restored  kept at least until 2026-12-08T" in first
    assert "57 B  would be restored  kept at least until 2026-12-08T" in second


def test_the_wish_is_recorded_and_the_reconciler_copies():
    terminal = Terminal(cleaned())

    document, code = terminal.told(*RESTORE)

    assert code == 0
    assert statuses(document) == {FIRST: "being restored", SECOND: "being restored"}
    assert terminal.writes == ["write"]
    assert not story.originals_stand(terminal.ports)
    story.let_pass(terminal.ports, 60, rounds=5)
    assert story.originals_stand(terminal.ports)


def test_one_artifact_alone_can_be_restored():
    terminal = Terminal(cleaned())

    document, _ = terminal.told("restore", SESSION_ID, SECOND, "--reason", "cut again")

    assert list(statuses(document)) == [SECOND]
    assert recorded(terminal.ports).session.restoring == (SECOND,)


def test_asking_again_changes_nothing():
    terminal = Terminal(cleaned())
    terminal.run(*RESTORE)

    dry, _ = terminal.told(*RESTORE, "--dry-run")
    again, code = terminal.told(*RESTORE)

    assert code == 0
    assert statuses(dry) == statuses(again) == {FIRST: "being restored", SECOND: "being restored"}
    assert terminal.writes == ["write"]


def test_who_waits_is_told_when_all_of_it_stands():
    ports = cleaned()
    terminal = Terminal(ports, waiting=lambda: passes(ports))

    document, code = terminal.told(*RESTORE, "--wait")

    assert code == 0
    assert statuses(document) == {FIRST: "restored", SECOND: "restored"}
    assert story.originals_stand(ports)
    assert terminal.noted[0] == "recorded; the reconciler copies at its next rounds"
    assert terminal.noted[1] == f"2 still to be copied: {FIRST}, {SECOND}"


def passes(ports: MemoryPorts) -> None:
    ports.clock.advance(5)
    reconcile(ports, 60)


def test_who_waits_for_one_artifact_waits_for_no_other():
    ports = cleaned()
    Terminal(ports).run("restore", SESSION_ID, FIRST, "--reason", "cut again")
    terminal = Terminal(ports, waiting=lambda: passes(ports))

    document, code = terminal.told("restore", SESSION_ID, FIRST, "--reason", "cut again", "--wait")

    assert (statuses(document), code) == ({FIRST: "restored"}, 0)


def test_a_minute_without_news_is_told():
    ports = cleaned()
    polls = 0

    def slowly() -> None:
        nonlocal polls
        polls += 1
        if polls > 24:
            passes(ports)

    terminal = Terminal(ports, waiting=slowly)

    terminal.run(*RESTORE, "--wait")

    assert terminal.noted[1:4] == [f"2 still to be copied: {FIRST}, {SECOND}"] * 3


def test_ctrl_c_ends_the_waiting_and_not_the_restore():
    ports = cleaned()

    def impatient() -> None:
        raise KeyboardInterrupt

    terminal = Terminal(ports, waiting=impatient)

    document, code = terminal.told(*RESTORE, "--wait")

    assert code == 75
    assert statuses(document) == {FIRST: "being restored", SECOND: "being restored"}
    assert terminal.noted[-1] == "no longer waiting; the restore continues by itself"
    story.let_pass(ports, 60, rounds=5)
    assert story.originals_stand(ports)


def test_a_busy_table_does_not_end_the_waiting():
    ports = cleaned()
    # The first two calls are the command's own, before and at the wish.
    busy = replace(ports, records=faulty(ports.records, Fault("picture", StorageBusy("try later"), call=3)))
    terminal = Terminal(busy, waiting=lambda: passes(ports))

    assert terminal.run(*RESTORE, "--wait") == 0
    assert terminal.progress == ["not read: try later"]


def test_a_version_that_is_gone_from_s3_is_told_as_lost():
    ports = cleaned()
    ports.objects.purge(story.original_keys()[0])
    terminal = Terminal(ports, waiting=lambda: passes(ports))

    document, code = terminal.told(*RESTORE, "--wait")

    assert code == 1
    assert statuses(document) == {FIRST: "lost", SECOND: "restored"}


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("match-99",), "there is no session"),
        ((SESSION_ID, "original.100GOPRO.GX090038.MP4"), "no artifact with this id"),
        ((SESSION_ID, "nonsense"), "an artifact that a processor makes is"),
        ((SESSION_ID, story.VIDEO), "was not cleaned"),
        ((SESSION_ID, FIRST, FIRST), "name each artifact once"),
    ],
)
def test_what_cannot_be_restored_is_refused_by_the_rule_of_the_api(
    arguments: tuple[str, ...], why: str, dry: tuple[str, ...], capsys: pytest.CaptureFixture[str]
):
    terminal = Terminal(cleaned())

    assert terminal.run("restore", *arguments, "--reason", "cut again", *dry) == 1

    assert why in capsys.readouterr().err
    assert terminal.writes == []


def test_what_was_never_cleaned_is_not_restored(capsys: pytest.CaptureFixture[str]):
    assert Terminal(processed()).run(*RESTORE, "--dry-run") == 1
    assert "nothing to restore" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("restore", SESSION_ID),
        ("restore", "--reason", "cut again"),
        (*RESTORE, "--dry-run", "--wait"),
    ],
)
def test_a_restore_that_makes_no_sense_is_a_usage_error(arguments: tuple[str, ...]):
    with pytest.raises(SystemExit) as ended:
        Terminal(cleaned()).run(*arguments)

    assert ended.value.code == 2


def test_the_keys_of_the_json_are_stable():
    document, _ = Terminal(cleaned()).told(*RESTORE, "--dry-run")

    assert list(document) == ["project", "session_id", "state", "dry_run", "held", "artifacts"]
    assert list(document["artifacts"][0]) == [
        "artifact_id",
        "version_id",
        "size_bytes",
        "kept_until",
        "status",
    ]
    assert json.dumps(document)
