"""Values as items of the table and back: native attributes, readable in the console.

A session's id is `PROJECT/NAME`, so every key with one is of that project alone; indexes name the project too.

| pk | sk | what |
|---|---|---|
| SESSION#{id} | SESSION | the session; `device_…`, `camera_…`, `list_…` put it into by_device, by_camera, listed, \
`work_…` among the sessions that wait for a proof at rest |
| SESSION#{id} | CHAPTER#{nn} | a chapter, in the order of recording |
| SESSION#{id} | UPLOAD#{upload_id} | an upload |
| SESSION#{id} | LANDING#{landing_id} | a film on its way from a client without checksums |
| SESSION#{id} | RECEIPT#{key} | the receipt of what a processor wrote itself |
| SESSION#{id} | INDEX#{artifact_id}#{revision} | what became of one version of measurements |
| SESSION#{id} | PROGRESS | the last heartbeat |
| SESSION#{id} | COUNTED | what the counters have of the session |
| SESSION#{id} | WORK | while the session is due: `work_pk`, `work_sk` put it into the index work |
| UPLOAD#{upload_id} | UPLOAD | the session of an upload |
| GROUP#{project}/{group} | {created}#{id} | a session of a group; written before the session, which may be missing |
| TOKEN#{id}, DEVICE#{id} | TOKEN, DEVICE | a token; a device, which `list_…` put into the index listed |
| SECRETS#{token id} | SECRETS | digests of the secrets that a token's holder made |
| TOKENS | {project}#{device id or nothing}#{token id} | the same token once more, to be listed |
| LISTED | TOKENS | there once every token that an older release made is listed |
| CODE#{id} | CODE | an enrolment code |
| SHARE#{id} | SHARE | a share link of a session; `ttl` ends it, some time after its end |
| SHARES#{session id} | {share id} | the same share once more, to be listed |
| LOGIN#{token id} | {page session id} | a page session of the token, or of a share that it made; `ttl` ends it |
| PASS#{id} | PASS | an upload pass: a session, and the digest of a secret; `ttl` ends it |
| AUDIT#{session id} | {version} | what the write of that version changed, and who made it; `work_…` list its day |
| AUDIT#{project} | {at}#{thing}#{name} | an administrative act, listed likewise |
| CLEANUP | ARMING | whether cleanup is armed |
| WATCH#{project} | {device_id} | the last heartbeat of a device; while it hauls, it is in the index work |
| PROJECTS#all | {project} | a project that has sessions |
| SUMMARY#{project} | {week} | that the week was summed up |
| NOTICES#waiting | {at}#{notice_id} | a notice that waits to be sent |
| SWEEP#orphans | SWEEP | the key after which the next sweep of orphaned multipart uploads continues |
| LIMIT#{owner} | {what}#{began} | what a caller or a project did in a window of a limit; `ttl` ends it |
| SPENT#{day} | SPENT | what was cleaned on a day (UTC), or may be |
| ROUND#reconcile | ROUND | the last round of the reconciler |
| COUNT#{project} | {day}#{shard} | what some sessions of a day count for together |
| COUNT#{project}/{device_id} | {day} | what the sessions of a device and a day count for together |
| HEARD#{project} | {device_id} | the last heartbeat of a device |
| WAITING#{project} | {created_at}#{id} | a session with chapters that have no receipt |
| NEEDY#{project} | {created_at}#{id} | a session that needs a person, and why |
| TICKET#{digest} | TICKET | what opens one socket of a page, once; `ttl` ends it |
| SOCKETS#all | {connection id} | a page's socket, and who listens; `ttl` ends it |

The session's item and what was written with it carry the session's version (`at_version`), and the session's names
them (`written_with`): so a reader knows whether it has seen all of the last write.

No function writes a token or a device, only an operator's command does.

Attributes that this version does not know are passed over, so that a newer one may add some.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from msgspec.structs import fields, replace

from chalicelib.core.attention import Need, Needy
from chalicelib.core.audit import Entry
from chalicelib.core.chapter import Chapter
from chalicelib.core.cleanup import Arming
from chalicelib.core.enrolment import Code
from chalicelib.core.heard import Heard
from chalicelib.core.ids import DeviceId, SessionId, TokenId, UploadId
from chalicelib.core.landing import Landing
from chalicelib.core.limits import Window
from chalicelib.core.listing import Summary
from chalicelib.core.measurements.index import Index
from chalicelib.core.notices import Notice
from chalicelib.core.page_sessions import PageSession
from chalicelib.core.picture import Picture, Progress
from chalicelib.core.push import Socket, Ticket
from chalicelib.core.rounds import LastRound
from chalicelib.core.session import Session, SessionState
from chalicelib.core.shares import Share
from chalicelib.core.silence import AT_ONCE, Watch
from chalicelib.core.statistics.counts import Counter, CounterKey, Counts, Waiting, without_zeros
from chalicelib.core.times import DAY_S, sortable
from chalicelib.core.tokens import Device, PageSessionKey, Secrets, Token
from chalicelib.core.upload import Receipt, Upload
from chalicelib.core.upload_passes import UploadPass
from chalicelib.ports import Due, Listed, ListedDevice, ListEntry, RecordedRow, Unproven, Watched

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Value = TypeVar("Value")
Item = dict[str, "AttributeValueTypeDef"]

WORK_PK = "WORK#settle"
AT_REST_PK = "WORK#at-rest"
SESSION_SK = "SESSION"
PROGRESS_SK = "PROGRESS"
COUNTED_SK = "COUNTED"
CHAPTER_SK = "CHAPTER#"
FIRST_CHAPTER_SK = f"{CHAPTER_SK}01"
UPLOAD_SK = "UPLOAD#"
LANDING_SK = "LANDING#"
RECEIPT_SK = "RECEIPT#"
INDEX_SK = "INDEX#"
TOKENS_PK = "TOKENS"
TOKEN_SK = "TOKEN"
SECRETS_SK = "SECRETS"
SHARE_SK = "SHARE"
LISTED_KEY = {"pk": "LISTED", "sk": TOKENS_PK}
ARMING_KEY = {"pk": "CLEANUP", "sk": "ARMING"}
ROUND_KEY = {"pk": "ROUND#reconcile", "sk": "ROUND"}
SWEEP_KEY = {"pk": "SWEEP#orphans", "sk": "SWEEP"}
COUNTER_PK = "COUNT#"
_OF_A_COUNTER = frozenset(("pk", "sk", "writes"))

SILENCE_PK = "WORK#silence"
PROJECTS_PK = "PROJECTS#all"
NOTICES_PK = "NOTICES#waiting"
SOCKETS_PK = "SOCKETS#all"

_serialized = TypeSerializer().serialize
_deserialized = TypeDeserializer().deserialize


def session_item(session: Session, summary: Summary | None = None) -> Item:
    """`summary` is what lists tell of its chapters, as far as the writer knows them."""
    of_lists = {**lists_of_session(session), **({"summary": msgspec.to_builtins(summary)} if summary else {})}
    return _item(session_key(session.session_id, SESSION_SK), session, of_lists)


def lists_of_session(session: Session) -> dict[str, str]:
    """What puts a session into the indexes that list it."""
    place = listed_sk(Listed(session.session_id, session.created_at))
    return {
        "device_pk": device_pk(session.project, session.device_id),
        "device_sk": place,
        "camera_pk": camera_pk(session.project, session.camera.serial),
        "camera_sk": place,
        "list_pk": sessions_pk(session.project),
        "list_sk": place,
        "work_pk": AT_REST_PK,
        "work_sk": work_sk(session.session_id, session.unproven_since),
    }


def group_item(session: Session) -> Item | None:
    """The entry of a session in the list of its group; None without a group."""
    if session.group is None:
        return None
    place = listed_sk(Listed(session.session_id, session.created_at))
    return attributes({"pk": group_pk(session.project, session.group), "sk": place})


def chapter_item(session_id: SessionId, place: int, chapter: Chapter) -> Item:
    """`place` counts from 1 in the order of recording."""
    return _item(chapter_key(session_id, place), chapter)


def chapter_key(session_id: SessionId, place: int) -> dict[str, str]:
    return session_key(session_id, f"{CHAPTER_SK}{place:02d}")


def upload_item(upload: Upload) -> Item:
    return _item(session_key(upload.session_id, UPLOAD_SK + upload.upload_id), upload)


def landing_item(session_id: SessionId, landing: Landing) -> Item:
    return _item(session_key(session_id, LANDING_SK + landing.landing_id), landing)


def receipt_item(session_id: SessionId, receipt: Receipt) -> Item:
    return _item(session_key(session_id, RECEIPT_SK + receipt.key), receipt)


def index_item(session_id: SessionId, index: Index) -> Item:
    return _item(session_key(session_id, f"{INDEX_SK}{index.artifact_id}#{index.revision}"), index)


def pointer_item(upload: Upload) -> Item:
    """From an upload's id to its session."""
    return attributes({**pointer_key(upload.upload_id), "session_id": upload.session_id})


def counted_item(session_id: SessionId, counts: Counts) -> Item:
    return attributes({**session_key(session_id, COUNTED_SK), "counts": dict(counts)})


def counter_item(key: CounterKey, counter: Counter) -> Item:
    return attributes({**counter.counts, **counter_place(key), "writes": counter.writes})


def waiting_item(session: Session) -> Item:
    named = {"session_id": session.session_id, "device_id": session.device_id}
    return attributes({**waiting_place(session), **named})


def needy_item(session: Session, needs: tuple[Need, ...]) -> Item:
    needy = Needy(
        session.session_id, session.created_at, session.state, session.device_id, session.group, needs
    )
    return _item(needy_place(session), needy)


def stamped(session: Item, beside: Sequence[Item], version: int) -> list[Item]:
    """The items of one write, the session's first, marked as written together at `version`."""
    written_with = attributes({"written_with": [item["sk"]["S"] for item in beside]})
    stamp = attributes({"at_version": version})
    return [{**session, **written_with}, *({**item, **stamp} for item in beside)]


def is_whole(found: Mapping[str, Item]) -> bool:
    """Whether the items of a session, by sort key, are what its last write left: none older, none newer."""
    session = found[SESSION_SK]
    version = _deserialized(session["version"])
    versions = {sk: _deserialized(item["at_version"]) for sk, item in found.items() if "at_version" in item}
    newest = {sk: at_version for sk, at_version in versions.items() if at_version >= version}
    return newest == dict.fromkeys(_deserialized(session["written_with"]), version)


def progress_item(session_id: SessionId, progress: Progress) -> Item:
    return _item(session_key(session_id, PROGRESS_SK), progress)


def work_item(session_id: SessionId, due_at: datetime) -> Item:
    index = {"work_pk": WORK_PK, "work_sk": work_sk(session_id, due_at)}
    return attributes({**work_key(session_id), **index})


def token_item(token: Token) -> Item:
    return _item(token_key(token.token_id), replace(token, secrets=None))


def listed_token_item(token: Token) -> Item:
    sk = f"{token.project}#{token.device_id or ''}#{token.token_id}"
    return _item({"pk": TOKENS_PK, "sk": sk}, replace(token, secrets=None))


def secrets_item(token_id: TokenId, secrets: Secrets) -> Item:
    return _item(secrets_key(token_id), secrets)


def token_of(item: Item, secrets: Item | None) -> Token:
    """The token of its item and that of its secrets."""
    token = value(item, Token)
    return replace(token, secrets=value(secrets, Secrets)) if secrets else token


def code_item(code: Code) -> Item:
    return _item(code_key(code.code_id), code)


def upload_pass_item(made: UploadPass) -> Item:
    return _item(upload_pass_key(made.pass_id), made, {"ttl": int(made.expires_at.timestamp())})


def page_session_item(made: PageSession) -> Item:
    return _item(page_session_key(made.key), made, {"ttl": int(made.expires_at.timestamp())})


def ticket_item(digest: str, ticket: Ticket) -> Item:
    return _item(ticket_key(digest), ticket, {"ttl": int(ticket.expires_at.timestamp())})


def socket_item(socket: Socket) -> Item:
    return _item(socket_key(socket.connection_id), socket, {"ttl": int(socket.expires_at.timestamp())})


def share_item(share: Share) -> Item:
    return _item(share_key(share.share_id), share, _ending(share))


def listed_share_item(share: Share) -> Item:
    return _item({"pk": shares_pk(share.session_id), "sk": share.share_id}, share, _ending(share))


def _ending(share: Share) -> dict[str, int]:
    return {"ttl": int(share.kept_until.timestamp())}


def device_item(device: Device) -> Item:
    return _item(device_key(device.device_id), device, lists_of_device(device))


def lists_of_device(device: Device) -> dict[str, str]:
    """What puts a device into the index that lists it."""
    return {
        "list_pk": devices_pk(device.project),
        "list_sk": listed_device_sk(ListedDevice(device.device_id, device.enrolled_at)),
    }


def entry_item(entry: Entry) -> Item:
    return _item(entry_key(entry), entry, _day_of(entry))


def entry_key(entry: Entry) -> dict[str, str]:
    if entry.session_id:
        return {"pk": f"AUDIT#{entry.session_id}", "sk": version_sk(entry.version or 0)}
    first = entry.steps[0]
    return {"pk": f"AUDIT#{entry.project}", "sk": f"{sortable(entry.at)}#{first.thing}#{first.name or ''}"}


def version_sk(version: int) -> str:
    """At a fixed width, so that texts sort as versions do."""
    return f"{version:010d}"


def trail_pk(session_id: SessionId) -> str:
    return f"AUDIT#{session_id}"


def day_pk(project: str, day: date) -> str:
    return f"AUDIT#{project}#{day.isoformat()}"


def _day_of(entry: Entry) -> dict[str, str]:
    """What lists an entry in the index work, by its project and day."""
    named = (
        f"{entry.session_id}#{version_sk(entry.version or 0)}" if entry.session_id else entry.steps[0].name
    )
    day = entry.at.astimezone(UTC).date()
    return {"work_pk": day_pk(entry.project, day), "work_sk": f"{sortable(entry.at)}#{named}"}


def with_entry(chapter: Item, entry: Entry) -> Item:
    """A new session's first chapter carries the entry of its making: 99 chapters leave no room for another item."""
    return {**chapter, **attributes({"entry": msgspec.to_builtins(entry), **_day_of(entry)})}


def carried_entry(item: Item) -> Entry:
    """The entry of an item of the trail, or the one that a chapter carries."""
    if "entry" not in item:
        return value(item, Entry)
    return msgspec.convert(_plain(_deserialized(item["entry"])), Entry)


def arming_item(arming: Arming) -> Item:
    return _item(ARMING_KEY, arming)


def sweep_item(after_key: str) -> Item:
    return attributes({**SWEEP_KEY, "after_key": after_key})


def round_item(last: LastRound) -> Item:
    return _item(ROUND_KEY, last)


def watch_item(watch: Watch, look_at: datetime | None) -> Item:
    index = {"work_pk": SILENCE_PK, "work_sk": watch_sk(watch, look_at)} if look_at else {}
    # What the next heartbeat of a silent device makes of its place in the index: the first one.
    again = {"due_when_heard": watch_sk(watch, AT_ONCE)} if watch.silent_since else {}
    # At a fixed width: conditions compare texts.
    times = {"heard_at": sortable(watch.heard_at)}
    times |= {"silent_since": sortable(watch.silent_since)} if watch.silent_since else {}
    return _item(watch_key(watch.project, watch.device_id), watch, {**index, **again, **times})


def watch_key(project: str, device_id: str) -> dict[str, str]:
    return {"pk": f"WATCH#{project}", "sk": device_id}


def watch_sk(watch: Watch, look_at: datetime) -> str:
    return f"{sortable(look_at)}#{watch.project}/{watch.device_id}"


def watch(item: Mapping[str, "AttributeValueTypeDef"]) -> Watch:
    """The watch that an item has."""
    return msgspec.convert({name: _deserialized(attribute) for name, attribute in item.items()}, Watch)


def watched(item: Mapping[str, "AttributeValueTypeDef"]) -> Watched:
    """The device that an entry of the index work names."""
    _, _, name = str(_deserialized(item["work_sk"])).partition("#")
    project, _, device_id = name.partition("/")
    return Watched(project, DeviceId(device_id))


def project_item(project: str) -> Item:
    return attributes({"pk": PROJECTS_PK, "sk": project})


def project_of(item: Mapping[str, "AttributeValueTypeDef"]) -> str:
    """The project that an item lists."""
    return str(_deserialized(item["sk"]))


def summary_item(project: str, week: str) -> Item:
    return attributes({"pk": f"SUMMARY#{project}", "sk": week})


def notice_item(notice: Notice) -> Item:
    return _item(notice_key(notice), notice)


def notice_key(notice: Notice) -> dict[str, str]:
    return {"pk": NOTICES_PK, "sk": f"{sortable(notice.at)}#{notice.notice_id}"}


def notice(item: Mapping[str, "AttributeValueTypeDef"]) -> Notice:
    """The notice that an item has."""
    return msgspec.convert({name: _deserialized(attribute) for name, attribute in item.items()}, Notice)


def spent_key(day: date) -> dict[str, str]:
    return {"pk": f"SPENT#{day.isoformat()}", "sk": "SPENT"}


def counters_pk(project: str, device_id: DeviceId | None) -> str:
    """The partition of a project's counters, or of those of one of its devices."""
    return f"{COUNTER_PK}{project}/{device_id}" if device_id else f"{COUNTER_PK}{project}"


def counter_place(key: CounterKey) -> dict[str, str]:
    day = key.day.isoformat()
    sk = day if key.device_id else f"{day}#{key.shard}"
    return {"pk": counters_pk(key.project, key.device_id), "sk": sk}


def counter_key(item: Mapping[str, "AttributeValueTypeDef"]) -> CounterKey:
    """Which counter an item is."""
    project, _, device_id = str(_deserialized(item["pk"])).removeprefix(COUNTER_PK).partition("/")
    day, _, shard = str(_deserialized(item["sk"])).partition("#")
    if device_id:
        return CounterKey(project, date.fromisoformat(day), device_id=DeviceId(device_id))
    return CounterKey(project, date.fromisoformat(day), shard=int(shard))


def counter(item: Mapping[str, "AttributeValueTypeDef"]) -> Counter:
    """The counter that an item has; a figure that came back to 0 is left out."""
    figures = {name: int(_deserialized(each)) for name, each in item.items() if name not in _OF_A_COUNTER}
    return Counter(without_zeros(figures), int(_deserialized(item["writes"])))


def heard_pk(project: str) -> str:
    return f"HEARD#{project}"


def heard_key(project: str, device_id: str) -> dict[str, str]:
    return {"pk": heard_pk(project), "sk": device_id}


def heard_item(project: str, heard: Heard) -> Item:
    return _item(heard_key(project, heard.device_id), heard)


def waiting_pk(project: str) -> str:
    return f"WAITING#{project}"


def waiting_place(session: Session) -> dict[str, str]:
    return {"pk": waiting_pk(session.project), "sk": f"{sortable(session.created_at)}#{session.session_id}"}


def needy_pk(project: str) -> str:
    return f"NEEDY#{project}"


def needy_place(session: Session) -> dict[str, str]:
    return {"pk": needy_pk(session.project), "sk": listed_sk(Listed(session.session_id, session.created_at))}


def waiting(item: Mapping[str, "AttributeValueTypeDef"]) -> Waiting:
    """The session that an entry of the waiting names."""
    created_at, _, session_id = str(_deserialized(item["sk"])).partition("#")
    device_id = DeviceId(str(_deserialized(item["device_id"])))
    return Waiting(SessionId(session_id), datetime.fromisoformat(created_at), device_id)


def window_key(window: Window) -> dict[str, str]:
    return {"pk": f"LIMIT#{window.owner}", "sk": f"{window.what.name}#{sortable(window.began_at)}"}


def window_ttl(window: Window) -> int:
    """When the table may forget it: a day after it ended."""
    return int(window.ends_at.timestamp()) + DAY_S


def session_key(session_id: SessionId, sk: str) -> dict[str, str]:
    return {"pk": f"SESSION#{session_id}", "sk": sk}


def work_key(session_id: SessionId) -> dict[str, str]:
    return session_key(session_id, "WORK")


def pointer_key(upload_id: UploadId) -> dict[str, str]:
    return {"pk": f"UPLOAD#{upload_id}", "sk": "UPLOAD"}


def token_key(token_id: str) -> dict[str, str]:
    return {"pk": f"TOKEN#{token_id}", "sk": TOKEN_SK}


def secrets_key(token_id: str) -> dict[str, str]:
    return {"pk": f"SECRETS#{token_id}", "sk": SECRETS_SK}


def code_key(code_id: str) -> dict[str, str]:
    return {"pk": f"CODE#{code_id}", "sk": "CODE"}


def upload_pass_key(pass_id: str) -> dict[str, str]:
    return {"pk": f"PASS#{pass_id}", "sk": "PASS"}


def share_key(share_id: str) -> dict[str, str]:
    return {"pk": f"SHARE#{share_id}", "sk": SHARE_SK}


def shares_pk(session_id: SessionId) -> str:
    return f"SHARES#{session_id}"


def page_sessions_pk(token_id: str) -> str:
    return f"LOGIN#{token_id}"


def page_session_key(key: PageSessionKey) -> dict[str, str]:
    return {"pk": page_sessions_pk(key.token_id), "sk": key.page_session_id}


def ticket_key(digest: str) -> dict[str, str]:
    return {"pk": f"TICKET#{digest}", "sk": "TICKET"}


def socket_key(connection_id: str) -> dict[str, str]:
    return {"pk": SOCKETS_PK, "sk": connection_id}


def device_key(device_id: str) -> dict[str, str]:
    return {"pk": f"DEVICE#{device_id}", "sk": "DEVICE"}


def device_place(device_id: str) -> tuple[str, str]:
    """Both keys of a device's item."""
    key = device_key(device_id)
    return key["pk"], key["sk"]


def work_sk(session_id: SessionId, due_at: datetime) -> str:
    return f"{sortable(due_at)}#{session_id}"


def sessions_pk(project: str) -> str:
    return f"SESSIONS#{project}"


def devices_pk(project: str) -> str:
    return f"DEVICES#{project}"


def listed_device_sk(listed: ListedDevice) -> str:
    return f"{sortable(listed.enrolled_at)}#{listed.device_id}"


def group_pk(project: str, group: str) -> str:
    return f"GROUP#{project}/{group}"


def camera_pk(project: str, serial: str) -> str:
    return f"CAMERA#{project}/{serial}"


def device_pk(project: str, device_id: str) -> str:
    return f"DEVICE#{project}/{device_id}"


def listed_sk(listed: Listed) -> str:
    return f"{sortable(listed.created_at)}#{listed.session_id}"


def due(item: Mapping[str, "AttributeValueTypeDef"]) -> Due:
    """The session and the time that an entry of the index work names."""
    due_at, _, session_id = str(_deserialized(item["work_sk"])).partition("#")
    return Due(SessionId(session_id), datetime.fromisoformat(due_at))


def unproven(item: Mapping[str, "AttributeValueTypeDef"]) -> Unproven:
    """The session, and since when nobody has proven it, that an entry of the index work names."""
    since, _, session_id = str(_deserialized(item["work_sk"])).partition("#")
    return Unproven(SessionId(session_id), datetime.fromisoformat(since))


def list_entry(item: Mapping[str, "AttributeValueTypeDef"], sk: str) -> ListEntry:
    """The session that an entry of a list names, whose sort key is the attribute `sk`.

    What an older version put into by_device has no id there; the table's own key names the session.
    """
    created_at, _, named = str(_deserialized(item[sk])).partition("#")
    session_id = named or str(_deserialized(item["pk"])).removeprefix("SESSION#")
    state = item.get("state")
    known = SessionState(_deserialized(state)) if state else None
    return ListEntry(Listed(SessionId(session_id), datetime.fromisoformat(created_at)), known)


def row(item: Item, progress: Item | None) -> RecordedRow:
    """What a list tells, of the session's item and its heartbeat's."""
    summary = item.get("summary")
    return RecordedRow(
        value(item, Session),
        msgspec.convert(_plain(_deserialized(summary)), Summary) if summary else None,
        value(progress, Progress) if progress else None,
    )


def picture(found: Mapping[str, Item]) -> Picture:
    """The picture that the items of a session, by sort key, make."""
    progress = found.get(PROGRESS_SK)
    return Picture(
        value(found[SESSION_SK], Session),
        tuple(_chapters(found)),
        tuple(sorted(_under(found, UPLOAD_SK, Upload), key=_opening)),
        value(progress, Progress) if progress else None,
        tuple(_under(found, RECEIPT_SK, Receipt)),
        tuple(_under(found, INDEX_SK, Index)),
        _counted(found.get(COUNTED_SK)),
        tuple(sorted(_under(found, LANDING_SK, Landing), key=lambda each: (each.opened_at, each.landing_id))),
    )


def _chapters(found: Mapping[str, Item]) -> list[Chapter]:
    """The chapters in the order of recording, as they were written together last.

    Those of a browser's session are written again when one is taken back; a query during that may still show it.
    """
    of_chapters = {sk: item for sk, item in found.items() if sk.startswith(CHAPTER_SK)}
    written = max((_written_at(item) for item in of_chapters.values()), default=0)
    return _under(
        {sk: item for sk, item in of_chapters.items() if _written_at(item) == written}, CHAPTER_SK, Chapter
    )


def _written_at(item: Item) -> int:
    """The version of the session whose write left this item; 0 for one of an older release."""
    return int(_deserialized(item["at_version"])) if "at_version" in item else 0


def _counted(item: Item | None) -> Counts:
    """What the counters have of a session; nothing as long as it was never counted."""
    return {name: int(figure) for name, figure in _deserialized(item["counts"]).items()} if item else {}


def value(item: Mapping[str, "AttributeValueTypeDef"], kind: type[Value]) -> Value:
    """The item as a `kind`."""
    plain = {name: _plain(_deserialized(attribute)) for name, attribute in item.items()}
    return msgspec.convert({**_absent(kind), **plain}, kind)


def attributes(plain: Mapping[str, Any]) -> Item:
    """`plain` as DynamoDB writes it; what is None is left out, at any depth."""
    return {name: _serialized(each) for name, each in _present(plain).items()}


def _item(key: Mapping[str, str], source: object, index: Mapping[str, Any] | None = None) -> Item:
    return attributes({**msgspec.to_builtins(source), **key, **(index or {})})


def _under(found: Mapping[str, Item], prefix: str, kind: type[Value]) -> list[Value]:
    """The values whose sort keys begin with `prefix`, in the order of their keys."""
    return [value(found[sk], kind) for sk in sorted(found) if sk.startswith(prefix)]


def _opening(upload: Upload) -> tuple[datetime, UploadId]:
    return upload.opened_at, upload.upload_id


def _absent(kind: type[Any]) -> dict[str, None]:
    """None for every field without a default: what was None when it was written is not in the item."""
    return {field.name: None for field in fields(kind) if field.required}


def _present(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _present(each) if isinstance(each, Mapping) else each
        for name, each in plain.items()
        if each is not None
    }


def _plain(found: Any) -> Any:
    """What boto3 read, with its decimals as integers; a newer version's fractions stay as they are."""
    if isinstance(found, Decimal) and found == found.to_integral_value():
        return int(found)
    if isinstance(found, Mapping):
        return {name: _plain(each) for name, each in found.items()}
    if isinstance(found, list):
        return [_plain(each) for each in found]
    return found
