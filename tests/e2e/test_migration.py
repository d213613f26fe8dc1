"""The command `migrate` beside the deployed coordinator: killed and run again, and what then plays and stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from chalicelib.aws.records import DynamoRecords
from chalicelib.core.cleanup import Arming
from chalicelib.core.tokens import Role
from infra.local.aws.moto import server
from infra.local.stack import World
from infra.stages import LOCAL_STAGE
from tests.e2e.processing import Session
from tests.e2e.rig import PART_SIZE_BYTES, Rig, until
from tests.infra.migration.older import Older, frame_row, old_id
from tests.support.films import make_film

pytestmark = pytest.mark.e2e

HOUSE = Path(__file__).parents[2]
FIRST, SECOND, THIRD = (old_id(7_000 + number) for number in range(3))
FILM_BYTES = 3 * PART_SIZE_BYTES + 17
FRAMES = 900


@dataclass(frozen=True)
class Command:
    """The command before the local stack."""

    rig: Rig

    @property
    def world(self) -> World:
        return self.rig.world

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "infra.admin", "migrate", "--stage", LOCAL_STAGE, *arguments, "--json"],
            cwd=HOUSE,
            env={**server.environment(self.world.aws_url, os.environ), **pythonpath()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[dict[str, Any], int]:
        """The report and the exit code of a whole run."""
        done = self.rig.operator("migrate", *arguments)
        return done.report, done.code

    def kill_when(self, happened: Callable[[], object], what: str, *arguments: str) -> None:
        """kill -9 as soon as something has happened."""
        process = self.start(*arguments)
        try:
            until(lambda: happened() or process.poll() is not None, what)
            assert process.poll() is None, f"it ended before: {what}"
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)

    def parts(self) -> int:
        """The parts and objects that S3 holds of originals and outputs."""
        s3, bucket = self.world.aws.client("s3"), self.world.bucket
        found = 0
        for name in (FIRST, SECOND):
            for prefix in (f"originals/main/{name}/", f"outputs/main/{name}/"):
                found += s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] * 4
                for each in s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", ()):
                    # Completed since it was listed: the next look counts its object.
                    with suppress(s3.exceptions.NoSuchUpload):
                        listed = s3.list_parts(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])
                        found += len(listed.get("Parts", ()))
        return found


def pythonpath() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}


@pytest.fixture
def older(tmp_path: Path) -> Older:
    """Two sessions of films of four parts: the first with frame rows, the second with a file of frames."""
    made = Older(tmp_path / "an older system")
    made.make_tables()
    for name, frames in ((FIRST, 0), (SECOND, 400)):
        made.add(int(name.rpartition("-")[2], 16), frames=frames)
        made.write(f"videos/original/{name}/flight.mp4", make_film(30_000, FILM_BYTES, seed=5))
        made.write(
            f"videos/enhanced/{name}/{name}_enhanced_main_video.mp4", make_film(30_000, FILM_BYTES, seed=6)
        )
        made.add_row(name)
    made.add_frames([frame_row(each, FIRST, each) for each in range(FRAMES)])
    return made


def test_an_import_that_is_killed_again_and_again_ends_whole_and_is_cleaned_by_an_order_alone(
    rig: Rig, older: Older
):
    command = Command(rig)
    where = ("--folder", str(older.root), "--database", older.url)
    DynamoRecords(rig.world.aws.client("dynamodb"), rig.world.table).put_arming(
        Arming(True, datetime.now(UTC), "a test says so")
    )
    planned, code = command.run(*where)
    assert (code, planned["total"]["artifacts"]["would import"]["count"]) == (0, 8)
    for parts in (2, 6, 15):
        command.kill_when(lambda: command.parts() >= parts, f"{parts} parts", *where, "--apply")  # noqa: B023 at once

    applied, _ = command.run(*where, "--apply")
    assert rig.world.settled(60)
    verified, code = command.run(*where, "--verify")

    assert applied["total"]["failed"] == 0, applied
    assert code == 0, verified
    assert verified["total"]["artifacts"].keys() == {"same"}
    assert [each["state"] for each in verified["sessions"]] == ["PROCESSED", "PROCESSED"]
    assert [each["frames"] for each in verified["sessions"]] == [
        {"measurements.table.jsonl.gz": FRAMES},
        {"measurements.frames.json.gz": 400},
    ]
    session = Session(rig, FIRST)
    assert_it_plays(rig, session, older)
    assert_it_is_listed(rig, session)
    assert_it_stays_until_it_is_ordered(rig, session)


def assert_it_plays(rig: Rig, session: Session, older: Older) -> None:
    """Originals and outputs answer ranges, frames answer theirs."""
    for artifact_id, path in (
        ("original.000OLDER.flight.mp4", f"videos/original/{FIRST}/flight.mp4"),
        ("output.enhanced.mp4", f"videos/enhanced/{FIRST}/{FIRST}_enhanced_main_video.mp4"),
    ):
        status, read = session.asked(Role.OPERATOR, "GET", f"/artifacts/{artifact_id}/url")
        assert status == 200, read
        answer = requests.get(read["url"], headers={"Range": "bytes=70000-70099"}, timeout=30)
        assert (answer.status_code, answer.content) == (206, (older.root / path).read_bytes()[70_000:70_100])
    status, frames = session.asked(Role.OPERATOR, "GET", "/frames", from_frame=898)
    assert [each["frame_number"] for each in frames["frames"]] == [898, 899]
    assert frames["frames"][0]["papi_a"]["angle"] == 3.001


def assert_it_is_listed(rig: Rig, session: Session) -> None:
    answer = rig.call(
        "GET", "/v1/cameras/legacy/chapters", Authorization=f"Bearer {session.token_of(Role.OPERATOR)}"
    )
    assert {FIRST, SECOND} <= {each["session_id"] for each in answer.json()["chapters"]}
    status, shown = session.asked(Role.OPERATOR, "GET", "")
    assert (status, shown["storage"]["origin"], shown["storage"]["row_id"]) == (200, "older-system", FIRST)
    assert shown["storage"]["keys"]["original.000OLDER.flight.mp4"] == f"videos/original/{FIRST}/flight.mp4"
    assert (shown["order"]["imported"], shown["order"]["sent_at"]) == (True, None)
    # No device has it for its own.
    assert rig.session(FIRST) is None


def assert_it_stays_until_it_is_ordered(rig: Rig, session: Session) -> None:
    """Cleanup is armed and the grace is over at once: the import's order keeps it, and one of its own does not."""
    s3, bucket = rig.world.aws.client("s3"), rig.world.bucket
    key = f"originals/main/{FIRST}/000OLDER/flight.mp4"
    session.reconcile(3)
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == FILM_BYTES

    video = {"output.enhanced.mp4": make_film(30_000, 9_000, seed=8)}
    status, ordered = session.asked(Role.OPERATOR, "POST", "/order", {"required": [*video]})
    assert (status, ordered["order"]["number"]) == (200, 2)
    session.write("output.enhanced.mp4", video["output.enhanced.mp4"], order=2)
    session.state(video, order=2)
    session.calm()
    session.reconcile(3)

    assert session.asked(Role.OPERATOR, "GET", "")[1]["state"] == "CLEANED"


def test_sessions_come_out_of_a_bucket_without_a_database(rig: Rig, tmp_path: Path):
    s3 = rig.world.aws.client("s3")
    s3.create_bucket(Bucket="older-system")
    body = make_film(30_000, FILM_BYTES, seed=9)
    files = Older(tmp_path / "older")
    files.add(int(THIRD.rpartition("-")[2], 16), frames=50)
    files.write(f"videos/original/{THIRD}/Flug über Köln.MOV", body)
    (files.root / "videos/original" / THIRD / "flight.mp4").unlink()
    for path in files.root.rglob("*.*"):
        key = f"backup/{path.relative_to(files.root).as_posix()}"
        s3.put_object(Bucket="older-system", Key=key, Body=path.read_bytes())
    command, where = Command(rig), ("--s3", "s3://older-system/backup")

    applied, _ = command.run(*where, "--apply")
    assert rig.world.settled(60)
    verified, code = command.run(*where, "--verify")

    assert applied["total"]["failed"] == 0, json.dumps(applied["sessions"])
    [session] = verified["sessions"]
    assert (code, session["state"], session["missing"]) == (0, "PROCESSED", [])
    assert {each["status"] for each in session["artifacts"]} == {"same"}
    chapter = Session(rig, THIRD).asked(Role.OPERATOR, "GET", "")[1]["chapters"][0]
    assert chapter["filename"] == "Flug über Köln.MOV"
    assert s3.list_objects_v2(Bucket="older-system")["KeyCount"] == 3
