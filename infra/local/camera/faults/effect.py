"""What a fault does: a small class that overrides one of three methods."""

from __future__ import annotations

from typing import Protocol

from infra.local.camera.card import Card
from infra.local.camera.state import CameraState
from infra.local.camera.wire import Answer, Request


class Disturbed(Protocol):
    """What may change under a client: the card and what the camera is doing."""

    card: Card
    state: CameraState


class Effect:
    """An answer without a fault."""

    def happen(self, camera: Disturbed, /) -> None:
        """Changes the camera before it answers."""

    def request(self, request: Request, /) -> Request:
        """What the camera hears."""
        return request

    def answer(self, answer: Answer, /) -> Answer:
        """What it says."""
        return answer
