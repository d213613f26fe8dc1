"""Files that were valid, and then were cut, flipped, spliced and mixed: the same ones for the same seed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from random import Random
from typing import Any

from tests.support.measurements import as_document, as_lines, as_list, make_frame, make_frames, zipped

Change = Callable[[Random, bytearray], None]

_TOKENS = (
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\r", b" ", b"\0", b"\xff", b"\xef\xbb\xbf"),
    *(b"1e999", b"-", b"NaN", b"Infinity", b"null", b"true", b"0", b"1.5", b"99999999999999999999", b'""'),
    *(
        b"\\ud800",
        b"\\u0000",
        b"\xed\xa0\x80",
        b"},{",
        b"]}",
        b'"frames":',
        b'"kind":"generic",',
        b'"kind":"x",',
    ),
    *(b'"papi_a":', b'"papi_a_angle":3,', b'"status":"RED",', b'"session_id":"x",', b'"units":{"a":"m"},'),
    *(b'"frame_number":7,', b'"timestamp":-1,', b"[" * 21, b"\x1f\x8b", gzip.compress(b"{}", mtime=0)),
)


def _flat_frame(number: int) -> dict[str, Any]:
    frame = make_frame(number)
    for light in ("papi_a", "papi_b", "papi_c", "papi_d"):
        frame.update({f"{light}_{name}": value for name, value in frame.pop(light).items()})
    return frame


def _generic_frame(number: int) -> dict[str, Any]:
    return {
        "frame_number": number,
        "timestamp": number / 30,
        "wind.speed": 1.5 * number,
        "gust": None,
        "by": "me",
    }


_VALID = (
    as_list(make_frames(3)),
    as_document(make_frames(4), kind="papi", metadata={"fps": 30}, session_id="match-17-north"),
    as_document(
        [_generic_frame(number) for number in range(9)], kind="generic", metadata={"units": {"gust": "m/s"}}
    ),
    json.dumps({"kind": "generic", "frames": [_generic_frame(number) for number in range(9)]}).encode(),
    as_lines(make_frames(3)),
    as_lines(make_frame(number, note="},{" * 3, more=[{"a": [1, None]}]) for number in range(3)),
    as_list(_flat_frame(number) for number in range(3)),
    b"\xef\xbb\xbf" + as_list([{"frame_number": str(number), "timestamp": "1e1"} for number in range(9)]),
    as_lines({"frame_number": number * 2**40, "timestamp": 0, "papi_h": None} for number in range(9)),
)


_WRITERS: tuple[Callable[[Iterable[Any]], bytes], ...] = (
    as_list,
    as_lines,
    as_document,
    lambda frames: as_document(frames, kind="generic", metadata={"units": {"a": "m", "b": 1}}),
)
_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1.5,
        1e300,
        2**53,
        2**64,
        float("nan"),
        float("inf"),
        "",
        "7",
        "1e9",
        "x",
        "\ud800",
        "RED",
    ),
    *(
        [],
        {},
        [None],
        {"a": {"b": [1]}},
        {"r": 1},
        {"status": "Red", "angle": "3"},
        "=1+1",
        '},{"',
        "\u2028",
        "é" * 99,
    ),
)
_NAMES = (
    "frame_number",
    "timestamp",
    "papi_a",
    "papi_b_angle",
    "papi_h_rgb",
    "papi_a_",
    "a",
    "a.b",
    "a_b",
    "extra",
    "",
)


def changed_file(random: Random) -> bytes:
    """A file that was valid before its frames, its text, its zipped bytes, or several of these were changed."""
    text = random.choice(_VALID) if random.random() < 0.5 else _reworded(random)
    if random.random() < 0.5:
        text = _changed(random, text)
    if random.random() < 0.6:
        return text
    packed = zipped(text, random.randint(1, 4))
    return _changed(random, packed) if random.random() < 0.5 else packed


def _reworded(random: Random) -> bytes:
    """Frames with values and names that are odd, written as JSON should be."""
    make = random.choice((make_frame, _flat_frame, _generic_frame))
    frames: list[Any] = [make(number) for number in range(random.randint(1, 9))]
    for _ in range(random.randint(0, 6)):
        place = random.randrange(len(frames))
        frame = frames[place]
        holder = random.choice([frame, *[each for each in frame.values() if isinstance(each, dict)]])
        name = random.choice((*_NAMES, *holder))
        if random.random() < 0.2:
            holder.pop(name, None)
        else:
            holder[name] = deepcopy(random.choice(_VALUES))
        if random.random() < 0.1:
            frames.insert(random.randrange(len(frames) + 1), deepcopy(random.choice(frames)))
    return random.choice(_WRITERS)(frames)


def _changed(random: Random, content: bytes) -> bytes:
    changing = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 6))):
        random.choice(_CHANGES)(random, changing)
    return bytes(changing)


def _span(random: Random, content: bytearray) -> slice:
    start = random.randint(0, len(content))
    return slice(start, start + random.choice((1, 2, 8, 64, 512, 4096)))


def _flip(random: Random, content: bytearray) -> None:
    if content:
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def _drop(random: Random, content: bytearray) -> None:
    del content[_span(random, content)]


def _double(random: Random, content: bytearray) -> None:
    piece = content[_span(random, content)]
    at = random.randint(0, len(content))
    content[at:at] = piece * random.randint(1, 3)


def _cut(random: Random, content: bytearray) -> None:
    del content[random.randint(0, len(content)) :]


def _splice(random: Random, content: bytearray) -> None:
    other = bytearray(random.choice(_VALID))
    content[_span(random, content)] = other[_span(random, other)]


def _insert(random: Random, content: bytearray) -> None:
    at = random.randint(0, len(content))
    content[at:at] = random.choice(_TOKENS)


def _replace(random: Random, content: bytearray) -> None:
    """One number or word by a token: what remains is JSON more often than after other changes."""
    at = content.find(random.choice((b":", b",", b"[", b"{")), random.randint(0, len(content)))
    ends = [end for each in b",}]" if (end := content.find(each, at + 1)) > 0]
    if at >= 0 and ends:
        content[at + 1 : min(ends)] = random.choice(_TOKENS)


_CHANGES: tuple[Change, ...] = (_flip, _drop, _double, _cut, _splice, _insert, _replace, _replace, _replace)
