"""What is deployed, read out of moto in this process: functions, what happens when they fail, and schedules.

moto is imported when first asked, not before: it takes its settings from the environment of that moment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from infra.local.aws.events.destinations import FailurePolicy
from infra.local.aws.events.schedule import Rule
from infra.local.aws.lambdas.functions import DeployedFunction, UnknownFunction

ACCOUNT = "123456789012"
RETRIES = 2  # Lambda's own, where nothing else is configured

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60.0, "hour": 3_600.0, "day": 86_400.0}


class UnknownSchedule(Exception):
    """A rule with a schedule that is not `rate(...)`."""


def moto_functions(region: str) -> Callable[[str], DeployedFunction]:
    """The functions deployed in moto, by name or ARN; raises UnknownFunction."""

    def read(name_or_arn: str) -> DeployedFunction:
        found = _function(region, name_or_arn)
        return DeployedFunction(
            name=found.function_name,
            arn=found.function_arn,
            handler=found.handler,
            code=found.code_bytes,
            code_sha256=found.code_sha_256,
            environment=dict(found.environment_vars),
            role=found.role,
            timeout_s=float(found.timeout),
            memory_mib=int(found.memory_size),
            layers=tuple(layer["Arn"] for layer in found.layers),
        )

    return read


def moto_failure_policies(region: str) -> Callable[[str], FailurePolicy]:
    """What moto was told to do with events that a function, by name or ARN, fails on; raises UnknownFunction."""

    def read(name_or_arn: str) -> FailurePolicy:
        found = _function(region, name_or_arn)
        # moto keeps all that were ever put and shows the first; in Lambda the last one counts.
        said = found.event_invoke_config[-1].config if found.event_invoke_config else {}
        destination = said.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        return FailurePolicy(found.function_arn, said.get("MaximumRetryAttempts", RETRIES), destination)

    return read


def moto_socket_routes(region: str) -> Callable[[str], str | None]:
    """The ARN of the function of a route of the WebSocket API in moto; None where there is none."""
    from moto.apigatewayv2.models import apigatewayv2_backends

    def read(route_key: str) -> str | None:
        for api in list(apigatewayv2_backends[ACCOUNT][region].apis.values()):
            for route in list(api.routes.values()):
                if route.route_key == route_key:
                    uri: str = api.integrations[route.target.rpartition("/")[2]].integration_uri
                    return uri.partition("/functions/")[2].removesuffix("/invocations")
        return None

    return read


def moto_rules(region: str) -> list[Rule]:
    """The enabled schedules in moto with their targets. Raises UnknownSchedule for anything but `rate(...)`."""
    from moto.events.models import events_backends

    rules = events_backends[ACCOUNT][region].event_buses["default"].rules.values()
    return [_rule(rule) for rule in list(rules) if rule.scheduled_expression and rule.state == "ENABLED"]


def rate_s(expression: str) -> float:
    """The seconds between two ticks of a `rate(...)`. Raises UnknownSchedule."""
    rate = _RATE.fullmatch(expression)
    if rate is None:
        raise UnknownSchedule(f"{expression}: only rate(...) is played here")
    return int(rate[1]) * _SECONDS[rate[2]]


def rot_version(bucket: str, key: str, version_id: str, at: int) -> None:
    """Flip one bit of the stored bytes of a version; sizes, ETags and checksums that S3 tells stay as they were."""
    from moto.s3.models import s3_backends

    versions = s3_backends[ACCOUNT]["aws"].get_bucket(bucket).keys.getlist(key)
    [version] = [each for each in versions if each.version_id == version_id]
    body, etag = version.value, version.etag
    version.value = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    assert version.etag == etag


def _rule(rule: Any) -> Rule:
    targets = tuple(target["Arn"] for target in rule.targets)
    return Rule(rule.name, rule.arn, rate_s(rule.scheduled_expression), targets)


def _function(region: str, name_or_arn: str) -> Any:
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.models import lambda_backends

    try:
        return lambda_backends[ACCOUNT][region].get_function(name_or_arn)
    except UnknownFunctionException as error:
        raise UnknownFunction(f"Function not found: {name_or_arn}") from error
