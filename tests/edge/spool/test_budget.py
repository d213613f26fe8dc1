"""What the spool may hold, what it holds, and what it says of that; on a simulated disk."""

from __future__ import annotations

import pytest

from edge_client.base.errors import SpoolFault, SpoolFull, SpoolTooSmall
from edge_client.spool.budget import RESERVE_BYTES, SPARED_BYTES, SpoolBudget
from tests.edge.memory.disk import SimulatedDisk

MB = 1_000_000


@pytest.fixture
def disk() -> SimulatedDisk:
    return SimulatedDisk()


def budget_of(disk: SimulatedDisk, budget_bytes: int | None = 10 * MB) -> SpoolBudget:
    return SpoolBudget("/spool", disk.mount(), budget_bytes)


def hold(disk: SimulatedDisk, **sizes: int) -> None:
    """Each session has a chapter with two parts, of this many bytes together."""
    mount = disk.mount()
    for folder in ("/spool", *(path for name in sizes for path in (f"/spool/{name}", f"/spool/{name}/c"))):
        if not mount.find(folder):
            mount.make_folder(folder)
    for name, size_bytes in sizes.items():
        for number, part_bytes in ((1, size_bytes // 2), (2, size_bytes - size_bytes // 2)):
            file = mount.create(f"/spool/{name}/c/{number}.part")
            mount.allocate(file, part_bytes)
            mount.close(file)


class TestTheBudget:
    def test_holds_nothing_before_it_is_measured(self, disk: SimulatedDisk):
        hold(disk, a=7)
        before = budget_of(disk, None)

        assert (before.held_bytes, before.budget_bytes) == (0, 0)

    @pytest.mark.parametrize(
        ("free_bytes", "spared_bytes"),
        [(19, 1), (10 * SPARED_BYTES - 1, SPARED_BYTES - 1), (20 * SPARED_BYTES, SPARED_BYTES)],
    )
    def test_without_one_of_the_users_is_what_is_free_and_held_less_a_tenth_or_one_gib(
        self, free_bytes: int, spared_bytes: int
    ):
        disk = SimulatedDisk(free_bytes + 7)
        hold(disk, a=7)
        budget = budget_of(disk, None)
        budget.measure()

        assert (budget.held_bytes, budget.budget_bytes) == (7, 7 + free_bytes - spared_bytes)

    def test_of_the_user_stays_as_it_is(self, disk: SimulatedDisk):
        budget = budget_of(disk)
        budget.measure()

        assert budget.budget_bytes == 10 * MB
        assert [budget.whole_parts(size_bytes) for size_bytes in (10 * MB + 1, 10 * MB, 3 * MB)] == [0, 1, 3]

    def test_counts_what_is_written_what_is_kept_and_what_goes(self, disk: SimulatedDisk):
        budget = budget_of(disk)
        budget.reserve(5)
        writing = budget.held_bytes
        with budget.change(5):
            during = budget.held_bytes
        budget.reserve(-5)
        kept = budget.held_bytes
        with budget.change(-6):
            pass

        assert (writing, during, kept, budget.held_bytes) == (5, 5, 5, 0)

    def test_counts_nothing_where_the_change_fails(self, disk: SimulatedDisk):
        budget = budget_of(disk)

        with pytest.raises(ZeroDivisionError), budget.change(5):
            raise ZeroDivisionError
        assert budget.held_bytes == 0

    def test_is_counted_again_from_the_disk(self, disk: SimulatedDisk):
        budget = budget_of(disk)
        hold(disk, a=7)
        budget.recount()

        assert budget.held_bytes == 7


class TestALack:
    def test_is_none_up_to_the_last_byte(self, disk: SimulatedDisk):
        hold(disk, a=4 * MB)
        budget = budget_of(disk)
        budget.measure()

        assert budget.lack(6 * MB) is None
        assert budget.lack(6 * MB + 1) == (
            "the spool holds 4.0 MB of its budget of 10.0 MB, session a holds 4.0 MB"
        )

    def test_is_looked_for_on_the_disk_only_where_the_count_shows_one(self, disk: SimulatedDisk):
        mount = disk.mount()
        budget = SpoolBudget("/spool", mount, 10 * MB)
        hold(disk, a=9 * MB)

        assert budget.lack(10 * MB) is None
        assert "entries" not in mount.calls
        assert budget.lack(10 * MB + 1)
        assert "entries" in mount.calls
        assert budget.held_bytes == 9 * MB

    def test_that_is_none_any_more_is_noticed(self, disk: SimulatedDisk):
        budget = budget_of(disk)
        with budget.change(10 * MB):
            pass
        hold(disk, a=4 * MB)

        assert budget.lack(6 * MB) is None
        assert budget.held_bytes == 4 * MB

    def test_names_the_three_sessions_that_hold_most(self, disk: SimulatedDisk):
        hold(disk, a=MB, b=3 * MB, c=2 * MB)
        three = budget_of(disk).lack(20 * MB)
        hold(disk, d=4 * MB, e=1_250_000)

        assert three == (
            "the spool holds 6.0 MB of its budget of 10.0 MB, session b holds 3.0 MB, session c holds 2.0 MB, "
            "session a holds 1.0 MB"
        )
        assert budget_of(disk).lack(20 * MB) == (
            "the spool holds 11.2 MB of its budget of 10.0 MB, session d holds 4.0 MB, session b holds 3.0 MB, "
            "session c holds 2.0 MB, 2 more hold the rest"
        )
        assert list(budget_of(disk).held_by()) == ["d", "b", "c", "e", "a"]

    @pytest.mark.parametrize(("spare_bytes", "is_short"), [(-1, True), (0, False), (1, False)])
    def test_of_the_disk_is_one_beyond_what_stays_free(self, spare_bytes: int, is_short: bool):
        disk = SimulatedDisk(RESERVE_BYTES + 5 * MB + 3 * MB + spare_bytes)
        hold(disk, a=3 * MB)
        reason = budget_of(disk).lack(5 * MB)

        assert reason == (
            "the spool's disk has 21.8 MB free, and 16.8 MB of it stay free, session a holds 3.0 MB"
            if is_short
            else None
        )

    def test_that_the_disk_does_not_tell_is_a_fault(self, disk: SimulatedDisk):
        with pytest.raises(SpoolFault, match=r"No such file or directory \(/spool\)"):
            budget_of(disk).lack(1)


class TestADemand:
    @pytest.mark.parametrize("size_bytes", [10 * MB - 1, 10 * MB])
    def test_that_the_budget_can_meet_is_none(self, disk: SimulatedDisk, size_bytes: int):
        budget_of(disk).demand(size_bytes)

    def test_beyond_the_users_budget_is_for_the_user(self, disk: SimulatedDisk):
        with pytest.raises(SpoolTooSmall) as caught:
            budget_of(disk).demand(10 * MB + 100_000)

        assert str(caught.value) == (
            "the spool may hold 10.0 MB, and 10.1 MB are needed for two parts; raise --spool-budget"
        )

    def test_says_sizes_in_megabytes_with_commas(self, disk: SimulatedDisk):
        with pytest.raises(SpoolTooSmall, match=r"may hold 1,000,000.0 MB, and 1,000,000.1 MB are needed"):
            budget_of(disk, 10**12).demand(10**12 + 100_000)

    def test_beyond_the_disk_is_for_who_makes_room(self):
        disk = SimulatedDisk(10 * MB)
        hold(disk, a=MB)
        budget = budget_of(disk, None)
        budget.measure()

        with pytest.raises(SpoolFull) as caught:
            budget.demand(10 * MB)

        assert str(caught.value) == (
            "the spool may hold 9.1 MB, and 10.0 MB are needed for two parts; "
            "make room on the spool's disk, nothing was deleted"
        )
