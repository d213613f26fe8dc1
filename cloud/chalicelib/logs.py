"""Log lines as JSON and counts as CloudWatch's embedded metrics; secrets never leave by either."""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from chalicelib.core.events import Event, Measure
from chalicelib.flows import acting
from chalicelib.ports import Clock

_HIDDEN = "[hidden]"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes that every record has; all others came in by `extra`."""

_SECRET_NAME = re.compile(
    r"authorization|cookie|secret|password|credential|signature|security.?token|^x-amz-", re.IGNORECASE
)
_SECRETS = (
    # The query of an address: presigned URLs carry all their power there.
    (re.compile(r"((?:https?|memory)://[^\s?\"'<>]+)\?[^\s\"'<>]*"), rf"\1?{_HIDDEN}"),
    (re.compile(r"(X-Amz-[A-Za-z-]+=)[^\s&\"'<>]+", re.IGNORECASE), rf"\1{_HIDDEN}"),
    (
        re.compile(
            r"((?:authorization|cookie|x-amz-[a-z-]+)[\"']?\s*:\s*(?:b?[\"'])?)[^\"'\r\n}]+", re.IGNORECASE
        ),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(r"(bearer\s+)[^\s\"',}]+", re.IGNORECASE), rf"\1{_HIDDEN}"),
    # Of tokens, and of share links and page sessions, whose ids are long: `s_1.mp4` may be a file.
    (re.compile(r"\b(t_[A-Za-z0-9]+|[sp]_[A-Za-z0-9]{20,})\.[A-Za-z0-9_=-]+"), rf"\1.{_HIDDEN}"),
)


def install(stream: TextIO, level: int = logging.INFO) -> None:
    """From now on the root logger writes JSON lines to `stream`, and does nothing else."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Its debug lines are whole requests, signatures included.
    logging.getLogger("botocore").setLevel(logging.WARNING)


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, logger, message, who acts, the extras, the exception; no secrets."""

    def format(self, record: logging.LogRecord) -> str:
        extras = {name: each for name, each in vars(record).items() if name not in _STANDARD}
        line = {
            **{name: _clean(name, each) for name, each in extras.items()},
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
            **_acting(),
        }
        if record.exc_info:
            line["exception"] = without_secrets(self.formatException(record.exc_info))
        return plain(json.dumps(line, ensure_ascii=False))


class EmbeddedMetrics:
    """Counts and measures as lines that CloudWatch reads as metrics, by stage and nothing else.

    Source: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """

    def __init__(self, stage: str, clock: Clock, stream: TextIO) -> None:
        self._stage = stage
        self._clock = clock
        self._stream = stream

    def count(self, event: Event, value: int = 1) -> None:
        self._write(event.value, "Count", value)

    def measure(self, measure: Measure, value: float) -> None:
        self._write(measure.metric, measure.unit, value)

    def _write(self, name: str, unit: str, value: float) -> None:
        directive = {
            "Namespace": "reelhaul",
            "Dimensions": [["stage"]],
            "Metrics": [{"Name": name, "Unit": unit}],
        }
        stamp_ms = int(self._clock.now().timestamp() * 1000)
        line = {
            "_aws": {"Timestamp": stamp_ms, "CloudWatchMetrics": [directive]},
            "stage": self._stage,
            name: value,
        }
        print(json.dumps(line), file=self._stream, flush=True)


def without_secrets(text: str) -> str:
    """`text` without the queries of addresses, AWS's signature fields, Authorization and tokens' secrets."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def plain(text: str) -> str:
    """`text` with all that is not printable as its code, in JSON's form: it stays JSON and steers no terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _code(char) for char in text)


def _acting() -> dict[str, str]:
    """Who acts at this moment, as far as that is known."""
    known = acting.current()
    if known is None:
        return {}
    told = {
        "who": known.who,
        "by_token": known.token_id,
        "route": known.route,
        "request_id": known.request_id,
    }
    return {name: each for name, each in told.items() if each is not None}


def _code(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _clean(name: str, given: Any) -> Any:
    """What may be written of an extra: JSON's own kinds, anything else as text."""
    if _SECRET_NAME.search(name):
        return _HIDDEN
    if given is None or isinstance(given, bool | int | float):
        return given
    if isinstance(given, Mapping):
        return {str(key): _clean(str(key), each) for key, each in given.items()}
    if isinstance(given, list | tuple | set | frozenset):
        return [_clean("", each) for each in given]
    return without_secrets(str(given))
