"""Who may call what: one table of routes and callers, then the token and the version by themselves."""

import pytest

from chalicelib.core import tokens
from chalicelib.core.tokens import Role
from chalicelib.flows import devices
from chalicelib.web.routing import Route
from tests.support.builders import DEVICE_ID
from tests.web.calls import CALLS
from tests.web.client import SECRET, Caller, Deployment, app_over, with_token
from tests.web.contract import ROUTES, route_of
from tests.web.principals import CALLERS, LOGGED_IN, ROLES, headers_of
from tests.web.usual import ARTIFACT_ID, CHAPTERS, SESSION, opened, picture_of, with_parts

# A device that puts a session of this name in another project opens one of its own there: 201. A list that is of the
# caller's project alone is 200 to everybody, and empty to some.
TABLE = """
call              | no  bad unk sec rev exp | own dev dvX dvP | prc prX prA | opr opX opA | vwr vwX vwA | opC vwC | lnk shC shX
put session       | 401 401 401 401 401 401 | 200 404 201 201 | 403 403 403 | 400 400 400 | 403 403 403 | 400 403 | 403 403 403
upload pass       | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 201 201 201 | 403 403 403 | 201 403 | 403 403 403
get session       | 401 401 401 401 401 401 | 200 404 404 404 | 200 404 200 | 200 404 200 | 200 404 200 | 200 200 | 403 200 404
open upload       | 401 401 401 401 401 401 | 200 404 404 404 | 403 404 403 | 403 404 403 | 403 403 403 | 403 403 | 403 403 403
progress          | 401 401 401 401 401 401 | 200 404 404 404 | 403 403 403 | 403 403 403 | 403 403 403 | 403 403 | 403 403 403
part urls         | 401 401 401 401 401 401 | 200 404 404 404 | 403 404 403 | 403 404 403 | 403 403 403 | 403 403 | 403 403 403
get upload        | 401 401 401 401 401 401 | 200 404 404 404 | 200 404 200 | 200 404 200 | 200 404 200 | 200 200 | 403 403 403
complete          | 401 401 401 401 401 401 | 200 404 404 404 | 403 404 403 | 403 404 403 | 403 403 403 | 403 403 | 403 403 403
cancel            | 401 401 401 401 401 401 | 200 404 404 404 | 403 404 403 | 403 404 403 | 403 403 403 | 403 403 | 403 403 403
order             | 401 401 401 401 401 401 | 200 404 404 404 | 403 403 403 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
failure           | 401 401 401 401 401 401 | 403 403 403 403 | 200 404 200 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
hold              | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
artifacts         | 401 401 401 401 401 401 | 200 404 404 404 | 200 404 200 | 200 404 200 | 200 404 200 | 200 200 | 403 200 404
artifact url      | 401 401 401 401 401 401 | 403 403 403 403 | 200 404 200 | 200 404 200 | 200 404 200 | 200 200 | 403 200 404
restore           | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
frames            | 401 401 401 401 401 401 | 403 403 403 403 | 200 404 200 | 200 404 200 | 200 404 200 | 200 200 | 403 200 404
summary           | 401 401 401 401 401 401 | 403 403 403 403 | 200 404 200 | 200 404 200 | 200 404 200 | 200 200 | 403 200 404
frames url        | 401 401 401 401 401 401 | 403 403 403 403 | 200 404 200 | 200 404 200 | 200 404 200 | 200 200 | 403 200 404
report            | 401 401 401 401 401 401 | 403 403 403 403 | 200 404 200 | 200 404 200 | 200 404 200 | 200 200 | 403 200 404
open output       | 401 401 401 401 401 401 | 403 404 404 404 | 200 404 200 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
output urls       | 401 401 401 401 401 401 | 403 404 404 404 | 200 404 200 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
complete output   | 401 401 401 401 401 401 | 403 404 404 404 | 200 404 200 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
cancel output     | 401 401 401 401 401 401 | 403 404 404 404 | 200 404 200 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
put films         | 401 401 401 401 401 401 | 404 404 201 201 | 403 403 403 | 200 201 200 | 403 403 403 | 200 403 | 403 403 403
open film         | 401 401 401 401 401 401 | 404 404 404 404 | 403 404 403 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
film urls         | 401 401 401 401 401 401 | 404 404 404 404 | 403 404 403 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
complete film     | 401 401 401 401 401 401 | 404 404 404 404 | 403 404 403 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
cancel film       | 401 401 401 401 401 401 | 404 404 404 404 | 403 404 403 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
withdraw film     | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
known chapters    | 401 401 401 401 401 401 | 200 200 200 200 | 200 200 200 | 200 200 200 | 200 200 200 | 200 200 | 403 403 403
proof urls        | 401 401 401 401 401 401 | 200 200 404 404 | 403 403 403 | 403 403 403 | 403 403 403 | 403 403 | 403 403 403
evidence          | 401 401 401 401 401 401 | 200 404 404 404 | 403 403 403 | 403 403 403 | 403 403 403 | 403 403 | 403 403 403
sessions          | 401 401 401 401 401 401 | 200 200 200 200 | 200 200 200 | 200 200 200 | 200 200 200 | 200 200 | 403 403 403
group             | 401 401 401 401 401 401 | 200 200 200 200 | 200 200 200 | 200 200 200 | 200 200 200 | 200 200 | 403 403 403
overview          | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 200 200 200 | 200 200 200 | 200 200 | 403 403 403
statistics        | 401 401 401 401 401 401 | 403 403 403 403 | 200 200 200 | 200 200 200 | 200 200 200 | 200 200 | 403 403 403
enrol             | 201 201 201 201 201 201 | 201 201 201 201 | 201 201 201 | 201 201 201 | 201 201 201 | 201 201 | 201 201 201
rotate            | 401 401 401 401 401 401 | 201 201 201 201 | 201 201 201 | 201 201 201 | 403 403 403 | 401 401 | 403 401 401
log in            | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 201 201 201 | 201 201 201 | 401 401 | 201 401 401
get login         | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 401 401 401 | 401 401 401 | 200 200 | 403 200 200
log out           | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 401 401 401 | 401 401 401 | 204 204 | 403 204 204
push ticket       | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 201 201 201 | 201 201 201 | 201 201 | 403 201 201
share             | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 201 404 201 | 403 403 403 | 201 403 | 403 403 403
shares            | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
revoke share      | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
health            | 200 200 200 200 200 200 | 200 200 200 200 | 200 200 200 | 200 200 200 | 200 200 200 | 200 200 | 200 200 200
health detail     | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 200 200 200 | 200 200 200 | 200 200 | 403 403 403
devices           | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 200 200 200 | 200 200 200 | 200 200 | 403 403 403
limits            | 401 401 401 401 401 401 | 200 200 200 200 | 200 200 200 | 200 200 200 | 200 200 200 | 200 200 | 403 403 403
audit             | 401 401 401 401 401 401 | 403 403 403 403 | 403 403 403 | 200 404 200 | 403 403 403 | 200 403 | 403 403 403
openapi           | 200 200 200 200 200 200 | 200 200 200 200 | 200 200 200 | 200 200 200 | 200 200 200 | 200 200 | 200 200 200
docs              | 200 200 200 200 200 200 | 200 200 200 200 | 200 200 200 | 200 200 200 | 200 200 200 | 200 200 | 200 200 200
"""  # noqa: E501  # a column for each kind of caller

MATRIX: dict[str, dict[str, int]] = {
    name.strip(): dict(zip(CALLERS, map(int, cells.replace("|", " ").split()), strict=True))
    for name, _, cells in (line.partition("|") for line in TABLE.strip().splitlines()[1:])
}
"""The status of each call for each caller."""


def test_no_route_is_left_out():
    called = [route_of(call.method, call.path) for call in CALLS.values()]

    assert {id(route) for route in called} == {id(route) for route in ROUTES}
    assert list(MATRIX) == list(CALLS)
    assert TABLE.split("\n")[1].replace("|", " ").split()[1:] == list(CALLERS)


@pytest.mark.parametrize("call", CALLS)
def test_a_route_says_which_roles_may_call_it(call: str):
    route = route_of(CALLS[call].method, CALLS[call].path)
    assert route

    for role, callers in ROLES.items():
        statuses = {MATRIX[call][caller] for caller in callers}
        if role not in route.roles and route.roles:
            assert statuses == {403}
    if not route.roles:
        assert set(MATRIX[call].values()) <= {200, 201}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_each_role_of_a_route_succeeds_with_some_call_of_it(route: Route):
    of_it = [MATRIX[name] for name, call in CALLS.items() if route_of(call.method, call.path) is route]

    for role in route.roles:
        assert any(row[caller] < 300 for row in of_it for caller in (*ROLES[role], *LOGGED_IN.get(role, ())))


ABOUT_ACCESS = {"/v1/sessions/{session_id}/audit", "/v1/sessions/{session_id}/shares"}
"""What operators read and viewers do not: who did what, and who was let in."""

OWN_LOGIN = {"/v1/login", "/v1/push-tickets"}
"""Where those who only look send something: it changes nothing but their own page's connection."""


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_viewer_reads_what_an_operator_reads_and_sends_no_change(route: Route):
    is_for_viewers = Role.VIEWER in route.roles

    if route.path in OWN_LOGIN:
        assert is_for_viewers
    elif route.method != "GET":
        assert not is_for_viewers
        assert Role.SHARE not in route.roles
    elif Role.OPERATOR in route.roles:
        assert is_for_viewers is (route.path not in ABOUT_ACCESS)


@pytest.mark.parametrize("call", CALLS)
def test_each_caller_may_do_exactly_what_is_his(call: str):
    for column, expected in MATRIX[call].items():
        ports = CALLS[call].world()
        headers = headers_of(column, ports) | {"Reelhaul-Client-Version": "0.1.0"}
        before = picture_of(ports)

        answer = Caller(app_over(ports), headers).call(*CALLS[call].said)

        assert answer.status == expected, column
        if expected >= 400:
            assert answer.problem[0] == expected, column
        if expected != 200:
            assert picture_of(ports) == before, column


@pytest.mark.parametrize("column", [name for name in CALLERS if MATRIX["known chapters"][name] == 200])
def test_of_a_camera_each_caller_knows_what_his_project_hauled_and_no_more(column: str):
    ports = with_parts()
    headers = headers_of(column, ports) | {"Reelhaul-Client-Version": "0.1.0"}

    known = Caller(app_over(ports), headers).call("GET", CHAPTERS).document

    is_of_it = "another project" not in CALLERS[column]
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
@pytest.mark.parametrize("role", [Role.PROCESSOR, Role.OPERATOR, Role.VIEWER])
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
