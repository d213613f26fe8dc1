"""Carry out what was found at rest."""

import logging

from msgspec.structs import replace

from chalicelib.core import artifact, keys
from chalicelib.core.events import Event
from chalicelib.core.picture import Picture
from chalicelib.core.session import Lost, SessionState
from chalicelib.core.settle import Lose
from chalicelib.core.upload import Upload
from chalicelib.flows.store import report, save
from chalicelib.ports import Ports


def lose(ports: Ports, picture: Picture, action: Lose) -> Picture:
    """Record the loss, hold the session, and call off a cleanup that has begun. The damaged version is hidden then.

    A key of an original or intermediate must be free before anything can be brought to it again: its upload owes the
    removal, as a rejected one does. S3 never purges the hidden version: it has no tag.
    """
    now, receipt = ports.clock.now(), action.receipt
    lost = Lost(receipt.artifact_id, receipt.version_id, action.reason, now)
    session = picture.session.losing(lost)
    if session.cleanup and session.state is SessionState.PROCESSED:
        others = (chapter.artifact_id for chapter in picture.chapters)
        session = session.bringing_back(
            (each for each in others if each != receipt.artifact_id), action.reason, now
        )
    if action.good_version_id:
        session = session.brought_back(receipt.artifact_id, action.good_version_id)
        session = session.repairing((receipt.artifact_id,), action.reason, now)
    picture = save(ports, picture, _owing_removal(picture, action), session)
    return report(
        ports,
        picture,
        _event(action),
        logging.ERROR,
        artifact_id=receipt.artifact_id,
        version_id=receipt.version_id,
        reason=action.reason,
    )


def _owing_removal(picture: Picture, action: Lose) -> Upload | None:
    """The upload that brought the version, where the version must be hidden."""
    upload_id = action.receipt.upload_id
    if upload_id is None or not keys.may_be_removed(action.receipt.key):
        return None
    return replace(picture.upload(upload_id), owes_removal=True)


def _event(action: Lose) -> Event:
    if action.good_version_id:
        return Event.ORIGINAL_DAMAGED
    return Event.ORIGINAL_LOST if artifact.is_original(action.receipt.artifact_id) else Event.ARTIFACT_LOST
