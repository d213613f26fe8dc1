"""The way to the coordinator and to S3: names, certificates, the clock, the token, versions, and how fast it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from edge_client.base.errors import CoordinatorUnreachable, EdgeError, describe
from edge_client.config import Faulty
from edge_client.coordinator.problems import read_answer
from edge_client.doctor.finding import Finding, NotChecked, fine, first, problem, warning
from edge_client.doctor.subject import Subject
from edge_client.http.exchange import LIBRARY_ERRORS, Timeouts, bare_session

TIMEOUTS = Timeouts(connect_s=8.0, send_s=15.0, answer_s=15.0, whole_answer_s=18.0)
CLOCK_MAY_BE_OFF_S = 60.0
# No clock of a device that runs this client can be right and earlier.
RELEASED = datetime(2025, 1, 1, tzinfo=timezone.utc)
# The coordinator takes bodies of at most 1 MiB.
PROBE_BYTES = 960 * 1024
# A chapter of 12 GB then takes 12 hours: more than a night.
SLOW_BYTES_S = 12_000_000_000 / (12 * 3600)
CALLS = (
    ("put", "/v1/sessions/{session_id}"),
    ("get", "/v1/sessions/{session_id}"),
    ("post", "/v1/sessions/{session_id}/progress"),
    ("post", "/v1/sessions/{session_id}/uploads"),
    ("post", "/v1/uploads/{upload_id}/part-urls"),
    ("get", "/v1/uploads/{upload_id}"),
    ("post", "/v1/uploads/{upload_id}/complete"),
    ("get", "/v1/cameras/{serial}/chapters"),
    ("post", "/v1/sessions/{session_id}/artifacts/{artifact_id}/proof-urls"),
)
SET_CLOCK = "sudo timedatectl set-ntp true, and give it a minute with the network up"
TELL_OPERATOR = "tell the operator of the coordinator"
LOG_IN = (
    "open any web page from this network: log in where it asks, or have it let the coordinator and S3 through"
)


@dataclass(frozen=True)
class Reply:
    """An answer of the coordinator: its status, its JSON object, and the server's clock."""

    status: int
    document: Mapping[str, Any]
    date: datetime | None


class NoReply(Exception):
    """Nobody answered; `is_certificate` where the certificate was not trusted, `is_name` where there was no address."""

    def __init__(self, why: str, is_certificate: bool) -> None:
        super().__init__(why)
        self.is_certificate = is_certificate
        self.is_name = "NameResolutionError" in why


def call(url: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> requests.Response:
    """One answer of a server. Raises NoReply."""
    with closing(bare_session(TIMEOUTS)) as session:
        return _send(session, method, url, headers or {}, None)


def _send(
    session: requests.Session, method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> requests.Response:
    try:
        return session.request(
            method, url, headers=dict(headers), data=body, timeout=(TIMEOUTS.connect_s, TIMEOUTS.answer_s)
        )
    except LIBRARY_ERRORS as error:
        reason, is_certificate = describe(error), isinstance(error, requests.exceptions.SSLError)
    # Raised outside the handler: a chained library error would hold the request with its token.
    raise NoReply(reason, is_certificate)


def reply_of(response: requests.Response) -> Reply:
    """A reply, whoever sent it."""
    try:
        document = response.json()
    except (ValueError, RecursionError):
        document = None
    return Reply(
        response.status_code,
        document if isinstance(document, dict) else {},
        _date(response.headers.get("Date")),
    )


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def health(subject: Subject) -> Reply:
    """What the coordinator says of its health. Raises NotChecked without settings, NoReply, CoordinatorUnreachable."""

    def ask() -> Reply:
        response = call(f"{subject.coordinator}/v1/health")
        reply = reply_of(response)
        if "status" not in reply.document:
            read_answer(response)
            raise CoordinatorUnreachable("something that is not the coordinator answers")
        return reply

    return subject.once("health", ask)


def known(subject: Subject) -> Reply:
    """What the coordinator answers to this device's token. Raises NotChecked."""

    def ask() -> Reply:
        token = subject.settings.token
        if isinstance(token, Faulty):
            raise NotChecked("there is no token that can be used", first("token"))
        headers = {
            "Authorization": f"Bearer {token.value.text}",
            "Reelhaul-Client-Version": subject.version,
        }
        return reply_of(call(f"{subject.coordinator}/v1/limits", headers=headers))

    reach(subject)
    try:
        return subject.once("limits", ask)
    except NoReply as error:
        raise NotChecked(f"the coordinator does not answer ({error})", first("coordinator")) from error


def reach(subject: Subject) -> None:
    """Raises NotChecked where the coordinator cannot be reached."""
    try:
        health(subject)
    except (NoReply, EdgeError) as error:
        raise NotChecked("the coordinator does not answer", first("coordinator")) from error


def dns(subject: Subject) -> Iterator[Finding]:
    """That the coordinator's name leads to addresses."""
    host, port = _host_of(subject.coordinator)
    try:
        found = subject.machine.resolve(host, port)
    except OSError as error:
        yield problem(
            f"the name {host} cannot be looked up ({error.strerror or type(error).__name__})",
            "look at this device's name servers: `resolvectl status`",
        )
        return
    yield fine(f"{host} is {', '.join(found[:3])}")


def _host_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def tls(subject: Subject) -> Iterator[Finding]:
    """That the coordinator's certificate is trusted."""
    if urlsplit(subject.coordinator).scheme == "http":
        yield fine("the coordinator is on this machine")
        return
    try:
        health(subject)
    except NoReply as error:
        if not error.is_certificate:
            raise NotChecked("there is no connection to the coordinator", first("coordinator")) from error
        yield problem(
            str(error),
            first("clock") if subject.machine.now() < RELEASED else LOG_IN,
        )
        return
    except EdgeError:
        pass
    yield fine("the coordinator's certificate is trusted")


def coordinator(subject: Subject) -> Iterator[Finding]:
    """That the coordinator answers and works."""
    try:
        reply = health(subject)
    except NoReply as error:
        if error.is_certificate:
            raise NotChecked("its certificate is not trusted", first("tls")) from error
        if error.is_name:
            raise NotChecked("its name cannot be looked up", first("dns")) from error
        yield problem(
            f"no answer from the coordinator ({error})",
            "look at the uplink: does this device reach the internet (`ping 1.1.1.1`)?",
        )
    except CoordinatorUnreachable:
        yield problem("something that is not the coordinator answers: a login page or a firewall", LOG_IN)
    except EdgeError as error:
        yield problem(str(error), "compare REELHAUL_COORDINATOR with the address that the operator gave")
    else:
        if reply.status == 200:
            yield fine("the coordinator answers and is well")
        else:
            yield warning("the coordinator answers, and says that it is failing", TELL_OPERATOR)


def token(subject: Subject) -> Iterator[Finding]:
    """That the coordinator knows this device by its token."""
    enrol = "ask the operator for a code, then `reelhaul enroll CODE`"
    for fault in subject.settings.token.faults:
        is_mode = "mode 0600" in fault
        file = subject.settings.token_file or "the token's file"
        yield problem(fault, f"sudo chmod 600 {file}" if is_mode else enrol)
    if subject.settings.token.faults:
        return
    reply = known(subject)
    kind = str(reply.document.get("type", ""))
    if reply.status == 200:
        scopes = {each.get("scope") for each in reply.document.get("limits", ()) if isinstance(each, dict)}
        if scopes and "device" not in scopes:
            yield problem("the token is not a device's", enrol)
        else:
            yield fine("the coordinator knows this device")
    elif reply.status == 426:
        yield fine("the coordinator knows this device")
    elif reply.status == 401:
        yield problem("the coordinator does not take this token: it is wrong, or was revoked", enrol)
    elif kind.startswith("urn:reelhaul:problem:"):
        yield problem(f"the coordinator answers {reply.status} to this token", TELL_OPERATOR)
    else:
        raise NotChecked(
            f"the coordinator answers {reply.status}: it may be older than this client",
            "have the coordinator upgraded",
        )


def versions(subject: Subject) -> Iterator[Finding]:
    """That client and coordinator fit."""
    reach(subject)
    if not subject.settings.token.faults and known(subject).status == 426:
        yield problem(f"this client ({subject.version}) is too old for the coordinator", "upgrade the client")
        return
    try:
        contract = reply_of(call(f"{subject.coordinator}/v1/openapi.json"))
    except NoReply as error:
        raise NotChecked(f"the coordinator does not answer ({error})", first("coordinator")) from error
    paths = contract.document.get("paths")
    if contract.status != 200 or not isinstance(paths, dict):
        yield warning(
            "the coordinator does not say which calls it has: it is older than this client",
            "have the coordinator upgraded",
        )
        return
    lacking = [f"{verb.upper()} {path}" for verb, path in CALLS if verb not in (paths.get(path) or {})]
    if lacking:
        yield problem(
            f"the coordinator is too old for this client ({subject.version}): it has no {lacking[0]}",
            "have the coordinator upgraded",
        )
    else:
        yield fine(f"client {subject.version} and the coordinator have the same calls")


def clock(subject: Subject) -> Iterator[Finding]:
    """That this device's clock is right, by the coordinator's."""
    now = subject.machine.now()
    if now < RELEASED:
        yield problem(f"this device's clock says {now:%Y-%m-%d}, before this client was made", SET_CLOCK)
        return
    try:
        date = health(subject).date
    except (NoReply, EdgeError):
        date = None
    if date is None:
        raise NotChecked("no server says what time it is", first("coordinator"))
    # What is compared was said while the checks ran: a few seconds more or less.
    off_s = (now - date).total_seconds()
    if abs(off_s) > CLOCK_MAY_BE_OFF_S:
        words = f"{abs(off_s):,.0f} s {'ahead' if off_s > 0 else 'behind'}"
        yield warning(f"this device's clock is {words}", SET_CLOCK)
    else:
        yield fine("this device's clock is right to the minute")


def s3(subject: Subject) -> Iterator[Finding]:
    """That S3 answers in the coordinator's region."""
    host, _ = _host_of(subject.coordinator)
    url = subject.s3_of(host)
    if url is None:
        raise NotChecked(
            "the coordinator's address does not say in which region it is",
            "haul: its log says whether S3 answers",
        )
    place, _ = _host_of(url)
    try:
        answer = call(f"{url}/")
    except NoReply as error:
        if error.is_name:
            yield problem(
                f"the name {place} cannot be looked up",
                "look at this device's name servers: `resolvectl status`",
            )
            return
        yield problem(
            f"no answer from S3 at {place} ({error})",
            LOG_IN
            if error.is_certificate
            else f"have the network let https to {place} and *.{place} through",
        )
        return
    if "x-amz-request-id" not in answer.headers and answer.headers.get("Server") != "AmazonS3":
        yield problem(f"what answers as {place} is not S3: a login page or a firewall", LOG_IN)
    else:
        yield fine(f"S3 answers at {place}")


def uplink(subject: Subject) -> Iterator[Finding]:
    """How fast bytes go out: one call to the coordinator that it refuses as empty, with a megabyte of blanks in it.

    The coordinator reads it whole and changes nothing. It is the uplink that S3's parts take, and not S3 itself. A
    short transfer begins slowly, so the rate is the least that the line can do.
    """
    settings = subject.settings
    if settings.token.faults or known(subject).status != 200:
        raise NotChecked("the coordinator does not take this token", first("token"))
    headers = {
        "Authorization": f"Bearer {settings.token.value.text}",
        "Reelhaul-Client-Version": subject.version,
        "Content-Type": "application/json",
    }
    url = f"{subject.coordinator}/v1/sessions/doctor/progress"
    try:
        with closing(bare_session(TIMEOUTS)) as session:
            monotonic = subject.machine.monotonic
            # The first call also connects.
            _timed(session, url, headers, b"{}", monotonic)
            empty_s = _timed(session, url, headers, b"{}", monotonic)
            full_s = _timed(session, url, headers, b"{}".ljust(PROBE_BYTES), monotonic)
    except NoReply as error:
        raise NotChecked(
            f"the connection broke while it was measured ({error})", "run doctor again"
        ) from error
    rate = PROBE_BYTES / max(full_s - empty_s, full_s / 10, 0.001)
    what = f"this device sends at least {rate / 1_000_000:.2f} MB/s to the coordinator"
    if rate < SLOW_BYTES_S:
        hours = 12_000_000_000 / rate / 3600
        yield warning(
            f"{what}: a chapter of 12 GB takes about {hours:.0f} hours",
            "use a faster uplink, or stop what else uses this one",
        )
    else:
        yield fine(what)


def _timed(
    session: requests.Session,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    monotonic: Callable[[], float],
) -> float:
    """The seconds of one call that the coordinator refuses. Raises NoReply, NotChecked."""
    began = monotonic()
    response = _send(session, "POST", url, headers, body)
    seconds = monotonic() - began
    try:
        kind = str(json.loads(response.content).get("type", ""))
    except (ValueError, AttributeError):
        kind = ""
    if not kind.startswith("urn:reelhaul:problem:") or response.status_code == 429:
        raise NotChecked(
            f"the coordinator answers {response.status_code} to the measurement",
            "run doctor again in a few minutes",
        )
    return seconds
