"""Which camera recorded what is on a card.

| the camera | whose a recording is |
|---|---|
| says who it is (HERO12 and newer) | the camera's that shows it, also where the card was in another one before |
| does not (HERO9 to HERO11) | that of the camera whose serial its own films have |
| does not, and nor do its films | that of the one camera that all other films on the card are of; else nobody knows |

The order in which the camera lists its files decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_client.base.errors import Refused
from edge_client.haul.camera_session import CameraSession
from edge_client.model.files import CameraFile
from edge_client.model.haul_state import KnownChapter
from edge_client.model.plan import CameraIdentity
from edge_client.model.recordings import Recording


class Origins:
    """The cameras of the recordings of a card; each film is read at most once."""

    def __init__(self, camera: CameraSession, card: Sequence[Recording]) -> None:
        self._camera = camera
        self._card = card

    def of(self, recording: Recording) -> CameraIdentity | None:
        """The camera that recorded it, or None when nothing says which."""
        if itself := self._camera.itself():
            return itself
        serial = self._own(recording) or self._only()
        return CameraIdentity(serial, None, None) if serial else None

    def known(self, recording: Recording) -> CameraIdentity:
        """The camera that recorded it. Raises Refused when nothing says which."""
        if found := self.of(recording):
            return found
        others = sorted({own for one in self._card if (own := self._own(one))})
        besides = f", and the other films on it are of cameras {', '.join(others)}" if others else ""
        raise Refused(
            f"{recording.label}: neither the camera nor this film says which camera recorded it{besides}; "
            "copy it by hand"
        )

    def serials(self, recording: Recording) -> dict[CameraFile, str]:
        """The serial of each of its films; empty when nothing says which camera recorded it."""
        camera = self.of(recording)
        if camera is None:
            return {}
        if self._camera.itself():
            return dict.fromkeys(recording.files, camera.serial)
        return {file: self._camera.recorder_of(file) or camera.serial for file in recording.files}

    def known_of(
        self, recording: Recording, known: Mapping[str, Sequence[KnownChapter]]
    ) -> list[KnownChapter]:
        """What is known of its films, each only from the camera that recorded it; `known` is by serial."""
        return [
            chapter
            for file, serial in self.serials(recording).items()
            for chapter in known.get(serial, ())
            if chapter.path == file.path
        ]

    def may_be_of(self, camera: CameraIdentity, file: CameraFile) -> bool:
        """Whether nothing says that another camera recorded this file."""
        itself = self._camera.itself()
        serial = itself.serial if itself else self._camera.recorder_of(file)
        return serial in (None, camera.serial)

    def _own(self, recording: Recording) -> str | None:
        """The serial in its files, from the first that has one; `CameraSession.freeze` refuses a session of several."""
        return next((own for file in recording.files if (own := self._camera.recorder_of(file))), None)

    def _only(self) -> str | None:
        """The serial that all films of the card agree on."""
        found = {own for one in self._card if (own := self._own(one))}
        return found.pop() if len(found) == 1 else None
