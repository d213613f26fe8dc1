"""The command that revokes a device."""

import json

from chalicelib.core.tokens import Device, Role
from chalicelib.core.upload import UploadState
from chalicelib.ports import Enlisting
from tests.infra.admin.desks import Terminal
from tests.support.builders import DEVICE_ID, START, make_picture, make_upload, memory_ports, recorded
from tests.web.client import with_token


def hauling() -> Terminal:
    """A terminal before a deployment where the usual device has a token and an open upload."""
    ports = memory_ports(make_picture(make_upload()))
    ports.records.enlist(Enlisting(device=Device(DEVICE_ID, "jetson-north", "main", START)))
    with_token(ports.records, Role.DEVICE, device_id=DEVICE_ID)
    return Terminal(ports)


def test_a_device_loses_its_tokens_and_its_open_uploads():
    terminal = hauling()

    assert terminal.run("revoke", "--device", DEVICE_ID) == 0

    assert terminal.said == [
        f"{DEVICE_ID} (jetson-north): revoked 1 token",
        "cancelled 1 open upload",
        "the reconciler ends the uploads once their undo window is over; the films stay on the cards",
    ]
    assert terminal.ports.records.tokens()[0].revoked_at
    assert recorded(terminal.ports).uploads[0].state is UploadState.CANCELLED


def test_programs_get_the_ids_of_what_ended():
    terminal = hauling()

    assert terminal.run("revoke", "--device", DEVICE_ID, "--json") == 0

    told = json.loads(terminal.said[0])
    assert told["device_id"] == DEVICE_ID
    assert told["token_ids"] == [each.token_id for each in terminal.ports.records.tokens()]
    assert told["upload_ids"] == ["u_first"]


def test_an_unknown_device_is_refused():
    assert Terminal().run("revoke", "--device", "d_unknown") == 1
