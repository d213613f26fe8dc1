"""The source that is mutated does what the product's does."""

from tests.mutation.properties import with_plain_properties

SOURCE = '''
from contextlib import contextmanager
from functools import cached_property, wraps


class Film:
    seconds = 4

    @property
    def is_long(self) -> bool:
        """Whether it lasts."""
        return self.seconds > 3

    @cached_property
    def name(self) -> str:
        return f"{self.seconds}.mp4"

    @staticmethod
    def kind() -> str:
        return "film"


@contextmanager
def playing(film):
    yield film.seconds
'''


def test_a_property_is_applied_below_its_function():
    plain = with_plain_properties(SOURCE)

    assert "@property" not in plain
    assert "        return self.seconds > 3\n    is_long = property(is_long)\n" in plain


def test_properties_answer_as_before_and_other_decorators_stay():
    names: dict[str, object] = {}
    exec(with_plain_properties(SOURCE), names)
    film = names["Film"]()  # type: ignore[operator]

    assert (film.is_long, film.name, film.kind()) == (True, "4.mp4", "film")
    with names["playing"](film) as seconds:  # type: ignore[operator]
        assert seconds == 4
