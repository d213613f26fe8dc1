"""From verified chapters to a cleaned, restorable session, on the deployed coordinator, whatever goes wrong."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast

import pytest
import requests
from msgspec.structs import replace

from chalicelib import settings, wiring
from chalicelib.core.cleanup import Spent
from chalicelib.core.measurements.limits import INDEXED_IN_PASSING_BYTES
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import Role
from chalicelib.flows.settle import settle_session
from chalicelib.ports import Clock, Ports
from infra.local.aws.moto import server
from infra.local.stack import World
from tests.e2e.processing import FRAMES, LIGHTS, MADE, ORDER, ROUNDS, VIDEO, Session, arm
from tests.e2e.rig import DEADLINE_S, PART_SIZE_BYTES, Rig
from tests.e2e.test_by_hand import ARTIFACT, BODY, CHAPTER, LASTING_MS
from tests.e2e.test_orders import sent_parts
from tests.support.builders import make_session_id
from tests.support.films import make_film
from tests.support.interrupted import Crash, at_call

pytestmark = pytest.mark.e2e
NAME = ARTIFACT.removeprefix("original.")


@pytest.fixture
def session(rig: Rig, request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session of the test's own; cleanup is armed while it runs."""
    arm(rig.world)
    number = zlib.crc32(request.node.name.encode())
    yield Session(rig, f"story-{number:08x}")
    arm(rig.world, is_armed=False)


def in_process(world: World) -> Ports:
    """The coordinator's ports as the deployed reconciler has them, for a test that must stand beside it."""
    functions = world.aws.client("lambda")
    said = functions.get_function_configuration(FunctionName="reelhaul-local-reconcile")["Environment"]
    environment = {**said["Variables"], **server.environment(world.aws_url, {})}
    return wiring.ports(settings.settings(environment))


def test_the_whole_story_ends_cleaned_and_every_original_can_be_had_back(session: Session):
    receipt = session.haul_and_order()
    session.process()
    session.calm()
    assert session.shown()["state"] == "PROCESSED"
    assert session.is_kept(receipt)

    session.reconcile()

    assert session.shown()["state"] == "CLEANED"
    assert session.is_cleaned(receipt)
    assert [session.current(session.key(each)) for each in MADE] == list(MADE.values())

    status, shown = session.asked(Role.OPERATOR, "POST", "/restore", {"reason": "the referee wants to look"})
    assert (status, shown["state"]) == (200, "PROCESSED")
    session.reconcile(2)
    assert session.is_kept(receipt)
    again = session.shown()["chapters"][0]["receipt"]
    assert again["version_id"] != receipt["version_id"]
    assert again["crc64nvme"] == receipt["crc64nvme"]
    session.reconcile(2)
    assert session.is_kept(receipt)


def test_what_was_cleaned_can_still_be_watched(session: Session):
    receipt = session.haul_and_order()
    brought = {
        f"proxy.{NAME}": (make_film(LASTING_MS, PART_SIZE_BYTES + 300, seed=9), "video/mp4"),
        f"thumbnail.{NAME}": (b"\xff\xd8\xff\xe0" + b"picture" * 9, "image/jpeg"),
    }
    for artifact_id, (body, _) in brought.items():
        assert session.brought(session.rig.token, artifact_id, body)["receipt"]["key"].startswith("proxies/")
    session.process()
    session.calm()
    session.reconcile(2)
    assert session.shown()["state"] == "CLEANED"
    assert session.is_cleaned(receipt)

    for artifact_id, (body, content_type) in brought.items():
        status, address = session.asked(Role.PROCESSOR, "GET", f"/artifacts/{artifact_id}/url")
        assert status == 200
        whole = requests.get(address["url"], timeout=DEADLINE_S)
        assert (whole.status_code, whole.content) == (200, body)
        assert whole.headers["Content-Type"] == content_type
        some = requests.get(address["url"], headers={"Range": "bytes=8-15"}, timeout=DEADLINE_S)
        assert (some.status_code, some.content) == (206, body[8:16])
        assert some.headers["Content-Type"] == content_type


def test_large_measurements_whose_event_was_lost_are_indexed_by_their_function_all_the_same(session: Session):
    session.world.delivery.drop()
    session.haul_and_order()
    session.reconcile()
    session.process({**MADE, LIGHTS: MADE[LIGHTS] + b" " * INDEXED_IN_PASSING_BYTES})
    session.calm()
    session.world.delivery.drop(0)
    before = len(session.world.delivery.log)

    session.reconcile()
    session.calm()

    assert session.shown()["state"] == "PROCESSED"
    heard = [entry.function for entry in session.world.delivery.log[before:]]
    assert any(function.endswith("on_measurements") for function in heard)
    assert session.world.aws.dead_letters() == []


def test_with_every_event_lost_the_reconciler_alone_gets_there_within_three_rounds(session: Session):
    session.world.delivery.drop()
    receipt = session.haul_and_order()
    session.reconcile()
    session.process()

    session.reconcile(ROUNDS)

    assert session.shown()["state"] == "CLEANED"
    assert session.is_cleaned(receipt)


def test_with_every_event_doubled_and_out_of_order_the_end_is_the_same(session: Session):
    session.world.delivery.hold()
    session.world.delivery.duplicate(20)
    receipt = session.haul_and_order()
    session.process()
    session.world.delivery.shuffle(seed=7)
    session.world.delivery.release()
    session.calm()
    assert session.is_kept(receipt)

    session.reconcile(ROUNDS)

    assert session.shown()["state"] == "CLEANED"
    assert session.is_cleaned(receipt)
    status, listed = session.asked(Role.OPERATOR, "GET", "/artifacts")
    assert status == 200
    assert [each["artifact_id"] for each in listed["artifacts"] if each["receipt"]][1:] == list(MADE)


def test_the_frames_can_be_asked_for_once_they_are_indexed(session: Session):
    session.haul_and_order()
    session.process()
    session.calm()

    _, summary = session.asked(Role.PROCESSOR, "GET", "/frames/summary")
    status, second = session.asked(Role.PROCESSOR, "GET", "/frames", from_s=1, to_s=2, columns="papi_a")

    assert summary["frames"] == FRAMES
    statuses = summary["lights"]["papi_a"]["statuses"]
    assert (statuses["red"], statuses["white"]) == (FRAMES // 2, FRAMES - FRAMES // 2)
    assert status == 200
    assert [each["frame_number"] for each in second["frames"]] == list(range(30, 60))
    assert set(second["frames"][0]) == {"frame_number", "timestamp", "papi_a"}


def test_the_report_is_a_page_frames_are_csv_and_the_whole_file_is_read_through_the_gateway(session: Session):
    session.haul_and_order()
    session.process()
    session.calm()
    authorization = f"Bearer {session.token_of(Role.OPERATOR)}"

    def accepting(form: str, path: str) -> requests.Response:
        where = f"/v1/sessions/{session.name}{path}"
        return session.rig.call("GET", where, None, Authorization=authorization, Accept=form)

    page = accepting("text/html,application/xhtml+xml,*/*;q=0.8", "/frames/report")
    table = accepting("text/csv", "/frames?columns=papi_a.status&limit=2")
    _, whole = session.asked(Role.OPERATOR, "GET", "/frames/url")

    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page.text.startswith("<!DOCTYPE html>")
    assert table.content.startswith(b"frame_number,timestamp,papi_a.status,extra\r\n0,0.0,red,\r\n")
    assert table.headers["Reelhaul-Next-Frame"] == "2"
    lines = gzip.decompress(requests.get(whole["url"], timeout=30).content).splitlines()
    assert len(lines) == FRAMES


def test_the_deployed_function_writes_the_frames_and_their_summary_into_the_lake(session: Session):
    session.haul_and_order()
    session.process()
    session.calm()
    _, summary = session.asked(Role.PROCESSOR, "GET", "/frames/summary")
    _, shown = session.asked(Role.PROCESSOR, "GET", "/frames", limit=2000, columns="papi_a")

    frames, lights = session.lake("papi"), session.lake("papi_summary")

    assert len(frames) == summary["frames"] == FRAMES
    assert [(row["frame_number"], row["time_s"], row["papi_a_status"]) for row in frames] == [
        (each["frame_number"], each["timestamp"], each["papi_a"]["status"]) for each in shown["frames"]
    ]
    assert {row["light"] for row in lights} == set(summary["lights"])
    assert {row["revision"] for row in (*frames, *lights)} == {summary["revision"]}


def test_the_manifests_own_event_has_measurements_indexed_that_came_long_before_it(session: Session):
    session.haul_and_order()
    session.write(LIGHTS, MADE[LIGHTS])
    session.write(VIDEO, MADE[VIDEO])
    session.calm()

    session.state()
    session.calm()

    assert session.shown()["state"] == "PROCESSED"


def test_a_processing_that_failed_and_is_ordered_again_ends_cleaned(session: Session):
    receipt = session.haul_and_order()
    session.write(VIDEO, b"half of a vid")
    status, failed = session.asked(Role.PROCESSOR, "POST", "/failure", {"reason": "out of disk", "order": 1})
    assert (status, failed["state"]) == (200, "FAILED")
    session.reconcile(ROUNDS)
    assert session.is_kept(receipt)

    session.asked(Role.OPERATOR, "POST", "/order", ORDER)
    session.calm()
    session.process(order=2)
    session.calm()
    session.reconcile()

    assert session.shown()["state"] == "CLEANED"
    assert session.is_cleaned(receipt)


@pytest.mark.parametrize("lacking", [VIDEO, LIGHTS])
def test_while_a_required_output_is_missing_everything_is_kept(session: Session, lacking: str):
    receipt = session.haul_and_order()
    [other] = set(MADE) - {lacking}
    session.write(other, MADE[other])
    session.state()
    session.calm()

    session.reconcile(ROUNDS)

    assert session.shown()["state"] == "STORED"
    assert session.is_kept(receipt)


# What a body is compared with is decided in the coordinator, whose tests have each of these: tests/flows/.
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty", marks=pytest.mark.soak),
        pytest.param(MADE[VIDEO][:-1], id="truncated", marks=pytest.mark.soak),
        pytest.param(b"x" + MADE[VIDEO][1:], id="other"),
    ],
)
def test_an_output_that_is_not_what_its_manifest_states_fails_the_session_and_everything_is_kept(
    session: Session, body: bytes
):
    receipt = session.haul_and_order()
    session.write(VIDEO, body)
    session.write(LIGHTS, MADE[LIGHTS])
    session.state()
    session.calm()

    session.reconcile(ROUNDS)

    shown = session.shown()
    assert shown["state"] == "FAILED"
    assert VIDEO in shown["failure"]
    assert session.is_kept(receipt)
    assert session.current(session.key(VIDEO)) == body


# One that is emptied differs from one that is replaced in its bytes alone.
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="removed"),
        pytest.param(b"", id="emptied", marks=pytest.mark.soak),
        pytest.param(b"another", id="replaced"),
    ],
)
def test_a_required_output_that_changes_after_it_was_verified_keeps_the_originals(
    session: Session, body: bytes | None
):
    receipt = session.haul_and_order()
    session.process()
    session.calm()
    session.replace_past_everybody(session.key(VIDEO), body)

    session.reconcile(ROUNDS)

    assert session.shown()["state"] == "PROCESSED"
    assert session.is_kept(receipt)
    # What was verified can still be read: nothing of it was ever lost.
    status, read = session.asked(Role.OPERATOR, "GET", f"/artifacts/{VIDEO}/url")
    assert status == 200
    assert read["size_bytes"] == len(MADE[VIDEO])


def test_an_output_stored_without_crc64nvme_is_proven_by_the_reconciler(session: Session):
    receipt = session.haul_and_order()
    session.write(VIDEO, MADE[VIDEO], ChecksumAlgorithm="CRC32")
    session.write(LIGHTS, MADE[LIGHTS])
    session.state()
    session.calm()
    assert session.shown()["state"] == "STORED"

    session.reconcile()

    assert session.shown()["state"] == "CLEANED"
    assert session.is_cleaned(receipt)
    listed = session.world.aws.client("s3").list_multipart_uploads(Bucket=session.world.bucket)
    assert [each for each in listed.get("Uploads", ()) if session.name in each["Key"]] == []


# What is poison is tested in tests/core/ and tests/odd/; here, that poison of any kind is quarantined.
@pytest.mark.parametrize(
    "poison",
    [
        pytest.param(b"not measurements", id="text", marks=pytest.mark.soak),
        pytest.param(b'{"frames": [' + b"[" * 20_000, id="bomb"),
        pytest.param(b"\x1f\x8b\x08\x00 cut", id="gzip", marks=pytest.mark.soak),
    ],
)
def test_poison_is_quarantined_with_its_reason_and_its_session_is_never_cleaned(
    session: Session, poison: bytes
):
    receipt = session.haul_and_order()
    session.process({**MADE, LIGHTS: poison})
    session.calm()

    session.reconcile(ROUNDS)

    shown = session.shown()
    assert shown["state"] == "FAILED"
    assert f"{LIGHTS} is poison" in shown["failure"]
    assert session.is_kept(receipt)
    assert session.current(session.key(LIGHTS)) == poison
    status, problem = session.asked(Role.OPERATOR, "GET", "/frames/summary")
    assert status == 404
    assert "poison" in problem["detail"]


def test_a_processor_may_bring_its_outputs_by_the_upload_api(session: Session):
    receipt = session.haul_and_order({"required": [VIDEO]})
    body = MADE[VIDEO]
    token = session.token_of(Role.PROCESSOR)
    upload = session.brought(token, VIDEO, body)
    session.calm()

    assert upload["receipt"]["key"] == session.key(VIDEO)
    session.reconcile()
    assert session.shown()["state"] == "CLEANED"
    assert session.is_cleaned(receipt)
    assert session.current(session.key(VIDEO)) == body


def test_whoever_uploads_again_while_it_is_cleaned_changes_nothing(session: Session):
    receipt = session.haul_and_order()
    session.process()
    session.calm()
    asked = {"artifact_id": receipt["artifact_id"], "size_bytes": len(BODY)}
    before = session.rig.call("POST", f"/v1/sessions/{session.name}/uploads", asked)
    session.reconcile()
    after = session.rig.call("POST", f"/v1/sessions/{session.name}/uploads", asked)

    assert [each.status_code for each in (before, after)] == [200, 200]
    assert before.json()["receipt"] == after.json()["receipt"] == receipt
    assert session.is_cleaned(receipt)


def test_what_somebody_put_in_an_originals_place_is_never_removed(session: Session):
    receipt = session.haul_and_order()
    session.process()
    session.calm()
    session.replace_past_everybody(receipt["key"], b"somebody's footage")

    session.reconcile(ROUNDS)

    assert session.current(receipt["key"]) == b"somebody's footage"
    assert session.version(receipt) == BODY
    assert session.shown()["state"] == "PROCESSED"


# One session for each of its calls takes minutes: the soak has them all. Killed at each call it is in memory, in
# tests/flows/test_cleaning.py and tests/simulation/; here is every seventh.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.soak)])
def test_a_cleanup_killed_at_a_call_it_makes_is_finished_by_the_next_one(session: Session, every: int):
    session.world.delivery.drop()
    ports = in_process(session.world)
    for call in count(1, every):
        one = Session(session.rig, f"{session.name}-{call}")
        receipt = one.haul_and_order({"required": [VIDEO]})
        settle_session(ports, make_session_id(one.name), Actor.EVENT)
        one.process({VIDEO: MADE[VIDEO]})
        settle_session(ports, make_session_id(one.name), Actor.EVENT)
        assert one.shown()["state"] == "PROCESSED"
        killed = at_call(ports, call)
        with suppress(Crash):
            settle_session(killed.ports, make_session_id(one.name), Actor.RECONCILER)

        settle_session(ports, make_session_id(one.name), Actor.RECONCILER)

        assert one.shown()["state"] == "CLEANED"
        assert one.is_cleaned(receipt)
        if not killed.happened:
            break
    assert call > 15


def test_a_restore_in_the_middle_of_a_cleanup_ends_with_the_original_in_its_place(session: Session):
    session.world.chaos.delay("DeleteObject", 1.0, key_prefix=f"originals/main/{session.name}/")
    receipt = session.haul_and_order()
    session.process()
    session.calm()
    running = session.reconciling_beside()
    session.until_intended()
    status, _ = session.asked(Role.OPERATOR, "POST", "/restore", {"reason": "stop"})
    running.join()

    session.reconcile(ROUNDS)

    assert status == 200
    assert session.is_kept(receipt)
    shown = session.shown()
    assert shown["state"] == "PROCESSED"
    assert shown["held"].startswith("restored: stop")


@pytest.mark.parametrize("days", [30, -30], ids=["ahead", "behind"])
def test_a_function_whose_clock_is_thirty_days_off_cleans_nothing_early(session: Session, days: int):
    class Off:
        def now(self) -> datetime:
            return datetime.now(UTC) + timedelta(days=days)

    session.world.delivery.drop()
    real = in_process(session.world)
    patient = replace(real, policy=replace(real.policy, grace_s=86_400))
    off = replace(patient, clock=cast(Clock, Off()))
    receipt = session.haul_and_order({"required": [VIDEO]})
    settle_session(patient, make_session_id(session.name), Actor.EVENT)
    session.process({VIDEO: MADE[VIDEO]})

    for ports in (off, patient, off, patient):
        settle_session(ports, make_session_id(session.name), Actor.RECONCILER)

    assert session.shown()["state"] == "PROCESSED"
    assert session.is_kept(receipt)


def test_a_disarmed_deployment_keeps_everything_until_it_is_armed(session: Session):
    arm(session.world, is_armed=False)
    receipt = session.haul_and_order()
    session.process()
    session.calm()
    session.reconcile(ROUNDS)
    assert session.shown()["state"] == "PROCESSED"
    assert session.is_kept(receipt)

    arm(session.world)
    settle_session(in_process(session.world), make_session_id(session.name), Actor.RECONCILER)

    assert session.is_cleaned(receipt)


def test_the_kill_switch_stops_a_cleanup_between_two_objects(session: Session):
    session.world.delivery.drop()
    ports = in_process(session.world)
    receipt = session.haul_and_order({"required": [VIDEO]})
    settle_session(ports, make_session_id(session.name), Actor.EVENT)
    session.process({VIDEO: MADE[VIDEO]})

    class Throwing:
        """Somebody throws the switch just when the intent has been recorded."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def write(self, change: Any) -> None:
            ports.records.write(change)
            if change.session.cleanup:
                arm(session.world, is_armed=False)

    settle_session(
        replace(ports, records=cast(Any, Throwing())), make_session_id(session.name), Actor.RECONCILER
    )

    assert session.is_kept(receipt)
    arm(session.world)
    settle_session(ports, make_session_id(session.name), Actor.RECONCILER)
    assert session.is_cleaned(receipt)


def test_the_breaker_keeps_what_would_pass_todays_limit(session: Session):
    session.world.delivery.drop()
    real = in_process(session.world)
    spent = real.records.spent(datetime.now(UTC).date()) or Spent()
    full = replace(real, policy=replace(real.policy, cleanup_limit=Spent(spent.objects, 10**15)))
    room = replace(real, policy=replace(real.policy, cleanup_limit=Spent(spent.objects + 1, 10**15)))
    receipt = session.haul_and_order({"required": [VIDEO]})
    settle_session(full, make_session_id(session.name), Actor.EVENT)
    session.process({VIDEO: MADE[VIDEO]})

    settle_session(full, make_session_id(session.name), Actor.RECONCILER)
    assert session.is_kept(receipt)
    settle_session(room, make_session_id(session.name), Actor.RECONCILER)

    assert session.is_cleaned(receipt)


def test_a_held_session_is_kept_until_it_is_released(session: Session):
    receipt = session.haul_and_order()
    session.asked(Role.OPERATOR, "POST", "/hold", {"held": True, "reason": "evidence"})
    session.process()
    session.calm()
    session.reconcile(ROUNDS)
    assert session.is_kept(receipt)

    session.asked(Role.OPERATOR, "POST", "/hold", {"held": False})
    session.calm()
    session.reconcile(ROUNDS)

    assert session.is_cleaned(receipt)


def test_intermediates_go_with_the_originals_and_outputs_stay(session: Session):
    receipt = session.haul_and_order({"required": [VIDEO]})
    session.calm()
    token = session.token_of(Role.PROCESSOR)
    step = session.brought(token, "intermediate.step.bin", b"y" * (PART_SIZE_BYTES + 1))["receipt"]
    session.process({VIDEO: MADE[VIDEO]})
    session.calm()

    session.reconcile()

    assert session.is_cleaned(receipt)
    assert session.current(step["key"]) is None
    assert session.version(step) == b"y" * (PART_SIZE_BYTES + 1)
    assert session.current(session.key(VIDEO)) == MADE[VIDEO]


def test_a_session_that_lacks_a_chapter_is_never_sent_to_processing(session: Session):
    two = [CHAPTER, {**CHAPTER, "filename": "GX020038.MP4"}]
    upload_id = sent_parts(session.rig, session.name, chapters=two, order=ORDER)
    session.rig.call("POST", f"/v1/uploads/{upload_id}/complete", {})
    session.calm()

    session.reconcile(ROUNDS)

    assert session.shown()["state"] == "OPEN"
    assert session.shown()["order"]["sent_at"] is None
