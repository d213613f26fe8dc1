"""Read what a film is and how long it lasts, from its bytes in the bucket."""

from chalicelib.core import artifact
from chalicelib.core.artifact import Kind
from chalicelib.core.errors import VersionGone
from chalicelib.core.film import Film, NoFilm, Read, judge_film, judge_proxy, judge_thumbnail, read_film
from chalicelib.core.landing import Landing
from chalicelib.core.picture import Picture
from chalicelib.core.settle.uploads import must_read_film
from chalicelib.core.upload import Receipt, StoredObject, Upload
from chalicelib.ports import ObjectStore, Ports


def inspect_film(ports: Ports, picture: Picture, receipt: Receipt) -> Film:
    """How long the verified version lasts, found by a few short reads. Raises StorageBusy."""
    film_bytes = picture.film_bytes(receipt.artifact_id, receipt.size_bytes)
    read = _reader(ports.objects, receipt.key, receipt.version_id)
    try:
        return read_film(receipt.artifact_id, receipt.version_id, film_bytes, read)
    except VersionGone as gone:
        return Film(receipt.artifact_id, receipt.version_id, None, str(gone)[:200])


_JUDGES = {Kind.PROXY: judge_proxy, Kind.THUMBNAIL: judge_thumbnail}


def judge_upload(
    ports: Ports, picture: Picture, upload: Upload, stored: StoredObject
) -> Film | NoFilm | None:
    """What the bytes of an upload's object are, where that decides about its receipt. Raises StorageBusy.

    None where nothing depends on them, and when the version is gone by now.
    """
    if not must_read_film(upload, stored, ports.policy):
        return None
    film_bytes = picture.film_bytes(upload.artifact_id, stored.size_bytes)
    read = _reader(ports.objects, stored.key, stored.version_id)
    judge = _JUDGES.get(artifact.kind_of(upload.artifact_id), judge_film)
    try:
        return judge(upload.artifact_id, stored.version_id, film_bytes, read)
    except VersionGone:
        return None


def judge_landing(ports: Ports, landing: Landing, stored: StoredObject) -> Film | NoFilm | None:
    """What the bytes that landed are; None when the version is gone by now. Raises StorageBusy."""
    read = _reader(ports.objects, stored.key, stored.version_id)
    artifact_id = landing.film(stored.size_bytes).artifact_id
    try:
        return judge_film(artifact_id, stored.version_id, stored.size_bytes, read)
    except VersionGone:
        return None


def _reader(objects: ObjectStore, key: str, version_id: str) -> Read:
    return lambda first, last: objects.read_range(key, version_id, first, last)
