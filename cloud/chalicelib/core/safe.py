"""When a session became safe: the moment of its last receipt, and that at which the camera closed its last chapter."""

from datetime import datetime

from msgspec import Struct


class Safe(Struct, frozen=True):
    """Recorded once, when every chapter of a session has a receipt for the first time.

    `at` is the time of the last receipt, `closed_at` that at which the camera closed the last chapter; both are of the
    coordinator's clock. Without `closed_at`, `unknown` says why. `retried_parts` is how many parts the device had to
    send again, as far as it told. At that moment its cards were read once; what is known of them since is its evidence.
    """

    at: datetime
    closed_at: datetime | None = None
    unknown: str | None = None
    retried_parts: int | None = None

    @property
    def after_s(self) -> int | None:
        """The seconds from the camera's last write to the last receipt; None when nobody knows the former."""
        return None if self.closed_at is None else max(0, round((self.at - self.closed_at).total_seconds()))
