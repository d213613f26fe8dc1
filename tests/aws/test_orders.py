"""The processing queue over SQS: what goes out, and what the answers become."""

import json

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.aws.orders import SqsOrders
from chalicelib.core.errors import StorageBusy, TooLarge
from chalicelib.ports import MOST_MESSAGE_BYTES
from infra.local.aws.moto import server
from tests.aws.canned import ENDPOINT_URL, Answer, Sent, answering, clients

QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
TAKEN = Answer(200, json.dumps({"MessageId": "m"}))


def refusal(status: int, code: str) -> Answer:
    """An error of SQS."""
    body = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": f"no: {QUEUE_URL}"})
    return Answer(status, body)


def queue(*answers: Answer) -> tuple[SqsOrders, list[Sent]]:
    """The queue by a client that tries once, and what it was sent."""
    sqs = server.session().client("sqs", endpoint_url=ENDPOINT_URL, config=server.ONE_TRY)
    return SqsOrders(sqs, QUEUE_URL), answering(sqs, *answers)


def body_of(sent: Sent) -> str:
    return str(json.loads(sent.body)["MessageBody"])


def test_a_message_goes_to_the_queue_by_its_url_over_the_endpoint_that_stands_for_aws():
    orders, sent = queue(TAKEN)

    orders.send('{"order": 1}')

    [only] = sent
    assert only.url == f"{ENDPOINT_URL}/"
    assert json.loads(only.body) == {"QueueUrl": QUEUE_URL, "MessageBody": '{"order": 1}'}


def test_without_an_endpoint_a_message_goes_to_sqs_of_the_region():
    sqs = clients(endpoint_url=None).sqs
    sent = answering(sqs, TAKEN)

    SqsOrders(sqs, QUEUE_URL).send("{}")

    assert sent[0].url == "https://sqs.eu-west-1.amazonaws.com/"


@pytest.mark.parametrize(
    "answer",
    [
        refusal(403, "RequestThrottled"),
        refusal(400, "ThrottlingException"),
        refusal(429, "anything"),
        refusal(500, "InternalFailure"),
        refusal(503, "ServiceUnavailable"),
    ],
)
def test_a_queue_that_asks_for_patience_is_storage_busy(answer: Answer):
    orders, _ = queue(answer)

    with pytest.raises(StorageBusy) as busy:
        orders.send("{}")

    assert "https" not in str(busy.value)


def test_a_queue_that_does_not_answer_is_storage_busy():
    sqs = server.session().client("sqs", endpoint_url=ENDPOINT_URL, config=server.ONE_TRY)

    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url=ENDPOINT_URL)

    sqs.meta.events.register("before-send", fail)

    with pytest.raises(StorageBusy):
        SqsOrders(sqs, QUEUE_URL).send("{}")


def test_a_failure_of_the_moment_is_repeated_by_the_client():
    sqs = clients().sqs
    sent = answering(sqs, refusal(500, "InternalFailure"), TAKEN)

    SqsOrders(sqs, QUEUE_URL).send("{}")

    assert len(sent) == 2


def test_a_queue_that_is_not_there_is_raised_as_it_is():
    orders, _ = queue(refusal(400, "QueueDoesNotExist"))

    with pytest.raises(ClientError, match="QueueDoesNotExist"):
        orders.send("{}")


def test_what_sqs_takes_in_no_message_is_escaped_as_json_does():
    orders, sent = queue(TAKEN)

    orders.send(json.dumps({"name": "a\ufffeb\uffffc\ud800d"}, ensure_ascii=False))

    assert body_of(sent[0]) == r'{"name": "a\ufffeb\uffffc\ud800d"}'


def test_everything_else_goes_as_it_is():
    orders, sent = queue(TAKEN)
    message = '{"name": "\x7f é \ud7ff \ue000 \ufffd \U00010000 \U0010ffff"}'

    orders.send(message)

    assert body_of(sent[0]) == message


@pytest.mark.parametrize("over", [0, 1])
def test_only_what_the_queue_takes_goes_out(over: int):
    orders, sent = queue(TAKEN)
    message = '"' + "x" * (MOST_MESSAGE_BYTES - 2 + over) + '"'

    if over:
        with pytest.raises(TooLarge, match=str(MOST_MESSAGE_BYTES + 1)):
            orders.send(message)
    else:
        orders.send(message)

    assert len(sent) == 1 - over


def test_dead_letters_are_counted_with_those_that_somebody_looks_at():
    sqs = clients().sqs
    known = {"ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesNotVisible": "1"}
    sent = answering(sqs, Answer(200, json.dumps({"Attributes": known})), Answer(200, "{}"))
    orders = SqsOrders(sqs, QUEUE_URL, f"{QUEUE_URL}-dead")

    assert orders.dead_letters() == 3
    assert json.loads(sent[0].body)["QueueUrl"] == f"{QUEUE_URL}-dead"
    assert orders.dead_letters() is None


def test_dead_letters_are_unknown_where_no_queue_is_known():
    sqs = clients().sqs
    sent = answering(sqs)

    assert SqsOrders(sqs, QUEUE_URL).dead_letters() is None
    assert sent == []


def test_dead_letters_are_unknown_where_the_queue_is_gone():
    sqs = clients().sqs
    gone = {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "The specified queue does not exist."}
    answering(sqs, Answer(400, json.dumps(gone)))

    assert SqsOrders(sqs, QUEUE_URL, f"{QUEUE_URL}-dead").dead_letters() is None
