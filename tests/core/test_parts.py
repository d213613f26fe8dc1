import pytest

from chalicelib.core.errors import InvalidRequest, TooLarge
from chalicelib.core.parts import LARGEST_PART_BYTES, PartPlan, StoredPart, differing, missing, plan_parts
from tests.support.builders import EMPTY

MIB = 2**20


def stored(number: int, size_bytes: int) -> StoredPart:
    return StoredPart(number, size_bytes, EMPTY, '"etag"')


@pytest.mark.parametrize(
    ("size_bytes", "count", "last"),
    [(1, 1, 1), (99, 1, 99), (100, 1, 100), (101, 2, 1), (199, 2, 99), (200, 2, 100), (201, 3, 1)],
)
def test_all_parts_are_equal_but_the_last(size_bytes: int, count: int, last: int):
    plan = plan_parts(size_bytes, part_size_bytes=100)

    assert (plan.part_count, plan.size_of(count)) == (count, last)
    assert sum(plan.size_of(number) for number in plan.numbers) == size_bytes


@pytest.mark.parametrize(
    ("size_bytes", "part_size_bytes"),
    [(10_000 * 16 * MIB - 1, 16 * MIB), (10_000 * 16 * MIB, 16 * MIB), (10_000 * 16 * MIB + 1, 32 * MIB)],
)
def test_the_part_size_doubles_when_10_000_parts_do_not_suffice(size_bytes: int, part_size_bytes: int):
    plan = plan_parts(size_bytes)

    assert plan.part_size_bytes == part_size_bytes
    assert plan.part_count <= 10_000


def test_a_chapter_of_12_gb_is_cut_into_16_mib_parts():
    assert plan_parts(11_794_645_144) == PartPlan(11_794_645_144, 16 * MIB)


@pytest.mark.parametrize(("over", "fits"), [(-1, True), (0, True), (1, False)])
def test_a_part_is_asked_for_up_to_the_largest(over: int, fits: bool):
    size_bytes = LARGEST_PART_BYTES + over

    if fits:
        assert plan_parts(1, size_bytes) == PartPlan(1, size_bytes)
    else:
        with pytest.raises(TooLarge):
            plan_parts(1, size_bytes)


def test_no_bytes_are_no_chapter():
    with pytest.raises(InvalidRequest, match="at least 1"):
        plan_parts(0)


@pytest.mark.parametrize("over", [0, 1])
def test_what_10_000_of_the_largest_parts_cannot_hold_is_too_large(over: int):
    most = 10_000 * 4096 * MIB
    if over:
        with pytest.raises(TooLarge, match="do not fit"):
            plan_parts(most + over)
    else:
        assert plan_parts(most).part_size_bytes == 4096 * MIB


@pytest.mark.parametrize("number", [-1, 0, 4])
def test_a_part_outside_the_plan_has_no_size(number: int):
    with pytest.raises(InvalidRequest, match=r"outside 1\.\.3"):
        PartPlan(250, 100).size_of(number)


def test_missing_are_the_numbers_that_s3_does_not_hold():
    assert missing(PartPlan(250, 100), [stored(2, 100)]) == (1, 3)
    assert missing(PartPlan(250, 100), [stored(1, 100), stored(2, 100), stored(3, 50)]) == ()


@pytest.mark.parametrize(("size_bytes", "found"), [(49, (3,)), (50, ()), (51, (3,))])
def test_a_part_of_another_size_than_planned_differs(size_bytes: int, found: tuple[int, ...]):
    assert differing(PartPlan(250, 100), [stored(1, 100), stored(3, size_bytes)]) == found


def test_a_part_beyond_the_plan_differs():
    assert differing(PartPlan(250, 100), [stored(4, 100)]) == (4,)
