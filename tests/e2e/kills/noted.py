"""Which parts each client of a story sent and read, by what S3 and the camera noted."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from itertools import pairwise

from edge_client.haul.camera_session import Looks
from infra.local.camera import LoggedRequest
from tests.e2e.kills.calls import Call
from tests.e2e.kills.story import Run, Story
from tests.e2e.rig import KEEP_ALIVE, MEDIA_INFO, PART_SIZE_BYTES

Part = tuple[str, int]
# A part as a range of the camera's file: the path, the first byte and the last.
Span = tuple[str, int, int]


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
    tiny = set[Span]()
    return [
        list(_kept(requests[start:end], spans, tiny)) for start, end in pairwise([*starts, len(requests)])
    ]


def _kept(requests: Sequence[LoggedRequest], spans: Container[Span], tiny: set[Span]) -> Iterator[Part]:
    """The parts that were asked for to be kept: neither a film's head, which is asked for behind its media info, nor
    what the last look asks for again, which begins with spots. `tiny` parts, no longer than a spot, are kept once."""
    before, is_last_look = "", False
    for request in requests:
        if request.path == KEEP_ALIVE:
            continue
        is_head, before = before == MEDIA_INFO, request.path
        if not request.asked or request.asked.last is None:
            is_last_look = False
            continue
        span = (request.path, request.asked.first, request.asked.last)
        is_short = request.asked.last - request.asked.first < Looks().spot_bytes
        is_last_look |= is_short and (span not in spans or span in tiny)
        if span in spans and not is_head and not is_last_look:
            tiny |= {span} if is_short else set()
            yield request.path, request.asked.first


def _spans(story: Story) -> Iterator[Span]:
    """Every part as a range of the camera's file: no look at the header of a box is one of them."""
    for directory, file in story.camera.card.files():
        for first in range(0, file.size_bytes, PART_SIZE_BYTES):
            last = min(first + PART_SIZE_BYTES, file.size_bytes) - 1
            yield f"/videos/DCIM/{directory}/{file.name}", first, last
