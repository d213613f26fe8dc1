"""Read how long a film lasts, from its bytes in the bucket."""

from chalicelib.core.errors import VersionGone
from chalicelib.core.film import Film, read_film
from chalicelib.core.picture import Picture
from chalicelib.core.upload import Receipt
from chalicelib.ports import Ports


def inspect_film(ports: Ports, picture: Picture, receipt: Receipt) -> Film:
    """How long the verified version lasts, found by a few short reads. Raises StorageBusy."""
    film_bytes = picture.film_bytes(receipt)

    def read(first: int, last: int) -> bytes:
        return ports.objects.read_range(receipt.key, receipt.version_id, first, last)

    try:
        return read_film(receipt, film_bytes, read)
    except VersionGone as gone:
        return Film(receipt.artifact_id, receipt.version_id, None, str(gone)[:200])
