"""A deploy keeps what was promised about cleaned footage, or says that it does not."""

from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.lifecycle import FEWEST_RESTORABLE_DAYS, MOST_RESTORABLE_DAYS
from chalicelib.core.settle import Policy
from infra.aws import deploy, grace, stack, template
from tests.infra.test_deploy import LAYER, Cloudformation, quiet

DEPLOYED = {"GraceDays": "14"}
FEWEST = str(FEWEST_RESTORABLE_DAYS)
TOO_FEW = str(FEWEST_RESTORABLE_DAYS - 1)


def test_the_fewest_days_leave_a_last_look_between_the_cleanup_and_the_purge():
    for days in range(FEWEST_RESTORABLE_DAYS, 10):
        assert 0 < Policy(restorable_days=days).last_look_s < days * 86_400


def test_the_template_takes_what_the_settings_take():
    parameter = template.load()["Parameters"]["GraceDays"]

    assert (parameter["MinValue"], parameter["MaxValue"]) == (FEWEST_RESTORABLE_DAYS, MOST_RESTORABLE_DAYS)


@pytest.mark.parametrize("days", ["14", "15", "30"])
def test_as_many_days_or_more_break_no_promise(days: str):
    assert grace.demand_promise(DEPLOYED, {"GraceDays": days}, may_shorten=False) is None


@pytest.mark.parametrize("deployed", [{}, DEPLOYED])
def test_a_deploy_that_says_nothing_of_the_days_keeps_them(deployed: dict[str, str]):
    assert grace.demand_promise(deployed, {"AlarmAddress": "a@example.org"}, may_shorten=False) is None


def test_fewer_days_than_were_promised_are_refused():
    with pytest.raises(grace.PromiseBroken, match=r"GraceDays 14 -> 13: .* --shorten-grace"):
        grace.demand_promise(DEPLOYED, {"GraceDays": "13"}, may_shorten=False)


def test_fewer_days_are_told_when_they_are_meant():
    told = grace.demand_promise(DEPLOYED, {"GraceDays": "7"}, may_shorten=True)

    assert told
    assert "GraceDays 14 -> 7" in told
    assert "up to 7 days earlier" in told


@pytest.mark.parametrize("deployed", [{}, {"GraceDays": TOO_FEW}, DEPLOYED])
def test_days_that_leave_no_last_look_are_refused_even_when_they_are_meant(deployed: dict[str, str]):
    with pytest.raises(grace.PromiseBroken, match=f"last look .* GraceDays={FEWEST} or more"):
        grace.demand_promise(deployed, {"GraceDays": TOO_FEW}, may_shorten=True)


def test_days_without_a_last_look_that_were_deployed_earlier_are_not_kept_silently():
    with pytest.raises(grace.PromiseBroken, match="last look"):
        grace.demand_promise({"GraceDays": TOO_FEW}, {}, may_shorten=False)


def test_the_fewest_days_that_leave_a_last_look_are_taken():
    assert grace.demand_promise({}, {"GraceDays": FEWEST}, may_shorten=False) is None
    assert grace.demand_promise({"GraceDays": TOO_FEW}, {"GraceDays": FEWEST}, may_shorten=False) is None


@pytest.mark.parametrize("days", ["", "many", "2.5"])
def test_days_that_are_no_whole_number_are_refused_in_words(days: str):
    with pytest.raises(grace.PromiseBroken, match="whole number"):
        grace.demand_promise(DEPLOYED, {"GraceDays": days}, may_shorten=False)


def test_the_days_that_are_deployed_are_those_of_the_stack():
    there: Any = Cloudformation("CREATE_COMPLETE", present=True)
    nowhere: Any = Cloudformation("CREATE_COMPLETE")

    assert stack.parameters_of(there, "reelhaul-prod") == {"GraceDays": "30"}
    assert stack.parameters_of(nowhere, "reelhaul-prod") == {}


def test_a_deploy_that_would_break_the_promise_touches_nothing(tmp_path: Path):
    deployed = Cloudformation("UPDATE_COMPLETE", present=True)
    account = deploy.Account({"cloudformation": deployed}.__getitem__, template.load(), None, tmp_path, {})

    with pytest.raises(grace.PromiseBroken):
        deploy.deploy("prod", account, deploy.Asked({"GraceDays": "29"}, LAYER), quiet)

    assert deployed.calls == []
