"""Who may call what: one table of routes and callers, then the token and the version by themselves."""

import re
from collections.abc import Callable

import pytest

from chalicelib.core import tokens
from chalicelib.core.ids import DeviceId
from chalicelib.core.tokens import ALL_PROJECTS, Role
from chalicelib.flows import devices
from chalicelib.web import api
from tests.support import story
from tests.support.builders import DEVICE_ID, MemoryPorts
from tests.support.memory import START
from tests.web.client import SECRET, Caller, Deployment, app_over, with_token
from tests.web.usual import (
    ARTIFACT_ID,
    CHAPTERS,
    CONFIRMED,
    FAILURE,
    HOLD,
    OPENED,
    OPENED_OUTPUT,
    ORDER,
    PART_URLS,
    PROGRESS,
    PROOF_URLS,
    RESTORE,
    SESSION,
    UPLOAD,
    making,
    opened,
    picture_of,
    stored,
    with_parts,
)

ROUTES: dict[str, tuple[str, str, object]] = {
    "put session": ("PUT", SESSION, CONFIRMED),
    "get session": ("GET", SESSION, None),
    "open upload": ("POST", f"{SESSION}/uploads", OPENED),
    "progress": ("POST", f"{SESSION}/progress", PROGRESS),
    "part urls": ("POST", f"{UPLOAD}/part-urls", PART_URLS),
    "get upload": ("GET", UPLOAD, None),
    "complete": ("POST", f"{UPLOAD}/complete", {}),
    "cancel": ("DELETE", UPLOAD, None),
    "order": ("POST", f"{SESSION}/order", ORDER),
    "failure": ("POST", f"{SESSION}/failure", FAILURE),
    "hold": ("POST", f"{SESSION}/hold", HOLD),
    "artifacts": ("GET", f"{SESSION}/artifacts", None),
    "artifact url": ("GET", f"{SESSION}/artifacts/{ARTIFACT_ID}/url", None),
    "restore": ("POST", f"{SESSION}/restore", RESTORE),
    "frames": ("GET", f"{SESSION}/frames", None),
    "summary": ("GET", f"{SESSION}/frames/summary", None),
    "frames url": ("GET", f"{SESSION}/frames/url", None),
    "report": ("GET", f"{SESSION}/frames/report", None),
    "open output": ("POST", f"{SESSION}/uploads", OPENED_OUTPUT),
    "output urls": ("POST", f"{UPLOAD}/part-urls", PART_URLS),
    "complete output": ("POST", f"{UPLOAD}/complete", {}),
    "cancel output": ("DELETE", UPLOAD, None),
    "known chapters": ("GET", CHAPTERS, None),
    "proof urls": ("POST", f"{SESSION}/artifacts/{ARTIFACT_ID}/proof-urls", PROOF_URLS),
}


def measured() -> MemoryPorts:
    return story.processed([story.LIGHTS])


WORLDS: dict[str, Callable[[], MemoryPorts]] = {
    "artifact url": stored,
    "proof urls": stored,
    "restore": story.cleaned,
    "frames": measured,
    "summary": measured,
    "frames url": measured,
    "report": measured,
    **dict.fromkeys(("open output", "output urls", "complete output", "cancel output"), making),
}
"""Where else than with an open upload a call is made."""

# of the device:  put  get  open prog urls get  comp cancel; then order fail hold artifacts url;
# then restore frames summary frames-url report; of an output: open urls comp cancel; at last known chapters, which are
# none for some, and proof urls
NOBODY = (401,) * 24
STRANGER = (*(404,) * 8, 404, 403, 403, 404, 404, 403, *(404,) * 4, 403, 404, 404, 404, 200, 404)
NEIGHBOUR = (*STRANGER[:-1], 200)
STRANGE_DEVICE = (201, *STRANGER[1:])
"""Of another project: what it names so is another session, its own and new."""
STRANGE_READER = (403, 404, 403, 403, 404, 404, 404, 404)
READER = (403, 200, 403, 403, 403, 200, 403, 403)
PROCESSOR = (*READER, 403, 200, 403, 200, 200, 403, *(200,) * 9, 403)
STRANGE_PROCESSOR = (*STRANGE_READER, 403, 404, 403, 404, 404, 403, *(404,) * 8, 200, 403)
OPERATOR = (*READER, *(200,) * 15, 403)
STRANGE_OPERATOR = (*STRANGE_READER, *(404,) * 14, 200, 403)
ITS_DEVICE = (*(200,) * 8, 200, 403, 403, 200, 200, 403, *(200,) * 4, *(403,) * 4, 200, 200)

MATRIX = {
    "no token": NOBODY,
    "malformed token": NOBODY,
    "unknown token": NOBODY,
    "wrong secret": NOBODY,
    "revoked token": NOBODY,
    "device of another project": STRANGE_DEVICE,
    "device of the same project": NEIGHBOUR,
    "the device of another project's token": STRANGE_DEVICE,
    "processor": PROCESSOR,
    "operator": OPERATOR,
    "processor of another project": STRANGE_PROCESSOR,
    "operator of another project": STRANGE_OPERATOR,
    "processor of all projects": PROCESSOR,
    "operator of all projects": OPERATOR,
    "the session's device": ITS_DEVICE,
}


def headers_of(caller: str, ports: MemoryPorts) -> dict[str, str]:
    """What this caller sends."""
    records = ports.records
    elsewhere = DeviceId("d_elsewhere")
    match caller:
        case "no token":
            return {}
        case "malformed token":
            return {"Authorization": "Bearer nonsense"}
        case "unknown token":
            return {"Authorization": f"Bearer t_unknown.{SECRET}"}
        case "wrong secret":
            return {
                "Authorization": with_token(records, Role.DEVICE, device_id=DEVICE_ID)["Authorization"] + "x"
            }
        case "revoked token":
            return with_token(records, Role.DEVICE, device_id=DEVICE_ID, revoked_at=START)
        case "device of another project":
            return with_token(records, Role.DEVICE, "other", elsewhere)
        case "device of the same project":
            return with_token(records, Role.DEVICE, "main", elsewhere)
        case "the device of another project's token":
            return with_token(records, Role.DEVICE, "other", DEVICE_ID)
        case "the session's device":
            return with_token(records, Role.DEVICE, "main", DEVICE_ID)
        case _:
            role, _, of = caller.partition(" of ")
            projects = {"": "main", "another project": "other", "all projects": ALL_PROJECTS}
            return with_token(records, Role(role), projects[of])


def test_no_route_is_left_out():
    told = {
        (method, re.sub(r"/(sessions|uploads|artifacts|cameras)/[^/]+", r"/\1/*", path))
        for method, path, _ in ROUTES.values()
    }
    served = [route for subject in api.SUBJECTS for route in subject.ROUTES]

    assert told == {(route.method, re.sub(r"{\w+}", "*", route.path)) for route in served if route.roles}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("caller", MATRIX)
def test_each_caller_may_do_exactly_what_is_his(caller: str, route: str):
    ports = WORLDS.get(route, with_parts)()
    headers = headers_of(caller, ports) | {"Reelhaul-Client-Version": "0.1.0"}
    before = picture_of(ports)

    answer = Caller(app_over(ports), headers).call(*ROUTES[route])

    expected = MATRIX[caller][list(ROUTES).index(route)]
    assert answer.status == expected
    if expected >= 400:
        assert answer.problem[0] == expected
    if expected != 200:
        assert picture_of(ports) == before


@pytest.mark.parametrize("caller", [name for name, row in MATRIX.items() if row is not NOBODY])
def test_of_a_camera_each_caller_knows_what_his_project_hauled_and_no_more(caller: str):
    ports = with_parts()
    headers = headers_of(caller, ports) | {"Reelhaul-Client-Version": "0.1.0"}

    known = Caller(app_over(ports), headers).call("GET", CHAPTERS).document

    is_of_it = "another project" not in caller
    assert [each["artifact_id"] for each in known["chapters"]] == [ARTIFACT_ID] * is_of_it
    assert known["cursor"] is None


def test_what_lies_outside_a_token_reads_like_what_does_not_exist():
    ports = opened()
    stranger = Caller(app_over(ports), with_token(ports.records, Role.OPERATOR, "other"))

    outside = stranger.call("GET", SESSION)
    absent = stranger.call("GET", "/v1/sessions/never-heard-of")

    assert outside.said == absent.said


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Basic t_a.{SECRET}",
        f"t_a.{SECRET}",
        "Bearer t_a",
        "Bearer t_a.",
        f"Bearer a.{SECRET}",
        f"Bearer  t_a.{SECRET}",
        f"Bearer t_ä.{SECRET}",
        f"Bearer t_a.{'s' * 300}",
        "Bearer t_a.\x00",
    ],
)
def test_a_token_that_is_none_is_not_authenticated(header: str):
    answer = Caller(app_over(opened()), {"Authorization": header}).call("GET", SESSION)

    assert answer.problem == (401, "not-authenticated", "stop")
    assert SECRET not in answer.body.decode()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(scheme: str):
    ports = opened()
    written = with_token(ports.records, Role.OPERATOR)["Authorization"].removeprefix("Bearer ")

    answer = Caller(app_over(ports), {"authorization": f"{scheme} {written}"}).call("GET", SESSION)

    assert answer.status == 200


@pytest.mark.parametrize("scheme", ["Basic", "Token", "Bearer:"])
def test_a_good_token_in_another_scheme_is_none(scheme: str):
    ports = opened()
    written = with_token(ports.records, Role.OPERATOR)["Authorization"].removeprefix("Bearer ")

    answer = Caller(app_over(ports), {"Authorization": f"{scheme} {written}"}).call("GET", SESSION)

    assert answer.status == 401


@pytest.mark.parametrize("version", ["1.2.3", "1.2.4", "1.3.0", "2.0.0", "10.0.0", "1.10.0"])
def test_a_device_of_the_minimum_version_or_later_is_served(version: str):
    assert asked_by_device(version).status == 200


@pytest.mark.parametrize("version", ["1.2.2", "1.1.9", "0.9.9", "0.0.0", None])
def test_a_device_below_the_minimum_or_without_a_version_is_told_what_to_install(version: str | None):
    answer = asked_by_device(version)

    assert answer.problem == (426, "client-too-old", "stop")
    assert answer.document["minimum_version"] == "1.2.3"


@pytest.mark.parametrize(
    "version",
    [
        "",
        "1",
        "1.2",
        "1.2.3.4",
        "1.2.x",
        "v1.2.3",
        "1.2.3\n",
        "-1.2.3",
        "1.2.3rc1",
        "1.2.999999",
        "\u0661.\u0662.\u0663",
    ],
)
def test_a_version_that_is_none_is_refused(version: str):
    assert asked_by_device(version).problem == (400, "invalid-request", "stop")


@pytest.mark.parametrize("version", [None, "0.0.1", "9.0.0"])
@pytest.mark.parametrize("role", [Role.PROCESSOR, Role.OPERATOR])
def test_others_than_devices_have_versions_of_their_own(role: Role, version: str | None):
    ports = opened()
    headers = with_token(ports.records, role) | ({"Reelhaul-Client-Version": version} if version else {})

    assert Caller(app_over(ports, Deployment("1.2.3")), headers).call("GET", SESSION).status == 200


def test_who_is_unknown_learns_nothing_of_versions():
    answer = Caller(app_over(opened()), {"Reelhaul-Client-Version": "nonsense"}).call("GET", SESSION)

    assert answer.status == 401


def test_a_revoked_token_works_until_it_is_revoked():
    ports = opened()
    headers = with_token(ports.records, Role.OPERATOR)
    caller = Caller(app_over(ports), headers)
    token_id, _ = tokens.parsed(headers["Authorization"].removeprefix("Bearer "))
    assert caller.call("GET", SESSION).status == 200

    devices.revoke(ports, token_id)

    assert caller.call("GET", SESSION).status == 401


def asked_by_device(version: str | None):
    """The answer to a device of this version, where 1.2.3 is the minimum."""
    ports = opened()
    headers = with_token(ports.records, Role.DEVICE, device_id=DEVICE_ID)
    headers |= {} if version is None else {"Reelhaul-Client-Version": version}
    return Caller(app_over(ports, Deployment("1.2.3")), headers).call("GET", SESSION)
