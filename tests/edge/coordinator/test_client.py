"""The coordinator's answers, and what each makes the client do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge_client.base.errors import (
    CoordinatorBusy,
    CoordinatorRefusal,
    GaveUp,
    PartsMismatch,
    PlanReplaced,
    UploadGone,
)
from edge_client.base.retry import Retry, Tally
from edge_client.coordinator import answers
from edge_client.coordinator.client import MOST_PAGES, Coordinator
from edge_client.model.api import HeartbeatReport, Token
from edge_client.model.levels import Evidence, Level, ReadAgain
from edge_client.model.parts import PartPlan, Span, SpooledPart, crc_text, crc_value
from edge_client.model.plan import CameraIdentity, ChapterPlan, SessionPlan
from tests.edge.conftest import FakeTime
from tests.support.coordinator import SIGNATURE, TOKEN, Door, MemoryCoordinator, told_otherwise
from tests.support.memory import crc64nvme_of

CHAPTER = ChapterPlan("100GOPRO", "GX010042.MP4", 5, 1, 1, None, None)
PLAN = SessionPlan("s", None, CameraIdentity("C3501324500711", None, None), (CHAPTER,))
ARTIFACT = "original.100GOPRO.GX010042.MP4"


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()


@pytest.fixture
def coordinator(cloud: MemoryCoordinator, clock: FakeTime) -> Iterator[Coordinator]:
    made = Coordinator(cloud.url, Token(TOKEN), "0.1.0", Retry(clock.timing(), 60.0, Tally()))
    yield made
    made.close()


def open_upload(coordinator: Coordinator) -> None:
    """Open the upload `u_1` of a planned session."""
    coordinator.put_session(PLAN)
    coordinator.open_upload("s", ARTIFACT, 5)


def problem(status: int, slug: str, action: str, **more: Any) -> tuple[int, bytes]:
    return status, json.dumps(
        {"type": f"urn:reelhaul:problem:{slug}", "action": action, "title": slug, **more}
    ).encode()


def test_every_call_carries_token_and_version(coordinator: Coordinator, cloud: MemoryCoordinator):
    coordinator.put_session(PLAN)

    [headers] = cloud.headers
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Reelhaul-Client-Version"] == "0.1.0"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(problem(400, "invalid-request", "stop"), CoordinatorRefusal, id="stop"),
        pytest.param(problem(401, "not-authenticated", "stop"), CoordinatorRefusal, id="not authenticated"),
        pytest.param(problem(501, "storage-unfit", "stop"), CoordinatorRefusal, id="storage is unfit"),
        pytest.param(problem(426, "client-too-old", "stop"), CoordinatorRefusal, id="too old"),
        pytest.param(problem(409, "plan-differs", "replan"), PlanReplaced, id="replan"),
        pytest.param(problem(409, "new-one", "unheard-of"), CoordinatorRefusal, id="unknown action"),
        pytest.param(problem(410, "upload-gone", "reopen"), UploadGone, id="reopen"),
        pytest.param(
            problem(422, "parts-mismatch", "resign", missing=[1], differing=[2]), PartsMismatch, id="resign"
        ),
        pytest.param((403, b'{"message": "Forbidden"}'), CoordinatorRefusal, id="gateway's 403"),
        pytest.param(
            (404, b'{"Code": "NotFoundError", "Message": "x"}'), CoordinatorRefusal, id="unknown route"
        ),
        pytest.param((200, b'{"chapters": 7}'), CoordinatorRefusal, id="outside the contract"),
        pytest.param((200, b'{"chapters": [{}]}'), CoordinatorRefusal, id="fields missing"),
    ],
)
def test_what_waiting_does_not_mend_is_not_tried_again(
    coordinator: Coordinator,
    cloud: MemoryCoordinator,
    clock: FakeTime,
    answer: tuple[int, bytes],
    error: type[Exception],
):
    cloud.faults["session"] = [answer]

    with pytest.raises(error):
        coordinator.put_session(PLAN)

    assert (len(cloud.calls), clock.slept) == (1, [])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(problem(503, "storage-busy", "retry"), id="storage busy"),
        pytest.param(problem(423, "finalizing", "retry"), id="finalizing"),
        pytest.param(problem(500, "internal", "retry"), id="internal"),
        pytest.param((429, b'{"message": "Too Many Requests"}'), id="gateway's 429"),
        pytest.param((504, b'{"message": "Endpoint request timed out"}'), id="gateway's 504"),
        pytest.param((502, b"<html>"), id="bad gateway"),
        pytest.param((200, b"<html>welcome</html>", {"Content-Type": "text/html"}), id="captive portal"),
        pytest.param((200, b"[]"), id="not an object"),
        pytest.param((403, b"<html>blocked by policy</html>"), id="firewall"),
        pytest.param((403, b""), id="firewall without a word"),
        pytest.param((403, b'{"error": "blocked by policy"}'), id="firewall that speaks JSON"),
        pytest.param(
            (403, b'{"type": "about:blank", "title": "Forbidden"}'), id="another's problem document"
        ),
        pytest.param((404, b"<html>no such page</html>"), id="another's 404"),
        pytest.param((302, b"", {"Location": "http://127.0.0.1:1/login"}), id="redirect"),
    ],
)
def test_what_passes_is_tried_again(
    coordinator: Coordinator, cloud: MemoryCoordinator, clock: FakeTime, answer: Any
):
    cloud.faults["session"] = [answer]

    views = coordinator.put_session(PLAN).chapters

    assert views["100GOPRO/GX010042.MP4"].artifact_id == ARTIFACT
    assert clock.slept == [0.5]


@pytest.mark.parametrize(("said", "expected"), [(True, True), (False, False), (None, False), ("yes", False)])
def test_proxies_are_taken_only_by_a_coordinator_that_says_so(
    coordinator: Coordinator, cloud: MemoryCoordinator, said: object, expected: bool
):
    document = {"chapters": [], **({} if said is None else {"proxies": said})}
    cloud.faults["session"] = [(200, json.dumps(document).encode())]

    assert coordinator.put_session(PLAN).takes_proxies is expected


def test_another_patience_uses_the_same_connections(
    coordinator: Coordinator, cloud: MemoryCoordinator, clock: FakeTime
):
    cloud.faults["session"] = [(503, b"") for _ in range(9)]
    hasty = coordinator.with_retry(Retry(clock.timing(), 1.0, Tally()))

    with pytest.raises(GaveUp):
        hasty.put_session(PLAN)
    cloud.faults.clear()

    assert coordinator.put_session(PLAN).chapters
    assert sum(clock.slept) <= 1.0


def test_retry_after_is_waited_for(coordinator: Coordinator, cloud: MemoryCoordinator, clock: FakeTime):
    cloud.faults["session"] = [(429, b"{}", {"Retry-After": "9"})]

    coordinator.put_session(PLAN)

    assert clock.slept == [9.0]


LIMIT = problem(429, "too-many-requests", "retry", detail="this device has reached its limit")
LIMITED = (*LIMIT, {"Retry-After": "9"})

SPOOLED = SpooledPart(Span(1, 0, 5), 7)

CALLS: dict[str, Callable[[Coordinator], object]] = {
    "session": lambda coordinator: coordinator.put_session(PLAN),
    "open": lambda coordinator: coordinator.open_upload("s", ARTIFACT, 5),
    "get": lambda coordinator: coordinator.upload("u_1"),
    "urls": lambda coordinator: coordinator.part_urls("u_1", [SPOOLED]),
    "known": lambda coordinator: coordinator.known_chapters("C3501324500711"),
}


@pytest.mark.parametrize("kind", CALLS)
def test_at_a_limit_each_call_waits_as_long_as_it_is_told_and_goes_on(
    coordinator: Coordinator, cloud: MemoryCoordinator, clock: FakeTime, kind: str
):
    open_upload(coordinator)
    cloud.faults[kind] = [LIMITED, LIMITED]

    assert CALLS[kind](coordinator)

    assert clock.slept == [9.0, 9.0]


def test_at_a_limit_a_completion_waits_as_long_as_it_is_told(
    coordinator: Coordinator, cloud: MemoryCoordinator, clock: FakeTime
):
    open_upload(coordinator)
    cloud.uploads["u_1"].replace_parts({1: b"01234"})
    cloud.faults["complete"] = [LIMITED]

    receipt = coordinator.complete("u_1", crc_value(crc64nvme_of(b"01234"))).receipt

    assert receipt
    assert clock.slept == [9.0]


BEAT = HeartbeatReport(0, 0, None, None, 0, 10**9, "2026-11-21T12:00:00Z")

SINGLE: dict[str, Callable[[Coordinator], object]] = {
    "state": lambda coordinator: coordinator.session_state("s"),
    "progress": lambda coordinator: coordinator.heartbeat("s", BEAT),
}


@pytest.mark.parametrize("kind", SINGLE)
def test_at_a_limit_what_is_tried_once_says_that_it_passes_and_how_long(
    coordinator: Coordinator, cloud: MemoryCoordinator, clock: FakeTime, kind: str
):
    open_upload(coordinator)
    cloud.faults[kind] = [LIMITED]

    with pytest.raises(CoordinatorBusy, match="this device has reached its limit") as caught:
        SINGLE[kind](coordinator)

    assert (caught.value.retry_after_s, clock.slept) == (9.0, [])


@pytest.mark.parametrize("answer", [(200, b"<html>"), (403, b"<html>"), (403, b'{"error": "blocked"}')])
def test_a_portal_or_firewall_that_stays_is_given_up_by_name(
    coordinator: Coordinator, cloud: MemoryCoordinator, answer: tuple[int, bytes]
):
    cloud.faults["session"] = [answer] * 99

    with pytest.raises(GaveUp, match="a captive portal, a firewall"):
        coordinator.put_session(PLAN)


def test_a_mismatch_names_missing_and_differing_parts(coordinator: Coordinator, cloud: MemoryCoordinator):
    open_upload(coordinator)
    cloud.faults["complete"] = [problem(422, "parts-mismatch", "resign", missing=[1], differing=[2, 3])]

    with pytest.raises(PartsMismatch) as caught:
        coordinator.complete("u_1", 1)

    assert caught.value.numbers == {1, 2, 3}


def test_differences_and_details_are_told_without_control_characters(
    coordinator: Coordinator, cloud: MemoryCoordinator
):
    cloud.faults["session"] = [
        problem(409, "session-differs", "stop", detail="a\x1b[2Jb", differences=["size", "etag"])
    ]

    with pytest.raises(CoordinatorRefusal) as caught:
        coordinator.put_session(PLAN)

    assert "size, etag" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_an_upload_without_receipt_is_not_complete(
    coordinator: Coordinator, cloud: MemoryCoordinator, clock: FakeTime
):
    open_upload(coordinator)
    cloud.uploads["u_1"].replace_parts({1: b"01234"})
    cloud.faults["complete"] = [told_otherwise(state="COMPLETED", receipt=None)]

    assert coordinator.complete("u_1", crc_value(crc64nvme_of(b"01234"))).receipt
    assert clock.slept == [0.5]


@pytest.mark.parametrize(
    "plan",
    [
        {"size_bytes": 5, "part_size_bytes": 0, "part_count": 1},
        {"size_bytes": 5, "part_size_bytes": 5, "part_count": 2},
        {"size_bytes": 6, "part_size_bytes": 5, "part_count": 1},
        {"size_bytes": 5, "part_size_bytes": "5", "part_count": 1},
        {"size_bytes": 5, "part_size_bytes": True, "part_count": 5},
        {"size_bytes": 5, "part_size_bytes": 5},
        [5, 5, 1],
    ],
)
def test_a_part_plan_that_does_not_add_up_is_refused(
    coordinator: Coordinator, cloud: MemoryCoordinator, plan: Any
):
    open_upload(coordinator)
    cloud.faults["open"] = [told_otherwise(plan=plan)]

    with pytest.raises(CoordinatorRefusal, match="contract"):
        coordinator.open_upload("s", ARTIFACT, 5)


def test_a_part_plan_may_say_more_than_is_needed(coordinator: Coordinator, cloud: MemoryCoordinator):
    plan = {"size_bytes": 5, "part_size_bytes": 5, "part_count": 1, "colour": "red"}
    open_upload(coordinator)
    cloud.faults["open"] = [told_otherwise(plan=plan)]

    assert coordinator.open_upload("s", ARTIFACT, 5).plan == PartPlan(5, 5, 1)


def test_a_url_is_good_from_when_it_was_asked_for_and_not_from_the_first_try(
    coordinator: Coordinator, cloud: MemoryCoordinator, clock: FakeTime
):
    open_upload(coordinator)
    cloud.faults["urls"] = [(503, b"{}", {"Retry-After": "30"})]

    [url] = coordinator.part_urls("u_1", [SpooledPart(Span(1, 0, 5), 7)]).values()

    assert url.good_until == clock.now_s + cloud.expires_in_s


@pytest.mark.parametrize(
    "address",
    ["http://bucket.s3.amazonaws.com/key", "ftp://127.0.0.1/key", "/key", "bucket.s3.amazonaws.com/key"],
)
def test_a_part_url_that_is_not_https_is_refused_untold(
    coordinator: Coordinator, cloud: MemoryCoordinator, address: str
):
    url = f"{address}?X-Amz-Signature={SIGNATURE}"
    item = {"number": 1, "url": url, "headers": {}, "expires_in_s": 900}
    cloud.faults["urls"] = [(200, json.dumps({"part_urls": [item]}).encode())]

    with pytest.raises(CoordinatorRefusal, match="not https") as caught:
        coordinator.part_urls("u_1", [SpooledPart(Span(1, 0, 5), 7)])

    assert SIGNATURE not in str(caught.value)


@pytest.mark.parametrize("host", ["https://bucket.s3.amazonaws.com", "http://127.0.0.1:5055"])
def test_a_part_url_of_https_or_of_this_machine_is_taken(
    coordinator: Coordinator, cloud: MemoryCoordinator, host: str
):
    item = {"number": 1, "url": f"{host}/key", "headers": {}, "expires_in_s": 900}
    cloud.faults["urls"] = [(200, json.dumps({"part_urls": [item]}).encode())]

    [url] = coordinator.part_urls("u_1", [SpooledPart(Span(1, 0, 5), 7)]).values()

    assert url.url == f"{host}/key"


class TestTheChaptersOfACamera:
    def pages(self, cloud: MemoryCoordinator, *cursors: str | None) -> None:
        cloud.faults["known"] = [
            (200, json.dumps({"asked_by": "d_own", "chapters": [], "cursor": cursor}).encode())
            for cursor in cursors
        ]

    def test_are_read_page_by_page(self, coordinator: Coordinator, cloud: MemoryCoordinator):
        asked: list[str] = []

        def page(cursor: str | None) -> Callable[[Door], None]:
            def act(door: Door) -> None:
                asked.append(door.path.partition("?")[2])
                door.answer_json(200, {"asked_by": "d_own", "chapters": [], "cursor": cursor})

            return act

        cloud.faults["known"] = [page("a=="), page("b&c"), page(None)]

        assert coordinator.known_chapters("C1") == ()
        assert asked == ["", "cursor=a%3D%3D", "cursor=b%26c"]

    @pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]])
    def test_that_lead_back_to_a_page_that_was_read_are_refused(
        self, coordinator: Coordinator, cloud: MemoryCoordinator, cursors: list[str | None]
    ):
        self.pages(cloud, *cursors, *(["a"] * 9))

        with pytest.raises(CoordinatorRefusal, match="leads back"):
            coordinator.known_chapters("C1")

        assert len(cloud.calls) == len(cursors)

    @pytest.mark.parametrize("beyond", [-1, 0])
    def test_may_have_very_many_pages(self, coordinator: Coordinator, cloud: MemoryCoordinator, beyond: int):
        self.pages(cloud, *(str(number) for number in range(MOST_PAGES + beyond - 1)), None)

        assert coordinator.known_chapters("C1") == ()

    def test_that_have_pages_without_end_are_refused(
        self, coordinator: Coordinator, cloud: MemoryCoordinator
    ):
        self.pages(cloud, *(str(number) for number in range(MOST_PAGES)), None)

        with pytest.raises(CoordinatorRefusal, match="pages"):
            coordinator.known_chapters("C1")


def test_a_part_without_its_url_is_refused(coordinator: Coordinator, cloud: MemoryCoordinator):
    open_upload(coordinator)
    cloud.faults["urls"] = [(200, b'{"part_urls": []}')]

    with pytest.raises(CoordinatorRefusal, match="no URL"):
        coordinator.part_urls("u_1", [SpooledPart(Span(1, 0, 5), 7)])


def test_a_part_url_does_not_show_itself(coordinator: Coordinator, cloud: MemoryCoordinator):
    open_upload(coordinator)

    [url] = coordinator.part_urls("u_1", [SpooledPart(Span(1, 0, 5), 7)]).values()

    assert url.url not in repr(url)


def test_a_coordinator_that_is_away_is_an_outage(clock: FakeTime):
    away = Coordinator("http://127.0.0.1:1", Token(TOKEN), "0.1.0", Retry(clock.timing(), 60.0, Tally()))

    with pytest.raises(GaveUp, match="no answer"):
        away.put_session(PLAN)
    away.close()


def test_a_crc_has_the_form_of_the_wire():
    assert crc_text(0xAE8B14860A799888) == "rosUhgp5mIg="
    assert crc_value("rosUhgp5mIg=") == 0xAE8B14860A799888


@pytest.mark.parametrize("text", ["", "rosU", "????????????", "rosUhgp5mIgA"])
def test_a_crc_of_another_form_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        crc_value(text)


@pytest.mark.parametrize(
    ("size_bytes", "count", "last"), [(9, 1, Span(1, 0, 9)), (10, 1, Span(1, 0, 10)), (11, 2, Span(2, 10, 1))]
)
def test_the_last_part_may_be_shorter(size_bytes: int, count: int, last: Span):
    plan = PartPlan(size_bytes, 10, count)

    assert plan.is_sound
    assert list(plan.spans())[-1] == last


READ = {
    "at": "2026-11-30T12:00:00Z",
    "by": "d_1",
    "crc64nvme": "AAAAAAAAAAc=",
    "xxh128": "0" * 32,
    "agrees": True,
}
KNOWN = {"level": "read-twice", "agrees": True, "read_twice": READ, "read_back": None}


class TestEvidence:
    def test_is_read_as_the_coordinator_says_it(self):
        found = answers.evidence(KNOWN)

        assert found == Evidence(
            Level.READ_TWICE,
            agrees=True,
            read_twice=ReadAgain("2026-11-30T12:00:00Z", "d_1", "AAAAAAAAAAc=", "0" * 32, agrees=True),
        )

    def test_of_a_coordinator_that_keeps_none_is_none(self):
        assert answers.evidence(None) is None

    def test_of_a_level_that_is_not_known_here_is_worth_one_read(self):
        found = answers.evidence({**KNOWN, "level": "read-thrice"})

        assert found
        assert found.level is Level.READ_ONCE

    @pytest.mark.parametrize(
        "change", [{"level": None}, {"read_twice": {}}, {"read_twice": {**READ, "crc64nvme": 1}}]
    )
    def test_outside_the_contract_is_refused(self, change: dict[str, object]):
        with pytest.raises(CoordinatorRefusal, match="outside its contract"):
            answers.read_with({**KNOWN, **change}, answers.recorded_evidence)

    def test_agrees_only_where_the_coordinator_says_so(self):
        found = answers.evidence({**KNOWN, "agrees": None})

        assert found
        assert not found.agrees
