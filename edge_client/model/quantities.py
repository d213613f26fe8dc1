"""Sizes, rates and times as people write them in options."""

from __future__ import annotations

import re

SIZE = re.compile(r"([0-9]{1,15})(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?", re.ASCII)
RATE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)(kB|KB|MB|KiB|MiB|kbit|Mbit|Gbit)", re.ASCII)
DURATION = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)

_DECIMAL = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
SIZES = {**_DECIMAL, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
RATES = {**SIZES, "kbit": 125, "Mbit": 125_000, "Gbit": 125_000_000}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Four connections share it, and each must stay above what counts as a stall.
LEAST_RATE_BYTES_S = 32 * 1024


def size_bytes(text: str) -> int:
    """The bytes of `20GB` or `64MiB`; without a unit they are bytes. Raises ValueError."""
    match = SIZE.fullmatch(text)
    if not match or not int(match[1]):
        raise ValueError("is a size such as 20GB, 64MiB or a number of bytes")
    return int(match[1]) * SIZES[match[2] or ""]


def rate_bytes_s(text: str) -> float:
    """The bytes a second of `2.5MB` or `20Mbit`. Raises ValueError."""
    match = RATE.fullmatch(text)
    rate = float(match[1]) * RATES[match[2]] if match else 0.0
    if rate < LEAST_RATE_BYTES_S:
        raise ValueError("is a rate a second such as 2.5MB or 20Mbit, at least 32KiB")
    return rate


def duration_s(text: str) -> float:
    """The seconds of `24h`. Raises ValueError."""
    match = DURATION.fullmatch(text)
    if not match:
        raise ValueError("is a number with s, m, h or d, such as 24h")
    return float(int(match[1]) * SECONDS[match[2]])
