"""The page of a failing history shows it as it was, as text."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.histories.faults import Script
from tests.histories.history import play
from tests.histories.outcome import Outcome, Step, Violation
from tests.histories.page import command, numbers_of, page, ranges, write_page
from tests.histories.setting import Mode, draw_setting
from tests.histories.shrink import Shrunk, unshrunk

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
STORED = "main/north: STORED v4 [VERIFIED]"
TOLD = (
    Step(1, 0.0, "device north", "confirm_session", None, "main/north: RECORDING v1 []"),
    Step(2, 1.5, "api", "write", "killed after", "main/north: RECORDING v1 []"),
    Step(3, 1.5, "api", "write", None, STORED),
    Step(4, 5_000.0, "reconciler", "due", None, STORED),
    Step(5, 5_000.0, "reconciler", "multiparts", None, STORED),
    Step(6, 5_000.0, "reconciler", "multiparts", None, STORED),
    Step(7, 5_000.0, "reconciler", "remove", "twice", f"{STORED}; main/south: RECORDING v1 []"),
)


def make_shrunk(*told: Step, rule: str = "S3", detail: str = "no object", faults: int = 9) -> Shrunk:
    setting = draw_setting(random.Random(1))
    violation = Violation(rule, detail)
    outcome = Outcome(4711, setting, "d1", violation, 4, len(told or TOLD), 5_000.0, Counter(), told or TOLD)
    return Shrunk(outcome, (1, 3), Script(frozenset({0, 2})), faults, 31)


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of its rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.rows = [[cell.strip() for cell in row] for row in self.rows]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    def row(self, beginning: str) -> list[str]:
        [found] = [row for row in self.rows if row[0] == beginning]
        return found


def test_the_rule_the_detail_and_the_command_come_first():
    text = page(make_shrunk())

    head = text[: text.index('<table class="history"')]
    assert "<title>Seed 4711 breaks S3</title>" in head
    assert '<pre class="detail">no object</pre>' in head
    assert "<code>make simulate SEED=4711 MUTED=0,2</code>" in head
    assert "<code>make simulate SEED=4711</code>" in head
    assert "Of 9 faults 2 are needed; the others are left out." in head


def test_each_actor_has_a_lane_and_its_calls_are_in_it_alone():
    elements = Elements(page(make_shrunk()))

    assert elements.row("Step")[3:] == ["device north", "api", "reconciler"]
    assert elements.row("1")[3:] == ["confirm_session", "", ""]
    assert elements.row("3")[3:] == ["", "write", ""]


def test_calls_of_an_actor_that_change_nothing_share_a_row():
    row = Elements(page(make_shrunk())).row("4\N{EN DASH}6")

    assert row[5] == "due, multiparts \N{MULTIPLICATION SIGN} 2"


def test_many_calls_in_a_row_are_folded():
    told = [Step(number, 0.0, "device north", f"call {number}", None, "") for number in range(1, 6)]

    assert "<details><summary>5 calls, call 1 to call 5</summary>" in page(make_shrunk(*told))
    assert "calls, call 1" not in page(make_shrunk(*told[:4]))


def test_a_fault_has_a_row_of_its_own_is_marked_and_leads_to_the_next():
    text = page(make_shrunk())
    elements = Elements(text)

    assert "\N{HIGH VOLTAGE SIGN} killed after" in elements.row("2")[4]
    assert "\N{HIGH VOLTAGE SIGN} twice" in elements.row("7")[5]
    assert text.count('<tr id="step-2" class="fault">') == text.count('<tr id="step-7" class="fault">') == 1
    assert re.search(r'id="step-2".*href="#step-7"', text)
    assert re.search(r'id="step-7".*href="#violation"', text)
    assert (
        '<li><a href="#step-2">Step 2</a>, 00:00:01.5: api, write: <strong>killed after</strong></li>' in text
    )


def test_a_state_is_shown_where_it_changed():
    elements = Elements(page(make_shrunk()))

    assert elements.row("2")[2] == ""
    assert elements.row("3")[2] == STORED
    assert elements.row("7")[2] == "main/south: RECORDING v1 []"


def test_a_long_time_without_a_step_is_told():
    elements = Elements(page(make_shrunk()))

    assert next(row for row in elements.rows if len(row) == 1) == ["1 h 23 min later"]


def test_the_last_row_is_the_violation():
    assert Elements(page(make_shrunk())).rows[-1] == ["S3\nno object"]


def test_what_a_history_says_is_text_wherever_it_comes_from():
    told = (Step(1, 0.0, HOSTILE, HOSTILE, HOSTILE, HOSTILE), Step(2, 0.0, "api", HOSTILE, None, ""))
    elements = Elements(page(make_shrunk(*told, rule=HOSTILE, detail=HOSTILE)))

    assert elements.tags["script"] == elements.tags["img"] == 0
    assert not [name for name, _ in elements.attributes if name.startswith("on")]
    assert HOSTILE in elements.row("1")[3]
    assert elements.row("1")[2] == HOSTILE


def test_the_page_needs_nothing_else_and_may_run_nothing():
    elements = Elements(page(make_shrunk()))

    policy = "default-src 'none'; style-src 'unsafe-inline'"
    assert ("content", policy) in elements.attributes
    assert not [value for name, value in elements.attributes if name in ("src", "srcset", "data")]
    assert all((value or "").startswith("#") for name, value in elements.attributes if name == "href")


@pytest.mark.parametrize(
    ("kept", "faults", "said"),
    [
        ((), 0, "No fault struck it."),
        ((), 3, "Of 3 faults none is needed; the others are left out."),
        ((1,), 3, "Of 3 faults 1 is needed; the others are left out."),
        ((0,), 1, "It needs all 1 fault."),
    ],
)
def test_it_says_how_many_faults_are_needed(kept: tuple[int, ...], faults: int, said: str):
    assert said in page(replace(make_shrunk(), kept=kept, faults=faults))


def test_the_command_names_the_mode_where_it_is_not_the_usual_one():
    outcome = make_shrunk().outcome
    unlimited = replace(outcome, setting=replace(outcome.setting, mode=Mode.UNLIMITED))

    assert command(unlimited, frozenset({4})) == "make simulate SEED=4711 MODE=unlimited MUTED=4"


@pytest.mark.parametrize("numbers", [(), (0,), (0, 1), (0, 1, 2, 5, 7, 8), (3, 99)])
def test_numbers_are_written_as_ranges_and_read_again(numbers: tuple[int, ...]):
    assert numbers_of(ranges(frozenset(numbers))) == frozenset(numbers)


def test_ranges_are_short():
    assert ranges(frozenset({0, 1, 2, 5, 7, 8})) == "0-2,5,7-8"


def test_every_step_of_a_history_that_was_played_is_on_its_page():
    played = play(35, records=True)
    outcome = replace(played, violation=Violation("S3", "made up"))

    elements = Elements(page(unshrunk(outcome, Script())))

    numbers = [row[0].split("\N{EN DASH}") for row in elements.rows if row[0][:1].isdigit() and len(row) > 2]
    shown = [
        number for first, *last in numbers for number in range(int(first), int((last or [first])[0]) + 1)
    ]
    assert shown == [step.number for step in outcome.told]


def test_the_file_has_the_seeds_name(tmp_path: Path):
    path = write_page(make_shrunk(), tmp_path / "simulation")

    assert path == tmp_path / "simulation" / "4711.html"
    assert path.read_text(encoding="utf-8") == page(make_shrunk())
