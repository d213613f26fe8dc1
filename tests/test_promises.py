"""What is promised of a receipt: the bytes as they were read, once, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_client.cli import parser
from edge_client.commands.audit import AUDIT

HOUSE = Path(__file__).parents[1]
TEXTS = [
    HOUSE / "README.md",
    HOUSE / "pyproject.toml",
    *sorted((HOUSE / "docs").rglob("*.md")),
    *sorted((HOUSE / "edge_client").rglob("*.py")),
]
# What one read of a camera that offers no checksum cannot keep.
TOO_MUCH = (
    "losing a byte",
    "lose a byte",
    "proven byte for byte",
    "every byte is proven",
    "bit for bit",
    "lossless",
)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test_nothing_promises_more_than_one_read_proves(path: Path):
    text = " ".join(path.read_text().lower().split())

    assert [promise for promise in TOO_MUCH if promise in text] == []


@pytest.mark.parametrize("name", ["README.md", "docs/device.md", "docs/architecture.md"])
def test_a_receipt_is_said_to_prove_the_bytes_as_they_were_read_once(name: str):
    text = " ".join((HOUSE / name).read_text().replace("**", "").split())

    assert (
        "as they were read, once" in text
        or "as this device read them, once" in text
        or ("as the device read them, once" in text)
    )


def test_the_limits_name_the_bit_that_flips_before_it_is_counted():
    assert (
        "a bit that flips between the card and the device's checksum"
        in (HOUSE / "docs/limits.md").read_text()
    )


def test_the_help_says_so_too():
    said = " ".join(AUDIT.examples.split())
    assert "read once, where a bit that flips on its way from the card to this device is not seen" in said
    assert "verified as they were read" in (parser().description or "")
