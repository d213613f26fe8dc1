"""Where the contract suites may run besides here."""

import pytest

from tests.contracts.worlds import S3_LEAST_PART_BYTES, ForeignPlaceRefused, Place, foreign_place

CREDENTIALS = {
    "REELHAUL_CONFORMANCE_ACCESS_KEY": "key",
    "REELHAUL_CONFORMANCE_SECRET_KEY": "secret",
    "REELHAUL_CONFORMANCE_REGION": "eu-west-1",
}


@pytest.mark.parametrize("endpoint_url", ["http://127.0.0.1:5055", "http://[::1]:5055"])
def test_loopback_needs_no_permission(endpoint_url: str):
    place = foreign_place(endpoint_url, CREDENTIALS)

    assert place == Place(endpoint_url, "key", "secret", "eu-west-1", S3_LEAST_PART_BYTES)


@pytest.mark.parametrize(
    "endpoint_url", ["https://s3.eu-west-1.amazonaws.com", "http://10.0.0.1", "http://", ""]
)
def test_any_other_place_is_refused_unless_it_is_allowed(endpoint_url: str):
    with pytest.raises(ForeignPlaceRefused, match="ALLOW_REMOTE"):
        foreign_place(endpoint_url, CREDENTIALS | {"REELHAUL_CONFORMANCE_ALLOW_REMOTE": "0"})


def test_another_place_runs_when_it_is_allowed():
    allowed = CREDENTIALS | {"REELHAUL_CONFORMANCE_ALLOW_REMOTE": "1"}

    assert foreign_place("https://s3.example.org", allowed).endpoint_url == "https://s3.example.org"


def test_on_aws_itself_each_service_has_its_own_address():
    allowed = CREDENTIALS | {"REELHAUL_CONFORMANCE_ALLOW_REMOTE": "1"}

    assert foreign_place("https://s3.eu-west-1.amazonaws.com", allowed).endpoint_url is None


def test_what_is_missing_is_told_at_once():
    with pytest.raises(ForeignPlaceRefused) as refusal:
        foreign_place("http://127.0.0.1:5055", {})

    assert all(name in str(refusal.value) for name in CREDENTIALS)
