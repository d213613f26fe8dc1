"""A caller whose write another one overtakes is heard all the same, or asked to come back; nothing is half done."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from chalicelib.core.chapter import OLDER_SYSTEM, Chapter
from chalicelib.core.errors import StorageBusy
from chalicelib.core.picture import Picture
from chalicelib.core.session import Damage
from chalicelib.core.storage import Storage
from chalicelib.core.upload import Way
from chalicelib.flows import at_rest, browser_sessions, landings, operations, recount, uploads
from chalicelib.flows.imports import Import, import_session
from chalicelib.flows.landings import Wanted
from chalicelib.flows.store import ATTEMPTS
from tests.flows.test_browser_sessions import OPERATOR, confirm, film
from tests.support import story
from tests.support.builders import (
    SESSION_ID,
    START,
    UPLOAD_ID,
    MemoryPorts,
    make_picture,
    make_upload,
    memory_ports,
    recorded,
)
from tests.support.faults import lost_races
from tests.support.films import make_film
from tests.support.memory import crc64nvme_of
from tests.support.story import NORTH

Act = Callable[[MemoryPorts], object]
CRC = crc64nvme_of(b"a film")
FILM = make_film(70, 230)
WANTED = Wanted("GX010042.MP4", "video/mp4")


@dataclass(frozen=True)
class Case:
    """A world, and an act that writes its session."""

    arrange: Callable[[], MemoryPorts]
    act: Act


def with_films() -> MemoryPorts:
    ports = memory_ports()
    confirm(ports, (film(1), film(2)))
    return ports


def with_small_film() -> MemoryPorts:
    ports = memory_ports()
    confirm(ports, (film(1, 6),))
    uploads.open_upload(ports, OPERATOR, SESSION_ID, film(1).artifact_id, 6, None, way=Way.ONE_PUT)
    return ports


def with_landing() -> MemoryPorts:
    ports = memory_ports()
    landing = landings.open_parts(ports, OPERATOR, SESSION_ID, WANTED, None)
    ports.objects.put_part(landing.key, landing.multipart_id or "", 1, FILM)
    return ports


def completes_the_landing(ports: MemoryPorts) -> object:
    [landing] = recorded(ports).landings
    [part] = landings.list_parts(ports, recorded(ports), landing)
    return landings.complete(ports, OPERATOR, SESSION_ID, landing.landing_id, [(1, part.etag)])


def signs_one_put(ports: MemoryPorts) -> object:
    [upload] = recorded(ports).uploads
    return uploads.sign_parts(ports, OPERATOR, upload.upload_id, [(1, CRC)])


def with_resting_upload() -> MemoryPorts:
    upload = make_upload()
    return memory_ports(make_picture(upload.rested(upload.expires_at)))


def uncounted() -> MemoryPorts:
    ports = memory_ports(make_picture())
    ports.records.forget_counts()
    return ports


OLDER = Import(
    SESSION_ID, START, Storage("s3://older", START, "row-1"), (Chapter(OLDER_SYSTEM, "a.avi", 25),), ()
)
CASES = {
    "an operator who holds": Case(
        lambda: memory_ports(make_picture()),
        lambda ports: operations.hold(ports, story.OPERATOR, SESSION_ID, "wait"),
    ),
    "a browser that adds a film": Case(with_films, lambda ports: confirm(ports, (film(1), film(2), film(3)))),
    "a browser that takes a film back": Case(
        with_films,
        lambda ports: browser_sessions.withdraw_film(ports, OPERATOR, SESSION_ID, film(2).artifact_id),
    ),
    "an import": Case(memory_ports, lambda ports: import_session(ports, story.OPERATOR, OLDER)),
    "a reader that found damage": Case(
        lambda: memory_ports(make_picture()),
        lambda ports: at_rest.record_damage(ports, SESSION_ID, Damage("v1", "one bit", START, None)),
    ),
    "a client that begins a landing": Case(
        with_landing, lambda ports: landings.open_parts(ports, OPERATOR, SESSION_ID, WANTED, None)
    ),
    "a client that completes its landing": Case(with_landing, completes_the_landing),
    "a browser that asks where to send a small film": Case(with_small_film, signs_one_put),
    "a device that asks where to send parts": Case(
        with_resting_upload, lambda ports: uploads.sign_parts(ports, NORTH, UPLOAD_ID, [(1, CRC)])
    ),
    "a recount": Case(uncounted, lambda ports: recount.mend(ports, lambda _: None)),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def known(ports: MemoryPorts) -> Picture | None:
    return ports.records.picture(SESSION_ID)


@each_case
def test_who_loses_all_races_but_the_last_is_heard(case: Case):
    ports, won = case.arrange(), case.arrange()
    case.act(won)

    case.act(lost_races(ports, ATTEMPTS - 1))

    assert known(ports) != known(case.arrange())
    assert len(recorded(ports).uploads) == len(recorded(won).uploads)
    assert len(recorded(ports).landings) == len(recorded(won).landings)
    assert len(list(ports.objects.multiparts(""))) == len(list(won.objects.multiparts("")))


@each_case
def test_who_never_wins_the_session_is_asked_to_come_back_and_leaves_nothing(case: Case):
    ports = case.arrange()
    before, parts_of = known(ports), list(ports.objects.multiparts(""))

    with pytest.raises(StorageBusy, match=r"is being written by others; (ask again|run the command again)"):
        case.act(lost_races(ports, ATTEMPTS))

    assert known(ports) == before
    assert list(ports.objects.multiparts("")) == parts_of
