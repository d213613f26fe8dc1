"""The guarantee clock: how long after the camera closed a session's last chapter the last receipt was written.

A camera dates its files by its own wall clock, which nobody sets. A device that is at the camera tells with each
heartbeat what that clock shows; so the coordinator knows how far it is ahead of its own.
"""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from chalicelib.core.picture import Picture, Progress
from chalicelib.core.safe import Safe
from chalicelib.core.session import Origin
from chalicelib.core.times import DAY_S

WITHIN_S = 300
"""What is promised: a session is safe within five minutes after the camera closed its last chapter."""

_TOLERANCE_S = 60
"""How much later than the coordinator heard of a chapter the camera may have closed it: what clocks may differ."""
_OLDEST_S = 366 * DAY_S
"""A chapter that would be older was dated by a clock that somebody set since."""

_OF_THE_CAMERA = ("camera_ahead_s", "last_chapter_s", "retried_parts")
"""What a heartbeat may leave out."""

_NO_CLOCK = "the device did not tell what the camera's clock shows"
_NO_BEGINNING = "the camera does not say when the last chapter began"
_NO_LENGTH = "the camera does not say how long the last chapter is"
_CLOCK_WAS_SET = "the camera's clock was set after the last chapter was recorded"
_IMPORTED = "the session was imported"
_OF_A_BROWSER = "the films come from a browser, which knows of no camera"


def safe_now(picture: Picture) -> Safe:
    """What to record of a session all of whose chapters have a receipt."""
    at = max(receipt.verified_at for receipt in picture.originals)
    closed_at, unknown = last_closed_at(picture)
    return Safe(at, closed_at, unknown, picture.progress.retried_parts if picture.progress else None)


def last_closed_at(picture: Picture) -> tuple[datetime | None, str | None]:
    """When the camera closed the last chapter, by the coordinator's clock; or None, and why nobody knows.

    A camera's list has the second in which it began a chapter, twice: as `created` and as `modified`. So a chapter was
    closed as many seconds later as it plays; one that plays faster than it was recorded was closed later than that.
    """
    if picture.session.origin is not Origin.DEVICE:
        return None, _IMPORTED if picture.session.storage else _OF_A_BROWSER
    began = picture.chapters[-1].created if picture.chapters else None
    progress = picture.progress
    if began is None:
        return None, _NO_BEGINNING
    if progress is None or progress.camera_ahead_s is None:
        return None, _NO_CLOCK
    if progress.last_chapter_s is None:
        return None, _NO_LENGTH
    closed_s = began + progress.last_chapter_s - progress.camera_ahead_s
    heard_s = picture.session.created_at.timestamp()
    if not heard_s - _OLDEST_S <= closed_s <= heard_s + _TOLERANCE_S:
        return None, _CLOCK_WAS_SET
    return datetime.fromtimestamp(closed_s, UTC), None


def with_what_was_told(progress: Progress, before: Progress | None) -> Progress:
    """A heartbeat, and what only an earlier one told: the camera may be away now."""
    if before is None:
        return progress
    kept = {name: getattr(before, name) for name in _OF_THE_CAMERA if getattr(progress, name) is None}
    return replace(progress, **kept)


def clear_at(waiting_bytes: int, progress: Progress | None) -> datetime | None:
    """When these bytes would be up at the rate of the last heartbeat; None without a rate, or when nothing waits."""
    if not waiting_bytes or progress is None or not progress.rate_up_bytes_s:
        return None
    return progress.heard_at + timedelta(seconds=waiting_bytes / progress.rate_up_bytes_s)
