"""Reading the originals at their presigned addresses, proven before anything is measured."""

import base64
import logging
from pathlib import Path

import requests
from awscrt import checksums

from examples.processor.coordinator import CoordinatorClient
from examples.processor.errors import CannotProcess, TryLater
from examples.processor.order import Order, Original

_TIMEOUT_S = (10, 60)
_CHUNK_BYTES = 1 << 20


def fetched(coordinator: CoordinatorClient, order: Order, folder: Path) -> list[Path]:
    """Every original as a file in `folder`, in the order of recording. Raises CannotProcess, TryLater, NotAllowed."""
    return [_fetched(coordinator, order, place, folder) for place in range(len(order.originals))]


def _fetched(coordinator: CoordinatorClient, order: Order, place: int, folder: Path) -> Path:
    original = order.originals[place]
    path = folder / f"{place:02d}.mp4"
    if original.url is None or not _read(original.url, path):
        # An address lives fifteen minutes, however long the message has waited.
        fresh = coordinator.address(order, original.artifact_id)
        if not _read(fresh, path):
            raise TryLater(f"S3 refuses a fresh address of {original.filename}")
    _demand_proven(original, path)
    return path


def _read(url: str, path: Path) -> bool:
    """Whether S3 honoured the address; the bytes are in `path` then. Raises TryLater."""
    try:
        with _session() as session, session.get(url, stream=True, timeout=_TIMEOUT_S) as answer:
            if 400 <= answer.status_code < 500:
                return False
            if answer.status_code != 200:
                raise TryLater(f"S3 answers {answer.status_code} to a presigned read")
            with path.open("wb") as file:
                for chunk in answer.iter_content(_CHUNK_BYTES):
                    file.write(chunk)
    except requests.RequestException as error:
        raise TryLater(f"S3 does not answer: {type(error).__name__}") from None
    return True


def _session() -> requests.Session:
    # urllib3 logs whole addresses, presigned ones too, when it dislikes a header.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    session = requests.Session()
    # S3 refuses a presigned request that carries somebody's netrc beside its signature.
    session.trust_env = False
    return session


def _demand_proven(original: Original, path: Path) -> None:
    crc, size_bytes = 0, 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            crc, size_bytes = checksums.crc64nvme(chunk, crc), size_bytes + len(chunk)
    told = base64.b64encode(crc.to_bytes(8, "big")).decode()
    if (size_bytes, told) != (original.size_bytes, original.crc64nvme):
        raise CannotProcess(
            f"{original.filename} is damaged: {size_bytes} bytes with CRC64NVME {told} were read"
        )
