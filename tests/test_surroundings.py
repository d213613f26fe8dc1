"""A machine that is set up for other work does not disturb what stays on loopback."""

import os
import subprocess
import sys

import pytest

from infra.aws.deploy import HOUSE
from infra.local.surroundings import ignore_surroundings
from tests.support.surroundings import NOBODY, OF_OTHER_WORK, surrounded

USES_AWS = "tests/infra/test_local_aws.py"


def left_of(environment: dict[str, str]) -> dict[str, str]:
    ignore_surroundings(environment)
    return environment


def test_no_setting_of_an_aws_remains():
    left = left_of({**OF_OTHER_WORK, "AWS_": "odd", "LAWS_": "kept"})

    assert [name for name in left if name.startswith("AWS_")] == []
    assert left["LAWS_"] == "kept"


def test_the_proxies_remain_and_are_not_used_for_this_machine():
    left = left_of(dict(OF_OTHER_WORK))

    assert left["HTTPS_PROXY"] == left["http_proxy"] == NOBODY
    assert left["no_proxy"] == left["NO_PROXY"] == "127.0.0.1,localhost"


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_hosts_that_a_person_excepted_from_the_proxy_remain_excepted(name: str):
    left = left_of({name: "example.org"})

    assert left["no_proxy"] == left["NO_PROXY"] == "example.org,127.0.0.1,localhost"


def test_no_host_at_all_by_a_proxy_remains_so():
    left = left_of({"no_proxy": "*"})

    assert left["no_proxy"] == left["NO_PROXY"] == "*"


def test_the_tests_themselves_pass_there():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", USES_AWS],
        cwd=HOUSE,
        env=surrounded(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:]
