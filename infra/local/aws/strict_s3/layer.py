"""The strict layer: S3 as S3 is, in front of moto; all other services pass through untouched."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from email.utils import format_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from infra.local.aws.strict_s3 import body, cors, forms
from infra.local.aws.strict_s3.bulk_delete import Doomed, delete_objects
from infra.local.aws.strict_s3.chaos import Chaos
from infra.local.aws.strict_s3.checksums import PREFIX as CHECKSUM_PREFIX
from infra.local.aws.strict_s3.events import TAP, OnEvent, Teller
from infra.local.aws.strict_s3.multipart import Multipart
from infra.local.aws.strict_s3.objects import Objects
from infra.local.aws.strict_s3.operations import (
    WRITES_KEY,
    Demand,
    demand_to_delete,
    demands_of,
    operation_of,
)
from infra.local.aws.strict_s3.policy import (
    EXISTING_TAG,
    PRINCIPAL_ARN,
    READS,
    Context,
    Policy,
    context_of,
)
from infra.local.aws.strict_s3.signatures import caller_of, service_of
from infra.local.aws.strict_s3.uploads import KeyLocks, Uploads
from infra.local.aws.strict_s3.versions import tags_of
from infra.local.aws.strict_s3.wire import (
    Answer,
    Refusal,
    Request,
    asked,
    inner,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

COMPLETED_MEMORY_S = 600.0
NOT_S3 = ("/moto-api", "/latest/meta-data/", "/latest/api/", "/v20180820/", "/favicon.ico")
QUEUE_PATH = re.compile(r"/(\d{12}/[^/]+)?")
FORM = "application/x-www-form-urlencoded"
ACCESS_DENIED = "Access Denied"


class StrictS3:
    """WSGI application: `app` (moto), with all that S3 refuses refused, and with S3's events.

    `credentials` maps access keys to secrets, `principals` maps them to the ARNs of their roles in policies.
    `on_event` gets the ARN that the bucket's notification configuration
    names and the whole event, on a thread of its own. A completed upload is remembered for `completed_memory_s`.
    Every answer of S3 bears the time of `clock` as its Date.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        credentials: Mapping[str, str],
        clock: Callable[[], datetime],
        on_event: OnEvent,
        chaos: Chaos,
        completed_memory_s: float = COMPLETED_MEMORY_S,
        principals: Mapping[str, str] | None = None,
    ) -> None:
        self._app = app
        self._credentials = dict(credentials)
        self._clock = clock
        self.principals = dict(principals or {})
        self._chaos = chaos
        self._policies: dict[str, Policy] = {}
        self._locks = KeyLocks()
        self._request_numbers = itertools.count(1)
        uploads = Uploads(clock, completed_memory_s)
        self._operations = {
            **Multipart(self._ask, uploads, clock).operations,
            **Objects(self._ask, uploads).operations,
        }
        TAP.hold()
        self._teller = Teller(on_event, clock)

    def admit(self, access_key: str, secret: str, principal: str) -> None:
        """From now on the key signs too; policies know it by the ARN `principal`."""
        self.principals[access_key] = principal
        self._credentials[access_key] = secret

    def enforce(self, bucket: str, policy: Mapping[str, Any]) -> None:
        """From now on the Deny statements of `policy` hold on `bucket`. Raises UnknownPolicy."""
        self._policies[bucket] = Policy.parsed(policy)

    def hand_over(self) -> None:
        """Returns when every event of what was answered so far is handed over."""
        self._teller.wait()

    def close(self) -> None:
        """All events are handed over, and moto tells its events itself again."""
        self._teller.close()
        TAP.release()

    def __enter__(self) -> StrictS3:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request.parsed(environ)
        if not is_s3(request):
            return self._app(environ, start_response)
        return self._answer(request).send(request.method, start_response)

    def _answer(self, request: Request) -> Answer:
        request_id = f"{next(self._request_numbers):016X}"
        try:
            answer = self._judged(request, request_id)
        except Refusal as refusal:
            answer = refusal.answer()
        if request.method != "OPTIONS":
            rules = self._cors_rules(request) if request.header("origin") else []
            answer = cors.exposed(rules, request, answer)
        said = {"x-amz-request-id": request_id, "x-amz-id-2": request_id, "date": self._date()}
        return answer.with_headers(said)

    def _date(self) -> str:
        return format_datetime(self._clock().astimezone(timezone.utc), usegmt=True)

    def _judged(self, request: Request, request_id: str) -> Answer:
        if request.method == "OPTIONS":
            return cors.preflight(self._cors_rules(request), request)
        if forms.is_form(request):
            return self._posted(request, request_id)
        operation = operation_of(request)
        caller = caller_of(request, self._credentials, self._clock())
        instead = self._chaos.before(operation, request.key)
        if instead:
            return instead
        context = context_of(
            request, operation, caller, self.principals.get(caller.access_key, PRINCIPAL_ARN)
        )
        self._check_policies(request, operation, context)
        answer = self._served(request, operation, context, request_id)
        if answer.is_success:
            self._chaos.after(operation, request.key)
            if self._chaos.hides_checksums(operation, request.key):
                return answer.without_headers(lambda name: name.startswith(CHECKSUM_PREFIX))
        return answer

    def _posted(self, request: Request, request_id: str) -> Answer:
        """A form, judged by its policy and by the bucket's, and then written as a plain object is."""
        received = body.receive(request)
        posted = forms.read_form(request, received, self._credentials, self._clock())
        put = posted.put
        instead = self._chaos.before(forms.OPERATION, put.key)
        if instead:
            return instead
        principal = self.principals.get(posted.caller.access_key, PRINCIPAL_ARN)
        context = context_of(put, forms.OPERATION, posted.caller, principal)
        self._check_policies(put, "PutObject", context)
        with TAP.collected() as happenings:
            answer = self._carried_out(put, "PutObject", posted.data, context)
        self._teller.tell([happening.of_form() for happening in happenings], put, request_id)
        if answer.is_success:
            self._chaos.after(forms.OPERATION, put.key)
        return forms.posted_answer(posted, answer)

    def _check_policies(self, request: Request, operation: str, context: Context) -> None:
        if operation == "DeleteObjects":
            return  # judged key by key, when its body is read
        if any(self._is_denied(request, demand, context) for demand in demands_of(request)):
            raise Refusal(403, "AccessDenied", ACCESS_DENIED)

    def _is_denied(self, request: Request, demand: Demand, context: Context) -> bool:
        policy = self._policies.get(demand.bucket, Policy())
        if policy.asks_for_tags and demand.action in READS:
            tags = tags_of(self._ask, request, demand.bucket, demand.key, demand.version_id)
            context = {**context, **{f"{EXISTING_TAG}{name}": value for name, value in tags.items()}}
        return policy.denies_any(demand, context)

    def _served(self, request: Request, operation: str, context: Context, request_id: str) -> Answer:
        raw = self._chaos.spoil(operation, request.key, body.receive(request))
        arrived = body.decode(request, raw)
        body.check_md5(request, arrived.data)
        plain = body.plain(request, arrived)
        with TAP.collected() as happenings:
            answer = self._carried_out(plain, operation, arrived.data, context)
        self._teller.tell(happenings, request, request_id)
        return answer

    def _carried_out(self, request: Request, operation: str, data: bytes, context: Context) -> Answer:
        if operation == "DeleteObjects":
            return self._delete_objects(request, data, context)
        carry_out = self._operations.get(operation, self._pass_on)
        if operation not in WRITES_KEY:
            return carry_out(request, data)
        with self._locks.held(request.bucket, request.key):
            return carry_out(request, data)

    def _pass_on(self, request: Request, data: bytes) -> Answer:
        body.check_checksum(request, data)
        return self._ask(request)

    def _delete_objects(self, request: Request, data: bytes, context: Context) -> Answer:
        def is_denied(one: Doomed) -> bool:
            conditions = {**context, "s3:if-match": one.etag} if one.etag is not None else context
            demand = demand_to_delete(request.bucket, one.key, one.version_id)
            return self._is_denied(request, demand, conditions)

        body.check_checksum(request, data)
        return delete_objects(self._ask, request, data, is_denied)

    def _ask(self, request: Request) -> Answer:
        return asked(self._app, request)

    def _cors_rules(self, request: Request) -> list[cors.Rule]:
        return cors.rules_of(self._ask(inner(request, "GET", request.bucket, "", "cors")))


def is_s3(request: Request) -> bool:
    """Whether a request is meant for S3: it is signed for S3, or signed for nothing and of no other service's form."""
    path = request.environ["PATH_INFO"]
    if path.startswith(NOT_S3):
        return False
    service = service_of(request)
    if service is not None:
        return service == "s3"
    return request.header("x-amz-target") is None and not _is_query_api(request, path)


def _is_query_api(request: Request, path: str) -> bool:
    is_form = (request.header("content-type") or "").startswith(FORM)
    return request.method == "POST" and is_form and QUEUE_PATH.fullmatch(path) is not None
