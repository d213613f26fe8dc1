"""What is known of a camera: so that a device can tell what of its card is hauled, by whomever."""

from collections.abc import Iterator, Sequence
from itertools import islice

from msgspec import Struct

from chalicelib.core.picture import Picture
from chalicelib.core.tokens import Principal
from chalicelib.ports import Listed, Ports

MOST_SESSIONS = 20
"""The most sessions of one page; each needs its own query."""

ENOUGH_CHAPTERS = 200
"""A page ends after so many: with a last session of 99 it stays below half of what a function may answer, 6 MB.

Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""


class KnownSessions(Struct, frozen=True):
    """A page of a camera's sessions, the newest first; the next one continues after `ends_with`, None at the end."""

    pictures: tuple[Picture, ...]
    ends_with: Listed | None


def list_known_sessions(
    ports: Ports, principal: Principal, project: str, serial: str, after: Listed | None
) -> KnownSessions:
    """The camera's sessions after `after` in `project`, hauled by any device. Raises NotFound.

    So a device sees more here than anywhere else: see docs/decisions/0008-known-chapters.md. The list of sessions may
    lag behind writes; the facts of each do not.
    """
    project = principal.meant_project(project)
    listed = ports.records.sessions_of_camera(serial, project, after, MOST_SESSIONS + 1)
    page = list(islice(_read(ports, listed), MOST_SESSIONS))
    pictures = tuple(picture for _, picture in page if picture and picture.session.project == project)
    return KnownSessions(pictures, page[-1][0] if len(page) < len(listed) else None)


def _read(ports: Ports, listed: Sequence[Listed]) -> Iterator[tuple[Listed, Picture | None]]:
    """The sessions of `listed`, one after the other, until there are enough chapters."""
    chapters = 0
    for each in listed:
        if chapters >= ENOUGH_CHAPTERS:
            return
        picture = ports.records.picture(each.session_id)
        chapters += len(picture.chapters) if picture else 0
        yield each, picture
