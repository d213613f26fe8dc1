"""Show how far a run is: bars on a terminal that has room for them, log lines elsewhere."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from tqdm import tqdm
from tqdm.utils import disp_len

from edge_client.base.progress import (
    Activity,
    Display,
    Doing,
    Meter,
    Picture,
    Whole,
    percent,
)
from edge_client.base.terminal import shown

log = logging.getLogger(__name__)

DRAW_EVERY_S = 0.25
LINE_EVERY_S = 5.0
# When nothing moves a line every 5 s would fill the journal in a night.
WAIT_LINE_EVERY_S = 60.0
LEAST_COLUMNS = 20
WIDE_COLUMNS = 100
# The rows, and those that tqdm leaves free below them.
LEAST_ROWS = 9
# A bar of fewer columns says less than the figures that it leaves no room for.
LEAST_BAR = 10
# A reason in fewer columns tells nothing.
LEAST_REASON = 16
MEGABYTE = 1_000_000
SPINNER = "|/-\\"
# A terminal that has these draws smooth bars.
BLOCKS = "▏█"
UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))

Size = Callable[[], tuple[int, int]]


def size_of(terminal: TextIO) -> tuple[int, int]:
    """The columns and rows of a terminal; 0 where it does not say."""
    try:
        size = os.get_terminal_size(terminal.fileno())
    except (OSError, ValueError):
        return 0, 0
    return size.columns, size.lines


class _Row(tqdm):  # type: ignore[type-arg]  # only its stub is generic
    """One row of text that stays below the lines that are written. Its text is ours, and so are all times in it.

    tqdm's own clock is the wall clock, which NTP may set; nothing that it makes is shown.
    """

    monitor_interval = 0

    @staticmethod
    def status_printer(file: Any) -> Callable[[str], None]:
        """What writes the row's text, and clears the rest of its line without a character beyond the last column."""

        def write(text: str) -> None:
            file.write(f"\r{text}\x1b[K")
            file.flush()

        return write


class Bars:
    """Rows at the bottom of a terminal: the whole run, the file, a bar for each leg, and what the run waits for."""

    def __init__(self, terminal: TextIO, size: Size) -> None:
        self._terminal = terminal
        self._size = size
        self._rows: list[_Row] = []
        self._columns = 0
        self._turn = 0

    def session(self, session_id: str) -> None:
        self._write(f"session {session_id}")

    def chapter(self, path: str, size_bytes: int) -> None:
        """Write nothing: the rows show it."""

    def verified(self, path: str, seconds: float) -> None:
        self._write(f"{path}  verified in {seconds:.1f} s")

    def camera_free(self, session_id: str, sessions_left: int) -> None:
        self._write(camera_free_text(session_id, sessions_left))

    def camera_needed(self, session_id: str, reason: str) -> None:
        self._write(f"camera needed again for session {session_id}: {reason}")

    def proof(self, path: str, size_bytes: int) -> None:
        """Write nothing: the rows show it."""

    def second_read(self, path: str, size_bytes: int) -> None:
        """Write nothing: the rows show it."""

    def _write(self, line: str) -> None:
        tqdm.write(shown(line, self._terminal), file=self._terminal)

    def draw(self, picture: Picture | None) -> None:
        columns, _ = self._size()
        if picture is None or columns != self._columns:
            self._clear()
        if picture is None:
            return
        self._columns = columns
        self._turn += 1
        # The last column stays free: a terminal would wrap after it.
        texts = rows_of(picture, columns - 1, SPINNER[self._turn % len(SPINNER)], self._terminal)
        while len(self._rows) < len(texts):
            row = _Row(
                bar_format="{desc}",
                position=len(self._rows),
                leave=False,
                dynamic_ncols=True,
                disable=False,
                file=self._terminal,
            )
            self._rows.append(row)
        for row, text in zip(self._rows, [*texts, *[""] * len(self._rows)], strict=False):
            row.set_description_str(text)

    def _clear(self) -> None:
        """Take the rows off the terminal, also those that it has wrapped when it became narrower."""
        if not self._rows:
            return
        with tqdm.get_lock():  # type: ignore[no-untyped-call]  # its stub lacks it
            for row in reversed(self._rows):
                row.close()
            self._rows = []
            self._terminal.write("\r\x1b[J")
            self._terminal.flush()


class Lines:
    """One log line per event; every 5 s one with rates and the time left, and every minute one when nothing moves."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._said_at = monotonic()

    def session(self, session_id: str) -> None:
        log.info("session started", extra={"session": session_id})

    def chapter(self, path: str, size_bytes: int) -> None:
        log.info("chapter started", extra={"chapter": path, "size_bytes": size_bytes})

    def verified(self, path: str, seconds: float) -> None:
        log.info("chapter verified", extra={"chapter": path, "seconds": round(seconds, 1)})

    def camera_free(self, session_id: str, sessions_left: int) -> None:
        log.info(camera_free_text(session_id, sessions_left))

    def camera_needed(self, session_id: str, reason: str) -> None:
        log.warning("camera needed again", extra={"session": session_id, "reason": reason})

    def proof(self, path: str, size_bytes: int) -> None:
        log.info("comparing with what another device hauled", extra={"file": path, "size_bytes": size_bytes})

    def second_read(self, path: str, size_bytes: int) -> None:
        log.info("reading again", extra={"file": path, "size_bytes": size_bytes})

    def draw(self, picture: Picture | None) -> None:
        now = self._monotonic()
        if picture is None:
            self._said_at = now
            return
        is_moving = picture.comparison is not None or picture.activity.doing is Doing.MOVING
        if now - self._said_at < (LINE_EVERY_S if is_moving else WAIT_LINE_EVERY_S):
            return
        self._said_at = now
        if is_moving:
            _log_movement(picture)
        elif picture.activity.next_try_s is None:
            # Tries have lines of their own, which count them.
            _log_wait(picture)


def _log_movement(picture: Picture) -> None:
    if one := picture.comparison:
        done = percent(one.compared_bytes, one.size_bytes)
        if one.is_second_read:
            pace = _megabytes(one.rate_bytes_s or 0)
            log.info("still reading again", extra={"file": one.path, "percent": done, "camera_mb_s": pace})
        else:
            log.info("comparing", extra={"file": one.path, "percent": done})
    elif file := picture.file:
        figures: dict[str, object] = {
            "chapter": file.path,
            "camera_percent": percent(file.read.done_bytes, file.size_bytes),
            "camera_mb_s": _megabytes(file.read.rate_bytes_s or 0),
            "s3_percent": percent(file.sent.done_bytes, file.size_bytes),
            "s3_mb_s": _megabytes(file.sent.rate_bytes_s or 0),
        }
        if ahead := picture.ahead:
            figures["ahead"] = ahead.path
            figures["camera_percent"] = percent(ahead.read.done_bytes, ahead.size_bytes)
            figures["camera_mb_s"] = _megabytes(ahead.read.rate_bytes_s or 0)
        if picture.is_camera_free:
            figures["camera"] = "no longer needed"
        log.info("on the way", extra={**figures, **_whole_figures(picture.whole)})


def _log_wait(picture: Picture) -> None:
    activity = picture.activity
    figures: dict[str, object] = {"what": WORDS[activity.doing], "seconds": round(activity.seconds)}
    if activity.source:
        figures["source"] = activity.source
    log.info("waiting", extra={**figures, **_whole_figures(picture.whole)})


def _whole_figures(whole: Whole | None) -> dict[str, object]:
    if whole is None:
        return {}
    return {
        "recordings": whole.sessions,
        "recordings_home": whole.sessions_home,
        "sent_mb": _megabytes(whole.sent_bytes),
        "left_mb": _megabytes(whole.left_bytes),
        "eta_s": None if whole.eta_s is None else round(whole.eta_s),
    }


def _megabytes(size_bytes: float) -> float:
    return round(size_bytes / MEGABYTE, 1)


class Fitting:
    """Bars while the terminal has room for them, lines while it has not; it may be resized at any time."""

    def __init__(self, bars: Bars, lines: Lines, size: Size) -> None:
        self._bars = bars
        self._lines = lines
        self._size = size
        self._shown: Display = self._fitting()

    def _fitting(self) -> Display:
        columns, rows = self._size()
        return self._bars if columns >= LEAST_COLUMNS and rows >= LEAST_ROWS else self._lines

    def session(self, session_id: str) -> None:
        self._shown.session(session_id)

    def chapter(self, path: str, size_bytes: int) -> None:
        self._shown.chapter(path, size_bytes)

    def verified(self, path: str, seconds: float) -> None:
        self._shown.verified(path, seconds)

    def camera_free(self, session_id: str, sessions_left: int) -> None:
        self._shown.camera_free(session_id, sessions_left)

    def camera_needed(self, session_id: str, reason: str) -> None:
        self._shown.camera_needed(session_id, reason)

    def proof(self, path: str, size_bytes: int) -> None:
        self._shown.proof(path, size_bytes)

    def second_read(self, path: str, size_bytes: int) -> None:
        self._shown.second_read(path, size_bytes)

    def draw(self, picture: Picture | None) -> None:
        fitting = self._fitting()
        if fitting is not self._shown:
            self._shown.draw(None)
            self._shown = fitting
        fitting.draw(picture)


CAMERA_FREE = "camera no longer needed"


def camera_free_text(session_id: str, sessions_left: int) -> str:
    """For a person who wants to unplug the camera: only the last session of a run sets it free."""
    if not sessions_left:
        return f"{CAMERA_FREE}: everything of session {session_id} is in the spool or in S3"
    return f"everything of session {session_id} is read; the camera stays needed, for {sessions_left} more of this run"


WORDS = {
    Doing.PREPARING: "preparing",
    Doing.MOVING: "on the way",
    Doing.QUIET: "no bytes",
    Doing.RETRYING: "no answer",
    Doing.VERIFYING: "being verified",
}


def rows_of(picture: Picture, columns: int, spinner: str, terminal: TextIO) -> list[str]:
    """The rows that show a picture, each at most `columns` wide, in characters that the terminal has."""
    rows = list[str]()
    if picture.whole:
        texts = _whole_texts(picture.whole)
        # Where the long form hardly fits, each figure that grows would change the form.
        rows.append(fitted(texts if columns >= WIDE_COLUMNS else texts[1:], columns))
    if one := picture.comparison:
        rows += [
            shortened(shown(one.path, terminal), columns),
            _bar(
                "again" if one.is_second_read else "same",
                Meter(one.compared_bytes, one.rate_bytes_s),
                one.size_bytes,
                columns,
                terminal,
            ),
        ]
    elif file := picture.file:
        rows.append(shortened(shown(file.path, terminal), columns))
        if not picture.ahead:
            rows.append(_bar("read", file.read, file.size_bytes, columns, terminal))
        rows.append(_bar("sent", file.sent, file.size_bytes, columns, terminal))
    if ahead := picture.ahead:
        rows.append(shortened(shown(ahead.path, terminal), columns))
        rows.append(_bar("read", ahead.read, ahead.size_bytes, columns, terminal))
    texts = _activity_texts(picture.activity)
    if picture.is_camera_free:
        texts = [f"{CAMERA_FREE}, {text}" if text else CAMERA_FREE for text in texts[:1]] + list(texts)
    text = fitted(texts, columns - 2)
    reason = shown(picture.activity.reason, terminal)
    room = columns - 2 - len(text) - 2
    if reason and room >= LEAST_REASON:
        text = f"{text}: {cut(reason, room)}"
    rows.append(f"{spinner} {text}"[:columns])
    return rows


def _whole_texts(whole: Whole) -> Sequence[str]:
    """The first line, from the longest form to the shortest."""
    recordings = f"{whole.sessions_home} of {whole.sessions} recording{'s' * (whole.sessions != 1)}"
    short = f"{whole.sessions_home}/{whole.sessions}"
    sent, size, left = text_of(whole.sent_bytes), text_of(whole.size_bytes), text_of(whole.left_bytes)
    pace = f"{text_of(whole.rate_bytes_s or 0)}/s"
    eta = f"ETA {'-' if whole.eta_s is None else clock(whole.eta_s)}"
    done = f"{percent(whole.sent_bytes, whole.size_bytes)}%"
    return (
        f"verified {recordings}, sent {sent} of {size}, left {left}, {pace}, {eta}",
        f"{recordings}, {sent} of {size}, {left} left, {pace}, {eta}",
        f"{short}, {sent} of {size}, {left} left, {pace}, {eta}",
        f"{short}, {left} left, {pace}, {eta}",
        f"{short}, {done}, {left} left, {eta}",
        f"{done}, {eta}",
    )


def _bar(label: str, leg: Meter, size_bytes: int, columns: int, terminal: TextIO) -> str:
    done_bytes = max(0, min(leg.done_bytes, size_bytes))
    left = f"{label} {percent(done_bytes, size_bytes):3d}%|"
    # Of one width, so that the bars of both legs are equally long.
    figures = f" {text_of(done_bytes):>8} of {text_of(size_bytes)}"
    pace = f" {text_of(leg.rate_bytes_s)}/s" if leg.rate_bytes_s else ""
    forms = (f"{figures}{pace:11}", f"{pace:11}", "")
    rest = next(text for text in forms if not text or columns - len(left + text) >= LEAST_BAR)
    bar = tqdm.format_meter(
        n=done_bytes,
        total=max(size_bytes, 1),
        elapsed=0,
        ncols=columns - len(left) - len(rest),
        bar_format="{bar}|",
        ascii=shown(BLOCKS, terminal) != BLOCKS,
    )
    return (left + bar + rest).rstrip()


def _activity_texts(activity: Activity) -> Sequence[str]:
    """What the run does, from the longest form to the shortest."""
    lasted = clock(activity.seconds)
    if activity.doing is Doing.MOVING:
        return ("",)
    if activity.doing is Doing.PREPARING:
        return (f"preparing, {lasted}",)
    if activity.doing is Doing.QUIET:
        silent = f"no bytes for {activity.seconds:.0f} s"
        return (f"waiting for {activity.source}: {silent}", f"{activity.source}: {silent}", silent)
    soon = ""
    if activity.next_try_s is not None:
        soon = f", next try in {activity.next_try_s:.0f} s" if activity.next_try_s > 0 else ", trying again"
    if activity.doing is Doing.VERIFYING:
        return (f"being verified, {lasted}{soon}", f"being verified, {lasted}", f"verifying {lasted}")
    return (
        f"waiting for {activity.source}, {lasted}{soon}",
        f"{activity.source}, {lasted}{soon}",
        f"{activity.source}{soon}",
        f"{activity.source}, {lasted}",
        lasted,
    )


def fitted(texts: Sequence[str], columns: int) -> str:
    """The first of the texts that fits; the last one is shortened when none does."""
    return next((text for text in texts if disp_len(text) <= columns), None) or shortened(texts[-1], columns)


def shortened(text: str, columns: int) -> str:
    """`text` in at most so many columns, without its middle when it is longer: names differ at their ends."""
    if disp_len(text) <= columns:
        return text
    kept = max(0, columns - 2)
    head, tail = text[:kept], text[-kept:]
    while disp_len(head) > kept // 2:
        head = head[:-1]
    while disp_len(tail) > kept - kept // 2:
        tail = tail[1:]
    return f"{head}..{tail}"[:columns]


def cut(text: str, columns: int) -> str:
    """`text` in at most so many columns, without its end when it is longer."""
    if disp_len(text) <= columns:
        return text
    text = text[: columns - 2]
    while disp_len(text) > columns - 2:
        text = text[:-1]
    return f"{text}.."


def text_of(size_bytes: float) -> str:
    """`1.2 GB`, `999.9 MB`, `12 B`."""
    for unit_bytes, unit in UNITS:
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.1f} {unit}"
    return f"{size_bytes:.0f} B"


def clock(seconds: float) -> str:
    """`0:07`, `6:02`, `1:06:02`; `4d 3h` from a day on."""
    whole = round(seconds)
    if whole >= 86400:
        return f"{whole // 86400}d {whole % 86400 // 3600}h"
    minutes, left = divmod(whole, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{left:02d}" if minutes >= 60 else f"{minutes}:{left:02d}"
