"""Which form an answer has where a call has several."""

import pytest

from chalicelib.core import answers
from chalicelib.core.errors import TooLarge
from chalicelib.web.wire.forms import CSV, HTML, JSON, preferred, text_answer

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
OFFERED = (JSON, CSV, HTML)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        (BROWSER, HTML),
        ("text/csv", CSV),
        ("TEXT/CSV", CSV),
        ("text/csv; charset=utf-8", CSV),
        ("text/csv, application/json", JSON),
        ("text/csv, application/json;q=0.9", CSV),
        ("text/csv;q=0.1, application/json;q=0", CSV),
        ("text/*", CSV),
        ("text/*, text/csv;q=0", HTML),
        ("*/*, application/json;q=0.1", CSV),
        ("image/png", JSON),
        ("text/csv;q=2", JSON),
        ("text/csv;q=x, text/html", HTML),
        ("text/csv;q=-1", JSON),
        ("text/csv;q=nan", JSON),
        ("csv", JSON),
        (",,;q=1,", JSON),
    ],
)
def test_the_greatest_weight_wins_and_json_where_nothing_does(accept: str | None, form: str):
    assert preferred(accept, OFFERED) == form


@pytest.mark.parametrize("more", [-1, 0])
def test_text_is_answered_up_to_what_lambda_sends(more: int):
    body = "x" * (answers.MOST_BODY_BYTES - 2 + more)

    assert text_answer(body, CSV).body == body


def test_longer_text_is_refused():
    with pytest.raises(TooLarge, match="ask for less"):
        text_answer("x" * (answers.MOST_BODY_BYTES - 1), CSV)


def test_text_of_the_longest_characters_is_answered_up_to_the_same_limit():
    most = (answers.MOST_BODY_BYTES - 2) // 12

    assert answers.counted_bytes("\U0001f3a5" * most) <= answers.MOST_BODY_BYTES
    assert text_answer("\U0001f3a5" * most, CSV).status_code == 200
    with pytest.raises(TooLarge):
        text_answer("\U0001f3a5" * (most + 1), CSV)
