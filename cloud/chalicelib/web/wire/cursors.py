"""The place where a list continues, as an opaque text and back."""

import base64
from datetime import datetime, timedelta

from chalicelib.core import ids
from chalicelib.core.errors import InvalidRequest
from chalicelib.ports import Listed, ListedDevice


def written(listed: Listed) -> str:
    """The cursor that continues after `listed`, in letters that need no escape in an address."""
    plain = f"{listed.created_at.isoformat(timespec='microseconds')}#{listed.session_id}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def parsed(text: str) -> Listed:
    """Where the list continues with the cursor `text`. Raises InvalidRequest for what `written` never makes."""
    try:
        listed = _listed(text)
    except (ValueError, InvalidRequest) as error:
        raise _unknown() from error
    # base64 and ISO 8601 are read in many spellings, and cursors are made in one.
    if listed.created_at.utcoffset() != timedelta(0) or written(listed) != text:
        raise _unknown()
    return listed


def written_device(listed: ListedDevice) -> str:
    """The cursor that continues after a device."""
    plain = f"{listed.enrolled_at.isoformat(timespec='microseconds')}#{listed.device_id}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def parsed_device(text: str) -> ListedDevice:
    """Where the list of devices continues. Raises InvalidRequest for what `written_device` never makes."""
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        enrolled_at, _, device_id = plain.partition("#")
        listed = ListedDevice(ids.parsed_device_id(device_id), datetime.fromisoformat(enrolled_at))
    except (ValueError, InvalidRequest) as error:
        raise _unknown() from error
    if listed.enrolled_at.utcoffset() != timedelta(0) or written_device(listed) != text:
        raise _unknown()
    return listed


def _listed(text: str) -> Listed:
    plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    created_at, _, session_id = plain.partition("#")
    return Listed(ids.parsed_session_id(session_id), datetime.fromisoformat(created_at))


def _unknown() -> InvalidRequest:
    return InvalidRequest(
        "no such cursor; send the one that the page before answered, or none to start again"
    )
