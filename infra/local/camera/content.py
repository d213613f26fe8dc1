"""Files that need no disk: bytes made from (seed, offset), of any size, with a GoPro's head and tail when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from infra.local.gopro_file import FTYP_BYTES, Content, GproHeader, head_bytes, tail_bytes

BLOCK_BYTES = 1024 * 1024
STAMP_BYTES = 32


@dataclass(frozen=True)
class VirtualContent:
    """`size_bytes` bytes that follow from `seed` alone; equal seeds give equal bytes, and no two blocks are equal.

    A block is a slice of one pseudo-random plane, turned by its own amount, after a stamp of its number.
    """

    size_bytes: int
    seed: int = 0

    def read(self, offset: int, size_bytes: int) -> bytes:
        end = min(offset + size_bytes, self.size_bytes)
        return b"".join(self._pieces(offset, end))

    def _pieces(self, offset: int, end: int) -> Iterator[bytes]:
        while offset < end:
            number, inside = divmod(offset, BLOCK_BYTES)
            count = min(BLOCK_BYTES - inside, end - offset)
            yield _block_slice(self.seed, number, inside, inside + count)
            offset += count


@dataclass(frozen=True)
class FramedContent:
    """A body with its first and last bytes replaced by a real head and tail."""

    body: Content
    head: bytes
    tail: bytes

    def __post_init__(self) -> None:
        if len(self.head) + len(self.tail) > self.size_bytes:
            raise ValueError(f"{self.size_bytes} bytes are too few for a head and a tail")

    @property
    def size_bytes(self) -> int:
        return self.body.size_bytes

    def read(self, offset: int, size_bytes: int) -> bytes:
        end = min(offset + size_bytes, self.size_bytes)
        tail_at = self.size_bytes - len(self.tail)
        inner = (max(offset, len(self.head)), min(end, tail_at))
        return b"".join(
            (
                self.head[offset:end],
                self.body.read(inner[0], inner[1] - inner[0]) if inner[0] < inner[1] else b"",
                self.tail[max(0, offset - tail_at) : max(0, end - tail_at)],
            )
        )


@dataclass(frozen=True)
class Clipped:
    """The first `size_bytes` bytes of a content: a film that is not all there yet, or any more."""

    body: Content
    size_bytes: int

    def read(self, offset: int, size_bytes: int) -> bytes:
        return self.body.read(offset, max(0, min(size_bytes, self.size_bytes - offset)))


@dataclass(frozen=True)
class Patched:
    """A content with `data` in place of its bytes from `offset` on."""

    body: Content
    offset: int
    data: bytes

    @property
    def size_bytes(self) -> int:
        return self.body.size_bytes

    def read(self, offset: int, size_bytes: int) -> bytes:
        taken = bytearray(self.body.read(offset, size_bytes))
        first, end = max(offset, self.offset), min(offset + len(taken), self.offset + len(self.data))
        if first < end:
            taken[first - offset : end - offset] = self.data[first - self.offset : end - self.offset]
        return bytes(taken)


@dataclass(frozen=True)
class Inserted:
    """A content with `data` in front of its byte at `offset`."""

    body: Content
    offset: int
    data: bytes

    @property
    def size_bytes(self) -> int:
        return self.body.size_bytes + len(self.data)

    def read(self, offset: int, size_bytes: int) -> bytes:
        end, behind = offset + size_bytes, self.offset + len(self.data)
        before = self.body.read(offset, max(0, min(end, self.offset) - offset))
        inner = self.data[max(0, offset - self.offset) : max(0, end - self.offset)]
        first = max(offset, behind)
        return before + inner + self.body.read(first - len(self.data), max(0, end - first))


def virtual_chapter(
    size_bytes: int, seed: int, header: GproHeader, duration_s: float = 60.0
) -> FramedContent:
    """A virtual file that passes every check of structure: boxes that add up, GPRO header, `moov` last."""
    tail = tail_bytes(duration_s)
    head = head_bytes(header, size_bytes - FTYP_BYTES - len(tail))
    return FramedContent(VirtualContent(size_bytes, seed), head, tail)


def unfinished_chapter(size_bytes: int, seed: int, header: GproHeader, mdat_bytes: int = 0) -> FramedContent:
    """A film that the camera has not finalised: no `moov`, and an `mdat` that claims `mdat_bytes`: 0, or too many."""
    return FramedContent(VirtualContent(size_bytes, seed), head_bytes(header, mdat_bytes), b"")


def other_bytes(content: Content, seed: int, header: GproHeader) -> Content:
    """A content of the same size with other bytes; a virtual chapter is one again, by this camera."""
    if not isinstance(content, FramedContent):
        return VirtualContent(content.size_bytes, seed)
    head = head_bytes(header, content.size_bytes - FTYP_BYTES - len(content.tail))
    return FramedContent(VirtualContent(content.size_bytes, seed), head, content.tail)


def sha256(content: Content) -> str:
    """The SHA-256 of a whole content, in hex, read block by block."""
    digest = hashlib.sha256()
    for offset in range(0, content.size_bytes, BLOCK_BYTES):
        digest.update(content.read(offset, BLOCK_BYTES))
    return digest.hexdigest()


def _block_slice(seed: int, number: int, start: int, end: int) -> bytes:
    stamp = hashlib.sha256(f"{seed}:{number}".encode()).digest()
    turn = int.from_bytes(stamp[:4], "big") % BLOCK_BYTES
    plane = _plane(seed)
    begin = max(start, STAMP_BYTES)
    return stamp[start:end] + plane[turn + begin : turn + max(begin, end)]


@lru_cache(maxsize=8)
def _plane(seed: int) -> bytes:
    # Twice the same block, so that a turned slice needs no seam.
    return hashlib.shake_256(f"plane {seed}".encode()).digest(BLOCK_BYTES) * 2
