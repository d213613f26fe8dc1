"""The calls of `docs/api.md` about frames: for all readers that may see the session.

Each call imports what it needs of the measurements: most starts of the function never read any.
"""

import json
from typing import TYPE_CHECKING

from chalice.app import Response

from chalicelib.core.errors import StateConflict
from chalicelib.core.measurements.index import Index
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import forms, queries, responses

if TYPE_CHECKING:
    from chalicelib.core.measurements.table import Table


def get_frames(ports: Ports, call: Call, session_id: str) -> Response:
    from chalicelib.core.measurements import table
    from chalicelib.flows import frames

    asked = queries.frames(call.query)
    named = call.session(session_id)
    form = forms.preferred(call.headers.get("Accept"), (forms.JSON, forms.CSV))
    if asked.points is not None:
        index, points = frames.view_points(
            ports, call.principal, named, asked.artifact_id, asked.wanted, asked.points
        )
        if form == forms.CSV:
            return _table_answer(call, index, table.of_points(points), points["source"])
        return routing.answer(responses.points(index, points), headers=_VARY)
    if form == forms.CSV:
        return _table_answer(
            call, *frames.view_table(ports, call.principal, named, asked.artifact_id, asked.wanted)
        )
    found = frames.view_frames(ports, call.principal, named, asked.artifact_id, asked.wanted)
    return routing.answer(responses.frames(*found), headers=_VARY)


def get_summary(ports: Ports, call: Call, session_id: str) -> Response:
    from chalicelib.flows import frames

    artifact_id = queries.measurements(call.query)
    found = frames.view_summary(ports, call.principal, call.session(session_id), artifact_id)
    return routing.answer(json.loads(found))


def get_frames_url(ports: Ports, call: Call, session_id: str) -> Response:
    from chalicelib.flows import frames

    artifact_id = queries.measurements(call.query)
    signed = frames.sign_frames(ports, call.principal, call.session(session_id), artifact_id)
    return routing.answer(responses.frames_url(signed, ports.clock.now()))


def get_report(ports: Ports, call: Call, session_id: str) -> Response:
    from chalicelib.flows.report import view_report
    from chalicelib.web import report
    from chalicelib.web.report.document import document

    artifact_id = queries.measurements(call.query)
    form = forms.preferred(call.headers.get("Accept"), (forms.JSON, forms.HTML))
    found = view_report(ports, call.principal, call.session(session_id), artifact_id)
    told = document(found)
    if form == forms.HTML:
        return forms.text_answer(report.page(told, found.overview), forms.HTML, forms.UNTRUSTING)
    return routing.answer(told, headers={**_VARY, "Cache-Control": "no-store"})


def _table_answer(call: Call, index: Index, found: "Table", source: str | None = None) -> Response:
    """The table, with all that the JSON says around its frames in headers."""
    headers = {
        "Reelhaul-Artifact": index.artifact_id,
        "Reelhaul-Revision": index.revision,
        **({"Reelhaul-Source": source} if source else {}),
    }
    if found.next_frame is not None:
        following = queries.continued(call.query, found.next_frame)
        headers |= {"Reelhaul-Next-Frame": str(found.next_frame), "Link": f'<{following}>; rel="next"'}
    return forms.text_answer(found.text, forms.CSV, headers)


_VARY = {"Vary": "Accept"}

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/sessions/{session_id}/frames",
        get_frames,
        "The frames of a session's measurements, in their order, or in buckets for a plot",
        answer="FramePage | Points",
        roles=routing.READERS,
        query="FramesQuery",
        forms=(forms.CSV,),
        problems=(StateConflict,),
    ),
    Route(
        "GET",
        "/v1/sessions/{session_id}/frames/summary",
        get_summary,
        "Counts, extremes and means of all frames, and what was rejected and why",
        answer="Summary",
        roles=routing.READERS,
        query="MeasurementsQuery",
        problems=(StateConflict,),
    ),
    Route(
        "GET",
        "/v1/sessions/{session_id}/frames/url",
        get_frames_url,
        "Where to read all frames in one file, and where each block of it lies",
        answer="FramesUrl",
        roles=routing.READERS,
        query="MeasurementsQuery",
        problems=(StateConflict,),
    ),
    Route(
        "GET",
        "/v1/sessions/{session_id}/frames/report",
        get_report,
        "The inspection of the lights of a runway, with its verdict",
        answer="Report",
        roles=routing.READERS,
        query="MeasurementsQuery",
        forms=(forms.HTML,),
        problems=(StateConflict,),
    ),
)
