"""Faults on order: what a test may let go wrong in S3, and the log that proves it did.

Operations are named as in S3's API ("UploadPart"). An order is carried out `times` times, on keys that begin with
`key_prefix`, oldest order first; then things go well again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from infra.local.aws.strict_s3.wire import Answer, Refusal, xml_answer
from infra.local.http_server import ConnectionCut


class Fault(Enum):
    FAIL_BEFORE = "refused before it had an effect"
    FAIL_AFTER = "had its effect, answered with an error"
    CUT_AFTER = "had its effect, connection cut instead of an answer"
    ERROR_IN_200 = "had no effect, answered 200 with an error in the body"
    DELAY = "answered late"
    CORRUPT_BODY = "body changed on its way"
    HIDE_CHECKSUMS = "answered without checksums"


@dataclass(frozen=True)
class Occurrence:
    """A fault that happened: which, to what operation, on which key."""

    fault: Fault
    operation: str
    key: str


@dataclass(frozen=True)
class _Order:
    fault: Fault
    operation: str
    key_prefix: str
    times: int
    status: int = 200
    code: str = ""
    seconds: float = 0.0

    def is_meant(self, fault: Fault, operation: str, key: str) -> bool:
        return self.fault is fault and self.operation == operation and key.startswith(self.key_prefix)

    def refusal(self) -> Refusal:
        return Refusal(self.status, self.code, "Injected by the test.")


class Chaos:
    """The faults that are ordered and those that happened. Thread safe. Without orders it changes nothing."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._lock = threading.Lock()
        self._orders: list[_Order] = []
        self._log: list[Occurrence] = []

    @property
    def log(self) -> list[Occurrence]:
        with self._lock:
            return list(self._log)

    def clear(self) -> None:
        """No order is open and none ever happened."""
        with self._lock:
            self._orders.clear()
            self._log.clear()

    def fail_before(
        self,
        operation: str,
        *,
        times: int = 1,
        status: int = 503,
        code: str = "SlowDown",
        key_prefix: str = "",
    ) -> None:
        """`operation` is refused and has no effect."""
        self._order(_Order(Fault.FAIL_BEFORE, operation, key_prefix, times, status, code))

    def fail_after(
        self,
        operation: str,
        *,
        times: int = 1,
        status: int = 500,
        code: str = "InternalError",
        key_prefix: str = "",
    ) -> None:
        """`operation` has its effect; the answer is an error."""
        self._order(_Order(Fault.FAIL_AFTER, operation, key_prefix, times, status, code))

    def cut_after(self, operation: str, *, times: int = 1, key_prefix: str = "") -> None:
        """`operation` has its effect; the connection ends without an answer."""
        self._order(_Order(Fault.CUT_AFTER, operation, key_prefix, times))

    def error_in_200(
        self, operation: str, *, times: int = 1, code: str = "InternalError", key_prefix: str = ""
    ) -> None:
        """`operation` has no effect and is answered 200 with an <Error> as its body, as S3 does in mid-answer."""
        self._order(_Order(Fault.ERROR_IN_200, operation, key_prefix, times, code=code))

    def delay(self, operation: str, seconds: float, *, times: int = 1, key_prefix: str = "") -> None:
        """`operation` begins `seconds` later."""
        self._order(_Order(Fault.DELAY, operation, key_prefix, times, seconds=seconds))

    def corrupt_body(self, operation: str, *, times: int = 1, key_prefix: str = "") -> None:
        """One bit of the arriving body is not the one that was sent."""
        self._order(_Order(Fault.CORRUPT_BODY, operation, key_prefix, times))

    def hide_checksums(self, operation: str = "HeadObject", *, times: int = 1, key_prefix: str = "") -> None:
        """Answer `operation` without checksums, as S3 does when the caller may not use the object's KMS key.

        Source: docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html (x-amz-checksum-mode)
        """
        self._order(_Order(Fault.HIDE_CHECKSUMS, operation, key_prefix, times))

    def before(self, operation: str, key: str) -> Answer | None:
        """For the layer: None when the operation may continue, else what to answer instead. Raises Refusal."""
        late = self._due(Fault.DELAY, operation, key)
        if late:
            self._sleep(late.seconds)
        refused = self._due(Fault.FAIL_BEFORE, operation, key)
        if refused:
            raise refused.refusal()
        disguised = self._due(Fault.ERROR_IN_200, operation, key)
        return xml_answer("Error", disguised.refusal().body(), namespace=False) if disguised else None

    def spoil(self, operation: str, key: str, body: bytes) -> bytes:
        """For the layer: the body as it arrives."""
        if not body or not self._due(Fault.CORRUPT_BODY, operation, key):
            return body
        middle = len(body) // 2
        return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]

    def hides_checksums(self, operation: str, key: str) -> bool:
        """For the layer: whether the answer goes out without checksums."""
        return self._due(Fault.HIDE_CHECKSUMS, operation, key) is not None

    def after(self, operation: str, key: str) -> None:
        """For the layer: nothing, when the answer may go out. Raises Refusal or ConnectionCut."""
        if self._due(Fault.CUT_AFTER, operation, key):
            raise ConnectionCut(operation)
        failed = self._due(Fault.FAIL_AFTER, operation, key)
        if failed:
            raise failed.refusal()

    def _order(self, order: _Order) -> None:
        with self._lock:
            self._orders.append(order)

    def _due(self, fault: Fault, operation: str, key: str) -> _Order | None:
        with self._lock:
            for index, order in enumerate(self._orders):
                if order.is_meant(fault, operation, key):
                    self._used(index)
                    self._log.append(Occurrence(fault, operation, key))
                    return order
            return None

    def _used(self, index: int) -> None:
        order = self._orders[index]
        self._orders[index : index + 1] = [replace(order, times=order.times - 1)] if order.times > 1 else []
