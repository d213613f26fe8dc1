"""The frames of a session's measurements and their summary, call by call."""

import csv
import gzip
import io
import json
import re
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

import pytest

from chalicelib.core.ids import ArtifactId
from chalicelib.core.keys import index_prefix
from chalicelib.core.measurements.index import revision_of
from chalicelib.core.order import wish
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import Role
from chalicelib.flows.settle import settle_session
from chalicelib.web.api import measurements
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, memory_ports
from tests.support.measurements import as_list, make_frame, make_frames
from tests.web.client import Answer, Caller, app_over, caller_of, with_token
from tests.web.contract import CONTRACT, documented, shape
from tests.web.usual import ARTIFACT_ID, SESSION, opened

LIGHTS = ArtifactId("measurements.lights.json")
OTHER = ArtifactId("measurements.other.json")
FRAMES = [make_frame(number, note="dusk") for number in range(40)]
"""At 30 a second: frame 30 is the second 1.0."""

ALL = list(range(40))
POISON = b"not measurements"


def measured(made: dict[ArtifactId, bytes] | None = None) -> MemoryPorts:
    """A session whose processor made these measurements; they are indexed."""
    bodies = made or {LIGHTS: as_list(FRAMES)}
    ports = memory_ports()
    story.haul(ports, wish(list(bodies), {}))
    story.process(ports, bodies)
    settle_session(ports, SESSION_ID, Actor.MADE_EVENT)
    return ports


def asked(ports: MemoryPorts, path: str = "", accept: str | None = None, **query: object) -> Answer:
    suffix = f"?{urlencode(query)}" if query else ""
    headers = {"Accept": accept} if accept else {}
    return caller_of(ports, Role.OPERATOR).call("GET", f"{SESSION}/frames{path}{suffix}", headers=headers)


def numbers(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.body
    return [frame["frame_number"] for frame in answer.document["frames"]]


def refusal(answer: Answer) -> str:
    """Why the request was refused as one that cannot be."""
    assert answer.problem == (400, "invalid-request", "stop"), answer.body
    detail: str = answer.document["detail"]
    return detail


@pytest.fixture(scope="module")
def ports() -> MemoryPorts:
    """Nothing that these calls do changes it."""
    return measured()


def test_the_contract_tells_every_route():
    told = {line for line in CONTRACT.read_text().splitlines() if line.startswith("### ")}

    assert {f"### {route.method} {route.path}" for route in measurements.ROUTES} <= told


class TestFrames:
    def test_are_answered_as_the_contract_says(self, ports: MemoryPorts):
        answer = asked(ports, columns="frame_number,timestamp", limit=1)

        contract = documented('{"artifact_id": "measurements.frames.json", "kind": "papi", "revision"')
        assert shape(answer.document) == shape(contract)

    def test_are_all_in_order_unless_asked_otherwise(self, ports: MemoryPorts):
        answer = asked(ports)

        assert answer.document["frames"] == FRAMES
        assert answer.document["next_frame"] is None
        assert (answer.document["artifact_id"], answer.document["kind"]) == (LIGHTS, "papi")
        version_id = ports.objects.versions(story.key_of(LIGHTS))[-1].version_id
        assert answer.document["revision"] == revision_of(version_id)

    @pytest.mark.parametrize(
        ("query", "wanted"),
        [
            ({"from_frame": 0}, ALL),
            ({"from_frame": 38}, [38, 39]),
            ({"from_frame": 39}, [39]),
            ({"from_frame": 40}, []),
            ({"from_frame": 999_999_999_999_999}, []),
            ({"to_frame": 0}, []),
            ({"to_frame": 1}, [0]),
            ({"to_frame": 39}, ALL[:39]),
            ({"to_frame": 40}, ALL),
            ({"to_frame": 41}, ALL),
            ({"from_frame": 7, "to_frame": 8}, [7]),
            ({"from_s": 0}, ALL),
            ({"from_s": "0.999999999"}, ALL[30:]),
            ({"from_s": 1}, ALL[30:]),
            ({"from_s": "1.000000001"}, ALL[31:]),
            ({"from_s": 999_999_999}, []),
            ({"to_s": 0}, []),
            ({"to_s": "0.999999999"}, ALL[:30]),
            ({"to_s": 1}, ALL[:30]),
            ({"to_s": "1.000000001"}, ALL[:31]),
            ({"from_s": 1, "to_s": "1.000000001"}, [30]),
            ({"from_s": 1, "from_frame": 35}, ALL[35:]),
            ({"artifact": LIGHTS, "from_frame": 39}, [39]),
        ],
    )
    def test_are_those_of_the_range(self, ports: MemoryPorts, query: dict[str, Any], wanted: list[int]):
        assert numbers(asked(ports, **query)) == wanted

    @pytest.mark.parametrize(
        ("limit", "next_frame"), [(1, 1), (39, 39), (40, None), (41, None), (1999, None), (2000, None)]
    )
    def test_are_at_most_as_many_as_the_limit(self, ports: MemoryPorts, limit: int, next_frame: int | None):
        answer = asked(ports, limit=limit)

        assert numbers(answer) == ALL[:limit]
        assert answer.document["next_frame"] == next_frame

    def test_go_on_with_the_next_frame_until_there_is_none(self, ports: MemoryPorts):
        found: list[int] = []
        next_frame: int | None = 0
        while next_frame is not None:
            answer = asked(ports, from_frame=next_frame, limit=7)
            found, next_frame = [*found, *numbers(answer)], answer.document["next_frame"]

        assert found == ALL

    def test_above_2000_need_a_second_call(self):
        ports = measured({LIGHTS: as_list(make_frames(2001))})

        answer = asked(ports)

        assert (len(numbers(answer)), answer.document["next_frame"]) == (2000, 2000)
        assert numbers(asked(ports, from_frame=2000)) == [2000]

    @pytest.mark.parametrize(
        ("query", "detail"),
        [
            ({"limit": 0}, "limit is 1 to 2000, not 0"),
            ({"limit": 2001}, "limit is 1 to 2000, not 2001"),
            ({"limit": -1}, "limit: must be a whole number"),
            ({"limit": "1.5"}, "limit: must be a whole number"),
            ({"limit": ""}, "limit: must be a whole number"),
            ({"from_frame": -1}, "from_frame: must be a whole number"),
            ({"from_frame": 1_000_000_000_000_000}, "from_frame: must be a whole number"),
            ({"from_frame": 0, "to_frame": 0}, "to_frame must be above from_frame"),
            ({"from_frame": 7, "to_frame": 7}, "to_frame must be above from_frame"),
            ({"from_frame": 7, "to_frame": 6}, "to_frame must be above from_frame"),
            ({"from_s": -1}, "from_s: must be seconds like 12 or 12.5"),
            ({"from_s": "1e3"}, "from_s: must be seconds like 12 or 12.5"),
            ({"from_s": "nan"}, "from_s: must be seconds like 12 or 12.5"),
            ({"from_s": 1_000_000_000}, "from_s: must be seconds like 12 or 12.5"),
            ({"from_s": "0.1234567890"}, "from_s: must be seconds like 12 or 12.5"),
            ({"from_s": 1, "to_s": 1}, "to_s must be above from_s"),
            ({"columns": ""}, "columns: must be names with commas between them, none of them empty"),
            ({"columns": "papi_a,"}, "columns: must be names with commas between them, none of them empty"),
            ({"columns": ",".join(["papi_a"] * 51)}, "columns names 1 to 50 members of a frame"),
            ({"columns": "x" * 2001}, "columns: at most 2000 characters"),
            (
                {"artifact": "output.enhanced.mp4"},
                "artifact: output.enhanced.mp4 is not a measurements artifact",
            ),
        ],
    )
    def test_are_refused_for_what_cannot_be_with_the_parameter_named(
        self, ports: MemoryPorts, query: dict[str, Any], detail: str
    ):
        assert refusal(asked(ports, **query)) == detail

    @pytest.mark.parametrize("artifact", ["", "lights", "measurements.", "measurements.a/b", ARTIFACT_ID])
    def test_are_refused_for_what_is_the_id_of_no_measurements(self, ports: MemoryPorts, artifact: str):
        assert refusal(asked(ports, artifact=artifact)).startswith("artifact: ")

    @pytest.mark.parametrize("name", ["from", "Limit", "from_s[]", "cursor", "project"])
    @pytest.mark.parametrize("path", ["", "/summary"])
    def test_are_refused_for_a_parameter_that_there_is_not(self, ports: MemoryPorts, path: str, name: str):
        known = "artifact" if path else "artifact, columns, from_frame, from_s, limit, points, to_frame, to_s"

        query: dict[str, Any] = {name: 1}
        detail = refusal(asked(ports, path, **query))

        assert detail == f"{name}: no such parameter; there are {known}"


class TestColumns:
    def test_are_those_asked_for_with_number_and_time(self, ports: MemoryPorts):
        answer = asked(ports, columns="note, papi_a", limit=1)

        assert answer.document["frames"] == [
            {name: FRAMES[0][name] for name in ("frame_number", "timestamp", "note", "papi_a")}
        ]

    def test_are_up_to_50(self, ports: MemoryPorts):
        assert numbers(asked(ports, columns=",".join(["papi_a"] * 50))) == ALL

    @pytest.mark.parametrize("unknown", ["Papi_a", "papi_a.angel", "papi_i", "x", "ä"])
    def test_that_there_are_not_are_refused_with_those_that_there_are(self, ports: MemoryPorts, unknown: str):
        detail = refusal(asked(ports, columns=f"papi_a,{unknown}"))

        assert detail == f"columns: no frame has {unknown}; there are {', '.join(sorted(FRAMES[0]))}"

    def test_that_there_are_not_are_refused_for_a_range_without_frames_too(self, ports: MemoryPorts):
        assert "no frame has x" in refusal(asked(ports, columns="x", from_frame=40))

    def test_that_measurements_may_have_are_absent_where_the_file_has_none(self, ports: MemoryPorts):
        answer = asked(ports, columns="papi_h", limit=1)

        assert answer.document["frames"] == [{"frame_number": 0, "timestamp": 0.0}]

    def test_of_a_light_are_asked_for_by_their_dotted_names(self, ports: MemoryPorts):
        answer = asked(ports, columns="papi_a.angle,papi_a.rgb.r,papi_b,papi_b.angle,papi_h.angle", limit=1)

        light = FRAMES[0]["papi_a"]
        assert answer.document["frames"] == [
            {
                "frame_number": 0,
                "timestamp": 0.0,
                "papi_a": {"angle": light["angle"], "rgb": {"r": light["rgb"]["r"]}},
                "papi_b": FRAMES[0]["papi_b"],
            }
        ]

    def test_that_one_frame_has_can_be_asked_of_all(self):
        ports = measured({LIGHTS: as_list([make_frame(0), make_frame(1, gust=7), make_frame(2)])})

        answer = asked(ports, columns="gust")

        assert [frame.get("gust") for frame in answer.document["frames"]] == [None, 7, None]


class TestSummary:
    def test_is_of_all_frames(self, ports: MemoryPorts):
        summary = asked(ports, "/summary").document

        assert (summary["kind"], summary["frames"], summary["rejected"]) == ("papi", 40, 0)
        assert (summary["first_frame"], summary["last_frame"]) == (0, 39)
        assert (summary["first_s"], summary["last_s"]) == (0, 39 / 30)
        assert list(summary["lights"]) == ["papi_a", "papi_b", "papi_c", "papi_d"]
        assert summary["numbers"]["drone_elevation"]["count"] == 40

    def test_tells_what_was_rejected_and_why(self):
        ports = measured({LIGHTS: as_list([*FRAMES, make_frame(39)])})

        summary = asked(ports, "/summary").document

        assert (summary["frames"], summary["rejected"]) == (40, 1)
        assert summary["first_rejects"] == [
            {"frame": 41, "reason": "frame_number 39 is not above the 39 before"}
        ]

    def test_takes_no_range(self, ports: MemoryPorts):
        assert refusal(asked(ports, "/summary", limit=1)) == "limit: no such parameter; there are artifact"


class TestPoints:
    def test_are_answered_as_the_contract_says(self, ports: MemoryPorts):
        answer = asked(ports, points=1, columns="papi_a.angle,papi_a.status")

        contract = documented('{"artifact_id": "measurements.frames.json", "source"')
        found = shape(answer.document)
        assert set(found) == set(contract)
        assert found["numbers"] == shape(contract)["numbers"]
        assert "papi_a.status" in found["statuses"]

    @pytest.mark.parametrize("points", [1, 2, 39, 40, 41, 1000])
    def test_are_at_most_as_many_as_asked_for_and_hold_every_frame(self, ports: MemoryPorts, points: int):
        document = asked(ports, points=points).document

        assert len(document["count"]) <= points
        assert sum(document["count"]) == document["frames"] == 40
        assert document["source"] == "overview"

    def test_of_a_range_come_from_the_frames(self, ports: MemoryPorts):
        document = asked(ports, points=2, columns="papi_a.angle", from_frame=10, to_frame=20).document

        angles = [frame["papi_a"]["angle"] for frame in FRAMES[10:20]]
        assert document["source"] == "frames"
        assert document["frames"] == 10
        assert min(document["numbers"]["papi_a.angle"]["min"]) == min(angles)
        assert max(document["numbers"]["papi_a.angle"]["max"]) == max(angles)

    @pytest.mark.parametrize(
        ("points", "buckets", "width"),
        [(1, 1, 10), (2, 2, 5), (4, 4, 3), (9, 5, 2), (10, 10, 1), (11, 10, 1)],
    )
    def test_of_a_range_are_as_many_as_equal_widths_allow(
        self, ports: MemoryPorts, points: int, buckets: int, width: int
    ):
        document = asked(ports, points=points, from_frame=10, to_frame=20).document

        assert (len(document["count"]), document["frames_per_bucket"]) == (buckets, width)
        assert (document["first_frame"], sum(document["count"])) == (10, 10)

    @pytest.mark.parametrize("query", [{}, {"from_frame": 10, "to_frame": 12}])
    def test_of_a_column_that_no_frame_has_are_absent(self, ports: MemoryPorts, query: dict[str, Any]):
        document = asked(ports, points=2, columns="papi_h.angle", **query).document

        assert document["numbers"] == {}

    @pytest.mark.parametrize(
        ("query", "detail"),
        [
            ({"points": 0}, "points is 1 to 1000, not 0"),
            ({"points": 1001}, "points is 1 to 1000, not 1001"),
            ({"points": -1}, "points: must be a whole number"),
            ({"points": "many"}, "points: must be a whole number"),
            (
                {"points": 5, "limit": 5},
                "limit: goes without `points`, which says how many there are at most",
            ),
        ],
    )
    def test_are_1_to_1000(self, ports: MemoryPorts, query: dict[str, Any], detail: str):
        assert refusal(asked(ports, **query)) == detail

    @pytest.mark.parametrize("query", [{}, {"from_frame": 10, "to_frame": 12}])
    def test_are_refused_for_a_column_that_there_is_not(self, ports: MemoryPorts, query: dict[str, Any]):
        assert refusal(asked(ports, points=5, columns="x", **query)).startswith(
            "columns: there is no x; there are "
        )

    def test_of_an_index_without_an_overview_need_another_index(self):
        ports = measured()
        remove_overview(ports)

        answer = asked(ports, points=5)

        assert answer.problem == (409, "state-conflict", "stop")
        assert "an operator's `ensure` of the session makes a new one" in answer.document["detail"]
        assert asked(ports, points=5, from_frame=0).document["source"] == "frames"

    def test_are_csv_where_that_is_accepted(self, ports: MemoryPorts):
        answer = asked(ports, accept="text/csv", points=2, columns="papi_a.angle")

        rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
        document = asked(ports, points=2, columns="papi_a.angle").document
        assert [int(row["count"]) for row in rows] == document["count"]
        assert [int(row["first_frame"]) for row in rows] == [0, document["frames_per_bucket"]]
        assert [float(row["papi_a.angle.max"]) for row in rows] == document["numbers"]["papi_a.angle"]["max"]
        assert answer.headers["Reelhaul-Source"] == "overview"
        assert "Reelhaul-Next-Frame" not in answer.headers


class TestCsv:
    def test_has_the_frames_that_json_has(self, ports: MemoryPorts):
        answer = asked(ports, accept="text/csv", from_frame=5, to_frame=8)

        rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Vary"] == "Accept"
        assert [int(row["frame_number"]) for row in rows] == [5, 6, 7]
        assert [float(row["papi_a.rgb.r"]) for row in rows] == [f["papi_a"]["rgb"]["r"] for f in FRAMES[5:8]]
        assert {row["note"] for row in rows} == {"dusk"}
        assert {row["gimbal_yaw"] for row in rows} == {""}

    def test_tells_in_headers_what_json_tells_around_its_frames(self, ports: MemoryPorts):
        answer = asked(ports, accept="text/csv", limit=7, columns="papi_a.angle,papi_b", from_s=0)

        document = asked(ports, limit=7).document
        assert answer.headers["Reelhaul-Artifact"] == document["artifact_id"]
        assert answer.headers["Reelhaul-Revision"] == document["revision"]
        assert answer.headers["Reelhaul-Next-Frame"] == "7"
        [link] = re.findall('^<(.*)>; rel="next"$', answer.headers["Link"])
        assert parse_qs(link.removeprefix("?")) == {
            "limit": ["7"],
            "columns": ["papi_a.angle,papi_b"],
            "from_s": ["0"],
            "from_frame": ["7"],
        }

    def test_has_the_same_columns_on_every_page_and_ends_without_a_next_frame(self, ports: MemoryPorts):
        text = ""
        query: dict[str, Any] = {"limit": 7}
        while True:
            answer = asked(ports, accept="text/csv", **query)
            header, rows = answer.body.decode().split("\r\n", 1)
            assert not text or text.startswith(header)
            text += rows if text else answer.body.decode()
            if "Link" not in answer.headers:
                break
            query = dict(parse_qsl(answer.headers["Link"].split(">")[0].removeprefix("<?")))

        assert text == asked(ports, accept="text/csv").body.decode()
        assert text.count("\r\n") == 41

    def test_of_no_frame_is_a_row_of_names(self, ports: MemoryPorts):
        answer = asked(ports, accept="text/csv", from_frame=40, columns="papi_a.angle")

        assert answer.body == b"frame_number,timestamp,papi_a.angle,extra\r\n"

    def test_is_refused_for_what_json_is_refused_for(self, ports: MemoryPorts):
        answer = asked(ports, accept="text/csv", columns="x")

        assert "no frame has x" in refusal(answer)


class TestUrl:
    def test_is_answered_as_the_contract_says(self, ports: MemoryPorts):
        answer = asked(ports, "/url")

        contract = documented('{"artifact_id": "measurements.frames.json",\n "url"')
        assert shape(answer.document) == shape(contract)

    def test_is_of_exactly_the_objects_of_the_index(self, ports: MemoryPorts):
        document = asked(ports, "/url").document

        prefix = index_prefix(SESSION_ID, LIGHTS, document["revision"])
        for found, name in ((document, "frames.jsonl.gz"), (document["blocks"], "blocks.json.gz")):
            [version] = ports.objects.versions(f"{prefix}{name}")
            assert found["version_id"] == version.version_id
            assert found["size_bytes"] == len(ports.objects.body(f"{prefix}{name}"))
            assert f"{prefix}{name}" in found["url"]
            assert found["expires_in_s"] == 900

    def test_leads_to_all_frames_and_each_block_can_be_read_alone(self, ports: MemoryPorts):
        prefix = index_prefix(SESSION_ID, LIGHTS, asked(ports, "/url").document["revision"])
        body = ports.objects.body(f"{prefix}frames.jsonl.gz")
        [block] = json.loads(gzip.decompress(ports.objects.body(f"{prefix}blocks.json.gz")))["blocks"]

        member = body[block["offset"] : block["offset"] + block["length_bytes"]]
        assert [json.loads(line) for line in gzip.decompress(member).splitlines()] == FRAMES

    def test_takes_no_range(self, ports: MemoryPorts):
        assert refusal(asked(ports, "/url", limit=1)) == "limit: no such parameter; there are artifact"


def remove_overview(ports: MemoryPorts) -> None:
    """As an older index is."""
    version_id = ports.objects.versions(story.key_of(LIGHTS))[-1].version_id
    ports.objects.mark_deleted(f"{index_prefix(SESSION_ID, LIGHTS, revision_of(version_id))}overview.json.gz")


@pytest.mark.parametrize("path", ["", "/summary", "/url", "/report"])
class TestWhichMeasurements:
    def test_must_be_named_where_there_are_several(self, path: str):
        ports = measured({LIGHTS: as_list(FRAMES), OTHER: as_list(FRAMES[:3])})

        detail = refusal(asked(ports, path))

        assert detail == f"artifact: this session has several measurements; name one of {LIGHTS}, {OTHER}"
        answers = [json.loads(asked(ports, path, artifact=each).body) for each in (LIGHTS, OTHER)]
        if path in ("", "/summary"):
            assert [answer["frames"] for answer in answers] in ([40, 3], [FRAMES, FRAMES[:3]])
        assert answers[0] != answers[1]

    def test_are_missing_where_the_session_has_none(self, path: str):
        answer = asked(opened(), path)

        assert answer.problem == (404, "not-found", "stop")
        assert "has no measurements" in answer.document["detail"]

    def test_are_missing_where_the_session_has_no_such(self, path: str):
        answer = asked(measured(), path, artifact=OTHER)

        assert answer.problem == (404, "not-found", "stop")
        assert "has no artifact with this id" in answer.document["detail"]

    def test_are_missing_until_they_are_verified(self, path: str):
        ports = memory_ports()
        story.haul(ports, wish([LIGHTS], {}))

        answer = asked(ports, path)

        assert answer.problem == (404, "not-found", "stop")
        assert f"{LIGHTS} is not verified yet" in answer.document["detail"]

    def test_are_missing_until_they_are_indexed(self, path: str):
        ports = memory_ports()
        story.haul(ports, wish([LIGHTS], {}))
        story.process(ports, {LIGHTS: as_list(FRAMES)})
        settle_session(ports, SESSION_ID, Actor.EVENT)

        answer = asked(ports, path)

        assert answer.problem == (404, "not-found", "stop")
        assert answer.document["detail"] == f"{LIGHTS} is verified but not indexed yet; ask again in a moment"

    def test_have_nothing_to_read_when_they_are_poison(self, path: str):
        answer = asked(measured({LIGHTS: POISON}), path)

        assert answer.problem == (404, "not-found", "stop")
        assert f"{LIGHTS} is poison and has no frames: " in answer.document["detail"]

    def test_are_hidden_with_their_session_from_another_project(self, path: str, ports: MemoryPorts):
        stranger = Caller(app_over(ports), with_token(ports.records, Role.PROCESSOR, project="club"))

        assert stranger.call("GET", f"{SESSION}/frames{path}").problem == (404, "not-found", "stop")
