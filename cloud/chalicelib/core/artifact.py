"""Artifacts: every object of a session has a kind, a name and a slash-free id."""

import re
from enum import Enum

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId


class Kind(Enum):
    ORIGINAL = "original"
    OUTPUT = "output"
    MEASUREMENTS = "measurements"


_MADE_BY_PROCESSORS = re.compile(
    rf"({Kind.OUTPUT.value}|{Kind.MEASUREMENTS.value})\.[A-Za-z0-9][A-Za-z0-9._-]{{0,99}}"
)


def required_id(text: str) -> ArtifactId:
    """`text` as the id of an artifact that an order may require: `output.NAME` or `measurements.NAME`.

    NAME has 1 to 100 of `A-Z a-z 0-9 . _ -`, the first a letter or digit. Raises InvalidRequest.
    """
    if not _MADE_BY_PROCESSORS.fullmatch(text):
        raise InvalidRequest(
            "a required artifact is output.NAME or measurements.NAME; NAME has 1 to 100 characters of "
            "A-Z, a-z, 0-9, '.', '_' and '-', and begins with a letter or a digit"
        )
    return ArtifactId(text)
