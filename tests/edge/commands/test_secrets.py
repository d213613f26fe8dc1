"""No token and no presigned URL is ever said: not on the terminal, in no log, no file, no exception.

Each fault is run through the command line with everything at its loudest, and once more below it for what is raised.
"""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from edge_client.base.errors import EdgeError
from edge_client.base.threads import Periodic
from edge_client.cli import execute, run
from edge_client.commands.haul import HAUL, HaulSettings
from tests.edge.conftest import Device
from tests.edge.fake_camera import CameraExchange
from tests.edge.s3_scene import (
    Scene,
    answers,
    disguised,
    gone,
    lost_by_s3,
    raw,
    resets_half_way,
    says,
    stores_and_hangs_up,
    welcome,
)
from tests.support.coordinator import SIGNATURE, TOKEN, Door

SECRETS = (TOKEN, TOKEN.partition(".")[2], SIGNATURE, "X-Amz-Signature")
EVERYTHING = 1


class Loudest(logging.Handler):
    """Every record of every logger, with its arguments and its traceback."""

    def __init__(self) -> None:
        super().__init__(EVERYTHING)
        self.said = io.StringIO()
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.said.write(f"{self.format(record)} {record.args!r} {vars(record)!r}\n")


@pytest.fixture
def loudest() -> Iterator[Loudest]:
    """The root and all loggers there are say everything to one handler."""
    root, handler = logging.getLogger(), Loudest()
    known = [each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    levels = {logger: logger.level for logger in (root, *known)}
    for logger in known:
        logger.setLevel(logging.NOTSET)
    root.setLevel(EVERYTHING)
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    for logger, level in levels.items():
        logger.setLevel(level)


@dataclass
class Case:
    """A device with its command line, and all that was said and written of it."""

    scene: Scene
    token_file: Path
    loudest: Loudest
    capfd: pytest.CaptureFixture[str]
    raised: list[BaseException] = field(default_factory=list)

    @property
    def device(self) -> Device:
        return self.scene.device

    def haul(self) -> int:
        """The command, without patience: one retry at most, which takes half a second."""
        return run(
            [
                *("haul", "s", "--recording", "0042", "--json", "--verbose", "--give-up-after", "0s"),
                *("--camera", self.device.camera.url, "--coordinator", self.device.cloud.url),
                *("--token-file", str(self.token_file), "--spool", str(self.device.spool)),
                *("--locks", str(self.device.camera_locks.folder)),
            ]
        )

    def raises(self) -> None:
        """The same below the command line; what it raises is kept."""
        try:
            self.device.run()
        except EdgeError as error:
            self.raised.append(error)

    def faults_left(self) -> int:
        """How many of the faults that were ordered have not happened."""
        both = (self.device.cloud.faults, self.device.camera.faults)
        return sum(len(acts) for faults in both for acts in faults.values())

    def written(self) -> str:
        files = (path for path in sorted(self.device.spool.rglob("*")) if path.is_file())
        return "\n".join(f"{path} {path.read_bytes().decode(errors='replace')}" for path in files)

    def all_said(self) -> str:
        raised = [said_of(one) for error in self.raised for one in chain_of(error)]
        return "\n".join((*self.capfd.readouterr(), self.loudest.said.getvalue(), self.written(), *raised))


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """The error, and all that hang on it, shown by a traceback or not."""
    left, seen = [error], set[int]()
    while left:
        one = left.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            left += [other for other in (one.__cause__, one.__context__) if other is not None]


def said_of(error: BaseException) -> str:
    shown = "".join(traceback.format_exception(error))
    request = getattr(error, "request", None)
    carried = f"{vars(error)!r} {vars(request) if request else None!r}"
    return f"{error} {error!r} {error.args!r} {carried} {shown}"


@pytest.fixture
def case(
    device: Device, loudest: Loudest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Iterator[Case]:
    token_file = tmp_path / "token"
    token_file.write_text(f"{TOKEN}\n")
    token_file.chmod(0o600)
    with ExitStack() as stack:
        yield Case(Scene(device, tmp_path, stack), token_file, loudest, capfd)


def demand_no_secrets(said: str) -> None:
    assert [secret for secret in SECRETS if secret in said] == []


def s3(*acts: Any) -> Callable[[Case], None]:
    return lambda case: case.scene.s3(*acts)


def coordinator(kind: str, act: Any) -> Callable[[Case], None]:
    def disturb(case: Case) -> None:
        case.device.cloud.faults[kind] = [act] * 3

    return disturb


def leads_to(address: str) -> Callable[[Case], None]:
    def disturb(case: Case) -> None:
        case.device.cloud.faults["address"] = [address] * 20

    return disturb


def nobody_vouches(case: Case) -> None:
    case.device.cloud.faults["address"] = [case.scene.stranger(secure=True)] * 20


def quotes_the_request(door: Door) -> None:
    """As gateways do that want another kind of authorization."""
    words = f"not a valid key=value pair in Authorization header: '{door.headers['Authorization']}'"
    door.answer_json(403, {"message": words})


def quotes_the_url(door: Door, *rest: Any) -> None:
    """As S3 does in some of its errors."""
    door.body()
    door.answer(400, f"<Error><Code>Odd</Code><Resource>{door.path}</Resource></Error>".encode())


def odd_header(door: Door, *rest: Any) -> None:
    """One that the library cannot read, of which it logs the whole URL."""
    door.body()
    door.write(b"HTTP/1.1 200 OK\r\nETag: x\r\nno header at all\r\n : odd\r\nContent-Length: 0\r\n\r\n")


def sends_elsewhere(door: Door, *rest: Any) -> None:
    door.body()
    door.answer(307, b"", {"Location": f"http://127.0.0.1:1{door.path}"})


def urls_out_of_contract(**members: object) -> Callable[[Door], None]:
    """URLs as nobody agreed on."""

    def act(door: Door) -> None:
        url = f"{door.coordinator.url}/bucket/u_1?X-Amz-Signature={SIGNATURE}"
        item = {"number": 1, "url": url, "headers": {}, "expires_in_s": 900, **members}
        door.answer_json(200, {"part_urls": [item]})

    return act


def deep(door: Door) -> None:
    door.answer(200, b"[" * 100_000)


def hang_up(door: Door, *rest: Any) -> None:
    door.lose_answer()


FAULTS: dict[str, Callable[[Case], None]] = {
    "nothing": lambda case: None,
    "S3 says that the URL is expired": s3(says(403, "AccessDenied")),
    "S3 never takes a signature": s3(*[says(403, "SignatureDoesNotMatch")] * 40),
    "S3 fails": s3(says(500, "InternalError")),
    "S3 asks for less": s3(says(503, "SlowDown", Retry_After="1")),
    "S3 resets": s3(resets_half_way),
    "S3 hangs up": s3(stores_and_hangs_up),
    "S3 says an error in a 200": s3(disguised),
    "S3 quotes the URL": s3(*[quotes_the_url] * 40),
    "S3 answers with a header that is none": s3(odd_header),
    "S3 answers no HTTP": s3(raw(b"\x16\x03\x01\r\n\r\n")),
    "S3 sends elsewhere": s3(*[sends_elsewhere] * 3),
    "S3 lost the upload": s3(lost_by_s3),
    "a captive portal answers": s3(welcome),
    "a machine in between answers": s3(answers(502, b"<html>bad gateway</html>")),
    "S3 is not there": leads_to("http://127.0.0.1:1"),
    "S3's name is not known": leads_to("https://s3.invalid"),
    "S3's address is none": leads_to("http://[::bad"),
    "S3's address has a scheme that nobody speaks": leads_to("gopher://127.0.0.1"),
    "nobody vouches for S3": nobody_vouches,
    "the coordinator fails when it signs": coordinator("urls", (500, b"<html>")),
    "the coordinator hangs up when it signs": coordinator("urls", hang_up),
    "the coordinator signs without an end": coordinator("urls", deep),
    "the coordinator signs without headers": coordinator("urls", urls_out_of_contract(headers=SIGNATURE)),
    "the coordinator signs with headers of numbers": coordinator(
        "urls", urls_out_of_contract(headers={SIGNATURE: 1})
    ),
    "the coordinator signs with a broken header": coordinator(
        "urls", urls_out_of_contract(headers={"a": f"{SIGNATURE}\n"})
    ),
    "the coordinator signs for ever": coordinator("urls", urls_out_of_contract(expires_in_s=10**400)),
    "the coordinator signs another part": coordinator("urls", urls_out_of_contract(number=77)),
    "the coordinator says that the upload is over": coordinator("urls", gone),
    "the coordinator does not know the token": coordinator("session", (401, b'{"message": "no"}')),
    "the coordinator quotes what it was sent": coordinator("session", quotes_the_request),
    "the coordinator hangs up": coordinator("session", hang_up),
    "the coordinator hangs up at the end": coordinator("complete", hang_up),
    "the coordinator fails at a heartbeat": coordinator("progress", (500, b"<html>")),
    "the coordinator quotes a heartbeat": coordinator("progress", quotes_the_request),
    "a page in place of the coordinator": coordinator("open", (200, b"<html>welcome</html>")),
    "the camera is away": lambda case: case.device.camera.faults.update(read=[camera_hangs_up] * 3),
}


def camera_hangs_up(handler: CameraExchange, *rest: Any) -> None:
    """The connection ends without a word."""


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_goes_wrong_the_command_says_and_writes_no_secret(case: Case, fault: str):
    FAULTS[fault](case)
    ordered = case.faults_left()

    code = case.haul()

    assert code in (0, 1, 75)
    assert case.faults_left() < ordered or fault == "nothing"
    said = case.all_said()
    assert "edge_client" in said or code == 0
    assert "a fault of this program" not in said
    demand_no_secrets(said)


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_goes_wrong_no_exception_holds_a_secret(case: Case, fault: str):
    case.device.give_up_after_s = 0.0
    FAULTS[fault](case)

    case.raises()

    demand_no_secrets(case.all_said())


def test_with_patience_a_run_through_everything_says_no_secret(case: Case):
    """All of S3's and the coordinator's passing faults in one run, which ends well; nothing of it is kept back."""
    case.device.give_up_after_s = 1e6
    case.scene.s3(
        *(says(403, "AccessDenied"), says(500, "InternalError"), resets_half_way, disguised, welcome),
        *(odd_header, sends_elsewhere, stores_and_hangs_up, lost_by_s3),
    )
    for kind in ("session", "open", "urls", "complete"):
        case.device.cloud.faults[kind] = [hang_up, (500, b"<html>"), (200, b"<html>"), (429, b"{}")]

    case.device.run()

    assert case.device.object() == case.device.content()
    said = case.all_said()
    assert said.count("trying again") > 10
    demand_no_secrets(said)


class Crashing(HaulSettings):
    """Settings that break the program in the middle, with secrets in every error of the chain."""

    def __init__(self) -> None:
        """Nothing is set: what is asked for first breaks."""

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):
            return super().__getattribute__(name)
        try:
            raise KeyError(TOKEN)
        except KeyError as error:
            raise RuntimeError(f"https://bucket.example/key?X-Amz-Signature={SIGNATURE}") from error


def test_a_crash_of_the_program_itself_says_where_and_no_secret(case: Case):
    assert execute(HAUL, Crashing(), case.device.time.stop) == 1

    said = case.all_said()
    assert "a fault of this program" in said
    assert "RuntimeError" in said
    assert "test_secrets.py" in said
    demand_no_secrets(said)


def test_a_crash_beside_the_haul_says_where_and_no_secret_and_goes_on(case: Case):
    calls: list[int] = []

    def crash() -> None:
        calls.append(1)
        raise RuntimeError(f"{TOKEN} https://bucket.example/key?X-Amz-Signature={SIGNATURE}")

    with Periodic("crashing", 0.001, crash):
        while len(calls) < 3:
            pass

    said = case.all_said()
    assert "a fault of this program" in said
    demand_no_secrets(said)


def test_a_crash_on_its_way_to_s3_says_where_and_no_secret(case: Case):
    """In a thread of its own, whose error comes to the door by the main one."""

    def crash(path: str, size_bytes: int) -> None:
        raise RuntimeError(f"https://bucket.example/key?X-Amz-Signature={SIGNATURE}")

    case.device.progress.sent = crash  # type: ignore[method-assign]  # the display is ours

    with pytest.raises(RuntimeError):
        case.device.run()

    demand_no_secrets(case.all_said())


def test_the_net_catches_what_a_library_says(case: Case):
    """Else it would prove nothing: a library's own log, its error, a file and the terminal."""
    url = f"{case.device.cloud.url}/bucket/u_1?partNumber=1&X-Amz-Signature={SIGNATURE}"
    logging.getLogger("urllib3").setLevel(logging.NOTSET)
    with pytest.raises(requests.ConnectionError) as caught:
        requests.put(url.replace(case.device.cloud.url, "http://127.0.0.1:1"), b"x", timeout=5)
    case.raised.append(caught.value)
    assert SIGNATURE in said_of(case.raised.pop())

    logging.getLogger("urllib3.connectionpool").debug("PUT %s", url)
    assert SIGNATURE in case.all_said()

    case.loudest.said.truncate(0)
    print(json.dumps({"url": url}))
    assert SIGNATURE in case.all_said()

    case.device.spool.mkdir()
    (case.device.spool / "report.json").write_text(TOKEN)
    assert TOKEN in case.all_said()
