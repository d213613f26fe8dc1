"""A fact that follows from a frozen value, worked out at the first question."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Fact = TypeVar("Fact")


class once(Generic[Fact]):  # noqa: N801  it is written like `property`
    """A property that is worked out once for each value; the value needs a `__dict__`.

    `functools.cached_property` does the same, but until Python 3.12 it holds a lock each time: that costs more than
    most facts.
    """

    def __init__(self, work_out: Callable[[Any], Fact]) -> None:
        self._work_out = work_out
        self._name = work_out.__name__
        self.__doc__ = work_out.__doc__

    def __get__(self, value: Any, owner: type | None = None) -> Fact:
        # Python looks into the `__dict__` before it asks here, so this runs once; two threads find the same.
        found = value.__dict__[self._name] = self._work_out(value)
        return found
