"""What must hold at every call of the story, whatever fails: S3 to S10 of the design's invariants."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chalicelib.core import keys
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle.outputs import why_not_indexed
from chalicelib.core.upload import Receipt, StoredObject
from tests.support.builders import SESSION_ID, MemoryPorts
from tests.support.counters import demand_counted
from tests.support.memory import crc64nvme_of
from tests.support.story import CHAPTERS, original

WRITES = frozenset(
    (
        *("create_multipart", "complete", "abort", "copy_part", "remove", "put"),
        *("tag_cleaned", "untag_cleaned", "put_swept_until"),
        *("write", "postpone", "spend", "put_arming", "replace_arming", "put_progress", "put_heard", "send"),
        *("add_project", "put_last_round"),
    )
)
"""The methods that change table, bucket or queue."""

_RECORD_OF_ROUND = "put_last_round"
"""Written by every round, also by one that finds the world at rest."""

READS = frozenset(
    (
        *("parts", "head", "read", "read_range", "multiparts", "bucket", "source", "read_url"),
        *("picture", "due", "session_of", "arming", "spent", "swept_until", "watched", "unproven"),
    )
)
"""The methods that change nothing."""

_OF_KEYS = frozenset(
    (
        *(
            "create_multipart",
            "parts",
            "complete",
            "abort",
            "head",
            "read",
            "copy_part",
            "remove",
            "source",
            "put",
        ),
        *("tag_cleaned", "untag_cleaned"),
    )
)
_OWN = tuple(f"{kind}{SESSION_ID}/" for kind in (*keys.OF_SESSIONS, keys.INDEX))
_OWN_IN_LAKE = re.compile(f"lake/kind=[a-z_]+/dt=[0-9-]+/{SESSION_ID.replace('/', '.')}[.].*")
_ORIGINALS: Mapping[str, bytes] = {
    chapter.key(SESSION_ID): original(number) for number, chapter in enumerate(CHAPTERS, start=1)
}

Demand = Callable[[MemoryPorts, Picture, StoredObject], None]


class RuleBroken(BaseException):
    """A rule does not hold. No door of the product catches it, as it would an AssertionError."""


class Watch:
    """Looks at the plain world around every call; `removal` is what must hold when an object is about to be removed.

    A call that only reads changes nothing, and one of the bucket nothing but its key: no more is looked at.
    """

    def __init__(self, plain: MemoryPorts, removal: Demand) -> None:
        self.writes: list[str] = []
        self._plain = plain
        self._removal = removal
        self._receipts: dict[tuple[str, str], Receipt] = {}
        self._stood: StoredObject | None = None

    def before(self, method: str, arguments: tuple[Any, ...]) -> None:
        """Note what stands, and demand what must hold before a call. Raises RuleBroken."""
        with unmissable():
            self._look_before(method, arguments)

    def after(self, method: str, arguments: tuple[Any, ...]) -> None:
        """Demand what must hold after a call. Raises RuleBroken."""
        with unmissable():
            self._look_after(method, arguments)

    def _look_before(self, method: str, arguments: tuple[Any, ...]) -> None:
        if method in _OF_KEYS:
            assert _is_own(arguments[0]), f"{method} of {arguments[0]}, which is another's (S9)"
        if method not in WRITES:
            return
        if method != _RECORD_OF_ROUND:
            self.writes.append(method)
        if method == "abort":
            self._demand_not_live(arguments[1])
        if method == "remove" and arguments[0].startswith(keys.REPLACED):
            self._demand_old(arguments[0])
        elif method == "remove":
            self._demand_removable(*arguments)
        if method == "tag_cleaned":
            self._demand_cleaned(*arguments)
        self._stood = self._plain.objects.head(arguments[0]) if _is_of_session(method, arguments) else None

    def _look_after(self, method: str, arguments: tuple[Any, ...]) -> None:
        if method not in WRITES:
            return
        if _is_of_session(method, arguments):
            self._demand_kept(method, arguments[0])
        if method == "write":
            self._demand_receipts()
            demand_counted(self._plain.records)

    def _demand_kept(self, method: str, key: str) -> None:
        """What stood on the key stands, or went under a marker; the version of each receipt is there (S4, S6)."""
        now = self._plain.objects.head(key)
        if key.startswith(keys.OF_SESSIONS):
            assert self._stood is None or now in (self._stood, None), (
                f"{method} replaced an object on {key} (S6)"
            )
            assert self._stood is None or now or method == "remove", f"{method} removed {key} (S3)"
        for receipt in self._receipts.values():
            if receipt.key == key:
                self._bytes_of(receipt)

    def _demand_receipts(self) -> None:
        """Every receipt ever recorded is what it was; a new one is of the bytes that its version has (S7)."""
        picture = self._plain.records.picture(SESSION_ID)
        found = {(each.key, each.version_id): each for each in _receipts(picture)}
        for place, receipt in self._receipts.items():
            assert found.get(place) == receipt, f"the receipt of {place} was changed (S7)"
        for place in found.keys() - self._receipts.keys():
            receipt, body = found[place], self._bytes_of(found[place])
            assert (len(body), crc64nvme_of(body)) == (receipt.size_bytes, receipt.crc64nvme), "S7"
            assert body == _ORIGINALS.get(receipt.key, body), f"{receipt.key} is not what was hauled (S4)"
        self._receipts = found

    def _bytes_of(self, receipt: Receipt) -> bytes:
        for version in self._plain.objects.versions(receipt.key):
            if version.version_id == receipt.version_id:
                return version.body
        raise AssertionError(f"the bytes of {receipt.key} are lost (S4)")

    def _demand_not_live(self, multipart_id: str) -> None:
        picture = self._plain.records.picture(SESSION_ID)
        uploads = picture.uploads if picture else ()
        live = [each.upload_id for each in uploads if each.is_live and each.multipart_id == multipart_id]
        assert not live, f"{live} is live, and its multipart upload is aborted (S8)"

    def _demand_cleaned(self, key: str, version_id: str) -> None:
        picture = self._plain.records.picture(SESSION_ID)
        gone = picture.gone_versions if picture else ()
        assert version_id in gone, f"{key} is let go without an intent (S5)"

    def _demand_old(self, key: str) -> None:
        """Nothing that readers or the lake are given by the record is removed."""
        picture = self._plain.records.picture(SESSION_ID)
        assert picture
        given = [picture.index(receipt) for receipt in picture.measurements]
        assert key not in {each for index in given if index for each in index.objects}, f"{key} is published"

    def _demand_removable(self, key: str, etag: str) -> None:
        picture = self._plain.records.picture(SESSION_ID)
        stored = self._plain.objects.head(key)
        assert picture
        if stored is None or stored.etag != etag or _is_rejected(picture, stored):
            return
        if _is_foreign(picture, stored):
            self._demand_displaceable(picture, stored)
        else:
            self._removal(self._plain, picture, stored)

    def _demand_displaceable(self, picture: Picture, stored: StoredObject) -> None:
        """A stranger's object is hidden only where an original that is wanted back has its key."""
        wanted = [each for each in map(picture.receipt, picture.session.restoring) if each]
        assert stored.key in {each.key for each in wanted}, (
            f"{stored.key} is another's, and it is removed (S9)"
        )
        since = picture.session.restoring_since
        waited_s = (self._plain.clock.now() - since).total_seconds() if since else 0
        assert waited_s >= self._plain.policy.in_flight_s, f"{stored.key} is hidden before it was looked into"


@contextmanager
def unmissable() -> Iterator[None]:
    """What is asserted here ends the test, also where a door of the product catches all errors. Raises RuleBroken."""
    try:
        yield
    except AssertionError as error:
        raise RuleBroken(str(error)) from error


def _is_own(key: str) -> bool:
    return key.startswith(_OWN) or _OWN_IN_LAKE.fullmatch(key) is not None


def _is_of_session(method: str, arguments: tuple[Any, ...]) -> bool:
    """Whether a call is of what a session consists of; an index may be written again, it comes out the same."""
    return method in _OF_KEYS and arguments[0].startswith(keys.OF_SESSIONS)


def demand_allowed(ports: MemoryPorts, picture: Picture, stored: StoredObject) -> None:
    """An original may go now: intent, evidence, grace, and no word that keeps it, in the world as it is (S3, S5)."""
    session, now = picture.session, ports.clock.now()
    demand_intended(ports, picture, stored)
    assert session.state is SessionState.PROCESSED
    assert session.held is None, "a held session is cleaned"
    assert not session.restoring, "cleaned while it is brought back"
    assert session.processed_at is not None
    assert (now - session.processed_at).total_seconds() >= ports.policy.grace_s, "cleaned within the grace"
    assert not picture.quarantined, "a quarantined session is cleaned (S10)"
    assert not [upload for upload in picture.uploads if upload.owes]
    arming = ports.records.arming()
    assert arming, "cleaned though never armed"
    assert arming.is_armed, "cleaned while disarmed"
    assert picture.required, "cleaned without evidence (S3)"
    assert why_not_indexed(picture) is None
    for artifact_id in picture.required:
        receipt = picture.receipt(artifact_id)
        assert receipt, f"{artifact_id} was never verified (S3)"
        output = ports.objects.head(receipt.key)
        assert output, f"{artifact_id} is gone (S3)"
        assert output.version_id == receipt.version_id, f"{artifact_id} is not what was verified (S3)"
        assert (ports.clock.now() - output.modified_at).total_seconds() >= ports.policy.grace_s


def demand_intended(_ports: MemoryPorts, picture: Picture, stored: StoredObject) -> None:
    """The record says of exactly this version that it may go; a race with who calls it off ends no better (S5)."""
    assert keys.may_be_removed(stored.key)
    assert stored.version_id in picture.gone_versions, f"{stored.key} is removed without an intent (S5)"
    intent = picture.session.cleanup
    named = [each for each in intent.doomed if each.is_now(stored)] if intent else []
    assert named or intent is None, f"the intent names another object than {stored.key} (S5)"


def _is_rejected(picture: Picture, stored: StoredObject) -> bool:
    return any(each.owes_removal and each.upload_id == stored.upload_id for each in picture.uploads)


def _is_foreign(picture: Picture, stored: StoredObject) -> bool:
    """Whether no upload of ours made this object."""
    is_ours = any(each.upload_id == stored.upload_id for each in picture.uploads)
    return not is_ours and stored.version_id not in {each.version_id for each in _receipts(picture)}


def _receipts(picture: Picture | None) -> Iterator[Receipt]:
    if picture is None:
        return
    yield from picture.receipts
    yield from (upload.receipt for upload in picture.uploads if upload.receipt)
