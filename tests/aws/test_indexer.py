"""The function that indexes measurements, over Lambda: what goes out, and what the answers become."""

import json

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.indexer import LambdaIndexer
from chalicelib.core.errors import StorageBusy
from infra.local.aws.moto import server
from tests.aws.canned import ENDPOINT_URL, Answer, Sent, answering, clients

ACCEPTED = Answer(202)


def indexer(*answers: Answer) -> tuple[LambdaIndexer, list[Sent]]:
    """The function by a client that tries once, and what it was sent."""
    functions = server.session().client("lambda", endpoint_url=ENDPOINT_URL, config=server.ONE_TRY)
    return LambdaIndexer(lambda: functions, "reelhaul-prod-on_measurements", "footage"), answering(
        functions, *answers
    )


def refusal(status: int, code: str) -> Answer:
    return Answer(status, json.dumps({"Type": "User", "Message": "no"}), {"x-amzn-ErrorType": code})


def test_the_function_is_called_without_waiting_with_an_event_like_s3s():
    made, sent = indexer(ACCEPTED)

    made.request("measurements/match 17/1/lights=20.json")

    [only] = sent
    assert only.url == f"{ENDPOINT_URL}/2015-03-31/functions/reelhaul-prod-on_measurements/invocations"
    assert only.headers["X-Amz-Invocation-Type"] == "Event"
    [entry] = json.loads(only.body)["Records"]
    assert entry["s3"]["bucket"] == {"name": "footage"}
    assert entry["s3"]["object"] == {"key": "measurements%2Fmatch+17%2F1%2Flights%3D20.json"}


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "TooManyRequestsException"), (500, "ServiceException"), (503, "ServiceUnavailable")],
)
def test_a_lambda_that_asks_for_patience_is_busy(status: int, code: str):
    made, _ = indexer(refusal(status, code))

    with pytest.raises(StorageBusy):
        made.request("measurements/match-17/1/lights.json")


def test_a_function_that_is_not_there_is_told_as_it_is():
    made, _ = indexer(refusal(404, "ResourceNotFoundException"))

    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        made.request("measurements/match-17/1/lights.json")


def test_the_client_is_made_once_and_only_when_it_is_needed():
    made = clients()

    assert made.functions() is made.functions()
