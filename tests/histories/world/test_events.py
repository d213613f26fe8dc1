"""S3's events reach the functions that app.py names: once or more, late, out of order, or never."""

import re
from pathlib import Path
from urllib.parse import unquote_plus

import pytest

from chalicelib.core import keys
from chalicelib.core.settle import Actor
from tests.histories.world.builders import Drawn, Seconds, Struck
from tests.histories.world.events import ACTORS, LATEST_S, USUALLY_S, WAITS_S, BucketEvents, Delivery
from tests.support.builders import UPLOAD_ID
from tests.support.memory import MemoryObjectStore, crc64nvme_of

ORIGINAL = "originals/main/match/100GOPRO/GX010038.MP4"
OUTPUT = "outputs/main/match/1/a=20b.mp4"
MEASURED = "measurements/main/match/1/lights.json"


@pytest.fixture
def now() -> Seconds:
    return Seconds()


@pytest.fixture
def chance() -> Struck:
    return Struck()


@pytest.fixture
def events(now: Seconds, chance: Struck) -> BucketEvents:
    return BucketEvents(now, chance)


@pytest.fixture
def bucket(events: BucketEvents) -> MemoryObjectStore:
    bucket = MemoryObjectStore()
    bucket.on_created = events.arise
    return bucket


def taken(events: BucketEvents) -> list[Delivery]:
    return list(iter(events.take, None))


def key_of(delivery: Delivery) -> str:
    [entry] = delivery.event["Records"]
    return unquote_plus(entry["s3"]["object"]["key"])


def test_actors_and_prefixes_are_those_of_the_functions():
    app = (Path(__file__).parents[3] / "cloud/app.py").read_text()
    told = re.findall(r"prefix=keys\.(\w+), name=.*\n.*\n.*\n.*settle_created\(\w+, .*, Actor\.(\w+)\)", app)

    assert {getattr(keys, prefix): Actor[actor] for prefix, actor in told} == ACTORS


def test_an_event_comes_after_a_while_and_once(bucket: MemoryObjectStore, events: BucketEvents, now: Seconds):
    bucket.put_object(ORIGINAL, b"x")

    assert (events.next_at_s(), events.take()) == (USUALLY_S / 2, None)
    now.at = USUALLY_S / 2
    [delivery] = taken(events)
    assert (key_of(delivery), delivery.actor) == (ORIGINAL, Actor.EVENT)
    assert (events.next_at_s(), events.take()) == (None, None)


def test_every_way_to_write_an_object_makes_an_event_of_its_own_name(
    bucket: MemoryObjectStore, events: BucketEvents, now: Seconds
):
    multipart_id = bucket.create_multipart(ORIGINAL, UPLOAD_ID)
    bucket.put_part(ORIGINAL, multipart_id, 1, b"x")
    bucket.complete(ORIGINAL, multipart_id, bucket.parts(ORIGINAL, multipart_id), crc64nvme_of(b"x"), 1)
    bucket.put_once(OUTPUT, b"x", UPLOAD_ID, crc64nvme_of(b"x"))
    bucket.land(MEASURED, b"x", UPLOAD_ID)
    bucket.mark_deleted(ORIGINAL)

    now.at = USUALLY_S
    found = {key_of(each): each.event["Records"][0]["eventName"] for each in taken(events)}
    assert found == {
        ORIGINAL: "ObjectCreated:CompleteMultipartUpload",
        OUTPUT: "ObjectCreated:Put",
        MEASURED: "ObjectCreated:Post",
    }


@pytest.mark.parametrize("prefix", [keys.INTERMEDIATES, keys.PROXIES, keys.INDEX, keys.LAKE, keys.INCOMING])
def test_nobody_hears_of_other_keys(bucket: MemoryObjectStore, events: BucketEvents, prefix: str):
    bucket.put_object(f"{prefix}main/match/a", b"x")

    assert events.next_at_s() is None


def test_an_event_may_be_lost_doubled_or_late(
    bucket: MemoryObjectStore, events: BucketEvents, now: Seconds, chance: Struck
):
    chance.faults = {"event lost"}
    bucket.put_object(ORIGINAL, b"x")
    assert events.next_at_s() is None

    chance.faults = {"event doubled", "event late"}
    bucket.put_object(ORIGINAL, b"x")
    now.at = LATEST_S / 2 - 1
    assert events.take() is None
    now.at = LATEST_S / 2
    first, second = taken(events)
    assert first.event == second.event


def test_events_come_in_another_order_than_their_objects(now: Seconds):
    chance = Drawn([False, False, True])
    events = BucketEvents(now, chance)
    bucket = MemoryObjectStore()
    bucket.on_created = events.arise
    bucket.put_object(ORIGINAL, b"x")
    bucket.put_object(OUTPUT, b"x")
    now.at = LATEST_S

    assert [key_of(each) for each in taken(events)] == [OUTPUT, ORIGINAL]


def test_a_function_that_fails_is_called_twice_more_and_then_its_event_is_dead(
    bucket: MemoryObjectStore, events: BucketEvents, now: Seconds
):
    bucket.put_object(ORIGINAL, b"x")
    for wait_s in WAITS_S:
        now.at = events.next_at_s() or 0
        [delivery] = taken(events)
        events.fail(delivery)
        assert events.next_at_s() == now.at + wait_s
    now.at = events.next_at_s() or 0
    [delivery] = taken(events)
    assert (delivery.attempt, events.dead_letters) == (3, [])

    events.fail(delivery)

    assert (events.next_at_s(), events.dead_letters) == (None, [delivery])
