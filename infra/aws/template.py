"""`infra/aws/storage.yaml` and the lake's tables as data: what they say, also once names and parameters are known.

`python -m infra.aws.template` prints the whole of it, to lint or to read. Only the intrinsic functions that the file
uses are understood; any other raises UnknownIntrinsic.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.aws.catalog import catalog

STORAGE = Path(__file__).with_name("storage.yaml")

NO_VALUE = "AWS::NoValue"

LARGEST_BYTES = 51_200
"""What CloudFormation takes in a call.

Source: docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

Template = dict[str, Any]


class UnknownIntrinsic(Exception):
    """The template uses a function or a name that is not understood here."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Ref x`) read as their long ones."""


def _long_form(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    argument = _argument(loader, node)
    if tag == "GetAtt":  # JSON takes a list only
        return {"Fn::GetAtt": argument.split(".", 1)}
    return {"Ref" if tag == "Ref" else f"Fn::{tag}": argument}


def _argument(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Loader.add_multi_constructor("!", _long_form)


def load() -> Template:
    """The whole template, every intrinsic function in its long form."""
    loader = _Loader(STORAGE.read_text())
    try:
        template: Template = loader.get_single_data()
    finally:
        loader.dispose()
    return template | {"Resources": {**template["Resources"], **catalog()}}


def as_text(template: Template) -> str:
    """`template` as CloudFormation takes it, in few bytes: it takes no more than LARGEST_BYTES in a call."""
    return json.dumps(template, separators=(",", ":"))


def only(template: Template, types: frozenset[str]) -> Template:
    """`template` with the resources of these types and no others, and without the outputs that tell of others."""
    kept = {name: body for name, body in template["Resources"].items() if body["Type"] in types}
    absent = template["Resources"].keys() - kept.keys()
    outputs = {name: body for name, body in template["Outputs"].items() if not absent & _referred(body)}
    return template | {"Resources": kept, "Outputs": outputs}


def parameters_in(template: Template, resources: Iterable[str]) -> set[str]:
    """The parameters that these resources of `template` depend on, themselves or by a condition."""
    names: set[str] = set()
    left: list[Any] = [template["Resources"][name] for name in resources]
    conditions: dict[str, Any] = template.get("Conditions", {})
    seen: set[str] = set()
    while left:
        for name in _named_in(left.pop()):
            if name in conditions and name not in seen:
                seen.add(name)
                left.append(conditions[name])
            names.add(name)
    known: dict[str, Any] = template["Parameters"]
    return {name for name in names if name in known}


def _named_in(node: Any) -> Iterator[str]:
    """Every text in `node` that may name something: what is referred to, and what a text has between braces."""
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _named_in(item)
    if isinstance(node, str):
        yield node
        yield from re.findall(r"\$\{([^}!.]+)", node)


def _referred(output: Mapping[str, Any]) -> set[str]:
    """The resource or parameter that an output tells of."""
    value = output["Value"]
    return {value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]}


def defaults(template: Template) -> dict[str, str]:
    """The parameters that have a default, as CloudFormation passes them: text."""
    parameters: dict[str, dict[str, Any]] = template["Parameters"]
    return {name: str(body["Default"]) for name, body in parameters.items() if "Default" in body}


def resolved(node: Any, template: Template, names: Mapping[str, str]) -> Any:
    """`node` of `template` as CloudFormation would pass it on.

    `names` holds parameters by name (`GraceDays`), resources by name (`Bucket`) and attributes with a dot
    (`Bucket.Arn`). Raises UnknownIntrinsic for a name that it lacks.
    """
    return _Resolver(template, names).value(node)


class _Resolver:
    def __init__(self, template: Template, names: Mapping[str, str]) -> None:
        self._conditions: dict[str, Any] = template.get("Conditions", {})
        self._names = names

    def value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [made for item in node if not _is_nothing(made := self.value(item))]
        if not isinstance(node, dict):
            return node
        if len(node) == 1 and (name := next(iter(node))) in _FUNCTIONS:
            return _FUNCTIONS[name](self, node[name])
        values = {key: self.value(item) for key, item in node.items()}
        return {key: item for key, item in values.items() if not _is_nothing(item)}

    def ref(self, name: str) -> Any:
        return {"Ref": NO_VALUE} if name == NO_VALUE else self._named(name)

    def attribute(self, path: list[str]) -> str:
        return self._named(".".join(path))

    def substituted(self, text: str) -> str:
        return re.sub(r"\$\{([^}]+)\}", self._substitute, text)

    def _substitute(self, match: re.Match[str]) -> str:
        name = match[1]
        return f"${{{name[1:]}}}" if name.startswith("!") else self._named(name)

    def joined(self, argument: list[Any]) -> str:
        separator, parts = argument
        return str(separator).join(self.value(parts))

    def encoded(self, text: Any) -> str:
        return base64.b64encode(str(self.value(text)).encode()).decode()

    def split(self, argument: list[Any]) -> list[str]:
        separator, text = argument
        parts: list[str] = self.value(text).split(separator)
        return parts

    def chosen(self, branches: list[Any]) -> Any:
        condition, then, otherwise = branches
        return self.value(then if self.value(self._conditions[condition]) else otherwise)

    def equal(self, pair: list[Any]) -> bool:
        left, right = (self.value(side) for side in pair)
        return bool(left == right)

    def negated(self, only_one: list[Any]) -> bool:
        return not self.value(only_one[0])

    def _named(self, name: str) -> str:
        if name not in self._names:
            raise UnknownIntrinsic(f"the template names {name!r}, which is not known here")
        return self._names[name]


def _is_nothing(item: Any) -> bool:
    return bool(item == {"Ref": NO_VALUE})


_FUNCTIONS: dict[str, Callable[[_Resolver, Any], Any]] = {
    "Ref": _Resolver.ref,
    "Fn::GetAtt": _Resolver.attribute,
    "Fn::Sub": _Resolver.substituted,
    "Fn::Join": _Resolver.joined,
    "Fn::Split": _Resolver.split,
    "Fn::Base64": _Resolver.encoded,
    "Fn::If": _Resolver.chosen,
    "Fn::Equals": _Resolver.equal,
    "Fn::Not": _Resolver.negated,
}


if __name__ == "__main__":
    print(as_text(load()))
