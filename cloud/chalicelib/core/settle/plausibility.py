"""Whether what was made of a session can be what its order requires, by the length of the chapters it was made of.

It measures the objects in the bucket and trusts no statement about them. Unknown means keep.
"""

from collections.abc import Iterator, Sequence

from chalicelib.core import artifact
from chalicelib.core.artifact import Kind
from chalicelib.core.film import Film, is_film
from chalicelib.core.ids import ArtifactId
from chalicelib.core.picture import Picture
from chalicelib.core.settle.facts import Facts
from chalicelib.core.settle.policy import Policy
from chalicelib.core.upload import Receipt


def unread(picture: Picture, facts: Facts) -> tuple[Receipt, ...]:
    """The verified films whose length matters and is not read yet: chapters, and required video outputs."""
    known = (*picture.session.films, *facts.films)
    receipts = (picture.receipt(artifact_id) for artifact_id in _films_that_matter(picture))
    return tuple(each for each in receipts if each and not any(film.is_of(each) for film in known))


def doubts(picture: Picture, facts: Facts, policy: Policy) -> str | None:
    """Why the required outputs may not be what they should, or cannot be judged; None when they are plausible.

    An operator who looked at them may have accepted them.
    """
    order = picture.session.order
    is_accepted = order is not None and order.accepted is not None
    waiting = unread(picture, facts)
    if is_accepted:
        # His word is about the outputs. Whether an original is broken is for another gate, which must know it.
        waiting = tuple(each for each in waiting if artifact.is_original(each.artifact_id))
    if waiting:
        return f"the length of {len(waiting)} films is not read yet, such as {waiting[0].artifact_id}"
    if is_accepted or not _measured_by_length(picture):
        return None
    films = {film.artifact_id: film for film in _present_films(picture, facts)}
    found = [*_of_chapters(picture, films)] or [*_of_outputs(picture, films, policy)]
    return "; ".join(found)[:1000] or None


def known_films(picture: Picture, found: Sequence[Film]) -> tuple[Film, ...]:
    """The films, on record and `found`, of the versions that have the present receipts."""
    return tuple(_present_films(picture, Facts(films=tuple(found))))


def _present_films(picture: Picture, facts: Facts) -> Iterator[Film]:
    """The films of versions that have the present receipts."""
    known = (*picture.session.films, *facts.films)
    for artifact_id in _films_that_matter(picture):
        receipt = picture.receipt(artifact_id)
        yield from [film for film in known if receipt and film.is_of(receipt)][:1]


def _films_that_matter(picture: Picture) -> tuple[ArtifactId, ...]:
    """The chapters, each of which may be broken, and required videos."""
    videos = tuple(each for each in picture.required if _is_video(each))
    return (*(chapter.artifact_id for chapter in picture.chapters), *videos)


def _measured_by_length(picture: Picture) -> bool:
    """Whether the order requires anything that is compared with the length of the chapters."""
    kinds = (artifact.kind_of(each) for each in picture.required)
    return any(_is_video(each) for each in picture.required) or Kind.MEASUREMENTS in kinds


def _is_video(artifact_id: ArtifactId) -> bool:
    return artifact.kind_of(artifact_id) is Kind.OUTPUT and is_film(artifact_id)


def _of_chapters(picture: Picture, films: dict[ArtifactId, Film]) -> Iterator[str]:
    for chapter in picture.chapters:
        film = films.get(chapter.artifact_id)
        if film and film.duration_ms is None:
            yield f"the length of {chapter.name} cannot be told: {film.fault}"


def _of_outputs(picture: Picture, films: dict[ArtifactId, Film], policy: Policy) -> Iterator[str]:
    chapters = (films.get(chapter.artifact_id) for chapter in picture.chapters)
    total_ms = sum(film.duration_ms or 0 for film in chapters if film)
    for artifact_id in picture.required:
        if _is_video(artifact_id):
            yield from _of_video(films.get(artifact_id), artifact_id, total_ms, policy)
        elif artifact.kind_of(artifact_id) is Kind.MEASUREMENTS:
            yield from _of_measurements(picture, artifact_id, total_ms, policy)


def _of_video(film: Film | None, artifact_id: ArtifactId, total_ms: int, policy: Policy) -> Iterator[str]:
    if film is None:
        return
    if film.duration_ms is None:
        yield f"{artifact_id} is not a whole film: {film.fault}"
    elif _is_short(film.duration_ms, policy.least_video_percent, total_ms):
        yield (
            f"{artifact_id} lasts {_s(film.duration_ms)} of the {_s(total_ms)} of the chapters, "
            f"less than {policy.least_video_percent} %"
        )


def _of_measurements(
    picture: Picture, artifact_id: ArtifactId, total_ms: int, policy: Policy
) -> Iterator[str]:
    receipt = picture.receipt(artifact_id)
    index = picture.index(receipt) if receipt else None
    if index is None:
        return
    if index.span_ms is None:
        yield f"it is unknown how many seconds {artifact_id} covers"
    elif _is_short(index.span_ms, policy.least_measured_percent, total_ms):
        yield (
            f"{artifact_id} covers {_s(index.span_ms)} of the {_s(total_ms)} of the chapters, "
            f"less than {policy.least_measured_percent} %"
        )
    if index.frames * 60_000 < policy.least_frames_a_minute * total_ms:
        yield (
            f"{artifact_id} has {index.frames} frames for {_s(total_ms)} of chapters, "
            f"less than {policy.least_frames_a_minute} a minute"
        )


def _is_short(length_ms: int, percent: int, total_ms: int) -> bool:
    return length_ms * 100 < percent * total_ms


def _s(duration_ms: int) -> str:
    return f"{duration_ms / 1000:.1f} s"
