"""What runs inside a function's process: imports the handler, then answers each line of JSON with one.

Started as `python -I -S worker.py ANSWERS HANDLER FOLDER...`, the folders of layers and runtime; ANSWERS is the
descriptor that answers leave on, so that whatever the function prints cannot mix with them. Nothing but the standard
library is used here. The end of standard input is the end of the process and of all that the function started, even in
the middle of a call: so it dies with its parent, however that dies.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

Handler = Callable[[Any, "Context"], Any]
Answer = dict[str, Any]


class HandlerMissing(Exception):
    """The module has no such function."""


@dataclass(frozen=True)
class Context:
    """What Lambda hands to a handler with the event."""

    aws_request_id: str
    invoked_function_arn: str
    deadline: float  # of time.monotonic, which all processes of a machine share
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))


def main(arguments: list[str]) -> None:
    """Answer until standard input ends."""
    descriptor, handler_name, *folders = arguments
    requests, answers = _channels(int(descriptor))
    inbox: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests, inbox), daemon=True).start()
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    sys.path.extend(folders)
    try:
        handler = _handler(handler_name)
    except Exception as error:  # noqa: BLE001 - the door: what stops the import is the function's answer
        _send(answers, {"error": _import_error(handler_name, error)})
        return
    _send(answers, {"ready": True})
    while True:
        _send(answers, _answer(handler, json.loads(inbox.get())))


def _channels(descriptor: int) -> tuple[TextIO, TextIO]:
    """Requests and answers, out of reach of the function and of what it starts."""
    os.set_inheritable(descriptor, False)
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests, os.fdopen(descriptor, "w", encoding="utf-8")


def _receive(requests: TextIO, inbox: queue.SimpleQueue[str]) -> None:
    for line in requests:
        inbox.put(line)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _handler(handler_name: str) -> Handler:
    module, _, name = handler_name.rpartition(".")
    found = getattr(importlib.import_module(module.replace("/", ".")), name, None)
    if found is None:
        raise HandlerMissing(f"Handler '{name}' missing on module '{module}'")
    handler: Handler = found
    return handler


def _answer(handler: Handler, request: dict[str, Any]) -> Answer:
    try:
        value = handler(request["event"], _context(request))
    except Exception as error:  # noqa: BLE001 - the door: the function's errors are its answers
        return {"error": _error(type(error).__name__, str(error), error)}
    return _marshalled(value)


def _marshalled(value: Any) -> Answer:
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        return {"error": _error("Runtime.MarshalError", f"Unable to marshal response: {error}", error)}
    return {"value": value}


def _context(request: dict[str, Any]) -> Context:
    said = os.environ
    return Context(
        aws_request_id=request["request_id"],
        invoked_function_arn=request["arn"],
        deadline=request["deadline"],
        function_name=said["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=said["AWS_LAMBDA_FUNCTION_VERSION"],
        memory_limit_in_mb=said["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        log_group_name=said["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=said["AWS_LAMBDA_LOG_STREAM_NAME"],
    )


def _import_error(handler_name: str, error: Exception) -> Answer:
    module = handler_name.rpartition(".")[0]
    match error:
        case HandlerMissing():
            return _error("Runtime.HandlerNotFound", str(error), error)
        case ImportError():
            message = f"Unable to import module '{module}': {error}"
            return _error("Runtime.ImportModuleError", message, error)
        case SyntaxError():
            message = f"Syntax error in module '{module}': {error}"
            return _error("Runtime.UserCodeSyntaxError", message, error)
    return _error(type(error).__name__, str(error), error)


def _error(kind: str, message: str, error: Exception) -> Answer:
    return {"type": kind, "message": message, "stack": traceback.format_exception(error)}


def _send(answers: TextIO, answer: Answer) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
