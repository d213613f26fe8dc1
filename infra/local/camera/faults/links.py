"""A connection that ends without an answer, one on which nothing is said, and a camera that is away after it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from infra.local.camera.faults.effect import Effect
from infra.local.camera.wire import Answer, Ending, Words


@dataclass(frozen=True)
class Reset(Effect):
    """The connection is reset before a byte of the answer."""

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, words=Words.UNSPOKEN, ending=Ending.RESET)


@dataclass(frozen=True)
class HangUp(Effect):
    """The connection ends in good order before a byte of the answer."""

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, words=Words.UNSPOKEN)


@dataclass(frozen=True)
class Silence(Effect):
    """The connection stays and nothing is said, not even a status line, until `Camera.release()`."""

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, words=Words.HELD)


@dataclass(frozen=True)
class Refuse(Effect):
    """This request is cut off without an answer, and new connections are refused for `seconds`."""

    seconds: float

    def answer(self, answer: Answer, /) -> Answer:
        return replace(Reset().answer(answer), refuse_s=self.seconds)


@dataclass(frozen=True)
class FallAsleep(Effect):
    """After `body_bytes` bytes of the body the camera sleeps: for `seconds`, or until `Camera.wake()`."""

    body_bytes: int = 0
    seconds: float = math.inf

    def answer(self, answer: Answer, /) -> Answer:
        cut = replace(answer, count=min(answer.count, self.body_bytes), ending=Ending.RESET)
        return replace(cut, sleep_s=self.seconds)
