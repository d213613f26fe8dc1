"""The server below all local actors: keep-alive, bodies of every kind, and nothing left behind."""

import socket
import struct
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import requests

from infra.local.http_server import ConnectionCut, Server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def echo(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
    """Refuses, cuts, breaks or gives the body back, as the path says."""
    path = environ["PATH_INFO"]
    if path == "/cut":
        raise ConnectionCut
    if path == "/broken":
        raise ValueError("broken on purpose")
    if path == "/refused":
        start_response("403 Forbidden", [])
        return [b"refused"]
    said = {"X-Path": path, "X-Query": environ["QUERY_STRING"], "X-Connection": environ["REMOTE_PORT"]}
    start_response("200 OK", list(said.items()))
    return [environ["wsgi.input"].read()]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(echo) as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as one:
        yield one


def talk(server: Server, *messages: bytes) -> bytes:
    """All that the server says on one connection to messages that each wait for some answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        said = b""
        for message in messages:
            connection.sendall(message)
            said += connection.recv(65_536)
        connection.shutdown(socket.SHUT_WR)
        while piece := connection.recv(65_536):
            said += piece
        return said


def test_a_connection_serves_many_requests(server: Server, session: requests.Session):
    answers = [session.put(f"{server.url}/a", data=b"x" * size, timeout=10) for size in (0, 1, 100_000)]

    assert [len(answer.content) for answer in answers] == [0, 1, 100_000]
    assert len({answer.headers["X-Connection"] for answer in answers}) == 1


def test_a_refusal_leaves_no_bytes_of_its_body_on_the_connection(server: Server, session: requests.Session):
    assert session.put(f"{server.url}/refused", data=b"x" * 1_000_000, timeout=10).status_code == 403
    assert session.put(f"{server.url}/a", data=b"next", timeout=10).content == b"next"


def test_chunks_are_put_together(server: Server, session: requests.Session):
    assert session.put(f"{server.url}/a", data=iter([b"one, ", b"two"]), timeout=10).content == b"one, two"
    assert session.put(f"{server.url}/a", data=b"next", timeout=10).content == b"next"


def test_a_client_that_waits_is_told_to_continue(server: Server):
    head = b"PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"

    said = talk(server, head, b"abc")

    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert said.endswith(b"abc")


def test_a_client_that_waits_is_refused_before_it_sends(server: Server):
    head = b"PUT /refused HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"

    said = talk(server, head)

    assert said.startswith(b"HTTP/1.1 403")
    assert b"100 Continue" not in said


def test_an_application_can_cut_the_connection(server: Server, session: requests.Session):
    with pytest.raises(requests.ConnectionError):
        session.get(f"{server.url}/cut", timeout=10)


def test_a_broken_application_answers_500(
    server: Server, session: requests.Session, capfd: pytest.CaptureFixture[str]
):
    assert session.get(f"{server.url}/broken", timeout=10).status_code == 500
    assert "broken on purpose" in capfd.readouterr().err


def test_head_has_the_length_and_no_body(server: Server, session: requests.Session):
    answer = session.head(f"{server.url}/refused", timeout=10)

    assert answer.status_code == 403
    assert session.get(f"{server.url}/a", timeout=10).status_code == 200


def test_path_and_query_arrive_as_sent(server: Server, session: requests.Session):
    answer = session.get(f"{server.url}/a%20b/%C3%A9?x=%2F&y", timeout=10)

    assert answer.headers["X-Path"].encode("latin-1").decode() == "/a b/é"
    assert answer.headers["X-Query"] == "x=%2F&y"


@pytest.mark.parametrize("length", [b"-1", b"x", b"1, 2"])
def test_a_length_that_is_none_is_refused(server: Server, length: bytes):
    said = talk(server, b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n")

    assert b" 400 " in said.splitlines()[0]


def test_a_header_with_an_underscore_stands_in_for_no_other(server: Server):
    said = talk(server, b"PUT /a HTTP/1.1\r\nHost: x\r\nContent_Length: 5\r\nContent-Length: 2\r\n\r\nab")

    assert said.endswith(b"ab")


def test_close_ends_idle_connections_and_all_threads():
    before = set(threading.enumerate())
    server = Server(echo).start()
    idle = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    requests.get(f"{server.url}/a", timeout=10)

    server.close()

    assert set(threading.enumerate()) == before
    assert idle.recv(1) == b""
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=10).close()


def test_close_lets_an_answer_under_way_be_finished():
    asked, may_answer = threading.Event(), threading.Event()

    def slow(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        asked.set()
        assert may_answer.wait(10)
        start_response("200 OK", [])
        return [b"done"]

    heard: list[bytes] = []
    server = Server(slow).start()
    client = threading.Thread(target=lambda: heard.append(requests.get(server.url, timeout=10).content))
    client.start()
    assert asked.wait(10)
    closing = threading.Thread(target=server.close)
    closing.start()
    may_answer.set()
    closing.join(10)
    client.join(10)

    assert heard == [b"done"]


def test_a_server_that_is_shut_refuses_and_keeps_its_port(server: Server, session: requests.Session):
    session.get(server.url, timeout=10)
    server.shut()
    with pytest.raises(ConnectionRefusedError):
        talk(server)

    assert session.get(server.url, timeout=10).ok, "a connection that is there continues"
    server.open()
    assert talk(server, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_server_that_hangs_up_ends_what_is_on_its_way():
    begun, ended = threading.Event(), threading.Event()

    def wait(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        begun.set()
        ended.wait(10)
        return echo(environ, start_response)

    with (
        Server(wait) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert begun.wait(10)
        server.hang_up()

        assert connection.recv(1) == b""
        ended.set()


def test_a_client_that_is_gone_before_it_is_heard_is_nothing_to_report(
    server: Server, capfd: pytest.CaptureFixture[str]
):
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    assert talk(server, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200")
    assert capfd.readouterr().err == ""


def test_a_client_that_says_nothing_for_too_long_loses_its_connection():
    with Server(echo, idle_s=0.1) as server:
        assert talk(server) == b""
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            assert connection.recv(1) == b""


def test_a_server_that_never_started_can_be_closed():
    server = Server(echo)

    server.close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=10).close()
