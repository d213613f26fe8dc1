"""What a deployed function is, and what comes of calling it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class UnknownFunction(Exception):
    """No function of this name or ARN is deployed."""


@dataclass(frozen=True)
class DeployedFunction:
    """A function as it is deployed now; `code` is its zip.

    Two of them are equal when a process that was started for the one may run the other.
    """

    name: str
    arn: str
    handler: str
    code: bytes = field(repr=False, compare=False)
    code_sha256: str
    environment: Mapping[str, str] = field(repr=False)
    role: str
    timeout_s: float
    memory_mib: int
    layers: tuple[str, ...] = ()

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]


@dataclass(frozen=True)
class FunctionError:
    """Why a call came to nothing, in Lambda's words."""

    type: str
    message: str
    stack: tuple[str, ...] = ()

    def payload(self) -> dict[str, Any]:
        """The error as Lambda answers it."""
        return {"errorMessage": self.message, "errorType": self.type, "stackTrace": list(self.stack)}


@dataclass(frozen=True)
class Outcome:
    """What the handler returned, or the error; the value means nothing with an error."""

    value: Any = None
    error: FunctionError | None = None

    @classmethod
    def failed(cls, kind: str, message: str) -> Outcome:
        return cls(error=FunctionError(kind, message))


TOO_LARGE_TO_CALL = "RequestEntityTooLargeException"
TOO_LARGE_TO_ANSWER = "Function.ResponseSizeTooLarge"


def function_name(name_or_arn: str) -> str:
    """The bare name of a function that may be given by its ARN, with or without a version."""
    parts = name_or_arn.split(":")
    return parts[6] if parts[0] == "arn" else parts[0]
