"""One case played: the client started, killed, started again, until it ends by itself."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from infra.local.camera import Camera, card_with, recording
from infra.local.gopro_file import Content
from tests.e2e.kills.calls import Calls
from tests.e2e.kills.case import Between, Case, Kill
from tests.e2e.kills.lookout import Lookout
from tests.e2e.kills.signs import CAMERA_ANSWER, CAMERA_BYTE, SEEN, Moment, Signs
from tests.e2e.rig import BOX_HEADER_BYTES, RECORDING, Ended, Rig, until


@dataclass(frozen=True)
class Run:
    """One client's life in ticks of the calls, and how many requests the camera had had before it.

    `killed_at` is when its moment came, None when it did not; S3 may have taken what it then got, until `ended`.
    """

    began: int
    killed_at: int | None
    ended: int
    requests_before: int
    end: Ended

    @property
    def killed(self) -> bool:
        return self.end.code == -signal.SIGKILL


@dataclass
class Story:
    """A case as it goes on in a session of its own."""

    rig: Rig
    calls: Calls
    signs: Signs
    camera: Camera
    case: Case
    session: str
    runs: list[Run] = field(default_factory=list)

    def play(self) -> None:
        """Every kill, then a client that nobody disturbs, then the reconciler."""
        for kill in self.case.kills:
            self.run(kill.moment)
            self._between(kill)
        self.end()

    def end(self) -> None:
        """A client that nobody disturbs, then the reconciler."""
        self.run()
        self._quiet()
        self.rig.reconcile()

    @property
    def last(self) -> Run:
        return self.runs[-1]

    @property
    def kills(self) -> list[Run]:
        """The runs that were killed; a moment may also come too late."""
        return [run for run in self.runs if run.killed]

    def run(self, moment: Moment | None = None, under: tuple[str, ...] = ()) -> None:
        """One client, killed at the moment, or by the command that it runs under, or by nobody."""
        began, requests_before = self.calls.tick(), len(self.camera.log.all())
        words = ("--recording", RECORDING, *self.case.options)
        if moment is None and not under:
            end = self.rig.haul(self.camera, self.session, *words)
            self.runs.append(Run(began, None, self.calls.tick(), requests_before, end))
            return
        is_seen = moment is not None and moment.sign in SEEN
        lookout = Lookout(self.signs.tell, self.rig.folder / "spool") if is_seen else nullcontext()
        client = replace(self.rig, under=under).client(self.camera, self.session, *words)
        killed_at = list[int]()

        def kill() -> None:
            killed_at.append(self.calls.tick())
            client.kill()

        if moment:
            self.signs.arm(moment, kill)
        with lookout:
            end = self.rig.ended(client)
        self.signs.disarm()
        # What the dead client asked last may not have been noted yet: it is not the next one's.
        self.camera.hear_out()
        self.runs.append(Run(began, next(iter(killed_at), None), self.calls.tick(), requests_before, end))

    def _between(self, kill: Kill) -> None:
        if kill.between is not Between.NOTHING:
            self._quiet()
        if kill.between is Between.RECONCILED:
            self.rig.reconcile()

    def _quiet(self) -> None:
        until(self.calls.are_over, "the end of every call")


@dataclass(frozen=True)
class _Told:
    """A file on the card that tells of the bytes that are read from it, before they go out."""

    body: Content
    tell: Callable[[str, int], None]

    @property
    def size_bytes(self) -> int:
        return self.body.size_bytes

    def read(self, offset: int, size_bytes: int) -> bytes:
        piece = self.body.read(offset, size_bytes)
        if len(piece) > BOX_HEADER_BYTES:
            self.tell(CAMERA_BYTE, len(piece))
        return piece


@contextmanager
def staged(rig: Rig, calls: Calls, signs: Signs, case: Case, session: str) -> Iterator[Story]:
    """The case in a session of this name, ready to be played."""
    files = recording(int(RECORDING), list(case.sizes_bytes))
    card = card_with(*(replace(file, content=_Told(file.content, signs.tell)) for file in files))
    with Camera(card, pace_bytes_s=case.pace_bytes_s, on_done=lambda _: signs.tell(CAMERA_ANSWER)) as camera:
        yield Story(rig, calls, signs, camera, case, session)
