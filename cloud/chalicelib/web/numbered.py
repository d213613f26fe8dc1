"""Each call has its number: log lines name it, and the answer carries it."""

import functools
from collections.abc import Callable

from chalice.app import Blueprint, Request, Response

from chalicelib.core.acting import Acting
from chalicelib.flows.acting import acting
from chalicelib.web.wire import problems

REQUEST_ID_HEADER = "X-Request-Id"
UNKNOWN = "unknown"


def numbered(door: Callable[..., Response], route: str, made: Blueprint) -> Callable[..., Response]:
    """`door` whose log lines name `route` and the request's id; its answer has the id as a header.

    A problem has it in its body too. What the client sends under this name is not read.
    """

    @functools.wraps(door)
    def call(**parameters: str) -> Response:
        request_id = _request_id(made.current_request)
        with acting(Acting.of_call(route, request_id)):
            response = door(**parameters)
        response.headers[REQUEST_ID_HEADER] = request_id
        return problems.with_request_id(response, request_id)

    return call


def _request_id(request: Request) -> str:
    """API Gateway's, which its own log has as well; `chalice local` gives none, but its Lambda has one."""
    known = request.context.get("requestId") or getattr(request.lambda_context, "aws_request_id", UNKNOWN)
    return str(known)
