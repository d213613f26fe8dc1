"""The verdict on the lights of a runway: what an order asks of them, held against the angles that were fitted.

All angles, widths, deviations and tolerances of a document are in degrees; only an order names arc minutes.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.measurements.inspection.asked import Asked, asked_of
from chalicelib.core.measurements.inspection.estimates import (
    Judgement,
    Measured,
    Verdict,
    difference,
    judge,
    mean,
    worst,
)
from chalicelib.core.measurements.inspection.layout import Layout, Wing, lay_out

_FITTED = "fitted"
_OLD = "this index is older than the fits; have the measurements indexed again"


@dataclass(frozen=True)
class Light:
    """One light: where it is, what was measured of it, and the verdict."""

    name: str
    wing: str | None
    box: int | None
    measured: Measured
    width: float | None
    nominal_angle: float | None
    tolerance_arcmin: float | None
    judgement: Judgement

    @property
    def tolerance(self) -> float | None:
        """In degrees, as all else."""
        return _degrees(self.tolerance_arcmin)

    @property
    def deviation(self) -> float | None:
        """By how many degrees the angle is above the nominal one."""
        return _minus(self.measured.angle, self.nominal_angle)

    def document(self) -> Mapping[str, Any]:
        return {
            "light": self.name,
            "wing": self.wing,
            "box": self.box,
            **self.measured.document(),
            "width": self.width,
            "nominal_angle": self.nominal_angle,
            "tolerance": self.tolerance,
            "deviation": self.deviation,
            **self.judgement.document(),
        }


@dataclass(frozen=True)
class GlidePath:
    """The mean of the two middle lights of a wing. `judgement` is None where nothing is asked of it."""

    wing: str
    lights: tuple[str, ...]
    measured: Measured
    nominal_angle: float | None
    tolerance: float | None
    judgement: Judgement | None
    reason: str | None

    def document(self) -> Mapping[str, Any]:
        return {
            "wing": self.wing,
            "lights": list(self.lights),
            **self.measured.document(),
            "nominal_angle": self.nominal_angle,
            "tolerance": self.tolerance,
            "deviation": _minus(self.measured.angle, self.nominal_angle),
            **_judged(self.judgement, self.reason),
        }


@dataclass(frozen=True)
class Difference:
    """How far the angle of one light is above that of its neighbour, the one with the smaller box number."""

    wing: str
    lights: tuple[str, str]
    boxes: tuple[int, int] | None
    measured: Measured
    nominal: float | None

    def document(self) -> Mapping[str, Any]:
        known = self.measured.document()
        return {
            "wing": self.wing,
            "lights": list(self.lights),
            "boxes": list(self.boxes) if self.boxes else None,
            "difference": known["angle"],
            "standard_error": known["standard_error"],
            "interval": known["interval"],
            "nominal_difference": self.nominal,
            "deviation": _minus(self.measured.angle, self.nominal),
        }


@dataclass(frozen=True)
class Pair:
    """The boxes of one number in both wings: by how much the left one's angle is above the right one's."""

    box: int | None
    lights: tuple[str, str]
    measured: Measured
    tolerance: float | None
    judgement: Judgement | None

    def document(self) -> Mapping[str, Any]:
        known = self.measured.document()
        return {
            "box": self.box,
            "lights": list(self.lights),
            "difference": known["angle"],
            "standard_error": known["standard_error"],
            "interval": known["interval"],
            "tolerance": self.tolerance,
            **_judged(self.judgement, None),
        }


@dataclass(frozen=True)
class Symmetry:
    """Left against right; no pairs, and why, where there are not two wings."""

    pairs: tuple[Pair, ...]
    judgement: Judgement | None
    reason: str | None

    def document(self) -> Mapping[str, Any]:
        return {
            "pairs": [pair.document() for pair in self.pairs],
            **_judged(self.judgement, self.reason),
        }


@dataclass(frozen=True)
class Inspection:
    """What an order asks, and the verdicts on each light, each wing, and the whole."""

    asked: Asked
    judgement: Judgement
    lights: tuple[Light, ...]
    glide_paths: tuple[GlidePath, ...]
    differences: tuple[Difference, ...]
    symmetry: Symmetry

    def light(self, name: str) -> Light | None:
        return next((light for light in self.lights if light.name == name), None)

    def document(self) -> Mapping[str, Any]:
        return {
            "asked": self.asked.document(),
            **self.judgement.document(),
            "lights": [light.document() for light in self.lights],
            "glide_paths": [path.document() for path in self.glide_paths],
            "differences": [each.document() for each in self.differences],
            "symmetry": self.symmetry.document(),
        }


def inspect(lights: Mapping[str, Any], parameters: Mapping[str, Any]) -> Inspection:
    """The inspection of the `lights` of a summary.json under an order with these `parameters`. Never raises for them.

    An order from before these parameters were checked may have anything there: then no light gets a verdict, and the
    reason says why.
    """
    try:
        asked, fault = asked_of(parameters), None
    except InvalidRequest as error:
        asked, fault = Asked(), f"what the order asks cannot be read: {error}"
    layout = lay_out(sorted(lights), asked)
    fault = fault or (None if lights else "there are no lights in the measurements")
    judged = tuple(_light(name, lights.get(name), layout, asked, fault) for name in layout.names)
    by_name = {light.name: light for light in judged}
    paths = tuple(_glide_path(wing, by_name, asked) for wing in layout.wings)
    symmetry = _symmetry(layout, by_name, asked)
    return Inspection(
        asked,
        _whole(judged, paths, symmetry, layout, asked, fault),
        judged,
        paths,
        tuple(_differences(layout, by_name, asked)),
        symmetry,
    )


def judge_run(light: Light, run: Mapping[str, Any]) -> Judgement:
    """The verdict on one run of a light's `transition`, a climb or a descent, held against what is asked of the light.

    Where the light itself has nothing to be held against, the reason is the light's.
    """
    if run.get("outcome") != _FITTED:
        return Judgement(Verdict.NOT_ENOUGH_DATA, str(run.get("outcome") or _OLD))
    if light.nominal_angle is None or light.tolerance_arcmin is None:
        return Judgement(Verdict.NOT_ENOUGH_DATA, light.judgement.reason)
    return judge(_measured(run), light.nominal_angle, light.tolerance_arcmin)


def _light(
    name: str, known: Mapping[str, Any] | None, layout: Layout, asked: Asked, fault: str | None
) -> Light:
    wing, box = layout.place(name)
    turn: Mapping[str, Any] = (known or {}).get("transition") or {}
    nominal = (asked.nominal_angles or {}).get(str(box))
    tolerance = asked.tolerance_arcmin
    measured = _measured(turn)
    lacking = fault or _not_fitted(known, turn) or _not_asked(layout, asked, box)
    if lacking is not None or nominal is None or tolerance is None:
        judgement = Judgement(Verdict.NOT_ENOUGH_DATA, lacking or f"the order names no angle of box {box}")
    else:
        judgement = judge(measured, nominal, tolerance)
    return Light(name, wing, box, measured, turn.get("width"), nominal, tolerance, judgement)


def _measured(turn: Mapping[str, Any]) -> Measured:
    if turn.get("outcome") != _FITTED:
        return Measured()
    interval = turn.get("interval")
    low_and_high = (interval[0], interval[1]) if interval else None
    return Measured(turn.get("angle"), turn.get("standard_error"), low_and_high)


def _not_fitted(known: Mapping[str, Any] | None, turn: Mapping[str, Any]) -> str | None:
    """Why nothing is known of a light's angle."""
    if known is None:
        return "no frame has this light"
    if "outcome" not in turn:
        return _OLD
    outcome: str = turn["outcome"]
    return None if outcome == _FITTED else outcome


def _not_asked(layout: Layout, asked: Asked, box: int | None) -> str | None:
    """Why a light has nothing to be held against."""
    if asked.nominal_angles is None:
        return "the order names no nominal angles"
    if box is None:
        return layout.reason
    return None if asked.tolerance_arcmin is not None else "the order names no tolerance"


def _glide_path(wing: Wing, lights: Mapping[str, Light], asked: Asked) -> GlidePath:
    count = len(wing.names)
    middle = wing.names[count // 2 - 1 : count // 2 + 1] if count % 2 == 0 else ()
    measured = mean(*(lights[name].measured for name in middle)) if middle else Measured()
    lacking = None
    if not middle:
        lacking = f"{count} lights have no two in their middle"
    elif measured.angle is None:
        unknown = [name for name in middle if lights[name].measured.angle is None]
        lacking = f"the angle of {' and of '.join(unknown)} is not known"
    nominal, tolerance = asked.glide_path_angle, asked.glide_path_tolerance_arcmin
    judgement = None
    if nominal is not None and tolerance is not None:
        judgement = (
            Judgement(Verdict.NOT_ENOUGH_DATA, lacking) if lacking else judge(measured, nominal, tolerance)
        )
    elif nominal is not None or tolerance is not None:
        absent = "glide-path tolerance" if tolerance is None else "glide-path angle"
        judgement = Judgement(Verdict.NOT_ENOUGH_DATA, f"the order names no {absent}")
    return GlidePath(wing.side, middle, measured, nominal, _degrees(tolerance), judgement, lacking)


def _differences(layout: Layout, lights: Mapping[str, Light], asked: Asked) -> Iterator[Difference]:
    nominal = asked.nominal_angles or {}
    for wing in layout.wings:
        numbered = wing.numbered()
        for (name, box), (following, next_box) in itertools.pairwise(numbered):
            yield Difference(
                wing.side,
                (name, following),
                (box, next_box) if box and next_box else None,
                difference(lights[following].measured, lights[name].measured),
                _minus(nominal.get(str(next_box)), nominal.get(str(box))),
            )


def _symmetry(layout: Layout, lights: Mapping[str, Light], asked: Asked) -> Symmetry:
    tolerance = asked.symmetry_tolerance_arcmin
    if len(layout.wings) < 2:
        reason = "there is one wing" if layout.wings else layout.reason or "there is no light"
        lacking = Judgement(Verdict.NOT_ENOUGH_DATA, reason) if tolerance is not None else None
        return Symmetry((), lacking, reason)
    left, right = layout.wings
    pairs = []
    for name, mirrored in zip(left.names, reversed(right.names), strict=True):
        measured = difference(lights[name].measured, lights[mirrored].measured)
        judgement = None if tolerance is None else judge(measured, 0.0, tolerance)
        box = layout.place(name)[1]
        pairs.append(Pair(box, (name, mirrored), measured, _degrees(tolerance), judgement))
    pairs.sort(key=lambda pair: pair.box or 0)
    judged = [pair.judgement for pair in pairs if pair.judgement]
    if not judged:
        return Symmetry(tuple(pairs), None, "the order names no symmetry tolerance")
    return Symmetry(tuple(pairs), worst(judged, "both wings are alike within the tolerance"), None)


def _whole(
    lights: Sequence[Light],
    paths: Sequence[GlidePath],
    symmetry: Symmetry,
    layout: Layout,
    asked: Asked,
    fault: str | None,
) -> Judgement:
    """The worst of all that is asked: one failure is enough, and nothing passes while anything is undecided."""
    if fault is not None:
        return Judgement(Verdict.NOT_ENOUGH_DATA, fault)
    judged = [(f"light {light.name}", light.judgement) for light in lights]
    judged += [(f"glide path {path.wing}", path.judgement) for path in paths if path.judgement]
    if symmetry.judgement:
        judged.append(("symmetry", symmetry.judgement))
    asks_of_paths = asked.glide_path_angle is not None or asked.glide_path_tolerance_arcmin is not None
    if asks_of_paths and not paths:
        lacking = layout.reason or "there is no wing"
        judged.append(("glide path", Judgement(Verdict.NOT_ENOUGH_DATA, lacking)))
    named: dict[Judgement, list[str]] = {}
    for name, each in judged:
        named.setdefault(each, []).append(name)
    told = [Judgement(each.verdict, f"{', '.join(names)}: {each.reason}") for each, names in named.items()]
    return worst(told, "every light, and all else that the order asks, passes")


def _judged(judgement: Judgement | None, reason: str | None) -> Mapping[str, Any]:
    """A verdict and its reason; null, and perhaps a reason, where nothing is asked."""
    return judgement.document() if judgement else {"verdict": None, "reason": reason}


def _degrees(arcminutes: float | None) -> float | None:
    return None if arcminutes is None else arcminutes / 60


def _minus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second
