"""A flood of calls to the API leaves the event functions their share, as far as the account has one to give."""

from typing import Any

import pytest

from infra.aws import capacity

NAMES = ("on_original", "on_output", "on_measurements", "reconcile")
WANTED = 3 * 10 + capacity.OF_THE_RECONCILER


class Absent(Exception):
    """Lambda has no such function yet."""


class Account:
    """Lambda in an account of `quota`, of which other functions and ours have reserved something."""

    class exceptions:  # noqa: N801 -- boto3's own name
        ResourceNotFoundException = Absent

    def __init__(self, unreserved: int, ours: dict[str, int] | None = None) -> None:
        self._unreserved = unreserved
        self._ours = ours

    def get_account_settings(self) -> Any:
        return {
            "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": self._unreserved}
        }

    def get_function_concurrency(self, **call: str) -> Any:
        if self._ours is None:
            raise Absent
        own = self._ours.get(call["FunctionName"])
        return {} if own is None else {"ReservedConcurrentExecutions": own}


def settled(account: Any, each: str = "10") -> tuple[str, list[str]]:
    said: list[str] = []
    outputs = capacity.affordable(account, "prod", NAMES, {capacity.OUTPUT: each}, said.append)
    return outputs[capacity.OUTPUT], said


@pytest.mark.parametrize(("beyond", "each"), [(-1, "0"), (0, "10"), (1, "10")])
def test_what_lambda_keeps_for_all_is_left(beyond: int, each: str):
    given, said = settled(Account(capacity.LEFT_TO_ALL + WANTED + beyond))

    assert given == each
    assert bool(said) is (each == "0")


def test_what_our_functions_have_already_counts_as_free():
    ours = {"reelhaul-prod-on_original": 10, "reelhaul-prod-reconcile": 2}

    assert settled(Account(capacity.LEFT_TO_ALL + WANTED - 12, ours)) == ("10", [])
    assert settled(Account(capacity.LEFT_TO_ALL + WANTED - 13, ours))[0] == "0"


def test_a_new_account_is_told_what_to_ask_for():
    _, [line] = settled(Account(10))

    assert "ask AWS for a higher quota" in line


def test_who_reserves_nothing_asks_nothing():
    assert settled(None, "0") == ("0", [])


def test_a_stack_of_an_older_release_reserves_nothing():
    account: Any = None

    assert capacity.affordable(account, "prod", NAMES, {}, print) == {}
