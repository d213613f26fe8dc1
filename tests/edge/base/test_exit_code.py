"""The exit code: one table, and one place that decides."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from edge_client.base import errors
from edge_client.base.errors import EdgeError, Refused, SettingsFault, Stopped, Transient, TryLater
from edge_client.base.exit import (
    MEANINGS,
    WHEN_STOPPED,
    ExitCode,
    code_of_error,
    code_of_lost_output,
    code_of_result,
)

CLIENT = Path(errors.__file__).parents[1]


def test_the_codes_are_those_that_units_and_scripts_know():
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "REFUSED": 1,
        "USAGE": 2,
        "WARNED": 3,
        "KEEP_THE_CARD": 4,
        "TRY_LATER": os.EX_TEMPFAIL,
    }
    assert list(MEANINGS) == list(ExitCode)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsFault(["a"]), ExitCode.USAGE),
        (Refused("a"), ExitCode.REFUSED),
        (Transient("a"), ExitCode.REFUSED),
        (EdgeError("a"), ExitCode.REFUSED),
        (TryLater("a"), ExitCode.TRY_LATER),
        (Stopped("a"), WHEN_STOPPED),
        (KeyError("a"), ExitCode.REFUSED),
    ],
)
def test_an_error_has_the_code_of_its_branch(error: Exception, code: ExitCode):
    assert code_of_error(error) is code


@pytest.mark.parametrize(
    ("person_must_look", "is_complete", "code"),
    [
        (False, True, ExitCode.DONE),
        (False, False, ExitCode.TRY_LATER),
        (True, True, ExitCode.REFUSED),
        (True, False, ExitCode.REFUSED),
    ],
)
def test_what_needs_a_person_goes_before_what_needs_time(
    person_must_look: bool, is_complete: bool, code: ExitCode
):
    assert code_of_result(person_must_look, is_complete) is code


@pytest.mark.parametrize("code", ExitCode)
def test_a_lost_result_is_never_done_and_hides_no_other_code(code: ExitCode):
    assert code_of_lost_output(code) == (code or ExitCode.REFUSED)


def test_no_other_module_has_a_code_of_its_own():
    """A command names DONE where it came to its end; which code anything else has is decided in one place."""
    named = {
        (path.relative_to(CLIENT).as_posix(), node.attr)
        for path in CLIENT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and (node.attr in ExitCode.__members__ or node.attr == "EX_TEMPFAIL")
        and path.name != "exit.py"
    }

    assert {attribute for _, attribute in named} == {"DONE"}
