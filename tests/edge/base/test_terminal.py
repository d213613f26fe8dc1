"""What reaches a terminal or a log line."""

from __future__ import annotations

import io
import json
import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_client.base.display import Bars
from edge_client.base.logs import clear_bars, log_to
from edge_client.base.progress import (
    Activity,
    Comparison,
    Doing,
    FileProgress,
    Meter,
    Picture,
)
from edge_client.base.terminal import plain, say, shown

ANYTHING = st.text(st.characters(exclude_categories=()))
HOSTILE = st.sampled_from(
    "\x00\x07\x1b\n\r\t\x7f\x85\x9b\u200b\u200e\u202e\u2028\u2029\u2066\ufeff\ud800\udc9b\U000e0001"
)
TEXTS = st.lists(st.one_of(ANYTHING, HOSTILE)).map("".join)
UNSHOWN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def written(*lines: str, encoding: str = "utf-8") -> str:
    """What a terminal of this encoding gets."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    say(lines, stream)
    stream.flush()
    return raw.getvalue().decode(encoding)


def unshown(text: str) -> set[str]:
    return {char for char in text if unicodedata.category(char) in UNSHOWN}


@given(st.lists(TEXTS), st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252"]))
def test_nothing_that_steers_a_terminal_reaches_one_of_any_encoding(lines: list[str], encoding: str):
    said = written(*lines, encoding=encoding)

    assert unshown(said) <= {"\n"}
    assert said.count("\n") == len(lines)


@given(TEXTS)
def test_nothing_that_steers_a_terminal_reaches_a_log_line(text: str):
    stream = io.StringIO()
    log = logging.getLogger("edge_client.of_this_test")
    with log_to(stream, logging.INFO):
        log.info("refused", extra={"reason": text, "types": [text], "at": ValueError(text)})

    assert unshown(stream.getvalue()) == {"\n"}
    assert stream.getvalue().count("\n") == 1


@given(TEXTS)
def test_a_document_stays_the_same_document(text: str):
    document = {text: [text]}

    for ascii_only in (True, False):
        line = plain(json.dumps(document, ensure_ascii=ascii_only))
        assert json.dumps(json.loads(line)) == json.dumps(document)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HERO12 Black", "HERO12 Black"),
        ("Kamera Süd, 東 …", "Kamera Süd, 東 …"),
        ("\x1b[2Jgone", "\\u001b[2Jgone"),
        ("one\ntwo", "one\\u000atwo"),
        ("\x7f\x9b31m", "\\u007f\\u009b31m"),
        ("safe\u202eerase", "safe\\u202eerase"),
        ("GX\u200b01", "GX\\u200b01"),
        ("a\u2028b", "a\\u2028b"),
        ("\ud800.MP4", "\\ud800.MP4"),
        ("\U000e0041", "\\udb40\\udc41"),
    ],
)
def test_what_is_not_printable_is_written_as_its_code(text: str, expected: str):
    assert plain(text) == expected


@pytest.mark.parametrize(
    ("encoding", "expected"), [("utf-8", "ü…\n"), ("latin-1", "ü\\u2026\n"), ("ascii", "\\xfc\\u2026\n")]
)
def test_what_an_encoding_lacks_is_written_as_its_code(encoding: str, expected: str):
    assert written("ü…", encoding=encoding) == expected


def test_a_stream_without_an_encoding_takes_every_text():
    assert shown("ü…", io.StringIO()) == "ü…"


def test_bars_of_a_command_that_was_left_go_from_the_terminal():
    stream = io.StringIO()
    bars = Bars(stream, lambda: (80, 24))
    bars.draw(Picture(Activity(Doing.PREPARING, 1.0)))
    at = len(stream.getvalue())

    clear_bars()

    written_then = stream.getvalue()[at:]
    assert written_then
    assert not written_then.replace("\x1b[A", "").replace("\x1b[K", "").strip()
    bars.draw(None)


def test_the_bars_show_nothing_that_steers_their_terminal():
    stream = io.StringIO()
    bars = Bars(stream, lambda: (80, 24))
    moving, quiet = Activity(Doing.MOVING, 0.0), Activity(Doing.RETRYING, 1.0, "S3", "\x1b[2J\u202e4PM")
    file = FileProgress("\u202e4PM", 10, Meter(5, None), Meter(5, None))

    bars.session("\x1b[2J")
    for activity in (moving, quiet):
        bars.draw(Picture(activity, None, file))
    bars.draw(Picture(moving, None, None, Comparison("\u202e4PM", 10, 5)))
    bars.verified("\u202e4PM", 1.0)
    bars.draw(None)

    assert "\\u001b[2J" in stream.getvalue()
    assert not unshown(stream.getvalue()) & {"\u202e"}
    assert "\x1b[2J" not in stream.getvalue()
