"""XML that clients send and moto answers, read without caring for its namespace.

The plain parser will do: expat refuses entity bombs, and only loopback talks to us.
"""

from __future__ import annotations

from xml.etree import ElementTree  # nosec B405
from xml.etree.ElementTree import Element  # nosec B405 # expat refuses entity bombs

from infra.local.aws.strict_s3.wire import Refusal


def parsed(body: bytes) -> Element:
    """The root of the document. Raises Refusal (MalformedXML)."""
    try:
        return ElementTree.fromstring(body)  # nosec B314
    except ElementTree.ParseError as error:
        raise malformed() from error


def malformed() -> Refusal:
    return Refusal(400, "MalformedXML", "The XML you provided was not well-formed or did not validate.")


def children(element: Element, name: str) -> list[Element]:
    return element.findall(f"{{*}}{name}")


def texts(element: Element, name: str) -> list[str]:
    return [child.text or "" for child in children(element, name)]


def text(element: Element, name: str) -> str | None:
    """The text of the first child of that name; None when there is none."""
    return next(iter(texts(element, name)), None)
