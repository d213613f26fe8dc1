"""Where an imported session comes from: bounded, and never less than it was."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId
from chalicelib.core.storage import MOST_KEYS, MOST_TEXT, OldKey, Storage
from tests.support.builders import START

VIDEO = OldKey(ArtifactId("output.enhanced.mp4"), "videos/enhanced/1/a.mp4")
AUDIO = OldKey(ArtifactId("output.enhanced_with_audio.mp4"), "videos/enhanced_with_audio/1/a.mp4")
STORAGE = Storage("s3://older", START, "1", (VIDEO,), ("original", "frames"))


@pytest.mark.parametrize(("keys", "is_taken"), [(MOST_KEYS, True), (MOST_KEYS + 1, False)])
def test_a_session_keeps_so_many_old_keys(keys: int, is_taken: bool):
    if is_taken:
        assert len(replace(STORAGE, keys=(VIDEO,) * keys).keys) == keys
        return
    with pytest.raises(InvalidRequest, match="at most 150 keys"):
        replace(STORAGE, keys=(VIDEO,) * keys)


CHANGES: dict[str, Callable[[str], Storage]] = {
    "source": lambda text: replace(STORAGE, source=text),
    "row": lambda text: replace(STORAGE, row_id=text),
    "missing": lambda text: replace(STORAGE, missing=(text,)),
    "key": lambda text: replace(STORAGE, keys=(replace(VIDEO, key=text),)),
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_text_of_the_older_system_is_bounded(field: str):
    CHANGES[field]("a" * MOST_TEXT)
    with pytest.raises(InvalidRequest, match="1024"):
        CHANGES[field]("a" * (MOST_TEXT + 1))


def test_what_a_later_run_finds_is_added_and_no_longer_missing():
    found = Storage("s3://older", START + timedelta(days=1), "1", (VIDEO, AUDIO), ("original",), START)

    after = STORAGE.extended(found)

    assert after == replace(STORAGE, keys=(VIDEO, AUDIO), missing=("original",), recorded_at=START)


def test_what_was_imported_once_is_never_missing_again():
    later = replace(STORAGE, keys=(), missing=("original", "frames", "enhanced"))

    assert STORAGE.extended(later) == STORAGE
