"""The xxh128 of exactly one version, computed from S3's bytes, which must be those of its receipt."""

import base64
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import VersionGone
from chalicelib.core.upload import Receipt
from infra.admin.at_rest.reading import PIECE_BYTES, Objects, Pace, read_piece
from infra.admin.deployment import Refused


def xxh128_of(objects: Objects, receipt: Receipt, pace: Pace, parallel: int, tell: Callable[[], None]) -> str:
    """The xxh128 of the receipt's version as 32 hex digits, read by `parallel` ranges at a time; `tell` hears of each.

    Raises Refused for bytes that are not those of the receipt, StorageBusy.
    """
    import xxhash
    from awscrt import checksums

    crc, found, read_bytes = 0, xxhash.xxh3_128(), 0
    try:
        for piece in _pieces(objects, receipt, pace, parallel):
            crc, read_bytes = checksums.crc64nvme(piece, crc), read_bytes + len(piece)
            found.update(piece)
            tell()
    except VersionGone as error:
        raise Refused(f"{receipt.artifact_id}: S3 holds this version no longer; {_VERIFY}") from error
    read = Crc64Nvme(base64.b64encode(crc.to_bytes(8, "big")).decode())
    if (read, read_bytes) != (receipt.crc64nvme, receipt.size_bytes):
        raise Refused(
            f"{receipt.artifact_id}: S3 gave {read_bytes} bytes with CRC64NVME {read}; its receipt has "
            f"{receipt.size_bytes} with {receipt.crc64nvme}; {_VERIFY}"
        )
    digest: str = found.hexdigest()
    return digest


_VERIFY = "`reelhaul-admin verify` says whether it is damaged"


def _pieces(objects: Objects, receipt: Receipt, pace: Pace, parallel: int) -> Iterator[bytes]:
    """The version's bytes in their order; readers are ahead by `parallel` pieces."""
    readers = ThreadPoolExecutor(parallel, thread_name_prefix="hash")
    coming: deque[Future[bytes]] = deque()
    try:
        for first in range(0, receipt.size_bytes, PIECE_BYTES):
            # One byte more at the end: a longer object must not pass for its beginning.
            most = min(PIECE_BYTES, receipt.size_bytes - first + 1)
            coming.append(readers.submit(read_piece, objects, receipt, first, most, pace))
            if len(coming) > parallel:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        readers.shutdown(cancel_futures=True)
