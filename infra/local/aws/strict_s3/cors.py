"""Cross-origin rules of a bucket: who may ask from a browser, for what, with which headers, and what they may read.

The first rule that fits decides, as in S3; moto mixes all rules and never looks at the headers asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from xml.etree.ElementTree import Element  # nosec B405 # moto wrote what is read

from infra.local.aws.strict_s3 import xml
from infra.local.aws.strict_s3.wire import Answer, Refusal, Request

PREFIX = "access-control-"


@dataclass(frozen=True)
class Rule:
    """One rule of a bucket's configuration. Headers in lower case."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    max_age_s: str | None

    @classmethod
    def of(cls, element: Element) -> Rule:
        return cls(
            origins=tuple(xml.texts(element, "AllowedOrigin")),
            methods=tuple(xml.texts(element, "AllowedMethod")),
            headers=tuple(name.lower() for name in xml.texts(element, "AllowedHeader")),
            exposed=tuple(xml.texts(element, "ExposeHeader")),
            max_age_s=xml.text(element, "MaxAgeSeconds"),
        )

    def allows(self, origin: str, method: str, headers: Sequence[str] = ()) -> bool:
        return (
            any(_fits(origin, pattern) for pattern in self.origins)
            and method in self.methods
            and all(any(_fits(header, pattern) for pattern in self.headers) for header in headers)
        )

    def granted(self, origin: str) -> dict[str, str]:
        """The headers that tell a browser what this rule lets it do."""
        anyone = "*" in self.origins
        said = {
            "access-control-allow-origin": "*" if anyone else origin,
            "access-control-allow-methods": ", ".join(self.methods),
            "access-control-expose-headers": ", ".join(self.exposed),
            "access-control-max-age": self.max_age_s,
            "access-control-allow-credentials": None if anyone else "true",
            "vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
        }
        return {name: value for name, value in said.items() if value}


def _fits(text: str, pattern: str) -> bool:
    # A star is the only wildcard of S3; the others of fnmatch mean themselves.
    return fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))


def rules_of(configuration: Answer) -> list[Rule]:
    """The rules in the answer to GetBucketCors; none when the bucket has none."""
    if not configuration.is_success:
        return []
    return [Rule.of(element) for element in xml.children(xml.parsed(configuration.body), "CORSRule")]


def preflight(rules: Sequence[Rule], request: Request) -> Answer:
    """The answer to a browser that asks before it sends. Raises Refusal (403) when no rule allows it."""
    origin, method = request.header("origin"), request.header("access-control-request-method")
    if not origin or not method:
        raise Refusal(400, "BadRequest", "Insufficient information. Origin request header needed.")
    asked = request.header("access-control-request-headers") or ""
    headers = [name.strip().lower() for name in asked.split(",") if name.strip()]
    rule = next((rule for rule in rules if rule.allows(origin, method, headers)), None)
    if rule is None:
        raise Refusal(403, "AccessForbidden", _reason(rules), Method=method, ResourceType="OBJECT")
    allowed = {"access-control-allow-headers": ", ".join(headers)} if headers else {}
    return Answer(200, list({**rule.granted(origin), **allowed}.items()))


def _reason(rules: Sequence[Rule]) -> str:
    if not rules:
        return "CORSResponse: CORS is not enabled for this bucket."
    return "CORSResponse: This CORS request is not allowed by the origins, methods and headers of the bucket's rules."


def exposed(rules: Sequence[Rule], request: Request, answer: Answer) -> Answer:
    """`answer` as a browser of that origin may see it; without moto's own words about CORS."""
    plain = answer.without_headers(lambda name: name.startswith(PREFIX))
    origin = request.header("origin") or ""
    rule = next((rule for rule in rules if rule.allows(origin, request.method)), None)
    return plain.with_headers(rule.granted(origin)) if rule else plain
