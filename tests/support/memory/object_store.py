"""A bucket in memory that refuses what S3 refuses: versions, delete markers, a register of multipart uploads."""

import base64
import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from awscrt import checksums
from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core import keys
from chalicelib.core.cleanup import CLEANED_TAG, KEPT_TAG, Bucket
from chalicelib.core.crc import Crc64Nvme, fold
from chalicelib.core.errors import (
    KeyTaken,
    MultipartGone,
    PartsRefused,
    RemovalRefused,
    TooLarge,
    VersionGone,
)
from chalicelib.core.ids import UploadId
from chalicelib.core.parts import MOST_PARTS, LandedPart, PartPlan, StoredPart
from chalicelib.core.upload import StoredObject
from chalicelib.ports import Clock, OpenMultipart
from tests.support.memory.ambient import START, MovableClock

COMPLETED = "ObjectCreated:CompleteMultipartUpload"
PUT = "ObjectCreated:Put"
POSTED = "ObjectCreated:Post"
"""What S3 calls the ways in which an object comes into being."""

_MOST_REMEMBERED_BYTES = 64 * 2**10
"""Tests ask for checksums of the same few small bodies again and again; larger bodies are not kept for that."""


def _remembering(checksum: Callable[[bytes], str]) -> Callable[[bytes], str]:
    """`checksum`, which works out that of a small body once."""
    remembered = lru_cache(maxsize=1024)(checksum)
    return lambda body: remembered(body) if len(body) <= _MOST_REMEMBERED_BYTES else checksum(body)


def crc64nvme_of(body: bytes) -> Crc64Nvme:
    """The CRC64NVME of `body`, as S3 writes it."""
    return Crc64Nvme(_crc64nvme(body))


@_remembering
def _crc64nvme(body: bytes) -> str:
    return base64.b64encode(checksums.crc64nvme(body).to_bytes(8, "big")).decode()


@_remembering
def _md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


class Refused(Exception):
    """S3's answer to a device whose part it does not take."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


class Version(Struct, frozen=True):
    """One version of a key, and when it was written; `stored` is None for a delete marker."""

    version_id: str
    stored: StoredObject | None
    body: bytes = b""
    at: datetime = START


def _tell_nobody(event: str, stored: StoredObject) -> None:
    """What becomes of the bucket's events unless a test listens."""


@dataclass
class _Multipart:
    key: str
    upload_id: UploadId
    initiated_at: datetime
    bodies: dict[int, bytes] = field(default_factory=dict)


class MemoryObjectStore:
    """The bucket. Beside the port's methods it has what devices and strangers do to a bucket.

    `on_created` gets every event of S3 as it arises: its name, such as `ObjectCreated:Put`, and the new object.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or MovableClock()
        self._numbers = itertools.count(1)
        self._multiparts: dict[str, _Multipart] = {}
        self._versions: dict[str, list[Version]] = {}
        self._hidden: set[str] = set()
        self.on_created: Callable[[str, StoredObject], None] = _tell_nobody
        self.refuses_removals = False
        self._tags: dict[str, dict[str, str]] = {}
        self.promise = Bucket(
            is_versioned=True, keeps_days=dict.fromkeys(keys.CLEANED, 14), at=self._clock.now()
        )

    def create_multipart(self, key: str, upload_id: UploadId) -> str:
        multipart_id = f"multipart-{next(self._numbers)}"
        self.register(key, upload_id, multipart_id)
        return multipart_id

    def open_landing(self, key: str, upload_id: UploadId) -> str:
        return self.create_multipart(key, upload_id)

    def landed_parts(self, key: str, multipart_id: str) -> tuple[LandedPart, ...]:
        held = sorted(self._open(key, multipart_id).bodies.items())
        return tuple(LandedPart(number, len(body), _etag(body).strip('"')) for number, body in held)

    def complete_landing(
        self, key: str, multipart_id: str, parts: Sequence[LandedPart], size_bytes: int
    ) -> None:
        bodies = self._open(key, multipart_id).bodies
        stored = [
            StoredPart(each.number, each.size_bytes, _crc_of(bodies, each), f'"{each.etag}"')
            for each in parts
        ]
        whole = fold((part.crc64nvme, part.size_bytes) for part in stored)
        self._assemble(key, multipart_id, stored, whole, size_bytes)

    def parts(self, key: str, multipart_id: str) -> tuple[StoredPart, ...]:
        return tuple(
            _stored(number, body) for number, body in sorted(self._open(key, multipart_id).bodies.items())
        )

    def complete(
        self, key: str, multipart_id: str, parts: Sequence[StoredPart], crc64nvme: Crc64Nvme, size_bytes: int
    ) -> None:
        self._open(key, multipart_id)
        _demand_no_gap(parts)
        self._assemble(key, multipart_id, parts, crc64nvme, size_bytes)

    def _assemble(
        self, key: str, multipart_id: str, parts: Sequence[StoredPart], crc64nvme: Crc64Nvme, size_bytes: int
    ) -> None:
        multipart = self._open(key, multipart_id)
        _demand_listed(multipart.bodies, parts)
        body = b"".join(multipart.bodies[part.number] for part in parts)
        _demand_whole(parts, body, crc64nvme, size_bytes)
        if self.head(key):
            raise KeyTaken(f"an object stands on {key}")
        del self._multiparts[multipart_id]
        digests = bytes.fromhex("".join(_md5(multipart.bodies[part.number]) for part in parts))
        self._put(key, body, multipart.upload_id, f'"{_md5(digests)}-{len(parts)}"', COMPLETED)

    def abort(self, key: str, multipart_id: str) -> bool:
        multipart = self._multiparts.get(multipart_id)
        if multipart and multipart.key == key:
            del self._multiparts[multipart_id]
        return True

    def head(self, key: str) -> StoredObject | None:
        versions = self._versions.get(key)
        stored = versions[-1].stored if versions else None
        return replace(stored, crc64nvme=None) if stored and key in self._hidden else stored

    def read(self, key: str, most_bytes: int) -> bytes | None:
        if self.head(key) is None:
            return None
        if len(self.body(key)) > most_bytes:
            raise TooLarge(f"{key} has more than {most_bytes} bytes")
        return self.body(key)

    def read_range(self, key: str, version_id: str, first: int, last: int) -> bytes:
        return self._version(key, version_id).body[first : last + 1]

    def tags(self, key: str, version_id: str) -> Mapping[str, str]:
        self._version(key, version_id)
        return dict(self._tags.get(version_id, {}))

    def give_tag(self, key: str, name: str, value: str) -> None:
        """One more tag of the current version, as a scanner gives it; others that the version has stay."""
        stored = self.head(key)
        assert stored, f"nothing stands on {key}"
        self._tags[stored.version_id] = {**self._tags.get(stored.version_id, {}), name: value}

    def copy_part(
        self,
        key: str,
        multipart_id: str,
        version_id: str,
        plan: PartPlan,
        number: int,
        source_key: str | None = None,
    ) -> StoredPart:
        multipart = self._open(key, multipart_id)
        start = plan.start_of(number)
        body = self._version(source_key or key, version_id).body[start : start + plan.size_of(number)]
        multipart.bodies[number] = body
        return _stored(number, body)

    def bucket(self) -> Bucket:
        return replace(self.promise, at=self._clock.now())

    def remove(self, key: str, etag: str) -> None:
        if not keys.may_be_removed(key):
            raise ValueError(f"{key} is never removed")
        if self.refuses_removals:
            raise RemovalRefused(f"S3 refuses to remove {key}: AccessDenied", "AccessDenied")
        current = self.head(key)
        if current and current.etag == etag:
            self.mark_deleted(key)

    def tag_cleaned(self, key: str, version_id: str) -> None:
        self._tag(key, version_id, CLEANED_TAG)

    def untag_cleaned(self, key: str, version_id: str) -> None:
        self._tag(key, version_id, KEPT_TAG)

    def multiparts(self, prefix: str, after_key: str = "") -> Iterator[OpenMultipart]:
        listed = sorted((multipart.key, multipart_id) for multipart_id, multipart in self._multiparts.items())
        for key, multipart_id in listed:
            if key.startswith(prefix) and key > after_key:
                yield OpenMultipart(key, multipart_id, self._multiparts[multipart_id].initiated_at)

    def register(self, key: str, upload_id: UploadId, multipart_id: str) -> None:
        """A multipart upload under an id that the test chose."""
        self._multiparts[multipart_id] = _Multipart(key, upload_id, self._clock.now())

    def put_part(
        self, key: str, multipart_id: str, number: int, body: bytes, crc64nvme: Crc64Nvme | None = None
    ) -> str:
        """A part as a device sends it, with its CRC (default: the right one); answers the ETag. Raises Refused."""
        if not 1 <= number <= MOST_PARTS:
            raise Refused(400, "InvalidArgument")
        if crc64nvme not in (None, crc64nvme_of(body)):
            raise Refused(400, "BadDigest")
        try:
            self._open(key, multipart_id).bodies[number] = body
        except MultipartGone as error:
            raise Refused(404, "NoSuchUpload") from error
        return _etag(body)

    def put_once(self, key: str, body: bytes, upload_id: UploadId, crc64nvme: Crc64Nvme) -> str:
        """A whole object as a browser sends it, with its CRC; answers the ETag. Raises Refused."""
        if crc64nvme != crc64nvme_of(body):
            raise Refused(400, "BadDigest")
        if self.head(key):
            raise Refused(412, "PreconditionFailed")
        self._put(key, body, upload_id, _etag(body))
        return _etag(body)

    def bodies(self, multipart_id: str) -> dict[int, bytes]:
        """The parts of a multipart upload as they are held, by number, for a test to lose or spoil."""
        return self._multiparts[multipart_id].bodies

    def put_object(self, key: str, body: bytes) -> None:
        """An object that somebody wrote past the coordinator."""
        self._put(key, body, None, _etag(body))

    def land(self, key: str, body: bytes, upload_id: UploadId) -> None:
        """An object that a browser's form wrote."""
        self._put(key, body, upload_id, _etag(body), POSTED)

    def put_without_crc64nvme(self, key: str, body: bytes) -> None:
        """An object whose writer had S3 keep another checksum."""
        self.put_object(key, body)
        [*others, last] = self._versions[key]
        assert last.stored
        self._versions[key] = [*others, replace(last, stored=replace(last.stored, crc64nvme=None))]

    def hide_checksums(self, *keys_hidden: str) -> None:
        """From now on S3 tells no checksum of what stands on these keys: its KMS key is not ours to use."""
        self._hidden = set(keys_hidden)

    def rot(self, key: str, version_id: str | None = None, at: int = 0) -> None:
        """Flip one bit of a version's bytes (default: the current one's); all that S3 tells of it stays as it was."""
        versions = self._versions[key]
        wanted = version_id or versions[-1].version_id
        self._versions[key] = [
            replace(each, body=_flipped(each.body, at)) if each.version_id == wanted else each
            for each in versions
        ]

    def purge(self, key: str) -> None:
        """What the lifecycle does to noncurrent versions that carry the tag once their time is over."""
        *hidden, current = self._versions[key]
        self._versions[key] = [*(each for each in hidden if not self.is_tagged(each)), current]

    def forget_version(self, key: str, version_id: str) -> None:
        """What the lifecycle does to one version or delete marker."""
        self._versions[key] = [each for each in self._versions[key] if each.version_id != version_id]

    def written_keys(self) -> tuple[str, ...]:
        """Every key that has a version or a delete marker."""
        return tuple(key for key, versions in self._versions.items() if versions)

    def lose(self, key: str) -> None:
        """What no lifecycle here does: every noncurrent version is gone."""
        self._versions[key] = self._versions[key][-1:]

    def is_tagged(self, version: Version) -> bool:
        """Whether the lifecycle may purge this version once it is hidden; old markers go with what they hid."""
        return version.stored is None or self.tag(version) == CLEANED_TAG

    def tag(self, version: Version) -> tuple[str, str] | None:
        """Name and value of the version's tag, if it has one."""
        return next(iter(self._tags.get(version.version_id, {}).items()), None)

    def mark_deleted(self, key: str) -> None:
        """A delete marker, as any DELETE without a version writes it."""
        self._versions.setdefault(key, []).append(Version(self._version_id(), None, at=self._clock.now()))

    def versions(self, key: str) -> tuple[Version, ...]:
        """Every version of a key, the oldest first."""
        return tuple(self._versions.get(key, ()))

    def below(self, prefixes: tuple[str, ...]) -> set[str]:
        """The keys below `prefixes` that have an object now."""
        return {key for key in self._versions if key.startswith(prefixes) and self.head(key)}

    def body(self, key: str) -> bytes:
        """The current object's bytes."""
        return self._versions[key][-1].body

    def _version(self, key: str, version_id: str) -> Version:
        for version in self._versions.get(key, ()):
            if version.version_id == version_id and version.stored:
                return version
        raise VersionGone(f"there is no version {version_id} of {key}")

    def _tag(self, key: str, version_id: str, tag: tuple[str, str]) -> None:
        if not keys.may_be_purged(key):
            raise ValueError(f"{key} is never purged")
        self._version(key, version_id)
        self._tags[version_id] = dict([tag])

    def _open(self, key: str, multipart_id: str) -> _Multipart:
        multipart = self._multiparts.get(multipart_id)
        if multipart is None or multipart.key != key:
            raise MultipartGone(f"there is no multipart upload {multipart_id} of {key}")
        return multipart

    def _put(self, key: str, body: bytes, upload_id: UploadId | None, etag: str, event: str = PUT) -> None:
        version_id, now = self._version_id(), self._clock.now()
        stored = StoredObject(key, len(body), crc64nvme_of(body), etag, version_id, upload_id, now)
        self._versions.setdefault(key, []).append(Version(version_id, stored, body, now))
        self.on_created(event, stored)

    def _version_id(self) -> str:
        return f"version-{next(self._numbers)}"


def _flipped(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def _etag(body: bytes) -> str:
    return f'"{_md5(body)}"'


def _crc_of(bodies: Mapping[int, bytes], part: LandedPart) -> Crc64Nvme:
    """The CRC64NVME of the part that is held; of one that is not, that of nothing."""
    return crc64nvme_of(bodies.get(part.number, b""))


def _stored(number: int, body: bytes) -> StoredPart:
    return StoredPart(number, len(body), crc64nvme_of(body), _etag(body))


def _demand_listed(bodies: Mapping[int, bytes], parts: Sequence[StoredPart]) -> None:
    numbers = [part.number for part in parts]
    if not numbers:
        raise PartsRefused("no part is listed", "MalformedXML")
    if numbers != sorted(set(numbers)):
        raise PartsRefused("parts are listed out of order or twice", "InvalidPartOrder")
    for part in parts:
        body = bodies.get(part.number)
        if body is None or part.etag != _etag(body) or part.crc64nvme != crc64nvme_of(body):
            raise PartsRefused(f"part {part.number} is not what was listed", "InvalidPart")


def _demand_no_gap(parts: Sequence[StoredPart]) -> None:
    """Raises PartsRefused unless parts 1, 2, … are listed, as S3 does of an upload whose parts have a checksum."""
    if [part.number for part in parts] != list(range(1, len(parts) + 1)):
        raise PartsRefused("parts are listed with a gap, out of order or twice", "InvalidPartOrder")


def _demand_whole(parts: Sequence[StoredPart], body: bytes, crc64nvme: Crc64Nvme, size_bytes: int) -> None:
    if len(body) != size_bytes:
        raise PartsRefused("the parts make another size", "InvalidRequest")
    if fold((part.crc64nvme, part.size_bytes) for part in parts) != crc64nvme:
        raise PartsRefused("the parts make another CRC64NVME", "BadDigest")
