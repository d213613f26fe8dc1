"""Every way in which a camera is known to fail, and how the client comes out of it.

A row's name ends with where its fault is known from: a number is an item of "How transfers fail", F the list of faults
of the simulator, C1 to C14 the camera leg of the failure model. What no row can show: a bit that flips in the middle of
a film, on the way from a camera that offers no checksum; only reading twice would.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from edge_client.base.exit import ExitCode
from edge_client.model.selection import (
    ByFile,
    ByTime,
    Choice,
    Everything,
    Films,
    New,
    parsed_time,
)
from infra.local.camera import (
    BAD_REQUEST,
    BUSY,
    GARBAGE,
    HTML,
    MISSING,
    MISSING_SAYS_200,
    NO_FILES,
    NO_MEDIA,
    SERVER_ERROR,
    UNKNOWN_ERROR,
    BitFlipped,
    BodyInstead,
    CableDrops,
    Camera,
    Card,
    CardChanges,
    CardFile,
    CloseAfter,
    Directory,
    Disturbed,
    Effect,
    EndAfter,
    EtagChanged,
    FallAsleep,
    Fault,
    Habits,
    HangUp,
    HardwareInfo,
    LengthSays,
    LogAmongHeaders,
    LogInBody,
    LogLine,
    OtherRange,
    OtherStart,
    OtherTotal,
    Outcome,
    Overlong,
    RangeIgnored,
    Refuse,
    Reset,
    ShortBody,
    Silence,
    SlowHead,
    Stall,
    StateChanges,
    Storage,
    Surplus,
    Trickle,
    WithoutHeader,
    WrongContentRange,
    burst_photos,
    card_with,
    chapter_path,
    cut_short,
    document,
    loop,
    old_recording,
    opaque,
    other_card,
    page,
    photo,
    recording,
    repaired,
    sphere,
    trailed,
    unfinished,
    with_proxies,
    with_twins,
)
from infra.local.camera.documents import media_list
from tests.edge.camera_leg import (
    CARD,
    CHAPTER,
    PATIENCE_S,
    RECOVERS,
    SIZE_BYTES,
    SPEED,
    Row,
    Scene,
    later,
    refused,
)
from tests.edge.conftest import PART_BYTES, RECORDING
from tests.infra.raw_http import ask
from tests.support.coordinator import TOKEN, Door, MemoryCoordinator, SentUpload

FILM = chapter_path("GX010042.MP4")
STATE = "/gopro/camera/state"
LIST = "/gopro/media/list"
INFO = "/gopro/camera/info"
MEDIA_INFO = "/gopro/media/info"
WIRED_USB = "/gopro/camera/control/wired_usb"
KEEP_ALIVE = "/gopro/camera/keep_alive"
OTHER_SERIAL = "C3501324500999"
WHOLE = CARD.files()[0][1]
LONGER = recording(42, [SIZE_BYTES + 70])[0]
# Where the kind of the film's second box begins.
MDAT = 24
MINUTE_S = 60 / SPEED
DAY_S = 86_400.0
MIB = 1024 * 1024


def reading(effect: Effect, nth: int = 1, times: int | None = 1) -> Fault:
    """Strikes when the second part is read."""
    return Fault(FILM, effect, nth, times, first=PART_BYTES, method="GET")


def beginning(effect: Effect, nth: int = 1, times: int | None = 1) -> Fault:
    """Strikes when the head of the film's second box is read."""
    return Fault(FILM, effect, nth, times, covering=MDAT, method="GET")


def heading(effect: Effect, nth: int = 1, times: int | None = 1) -> Fault:
    """Strikes when the client asks how long the film is."""
    return Fault(FILM, effect, nth, times, method="HEAD")


def asking(path: str, effect: Effect, nth: int = 1, times: int | None = 1) -> Fault:
    return Fault(path, effect, nth, times)


def becoming(**values: Any) -> StateChanges:
    return StateChanges(lambda state: replace(state, **values))


def starting(**values: Any) -> Callable[[Disturbed], None]:
    def start(camera: Disturbed) -> None:
        camera.state = replace(camera.state, **values)

    return start


def holding(card: Card) -> CardChanges:
    return CardChanges(lambda _: card)


def exchanged(card: Card) -> Callable[[Camera], None]:
    """Between two runs somebody puts another card in, and presses the button."""

    def act(camera: Camera) -> None:
        camera.card = card
        camera.wake()

    return act


def dated(card: Card, later_s: int) -> Card:
    """The card with files that were recorded so much later."""
    directories = tuple(
        replace(
            d,
            files=tuple(
                replace(f, created=f.created + later_s, modified=f.modified + later_s) for f in d.files
            ),
        )
        for d in card.directories
    )
    return replace(card, directories=directories)


@dataclass(frozen=True)
class Recording(Effect):
    """Somebody presses the shutter, and again after `seconds` of the camera's time."""

    seconds: float

    def happen(self, camera: Disturbed, /) -> None:
        camera.state = replace(camera.state, encoding=True)
        threading.Timer(self.seconds, lambda: starting(encoding=False)(camera)).start()


def when_it_stalls(act: Callable[[Camera], None]) -> Callable[[Camera], None]:
    """Done beside a run, as soon as an answer about the film has been standing still for a while."""

    def watch(camera: Camera) -> None:
        deadline, before = time.monotonic() + PATIENCE_S, None
        while time.monotonic() < deadline:
            running = [
                (number, request.body_bytes)
                for number, request in enumerate(camera.log.all())
                if request.path == FILM and request.outcome is Outcome.RUNNING
            ]
            if running and running == before:
                return act(camera)
            before = running
            time.sleep(0.1)
        return None

    return watch


def drop_the_link(camera: Camera) -> None:
    """The cable is pulled, and back after a while; what had stalled is over."""
    camera.faults.clear()
    camera.sleep(MINUTE_S)


def with_list(*names: object) -> Effect:
    """The true list, with items of these names before the film."""
    listed: Any = media_list(CARD)
    items = [{"n": name, "cre": "1", "mod": "1", "s": "5", "ls": "-1"} for name in names]
    listed["media"][0]["fs"] = [*items, *listed["media"][0]["fs"]]
    return document(listed)


def with_raw_list(name: bytes) -> Effect:
    """The true list, with an item of this name, byte for byte, before the film."""
    listed: Any = media_list(CARD)
    listed["media"][0]["fs"].insert(0, {"n": "NAME", "cre": "1", "mod": "1", "s": "5", "ls": "-1"})
    return page(json.dumps(listed).encode().replace(b"NAME", name), 200, "application/json")


# The name of a network, as a phone may have given it.
ODD_STATE = (
    b'{"status": {"8": 0, "10": 0, "30": "caf\xe9\x01\t\0", "33": 0, "39": 1, "82": 1}, "settings": {}}\0'
)
SLEEPER = FallAsleep(1000)
TWO_CHAPTERS = card_with(*recording(42, [SIZE_BYTES, 2 * PART_BYTES]))
BOTH = (CHAPTER, "100GOPRO/GX020042.MP4")
TWICE_0042 = Card(
    (Directory("100GOPRO", recording(42, [SIZE_BYTES])), Directory("102GOPRO", recording(42, [5000])))
)
PROXY_NAME, THUMBNAIL_NAME = "GL010042.LRV", "GX010042.THM"
SIDECARED = card_with(*with_twins(replace(WHOLE, low_resolution_bytes=PART_BYTES + 2000)))
PROXY_FILE = SIDECARED.files()[1][1]
TWINS_OF_BOTH = ("L010042.LRV", "L020042.LRV", "X010042.THM", "X020042.THM")
CROWDED = card_with(
    *with_twins(*TWO_CHAPTERS.directories[0].files),
    *with_proxies(*recording(41, [5000])),
    *old_recording(40, [5000, 5000]),
    *loop("AA", 1, [5000, 5000]),
    *recording(43, [5000], prefix="SX"),
    *recording(44, [5000], prefix="CamA-GX"),
    *burst_photos(1, 50, 59, 700),
    photo("GOPR0060.JPG", 900, raw=True),
    sphere(61, 5000),
)
HOSTILE: tuple[object, ...] = (
    "../../etc/passwd",
    "GX010042.MP4\0.MP4",
    "GX010042.MP4/..",
    "%2e%2e",
    "/",
    "",
    "a" * 5000,
    None,
    7,
    {},
)
OTHER = other_card(CARD)
OTHER_DAYS = dated(OTHER, 60)
STRANGER = other_card(CARD, OTHER_SERIAL)
PHOTOS = card_with(photo("GOPR0042.JPG", 900))
SHORT = card_with(cut_short(WHOLE, 70))
SMALLER = card_with(*recording(42, [SIZE_BYTES - 70]))
SIZE_LATE = card_with(replace(WHOLE, listed_bytes=SIZE_BYTES - 70))
LATE = card_with(replace(WHOLE, listed_as=(("s", str(SIZE_BYTES - 70)), ("mod", str(WHOLE.modified - 9)))))
SILENT_OF_ITSELF = Habits(hardware_info=HardwareInfo.ABSENT)
ANOTHER = "another file than was planned"
TRICKLE = Trickle(1, 0.05, after_bytes=1000)
NESTED_DEEP = page(b'{"media":' + b"[" * 100_000, 200, "application/json")


def with_proxy(proxy: CardFile) -> Card:
    return SIDECARED.with_file("100GOPRO", proxy)


# When the client asks how long the film is: to plan it, to compare the plan, before its first byte, after a read that
# was reset, and in the last look.
HEADS = {
    "it is planned": 1,
    "its plan is compared": 2,
    "its first byte": 3,
    "the read after a reset": 4,
    "the last look": 5,
}


def answered_wrongly() -> Iterator[Row]:
    """One answer to HEAD is wrong; the next one decides.

    One comparison judges all lengths and another one all ETags, so one of each is enough at most moments.
    """
    once: dict[str, Effect] = {
        "says a larger size": LengthSays(str(SIZE_BYTES + 1)),
        "says a smaller size": LengthSays(str(SIZE_BYTES - 1)),
        "has another ETag": EtagChanged(),
        "has no ETag": WithoutHeader("Etag"),
    }
    for moment, nth in HEADS.items():
        for name, effect in once.items():
            yield Row(
                f"HEAD at {moment} {name}, once [4 9]",
                RECOVERS,
                (reading(CloseAfter(1000)), heading(effect, nth)),
                in_soak=name in ("says a smaller size", "has no ETag") and moment != "the read after a reset",
            )
    ends = {
        "says a larger size": refused("were planned"),
        "says a smaller size": refused("were planned"),
        "has another ETag": refused(ANOTHER),
        "has no ETag": refused("ETag"),
    }
    for name, effect in once.items():
        yield Row(
            f"HEAD after a reset {name}, for ever [4 9]",
            ends[name],
            (reading(CloseAfter(1000)), heading(effect, 4, None)),
            give_up_after_s=90.0,
        )
    for name in ("says a larger size", "says a smaller size", "has another ETag"):
        yield Row(
            f"HEAD after a reset {name}, twice [4 9]",
            ends[name],
            (reading(CloseAfter(1000)), heading(once[name], 4, 2)),
            in_soak=name != "has another ETag",
        )


def listed_late() -> Iterator[Row]:
    """The list still shows what a film was before it was finished; the camera serves the finished one.

    --all and --since choose from the list as --new does.
    """
    choices: dict[str, tuple[Choice, str | None]] = {
        "--new": (New(), None),
        "--all": (Everything(), None),
        "--since": (ByTime(parsed_time("2022-07-04"), None), None),
        "--recording": (RECORDING, None),
        "--file": (ByFile((CHAPTER,)), None),
        "--file with a SESSION": (ByFile((CHAPTER,)), "s"),
    }
    for name, (choice, session) in choices.items():
        yield Row(
            f"the list lags behind a recording that has just stopped, {name} [3 9]",
            RECOVERS,
            (asking(LIST, holding(CARD), 2),),
            LATE,
            choice=choice,
            session=session,
            in_soak=name in ("--all", "--since"),
        )
    for name, card in {"size": SIZE_LATE, "size and its last change": LATE}.items():
        yield Row(
            f"the list shows an old {name} of a film that is being hauled [3 9]",
            RECOVERS,
            (reading(SLEEPER),),
            between=exchanged(card),
            choice=New(),
            session=None,
            give_up_after_s=20.0,
        )
    others = {
        "longer": card_with(*recording(42, [SIZE_BYTES + 1])),
        "repaired to another length": card_with(repaired(WHOLE, SIZE_BYTES - 100)),
        "repaired to the same length": card_with(repaired(WHOLE, SIZE_BYTES)),
    }
    for name, card in others.items():
        yield Row(
            f"another film, {name}, has the name of one that is being hauled [3 C7]",
            refused("cannot end"),
            (reading(SLEEPER),),
            between=exchanged(card),
            choice=Everything(),
            session=None,
            give_up_after_s=20.0,
        )


def sidecared() -> Iterator[Row]:
    """A proxy or thumbnail that cannot be had stays on the card, and the film comes home all the same."""
    proxy, thumbnail = chapter_path(PROXY_NAME), chapter_path(THUMBNAIL_NAME)

    def row(
        name: str, hauled: tuple[str, ...], *faults: Fault, card: Card = SIDECARED, clock_runs: bool = False
    ) -> Row:
        paths = (CHAPTER, *(f"100GOPRO/{each}" for each in hauled))
        return Row(f"a {name}", RECOVERS, faults, card, hauled=paths, clock_runs=clock_runs)

    both = (PROXY_NAME, THUMBNAIL_NAME)
    second = PART_BYTES
    yield row("proxy and a thumbnail come home before the film", both)
    yield row("proxy is not there", (THUMBNAIL_NAME,), card=SIDECARED.without("100GOPRO", PROXY_NAME))
    yield row("thumbnail is not there", (PROXY_NAME,), card=SIDECARED.without("100GOPRO", THUMBNAIL_NAME))
    yield row("proxy is cut short", (THUMBNAIL_NAME,), card=with_proxy(cut_short(PROXY_FILE, 70)))
    broken = replace(unfinished(PROXY_FILE), listed=False)
    yield row("proxy is broken", (THUMBNAIL_NAME,), card=with_proxy(broken))
    for name, effect in {
        "is reset": CloseAfter(1000),
        "is short by a byte": ShortBody(1),
        "stalls and trickles": TRICKLE,
        "is busy": BUSY,
    }.items():
        fault = Fault(proxy, effect, first=second, method="GET")
        yield row(f"proxy {name}, once", both, fault, clock_runs=effect is TRICKLE)
    for name, effect in {
        "is reset": CloseAfter(1000),
        "is answered with 404": MISSING,
        "is answered with 200 and the whole file": RangeIgnored(),
        "changes its ETag": EtagChanged(),
        "trickles below the floor": TRICKLE,
    }.items():
        for_ever = Fault(proxy, effect, times=None, first=second, method="GET")
        yield row(f"proxy {name}, for ever", (THUMBNAIL_NAME,), for_ever, clock_runs=effect is TRICKLE)
    yield row(
        "thumbnail is an error page",
        (PROXY_NAME,),
        Fault(thumbnail, MISSING_SAYS_200, times=None, method="GET"),
    )
    other_length = Fault(proxy, LengthSays("7"), times=None, method="HEAD")
    yield row("proxy has another length than is listed", (THUMBNAIL_NAME,), other_length)


def one_answer_spoilt() -> Iterator[Row]:
    """A part that is read wrongly once is read again; one that always comes wrong is given up or refused.

    After a refusal the fault ends and the film comes home, which shows what "once" shows.
    """
    spoilt: list[tuple[str, Effect, Any]] = [
        ("is reset in the middle [4 F]", CloseAfter(1000), later("gave up")),
        ("is reset before its first byte [4 F]", CloseAfter(0), later("gave up")),
        ("is reset before any answer [4 F]", Reset(), later("gave up")),
        ("ends without any answer [4]", HangUp(), later("gave up")),
        ("is short by a byte [3 F C3]", ShortBody(1), later("gave up")),
        ("is short by all of it [3 F C3]", ShortBody(PART_BYTES), later("gave up")),
        ("is the 30 bytes of an error page behind the right headers [F]", BodyInstead(), later("gave up")),
        ("is cut by a cap that is smaller than a part [7]", EndAfter(PART_BYTES - 1), later("gave up")),
        ("comes with more than its length [F]", Surplus(), later("more than was asked for")),
        ("comes with a length and bytes beyond the range [F]", Overlong(), later("Content-Length")),
        ("is answered with 200 and the whole film [F C2]", RangeIgnored(), refused("answers 200")),
        ("is answered with 200 and the error page [F C2]", MISSING_SAYS_200, refused("answers 200")),
        ("is answered with 404 [F C5 12]", MISSING, refused("answers 404")),
        ("is answered with 400 [F]", BAD_REQUEST, refused("answers 400")),
        ("is answered with 500 [F]", SERVER_ERROR, refused("answers 500")),
        ("is answered with 503 [F]", BUSY, later("busy")),
        ("says another start [F C2]", OtherStart(1), later("not those that were asked for")),
        ("is another range and says so [F C2]", OtherRange(-1), later("not those that were asked for")),
        ("says an unreadable range [F C2]", WrongContentRange("bytes */*"), later("which bytes")),
        ("says no range [F C2]", WithoutHeader("Content-Range"), later("which bytes")),
        ("says length 0 [F]", LengthSays("0"), later("Content-Length")),
        ("says length -1 [F]", LengthSays("-1"), later("Content-Length")),
        ("says no length [F C3]", WithoutHeader("Content-Length"), later("Content-Length")),
        ("has a log line before its status line [6 F]", LogLine(), later("no answer from the camera")),
        ("has a log line in its body [6]", LogInBody(100), later("more than was asked for")),
        ("has noise among its headers [6]", LogAmongHeaders(0, "noise"), later("which bytes")),
    ]
    for name, effect, end in spoilt:
        is_shown = end.code == ExitCode.REFUSED
        yield Row(f"a part {name}, once", RECOVERS, (reading(effect),), in_soak=is_shown)
        # Longer than the minute in which what is odd may settle, where that is what ends it.
        give_up_after_s = 20.0 if end.code == ExitCode.TRY_LATER else 90.0
        yield Row(
            f"a part {name}, for ever", end, (reading(effect, times=None),), give_up_after_s=give_up_after_s
        )


def one_call_spoilt() -> Iterator[Row]:
    """The calls before the first byte: what is odd settles within a minute or is for a person.

    The same code judges all of these calls: each oddity is played on the list, and two of them on the state.
    """
    odd = {
        "404": (MISSING, "answers 404"),
        "500": (SERVER_ERROR, "answers 500"),
        "unknown error": (UNKNOWN_ERROR, "answers 500"),
        "html": (HTML, "cannot be read"),
        "garbage": (GARBAGE, "cannot be read"),
    }
    for name, (effect, words) in odd.items():
        for path in (LIST, STATE):
            call = path.rpartition("/")[2]
            is_shown = path == STATE and name not in ("404", "garbage")
            faults = {"twice": asking(path, effect, times=2), "for ever": asking(path, effect, times=None)}
            for often, fault in faults.items():
                end = RECOVERS if often == "twice" else refused(words)
                yield Row(f"the {call} is {name}, {often} [5 F]", end, (fault,), in_soak=is_shown)
    for name, effect in (("no media", NO_MEDIA), ("no files", NO_FILES)):
        yield Row(f"the list has {name}, twice [5 F]", RECOVERS, (asking(LIST, effect, times=2),))
        yield Row(
            f"the list has {name}, for ever [5 F]", refused("lists none"), (asking(LIST, effect, times=None),)
        )
    silent: dict[str, Effect] = {"resets": Reset(), "hangs up": HangUp(), "logs first": LogLine()}
    for name, ending in silent.items():
        for path in (LIST, STATE, INFO, FILM):
            fault = heading(ending, times=2) if path == FILM else asking(path, ending, times=2)
            is_shown = name != "resets" and path in (STATE, INFO)
            row_name = f"the camera {name} on {path.rpartition('/')[2]} [4 6 F]"
            yield Row(row_name, RECOVERS, (fault,), in_soak=is_shown)


ROWS: tuple[Row, ...] = (
    Row("nothing is wrong", RECOVERS, in_real_time=True),
    # 1: sleep
    Row("it falls asleep in mid-read and is woken [1 C1]", RECOVERS, (reading(FallAsleep(1000, MINUTE_S)),)),
    Row("it falls asleep at a read and is woken [1 C1]", RECOVERS, (reading(FallAsleep(0, MINUTE_S)),)),
    Row(
        "it falls asleep and nobody wakes it [1 C1]",
        later("gave up"),
        (reading(SLEEPER),),
        give_up_after_s=20.0,
        in_real_time=True,
    ),
    Row(
        "it sleeps before anything is asked [1 C1]",
        later("gave up"),
        start=Camera.sleep,
        give_up_after_s=20.0,
    ),
    Row(
        "it sleeps unless it is fed, and the link is slow [1]",
        RECOVERS,
        manner={"keep_alive_s": 1.0, "pace_bytes_s": 8_000},
    ),
    Row("its keep-alive answers with 500 [1]", RECOVERS, (asking(KEEP_ALIVE, SERVER_ERROR, times=None),)),
    Row("its keep-alive resets each time [1]", RECOVERS, (asking(KEEP_ALIVE, Reset(), times=None),)),
    # 2: stalls. The client's own time-out for a silent socket is a minute of real time, so here the link ends them.
    Row(
        "a part stalls and goes on [2 F]",
        RECOVERS,
        (reading(Stall(1000)),),
        meanwhile=when_it_stalls(Camera.release),
    ),
    Row(
        "a part stalls and the link drops [2 4 F]",
        RECOVERS,
        (reading(Stall(1000)),),
        meanwhile=when_it_stalls(drop_the_link),
    ),
    Row(
        "a read gets no answer and the link drops [2 4 F]",
        RECOVERS,
        (reading(Silence()),),
        meanwhile=when_it_stalls(drop_the_link),
    ),
    Row(
        "a part trickles below the floor [2 F]",
        RECOVERS,
        (reading(TRICKLE),),
        clock_runs=True,
        give_up_after_s=DAY_S,
    ),
    Row(
        "parts trickle below the floor for ever [2 F]",
        later("stalled"),
        (reading(TRICKLE, times=None),),
        clock_runs=True,
        give_up_after_s=200.0,
    ),
    Row("a part rests and goes on [2]", RECOVERS, (reading(Trickle(500, 0.05)),), in_real_time=True),
    Row("the head of an answer comes byte by byte [2]", RECOVERS, (reading(SlowHead(0.001)),)),
    # 3: read too soon
    Row("the film grows after it was listed [3 F]", RECOVERS, (heading(holding(CARD)),), SHORT),
    Row(
        "the film grows while it is read [3 F C4]",
        refused("were planned"),
        (reading(holding(CARD)),),
        SMALLER,
        mended=SMALLER,
    ),
    Row(
        "a film is not finalised and stays so [3 C4]",
        refused("not finished"),
        card=card_with(unfinished(WHOLE)),
    ),
    Row(
        "a film claims more than is there [3 C4]",
        refused("not finished"),
        card=card_with(unfinished(WHOLE, SIZE_BYTES + 1)),
    ),
    Row(
        "a film is finalised while it is waited for [3 C4]",
        RECOVERS,
        (beginning(holding(CARD), 3),),
        card_with(unfinished(WHOLE)),
        home=CARD,
    ),
    Row(
        "a repair left zeros after a film's last box [8]",
        RECOVERS,
        card=card_with(trailed(WHOLE, bytes(512))),
    ),
    Row(
        "a repair left noise after a film's last box [8]",
        RECOVERS,
        card=card_with(trailed(WHOLE, b"\xa5" * 9)),
    ),
    Row(
        "a film has another one begun after it [3 8]",
        refused("not finished"),
        card=card_with(trailed(WHOLE, b"\0\0\x10\0mdat")),
    ),
    Row(
        "a film is not finalised, stays so, and is wanted as it is [3 8]",
        RECOVERS,
        card=card_with(unfinished(WHOLE)),
        choice=ByFile((CHAPTER,), Films.AS_THEY_ARE),
    ),
    Row(
        "a film that is wanted as it is grows while it is planned [3 8]",
        RECOVERS,
        (beginning(holding(card_with(unfinished(LONGER))), 1),),
        card=card_with(unfinished(WHOLE)),
        choice=ByFile((CHAPTER,), Films.AS_THEY_ARE),
    ),
    Row("a film lacks its end for good [3 8]", refused("not finished"), card=card_with(cut_short(WHOLE, 20))),
    Row(
        "it stops recording [3 C4]",
        RECOVERS,
        (asking(STATE, becoming(encoding=False), 3),),
        start=starting(encoding=True),
    ),
    Row(
        "it records on and on [3 C4]",
        later("is recording"),
        start=starting(encoding=True),
        give_up_after_s=20.0,
    ),
    Row(
        "it is busy and then is not [3]",
        RECOVERS,
        (asking(STATE, becoming(busy=False), 3),),
        start=starting(busy=True),
    ),
    Row("it is busy on and on [3]", later("is busy"), start=starting(busy=True), give_up_after_s=20.0),
    Row(
        "it is starting and then is not [3]",
        RECOVERS,
        (asking(STATE, becoming(ready=True), 3),),
        start=starting(ready=False),
    ),
    Row("its list is busy once [3 F]", RECOVERS, (asking(LIST, BUSY),)),
    Row("it records for half a minute in mid-read [3 C4]", RECOVERS, (reading(Recording(MINUTE_S / 2)),)),
    Row(
        "it begins to record in mid-read [3 C4]",
        later("gave up"),
        (reading(becoming(encoding=True)),),
        give_up_after_s=20.0,
    ),
    # 4: resets; see also `one_answer_spoilt`
    Row(
        "the cable drops each 5000 bytes [4]",
        RECOVERS,
        (Fault(FILM, CableDrops(5000), times=None, method="GET"),),
    ),
    Row("connections are refused for a minute [4 12 F]", RECOVERS, (reading(Refuse(MINUTE_S)),)),
    Row(
        "connections are refused for half a second [4 12 F]",
        RECOVERS,
        (reading(Refuse(0.5)),),
        in_real_time=True,
    ),
    Row(
        "connections are refused for a minute from the list on [4 12 F]",
        RECOVERS,
        (asking(LIST, Refuse(MINUTE_S)),),
    ),
    Row(
        "it is away from the list on [4 12 F]",
        later("gave up"),
        (asking(LIST, Refuse(3600)),),
        give_up_after_s=20.0,
    ),
    # 5: the list; see also `one_call_spoilt`
    Row(
        "the list breaks its connection for ever [5 11]",
        later("gave up"),
        (asking(LIST, Reset(), times=None),),
        give_up_after_s=20.0,
    ),
    Row(
        "the state names no ids [5]",
        refused("does not say"),
        (asking(STATE, document({"status": {}}), times=None),),
    ),
    # 6: log text; see also `one_answer_spoilt`
    Row(
        "a log line stands among the headers of a part [6]",
        RECOVERS,
        (reading(LogAmongHeaders(2)),),
        in_real_time=True,
    ),
    Row("a log line stands among the headers of the list [6]", RECOVERS, (asking(LIST, LogAmongHeaders(1)),)),
    # 7: a cap that parts stay below
    Row(
        "bodies are capped at the size of a part [7]",
        RECOVERS,
        (Fault(FILM, EndAfter(PART_BYTES), times=None),),
    ),
    # 8: repair
    Row(
        "the film is repaired to another length in mid-read [8 F]",
        refused("were planned"),
        (reading(holding(card_with(repaired(WHOLE, SIZE_BYTES - 100)))),),
    ),
    Row(
        "the film is repaired to the same length in mid-read [8 F]",
        refused(ANOTHER),
        (reading(holding(card_with(repaired(WHOLE, SIZE_BYTES)))),),
        in_real_time=True,
    ),
    Row(
        "the film is repaired between two runs [8]",
        refused("were planned"),
        (reading(SLEEPER),),
        between=exchanged(card_with(repaired(WHOLE, SIZE_BYTES + 100))),
        give_up_after_s=20.0,
    ),
    Row("the ETag of a part is another, once [8 F]", RECOVERS, (reading(EtagChanged()),)),
    Row("the ETag changes in mid-film [8 F]", refused(ANOTHER), (reading(EtagChanged(), times=None),)),
    Row("the ETag of a part is not sent, once [8]", RECOVERS, (reading(WithoutHeader("Etag")),)),
    Row("the ETag is not sent any more [8]", refused("ETag"), (reading(WithoutHeader("Etag"), times=None),)),
    # 9: sizes that differ
    Row(
        "the list says less than is there [9 F]",
        refused("is listed with 900"),
        card=card_with(replace(WHOLE, listed_bytes=900)),
    ),
    Row(
        "the list says more than is there [9 F]",
        refused("is listed with"),
        card=card_with(replace(WHOLE, listed_bytes=SIZE_BYTES + 1)),
    ),
    Row("HEAD says more than is there, once [9 F]", RECOVERS, (heading(LengthSays(str(SIZE_BYTES + 1))),)),
    Row(
        "HEAD says more than is there, for ever [9 F]",
        refused("is listed with"),
        (heading(LengthSays(str(SIZE_BYTES + 1)), times=None),),
    ),
    Row("HEAD says no length, once [9]", RECOVERS, (heading(WithoutHeader("Content-Length")),)),
    Row(
        "HEAD says no length, for ever [9]",
        later("how long"),
        (heading(WithoutHeader("Content-Length"), times=None),),
        give_up_after_s=20.0,
    ),
    *(
        row
        for name, by_bytes in {"larger": 1, "smaller": -1}.items()
        for row in (
            Row(f"a part says a {name} total, once [9 F C2]", RECOVERS, (reading(OtherTotal(by_bytes)),)),
            Row(
                f"a part says a {name} total, for ever [9 F C2]",
                refused("were planned"),
                (reading(OtherTotal(by_bytes), times=None),),
                give_up_after_s=90.0,
            ),
        )
    ),
    *answered_wrongly(),
    # 10: heat, battery, a full card
    Row("it is too hot [10 F]", RECOVERS, start=starting(overheating=True)),
    Row("its battery is at 3 percent [10 F]", RECOVERS, start=starting(battery_percent=3)),
    Row(
        "its battery dies in mid-read [10]",
        later("gave up"),
        (reading(SLEEPER),),
        start=starting(battery_percent=3),
        give_up_after_s=20.0,
    ),
    Row("its card is full [10]", RECOVERS, start=starting(storage=Storage.FULL)),
    Row(
        "its card is out [10 F C6]",
        refused("is out"),
        start=starting(storage=Storage.REMOVED),
        in_real_time=True,
    ),
    Row(
        "its card has a format error [10 F]",
        refused("format error"),
        start=starting(storage=Storage.FORMAT_ERROR),
    ),
    Row("its card was swapped [10 F C7]", refused("was swapped"), start=starting(storage=Storage.SWAPPED)),
    Row(
        "its card is busy and then is not [10]",
        RECOVERS,
        (asking(STATE, becoming(storage=Storage.OK), 3),),
        start=starting(storage=Storage.BUSY),
    ),
    Row(
        "its card is unknown and then is not [10]",
        RECOVERS,
        (asking(STATE, becoming(storage=Storage.OK), 3),),
        start=starting(storage=Storage.UNKNOWN),
    ),
    # 11: wrong or foreign cards
    Row("an empty card [11]", refused("no recording 0042"), card=Card()),
    Row("a card of photos alone [11]", refused("no recording 0042"), card=PHOTOS),
    Row("a film of noise [11]", refused("not finished"), card=card_with(opaque(WHOLE))),
    Row("an empty film [11]", refused("no bytes"), card=card_with(cut_short(WHOLE, SIZE_BYTES))),
    # F: what is left of the simulator's list
    Row("turbo was left on [F]", RECOVERS, start=starting(turbo=True)),
    Row("it does not know wired USB control [F]", RECOVERS, habits=Habits(knows_wired_usb=False)),
    Row("its wired USB control hangs up [F]", RECOVERS, (asking(WIRED_USB, HangUp(), times=None),)),
    Row("it swaps the numbers of the frame rate [F]", RECOVERS, habits=Habits(inverts_fps=True)),
    Row("it nests what it says of itself [F]", RECOVERS, habits=Habits(hardware_info=HardwareInfo.NESTED)),
    Row("it says nothing of itself, and its film does [F]", RECOVERS, habits=SILENT_OF_ITSELF),
    Row(
        "it says nothing of itself, nor does its film [F]",
        refused("which camera"),
        card=card_with(opaque(WHOLE)),
        habits=SILENT_OF_ITSELF,
    ),
    Row("a film without media info [F]", RECOVERS, card=card_with(replace(WHOLE, has_info=False))),
    Row("media info is a bad request [F]", RECOVERS, (asking(MEDIA_INFO, BAD_REQUEST, times=None),)),
    Row(
        "media info is an error of the server [F]", RECOVERS, (asking(MEDIA_INFO, SERVER_ERROR, times=None),)
    ),
    Row("media info is garbage [F]", RECOVERS, (asking(MEDIA_INFO, GARBAGE, times=None),)),
    *(
        # Nobody asks a second time, so "once" ends like "for ever".
        Row(
            f"media info {name}, {often} [F]",
            RECOVERS,
            (asking(MEDIA_INFO, effect, times=times),),
            in_soak=often == "once" and effect is not BUSY,
        )
        for name, effect in {
            "is busy": BUSY,
            "hangs up": HangUp(),
            "resets": Reset(),
            "logs first": LogLine(),
            "is cut short": ShortBody(1),
        }.items()
        for often, times in {"once": 1, "for ever": None}.items()
    ),
    Row(
        "media info is never answered [F]",
        RECOVERS,
        (asking(MEDIA_INFO, Silence(), times=None),),
        clock_runs=True,
        give_up_after_s=DAY_S,
    ),
    Row(
        "the film is not served, and the camera answers all else [F]",
        refused("answers, but not about 100GOPRO/GX010042.MP4"),
        (heading(HangUp(), times=None),),
        give_up_after_s=DAY_S,
    ),
    Row(
        "the film is busy, and the camera is not [F]",
        refused("answers, but not about 100GOPRO/GX010042.MP4"),
        (heading(BUSY, times=None),),
        give_up_after_s=DAY_S,
    ),
    Row(
        "media info wraps its size [F]",
        RECOVERS,
        (asking(MEDIA_INFO, document({"s": "1", "gumi": "ab" * 16}), times=None),),
    ),
    # C3, C5 to C7: short without a length, gone, pulled, swapped
    Row(
        "a short body without a length [C3]",
        RECOVERS,
        (reading(WithoutHeader("Content-Length")), reading(ShortBody(100))),
    ),
    Row("the film is gone when it is looked at [C5]", refused("answers 404"), (heading(holding(PHOTOS)),)),
    Row("the film is gone in mid-read [C5]", refused("answers 404"), (reading(holding(PHOTOS)),)),
    Row(
        "the second chapter is gone [C5]",
        refused("answers 404"),
        (Fault(chapter_path("GX020042.MP4"), MISSING, times=None, method="GET"),),
        TWO_CHAPTERS,
        hauled=BOTH,
        mended=TWO_CHAPTERS,
    ),
    Row(
        "the card is pulled in mid-read [C6]",
        refused("is out"),
        (reading(CloseAfter(100)), reading(becoming(storage=Storage.REMOVED))),
        in_real_time=True,
    ),
    Row(
        "the card is pulled, and back for a second run [C6]",
        RECOVERS,
        (reading(CloseAfter(100)), reading(becoming(storage=Storage.REMOVED))),
        between=starting(storage=Storage.OK),
    ),
    Row(
        "the card is swapped in mid-read, and the camera says so [C6 C7 F]",
        refused("was swapped"),
        (reading(CloseAfter(100)), reading(becoming(storage=Storage.SWAPPED))),
    ),
    Row(
        "the card is swapped in mid-read, names and sizes are the same [C7]",
        refused(ANOTHER),
        (reading(holding(OTHER_DAYS)),),
    ),
    Row(
        "the card is swapped in mid-read, dates are the same too, and the link was cut [C7]",
        refused(ANOTHER),
        (reading(holding(OTHER)), reading(CloseAfter(0))),
    ),
    Row(
        "the card is swapped between two runs, names and sizes are the same [C7]",
        refused(ANOTHER),
        (reading(SLEEPER),),
        between=exchanged(OTHER_DAYS),
        give_up_after_s=20.0,
    ),
    Row(
        "the card is swapped between two runs, dates are the same too [C7]",
        refused(ANOTHER),
        (reading(SLEEPER),),
        between=exchanged(OTHER),
        give_up_after_s=20.0,
    ),
    # C8, C9: names
    Row(
        "two directories have a film of the same name [C8]",
        RECOVERS,
        card=TWICE_0042,
        choice=Everything(),
        session=None,
        hauled=(CHAPTER, "102GOPRO/GX010042.MP4"),
    ),
    Row("two directories have the recording that is asked for [C8]", refused("not unique"), card=TWICE_0042),
    Row(
        "a crowded card, unsorted [C9 F]",
        RECOVERS,
        card=CROWDED.unsorted(seed=3),
        hauled=(*BOTH, *(f"100GOPRO/G{name}" for name in TWINS_OF_BOTH)),
    ),
    *sidecared(),
    Row(
        "numbers begin again at 0001 [C9]",
        RECOVERS,
        card=card_with(*recording(9999, [5000]), *recording(1, [5000]), WHOLE),
    ),
    # C10, C11: another camera, a wrong clock
    Row(
        "another camera answers between two runs [C10]",
        refused(OTHER_SERIAL),
        (reading(SLEEPER),),
        between=exchanged(STRANGER),
        give_up_after_s=20.0,
    ),
    Row(
        "another camera answers in mid-read [C10]",
        refused(OTHER_SERIAL),
        (reading(holding(STRANGER)), reading(CloseAfter(0))),
        in_real_time=True,
    ),
    Row(
        "another camera answers in mid-read and says nothing of itself [C10]",
        refused(OTHER_SERIAL),
        (reading(holding(STRANGER)), reading(CloseAfter(0))),
        habits=SILENT_OF_ITSELF,
    ),
    Row(
        "its clock says 2016 [C11]",
        RECOVERS,
        card=card_with(*recording(42, [SIZE_BYTES], created=1_451_606_400)),
    ),
    Row("its clock says 1970 [C11]", RECOVERS, card=card_with(*recording(42, [SIZE_BYTES], created=0))),
    # C12, C13: rot, hostile lists
    Row(
        "a bit of a film's structure is wrong [C12]",
        refused("not finished"),
        (beginning(BitFlipped(MDAT), times=None),),
    ),
    Row(
        "the list holds hostile names [C13]",
        RECOVERS,
        (asking(LIST, with_list(*HOSTILE), times=None),),
        in_real_time=True,
    ),
    Row(
        "the list holds hostile films, and all are wanted [C13]",
        refused("not named like chapters"),
        (asking(LIST, with_list("../GX010042.MP4", "GX01 0042.MP4"), times=None),),
        choice=Everything(),
        session=None,
    ),
    Row(
        "the list holds a film whose name has control characters, and all are wanted [C13]",
        refused("100GOPRO/GX01\x010043.MP4: its name has control characters"),
        (asking(LIST, with_raw_list(b"GX01\x010043.MP4"), times=None),),
        choice=Everything(),
        session=None,
    ),
    Row(
        "the list holds a film whose name is not UTF-8, and all are wanted [C13]",
        refused("not named like chapters"),
        (asking(LIST, with_raw_list(b"GX01\xff0043.MP4"), times=None),),
        choice=Everything(),
        session=None,
    ),
    Row(
        "the state holds bytes that are not UTF-8, and control characters [5]",
        RECOVERS,
        (asking(STATE, page(ODD_STATE, 200, "application/json"), times=None),),
        in_real_time=True,
    ),
    *(
        Row(
            f"the list is {megabytes} MB long [C13]",
            RECOVERS,
            (asking(LIST, with_list(*(f"GOPR{n:06}.JPG" for n in range(17_000 * megabytes))), times=None),),
            in_soak=megabytes == 10,  # two seconds for what one megabyte shows
        )
        for megabytes in (1, 10)
    ),
    Row("the list nests deep [C13]", refused("cannot be read"), (asking(LIST, NESTED_DEEP, times=None),)),
    Row(
        "the media of the list are no list [C13]",
        refused("cannot be read"),
        (asking(LIST, document({"media": "x"}), times=None),),
    ),
    Row(
        "the list is not an object [C13]",
        refused("cannot be read"),
        (asking(LIST, document(["media"]), times=None),),
    ),
    Row(
        "it names a serial that is none, twice",
        RECOVERS,
        (asking(INFO, document({"serial_number": "C35 1"}), times=2),),
    ),
    Row(
        "it names a serial that is none, for ever",
        refused("the serial is 'C35 1'; a camera's serial has 1 to 40 letters and digits"),
        (asking(INFO, document({"serial_number": "C35 1"}), times=None),),
    ),
    *listed_late(),
    *one_answer_spoilt(),
    *one_call_spoilt(),
)


def rows(chosen: Callable[[Row], bool]) -> list[Any]:
    return [
        pytest.param(row, id=row.name, marks=pytest.mark.soak if row.in_soak else ())
        for row in ROWS
        if chosen(row)
    ]


@pytest.fixture
def scene(
    row: Row, cloud: MemoryCoordinator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> Iterator[Scene]:
    with Camera(row.card, habits=row.habits, faults=row.faults, **row.manner) as camera:
        row.start(camera)
        yield Scene(row, camera, cloud, tmp_path, caplog)


@pytest.mark.parametrize("row", rows(lambda row: True))
def test_a_haul_under_a_camera_fault_ends_as_it_should(row: Row, scene: Scene):
    if row.between:
        assert scene.run(scene.walk) != ExitCode.DONE
        scene.camera.faults.clear()
        row.between(scene.camera)

    code = scene.run(scene.walk)

    scene.check()
    assert code == row.ends.code, scene.said
    assert row.ends.words in "".join(scene.said)
    if row.is_final:
        scene.mend(row.mended)
        assert scene.run(scene.walk) == ExitCode.DONE, scene.said
        scene.check()
    scene.check_home()


@pytest.mark.parametrize("row", rows(lambda row: row.in_real_time))
def test_the_command_itself_ends_as_it_should(row: Row, scene: Scene, capsys: pytest.CaptureFixture[str]):
    code = scene.run(scene.command)

    said = capsys.readouterr()
    scene.said.extend((said.out, said.err))
    scene.check()
    assert code == row.ends.code, said.err
    assert row.ends.words in said.err.splitlines()[-1]
    if not row.is_final:
        scene.check_home()


@pytest.mark.parametrize(
    "row",
    [Row("large parts", RECOVERS, card=card_with(*recording(42, [24 * MIB])), manner={"slow_reader_s": 0.5})],
    ids=lambda row: row.name,
)
def test_s3_may_stall_for_longer_than_the_camera_bears_a_slow_reader(row: Row, scene: Scene):
    def stall(door: Door, *rest: Any) -> None:
        time.sleep(1.0)
        door.body()
        door.s3_error(503, "SlowDown")

    # Larger than what the buffers of two sockets hold: a reader that waits would be seen.
    scene.cloud.part_bytes = 12 * MIB
    scene.cloud.faults["put"] = [stall] * 2

    assert scene.run(scene.walk) == ExitCode.DONE
    scene.check()
    scene.check_home()
    assert {request.outcome for request in scene.camera.log.of(FILM)} == {Outcome.SENT}
    assert scene.camera.log.repeated_bytes(FILM) < MIB


@pytest.mark.parametrize(
    "row",
    [
        Row(
            "one of three",
            refused(""),
            (Fault(chapter_path("GX010041.MP4"), effect, times=None, method="HEAD"),),
            card_with(*(film for number in (40, 41, 42) for film in recording(number, [5000]))),
            choice=choice,
            session=None,
            give_up_after_s=DAY_S,
        )
        for effect in (HangUp(), BUSY)
        for choice in (New(), Everything())
    ],
    ids=["new-hangs", "all-hangs", "new-busy", "all-busy"],
)
def test_a_film_that_the_camera_does_not_serve_keeps_no_other_film(row: Row, scene: Scene):
    assert scene.run(scene.walk) == ExitCode.REFUSED
    scene.check()
    assert list(scene.cloud.objects()) == ["original.100GOPRO.GX010040.MP4", "original.100GOPRO.GX010042.MP4"]
    scene.camera.faults.clear()

    assert scene.run(scene.walk) == ExitCode.DONE


def part_in_the_spool(scene: Scene) -> None:
    folder = scene.spool / "s" / "original.100GOPRO.GX010042.MP4.0123456789abcdef"
    folder.mkdir(parents=True)
    (folder / f"00002-{PART_BYTES:015d}-{0:016x}.part").write_bytes(WHOLE.content.read(0, PART_BYTES))


def part_in_s3(scene: Scene) -> None:
    open_upload(scene).parts[2] = WHOLE.content.read(0, PART_BYTES)


def bytes_at_home(scene: Scene) -> None:
    upload = open_upload(scene)
    upload.replace_parts(upload.cut(WHOLE.content.read(0, SIZE_BYTES)))
    scene.cloud.complete(upload.upload_id)
    key = scene.cloud.recorded(upload.upload_id).key
    scene.cloud.ports.objects.put_object(key, b"30 bytes of an error page ...")


def open_upload(scene: Scene) -> SentUpload:
    """The upload of the film, as the client opens it."""
    names = {"directory": "100GOPRO", "filename": "GX010042.MP4", "size_bytes": SIZE_BYTES}
    artifact_id = "original.100GOPRO.GX010042.MP4"
    session = {"camera": {"serial": CARD.serial}, "chapters": [names]}
    scene.cloud.call("PUT", "/v1/sessions/s", session)
    scene.cloud.call("POST", "/v1/sessions/s/uploads", {"artifact_id": artifact_id, "size_bytes": SIZE_BYTES})
    [upload] = scene.cloud.uploads.values()
    return upload


def asked(scene: Scene, path: str, method: str = "GET", **headers: str) -> None:
    ask(scene.camera, path, method, **headers)


@pytest.mark.parametrize("row", [pytest.param(ROWS[0], id="nothing is wrong")])
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(part_in_the_spool, id="a part of other bytes in the spool"),
        pytest.param(part_in_s3, id="a part of other bytes in S3"),
        pytest.param(bytes_at_home, id="an error page as a stored object"),
        pytest.param(lambda scene: asked(scene, "/gopro/media/delete/all"), id="a delete"),
        pytest.param(lambda scene: asked(scene, STATE, "POST"), id="another method"),
        pytest.param(lambda scene: asked(scene, "/gopro/media/turbo_transfer?p=1"), id="a call that sets"),
        pytest.param(lambda scene: asked(scene, FILM), id="a read without a range"),
        pytest.param(lambda scene: asked(scene, FILM, Range="bytes=5-"), id="a range without an end"),
        pytest.param(
            lambda scene: asked(scene, FILM, Range=f"bytes=5-{SIZE_BYTES}"), id="a range beyond the end"
        ),
        pytest.param(lambda scene: scene.said.append(f"sent {TOKEN}"), id="the token said"),
        pytest.param(lambda scene: scene.said.append(f"at {scene.camera.url}"), id="an address said"),
    ],
)
def test_the_checks_of_each_row_see_what_is_wrong(row: Row, scene: Scene, wrong: Callable[[Scene], None]):
    scene.run(lambda: ExitCode.DONE)
    scene.check()
    wrong(scene)

    with pytest.raises(AssertionError):
        scene.check()


def test_every_row_has_a_name_of_its_own():
    names = [row.name for row in ROWS]

    assert len(set(names)) == len(names)
