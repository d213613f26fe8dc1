"""Push over the deployed coordinator: a haul's changes come to an open page as hints, and to nobody else."""

from __future__ import annotations

import pytest
import websockets.sync.client
from websockets.exceptions import InvalidStatus

from tests.e2e.rig import PART_SIZE_BYTES, Rig, camera_with, until
from tests.e2e.watching import known_sockets, ticket_for, watching
from tests.web.usual import PROGRESS

pytestmark = pytest.mark.e2e


def test_a_page_hears_of_a_haul_of_its_project_and_of_no_other(rig: Rig):
    def hears_of_a_heartbeat() -> bool:
        assert rig.call("POST", "/v1/sessions/watched/progress", PROGRESS).status_code == 200
        return "watched" in page.heard()

    with watching(rig) as page, watching(rig, "club") as elsewhere, camera_with(PART_SIZE_BYTES) as camera:
        assert rig.haul(camera, "watched").code == 0
        # A function that was running before knows of a new socket only after a few seconds.
        until(hears_of_a_heartbeat, "the page hears of the session")

        assert elsewhere.heard() == []
    until(lambda: known_sockets(rig) == 0, "the sockets are forgotten")


def test_a_ticket_opens_no_second_socket(rig: Rig):
    address = ticket_for(rig)
    with websockets.sync.client.connect(address, proxy=None):
        pass

    assert refused(address) == 401
    assert refused(address.partition("?")[0]) == 401


def refused(address: str) -> int:
    """The status with which no socket is opened."""
    with pytest.raises(InvalidStatus) as refusal, websockets.sync.client.connect(address, proxy=None):
        pass
    return refusal.value.response.status_code


def test_a_page_that_vanished_is_forgotten(rig: Rig):
    with watching(rig):
        until(lambda: known_sockets(rig) == 1, "it is known, and those of the tests before are not")
        rig.world.sockets.cut()

        until(lambda: known_sockets(rig) == 0, "the socket is forgotten")
