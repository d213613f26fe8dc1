"""`ensure`: every session gets what it is owed, and what it waits for is told."""

from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.artifact import Kind, sidecar_id
from chalicelib.core.cleanup import Spent
from chalicelib.core.errors import StorageBusy
from chalicelib.core.evidence import Level, WholeRead, Xxh128
from chalicelib.core.ids import UploadId
from chalicelib.core.settle import Actor
from chalicelib.flows import evidence, operations, uploads
from chalicelib.flows.settle import settle_session
from infra.admin.cleanup_plan import closed_gates
from infra.admin.waiting import Owed, still_owed
from tests.infra.admin.desks import MADE, Terminal, cleaned, held, processed, ripe, stored
from tests.support import story
from tests.support.builders import (
    SESSION_ID,
    MemoryPorts,
    make_chapter,
    make_claimed,
    make_picture,
    make_session_id,
    memory_ports,
    recorded,
    send_parts,
)
from tests.support.counted import counted
from tests.support.faults import Fault, faulty
from tests.support.films import make_film
from tests.support.memory import crc64nvme_of

ENSURE = ("ensure",)
DRY = ("ensure", "--dry-run")


def of_session(document: dict[str, Any]) -> dict[str, Any]:
    [session] = document["sessions"]
    found: dict[str, Any] = session
    return found


def abandoned(*session_ids: str) -> MemoryPorts:
    """Sessions whose devices claimed and sent every part and were never seen again."""
    uploads = [
        make_claimed(
            session_id=make_session_id(name),
            upload_id=UploadId(f"u_{name}"),
            key=make_chapter().key(make_session_id(name)),
            multipart_id=f"multipart-of-{name}",
        )
        for name in session_ids
    ]
    ports = memory_ports(*(make_picture(each, session_id=each.session_id) for each in uploads))
    for upload in uploads:
        send_parts(ports.objects, upload)
    return ports


def failed(ports: MemoryPorts) -> MemoryPorts:
    operations.fail(ports, story.OPERATOR, SESSION_ID, "out of memory", None)
    return ports


def with_lost_output() -> MemoryPorts:
    ports = processed()
    ports.objects.mark_deleted(story.key_of(story.VIDEO))
    return ports


def wanted_back() -> MemoryPorts:
    """A restore that is over but for its last look, which comes when no marker can be on its way."""
    ports = cleaned()
    operations.restore(ports, story.OPERATOR, SESSION_ID, [story.CHAPTERS[1].artifact_id], "cut again")
    body = story.original(2)
    ports.objects.put_object(story.original_keys()[1], body)
    return ports


def back() -> MemoryPorts:
    """A restore whose copies are verified, minutes ago."""
    ports = cleaned()
    operations.restore(ports, story.OPERATOR, SESSION_ID, None, "cut again")
    story.let_pass(ports, 60, rounds=5)
    return ports


def test_a_session_gets_what_it_is_owed():
    ports = abandoned("match-18")

    document, code = Terminal(ports).told(*ENSURE)

    session = of_session(document)
    assert code == 0
    assert (session["state"], session["owed"], session["fault"]) == ("STORED", [], None)
    assert session["done"] == {"upload.verified": 1, "bytes.verified": 25, "session.stored": 1}
    assert (document["settled"], document["failed"], document["owing"]) == (1, 0, 0)
    assert document["finished"] is True


def with_both_projects() -> MemoryPorts:
    """A session of main and one of another project, of the same name."""
    theirs = make_picture(session_id=make_session_id(project="club"))
    return memory_ports(make_picture(), theirs)


def test_a_walk_meets_the_sessions_of_every_project_and_says_which_they_are():
    terminal = Terminal(with_both_projects())

    document, _ = terminal.told(*ENSURE)
    terminal.run(*ENSURE)

    told = [(each["project"], each["session_id"]) for each in document["sessions"]]
    assert told == [("club", "match-17-north"), ("main", "match-17-north")]
    assert [line for line in terminal.said if "OPEN" in line] == [
        "club/match-17-north: OPEN",
        "main/match-17-north: OPEN",
    ]


@pytest.mark.parametrize(
    ("said", "project"),
    [("match-17-north", "main"), ("main/match-17-north", "main"), ("club/match-17-north", "club")],
)
def test_a_name_is_one_of_main_unless_its_project_is_named(said: str, project: str):
    document, _ = Terminal(with_both_projects()).told(*ENSURE, said)

    assert (of_session(document)["project"], of_session(document)["session_id"]) == (
        project,
        "match-17-north",
    )


def test_a_second_run_writes_nothing():
    ports = abandoned("match-18")
    Terminal(ports).run(*ENSURE)
    terminal = Terminal(ports)

    document, code = terminal.told(*ENSURE)

    assert (terminal.writes, code) == ([], 0)
    assert of_session(document)["done"] == {}


def test_a_ripe_session_of_an_armed_stage_is_cleaned_at_once():
    ports = ripe()
    story.arm(ports)

    document, code = Terminal(ports).told(*ENSURE, SESSION_ID)

    assert (code, of_session(document)["state"]) == (0, "CLEANED")
    assert story.originals_are_gone(ports)


def test_a_sidecar_on_its_way_is_owed_to_nobody():
    ports = ripe()
    story.arm(ports)
    proxy = sidecar_id(story.CHAPTERS[0].artifact_id, Kind.PROXY)
    uploads.open_upload(ports, story.NORTH, SESSION_ID, proxy, 55, None)

    document, code = Terminal(ports).told(*ENSURE, SESSION_ID)

    assert (code, of_session(document)["state"], of_session(document)["owed"]) == (0, "CLEANED", [])


@pytest.mark.parametrize(
    ("make", "what", "why"),
    [
        (lambda: memory_ports(make_picture()), "chapters", "not verified: original.100GOPRO.GX010038.MP4"),
        (stored, "outputs", "order 1 has not made: output.enhanced.mp4"),
        (lambda: failed(stored()), "failed", "out of memory; order it again"),
        (
            with_lost_output,
            "cleanup",
            "outputs-stand: no longer what was verified: output.enhanced.mp4",
        ),
        (wanted_back, "restore", "being copied: original.100GOPRO.GX020038.MP4"),
        (back, "restore", "all of it is restored; an old delete marker may still arrive"),
    ],
    ids=["chapters", "outputs", "failed", "gates", "restore", "restored"],
)
def test_what_is_still_owed_is_told_with_why(make, what: str, why: str):
    document, code = Terminal(make()).told(*ENSURE)

    assert code == 75
    assert {"what": what, "why": why} in of_session(document)["owed"]
    assert document["owing"] == 1


def test_outputs_that_are_too_short_are_owed_and_told_with_why():
    ports = stored()
    story.process(ports, {story.VIDEO: make_film(100)})
    story.let_pass(ports)
    ports.clock.advance(ports.policy.grace_s)
    story.arm(ports)

    document, code = Terminal(ports).told(*ENSURE)

    [owed] = of_session(document)["owed"]
    assert (code, owed["what"]) == (75, "cleanup")
    assert "outputs-plausible: output.enhanced.mp4 lasts 0.1 s of the 1.3 s of the chapters" in owed["why"]


def test_films_that_nobody_read_yet_are_no_debt():
    document, code = Terminal(ripe()).told(*ENSURE)

    assert (code, of_session(document)["owed"]) == (0, [])


def test_a_held_order_is_owed_until_its_release():
    ports = held(stored(wanted=None))
    Terminal(ports).run("order", SESSION_ID, "--require", story.VIDEO)

    document, code = Terminal(ports).told(*ENSURE)

    assert code == 75
    assert of_session(document)["owed"] == [{"what": "held", "why": "the referee wants to see it"}]


def test_measurements_that_are_poison_are_owed_to_whoever_made_them():
    ports = stored()
    story.process(ports, {**MADE, story.LIGHTS: b"no JSON at all"})
    settle_session(ports, SESSION_ID, Actor.MADE_EVENT)

    document, code = Terminal(ports).told(*ENSURE)

    [owed] = of_session(document)["owed"]
    assert (code, of_session(document)["state"], owed["what"]) == (75, "PROCESSED", "quarantined")
    assert owed["why"].startswith("measurements.lights.json: ")


def test_an_index_of_an_older_release_is_asked_for_and_owed_until_the_function_made_it():
    ports = stored()
    story.process(ports, {**MADE, story.LIGHTS: story.MADE[story.LIGHTS]})
    settle_session(ports, SESSION_ID, Actor.MADE_EVENT)
    picture = recorded(ports)
    (index,) = picture.indexes
    ports.records.arrange(replace(picture, indexes=(replace(index, format=1, revision="0" * 16),)))
    ports.lake.is_deployed = False

    document, code = Terminal(ports).told(*ENSURE)

    assert (code, ports.indexer.requested) == (75, [story.key_of(story.LIGHTS)])
    assert of_session(document)["owed"] == [
        {"what": "index", "why": "older than this release, asked for once more: measurements.lights.json"}
    ]
    ports.lake.is_deployed = True
    settle_session(ports, SESSION_ID, Actor.MADE_EVENT)
    document, _ = Terminal(ports).told(*ENSURE)
    assert "index" not in [owed["what"] for owed in of_session(document)["owed"]]


def test_measurements_that_nobody_could_index_are_owed():
    ports = stored()
    story.process(ports, {**MADE, story.LIGHTS: story.MADE[story.LIGHTS]})
    settle_session(ports, SESSION_ID, Actor.API)
    picture = recorded(ports)

    owed = still_owed(picture, closed_gates(ports, picture)[0], ())

    assert picture.session.state.value == "PROCESSED"
    assert owed == (Owed("index", "not yet inspected: measurements.lights.json"),)


def unfinished(ports: MemoryPorts) -> MemoryPorts:
    """The same, its first chapter hauled although its camera did not finish it."""
    picture = recorded(ports)
    first, *others = picture.chapters
    ports.records.arrange(replace(picture, chapters=(replace(first, unfinished=True), *others)))
    return ports


def demanding(ports: MemoryPorts) -> MemoryPorts:
    """The same, where a card must be read twice."""
    return replace(ports, policy=replace(ports.policy, require_evidence=Level.READ_TWICE))


def test_a_read_that_differs_is_owed_until_somebody_accepts_it():
    ports = ripe()
    one, crc = story.CHAPTERS[0].artifact_id, crc64nvme_of(b"a bit flipped")
    read = WholeRead(len(story.BODIES[0]), crc, Xxh128("ab" * 16), ports.clock.now())
    evidence.record_second_read(ports, story.NORTH, SESSION_ID, one, read)

    document, code = Terminal(ports).told(*ENSURE)
    evidence.accept_differences(ports, story.OPERATOR, SESSION_ID, one, "read in a card reader")

    [owed] = of_session(document)["owed"]
    assert (code, owed["what"]) == (75, "differs")
    assert crc in owed["why"]
    assert "keep the card" in owed["why"]
    assert Terminal(ports).told(*ENSURE)[1] == 0


@pytest.mark.parametrize(
    ("make", "kept"),
    [
        (processed, {"armed", "grace-over", "grace-over-in-s3"}),
        (ripe, {"armed"}),
        (lambda: held(ripe()), {"armed", "not-held"}),
        (lambda: unfinished(ripe()), {"armed", "originals-finished"}),
        (lambda: demanding(ripe()), {"armed", "evidence-suffices"}),
    ],
    ids=["in its grace", "not armed", "held", "unfinished", "read once"],
)
def test_originals_that_time_or_an_operator_keeps_are_no_debt(make, kept: set[str]):
    document, code = Terminal(make()).told(*ENSURE)

    session = of_session(document)
    assert (code, session["owed"], session["kept"].keys()) == (0, [], kept)


def test_a_cleanup_that_was_stopped_half_way_is_owed():
    ports = ripe()
    story.arm(ports)
    limited = replace(ports, policy=replace(ports.policy, cleanup_limit=Spent(1, 10**6)))
    settle_session(limited, SESSION_ID, Actor.RECONCILER)
    story.arm(ports, is_armed=False)

    document, code = Terminal(ports).told(*ENSURE)

    assert code == 75
    [owed] = of_session(document)["owed"]
    assert owed["why"] == "begun, not ended: armed (cleanup is disarmed: a test says so)"


def test_one_session_that_fails_stops_no_other():
    ports = abandoned("match-18", "match-19")
    fault = Fault("complete", StorageBusy("S3 is slow"))
    troubled = replace(ports, objects=faulty(ports.objects, fault))

    document, code = Terminal(troubled).told(*ENSURE)

    first, second = document["sessions"]
    assert code == 1
    assert (first["session_id"], first["fault"]) == ("match-18", "S3 is slow")
    assert (second["state"], second["fault"]) == ("STORED", None)
    assert (document["settled"], document["failed"]) == (1, 1)


def test_a_fault_that_nobody_foresaw_stops_no_other_either():
    ports = abandoned("match-18", "match-19")
    troubled = replace(ports, objects=faulty(ports.objects, Fault("complete", RuntimeError())))

    document, code = Terminal(troubled).told(*ENSURE)

    assert code == 1
    assert [each["fault"] for each in document["sessions"]] == ["RuntimeError", None]


def test_a_fault_that_happens_while_nothing_else_is_owed_is_worth_exit_code_1_and_not_75():
    ports = abandoned("match-18")
    ports.records.arrange(make_picture(session_id=make_session_id("match-20")))
    troubled = replace(ports, objects=faulty(ports.objects, Fault("complete", StorageBusy("S3 is slow"))))

    assert Terminal(troubled).run(*ENSURE) == 1


def test_a_session_that_is_named_and_unknown_fails():
    document, code = Terminal(abandoned("match-18")).told(*ENSURE, "match-99", "match-18")

    assert code == 1
    assert [each["state"] for each in document["sessions"]] == [None, "STORED"]


def test_a_list_of_sessions_that_breaks_off_is_refused_before_anything_is_done(
    capsys: pytest.CaptureFixture[str],
):
    ports = abandoned("match-18")
    troubled = replace(ports, records=faulty(ports.records, Fault("sessions", StorageBusy("try later"))))
    terminal = Terminal(troubled)

    assert terminal.run(*ENSURE) == 1

    assert (terminal.writes, terminal.said) == ([], [])
    assert capsys.readouterr().err == "refused: try later\n"


@pytest.mark.parametrize(("limit", "settled", "code"), [(1, 1, 75), (2, 2, 0), (3, 2, 0)])
def test_a_limit_ends_the_walk_after_so_many_that_were_owed_something(limit: int, settled: int, code: int):
    ports = abandoned("match-18", "match-19")

    document, found = Terminal(ports).told(*ENSURE, "--limit", str(limit))

    assert (document["settled"], found, document["finished"]) == (settled, code, code == 0)


def test_sessions_that_only_wait_do_not_starve_others_under_a_limit():
    ports = abandoned("match-18")
    ports.records.arrange(make_picture(session_id=make_session_id("match-01")))

    document, _ = Terminal(ports).told(*ENSURE, "--limit", "1")

    assert [each["state"] for each in document["sessions"]] == ["OPEN", "STORED"]


def test_ctrl_c_ends_the_walk_and_what_was_done_is_told():
    ports = abandoned("match-18", "match-19")
    stopped = replace(ports, objects=faulty(ports.objects, Fault("complete", KeyboardInterrupt(), call=2)))

    document, code = Terminal(stopped).told(*ENSURE)

    assert code == 75
    assert [each["session_id"] for each in document["sessions"]] == ["match-18"]
    assert document["finished"] is False


@pytest.mark.parametrize(
    "make",
    [
        lambda: abandoned("match-18"),
        stored,
        processed,
        ripe,
        cleaned,
        lambda: failed(stored()),
        wanted_back,
    ],
    ids=["abandoned", "stored", "processed", "ripe", "cleaned", "failed", "restoring"],
)
def test_a_dry_run_never_writes(make):
    ports = make()
    story.arm(ports)
    terminal = Terminal(ports)
    [session_id] = ports.records.sessions()
    before = recorded(ports, session_id)

    terminal.run(*DRY)

    assert terminal.writes == []
    assert recorded(ports, session_id) == before


def test_a_dry_run_has_no_checksum_computed():
    ports = stored()
    ports.objects.put_without_crc64nvme(story.key_of(story.VIDEO), MADE[story.VIDEO])
    story.write_manifest(ports, MADE)
    terminal = Terminal(ports)

    assert terminal.run(*DRY) == 75
    assert terminal.writes == []


def test_a_dry_run_says_what_is_owed():
    document, code = Terminal(abandoned("match-18")).told(*DRY)

    session = of_session(document)
    assert code == 75
    assert (session["would"], session["done"], session["state"]) == ({"complete": 1}, {}, "OPEN")
    assert (document["dry_run"], document["settled"], document["owing"]) == (True, 0, 1)


def test_a_dry_run_says_what_would_be_cleaned():
    ports = ripe()
    story.arm(ports)

    document, _ = Terminal(ports).told(*DRY)

    assert of_session(document)["would"] == {"inspect": 1}


def test_what_would_be_done_is_written_in_plain_words():
    ports = stored(wanted=None)
    Terminal(held(ports)).run("order", SESSION_ID, "--require", story.VIDEO)
    released = recorded(ports)
    ports.records.arrange(replace(released, session=replace(released.session, held=None)))

    document, _ = Terminal(ports).told(*DRY)

    assert of_session(document)["would"] == {"send order": 1}


def test_a_fault_in_a_dry_run_stops_no_other():
    ports = abandoned("match-18", "match-19")
    troubled = replace(ports, objects=faulty(ports.objects, Fault("parts", StorageBusy("S3 is slow"))))

    document, code = Terminal(troubled).told(*DRY)

    assert code == 1
    assert [each["fault"] for each in document["sessions"]] == ["S3 is slow", None]


def test_people_are_told_of_sessions_with_news_and_of_all_in_one_line():
    ports = abandoned("match-18")
    settle_session(ports, make_session_id("match-18"), Actor.RECONCILER)
    ports.records.arrange(make_picture(session_id=make_session_id("match-20")))
    terminal = Terminal(ports)

    assert terminal.run(*ENSURE) == 75

    assert terminal.said == [
        "main/match-20: OPEN",
        "  owed  chapters: not verified: original.100GOPRO.GX010038.MP4",
        "2 sessions settled, 1 still owed something, 0 failed",
    ]


def test_people_are_told_of_every_session_that_they_name():
    terminal = Terminal(ripe())

    terminal.run(*ENSURE, SESSION_ID)

    assert terminal.said == [
        "main/match-17-north: PROCESSED",
        "  kept  armed: cleanup was never armed here: everything is kept",
        "1 session settled, 0 still owed something, 0 failed",
    ]


def test_people_are_spared_the_bytes():
    terminal = Terminal(abandoned("match-18"))

    terminal.run(*ENSURE)

    assert terminal.said[1] == "  done  upload verified, session stored"


def test_a_long_walk_shows_how_far_it_is():
    ports = memory_ports()
    for number in range(201):
        ports.records.arrange(make_picture(session_id=make_session_id(f"match-{number}")))
    terminal = Terminal(ports)

    terminal.run(*ENSURE)

    assert terminal.progress == ["100 of 201 sessions", "200 of 201 sessions"]


def test_the_keys_of_the_json_are_stable():
    document, _ = Terminal(abandoned("match-18")).told(*ENSURE)

    assert list(document) == ["stage", "dry_run", "finished", "settled", "owing", "failed", "sessions"]
    assert list(of_session(document)) == [
        "project",
        "session_id",
        "state",
        "done",
        "would",
        "owed",
        "kept",
        "fault",
    ]


@pytest.mark.parametrize(
    "arguments",
    [("--limit", "0"), ("--limit", "-1"), ("--limit", "many"), ("no/such/session",), ("No/session",)],
)
def test_a_walk_that_makes_no_sense_is_a_usage_error(arguments: tuple[str, ...]):
    with pytest.raises(SystemExit) as ended:
        Terminal(stored()).run(*ENSURE, *arguments)

    assert ended.value.code == 2


def guarded() -> MemoryPorts:
    """A cleaned session after its last look."""
    ports = cleaned()
    story.let_pass(ports, ports.policy.last_look_s)
    assert recorded(ports).session.is_guarded
    return ports


@pytest.mark.parametrize("make", [cleaned, guarded])
@pytest.mark.parametrize("how", [ENSURE, DRY])
def test_a_cleaned_session_whose_outputs_stand_owes_nothing(make, how: tuple[str, ...]):
    document, code = Terminal(make()).told(*how)

    assert (code, of_session(document)["owed"]) == (0, [])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda footage, key: footage.mark_deleted(key),
        lambda footage, key: footage.put_object(key, b"something else"),
        lambda footage, key: footage.put_object(key, story.MADE[story.VIDEO]),
    ],
    ids=["deleted", "replaced", "written again"],
)
@pytest.mark.parametrize("make", [cleaned, guarded])
@pytest.mark.parametrize("how", [ENSURE, DRY])
def test_an_output_of_a_cleaned_session_that_is_lost_is_owed_every_time(make, spoil, how: tuple[str, ...]):
    ports = make()
    spoil(ports.objects, story.key_of(story.VIDEO))

    for _ in range(2):
        document, code = Terminal(ports).told(*how)

        [owed] = of_session(document)["owed"]
        assert (code, owed["what"]) == (75, "lost")
        assert story.VIDEO in owed["why"]


def test_a_cleaned_session_costs_one_look_at_each_output():
    ports, calls = counted(guarded())

    Terminal(ports).run(*ENSURE)

    assert calls["head"] == 1


def test_a_removal_that_s3_refuses_is_owed_with_its_reason():
    ports = ripe()
    story.arm(ports)
    ports.objects.refuses_removals = True

    document, code = Terminal(ports).told(*ENSURE)

    [owed] = of_session(document)["owed"]
    assert (code, owed["what"]) == (75, "cleanup")
    assert f"S3 refuses to remove {story.original_keys()[0]}: AccessDenied" in owed["why"]


def test_a_lost_original_is_owed_until_it_is_hauled_again():
    ports = memory_ports()
    story.haul(ports, None)
    story.let_pass(ports)
    ports.objects.mark_deleted(story.original_keys()[0])
    ports.objects.lose(story.original_keys()[0])
    story.let_pass(ports, 7 * 86_400, rounds=14)

    document, code = Terminal(ports).told(*ENSURE)

    owed = {each["what"]: each["why"] for each in of_session(document)["owed"]}
    assert code == 75
    assert story.CHAPTERS[0].artifact_id in owed["lost"]
    story.haul(ports, None)
    assert Terminal(ports).told(*ENSURE)[1] == 0
