"""A look at a card beside what the coordinator knows of its camera. Nothing is changed, and nothing is erased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_client.chapters import CameraFile, recordings, strangers
from edge_client.coordinator import Coordinator
from edge_client.names import is_video
from edge_client.plan import CameraIdentity
from edge_client.proving import Proving
from edge_client.standings import KnownChapter, RecordingStanding, standings
from edge_client.tools import Tools
from edge_client.visit import Visit


@dataclass(frozen=True)
class Survey:
    """What is on a card and how it stands.

    `strangers` are videos that are no chapters, `others` counts photos and whatever else is listed. Without a
    coordinator nothing is known: `is_asked` is false and every file counts as missing.
    """

    camera: CameraIdentity
    recordings: tuple[RecordingStanding, ...]
    strangers: tuple[CameraFile, ...]
    others: int
    is_asked: bool
    known: tuple[KnownChapter, ...] = ()

    @property
    def all_home(self) -> bool:
        """Whether every video of the card is verified."""
        return self.is_asked and not self.strangers and all(one.standing.is_home for one in self.recordings)


def surveyed(visit: Visit, coordinator: Coordinator | None) -> Survey:
    """The card as it is now. Raises what keeps it from being read."""
    listed = visit.files()
    card = recordings(listed)
    camera = _camera(visit, [file for one in card for file in one.files] or listed)
    known = coordinator.known_chapters(camera.serial) if coordinator and camera.serial else ()
    return Survey(
        camera,
        standings(card, known),
        tuple(strangers(listed)),
        sum(not is_video(file.filename) for file in listed),
        coordinator is not None,
        known,
    )


def _camera(visit: Visit, listed: Sequence[CameraFile]) -> CameraIdentity:
    """Who the camera is; on an empty card some cameras do not say."""
    if listed:
        return visit.identity(listed[0])
    found = visit.tools.retry.run("the camera's identity", visit.tools.camera.info)
    return found or CameraIdentity("", None, None)


def proven(visit: Visit, tools: Tools, survey: Survey) -> Survey:
    """The survey with each hauled file held against the camera, and against S3 where another device hauled it.

    Before anybody erases anything: a list tells names, sizes and dates, and this also tells a repaired file, and what
    another device only claims to have hauled.
    """
    card = [one.recording for one in survey.recordings]
    found = Proving(tools, visit, survey.camera.serial).standings(card, survey.known)
    return replace(survey, recordings=found)


def lengths_s(visit: Visit, survey: Survey) -> dict[str, int | None]:
    """How long each chapter of the card is, by path, where the camera says so."""
    return {file.path: visit.length_s(file) for one in survey.recordings for file in one.recording.files}
