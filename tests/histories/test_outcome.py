"""What ends a history by an error: a fault of the product breaks a rule, one of the tests does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_client.model.parts import crc_value
from tests.histories.outcome import Violation, fault_of_product


def caught(act: Callable[[], object]) -> Exception:
    with pytest.raises((ValueError, ZeroDivisionError)) as raised:
        act()
    return raised.value


def test_an_error_that_the_product_raised_breaks_a_rule():
    found = fault_of_product(caught(lambda: crc_value("AAAA")))

    assert isinstance(found, Violation)
    assert found.rule == "faultless"
    assert "ValueError" in found.detail


def test_an_error_that_the_tests_raised_breaks_none():
    assert fault_of_product(caught(lambda: 1 / 0)) is None
