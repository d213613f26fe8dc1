"""What the sink holds: uploads and objects by name and size, never their bytes; and who was sent what how often."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from itertools import count

ETAG = '"0123456789abcdef0123456789abcdef"'
"""Of whatever the sink has: it looks like an ETag and is no digest."""


@dataclass(frozen=True)
class Part:
    """A part that was taken; `crc` is None where the client stated none."""

    size_bytes: int
    crc: int | None


@dataclass
class Multipart:
    """An upload under way."""

    upload_id: str
    key: str
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass
class Ledger:
    """The PUTs of one key's parts, over all of its uploads."""

    begun: int = 0
    stored: set[int] = field(default_factory=set)
    in_flight: set[int] = field(default_factory=set)
    excused: set[int] = field(default_factory=set)
    excused_again: int = 0
    resent: int = 0


class UnknownUpload(Exception):
    """No upload of this id is under way."""


class Storage:
    """Uploads and objects; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._uploads: dict[str, Multipart] = {}
        self._objects: dict[str, int] = {}
        self._ledgers: dict[str, Ledger] = {}

    def create(self, key: str) -> str:
        """A new upload's id."""
        with self._lock:
            upload = Multipart(f"m{next(self._numbers)}", key)
            self._uploads[upload.upload_id] = upload
            return upload.upload_id

    def begin_part(self, upload_id: str, number: int) -> None:
        """A PUT has begun. Of a part that was stored before, it is sent again."""
        with self._lock:
            ledger = self._ledger(self._upload(upload_id).key)
            ledger.begun += 1
            ledger.in_flight.add(number)
            if number not in ledger.stored:
                return
            if number in ledger.excused:
                ledger.excused.remove(number)
                ledger.excused_again += 1
            else:
                ledger.resent += 1

    def end_part(self, upload_id: str, number: int, part: Part | None) -> None:
        """A PUT has ended: with its part, or broken."""
        with self._lock:
            upload = self._upload(upload_id)
            ledger = self._ledger(upload.key)
            ledger.in_flight.discard(number)
            if part is not None:
                upload.parts[number] = part
                ledger.stored.add(number)

    def parts(self, upload_id: str) -> dict[int, Part]:
        with self._lock:
            return dict(self._upload(upload_id).parts)

    def complete(self, upload_id: str) -> int:
        """Make the upload an object; its size."""
        with self._lock:
            upload = self._upload(upload_id)
            del self._uploads[upload_id]
            size_bytes = sum(part.size_bytes for part in upload.parts.values())
            self._objects[upload.key] = size_bytes
            return size_bytes

    def abort(self, upload_id: str) -> None:
        with self._lock:
            self._uploads.pop(upload_id, None)

    def put(self, key: str, size_bytes: int) -> None:
        with self._lock:
            self._objects[key] = size_bytes

    def size_of(self, key: str) -> int | None:
        with self._lock:
            return self._objects.get(key)

    def excuse_in_flight(self) -> int:
        """The client was killed: whatever is in flight may be sent once more. How many parts that is."""
        with self._lock:
            for ledger in self._ledgers.values():
                ledger.excused |= ledger.in_flight
            return sum(len(ledger.in_flight) for ledger in self._ledgers.values())

    def ledger(self, key: str) -> Ledger:
        """A copy of the key's ledger."""
        with self._lock:
            found = self._ledger(key)
            return Ledger(
                found.begun,
                set(found.stored),
                set(found.in_flight),
                set(found.excused),
                found.excused_again,
                found.resent,
            )

    def _upload(self, upload_id: str) -> Multipart:
        if upload_id not in self._uploads:
            raise UnknownUpload(upload_id)
        return self._uploads[upload_id]

    def _ledger(self, key: str) -> Ledger:
        return self._ledgers.setdefault(key, Ledger())
