"""Each deployed function has the rights of its own role and no others: the whole story, and what each is denied."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.records import DynamoRecords
from chalicelib.core.measurements.limits import INDEXED_IN_PASSING_BYTES
from chalicelib.core.silence import Watch
from chalicelib.core.tokens import Role
from chalicelib.flows import enrolment
from chalicelib.flows.devices import Grant
from infra.local.aws.moto import server
from infra.local.stack import World
from tests.e2e.forbidden import FORBIDDEN, Call
from tests.e2e.processing import LIGHTS, VIDEO, Session, arm
from tests.e2e.rig import PART_SIZE_BYTES, Rig, camera_with, until
from tests.e2e.test_by_hand import BODY, crc_of, opened
from tests.e2e.test_orders import sent_parts
from tests.e2e.watching import known_sockets, watching
from tests.infra.test_policies import FUNCTIONS, statements
from tests.support.builders import make_session_id
from tests.support.films import make_film
from tests.support.guard import Guard, Rights

pytestmark = pytest.mark.e2e
PREFIX = "reelhaul-local-"
STABILISED = "intermediate.stabilised.mp4"
CHAPTER_MS = 60_000
FRAMES = 1_800
DOCUMENT = {
    "frames": [
        {"frame_number": number, "timestamp": number / 30, "papi_a": {"status": "red", "intensity": 100}}
        for number in range(FRAMES)
    ]
}
MADE = {VIDEO: make_film(CHAPTER_MS, 17_000, seed=2), LIGHTS: json.dumps(DOCUMENT).encode()}


def _for(reason: str, sid: str, *functions: str) -> dict[tuple[str, str], str]:
    return dict.fromkeys(((function, sid) for function in functions), reason)


HEARING = ("on_original", "on_output", "on_measurements")
SOCKETS = ("websocket_connect", "websocket_disconnect")
SIGNING = ("api_handler", *HEARING, "reconcile")
NEVER_IN_THE_STORY = {
    **_for(
        "Lambda itself writes logs with the role, not the function", "Logs", *SIGNING, "take_stock", *SOCKETS
    ),
    **_for(
        "Lambda itself sends what a function failed on", "DeadLetters", *HEARING, "reconcile", "take_stock"
    ),
    **_for("deployed only where X-Ray traces the stage", "Trace", *SIGNING, "take_stock", *SOCKETS),
    **_for("deployed only where the bucket has a key of its own", "UseTheBucketsKey", *SIGNING),
    **_for("deployed only where reads go over a CDN", "ReadTheCdnsKey", *SIGNING),
    **_for("asked only behind the scan gate, which is off here", "ReadScanTags", *SIGNING),
    **_for(
        "a manifest that comes before the original's receipt", "SendOrders", "on_output", "on_measurements"
    ),
    **_for("a session that owes the last thing to this event", "EndDueWork", "on_output", "on_measurements"),
    **_for(
        "which event finds an object missing is chance",
        "TellMissingFromForbidden",
        "on_output",
        "on_measurements",
    ),
    **_for("a page that vanished without a word", "ForgetClosedSockets", *SIGNING),
    **_for("an index whose events are all lost and that is small", "WriteTheIndexAndTheLake", "reconcile"),
    **_for("an index that was replaced an hour ago", "RemoveOldRevisions", "reconcile"),
    **_for("a landing that nobody completed, or whose film is home", "EndLandings", "reconcile"),
    **_for("somebody who logs in to the page", "KeepPageSessions", "api_handler"),
    **_for("somebody who shares a session", "KeepShares", "api_handler"),
    **_for("a Monday, on which weeks are summed up", "WriteSummaries", "take_stock"),
}
"""The statements, by function and Sid, that the story does not need for sure, each with what would need it.

That these are needed too is shown by the calls of each flow, in tests/infra/test_rights_used.py, or said in
docs/limits.md.
"""


def every_statement() -> set[tuple[str, str]]:
    """All statements of the policy files."""
    return {(function, each["Sid"]) for function in FUNCTIONS for each in statements(function)}


def roles(world: World) -> dict[str, str]:
    """The ARN of the role of each deployed function, by the name that Chalice gives the function's policy file."""
    deployed = world.aws.client("lambda").list_functions()["Functions"]
    return {each["Role"].rpartition(f"/{PREFIX}")[2]: each["Role"] for each in deployed}


def rights_of(world: World, role: str) -> Rights:
    """What is deployed as the policies of a role."""
    iam, name = world.aws.client("iam"), role.rpartition("/")[2]
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
    names = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return Rights.parsed(
        *(iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in names)
    )


@pytest.fixture
def guard(world: World) -> Iterator[Guard]:
    """While the test runs, the policies of every role are enforced."""
    rights = {role: rights_of(world, role) for role in roles(world).values()}
    standing: list[Guard] = []

    def stand(app: Any) -> Guard:
        standing.append(Guard(app, rights, world.aws.strict.principals))
        return standing[-1]

    world.aws.mounts.lead_through(stand)
    yield standing[0]
    world.aws.mounts.lead_through(lambda app: app)


@pytest.fixture
def session(rig: Rig) -> Iterator[Session]:
    """The session of the story; cleanup is armed while it runs."""
    arm(rig.world)
    yield Session(rig, "judged")
    arm(rig.world, is_armed=False)


def enrolled(rig: Rig) -> None:
    """A device gets its token for a code, and renews it."""
    grant = Grant(Role.DEVICE, "main", "jetson-south", None, None)
    _, _, code = enrolment.invite(rig.world.registry, grant, 3600)
    rig.token_file.unlink()
    for done in (rig.command("enroll", None, code), rig.command("rotate", None)):
        assert done.code == 0, done.said


def asked_all(session: Session, *paths: str) -> None:
    """Each of these can be read by an operator."""
    headers = {"Authorization": f"Bearer {session.token_of(Role.OPERATOR)}"}
    for path in paths:
        answer = session.rig.call("GET", path, **headers)
        assert answer.status_code == 200, (path, answer.text)


def silenced(session: Session) -> None:
    """The device of the session was last heard an hour ago."""
    records = DynamoRecords(session.world.aws.client("dynamodb"), session.world.table)
    picture = records.picture(make_session_id(session.name))
    assert picture
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    records.put_watch(
        Watch("main", picture.session.device_id, picture.session.session_id, long_ago), long_ago
    )


def tell_story(session: Session) -> None:
    """Enrol, haul, order, bring outputs, index, PROCESSED, clean, restore; and what stands around it."""
    rig, name = session.rig, session.name
    enrolled(rig)
    with camera_with(2 * PART_SIZE_BYTES) as camera:
        done = rig.haul(camera, name)
        assert done.code == 0, done.said
    body = {"bytes_down": 1, "bytes_up": 2, "rate_down_bytes_s": None, "rate_up_bytes_s": None}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    progress = {**body, "spool_bytes": 3, "disk_free_bytes": 4, "clock": now}
    assert rig.call("POST", f"/v1/sessions/{name}/progress", progress).status_code == 200
    ordered = rig.call("POST", f"/v1/sessions/{name}/order", {"required": [VIDEO, LIGHTS]})
    assert ordered.status_code == 200, ordered.text
    session.calm()
    session.reconcile()
    processor = session.token_of(Role.PROCESSOR)
    session.brought(processor, STABILISED, MADE[VIDEO])
    for artifact_id, made in MADE.items():
        session.write(artifact_id, made)
    session.calm()
    session.state(MADE)  # alone, so that the event of the manifest finds all of it
    session.calm()
    assert session.shown()["state"] == "PROCESSED"
    for path in ("/frames", "/frames/summary", "/frames/url", "/frames/report", f"/artifacts/{VIDEO}/url"):
        asked_all(session, f"/v1/sessions/{name}{path}")
    session.reconcile(2)
    assert session.shown()["state"] == "CLEANED"
    status, _ = session.asked(Role.OPERATOR, "POST", "/restore", {"reason": "the referee wants to look"})
    assert status == 200
    session.reconcile(3)
    assert session.shown()["chapters"][0]["receipt"]


def tell_the_rest(session: Session) -> None:
    """A cancelled upload, a held session, a silent device, large measurements whose event is lost, lists, stock."""
    rig, world = session.rig, session.world
    upload_id = opened(rig, "judged-undone")
    assert rig.call("DELETE", f"/v1/uploads/{upload_id}").status_code == 200
    held = Session(rig, "judged-undone")
    assert held.asked(Role.OPERATOR, "POST", "/hold", {"held": True, "reason": "look first"})[0] == 200
    silenced(held)
    large = Session(rig, "judged-large")
    world.delivery.drop()
    large.haul_and_order({"required": [LIGHTS], "parameters": {}})
    large.reconcile()
    frames = {"frames": DOCUMENT["frames"][:700]}
    large.process({LIGHTS: json.dumps(frames).encode() + b" " * INDEXED_IN_PASSING_BYTES})
    large.calm()
    world.delivery.drop(0)
    large.reconcile()
    large.calm()
    assert large.shown()["state"] == "PROCESSED"
    again = {"required": [LIGHTS], "parameters": {"again": True}}
    assert large.asked(Role.OPERATOR, "POST", "/order", again)[0] == 200
    large.process({LIGHTS: json.dumps(frames).encode() + b" "}, order=2)
    large.calm()
    large.reconcile(2)
    lists = (
        "/v1/sessions",
        "/v1/devices",
        "/v1/limits",
        "/v1/groups/match-17",
        "/v1/sessions?group=match-17",
    )
    serial = "C3501324500711"
    asked_all(
        session, *lists, "/v1/statistics", "/v1/health", "/v1/health/detail", f"/v1/cameras/{serial}/chapters"
    )
    asked_all(session, f"/v1/sessions/{session.name}/audit", f"/v1/sessions/{session.name}/artifacts")
    assert world.run_schedule("take_stock").error is None


def unrecorded(session: Session) -> None:
    """S3 completed its only upload, and the API could not record that; no event is delivered yet."""
    rig, prefix = session.rig, f"originals/main/{session.name}/"
    upload_id = sent_parts(rig, session.name, order={"required": [VIDEO]})
    session.world.chaos.fail_after("CompleteMultipartUpload", times=1000, key_prefix=prefix)
    answer = rig.call("POST", f"/v1/uploads/{upload_id}/complete", {"crc64nvme": crc_of(BODY)})
    assert answer.status_code == 503, answer.text
    session.world.chaos.clear()


def tell_of_dead_callers(session: Session) -> None:
    """An upload that the event ends, and one that the reconciler ends because the event is lost, too."""
    delivery = session.world.delivery
    heard, unheard = Session(session.rig, "judged-heard"), Session(session.rig, "judged-unheard")
    delivery.hold()
    unrecorded(heard)
    delivery.release()
    heard.calm()
    assert heard.shown()["state"] == "STORED"
    delivery.drop()
    unrecorded(unheard)
    unheard.calm()
    delivery.drop(0)
    unheard.reconcile()
    assert unheard.shown()["state"] == "STORED"


def test_the_whole_story_needs_no_right_that_a_role_has_not(session: Session, guard: Guard):
    with watching(session.rig) as page:
        tell_story(session)
        tell_of_dead_callers(session)
        tell_the_rest(session)
        assert session.name in page.heard()
    until(lambda: known_sockets(session.rig) == 0, "the socket is forgotten")
    # Who hints at a socket that just closed may forget it first; its own function comes after.
    until(lambda: "websocket_disconnect" in users(guard, "ForgetClosedSockets"), "the socket's end is heard")

    assert guard.denied == []
    assert session.world.aws.dead_letters() == []
    used = {(role.rpartition(PREFIX)[2], sid) for role, sid in guard.used}
    assert every_statement() - used - NEVER_IN_THE_STORY.keys() == set()
    assert NEVER_IN_THE_STORY.keys() - every_statement() == set()


def users(guard: Guard, sid: str) -> set[str]:
    """The functions that a statement allowed something so far."""
    return {role.rpartition(PREFIX)[2] for role, used in frozenset(guard.used) if used == sid}


def clients(world: World, role: str) -> Any:
    """Makes a client that signs with keys of the role."""
    keys = world.aws.keys_of(role)
    made = boto3.Session(
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=keys["AWS_SESSION_TOKEN"],
        region_name=server.REGION,
    )
    return lambda service: made.client(service, endpoint_url=world.aws_url, config=server.ONE_TRY)


def names_of(world: World) -> dict[str, str]:
    outputs = world.aws.outputs
    return {
        "bucket": world.bucket,
        "table": world.table,
        "orders": outputs["OrderQueue"],
        "dead_letters": outputs["DeadLetters"],
        "notifications": outputs["Notifications"],
        "reconciler": roles(world)["reconcile"],
    }


def is_denied(call: Call, client: Any, names: Mapping[str, str]) -> bool:
    try:
        getattr(client, call.method)(**call.filled(names))
    except ClientError as error:
        return error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
    return False


@pytest.mark.parametrize("function", sorted(FORBIDDEN))
def test_every_forbidden_call_of_a_role_is_denied(world: World, guard: Guard, function: str):
    role, names = roles(world)[function], names_of(world)
    client_of = cache(clients(world, role))

    wrong = []
    for call in FORBIDDEN[function]:
        before = len(guard.denied)
        denied = is_denied(call, client_of(call.service), names)
        lacking = [each.action for each in guard.denied[before:] if each.role == role]
        if not denied or lacking != [call.right]:
            wrong.append((call, denied, lacking))

    assert wrong == []


def test_every_deployed_function_has_a_row_of_forbidden_calls(world: World):
    assert set(FORBIDDEN) == set(roles(world))
    assert min(len(set(map(str, calls))) for calls in FORBIDDEN.values()) >= 40
