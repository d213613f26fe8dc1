"""What reelhaul costs on AWS, and how it grows: computed from prices, the design and measured calls. `make cost`.

The prices are those of us-east-1 without free tiers and discounts; with others, run it again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from chalicelib.core.events import Event, Measure
from infra.aws import watch

PAGE = Path("docs/cost.md")
MILLION = 1_000_000
GB = 10**9
MIB = 2**20
DAYS = 30
"""The days of a month here."""
DAY_S = 86_400


class Prices(Struct, frozen=True):
    """US dollars. Sources: the pricing pages of S3, DynamoDB, Lambda, API Gateway, SQS and CloudWatch, us-east-1."""

    s3_gb_month: float = 0.023
    s3_write_1000: float = 0.005
    """PUT, POST, COPY and LIST."""
    s3_read_1000: float = 0.0004
    table_write_million: float = 0.625
    table_read_million: float = 0.125
    table_gb_month: float = 0.25
    api_call_million: float = 3.50
    socket_message_million: float = 1.00
    socket_minute_million: float = 0.25
    lambda_call_million: float = 0.20
    lambda_gb_s: float = 0.0000166667
    queue_million: float = 0.40
    log_gb: float = 0.50
    metric_month: float = 0.30
    alarm_month: float = 0.10
    dashboard_month: float = 3.00


class SessionUse(Struct, frozen=True):
    """One session of 56 GB. Counts of calls are those that `make bench-cloud` measures (`calls_per_session_56gb`)."""

    size_gb: float = 56.0
    chapters: int = 14
    part_mib: int = 16
    calls: int = 144
    """Of the coordinator, heartbeats aside."""
    control_calls: int = 172
    """Of S3 by the coordinator: create, list and complete uploads, heads, the first reads of a film."""
    table_writes: int = 93
    """Heartbeats aside; each of these writes three items."""
    units_a_write: int = 24
    """A transaction of some 6 items with their indexes, two units an item."""
    table_items: int = 62
    heartbeats: int = 76
    """One a minute at 100 Mbit/s."""
    call_s: float = 0.06
    """Of the API function, 0.5 GB of memory; assumed."""
    event_gb_s: float = 20.0
    """Events of the originals and outputs, and the indexing of one film of measurements; assumed."""
    outputs_gb: float = 6.0
    """What a processor makes of it; assumed."""
    log_kb: float = 150.0
    proxy_share: float = 0.07
    """What proxies and thumbnails add to the bytes of the originals: 3.5 to 9.6 % in seven real lists of cameras."""
    sidecar_calls: int = 3
    """Of the coordinator for one proxy or thumbnail: open, part URLs, complete."""
    sidecar_control_calls: int = 8
    """Of S3 for one: create, two lists, complete, two heads, the reads of its head and end."""
    sidecar_writes: int = 5
    reads_a_call: int = 10
    """Read units of the table for one call: 38 kB of 14 chapters with their proxies and thumbnails; 4 without those."""

    @property
    def sidecars(self) -> int:
        return 2 * self.chapters

    @property
    def sidecars_gb(self) -> float:
        return self.size_gb * self.proxy_share

    @property
    def sidecar_parts(self) -> int:
        """A part for each 16 MiB begun of each proxy, and one for each thumbnail."""
        one_proxy = self.sidecars_gb * GB / self.chapters
        return self.chapters * (-(-int(one_proxy) // (self.part_mib * MIB)) + 1)

    @property
    def all_calls(self) -> int:
        return self.calls + self.heartbeats + self.sidecars * self.sidecar_calls

    @property
    def parts(self) -> int:
        return -(-int(self.size_gb * GB) // (self.part_mib * MIB))


class Retention(Struct, frozen=True):
    """How long originals cost their storage after they are processed: the grace, then hidden until they are purged."""

    grace_days: int = 3
    hidden_days: int = 14


def session_costs(prices: Prices, use: SessionUse) -> Mapping[str, float]:
    """US dollars of bringing one session home and processing it, by what is paid; storage is not in it."""
    calls = use.calls + use.heartbeats
    return {
        "parts into S3 (PUT)": use.parts * prices.s3_write_1000 / 1000,
        "other calls of S3": use.control_calls * prices.s3_write_1000 / 1000,
        "API Gateway": calls * prices.api_call_million / MILLION,
        "API function": calls
        * (prices.lambda_call_million / MILLION + 0.5 * use.call_s * prices.lambda_gb_s),
        "event functions": use.event_gb_s * prices.lambda_gb_s,
        "table": (use.table_writes * use.units_a_write + 3 * use.heartbeats)
        * prices.table_write_million
        / MILLION
        + use.reads_a_call * calls * prices.table_read_million / MILLION,
        "proxies and thumbnails": _sidecars_cost(prices, use),
        "logs": use.log_kb / 1e6 * prices.log_gb,
    }


def _sidecars_cost(prices: Prices, use: SessionUse) -> float:
    """All that is paid once for the proxies and thumbnails of a session."""
    if not use.proxy_share:
        return 0.0
    calls = use.sidecars * use.sidecar_calls
    of_s3 = use.sidecar_parts + use.sidecars * use.sidecar_control_calls
    units = use.sidecars * use.sidecar_writes * use.units_a_write
    of_calls = calls * _call_cost(prices, use)
    return of_s3 * prices.s3_write_1000 / 1000 + of_calls + units * prices.table_write_million / MILLION


def _call_cost(prices: Prices, use: SessionUse) -> float:
    """All that one call of the coordinator costs that only reads."""
    a_call = prices.api_call_million / MILLION + prices.lambda_call_million / MILLION
    return (
        a_call
        + 0.5 * use.call_s * prices.lambda_gb_s
        + use.reads_a_call * prices.table_read_million / MILLION
    )


POLL_S, HEARD_POLL_S, SOCKET_S = 5, 30, 540
"""How often a page asks without push and with it, and how often it replaces its socket."""


def page_costs(prices: Prices, use: SessionUse) -> Mapping[str, float]:
    """US dollars for an hour of one page that shows one session."""
    hour_s = 3_600
    a_call = _call_cost(prices, use)
    a_run = prices.lambda_call_million / MILLION + 0.5 * use.call_s * prices.lambda_gb_s
    # A ticket, its write and its end, and the functions that open and close the socket with a message each.
    a_socket = a_call + 4 * prices.table_write_million / MILLION
    a_socket += 2 * (a_run + prices.socket_message_million / MILLION)
    open_socket = hour_s / SOCKET_S * a_socket + 60 * prices.socket_minute_million / MILLION
    resting = hour_s / HEARD_POLL_S * a_call + open_socket
    return {
        "without push": hour_s / POLL_S * a_call,
        "with push, nothing changes": resting,
        "with push, its device sends a heartbeat a minute": resting
        + 60 * (a_call + prices.socket_message_million / MILLION),
    }


def fixed_costs(prices: Prices) -> Mapping[str, float]:
    """US dollars a month of a stage on which nothing happens."""
    rounds = DAYS * 24 * 12
    alarms, metrics = len(watch.alarms()), len(Event) + len(Measure)
    return {
        "reconciler, 8,640 rounds of 1 s at 0.5 GB": rounds
        * (prices.lambda_call_million / MILLION + 0.5 * prices.lambda_gb_s),
        "its reads of the table, 5 a round": rounds * 5 * prices.table_read_million / MILLION,
        f"{alarms} alarms": alarms * prices.alarm_month,
        f"{metrics} metrics, once each of them was reported": metrics * prices.metric_month,
        "one dashboard": prices.dashboard_month,
    }


def monthly(
    prices: Prices, use: SessionUse, kept: Retention | None, sessions_a_day: int, month: int
) -> float:
    """US dollars of month `month` (1 is the first): fixed costs, that month's sessions, all storage until then.

    `kept` is None without cleanup: originals stay for ever. Outputs, proxies and thumbnails stay for ever in both.
    """
    sessions = sessions_a_day * DAYS
    days_before = (month - 0.5) * DAYS
    originals_days = days_before if kept is None else min(days_before, kept.grace_days + kept.hidden_days)
    stays_gb = use.outputs_gb + use.sidecars_gb
    stored_gb = sessions_a_day * (originals_days * use.size_gb + days_before * stays_gb)
    flow = sessions * sum(session_costs(prices, use).values())
    return sum(fixed_costs(prices).values()) + flow + stored_gb * prices.s3_gb_month


def page(prices: Prices, use: SessionUse, kept: Retention) -> str:
    """docs/cost.md."""
    parts = (
        _head(use),
        *_session(prices, use, kept),
        *_months(prices, use, kept),
        *_pages(prices, use),
        *_scale(use),
    )
    return "\n\n".join(parts) + "\n"


def _head(use: SessionUse) -> str:
    return "\n".join(
        (
            "# Cost",
            "",
            "`make cost` computes this page (`infra/aws/cost.py`) from list prices of us-east-1, without free tiers",
            "and discounts. Set your region's prices there and run it again. A test compares page and script.",
            "",
            "Measured (`make bench-cloud`): the calls of one session. Assumed: how long functions run, and what a",
            f"processor makes, {use.outputs_gb:g} GB of {use.size_gb:g}. The processor's machine is not in it;",
            "it reads S3 for nothing in the same region.",
        )
    )


def _session(prices: Prices, use: SessionUse, kept: Retention) -> Iterator[str]:
    day = use.size_gb * prices.s3_gb_month / DAYS
    proofs = 4 * use.size_gb * GB / (8 * MIB) * prices.s3_read_1000 / 1000
    yield f"## One session of {use.size_gb:g} GB"
    yield (
        f"{use.chapters} chapters, {use.parts:,} parts of {use.part_mib} MiB, {use.calls} calls of the coordinator and "
        f"{use.heartbeats} heartbeats."
    )
    yield _costs("paid once", session_costs(prices, use))
    yield "\n".join(
        (
            f"Storage: {day * DAYS:.2f} USD a month, {day:.3f} USD a day for its originals.",
            f"With cleanup they are paid for {kept.grace_days} days of grace and {kept.hidden_days} days in which they",
            f"can be restored: {day * (kept.grace_days + kept.hidden_days):.2f} USD in all.",
            f"Proxies and thumbnails ({use.proxy_share:.0%} of the bytes, {use.sidecar_parts} parts,",
            f"{use.sidecars * use.sidecar_calls} calls) stay: {use.sidecars_gb * prices.s3_gb_month:.2f} USD a month.",
            "`PROXIES=false` saves both.",
            "To prove the bytes at rest four times a year costs",
            f"{proofs:.3f} USD ([how](operations.md#proof-at-rest)).",
        )
    )


def _months(prices: Prices, use: SessionUse, kept: Retention) -> Iterator[str]:
    yield "## A month"
    yield "A stage on which nothing happens:"
    yield _costs("each month", fixed_costs(prices))
    yield f"With sessions of {use.size_gb:g} GB, each month with all that is stored in the middle of it:"
    rows = []
    for sessions in (10, 1_000):
        for month in (1, 6, 12):
            without = monthly(prices, use, None, sessions, month)
            cleaned = monthly(prices, use, kept, sessions, month)
            saved = f"{1 - cleaned / without:.0%}"
            rows.append((f"{sessions:,}", str(month), f"{without:,.0f}", f"{cleaned:,.0f}", saved))
    yield _table(("sessions a day", "month", "without cleanup, USD", "with cleanup, USD", "saved"), rows)


def _pages(prices: Prices, use: SessionUse) -> Iterator[str]:
    yield "## A page that somebody watches"
    yield "One page that shows one session; a page that nobody sees asks nothing ([how](page.md#live))."
    yield _table(
        ("an hour", "USD"), [(what, f"{cost:.5f}") for what, cost in page_costs(prices, use).items()]
    )


DEVICES, SESSIONS_A_YEAR = 10_000, 1_000_000
SESSIONS_A_DAY = SESSIONS_A_YEAR / 365

Row = tuple[str, str, str]


def _scale(use: SessionUse) -> Iterator[str]:
    yield f"## {DEVICES:,} devices and {SESSIONS_A_YEAR:,} sessions a year"
    yield _table(
        ("what", "figure", "limit of AWS, or what follows"),
        (*_traffic(use), *_records(use), *_rounds(use)),
    )
    yield "\n".join(
        (
            "Tested here: 100,000 sessions in the local table (`make bench-cloud ONLY=scale`). Not tested: AWS's own",
            "limits, which are from its documentation.",
        )
    )


def _traffic(use: SessionUse) -> Iterator[Row]:
    calls_s = SESSIONS_A_DAY * use.all_calls / DAY_S
    yield (
        "calls of the coordinator",
        f"{calls_s:.0f} a second on average, {10 * calls_s:.0f} in a peak of ten times that",
        "API Gateway: 10,000 a second",
    )
    yield (
        "API functions at the same time",
        f"{10 * calls_s * use.call_s:.0f} in that peak",
        "Lambda: 1,000 unless raised",
    )
    yield (
        "parts into S3",
        f"{SESSIONS_A_DAY * (use.parts + use.sidecar_parts) / DAY_S:.0f} a second on average",
        "3,500 a second and prefix; keys begin with project and session",
    )


def _records(use: SessionUse) -> Iterator[Row]:
    """What the table has, and the busiest of its partitions."""
    items = SESSIONS_A_YEAR * (use.table_items + 2 * use.sidecars)
    changes_s = SESSIONS_A_DAY * 5 / DAY_S
    yield "items of the table", f"{items / MILLION:.0f} million, some {items * 500 / GB:.0f} GB", "no limit"
    yield (
        "`by_device`, `by_camera`",
        f"{SESSIONS_A_YEAR // DEVICES} sessions of one device",
        "1,000 write units a second and partition",
    )
    yield (
        "all sessions in one project",
        f"{changes_s:.2f} changes of state a second",
        f"the same: {1000 / changes_s:,.0f} times as many",
    )
    yield (
        "counters of one day",
        f"8 shards, and one a device with {SESSIONS_A_DAY / DEVICES:.2f} sessions",
        "writes of one shard wait for one another",
    )


def _rounds(use: SessionUse) -> Iterator[Row]:
    """What could grow with the number of sessions, and what does."""
    yield (
        "work of a round, every 5 minutes",
        f"{SESSIONS_A_DAY * 8 / 288:.0f} sessions, if each is due 8 times in its life",
        "a round continues for 4 minutes, the longest due first",
    )
    yield (
        "a round with nothing due",
        "the same reads at any number of sessions",
        "`reconcile_idle_reads_100k_sessions`",
    )
    yield (
        "`GET /v1/statistics`",
        "the same reads at any number of sessions",
        "`statistics_reads_100k_sessions`",
    )
    yield (
        "open multipart uploads",
        f"{SESSIONS_A_DAY / 24 * use.chapters / 4:,.0f}, if a haul takes 15 minutes",
        "the sweep lists 1,000 in a call",
    )


def _costs(head: str, costs: Mapping[str, float]) -> str:
    rows = [(name, f"{cost:.4f}") for name, cost in costs.items()]
    return _table((head, "USD"), [*rows, ("together", f"{sum(costs.values()):.4f}")])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = (head, ["---"] * len(head), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(Prices(), SessionUse(), Retention()))
    print(f"written to {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
