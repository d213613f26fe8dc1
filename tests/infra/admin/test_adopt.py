"""`adopt`: what an operator reads of a session that another device finishes."""

import pytest
from msgspec.structs import replace

from tests.flows.test_adoption import SOUTH_ID, adopted, beat, begun
from tests.infra.admin.desks import Terminal
from tests.support import story
from tests.support.builders import DEVICE_ID, MemoryPorts, recorded

ADOPT = ("adopt", "match-17-north", "--device", SOUTH_ID)


def grouped(ports: MemoryPorts) -> MemoryPorts:
    picture = recorded(ports)
    ports.records.arrange(replace(picture, session=replace(picture.session, group="match-17")))
    return ports


def test_it_says_who_had_it_and_what_the_crew_does_next():
    ports = grouped(begun())
    terminal = Terminal(ports)

    assert terminal.run(*ADOPT) == 0

    assert terminal.said == [
        "main/match-17-north is now a session of d_south; before, of d_north",
        (
            "1 chapter of 2 still to come: plug camera C3501324500711 into d_south, and "
            "`reelhaul haul --new --group match-17` there continues where the parts in S3 end"
        ),
    ]
    assert recorded(ports).session.device_id == SOUTH_ID


def test_it_warns_of_a_device_that_was_heard():
    ports = begun()
    beat(ports, story.NORTH)
    terminal = Terminal(ports)

    terminal.run(*ADOPT)

    assert terminal.said[1].startswith("it was heard of last at 20")
    assert "if d_north still hauls, its next call is refused" in terminal.said[1]


def test_a_dry_run_writes_nothing():
    ports = begun()
    terminal = Terminal(ports)

    assert terminal.run(*ADOPT, "--dry-run") == 0

    assert terminal.said[0] == "main/match-17-north would be a session of d_south; before, of d_north"
    assert terminal.writes == []
    assert recorded(ports).session.device_id == DEVICE_ID


def test_a_repeat_says_that_nothing_changes():
    terminal = Terminal(adopted())

    document, code = terminal.told(*ADOPT)

    assert (code, document["changed"], document["device_id"]) == (0, False, "d_south")
    terminal.run(*ADOPT)
    assert terminal.said == ["main/match-17-north is a session of d_south already; nothing changes"]


def test_a_session_with_nothing_left_to_haul_says_so():
    ports = begun()
    ports.records.arrange(replace(recorded(ports), chapters=story.CHAPTERS[:1]))
    terminal = Terminal(ports)

    assert terminal.run(*ADOPT) == 0
    assert terminal.said[-1] == "every chapter has its receipt: nothing is left to haul"


@pytest.mark.parametrize("device", ["d_nobody", "d_club"])
def test_a_device_that_is_not_of_the_project_is_refused(device: str):
    ports = begun()

    assert Terminal(ports).run("adopt", "match-17-north", "--device", device) == 1
    assert recorded(ports).session.device_id == DEVICE_ID


def test_what_is_no_id_of_a_device_is_a_misuse():
    with pytest.raises(SystemExit) as ended:
        Terminal(begun()).run("adopt", "match-17-north", "--device", "no device")

    assert ended.value.code == 2
