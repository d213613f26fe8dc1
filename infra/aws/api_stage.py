"""What Chalice cannot say of the API's stage: how many calls a second it takes, and where each call is logged.

API Gateway writes logs with a role that is the account's, one for all its APIs in a region. A deploy names the stack's
role there if none is named, and leaves one that is; the role outlives its stack.
"""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

NAME = "api"
"""The stage's name at API Gateway, that of `.chalice/config.json`."""

BURST_S = 2
"""So many seconds' calls may come at once."""

FORMAT = json.dumps(
    {
        "request_id": "$context.requestId",
        "lambda_request_id": "$context.integration.requestId",
        "at": "$context.requestTimeEpoch",
        "ip": "$context.identity.sourceIp",
        "method": "$context.httpMethod",
        "route": "$context.resourcePath",
        "status": "$context.status",
        "bytes": "$context.responseLength",
        "ms": "$context.responseLatency",
        "error": "$context.error.message",
    }
)
"""One line a call: the route and never the path or its query, so that no name of a session and no token is in it."""

_PATIENCE_S = (2.0, 4.0, 8.0, 16.0, 30.0)


def settle(
    apigateway: Any, api_id: str, outputs: Mapping[str, str], *, patience: Sequence[float] = _PATIENCE_S
) -> None:
    """Have the API take as many calls and log them as the stack says.

    A stack that cannot log (the local one) has no `ApiLogArn`, and one of an older release says nothing at all.
    `patience` holds the seconds between the tries to name a new role, which API Gateway sees only after a while.
    """
    changes: dict[str, str] = {}
    if "ApiCallsPerSecond" in outputs:
        rate = int(outputs["ApiCallsPerSecond"])
        changes |= {
            "/*/*/throttling/rateLimit": str(rate),
            "/*/*/throttling/burstLimit": str(rate * BURST_S),
        }
    if "ApiLogArn" in outputs:
        _name_role(apigateway, outputs["ApiLogRoleArn"], patience)
        changes |= {
            "/accessLogSettings/destinationArn": outputs["ApiLogArn"].removesuffix(":*"),
            "/accessLogSettings/format": FORMAT,
        }
    if not changes:
        return
    apigateway.update_stage(
        restApiId=api_id,
        stageName=NAME,
        patchOperations=[{"op": "replace", "path": path, "value": value} for path, value in changes.items()],
    )


def settle_sockets(apigatewayv2: Any, api_id: str, outputs: Mapping[str, str]) -> None:
    """Have the WebSocket API open no more sockets a second than the API takes calls: a refusal costs a call, too."""
    if "ApiCallsPerSecond" not in outputs:
        return  # a stack of an older release
    rate = int(outputs["ApiCallsPerSecond"])
    apigatewayv2.update_stage(
        ApiId=api_id,
        StageName=NAME,
        DefaultRouteSettings={"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": rate * BURST_S},
    )


def keep_log(logs: Any, function: str, outputs: Mapping[str, str]) -> None:
    """Have the log of the API's function end when the stack says.

    Chalice says it of a group with another name than that to which Lambda writes the lines of this function.
    """
    if "LogRetentionDays" not in outputs:
        return  # a stack of an older release
    group = f"/aws/lambda/{function}"
    with suppress(logs.exceptions.ResourceAlreadyExistsException):  # the function has run
        logs.create_log_group(logGroupName=group)
    logs.put_retention_policy(logGroupName=group, retentionInDays=int(outputs["LogRetentionDays"]))


def _name_role(apigateway: Any, role_arn: str, patience: Sequence[float]) -> None:
    """Name the role with which API Gateway writes the account's logs, if none is named."""
    if apigateway.get_account().get("cloudwatchRoleArn"):
        return
    try:
        apigateway.update_account(
            patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": role_arn}]
        )
    except apigateway.exceptions.BadRequestException:
        if not patience:
            raise
        time.sleep(patience[0])
        _name_role(apigateway, role_arn, patience[1:])
