"""Every package that devices, Lambda and operators get may be passed on, and the page of licences is true."""

import pytest

from infra import licences
from infra.licences import ALLOWED, PAGE, Unlicensed, is_allowed, licence, page, pins


def test_every_package_at_run_time_has_a_licence_that_is_allowed_and_stands_on_the_page():
    assert PAGE.read_text() == page(licences.carried())


@pytest.mark.parametrize("lock", licences.LOCKS.values())
def test_every_line_of_a_lock_is_understood(lock: str):
    text = (licences.HOUSE / lock).read_text()
    lines = [line for line in text.splitlines() if "==" in line]

    assert len(list(pins(text))) + text.count("win32") == len(lines) > 0


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("", False),
        ("MPL-2.0 AND MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("(Apache-2.0 OR BSD-3-Clause)", True),
        ("MIT License", False),
    ],
)
def test_one_of_a_choice_or_all_of_a_union_must_be_allowed(expression: str, taken: bool):
    assert is_allowed(expression) is taken


def test_a_package_that_is_absent_or_another_cannot_be_told():
    with pytest.raises(Unlicensed, match="is not installed"):
        licence("no-such-package", "1.0")
    with pytest.raises(Unlicensed, match="is locked"):
        licence("pytest", "0.0.1")


def test_what_only_windows_gets_is_left_out():
    text = "colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:0\nsix==1.17.0 \\\n    --hash=sha256:0\n"

    assert list(pins(text)) == [("six", "1.17.0")]


def test_no_licence_that_asks_for_our_own_sources_is_allowed():
    assert not [each for each in ALLOWED if "GPL" in each]
