"""How much callers may do: the figures of a deployment, and the windows of time in which it counts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum

from msgspec import Struct

from chalicelib.core.chapter import EXTENSIONS, Chapter
from chalicelib.core.errors import InvalidRequest, TooLarge
from chalicelib.core.tokens import Principal, Role

LONGEST_WAIT_S = 900
"""The longest wait that a refused caller is told: a limit may be raised, and room may come, before its window ends."""


class Quota(Struct, frozen=True):
    """The most that one caller, or one project, may have open or do in a window; None is no limit."""

    open_sessions: int | None = None
    open_uploads: int | None = None
    bytes_a_day: int | None = None
    calls_a_minute: int | None = None
    orders_an_hour: int | None = None


class Limits(Struct, frozen=True):
    """The limits of a deployment. A caller is a device with all of its tokens, or any other token."""

    caller: Quota = Quota()
    project: Quota = Quota()
    extensions: tuple[str, ...] = EXTENSIONS
    largest_file_bytes: int | None = None

    def demand_chapters(self, chapters: Sequence[Chapter]) -> None:
        """Raises InvalidRequest and TooLarge, naming the file, for a chapter that may not be hauled here."""
        for chapter in chapters:
            if not chapter.filename.lower().endswith(self.extensions):
                allowed = " and ".join(self.extensions)
                raise InvalidRequest(f"{chapter.name}: only files that end in {allowed} are taken here")
            self.demand_size(chapter.name, chapter.size_bytes)

    def demand_size(self, name: str, size_bytes: int) -> None:
        """Raises TooLarge, naming the file, for more bytes than a file may have here."""
        most = self.largest_file_bytes
        if most is not None and size_bytes > most:
            raise TooLarge(f"{name} has {size_bytes} bytes; files of at most {most} bytes are taken here")


UNLIMITED = Limits()


class Windowed(Enum):
    """What counts within a window of so many seconds; its name is a figure of a Quota."""

    calls_a_minute = 60
    orders_an_hour = 3_600
    bytes_a_day = 86_400


class Window(Struct, frozen=True):
    """One window of one owner; windows begin at whole minutes, hours and days in UTC."""

    owner: str
    what: Windowed
    began_at: datetime

    @property
    def ends_at(self) -> datetime:
        return datetime.fromtimestamp(self.began_at.timestamp() + self.what.value, UTC)

    def wait_s(self, now: datetime) -> int:
        """Whole seconds until it ends, at least one, and no more than a caller is told to wait."""
        left_s = -int((now - self.ends_at).total_seconds() // 1)
        return max(1, min(left_s, LONGEST_WAIT_S))


def window(owner: str, what: Windowed, now: datetime) -> Window:
    """The window of `owner` that has `now`."""
    seconds = int(now.timestamp())
    return Window(owner, what, datetime.fromtimestamp(seconds - seconds % what.value, UTC))


def caller_of(principal: Principal) -> str | None:
    """Who counts as one caller; None for an operator's command, which has AWS credentials and no limits."""
    if principal.role is Role.DEVICE:
        return f"DEVICE#{principal.project}/{principal.device_id}"
    return f"TOKEN#{principal.token_id}" if principal.token_id else None


def project_of(project: str) -> str:
    """A project as the owner of windows."""
    return f"PROJECT#{project}"
