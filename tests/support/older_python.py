"""What the coordinator's code takes of Python 3.11, lent to 3.10 while it is imported.

The client's tests run on 3.10 too, and haul against the coordinator, which runs on 3.12 or newer. What is lent is taken
back at once: were it to stay, the client could use it in tests, and would fail on a device.
"""

from __future__ import annotations

import datetime
import re
import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def lent_names() -> Iterator[None]:
    """Within the block, modules that need 3.11 can be imported on 3.10."""
    lent = _lent() if sys.version_info < (3, 11) else {}
    before = {place: getattr(*place, None) for place in lent}
    for (module, name), value in lent.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name), value in before.items():
            if value is None:
                delattr(module, name)
            else:
                setattr(module, name, value)


def _lent() -> dict[tuple[ModuleType, str], Any]:
    import typing_extensions

    compiled = re.compile
    return {
        (datetime, "UTC"): datetime.timezone.utc,
        (typing, "assert_never"): typing_extensions.assert_never,
        (re, "compile"): lambda pattern, flags=0: compiled(_without_possession(pattern), flags),
    }


def _without_possession(pattern: Any) -> Any:
    """The pattern with `*` for `*+`, which only keeps a search from going back."""
    if isinstance(pattern, bytes):
        return pattern.replace(b"*+", b"*")
    return pattern.replace("*+", "*") if isinstance(pattern, str) else pattern
