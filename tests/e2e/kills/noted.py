"""Which parts each client of a story sent and read, by what S3 and the camera noted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tests.e2e.kills.calls import Call
from tests.e2e.kills.story import Run, Story
from tests.e2e.rig import PART_SIZE_BYTES

Part = tuple[str, int]


def puts_by_run(story: Story) -> list[list[Call]]:
    """The PUTs that each client began; what is heard of a dead one late is its own."""
    puts = [
        call
        for call in story.calls.all()
        if call.name == "UploadPart" and f"/originals/main/{story.session}/" in call.path
    ]
    starts = [run.began for run in story.runs]
    ends = [*starts[1:], story.calls.tick()]
    return [[c for c in puts if start < c.began < end] for start, end in zip(starts, ends, strict=True)]


def part_of(call: Call) -> Part:
    assert call.part is not None
    return call.path, call.part


def on_their_way(puts: list[Call], run: Run) -> list[Part]:
    """The parts that were begun and not in S3 when the client was killed."""
    if not run.killed or run.killed_at is None:
        return []
    return [part_of(call) for call in puts if not call.stored_before(run.killed_at)]


def reads_by_run(story: Story) -> list[list[Part]]:
    """The parts that each client asked the camera for, in order."""
    spans = set(_spans(story))
    requests = story.camera.log.all()
    starts = [run.requests_before for run in story.runs]
    reads = []
    for start, end in pairwise([*starts, len(requests)]):
        asked = [(r.path, r.asked.first, r.asked.last) for r in requests[start:end] if r.asked]
        reads.append([(path, first) for path, first, last in asked if (path, first, last) in spans])
    return reads


def _spans(story: Story) -> Iterator[tuple[str, int, int]]:
    """Every part as a range of the camera's file: no look at the header of a box is one of them."""
    for directory, file in story.camera.card.files():
        for first in range(0, file.size_bytes, PART_SIZE_BYTES):
            last = min(first + PART_SIZE_BYTES, file.size_bytes) - 1
            yield f"/videos/DCIM/{directory}/{file.name}", first, last
