"""The odd files, by name: their bytes in pieces, so that whoever makes one needs no memory for it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat

from tests.support.measurements import as_document, as_list, make_frame, make_frames

KIB, MIB = 2**10, 2**20
FRAME_BYTES = 64 * KIB
"""The most bytes of a frame; docs/measurements.md has all caps."""

Make = Callable[[], Iterable[bytes]]
"""Makes the pieces of a file, the same each time."""


@dataclass(frozen=True)
class Odd:
    """An odd file. `poison` is a part of the reason, or None when `frames` of it are indexed."""

    pieces: Make
    frames: int = 0
    rejected: int = 0
    poison: str | None = None


def of(*parts: bytes | Make) -> Make:
    """A file of these parts, one after the other."""
    return lambda: chain.from_iterable([part] if isinstance(part, bytes) else part() for part in parts)


def zipped(make: Make) -> Make:
    """The same in one gzip member."""

    def pieces() -> Iterator[bytes]:
        deflater = zlib.compressobj(6, zlib.DEFLATED, 31)
        for piece in make():
            yield deflater.compress(piece)
        yield deflater.flush()

    return pieces


def times(piece: bytes, size_bytes: int) -> Make:
    """So many bytes of one piece again and again."""
    count = 64 * KIB // len(piece)
    return lambda: repeat(piece * count, size_bytes // (count * len(piece)))


def frames_with(*texts: str) -> bytes:
    """A list of usual frames; each text stands where a frame has its `drone_elevation`."""
    listed = [
        json.dumps(make_frame(place, drone_elevation="HERE")).replace('"HERE"', text)
        for place, text in enumerate(texts)
    ]
    return f"[{','.join(listed)}]".encode()


def many(frames: int, text: Callable[[int], str]) -> Make:
    """A list of so many frames; `text` is the inside of each after its number and time."""

    def pieces() -> Iterator[bytes]:
        yield b"["
        for start in range(0, frames, 1000):
            places = range(start, min(frames, start + 1000))
            listed = [f'{{"frame_number":{n},"timestamp":{n / 30:.3f}{text(n)}}}' for n in places]
            yield (b"," if start else b"") + ",".join(listed).encode()
        yield b"]"

    return pieces


def named(frames: Make, last: bytes) -> Make:
    """A document with a list of frames, and `last` after it."""
    return of(b'{"frames":', frames, last)


def _zipped_again() -> bytes:
    return gzip.compress(gzip.compress(as_list(make_frames(3))))


def _with_long_header() -> bytes:
    """A gzip member whose header has a name of a MiB."""
    plain = gzip.compress(as_list(make_frames(3)), mtime=0)
    return plain[:3] + b"\x08" + plain[4:10] + b"n" * MIB + b"\0" + plain[10:]


def _plain(_: int) -> str:
    return ""


def _other_names(names: int) -> Callable[[int], str]:
    """So many numbers in every frame, and none has a name of another frame."""
    return lambda n: "".join(f',"{n:x}.{i:x}":1' for i in range(names))


def _shortest_names(n: int) -> str:
    """Almost as many members as 64 KiB have room for, and few of them are in the frame before."""
    first = 40_000 + n * 6_700
    return "".join(f',"{_letters(first + i)}":1' for i in range(6_700))


def _letters(number: int) -> str:
    digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    return "".join(digits[number >> shift & 63] for shift in (18, 12, 6, 0))


def _eight_lights(n: int) -> str:
    numbers = ",".join(
        f'"{name}":{n % 977 / 7}'
        for name in ("intensity", "angle", "horizontal_angle", "distance_ground", "distance_direct")
    )
    status = ("red", "white", "transition", "not_visible")[n % 4]
    return "".join(
        f',"papi_{letter}":{{"status":"{status}",{numbers},"rgb":{{"r":{n % 255},"g":3,"b":4}}}}'
        for letter in "abcdefgh"
    )


def _unknown_statuses(n: int) -> str:
    return f',"papi_a":{{"status":"s{n}"}}'


def _doubling() -> bytes:
    """Frame numbers that double: the buckets of the overview widen at every frame."""
    return as_list([{"frame_number": 2**power - 1, "timestamp": 0} for power in range(54)])


THREE = as_list(make_frames(3))
BLANKS = 100 * MIB
_GENERIC = b',"kind":"generic"}'

ODD: Mapping[str, Odd] = {
    # Depth
    "a million brackets": Odd(of(times(b"[", MIB)), poison="deeper"),
    "a million brackets within a frame": Odd(of(b'[{"a":', times(b"[", MIB)), poison="deeper"),
    "a million objects within each other": Odd(of(b'{"metadata":', times(b'{"a":', MIB)), poison="deeper"),
    "a gigabyte of brackets, zipped": Odd(zipped(of(b'[{"a":', times(b"[]", 1024 * MIB))), poison="longer"),
    "shallow, and a frame full of brackets": Odd(
        of(b'[{"frame_number":1,"timestamp":0,"a":[' + b"[]," * 21_000 + b"0]}]"), frames=1
    ),
    # Texts
    "a string of 300 MB, zipped": Odd(
        zipped(of(b'[{"a":"', times(b"x", 300 * MIB), b'"}]')), poison="longer"
    ),
    "a string without an end": Odd(of(b'[{"a":"', times(b"x", 8 * MIB)), poison="longer"),
    "a string of backslashes": Odd(
        zipped(of(b'[{"a":"', times(b"\\\\", 100 * MIB), b'"}]')), poison="longer"
    ),
    "a key of 100 MB, zipped": Odd(zipped(of(b'{"', times(b"k", BLANKS), b'":1}')), poison="longer"),
    "metadata of 100 MB, zipped": Odd(
        zipped(of(b'{"metadata":"', times(b"k", BLANKS), b'","frames":', THREE, b"}")), poison="longer"
    ),
    "a line of 100 MB, zipped": Odd(
        zipped(of(b'{"frame_number":0,"timestamp":0}\n{"a":"', times(b"k", BLANKS), b'"}\n')), poison="longer"
    ),
    "the longest frame that may be": Odd(
        of(b'[{"frame_number":1,"timestamp":0,"a":"' + b"x" * (FRAME_BYTES - 40) + b'"}]'), frames=1
    ),
    # Blanks
    "100 MB of blanks before, zipped": Odd(zipped(of(times(b" ", BLANKS), THREE)), frames=3),
    "100 MB of blanks after, zipped": Odd(zipped(of(THREE, times(b"\n", BLANKS))), frames=3),
    "100 MB of blanks between, zipped": Odd(
        zipped(of(THREE[:-1], b",", times(b"\t", BLANKS), json.dumps(make_frame(3)).encode(), b"]")), frames=4
    ),
    "100 MB of blanks in a frame, zipped": Odd(
        zipped(of(THREE[:-1], b",{", times(b" ", BLANKS), b'"frame_number":3,"timestamp":1}]')),
        poison="longer",
    ),
    "100 MB of blank lines, zipped": Odd(
        zipped(of(json.dumps(make_frame(0)).encode(), times(b"\n", BLANKS))), poison="more work"
    ),
    "2 GB of blanks, zipped": Odd(zipped(of(times(b" ", 2048 * MIB), THREE)), poison="more work"),
    "a GB of blanks in gzip within gzip": Odd(
        zipped(zipped(of(times(b" ", 1024 * MIB), THREE))), poison="begins with neither"
    ),
    "nothing but blanks": Odd(of(b" \n\t\r" * 1000), poison="empty"),
    # Numbers
    "numbers beyond floats": Odd(of(frames_with("1", "1e999", "-1e999", "2")), frames=2, rejected=2),
    "numbers next to 0": Odd(of(frames_with("1e-999", "-0.0", "5e-324", "-0")), frames=4),
    "numbers of 60,000 digits": Odd(
        of(frames_with("1", "9" * 60_000, "0." + "1" * 60_000, "2")), frames=3, rejected=1
    ),
    "numbers of 60,000 digits as text": Odd(
        of(frames_with("1", f'"{"9" * 60_000}"', "2")), frames=2, rejected=1
    ),
    "texts of numbers": Odd(
        of(
            frames_with('"1"', '"1e2"', '"1e999"', '"0x10"', '"\uff11\uff12"', '" 3"', '"1_0"', '"NaN"', '""')
        ),
        frames=2,
        rejected=7,
    ),
    "booleans for numbers": Odd(of(frames_with("1", "true", "false", "null")), frames=2, rejected=2),
    "NaN and Infinity": Odd(of(frames_with("1", "NaN", "-Infinity", "2", "3")), frames=3, rejected=2),
    "a number alone": Odd(of(b"1e999"), poison="begins with neither"),
    "an unknown number beyond floats": Odd(
        of(b'[{"frame_number":0,"timestamp":0},{"frame_number":1,"timestamp":1,"x":[{"y":1e999}]}]'),
        frames=1,
        rejected=1,
    ),
    "frame numbers beyond 2**53": Odd(
        of(
            as_list(
                [make_frame(place, frame_number=number) for place, number in enumerate((1, 2**53 - 1, 2**53))]
            )
        ),
        frames=2,
        rejected=1,
    ),
    "frame numbers that double": Odd(of(_doubling()), frames=54),
    "times that go back, and a far one": Odd(
        of(
            as_list(
                [
                    make_frame(place, timestamp=time)
                    for place, time in enumerate((9, 0, 9.9e99, 1e100, 1e-300))
                ]
            )
        ),
        frames=4,
        rejected=1,
    ),
    # Members
    "two members `frames`": Odd(of(b'{"frames":', THREE, b',"frames":', THREE, b"}"), poison="two members"),
    "two members `kind`": Odd(
        of(b'{"kind":"papi","frames":', THREE, b',"kind":"papi"}'), poison="two members"
    ),
    "a frame with 7,000 members of one name": Odd(
        of(b'[{"frame_number":7', b',"timestamp":1' * 4500, b',"frame_number":0}]'), frames=1
    ),
    "a light nested and flat": Odd(
        of(as_list([make_frame(0), {**make_frame(1), "papi_a_angle": 3}])), frames=1, rejected=1
    ),
    "odd names": Odd(
        of(
            as_list(
                [
                    make_frame(0, **{"": 1, "\0": 2, "__proto__": {"a": 1}, "papi_a_": 3, "papi_a_\n": 4}),
                    make_frame(1, **{"a.b": 1, "a_b": 2, "A_B": 3, "session": 4, "extra": 5, "time_s": 6}),
                ]
            )
        ),
        frames=2,
    ),
    "the members of the lake itself": Odd(
        of(
            as_list(
                [make_frame(0, project=1, session=[2], revision={}, measured_at="x", measurements=0, kind=1)]
            )
        ),
        frames=1,
    ),
    "10,000 members beside the frames": Odd(
        of(b'{"frames":', THREE, b",", b",".join(b'"m%d":0' % n for n in range(10_000)), b"}"),
        poison="more than 100 members",
    ),
    # Texts that are not UTF-8, or half of something
    "halves of surrogate pairs": Odd(
        of(
            b'[{"frame_number":0,"timestamp":0},{"frame_number":1,"timestamp":1,"a":"\\ud800"},'
            b'{"frame_number":2,"timestamp":1,"\\udc00":1},{"frame_number":3,"timestamp":1,"a":"\\ud83d\\ude00"}]'
        ),
        frames=2,
        rejected=2,
    ),
    "halves of surrogate pairs as bytes": Odd(
        of(b'[{"frame_number":0,"timestamp":0,"a":"\xed\xa0\x80"}]'), poison="UTF-8"
    ),
    "bytes that are no UTF-8": Odd(of(b'[{"frame_number":0,"timestamp":0,"a":"\xff"}]'), poison="UTF-8"),
    "NUL as a character": Odd(of(b'[{"frame_number":0,"timestamp":0,"a":"\\u0000"}]'), frames=1),
    "NUL as a byte": Odd(of(b'[{"frame_number":0,"timestamp":0,"a":"\0"}]'), poison="not JSON"),
    "a byte order mark": Odd(of(b"\xef\xbb\xbf", THREE), frames=3),
    "two byte order marks": Odd(of(b"\xef\xbb\xbf\xef\xbb\xbf", THREE), poison="begins with neither"),
    "UTF-16": Odd(of(THREE.decode().encode("utf-16")), poison="begins with neither"),
    "UTF-32": Odd(of(THREE.decode().encode("utf-32-be")), poison="begins with neither"),
    # Many
    "a million frames, zipped": Odd(zipped(many(1_000_000, _plain)), frames=1_000_000),
    "frames of nothing": Odd(of(b"[", times(b"{},", MIB), b"{}]"), poison="can be used"),
    "numbers for frames": Odd(of(b"[", times(b"0,", MIB), b"0]"), poison="can be used"),
    "a status of its own in each frame": Odd(many(100_000, _unknown_statuses), poison="can be used"),
    "eight lights in 20,000 frames": Odd(zipped(many(20_000, _eight_lights)), frames=20_000),
    "3,000 unknown members, others in each frame": Odd(zipped(many(310, _other_names(3_000))), frames=310),
    "as many unknown members as a frame may have": Odd(zipped(many(310, _shortest_names)), frames=310),
    # Another kind
    "a kind after 100,000 frames": Odd(zipped(named(many(100_000, _plain), _GENERIC)), frames=100_000),
    "an unknown kind after its frames": Odd(
        named(many(10_000, _plain), b',"kind":"nothing"}'), poison="unknown kind"
    ),
    "a kind that is a list": Odd(of(b'{"kind":["papi"],"frames":', THREE, b"}"), poison="not text"),
    "a kind of a MiB": Odd(
        of(b'{"kind":"', b"k" * (MIB - 2), b'","frames":', THREE, b"}"), poison="unknown kind"
    ),
    "3,000 numbers, others in each frame": Odd(
        zipped(named(many(310, _other_names(3_000)), _GENERIC)), poison="different numbers"
    ),
    "101 numbers in all, one a frame": Odd(
        named(many(101, lambda n: f',"v{n}":1'), _GENERIC), poison="different numbers"
    ),
    "100 numbers in all, one a frame": Odd(named(many(100, lambda n: f',"v{n}":1'), _GENERIC), frames=100),
    "numbers whose names differ in a dot": Odd(
        named(many(9, lambda n: ',"a.b":1,"a_b":2,"A_b":3,"":4'), _GENERIC), frames=9
    ),
    "units of a MiB": Odd(
        named(
            many(9, lambda n: ',"a":1'),
            b',"metadata":{"units":{"a":"%b"}}%b' % (b"m" * (MIB - 40), _GENERIC),
        ),
        frames=9,
    ),
    "units that are none": Odd(
        named(many(9, lambda n: ',"a":1'), b',"metadata":{"units":[{"a":1}]}' + _GENERIC), frames=9
    ),
    # gzip
    "300,000 empty gzip members": Odd(of(times(gzip.compress(b""), 6 * MIB), gzip.compress(THREE)), frames=3),
    "a gzip member for each byte": Odd(of(*[gzip.compress(bytes([byte])) for byte in THREE]), frames=3),
    "gzip within gzip": Odd(of(_zipped_again()), poison="begins with neither"),
    "gzip with a name of a MiB": Odd(of(_with_long_header()), frames=3),
    "gzip cut short": Odd(of(gzip.compress(THREE)[:-1]), poison="end too early"),
    "gzip followed by something": Odd(of(gzip.compress(THREE), b"\0\0"), poison="broken"),
    "only the beginning of gzip": Odd(of(b"\x1f\x8b"), poison="end too early"),
    # What is hardly a file of frames
    "nothing": Odd(of(b""), poison="empty"),
    "null": Odd(of(b"null"), poison="begins with neither"),
    "an empty list": Odd(of(b"[]"), poison="no frame"),
    "an empty object": Odd(of(b"{}"), poison="can be used"),
    "lists for frames": Odd(of(b"[[],[[]],[{}]]"), poison="can be used"),
    "frames that are an object": Odd(of(b'{"frames":{}}'), poison="JSON"),
    "frames that are null": Odd(of(b'{"frames":null}'), poison="JSON"),
    "a comma too many": Odd(of(THREE[:-1], b",]"), poison="JSON"),
    "a remark": Odd(of(b"// frames\n", THREE), poison="begins with neither"),
    "two lists": Odd(of(THREE, THREE), poison="follows the end"),
    "names without quotes": Odd(of(b"[{frame_number:0,timestamp:0}]"), poison="JSON"),
    "quotes of another kind": Odd(of(b"[{'frame_number':0,'timestamp':0}]"), poison="JSON"),
    "braces within texts": Odd(
        of(as_list([make_frame(n, note='},{"frame_number":7},{' * 40) for n in range(600)])), frames=600
    ),
    "lines that end in CR LF": Odd(
        of(b"\r\n".join(json.dumps(make_frame(n)).encode() for n in range(5))), frames=5
    ),
    "lines that end in CR": Odd(
        of(b"\r".join(json.dumps(make_frame(n)).encode() for n in range(5))), poison="no member `frames`"
    ),
    "another session": Odd(of(as_document(make_frames(3), session_id="another")), poison="names session"),
    "a session that is a frame": Odd(
        of(as_document(make_frames(3), session_id=make_frame(0))), poison="names session"
    ),
}
