"""Where the files of a session's plan are now: on the card of its camera, or not there any more.

The list alone proves nothing: a camera may leave a file out, or give an empty list. A file is gone only where the
camera of the plan's serial neither lists nor serves it. What cannot be told is unknown, and unknown means keep.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

from edge_client.base.errors import Refused, Unsettled
from edge_client.haul.camera_session import CameraSession
from edge_client.model.files import CameraFile, Likeness, likeness
from edge_client.model.listing import Listed
from edge_client.model.plan import ChapterPlan, SessionPlan
from edge_client.model.recordings import recordings


class Whereabouts(enum.Enum):
    """Where one planned file is."""

    ON_CARD = "on the card"
    GONE = "not on the card any more"
    REPLACED = "another file is on the card under its name"
    UNKNOWN = "not known"

    @property
    def is_lost(self) -> bool:
        """Whether no read of this card can bring the planned file any more."""
        return self in (Whereabouts.GONE, Whereabouts.REPLACED)


def find_files(
    camera: CameraSession, plan: SessionPlan, chapters: Iterable[ChapterPlan]
) -> Mapping[str, Whereabouts]:
    """Where each of these chapters of the plan is, by path, as the camera shows it now.

    Raises PlanDiffers when another camera answers, and what keeps the camera or its card from being read.
    """
    listed = camera.read_list()
    camera.refuse_other_cards(plan, (one.files[0] for one in recordings(listed.files)))
    return {chapter.path: _find(camera, listed, chapter) for chapter in chapters}


def _find(camera: CameraSession, listed: Listed, chapter: ChapterPlan) -> Whereabouts:
    """Where one file is. That it is lost, two answers must say: a camera may answer oddly once."""
    try:
        found = _look(camera, listed, chapter)
        return found if not found.is_lost or found is _look(camera, listed, chapter) else Whereabouts.UNKNOWN
    except (Refused, Unsettled):
        return Whereabouts.UNKNOWN


def _look(camera: CameraSession, listed: Listed, chapter: ChapterPlan) -> Whereabouts:
    for file in listed.files:
        if file.path == chapter.path:
            return _compare(camera, file, chapter)
    return _look_unlisted(camera, listed, chapter)


def _compare(camera: CameraSession, file: CameraFile, chapter: ChapterPlan) -> Whereabouts:
    served = camera.look(file)
    if likeness(served, chapter.file_identity) is not Likeness.OTHER:
        return Whereabouts.ON_CARD
    is_other_etag = served.etag not in (None, chapter.etag)
    # Where the list alone differs, it may be the list that is wrong.
    is_other = is_other_etag or served.file.size_bytes != chapter.size_bytes
    return Whereabouts.REPLACED if is_other else Whereabouts.UNKNOWN


def _look_unlisted(camera: CameraSession, listed: Listed, chapter: ChapterPlan) -> Whereabouts:
    may_be_it = any(
        each.entry.directory in (None, chapter.directory) and each.entry.filename in (None, chapter.filename)
        for each in listed.unreadable
    )
    is_empty = not listed.entries and listed.witnesses.videos != 0
    if may_be_it or is_empty or camera.serves(chapter):
        return Whereabouts.UNKNOWN
    return Whereabouts.GONE
