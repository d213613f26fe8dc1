"""What may go wrong between the spool and S3, one row each: what is disturbed, and how the haul must end.

After every row holds, whatever it disturbs: what is in S3 are the camera's bytes; each byte is read from the camera
once; a part leaves the spool only for a receipt; a PUT carries the signed headers and nothing of ours; nobody but the
signed address hears anything; no text holds a URL or a token. And what ended is finished by the same command, later.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge_client.bare_http import Timeouts
from edge_client.errors import (
    EdgeError,
    GaveUp,
    PartRefused,
    TryLater,
    Unsettled,
)
from tests.edge_client.conftest import Device
from tests.edge_client.fakes import (
    LEAST_FILM_BYTES,
    PART_BYTES,
    SIGNATURE,
    TOKEN,
    CloudHandler,
    Upload,
    text_of,
)
from tests.edge_client.strangers import Stranger, black_hole, self_signed, stranger

MIB = 1024 * 1024
ALWAYS = 500
SENT_HEADERS = {
    "host",
    "content-length",
    "x-amz-checksum-crc64nvme",
    # What the library says of itself; none of it is ours, and S3 does not care.
    "accept-encoding",
    "user-agent",
}

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
    """S3 stores the part, and this is on the wire."""

    def act(handler: CloudHandler, upload: Upload, number: int) -> None:
        upload.parts[number] = handler.body()
        handler.close_connection = True
        handler.wfile.write(answer)

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


def disguised(handler: CloudHandler, upload: Upload, number: int) -> None:
    """An error in the body of a 200, as S3 has it for what it began to answer too early."""
    handler.body()
    handler.stored(text_of(0), b"<Error><Code>InternalError</Code></Error>")


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
            while handler.rfile.read(16 * 1024) and not handler.wait_for_hang_up(0):
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

    scene.s3(act)


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


def timeouts(**seconds: float) -> Disturb:
    def disturb(scene: Scene) -> None:
        scene.device.timeouts = Timeouts(**seconds)

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


@dataclass(frozen=True)
class Recovers:
    """The haul ends well: how many PUTs S3 heard of (of four parts), and what it cost.

    `troubles` is how often lanes were halved, `reads` how often the camera was. A range is for what chance decides.
    """

    puts: int | range = 5
    retries: int | range = 1
    troubles: int | range = 1
    reads: int | range = 4
    least_wait_s: float = 0.0


@dataclass(frozen=True)
class Ends:
    """The haul ends for now: with this error, that exit code, these words, and not before it has been patient."""

    error: type[EdgeError]
    code: int
    words: str
    least_wait_s: float
    most_puts: int


@dataclass(frozen=True)
class Row:
    name: str
    disturb: Disturb
    ends: Recovers | Ends


def waits(words: str, most_puts: int = 60) -> Ends:
    """Patience to its end, and an exit code that says to come again."""
    return Ends(GaveUp, 75, words, least_wait_s=300, most_puts=most_puts)


def refuses(words: str) -> Ends:
    """A few tries with waits between them, and then a person must look."""
    return Ends(PartRefused, 1, words, least_wait_s=3.5, most_puts=10)


ONE_PART = Recovers(puts=2, reads=1)
# A fresh URL costs nothing; a part that is sent again as it is costs a wait, but no lane.
FREE = Recovers(retries=0, troubles=0)
CHECKED = Recovers(troubles=0)
UNTOUCHED = Recovers(puts=4, retries=0, troubles=0)
# The address is tried twice before its URL is past its time.
MISLED = Recovers(puts=4, retries=2, troubles=2)
GO_ON = b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n'

ROWS = [
    Row("N1: every other connection is reset half way", s3(*[resets_half_way, None] * 4), Recovers(8, 4, 4)),
    Row("N2: nobody answers a connection", steps(timeouts(connect_s=0.3), black_hole_first), MISLED),
    Row(
        "N2: a stall before a byte is taken",
        steps(Scene.one_large_part, timeouts(send_s=0.5), s3(takes_nothing)),
        ONE_PART,
    ),
    Row("N2: a stall after the last byte", steps(timeouts(answer_s=1.5), s3(never_answers)), Recovers()),
    # The clock that the crawl moves may run on into the next try.
    Row(
        "N2: a crawl below the floor",
        steps(Scene.one_large_part, crawling),
        Recovers(range(2, 5), range(1, 4), range(1, 4), reads=1),
    ),
    Row("N3: reset half way", s3(resets_half_way), Recovers()),
    Row("N3: hung up before a word", s3(lambda handler, *_: handler.reset()), Recovers()),
    Row("N3: stored, and the reply is lost", s3(stores_and_hangs_up), Recovers()),
    Row("N3: stored, and the reply is an error", s3(stores_and_fails), Recovers()),
    Row("N3: stored, and the reply breaks off", s3(raw(b"HTTP/1.1 200 OK\r\nETag: ")), Recovers()),
    Row("N3: stored, and the reply is no HTTP", s3(raw(b"\x16\x03\x01 nonsense\r\n\r\n")), Recovers()),
    Row("N4: 500", s3(says(500, "InternalError")), Recovers()),
    Row("N4: 503", s3(says(503, "SlowDown")), Recovers()),
    Row("N4: 502 of something in between", s3(answers(502, b"<html>bad gateway</html>")), Recovers()),
    Row("N4: a time-out that S3 tells", s3(says(400, "RequestTimeout")), Recovers()),
    Row(
        "N4: 503 with Retry-After",
        steps(Scene.one_part, s3(says(503, "SlowDown", Retry_After="7"))),
        Recovers(2, reads=1, least_wait_s=7),
    ),
    Row(
        "N4: 429 with Retry-After",
        steps(Scene.one_part, s3(says(429, "TooManyRequests", Retry_After="7"))),
        Recovers(2, reads=1, least_wait_s=7),
    ),
    Row("N4: Retry-After that is no number", s3(says(503, "SlowDown", Retry_After="soon")), Recovers()),
    Row(
        "N4: Retry-After of a year is five minutes",
        steps(Scene.one_part, s3(says(503, "SlowDown", Retry_After="31536000"))),
        Recovers(2, reads=1, least_wait_s=300),
    ),
    Row(
        "N4: the coordinator asks for a wait before it signs",
        lambda scene: scene.signing(lambda handler: handler.answer(503, b"{}", {"Retry-After": "7"})),
        Recovers(puts=4, troubles=0, least_wait_s=7),
    ),
    Row(
        "N4: 503 for ever",
        steps(Scene.one_part, s3(*[says(503, "SlowDown")] * ALWAYS)),
        waits("503 SlowDown"),
    ),
    Row("N5: the URL is expired", s3(says(403, "AccessDenied")), FREE),
    Row(
        "N5: the URL is refused before the body is taken",
        steps(Scene.one_large_part, s3(refuses_unheard(403, "AccessDenied"))),
        # What is answered may be lost when a connection ends with bytes unread.
        Recovers(2, range(2), range(2), reads=1),
    ),
    Row("N5: a URL past its time is not tried again", steps(Scene.one_part, a_quarter_later), ONE_PART),
    Row("N6: the signer's own credentials are expired", s3(says(400, "ExpiredToken")), FREE),
    Row("N7: the signature does not match, once", s3(says(403, "SignatureDoesNotMatch")), FREE),
    Row(
        "N7: the signature never matches",
        s3(*[says(403, "SignatureDoesNotMatch")] * ALWAYS),
        refuses("403 SignatureDoesNotMatch"),
    ),
    Row("N8: changed on the way", s3(says(400, "BadDigest")), CHECKED),
    Row("N8: changed in the spool", spool_changing, Recovers(6, 2, 0, reads=5)),
    Row("N8: changed on every way", s3(*[says(400, "BadDigest")] * ALWAYS), refuses("400 BadDigest")),
    Row("N9: S3 lost the upload", s3(lost_by_s3), Recovers(range(5, 9), troubles=0)),
    Row("N9: another client has completed the upload", completed_meanwhile, Recovers(range(1, 5), 0, 0)),
    Row(
        "N9: S3 loses every upload",
        s3(*[lost_by_s3] * ALWAYS),
        Ends(GaveUp, 75, "does not know the upload, 5 times", least_wait_s=3.5, most_puts=10),
    ),
    Row("N10: 301 to elsewhere", sent_elsewhere(301), Recovers()),
    Row("N10: 302 to elsewhere", sent_elsewhere(302), Recovers()),
    Row("N10: 307 to elsewhere", sent_elsewhere(307), Recovers()),
    Row("N10: 308 to elsewhere", sent_elsewhere(308), Recovers()),
    Row("N10: S3 sends elsewhere for a while", sent_elsewhere(307, "TemporaryRedirect"), Recovers()),
    Row(
        "N10: S3 names another region",
        sent_elsewhere(301, "PermanentRedirect", ALWAYS),
        refuses("301 PermanentRedirect"),
    ),
    Row("N11: a page of a captive portal", s3(answers(200, b"<html>welcome</html>")), Recovers()),
    Row("N11: a page of a captive portal with an ETag", s3(welcome), Recovers()),
    Row(
        "N11: a captive portal that stays",
        steps(Scene.one_part, s3(*[welcome] * ALWAYS)),
        waits("captive portal"),
    ),
    Row(
        "N11: a captive portal that stays and sends elsewhere",
        steps(Scene.one_part, sent_elsewhere(302, times=ALWAYS)),
        waits("captive portal"),
    ),
    Row("N11: a 404 of a machine in between", s3(answers(404, b"<html>no such page</html>")), Recovers()),
    Row(
        "N11: a certificate that nobody vouches for",
        lambda scene: scene.urls_lead_to(scene.stranger(secure=True)),
        MISLED,
    ),
    Row(
        "N11: a certificate that nobody will vouch for",
        lambda scene: scene.urls_lead_to(*[scene.stranger(secure=True)] * ALWAYS),
        waits("certificate there is not to be trusted", most_puts=0),
    ),
    Row("N12: a name that is not known", lambda scene: scene.urls_lead_to("http://s3.invalid"), MISLED),
    Row(
        "N12: a name that stays unknown",
        lambda scene: scene.urls_lead_to(*["http://s3.invalid"] * ALWAYS),
        waits("NameResolutionError", most_puts=0),
    ),
    Row("N12: nobody listens", lambda scene: scene.urls_lead_to("http://127.0.0.1:1"), MISLED),
    Row("N13: the least film", at_size(LEAST_FILM_BYTES), ONE_PART),
    Row("N13: a byte less than a part", at_size(PART_BYTES - 1), ONE_PART),
    Row("N13: a whole part", at_size(PART_BYTES), ONE_PART),
    Row("N13: a byte more than a part", at_size(PART_BYTES + 1), Recovers(3, reads=2)),
    Row("N13: two whole parts", at_size(2 * PART_BYTES), Recovers(3, reads=2)),
    Row("N13: no byte at all", empty_file, Ends(Unsettled, 1, "no bytes", least_wait_s=25, most_puts=0)),
    # What was read under the old plan is read again, cut as the new one says.
    Row("N14, 409: the plan is another", signing(planned_otherwise), Recovers(2, troubles=0, reads=6)),
    Row("410: the upload is over", signing(gone), Recovers(4, troubles=0)),
    Row("N15: something in between says to go on", s3(raw(GO_ON)), UNTOUCHED),
    Row("a 200 with an error in it", s3(disguised), Recovers()),
    Row("a 200 for other bytes", s3(stored_otherwise), Recovers()),
    Row("a 200 without an ETag", s3(answers(200, b"")), Recovers()),
    Row("another 4xx", s3(says(418, "Teapot")), CHECKED),
    Row("another 4xx, always", s3(*[says(400, "EntityTooLarge")] * ALWAYS), refuses("400 EntityTooLarge")),
    Row("the device's clock is three days early", server_times("2026-11-28T12:00:00Z"), UNTOUCHED),
    Row("the device's clock is three days late", server_times("2026-11-22T12:00:00Z"), UNTOUCHED),
]


@pytest.fixture
def scene(device: Device, tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(device, tmp_path, stack)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_fault_of_the_leg_to_s3_ends_as_it_must(scene: Scene, row: Row):
    row.disturb(scene)

    if isinstance(row.ends, Recovers):
        report = scene.device.report()
        check_recovery(scene.device, row.ends, report.retries)
    else:
        with pytest.raises(row.ends.error) as ended:
            scene.device.run()
        check_end(scene.device, row.ends, ended.value)

    check_always(scene)
    if isinstance(row.ends, Ends) and row.ends.error is not Unsettled:
        check_that_it_goes_on(scene.device)


def check_recovery(device: Device, ends: Recovers, retries: int) -> None:
    assert device.object() == device.content()
    assert device.lanes
    assert len(device.cloud.puts) in within(ends.puts)
    assert retries in within(ends.retries)
    assert device.lanes.troubles in within(ends.troubles)
    assert len(device.camera.reads()) in within(ends.reads)
    assert sum(device.time.slept) >= ends.least_wait_s


def within(count: int | range) -> range:
    return count if isinstance(count, range) else range(count, count + 1)


def check_end(device: Device, ends: Ends, error: EdgeError) -> None:
    assert (75 if isinstance(error, TryLater) else 1) == ends.code
    assert ends.words in str(error)
    assert ends.least_wait_s <= sum(device.time.slept)
    assert len(device.cloud.puts) <= ends.most_puts
    said = "".join(traceback.format_exception(error))
    assert SIGNATURE not in said
    assert TOKEN not in said


def check_always(scene: Scene) -> None:
    device = scene.device
    for upload in device.cloud.uploads.values():
        size_bytes = device.cloud.part_bytes
        for number, body in upload.parts.items():
            if upload.state != "EXPIRED":
                first = (number - 1) * size_bytes
                assert body == device.content()[first : first + size_bytes]
    for headers in device.cloud.put_headers:
        assert set(headers) <= SENT_HEADERS
    for each in scene.strangers:
        assert not any(b"PUT" in heard or b"crc" in heard for heard in each.heard)


def check_that_it_goes_on(device: Device) -> None:
    """What is read stays in the spool, so that the same command, later, finishes without reading it again."""
    device.cloud.faults.clear()
    device.cloud.expires_in_s = 900

    device.run()

    assert device.object() == device.content()
    assert len(device.camera.reads()) == len(set(device.camera.reads()))
