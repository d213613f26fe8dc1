"""What an order asks of the lights: the member `inspection` of its parameters."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from chalicelib.core.errors import InvalidRequest

PARAMETER = "inspection"
"""The member of an order's parameters that is read here; all others are the processor's."""

MOST_BOXES = 8

Angle = Annotated[float, Meta(gt=0, lt=90)]
Arcminutes = Annotated[float, Meta(gt=0, le=600)]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an order asks of the lights; null counts as absent.

    `nominal_angles` are in degrees, by the number of a box in its wing, all from 1 to the number of boxes; two wings
    mirror each other.
    """

    side: Literal["left", "right", "both"] | None = None
    numbering: Literal["faa", "icao"] | None = None
    nominal_angles: dict[str, Angle] | None = None
    tolerance_arcmin: Arcminutes | None = None
    glide_path_angle: Angle | None = None
    glide_path_tolerance_arcmin: Arcminutes | None = None
    symmetry_tolerance_arcmin: Arcminutes | None = None

    def document(self) -> Mapping[str, Any]:
        """As an order says it, without what it does not say."""
        said: Mapping[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in said.items() if value is not None}


def asked_of(parameters: Mapping[str, Any]) -> Asked:
    """What an order with these parameters asks of the lights. Raises InvalidRequest, which names the field."""
    given = parameters.get(PARAMETER)
    if given is None:
        return Asked()
    try:
        asked = msgspec.convert(given, Asked)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"parameters.{PARAMETER}: {error}") from error
    _demand_sense(asked)
    return asked


def _demand_sense(asked: Asked) -> None:
    """Raises InvalidRequest for fields that cannot go together."""
    names = asked.nominal_angles
    most = MOST_BOXES // 2 if asked.side == "both" else MOST_BOXES
    if names is not None and sorted(names) != [str(number) for number in range(1, min(len(names), most) + 1)]:
        raise InvalidRequest(
            f'parameters.{PARAMETER}: `nominal_angles` names the boxes of a wing from "1" on, without a gap, '
            f"and at most {most}"
        )
    if names == {}:
        raise InvalidRequest(f"parameters.{PARAMETER}: `nominal_angles` names at least one box")
    if asked.symmetry_tolerance_arcmin is not None and asked.side in ("left", "right"):
        raise InvalidRequest(f'parameters.{PARAMETER}: `symmetry_tolerance_arcmin` goes with the side "both"')
