"""One event for each object created, whole, to whoever asked for it, behind the answer."""

import itertools
import json
import threading
import time
from typing import Any

import boto3
import pytest

from infra.local.aws.strict_s3 import Chaos, StrictS3
from tests.infra.strict_s3.bench import DEADLINE_S, REGION, Bucket, MovableClock, completion_body, send

LAMBDA = f"arn:aws:lambda:{REGION}:123456789012:function:originals"
QUEUE = f"arn:aws:sqs:{REGION}:123456789012:outputs"
MARK = "end-of-test/"
_marks = itertools.count()


def notify(bucket: Bucket, *wishes: Any, queues: tuple[Any, ...] = ()) -> None:
    configuration: Any = {
        "LambdaFunctionConfigurations": wishes,
        "QueueConfigurations": [*queues, wish(QUEUE, "s3:ObjectCreated:Put", MARK, name="Queue")],
    }
    bucket.s3.put_bucket_notification_configuration(
        Bucket=bucket.name, NotificationConfiguration=configuration
    )


def wish(
    target: str, event: str, prefix: str = "", suffix: str = "", name: str = "LambdaFunction"
) -> dict[str, Any]:
    rules = [
        {"Name": key, "Value": value} for key, value in (("prefix", prefix), ("suffix", suffix)) if value
    ]
    said = {f"{name}Arn": target, "Events": [event], "Id": "mine"}
    return {**said, "Filter": {"Key": {"FilterRules": rules}}} if rules else said


def told(bucket: Bucket) -> list[tuple[str, dict[str, Any]]]:
    """All events so far: that of a last object, made here to mark the end, comes behind them."""
    mark = f"{MARK}{next(_marks)}"
    bucket.put(mark)
    deadline = time.monotonic() + DEADLINE_S
    items = bucket.bench.inbox.wait_for(1)
    while mark not in [key_of(event) for _, event in items]:
        assert time.monotonic() < deadline
        items = bucket.bench.inbox.wait_for(len(items) + 1)
    return [(target, event) for target, event in items if not key_of(event).startswith(MARK)]


def key_of(event: dict[str, Any]) -> str:
    key: str = event["Records"][0]["s3"]["object"]["key"]
    return key


def complete_one(bucket: Bucket, key: str = "originals/a.mp4") -> dict[str, Any]:
    upload = bucket.begin(key)
    done: dict[str, Any] = upload.complete([upload.put(1, b"part")])
    return done


def test_a_completed_upload_is_told_once(bucket: Bucket):
    notify(bucket, wish(LAMBDA, "s3:ObjectCreated:*"))

    complete_one(bucket)

    names = [event["Records"][0]["eventName"] for target, event in told(bucket) if target == LAMBDA]
    assert names == ["ObjectCreated:CompleteMultipartUpload"]


def test_moto_tells_a_completed_upload_twice_and_less_of_it(bucket: Bucket):
    sqs = boto3.client("sqs", endpoint_url=bucket.bench.url, region_name=REGION)
    queue = sqs.create_queue(QueueName="outputs")["QueueUrl"]
    notify(bucket, queues=(wish(QUEUE, "s3:ObjectCreated:*", "originals/", name="Queue"),))
    upload = bucket.begin("originals/a.mp4")
    body = completion_body([upload.put(1, b"part")])

    assert bucket.bench.barely("POST", upload.completion_url(), body).status == 200

    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    records = [record for message in messages for record in json.loads(message["Body"]).get("Records", [])]
    assert sorted(record["eventName"] for record in records) == [
        "ObjectCreated:CompleteMultipartUpload",
        "ObjectCreated:Put",
    ]
    assert records[0]["s3"]["object"].keys() == {"key", "size", "eTag"}
    assert key_of({"Records": records}) == "originals%2Fa.mp4"
    sqs.close()


def test_the_event_of_a_completion_has_all_that_s3_says(bucket: Bucket):
    notify(bucket, wish(LAMBDA, "s3:ObjectCreated:CompleteMultipartUpload"))

    done = complete_one(bucket)

    [(target, event)] = told(bucket)
    [record] = event["Records"]
    assert target == LAMBDA
    assert record["s3"]["object"].pop("sequencer")
    assert record["s3"]["object"] == {
        "key": "originals/a.mp4",
        "size": 4,
        "eTag": done["ETag"].strip('"'),
        "versionId": done["VersionId"],
    }
    assert record["s3"]["bucket"]["name"] == bucket.name
    assert record["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{bucket.name}"
    assert record["s3"]["configurationId"] == "mine"
    assert (record["eventSource"], record["awsRegion"]) == ("aws:s3", REGION)
    assert record["userIdentity"]["principalId"]
    assert record["requestParameters"] == {"sourceIPAddress": "127.0.0.1"}
    assert record["responseElements"]["x-amz-request-id"] == done["ResponseMetadata"]["RequestId"]


def test_an_object_put_whole_is_told_as_put(bucket: Bucket):
    notify(bucket, wish(LAMBDA, "s3:ObjectCreated:*"))

    bucket.put("originals/a.mp4")

    assert [event["Records"][0]["eventName"] for _, event in told(bucket)][:1] == ["ObjectCreated:Put"]


def test_a_key_is_encoded_and_keeps_its_slashes(bucket: Bucket):
    notify(bucket, wish(LAMBDA, "s3:ObjectCreated:Put"))

    bucket.put("a/b c+d=é")

    assert told(bucket)[0][1]["Records"][0]["s3"]["object"]["key"] == "a/b+c%2Bd%3D%C3%A9"


def test_sequencers_are_hexadecimal_and_rise(bucket: Bucket):
    notify(bucket, wish(LAMBDA, "s3:ObjectCreated:Put", "originals/"))

    for _ in range(3):
        bucket.put("originals/a.mp4")

    numbers = [event["Records"][0]["s3"]["object"]["sequencer"] for _, event in told(bucket)]
    assert len({len(number) for number in numbers}) == 1
    assert [int(number, 16) for number in numbers] == sorted({int(number, 16) for number in numbers})
    assert len(numbers) == 3


@pytest.mark.parametrize(
    ("key", "is_told"),
    [
        ("originals/a.mp4", True),
        ("originals/a.json", False),
        ("outputs/a.mp4", False),
        ("a/originals/a.mp4", False),
    ],
)
def test_prefix_and_suffix_decide_who_is_told(bucket: Bucket, key: str, is_told: bool):
    notify(bucket, wish(LAMBDA, "s3:ObjectCreated:*", "originals/", ".mp4"))

    bucket.put(key)

    assert bool(told(bucket)) == is_told


@pytest.mark.parametrize(
    ("event", "is_told"),
    [
        ("s3:ObjectCreated:*", True),
        ("s3:ObjectCreated:CompleteMultipartUpload", True),
        ("s3:ObjectCreated:Put", False),
        ("s3:ObjectCreated:Copy", False),
        ("s3:ObjectRemoved:*", False),
    ],
)
def test_the_kind_of_event_decides_who_is_told(bucket: Bucket, event: str, is_told: bool):
    notify(bucket, wish(LAMBDA, event, "originals/"))

    complete_one(bucket)

    assert bool(told(bucket)) == is_told


def test_a_queue_is_told_like_a_function(bucket: Bucket):
    notify(bucket, queues=(wish(QUEUE, "s3:ObjectCreated:*", "outputs/", name="Queue"),))

    bucket.put("outputs/a.json")

    assert [target for target, _ in told(bucket)] == [QUEUE]


def test_a_completion_said_again_is_not_told_again(bucket: Bucket):
    notify(bucket, wish(LAMBDA, "s3:ObjectCreated:*", "originals/"))
    upload = bucket.begin("originals/a.mp4")
    parts = [upload.put(1, b"part")]

    upload.complete(parts)
    upload.complete(parts)

    assert len(told(bucket)) == 1


def test_what_was_refused_is_not_told(bucket: Bucket):
    notify(bucket, wish(LAMBDA, "s3:ObjectCreated:*", "originals/"))
    url = bucket.presigned("put_object", "originals/a.mp4")[:-1]

    assert bucket.bench.strictly("PUT", url, b"film").status == 403

    assert told(bucket) == []


def test_an_object_whose_answer_was_lost_is_told(bucket: Bucket):
    notify(bucket, wish(LAMBDA, "s3:ObjectCreated:*", "originals/"))
    bucket.bench.chaos.fail_after("PutObject", key_prefix="originals/")
    url = bucket.presigned("put_object", "originals/a.mp4")

    assert bucket.bench.strictly("PUT", url, b"film").status == 500

    assert len(told(bucket)) == 1


def test_a_slow_target_delays_no_answer_and_a_failing_one_silences_nobody(bucket: Bucket):
    may_go_on, heard = threading.Event(), []

    def slow_then_broken(target: str, event: dict[str, Any]) -> None:
        assert may_go_on.wait(DEADLINE_S)
        heard.append(key_of(event))
        raise ValueError("the target is broken")

    notify(bucket, wish(LAMBDA, "s3:ObjectCreated:*", "originals/"))
    with StrictS3(
        bucket.bench.moto,
        credentials={"test": "test"},
        clock=MovableClock(),
        on_event=slow_then_broken,
        chaos=Chaos(),
    ) as layer:
        for name in ("originals/1", "originals/2"):
            assert send(layer, "PUT", bucket.presigned("put_object", name), b"film", {}).status == 200
        assert heard == []
        may_go_on.set()
    assert heard == ["originals/1", "originals/2"]


def test_the_last_layer_that_closes_gives_moto_its_events_back(bucket: Bucket):
    from moto.s3 import notifications

    tapped = notifications.send_event
    layer = StrictS3(
        bucket.bench.moto, credentials={}, clock=MovableClock(), on_event=bucket.bench.inbox, chaos=Chaos()
    )

    layer.close()

    # The bench's own layer still holds the tap.
    assert notifications.send_event == tapped
