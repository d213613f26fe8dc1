"""What follows from the settings."""

import pytest
from msgspec.structs import replace

from chalicelib.core.times import DAY_S
from tests.core.settle.cases import POLICY

MIB = 2**20


@pytest.mark.parametrize(
    ("part_mib", "restored_mib"), [(5, 40), (16, 128), (31, 248), (32, 256), (33, 256), (512, 256)]
)
def test_a_restore_copies_parts_of_eight_times_the_size_and_of_at_most_256_mib(
    part_mib: int, restored_mib: int
):
    policy = replace(POLICY, part_size_bytes=part_mib * MIB)

    assert policy.restore_part_size_bytes == restored_mib * MIB


@pytest.mark.parametrize(("days", "last_look_days"), [(0, 0), (1, 0), (2, 1), (14, 13)])
def test_the_last_look_is_a_day_before_the_purge_and_never_before_the_cleanup(days: int, last_look_days: int):
    assert replace(POLICY, restorable_days=days).last_look_s == last_look_days * DAY_S
