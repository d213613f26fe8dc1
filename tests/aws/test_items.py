"""What an item of the table looks like, and what may stand in it that we do not know."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from chalicelib.aws import items
from chalicelib.core.cleanup import Cleanup, Doomed
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.ids import ArtifactId, UploadId
from chalicelib.core.order import Order, Wish
from chalicelib.core.session import Camera, Session, SessionState
from chalicelib.core.upload import Receipt, Upload
from chalicelib.ports import Due, Listed, ListEntry
from tests.support.builders import make_chapter, make_session, make_session_id, make_upload

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SESSION_ID = make_session_id("match-17")


class Counted(Struct, frozen=True):
    """A value with a number."""

    count: int


def test_a_session_stands_in_the_index_of_its_device_by_the_time_it_was_made_and_its_name():
    item = items.session_item(make_session(session_id=SESSION_ID, created_at=NOON))

    assert (item["pk"], item["sk"]) == ({"S": "SESSION#main/match-17"}, {"S": "SESSION"})
    assert (item["device_pk"], item["device_sk"]) == (
        {"S": "DEVICE#main/d_north"},
        {"S": "2026-11-21T12:00:00.000000Z#main/match-17"},
    )


def test_a_session_stands_in_the_index_of_its_camera_by_the_time_it_was_made_and_its_name():
    session = make_session(session_id=SESSION_ID, camera=Camera("C35"), created_at=NOON)

    item = items.session_item(session)

    assert (item["camera_pk"], item["camera_sk"]) == (
        {"S": "CAMERA#main/C35"},
        {"S": "2026-11-21T12:00:00.000000Z#main/match-17"},
    )
    assert items.list_entry(item, "camera_sk") == ListEntry(Listed(SESSION_ID, NOON), SessionState.OPEN)
    assert items.value(item, Session) == session


def test_values_are_native_attributes_that_a_person_can_read():
    item = items.session_item(make_session(camera=Camera("C35", model="HERO12 Black"), version=7))

    assert item["version"] == {"N": "7"}
    assert item["state"] == {"S": "OPEN"}
    assert item["camera"] == {"M": {"serial": {"S": "C35"}, "model": {"S": "HERO12 Black"}}}


def test_what_is_none_is_not_in_the_item():
    assert "group" not in items.session_item(make_session(group=None))


def test_an_order_stands_in_its_sessions_item_as_a_person_can_read_it():
    wish = Wish((ArtifactId("output.enhanced.mp4"),), '{"segments": 3}')

    item = items.session_item(make_session(order=Order(2, wish, NOON)))

    assert item["order"] == {
        "M": {
            "number": {"N": "2"},
            "wish": {
                "M": {
                    "required": {"L": [{"S": "output.enhanced.mp4"}]},
                    "parameters": {"S": '{"segments": 3}'},
                    "left_out": {"L": []},
                    "added": {"L": []},
                }
            },
            "ordered_at": {"S": "2026-11-21T12:00:00Z"},
            "is_import": {"BOOL": False},
        }
    }


@pytest.mark.parametrize("sent_at", [None, NOON + timedelta(microseconds=1)])
@pytest.mark.parametrize("parameters", ["{}", '{"größe": "日本 🎥 \\"\\n", "x": 1.5, "y": null}'])
def test_a_session_with_an_order_a_failure_and_a_hold_comes_back_as_it_was(
    sent_at: datetime | None, parameters: str
):
    required = (ArtifactId("output.enhanced.mp4"), ArtifactId("measurements.lights"))
    session = make_session(
        state=SessionState.FAILED,
        order=Order(7, Wish(required, parameters), NOON, sent_at),
        failure="no light — ever",
        held="ask 北",
    )

    assert items.value(items.session_item(session), Session) == session


def test_a_session_written_before_there_were_orders_still_reads():
    item = items.session_item(make_session())

    assert not {"order", "failure", "held"} & set(item)
    assert items.value(item, Session) == make_session()


MOST_ITEM_BYTES = 400 * 1024
VERSION_ID = "3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH"
LONGEST_NAME = "n" * 100
LONGEST_SESSION_ID = make_session_id("s" * 100, "p" * 40)
LONGEST_KEY = f"originals/{LONGEST_SESSION_ID}/100GOPRO/{'F' * 180}"


def weight(attribute: Any) -> int:
    """The bytes that DynamoDB counts for a value.

    Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html (item sizes)
    """
    [(kind, value)] = attribute.items()
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + weight(each) for name, each in value.items())
    if kind == "L":
        return 3 + sum(1 + weight(each) for each in value)
    return {"S": len(str(value).encode()), "N": len(str(value)) // 2 + 2, "BOOL": 1}[kind]


def largest_session(doomed: int = 99, **changes: Any) -> Session:
    """A session with the longest names there can be, its intent for so many objects by fifty outputs."""
    crc = Crc64Nvme("rosUhgp5mIg=")
    output = ArtifactId(f"output.{LONGEST_NAME}")
    one = Doomed(ArtifactId("o" * 200), LONGEST_KEY, VERSION_ID, f'"{"e" * 32}-10000"', 2**45, crc)
    receipt = Receipt(
        UploadId("u_" + "x" * 22),
        output,
        f"outputs/{LONGEST_SESSION_ID}/1/{LONGEST_NAME}",
        *(VERSION_ID, 2**45, crc, NOON),
    )
    return make_session(
        session_id=LONGEST_SESSION_ID,
        group="ü" * 100,
        order=Order(9, Wish((output,) * 50, "x" * 16_384), NOON, NOON),
        cleanup=Cleanup(NOON, (one,) * doomed, (receipt,) * 50),
        **changes,
    )


def item_weight(session: Session) -> int:
    beside = [items.chapter_item(session.session_id, place, make_chapter()) for place in range(1, 100)]
    first, *_ = items.stamped(items.session_item(session), beside, session.version)
    return weight({"M": first})


def test_the_largest_intent_leaves_more_than_half_of_an_item_free():
    restored: dict[str, Any] = {
        "cleaned": (VERSION_ID,) * 99,
        "restoring": (ArtifactId("o" * 200),) * 99,
        "held": "h" * 500,
        "failure": "f" * 500,
    }

    assert item_weight(largest_session()) < 130_000
    assert item_weight(largest_session(**restored)) < MOST_ITEM_BYTES // 2


@pytest.mark.parametrize("place", [1, 9, 10, 99])
def test_chapters_sort_by_their_place(place: int):
    item = items.chapter_item(SESSION_ID, place, make_chapter())

    assert item["sk"] == {"S": f"CHAPTER#{place:02d}"}


def test_a_due_item_names_its_session_and_time_in_the_sort_key_of_the_index():
    item = items.work_item(SESSION_ID, NOON)

    assert items.due(item) == Due(SESSION_ID, NOON)
    assert item["work_pk"] == {"S": "WORK#settle"}


@pytest.mark.parametrize(
    "added",
    [
        {"S": "text"},
        {"N": "1.5"},
        {"BOOL": True},
        {"NULL": True},
        {"B": b"bytes"},
        {"SS": ["a", "b"]},
        {"NS": ["1", "2"]},
        {"L": [{"N": "1"}, {"M": {"deep": {"N": "2"}}}]},
    ],
)
def test_attributes_of_a_newer_version_are_passed_over(added):
    upload = make_upload()
    item = {**items.upload_item(upload), "added": added}

    assert items.value(item, Upload) == upload


def test_attributes_of_a_newer_version_inside_a_value_are_passed_over():
    session = make_session()
    item = items.session_item(session)
    item["camera"]["M"]["lens"] = {"S": "wide"}  # type: ignore[index]

    assert items.value(item, Session) == session


def test_fields_that_an_older_version_did_not_write_have_their_defaults():
    upload = make_upload()
    item = items.upload_item(upload)
    for name in ("state", "owes_abort", "owes_removal"):
        del item[name]

    assert items.value(item, Upload) == upload


@pytest.mark.parametrize("count", [2**53 - 1, 2**53, 2**53 + 1, 10**37])
def test_integers_are_exact(count: int):
    item = items.attributes({"count": count})

    assert items.value(item, Counted) == Counted(count)


def test_a_fraction_is_never_taken_for_an_integer():
    with pytest.raises(msgspec.ValidationError, match="count"):
        items.value({"count": {"N": "1.5"}}, Counted)


def test_an_item_without_a_field_that_must_be_there_is_an_error():
    with pytest.raises(msgspec.ValidationError, match="count"):
        items.value({}, Counted)
