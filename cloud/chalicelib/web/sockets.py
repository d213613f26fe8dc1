"""What API Gateway asks when a page opens a WebSocket or closes it; imported by these functions alone.

Source: docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
"""

import logging
from collections.abc import Mapping
from typing import Any

from chalicelib.core.errors import ReelhaulError
from chalicelib.flows.push import close_socket, open_socket
from chalicelib.ports import Ports
from chalicelib.web.wire.problems import problem

log = logging.getLogger(__name__)


def connect(ports: Ports, event: Mapping[str, Any]) -> dict[str, int]:
    """Whether the socket opens: 200, or the status of the problem, which the page sees only as a failed socket."""
    ticket = (event.get("queryStringParameters") or {}).get("ticket", "")
    try:
        socket = open_socket(ports, event["requestContext"]["connectionId"], ticket)
    except ReelhaulError as error:
        return {"statusCode": problem(error).status_code}
    log.info("socket opened", extra={"project": socket.listener.project})
    return {"statusCode": 200}


def disconnect(ports: Ports, event: Mapping[str, Any]) -> dict[str, int]:
    """API Gateway listens to no answer."""
    close_socket(ports, event["requestContext"]["connectionId"])
    return {"statusCode": 200}
