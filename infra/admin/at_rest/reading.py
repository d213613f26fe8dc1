"""The checksum of exactly one version, computed from its bytes; what differs is read twice before it counts."""

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from botocore.exceptions import ClientError

from chalicelib.aws.errors import code_of
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import StorageBusy, VersionGone
from chalicelib.core.upload import Receipt
from infra.admin.deployment import Refused

PIECE_BYTES = 8 * 2**20
"""What one call reads, and as much memory as each reader needs a few times over."""

_PAUSES_S = (1.0, 4.0, 15.0)
"""After each call to which S3 asks for patience."""


class Objects(Protocol):
    """Of the bucket, what a reader needs."""

    def read_range(self, key: str, version_id: str, first: int, last: int) -> bytes: ...


class Stopped(Exception):
    """Somebody ended the round while a version was being read."""


class End(Enum):
    TRUE = "true"
    DAMAGED = "damaged"
    UNREAD = "unread"


@dataclass(frozen=True)
class Judgement:
    """What two readings of a version say against its receipt; `fault` is why it is not TRUE.

    `note` is of a version that the second reading found true.
    """

    end: End
    fault: str = ""
    note: str = ""


class Pace:
    """How fast all readers together may read, how far they are, and whether they should stop.

    `rate_bytes_s` is None for as fast as they can. `now` is a clock in seconds.
    """

    def __init__(
        self, rate_bytes_s: float | None, now: Callable[[], float], pause: Callable[[float], None]
    ) -> None:
        self._rate_bytes_s = rate_bytes_s
        self._now = now
        self._pause = pause
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._stop = threading.Event()
        self.read_bytes = 0

    def stop(self) -> None:
        """Have every reader end with Stopped before its next call."""
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Wait as long as S3 asks for. Raises Stopped."""
        self._pause(seconds)
        self.demand()

    def demand(self) -> None:
        """Raises Stopped once somebody ended the round."""
        if self._stop.is_set():
            raise Stopped

    def spend(self, size_bytes: int) -> None:
        """Count bytes that were read, and wait until the next ones may be. Raises Stopped."""
        self.demand()
        with self._lock:
            self.read_bytes += size_bytes
            if self._rate_bytes_s is None:
                return
            now = self._now()
            self._free_at = max(self._free_at, now) + size_bytes / self._rate_bytes_s
            wait_s = self._free_at - now
        if wait_s > 0:
            self._pause(wait_s)


def demand_checksums() -> None:
    """Raises Refused where CRC64NVME cannot be computed in reasonable time."""
    try:
        import awscrt.checksums  # noqa: F401
    except ModuleNotFoundError as error:
        raise Refused("this needs awscrt: install the command as reelhaul-admin[verify]") from error


def judge(objects: Objects, receipt: Receipt, pace: Pace) -> Judgement:
    """Whether the receipt is true of the bytes. Raises Stopped.

    Damage is what two whole readings agree on; one that failed proves nothing.
    """
    try:
        first = _fault(objects, receipt, pace)
        if first is None:
            return Judgement(End.TRUE)
        second = _fault(objects, receipt, pace)
    except (StorageBusy, ClientError, OSError) as error:
        return Judgement(End.UNREAD, str(error) or type(error).__name__)
    if second is None:
        return Judgement(End.TRUE, note=f"one of two readings differed ({first}): look at this machine")
    if second != first:
        return Judgement(
            End.UNREAD, f"two readings differ: first {first}, then {second}; look at this machine"
        )
    return Judgement(End.DAMAGED, first)


def _fault(objects: Objects, receipt: Receipt, pace: Pace) -> str | None:
    """What one reading of the version says against its receipt; None when it is true."""
    from awscrt import checksums

    crc, read_bytes = 0, 0
    while read_bytes < receipt.size_bytes:
        # One byte more than there should be: a longer object must not pass for its beginning.
        most = min(PIECE_BYTES, receipt.size_bytes - read_bytes + 1)
        wanted = min(PIECE_BYTES, receipt.size_bytes - read_bytes)
        try:
            piece = read_piece(objects, receipt, read_bytes, most, pace)
        except VersionGone:
            return "S3 holds this version no longer"
        if len(piece) != wanted:
            told = f"more than {receipt.size_bytes}" if len(piece) > wanted else str(read_bytes + len(piece))
            return f"it has {told} bytes; its receipt has {receipt.size_bytes}"
        crc, read_bytes = checksums.crc64nvme(piece, crc), read_bytes + len(piece)
    found = Crc64Nvme(base64.b64encode(crc.to_bytes(8, "big")).decode())
    if found == receipt.crc64nvme:
        return None
    return f"its bytes have CRC64NVME {found}; its receipt has {receipt.crc64nvme}"


def read_piece(objects: Objects, receipt: Receipt, first: int, most: int, pace: Pace) -> bytes:
    """At most `most` bytes of the version, from `first` on; fewer where it ends. Raises VersionGone, Stopped."""
    for pause_s in (*_PAUSES_S, None):
        pace.demand()
        try:
            piece = objects.read_range(receipt.key, receipt.version_id, first, first + most - 1)
        except StorageBusy:
            if pause_s is None:
                raise
            pace.wait(pause_s)
            continue
        except ClientError as error:
            if code_of(error) == "InvalidRange":
                return b""
            raise
        pace.spend(len(piece))
        return piece
    raise AssertionError("unreachable")
