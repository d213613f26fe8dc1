"""The parts of one chapter on disk: written, found, read and dropped."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from awscrt.checksums import crc64nvme

from edge_client.base.disk import Disk, disk_errors
from edge_client.base.errors import SpoolFull
from edge_client.base.folders import files_in, make_private, open_file, remove_file, remove_tree, write_file
from edge_client.model.parts import PartPlan, Span, SpooledPart
from edge_client.spool.budget import PART, SpoolBudget
from edge_client.spool.part import PartReader, PartWriter, part_errors, part_of_plan

CONFIRMED, SUSPECT = "confirmed", "suspect"
CRC = re.compile(r"[0-9a-f]{16}", re.ASCII)


class ChapterSpool:
    """The parts of one chapter. Different threads may use different parts."""

    def __init__(self, folder: str, disk: Disk, budget: SpoolBudget) -> None:
        self._folder = folder
        self._disk = disk
        self.budget = budget
        self._known: dict[int, SpooledPart] = {}

    @property
    def exists(self) -> bool:
        """Whether anything of the chapter is on this disk."""
        with disk_errors():
            return self._disk.find(self._folder) is not None

    def parts(self, plan: PartPlan) -> dict[int, SpooledPart]:
        """The finished parts that fit `plan`, by number. Parts of another part plan do not fit and stay unseen.

        Raises SpoolFault, also when the folder is a link or others may write to it.
        """
        if self.exists:
            make_private(self._disk, self._folder)
        with disk_errors():
            found = [part_of_plan(file, plan) for file in files_in(self._disk, self._folder, PART)]
        self._known = {part.span.number: part for part in found if part}
        return dict(self._known)

    @contextmanager
    def open_writer(self, span: Span) -> Iterator[PartWriter]:
        """A writer for one part, its room reserved. Unless it is committed, nothing of it stays.

        Raises SpoolFull when neither budget nor disk have room for it, PartUnkept when the disk lost it meanwhile.
        """
        with part_errors(span.number):
            make_private(self._disk, self._folder)
            if reason := self.budget.lack(span.size_bytes):
                raise SpoolFull(f"no room for {span.size_bytes} bytes: {reason}; nothing was deleted")
            writer = PartWriter(self._disk, self.budget, self._folder, span, self._note)
        try:
            yield writer
        finally:
            writer.close()

    def _note(self, part: SpooledPart) -> None:
        """Note a durable part, and drop the one that it replaces."""
        older = self._known.get(part.span.number)
        self._known[part.span.number] = part
        if older == part:
            # One file took the other's place.
            with self.budget.change(-part.span.size_bytes):
                pass
        elif older:
            self.drop_part(older)

    def crc_within(self, part: SpooledPart, first: int, size_bytes: int) -> int | None:
        """The CRC64NVME of some bytes of a part, counted from its first; None when the disk does not give them."""
        try:
            with open_file(self._disk, self._path(part.filename)) as file:
                found = memoryview(bytearray(size_bytes))
                filled_bytes = self._disk.fill(file, first, found)
        except OSError:
            return None
        return crc64nvme(found) if filled_bytes == size_bytes else None

    def confirmed_crc(self) -> int | None:
        """The CRC64NVME of the whole chapter that was confirmed last, or None."""
        text = self._document(CONFIRMED)
        return int(text, 16) if text and CRC.fullmatch(text) else None

    def confirm(self, whole_crc: int) -> None:
        """Record durably that parts with this CRC64NVME are of the planned file; no part is suspect any more."""
        self._write(CONFIRMED, f"{whole_crc:016x}")
        with disk_errors():
            remove_file(self._disk, self._path(SUSPECT))

    def suspects(self, plan: PartPlan) -> frozenset[int]:
        """The parts that may be of another file and are read again; all of `plan` when the record cannot be read."""
        text = self._document(SUSPECT)
        if text is None:
            return frozenset()
        numbers = text.split()
        if not numbers or not all(number.isascii() and number.isdigit() for number in numbers):
            return frozenset(range(1, plan.part_count + 1))
        return frozenset(map(int, numbers))

    def suspect(self, numbers: Collection[int]) -> None:
        """Record durably that these parts, too, may be of another file. They stay spooled until they are read again."""
        if numbers:
            before = self._document(SUSPECT)
            known = f"{before} " if before is not None else ""
            self._write(SUSPECT, known + " ".join(str(number) for number in sorted(numbers)))

    def _document(self, name: str) -> str | None:
        with disk_errors():
            try:
                return self._disk.read(self._path(name)).decode("ascii", "replace")
            except FileNotFoundError:
                return None

    def _write(self, name: str, text: str) -> None:
        make_private(self._disk, self._folder)
        with disk_errors():
            write_file(self._disk, self._path(name), text.encode())

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"

    def reader(self, part: SpooledPart) -> PartReader:
        """A part's bytes; what cannot be read raises when they are asked for."""
        return PartReader(self._path(part.filename), part, self._disk)

    def drop_part(self, part: SpooledPart) -> None:
        """Remove one part: S3 has it, or it is not what was written."""
        with disk_errors():
            if self._known.get(part.span.number) == part:
                del self._known[part.span.number]
            # Somebody may have removed it by hand.
            with suppress(FileNotFoundError), self.budget.change(-part.span.size_bytes):
                self._disk.remove(self._path(part.filename))

    def drop_number(self, number: int) -> None:
        """Remove one part from the spool; the caller is about to read it from the camera."""
        if part := self._known.get(number):
            self.drop_part(part)

    def drop_useless(self, plan: PartPlan) -> bool:
        """Remove part files that do not fit `plan`: of another part plan, or torn. Whether there were any."""
        with disk_errors():
            files = files_in(self._disk, self._folder, PART)
            useless = [file for file in files if not part_of_plan(file, plan)]
            for file in useless:
                remove_file(self._disk, file.path)
            self.budget.recount()
        return bool(useless)

    def drop(self) -> None:
        """Remove all parts of the chapter. Only for a chapter whose receipt is durable."""
        with disk_errors():
            self._known.clear()
            with suppress(FileNotFoundError):
                remove_tree(self._disk, self._folder)
            self.budget.recount()
