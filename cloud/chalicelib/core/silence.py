"""When the silence of a device is an alarm: it was hauling when it was heard last, and that is too long ago.

All times are of the coordinator's clock; what a device says of its own clock counts for nothing.
"""

from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core.ids import DeviceId, SessionId
from chalicelib.core.notices import Notice, NoticeKind
from chalicelib.core.picture import Picture

AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)
"""When to look at a device that was silent and is heard again: a time that is always past."""


class Watch(Struct, frozen=True):
    """The last heartbeat of a device, for which session it was, and since when its silence is known.

    `silent_since` is the time of the heartbeat before a silence that was noticed; None while none was.
    """

    project: str
    device_id: DeviceId
    session_id: SessionId
    heard_at: datetime
    silent_since: datetime | None = None

    @property
    def is_heard_again(self) -> bool:
        """Whether it was heard since its silence was noticed."""
        return self.silent_since is not None and self.heard_at > self.silent_since

    def is_silent(self, now: datetime, silent_s: int) -> bool:
        return now >= self.heard_at + timedelta(seconds=silent_s)

    def silenced(self) -> "Watch":
        return replace(self, silent_since=self.heard_at)

    def heard_again(self) -> "Watch":
        return replace(self, silent_since=None)


def look_at(heard_at: datetime, silent_s: int) -> datetime:
    """When to look whether a device has been silent for `silent_s`: then, at the next whole minute.

    So of the four heartbeats of a minute one moves the watch's place in the index, and the others cost no write there.
    """
    exact = (heard_at + timedelta(seconds=silent_s)).astimezone(UTC)
    minute = exact.replace(second=0, microsecond=0)
    return minute if minute == exact else minute + timedelta(minutes=1)


def silence_notice(watch: Watch, picture: Picture, now: datetime) -> Notice:
    """What to tell of a device that fell silent while it hauled."""
    waiting = len(picture.missing)
    return _notice(
        watch,
        NoticeKind.SILENT,
        now,
        f"last heard at {watch.heard_at:%Y-%m-%d %H:%M:%S} UTC, with {waiting} "
        f"chapter{'s' * (waiting > 1)} of this session still to come",
    )


def return_notice(watch: Watch, now: datetime) -> Notice:
    """What to tell of a device that is heard again."""
    return _notice(
        watch, NoticeKind.HEARD, now, f"it was silent since {watch.silent_since:%Y-%m-%d %H:%M:%S} UTC"
    )


def _notice(watch: Watch, kind: NoticeKind, now: datetime, detail: str) -> Notice:
    since = watch.silent_since or watch.heard_at
    return Notice(
        f"{watch.device_id}@{since:%Y-%m-%dT%H:%M:%SZ}/{kind.value}",
        kind,
        watch.project,
        now,
        detail,
        watch.session_id,
        watch.device_id,
    )
