"""Who may hear of what: the rule of push."""

from datetime import timedelta

import pytest

from chalicelib.core.ids import SessionId
from chalicelib.core.push import Listener, Socket, Ticket, hint, may_hear
from tests.support.builders import START

SESSION = SessionId("main/match-17")
ANOTHER = SessionId("main/match-18")
ELSEWHERE = SessionId("club/match-17")


def socket(project: str = "main", session_id: SessionId | None = None) -> Socket:
    return Socket("c", Listener(project, session_id), START + timedelta(seconds=600))


@pytest.mark.parametrize(("changed", "hears"), [(SESSION, True), (ANOTHER, True), (ELSEWHERE, False)])
def test_who_watches_a_project_hears_of_its_sessions_alone(changed: SessionId, hears: bool):
    assert may_hear(socket(), changed, START) is hears


@pytest.mark.parametrize(("changed", "hears"), [(SESSION, True), (ANOTHER, False), (ELSEWHERE, False)])
def test_who_was_shared_one_session_hears_of_that_one_alone(changed: SessionId, hears: bool):
    assert may_hear(socket(session_id=SESSION), changed, START) is hears


@pytest.mark.parametrize(("passed_s", "hears"), [(599, True), (600, False), (601, False)])
def test_a_socket_hears_until_its_end(passed_s: int, hears: bool):
    assert may_hear(socket(), SESSION, START + timedelta(seconds=passed_s)) is hears


@pytest.mark.parametrize(("passed_s", "is_good"), [(29, True), (30, False), (31, False)])
def test_a_ticket_is_good_until_its_end(passed_s: int, is_good: bool):
    ticket = Ticket(Listener("main"), START + timedelta(seconds=30))

    assert ticket.is_good(START + timedelta(seconds=passed_s)) is is_good


def test_a_hint_names_the_session_without_its_project_and_tells_nothing_of_it():
    assert hint(SESSION) == '{"changed":"session","session":"match-17"}'
