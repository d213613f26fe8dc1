"""Revoke a device: none of its tokens is good any more, and its uploads end."""

import logging
from collections.abc import Iterator

from msgspec import Struct

from chalicelib.core import artifact
from chalicelib.core.errors import (
    Finalizing,
    NotFound,
    PartsRefused,
    SessionAdopted,
    StateConflict,
    UploadGone,
)
from chalicelib.core.ids import DeviceId, SessionId, TokenId, UploadId
from chalicelib.core.picture import Picture
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import Device, Principal, Role
from chalicelib.core.upload import UploadState
from chalicelib.flows.completion import cancel_upload
from chalicelib.flows.devices import revoke
from chalicelib.flows.settle import settle_session
from chalicelib.ports import Listed, ListedBy, Ports, Records

log = logging.getLogger(__name__)

REASON = "its device was revoked"


_PAGE = 100


class Revoked(Struct, frozen=True):
    """What a revocation ended."""

    device: Device
    token_ids: tuple[TokenId, ...]
    """Of tokens that were good until now."""
    upload_ids: tuple[UploadId, ...]
    """Of uploads that were open; their parts stay until the undo window is over, and then the reconciler ends them."""


def revoke_device(ports: Ports, device_id: DeviceId) -> Revoked:
    """The device, none of whose tokens and codes is good any more; its open uploads are cancelled.

    The tokens come first and count from the next call on. A film that is claimed and has every part in S3 is
    completed, not cancelled: footage is never given up because of who sent it. Repeat it to end what a call opened
    meanwhile. Raises NotFound.
    """
    device = ports.records.device(device_id)
    if device is None:
        raise NotFound(f"there is no device {device_id}")
    tokens = [each for each in ports.records.tokens(device.project) if each.device_id == device_id]
    token_ids = tuple(revoke(ports, each.token_id).token_id for each in tokens if not each.revoked_at)
    log.info("device revoked", extra={"device_id": device_id, "tokens": len(token_ids)})
    return Revoked(device, token_ids, tuple(_end_uploads(ports, device)))


def _end_uploads(ports: Ports, device: Device) -> Iterator[UploadId]:
    as_device = Principal(Role.DEVICE, device.project, device.device_id)
    for session_id in _sessions(ports.records, ListedBy(device.project, device_id=device.device_id)):
        for upload_id in _open_uploads(ports.records.picture(session_id)):
            try:
                settle_session(ports, session_id, Actor.API, upload_id)
            except PartsRefused:
                log.info("parts refused", extra={"session_id": session_id, "upload_id": upload_id})
            try:
                cancel_upload(ports, as_device, upload_id, REASON)
            except (Finalizing, SessionAdopted, StateConflict, UploadGone):
                continue  # verified, being completed, over or another device's: nothing of it is open here
            yield upload_id


def _sessions(records: Records, by: ListedBy) -> Iterator[SessionId]:
    last: Listed | None = None
    while entries := records.list_sessions(by, None, None, last, _PAGE):
        yield from (each.listed.session_id for each in entries)
        last = entries[-1].listed


def _open_uploads(picture: Picture | None) -> list[UploadId]:
    """What the device itself sends: neither a restore nor what processors make. A list may name no session at all."""
    return [
        each.upload_id
        for each in (picture.uploads if picture else ())
        if each.state is UploadState.OPEN and not each.copies and artifact.is_of_a_device(each.artifact_id)
    ]
