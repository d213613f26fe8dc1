"""HTML and SVG from values: all text and every attribute is escaped, and only what was made here is taken as it is."""

from html import escape


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


NOTHING = Markup("")

_EMPTY = frozenset(("meta", "br", "line", "rect", "path", "circle"))
"""Elements that have no content, and so no end tag."""


def tag(name: str, /, *inside: object, **attributes: object) -> Markup:
    """An element. None is left out, inside and as an attribute; `class_` is `class`, `stroke_width` has a `-`."""
    said = "".join(
        f' {each.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for each, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY:
        return Markup(f"<{name}{said}/>")
    return Markup(f"<{name}{said}>{joined(*inside)}</{name}>")


def joined(*parts: object) -> Markup:
    """The parts one after the other; what is not Markup is text."""
    return Markup("".join(_written(part) for part in parts if part is not None))


def _written(part: object) -> str:
    return part if isinstance(part, Markup) else escape(str(part))
