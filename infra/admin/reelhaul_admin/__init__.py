"""The operator's command as it is installed. It carries `infra` and `chalicelib` inside, out of all others' way."""

import sys
from importlib.util import find_spec
from pathlib import Path

CARRIED = ("infra", "chalicelib")


def main() -> int:
    """The command; its exit code. From here on, this process imports what is carried by its own name."""
    for name in CARRIED:
        sys.path.insert(0, str(_folder_of(name)))

    from infra.admin.__main__ import main as command

    return command()


def _folder_of(name: str) -> Path:
    """The folder that has the package `name`: this one, or a folder of the checkout where that is installed."""
    found = find_spec(f"{__name__}.{name}")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{__name__} lacks {name}; install it again", name=name)
    return Path(found.origin).parents[1]
