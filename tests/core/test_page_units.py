"""The page names the columns of `papi` as the registry of kinds does."""

import json

from chalicelib.core.measurements.columns import Column
from chalicelib.core.measurements.kinds.papi import KIND
from infra.page import PAGE

_WITH_WORDS = "status"


def test_the_page_has_every_column_of_papi_with_its_unit():
    told = json.loads((PAGE / "src" / "measurements" / "papi.json").read_text())
    shown = {name: column["unit"] for name, column in (told["light"] | told["frame"]).items()}

    assert shown == {_field(column): column.unit for column in KIND.columns if _field(column) != _WITH_WORDS}


def _field(column: Column) -> str:
    """The column's name without its light."""
    light, _, field = column.name.partition(".")
    return field or light
