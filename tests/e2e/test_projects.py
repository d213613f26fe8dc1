"""Two projects haul a session of the same name into one deployed stage."""

from pathlib import Path

import pytest

from chalicelib.core.tokens import ALL_PROJECTS, Role
from infra.admin.commands.tokens import enroll
from tests.e2e.processing import MADE, ROUNDS, VIDEO, Session
from tests.e2e.test_known_chapters import another
from tests.e2e.test_orders import hauled
from tests.e2e.test_story import session as session

pytestmark = pytest.mark.e2e


def test_cleanup_of_one_projects_session_leaves_the_others_of_the_same_name(session: Session, tmp_path: Path):
    club = another(session.rig, Role.DEVICE, "club", tmp_path)
    ours = session.haul_and_order({"required": [VIDEO]})
    theirs = hauled(club, session.name)

    session.process({VIDEO: MADE[VIDEO]})
    session.calm()
    session.reconcile(ROUNDS)

    assert session.shown()["state"] == "CLEANED"
    assert session.is_cleaned(ours)
    shown = club.session(session.name)
    assert shown
    assert (shown["project"], shown["session_id"], shown["state"]) == ("club", session.name, "STORED")
    assert session.is_kept(theirs)
    assert ours["key"].replace("/main/", "/club/") == theirs["key"]


def test_the_gateway_hands_over_which_project_a_token_of_all_means(session: Session, tmp_path: Path):
    club = another(session.rig, Role.DEVICE, "club", tmp_path)
    hauled(club, session.name)
    token = enroll(session.world.registry, role=Role.OPERATOR, project=ALL_PROJECTS).token
    said = {"Authorization": f"Bearer {token}"}

    by_default, named, odd = (
        session.rig.call("GET", f"/v1/sessions/{session.name}", **said, **more)
        for more in ({}, {"Reelhaul-Project": "club"}, {"Reelhaul-Project": "*"})
    )

    assert (by_default.status_code, named.status_code, odd.status_code) == (404, 200, 400)
    assert named.json()["project"] == "club"
