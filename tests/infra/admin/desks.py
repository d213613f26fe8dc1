"""An operator's terminal before a deployment in memory, and the story of the session that stands there."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from msgspec.structs import replace

from chalicelib.core.order import Wish, wish
from chalicelib.flows import operations
from chalicelib.ports import PartUrl, Ports
from infra.admin import command, deployment
from infra.admin.console import Console
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, memory_ports
from tests.support.memory import deliver

VIDEO_ALONE = wish([story.VIDEO], {})
MADE = {story.VIDEO: story.MADE[story.VIDEO]}

_WRITES = frozenset(
    {
        *(
            "write",
            "postpone",
            "put_arming",
            "replace_arming",
            "spend",
            "put_progress",
            "put_heard",
            "replace_counter",
            "enlist",
        ),
        *("create_multipart", "complete", "abort", "copy_part", "remove", "send", "put"),
    }
)


def nothing() -> None:
    """What happens while somebody waits, unless a test says so."""


@dataclass
class Terminal:
    """`said` is what came out, `noted` what was told on the way; `answer` is what its person types, if one is there."""

    ports: MemoryPorts = field(default_factory=memory_ports)
    default_wish: Wish | None = None
    answer: str | None = None
    free_bytes: int = 2**40
    waiting: Callable[[], None] = nothing
    asking: Callable[[], None] = nothing
    said: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    def run(self, *arguments: str) -> int:
        """The command with `--stage prod`; its exit code."""
        return command.follow([*arguments, "--stage", "prod"], self._desk())

    def told(self, *arguments: str) -> tuple[dict[str, Any], int]:
        """What the command answers as JSON, and its exit code."""
        self.said.clear()
        code = self.run(*arguments, "--json")
        assert len(self.said) == 1
        document: dict[str, Any] = json.loads(self.said.pop())
        return document, code

    def _desk(self) -> Console:
        ports = self._watched()
        return Console(
            connect=lambda _: ports,
            reach=lambda _: deployment.Deployment(ports, self.default_wish),
            say=self.said.append,
            note=self.noted.append,
            progress=self.progress.append,
            ask=self._ask,
            pause=lambda _: self.waiting(),
            draw=self.drawn.append,
            send_part=self._send,
            free_bytes=lambda _: self.free_bytes,
        )

    def _send(self, url: PartUrl, body: bytes) -> None:
        deliver(self.ports.objects, url.url, url.headers, body, self.ports.clock.now())

    def _ask(self, question: str) -> str | None:
        self.asked.append(question)
        self.asking()
        return self.answer

    def _watched(self) -> Ports:
        """The ports, which tell what was written by them."""
        ports = self.ports
        return replace(
            cast(Ports, ports),
            records=cast(Any, _Watched(ports.records, self.writes)),
            objects=cast(Any, _Watched(ports.objects, self.writes)),
            frame_index=cast(Any, _Watched(ports.frame_index, self.writes)),
            orders=cast(Any, _Watched(ports.orders, self.writes)),
        )


class _Watched:
    def __init__(self, port: object, writes: list[str]) -> None:
        self._port = port
        self._writes = writes

    def __getattr__(self, name: str) -> Any:
        if name in _WRITES:
            self._writes.append(name)
        return getattr(self._port, name)


def stored(wanted: Wish | None = VIDEO_ALONE) -> MemoryPorts:
    """A session that is hauled, and ordered when something is wanted."""
    ports = memory_ports()
    story.haul(ports, wanted)
    story.let_pass(ports)
    return ports


def processed() -> MemoryPorts:
    """A session that is PROCESSED and in its grace."""
    ports = stored()
    story.process(ports, MADE)
    story.let_pass(ports)
    assert story.state_of(ports) == "PROCESSED"
    return ports


def ripe() -> MemoryPorts:
    """A session that only the arming keeps from its cleanup."""
    ports = processed()
    ports.clock.advance(ports.policy.grace_s)
    return ports


def cleaned() -> MemoryPorts:
    ports = processed()
    story.arm(ports)
    story.let_grace_pass(ports)
    assert story.state_of(ports) == "CLEANED"
    return ports


def held(ports: MemoryPorts, reason: str = "the referee wants to see it") -> MemoryPorts:
    operations.hold(ports, story.OPERATOR, SESSION_ID, reason)
    return ports
