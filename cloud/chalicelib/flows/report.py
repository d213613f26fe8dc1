"""An inspection: what was measured of a session, held against what its order asks."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from chalicelib.core.errors import StateConflict
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.measurements.inspection.inspect import Inspection, inspect
from chalicelib.core.tokens import Principal
from chalicelib.flows.frames import Measurements, find_measurements
from chalicelib.flows.measurement_index import read_overview, read_summary
from chalicelib.ports import Ports


class Report(Struct, frozen=True):
    """All that a report tells: `summary` and `overview` are those of the index. An older index has no overview."""

    measurements: Measurements
    summary: Mapping[str, Any]
    inspection: Inspection
    overview: Mapping[str, Any] | None
    reported_at: datetime


def view_report(
    ports: Ports, principal: Principal, session_id: SessionId, artifact_id: ArtifactId | None
) -> Report:
    """The report on one of the session's measurements, in two reads. Raises NotFound, telling what is missing."""
    found = find_measurements(ports, principal, session_id, artifact_id)
    summary = json.loads(read_summary(ports.frame_index, session_id, found.index))
    order = found.picture.session.order
    parameters = json.loads(order.wish.parameters) if order else {}
    try:
        overview = read_overview(ports.frame_index, session_id, found.index)
    except StateConflict:
        overview = None
    inspection = inspect(summary.get("lights", {}), parameters)
    return Report(found, summary, inspection, overview, ports.clock.now())
