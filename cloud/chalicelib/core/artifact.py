"""Artifacts: every object of a session has a kind, a name and a slash-free id."""

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache

from chalicelib.core import keys
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId, SessionId


class Kind(Enum):
    ORIGINAL = "original"
    INTERMEDIATE = "intermediate"
    OUTPUT = "output"
    MEASUREMENTS = "measurements"
    PROXY = "proxy"
    THUMBNAIL = "thumbnail"


MADE: Mapping[Kind, str] = {
    Kind.INTERMEDIATE: keys.INTERMEDIATES,
    Kind.OUTPUT: keys.OUTPUTS,
    Kind.MEASUREMENTS: keys.MEASUREMENTS,
}
"""What processors make, and the prefix of each kind."""

SIDECARS: Mapping[Kind, str] = {Kind.PROXY: keys.PROXY_SUFFIX, Kind.THUMBNAIL: keys.THUMBNAIL_SUFFIX}
"""What a camera makes of a chapter to look at, and how the key of each kind ends."""

_OF_ORIGINALS = f"{Kind.ORIGINAL.value}."
_OF_SIDECARS = tuple(f"{kind.value}." for kind in SIDECARS)

REQUIRABLE = (Kind.OUTPUT, Kind.MEASUREMENTS)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def made_id(text: str) -> ArtifactId:
    """`text` as the id of an artifact that a processor makes: `output.NAME`, `measurements.NAME`, `intermediate.NAME`.

    NAME has 1 to 100 of `A-Z a-z 0-9 . _ -`, the first a letter or digit. Raises InvalidRequest.
    """
    return _made(text, tuple(MADE), "an artifact that a processor makes is")


def required_id(text: str) -> ArtifactId:
    """`text` as the id of an artifact that an order may require: `output.NAME` or `measurements.NAME`.

    Raises InvalidRequest.
    """
    return _made(text, REQUIRABLE, "a required artifact is")


def known_id(text: str) -> ArtifactId:
    """`text` as the id of any artifact: of a chapter, its sidecar, or what a processor makes. Raises InvalidRequest."""
    return ArtifactId(text) if is_original(text) or is_sidecar(text) else made_id(text)


def is_original(artifact_id: str) -> bool:
    """Whether the id is a chapter's; whether the session has such a chapter is the session's to say."""
    return artifact_id.startswith(_OF_ORIGINALS)


def is_sidecar(artifact_id: str) -> bool:
    """Whether the id is that of a chapter's proxy or thumbnail; the session says whether it has the chapter."""
    return artifact_id.startswith(_OF_SIDECARS)


def is_of_a_browser(artifact_id: str) -> bool:
    """Whether it is a film that an operator uploaded: cameras have no such directory."""
    return artifact_id.startswith(f"{Kind.ORIGINAL.value}.{keys.BROWSER_FILMS}.")


def is_of_a_device(artifact_id: str) -> bool:
    """Whether devices bring it, from a camera: an original or a sidecar."""
    return is_original(artifact_id) or is_sidecar(artifact_id)


def sidecar_id(original: ArtifactId, kind: Kind) -> ArtifactId:
    """The id of the proxy or the thumbnail of a chapter: `proxy.100GOPRO.GX010038.MP4`."""
    return ArtifactId(f"{kind.value}.{name_of(original)}")


def original_of(sidecar: ArtifactId) -> ArtifactId:
    """The id of the chapter that a proxy or thumbnail belongs to."""
    return ArtifactId(f"{Kind.ORIGINAL.value}.{name_of(sidecar)}")


@lru_cache(maxsize=1024)
def kind_of(artifact_id: ArtifactId) -> Kind:
    return Kind(artifact_id.partition(".")[0])


def name_of(artifact_id: ArtifactId) -> str:
    return artifact_id.partition(".")[2]


@lru_cache(maxsize=1024)
def made_key(session: SessionId, order: int, artifact_id: ArtifactId) -> str:
    """Where what the order number `order` makes as `artifact_id` is stored."""
    return keys.order_prefix(MADE[kind_of(artifact_id)], session, order) + name_of(artifact_id)


@lru_cache(maxsize=1024)
def made_prefixes(session: SessionId, order: int) -> tuple[str, ...]:
    """Below which all is stored that the order number `order` makes."""
    return tuple(keys.order_prefix(prefix, session, order) for prefix in MADE.values())


def _made(text: str, kinds: tuple[Kind, ...], what: str) -> ArtifactId:
    kind, _, name = text.partition(".")
    if kind not in [known.value for known in kinds] or not _NAME.fullmatch(name):
        allowed = " or ".join(f"{known.value}.NAME" for known in kinds)
        raise InvalidRequest(
            f"{what} {allowed}; NAME has 1 to 100 characters of "
            "A-Z, a-z, 0-9, '.', '_' and '-', and begins with a letter or a digit"
        )
    if text == f"{Kind.OUTPUT.value}.{keys.MANIFEST}":
        raise InvalidRequest(f"{text} is the manifest itself; choose another name")
    return ArtifactId(text)
