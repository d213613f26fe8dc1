"""Transitions of lights as summary.json tells them, and an index whose summary has them."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.core.ids import ArtifactId
from chalicelib.core.keys import index_prefix
from chalicelib.core.measurements.index import revision_of
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts

METHOD = {"name": "robust logistic fit", "version": 1, "parameters": {"bin_deg": 0.002}}


def make_turn(
    angle: float | None = 3.0, half_deg: float = 0.01, runs: int = 1, **changes: Any
) -> dict[str, Any]:
    """The transition of a light that turned at `angle` on each of its climbs; None is one without a fit."""
    fit = {
        "angle": angle,
        "standard_error": None if angle is None else half_deg / 2,
        "interval": None if angle is None else [angle - half_deg, angle + half_deg],
        "width": None if angle is None else 0.05,
        "outcome": "no transition seen" if angle is None else "fitted",
        **changes,
    }
    run = {
        "direction": "climb",
        "first_frame": 0,
        "last_frame": 1799,
        "first_s": 0.0,
        "last_s": 59.97,
        "angle_min": 1.8,
        "angle_max": 4.2,
        "frames_used": 1790,
        "frames_set_aside": {"wrong_status": 7, "not_visible": 2, "no_angle": 1, "no_status": 0},
        **fit,
    }
    whole = {"frames_used": run["frames_used"], "frames_set_aside": 10, "further_runs": 0, "method": METHOD}
    return {**fit, **whole, "runs": [{"run": number, **run} for number in range(1, runs + 1)]}


def index_key(ports: MemoryPorts, artifact_id: ArtifactId, name: str) -> str:
    """The key of the object `name` of the index of the artifact's last version."""
    version_id = ports.objects.versions(story.key_of(artifact_id))[-1].version_id
    return f"{index_prefix(SESSION_ID, artifact_id, revision_of(version_id))}{name}"


def put_fits(
    ports: MemoryPorts, turns: Mapping[str, Mapping[str, Any]], artifact_id: ArtifactId, **changes: Any
) -> dict[str, Any]:
    """The summary of the artifact's index, which has these transitions and changes from now on."""
    key = index_key(ports, artifact_id, "summary.json")
    summary: dict[str, Any] = json.loads(ports.objects.body(key))
    for name, turn in turns.items():
        summary["lights"][name]["transition"] = turn
    summary.update(changes)
    ports.objects.put_object(key, json.dumps(summary).encode())
    return summary
