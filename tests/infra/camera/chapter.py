"""The chapter that faults are ordered of: asked for in parts, and what its bytes truly are."""

from infra.local.camera import Camera, chapter_path
from tests.infra.raw_http import Reply, ask

CHAPTER = chapter_path("GX010038.MP4")
SIZE = 3_000_000


def part(camera: Camera, first: int, last: int) -> Reply:
    return ask(camera, CHAPTER, Range=f"bytes={first}-{last}")


def true_bytes(camera: Camera, first: int = 0, last: int = SIZE - 1) -> bytes:
    return camera.card.files()[0][1].content.read(first, last - first + 1)
