"""The Deny statements of a bucket policy, evaluated as IAM does; what is not understood is refused when it is set.

Allow statements are passed over: here the owner's key signs everything, and it may do all that nothing denies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.aws.strict_s3.operations import CREATES_OBJECT, Demand
from infra.local.aws.strict_s3.signatures import Caller
from infra.local.aws.strict_s3.wire import Request

# Loopback takes the place of TLS: nothing else can listen in, and moto speaks plain HTTP.
SECURE_TRANSPORT = "true"
TLS_VERSION = "1.3"

PRINCIPAL_ARN = "arn:aws:iam::123456789012:user/owner"
"""The principal of every access key of the local AWS, unless the key has one of its own."""

KEYS = frozenset(
    {
        "aws:PrincipalArn",
        "aws:SecureTransport",
        "s3:TlsVersion",
        "s3:if-match",
        "s3:if-none-match",
        "s3:ObjectCreationOperation",
        "s3:signatureAge",
        "s3:authType",
    }
)
EXISTING_TAG = "s3:ExistingObjectTag/"
"""Before the name of a tag: its value on the object that is read, absent where the object has no such tag."""
READS = frozenset({"s3:GetObject", "s3:GetObjectVersion"})
"""The actions for which the tags of the object are looked up here."""
STATEMENT_PARTS = frozenset({"Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "Condition"})

Context = Mapping[str, str]  # condition key -> its value in this request; absent keys are absent


class UnknownPolicy(Exception):
    """A policy that says something which is not evaluated here; the message names it."""


def _positive(holds: Callable[[str, str], bool]) -> Callable[[str | None, str], bool]:
    """An operator that an absent key never satisfies."""
    return lambda actual, wanted: actual is not None and holds(actual, wanted)


OPERATORS: Mapping[str, Callable[[str | None, str], bool]] = {
    "Bool": _positive(lambda actual, wanted: actual.lower() == wanted.lower()),
    "StringEquals": _positive(lambda actual, wanted: actual == wanted),
    "NumericGreaterThan": _positive(lambda actual, wanted: float(actual) > float(wanted)),
    "NumericLessThan": _positive(lambda actual, wanted: float(actual) < float(wanted)),
    "ArnEquals": _positive(lambda actual, wanted: actual == wanted),
    "ArnNotEquals": lambda actual, wanted: actual != wanted,
    # Negated: an absent key satisfies it.
    "ArnNotLike": lambda actual, wanted: actual is None or not pattern(wanted, re.NOFLAG).fullmatch(actual),
    "Null": lambda actual, wanted: (actual is None) == (wanted.lower() == "true"),
}


NEGATED = frozenset({"ArnNotEquals", "ArnNotLike"})


@dataclass(frozen=True)
class Condition:
    """One key under one operator: any value may match; for a negated operator none may match."""

    operator: str
    key: str
    values: tuple[str, ...]

    def holds(self, context: Context) -> bool:
        # For a negated operator no value may match.
        chosen = all if self.operator in NEGATED else any
        return chosen(OPERATORS[self.operator](context.get(self.key), value) for value in self.values)


@dataclass(frozen=True)
class Deny:
    """One Deny statement. Exactly one of `actions` and `other_actions` (NotAction) is not empty."""

    actions: tuple[re.Pattern[str], ...]
    other_actions: tuple[re.Pattern[str], ...]
    resources: tuple[re.Pattern[str], ...]
    conditions: tuple[Condition, ...]

    def applies(self, demand: Demand, context: Context) -> bool:
        return (
            self._covers(demand.action)
            and any_matches(self.resources, demand.resource)
            and all(condition.holds(context) for condition in self.conditions)
        )

    def _covers(self, action: str) -> bool:
        if self.other_actions:
            return not any_matches(self.other_actions, action)
        return any_matches(self.actions, action)


@dataclass(frozen=True)
class Policy:
    """What is denied on a bucket."""

    denies: tuple[Deny, ...] = ()

    @classmethod
    def parsed(cls, document: Mapping[str, Any]) -> Policy:
        """Raises UnknownPolicy for a policy that cannot be evaluated."""
        statements = listed(document.get("Statement"))
        return cls(tuple(_deny(statement) for statement in statements if statement["Effect"] == "Deny"))

    @property
    def asks_for_tags(self) -> bool:
        """Whether a statement depends on the tags of the object that is read."""
        conditions = (condition for deny in self.denies for condition in deny.conditions)
        return any(condition.key.startswith(EXISTING_TAG) for condition in conditions)

    def denies_any(self, demand: Demand, context: Context) -> bool:
        return any(deny.applies(demand, context) for deny in self.denies)


def context_of(request: Request, operation: str, caller: Caller, principal: str) -> Context:
    """The condition keys of a request. s3:signatureAge, in milliseconds, is that of a presigned URL."""
    age, creates = caller.signature_age, CREATES_OBJECT.get(operation)
    found = {
        "aws:PrincipalArn": principal,
        "aws:SecureTransport": SECURE_TRANSPORT,
        "s3:TlsVersion": TLS_VERSION,
        "s3:authType": caller.auth_type.value,
        "s3:if-match": request.header("if-match"),
        "s3:if-none-match": request.header("if-none-match"),
        "s3:signatureAge": None if age is None else str(age.total_seconds() * 1000),
        "s3:ObjectCreationOperation": None if creates is None else str(creates).lower(),
    }
    return {key: value for key, value in found.items() if value is not None}


def _deny(statement: Mapping[str, Any]) -> Deny:
    unknown = statement.keys() - STATEMENT_PARTS
    if unknown:
        raise UnknownPolicy(f"statement element {sorted(unknown)[0]}")
    if statement.get("Principal") not in ("*", {"AWS": "*"}):
        raise UnknownPolicy("a principal other than *")
    if ("Action" in statement) == ("NotAction" in statement) or "Resource" not in statement:
        raise UnknownPolicy("a statement needs a Resource and either Action or NotAction")
    made = Deny(
        actions=patterns(statement.get("Action"), re.IGNORECASE),
        other_actions=patterns(statement.get("NotAction"), re.IGNORECASE),
        resources=patterns(statement["Resource"], re.NOFLAG),
        conditions=tuple(_conditions(statement.get("Condition") or {})),
    )
    _demand_known_tags(made, statement)
    return made


def _demand_known_tags(deny: Deny, statement: Mapping[str, Any]) -> None:
    """Raises UnknownPolicy for a condition on tags where the tags are not looked up."""
    is_on_tags = any(condition.key.startswith(EXISTING_TAG) for condition in deny.conditions)
    actions = {str(action) for action in listed(statement.get("Action"))}
    if is_on_tags and (deny.other_actions or not actions <= READS):
        raise UnknownPolicy(f"{EXISTING_TAG} with other actions than {', '.join(sorted(READS))}")


def _conditions(document: Mapping[str, Mapping[str, Any]]) -> list[Condition]:
    return [
        _condition(operator, key, values)
        for operator, pairs in document.items()
        for key, values in pairs.items()
    ]


def _condition(operator: str, key: str, values: Any) -> Condition:
    if operator not in OPERATORS:
        raise UnknownPolicy(f"condition operator {operator}")
    names = {known.lower(): known for known in KEYS}
    if key.lower().startswith(EXISTING_TAG.lower()):
        # A tag's name is told apart by its case.
        names[key.lower()] = EXISTING_TAG + key[len(EXISTING_TAG) :]
    if key.lower() not in names:
        raise UnknownPolicy(f"condition key {key}")
    if operator == "ArnNotEquals" and len(listed(values)) != 1:
        raise UnknownPolicy("ArnNotEquals with several values, all of which must differ")
    return Condition(operator, names[key.lower()], tuple(_word(operator, value) for value in listed(values)))


def _word(operator: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if operator in ("Bool", "Null") and text.lower() not in ("true", "false"):
        raise UnknownPolicy(f"{operator} with {text}")
    if operator in ("ArnEquals", "ArnNotEquals") and not re.fullmatch(r"arn:[^*?]+", text):
        raise UnknownPolicy(f"{operator} with {text}")
    if operator in ("NumericGreaterThan", "NumericLessThan") and not re.fullmatch(r"-?\d+(\.\d+)?", text):
        raise UnknownPolicy(f"{operator} with {text}")
    return text


def patterns(values: Any, flags: re.RegexFlag) -> tuple[re.Pattern[str], ...]:
    return tuple(pattern(str(value), flags) for value in listed(values))


def pattern(text: str, flags: re.RegexFlag) -> re.Pattern[str]:
    if "${" in text:
        raise UnknownPolicy(f"policy variable in {text}")
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), flags | re.DOTALL)


def any_matches(patterns: tuple[re.Pattern[str], ...], text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in patterns)


def listed(values: Any) -> list[Any]:
    if values is None:
        return []
    return list(values) if isinstance(values, list | tuple) else [values]
