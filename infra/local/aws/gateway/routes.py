"""Which method of an API a request is for, by the document that the API was imported from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

Document = Mapping[str, Any]

_INTEGRATION = "x-amazon-apigateway-integration"


@dataclass(frozen=True)
class Route:
    """The route of a request: its template, the values of its parameters, what answers."""

    template: str
    parameters: Mapping[str, str]
    integration: Mapping[str, Any]

    @property
    def function_arn(self) -> str:
        """The function of a proxy integration, in `.../functions/{arn}/invocations`."""
        return str(self.integration["uri"]).partition("/functions/")[2].rpartition("/")[0]


def route(document: Document, method: str, path: str) -> Route | None:
    """The route of `method` on `path` (as on the wire); None when there is none.

    Parameters are unquoted after the path is split: a `%2F` stays within one. A fixed segment goes before a parameter.
    """
    segments = path.removesuffix("/").split("/") if path != "/" else ["", ""]
    for template in sorted(document["paths"], key=_parameters_first_to_last):
        parameters = _matched(template.split("/"), segments)
        if parameters is not None:
            operation = document["paths"][template].get(method.lower())
            return Route(template, parameters, operation[_INTEGRATION]) if operation else None
    return None


def binary_types(document: Document) -> list[str]:
    """The media types whose bodies travel in base64."""
    return list(document.get("x-amazon-apigateway-binary-media-types", ()))


def _parameters_first_to_last(template: str) -> list[bool]:
    """Sorts templates so that the one with the earlier fixed segment comes first."""
    return [_is_parameter(segment) for segment in template.split("/")]


def _matched(template: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    parameters = {}
    for expected, given in zip(template, segments, strict=True):
        text = unquote(given, errors="replace")
        if _is_parameter(expected) and given:
            parameters[expected[1:-1]] = text
        elif expected != text:
            return None
    return parameters


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{") and segment.endswith("}")
