import os
import random
from base64 import b64encode

import pytest
from awscrt import checksums

from chalicelib.core.crc import Crc64Nvme, crc64nvme, fold
from chalicelib.core.errors import InvalidRequest
from tests.support.builders import EMPTY


def of(body: bytes) -> Crc64Nvme:
    return Crc64Nvme(b64encode(checksums.crc64nvme(body).to_bytes(8, "big")).decode())


def test_the_check_value_of_the_polynomial_is_the_published_one():
    assert of(b"123456789") == b64encode(bytes.fromhex("ae8b14860a799888")).decode()


@pytest.mark.parametrize("cut", [0, 1, 2, 4095, 4096, 4097, 9999, 10000])
def test_two_pieces_fold_to_the_crc_of_the_whole_wherever_it_is_cut(cut: int):
    whole = random.Random(7).randbytes(10_000)

    assert fold([(of(whole[:cut]), cut), (of(whole[cut:]), len(whole) - cut)]) == of(whole)


def test_many_equal_parts_and_a_short_last_one_fold_to_the_crc_of_the_whole():
    whole = os.urandom(37 * 1024 + 5)
    parts = [whole[start : start + 1024] for start in range(0, len(whole), 1024)]

    assert fold((of(part), len(part)) for part in parts) == of(whole)


def test_nothing_folds_to_the_crc_of_nothing():
    assert fold([]) == EMPTY == of(b"")


def test_the_order_of_the_parts_matters():
    first, second = b"a" * 10, b"b" * 10

    assert fold([(of(first), 10), (of(second), 10)]) != fold([(of(second), 10), (of(first), 10)])


@pytest.mark.parametrize(
    "text", ["", "AAAA", "AAAAAAAAAA==", "AAAAAAAAAAA", "AAAAAAAAAAAA", "AAAAAAAAAAB=", "é", "AAAA AAAAAAA="]
)
def test_what_is_not_the_base64_of_eight_bytes_is_refused(text: str):
    with pytest.raises(InvalidRequest, match="eight bytes"):
        crc64nvme(text)


def test_a_canonical_crc_is_taken_as_it_is():
    assert crc64nvme("rosUhgp5mIg=") == "rosUhgp5mIg="
