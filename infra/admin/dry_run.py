"""A deployment that can only be looked at: what plans and dry runs are given, so that they cannot write."""

from collections.abc import Callable
from typing import Any, cast

from msgspec.structs import replace

from chalicelib.core.session import Session
from chalicelib.ports import Change, FrameIndex, Indexer, Notifier, ObjectStore, Orders, Ports, Records
from infra.admin.deployment import Unheard

_OF_RECORDS = frozenset(
    {
        "picture",
        "session_of",
        "due",
        "sessions",
        "counter",
        "counter_keys",
        "counts",
        "waiting",
        "heard",
        "arming",
        "spent",
        "swept_until",
        "notices",
        "token",
        "tokens",
        "device",
        "code",
    }
)
_OF_FOOTAGE = frozenset({"parts", "head", "read", "read_range", "bucket", "multiparts", "tags"})
_OF_THE_FRAME_INDEX = frozenset({"source", "read"})
_OF_THE_QUEUE: frozenset[str] = frozenset()
_OF_THE_INDEXER: frozenset[str] = frozenset()


class Withheld(Exception):
    """A dry run came to its first write: `session` is what it would have recorded, if it records one."""

    def __init__(self, method: str, session: Session | None) -> None:
        super().__init__(f"a dry run asked for {method}")
        self.session = session


def rehearsed(ports: Ports) -> Ports:
    """`ports` whose every method that is not known only to read raises Withheld."""
    return replace(
        ports,
        records=cast(Records, _Reading(ports.records, _OF_RECORDS)),
        objects=cast(ObjectStore, _Reading(ports.objects, _OF_FOOTAGE)),
        frame_index=cast(FrameIndex, _Reading(ports.frame_index, _OF_THE_FRAME_INDEX)),
        orders=cast(Orders, _Reading(ports.orders, _OF_THE_QUEUE)),
        indexer=cast(Indexer, _Reading(ports.indexer, _OF_THE_INDEXER)),
        metrics=Unheard(),
        notifier=cast(Notifier, _Reading(ports.notifier, frozenset())) if ports.notifier else None,
    )


def session_after(ports: Ports, act: Callable[[Ports], object]) -> Session | None:
    """The session as the first write of `act` would leave it; None when it would write none before anything else.

    So a dry run answers by the very rule that `act` follows, its refusals included.
    """
    try:
        act(rehearsed(ports))
    except Withheld as withheld:
        return withheld.session
    return None


class _Reading:
    """A port of which only `reads` can be called."""

    def __init__(self, port: object, reads: frozenset[str]) -> None:
        self._port = port
        self._reads = reads

    def __getattr__(self, name: str) -> Any:
        if name in self._reads:
            return getattr(self._port, name)

        def withhold(*given: object) -> None:
            changes = [each for each in given if isinstance(each, Change)]
            raise Withheld(name, changes[0].session if changes else None)

        return withhold
