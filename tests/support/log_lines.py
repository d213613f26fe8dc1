"""What a test logged, as values: level, message and extras."""

import logging
from typing import NamedTuple

import pytest

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Line(NamedTuple):
    """One line of the log; `about` is what came with it as extras."""

    level: str
    message: str
    about: dict[str, object]


def lines_of(caplog: pytest.LogCaptureFixture, message: str = "") -> list[Line]:
    """The lines so far, in order; with `message`, only those that say it."""
    lines = [Line(each.levelname, each.getMessage(), _extras(each)) for each in caplog.records]
    return [line for line in lines if message in ("", line.message)]


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {name: each for name, each in vars(record).items() if name not in _STANDARD}
