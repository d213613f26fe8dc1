"""Hands to disturb the leg to S3: what S3, the coordinator or somebody else may do instead of what is due."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_client.http.exchange import Timeouts
from tests.edge.conftest import PART_BYTES, Device
from tests.edge.strangers import Stranger, black_hole, self_signed, stranger
from tests.support.coordinator import Door, SentUpload
from tests.support.memory import crc64nvme_of

MIB = 1024 * 1024
ALWAYS = 500
DAY_S = 86_400

Act = Callable[[Door, SentUpload, int], None]


@dataclass
class Scene:
    """A device, and strangers that a row may bring in."""

    device: Device
    folder: Path
    stack: ExitStack
    strangers: list[Stranger] = field(default_factory=list)

    def stranger(self, secure: bool = False) -> str:
        """The address of somebody who must not hear a word."""
        found = self.stack.enter_context(stranger(self_signed(self.folder) if secure else None))
        self.strangers.append(found)
        return found.url

    def s3(self, *acts: Act | None) -> None:
        """What S3 does with the next PUTs."""
        self.device.cloud.faults["put"] = [act and self._once_all_is_read(act) for act in acts]

    def signing(self, act: Callable[[Door], None]) -> None:
        """What the coordinator does when it is next asked for URLs."""
        self.device.cloud.faults["urls"] = [self._once_all_is_read(act)]

    def urls_lead_to(self, *addresses: str) -> None:
        """The next URLs lead there; each is good for a second, so that it is not tried for long."""
        self.signing(Door.serve)
        self.device.cloud.faults["address"] = list(addresses)
        self.device.cloud.expires_in_s = 1

    def _once_all_is_read(self, act: Callable[..., None]) -> Callable[..., None]:
        """The clock of these tests is one for both legs: the camera's is at its end before this one's is disturbed."""

        def waiting(*arguments: Any) -> None:
            cloud, deadline = self.device.cloud, time.monotonic() + 10
            count = -(-len(self.device.content()) // cloud.part_bytes)
            while len(self.device.parts()) < count and time.monotonic() < deadline:
                time.sleep(0.002)
            act(*arguments)

        return waiting

    def large_parts(self) -> None:
        """Two parts that no system takes into its buffers whole."""
        self.device.cloud.part_bytes = 2 * MIB
        self.device.card(GX010042=3 * MIB)

    def one_large_part(self) -> None:
        self.device.cloud.part_bytes = 2 * MIB
        self.device.card(GX010042=2 * MIB)

    def one_part(self) -> None:
        self.device.card(GX010042=100)


Disturb = Callable[[Scene], None]


def says(status: int, code: str, **headers: str) -> Act:
    """S3 takes the body and refuses it."""

    def act(door: Door, upload: SentUpload, number: int) -> None:
        door.body()
        door.s3_error(status, code, **{name.replace("_", "-"): value for name, value in headers.items()})

    return act


def answers(status: int, body: bytes, **headers: str) -> Act:
    """Whoever is there takes the body and answers this."""

    def act(door: Door, upload: SentUpload, number: int) -> None:
        door.body()
        door.answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})

    return act


def raw(answer: bytes) -> Act:
    """S3 stores the part, and this is on the wire, with the part's checksum in the place of `{crc}`."""

    def act(door: Door, upload: SentUpload, number: int) -> None:
        stores_and_hangs_up(door)
        crc = door.headers["x-amz-checksum-crc64nvme"]
        door.write(answer.replace(b"{crc}", crc.encode()))

    return act


def resets_half_way(door: Door, *rest: Any) -> None:
    door.rfile.read(int(door.headers["Content-Length"]) // 2)
    door.reset()


def stores_and_hangs_up(door: Door, *rest: Any) -> None:
    door.take()
    door.lose_answer()


def stores_and_fails(door: Door, *rest: Any) -> None:
    door.take()
    door.s3_error(500, "InternalError")


def refuses_unheard(status: int, code: str) -> Act:
    """S3 answers before it has taken the body, and ends the connection."""

    def act(door: Door, *rest: Any) -> None:
        door.s3_error(status, code)

    return act


def takes_nothing(door: Door, *rest: Any) -> None:
    door.wait_for_hang_up()


def never_answers(door: Door, *rest: Any) -> None:
    door.body()
    door.wait_for_hang_up()


def goes_on_and_on(door: Door, *rest: Any) -> None:
    """S3 takes the part and says that it will answer, again and again."""
    door.body()
    while not door.wait_for_hang_up(0.02):
        door.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def drips(door: Door, *rest: Any) -> None:
    """An answer that comes byte by byte and has no end."""
    door.body()
    door.write(b"HTTP/1.1 200 OK\r\nX-Much: ")
    while not door.wait_for_hang_up(0.02):
        door.write(b"x")


def disguised(door: Door, upload: SentUpload, number: int) -> None:
    """An error in the body of a 200, as S3 has it for what it began to answer too early."""
    door.body()
    checksum = door.headers["x-amz-checksum-crc64nvme"]
    door.stored(checksum, body=b"<Error><Code>InternalError</Code></Error>")


def stored_otherwise(door: Door, upload: SentUpload, number: int) -> None:
    """A 200 for other bytes than ours."""
    door.body()
    door.stored(crc64nvme_of(b""))


def welcome(door: Door, *rest: Any) -> None:
    """A captive portal, whose pages are files like any other: with an ETag."""
    door.body()
    door.answer(200, b"<html>welcome to the hotel</html>", {"ETag": '"5f3a"', "Content-Type": "text/html"})


def crawling(scene: Scene) -> None:
    """S3 takes 1 kB a second, by the device's clock."""

    def act(door: Door, *rest: Any) -> None:
        with contextlib.suppress(OSError):
            while door.rfile.read(16 * 1024) and not scene.device.tally.retries:
                scene.device.time.now_s += 15

    scene.s3(act)


def spool_changing(scene: Scene) -> None:
    """S3 finds another digest, for the part is not any more what was read."""

    def act(door: Door, upload: SentUpload, number: int) -> None:
        door.body()
        [part] = [path for path in scene.device.parts() if path.name.startswith(f"{number:05d}-")]
        part.write_bytes(bytes(part.stat().st_size))
        door.s3_error(400, "BadDigest")

    scene.s3(act)


def a_quarter_later(scene: Scene) -> None:
    """A fault, and a quarter of an hour by every clock: S3 refuses the URL of before."""

    def act(door: Door, *rest: Any) -> None:
        scene.device.time.now_s += 901
        door.coordinator.ports.clock.advance(901)
        door.body()
        door.s3_error(500, "InternalError")

    scene.s3(act)


def completed_meanwhile(scene: Scene) -> None:
    """Another client was faster."""

    def act(door: Door, upload: SentUpload, number: int) -> None:
        upload.replace_parts(upload.cut(scene.device.content()))
        door.coordinator.complete(upload.upload_id)
        door.take()

    scene.s3(act)


def black_hole_first(scene: Scene) -> None:
    scene.urls_lead_to(scene.stack.enter_context(black_hole()))


def signing(act: Callable[[Door], None]) -> Disturb:
    return lambda scene: scene.signing(act)


def gone(door: Door) -> None:
    """The upload has come to its end meanwhile."""
    door.coordinator.expire_uploads()
    door.serve()


def planned_otherwise(door: Door) -> None:
    """The coordinator cuts parts otherwise from now on."""
    door.coordinator.expire_uploads()
    door.coordinator.part_bytes = 2 * PART_BYTES
    door.problem(409, "plan-differs", "replan")


def lost_by_s3(door: Door, upload: SentUpload, number: int) -> None:
    upload.lose()
    door.take()


def at_size(size_bytes: int) -> Disturb:
    """A chapter of this size whose last part fails once."""

    def disturb(scene: Scene) -> None:
        scene.device.card(GX010042=size_bytes)
        failures = [says(500, "InternalError")]

        def fail_last(door: Door, upload: SentUpload, number: int) -> None:
            if failures and number == upload.count:
                failures.pop()(door, upload, number)
            else:
                door.take()

        scene.s3(*[fail_last] * 4)

    return disturb


def s3(*acts: Act | None) -> Disturb:
    return lambda scene: scene.s3(*acts)


def steps(*disturbances: Disturb) -> Disturb:
    def disturb(scene: Scene) -> None:
        for each in disturbances:
            each(scene)

    return disturb


def for_one_part(*disturbances: Disturb) -> Disturb:
    """Waits are told apart only where nobody else waits on the same clock."""
    return steps(Scene.one_part, *disturbances)


def timeouts(**seconds: float) -> Disturb:
    def disturb(scene: Scene) -> None:
        scene.device.timeouts = Timeouts(**seconds)

    return disturb


def patience(seconds: float) -> Disturb:
    def disturb(scene: Scene) -> None:
        scene.device.give_up_after_s = seconds

    return disturb


def sent_elsewhere(status: int, code: str = "", times: int = 1) -> Disturb:
    """S3, or whoever answers, sends the PUT to somebody who must not hear of it."""

    def disturb(scene: Scene) -> None:
        where = f"{scene.stranger()}/bucket/u_1"
        scene.s3(
            *[says(status, code, Location=where) if code else answers(status, b"", Location=where)] * times
        )

    return disturb


def clocks_differ(by_days: int) -> Disturb:
    """The coordinator's clock and S3's are so far ahead of the device's."""

    def disturb(scene: Scene) -> None:
        scene.device.cloud.ports.clock.advance(by_days * DAY_S)

    return disturb


def empty_file(scene: Scene) -> None:
    scene.device.camera.files["100GOPRO/GX010042.MP4"].content = b""
