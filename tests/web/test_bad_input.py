"""Bad input gets a problem that says what and what to do: never a 500, and nothing is lost by it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.core.parts import PartPlan
from chalicelib.core.picture import Picture
from chalicelib.core.tokens import Role
from tests.support import story
from tests.support.builders import (
    SESSION_ID,
    SESSION_NAME,
    MemoryPorts,
    make_chapter,
    make_session,
    make_session_id,
    make_upload,
    memory_ports,
)
from tests.support.faults import Fault, faulty
from tests.web.client import Answer, Caller, caller_of, device_of
from tests.web.usual import (
    ARTIFACT_ID,
    CAMERA,
    CHAPTER,
    CONFIRMED,
    EVIDENCE,
    FAILURE,
    HOLD,
    OPENED,
    ORDER,
    PART_URLS,
    PROGRESS,
    PROOF_URLS,
    RESTORE,
    SESSION,
    UPLOAD,
    WHOLE,
    making,
    opened,
    picture_of,
    with_parts,
)

UNKNOWN = "/v1/sessions/unknown"

BODIES: dict[str, tuple[str, str, Any]] = {
    "put session": ("PUT", SESSION, CONFIRMED),
    "open upload": ("POST", f"{SESSION}/uploads", OPENED),
    "progress": ("POST", f"{SESSION}/progress", PROGRESS),
    "part urls": ("POST", f"{UPLOAD}/part-urls", PART_URLS),
    "complete": ("POST", f"{UPLOAD}/complete", {"crc64nvme": WHOLE}),
    "put order": ("PUT", UNKNOWN, {**CONFIRMED, "order": ORDER}),
    "order": ("POST", f"{SESSION}/order", ORDER),
    "failure": ("POST", f"{SESSION}/failure", {**FAILURE, "order": 1}),
    "hold": ("POST", f"{SESSION}/hold", HOLD),
    "restore": ("POST", f"{SESSION}/restore", RESTORE),
    "proof urls": ("POST", f"{SESSION}/artifacts/{ARTIFACT_ID}/proof-urls", PROOF_URLS),
    "evidence": ("POST", f"{SESSION}/artifacts/{ARTIFACT_ID}/evidence", EVIDENCE),
}
"""A good body for every call; with "put order" for a session that would be new."""

WITH_SESSION = {
    "put session": ("PUT", "/v1/sessions/{}", CONFIRMED),
    "get session": ("GET", "/v1/sessions/{}", None),
    "open upload": ("POST", "/v1/sessions/{}/uploads", OPENED),
    "progress": ("POST", "/v1/sessions/{}/progress", PROGRESS),
    "order": ("POST", "/v1/sessions/{}/order", ORDER),
    "failure": ("POST", "/v1/sessions/{}/failure", FAILURE),
    "hold": ("POST", "/v1/sessions/{}/hold", HOLD),
    "restore": ("POST", "/v1/sessions/{}/restore", RESTORE),
    "frames": ("GET", "/v1/sessions/{}/frames", None),
    "summary": ("GET", "/v1/sessions/{}/frames/summary", None),
    "frames url": ("GET", "/v1/sessions/{}/frames/url", None),
    "report": ("GET", "/v1/sessions/{}/frames/report", None),
    "artifacts": ("GET", "/v1/sessions/{}/artifacts", None),
    "artifact url": ("GET", f"/v1/sessions/{{}}/artifacts/{ARTIFACT_ID}/url", None),
    "proof urls": ("POST", f"/v1/sessions/{{}}/artifacts/{ARTIFACT_ID}/proof-urls", PROOF_URLS),
    "evidence": ("POST", f"/v1/sessions/{{}}/artifacts/{ARTIFACT_ID}/evidence", EVIDENCE),
}

WITH_UPLOAD = {
    "part urls": ("POST", "/v1/uploads/{}/part-urls", PART_URLS),
    "get upload": ("GET", "/v1/uploads/{}", None),
    "complete": ("POST", "/v1/uploads/{}/complete", {"crc64nvme": WHOLE}),
    "cancel": ("DELETE", "/v1/uploads/{}", None),
}

NO_ID = (
    "..",
    ".",
    "%2e%2e",
    "..%2f..%2foriginals",
    "a%2Fb",
    "a\\b",
    "a%00b",
    "a\x00b",
    "\x7f",
    "%0a",
    "%41",
    " ",
    "a b",
    "-a",
    "_a",
    "ä",
    "%C3%A4",
    "a" * 101,
    "a" * 300,
    "a" * 3000,
    "*",
    "{session_id}",
)

NOT_A_BODY = {
    "empty": b"",
    "blank": b"  \n",
    "no JSON": b"camera=1",
    "cut off": b'{"camera": ',
    "two documents": b"{} {}",
    "not UTF-8": b'{"camera": "\xff\xfe"}',
    "UTF-16": '{"camera": 1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "replaced by the gateway": '{"camera": "\ufffd"}'.encode(),
    "lone surrogate": b'{"artifact_id": "\\ud800", "crc64nvme": "\\ud800"}',
    "a list": b"[]",
    "a list of objects": b"[{}]",
    "null": b"null",
    "true": b"true",
    "a number": b"7",
    "a text": b'"camera"',
    "NaN": b'{"size_bytes": NaN}',
    "Infinity": b'{"bytes_down": Infinity}',
    "unknown field": b'{"unheard_of": 1}',
    "deep list": b"[" * 100_000,
    "deep object": b'{"camera":' * 50_000,
    "deep unknown field": b'{"unheard_of": ' + b"[" * 100_000,
    "deep known field": b'{"parts": ' + b"[" * 100_000,
    "huge number": b'{"size_bytes": ' + b"9" * 100_000 + b"}",
    "huge field name": b'{"' + b"x" * 1_000_000 + b'": 1}',
    "control character": b'{"crc64nvme": "\x01"}',
    "deep parameters": b'{"required": ["output.a"], "parameters": {"a": ' + b"[" * 100_000,
    "deep parameters to their end": b'{"required": ["output.a"], "parameters": {"a": %s}}'
    % (b"[" * 5_000 + b"]" * 5_000),
    "huge parameter": b'{"required": ["output.a"], "parameters": {"a": ' + b"9" * 100_000 + b"}}",
}


def deep(levels: int) -> Any:
    """Objects within objects, so many levels of them."""
    return {"a": deep(levels - 1)} if levels > 1 else {}


NO_COUNT: tuple[Any, ...] = (-1, 2**63, 2**64, 10**30, 1.0, 1.5, 1e300, "1", True, [], {})
NO_SIZE = (0, None, *NO_COUNT)
NO_TEXT: tuple[Any, ...] = (1, True, [], {}, ["a"], "\x00", "a\nb", "a" * 201, "a" * 100_000)
NO_CRC = ("", "AAAA", "rosUhgp5mIg", "rosUhgp5mIg=\n", "=" * 12, "rosUhgp5mIh=", "ä" * 12, *NO_TEXT)
NO_MOMENT = (
    None,
    0,
    "",
    "now",
    "2026-11-21",
    "2026-11-21T10:18:00",
    "2026-13-41T10:18:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
)

NO_EPOCH: tuple[Any, ...] = (2**63, -(2**63), 10**30, 1.5, "1", True, [])
NO_NAME = (None, "", "..", "../../etc", "a/b.MP4", "a\\b.MP4", *NO_TEXT)

NO_REQUIRED: tuple[Any, ...] = (None, {}, "output.a", [None], [1], [[]])
NO_REQUIRED_ID = (
    None,
    "",
    "output",
    "output.",
    "output.-a",
    "output.a/b",
    "output.ä",
    "output." + "a" * 101,
    "Output.a",
    "original.100GOPRO.GX010038.MP4",
    "intermediate.a",
    "output.manifest.json",
    *NO_TEXT,
)
NO_ARTIFACT_ID = (
    "",
    "original",
    "output",
    "output.",
    "output.-a",
    "output.a/b",
    "output.../a",
    "output.ä",
    "output." + "a" * 101,
    "output.manifest.json",
    "Output.a",
    "index.a",
    "a",
    *NO_TEXT,
)
NO_PARAMETERS: tuple[Any, ...] = (None, [], "", "{}", 1, {"a": "x" * 16_400}, deep(21), deep(900))
NO_REASON: tuple[Any, ...] = (1, True, [], {}, "", "\x00", "a\tb", "a\rb", "a\x1bb", "a\x7fb", "a" * 501)

VALUES: dict[str, dict[tuple[str | int, ...], tuple[Any, ...]]] = {
    "put session": {
        ("camera",): (None, [], "C3501324500711", 1),
        ("camera", "serial"): (None, "", " ", "a-b", "ä", "a" * 41, *NO_TEXT),
        ("camera", "model"): NO_TEXT,
        ("camera", "firmware"): NO_TEXT,
        ("camera", "unheard_of"): (1, None),
        ("group",): ("", "a" * 101, *NO_TEXT),
        ("chapters",): ([], {}, None, 1, "GX", [None], [[CHAPTER]], [CHAPTER, CHAPTER]),
        ("chapters", 0, "directory"): (
            "100GOPRO/",
            "100GOPR",
            "100GOPROX",
            "\uff11\uff10\uff10GOPRO",
            *NO_NAME,
        ),
        ("chapters", 0, "filename"): ("GX.JPG", "a" * 97 + ".MP4", *NO_NAME),
        ("chapters", 0, "size_bytes"): (10**18, *NO_SIZE),
        ("chapters", 0, "created"): NO_EPOCH,
        ("chapters", 0, "modified"): NO_EPOCH,
        ("chapters", 0, "etag"): NO_TEXT,
        ("chapters", 0, "gumi"): NO_TEXT,
        ("chapters", 0, "unfinished"): (None, 0, 1, "true", "", [], {}),
        ("chapters", 0, "trailing_bytes"): (
            None,
            25,
            26,
            *NO_COUNT,
        ),
        ("chapters", 0, "unheard_of"): (1, None),
        ("unheard_of",): (1, None),
    },
    "open upload": {
        ("artifact_id",): ("original.100GOPRO.GX990038.MP4", "original.", *NO_ARTIFACT_ID, *NO_NAME),
        ("size_bytes",): NO_SIZE,
        ("part_size_bytes",): (0, *NO_COUNT),
        ("key",): ("originals/of/another",),
    },
    "progress": {
        ("bytes_down",): (None, *NO_COUNT),
        ("bytes_up",): (None, *NO_COUNT),
        ("rate_down_bytes_s",): NO_COUNT,
        ("rate_up_bytes_s",): NO_COUNT,
        ("spool_bytes",): (None, *NO_COUNT),
        ("disk_free_bytes",): (None, *NO_COUNT),
        ("clock",): NO_MOMENT,
        ("unheard_of",): (1, None),
    },
    "part urls": {
        ("parts",): ([], {}, None, 1, [None], [[]], [PART_URLS["parts"][0]] * 2),
        ("parts", 0, "number"): (4, 10_001, *NO_SIZE),
        ("parts", 0, "crc64nvme"): (None, *NO_CRC),
        ("parts", 0, "unheard_of"): (1, None),
        ("unheard_of",): (1, None),
    },
    "complete": {("crc64nvme",): NO_CRC, ("unheard_of",): (1, None)},
    "put order": {
        ("order",): ([], "output.a", 1, True),
        ("order", "required"): NO_REQUIRED,
        ("order", "required", 0): NO_REQUIRED_ID,
        ("order", "parameters"): NO_PARAMETERS,
        ("order", "unheard_of"): (1, None),
    },
    "order": {
        ("required",): NO_REQUIRED,
        ("required", 0): NO_REQUIRED_ID,
        ("parameters",): NO_PARAMETERS,
        ("unheard_of",): (1, None),
    },
    "failure": {
        ("reason",): (None, *NO_REASON),
        ("order",): (0, *NO_COUNT),
        ("unheard_of",): (1, None),
    },
    "hold": {
        ("held",): (None, 0, 1, "true", "", [], {}),
        ("reason",): (None, *NO_REASON),
        ("unheard_of",): (1, None),
    },
    "restore": {
        ("reason",): (None, *NO_REASON),
        ("artifacts",): ([], {}, "output.a", 1, True, [[]], [ARTIFACT_ID, ARTIFACT_ID]),
        ("artifacts", 0): (None, "original.100GOPRO.GX990038.MP4", "original.", *NO_ARTIFACT_ID),
        ("unheard_of",): (1, None),
    },
    "evidence": {
        ("size_bytes",): NO_SIZE,
        ("crc64nvme",): (None, *NO_CRC),
        ("xxh128",): (None, "", "ab", "AB" * 16, "zz" * 16, "ab" * 17, f"{'ab' * 16}\n", *NO_TEXT),
        ("read_at",): NO_MOMENT,
        ("unheard_of",): (1, None),
    },
    "proof urls": {
        ("ranges",): ({}, None, 1, [None], [[]], "bytes=0-9"),
        ("ranges", 0, "first"): (None, *NO_COUNT),
        ("ranges", 0, "size_bytes"): NO_SIZE,
        ("ranges", 0, "unheard_of"): (1, None),
        ("unheard_of",): (1, None),
    },
}

REQUIRED: dict[str, list[tuple[str | int, ...]]] = {
    "put session": [
        ("camera",),
        ("camera", "serial"),
        ("chapters",),
        *(("chapters", 0, name) for name in ("directory", "filename", "size_bytes")),
    ],
    "open upload": [("artifact_id",), ("size_bytes",)],
    "progress": [
        ("bytes_down",),
        ("bytes_up",),
        ("spool_bytes",),
        ("disk_free_bytes",),
        ("clock",),
    ],
    "part urls": [("parts",), ("parts", 0, "number"), ("parts", 0, "crc64nvme")],
    "put order": [("order", "required")],
    "order": [("required",)],
    "failure": [("reason",)],
    "hold": [("held",), ("reason",)],
    "restore": [("reason",)],
    "evidence": [("size_bytes",), ("crc64nvme",), ("xxh128",), ("read_at",)],
    "proof urls": [("ranges",), ("ranges", 0, "first"), ("ranges", 0, "size_bytes")],
}


def changed(document: Any, place: tuple[str | int, ...], value: Any) -> Any:
    """`document` with `value` at `place`."""
    if not place:
        return value
    first, *rest = place
    inner = document[first] if isinstance(first, int) else document.get(first)
    below = changed(inner, tuple(rest), value)
    if isinstance(first, int):
        return [*document[:first], below, *document[first + 1 :]]
    return {**document, first: below}


def without(document: Any, place: tuple[str | int, ...]) -> Any:
    """`document` without what stands at `place`."""
    *above, last = place
    inner = document
    for step in above:
        inner = inner[step]
    return changed(document, tuple(above), {name: value for name, value in inner.items() if name != last})


def everything(ports: MemoryPorts) -> tuple[Any, ...]:
    """All that could be lost: the record, the parts, the open multipart uploads."""
    upload = make_upload()
    return (
        ports.records.picture(SESSION_ID),
        ports.records.picture(make_session_id("unknown")),
        ports.objects.parts(upload.key, upload.multipart_id),
        list(ports.objects.multiparts("")),
    )


def is_an_operators(path: str) -> bool:
    return path.endswith(("/failure", "/hold", "/restore", "/url")) or "/frames" in path


def who_may(ports: MemoryPorts, path: str) -> Caller:
    """Somebody whose role may make this call."""
    return caller_of(ports, Role.OPERATOR) if is_an_operators(path) else device_of(ports)


class Refusing:
    """A world whose calls are refused, one after another, and change nothing."""

    def __init__(self) -> None:
        self._ports = with_parts(1, 2)
        self._before = everything(self._ports)
        self._callers: dict[bool, Caller] = {}

    def demand_refused(self, method: str, path: str, body: Any) -> Answer:
        """The problem that this call gets; it has changed nothing."""
        # To make the app for each call would be most of what it costs.
        kind = is_an_operators(path)
        if kind not in self._callers:
            self._callers[kind] = who_may(self._ports, path)
        answer = self._callers[kind].call(method, path, body)

        said = f"{method} {path[:100]!r} {body!r:.300}: {answer.body[:300]!r}"
        status, _, action = answer.problem
        assert status in (400, 404, 413), said
        assert action == "stop", said
        assert len(answer.document["detail"]) >= 15, said
        assert everything(self._ports) == self._before, said
        return answer


def demand_refused(method: str, path: str, body: Any) -> Answer:
    """The problem that this one call gets; it has changed nothing."""
    return Refusing().demand_refused(method, path, body)


@pytest.mark.parametrize("route", BODIES)
def test_what_is_no_body_of_this_call_is_refused(route: str):
    method, path, _ = BODIES[route]
    world = Refusing()

    for body in NOT_A_BODY.values():
        world.demand_refused(method, path, body)


@pytest.mark.parametrize("route", VALUES)
def test_a_value_that_cannot_be_is_refused_with_its_place(route: str):
    method, path, good = BODIES[route]
    world = Refusing()
    for place, values in VALUES[route].items():
        for value in values:
            answer = world.demand_refused(method, path, changed(good, place, value))

            named = next(name for name in reversed(place) if isinstance(name, str)).removesuffix("s")
            detail = answer.document["detail"]
            assert answer.status != 400 or named in detail or str(value) in detail


@pytest.mark.parametrize(
    ("route", "place"), [(route, place) for route in REQUIRED for place in REQUIRED[route]]
)
def test_what_is_required_and_absent_is_named(route: str, place: tuple[str | int, ...]):
    method, path, good = BODIES[route]

    answer = demand_refused(method, path, without(good, place))

    assert f"`{place[-1]}`" in answer.document["detail"]


def test_the_place_of_a_name_that_no_camera_writes_is_told():
    body = {"camera": CAMERA, "chapters": [CHAPTER, {**CHAPTER, "directory": "nowhere!"}]}

    assert demand_refused("PUT", SESSION, body).document["detail"].startswith("$.chapters[1]: ")


@pytest.mark.parametrize("route", WITH_SESSION)
def test_what_is_no_session_id_is_refused(route: str):
    method, path, body = WITH_SESSION[route]
    world = Refusing()

    statuses = {name: world.demand_refused(method, path.format(name), body).status for name in NO_ID}

    assert statuses == dict.fromkeys(NO_ID, 400)


@pytest.mark.parametrize("route", sorted(WITH_SESSION.keys() - {"put session"}))
def test_a_session_that_nobody_opened_is_not_found(route: str):
    method, path, body = WITH_SESSION[route]

    assert demand_refused(method, path.format("unknown"), body).status == 404


@pytest.mark.parametrize("route", WITH_UPLOAD)
def test_what_is_no_upload_id_is_not_found(route: str):
    method, path, body = WITH_UPLOAD[route]
    names = [*NO_ID, "u_unknown", "u_", "U_first", "u_first.", "u_" + "a" * 65]
    world = Refusing()

    statuses = {name: world.demand_refused(method, path.format(name), body).status for name in names}

    assert statuses == dict.fromkeys(names, 404)


@pytest.mark.parametrize("name", ["a" * 3000, "u_\x00", "u_\ud800", ""])
def test_the_table_is_not_asked_for_what_no_key_can_be(name: str):
    ports = opened()
    asked = Fault("session_of", AssertionError("the table was asked"))
    device = device_of(replace(ports, records=faulty(ports.records, asked)))

    answer = device.hand_over("GET", "/v1/uploads/{upload_id}", {"upload_id": name}, None)

    assert answer.status == 404


@pytest.mark.parametrize("spoilt", [b"\xff", b"\xc3", b"\xed\xa0\x80", "\ufffd".encode()])
def test_a_text_that_did_not_arrive_as_it_was_meant_is_refused(spoilt: bytes):
    body = json.dumps(CONFIRMED).encode().replace(b"GX010038", b"GX01" + spoilt)

    assert "UTF-8" in demand_refused("PUT", SESSION, body).document["detail"]


@pytest.mark.parametrize("name", ["a/b", "../..", "\x00", "a\nb", "a\n", "é", "\ud800", "a" * 300, ""])
@pytest.mark.parametrize("parameter", ["session_id", "upload_id"])
def test_a_gateway_that_decodes_the_path_changes_nothing(parameter: str, name: str):
    route = f"/v1/{parameter.removesuffix('_id')}s/{{{parameter}}}"

    answer = device_of(opened()).hand_over("GET", route, {parameter: name}, None)

    assert answer.problem[0] == (400 if parameter == "session_id" else 404)


@pytest.mark.parametrize(("body", "told"), [(None, "empty"), ("", "empty"), ("\ud800", "UTF-8")])
def test_a_body_that_never_was_bytes_is_refused(body: str | None, told: str):
    route = "/v1/sessions/{session_id}"

    answer = device_of(opened()).hand_over("PUT", route, {"session_id": SESSION_NAME}, body)

    assert answer.problem == (400, "invalid-request", "stop")
    assert told in answer.document["detail"]


@pytest.mark.parametrize(("length", "status"), [(99, 201), (100, 201), (101, 400)])
def test_a_session_id_has_at_most_a_hundred_characters(length: int, status: int):
    assert device_of(memory_ports()).call("PUT", f"/v1/sessions/{'a' * length}", CONFIRMED).status == status


@pytest.mark.parametrize(("count", "status"), [(0, 400), (1, 201), (98, 201), (99, 201), (100, 400)])
def test_a_session_has_at_most_99_chapters(count: int, status: int):
    chapters = [{**CHAPTER, "filename": f"GX{number:02d}0038.MP4"} for number in range(count)]

    body = {"camera": CAMERA, "chapters": chapters}
    assert device_of(memory_ports()).call("PUT", SESSION, body).status == status


@pytest.mark.parametrize(("count", "status"), [(0, 400), (1, 200), (31, 200), (32, 200), (33, 400)])
def test_at_most_32_part_urls_are_asked_for_at_once(count: int, status: int):
    upload = make_upload(plan=PartPlan(1000, 10))
    ports = memory_ports(Picture(make_session(), (make_chapter(size_bytes=1000),), (upload,)))
    asked = {"parts": [{"number": number, "crc64nvme": WHOLE} for number in range(1, count + 1)]}

    assert device_of(ports).call("POST", f"{UPLOAD}/part-urls", asked).status == status


@pytest.mark.parametrize(("more_bytes", "status"), [(-1, 200), (0, 200), (1, 413)])
def test_a_body_has_at_most_one_mebibyte(more_bytes: int, status: int):
    body = json.dumps(CONFIRMED).encode().ljust(2**20 + more_bytes)

    assert device_of(opened()).call("PUT", SESSION, body).status == status


@pytest.mark.parametrize(("length", "status"), [(199, 201), (200, 201), (201, 400)])
def test_a_text_that_is_only_kept_has_at_most_200_characters(length: int, status: int):
    body = changed(CONFIRMED, ("chapters", 0, "etag"), "e" * length)

    assert device_of(memory_ports()).call("PUT", SESSION, body).status == status


@pytest.mark.parametrize(("length", "status"), [(1, 200), (499, 200), (500, 200), (501, 400)])
@pytest.mark.parametrize(("path", "body"), [("failure", {}), ("hold", {"held": True})])
def test_a_reason_has_at_most_500_characters(path: str, body: dict[str, bool], length: int, status: int):
    operator = caller_of(opened(), Role.OPERATOR)

    answer = operator.call("POST", f"{SESSION}/{path}", {**body, "reason": "ä" * length})

    assert answer.status == status


@pytest.mark.parametrize(("length", "status"), [(1, 200), (499, 200), (500, 200), (501, 400)])
def test_the_reason_of_a_restore_has_at_most_500_characters(length: int, status: int):
    operator = caller_of(story.cleaned(), Role.OPERATOR)

    assert operator.call("POST", f"{SESSION}/restore", {"reason": "ä" * length}).status == status


@pytest.mark.parametrize("name", NO_ARTIFACT_ID)
@pytest.mark.parametrize("role", [Role.PROCESSOR, Role.OPERATOR])
def test_what_is_no_artifacts_id_is_refused_with_its_place_whoever_asks(role: Role, name: Any):
    ports = making()
    before = picture_of(ports)

    answer = caller_of(ports, role).call(
        "POST", f"{SESSION}/uploads", {"artifact_id": name, "size_bytes": 25}
    )

    assert answer.problem == (400, "invalid-request", "stop")
    assert "$.artifact_id" in answer.document["detail"]
    assert picture_of(ports) == before


@pytest.mark.parametrize("length", [1, 99, 100])
def test_the_name_of_an_output_has_at_most_100_characters(length: int):
    asked = {"artifact_id": f"output.{'a' * length}", "size_bytes": 1}

    assert caller_of(making(), Role.PROCESSOR).call("POST", f"{SESSION}/uploads", asked).status == 201


def test_the_place_of_an_artifact_that_cannot_be_restored_is_told():
    body = {**RESTORE, "artifacts": [ARTIFACT_ID, "index.a"]}

    assert (
        demand_refused("POST", f"{SESSION}/restore", body).document["detail"].startswith("$.artifacts[1]: ")
    )


@pytest.mark.parametrize(("count", "status"), [(0, 400), (1, 200), (49, 200), (50, 200), (51, 400)])
def test_an_order_requires_at_most_50_artifacts(count: int, status: int):
    body = {"required": [f"output.{number}" for number in range(count)]}

    assert device_of(opened()).call("POST", f"{SESSION}/order", body).status == status


def test_an_order_requires_no_artifact_twice():
    answer = demand_refused("POST", f"{SESSION}/order", {"required": ["output.a", "output.b", "output.a"]})

    assert "twice" in answer.document["detail"]


@pytest.mark.parametrize(("length", "status"), [(16_383, 200), (16_384, 200), (16_385, 400)])
def test_an_orders_parameters_have_at_most_16_kibibytes(length: int, status: int):
    body = {**ORDER, "parameters": {"a": "x" * (length - len(json.dumps({"a": ""})))}}

    assert device_of(opened()).call("POST", f"{SESSION}/order", body).status == status


@pytest.mark.parametrize(("levels", "status"), [(1, 200), (19, 200), (20, 200), (21, 400)])
@pytest.mark.parametrize("inside", [deep, lambda levels: {"a": [deep(levels - 2)]} if levels > 2 else {}])
def test_an_orders_parameters_are_at_most_20_levels_deep(inside: Any, levels: int, status: int):
    body = {**ORDER, "parameters": inside(levels)}

    assert device_of(opened()).call("POST", f"{SESSION}/order", body).status == status


def test_a_release_with_a_reason_is_refused():
    answer = demand_refused("POST", f"{SESSION}/hold", {"held": False, "reason": "no longer"})

    assert "`reason`" in answer.document["detail"]


def test_what_cannot_be_ordered_within_a_session_is_told_with_its_place():
    body = {**CONFIRMED, "order": {"required": []}}

    assert demand_refused("PUT", UNKNOWN, body).document["detail"].startswith("$.order: ")


@pytest.mark.parametrize("name", [*NO_ID, "original.100GOPRO.GX990038.MP4", "output.enhanced.mp4"])
def test_what_is_no_artifact_of_the_session_is_not_found(name: str):
    assert demand_refused("GET", f"{SESSION}/artifacts/{name}/url", None).status == 404


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
PLACES = [(route, place) for route in VALUES for place in VALUES[route]]


def demand_no_fault(route: str, body: Any) -> None:
    method, path, _ = BODIES[route]
    ports = with_parts(1, 2)
    answer = who_may(ports, path).call(method, path, body)

    assert answer.status < 500
    assert answer.status < 400 or answer.problem[0] == answer.status


@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(st.sampled_from(list(BODIES)), st.binary(max_size=200) | DOCUMENTS)
def test_no_body_at_all_makes_a_fault(route: str, body: Any):
    demand_no_fault(route, body)


@settings(max_examples=250, derandomize=True, deadline=None, database=None)
@given(st.sampled_from(PLACES), DOCUMENTS)
def test_no_value_anywhere_makes_a_fault(place: tuple[str, tuple[str | int, ...]], value: Any):
    route, inside = place

    demand_no_fault(route, changed(BODIES[route][2], inside, value))
