"""What a smoke test brings: bytes that follow from the session's name, so that a later run can make them again."""

import base64
import hashlib
import json
import struct
from functools import cache

from chalicelib.core import artifact
from chalicelib.core.artifact import Kind
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.film import SUFFIXES
from chalicelib.core.ids import ArtifactId

FRAMES = 30
LASTING_MS = 1_000

_PICTURES_BYTES = 4_096
_ALL_ONES = 2**64 - 1
_POLYNOMIAL = 0x9A6C9329AC4BC9B5  # that of core/crc.py: bits reversed


def body_of(session: str, artifact_id: ArtifactId) -> bytes:
    """The bytes of an artifact of the smoke test's session of this name."""
    if artifact.kind_of(artifact_id) is Kind.MEASUREMENTS:
        return _measurements()
    seed = f"{session} {artifact_id}".encode()
    if artifact_id.lower().endswith(SUFFIXES):
        return _film(hashlib.shake_256(seed).digest(_PICTURES_BYTES))
    return b"made by a smoke test: " + seed


def crc64nvme_of(body: bytes) -> Crc64Nvme:
    """The CRC64NVME of a few kilobytes; awscrt, which is for gigabytes, need not be there."""
    crc = _ALL_ONES
    for byte in body:
        crc = (crc >> 8) ^ _of_byte(crc & 0xFF ^ byte)
    return Crc64Nvme(base64.b64encode((crc ^ _ALL_ONES).to_bytes(8, "big")).decode())


@cache
def _of_byte(crc: int) -> int:
    for _ in range(8):
        crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc


def _film(pictures: bytes) -> bytes:
    """A whole MP4 that lasts LASTING_MS. A player has nothing to show of it: it has no track."""
    ftyp = _box(b"ftyp", struct.pack(">4sI4s", b"mp41", 0, b"mp41"))
    mvhd = _box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 1_000, LASTING_MS).ljust(100, b"\0"))
    return ftyp + _box(b"mdat", pictures) + _box(b"moov", mvhd)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _measurements() -> bytes:
    """FRAMES frames over LASTING_MS, of the kind `generic`: no question about lights finds them in the lake."""
    frames = [
        {"frame_number": number, "timestamp": number * LASTING_MS / 1_000 / (FRAMES - 1), "smoke": number}
        for number in range(FRAMES)
    ]
    return json.dumps({"kind": "generic", "metadata": {"units": {}}, "frames": frames}).encode()
