"""The form of an answer where a call has several: the one rule for `Accept`, and answers that are not JSON."""

from collections.abc import Mapping, Sequence

from chalice.app import Response

from chalicelib.core import answers

JSON = "application/json"
CSV = "text/csv"
HTML = "text/html"

UNTRUSTING: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of a page: it runs nothing, fetches nothing, is in no frame and in no cache."""

_WORST = 0.0


def preferred(accept: str | None, offered: Sequence[str]) -> str:
    """The media type to answer with: the offered one with the greatest `q` of `accept` (RFC 9110, 12.5.1).

    The most specific range that matches a type decides its `q`. Of equals the first offered wins, and it is the
    answer as well where nothing is acceptable, or nothing is asked.
    """
    ranges = [found for part in (accept or "").split(",") if (found := _range(part))]
    weights = {form: _weight(form, ranges) for form in offered}
    return max(offered, key=lambda form: weights[form])


def text_answer(body: str, form: str, headers: Mapping[str, str] | None = None) -> Response:
    """`body`, UTF-8, as `form`. Raises TooLarge for a longer answer than Lambda allows."""
    answers.demand_sendable(body)
    return Response(
        body, {"Content-Type": f"{form}; charset=utf-8", "Vary": "Accept", **(headers or {})}, 200
    )


def _range(part: str) -> tuple[str, float] | None:
    """A media range and its weight; None for what is none."""
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    if name.count("/") != 1:
        return None
    given = [each.removeprefix("q=") for each in parameters if each.startswith("q=")]
    try:
        weight = float(given[0]) if given else 1.0
    except ValueError:
        return None
    return (name, weight) if 0 <= weight <= 1 else None


def _weight(form: str, ranges: Sequence[tuple[str, float]]) -> float:
    kind = form.partition("/")[0]
    for name in (form, f"{kind}/*", "*/*"):
        found = [weight for each, weight in ranges if each == name]
        if found:
            return max(found)
    return _WORST
