"""Parts on their way: the desk, and what an error tells."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import pytest

from edge_client.errors import GaveUp, PartRefused, Stopped
from edge_client.plan import Span
from edge_client.retry import Retry, Tally
from edge_client.spool import SpooledPart
from edge_client.transfer import MOST_URLS, Body, Desk, PartSender, PartUrl
from tests.edge_client.conftest import FakeTime
from tests.edge_client.fakes import SIGNATURE

ADDRESS = f"http://127.0.0.1:1/bucket?X-Amz-Signature={SIGNATURE}"


class MemoryParts:
    def content(self, part: SpooledPart) -> bytes:
        return bytes(part.span.size_bytes)

    def drop_part(self, part: SpooledPart) -> None:
        raise AssertionError("nothing is corrupt here")


def part(number: int) -> SpooledPart:
    return SpooledPart(Span(number, 0, 5), 7)


def sign(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
    return {p.span.number: PartUrl(p.span.number, ADDRESS, {"content-length": "5"}, 1e9) for p in batch}


def sender(desk: Desk, give_up_after_s: float) -> PartSender:
    retry = Retry(FakeTime().timing(), give_up_after_s, Tally())
    return PartSender(desk, MemoryParts(), retry, lambda size_bytes: None)


def test_an_unreachable_s3_is_told_without_its_url():
    desk = Desk(sign)

    with pytest.raises(GaveUp) as caught:
        sender(desk, 0.0).send(part(1), sign([part(1)])[1])

    assert "ConnectionError" in str(caught.value)
    assert SIGNATURE not in "".join(traceback.format_exception(caught.value))


def test_a_url_for_another_length_is_never_used():
    url = PartUrl(1, ADDRESS, {"content-length": "6"}, 1e9)

    with pytest.raises(PartRefused, match="another length"):
        sender(Desk(sign), 600.0).send(part(1), url)


@pytest.mark.parametrize(("good_for_s", "renewed"), [(-1, True), (0, True), (1, False)])
def test_a_url_past_its_time_is_renewed_before_a_byte_is_sent(good_for_s: float, renewed: bool):
    asked: list[int] = []

    def counted(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
        asked.append(len(batch))
        return sign(batch)

    url = PartUrl(1, ADDRESS, {"content-length": "5"}, FakeTime().now_s + good_for_s)
    with pytest.raises(GaveUp):
        sender(Desk(counted), 0.0).send(part(1), url)

    assert asked == ([1] if renewed else [])


@pytest.mark.parametrize(("waiting", "batches"), [(1, [1]), (MOST_URLS, [32]), (MOST_URLS + 1, [32, 1])])
def test_urls_are_asked_for_all_that_waits_up_to_32(waiting: int, batches: list[int]):
    asked: list[int] = []

    def counted(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
        asked.append(len(batch))
        return sign(batch)

    desk = Desk(counted)
    for number in range(1, waiting + 1):
        desk.add(part(number))
    desk.close()

    taken = [one[0].span.number for one in iter(desk.take, None) if one]

    assert (taken, asked) == (list(range(1, waiting + 1)), batches)


def test_after_an_error_nothing_is_handed_out_and_the_first_error_counts():
    desk = Desk(sign)
    desk.add(part(1))
    desk.fail(Stopped("first"))
    desk.fail(Stopped("second"))

    assert desk.take() is None
    with pytest.raises(Stopped, match="first"):
        desk.check()


def test_a_body_is_sent_block_by_block_and_counted():
    moved: list[int] = []
    body = Body(bytes(600_000), lambda: None, moved.append, lambda: 0.0)

    assert sum(len(block) for block in body) == len(body) == sum(moved) == 600_000
    assert max(moved) == 256 * 1024
