"""What was heard of a device last, and how long it has been silent."""

from datetime import datetime

from msgspec import Struct

from chalicelib.core.ids import DeviceId, SessionId


class Heard(Struct, frozen=True):
    """The last heartbeat of a device, whichever session it was for. `heard_at` is the coordinator's clock."""

    device_id: DeviceId
    session_id: SessionId
    heard_at: datetime
    rate_up_bytes_s: int | None = None
    spool_bytes: int | None = None
    disk_free_bytes: int | None = None
    client_version: str | None = None


class Silence(Struct, frozen=True):
    """How long a device has been silent; `is_hauling` while the session of its last heartbeat has chapters that wait.

    A device that is not hauling has nothing to tell: its silence says nothing.
    """

    heard: Heard
    silent_s: int
    is_hauling: bool
