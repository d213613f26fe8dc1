"""The version of this code."""

from importlib.metadata import version
from pathlib import Path

import tomllib

DISTRIBUTION = "reelhaul-admin"


def own_version() -> str:
    """That of the checkout, or the one that was installed."""
    project = Path(__file__).with_name("pyproject.toml")
    if not project.exists():
        return version(DISTRIBUTION)
    stated: str = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    return stated
