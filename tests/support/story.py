"""The story of a session in memory, act by act: hauled, ordered, processed, cleaned, restored.

Each act is what somebody else than the coordinator does, or a call that somebody makes; the coordinator answers by its
own flows. All acts may be played again.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from chalicelib.core import keys
from chalicelib.core.artifact import made_key
from chalicelib.core.chapter import Chapter
from chalicelib.core.cleanup import Arming
from chalicelib.core.errors import KeyTaken
from chalicelib.core.ids import ArtifactId
from chalicelib.core.order import Wish, wish
from chalicelib.core.settle import Policy
from chalicelib.core.tokens import ALL_PROJECTS, Principal, Role
from chalicelib.core.upload import Upload
from chalicelib.flows import completion, sessions, uploads
from chalicelib.flows.reconcile import Round, reconcile
from tests.support.builders import (
    DEVICE_ID,
    POLICY,
    SESSION_ID,
    MemoryPorts,
    make_chapter,
    make_session,
    memory_ports,
    named,
    recorded,
)
from tests.support.films import make_film
from tests.support.memory import crc64nvme_of

NORTH = Principal(Role.DEVICE, "main", DEVICE_ID)
PROCESSOR = Principal(Role.PROCESSOR, "main", None)
OPERATOR = Principal(Role.OPERATOR, ALL_PROJECTS, None)

LASTING_MS = (800, 500)
BODIES = (make_film(LASTING_MS[0], 60, seed=1), make_film(LASTING_MS[1], 57, seed=2))
"""What the chapters of the story are: films of so many milliseconds."""
CHAPTERS = tuple(make_chapter(number, len(body)) for number, body in enumerate(BODIES, start=1))
VIDEO = ArtifactId("output.enhanced.mp4")
LIGHTS = ArtifactId("measurements.lights.json")
WISH = wish([VIDEO, LIGHTS], {})
FRAMES = [
    {"frame_number": number, "timestamp": number / 30, "papi_a": {"status": "red"}} for number in range(40)
]
MADE: Mapping[ArtifactId, bytes] = {
    VIDEO: make_film(sum(LASTING_MS), 75, seed=3),
    LIGHTS: json.dumps({"frames": FRAMES}).encode(),
}
"""What the processor of the story makes."""


def haul(
    ports: MemoryPorts,
    wanted: Wish | None = WISH,
    plain: MemoryPorts | None = None,
    bodies: Sequence[bytes] = BODIES,
    chapters: Sequence[Chapter] = CHAPTERS,
) -> None:
    """A device confirms the session and brings every chapter; what S3 takes from it goes to `plain`'s bucket."""
    camera = make_session().camera
    sessions.confirm_session(ports, NORTH, SESSION_ID, camera, None, chapters, wanted)
    for chapter, body in zip(chapters, bodies, strict=True):
        view, _ = uploads.open_upload(ports, NORTH, SESSION_ID, chapter.artifact_id, chapter.size_bytes, None)
        if view.upload.is_live:
            send_body(plain or ports, view.upload, body)
            completion.complete_upload(ports, NORTH, view.upload.upload_id, crc64nvme_of(body))


def original(number: int = 1) -> bytes:
    """The bytes that `haul` brings of a chapter."""
    return BODIES[number - 1]


def key_of(artifact_id: ArtifactId, order: int = 1) -> str:
    return made_key(SESSION_ID, order, artifact_id)


def original_keys() -> list[str]:
    return [chapter.key(SESSION_ID) for chapter in CHAPTERS]


def write_output(ports: MemoryPorts, artifact_id: ArtifactId, body: bytes, order: int = 1) -> None:
    """A processor writes one output itself, once: S3 refuses to write it over."""
    if ports.objects.head(key_of(artifact_id, order)):
        raise KeyTaken(artifact_id)
    ports.objects.put_object(key_of(artifact_id, order), body)


def write_manifest(ports: MemoryPorts, made: Mapping[ArtifactId, bytes] = MADE, order: int = 1) -> None:
    """A processor says what it wrote, once."""
    key = keys.manifest_key(SESSION_ID, order)
    if ports.objects.head(key):
        raise KeyTaken(key)
    artifacts = [
        {"artifact_id": each, "size_bytes": len(body), "crc64nvme": crc64nvme_of(body)}
        for each, body in made.items()
    ]
    document = {**named(), "order": order, "artifacts": artifacts}
    ports.objects.put_object(key, json.dumps(document).encode())


def open_made(ports: MemoryPorts, artifact_id: ArtifactId, body: bytes) -> Upload:
    """A processor opens the upload of what it made, for the present order."""
    view, _ = uploads.open_upload(ports, PROCESSOR, SESSION_ID, artifact_id, len(body), None)
    return view.upload


def send_body(ports: MemoryPorts, upload: Upload, body: bytes) -> None:
    """Whoever opened `upload` sends `body` to it, part by part."""
    for number in upload.plan.numbers:
        start = upload.plan.start_of(number)
        part = body[start : start + upload.plan.size_of(number)]
        ports.objects.put_part(upload.key, upload.multipart_id, number, part)


def upload_made(ports: MemoryPorts, artifact_id: ArtifactId, body: bytes) -> Upload:
    """A processor uploads what it made through the API, to its receipt."""
    upload = open_made(ports, artifact_id, body)
    send_body(ports, upload, body)
    return completion.complete_upload(ports, PROCESSOR, upload.upload_id, crc64nvme_of(body)).upload


def process(ports: MemoryPorts, made: Mapping[ArtifactId, bytes] = MADE, order: int = 1) -> None:
    """A processor writes all its outputs and then the manifest; what stands already it leaves."""
    for artifact_id, body in made.items():
        with suppress(KeyTaken):
            write_output(ports, artifact_id, body, order)
    with suppress(KeyTaken):
        write_manifest(ports, made, order)


def arm(ports: MemoryPorts, is_armed: bool = True) -> None:
    ports.records.put_arming(Arming(is_armed, ports.clock.now(), "a test says so"))


def let_pass(ports: MemoryPorts, seconds: float = 1, rounds: int = 1) -> list[Round]:
    """Time goes by, the reconciler runs at the end of each of `rounds` shares of it."""
    done = []
    for _ in range(rounds):
        ports.clock.advance(seconds / rounds)
        done.append(reconcile(ports, 60))
    return done


def processed(required: Iterable[ArtifactId] = (VIDEO,), policy: Policy = POLICY) -> MemoryPorts:
    """A world in which the session is PROCESSED: these outputs are required, made and verified; cleanup is armed."""
    ports = memory_ports(policy=policy)
    arm(ports)
    wanted = tuple(required)
    haul(ports, wish(wanted, {}))
    process(ports, {each: MADE[each] for each in wanted})
    let_pass(ports)
    assert state_of(ports) == "PROCESSED"
    return ports


def cleaned(required: Iterable[ArtifactId] = (VIDEO,), policy: Policy = POLICY) -> MemoryPorts:
    """A world in which the session is CLEANED."""
    ports = processed(required, policy)
    let_grace_pass(ports)
    assert state_of(ports) == "CLEANED"
    return ports


def let_grace_pass(ports: MemoryPorts) -> None:
    let_pass(ports, ports.policy.grace_s + ports.policy.cleanup_patience_s, rounds=2)


def originals_stand(ports: MemoryPorts) -> bool:
    """Whether each original's current object has the bytes that were hauled."""
    return all(
        ports.objects.head(key) and ports.objects.body(key) == original(number)
        for number, key in enumerate(original_keys(), start=1)
    )


def originals_are_gone(ports: MemoryPorts) -> bool:
    return all(ports.objects.head(key) is None for key in original_keys())


def bodies_of(ports: MemoryPorts, keys_asked: Iterable[str]) -> dict[str, list[bytes]]:
    """The bytes of every version that each key ever had."""
    return {key: [each.body for each in ports.objects.versions(key) if each.stored] for key in keys_asked}


def state_of(ports: MemoryPorts) -> str:
    return recorded(ports).session.state.value
