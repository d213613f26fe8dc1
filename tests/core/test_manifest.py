import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.ids import session_id
from chalicelib.core.manifest import MOST_ARTIFACTS, Manifest, Stated, manifest
from tests.support.builders import EMPTY

CRC = "rosUhgp5mIg="
SESSION = "match-17"
SESSION_ID = session_id("main", SESSION)


def entry(artifact_id: str = "output.a", **changes: Any) -> dict[str, Any]:
    return {"artifact_id": artifact_id, "size_bytes": 5, "crc64nvme": CRC, **changes}


def document(*artifacts: Any, **changes: Any) -> bytes:
    told = {"project": "main", "session_id": SESSION, "order": 1, "artifacts": list(artifacts) or [entry()]}
    return json.dumps({**told, **changes}).encode()


def read(body: bytes) -> Manifest:
    return manifest(body, SESSION_ID, 1)


def test_a_manifest_states_each_artifact_in_its_order():
    found = read(document(entry("output.b"), entry("measurements.a", size_bytes=7, crc64nvme=EMPTY)))

    assert found == Manifest((Stated("output.b", 5, CRC), Stated("measurements.a", 7, EMPTY)))  # type: ignore[arg-type]  # texts stand for ids


def test_members_that_nobody_here_knows_are_passed_over():
    told = document({**entry(), "media_type": "video/mp4"}, processor="lights 2", finished_at="2026-11-21")

    assert read(told) == read(document())
    assert read(told).fault is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"{}",
        document()[:-1],
        document() + b"{}",
        b"[" * 100_000,
        b'{"artifacts":' * 100_000,
        document().replace(b"output.a", b"output.\xff"),
    ],
)
def test_what_is_no_manifest_is_a_fault(body: bytes):
    found = read(body)

    assert found.stated == ()
    assert found.fault
    assert found.fault.startswith("the manifest cannot be read")
    assert len(found.fault) <= 400


@pytest.mark.parametrize("missing", ["project", "session_id", "order", "artifacts"])
def test_every_member_of_a_manifest_is_needed(missing: str):
    told = json.loads(document())
    del told[missing]

    assert missing in (read(json.dumps(told).encode()).fault or "")


@pytest.mark.parametrize("missing", ["artifact_id", "size_bytes", "crc64nvme"])
def test_every_member_of_an_artifact_is_needed(missing: str):
    told = entry()
    del told[missing]

    assert missing in (read(document(told)).fault or "")


@pytest.mark.parametrize(
    "changes",
    [
        {"artifact_id": "original.100GOPRO.GX010038.MP4"},
        {"artifact_id": "intermediate.a"},
        {"artifact_id": "output.manifest.json"},
        {"artifact_id": "output.../a"},
        {"artifact_id": 1},
        {"size_bytes": -1},
        {"size_bytes": 0},
        {"size_bytes": "5"},
        {"size_bytes": 5.5},
        {"size_bytes": None},
        {"size_bytes": True},
        {"size_bytes": 2**63},
        {"crc64nvme": ""},
        {"crc64nvme": None},
        {"crc64nvme": "AAAA"},
        {"crc64nvme": "rosUhgp5mIh="},
        {"crc64nvme": "ä"},
        {"crc64nvme": "rosUhgp5mIg=\n"},
    ],
)
def test_one_artifact_that_cannot_be_so_spoils_the_manifest(changes):
    found = read(document(entry("output.good"), entry(**changes)))

    assert found.stated == ()
    assert found.fault


@pytest.mark.parametrize("size_bytes", [1, 2, 2**63 - 1])
def test_an_artifact_has_at_least_one_byte(size_bytes: int):
    assert read(document(entry(size_bytes=size_bytes))).stated[0].size_bytes == size_bytes


@pytest.mark.parametrize(
    ("count", "taken"),
    [(1, True), (MOST_ARTIFACTS - 1, True), (MOST_ARTIFACTS, True), (MOST_ARTIFACTS + 1, False)],
)
def test_a_manifest_states_one_to_two_hundred_artifacts(count: int, taken: bool):
    found = read(document(*(entry(f"output.part-{number}") for number in range(count))))

    assert (len(found.stated), found.fault is None) == ((count, True) if taken else (0, False))


def test_a_manifest_that_states_nothing_is_a_fault():
    assert read(document(artifacts=[])).fault


@pytest.mark.parametrize(
    "changes", [{"project": "club"}, {"session_id": "another"}, {"order": 2}, {"order": 0}, {"order": -1}]
)
def test_the_manifest_of_another_session_or_order_is_a_fault(changes):
    found = read(document(**changes))

    assert found.stated == ()
    assert "it is where the manifest of order 1 of main/match-17 belongs" in (found.fault or "")


def test_an_artifact_stated_twice_is_a_fault_even_with_the_same_facts():
    found = read(document(entry("output.a"), entry("output.b"), entry("output.a")))

    assert found == Manifest(fault="the manifest states twice: output.a")


def test_a_faults_text_is_bounded_whatever_the_manifest_says():
    twice = [entry(f"output.{number:03}{'x' * 90}") for number in range(100)] * 2

    assert len(read(document(*twice)).fault or "") < 400
    assert len(read(document(project="x" * 10_000, session_id="x" * 10_000)).fault or "") < 400


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(body: bytes):
    assert read(body).fault


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=8,
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "artifact_id": st.sampled_from(["output.a", "measurements.a", "output.", "original.a"]) | JSON,
        "size_bytes": st.integers(-1, 3) | JSON,
        "crc64nvme": st.sampled_from([CRC, EMPTY, ""]) | JSON,
    },
)


@given(
    st.sampled_from(["main", "club"]) | JSON,
    st.sampled_from([SESSION, "another"]) | JSON,
    st.integers(0, 2) | JSON,
    st.lists(st.just(entry()) | MEMBERS, max_size=3) | JSON,
)
def test_a_manifest_states_something_or_has_a_fault_and_never_both(project, session, order, artifacts):
    told = {"project": project, "session_id": session, "order": order, "artifacts": artifacts}
    found = read(json.dumps(told).encode())

    assert (found.stated == ()) is (found.fault is not None)
    for each in found.stated:
        assert each.size_bytes >= 1
        assert each.artifact_id.startswith(("output.", "measurements."))
    if found.stated:
        assert (project, session, order) == ("main", SESSION, 1)


@given(st.integers(0, len(document()) - 1), st.integers(0, 255))
def test_one_wrong_byte_never_makes_it_raise(place: int, octet: int):
    body = bytearray(document())
    body[place] = octet

    found = read(bytes(body))

    assert (found.stated == ()) is (found.fault is not None)
