"""Statistics on their way out; `docs/api.md` is the contract."""

from math import ceil
from typing import Any

from chalicelib.core import ids
from chalicelib.core.guarantee import WITHIN_S
from chalicelib.core.heard import Silence
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Policy
from chalicelib.core.statistics import contribution as figures
from chalicelib.core.statistics import histogram
from chalicelib.core.statistics.counts import NEEDY, WAITING_CHAPTERS, Counts
from chalicelib.core.times import rfc3339
from chalicelib.flows.statistics import Oldest, Statistics

HEARD_LATELY_S = 60
"""A rate that is older says nothing of now: devices that haul send a heartbeat every 15 seconds."""

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def statistics(found: Statistics, policy: Policy) -> dict[str, Any]:
    """The statistics as GET answers them."""
    counts, asked = found.counts, found.asked
    return {
        "project": found.project,
        "device": asked.device_id,
        "first_day": asked.first_day.isoformat() if asked.first_day else None,
        "last_day": asked.last_day.isoformat() if asked.last_day else None,
        **add_up(counts, policy),
        "backlog": _backlog(found),
        "devices": [_silence(each) for each in found.silences],
        "cleanup": {
            "armed": found.arming is not None and found.arming.is_armed,
            "day": found.today.isoformat(),
            "objects": {"cleaned": found.spent.objects, "limit": policy.cleanup_limit.objects},
            "bytes": {"cleaned": found.spent.size_bytes, "limit": policy.cleanup_limit.size_bytes},
        },
        "dead_letters": found.dead_letters,
    }


def add_up(counts: Counts, policy: Policy) -> dict[str, Any]:
    """What sessions add up to, by their counters alone."""
    return {
        "sessions": {
            **{state.value: counts.get(figures.SESSIONS[state], 0) for state in SessionState},
            "held": counts.get(figures.HELD, 0),
            "needing": counts.get(NEEDY, 0),
        },
        "chapters": {
            "count": counts.get(figures.CHAPTERS, 0),
            "waiting": counts.get(WAITING_CHAPTERS, 0),
            "lost": counts.get(figures.LOST_CHAPTERS, 0),
            "read_twice": counts.get(figures.READ_TWICE_CHAPTERS, 0),
            "read_back": counts.get(figures.READ_BACK_CHAPTERS, 0),
            "differing": counts.get(figures.DIFFERING_CHAPTERS, 0),
        },
        "bytes": _bytes(counts),
        "monthly_cost_usd": _monthly_cost(counts, policy.storage_usd_per_gib_month),
        "uploads": {
            "open": counts.get(figures.OPEN_UPLOADS, 0),
            "repeated": counts.get(figures.REPEATED_UPLOADS, 0),
        },
        "retried_parts": _retried(counts),
        "guarantee": _guarantee(counts),
    }


def _bytes(counts: Counts) -> dict[str, int]:
    standing = {name.removeprefix("bytes_"): counts.get(name, 0) for name in figures.STANDING_BYTES.values()}
    return {
        **standing,
        "held": sum(standing.values()),
        "hidden": counts.get(figures.HIDDEN_BYTES, 0),
        "freed": counts.get(figures.FREED_BYTES, 0),
        "orphaned_at_most": counts.get(figures.ORPHANED_BYTES, 0),
        "uploading_at_most": counts.get(figures.OPEN_BYTES, 0),
    }


def _monthly_cost(counts: Counts, usd_per_gib_month: float) -> dict[str, float]:
    """What the bytes cost that S3 keeps now, if they stay for a month; of freed ones, what they cost no more."""
    sizes = _bytes(counts)

    def cost(*names: str) -> float:
        return round(sum(sizes[name] for name in names) / 2**30 * usd_per_gib_month, 2)

    return {
        "per_gib": usd_per_gib_month,
        "held": cost("held"),
        "hidden": cost("hidden"),
        "orphaned_at_most": cost("orphaned_at_most"),
        "uploading_at_most": cost("uploading_at_most"),
        "saved": cost("freed"),
    }


def _retried(counts: Counts) -> dict[str, int | None]:
    """Null as long as no device told; `sessions` is of how many one did."""
    told = counts.get(figures.RETRIES_TOLD, 0)
    return {"count": counts.get(figures.RETRIED_PARTS, 0) if told else None, "sessions": told}


def _guarantee(counts: Counts) -> dict[str, Any]:
    share = histogram.share_within(counts)
    return {
        "within_s": WITHIN_S,
        "share_within": None if share is None else round(share, 4),
        "sessions": histogram.timed(counts),
        "unknown": counts.get(histogram.UNKNOWN, 0),
        "safe_after_at_most_s": {
            name: histogram.quantile_s(counts, share) for name, share in _QUANTILES.items()
        },
    }


def _backlog(found: Statistics) -> dict[str, Any]:
    waiting_bytes = found.counts.get(figures.WAITING_BYTES, 0)
    rates = [
        each.heard.rate_up_bytes_s
        for each in found.silences
        if each.is_hauling and each.silent_s <= HEARD_LATELY_S
    ]
    rate = sum(each or 0 for each in rates) if rates and None not in rates else None
    return {
        "chapters": found.counts.get(WAITING_CHAPTERS, 0),
        "bytes": waiting_bytes,
        "oldest": _oldest(found.oldest) if found.oldest else None,
        "rate_up_bytes_s": rate,
        "clear_in_s": ceil(waiting_bytes / rate) if rate and waiting_bytes else None,
    }


def _oldest(oldest: Oldest) -> dict[str, Any]:
    return {
        "session_id": ids.name_of(oldest.waiting.session_id),
        "device_id": oldest.waiting.device_id,
        "artifact_id": oldest.artifact_id,
        "since": rfc3339(oldest.waiting.created_at),
    }


def _silence(each: Silence) -> dict[str, Any]:
    heard = each.heard
    return {
        "device_id": heard.device_id,
        "session_id": ids.name_of(heard.session_id),
        "heard_at": rfc3339(heard.heard_at),
        "silent_s": each.silent_s,
        "hauling": each.is_hauling,
        "rate_up_bytes_s": heard.rate_up_bytes_s,
        "spool_bytes": heard.spool_bytes,
        "disk_free_bytes": heard.disk_free_bytes,
    }
