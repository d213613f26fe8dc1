"""Pure: choose the bytes that prove that a file is the stored one."""

from __future__ import annotations

from collections.abc import Callable

from edge_client.model.parts import Span

PIECE_BYTES = 256 * 1024
SAMPLE_BYTES = 16 * 1024 * 1024
PIECES = SAMPLE_BYTES // PIECE_BYTES


def sample(size_bytes: int, below: Callable[[int], int]) -> tuple[Span, ...]:
    """The pieces to compare, in order: the whole file up to 16 MiB, else 16 MiB of it at unpredictable places.

    The first and the last piece are always among them, and no two overlap. `below(n)` draws from 0 to n - 1. A film
    of which a share s differs passes with a chance of about (1 - s) ** 62.
    """
    if size_bytes <= SAMPLE_BYTES:
        starts = list(range(0, size_bytes, PIECE_BYTES))
    else:
        spare_bytes = size_bytes - SAMPLE_BYTES
        # Sorted draws of the bytes skipped before each piece: every place between the ends is equally likely.
        skipped = sorted(below(spare_bytes + 1) for _ in range(PIECES - 2))
        starts = [place * PIECE_BYTES + left_out for place, left_out in enumerate([0, *skipped, spare_bytes])]
    return tuple(
        Span(number, first, min(PIECE_BYTES, size_bytes - first)) for number, first in enumerate(starts, 1)
    )
