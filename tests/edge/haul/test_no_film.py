"""The coordinator looks into a file that came whole and finds no film: a person learns of it, and nothing is lost."""

from __future__ import annotations

import pytest

from edge_client.base.errors import NotAFilm
from edge_client.model.selection import New
from tests.edge.conftest import Device
from tests.support.coordinator import Door

REASON = "100GOPRO/GX010042.MP4 is not a film: it begins as JSON does"


def refuse(door: Door) -> None:
    door.problem(422, "not-a-film", "stop", detail=REASON, reason=REASON)


@pytest.fixture
def refused(device: Device) -> Device:
    """A device with a recording of two chapters, of which the coordinator takes the first for no film."""
    device.card(GX010042=9000, GX020042=5000)
    device.cloud.faults["complete"] = [refuse]
    return device


def test_the_reason_and_what_to_do_are_told(refused: Device):
    with pytest.raises(NotAFilm) as told:
        refused.run()

    assert REASON in str(told.value)
    assert "The card still has the file" in str(told.value)
    assert "--unfinished" in str(told.value)


def test_the_other_chapters_come_home_all_the_same(refused: Device):
    with pytest.raises(NotAFilm):
        refused.run()

    assert refused.object("GX020042.MP4") == refused.content("GX020042.MP4")
    assert [*refused.cloud.receipts()] == ["original.100GOPRO.GX020042.MP4"]


def test_neither_the_card_nor_the_spool_loses_what_was_refused(refused: Device):
    before = refused.content()
    with pytest.raises(NotAFilm):
        refused.run()

    assert refused.content() == before
    kept = b"".join(path.read_bytes() for path in sorted((refused.spool / "s").rglob("*.part")))
    assert len(kept) >= len(before)


def test_a_run_over_the_card_ends_with_the_refusal_and_hauls_the_other_recordings(device: Device):
    device.card(GX010042=9000, GX010043=5000)
    device.cloud.faults["complete"] = [refuse]

    each = device.run(session=None, choice=New())

    assert [type(error) for error in each.refusals] == [NotAFilm]
    assert [chapter.path for report in each.done for chapter in report.chapters] == ["100GOPRO/GX010043.MP4"]
