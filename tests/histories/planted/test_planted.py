"""The planted bugs have their places, and the search for them counts as it says."""

import importlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from tests.histories.planted.__main__ import main
from tests.histories.planted.bug import Begin, Kind, Misplaced, Neighbour, NoNeighbour, PlantedBug, applied
from tests.histories.planted.bugs import BUGS
from tests.histories.planted.measure import (
    MOST_MASKED,
    MOST_WITHOUT_BUG,
    Result,
    Search,
    measure,
    search_without_bug,
)
from tests.histories.planted.planting import plant
from tests.histories.planted.report import BEGIN, END, figures_of, table, write_figures, write_table
from tests.histories.planted.search import APART, Found, NothingShown, search, search_all
from tests.mutants.house import HOUSE
from tests.mutants.mutant import Edit

EDIT = Edit("a.py", "old", "new")
OTHER = Edit("a.py", "more", "less")


def _bug(masks: bool = False) -> PlantedBug:
    return PlantedBug("a bug", Kind.GUARD, "harm", (EDIT,), Neighbour("a guard", (OTHER,), masks))


ALONE = PlantedBug("another bug", Kind.ORDER, "harm", (EDIT,), NoNeighbour("a reason"))


@dataclass(frozen=True)
class _Violation:
    rule: str


@dataclass(frozen=True)
class _Outcome:
    violation: _Violation | None


GOOD, BAD = _Outcome(None), _Outcome(_Violation("S3"))


def _search_of(*counts: int | None) -> Search:
    return Search(tuple(Found(count, "S3" if count else None) for count in counts))


class TestTheBugs:
    @pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
    def test_every_bug_has_its_places_and_is_python(self, bug: PlantedBug):
        for edits in (bug.edits, bug.with_neighbour_removed or bug.edits):
            texts = {edit.file: (HOUSE / edit.file).read_text() for edit in edits}

            after = applied(texts, edits)

            for name, text in after.items():
                assert text != texts[name]
                compile(text, name, "exec")

    @pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
    def test_every_bug_is_in_the_product(self, bug: PlantedBug):
        assert all(edit.file.startswith(("cloud/chalicelib/", "edge_client/")) for edit in bug.edits)

    def test_there_are_enough_of_every_kind(self):
        kinds = {bug.kind for bug in BUGS}

        assert len(BUGS) >= 48
        assert kinds == set(Kind)

    def test_no_two_bugs_are_the_same(self):
        assert len({bug.name for bug in BUGS}) == len(BUGS)
        assert len({bug.edits for bug in BUGS}) == len(BUGS)


class TestApplying:
    def test_edits_are_applied_in_their_order(self):
        after = applied({"a.py": "old"}, (EDIT, Edit("a.py", "new", "newer")))

        assert after == {"a.py": "newer"}

    @pytest.mark.parametrize("text", ["", "old old"])
    def test_an_old_text_that_is_not_there_exactly_once_is_misplaced(self, text: str):
        with pytest.raises(Misplaced):
            applied({"a.py": text}, (EDIT,))


class TestPlanting:
    def test_a_module_is_imported_with_the_bug_and_its_file_stays(self):
        module = "cloud/chalicelib/core/rounds.py"
        edit = Edit(module, "MOST_COUNTED = ", "MOST_COUNTED = 4711 or ")
        before = (HOUSE / module).read_text()
        program = (
            "import json, sys\n"
            "from tests.histories.planted.planting import plant\n"
            "from tests.mutants.mutant import Edit\n"
            "plant((Edit(**json.load(sys.stdin)),))\n"
            "from chalicelib.core.rounds import MOST_COUNTED\n"
            "print(MOST_COUNTED)"
        )

        done = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps(asdict(edit)),
            cwd=HOUSE,
            capture_output=True,
            text=True,
            check=True,
        )

        assert done.stdout == "4711\n"
        assert (HOUSE / module).read_text() == before

    def test_what_is_imported_already_cannot_be_changed(self):
        importlib.import_module("edge_client.model.parts")
        text = "def crc_value(text: str) -> int:\n"

        with pytest.raises(RuntimeError, match="imported before"):
            plant((Edit("edge_client/model/parts.py", text, f"{text}    # changed\n"),))


class TestSearching:
    def test_a_search_counts_the_history_that_shows_the_bug(self):
        assert search(lambda seed: BAD if seed == 12 else GOOD, 10, 5) == Found(3, "S3")

    @pytest.mark.parametrize(("most", "found"), [(2, None), (3, 3), (4, 3)])
    def test_a_search_ends_after_the_most_histories(self, most: int, found: int | None):
        assert search(lambda seed: BAD if seed == 12 else GOOD, 10, most).histories == found

    def test_a_history_that_is_not_wanted_is_counted_and_not_played(self):
        played: list[int] = []

        def play(seed: int) -> _Outcome:
            played.append(seed)
            return BAD if seed == 12 else GOOD

        assert search(play, 10, 5, lambda seed: seed % 2 == 0) == Found(3, "S3")
        assert played == [10, 12]

    def test_base_seeds_are_apart(self):
        played: list[int] = []

        def play(seed: int) -> _Outcome:
            played.append(seed)
            return GOOD

        list(search_all(play, 2, 2))

        assert played == [APART, APART + 1, 2 * APART, 2 * APART + 1]

    def test_an_error_of_the_tests_shows_nothing(self):
        def play(_seed: int) -> _Outcome:
            raise ZeroDivisionError

        with pytest.raises(NothingShown, match="seed 1: ZeroDivisionError"):
            search(play, 1, 1)


class TestMeasuring:
    def test_both_variants_are_searched_for(self):
        asked: list[tuple[Edit, ...]] = []

        def look(edits: tuple[Edit, ...], _begin: Begin, seeds: int, most: int) -> Search:
            asked.append(edits)
            return _search_of(*[most] * seeds)

        [first, second] = measure((_bug(), ALONE), 2, 7, look)

        assert sorted(asked, key=len) == [(EDIT,), (EDIT,), (EDIT, OTHER)]
        assert first == Result(_bug(), _search_of(7, 7), _search_of(7, 7))
        assert second.without_neighbour is None

    @pytest.mark.parametrize("most", [MOST_MASKED - 1, MOST_MASKED, MOST_MASKED + 1])
    def test_a_bug_that_its_neighbour_masks_is_searched_for_briefly_while_the_neighbour_is_there(
        self, most: int
    ):
        def look(_edits: tuple[Edit, ...], _begin: Begin, _seeds: int, most: int) -> Search:
            return _search_of(most)

        [masked, other] = measure((_bug(masks=True), _bug()), 1, most, look)

        assert masked == Result(_bug(masks=True), _search_of(min(most, MOST_MASKED)), _search_of(most))
        assert other == Result(_bug(), _search_of(most), _search_of(most))

    @pytest.mark.parametrize(
        ("masks", "alone", "second", "is_found"),
        [
            (False, (1, 2), (1, 2), True),
            (False, (1, None), (1, 2), False),
            (False, (1, 2), (1, None), False),
            (True, (None, None), (1, 2), True),
            (True, (1, 2), (1, 2), True),
            (True, (None, None), (1, None), False),
        ],
    )
    def test_a_bug_is_found_by_every_search_that_its_neighbour_does_not_mask(
        self, masks: bool, alone: tuple[int | None, ...], second: tuple[int | None, ...], is_found: bool
    ):
        assert Result(_bug(masks), _search_of(*alone), _search_of(*second)).is_found is is_found

    def test_what_could_not_be_searched_is_not_found(self):
        assert not Result(ALONE, Search((Found(1, "S3"),), "ended with 1"), None).is_found

    @pytest.mark.parametrize(
        ("most", "asked"),
        [
            (MOST_WITHOUT_BUG - 1, MOST_WITHOUT_BUG - 1),
            (MOST_WITHOUT_BUG, MOST_WITHOUT_BUG),
            (MOST_WITHOUT_BUG + 1, MOST_WITHOUT_BUG),
        ],
    )
    def test_the_product_without_a_bug_is_searched_from_the_same_base_seeds(self, most: int, asked: int):
        looked: list[tuple[tuple[Edit, ...], Begin, int, int]] = []

        def look(edits: tuple[Edit, ...], begin: Begin, seeds: int, most: int) -> Search:
            looked.append((edits, begin, seeds, most))
            return _search_of(*[None] * seeds)

        assert search_without_bug(3, most, look).is_clean
        assert looked == [((), Begin.ANY, 3, asked)]

    @pytest.mark.parametrize(
        ("search", "is_clean"),
        [
            (Search((Found(None), Found(None))), True),
            (Search((Found(None), Found(7, "S3"))), False),
            (Search((Found(None),), "ended with 1"), False),
            (Search(), False),
        ],
    )
    def test_only_a_search_to_its_end_that_finds_nothing_is_clean(self, search: Search, is_clean: bool):
        assert search.is_clean is is_clean


class TestRunning:
    @pytest.mark.parametrize("found", [Search((Found(7, "S3"),)), Search((), "ended with 1")])
    def test_what_breaks_a_rule_without_a_bug_fails_the_run_before_anything_is_published(
        self, found: Search, tmp_path: Path
    ):
        looked: list[tuple[Edit, ...]] = []

        def look(edits: tuple[Edit, ...], _begin: Begin, _seeds: int, _most: int) -> Search:
            looked.append(edits)
            return _search_of(1) if edits else found

        figures, page = tmp_path / "simulation.json", _page_in(tmp_path)
        before = page.read_text()

        assert main([], look, figures, page) == 1
        assert looked == [()]
        assert not figures.exists()
        assert page.read_text() == before

    def test_a_run_that_finds_every_bug_and_nothing_without_one_is_published(self, tmp_path: Path):
        def look(edits: tuple[Edit, ...], _begin: Begin, seeds: int, _most: int) -> Search:
            return _search_of(*[1 if edits else None] * seeds)

        figures, page = tmp_path / "simulation.json", _page_in(tmp_path)

        assert main([], look, figures, page) == 0
        assert json.loads(figures.read_text())["planted_bugs_found"] == len(BUGS)
        assert BUGS[0].harm in page.read_text()

    def test_a_bug_that_is_not_found_fails_the_run(self, tmp_path: Path):
        def look(_edits: tuple[Edit, ...], _begin: Begin, seeds: int, _most: int) -> Search:
            return _search_of(*[None] * seeds)

        assert main([], look, tmp_path / "simulation.json", _page_in(tmp_path)) == 1


def _page_in(folder: Path) -> Path:
    page = folder / "simulation.md"
    page.write_text(f"before\n{BEGIN}\nan older table\n{END}\nafter\n")
    return page


class TestReporting:
    RESULTS = (
        Result(_bug(), _search_of(1, 3, 9), _search_of(2, 2, 20)),
        Result(_bug(masks=True), _search_of(None, None, None), _search_of(5, 7, 8)),
        Result(ALONE, _search_of(4, None, 4), None),
    )

    def test_the_figures_count_what_was_found_and_how(self):
        assert figures_of(self.RESULTS) == {
            "planted_bugs": 3,
            "planted_bugs_found": 2,
            "planted_bugs_with_neighbour": 2,
            "planted_bugs_masked": 1,
            "schedules_to_find_median": 5,
            "schedules_to_find_worst": 20,
        }

    def test_the_figures_leave_what_others_wrote(self, tmp_path: Path):
        path = tmp_path / "build" / "simulation.json"
        path.parent.mkdir()
        path.write_text('{"schedules": 100000, "planted_bugs": 1}')

        write_figures(self.RESULTS, path)

        assert json.loads(path.read_text())["schedules"] == 100_000
        assert json.loads(path.read_text())["planted_bugs"] == 3

    def test_the_table_says_what_is_masked_and_what_is_not_found(self):
        rows = table(self.RESULTS).splitlines()

        assert rows[2] == "| a bug | guard | harm | 3 / 9 | a guard | 2 / 20 |"
        assert rows[3] == "| a bug | guard | harm | masked | a guard | 7 / 8 |"
        assert (
            rows[4] == "| another bug | order of effects | harm | found by 2 of 3 | none: a reason | none |"
        )

    def test_the_table_takes_the_place_of_the_one_before(self, tmp_path: Path):
        page = _page_in(tmp_path)

        write_table(self.RESULTS, page)

        assert page.read_text() == f"before\n{BEGIN}\n{table(self.RESULTS)}{END}\nafter\n"

    def test_a_page_without_the_marks_is_refused(self, tmp_path: Path):
        page = tmp_path / "simulation.md"
        page.write_text("before\n")

        with pytest.raises(ValueError, match="no place"):
            write_table(self.RESULTS, page)
