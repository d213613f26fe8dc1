"""summary.json: counts, times, and what the kind of the frames tells of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.core.measurements.kinds import KindSummary
from chalicelib.core.measurements.overview import Bucket

VERSION = 2
"""The version of summary.json; it rises when a field changes its meaning.

2: `transition` of a light is a fit, with its runs.
"""


@dataclass(frozen=True)
class Reject:
    """A frame that is not in the index: the how-many-eth of the file it was, from 1, and why."""

    place: int
    reason: str


@dataclass(frozen=True)
class FrameCounts:
    """How many frames are in the index, how many are not and why of the first, and the numbers of the outer ones."""

    first_frame: int
    last_frame: int
    rejected: int
    first_rejects: Sequence[Reject]


def encoded(
    revision: str,
    kind: str,
    counts: FrameCounts,
    whole: Bucket,
    own: KindSummary,
    metadata: Mapping[str, Any],
) -> bytes:
    """summary.json of an index: `whole` is all of its frames, `own` what its kind has gathered."""
    summary = {
        "version": VERSION,
        "revision": revision,
        "kind": kind,
        "frames": whole.count,
        "rejected": counts.rejected,
        "first_rejects": [
            {"frame": reject.place, "reason": reject.reason} for reject in counts.first_rejects
        ],
        "first_frame": counts.first_frame,
        "last_frame": counts.last_frame,
        "first_s": whole.first_s,
        "last_s": whole.last_s,
        "duration_s": whole.last_s - whole.first_s,
        **own.document(whole.numbers, metadata),
    }
    return json.dumps(summary, allow_nan=False, separators=(",", ":")).encode()
