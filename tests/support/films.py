"""Tiny films: whole MP4 files of a few bytes that last as long as a test wants."""

from itertools import cycle, islice

SHORTEST_BYTES = 8 + 8 + 8 + 28
"""An ftyp, an mdat and a moov with as much of an mvhd as tells its duration."""


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def long_box(kind: bytes, content: bytes = b"") -> bytes:
    """A box whose size stands in the eight bytes behind its kind."""
    return (1).to_bytes(4, "big") + kind + (16 + len(content)).to_bytes(8, "big") + content


def mvhd(duration: int, timescale: int = 1000, version: int = 0) -> bytes:
    width = 8 if version else 4
    times = bytes(2 * width)
    told = timescale.to_bytes(4, "big") + duration.to_bytes(width, "big")
    return box(b"mvhd", bytes([version, 0, 0, 0]) + times + told)


def make_film(duration_ms: int, size_bytes: int = SHORTEST_BYTES, seed: int = 1) -> bytes:
    """A whole film of exactly this size; another seed gives other pictures."""
    pictures = bytes(islice(cycle(range(seed, seed + 97)), size_bytes - SHORTEST_BYTES))
    return box(b"ftyp") + box(b"mdat", pictures) + box(b"moov", mvhd(duration_ms))
