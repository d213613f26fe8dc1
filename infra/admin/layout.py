"""Where the files of a session are on an operator's disk: `download` writes them there, `manifest` lists them there."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath

from chalicelib.core import artifact, ids
from chalicelib.core.artifact import Kind
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.upload import Receipt
from chalicelib.flows.artifacts import view_sidecar
from infra.admin.formats import moment

PARTIAL = ".partial"
"""The ending of a file that is being fetched."""


class Part(Enum):
    """What a session's files are; all but the originals have a folder of this name."""

    ORIGINALS = "originals"
    OUTPUTS = "outputs"
    MEASUREMENTS = "measurements"
    PROXIES = "proxies"
    THUMBNAILS = "thumbnails"


_KINDS = {Kind.OUTPUT: Part.OUTPUTS, Kind.MEASUREMENTS: Part.MEASUREMENTS}
_SIDECARS = {Kind.PROXY: Part.PROXIES, Kind.THUMBNAIL: Part.THUMBNAILS}


class Reach(Enum):
    """Whether a file can be fetched."""

    HERE = "here"
    LATER = "later"
    NOT = "not"


@dataclass(frozen=True)
class File:
    """One file of a session and its `place` below the session's folder.

    `receipt` is that of the version to fetch, None where there is none; `why` says so and `remedy` what to do.
    """

    session_id: SessionId
    artifact_id: ArtifactId
    place: PurePosixPath
    size_bytes: int | None
    receipt: Receipt | None
    reach: Reach = Reach.HERE
    why: str | None = None
    remedy: str | None = None

    def path(self, folder: Path) -> Path:
        """Where it is below `folder`, which has the folder of each session."""
        return session_folder(folder, self.session_id) / self.place


def session_folder(folder: Path, session_id: SessionId) -> Path:
    """The folder of a session below `folder`: `match-17-north`."""
    return folder / ids.name_of(session_id)


def files_of(picture: Picture, wanted: Collection[Part], stage: str) -> list[File]:
    """The session's files that are `wanted`: chapters in the order of recording, then what processors made, by name.

    A chapter's place is that on its card, `100GOPRO/GX010038.MP4`; `outputs/enhanced.mp4` is what was made, and
    `proxies/100GOPRO/GX010038.MP4.mp4` the chapter's proxy. Of proxies and thumbnails there are those with a receipt.
    """
    originals = _originals(picture, stage) if Part.ORIGINALS in wanted else ()
    return [*originals, *_made(picture, wanted, stage), *_sidecars(picture, wanted, stage)]


def _originals(picture: Picture, stage: str) -> Iterator[File]:
    for chapter in picture.chapters:
        place = PurePosixPath(chapter.directory, chapter.filename)
        yield _file(picture, chapter.artifact_id, place, chapter.size_bytes, stage)


def _made(picture: Picture, wanted: Collection[Part], stage: str) -> Iterator[File]:
    others = [receipt.artifact_id for receipt in picture.made]
    for artifact_id in sorted({*picture.required, *others}):
        part = _KINDS.get(artifact.kind_of(artifact_id))
        if part and part in wanted:
            place = PurePosixPath(part.value, artifact.name_of(artifact_id))
            yield _file(picture, artifact_id, place, None, stage)


def _sidecars(picture: Picture, wanted: Collection[Part], stage: str) -> Iterator[File]:
    for chapter in picture.chapters:
        for kind, part in _SIDECARS.items():
            sidecar = view_sidecar(picture, chapter, kind) if part in wanted else None
            if sidecar:
                place = PurePosixPath(part.value, sidecar.name)
                yield _file(picture, sidecar.artifact_id, place, sidecar.size_bytes, stage)


def _file(
    picture: Picture, artifact_id: ArtifactId, place: PurePosixPath, size_bytes: int | None, stage: str
) -> File:
    session_id, receipt = picture.session.session_id, picture.receipt(artifact_id)
    size_bytes = receipt.size_bytes if receipt else size_bytes

    def unreachable(reach: Reach, why: str, remedy: str) -> File:
        return File(session_id, artifact_id, place, size_bytes, None, reach, why, remedy)

    if place.name in ("", ".", ".."):
        return unreachable(Reach.NOT, "no file can have this name", "read it at its presigned address")
    if receipt is None:
        return unreachable(*_without_receipt(picture, artifact_id))
    if artifact_id in picture.session.restoring:
        return unreachable(
            Reach.LATER, "it is being restored", "run the same command again once it is restored"
        )
    if receipt.version_id in picture.gone_versions:
        return unreachable(
            Reach.NOT, _cleaned(picture), f"restore it first: {_restore(picture, artifact_id, stage)}"
        )
    return File(session_id, artifact_id, place, size_bytes, receipt)


def _without_receipt(picture: Picture, artifact_id: ArtifactId) -> tuple[Reach, str, str]:
    lost = next((each for each in picture.lost if each.artifact_id == artifact_id), None)
    if lost:
        return Reach.NOT, f"it is lost: {lost.reason}", "`reelhaul-admin verify` says what can be done"
    scan = picture.scan(artifact_id)
    if scan:
        return Reach.LATER, scan.words, "run the same command again once it has its receipt"
    return Reach.LATER, "it has no receipt yet", "run the same command again once it has one"


def _cleaned(picture: Picture) -> str:
    at = picture.session.cleaned_at
    return f"it was cleaned at {moment(at)}" if at else "it is being cleaned"


def _restore(picture: Picture, artifact_id: ArtifactId, stage: str) -> str:
    session = picture.session
    name = session.name if session.project == ids.MAIN else session.session_id
    return f"reelhaul-admin restore --stage {stage} {name} {artifact_id} --reason TEXT --wait"
