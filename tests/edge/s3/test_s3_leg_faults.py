"""What may go wrong between the spool and S3, one row each: what is disturbed, and how the haul must end.

After every row holds, whatever it disturbs: what is in S3 are the camera's bytes; each byte is read from the camera
once; a part leaves the spool only for a receipt; a PUT carries the signed headers and nothing of ours; nobody but the
signed address hears anything; no text holds a URL or a token. And what ended is finished by the same command, later.
"""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from edge_client.base.errors import (
    CoordinatorRefusal,
    EdgeError,
    FilmBroken,
    GaveUp,
    PartRefused,
    TryLater,
)
from edge_client.haul.patience import STILL_S
from edge_client.http.exchange import Timeouts
from tests.edge.conftest import PART_BYTES, Device
from tests.edge.fake_camera import LEAST_FILM_BYTES, CameraExchange, CameraFile
from tests.edge.s3_scene import (
    ALWAYS,
    MIB,
    Act,
    Disturb,
    Scene,
    a_quarter_later,
    answers,
    at_size,
    black_hole_first,
    clocks_differ,
    completed_meanwhile,
    crawling,
    disguised,
    drips,
    empty_file,
    for_one_part,
    goes_on_and_on,
    gone,
    lost_by_s3,
    never_answers,
    patience,
    planned_otherwise,
    raw,
    refuses_unheard,
    resets_half_way,
    s3,
    says,
    sent_elsewhere,
    signing,
    spool_changing,
    steps,
    stored_otherwise,
    stores_and_fails,
    stores_and_hangs_up,
    takes_nothing,
    timeouts,
    welcome,
)
from tests.support.coordinator import SIGNATURE, TOKEN, Door, SentUpload
from tests.support.memory import crc64nvme_of

SLOW_PIECE_BYTES = 16 * 1024
SENT_HEADERS = {
    "host",
    "content-length",
    "x-amz-checksum-crc64nvme",
    # What the library says of itself; none of it is ours, and S3 does not care.
    "accept-encoding",
    "user-agent",
}


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


def waits(words: str, most_puts: int = 30) -> Ends:
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
GO_ON = (
    b"HTTP/1.1 100 Continue\r\n\r\n"
    b'HTTP/1.1 200 OK\r\nETag: "e"\r\nx-amz-checksum-crc64nvme: {crc}\r\nContent-Length: 0\r\n\r\n'
)

ROWS = [
    Row("N1: every other connection is reset half way", s3(*[resets_half_way, None] * 4), Recovers(8, 4, 4)),
    Row("N2: nobody answers a connection", steps(timeouts(connect_s=0.3), black_hole_first), MISLED),
    Row(
        "N2: a stall before a byte is taken",
        steps(Scene.one_large_part, timeouts(send_s=0.5), s3(takes_nothing)),
        ONE_PART,
    ),
    Row("N2: a stall after the last byte", steps(timeouts(answer_s=1.5), s3(never_answers)), Recovers()),
    Row("N2: an answer without an end", steps(timeouts(whole_answer_s=0.5), s3(drips)), Recovers()),
    Row(
        "N2: interim answers without an end",
        steps(timeouts(answer_s=1.5), s3(goes_on_and_on)),
        Recovers(),
    ),
    Row("N2: a crawl below the floor", steps(Scene.one_large_part, crawling), ONE_PART),
    Row("N3: reset half way", s3(resets_half_way), Recovers()),
    Row("N3: hung up before a word", s3(lambda door, *_: door.reset()), Recovers()),
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
        for_one_part(s3(says(503, "SlowDown", Retry_After="7"))),
        Recovers(2, reads=1, least_wait_s=7),
    ),
    Row(
        "N4: 429 with Retry-After",
        for_one_part(s3(says(429, "TooManyRequests", Retry_After="7"))),
        Recovers(2, reads=1, least_wait_s=7),
    ),
    Row("N4: Retry-After that is not a number", s3(says(503, "SlowDown", Retry_After="soon")), Recovers()),
    Row(
        "N4: Retry-After of a year is five minutes",
        for_one_part(s3(says(503, "SlowDown", Retry_After="31536000"))),
        Recovers(2, reads=1, least_wait_s=300),
    ),
    Row(
        "N4: the coordinator asks for a wait before it signs",
        lambda scene: scene.signing(lambda handler: handler.answer(503, b"{}", {"Retry-After": "7"})),
        Recovers(puts=4, troubles=0, least_wait_s=7),
    ),
    Row("N4: 503 for ever", for_one_part(s3(*[says(503, "SlowDown")] * ALWAYS)), waits("503 SlowDown")),
    Row("N5: the URL is expired", s3(says(403, "AccessDenied")), FREE),
    Row(
        "N5: the URL is refused before the body is taken",
        steps(Scene.one_large_part, s3(refuses_unheard(403, "AccessDenied"))),
        # What is answered may be lost when a connection ends with bytes unread.
        Recovers(2, range(2), range(2), reads=1),
    ),
    Row("N5: a URL past its time is not tried again", for_one_part(a_quarter_later), ONE_PART),
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
    Row("N11: a captive portal that stays", for_one_part(s3(*[welcome] * ALWAYS)), waits("captive portal")),
    Row(
        "N11: a captive portal that stays and sends elsewhere",
        for_one_part(sent_elsewhere(302, times=ALWAYS)),
        waits("captive portal"),
    ),
    Row("N11: a 403 of a firewall", s3(answers(403, b"<html>blocked</html>")), Recovers()),
    Row("N11: a 403 of a firewall without a word", s3(answers(403, b"")), Recovers()),
    Row(
        "N11: a 403 of a firewall, more often than S3 may refuse a part",
        for_one_part(s3(*[answers(403, b"<html>blocked</html>")] * 6)),
        Recovers(7, 6, 6, reads=1),
    ),
    Row(
        "N11: a firewall that stays",
        for_one_part(s3(*[answers(403, b"<html>blocked</html>")] * ALWAYS)),
        waits("what answers 403 is not S3; a captive portal, a firewall"),
    ),
    Row("N11: a 404 of a machine in between", s3(answers(404, b"<html>no such page</html>")), Recovers()),
    Row(
        "N11: a certificate that nobody vouches for",
        lambda scene: scene.urls_lead_to(scene.stranger(secure=True)),
        MISLED,
    ),
    Row(
        "N11: a certificate that nobody will vouch for",
        for_one_part(lambda scene: scene.urls_lead_to(*[scene.stranger(secure=True)] * ALWAYS)),
        waits("certificate there cannot be trusted", most_puts=0),
    ),
    Row("N12: a name that is not known", lambda scene: scene.urls_lead_to("https://s3.invalid"), MISLED),
    Row(
        "N12: a name that stays unknown",
        for_one_part(patience(60), lambda scene: scene.urls_lead_to(*["https://s3.invalid"] * ALWAYS)),
        Ends(GaveUp, 75, "NameResolutionError", least_wait_s=30, most_puts=0),
    ),
    Row(
        "N12: an address in the open",
        for_one_part(lambda scene: scene.urls_lead_to("http://s3.invalid")),
        Ends(CoordinatorRefusal, 1, "not https", least_wait_s=0, most_puts=0),
    ),
    Row("N12: nobody listens", lambda scene: scene.urls_lead_to("http://127.0.0.1:1"), MISLED),
    Row("N13: the least film", at_size(LEAST_FILM_BYTES), ONE_PART),
    Row("N13: a byte less than a part", at_size(PART_BYTES - 1), ONE_PART),
    Row("N13: a whole part", at_size(PART_BYTES), ONE_PART),
    Row("N13: a byte more than a part", at_size(PART_BYTES + 1), Recovers(3, reads=2)),
    Row("N13: two whole parts", at_size(2 * PART_BYTES), Recovers(3, reads=2)),
    Row(
        "N13: no byte at all", empty_file, Ends(FilmBroken, 1, "no bytes", least_wait_s=STILL_S, most_puts=0)
    ),
    # What was read under the old plan is read again, cut as the new one says.
    Row("N14, 409: the plan is another", signing(planned_otherwise), Recovers(2, troubles=0, reads=6)),
    Row("410: the upload is over", signing(gone), Recovers(4, troubles=0)),
    Row("N15: something in between says to go on", s3(raw(GO_ON)), UNTOUCHED),
    Row("a 200 with an error in it", s3(disguised), Recovers()),
    Row("a 200 for other bytes", s3(stored_otherwise), Recovers()),
    Row("a 200 without an ETag", s3(answers(200, b"")), Recovers()),
    Row("N16: a 501 once", s3(says(501, "NotImplemented")), CHECKED),
    Row(
        "N16: storage without checksums of parts, which says so",
        s3(*[says(501, "NotImplemented")] * ALWAYS),
        refuses("501 NotImplemented: this storage cannot check parts by CRC64NVME"),
    ),
    Row(
        "N16: storage that refuses the header of a checksum",
        s3(*[says(400, "InvalidRequest")] * ALWAYS),
        refuses("400 InvalidRequest"),
    ),
    Row("N16: a 200 without the checksum, once", s3(answers(200, b"", ETag='"e"')), CHECKED),
    Row(
        "N16: storage that takes parts and ignores their checksums",
        s3(*[answers(200, b"", ETag='"e"')] * ALWAYS),
        refuses("200 without the part's checksum: this storage cannot check parts by CRC64NVME"),
    ),
    Row(
        "N11: a 501 of a machine in between that knows no PUT",
        for_one_part(s3(*[answers(501, b"<html>Unsupported method</html>")] * ALWAYS)),
        waits("S3 answered 501"),
    ),
    Row("another 4xx", s3(says(418, "Teapot")), CHECKED),
    Row("another 4xx, always", s3(*[says(400, "EntityTooLarge")] * ALWAYS), refuses("400 EntityTooLarge")),
    Row("the device's clock is three days early", clocks_differ(by_days=3), UNTOUCHED),
    Row("the device's clock is three days late", clocks_differ(by_days=-3), UNTOUCHED),
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
    if isinstance(row.ends, Ends) and row.ends.error is not FilmBroken:
        check_that_it_goes_on(scene.device)


def check_recovery(device: Device, ends: Recovers, retries: int) -> None:
    assert device.object() == device.content()
    assert device.concurrency
    assert len(device.cloud.puts) in within(ends.puts)
    assert retries in within(ends.retries)
    assert device.concurrency.troubles in within(ends.troubles)
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
        assert upload.stored.items() <= upload.cut(device.content()).items()
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


class TestWaits:
    """One part, so that nobody else sleeps on this clock."""

    FAILURES = 12

    def slept(self, scene: Scene, act: Act, chance: float) -> list[float]:
        scene.one_part()
        scene.device.time.chance = chance
        scene.device.give_up_after_s = 3600
        scene.s3(*[act] * self.FAILURES)
        scene.device.run()
        return scene.device.time.slept

    @pytest.mark.parametrize("chance", [1.0, 0.5, 0.0])
    @pytest.mark.parametrize(
        "act",
        [says(500, "InternalError"), says(503, "SlowDown"), resets_half_way],
        ids=["500", "503", "reset"],
    )
    def test_double_up_to_half_a_minute_of_which_chance_takes_its_share(
        self, scene: Scene, act: Act, chance: float
    ):
        assert self.slept(scene, act, chance) == [chance * s for s in (0.5, 1, 2, 4, 8, 16, *[30] * 6)]

    def test_are_never_shorter_than_s3_asks_for(self, scene: Scene):
        assert self.slept(scene, says(503, "SlowDown", Retry_After="20"), 1.0) == [20] * 6 + [30] * 6

    def test_of_a_refused_url_begin_with_the_second(self, scene: Scene):
        scene.one_part()
        scene.s3(*[says(403, "AccessDenied")] * 4)

        scene.device.run()

        assert scene.device.time.slept == [0.5, 1, 2]
        assert scene.device.cloud.batches == [[1]] * 5


def test_while_s3_complains_one_part_goes_at_a_time(scene: Scene):
    """It does not take any part at the first try."""
    scene.device.card(GX010042=6 * PART_BYTES)
    under_way, tried, most = [0], set[int](), list[int]()

    def act(door: Door, upload: SentUpload, number: int) -> None:
        with door.coordinator.lock:
            under_way[0] += 1
            most.append(under_way[0])
        time.sleep(0.02)
        with door.coordinator.lock:
            under_way[0] -= 1
        says(503, "SlowDown")(door, upload, number) if number not in tried else door.take()
        tried.add(number)

    scene.s3(*[act] * 12)

    scene.device.run()

    # The two that were under way when it began to complain come again, and then each waits for the one before.
    assert most[4:] == [1] * 8


def test_what_moves_slowly_is_never_cut(scene: Scene):
    """A block takes longer than connecting may, and the whole part longer than an answer may."""
    scene.one_large_part()
    scene.device.timeouts = Timeouts(connect_s=0.2, send_s=5.0, answer_s=0.6)

    def slowly(door: Door, upload: SentUpload, number: int) -> None:
        door.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        pieces = []
        for _ in range(2 * MIB // SLOW_PIECE_BYTES):
            pieces.append(door.rfile.read(SLOW_PIECE_BYTES))
            time.sleep(0.02)
        upload.parts[number] = b"".join(pieces)
        door.stored(crc64nvme_of(upload.parts[number]))

    scene.device.cloud.faults["put"] = [slowly]

    report = scene.device.report()

    assert (scene.device.cloud.puts, report.retries) == ([1], 0)
    assert scene.device.object() == scene.device.content()


def test_proxies_and_passwords_of_the_environment_are_nothing_to_the_client(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    trap = scene.stranger()
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    netrc.chmod(0o600)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, trap)
        monkeypatch.setenv(name.upper(), trap)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("NETRC", str(netrc))
    with pytest.raises(requests.RequestException):
        requests.get(scene.device.cloud.url, timeout=5)
    [caught] = scene.strangers[0].heard
    assert b"Basic" in caught, "the trap does not work"
    scene.strangers[0].heard.clear()

    scene.device.run()

    assert scene.device.object() == scene.device.content()
    assert scene.strangers[0].heard == []
    assert {headers["Authorization"] for headers in scene.device.cloud.headers} == {f"Bearer {TOKEN}"}
    check_always(scene)


def test_while_s3_stalls_no_camera_connection_is_open_and_the_camera_is_kept_awake(scene: Scene):
    """The spool has room for two parts, both are there, and S3 takes neither."""
    device = scene.device
    device.spool_budget_bytes = 2 * PART_BYTES
    device.keep_alive_every_s = 0.02
    reading, seen = set[int](), list[tuple[int, int, int]]()

    def read(handler: CameraExchange, file: CameraFile, first: int, last: int) -> None:
        reading.add(first)
        handler.part(file, first, last)
        handler.connection.shutdown(socket.SHUT_WR)
        if handler.connection.recv(1) == b"":
            reading.discard(first)

    def stall(door: Door, upload: SentUpload, number: int) -> None:
        until(lambda: len(device.parts()) == 2 and not reading, "two parts, and the camera let go of")
        asked, beats = len(device.camera.reads()), device.camera.beats()
        for more in range(1, 6):
            until_beats(device, beats + more)
            seen.append((len(reading), len(device.camera.reads()) - asked, len(device.parts())))
        says(503, "SlowDown")(door, upload, number)

    device.camera.faults["read"] = [read] * 4
    device.cloud.faults["put"] = [stall]

    device.run()

    assert seen == [(0, 0, 2)] * 5
    assert device.object() == device.content()


def until_beats(device: Device, count: int) -> None:
    until(lambda: device.camera.beats() >= count, f"{count} beats")


def until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline, f"not within 10 s: {what}"
        time.sleep(0.002)
