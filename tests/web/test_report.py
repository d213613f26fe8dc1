"""The report on an inspection: the JSON that has the summary's numbers, and the page that shows them."""

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.core import answers
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.evidence import Evidence, SecondRead, Xxh128
from chalicelib.core.ids import ArtifactId
from chalicelib.core.order import Wish, wish
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import Role
from chalicelib.flows.settle import settle_session
from chalicelib.web import report
from chalicelib.web.report.plots import OTHER, TURNING
from tests.support import story
from tests.support.builders import DEVICE_ID, SESSION_ID, MemoryPorts, memory_ports, recorded
from tests.support.fits import index_key, make_turn, put_fits
from tests.support.measurements import ANGLES, as_document, as_list, make_frame, make_frames
from tests.web.client import Answer, caller_of
from tests.web.contract import documented, shape
from tests.web.usual import SESSION

LIGHTS = ArtifactId("measurements.lights.json")
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ASKED = {
    "side": "right",
    "numbering": "icao",
    "nominal_angles": {"1": 2.5, "2": 2.83, "3": 3.17, "4": 3.5},
    "tolerance_arcmin": 3,
    "glide_path_angle": 3.0,
    "glide_path_tolerance_arcmin": 3,
}
TURNS = {
    "papi_a": make_turn(3.5),
    "papi_b": make_turn(3.172),
    "papi_c": make_turn(2.8301, width=None),
    "papi_d": make_turn(2.5),
}
HOSTILE = '<script src="//x.test/x.js">&\'"</script>'


def measured(
    body: bytes | None = None, asked: Mapping[str, Any] | None = None, turns: Mapping[str, Any] | None = None
) -> MemoryPorts:
    """A session whose measurements are indexed, with these fits in the summary."""
    ports = memory_ports()
    story.haul(ports, wish([LIGHTS], {"inspection": ASKED if asked is None else asked}))
    story.process(ports, {LIGHTS: as_list(make_frames(300)) if body is None else body})
    settle_session(ports, SESSION_ID, Actor.MADE_EVENT)
    put_fits(ports, TURNS if turns is None else turns, LIGHTS)
    return ports


def asked_for(ports: MemoryPorts, accept: str | None = None, query: str = "") -> Answer:
    headers = {"Accept": accept} if accept else {}
    return caller_of(ports, Role.OPERATOR).call("GET", f"{SESSION}/frames/report{query}", headers=headers)


def page_of(ports: MemoryPorts) -> str:
    answer = asked_for(ports, BROWSER)
    assert answer.status == 200, answer.body
    return answer.body.decode()


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a document, with its place."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, each in items:
            yield from numbers(each, f"{path}/{name}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


NOTHING_DRAWN: dict[str, Any] = {"count": [], "first_s": [], "last_s": [], "numbers": {}, "statuses": {}}


def strokes(page: "Page", colour: str | None = None) -> int:
    """How many strokes draw angles, in this colour or in any."""
    paths = [attributes for tag, attributes in page.elements if tag == "path"]
    return sum((each["d"] or "").count("V") for each in paths if colour in (None, each.get("stroke")))


class Page(HTMLParser):
    """What a page consists of: elements with their attributes, and whether each is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def ports() -> MemoryPorts:
    """Nothing that these calls do changes it."""
    return measured()


class TestJson:
    def test_is_as_the_contract_says(self, ports: MemoryPorts):
        found = asked_for(ports)
        contract = documented('{"session": {"project": "main", "session_id": "match-17-north"')

        assert found.headers["Content-Type"] == "application/json"
        assert found.headers["Cache-Control"] == "no-store"
        document = found.document
        assert set(document) == set(contract)
        assert shape(document["session"]) == shape(contract["session"])
        assert shape(document["film"]) == shape(contract["film"])
        assert shape(document["inspection"]["lights"]) == shape(contract["inspection"]["lights"])
        assert shape(document["inspection"]["glide_paths"]) == shape(contract["inspection"]["glide_paths"])
        assert shape(document["inspection"]["differences"]) == shape(contract["inspection"]["differences"])
        assert set(document["measurements"]) == set(contract["measurements"])

    def test_is_the_answer_unless_a_page_is_preferred(self, ports: MemoryPorts):
        for accept in (None, "*/*", "application/json", "text/html;q=0.5, application/json"):
            assert asked_for(ports, accept).headers["Content-Type"] == "application/json"
        for accept in (BROWSER, "text/html"):
            assert asked_for(ports, accept).headers["Content-Type"] == "text/html; charset=utf-8"

    def test_has_verdicts_of_lights_runs_and_the_whole(self, ports: MemoryPorts):
        document = asked_for(ports).document

        assert document["inspection"]["verdict"] == "pass"
        assert [light["box"] for light in document["inspection"]["lights"]] == [4, 3, 2, 1]
        [run] = document["lights"]["papi_a"]["transition"]["runs"]
        assert run["verdict"] == "pass"
        assert document["order"]["parameters"] == {"inspection": ASKED}

    @given(
        angle=st.floats(1, 9),
        error=st.floats(1e-6, 1),
        arms=st.tuples(st.floats(0, 1), st.floats(0, 1)),
        width=st.none() | st.floats(0, 1),
        used=st.integers(0, 2**40),
    )
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_has_every_number_of_the_summary_as_it_is(
        self, angle: float, error: float, arms: tuple[float, float], width: float | None, used: int
    ):
        interval = [angle - arms[0], angle + arms[1]]
        turn = make_turn(angle, standard_error=error, interval=interval, width=width, frames_used=used)
        ports = PORTS_OF_ANY_TURN
        summary = put_fits(ports, dict.fromkeys(TURNS, turn), LIGHTS)

        document = asked_for(ports).document

        for name, known in summary["lights"].items():
            found = document["lights"][name]
            assert dict(numbers(found["transition"])) == dict(numbers(known["transition"]))
            assert found["statuses"] == known["statuses"]
            [light] = [each for each in document["inspection"]["lights"] if each["light"] == name]
            for member in ("angle", "standard_error", "interval", "width"):
                assert light[member] == known["transition"][member]
        for member in ("frames", "rejected", "first_frame", "last_frame"):
            assert document["measurements"][member] == summary[member]
        for member in ("first_s", "last_s", "duration_s"):
            assert document["film"][member] == summary[member]

    def test_of_an_older_index_says_that_it_must_be_indexed_again(self):
        old = {"frames": 3, "angle_min": 2.4, "angle_max": 2.6, "angle_middle": 2.5, "method": "the middle"}
        ports = measured(turns={})
        put_fits(ports, dict.fromkeys(TURNS, old), LIGHTS, version=1)

        document, page = asked_for(ports).document, page_of(ports)

        assert "an operator's `ensure` of the session makes a new one" in document["needs_index"]
        assert document["inspection"]["verdict"] == "not enough data"
        assert "Index again: this index is older than the fits" in Page(page).text

    def test_of_an_index_without_an_overview_has_no_plots(self):
        ports = measured()
        ports.objects.mark_deleted(index_key(ports, LIGHTS, "overview.json.gz"))

        assert asked_for(ports).document["inspection"]["verdict"] == "pass"
        assert "<svg" not in page_of(ports)

    def test_of_an_older_order_that_nobody_can_read_says_so(self):
        ports = measured()
        picture = recorded(ports)
        order = picture.session.order
        assert order is not None
        odd = replace(order, wish=Wish(order.wish.required, '{"inspection": {"side": "up"}}'))
        ports.records.arrange(replace(picture, session=replace(picture.session, order=odd)), due_at=None)

        assert "what the order asks cannot be read" in asked_for(ports).document["inspection"]["reason"]
        assert "what the order asks cannot be read" in Page(page_of(ports)).text


def test_a_flight_is_reported_from_its_file_to_its_verdict():
    """The lights turn where ANGLES say, and the indexer fits them."""
    ports = measured(as_list(make_frames(3600)), turns={})
    document = asked_for(ports).document

    assert document["inspection"]["verdict"] == "pass"
    assert document["needs_index"] is None
    for light in document["inspection"]["lights"]:
        assert abs(light["angle"] - ANGLES[light["light"]]) < 0.5 / 60
    assert [len(light["transition"]["runs"]) for light in document["lights"].values()] == [2] * 4
    assert {
        run["verdict"] for light in document["lights"].values() for run in light["transition"]["runs"]
    } == {"pass"}
    assert "2, descent" in Page(page_of(ports)).text


PORTS_OF_ANY_TURN = measured()
"""Its summary is written anew by each example."""


class TestCameraClock:
    @pytest.mark.parametrize(
        ("created", "said"),
        [
            (None, None),
            (0, "1970-01-01T00:00:00"),
            (1763653212, "2025-11-20T15:40:12"),
            (-62135596800, "0001-01-01T00:00:00"),
            (-62135596801, None),
            (253402300799, "9999-12-31T23:59:59"),
            (253402300800, None),
            (2**63 - 1, None),
            (-(2**63 - 1), None),
        ],
    )
    def test_is_told_as_the_camera_had_it_and_unknown_outside_the_years_that_there_are(
        self, created: int | None, said: str | None
    ):
        ports = measured()
        picture = recorded(ports)
        chapters = tuple(replace(each, created=created) for each in picture.chapters)
        ports.records.arrange(replace(picture, chapters=chapters), due_at=None)

        assert asked_for(ports).document["film"]["chapters"][0]["camera_clock"] == said
        assert ("Camera's clock" in Page(page_of(ports)).text) is (said is not None)

    def test_says_how_surely_each_chapter_is_known(self):
        ports = measured()
        [receipt, *_] = [recorded(ports).receipt(each.artifact_id) for each in recorded(ports).chapters]
        assert receipt
        before = asked_for(ports).document["film"]["chapters"][0]
        read = SecondRead(ports.clock.now(), DEVICE_ID, Crc64Nvme("AAAAAAAAAAI="), Xxh128("ab" * 16))
        known = Evidence(receipt.artifact_id).with_read(read, receipt)
        picture = recorded(ports)
        ports.records.arrange(replace(picture, session=picture.session.with_evidence(known)), due_at=None)

        after = asked_for(ports).document["film"]["chapters"][0]

        assert (before["level"], before["agrees"]) == ("read-once", True)
        assert (after["level"], after["agrees"]) == ("read-once", False)
        assert "two reads of it differ" in Page(page_of(ports)).text


class TestPage:
    def test_runs_nothing_fetches_nothing_and_is_not_kept(self, ports: MemoryPorts):
        answer = asked_for(ports, BROWSER)

        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        page = Page(answer.body.decode())
        names = {name for name, _ in page.elements}
        assert not names & {"script", "img", "link", "iframe", "object", "form", "a", "base"}
        attributes = {attribute for _, found in page.elements for attribute in found}
        assert not {each for each in attributes if each.startswith("on") or each in ("href", "src")}
        assert "url(" not in answer.body.decode()
        assert "@import" not in answer.body.decode()

    def test_tells_what_an_inspector_signs(self, ports: MemoryPorts):
        text = Page(page_of(ports)).text

        for expected in (
            "match-17-north",
            "C3501324500711",
            "100GOPRO/GX010038.MP4",
            "read once",
            "ICAO, box 1 farthest from the runway",
            "box 1: 2.5000°, box 2: 2.8300°, box 3: 3.1700°, box 4: 3.5000°",
            "3.1720°",
            "3.1620 to 3.1820°",
            "+0.12\N{PRIME}",
            "1790 (10)",
            "right 3",
            "the whole interval lies within 3 arc minutes of 3.17 degrees",
            "glide path, right wing",
            "1, climb",
            "7 wrong status, 2 not visible, 1 no angle",
            "robust logistic fit, version 1",
            "Signature",
        ):
            assert expected in text

    def test_has_plots_of_each_light_and_of_its_turn(self, ports: MemoryPorts):
        page = Page(page_of(ports))

        assert [name for name, _ in page.elements].count("svg") == 8
        assert "Angle of papi_a over time" in page.text
        assert "Share of white of papi_d around its turn" in page.text

    @pytest.mark.parametrize(
        ("turn", "verdict", "class_"),
        [
            (make_turn(2.5), "pass", "pass"),
            (make_turn(2.7), "fail", "fail"),
            (make_turn(2.55), "not enough data", "open"),
            (make_turn(None), "not enough data", "open"),
        ],
    )
    def test_shows_the_verdict_at_its_head(self, turn: Any, verdict: str, class_: str):
        lights_alone = {name: value for name, value in ASKED.items() if "glide" not in name}
        page = page_of(measured(turns={**TURNS, "papi_d": turn}, asked=lights_alone))

        assert f'<div class="verdict {class_}">{verdict}</div>' in page

    def test_escapes_everything_that_others_wrote(self):
        frames = [make_frame(number) for number in range(30)]
        frames.append({**make_frame(30), "papi_a": {"status": HOSTILE}})
        document = asked_for(measured(as_list(frames))).document
        hostile = _with_text(document, HOSTILE)

        page = report.page(hostile, NOTHING_DRAWN)

        assert "<script" not in page
        assert Page(page).text.count(HOSTILE) > 10

    @pytest.mark.parametrize("asked", [{}, {"side": "both", "numbering": "faa"}, {"side": "left"}])
    def test_is_made_whatever_the_order_leaves_out(self, asked: dict[str, Any]):
        page = Page(page_of(measured(asked=asked)))

        assert "not enough data" in page.text

    def test_of_lights_without_angles_says_that_there_is_nothing_to_draw(self):
        frames = [{**make_frame(at), **{name: {"status": "red"} for name in TURNS}} for at in range(30)]
        page = Page(page_of(measured(as_list(frames), turns=dict.fromkeys(TURNS, make_turn(None)))))

        assert "No light has an angle, so there is nothing to draw." in page.text
        assert "no transition seen" in page.text

    def test_of_one_frame_is_drawn(self):
        assert "<svg" in page_of(measured(as_list([make_frame()])))

    def test_of_a_light_without_angles_for_a_while_is_drawn_where_it_has_them(self):
        frames = make_frames(300)
        for frame in frames[100:200]:
            frame["papi_a"] = {"status": "red"}
        whole, gap = Page(page_of(measured())), Page(page_of(measured(as_list(frames))))

        assert strokes(gap) < strokes(whole)
        assert strokes(gap) > 0

    def test_draws_what_is_red_and_white_within_a_moment_as_turning_and_what_has_no_status_as_other(self):
        frames = make_frames(3_000)
        for frame in frames:
            frame["papi_b"] = {**frame["papi_b"], "status": ("red", "white")[frame["frame_number"] % 2]}
            frame["papi_c"] = {"angle": frame["papi_c"]["angle"]}
        usual = Page(page_of(measured(as_list(make_frames(3_000)))))
        changed = Page(page_of(measured(as_list(frames))))

        assert strokes(changed, TURNING) - strokes(usual, TURNING) > 500
        assert (strokes(usual, OTHER), strokes(changed, OTHER) > 500) == (0, True)

    @pytest.mark.parametrize(
        ("size_bytes", "told"),
        [
            (999, "999 bytes"),
            (1_000, "1.00 kB"),
            (999_999, "1000.00 kB"),
            (1_000_000, "1.00 MB"),
            (10**9, "1.00 GB"),
        ],
    )
    def test_tells_the_size_of_each_chapter_in_its_unit(self, ports: MemoryPorts, size_bytes: int, told: str):
        document = asked_for(ports).document
        document["film"]["chapters"][0]["size_bytes"] = size_bytes

        assert f", {told}, " in Page(report.page(document, NOTHING_DRAWN)).text

    def test_of_an_older_index_tells_method_and_frames_set_aside_as_they_were_kept(self):
        turns = dict.fromkeys(TURNS, make_turn(3.0, runs=2))
        document = asked_for(measured(turns=turns)).document
        for light in document["lights"].values():
            light["transition"]["method"] = {"name": "midpoint", "version": 1}
            for run in light["transition"]["runs"]:
                run["frames_set_aside"] = 4711

        text = Page(report.page(document, NOTHING_DRAWN)).text

        assert "midpoint, version 1" in text
        assert "Its parameters" not in text
        assert text.count("4711") == 8

    def test_of_another_kind_has_no_lights(self):
        frames = [{"frame_number": at, "timestamp": at / 30, "x": at} for at in range(60)]
        page = Page(page_of(measured(as_document(frames, kind="generic"), turns={})))

        assert "These measurements (generic) have no lights." in page.text
        assert "there are no lights in the measurements" in page.text

    def test_fits_into_an_answer_with_eight_lights_and_1000_buckets(self):
        names = [f"papi_{letter}" for letter in "abcdefgh"]
        frames = [
            {**frame, **{name: frame[f"papi_{'abcd'[at % 4]}"] for at, name in enumerate(names)}}
            for frame in make_frames(2000)
        ]
        turns = dict.fromkeys(names, make_turn(3.0, runs=40))
        page = page_of(measured(as_list(frames), asked={"side": "both"}, turns=turns))

        assert answers.counted_bytes(page) < answers.MOST_BODY_BYTES / 4


def _with_text(value: Any, text: str) -> Any:
    """The document with `text` in the place of every text but times and verdicts."""
    if isinstance(value, dict):
        return {name: _with_text(each, text) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_text(each, text) for each in value]
    is_word = isinstance(value, str) and not re.match(r"20\d\d-|pass|fail|fitted", value)
    return text if is_word else value
