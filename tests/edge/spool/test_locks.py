"""The locks of a spool and what is said where one is taken, and records that cannot be read; on a simulated disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from edge_client.base.errors import SpoolBusy, SpoolFault
from edge_client.model.files import CameraFile, FileIdentity
from edge_client.model.haul_state import KnownChapter, Proof
from edge_client.model.levels import Reread
from edge_client.model.parts import PartPlan
from edge_client.spool.spool import Spool
from tests.edge.memory.disk import SimulatedDisk

FILM = FileIdentity(CameraFile("100GOPRO", "GX010042.MP4", 180, 1, 1), '"e"', "abc")


class Latch:
    """A lock that counts how often it was entered."""

    entered = 0

    def __enter__(self) -> None:
        self.entered += 1

    def __exit__(self, *_: object) -> None:
        """Others may enter."""


HOLDS: dict[str, tuple[Callable[[Spool], AbstractContextManager[None]], str]] = {
    "the spool": (Spool.hold, "another client uses the spool /spool; wait for it to end"),
    "its second reads": (
        lambda spool: spool.rereads.hold(),
        "another client reads a card again into this spool; wait for it to end",
    ),
}


@pytest.mark.parametrize("what", HOLDS)
def test_a_second_client_is_told_what_the_first_one_does(what: str):
    hold, words = HOLDS[what]
    disk = SimulatedDisk()
    first, second = (Spool("/spool", disk.mount()) for _ in range(2))

    with hold(first):
        with pytest.raises(SpoolBusy) as caught:
            hold(second).__enter__()
        assert str(caught.value) == words
    with hold(second):
        pass


def test_the_lock_that_a_spool_is_given_is_the_one_of_its_budget():
    latch = Latch()
    spool = Spool("/spool", SimulatedDisk().mount(), 1000, latch)
    chapter = spool.session("s").chapter("a", "0" * 16)
    with chapter.open_writer(PartPlan(2, 2, 1).span(1)) as writer:
        writer.write(b"12")
        before = latch.entered
        writer.commit()

    assert latch.entered > before > 0


def test_receipts_that_cannot_be_read_prove_no_byte_for_a_display():
    mount = SimulatedDisk().mount()
    spool = Spool("/spool", mount)
    spool.session("s").write_receipt("a", b'{"artifact_id": "a", "size_bytes": 7}')
    before = spool.home_bytes("s")
    mount.faults["read"] = [OSError(errno.EIO, os.strerror(errno.EIO))]

    assert (before, spool.home_bytes("s")) == (7, 0)


def test_a_record_that_cannot_be_read_says_of_which_chapter_it_is():
    disk = SimulatedDisk()
    spool = Spool("/spool", disk.mount())
    spool.rereads.keep(Reread("s", "a", 7))
    [(_, record)] = disk.files(".json")
    record.data[:] = b"{" * len(record.data)

    assert spool.rereads.find("s", "a") == Reread("s", "a", 0, is_spoilt=True)


def test_each_chapter_has_a_proof_of_its_own():
    spool = Spool("/spool", SimulatedDisk().mount())
    proofs = [
        Proof("C1", FILM, KnownChapter(FILM, session, artifact, "d", False, None))
        for session in ("s", "t")
        for artifact in ("a", "b")
    ]
    for proof in proofs:
        spool.proofs.add(proof)

    assert all(spool.proofs.has(proof) for proof in proofs)


def test_a_name_that_could_leave_the_spool_is_said():
    with pytest.raises(SpoolFault) as caught:
        Spool("/spool", SimulatedDisk().mount()).has("../s")

    assert str(caught.value) == "'../s' cannot name a folder of the spool"
