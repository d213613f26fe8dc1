"""The checksums that S3 knows, by the names of its API: computed, compared, folded into that of the whole."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from awscrt import checksums as crt

from infra.local.aws.strict_s3.wire import Refusal


class Kind(Enum):
    """How the checksum of an object in parts comes about."""

    FULL_OBJECT = "FULL_OBJECT"
    COMPOSITE = "COMPOSITE"


def _crc(function: Callable[[bytes], int], size_bytes: int) -> Callable[[bytes], bytes]:
    return lambda data: function(data).to_bytes(size_bytes, "big")


COMPUTE: Mapping[str, Callable[[bytes], bytes]] = {
    "CRC64NVME": _crc(crt.crc64nvme, 8),
    "CRC32": _crc(binascii.crc32, 4),
    "CRC32C": _crc(crt.crc32c, 4),
    "SHA1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
}
COMBINE: Mapping[str, Callable[[int, int, int], int]] = {
    "CRC64NVME": crt.combine_crc64nvme,
    "CRC32": crt.combine_crc32,
    "CRC32C": crt.combine_crc32c,
}
LEGAL_KINDS: Mapping[str, frozenset[Kind]] = {
    "CRC64NVME": frozenset({Kind.FULL_OBJECT}),
    "CRC32": frozenset(Kind),
    "CRC32C": frozenset(Kind),
    "SHA1": frozenset({Kind.COMPOSITE}),
    "SHA256": frozenset({Kind.COMPOSITE}),
}
PREFIX = "x-amz-checksum-"
DEFAULT = "CRC64NVME"  # what S3 computes when nobody names one


def header_of(algorithm: str) -> str:
    return PREFIX + algorithm.lower()


def element_of(algorithm: str) -> str:
    return f"Checksum{algorithm}"


def checksum(algorithm: str, data: bytes) -> str:
    """The checksum of `data` as S3 writes it: base64 of the big-endian bytes."""
    return base64.b64encode(COMPUTE[algorithm](data)).decode()


def stated(headers: Mapping[str, str]) -> dict[str, str]:
    """The checksums among `headers` (or trailers), by algorithm."""
    return {name: headers[header_of(name)] for name in COMPUTE if header_of(name) in headers}


@dataclass(frozen=True)
class Scheme:
    """The checksum that an upload promised when it was created, or S3's own choice when it promised none."""

    algorithm: str
    kind: Kind
    is_declared: bool

    @classmethod
    def of(cls, algorithm: str | None, kind: str | None) -> Scheme:
        if algorithm is None:
            return cls(DEFAULT, Kind.FULL_OBJECT, is_declared=False)
        name = algorithm.upper()
        if name not in COMPUTE:
            raise Refusal(400, "InvalidRequest", "Checksum algorithm provided is unsupported.")
        return cls(name, _legal_kind(name, kind), is_declared=True)

    def whole(self, parts: Sequence[tuple[str, int]]) -> str:
        """The object's checksum from its parts' checksums and sizes, in order."""
        if self.kind is Kind.FULL_OBJECT:
            return _folded(self.algorithm, parts)
        digests = b"".join(base64.b64decode(value) for value, _ in parts)
        return f"{checksum(self.algorithm, digests)}-{len(parts)}"


def _legal_kind(algorithm: str, kind: str | None) -> Kind:
    default = Kind.FULL_OBJECT if algorithm == "CRC64NVME" else Kind.COMPOSITE
    wanted = next((known for known in Kind if known.value == kind), None) if kind else default
    if wanted not in LEGAL_KINDS[algorithm]:
        raise Refusal(
            400,
            "InvalidRequest",
            f"The {kind} checksum type cannot be used with the {algorithm} checksum algorithm.",
        )
    return wanted


def _folded(algorithm: str, parts: Sequence[tuple[str, int]]) -> str:
    combine, crc, width = COMBINE[algorithm], 0, len(COMPUTE[algorithm](b""))
    for value, size_bytes in parts:
        crc = combine(crc, int.from_bytes(base64.b64decode(value), "big"), size_bytes)
    return base64.b64encode(crc.to_bytes(width, "big")).decode()
