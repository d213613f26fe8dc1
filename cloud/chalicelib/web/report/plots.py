"""The report's plots as SVG, of an overview's buckets and of the fits: no script, and legible in black and white."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.web.report.markup import Markup, joined, tag

WIDTH, HEIGHT = 340, 170
"""One plot in its own units; two fit next to each other on A4."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 10, 26
_LEAST_HEIGHT = 2.0
"""A bucket whose angles are all alike is still seen."""

RED, WHITE, TURNING, UNSEEN, OTHER = "#c22f22", "#8fa3b8", "#e0a000", "#d9d9d9", "#5f6b76"
COLOURS: Mapping[str, str] = {"red": RED, "white": WHITE, "transition": TURNING, "not_visible": UNSEEN}
"""What a status is drawn in; white is drawn in a bluish grey, as paper is white already."""

MIXED = "transition"
"""How a bucket is drawn in which a light is red and white."""

_NARROWEST_DEG = 0.1
_BINS = 60
_LOGIT_10_TO_90 = 2 * math.log(9)
"""The width of a logistic curve from 10 to 90 %, in units of its scale."""


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high` at places from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + (self.end - self.start) * share, 1)

    def ticks(self) -> list[float]:
        """Round values along the axis, about five."""
        rough = (self.high - self.low) / 5
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 10) for number in range(first, last + 1)]


def angle_over_time(overview: Mapping[str, Any], light: Mapping[str, Any]) -> Markup | None:
    """A light's angle over time, coloured by its status, with the angle of its turn; None without angles."""
    angles = overview["numbers"].get(f"{light['light']}.angle")
    if angles is None:
        return None
    times = [time for time in (*overview["first_s"], *overview["last_s"]) if time is not None]
    x = _axis(min(times), max(times), _LEFT, WIDTH - _RIGHT)
    known = [value for name in ("min", "max") for value in angles[name] if value is not None]
    y = _axis(min(known), max(known), HEIGHT - _BOTTOM, _TOP, 0.04)
    paths: dict[str, list[str]] = {}
    for place, least in enumerate(angles["min"]):
        if least is None:
            continue
        middle = x.at((overview["first_s"][place] + overview["last_s"][place]) / 2)
        low, high = y.at(least), y.at(angles["max"][place])
        low, high = (low, high) if low - high >= _LEAST_HEIGHT else (low + 1, high - 1)
        status = _status(overview, light["light"], place)
        paths.setdefault(status, []).append(f"M{middle:g} {low:g}V{high:g}")
    wide = max(0.8, (x.end - x.start) / len(angles["min"]) * 1.05)
    drawn = [
        tag(
            "path",
            d="".join(path),
            stroke=COLOURS.get(status, OTHER),
            stroke_width=f"{wide:.2f}",
            fill="none",
        )
        for status, path in paths.items()
    ]
    return _plot(
        f"Angle of {light['light']} over time",
        joined(_tolerance_across(light, y), *drawn, _turn_across(light, y)),
        _grid(x, y, "time in s", "angle in °"),
    )


def share_of_white(overview: Mapping[str, Any], light: Mapping[str, Any]) -> Markup | None:
    """The share of white over the angle around a light's turn, with the fitted curve; None without a fit or angles."""
    name, angle = light["light"], light["angle"]
    angles = overview["numbers"].get(f"{name}.angle")
    if angle is None or angles is None:
        return None
    width = light["width"] or 0.0
    reach = max(_NARROWEST_DEG, 3 * width, 1.6 * (light["tolerance"] or 0) + abs(light["deviation"] or 0))
    x = Axis(angle - reach, angle + reach, _LEFT, WIDTH - _RIGHT)
    y = Axis(-0.05, 1.05, HEIGHT - _BOTTOM, _TOP)
    dots = [
        tag("circle", cx=f"{x.at(at):g}", cy=f"{y.at(share):g}", r="1.8", fill=OTHER, fill_opacity="0.75")
        for at, share in _shares(overview, name, angles["mean"], x)
    ]
    curve = tag("path", d=_curve(angle, width, x, y), fill="none", stroke="#111", stroke_width="1.2")
    return _plot(
        f"Share of white of {name} around its turn",
        joined(_tolerance_along(light, x, y), _turn_along(light, x, y), *dots, curve),
        _grid(x, y, "angle in °", "share of white", (0, 0.5, 1)),
    )


def legend() -> Markup:
    """What the colours and lines of the plots mean."""
    words = (("red", RED), ("transition", TURNING), ("white", WHITE), ("not visible", UNSEEN))
    keys = [tag("span", tag("i", style=f"background:{colour}"), word, class_="key") for word, colour in words]
    lines = tag(
        "span", "black line: fitted angle, grey band: its 95 % interval; green band: tolerance", class_="key"
    )
    return tag("p", *keys, lines, class_="legend")


def _axis(low: float, high: float, start: float, end: float, margin: float = 0.0) -> Axis:
    """An axis that holds both values; one that all values are alike on is widened."""
    room = (high - low) * margin if high > low else 0.5
    return Axis(low - room, high + room, start, end)


def _status(overview: Mapping[str, Any], light: str, place: int) -> str:
    """How a bucket is drawn: as its most frequent status, or as turning where it is both red and white."""
    counts: dict[str, int] = {
        word: lists[place] for word, lists in overview["statuses"].get(f"{light}.status", {}).items()
    }
    seen = [word for word, count in counts.items() if count]
    if not seen:
        return ""
    if "red" in seen and "white" in seen:
        return MIXED
    return max(seen, key=counts.__getitem__)


def _shares(
    overview: Mapping[str, Any], light: str, means: Sequence[float | None], x: Axis
) -> Iterator[tuple[float, float]]:
    """Mean angle and share of white of the frames near the turn, by bins of the angle; a transition is half white."""
    bins: dict[int, list[float]] = {}
    statuses = overview["statuses"].get(f"{light}.status", {})
    absent = [0] * len(means)
    for place, mean in enumerate(means):
        red, white, turning = (statuses.get(word, absent)[place] for word in ("red", "white", "transition"))
        count = red + white + turning
        if mean is None or not count or not x.low <= mean <= x.high:
            continue
        held = bins.setdefault(int((mean - x.low) / (x.high - x.low) * _BINS), [0.0, 0.0, 0.0])
        held[0] += mean * count
        held[1] += white + turning / 2
        held[2] += count
    for total, white, count in bins.values():
        yield total / count, white / count


def _curve(angle: float, width: float, x: Axis, y: Axis) -> str:
    scale = width / _LOGIT_10_TO_90
    points = []
    for step in range(121):
        at = x.low + (x.high - x.low) * step / 120
        away = (at - angle) / scale if scale else math.copysign(math.inf, at - angle)
        share = 1 / (1 + math.exp(-max(-60.0, min(60.0, away))))
        points.append(f"{x.at(at):g} {y.at(share):g}")
    return "M" + "L".join(points)


def _limits(light: Mapping[str, Any]) -> tuple[float, float] | None:
    nominal, tolerance = light["nominal_angle"], light["tolerance"]
    return None if nominal is None or tolerance is None else (nominal - tolerance, nominal + tolerance)


def _tolerance_across(light: Mapping[str, Any], y: Axis) -> Markup | None:
    limits = _limits(light)
    return _band_across(limits, y, "#2f8f46", "0.22") if limits else None


def _turn_across(light: Mapping[str, Any], y: Axis) -> Markup | None:
    if light["angle"] is None:
        return None
    at = f"{y.at(light['angle']):g}"
    interval = _band_across(light["interval"], y, "#111", "0.3") if light["interval"] else None
    line = tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=at, y2=at, stroke="#111", stroke_width="0.8")
    return joined(interval, line)


def _tolerance_along(light: Mapping[str, Any], x: Axis, y: Axis) -> Markup | None:
    limits = _limits(light)
    return _band_along(limits, x, y, "#2f8f46", "0.16") if limits else None


def _turn_along(light: Mapping[str, Any], x: Axis, y: Axis) -> Markup:
    at = f"{x.at(light['angle']):g}"
    interval = _band_along(light["interval"], x, y, "#111", "0.22") if light["interval"] else None
    line = tag("line", x1=at, x2=at, y1=y.end, y2=y.start, stroke="#111", stroke_width="0.8")
    return joined(interval, line)


def _band_across(limits: Sequence[float], y: Axis, colour: str, opacity: str) -> Markup:
    top, bottom = (max(y.end, min(y.start, y.at(limits[1]))), max(y.end, min(y.start, y.at(limits[0]))))
    return tag(
        "rect",
        x=_LEFT,
        y=f"{top:g}",
        width=WIDTH - _RIGHT - _LEFT,
        height=f"{bottom - top:.1f}",
        fill=colour,
        fill_opacity=opacity,
    )


def _band_along(limits: Sequence[float], x: Axis, y: Axis, colour: str, opacity: str) -> Markup:
    left, right = (max(x.start, min(x.end, x.at(limit))) for limit in limits)
    return tag(
        "rect",
        x=f"{left:g}",
        y=f"{y.end:g}",
        width=f"{right - left:.1f}",
        height=f"{y.start - y.end:g}",
        fill=colour,
        fill_opacity=opacity,
    )


def _grid(x: Axis, y: Axis, x_title: str, y_title: str, y_ticks: Sequence[float] | None = None) -> Markup:
    parts = []
    for tick in x.ticks():
        at = f"{x.at(tick):g}"
        parts.append(tag("line", x1=at, x2=at, y1=y.start, y2=y.start + 3, stroke="#555"))
        parts.append(tag("text", f"{tick:g}", x=at, y=y.start + 12, text_anchor="middle"))
    for tick in y_ticks if y_ticks is not None else y.ticks():
        at = f"{y.at(tick):g}"
        parts.append(tag("line", x1=x.start, x2=x.end, y1=at, y2=at, stroke="#bbb", stroke_width="0.4"))
        parts.append(tag("text", f"{tick:g}", x=x.start - 4, y=f"{y.at(tick) + 3:g}", text_anchor="end"))
    parts.append(
        tag(
            "rect",
            x=x.start,
            y=y.end,
            width=x.end - x.start,
            height=y.start - y.end,
            fill="none",
            stroke="#555",
            stroke_width="0.6",
        )
    )
    middle = (y.start + y.end) / 2
    parts.append(tag("text", x_title, x=(x.start + x.end) / 2, y=HEIGHT - 3, text_anchor="middle"))
    parts.append(
        tag("text", y_title, x=9, y=middle, text_anchor="middle", transform=f"rotate(-90 9 {middle:g})")
    )
    return joined(*parts)


def _plot(title: str, drawn: Markup, grid: Markup) -> Markup:
    return tag(
        "svg",
        tag("title", title),
        grid,
        drawn,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        xmlns="http://www.w3.org/2000/svg",
    )
