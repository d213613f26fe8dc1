"""On the way to PROCESSED: what an action leaves on record and in S3, and what it reports."""

import pytest
from msgspec.structs import replace

from chalicelib.core import settle
from chalicelib.core.events import Measure
from chalicelib.core.order import Order, wish
from chalicelib.core.picture import Picture, Progress
from chalicelib.core.scan import CLEAN, INFECTED, Scan
from chalicelib.core.session import SessionState
from tests.core.settle import cases
from tests.core.settle.cases import VIDEO, receipt_of, stored_of
from tests.flows.actions.acted import Acted
from tests.flows.actions.arranged import NOW, world, written
from tests.support.builders import START


def stored_a_minute_after_the_camera() -> Picture:
    """An OPEN session whose last receipt came a minute after the camera closed its last chapter."""
    picture = cases.stored_session().picture
    began = int(START.timestamp()) - 100
    progress = Progress(0, 0, None, None, 0, 0, START, START, camera_ahead_s=0, last_chapter_s=40)
    chapters = (picture.chapters[0], replace(picture.chapters[1], created=began))
    session = replace(picture.session, state=SessionState.OPEN)
    return replace(picture, session=session, chapters=chapters, progress=progress)


def test_the_time_until_a_session_is_safe_is_measured_once(acted: Acted):
    ports = world(stored_a_minute_after_the_camera())

    picture = acted.carry_out(ports, settle.Store())

    assert picture.session.state is SessionState.STORED
    assert picture.session.safe
    assert picture.session.safe.after_s == 60
    assert acted.reported == ("INFO", "session stored", {"safe_after_s": 60})
    assert ports.metrics.sizes == {Measure.TIME_TO_SAFE: [60]}
    acted.carry_out(ports, settle.Store())
    assert ports.metrics.sizes == {Measure.TIME_TO_SAFE: [60]}


def test_a_session_of_which_nobody_knows_when_its_camera_ended_is_not_measured(acted: Acted):
    ports = world(cases.stored_session().picture)

    acted.carry_out(ports, settle.Store())

    assert acted.reported == ("INFO", "session stored", {"safe_after_s": None})
    assert ports.metrics.sizes == {}


def test_an_order_is_sent_and_its_time_is_on_record(acted: Acted):
    order = Order(3, wish([VIDEO], {}), START)
    ports = world(cases.stored_session().session(order=order).picture)

    picture = acted.carry_out(ports, settle.SendOrder())

    assert picture.session.order == order.sent(NOW)
    assert [message["order"] for message in ports.orders.sent] == [3]
    assert acted.reported == ("INFO", "order sent", {"order": 3})


def test_an_output_that_was_verified_has_its_receipt_of_now(acted: Acted):
    case = cases.stored_session()
    receipt = receipt_of(case.picture, VIDEO, verified_at=NOW)
    scan = Scan(VIDEO, receipt.key, receipt.version_id, None, START)

    after = acted.carry_out(
        world(case.session(scans=(scan,)).picture), settle.VerifyOutput(VIDEO, stored_of(receipt))
    )

    assert (after.receipts, after.session.scans) == ((receipt,), ())
    assert acted.reported == ("INFO", "output verified", {"artifact_id": VIDEO, "size_bytes": 5})


def test_a_failed_session_is_an_error_with_its_reason(acted: Acted):
    before = cases.stored_session().picture

    after = acted.carry_out(world(before), settle.Fail("no picture"))

    assert after.session == written(before.session.failed("no picture"))
    assert acted.reported == ("ERROR", "session failed", {"reason": "no picture"})


def test_a_processed_session_begins_its_grace(acted: Acted):
    before = cases.made_session().picture

    after = acted.carry_out(world(before), settle.Process())

    assert after.session == written(before.session.processed(NOW))
    assert acted.reported == ("INFO", "session processed", {})


@pytest.mark.parametrize(
    ("finding", "level", "event"),
    [
        (INFECTED, "ERROR", "artifact infected"),
        (None, "INFO", "scan awaited"),
        ("FAILED", "ERROR", "scan inconclusive"),
        (CLEAN, "ERROR", "scan inconclusive"),
    ],
)
def test_what_a_scan_came_to_is_on_record_and_reported(
    acted: Acted, finding: str | None, level: str, event: str
):
    before = cases.stored_session().picture
    scan = Scan(VIDEO, before.key(VIDEO), "v1", finding, START)

    after = acted.carry_out(world(before), settle.RecordScan(scan))

    assert after.session == written(before.session.scanned(scan))
    assert acted.reported == (level, event, {"artifact_id": VIDEO, "version_id": "v1", "finding": finding})
