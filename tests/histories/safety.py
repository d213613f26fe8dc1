"""What must hold at every step, whatever fails: S1 to S10 of the design, for every session of a history.

A call that reads changes nothing, and a call of the bucket changes its key alone: no more is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from chalicelib.core import keys
from chalicelib.core.ids import SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Session, SessionState
from chalicelib.core.settle.outputs import why_not_indexed
from chalicelib.core.upload import Receipt, StoredObject
from tests.histories.outcome import Broken
from tests.histories.promises import Promises
from tests.support.memory import crc64nvme_of

if TYPE_CHECKING:
    from tests.histories.cloud import Cloud
    from tests.histories.device import Device

_OF_KEYS = frozenset(
    ("create_multipart", "complete", "abort", "copy_part", "remove", "tag_cleaned", "untag_cleaned")
)
_MOVES = {
    SessionState.OPEN: {SessionState.OPEN, SessionState.STORED, SessionState.FAILED},
    SessionState.STORED: {
        SessionState.STORED,
        SessionState.PROCESSED,
        SessionState.FAILED,
        SessionState.OPEN,
    },
    SessionState.PROCESSED: {
        SessionState.PROCESSED,
        SessionState.CLEANED,
        SessionState.STORED,
        SessionState.OPEN,
    },
    SessionState.CLEANED: {SessionState.CLEANED, SessionState.PROCESSED},
    SessionState.FAILED: {SessionState.FAILED, SessionState.OPEN, SessionState.STORED},
}


class Safety:
    """Looks at the plain world around every call that changes something. Raises Broken."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._receipts: dict[SessionId, dict[tuple[str, str], Receipt]] = {}
        self._pictures: dict[SessionId, Picture] = {}
        self._purged: set[str] = set()
        self._stood: StoredObject | None = None
        self.devices: list[Device] = []
        self.hears_of_cleanup: Callable[[SessionId], None] = lambda session_id: None
        self.promises = Promises(cloud)

    def describe(self) -> str:
        """The sessions' states, for a reader."""
        records = self._cloud.records
        said = []
        for session_id in records.sessions():
            picture = records.picture(session_id)
            assert picture
            uploads = ",".join(each.state.value for each in picture.uploads)
            held = " held" if picture.session.held else ""
            said.append(
                f"{session_id}: {picture.session.state.value}{held} v{picture.session.version} [{uploads}]"
            )
        return "; ".join(said)

    def on_its_way(self, session: Session) -> None:
        """A write is on its way to the table; others may have their turn here."""
        last = self._pictures.get(session.session_id)
        if session.cleanup and last and not last.session.cleanup:
            self.hears_of_cleanup(session.session_id)

    def before(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.promises.before(name, arguments)
        if name not in _OF_KEYS:
            return
        key = arguments[0]
        session_id = keys.session_of(key)
        if session_id is None and not key.startswith(keys.REPLACED):
            raise Broken("S9", f"{name} of {key}, which is of no session")
        if name == "abort":
            self._demand_not_live(session_id, arguments[1])
        elif name == "remove" and key.startswith(keys.OF_SESSIONS):
            self._demand_removable(session_id, *arguments)
        elif name == "remove":
            self._demand_replaced(key)
        elif name == "tag_cleaned":
            self._demand_cleaned(session_id, *arguments)
        if key.startswith(keys.OF_SESSIONS):
            self._stood = self._cloud.objects.head(key)

    def after(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.promises.after(name, arguments)
        if name == "write":
            self._demand_recorded(arguments[0].session.session_id)
        elif name in _OF_KEYS and arguments[0].startswith(keys.OF_SESSIONS):
            self._demand_kept(name, arguments[0])

    def purged(self, key: str, version_id: str) -> None:
        """S3's lifecycle removed a version for good, and may have done so. Raises Broken."""
        self.promises.purged(key, version_id)
        self._purged.add(version_id)

    def _demand_kept(self, name: str, key: str) -> None:
        """What was on the key is there, or went under a marker; the version of each receipt is there (S4, S6)."""
        now = self._cloud.objects.head(key)
        stood = self._stood
        if stood is not None and now is not None and now.version_id != stood.version_id:
            raise Broken("S6", f"{name} replaced an object on {key}")
        if stood is not None and now is None and name != "remove":
            raise Broken("S3", f"{name} removed {key}")
        session_id = keys.session_of(key)
        if session_id:
            for receipt in self._receipts.get(session_id, {}).values():
                if receipt.key == key and receipt.version_id not in self._purged:
                    self._bytes_of(receipt)

    def _demand_recorded(self, session_id: SessionId) -> None:
        """Every receipt on record is what it was; a new one is of the bytes that its version has (S7)."""
        picture = self._cloud.records.picture(session_id)
        last = self._pictures.get(session_id)
        if picture is None or picture is last:
            return
        self._pictures[session_id] = picture
        self._cloud.rare.at_write(self._cloud.scheduler.current.process.name, last, picture)
        before = last.session.state if last else SessionState.OPEN
        state = picture.session.state
        if state not in _MOVES[before]:
            raise Broken("S7", f"{session_id} went from {before.value} to {state.value}")
        known = self._receipts.get(session_id, {})
        found = {(each.key, each.version_id): each for each in _receipts(picture)}
        for place, receipt in known.items():
            if found.get(place) != receipt:
                raise Broken("S7", f"the receipt of {place} was changed")
        for place in found.keys() - known.keys():
            self._demand_true(found[place])
        self._receipts[session_id] = found
        if before is SessionState.OPEN and state is SessionState.STORED:
            self._demand_home(picture)
        elif state is SessionState.STORED and picture.missing:
            raise Broken("S7", f"{session_id} is STORED without {picture.missing}")
        if last and picture.session.cleanup and not last.session.cleanup:
            # Last: others may have their turn here, and what was looked at is no longer what is recorded.
            self.hears_of_cleanup(session_id)

    def _demand_true(self, receipt: Receipt) -> None:
        body = self._bytes_of(receipt)
        if (len(body), crc64nvme_of(body)) != (receipt.size_bytes, receipt.crc64nvme):
            raise Broken("S7", f"the receipt of {receipt.key} is not of its bytes")
        if receipt.key.startswith(keys.ORIGINALS):
            path = "/".join(receipt.key.rsplit("/", 2)[1:])
            films = [each for device in self.devices for each in device.films_at(path)]
            if body not in films:
                raise Broken("S7", f"{receipt.key} is not what the camera recorded")
        elif receipt.key.startswith(keys.PROXIES) and not any(body in each.proxies for each in self.devices):
            raise Broken("S7", f"{receipt.key} is no proxy that the camera ever had")

    def _demand_home(self, picture: Picture) -> None:
        for chapter in picture.chapters:
            receipt = picture.receipt(chapter.artifact_id)
            if receipt is None or receipt.size_bytes != chapter.size_bytes:
                raise Broken("S7", f"{picture.session.session_id} is STORED without {chapter.name}")
            if receipt.version_id not in self._purged:
                self._bytes_of(receipt)

    def _bytes_of(self, receipt: Receipt) -> bytes:
        for version in self._cloud.objects.versions(receipt.key):
            if version.version_id == receipt.version_id:
                return version.body
        raise Broken("S4", f"the bytes of {receipt.key} are lost")

    def _demand_not_live(self, session_id: SessionId | None, multipart_id: str) -> None:
        picture = self._cloud.records.picture(session_id) if session_id else None
        for upload in picture.uploads if picture else ():
            if upload.is_live and upload.multipart_id == multipart_id:
                raise Broken("S8", f"{upload.upload_id} is live, and its multipart upload is aborted")

    def _demand_cleaned(self, session_id: SessionId | None, key: str, version_id: str) -> None:
        picture = self._cloud.records.picture(session_id) if session_id else None
        if picture is None or version_id not in picture.gone_versions:
            raise Broken("S5", f"{key} is let go without an intent")

    def _demand_removable(self, session_id: SessionId | None, key: str, etag: str) -> None:
        cloud = self._cloud
        stored = cloud.objects.head(key)
        picture = cloud.records.picture(session_id) if session_id else None
        if stored is None or stored.etag != etag or not key.startswith(keys.OF_SESSIONS):
            return
        if picture is None:
            raise Broken("S5", f"{key} is removed, and its session is not on record")
        if any(each.owes_removal and each.upload_id == stored.upload_id for each in picture.uploads):
            return
        if self._is_late(picture, key, etag):
            return
        if stored.version_id not in picture.gone_versions:
            raise Broken("S5", f"{key} is removed without an intent")
        if not picture.session.restoring:
            # Else the word came when the marker was on its way, and what it hides is copied back.
            self._demand_allowed(picture, stored)

    def _is_late(self, picture: Picture, key: str, etag: str) -> bool:
        """Whether this is a marker of the cleanup that a restore has ended, and may still arrive.

        A copy of one part has the ETag of what was cleaned. The restore is not over yet, and copies it once more.
        """
        since, cloud = picture.session.restoring_since, self._cloud
        if not picture.session.restoring or since is None:
            return False
        is_in_flight = (cloud.now() - since).total_seconds() < cloud.policy.in_flight_s
        cleaned = (each for each in cloud.objects.versions(key) if each.version_id in picture.gone_versions)
        return is_in_flight and any(each.stored and each.stored.etag == etag for each in cleaned)

    def _demand_replaced(self, key: str) -> None:
        """Nothing that readers or the lake are given by a record is removed."""
        records = self._cloud.records
        for session_id in records.sessions():
            picture = records.picture(session_id)
            assert picture
            given = (picture.index(receipt) for receipt in picture.measurements)
            if any(index and key in index.objects for index in given):
                raise Broken("S6", f"{key} is published, and it is removed")

    def _demand_allowed(self, picture: Picture, stored: StoredObject) -> None:
        """An original may go now: intent, evidence, grace, and no word that keeps it, in the world as it is."""
        cloud, session = self._cloud, picture.session
        key = stored.key
        intent = session.cleanup
        if intent and not any(each.is_now(stored) for each in intent.doomed):
            raise Broken("S5", f"the intent names another object than {key}")
        if picture.quarantined:
            raise Broken("S10", f"{key} is removed, and its session is quarantined")
        if session.processed_at is None or not picture.required:
            raise Broken("S3", f"{key} is removed without evidence")
        grace_s = (cloud.now() - session.processed_at).total_seconds()
        if grace_s < cloud.policy.grace_s and self.promises.knew_of_grace(session.session_id):
            raise Broken("S3", f"{key} is removed within the grace")
        if why_not_indexed(picture) is not None:
            raise Broken("S3", f"{key} is removed before its measurements are indexed")
        for artifact_id in picture.required:
            receipt = picture.receipt(artifact_id)
            if receipt is None:
                raise Broken("S3", f"{key} is removed, and {artifact_id} was never verified")
            if not any(each.version_id == receipt.version_id for each in cloud.objects.versions(receipt.key)):
                raise Broken("S3", f"{key} is removed, and {artifact_id} is gone")


def _receipts(picture: Picture) -> Iterator[Receipt]:
    yield from picture.receipts
    yield from (upload.receipt for upload in picture.uploads if upload.receipt)
