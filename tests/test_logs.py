"""What is written, and what never is."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.events import Event
from chalicelib.logs import EmbeddedMetrics, JsonLines, install, plain, without_secrets
from edge_client.base import terminal
from tests.support.memory import MovableClock

PRESIGNED = (
    "https://footage.s3.eu-west-1.amazonaws.com/originals/a?X-Amz-Credential=AKIDEXAMPLE%2F20261121"
    "&X-Amz-Security-Token=IQoJb3JpZ2luX2VjE&X-Amz-Signature=5d672d79c15b13162d9279b0855cfba6"
)
TOKEN = "t_Ab12Cd34Ef56Gh78Ij90Kl.s3cr3t-_part"
SECRETS = ["AKIDEXAMPLE", "IQoJb3JpZ2luX2VjE", "5d672d79c15b13162d9279b0855cfba6", "s3cr3t"]


def written(message: str, *arguments: object, exc_info: Any = None, **extra: object) -> dict[str, Any]:
    """The line that a record becomes."""
    record = logging.getLogger("chalicelib.flows").makeRecord(
        "chalicelib.flows", logging.INFO, __file__, 1, message, arguments, exc_info, extra=extra
    )
    line: dict[str, Any] = json.loads(JsonLines().format(record))
    return line


def failed(error: Exception) -> Any:
    """`error` as a handler finds it."""
    try:
        raise error
    except type(error) as caught:
        return (type(caught), caught, caught.__traceback__)


def test_a_line_has_time_level_logger_message_and_the_extras():
    line = written("upload verified", session_id="match-17", size_bytes=15)

    assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
    assert line == {
        "level": "INFO",
        "logger": "chalicelib.flows",
        "message": "upload verified",
        "session_id": "match-17",
        "size_bytes": 15,
    }


def test_an_extra_cannot_pass_itself_off_as_the_time_or_the_level():
    line = written("upload verified", level="CRITICAL", time="yesterday")

    assert line["level"] == "INFO"
    assert line["time"] != "yesterday"


def test_a_line_is_one_line_whatever_is_in_it():
    record = logging.makeLogRecord({"msg": "two\nlines", "name": "a\nb"})

    assert len(JsonLines().format(record).splitlines()) == 1


def test_extras_that_json_does_not_know_are_written_as_text():
    line = written("message", at=datetime(2026, 11, 21, tzinfo=UTC), parts=(1, None), ok=True, by={1: 2.5})

    assert (line["at"], line["parts"], line["ok"], line["by"]) == (
        "2026-11-21 00:00:00+00:00",
        [1, None],
        True,
        {"1": 2.5},
    )


def test_an_exception_is_written_with_its_trace():
    line = written("failed", exc_info=failed(ValueError("wrong")))

    assert "ValueError: wrong" in line["exception"]
    assert "Traceback" in line["exception"]


@pytest.mark.parametrize(
    "text",
    [
        PRESIGNED,
        f"PUT {PRESIGNED} failed",
        f"['{PRESIGNED}']",
        "/originals/a?" + PRESIGNED.partition("?")[2],
        f"Authorization: Bearer {TOKEN}",
        f"{{'Authorization': 'Bearer {TOKEN}', 'Accept': '*/*'}}",
        f'{{"authorization":"Bearer {TOKEN}"}}',
        f"bearer {TOKEN}",
        f"the token {TOKEN} is not known",
        "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121, Signature=5d672d79c15b13162d9279b0855cfba6",
        "x-amz-security-token: IQoJb3JpZ2luX2VjE",
        "'X-Amz-Security-Token': b'IQoJb3JpZ2luX2VjE'",
        "https://api.example.org/v1/sessions?token=s3cr3t",
        "memory://bucket/a?signature=s3cr3t",
        "Cookie: session=s3cr3t",
        "the link s_Ab12Cd34Ef56Gh78Ij90Kl.s3cr3t is not known",
        "https://api.example.org/api/#/share/s_Ab12Cd34Ef56Gh78Ij90Kl.s3cr3t",
        "__Host-reelhaul=p_Ab12Cd34Ef56Gh78Ij90Kl.s3cr3t.t_Ab12Cd34Ef56Gh78Ij90Kl",
    ],
)
def test_secrets_are_written_nowhere(text: str):
    lines = [
        written(text),
        written("failed: %s", text),
        written("failed", detail=text),
        written("failed", deep={"list": [text]}),
        written("failed", exc_info=failed(ValueError(text))),
    ]

    for line in lines:
        assert not [secret for secret in SECRETS if secret in json.dumps(line)]


@pytest.mark.parametrize(
    "name", ["Authorization", "x-amz-security-token", "secret", "Set-Cookie", "password"]
)
def test_what_is_named_like_a_secret_is_hidden_whatever_it_is(name: str):
    line = written("message", headers={name: "opaque"})

    assert "opaque" not in json.dumps(line)


@pytest.mark.parametrize(
    "text",
    [
        "originals/match-17/100GOPRO/GX010038.MP4",
        "https://footage.s3.eu-west-1.amazonaws.com/originals/a is busy",
        "t_Ab12Cd34Ef56Gh78Ij90Kl was revoked",
        "s_Ab12Cd34Ef56Gh78Ij90Kl was used; s_1.mp4 was not",
        "what went wrong? nothing: 3.5 of 4",
    ],
)
def test_what_is_no_secret_stays(text: str):
    assert without_secrets(text) == text


def test_the_place_of_an_address_and_the_id_of_a_token_stay():
    assert without_secrets(f"{PRESIGNED} for {TOKEN}") == (
        "https://footage.s3.eu-west-1.amazonaws.com/originals/a?[hidden] for t_Ab12Cd34Ef56Gh78Ij90Kl.[hidden]"
    )


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    botocore_level = logging.getLogger("botocore").level
    yield root
    root.handlers = handlers
    root.setLevel(level)
    logging.getLogger("botocore").setLevel(botocore_level)


def test_once_installed_every_logger_writes_one_line_a_record(root_logger: logging.Logger):
    stream = io.StringIO()

    install(stream)
    install(stream)
    logging.getLogger("chalicelib.flows.uploads").info("session opened", extra={"chapters": 3})

    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["chapters"] == 3


def test_once_installed_botocore_keeps_its_requests_to_itself(root_logger: logging.Logger):
    stream = io.StringIO()

    install(stream, logging.DEBUG)
    logging.getLogger("botocore.auth").debug("CanonicalRequest: …")

    assert stream.getvalue() == ""


def test_a_count_is_a_metric_of_the_stage_on_a_line_of_its_own():
    stream = io.StringIO()
    clock = MovableClock(datetime(2026, 11, 21, 12, 0, tzinfo=UTC))

    EmbeddedMetrics("prod", clock, stream).count(Event.UPLOAD_VERIFIED, 3)

    (line,) = stream.getvalue().splitlines()
    said = json.loads(line)
    (directive,) = said["_aws"]["CloudWatchMetrics"]
    assert said["_aws"]["Timestamp"] == 1_795_262_400_000
    assert (said["stage"], said["upload.verified"]) == ("prod", 3)
    assert directive == {
        "Namespace": "reelhaul",
        "Dimensions": [["stage"]],
        "Metrics": [{"Name": "upload.verified", "Unit": "Count"}],
    }


def test_a_count_is_one_unless_said_otherwise():
    stream = io.StringIO()

    EmbeddedMetrics("prod", MovableClock(), stream).count(Event.EVENT_IGNORED)

    assert json.loads(stream.getvalue())["event.ignored"] == 1


@given(st.text(st.characters(exclude_categories=())))
def test_no_text_steers_the_terminal_that_a_line_is_read_on(text: str):
    record = logging.LogRecord("chalicelib", logging.INFO, __file__, 1, "rejected", (), None)
    record.reason = text
    line = JsonLines().format(record)

    assert line.isprintable()
    assert json.loads(line)["reason"] == without_secrets(text)


def test_the_coordinator_and_the_client_write_the_same_characters_as_codes():
    # In lines of 256: a call for each character takes two seconds.
    lines = ["".join(map(chr, range(first, first + 256))) for first in range(0, sys.maxunicode + 1, 256)]

    assert [plain(line) for line in lines] == [terminal.plain(line) for line in lines]
