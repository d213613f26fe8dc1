"""Who is logged in to the page with a token or with a link of its, and what ends that."""

import pytest

from chalicelib.core import tokens
from chalicelib.core.errors import NotAuthenticated, NotFound
from chalicelib.core.ids import TokenId
from chalicelib.core.page_sessions import PageRules, PageSession
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows import devices, page_sessions
from tests.support.builders import MemoryPorts, memory_ports

RULES = PageRules()


def holder(ports: MemoryPorts) -> Principal:
    """Who has a new operator's token."""
    token_id, secret = tokens.parsed(devices.enrol(ports, Role.OPERATOR, "main")[1])
    return tokens.principal(ports.records.token(token_id), secret, ports.clock.now())


def token_of(principal: Principal) -> TokenId:
    assert principal.token_id
    return principal.token_id


def logged_in(ports: MemoryPorts, principal: Principal) -> tuple[PageSession, str]:
    return page_sessions.log_in(ports, principal, RULES)


def test_the_logins_of_a_token_are_listed_and_no_others():
    ports = memory_ports()
    ours, theirs = holder(ports), holder(ports)
    logins = [logged_in(ports, ours)[0] for _ in range(2)]
    logged_in(ports, theirs)

    assert page_sessions.list_logins(ports, token_of(ours)) == tuple(logins)


def test_logins_that_are_ended_are_good_for_nothing_and_the_token_for_another_one():
    ports = memory_ports()
    ours, theirs = holder(ports), holder(ports)
    (login, cookie), (_, other) = logged_in(ports, ours), logged_in(ports, theirs)

    assert page_sessions.end_logins(ports, token_of(ours)) == (login,)

    with pytest.raises(NotAuthenticated):
        page_sessions.find_caller(ports, cookie, RULES)
    assert page_sessions.find_caller(ports, other, RULES).token_id == theirs.token_id
    assert page_sessions.find_caller(ports, logged_in(ports, ours)[1], RULES).token_id == ours.token_id
    [step] = ports.records.entries[-1].steps
    assert (step.name, step.after) == (ours.token_id, "logins ended: 1")


def test_where_nobody_is_logged_in_no_end_is_in_the_trail():
    ports = memory_ports()
    ours = holder(ports)
    before = list(ports.records.entries)

    assert page_sessions.end_logins(ports, token_of(ours)) == ()
    assert ports.records.entries == before


@pytest.mark.parametrize("act", [page_sessions.list_logins, page_sessions.end_logins])
def test_the_logins_of_an_unknown_token_are_not_found_and_the_token_is_not_repeated(act):
    with pytest.raises(
        NotFound, match=r"^there is no token with this id; the id of a token is the text before its dot$"
    ):
        act(memory_ports(), TokenId("t_unknown.with-its-secret"))


def test_a_link_that_is_gone_between_two_reads_logs_nobody_in():
    ports = memory_ports()

    with pytest.raises(NotAuthenticated, match="this link is not known any more; ask for another one"):
        logged_in(ports, Principal(Role.SHARE, "main", None, TokenId("s_gone")))

    assert page_sessions.list_logins(ports, token_of(holder(ports))) == ()
