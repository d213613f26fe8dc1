"""Bugs in how the spool makes files durable."""

from tests.histories.planted.bug import Begin, Kind, Neighbour, NoNeighbour, PlantedBug
from tests.mutants.mutant import Edit

FOLDERS = "edge_client/base/folders.py"
PART = "edge_client/spool/part.py"

_ANY_CRC = Edit(
    PART,
    "                    if not block or (left_bytes == 0 and crc != self._part.crc):\n",
    "                    if not block:\n",
)

ON_DISK = (
    PlantedBug(
        "a part has its name before it is durable",
        Kind.FSYNC,
        "after a power cut a part that counts as read is empty or torn",
        (Edit(PART, "            self._disk.fsync(self._file)\n", ""),),
        Neighbour("a part is held against its CRC when it is sent", (_ANY_CRC,)),
        Begin.HAUL,
    ),
    PlantedBug(
        "a part is synced after it has its name",
        Kind.ORDER,
        "after a power cut in between a part that counts as read is empty or torn",
        (
            Edit(
                PART,
                "            self._disk.fsync(self._file)\n"
                "            with self._budget.change(self._span.size_bytes):\n"
                '                rename(self._disk, self._path, f"{self._folder}/{part.filename}")\n',
                "            with self._budget.change(self._span.size_bytes):\n"
                '                rename(self._disk, self._path, f"{self._folder}/{part.filename}")\n'
                "            self._disk.fsync(self._file)\n",
            ),
        ),
        Neighbour("a part is held against its CRC when it is sent", (_ANY_CRC,)),
        Begin.HAUL,
    ),
    PlantedBug(
        "an fsync that failed is tried again",
        Kind.FSYNC,
        "a part that the disk has lost counts as read: the second fsync says nothing of it",
        (
            Edit(
                PART,
                "            self._disk.fsync(self._file)\n",
                "            try:\n                self._disk.fsync(self._file)\n"
                "            except OSError:\n                self._disk.fsync(self._file)\n",
            ),
        ),
        Neighbour("a part is held against its CRC when it is sent", (_ANY_CRC,)),
        Begin.HAUL,
    ),
    PlantedBug(
        "a document has its name before it is durable",
        Kind.FSYNC,
        "after a power cut plan and receipts are empty or torn",
        (Edit(FOLDERS, "            disk.fsync(file)\n", ""),),
        NoNeighbour("a document is read as it is"),
        Begin.HAUL,
    ),
    PlantedBug(
        "the name of a file is not made durable",
        Kind.FSYNC,
        "after a power cut a receipt is not there, and the parts that it let go are not either",
        (
            Edit(
                FOLDERS,
                "    disk.move(path, name)\n    disk.fsync_folder(_folder_of(name))\n",
                "    disk.move(path, name)\n",
            ),
        ),
        NoNeighbour("a name is made durable in this place alone"),
        Begin.HAUL,
    ),
    PlantedBug(
        "a folder's name is not made durable",
        Kind.FSYNC,
        "after a power cut a session is gone with all that was durable in it",
        (
            Edit(
                FOLDERS,
                "        disk.make_folder(folder)\n    disk.fsync_folder(parent)\n",
                "        disk.make_folder(folder)\n",
            ),
        ),
        NoNeighbour("what is in a folder is no safer than the folder"),
        Begin.HAUL,
    ),
    PlantedBug(
        "a part that changed on the disk goes out whole",
        Kind.GUARD,
        "a part that the disk has spoilt is sent again and again, and never read again",
        (_ANY_CRC,),
        NoNeighbour("S3 refuses the part, and only its reader knows that the spool is at fault"),
        Begin.HAUL,
    ),
)
