import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.ids import ArtifactId, SessionId, session_id
from chalicelib.core.keys import (
    OF_SESSIONS,
    OUTPUTS,
    PROXY_SUFFIX,
    THUMBNAIL_SUFFIX,
    content_type,
    escaped,
    index_prefix,
    lake_key,
    manifest_key,
    may_be_removed,
    may_be_replaced,
    order_prefix,
    original_key,
    session_of,
    sidecar_key,
)
from tests.support.builders import make_session_id

SESSION = make_session_id("match-17")


def test_an_original_stands_below_its_project_session_and_directory():
    assert (
        original_key(SESSION, "100GOPRO", "GX010038.MP4") == "originals/main/match-17/100GOPRO/GX010038.MP4"
    )


@pytest.mark.parametrize("suffix", [PROXY_SUFFIX, THUMBNAIL_SUFFIX])
def test_a_sidecar_stands_below_a_prefix_of_its_own_under_the_name_of_its_chapter(suffix: str):
    key = sidecar_key(SESSION, "100GOPRO", "a b.MP4", suffix)

    assert key == f"proxies/main/match-17/100GOPRO/a=20b.MP4{suffix}"
    assert session_of(key) == SESSION


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("proxies/main/s/d/GX010038.MP4.mp4", "video/mp4"),
        ("proxies/main/s/d/GX010038.MP4.jpg", "image/jpeg"),
        ("proxies/main/s/d/GX010038.MP4", None),
        ("originals/main/s/d/GX010038.mp4", None),
        ("outputs/main/s/1/a.jpg", None),
    ],
)
def test_only_sidecars_have_a_content_type(key: str, told: str | None):
    assert content_type(key) == told


def test_an_index_stands_below_its_project_and_session():
    prefix = index_prefix(SESSION, ArtifactId("measurements.lights.json"), "abc")

    assert prefix == "index/main/match-17/lights.json/abc/"


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


PROJECTS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True)
SESSIONS = st.builds(session_id, PROJECTS, NAMES)
FILES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(SESSIONS, st.sampled_from(OF_SESSIONS), st.integers(1, 99), FILES)
def test_every_session_is_found_again_from_every_key_of_its_own(
    session: SessionId, kind: str, order: int, filename: str
):
    of_order = order_prefix(kind, session, order) + escaped(filename)

    assert session_of(original_key(session, "100GOPRO", filename)) == session
    assert session_of(of_order) == session


@given(SESSIONS, SESSIONS, FILES)
def test_no_two_sessions_share_a_key_or_a_prefix(one: SessionId, other: SessionId, filename: str):
    keys = [original_key(each, "100GOPRO", filename) for each in (one, other)]
    prefixes = [order_prefix(OUTPUTS, each, 1) for each in (one, other)]

    assert (keys[0] == keys[1]) == (one == other)
    assert prefixes[0].startswith(prefixes[1]) == (one == other)


@given(PROJECTS, PROJECTS, NAMES)
def test_a_prefix_of_one_project_holds_no_key_of_another(one: str, other: str, name: str):
    key = manifest_key(session_id(one, name), 1)

    assert key.startswith(f"{OUTPUTS}{other}/") == (one == other)


@pytest.mark.parametrize(
    ("key", "may_be"),
    [
        ("originals/s/d/f", True),
        ("intermediates/s/1/f", True),
        ("outputs/s/1/f", False),
        ("measurements/s/1/f", False),
        ("proxies/s/d/f", False),
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
        "originals/main",
        "originals/main/match-17",
        "originals/match-17/100GOPRO",
        "originals/match.17/100GOPRO/GX010038.MP4",
        "index/main/match-17/x",
        "quarantine/main/match-17/x",
        "originals/main/../x",
        "originals/../match-17/x",
        "originals//match-17/x",
        "originals/main//x",
        "originals/Main/match-17/x",
        "originals/*/match-17/x",
        "/originals/main/match-17/x",
        "other",
        "originals/main/-x/y",
        "originals/-main/x/y",
    ],
)
def test_a_key_that_is_not_ours_has_no_session(key: str):
    assert session_of(key) is None


def test_the_lake_is_divided_by_table_and_by_the_day_of_the_session_in_utc():
    late = datetime(2026, 3, 4, 23, 30, tzinfo=timezone(timedelta(hours=-2)))

    key = lake_key("papi", SESSION, late, ArtifactId("measurements.lights.json"), "abc")

    assert key == "lake/kind=papi/dt=2026-03-05/main.match-17.lights.json.abc.parquet"


@pytest.mark.parametrize(
    "key", ["index/main/match-17/lights/abc/blocks.json", "lake/kind=papi/dt=2026-03-05/x"]
)
def test_an_index_and_the_lake_may_be_replaced(key: str):
    assert may_be_replaced(key)
    assert session_of(key) is None


@pytest.mark.parametrize("prefix", [*OF_SESSIONS, "results/", "", "indexes/"])
def test_nothing_else_may_be_replaced(prefix: str):
    assert not may_be_replaced(f"{prefix}main/match-17/index/lake/abc")
