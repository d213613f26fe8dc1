import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.ids import SessionId
from chalicelib.core.keys import escaped, may_be_removed, order_prefix, original_key, session_of

SESSION = SessionId("match-17")


def test_an_original_stands_below_its_session_and_directory():
    assert original_key(SESSION, "100GOPRO", "GX010038.MP4") == "originals/match-17/100GOPRO/GX010038.MP4"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a b.MP4", "a=20b.MP4"),
        ("ü.MP4", "=C3=BC.MP4"),
        ("a=20b.MP4", "a=3D20b.MP4"),
        ("a/b", "a=2Fb"),
        ("+%", "=2B=25"),
    ],
)
def test_other_bytes_of_a_name_are_escaped(name: str, key: str):
    assert escaped(name) == key


@given(st.text(), st.text())
def test_no_two_names_share_an_escape_and_none_leaves_the_alphabet(one: str, other: str):
    try:
        first, second = escaped(one), escaped(other)
    except UnicodeEncodeError:
        return
    assert (first == second) == (one == other)
    assert re.fullmatch(r"[A-Za-z0-9._=-]*", first)


def test_the_session_of_a_key_is_found_again():
    assert session_of(original_key(SESSION, "100GOPRO", "a b.MP4")) == SESSION


@pytest.mark.parametrize("prefix", ["outputs/", "measurements/", "intermediates/"])
def test_the_session_of_what_an_order_makes_is_found_again(prefix: str):
    assert session_of(order_prefix(prefix, SESSION, 3) + "x") == SESSION


@pytest.mark.parametrize(
    ("key", "may_be"),
    [
        ("originals/s/d/f", True),
        ("intermediates/s/1/f", True),
        ("outputs/s/1/f", False),
        ("measurements/s/1/f", False),
        ("index/s/f", False),
        ("lake/originals/f", False),
        ("", False),
    ],
)
def test_only_originals_and_intermediates_may_be_removed(key: str, may_be: bool):
    assert may_be_removed(key) is may_be


@pytest.mark.parametrize(
    "key",
    [
        "",
        "originals/",
        "originals/match-17",
        "index/match-17/x",
        "quarantine/match-17/x",
        "originals/../x",
        "other",
        "originals/-x/y",
    ],
)
def test_a_key_that_is_not_ours_has_no_session(key: str):
    assert session_of(key) is None
