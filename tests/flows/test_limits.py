"""Limits as use cases ask them: what is new waits, what has begun goes on, and what was refused counts nowhere."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core import limits as core
from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import InvalidRequest, TooLarge, TooManyRequests
from chalicelib.core.ids import ArtifactId, DeviceId, SessionId, TokenId
from chalicelib.core.limits import LONGEST_WAIT_S, Limits, Quota, Windowed
from chalicelib.core.order import wish
from chalicelib.core.session import Camera
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows import completion, limits, operations, sessions, uploads
from chalicelib.flows.limits import WAIT_FOR_ROOM_S
from tests.support.builders import (
    DEVICE_ID,
    START,
    MemoryPorts,
    make_chapter,
    make_session_id,
    memory_ports,
)
from tests.support.counted import counted

NORTH = Principal(Role.DEVICE, "main", DEVICE_ID, TokenId("t_north"))
SOUTH = Principal(Role.DEVICE, "main", DeviceId("d_south"), TokenId("t_south"))
ELSEWHERE = Principal(Role.DEVICE, "club", DeviceId("d_club"), TokenId("t_club"))
OPERATOR = Principal(Role.OPERATOR, "main", None, TokenId("t_operator"))
COMMAND = Principal(Role.OPERATOR, "*", None)
WISH = wish([ArtifactId("output.enhanced.mp4")], {})


def limited(caller: Quota | None = None, project: Quota | None = None, **files: Any) -> MemoryPorts:
    return replace(memory_ports(), limits=Limits(caller or Quota(), project or Quota(), **files))


def opened(
    ports: MemoryPorts, name: str, principal: Principal = NORTH, chapters: int = 1, size_bytes: int = 25
) -> SessionId:
    session_id = make_session_id(name, principal.project)
    listed = [make_chapter(number, size_bytes) for number in range(1, chapters + 1)]
    sessions.confirm_session(ports, principal, session_id, Camera("C35"), None, listed, None)
    return session_id


def uploaded(ports: MemoryPorts, session_id: SessionId, number: int = 1, principal: Principal = NORTH) -> str:
    chapter: Chapter = make_chapter(number)
    picture = ports.records.picture(session_id)
    assert picture
    size_bytes = picture.chapter(chapter.artifact_id).size_bytes
    view, _ = uploads.open_upload(ports, principal, session_id, chapter.artifact_id, size_bytes, None)
    return view.upload.upload_id


def waits(call: Any) -> int:
    with pytest.raises(TooManyRequests) as refused:
        call()
    assert "GET /v1/limits" in str(refused.value)
    return refused.value.retry_after_s


def test_without_limits_nothing_is_counted_or_asked():
    ports, calls = counted(memory_ports())

    session_id = opened(ports, "a")
    uploaded(ports, session_id)
    operations.order(ports, NORTH, session_id, WISH)

    assert (calls["use"], calls["used"], calls["counts"]) == (0, 0, 0)


@pytest.mark.parametrize("already", [1, 2, 3])
@pytest.mark.parametrize("whose", ["caller", "project"])
def test_as_many_sessions_are_open_as_the_limit_has(whose: str, already: int):
    ports = memory_ports()
    for place in range(already):
        opened(ports, f"s-{place}")
    ports = replace(ports, limits=limited(**{whose: Quota(open_sessions=3)}).limits)

    if already < 3:
        opened(ports, "one-more")
    else:
        assert waits(lambda: opened(ports, "one-more")) == WAIT_FOR_ROOM_S
    assert (ports.records.picture(make_session_id("one-more")) is not None) is (already < 3)


def test_a_session_that_exists_is_confirmed_at_any_limit():
    ports = limited(Quota(open_sessions=1))

    assert opened(ports, "s-0") == opened(ports, "s-0")


def test_a_session_that_is_stored_makes_room():
    ports = limited(Quota(open_sessions=1))
    session_id = opened(ports, "s-0")
    waits(lambda: opened(ports, "s-1"))

    stored(ports, session_id)

    opened(ports, "s-1")


def stored(ports: MemoryPorts, session_id: SessionId) -> None:
    picture = ports.records.picture(session_id)
    assert picture
    upload_id = uploaded(ports, session_id)
    picture = ports.records.picture(session_id)
    assert picture
    upload = next(each for each in picture.uploads if each.upload_id == upload_id)
    for number in upload.plan.numbers:
        ports.objects.put_part(upload.key, upload.multipart_id, number, b"\x01" * upload.plan.size_of(number))
    completion.complete_upload(ports, NORTH, upload.upload_id, None)


def test_another_device_and_another_project_have_limits_of_their_own():
    ports = limited(Quota(open_sessions=1), Quota(open_sessions=2))
    opened(ports, "s-0", NORTH)
    opened(ports, "s-1", SOUTH)
    opened(ports, "s-2", ELSEWHERE)

    third = replace(SOUTH, device_id=DeviceId("d_third"))
    with pytest.raises(TooManyRequests, match="this project has reached its limit of 2 open sessions"):
        opened(ports, "s-3", third)
    with pytest.raises(TooManyRequests, match="this device has reached its limit of 1 open sessions"):
        opened(ports, "s-3", NORTH)


@pytest.mark.parametrize("already", [1, 2, 3])
@pytest.mark.parametrize("whose", ["caller", "project"])
def test_as_many_uploads_are_open_as_the_limit_has(whose: str, already: int):
    ports = limited(**{whose: Quota(open_uploads=3)})
    session_id = opened(ports, "s-0", chapters=5)
    for number in range(1, already + 1):
        uploaded(ports, session_id, number)

    if already < 3:
        uploaded(ports, session_id, 4)
    else:
        assert waits(lambda: uploaded(ports, session_id, 4)) == WAIT_FOR_ROOM_S
    # What is open is answered at any limit: a device that starts again goes on with it.
    assert uploaded(ports, session_id, 1) == uploaded(ports, session_id, 1)


def test_an_upload_that_is_cancelled_makes_room():
    ports = limited(Quota(open_uploads=1))
    session_id = opened(ports, "s-0", chapters=2)
    first = uploaded(ports, session_id, 1)
    waits(lambda: uploaded(ports, session_id, 2))

    completion.cancel_upload(ports, NORTH, first)  # type: ignore[arg-type]  # an upload's id

    uploaded(ports, session_id, 2)


@pytest.mark.parametrize("size_bytes", [49, 50, 51])
@pytest.mark.parametrize("whose", ["caller", "project"])
def test_as_many_bytes_begin_on_a_day_as_the_limit_has(whose: str, size_bytes: int):
    ports = limited(**{whose: Quota(bytes_a_day=75)})
    uploaded(ports, opened(ports, "s-0"))
    session_id = opened(ports, "s-1", size_bytes=size_bytes)

    if size_bytes <= 50:
        uploaded(ports, session_id)
        return
    assert waits(lambda: uploaded(ports, session_id)) == LONGEST_WAIT_S
    ports.clock.advance((START.replace(hour=0) + timedelta(days=1) - START).total_seconds())
    uploaded(ports, session_id)


def test_an_upload_that_is_asked_for_again_counts_once():
    ports = limited(Quota(bytes_a_day=30))
    session_id = opened(ports, "s-0")

    assert len({uploaded(ports, session_id) for _ in range(5)}) == 1


def test_what_the_project_refuses_does_not_count_for_the_device():
    ports = limited(Quota(bytes_a_day=100), Quota(bytes_a_day=30))
    uploaded(ports, opened(ports, "s-0"))
    session_id = opened(ports, "s-1")
    for _ in range(5):
        waits(lambda: uploaded(ports, session_id))

    window = core.window("DEVICE#main/d_north", Windowed.bytes_a_day, START)

    assert ports.records.used(window) == 25


@pytest.mark.parametrize("whose", ["caller", "project"])
def test_as_many_orders_are_placed_in_an_hour_as_the_limit_has(whose: str):
    ports = limited(**{whose: Quota(orders_an_hour=2)})
    session_id = opened(ports, "s-0")
    operations.order(ports, OPERATOR, session_id, WISH)
    operations.order(ports, OPERATOR, session_id, wish([ArtifactId("output.b")], {}))
    before = ports.records.picture(session_id)

    assert waits(lambda: operations.order(ports, OPERATOR, session_id, WISH)) == LONGEST_WAIT_S
    assert ports.records.picture(session_id) == before

    ports.clock.advance(3600)
    operations.order(ports, OPERATOR, session_id, WISH)


def test_an_operators_command_has_no_limits():
    ports = limited(Quota(orders_an_hour=1), Quota(orders_an_hour=1, open_uploads=1))
    session_id = opened(ports, "s-0")

    for _ in range(3):
        operations.order(ports, COMMAND, session_id, WISH)

    assert limits.tell(ports, COMMAND, "main") == ()


def test_a_new_session_with_a_file_that_is_not_taken_is_refused_whole():
    small = limited(largest_file_bytes=24)
    with pytest.raises(TooLarge, match=r"100GOPRO/GX010038\.MP4 has 25 bytes"):
        opened(small, "s-0")
    spheres = limited(extensions=(".360",))
    with pytest.raises(InvalidRequest, match=r"100GOPRO/GX010038\.MP4: only files that end in \.360"):
        opened(spheres, "s-0")

    assert (
        small.records.picture(make_session_id("s-0"))
        is spheres.records.picture(make_session_id("s-0"))
        is None
    )


def test_a_session_that_was_confirmed_before_the_limit_goes_on():
    ports = memory_ports()
    session_id = opened(ports, "s-0")
    ports = replace(ports, limits=Limits(largest_file_bytes=24, extensions=(".360",)))

    assert opened(ports, "s-0") == session_id
    stored(ports, session_id)


@pytest.mark.parametrize(("size_bytes", "is_taken"), [(99, True), (100, True), (101, False)])
def test_an_output_has_at_most_the_bytes_of_the_limit(size_bytes: int, is_taken: bool):
    ports = limited(largest_file_bytes=100)
    session_id = opened(ports, "s-0")
    operations.order(ports, OPERATOR, session_id, WISH)
    stored(ports, session_id)

    def upload() -> None:
        uploads.open_upload(ports, OPERATOR, session_id, WISH.required[0], size_bytes, None)

    if is_taken:
        upload()
        return
    with pytest.raises(TooLarge, match=r"output\.enhanced\.mp4 has 101 bytes"):
        upload()


def test_a_caller_is_told_every_limit_and_what_of_it_is_used():
    ports = limited(
        Quota(open_sessions=5, open_uploads=6, bytes_a_day=100, calls_a_minute=60, orders_an_hour=7),
        Quota(orders_an_hour=8),
    )
    session_id = opened(ports, "s-0")
    uploaded(ports, session_id)
    operations.order(ports, NORTH, session_id, WISH)

    told = {(each.scope, each.what): (each.most, each.used) for each in limits.tell(ports, NORTH, "main")}

    assert told == {
        ("device", "open_sessions"): (5, 1),
        ("device", "open_uploads"): (6, 1),
        ("device", "bytes_a_day"): (100, 25),
        ("device", "calls_a_minute"): (60, None),
        ("device", "orders_an_hour"): (7, 1),
        ("project", "open_sessions"): (None, None),
        ("project", "open_uploads"): (None, None),
        ("project", "bytes_a_day"): (None, None),
        ("project", "calls_a_minute"): (None, None),
        ("project", "orders_an_hour"): (8, 1),
    }
    assert {each.scope for each in limits.tell(ports, OPERATOR, "main")} == {"token", "project"}
