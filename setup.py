"""What pyproject.toml cannot say: the extra `admin` is the distribution in infra/admin of the same checkout.

Why it is named by its address, and what that costs: docs/decisions/0021-operators-command.md.
"""

from pathlib import Path

from setuptools import setup

ADMIN = Path(__file__).resolve().parent / "infra" / "admin"

setup(extras_require={"admin": [f"reelhaul-admin @ {ADMIN.as_uri()}"]})
