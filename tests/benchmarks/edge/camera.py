"""The camera simulator, in a process of its own."""

from __future__ import annotations

from infra.local import camera
from tests.benchmarks.edge.chapter import Chapter, card_of


class Camera:
    """One camera with some chapters."""

    def __init__(self, rate_bytes_s: float | None, *chapters: Chapter) -> None:
        self._camera = camera.Camera(card_of(chapters), pace_bytes_s=rate_bytes_s).start()

    def url(self) -> str:
        return self._camera.url

    def close(self) -> None:
        self._camera.close()
