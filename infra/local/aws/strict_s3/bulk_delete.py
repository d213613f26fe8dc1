"""DeleteObjects: each key is judged by itself; those refused are answered here, the others continue to moto."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element  # nosec B405

from infra.local.aws.strict_s3 import xml
from infra.local.aws.strict_s3.versions import check_current_etag
from infra.local.aws.strict_s3.wire import (
    Answer,
    Refusal,
    Request,
    elements,
    xml_answer,
)

Ask = Callable[[Request], Answer]
MOST_KEYS = 1000


@dataclass(frozen=True)
class Doomed:
    """One object of the request. `etag`, when there is one, is the condition on it."""

    key: str
    version_id: str | None
    etag: str | None

    @classmethod
    def of(cls, element: Element) -> Doomed:
        return cls(xml.text(element, "Key") or "", xml.text(element, "VersionId"), xml.text(element, "ETag"))

    def element(self) -> str:
        return f"<Object>{elements({'Key': self.key, 'VersionId': self.version_id})}</Object>"


def delete_objects(ask: Ask, request: Request, body: bytes, is_denied: Callable[[Doomed], bool]) -> Answer:
    """What S3 answers to DeleteObjects: 200 and, for each key, deleted or the reason why not."""
    root = xml.parsed(body)
    doomed = [Doomed.of(element) for element in xml.children(root, "Object")]
    if not 0 < len(doomed) <= MOST_KEYS:
        raise xml.malformed()
    reasons = {one: _reason_against(ask, request, one, is_denied) for one in doomed}
    allowed = [one for one, reason in reasons.items() if reason is None]
    errors = "".join(_error(one, reason) for one, reason in reasons.items() if reason is not None)
    deleted = _deleted(ask, request, allowed)
    if not deleted.is_success:
        return deleted
    return xml_answer("DeleteResult", errors + _outcomes(deleted, xml.text(root, "Quiet") == "true"))


def _reason_against(
    ask: Ask, request: Request, one: Doomed, is_denied: Callable[[Doomed], bool]
) -> Refusal | None:
    if is_denied(one):
        return Refusal(403, "AccessDenied", "Access Denied")
    if one.etag is None:
        return None
    try:
        check_current_etag(ask, request, one.key, one.etag)
    except Refusal as refusal:
        return refusal
    return None


def _deleted(ask: Ask, request: Request, allowed: list[Doomed]) -> Answer:
    if not allowed:
        return Answer(200, [])
    body = f"<Delete>{''.join(one.element() for one in allowed)}</Delete>".encode()
    return ask(request.with_body(body))


def _outcomes(answer: Answer, is_quiet: bool) -> str:
    if not answer.body:
        return ""
    root = xml.parsed(answer.body)
    names = ["Error"] if is_quiet else ["Deleted", "Error"]
    return "".join(_copied(name, element) for name in names for element in xml.children(root, name))


def _copied(name: str, element: Element) -> str:
    said: Mapping[str, str | None] = {child.tag.rpartition("}")[2]: child.text for child in element}
    return f"<{name}>{elements(said)}</{name}>"


def _error(one: Doomed, reason: Refusal) -> str:
    said = {"Key": one.key, "VersionId": one.version_id, "Code": reason.code, "Message": reason.message}
    return f"<Error>{elements(said)}</Error>"
