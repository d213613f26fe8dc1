"""The coordinator itself (web, flows, core) on ports in memory, and its bucket: both behind one address on 127.0.0.1.

Nothing here plays the coordinator: a client's call is answered by the code that Lambda runs. The bucket takes the PUTs
and GETs of the addresses that the coordinator signed, and refuses what S3 refuses. Faults are scripted: `faults` maps
a name to a list, of which each request of that kind takes the first.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from chalice.test import Client
from msgspec.structs import replace

from chalicelib.core import ids, tokens
from chalicelib.core.errors import MultipartGone
from chalicelib.core.ids import DeviceId, TokenId, UploadId
from chalicelib.core.settle import Policy
from chalicelib.core.tokens import Role, Token
from chalicelib.core.upload import Upload, UploadState
from chalicelib.flows.reconcile import reconcile
from chalicelib.ports import ByteRange, Enlisting, PartToSign, PartUrl, RangeUrl, ReadUrl
from infra.local.http_server import ConnectionCut, Server
from tests.support.builders import MemoryPorts, memory_ports
from tests.support.exchange import Exchange
from tests.support.memory import FixedIds, MemorySigner, Refused, crc64nvme_of, deliver, fetch
from tests.web.client import Deployment, app_over

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

OWN_DEVICE = DeviceId("d_own")
OTHER_DEVICE = DeviceId("d_other")
OTHER_TOKEN = "t_other.AnOtHeRsEcReT"
OPERATOR_TOKEN = "t_operator.OpErAtOrSsEcReT"
TOKEN = "t_device.SeCrEtOfThEtOkEn"
SIGNATURE = "SiGnAtUrEtHaTmUsTnOtLeAk"
ROUND_LIMIT_S = 240.0
_SIGNED = f"&X-Amz-Signature={SIGNATURE}"
_BUCKET = "/bucket/"


@dataclass(frozen=True)
class Answer:
    """An answer as it goes over the wire."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class SentUpload:
    """An upload as the coordinator has it on record, with its parts as S3 has them."""

    def __init__(self, coordinator: MemoryCoordinator, upload_id: UploadId) -> None:
        self._coordinator = coordinator
        self.upload_id = upload_id

    @property
    def state(self) -> str:
        return self._recorded.state.value

    @property
    def artifact_id(self) -> str:
        return self._recorded.artifact_id

    @property
    def count(self) -> int:
        """How many parts it is planned with."""
        return self._recorded.plan.part_count

    @property
    def parts(self) -> dict[int, bytes]:
        """The bodies that S3 holds, by number: its own, so that a test may lose and spoil them."""
        return self._coordinator.ports.objects.bodies(self._recorded.multipart_id)

    @property
    def stored(self) -> Mapping[int, bytes]:
        """What S3 has of it, by number: its parts, those of its object, or nothing where it lost the upload."""
        recorded, objects = self._recorded, self._coordinator.ports.objects
        if (current := objects.head(recorded.key)) and current.upload_id == self.upload_id:
            return self.cut(objects.body(recorded.key))
        try:
            objects.parts(recorded.key, recorded.multipart_id)
        except MultipartGone:
            return {}
        return objects.bodies(recorded.multipart_id)

    def cut(self, body: bytes) -> dict[int, bytes]:
        """A body as its planned parts, by number."""
        plan = self._recorded.plan
        spans = {number: (plan.start_of(number), plan.size_of(number)) for number in plan.numbers}
        return {number: body[start : start + size] for number, (start, size) in spans.items()}

    def replace_parts(self, parts: Mapping[int, bytes]) -> None:
        """S3 holds these parts and no others."""
        held = self.parts
        held.clear()
        held.update(parts)

    def lose(self) -> None:
        """Somebody ends the multipart upload past the coordinator: S3 knows nothing of it any more."""
        self._coordinator.ports.objects.abort(self._recorded.key, self._recorded.multipart_id)

    def lose_object(self) -> None:
        """Somebody removes the verified object past the coordinator, and every version of it."""
        objects = self._coordinator.ports.objects
        objects.mark_deleted(self._recorded.key)
        objects.lose(self._recorded.key)

    @property
    def _recorded(self) -> Upload:
        return self._coordinator.recorded(self.upload_id)


class MemoryCoordinator:
    """A coordinator and its bucket at `url`, while `serving`.

    `calls` are the kinds of the coordinator's requests and `headers` what each said; `batches` are the part numbers of
    each request for URLs, and `heartbeats` what devices told. `puts` are the part numbers that S3 was sent,
    `put_headers` what each PUT said, `gets` the ranges that were read. The fault "address" is where a part's URL leads
    instead of here. `adapt` may put other ports in the place of those in memory: another bucket.
    """

    def __init__(
        self,
        part_bytes: int,
        now: datetime,
        adapt: Callable[[MemoryPorts], MemoryPorts] = lambda ports: ports,
    ) -> None:
        self.url = ""
        self.faults: dict[str, list[Any]] = defaultdict(list)
        self.calls: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._sessions: dict[str, dict[str, Any]] = {}
        self.batches: list[list[int]] = []
        self.heartbeats: list[dict[str, Any]] = []
        self.puts: list[int] = []
        self.put_headers: list[dict[str, str]] = []
        self.gets: list[str] = []
        self.lock = threading.RLock()
        self._broken: list[BaseException] = []
        self._deployment = Deployment()
        self._adapt = adapt
        self._begin(Policy(part_size_bytes=part_bytes, checks_films=False), now)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        door = Door(self, environ)
        try:
            _let_in(door)
        except OSError:
            raise ConnectionCut from None  # the client hung up, or a fault ended the connection
        except Exception as error:
            self._broken.append(error)
            raise ConnectionCut from error
        if door.said is None:
            raise ConnectionCut
        door.prepare_end()
        status = HTTPStatus(door.said.status)
        start_response(f"{status.value} {status.phrase}", list(door.said.headers))
        return [door.said.body]

    @property
    def part_bytes(self) -> int:
        """The size of parts that new uploads are planned with."""
        return self.ports.policy.part_size_bytes

    @part_bytes.setter
    def part_bytes(self, size_bytes: int) -> None:
        self._decide(replace(self.ports.policy, part_size_bytes=size_bytes))

    @property
    def expires_in_s(self) -> int:
        """For how long the URL of a part is good."""
        return self.ports.policy.part_url_ttl_s

    @expires_in_s.setter
    def expires_in_s(self, seconds: int) -> None:
        self._decide(replace(self.ports.policy, part_url_ttl_s=seconds))

    def takes_proxies(self, takes_them: bool) -> None:
        """Whether it takes proxies and thumbnails from now on."""
        self._decide(replace(self.ports.policy, takes_proxies=takes_them))

    def check_films(self) -> None:
        """From now on it looks into what is uploaded as a film or a picture."""
        self._decide(replace(self.ports.policy, checks_films=True))

    def advise(self, pause: bool = False, pace_bytes_s: int | None = None) -> None:
        """From now on the answer to a heartbeat says this."""
        with self.lock:
            self._deployment = replace(self._deployment, pause=pause, pace_bytes_s=pace_bytes_s)
            self._client = Client(app_over(self.ports, self._deployment)).http

    @property
    def sessions(self) -> Mapping[str, dict[str, Any]]:
        """The body of each session as the device told it, of those that were taken."""
        return MappingProxyType(self._sessions)

    def took(self, session_id: str, said: dict[str, Any]) -> None:
        """The coordinator has taken or confirmed this session."""
        self._sessions[session_id] = said

    @property
    def uploads(self) -> Mapping[str, SentUpload]:
        """Every upload on record, in the order in which they were opened."""
        return MappingProxyType(
            {upload.upload_id: SentUpload(self, upload.upload_id) for upload in self._recorded()}
        )

    def recorded(self, upload_id: UploadId) -> Upload:
        """The upload as it is on record."""
        [found] = [upload for upload in self._recorded() if upload.upload_id == upload_id]
        return found

    def receipts(self) -> dict[str, dict[str, Any]]:
        """What the coordinator tells of every receipt, by artifact."""
        return {
            upload.artifact_id: self.call("GET", f"/v1/uploads/{upload.upload_id}").document["receipt"]
            for upload in self._recorded()
            if upload.state is UploadState.VERIFIED
        }

    def objects(self) -> dict[str, bytes]:
        """The bytes of every verified artifact."""
        return {
            upload.artifact_id: self.ports.objects.body(upload.key)
            for upload in self._recorded()
            if upload.state is UploadState.VERIFIED
        }

    def call(self, method: str, path: str, body: object = None, token: str = TOKEN) -> Answer:
        """A call as the device makes it, past the door: neither logged nor disturbed."""
        headers = {
            "Authorization": f"Bearer {token}",
            "Reelhaul-Client-Version": "0.1.0",
            "Content-Type": "application/json",
        }
        return self.answered(method, path, headers, b"" if body is None else json.dumps(body).encode())

    def taken(self, method: str, path: str, body: object, token: str = TOKEN) -> Any:
        """The document that answers such a call, which the coordinator must take."""
        answer = self.call(method, path, body, token)
        assert answer.status < HTTPStatus.BAD_REQUEST, answer
        return answer.document

    def answered(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What the coordinator answers: one call at a time, for the table in memory has no transactions."""
        with self.lock:
            response = self._client.request(method, path, dict(headers), body)
            assert response.status_code != HTTPStatus.INTERNAL_SERVER_ERROR, (method, path, response.body)
            return Answer(response.status_code, response.body, tuple(response.headers.items()))

    def complete(self, upload_id: str) -> None:
        """Another client of the device completes the upload, all of whose parts S3 has."""
        self.taken("POST", f"/v1/uploads/{upload_id}/complete", {})

    def claim(self, session_id: str, camera: str, chapter: dict[str, Any], body: bytes | None) -> None:
        """Another device of the project plans this chapter of a camera, and hauls it as `body` where there is one."""
        self._enrol(OTHER_TOKEN, Role.DEVICE, OTHER_DEVICE)
        session = {"camera": {"serial": camera}, "chapters": [chapter]}
        self.taken("PUT", f"/v1/sessions/{session_id}", session, OTHER_TOKEN)
        if body is not None:
            artifact_id = f"original.{chapter['directory']}.{chapter['filename']}"
            wanted = {"artifact_id": artifact_id, "size_bytes": len(body)}
            view = self.taken("POST", f"/v1/sessions/{session_id}/uploads", wanted, OTHER_TOKEN)
            opened = view["upload_id"]
            self.uploads[opened].replace_parts(self.uploads[opened].cut(body))
            self.taken("POST", f"/v1/uploads/{opened}/complete", {}, OTHER_TOKEN)

    def enrol_operator(self) -> str:
        """The token of an operator of the project, who is no device."""
        self._enrol(OPERATOR_TOKEN, Role.OPERATOR, None)
        return OPERATOR_TOKEN

    def expire_uploads(self) -> None:
        """S3 has ended every open upload, its deadline passes, and the reconciler has its round.

        Without the first the reconciler completes an upload that is claimed and has all of its parts.
        """
        with self.lock:
            open_ones = [upload for upload in self._recorded() if upload.is_live]
            for upload in open_ones:
                self.ports.objects.abort(upload.key, upload.multipart_id)
            self.ports.clock.advance(self.ports.policy.upload_ttl_s + 1)
            reconcile(self.ports, ROUND_LIMIT_S)
            assert {self.recorded(each.upload_id).state for each in open_ones} <= {UploadState.EXPIRED}

    def forget(self) -> None:
        """Another deployment stands here, which has never heard of anything."""
        with self.lock:
            self._sessions.clear()
            self._begin(self.ports.policy, self.ports.clock.now())

    def demand_sound(self) -> None:
        """Raises what a fault of the test, or the coordinator, broke on."""
        if self._broken:
            raise AssertionError("a request broke what answered it") from self._broken[0]

    def fault(self, name: str) -> Any:
        with self.lock:
            return self.faults[name].pop(0) if self.faults[name] else None

    def _begin(self, policy: Policy, now: datetime) -> None:
        ports = memory_ports(now=now, policy=policy)
        self.ports = self._adapt(replace(ports, signer=_DoorSigner(self), ids=_ShortIds()))
        self._enrol(TOKEN, Role.DEVICE, OWN_DEVICE)
        self._client = Client(app_over(self.ports, self._deployment)).http

    def _decide(self, policy: Policy) -> None:
        with self.lock:
            self.ports = replace(self.ports, policy=policy)
            self._client = Client(app_over(self.ports, self._deployment)).http

    def _enrol(self, written: str, role: Role, device_id: DeviceId | None) -> None:
        token_id, secret = tokens.parsed(written)
        now = self.ports.clock.now()
        token = Token(TokenId(token_id), role, ids.MAIN, device_id, tokens.digest(secret), now)
        self.ports.records.enlist(Enlisting(tokens=(token,)))

    def _recorded(self) -> Sequence[Upload]:
        with self.lock:
            pictures = [self.ports.records.picture(each) for each in self.ports.records.sessions()]
            found = [upload for picture in pictures if picture for upload in picture.uploads]
            return sorted(found, key=lambda upload: int(upload.upload_id.removeprefix("u_")))


@contextmanager
def serving(coordinator: MemoryCoordinator) -> Iterator[MemoryCoordinator]:
    """`coordinator`, at its `url`."""
    with Server(coordinator) as server:
        coordinator.url = server.url
        yield coordinator
    coordinator.demand_sound()


class Door(Exchange):
    """One request, and what is said to it: by the coordinator or S3, or by a fault in their place."""

    def __init__(self, coordinator: MemoryCoordinator, environ: WSGIEnvironment) -> None:
        super().__init__(environ)
        self._handler = environ["reelhaul.handler"]
        self._input = environ["wsgi.input"]
        self._body: bytes | None = None
        self.coordinator = coordinator
        self.said: Answer | None = None
        self.close_connection = False

    def body(self) -> bytes:
        if self._body is None:
            self._body = self._input.read()
        return self._body

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """What is said when the fault or the coordinator is done."""
        self.said = Answer(status, body, tuple((headers or {}).items()))

    def problem(self, status: int, slug: str, action: str, **more: Any) -> None:
        document = {"type": f"urn:reelhaul:problem:{slug}", "title": slug, "status": status, "action": action}
        said = json.dumps({**document, **more}).encode()
        self.answer(status, said, {"Content-Type": "application/problem+json"})

    def serve(self) -> None:
        """The call, answered by the coordinator."""
        self.said = self.coordinator.answered(self.command, self.path, self.headers, self.body())
        if self.said.status < HTTPStatus.BAD_REQUEST:
            self._note()

    def serve_otherwise(self, change: Callable[[Any], None]) -> None:
        """The call, answered by the coordinator, and then changed on the way."""
        self.serve()
        assert self.said
        document = self.said.document
        change(document)
        self.answer_json(self.said.status, document)

    def lose_answer(self) -> None:
        """What was done stays done, and the connection ends before the client hears of it."""
        self.said = None

    def take(self) -> None:
        """A part, judged as S3 judges it, and stored."""
        body = self.body()
        try:
            self._demand_bare_request()
            with self.coordinator.lock:
                ports = self.coordinator.ports
                etag = deliver(ports.objects, self._signed_url(), self._sent(), body, ports.clock.now())
        except Refused as refusal:
            return self.s3_error(refusal.status, refusal.code)
        return self.stored(crc64nvme_of(body), etag)

    def give(self) -> None:
        """A range of an object, as S3 gives it to whoever has a URL for it."""
        wanted = self.headers["Range"]
        try:
            self._demand_bare_request()
            with self.coordinator.lock:
                ports = self.coordinator.ports
                body = fetch(ports.objects, self._signed_url(), ports.clock.now(), wanted)
                whole = len(ports.objects.body(self._key()))
        except Refused as refusal:
            return self.s3_error(refusal.status, refusal.code)
        said = {"Content-Range": f"{wanted.replace('=', ' ')}/{whole}"}
        return self.answer(HTTPStatus.PARTIAL_CONTENT, body, said)

    def stored(self, crc: str, etag: str = '"etag"', body: bytes = b"", **other: str) -> None:
        """What S3 answers for a part that it has."""
        headers = {"ETag": etag, "x-amz-checksum-crc64nvme": crc, "x-amz-request-id": "656C76696E67"}
        self.answer(HTTPStatus.OK, body, {**headers, **other})

    def s3_error(self, status: int, code: str, **headers: str) -> None:
        self.close_connection = True
        self.answer(
            status, f"<Error><Code>{code}</Code></Error>".encode(), {"Connection": "close", **headers}
        )

    def prepare_end(self) -> None:
        """Have the connection end after the answer, where a fault wants that."""
        self._handler.close_connection = self._handler.close_connection or self.close_connection

    @property
    def is_for_bucket(self) -> bool:
        return self.path.startswith(_BUCKET)

    @property
    def kind(self) -> str:
        """What `faults` and `calls` call such a request."""
        last = self.path.partition("?")[0].rpartition("/")[2]
        if self.is_for_bucket:
            return {"PUT": "put", "GET": "get_range"}[self.command]
        if self.command == "PUT":
            return "session"
        if self.command == "GET":
            return "known" if "/cameras/" in self.path else "state" if "/sessions/" in self.path else "get"
        return {
            "uploads": "open",
            "part-urls": "urls",
            "complete": "complete",
            "progress": "progress",
            "evidence": "evidence",
            "proof-urls": "proof",
            "enrolments": "enroll",
            "rotate": "rotate",
        }[last]

    @property
    def part_number(self) -> int:
        """The number of the part that a PUT is for."""
        return int(self._query("number"))

    @property
    def upload(self) -> SentUpload:
        """The upload that a PUT is for."""
        multipart_id = self._query("multipart")
        [found] = [
            name
            for name in self.coordinator.uploads
            if self.coordinator.recorded(UploadId(name)).multipart_id == multipart_id
        ]
        return SentUpload(self.coordinator, UploadId(found))

    def _query(self, name: str) -> str:
        fields = dict(pair.split("=", 1) for pair in self.path.partition("?")[2].split("&"))
        return fields[name]

    def _key(self) -> str:
        return unquote(self.path.partition("?")[0].removeprefix(_BUCKET))

    def _signed_url(self) -> str:
        if not self.path.endswith(_SIGNED):
            raise Refused(403, "SignatureDoesNotMatch")
        return "memory://bucket/" + self.path.removeprefix(_BUCKET).removesuffix(_SIGNED)

    def _sent(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _demand_bare_request(self) -> None:
        """S3 takes one way to sign a request, and no header of its own that the signature does not cover."""
        sent = self._sent()
        if "authorization" in sent:
            raise Refused(400, "InvalidArgument")
        if any(name.startswith("x-amz-") and name != "x-amz-checksum-crc64nvme" for name in sent):
            raise Refused(403, "AccessDenied")

    def _note(self) -> None:
        said = json.loads(self.body()) if self.body() else {}
        with self.coordinator.lock:
            if self.kind == "session":
                self.coordinator.took(self.path.rpartition("/")[2], said)
            if self.kind == "urls":
                self.coordinator.batches.append([part["number"] for part in said["parts"]])
            if self.kind == "progress":
                self.coordinator.heartbeats.append(said)


def told_otherwise(**members: object) -> Callable[[Door], None]:
    """A fault: the coordinator's answer, with these members."""
    return lambda door: door.serve_otherwise(lambda document: document.update(members))


def _let_in(door: Door) -> None:
    coordinator = door.coordinator
    _log(door)
    act = coordinator.fault(door.kind)
    if act is None:
        _due(door)
    elif not callable(act):
        door.body()
        door.answer(*act)
    elif door.kind == "put":
        act(door, door.upload, door.part_number)
    else:
        act(door)


def _due(door: Door) -> None:
    if not door.is_for_bucket:
        door.serve()
    elif door.command == "PUT":
        door.take()
    else:
        door.give()


def _log(door: Door) -> None:
    coordinator = door.coordinator
    with coordinator.lock:
        if door.kind == "put":
            coordinator.puts.append(door.part_number)
            coordinator.put_headers.append({name.lower(): value for name, value in door.headers.items()})
        elif door.kind == "get_range":
            coordinator.gets.append(door.headers["Range"])
        else:
            coordinator.calls.append(door.kind)
            coordinator.headers.append(dict(door.headers.items()))


class _ShortIds(FixedIds):
    """Uploads `u_1`, `u_2`, and so on, as tests name them."""

    def __init__(self) -> None:
        super().__init__()
        self._uploads = 0

    def upload_id(self) -> UploadId:
        self._uploads += 1
        return UploadId(f"u_{self._uploads}")


class _DoorSigner(MemorySigner):
    """Addresses of the bucket behind the door, which end with what must never be logged."""

    def __init__(self, coordinator: MemoryCoordinator) -> None:
        self._coordinator = coordinator

    def part_urls(
        self, key: str, multipart_id: str, parts: Sequence[PartToSign], ttl_s: int, now: datetime
    ) -> tuple[PartUrl, ...]:
        urls = super().part_urls(key, multipart_id, parts, ttl_s, now)
        return tuple(
            replace(each, url=self._here(each.url, self._coordinator.fault("address"))) for each in urls
        )

    def read_url(self, key: str, version_id: str, ttl_s: int, now: datetime) -> ReadUrl:
        url = super().read_url(key, version_id, ttl_s, now)
        return replace(url, url=self._here(url.url))

    def range_urls(
        self, key: str, version_id: str, ranges: Sequence[ByteRange], ttl_s: int, now: datetime
    ) -> tuple[RangeUrl, ...]:
        urls = super().range_urls(key, version_id, ranges, ttl_s, now)
        return tuple(replace(each, url=self._here(each.url)) for each in urls)

    def _here(self, url: str, address: str | None = None) -> str:
        return url.replace("memory://bucket/", f"{address or self._coordinator.url}{_BUCKET}") + _SIGNED
