"""Answers of the coordinator and of S3: all of it in time, and no longer than any can be."""

from __future__ import annotations

import gzip
import select
from collections.abc import Callable
from time import monotonic

import pytest
import requests

from edge_client.base.errors import describe as told_by
from edge_client.http.exchange import (
    LIBRARY_ERRORS,
    MOST_ANSWER_BYTES,
    Timeouts,
    bare_session,
    keeps_secrets,
)
from infra.local.http_server import Server
from tests.support.exchange import Exchange, answering

WHOLE_ANSWER_S = 0.5
LISTENING_S = 20.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"

Act = Callable[[Exchange], object]


def drip(exchange: Exchange, piece: bytes, every_s: float = 0.02) -> None:
    """A piece now and then, until the client hangs up."""
    until = monotonic() + LISTENING_S
    while not exchange.wait_for_hang_up(every_s) and monotonic() < until:
        exchange.write(piece)


def describe(act: Act, whole_answer_s: float = 60.0, answer_s: float = 5.0) -> requests.Response:
    timeouts = Timeouts(connect_s=5.0, answer_s=answer_s, whole_answer_s=whole_answer_s)
    with Server(answering(act)) as server, bare_session(timeouts) as session:
        return session.get(server.url, timeout=(timeouts.connect_s, timeouts.answer_s))


def status_line_drips(exchange: Exchange) -> None:
    drip(exchange, b"H")


def headers_drip(exchange: Exchange) -> None:
    exchange.write(b"HTTP/1.1 200 OK\r\nX-Much: ")
    drip(exchange, b"x")


def body_drips(exchange: Exchange) -> None:
    exchange.write(HEAD % 10_000)
    drip(exchange, b"x")


def chunks_drip(exchange: Exchange) -> None:
    exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    drip(exchange, b"1\r\nx\r\n")


def body_without_a_length_drips(exchange: Exchange) -> None:
    exchange.write(b"HTTP/1.1 200 OK\r\n\r\n")
    drip(exchange, b"x")


@pytest.mark.parametrize(
    "act", [status_line_drips, headers_drip, body_drips, chunks_drip, body_without_a_length_drips]
)
def test_an_answer_that_comes_byte_by_byte_for_ever_ends_in_an_error(act: Act):
    began_at = monotonic()

    with pytest.raises(LIBRARY_ERRORS):
        describe(act, WHOLE_ANSWER_S)

    assert WHOLE_ANSWER_S <= monotonic() - began_at < LISTENING_S


@pytest.mark.parametrize(
    "interim", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"]
)
def test_interim_answers_without_end_are_silence(interim: bytes):
    began_at = monotonic()

    with pytest.raises(LIBRARY_ERRORS):
        describe(lambda exchange: drip(exchange, interim), answer_s=WHOLE_ANSWER_S)

    assert WHOLE_ANSWER_S <= monotonic() - began_at < LISTENING_S


def test_an_answer_behind_interim_ones_is_taken():
    said = b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + HEAD % 5 + b"hello"

    assert describe(lambda exchange: exchange.write(said)).content == b"hello"


def test_a_body_may_take_longer_than_its_head():
    def act(exchange: Exchange) -> None:
        exchange.write(HEAD % 40)
        for _ in range(40):
            exchange.write(b"x")
            select.select([], [], [], 0.02)

    assert describe(act, answer_s=WHOLE_ANSWER_S).content == b"x" * 40


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "gzip, gzip", "x-unheard-of"])
def test_an_encoded_answer_is_refused_before_a_byte_of_it_is_unpacked(encoding: str):
    bomb = gzip.compress(bytes(4 * MOST_ANSWER_BYTES))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(bomb)}\r\n\r\n"

    with pytest.raises(LIBRARY_ERRORS) as caught:
        describe(lambda exchange: exchange.write(head.encode() + bomb))

    assert "AnswerEncoded" in told_by(caught.value)


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
def test_an_answer_that_is_as_it_is_is_taken(encoding: str):
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: 5\r\n\r\n"

    assert describe(lambda exchange: exchange.write(head.encode() + b"hello")).content == b"hello"


def test_an_answer_is_asked_for_as_it_is():
    def act(exchange: Exchange) -> None:
        exchange.answer(200, (exchange.headers["Accept-Encoding"] or "").encode())

    assert describe(act).content == b"identity"


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://bucket.s3.eu-central-1.amazonaws.com/key?X-Amz-Signature=1", True),
        ("http://127.0.0.1:5055/key", True),
        ("http://localhost/key", True),
        ("http://[::1]:5055/key", True),
        ("http://bucket.s3.eu-central-1.amazonaws.com/key", False),
        ("http://127.0.0.1.example.com/key", False),
        ("http://127.0.0.1@example.com/key", False),
        ("http://localhost.example.com/key", False),
        ("HTTPS://example.com/key", True),
        ("ftp://127.0.0.1/key", False),
        ("file:///etc/passwd", False),
        ("//example.com/key", False),
        ("https:///key", False),
        ("http://[::1/key", False),
        ("", False),
    ],
)
def test_secrets_are_kept_by_https_and_on_this_machine(address: str, kept: bool):
    assert keeps_secrets(address) is kept


def test_an_answer_that_comes_in_pieces_is_taken_while_it_is_in_time():
    def act(exchange: Exchange) -> None:
        for byte in (HEAD % 5) + b"hello":
            exchange.write(bytes([byte]))

    assert describe(act).content == b"hello"


@pytest.mark.parametrize("beyond_bytes", [-1, 0])
def test_an_answer_may_be_as_long_as_any_can_be(beyond_bytes: int):
    body = bytes(MOST_ANSWER_BYTES + beyond_bytes - len(HEAD % MOST_ANSWER_BYTES))

    assert describe(lambda exchange: exchange.write(HEAD % len(body) + body)).content == body


def test_an_answer_that_is_longer_than_any_can_be_ends_in_an_error():
    body = bytes(MOST_ANSWER_BYTES + 1 - len(HEAD % MOST_ANSWER_BYTES))

    with pytest.raises(LIBRARY_ERRORS):
        describe(lambda exchange: exchange.write(HEAD % len(body) + body))


def test_an_answer_that_goes_on_for_ever_ends_in_an_error():
    def act(exchange: Exchange) -> None:
        exchange.write(b"HTTP/1.1 200 OK\r\n\r\n")
        drip(exchange, bytes(1024 * 1024), every_s=0)

    with pytest.raises(LIBRARY_ERRORS):
        describe(act)
