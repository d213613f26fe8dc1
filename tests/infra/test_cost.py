"""The page of costs is what the script computes, and the script computes what its names say."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from chalicelib.core import push
from infra.aws import cost
from infra.aws.cost import (
    PAGE,
    Prices,
    Retention,
    SessionUse,
    fixed_costs,
    monthly,
    page,
    page_costs,
    session_costs,
)

ROOT = Path(__file__).parents[2]
USE, PRICES, KEPT = SessionUse(), Prices(), Retention()


def test_the_page_is_what_make_cost_writes():
    assert (ROOT / PAGE).read_text() == page(PRICES, USE, KEPT)


@pytest.mark.parametrize(("size_gb", "parts"), [(0.016777216, 1), (0.016777217, 2), (56.0, 3338)])
def test_a_session_has_a_part_for_each_16_mib_begun(size_gb: float, parts: int):
    assert replace(USE, size_gb=size_gb).parts == parts


def test_parts_cost_what_s3_takes_for_a_put():
    assert session_costs(PRICES, USE)["parts into S3 (PUT)"] == pytest.approx(3338 * 0.005 / 1000)


def test_a_stage_without_sessions_costs_its_fixed_costs():
    assert monthly(PRICES, USE, KEPT, 0, 12) == pytest.approx(sum(fixed_costs(PRICES).values()))


@pytest.mark.parametrize("month", [1, 6, 12])
def test_cleanup_never_costs_more(month: int):
    assert monthly(PRICES, USE, KEPT, 10, month) <= monthly(PRICES, USE, None, 10, month)


def test_with_cleanup_originals_are_paid_for_their_grace_and_no_longer():
    without_outputs = replace(USE, outputs_gb=0.0, proxy_share=0.0)

    assert monthly(PRICES, without_outputs, KEPT, 10, 6) == pytest.approx(
        monthly(PRICES, without_outputs, KEPT, 10, 12)
    )


@pytest.mark.parametrize(("proxy_share", "parts"), [(0.0, 14), (0.004194304, 28), (0.0041943045, 42)])
def test_a_session_has_a_part_for_each_thumbnail_and_each_16_mib_begun_of_a_proxy(
    proxy_share: float, parts: int
):
    assert replace(USE, size_gb=56.0, proxy_share=proxy_share).sidecar_parts == parts


def test_proxies_are_paid_for_as_long_as_they_stay_and_without_them_nothing_is():
    without = replace(USE, proxy_share=0.0)
    later = monthly(PRICES, USE, KEPT, 10, 13) - monthly(PRICES, USE, KEPT, 10, 12)
    later_without = monthly(PRICES, without, KEPT, 10, 13) - monthly(PRICES, without, KEPT, 10, 12)

    assert later - later_without == pytest.approx(10 * 30 * 56 * 0.07 * 0.023)
    assert session_costs(PRICES, without)["proxies and thumbnails"] == 0


def test_push_costs_less_than_the_polls_that_it_saves():
    costs = page_costs(PRICES, USE)

    polls, resting, hauling = costs.values()
    assert resting < hauling < polls / 3


def test_an_hour_of_polls_is_720_calls():
    a_call = 3.5e-6 + 0.2e-6 + 0.5 * USE.call_s * 0.0000166667 + USE.reads_a_call * 0.125e-6

    assert page_costs(PRICES, USE)["without push"] == pytest.approx(720 * a_call)


def test_the_page_asks_as_often_as_is_computed_here():
    live, sockets = ((ROOT / "cloud/page/src" / f"{name}.js").read_text() for name in ("live", "push"))

    assert f"POLL_MS = {cost.POLL_S}_000;" in live
    assert f"HEARD_POLL_MS = {cost.HEARD_POLL_S}_000;" in live
    assert f"RENEW_MS = {push.SOCKET_S - cost.SOCKET_S}_000;" in sockets
