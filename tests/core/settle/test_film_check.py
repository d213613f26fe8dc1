"""What an original is owed once its bytes are proven: a receipt for all that may be footage, and for nothing else."""

import pytest
from msgspec.structs import replace

from chalicelib.core.artifact import Kind, sidecar_id
from chalicelib.core.film import Film, NoFilm
from chalicelib.core.ids import ArtifactId
from chalicelib.core.settle import Facts, Observation, Reject, Rest, Verify, settle
from chalicelib.core.settle.uploads import must_read_film
from chalicelib.core.upload import Upload
from tests.core.settle.test_uploads import promised, stored_of
from tests.support.builders import POLICY, START, UPLOAD_ID, make_chapter, make_picture, make_upload

CHECKING = replace(POLICY, checks_films=True)
ORIGINAL = make_chapter().artifact_id
WHOLE = Film(ORIGINAL, "v1", 7_000)
BROKEN = Film(ORIGINAL, "v1", None, "it has no moov box", is_broken=True)
NONE = NoFilm("it begins as JSON does")
UPLOAD = promised(make_upload())


def owed(film: Film | NoFilm | None, upload: Upload = UPLOAD, policy=CHECKING, **chapter):
    picture = make_picture(upload, chapters=[make_chapter(**chapter)])
    facts = Facts({UPLOAD_ID: Observation(None, stored_of(upload), film)})
    actions = settle(picture, facts, START, policy)
    return tuple(action for action in actions if not isinstance(action, Rest))


@pytest.mark.parametrize("move", [lambda upload: upload, Upload.completed], ids=["open", "completed"])
@pytest.mark.parametrize("film", [WHOLE, BROKEN, replace(WHOLE, duration_ms=None, fault="too many boxes")])
def test_a_film_gets_its_receipt_broken_or_not(move, film: Film):
    assert owed(film, move(UPLOAD)) == (Verify(UPLOAD_ID, stored_of(UPLOAD), film),)


@pytest.mark.parametrize("move", [lambda upload: upload, Upload.completed], ids=["open", "completed"])
def test_what_is_no_film_is_rejected_with_the_chapters_name_and_the_reason(move):
    reason = "100GOPRO/GX010038.MP4 is not a film: it begins as JSON does"

    assert owed(NONE, move(UPLOAD)) == (Reject(UPLOAD_ID, reason, is_no_film=True),)


@pytest.mark.parametrize("kept", [{"unfinished": True}, {"directory": "000OLDER"}])
def test_what_a_person_wants_as_it_is_gets_its_receipt_even_if_it_is_no_film(kept):
    chapter = make_chapter(**kept)
    upload = replace(UPLOAD, artifact_id=chapter.artifact_id)
    film = Film(chapter.artifact_id, "v1", None, NONE.reason, is_broken=True)

    assert owed(NONE, upload, **kept) == (Verify(UPLOAD_ID, stored_of(upload), film),)


def test_nothing_is_decided_before_the_bytes_were_read():
    assert owed(None) == ()


def test_without_the_check_the_bytes_alone_decide():
    assert owed(None, policy=POLICY) == (Verify(UPLOAD_ID, stored_of(UPLOAD)),)


@pytest.mark.parametrize(
    ("changes", "is_read"),
    [
        ({}, True),
        ({"copies": "v0"}, False),
        ({"artifact_id": ArtifactId("output.enhanced.mp4")}, False),
        ({"artifact_id": ArtifactId("intermediate.cut.mp4")}, False),
        ({"artifact_id": ArtifactId("original.000OLDER.notes.txt")}, False),
        ({"claim": "AAAAAAAAAAA="}, False),
    ],
)
def test_only_originals_that_are_films_by_name_and_whole_by_proof_are_read(changes, is_read: bool):
    assert must_read_film(replace(UPLOAD, **changes), stored_of(UPLOAD), CHECKING) is is_read


@pytest.mark.parametrize("changes", [{"size_bytes": 24}, {"crc64nvme": None}])
def test_bytes_that_are_not_what_was_promised_are_not_read(changes):
    assert not must_read_film(UPLOAD, stored_of(UPLOAD, **changes), CHECKING)


def sidecar(kind: Kind) -> Upload:
    return replace(UPLOAD, artifact_id=sidecar_id(ORIGINAL, kind))


@pytest.mark.parametrize("kind", [Kind.PROXY, Kind.THUMBNAIL])
def test_a_sidecar_that_can_be_looked_at_gets_its_receipt_and_nothing_beside_it(kind: Kind):
    assert owed(WHOLE, sidecar(kind)) == (Verify(UPLOAD_ID, stored_of(UPLOAD)),)


@pytest.mark.parametrize(("kind", "word"), [(Kind.PROXY, "proxy"), (Kind.THUMBNAIL, "thumbnail")])
def test_a_sidecar_that_cannot_be_looked_at_is_rejected_with_its_chapters_name(kind: Kind, word: str):
    reason = f"the {word} of 100GOPRO/GX010038.MP4: it begins as JSON does"

    assert owed(NONE, sidecar(kind)) == (Reject(UPLOAD_ID, reason, is_no_film=True),)
    assert owed(NONE, sidecar(kind), unfinished=True) == (Reject(UPLOAD_ID, reason, is_no_film=True),)


def test_of_a_sidecar_whose_bytes_were_not_read_nothing_is_decided():
    assert owed(None, sidecar(Kind.PROXY)) == ()
    assert owed(None, sidecar(Kind.PROXY), POLICY) == (Verify(UPLOAD_ID, stored_of(UPLOAD)),)
