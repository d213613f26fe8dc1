"""The routes of Companion, as stock Uppy 5 and 6 call them: films land part by part or by a form, and become proven.

The forms are Companion's, not ours, so they are not in the API's contract: `docs/browser-uploads.md` has them. Each
route is there twice. Below a session the caller shows a token, or the page's cookie. Below an upload pass the address
itself shows who calls, because Uppy 6 sends no header of its own; no log of ours has it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Annotated, Any
from urllib.parse import quote

from chalice.app import Response
from msgspec import Meta, Struct, field

from chalicelib.core import ids
from chalicelib.core.errors import InvalidRequest, NotFound
from chalicelib.core.ids import SessionId, UploadId
from chalicelib.core.landing import Landing
from chalicelib.core.picture import Picture
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows.acting import identify
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import WITHOUT_TOKEN, Call, PublicCall, Route
from chalicelib.web.wire import parsing

OF_SESSION = "/v1/sessions/{session_id}/companion"
OF_PASS = "/v1/companion/{upload_pass}"  # nosec B105 # a place in an address
MOST_AT_ONCE = 100
ANY_TYPE = "application/octet-stream"

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,60}")
_SIZE = re.compile(r"[1-9][0-9]{0,14}")
_NUMBER = re.compile(r"[0-9]{1,5}")

Text = Annotated[str, Meta(min_length=1, max_length=200)]
NOT_KEPT = {"Cache-Control": "no-store"}


class _Asked(Struct, frozen=True):
    """What stock Uppy says of a file; members that are not named here are passed over, as Companion does."""

    filename: Text
    type: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class _Part(Struct, frozen=True):
    PartNumber: int
    ETag: str


class _Parts(Struct, frozen=True):
    parts: list[_Part]


class Caller(Struct, frozen=True):
    """Who calls, and into which session."""

    principal: Principal
    session_id: SessionId


View = Callable[..., Response]


def get_params(ports: Ports, call: Call | PublicCall, caller: Caller) -> Response:
    from chalicelib.flows import landings

    metadata = {
        name[len("metadata[") : -1]: value
        for name, value in call.query.items()
        if name.startswith("metadata[") and name.endswith("]")
    }
    filename = call.query.get("filename")
    if not filename:
        raise InvalidRequest("the query `filename` is missing")
    asked = _Asked(filename, call.query.get("type"), metadata)
    wish = call.settings.default_wish
    form = landings.open_form(ports, caller.principal, caller.session_id, _wanted(asked), wish)
    left_s = int((form.expires_at - ports.clock.now()).total_seconds())
    return _answer({"method": "POST", "url": form.url, "fields": form.fields, "expires": left_s})


def post_multipart(ports: Ports, call: Call | PublicCall, caller: Caller) -> Response:
    from chalicelib.flows import landings

    asked = parsing.decoded(call.body, _Asked)
    wish = call.settings.default_wish
    landing = landings.open_parts(ports, caller.principal, caller.session_id, _wanted(asked), wish)
    return _answer({"key": landing.key, "uploadId": landing.landing_id, "bucket": "incoming"})


def get_parts(ports: Ports, call: Call | PublicCall, caller: Caller, landing_id: str) -> Response:
    from chalicelib.flows import landings

    picture, landing = _landing(ports, call, caller, landing_id)
    parts = landings.list_parts(ports, picture, landing)
    return _answer(
        [{"PartNumber": part.number, "ETag": f'"{part.etag}"', "Size": part.size_bytes} for part in parts]
    )


def get_part(ports: Ports, call: Call | PublicCall, caller: Caller, landing_id: str, number: str) -> Response:
    from chalicelib.flows import landings

    picture, landing = _landing(ports, call, caller, landing_id)
    url = landings.sign_part(ports, picture, landing, _number(number))
    left_s = int((url.expires_at - ports.clock.now()).total_seconds())
    return _answer({"url": url.url, "expires": left_s})


def get_batch(ports: Ports, call: Call | PublicCall, caller: Caller, landing_id: str) -> Response:
    from chalicelib.flows import landings

    wanted = [_number(text) for text in call.query.get("partNumbers", "").split(",")]
    if len(wanted) > MOST_AT_ONCE:
        raise InvalidRequest(f"ask for at most {MOST_AT_ONCE} parts at once, not {len(wanted)}")
    picture, landing = _landing(ports, call, caller, landing_id)
    urls = {}
    for number in wanted:
        urls[str(number)] = landings.sign_part(ports, picture, landing, number).url
        picture, landing = _landing(ports, call, caller, landing_id)
    return _answer({"presignedUrls": urls})


def post_complete(ports: Ports, call: Call | PublicCall, caller: Caller, landing_id: str) -> Response:
    from chalicelib.flows import landings

    parts = parsing.decoded(call.body, _Parts).parts
    _, known = _landing(ports, call, caller, landing_id)
    listed = [(part.PartNumber, part.ETag.strip('"')) for part in parts]
    landing = landings.complete(ports, caller.principal, caller.session_id, known.landing_id, listed)
    name = quote(ids.name_of(caller.session_id), safe="")
    return _answer(
        {"location": f"{call.own_url}/#/sessions/{name}", "key": landing.key, "bucket": "incoming"}
    )


def delete_multipart(ports: Ports, call: Call | PublicCall, caller: Caller, landing_id: str) -> Response:
    from chalicelib.flows import landings

    picture, landing = _landing(ports, call, caller, landing_id)
    landings.cancel(ports, picture, landing)
    return _answer({})


def _landing(
    ports: Ports, call: Call | PublicCall, caller: Caller, landing_id: str
) -> tuple[Picture, Landing]:
    """The landing that the address names; its key is on record, and what the client says of it must be the same.

    Raises InvalidRequest without a key, NotFound for another one.
    """
    from chalicelib.flows import landings

    key = call.query.get("key")
    if not key:
        raise InvalidRequest("the query `key` is missing; send the one that opening the upload answered")
    named = UploadId(parsing.upload_id(landing_id))
    picture, landing = landings.load_landing(ports, caller.principal, caller.session_id, named)
    if landing.key != key:
        raise NotFound("there is no upload with this id and this key")
    return picture, landing


def _wanted(asked: _Asked) -> Any:
    from chalicelib.flows import landings

    told = asked.metadata.get("size")
    if told is not None and not _SIZE.fullmatch(str(told)):
        raise InvalidRequest(f"the metadata `size` is not a number of bytes: {str(told)[:40]!r}")
    media_type = (asked.type or "").partition(";")[0].strip()
    content_type = media_type if _MEDIA_TYPE.fullmatch(media_type) else ANY_TYPE
    return landings.Wanted(asked.filename, content_type, None if told is None else int(told))


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise InvalidRequest(f"a part's number is 1 to 10000, not {text[:40]!r}")
    return int(text)


def _answer(document: Mapping[str, Any] | Sequence[Any]) -> Response:
    return routing.answer(document, headers=NOT_KEPT)


def _below_session(view: View) -> View:
    """`view` for a caller who shows a token or the page's cookie."""

    @wraps(view)
    def of_session(ports: Ports, call: Call, session_id: str, **parameters: str) -> Response:
        call.principal.demand(Role.OPERATOR)
        return view(ports, call, Caller(call.principal, call.session(session_id)), **parameters)

    return of_session


def _below_pass(view: View) -> View:
    """`view` for a caller whose pass is in the address."""

    @wraps(view)
    def of_pass(ports: Ports, call: PublicCall, upload_pass: str, **parameters: str) -> Response:
        from chalicelib.flows import upload_passes
        from chalicelib.flows.acting import acting_ports

        principal, session_id = upload_passes.find_caller(ports, upload_pass)
        identify(principal)
        return view(acting_ports(ports), call, Caller(principal, session_id), **parameters)

    return of_pass


_CALLS: tuple[tuple[str, str, View, str], ...] = (
    ("GET", "/s3/params", get_params, "A form that lands one small film"),
    ("POST", "/s3/multipart", post_multipart, "Opens a landing that is sent part by part"),
    ("GET", "/s3/multipart/{landing_id}", get_parts, "The parts that S3 has"),
    ("GET", "/s3/multipart/{landing_id}/batch", get_batch, "Addresses for several parts"),
    ("GET", "/s3/multipart/{landing_id}/{number}", get_part, "The address for one part"),
    ("POST", "/s3/multipart/{landing_id}/complete", post_complete, "Completes the landing"),
    ("DELETE", "/s3/multipart/{landing_id}", delete_multipart, "Cancels the landing; it can be undone"),
)


def _routes() -> tuple[Route, ...]:
    made = []
    for method, path, view, summary in _CALLS:
        made.append(
            Route(
                method,
                OF_SESSION + path,
                _below_session(view),
                summary,
                answer="application/json",
                roles=(Role.OPERATOR,),
                is_for_other_origins=True,
            )
        )
        made.append(
            Route(
                method,
                OF_PASS + path,
                _below_pass(view),
                summary,
                answer="application/json",
                roles=WITHOUT_TOKEN,
                is_for_other_origins=True,
            )
        )
    return tuple(made)


ROUTES = _routes()
