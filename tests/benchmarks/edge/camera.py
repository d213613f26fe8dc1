"""The camera simulator, in a process of its own."""

from __future__ import annotations

from infra.local import camera
from tests.benchmarks.edge.chapter import Chapter


class Camera:
    """One camera with one chapter."""

    def __init__(self, chapter: Chapter, rate_bytes_s: float | None) -> None:
        self._camera = camera.Camera(chapter.card, pace_bytes_s=rate_bytes_s).start()

    def url(self) -> str:
        return self._camera.url

    def close(self) -> None:
        self._camera.close()
