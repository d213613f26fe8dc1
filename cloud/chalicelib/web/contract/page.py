"""The OpenAPI document as a page to read, on a phone too: HTML without any script, and nothing from elsewhere."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.web.report.markup import NOTHING, Markup, joined, tag

Document = Mapping[str, Any]

_STYLE = """
:root { color-scheme: light dark }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, "Liberation Sans", sans-serif; max-width: 52rem; margin: 0 auto; padding: 1rem }
h1 { margin: 0 } h2 { margin: 2.2rem 0 .6rem; border-bottom: 1px solid #8888 } h3 { margin: 1.2rem 0 .3rem }
h4 { margin: 1rem 0 .3rem }
code, pre { font: .86em ui-monospace, "Liberation Mono", monospace; overflow-wrap: anywhere }
pre { background: #8882; border-radius: .4rem; padding: .6rem .8rem; overflow-x: auto; overflow-wrap: normal }
details { border: 1px solid #8886; border-radius: .4rem; margin: .5rem 0; padding: 0 .8rem }
details[open] { padding-bottom: .8rem }
summary { cursor: pointer; padding: .55rem 0; overflow-wrap: anywhere }
summary i { display: block; color: #777; font-style: normal }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .92em }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #8884 }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem }
.note { color: #777 }
"""
_SIGNS = {
    "minimum": "≥",
    "maximum": "≤",
    "minLength": "≥",
    "maxLength": "≤",
    "minItems": "≥",
    "maxItems": "≤",
}
_CODE = re.compile(r"`([^`]+)`")
_REF = re.compile(r"^#/components/(schemas|responses)/(.+)$")


def page(document: Document) -> str:
    """The page of an OpenAPI document that `contract.document` made."""
    tags = list(dict.fromkeys(told["tags"][0] for _, _, told in _operations(document)))
    head = joined(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{document['info']['title']}: the API"),
        tag("style", Markup(_STYLE)),
    )
    body = joined(
        tag("h1", document["info"]["title"]),
        *(tag("p", _marked(text)) for text in document["info"]["description"].split("\n\n")),
        tag("p", "The same for programs: ", tag("a", tag("code", "openapi.json"), href="openapi.json"), "."),
        tag("nav", *(tag("a", name, href=f"#{name}") for name in (*tags, "problems", "types"))),
        *(_subject(document, name) for name in tags),
        tag("h2", "problems", id="problems"),
        _problems(document),
        tag("h2", "types", id="types"),
        *(_type(name, schema) for name, schema in document["components"]["schemas"].items()),
    )
    return "<!DOCTYPE html>\n" + tag("html", tag("head", head), tag("body", body), lang="en")


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            yield method.upper(), path, told


def _subject(document: Document, name: str) -> Markup:
    calls = [each for each in _operations(document) if each[2]["tags"] == [name]]
    return joined(tag("h2", name, id=name), *(_call(*each) for each in calls))


def _call(method: str, path: str, told: Document) -> Markup:
    return tag(
        "details",
        tag(
            "summary",
            tag("code", tag("b", method), " ", path),
            tag("i", told["summary"]),
        ),
        tag("p", _marked(told["description"])),
        _parameters(told["parameters"]),
        _body(told.get("requestBody")),
        tag("h4", "Answers"),
        _answers(told["responses"]),
        id=told["operationId"],
    )


def _parameters(parameters: list[Document]) -> Markup:
    if not parameters:
        return NOTHING
    rows = (
        (
            tag("code", each["name"]),
            each["in"],
            _kind(each["schema"]),
            joined(*_marks(each.get("description"), "needed" if each["required"] else None)),
        )
        for each in parameters
    )
    return joined(tag("h4", "Parameters"), _table(("name", "in", "what", ""), rows))


def _body(body: Document | None) -> Markup:
    if body is None:
        return NOTHING
    [content] = body["content"].values()
    return joined(tag("h4", "Body"), tag("p", _kind(content["schema"])), _examples(content))


def _answers(responses: Document) -> Markup:
    parts = []
    for status, told in responses.items():
        if "$ref" in told:
            parts.append((status, _linked(told["$ref"], "problems"), NOTHING))
            continue
        forms = [
            joined(tag("code", form), " ", _kind(content["schema"]))
            for form, content in told.get("content", {}).items()
        ]
        lines = (
            joined(*(joined(each, tag("br")) for each in forms)) if forms else _marked(told["description"])
        )
        examples = joined(*(_examples(content) for content in told.get("content", {}).values()))
        parts.append((status, lines, examples))
    return joined(
        _table(("status", ""), ((tag("code", status), said) for status, said, _ in parts)),
        *(examples for _, _, examples in parts),
    )


def _examples(content: Document) -> Markup:
    return joined(
        *(
            tag("pre", json.dumps(example["value"], indent=2, ensure_ascii=False))
            for example in content.get("examples", {}).values()
        )
    )


def _problems(document: Document) -> Markup:
    return joined(
        *(
            tag("p", tag("b", name), ": ", _marked(told["description"]), id=f"problems-{name}")
            for name, told in document["components"]["responses"].items()
        )
    )


def _type(name: str, schema: Document) -> Markup:
    needed = schema.get("required", ())
    rows = (
        (
            tag("code", member),
            _kind(told),
            joined(*_marks(told.get("description"), None if member in needed else "may be absent")),
        )
        for member, told in schema.get("properties", {}).items()
    )
    return joined(
        tag("h3", name, id=f"schemas-{name}"),
        tag("p", _marked(schema["description"])) if "description" in schema else NOTHING,
        _table(("member", "what", ""), rows),
    )


def _marks(description: str | None, mark: str | None) -> Iterator[Markup]:
    """What is said of a value, and a mark behind it."""
    if description:
        yield _marked(description)
    if mark:
        yield tag("span", f" {mark}", class_="note")


def _kind(schema: Document) -> Markup:
    """What a value may be, in a few words."""
    if "$ref" in schema:
        return _linked(schema["$ref"])
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return _between(" or ", [_kind(each) for each in several])
    if named := [schema["const"]] if "const" in schema else schema.get("enum"):
        return _between(" or ", [tag("code", json.dumps(each)) for each in named])
    kind = schema.get("type", "anything")
    if kind == "array":
        return joined("list of ", _kind(schema.get("items", {})), *_limits(schema))
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return joined("object whose members are ", _kind(schema["additionalProperties"]))
    pattern = (
        tag("span", " ", tag("code", schema["pattern"]), class_="note") if "pattern" in schema else NOTHING
    )
    return joined(schema.get("format") or kind, *_limits(schema), pattern)


def _limits(schema: Document) -> Iterator[Markup]:
    for name, sign in _SIGNS.items():
        if name in schema:
            unit = " characters" if name.endswith("Length") else ""
            yield tag("span", f" {sign} {schema[name]}{unit}", class_="note")


def _linked(ref: str, what: str = "schemas") -> Markup:
    found = _REF.match(ref)
    assert found, ref
    return tag("a", found[2], href=f"#{what}-{found[2]}")


def _between(separator: str, parts: list[Markup]) -> Markup:
    said = [joined(separator, each) if place else each for place, each in enumerate(parts)]
    return joined(*said)


def _table(heads: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> Markup:
    head = tag("tr", *(tag("th", each) for each in heads))
    body = (tag("tr", *(tag("td", each) for each in row)) for row in rows)
    return tag("div", tag("table", head, *body), class_="wide")


def _marked(text: str) -> Markup:
    """Text whose `code` is shown as code."""
    pieces = _CODE.split(text)
    return joined(*(tag("code", each) if place % 2 else each for place, each in enumerate(pieces)))
