from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError

import pytest

from infra.local.aws.moto.serialise_dynamodb import Turns


def meet(target: str) -> list[bytes]:
    """What two concurrent requests for `target` say: whether they met inside the application."""
    inside = Barrier(2)

    def app(_environ, _start_response):
        try:
            inside.wait(0.3)
        except BrokenBarrierError:
            return [b"alone"]
        return [b"together"]

    turns = Turns(app, lambda: None)
    environ = {"HTTP_X_AMZ_TARGET": target} if target else {}
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda _: b"".join(turns(environ, None)), range(2)))  # type: ignore[arg-type]  # never called


def test_two_requests_to_dynamodb_never_run_at_once():
    assert meet("DynamoDB_20120810.TransactWriteItems") == [b"alone", b"alone"]


@pytest.mark.parametrize("target", ["", "AmazonSQS.SendMessage"])
def test_requests_to_anything_else_run_side_by_side(target: str):
    assert meet(target) == [b"together", b"together"]
