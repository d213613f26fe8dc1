"""Who acts on a session that is cleaned or brought back, one's whole run inside another's at each of its calls."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from chalicelib.core.errors import ReelhaulError
from chalicelib.core.ids import UploadId
from chalicelib.flows import completion, operations, sessions, uploads
from chalicelib.flows.reconcile import reconcile
from tests.simulation import actors, scenario
from tests.simulation.stage import Stage
from tests.simulation.watch import Watch, demand_intended
from tests.support import interrupted, story
from tests.support.builders import SESSION_ID, MemoryPorts, make_session, memory_ports, recorded
from tests.support.interrupted import Act
from tests.support.memory import crc64nvme_of

FEWEST_CALLS = 2
"""Whoever calls less is not the one whom a test means."""

DAY_S = 86_400


def reconciles(ports: MemoryPorts) -> object:
    return reconcile(ports, 60)


def holds(ports: MemoryPorts) -> object:
    return operations.hold(ports, story.OPERATOR, SESSION_ID, "wait")


def releases(ports: MemoryPorts) -> object:
    return operations.hold(ports, story.OPERATOR, SESSION_ID, None)


def restores(ports: MemoryPorts) -> object:
    return operations.restore(ports, story.OPERATOR, SESSION_ID, None, "wanted")


def orders_again(ports: MemoryPorts) -> object:
    return operations.order(ports, story.OPERATOR, SESSION_ID, story.WISH)


def disarms(ports: MemoryPorts) -> None:
    story.arm(ports, is_armed=False)


def hauls_again(ports: MemoryPorts) -> object:
    """A device whose plan was lost: it opens what it thinks is missing."""
    chapter = story.CHAPTERS[0]
    return uploads.open_upload(ports, story.NORTH, SESSION_ID, chapter.artifact_id, chapter.size_bytes, None)


def claims_otherwise(ports: MemoryPorts) -> None:
    """A second client of the device that read the first chapter otherwise; it may hear anything but yes."""
    with suppress(ReelhaulError):
        answer = completion.complete_upload(ports, story.NORTH, first_upload(ports), crc64nvme_of(b"misread"))
        raise AssertionError(f"a claim of other bytes was answered {answer}")


def first_upload(ports: MemoryPorts) -> UploadId:
    """The first upload of the first chapter."""
    return recorded(ports).uploads[0].upload_id


def overwrites_an_output(ports: MemoryPorts) -> None:
    ports.objects.put_object(story.key_of(story.VIDEO), b"a late processor's")


def removes_an_output(ports: MemoryPorts) -> None:
    ports.objects.mark_deleted(story.key_of(story.VIDEO))


def writes_on_an_original(ports: MemoryPorts) -> None:
    ports.objects.put_object(story.original_keys()[0], b"a stranger's")


def purges(ports: MemoryPorts) -> None:
    """S3's lifecycle, long after every promise of ours is over."""
    for key in story.original_keys():
        if ports.objects.head(key) is None:
            ports.objects.purge(key)


def run(act: Act, ports: MemoryPorts) -> None:
    """`act` a moment later, for no two functions act at the same microsecond; its refusals are answers like others."""
    ports.clock.advance(0.001)
    with suppress(ReelhaulError):
        act(ports)


def interruptions(arranged: Callable[[], MemoryPorts], first: Act, second: Act) -> Iterator[MemoryPorts]:
    """The worlds in which `second` ran inside `first`, whatever either was refused."""
    worlds = 0
    for ports in interrupted.interruptions(arranged, partial(run, first), partial(run, second)):
        worlds += 1
        yield ports
    assert worlds > FEWEST_CALLS


def stops(arranged: Callable[[], MemoryPorts], first: Act, word: Act) -> Iterator[MemoryPorts]:
    """Interruptions by a `word` after which nothing is removed any more but by the one call that was on its way."""
    stood: list[int] = []

    def noted(ports: MemoryPorts) -> None:
        word(ports)
        stood.append(originals_standing(ports))

    for ports in interruptions(arranged, first, noted):
        assert originals_standing(ports) >= stood.pop() - 1
        yield ports


def originals_standing(ports: MemoryPorts) -> int:
    return sum(ports.objects.head(key) is not None for key in story.original_keys())


def due_for_cleanup() -> MemoryPorts:
    """A processed session whose grace has just ended."""
    ports = memory_ports()
    scenario.armed(ports)
    story.haul(ports)
    story.let_pass(ports)
    story.process(ports, actors.MADE)
    story.let_pass(ports)
    assert story.state_of(ports) == "PROCESSED"
    ports.clock.advance(ports.policy.grace_s)
    return ports


def sent() -> MemoryPorts:
    """A session whose parts are all in S3, and of which nothing is completed yet."""
    ports = memory_ports()
    scenario.armed(ports)
    camera = make_session().camera
    sessions.confirm_session(ports, story.NORTH, SESSION_ID, camera, None, story.CHAPTERS, story.WISH)
    for chapter, body in zip(story.CHAPTERS, story.BODIES, strict=True):
        view, _ = uploads.open_upload(
            ports, story.NORTH, SESSION_ID, chapter.artifact_id, chapter.size_bytes, None
        )
        story.send_body(ports, view.upload, body)
    return ports


def demand_nothing_lost(ports: MemoryPorts) -> None:
    """Every original can be read now, or was removed under our name and its bytes are there to be copied back."""
    picture = recorded(ports)
    for number, key in enumerate(story.original_keys(), start=1):
        versions = [each for each in ports.objects.versions(key) if each.body == story.original(number)]
        assert versions, f"the bytes of {key} are lost"
        if ports.objects.head(key) is None:
            assert {each.version_id for each in versions} & picture.gone_versions, (
                "nobody says who removed it"
            )


def rounds_pass(ports: MemoryPorts) -> None:
    """An hour of the schedule."""
    for _ in range(4):
        ports.clock.advance(900)
        reconcile(ports, 60)


def days_pass(ports: MemoryPorts, days: int) -> None:
    """A round a day."""
    stage = Stage(ports, Watch(ports, demand_intended))
    for _ in range(days):
        actors.reconciles(stage, DAY_S)
        demand_nothing_lost(ports)
