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
from tests.edge.conftest import Device
from tests.edge.fakes import PART_BYTES, CloudHandler, Upload, text_of
from tests.edge.strangers import Stranger, black_hole, self_signed, stranger

MIB = 1024 * 1024
ALWAYS = 500

Act = Callable[[CloudHandler, Upload, int], None]


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

    def signing(self, act: Callable[[CloudHandler], None]) -> None:
        """What the coordinator does when it is next asked for URLs."""
        self.device.cloud.faults["urls"] = [self._once_all_is_read(act)]

    def urls_lead_to(self, *addresses: str) -> None:
        """The next URLs lead there; each is good for a second, so that it is not tried for long."""
        self.signing(CloudHandler.serve)
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

    def act(handler: CloudHandler, upload: Upload, number: int) -> None:
        handler.body()
        handler.s3_error(status, code, **{name.replace("_", "-"): value for name, value in headers.items()})

    return act


def answers(status: int, body: bytes, **headers: str) -> Act:
    """Whoever is there takes the body and answers this."""

    def act(handler: CloudHandler, upload: Upload, number: int) -> None:
        handler.body()
        handler.answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})

    return act


def raw(answer: bytes) -> Act:
    """S3 stores the part, and this is on the wire, with the part's checksum in the place of `{crc}`."""

    def act(handler: CloudHandler, upload: Upload, number: int) -> None:
        upload.parts[number] = handler.body()
        handler.close_connection = True
        crc = handler.headers["x-amz-checksum-crc64nvme"]
        handler.wfile.write(answer.replace(b"{crc}", crc.encode()))

    return act


def resets_half_way(handler: CloudHandler, *rest: Any) -> None:
    handler.rfile.read(int(handler.headers["Content-Length"]) // 2)
    handler.reset()


def stores_and_hangs_up(handler: CloudHandler, upload: Upload, number: int) -> None:
    upload.parts[number] = handler.body()
    handler.close_connection = True


def stores_and_fails(handler: CloudHandler, upload: Upload, number: int) -> None:
    upload.parts[number] = handler.body()
    handler.s3_error(500, "InternalError")


def refuses_unheard(status: int, code: str) -> Act:
    """S3 answers before it has taken the body, and ends the connection."""

    def act(handler: CloudHandler, *rest: Any) -> None:
        handler.s3_error(status, code)

    return act


def takes_nothing(handler: CloudHandler, *rest: Any) -> None:
    handler.wait_for_hang_up()


def never_answers(handler: CloudHandler, *rest: Any) -> None:
    handler.body()
    handler.wait_for_hang_up()


def goes_on_and_on(handler: CloudHandler, *rest: Any) -> None:
    """S3 takes the part and says that it will answer, again and again."""
    handler.body()
    handler.close_connection = True
    while not handler.wait_for_hang_up(0.02):
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def drips(handler: CloudHandler, *rest: Any) -> None:
    """An answer that comes byte by byte and has no end."""
    handler.body()
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Much: ")
    while not handler.wait_for_hang_up(0.02):
        handler.wfile.write(b"x")


def disguised(handler: CloudHandler, upload: Upload, number: int) -> None:
    """An error in the body of a 200, as S3 has it for what it began to answer too early."""
    handler.body()
    checksum = handler.headers["x-amz-checksum-crc64nvme"]
    handler.stored(checksum, b"<Error><Code>InternalError</Code></Error>")


def stored_otherwise(handler: CloudHandler, upload: Upload, number: int) -> None:
    """A 200 for other bytes than ours."""
    handler.body()
    handler.stored(text_of(0))


def welcome(handler: CloudHandler, *rest: Any) -> None:
    """A captive portal, whose pages are files like any other: with an ETag."""
    handler.body()
    handler.answer(200, b"<html>welcome to the hotel</html>", {"ETag": '"5f3a"', "Content-Type": "text/html"})


def crawling(scene: Scene) -> None:
    """S3 takes 1 kB a second, by the device's clock."""

    def act(handler: CloudHandler, *rest: Any) -> None:
        handler.close_connection = True
        with contextlib.suppress(OSError):
            while handler.rfile.read(16 * 1024) and not scene.device.tally.retries:
                scene.device.time.now_s += 15

    scene.s3(act)


def spool_changing(scene: Scene) -> None:
    """S3 finds another digest, for the part is not any more what was read."""

    def act(handler: CloudHandler, upload: Upload, number: int) -> None:
        handler.body()
        [part] = [path for path in scene.device.parts() if path.name.startswith(f"{number:05d}-")]
        part.write_bytes(bytes(part.stat().st_size))
        handler.s3_error(400, "BadDigest")

    scene.s3(act)


def a_quarter_later(scene: Scene) -> None:
    """A fault, and a quarter of an hour by the device's monotonic clock."""

    def act(handler: CloudHandler, *rest: Any) -> None:
        scene.device.time.now_s += 901
        handler.body()
        handler.s3_error(500, "InternalError")

    def takes_fresh_urls(handler: CloudHandler, upload: Upload, number: int) -> None:
        is_fresh = "&n=1&" not in handler.path
        (CloudHandler.take if is_fresh else says(403, "AccessDenied"))(handler, upload, number)

    scene.s3(act, takes_fresh_urls)


def completed_meanwhile(scene: Scene) -> None:
    """Another client was faster."""

    def act(handler: CloudHandler, upload: Upload, number: int) -> None:
        handler.body()
        content = scene.device.content()
        upload.parts = {n + 1: content[n * PART_BYTES : (n + 1) * PART_BYTES] for n in range(4)}
        handler.fake.verify(upload)
        handler.s3_error(404, "NoSuchUpload")

    scene.s3(act)


def black_hole_first(scene: Scene) -> None:
    scene.urls_lead_to(scene.stack.enter_context(black_hole()))


def signing(act: Callable[[CloudHandler], None]) -> Disturb:
    return lambda scene: scene.signing(act)


def gone(handler: CloudHandler) -> None:
    """The upload has come to its end meanwhile."""
    handler.fake.uploads["u_1"].state = "EXPIRED"
    handler.problem(410, "upload-gone", "reopen", reason="expired")


def planned_otherwise(handler: CloudHandler) -> None:
    """The coordinator cuts parts otherwise from now on."""
    fake = handler.fake
    fake.uploads["u_1"].state = "EXPIRED"
    fake.part_bytes = 2 * PART_BYTES
    handler.problem(409, "plan-differs", "replan")


def lost_by_s3(handler: CloudHandler, upload: Upload, number: int) -> None:
    handler.body()
    upload.state = "EXPIRED"
    handler.s3_error(404, "NoSuchUpload")


def at_size(size_bytes: int) -> Disturb:
    """A chapter of this size whose last part fails once."""

    def disturb(scene: Scene) -> None:
        scene.device.card(GX010042=size_bytes)
        failures = [says(500, "InternalError")]

        def fail_last(handler: CloudHandler, upload: Upload, number: int) -> None:
            is_last = number == handler.fake.count(upload)
            act = failures.pop() if is_last and failures else CloudHandler.take
            act(handler, upload, number)

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


def server_times(at: str) -> Disturb:
    """Everybody but the device says that it is then, so that the device's clock is off."""

    def disturb(scene: Scene) -> None:
        scene.device.cloud.server_time = scene.device.cloud.expires_at = at

    return disturb


def empty_file(scene: Scene) -> None:
    scene.device.camera.files["100GOPRO/GX010042.MP4"].content = b""
