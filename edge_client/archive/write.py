"""Write the archive: one file for its owner alone, in place of no other."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from edge_client.archive.collect import Piece
from edge_client.base.disk import SystemDisk
from edge_client.base.errors import Refused

FOLDER = "reelhaul-report"


def write_archive(path: Path, pieces: Iterable[Piece], written_at_s: float) -> int:
    """Write the pieces to a new file with mode 0600; its bytes. Raises Refused, and leaves no half of it then."""
    try:
        file = SystemDisk().create(str(path))
    except OSError as error:
        raise Refused(_why(path, error)) from error
    try:
        with os.fdopen(file, "wb") as stream:
            with tarfile.open(fileobj=stream, mode="w:gz") as archive:
                for piece in pieces:
                    archive.addfile(_header(piece, written_at_s), io.BytesIO(piece.content))
            stream.flush()
            os.fsync(stream.fileno())
        return path.stat().st_size
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise Refused(_why(path, error)) from error


def _header(piece: Piece, written_at_s: float) -> tarfile.TarInfo:
    header = tarfile.TarInfo(f"{FOLDER}/{piece.name}")
    header.size, header.mode, header.mtime = len(piece.content), 0o600, int(written_at_s)
    return header


def _why(path: Path, error: OSError) -> str:
    return f"the archive {path} cannot be written: {error.strerror or error}; name another place with --out"
