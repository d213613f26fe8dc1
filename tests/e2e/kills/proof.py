"""That a haul which was killed lost nothing and did nothing twice, by what the outside noted of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from infra.local.aws.strict_s3.operations import CREATES_OBJECT
from tests.e2e.kills.calls import Call
from tests.e2e.kills.case import part_count
from tests.e2e.kills.noted import Part, part_of, puts_by_run, reads_by_run
from tests.e2e.kills.story import Story
from tests.e2e.rig import source_sha256

Receipt = dict[str, Any]


def demand_home(story: Story) -> None:
    """Every byte in its place, every chapter once, nothing left over; the client says so too."""
    for run in story.runs:
        assert run.killed or run.end.code == 0, f"exit code {run.end.code}: {run.end.said}"
    assert story.last.end.code == 0
    assert story.rig.stored_sha256(story.session) == source_sha256(story.camera), (
        "other bytes than the camera's"
    )
    _demand_one_version_each(story, _demand_one_receipt_each(story))
    assert story.rig.open_multiparts(story.session) == [], "multipart uploads left open"
    _demand_tidy_spool(story)
    _demand_honest_report(story)


def demand_nothing_twice(story: Story) -> None:
    """No part that S3 had goes again, and no part that the spool had is read again."""
    _demand_no_part_sent_again(puts_by_run(story), story)
    _demand_no_part_read_again(reads_by_run(story), story)


def _demand_one_receipt_each(story: Story) -> list[Receipt]:
    """The receipts: the coordinator's, the report's and those in the spool are the same."""
    shown = story.rig.session(story.session)
    assert shown
    assert (shown["state"], shown["missing"]) == ("STORED", [])
    receipts = [chapter["receipt"] for chapter in shown["chapters"]]
    assert len(receipts) == len(story.case.sizes_bytes)
    reported = [chapter["receipt"] for chapter in story.last.end.report["chapters"]]
    kept = [json.loads(path.read_bytes()) for path in (story.rig.folder / "spool").glob("*/receipts/*.json")]
    assert reported == receipts
    assert sorted(kept, key=_key) == sorted(receipts, key=_key), "other receipts in the spool"
    return receipts


def _demand_one_version_each(story: Story, receipts: list[Receipt]) -> None:
    """The current version is the receipt's, and S3 never made another or took one away.

    By what S3 answered: moto copies the whole bucket to list its versions.
    """
    s3, bucket = story.rig.world.aws.client("s3"), story.rig.world.bucket
    current = {r["key"]: s3.head_object(Bucket=bucket, Key=r["key"])["VersionId"] for r in receipts}
    assert current == {receipt["key"]: receipt["version_id"] for receipt in receipts}
    mine = [call for call in story.calls.all() if f"/originals/main/{story.session}/" in call.path]
    made = {call.version_id for call in mine if CREATES_OBJECT.get(call.name) and call.status == 200}
    assert made == {receipt["version_id"] for receipt in receipts}, "versions that no receipt is for"
    assert not [call for call in mine if call.name.startswith("Delete")]


def _key(receipt: Receipt) -> str:
    return str(receipt["key"])


def _demand_tidy_spool(story: Story) -> None:
    spool = story.rig.folder / "spool"
    left = {path.relative_to(spool).as_posix() for path in spool.rglob("*") if path.is_file()}
    fitting = {f"{story.session}/plan.json", f"{story.session}/report.json", "lock"}
    receipts = {path.relative_to(spool).as_posix() for path in spool.glob("*/receipts/*.json")}
    assert left == fitting | receipts, "left over in the spool"


def _demand_honest_report(story: Story) -> None:
    report = story.last.end.report
    sent = Counter(path for path, _ in map(part_of, puts_by_run(story)[-1]))
    for chapter, size_bytes in zip(report["chapters"], story.case.sizes_bytes, strict=True):
        [told, skipped] = chapter["parts_sent"], chapter["parts_skipped"]
        assert chapter["size_bytes"] == size_bytes
        assert told == sum(count for path, count in sent.items() if path.endswith(chapter["path"]))
        # A chapter that had its receipt and no parts in the spool was not asked about.
        assert told + skipped in (part_count(size_bytes), 0)


def _demand_no_part_sent_again(puts: list[list[Call]], story: Story) -> None:
    for number, run in enumerate(story.runs):
        parts = [part_of(call) for call in puts[number]]
        assert len(parts) == len(set(parts)), f"client {number + 1} sent a part twice"
        stored = {part_of(call) for call in puts[number] if call.stored_before(run.ended)}
        again = stored & {part_of(call) for later in puts[number + 1 :] for call in later}
        assert not again, f"S3 had them when client {number + 1} died, and they were sent again: {again}"


def _demand_no_part_read_again(reads: Sequence[list[Part]], story: Story) -> None:
    """But for the one that a client was reading when it was killed."""
    for number, run in enumerate(story.runs):
        mine = reads[number]
        assert len(mine) == len(set(mine)), f"client {number + 1} read a part twice"
        done = mine[:-1] if run.killed else mine
        again = set(done) & {part for later in reads[number + 1 :] for part in later}
        assert not again, f"client {number + 1} had read them, and they were read again: {again}"
