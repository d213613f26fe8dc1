"""That a haul which was killed lost nothing and did nothing twice: each demand of its own, on what the outside noted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.e2e.kills.calls import Call
from tests.e2e.kills.case import part_count
from tests.e2e.kills.story import Story
from tests.e2e.rig import PART_SIZE_BYTES, source_sha256

Part = tuple[str, int]


@dataclass(frozen=True)
class Cost:
    """What the kills of one haul cost: parts that were on their way at a kill, and that were sent or read again."""

    kills: int
    too_late: int
    parts_on_their_way: int
    parts_sent_again: int
    parts_read_again: int


def demand_home(story: Story) -> None:
    """Every byte in its place, every chapter once, nothing left over; the client says so too."""
    for run in story.runs:
        assert run.killed or run.end.code == 0, f"exit code {run.end.code}: {run.end.said}"
    assert story.last.end.code == 0
    assert story.rig.stored_sha256(story.session) == source_sha256(story.camera), (
        "other bytes than the camera's"
    )
    _demand_one_version_and_receipt_each(story)
    assert story.rig.open_multiparts(story.session) == [], "multipart uploads left open"
    _demand_tidy_spool(story)
    _demand_honest_report(story)


def demand_nothing_twice(story: Story) -> None:
    """No part that S3 had goes again, and no part that the spool had is read again."""
    _demand_no_part_sent_again(_puts_by_run(story), story)
    _demand_no_part_read_again(_reads_by_run(story), story)


def cost(story: Story) -> Cost:
    puts = [call for calls in _puts_by_run(story) for call in calls]
    reads = [part for parts in _reads_by_run(story) for part in parts]
    return Cost(
        kills=len(story.kills),
        too_late=len(story.case.kills) - len(story.kills),
        parts_on_their_way=sum(len(_on_their_way(story, number)) for number in range(len(story.runs))),
        parts_sent_again=len(puts) - len(set(map(_part, puts))),
        parts_read_again=len(reads) - len(set(reads)),
    )


def _demand_one_version_and_receipt_each(story: Story) -> None:
    shown = story.rig.session(story.session)
    assert shown
    assert (shown["state"], shown["missing"]) == ("STORED", [])
    receipts = [chapter["receipt"] for chapter in shown["chapters"]]
    assert len(receipts) == len(story.case.sizes_bytes)
    found = story.rig.world.aws.client("s3").list_object_versions(
        Bucket=story.rig.world.bucket, Prefix=f"originals/{story.session}/"
    )
    assert "DeleteMarkers" not in found
    versions = [(version["Key"], version["VersionId"], version["IsLatest"]) for version in found["Versions"]]
    wanted = [(receipt["key"], receipt["version_id"], True) for receipt in receipts]
    assert sorted(versions) == sorted(wanted), "versions that no receipt is for"
    reported = [chapter["receipt"] for chapter in story.last.end.report["chapters"]]
    kept = [json.loads(path.read_bytes()) for path in (story.rig.folder / "spool").glob("*/receipts/*.json")]
    assert reported == receipts
    assert sorted(kept, key=_key) == sorted(receipts, key=_key), "other receipts in the spool"


def _key(receipt: dict[str, str]) -> str:
    return receipt["key"]


def _demand_tidy_spool(story: Story) -> None:
    spool = story.rig.folder / "spool"
    left = {path.relative_to(spool).as_posix() for path in spool.rglob("*") if path.is_file()}
    fitting = {f"{story.session}/plan.json", f"{story.session}/report.json", "lock"}
    receipts = {path.relative_to(spool).as_posix() for path in spool.glob("*/receipts/*.json")}
    assert left == fitting | receipts, "left over in the spool"


def _demand_honest_report(story: Story) -> None:
    report = story.last.end.report
    sent = Counter(path for path, _ in map(_part, _puts_by_run(story)[-1]))
    for chapter, size_bytes in zip(report["chapters"], story.case.sizes_bytes, strict=True):
        [told, skipped] = chapter["parts_sent"], chapter["parts_skipped"]
        assert chapter["size_bytes"] == size_bytes
        assert told == sum(count for path, count in sent.items() if path.endswith(chapter["path"]))
        # A chapter that had its receipt and no parts in the spool was not asked about.
        assert told + skipped in (part_count(size_bytes), 0)


def _puts_by_run(story: Story) -> list[list[Call]]:
    """The PUTs that each client began; what is heard of a dead one late is its own."""
    puts = [
        call
        for call in story.calls.all()
        if call.name == "UploadPart" and f"/originals/{story.session}/" in call.path
    ]
    starts = [run.began for run in story.runs]
    ends = [*starts[1:], story.calls.tick()]
    return [[c for c in puts if start < c.began < end] for start, end in zip(starts, ends, strict=True)]


def _part(call: Call) -> Part:
    assert call.part is not None
    return call.path, call.part


def _on_their_way(story: Story, number: int) -> list[Part]:
    """The parts of one run that had begun and were not in S3 when it ended."""
    run = story.runs[number]
    return [_part(call) for call in _puts_by_run(story)[number] if not call.stored_before(run.ended)]


def _demand_no_part_sent_again(puts: list[list[Call]], story: Story) -> None:
    for number, run in enumerate(story.runs):
        parts = [_part(call) for call in puts[number]]
        assert len(parts) == len(set(parts)), f"client {number + 1} sent a part twice"
        stored = {_part(call) for call in puts[number] if call.stored_before(run.ended)}
        again = stored & {_part(call) for later in puts[number + 1 :] for call in later}
        assert not again, f"S3 had them when client {number + 1} died, and they were sent again: {again}"


def _reads_by_run(story: Story) -> list[list[Part]]:
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


def _demand_no_part_read_again(reads: Sequence[list[Part]], story: Story) -> None:
    """But for the one that a client was reading when it was killed."""
    for number, run in enumerate(story.runs):
        mine = reads[number]
        assert len(mine) == len(set(mine)), f"client {number + 1} read a part twice"
        done = mine[:-1] if run.killed else mine
        again = set(done) & {part for later in reads[number + 1 :] for part in later}
        assert not again, f"client {number + 1} had read them, and they were read again: {again}"
