"""The calls of `docs/api.md`: devices make them all, processors and operators may read."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chalice.app import Blueprint, Response

from chalicelib.core import ids
from chalicelib.core.ids import ArtifactId
from chalicelib.core.session import Picture
from chalicelib.core.tokens import Principal
from chalicelib.flows import finishing, intake
from chalicelib.ports import Ports
from chalicelib.web import parsing, shapes
from chalicelib.web.auth import caller
from chalicelib.web.problems import answered


class DeviceSettings(Protocol):
    """What a deployment decides about devices; Settings have it."""

    @property
    def minimum_client_version(self) -> str: ...

    @property
    def pause(self) -> bool: ...

    @property
    def pace_bytes_s(self) -> int | None: ...


@dataclass(frozen=True)
class Call:
    """One call, once it is known who makes it."""

    settings: DeviceSettings
    principal: Principal
    headers: Mapping[str, str]
    body: bytes


View = Callable[..., Response]
"""Takes the ports, the call and the path's parameters by name."""


def device_api(ports: Ports, settings: DeviceSettings) -> Blueprint:
    """The routes below `/v1`, on `ports`."""
    blueprint = Blueprint(__name__)
    for method, path, view in ROUTES:
        door = _door(view, blueprint, ports, settings)
        blueprint.route(path, methods=[method])(door)
    return blueprint


def _door(view: View, blueprint: Blueprint, ports: Ports, settings: DeviceSettings) -> View:
    """The one way to a view: every error told as a problem, the caller known, the body at hand."""

    @answered
    @functools.wraps(view)
    def door(**parameters: str) -> Response:
        request = blueprint.current_request
        principal = caller(ports.records, request.headers, settings.minimum_client_version)
        call = Call(settings, principal, request.headers, parsing.raw_body(request))
        return view(ports, call, **parameters)

    return door


def put_session(ports: Ports, call: Call, session_id: str) -> Response:
    given = parsing.decoded(call.body, shapes.SessionGiven)
    named = ids.session_id(session_id)
    picture, is_new = intake.confirm_session(
        ports, call.principal, named, given.recorded_by(), given.group, given.listed()
    )
    return _answer(shapes.session(picture), 201 if is_new else 200, {"ETag": _etag(picture)})


def get_session(ports: Ports, call: Call, session_id: str) -> Response:
    picture = intake.seen_session(ports, call.principal, ids.session_id(session_id))
    if _etag(picture) in _known_etags(call):
        return Response("", {"ETag": _etag(picture)}, 304)
    return _answer(shapes.session(picture), headers={"ETag": _etag(picture)})


def post_upload(ports: Ports, call: Call, session_id: str) -> Response:
    asked = parsing.decoded(call.body, shapes.UploadAsked)
    named, artifact_id = ids.session_id(session_id), ArtifactId(asked.artifact_id)
    view, is_new = intake.open_upload(
        ports, call.principal, named, artifact_id, asked.size_bytes, asked.part_size_bytes
    )
    return _answer(shapes.upload(view), 201 if is_new else 200)


def post_progress(ports: Ports, call: Call, session_id: str) -> Response:
    now = ports.clock.now()
    progress = parsing.decoded(call.body, shapes.ProgressGiven).progress(now)
    intake.hear_progress(ports, call.principal, ids.session_id(session_id), progress)
    return _answer(shapes.heartbeat(call.settings.pause, call.settings.pace_bytes_s, now))


def post_part_urls(ports: Ports, call: Call, upload_id: str) -> Response:
    wanted = parsing.decoded(call.body, shapes.PartUrlsAsked).wanted()
    urls = intake.sign_parts(ports, call.principal, parsing.upload_id(upload_id), wanted)
    return _answer(shapes.part_urls(urls, ports.clock.now()))


def get_upload(ports: Ports, call: Call, upload_id: str) -> Response:
    view = finishing.seen_upload(ports, call.principal, parsing.upload_id(upload_id))
    return _answer(shapes.upload(view))


def post_complete(ports: Ports, call: Call, upload_id: str) -> Response:
    claim = parsing.decoded(call.body, shapes.CompleteAsked).claim()
    view = finishing.complete_upload(ports, call.principal, parsing.upload_id(upload_id), claim)
    return _answer(shapes.upload(view))


def delete_upload(ports: Ports, call: Call, upload_id: str) -> Response:
    view = finishing.cancel_upload(ports, call.principal, parsing.upload_id(upload_id))
    return _answer(shapes.upload(view))


ROUTES: tuple[tuple[str, str, View], ...] = (
    ("PUT", "/v1/sessions/{session_id}", put_session),
    ("GET", "/v1/sessions/{session_id}", get_session),
    ("POST", "/v1/sessions/{session_id}/uploads", post_upload),
    ("POST", "/v1/sessions/{session_id}/progress", post_progress),
    ("POST", "/v1/uploads/{upload_id}/part-urls", post_part_urls),
    ("GET", "/v1/uploads/{upload_id}", get_upload),
    ("POST", "/v1/uploads/{upload_id}/complete", post_complete),
    ("DELETE", "/v1/uploads/{upload_id}", delete_upload),
)


def _answer(
    document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(document, {"Content-Type": "application/json", **(headers or {})}, status)


def _etag(picture: Picture) -> str:
    """Changes with the session's version and with each heartbeat, which stands outside it."""
    heard = f".{picture.progress.heard_at.timestamp():.6f}" if picture.progress else ""
    return f'"{picture.session.version}{heard}"'


def _known_etags(call: Call) -> list[str]:
    """The tags of If-None-Match; a gateway that compresses may have made them weak."""
    header = call.headers.get("If-None-Match") or ""
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]
