"""Sizes, rates and times as people write them."""

import pytest

from edge_client.config import LEAST_RATE_BYTES_S, duration_s, rate_bytes_s, size_bytes


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("500000000", 500_000_000), ("20GB", 20 * 10**9), ("64MiB", 64 * 2**20), ("1TiB", 2**40)],
)
def test_a_size_is_read(text: str, value: int):
    assert size_bytes(text) == value


@pytest.mark.parametrize(
    "text", ["", "0", "0GB", "-1", "1.5GB", "20 GB", "20G", "GB", "\u0661GB", "1e9", "9" * 16]
)
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(ValueError, match="such as 20GB"):
        size_bytes(text)


@pytest.mark.parametrize(
    ("text", "value"), [("20Mbit", 2_500_000), ("2.5MB", 2_500_000), ("1Gbit", 125e6), ("32KiB", 32_768)]
)
def test_a_rate_is_read(text: str, value: float):
    assert rate_bytes_s(text) == value


@pytest.mark.parametrize("text", ["", "20", "0Mbit", "-1MB", "1Mbps", "31KiB", "32.7kB"])
def test_what_is_no_rate_or_would_look_like_a_stall_is_refused(text: str):
    with pytest.raises(ValueError, match="at least 32KiB"):
        rate_bytes_s(text)


def test_the_least_rate_is_taken():
    assert rate_bytes_s("32.768kB") == LEAST_RATE_BYTES_S


@pytest.mark.parametrize(
    ("text", "value"), [("0s", 0), ("90s", 90), ("5m", 300), ("24h", 86_400), ("7d", 604_800)]
)
def test_a_time_is_read(text: str, value: float):
    assert duration_s(text) == value


@pytest.mark.parametrize("text", ["", "5", "1.5h", "-1s", "1w", "1 h"])
def test_what_is_no_time_is_refused(text: str):
    with pytest.raises(ValueError, match="such as 24h"):
        duration_s(text)
