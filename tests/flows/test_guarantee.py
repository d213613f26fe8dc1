"""What heartbeats tell of the camera's clock, what becomes of it, and how long devices are silent."""

from datetime import timedelta

from chalicelib.core.heard import Heard, Silence
from chalicelib.core.ids import DeviceId
from chalicelib.core.picture import Progress
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows import sessions
from chalicelib.flows.silence import silences
from tests.support import story
from tests.support.builders import (
    DEVICE_ID,
    SESSION_ID,
    START,
    MemoryPorts,
    make_chapter,
    make_session,
    make_session_id,
    memory_ports,
    recorded,
)

AHEAD_S, LASTED_S = 3_600, 60
BEGAN = int(START.timestamp()) + AHEAD_S - LASTED_S - 100
CHAPTERS = tuple(
    make_chapter(number, len(body), created=BEGAN) for number, body in enumerate(story.BODIES, start=1)
)
TOLD = Progress(5, 3, None, 700, 2, 100, START, START, AHEAD_S, LASTED_S, 2)
UNTOLD = Progress(6, 4, None, 800, 2, 100, START, START)


def confirm(ports: MemoryPorts, name: str = "match-17-north", device: str = DEVICE_ID) -> None:
    principal = Principal(Role.DEVICE, "main", DeviceId(device))
    sessions.confirm_session(
        ports, principal, make_session_id(name), make_session().camera, None, CHAPTERS, None
    )


def beat(
    ports: MemoryPorts, told: Progress = TOLD, name: str = "match-17-north", device: str = DEVICE_ID
) -> None:
    principal = Principal(Role.DEVICE, "main", DeviceId(device))
    sessions.record_progress(ports, principal, make_session_id(name), told)


def test_a_session_that_becomes_safe_says_after_how_long():
    ports = memory_ports()
    confirm(ports)
    beat(ports)
    ports.clock.advance(70)

    story.haul(ports, None, chapters=CHAPTERS)
    story.let_pass(ports)

    safe = recorded(ports).session.safe
    assert safe
    assert (safe.at, safe.closed_at) == (START + timedelta(seconds=70), START - timedelta(seconds=100))
    assert (safe.after_s, safe.unknown, safe.retried_parts) == (170, None, 2)
    assert ports.records.counts("main", None, None, None)["safe_178"] == 1


def test_a_session_without_a_heartbeat_is_safe_after_nobody_knows_how_long():
    ports = memory_ports()

    story.haul(ports, None, chapters=CHAPTERS)
    story.let_pass(ports)

    safe = recorded(ports).session.safe
    assert safe
    assert (safe.after_s, safe.retried_parts) == (None, None)
    assert ports.records.counts("main", None, None, None)["safe_unknown"] == 1


def test_a_device_that_has_left_the_camera_takes_nothing_back():
    ports = memory_ports()
    confirm(ports)
    beat(ports)
    beat(ports, UNTOLD)

    progress = recorded(ports).progress
    assert progress
    assert (progress.camera_ahead_s, progress.last_chapter_s, progress.retried_parts) == (
        AHEAD_S,
        LASTED_S,
        2,
    )
    assert (progress.bytes_up, progress.rate_up_bytes_s) == (4, 800)


def test_a_heartbeat_is_kept_for_its_device_too():
    ports = memory_ports()
    confirm(ports)
    ports.clock.advance(5)

    beat(ports)

    assert ports.records.heard("main") == (
        Heard(DEVICE_ID, SESSION_ID, START + timedelta(seconds=5), 700, 2, 100),
    )
    assert ports.records.heard("club") == ()


def test_a_device_is_silent_since_its_last_heartbeat_for_whichever_session():
    ports = memory_ports()
    for name in ("first", "second"):
        confirm(ports, name)
        beat(ports, name=name)
        ports.clock.advance(30)

    [silence] = silences(ports, "main")

    assert (silence.heard.session_id, silence.silent_s, silence.is_hauling) == ("main/second", 30, True)


def test_a_device_whose_session_is_safe_is_not_hauling():
    ports = memory_ports()
    confirm(ports, "still-there", "d_south")
    beat(ports, UNTOLD, "still-there", "d_south")
    confirm(ports)
    beat(ports)

    story.haul(ports, None, chapters=CHAPTERS)
    ports.clock.advance(600)

    found = {each.heard.device_id: each for each in silences(ports, "main")}
    assert found[DEVICE_ID] == Silence(found[DEVICE_ID].heard, 600, is_hauling=False)
    assert found[DeviceId("d_south")].is_hauling


def test_a_device_that_never_sent_a_heartbeat_is_not_listed():
    ports = memory_ports()
    confirm(ports)

    assert silences(ports, "main") == ()
