"""What happens to the camera while a client is at work: another card, another state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from infra.local.camera.card import Card
from infra.local.camera.faults.effect import Disturbed, Effect
from infra.local.camera.state import CameraState


@dataclass(frozen=True)
class CardChanges(Effect):
    """From this request on the camera has the card that `change` makes of its own: a file grew, was repaired or is
    gone, or the card is another; with another serial it is another camera at the same address."""

    change: Callable[[Card], Card]

    def happen(self, camera: Disturbed, /) -> None:
        camera.card = self.change(camera.card)


@dataclass(frozen=True)
class StateChanges(Effect):
    """From this request on the camera is in the state that `change` makes of its own."""

    change: Callable[[CameraState], CameraState]

    def happen(self, camera: Disturbed, /) -> None:
        camera.state = self.change(camera.state)
