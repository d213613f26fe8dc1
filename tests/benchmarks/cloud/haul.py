"""What one session of 56 GB costs in calls: the real client against the deployed coordinator, with small parts."""

import tempfile
from collections import Counter
from pathlib import Path

from infra.admin import deployment
from infra.admin.commands.tokens import enroll
from infra.local.stack import World
from infra.local.stack.world import MOUNT
from tests.benchmarks.figures import Figure
from tests.e2e.kills.calls import Calls, coordinator_name, s3_name
from tests.e2e.rig import RECORDING, Rig, camera_with

CHAPTERS = 14
PARTS = 256
"""Of 16 MiB in a chapter of 4 GiB; 14 of them are 56 GiB."""
PART_SIZE_BYTES = 4096
"""Calls follow the number of parts, not their size."""
URLS_A_CALL = 32
UPLINK = "64KiB"
"""Bytes a second: slower than the camera, as in the field, so that parts wait and one call signs many."""
HEARTBEAT = "POST sessions/progress"
LONGEST_S = 1200
KIB = 1024


def figures() -> list[Figure]:
    """Calls of the coordinator, control calls of S3, and writes of the table, until one session is stored."""
    settings = {"PART_SIZE_BYTES": str(PART_SIZE_BYTES)}
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder)
        with World.start(workdir=workdir, settings=settings, progress=lambda _line: None) as world:
            rig = _rig(world, workdir)
            of_coordinator, of_s3 = Calls(_ignore), Calls(_ignore)
            world.aws.mounts.mount(f"/{world.bucket}", of_s3.watched(world.aws.writes, s3_name))
            world.aws.mounts.mount(MOUNT, of_coordinator.watched(world.gateway, coordinator_name))
            before = world.aws.writes.counts.copy()
            _haul(rig)
            wrote = world.aws.writes.counts - before
            called = Counter(call.name for call in of_coordinator.all())
            stored = Counter(call.name for call in of_s3.all())
            return [_calls(called, stored, wrote), _package(world)]


def _ignore(_sign: str) -> None: ...


def _rig(world: World, folder: Path) -> Rig:
    """A device enrolled in the world."""
    registry = deployment.registry(world.aws.client("dynamodb"), world.table)
    token_file = folder / "device.token"
    token_file.touch(0o600)
    token_file.write_text(enroll(registry, name="north").token)
    return Rig(world, folder, token_file)


def _haul(rig: Rig) -> None:
    with camera_with(*[PARTS * PART_SIZE_BYTES] * CHAPTERS) as camera:
        client = rig.client(camera, "match-17", "--recording", RECORDING, "--limit-rate", UPLINK)
        try:
            _, said = client.communicate(timeout=LONGEST_S)
        finally:
            client.kill()
            client.wait()
    if client.returncode or not rig.world.settled(60):
        raise SystemExit(f"the haul did not end well: {said}")


def _calls(called: Counter[str], stored: Counter[str], wrote: Counter[str]) -> Figure:
    parts = CHAPTERS * PARTS
    heartbeats = called.pop(HEARTBEAT, 0)  # by time, not by parts
    peers = {
        "heartbeats": float(heartbeats),
        "s3_part_puts": float(stored["UploadPart"]),
        "s3_control_calls": float(stored.total() - stored["UploadPart"]),
        "table_writes": float(sum(count for name, count in wrote.items() if not name.startswith("S3 "))),
    }
    bar = 4 * CHAPTERS + parts / URLS_A_CALL
    note = (
        f"{CHAPTERS} chapters, {parts} parts; {dict(called.most_common())}; S3: {dict(stored.most_common())}"
    )
    return Figure("calls_per_session_56gb", float(called.total()), "calls", bar, note, peers)


def _package(world: World) -> Figure:
    functions = world.aws.client("lambda").list_functions()["Functions"]
    [api] = [each for each in functions if each["Handler"] == "app.app"]
    return Figure(
        "package_kib", api["CodeSize"] / KIB, "KiB", 1024, "the API function's zip, as Chalice deploys it"
    )
