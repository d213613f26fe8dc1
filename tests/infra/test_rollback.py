"""What a rollback brings back, and what it leaves. With a real deploy: test_deploys.py."""

import copy
from typing import Any

import pytest

from infra.aws import deploy, rollback, template
from infra.aws.ledger import Deploy, Page

WHOLE = template.load()


def test_what_holds_footage_is_never_brought_back_to_something_weaker():
    earlier = copy.deepcopy(WHOLE)
    rules = earlier["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    rules.append(
        {"Id": "purge-all", "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}
    )
    earlier["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"] = []
    earlier["Resources"]["Table"]["Properties"]["GlobalSecondaryIndexes"].pop()
    del earlier["Resources"]["Bucket"]["DeletionPolicy"]
    del earlier["Parameters"]["KmsKeyArn"]
    del earlier["Conditions"]["HasKmsKey"]

    wanted = rollback.rolled_back(WHOLE, earlier)

    for name in ("Bucket", "BucketPolicy", "Table"):
        assert wanted["Resources"][name] == WHOLE["Resources"][name]
    assert wanted["Parameters"]["KmsKeyArn"] == WHOLE["Parameters"]["KmsKeyArn"]
    assert wanted["Conditions"]["HasKmsKey"] == WHOLE["Conditions"]["HasKmsKey"]


def test_everything_else_is_as_it_was():
    earlier = copy.deepcopy(WHOLE)
    earlier["Resources"]["OrderQueue"]["Properties"]["VisibilityTimeout"] = 60
    del earlier["Resources"]["AlarmSubscription"]

    wanted = rollback.rolled_back(WHOLE, earlier)

    assert wanted["Resources"]["OrderQueue"] == earlier["Resources"]["OrderQueue"]
    assert "AlarmSubscription" not in wanted["Resources"]
    assert wanted["Outputs"] == earlier["Outputs"]


def test_parameters_go_back_but_those_that_guard_footage():
    was = dict.fromkeys(WHOLE["Parameters"], "then") | {"Dropped": "then"}

    freed = rollback.free_parameters(WHOLE, WHOLE, was)

    assert {"AlarmAddress", "ScanLimitBytes", "LakeFirstDay"} <= set(freed)
    guarding = {"Stage", "GraceDays", "BreakGlassRoleArn", "OperatorRoleArn", "KmsKeyArn", "BrowserOrigins"}
    assert not guarding & set(freed)
    assert "Dropped" not in freed


class Book:
    """A ledger's deploys."""

    def __init__(self, *deploys: Deploy) -> None:
        self._deploys = {each.number: each for each in deploys}

    def deploy(self, number: int) -> Deploy:
        return self._deploys[number]


def made(number: int, before: int | None, python: str = deploy.PYTHON) -> Deploy:
    return Deploy(number, "me", "now", "v1", python, "package.zip", "arn", {}, {}, before)


@pytest.mark.parametrize(
    ("page", "number"),
    [
        (Page(newest=3, current=3), 1),
        (Page(newest=4, current=3, failed=4), 3),
        (Page(newest=2, current=1, failed=2), 1),
    ],
)
def test_the_deploy_before_is_the_last_complete_one(page: Page, number: int):
    book: Any = Book(made(1, None), made(3, 1))

    assert rollback.deploy_before(book, page).number == number


@pytest.mark.parametrize("page", [Page(), Page(newest=1, current=1), Page(newest=1, failed=1)])
def test_without_a_deploy_before_nothing_is_done(page: Page):
    book: Any = Book(made(1, None))

    with pytest.raises(rollback.NothingBefore, match="no complete deploy before"):
        rollback.deploy_before(book, page)


def test_a_deploy_of_another_python_names_it():
    book: Any = Book(made(1, None, "3.99"), made(2, 1))

    with pytest.raises(rollback.NothingBefore, match=r"run this with Python 3\.99"):
        rollback.deploy_before(book, Page(newest=2, current=2))
