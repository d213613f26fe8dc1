"""The topic over SNS: what goes out, and what the answers become."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.notifications import LONGEST_SUBJECT, SnsNotifier
from chalicelib.core.errors import StorageBusy
from chalicelib.core.ids import SessionId
from chalicelib.core.notices import Announcement, Notice, NoticeKind, announcement
from infra.local.aws.moto import server
from tests.aws.canned import ENDPOINT_URL, Answer, Sent, answering

TOPIC = "arn:aws:sns:eu-west-1:123456789012:reelhaul-prod"
TAKEN = Answer(
    200, "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>"
)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def refusal(status: int, code: str) -> Answer:
    """An error of SNS."""
    said = f"<ErrorResponse><Error><Code>{code}</Code><Message>{TOPIC}</Message></Error></ErrorResponse>"
    return Answer(status, said)


def topic(*answers: Answer) -> tuple[SnsNotifier, list[Sent]]:
    """The topic of the stage prod, by a client that tries once, and what it was sent."""
    sns = server.session().client("sns", endpoint_url=ENDPOINT_URL, config=server.ONE_TRY)
    return SnsNotifier(lambda: sns, TOPIC, "prod"), answering(sns, *answers)


def make_announcement(name: str = "match-17") -> Announcement:
    session_id = SessionId(f"main/{name}")
    return announcement(Notice("n", NoticeKind.FAILED, "main", NOON, "Größe", session_id), None)


def said(sent: list[Sent]) -> dict[str, str]:
    """The parameters of the one call."""
    [only] = sent
    body = only.body if isinstance(only.body, str) else only.body.decode()
    return {name: values[0] for name, values in parse_qs(body).items()}


def test_people_get_the_text_and_programs_the_document_with_the_stage():
    notifier, sent = topic(TAKEN)
    made = make_announcement()

    notifier.publish(made)

    messages = json.loads(said(sent)["Message"])
    assert (said(sent)["TopicArn"], said(sent)["MessageStructure"]) == (TOPIC, "json")
    assert messages.pop("default") == made.text
    assert set(messages) == {"sqs", "lambda", "http", "https", "firehose"}
    assert [json.loads(each) for each in messages.values()] == [{**made.document, "stage": "prod"}] * 5


def test_the_attributes_say_kind_project_and_stage():
    notifier, sent = topic(TAKEN)

    notifier.publish(make_announcement())

    told = said(sent)
    names = [told[f"MessageAttributes.entry.{number}.Name"] for number in (1, 2, 3)]
    values = [told[f"MessageAttributes.entry.{number}.Value.StringValue"] for number in (1, 2, 3)]
    assert dict(zip(names, values, strict=True)) == {
        "kind": "session.failed",
        "project": "main",
        "stage": "prod",
    }


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_subject_is_ascii_and_no_longer_than_sns_takes(more: int):
    notifier, sent = topic(TAKEN)
    around = len("reelhaul prod: session main/ failed")

    notifier.publish(make_announcement("x" * (LONGEST_SUBJECT - around + more)))

    subject = said(sent)["Subject"]
    assert len(subject) == min(LONGEST_SUBJECT, LONGEST_SUBJECT + more)
    assert subject.isascii()


@pytest.mark.parametrize(
    "answer", [refusal(429, "Throttling"), refusal(500, "InternalError"), refusal(503, "x")]
)
def test_a_topic_that_asks_for_patience_is_storage_busy(answer: Answer):
    notifier, _ = topic(answer)

    with pytest.raises(StorageBusy):
        notifier.publish(make_announcement())


def test_a_topic_that_is_not_there_is_an_error_as_it_is():
    notifier, _ = topic(refusal(404, "NotFound"))

    with pytest.raises(ClientError):
        notifier.publish(make_announcement())


def test_no_client_is_made_before_there_is_something_to_tell():
    def fail() -> Any:
        raise AssertionError("a client was asked for")

    SnsNotifier(fail, TOPIC, "prod")
