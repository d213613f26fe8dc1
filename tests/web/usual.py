"""The usual session, its upload, and a good body for every call."""

from typing import Any

import msgspec

from chalicelib.core.artifact import made_key
from chalicelib.core.chapter import Chapter
from chalicelib.core.ids import BROWSER, ArtifactId, UploadId
from chalicelib.core.order import wish
from chalicelib.core.picture import Picture
from chalicelib.core.session import Camera
from chalicelib.core.settle import Actor
from chalicelib.flows.settle import settle_session
from tests.support.builders import (
    SESSION_ID,
    SESSION_NAME,
    START,
    UPLOAD_ID,
    MemoryPorts,
    make_bodies,
    make_claimed,
    make_picture,
    make_session,
    make_upload,
    memory_ports,
    send_parts,
)
from tests.support.memory import crc64nvme_of

SESSION = f"/v1/sessions/{SESSION_NAME}"
UPLOAD = f"/v1/uploads/{UPLOAD_ID}"
CAMERA = {"serial": "C3501324500711"}
CHAPTERS = f"/v1/cameras/{CAMERA['serial']}/chapters"
CHAPTER = {"directory": "100GOPRO", "filename": "GX010038.MP4", "size_bytes": 25}
ARTIFACT_ID = "original.100GOPRO.GX010038.MP4"
CONFIRMED = {"camera": CAMERA, "chapters": [CHAPTER]}
FILM = {"directory": "000FILMS", "filename": "GX010038.MP4", "size_bytes": 25}
SECOND_FILM = {**FILM, "filename": "GX020038.MP4"}
FILM_ID = "original.000FILMS.GX010038.MP4"
SECOND_FILM_ID = "original.000FILMS.GX020038.MP4"
FILMS = {"camera": {"serial": "browser"}, "chapters": [FILM, SECOND_FILM]}
OPENED_FILM = {"artifact_id": FILM_ID, "size_bytes": 25}
OPENED = {"artifact_id": ARTIFACT_ID, "size_bytes": 25}
BODIES = make_bodies(make_upload().plan)
WHOLE = crc64nvme_of(b"".join(BODIES.values()))
PART_URLS = {
    "parts": [{"number": number, "crc64nvme": crc64nvme_of(body)} for number, body in BODIES.items()]
}
PROOF_URLS = {"ranges": [{"first": 0, "size_bytes": 10}, {"first": 20, "size_bytes": 5}]}
EVIDENCE = {
    "size_bytes": 25,
    "crc64nvme": WHOLE,
    "xxh128": "99aa06d3014798d86001c324468d497f",
    "read_at": "2026-11-21T12:00:00Z",
}
PROGRESS = {
    "bytes_down": 15728640,
    "bytes_up": 10485760,
    "rate_down_bytes_s": 31000000,
    "rate_up_bytes_s": None,
    "spool_bytes": 5242880,
    "disk_free_bytes": 91268055040,
    "clock": "2026-11-21T11:18:00+01:00",
}
ORDER = {"required": ["output.enhanced.mp4", "measurements.frames.json"], "parameters": {"speed_kmh": 7.5}}
FAILURE = {"reason": "the lights cannot be seen"}
HOLD = {"held": True, "reason": "the referee wants to look first"}
RESTORE = {"reason": "the referee asks", "artifacts": [ARTIFACT_ID]}
ENROLLED = {"code": "0000-0000-0000-0000-0000-0001", "secret_digest": "ab" * 32}
"""The first code that `FixedIds` makes."""
SHARED = {"label": "the club's coach", "ttl_s": 3600}
ROTATED = {"secret_digest": "ab" * 32}
OUTPUT_ID = "output.enhanced.mp4"
OPENED_OUTPUT = {"artifact_id": OUTPUT_ID, "size_bytes": 25}


def opened(**changes: Any) -> MemoryPorts:
    """Ports with the usual session and its upload, open, without parts."""
    return memory_ports(make_picture(make_upload(**changes)))


def with_parts(*numbers: int) -> MemoryPorts:
    """Ports with the usual upload and these of its parts (default: all)."""
    ports = opened()
    send_parts(ports.objects, make_upload(), *numbers)
    return ports


def stored(**session: Any) -> MemoryPorts:
    """Ports with the usual session, its only chapter verified; what it owes the queue has been sent."""
    ports = memory_ports(make_picture(make_claimed(), **session))
    send_parts(ports.objects, make_upload())
    settle_session(ports, SESSION_ID, Actor.RECONCILER)
    return ports


def making() -> MemoryPorts:
    """Ports with the usual session, STORED and ordered; the usual upload is of its output, open, with all its parts."""
    chapters = make_claimed(upload_id=UploadId("u_chapter"), multipart_id="multipart-of-the-chapter")
    wanted = make_session().ordered(wish([OUTPUT_ID], {}), START).order
    ports = memory_ports(make_picture(chapters, order=wanted))
    send_parts(ports.objects, chapters)
    picture = settle_session(ports, SESSION_ID, Actor.RECONCILER)
    artifact_id = ArtifactId(OUTPUT_ID)
    output = make_upload(artifact_id=artifact_id, key=made_key(SESSION_ID, 1, artifact_id))
    ports.records.arrange(picture.with_upload(output), due_at=START)
    ports.objects.register(output.key, UPLOAD_ID, output.multipart_id)
    send_parts(ports.objects, output)
    return ports


def from_a_browser() -> MemoryPorts:
    """Ports with the usual session as one of a browser, of two films; the usual upload is the first one's, complete."""
    films = tuple(msgspec.convert(each, Chapter) for each in (FILM, SECOND_FILM))
    upload = make_upload(films[0])
    ports = memory_ports(make_picture(upload, chapters=films, device_id=BROWSER, camera=Camera("browser")))
    send_parts(ports.objects, upload)
    return ports


def picture_of(ports: MemoryPorts) -> Picture:
    picture = ports.records.picture(SESSION_ID)
    assert picture is not None
    return picture
