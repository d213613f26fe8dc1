"""What a device's spool promises: what gets a name is safe, the name is safe before its writer goes on, and no byte
leaves that is not home.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from awscrt.checksums import crc64nvme

from chalicelib.core.errors import MultipartGone
from edge_client.model.parts import crc_text
from edge_client.model.sidecars import is_sidecar
from edge_client.spool.part import PART_NAME
from tests.edge.memory.disk import Edit, File, Folder, SimulatedDisk
from tests.histories.outcome import Broken
from tests.histories.scheduler import Task

if TYPE_CHECKING:
    from tests.histories.device import Device

WRITING = ".writing"
LOCKS = ("lock",)


class WatchedDisk(SimulatedDisk):
    """A disk that tells of each change of names."""

    def __init__(self) -> None:
        super().__init__()
        self.on_change: Callable[[tuple[Edit, ...]], None] = lambda edits: None

    def change(self, *edits: Edit) -> None:
        super().change(*edits)
        # The disk's own, by which it is known until it is safe.
        self.on_change(self.unsafe[-1])


class Durability:
    """Looks at the disk of one device at each change of its names, and between its calls. Raises Broken."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._disk: SimulatedDisk = device.disk
        self._unsafe: dict[Task, list[tuple[Edit, ...]]] = {}
        self._parts: dict[str, File] = {}
        self._owed: dict[str, str] = {}
        device.disk.on_change = self._changed

    def before(self, call: str) -> None:
        """A thread of the device is about to make a call, of its disk or of anything else."""
        if not self._unsafe:
            return
        for edits in self._unsafe.pop(self._device.scheduler.current, ()):
            if call != "fsync_folder" and any(edits is each for each in self._disk.unsafe):
                raise Broken("S1", f"{edits[-1][1]} is not safe, and its writer goes on to {call}")

    def crashed(self) -> None:
        """The power failed: what is there now is all that there is."""
        self._unsafe.clear()
        self._owed.clear()
        self._parts = dict(self._disk.files(".part"))

    def ended(self) -> None:
        """A process has ended; what it wanted to read again it need not read any more."""
        self._owed.clear()

    def _changed(self, edits: tuple[Edit, ...]) -> None:
        _, name, before, after = edits[-1]
        if after is not None and not name.endswith(WRITING) and name not in LOCKS:
            if isinstance(after, File):
                self._demand_whole(name, after)
            self._unsafe.setdefault(self._device.scheduler.current, []).append(edits)
        if isinstance(before, Folder) and name.startswith("original."):
            self._demand_receipt(edits[-1][0], name.rpartition(".")[0])
        elif name.endswith(".part"):
            self._see_parts()
        elif after is not None and name.endswith(WRITING) and self._owed and not self._device.has_bad_disk:
            for path, _ in self._disk.files(WRITING):
                self._see_writing(path)

    def _demand_whole(self, name: str, file: File) -> None:
        if file.safe_bytes < len(file.data) or len(file.data) < file.size_bytes:
            raise Broken("S1", f"{name} has its name, and its content is not safe")
        found = PART_NAME.fullmatch(name)
        if found and crc64nvme(bytes(file.data)) != int(found["crc"], 16):
            raise Broken("S1", f"{name} has other bytes than its name says")

    def _see_parts(self) -> None:
        parts = dict(self._disk.files(".part"))
        for path in self._parts.keys() - parts.keys():
            self._judge(path, self._parts[path])
        self._parts = parts

    def _see_writing(self, path: str) -> None:
        """A part that left and is not home is the next one to be read."""
        folder, _, name = path.rpartition("/")
        number = name.removesuffix(WRITING)
        if folder not in self._owed or not number.isdigit():
            return
        owed = self._owed.pop(folder)
        if owed != number:
            raise Broken("S1", f"part {owed} of {folder} left the spool, and S3 does not have it")

    def _judge(self, path: str, file: File) -> None:
        folder, _, name = path.rpartition("/")
        found = PART_NAME.fullmatch(name)
        assert found, "a part"
        crc = int(found["crc"], 16)
        if len(self._device.cards) > 1 or self._device.look_alike or crc64nvme(bytes(file.data)) != crc:
            return
        artifact_id = folder.rpartition("/")[2].rpartition(".")[0]
        if is_sidecar(artifact_id):
            return
        if not self._is_home(artifact_id, int(found["number"]), crc):
            self._owed[folder] = found["number"]

    def _demand_receipt(self, session: Folder, artifact_id: str) -> None:
        """Of a chapter all of whose parts go the receipt is safe."""
        folder = session.names.get("receipts")
        receipt = folder.names.get(f"{artifact_id}.json") if isinstance(folder, Folder) else None
        if not isinstance(receipt, File):
            raise Broken("S1", f"the parts of {artifact_id} go, and its receipt is not here")
        if any(edit[3] is receipt for edits in self._disk.unsafe for edit in edits):
            raise Broken("S1", f"the parts of {artifact_id} go, and its receipt is not safe")
        if json.loads(bytes(receipt.data))["artifact_id"] != artifact_id:
            raise Broken("S1", f"the parts of {artifact_id} go for the receipt of another artifact")

    def _is_home(self, artifact_id: str, number: int, crc: int) -> bool:
        cloud = self._device.cloud
        for session_id in cloud.records.sessions():
            picture = cloud.records.picture(session_id)
            uploads = [
                each for each in (picture.uploads if picture else ()) if each.artifact_id == artifact_id
            ]
            if uploads and cloud.safety.promises.is_touched_by_a_stranger(uploads[-1].upload_id):
                # Its device need not know that yet; once it does, it opens another one.
                return True
            for upload in uploads:
                if upload.receipt:
                    return True
                stored = cloud.objects.head(upload.key)
                if stored and stored.upload_id == upload.upload_id:
                    return True
                with suppress(MultipartGone):
                    held = cloud.objects.parts(upload.key, upload.multipart_id)
                    if any((each.number, each.crc64nvme) == (number, crc_text(crc)) for each in held):
                        return True
        return False
