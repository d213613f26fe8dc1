"""What is counted, and how a log line says it."""

import re

import pytest

from chalicelib.core.events import Event


@pytest.mark.parametrize("event", Event, ids=lambda event: event.value)
def test_a_metric_has_the_words_of_its_event(event: Event):
    assert event.value == event.name.lower().replace("_", ".")
    assert re.fullmatch(r"[a-z]+(\.[a-z]+)+", event.value)


def test_a_log_line_has_blanks_where_the_metric_has_dots():
    assert Event.FOREIGN_OBJECT_HIDDEN.sentence == "foreign object hidden"
