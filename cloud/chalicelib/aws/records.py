"""The table, over DynamoDB. Its items are in `items`."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
from botocore.exceptions import ClientError

from chalicelib.aws import items
from chalicelib.aws.errors import code_of, named
from chalicelib.core.attention import Needy
from chalicelib.core.audit import Entry
from chalicelib.core.cleanup import Arming, Spent
from chalicelib.core.enrolment import Code
from chalicelib.core.errors import Conflict, StorageBusy
from chalicelib.core.heard import Heard
from chalicelib.core.ids import CodeId, DeviceId, SessionId, ShareId, TokenId, UploadId
from chalicelib.core.limits import Window
from chalicelib.core.notices import Notice
from chalicelib.core.page_sessions import Known, PageSession
from chalicelib.core.picture import Picture, Progress
from chalicelib.core.rounds import LastRound
from chalicelib.core.session import Origin, Session
from chalicelib.core.shares import Share
from chalicelib.core.silence import Watch
from chalicelib.core.statistics.counts import (
    Counter,
    CounterKey,
    Counting,
    Counts,
    Waiting,
    counter_changes,
    total,
)
from chalicelib.core.times import sortable
from chalicelib.core.tokens import Device, PageSessionKey, Secrets, Token
from chalicelib.core.upload_passes import UploadPass
from chalicelib.ports import (
    Change,
    Due,
    Enlisting,
    Listed,
    ListedBy,
    ListedDevice,
    ListEntry,
    RecordedRow,
    Unproven,
    Watched,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_MOST_KEYS = 100
"""What DynamoDB takes in one BatchGetItem."""

_READS = 5
"""A transaction lands on all its items within milliseconds."""

_WRITES = 6
_LONGEST_PAUSE_S = 0.16
"""Between two tries of a write that met another at a counter: at most twice as long each time, up to this."""


class DynamoRecords:
    """The table `table` with its indexes."""

    def __init__(
        self, dynamodb: "DynamoDBClient", table: str, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._pause = pause

    def picture(self, session_id: SessionId) -> Picture | None:
        """Raises StorageBusy when it is never seen whole.

        A query during a transaction may show one of its items after it and another before it, so it is asked again.
        Who writes has seen the write before whole: to check the last one is enough, as long as nothing that was read is
        older than the write before (`_collection`).
        Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html (isolation levels)
        """
        for _ in range(_READS):
            found = self._collection(session_id)
            if items.SESSION_SK not in found:
                return None
            if items.is_whole(found):
                return items.picture(found)
        raise StorageBusy(f"session {session_id} is being written by others; ask again")

    def session_of(self, upload_id: UploadId) -> SessionId | None:
        item = self._get(items.pointer_key(upload_id))
        return SessionId(item["session_id"]["S"]) if item else None

    def write(self, change: Change) -> None:
        """One transaction of at most 100 items: two an upload, so at most 48 uploads in one change, or 46 if it counts.

        Sessions of one counter are written at the same time, and DynamoDB lets only one of them pass. That is no
        conflict about the session: what this write was decided on still holds, so it is tried again as it is.
        botocore repeats it with its ClientRequestToken, which DynamoDB knows for ten minutes. A table that does not
        (moto's) answers Conflict to a repetition of what it has recorded: a caller that loads again sees its own write.
        """
        writes = list(self._writes(change))
        counting_from = len(writes)
        writes += self._counts(change.session, change.counting) if change.counting else ()
        of_group = items.group_item(change.session) if change.session.version == 1 else None
        if of_group:
            # Before the session, and not with it: 99 chapters leave a transaction no room. A reader looks at both.
            self._put(of_group)
        for tried in range(1, _WRITES + 1):
            try:
                with named():
                    self._dynamodb.transact_write_items(TransactItems=writes)
            except Conflict as conflict:
                if tried == _WRITES or not _met_at_a_counter(conflict.__cause__, counting_from):
                    raise
                self._pause(random.uniform(0, _LONGEST_PAUSE_S / 2 ** (_WRITES - tried - 1)))  # nosec B311 # a pause, no secret
            else:
                return

    def needy(self, project: str, limit: int) -> tuple[Needy, ...]:
        found: list[Needy] = []
        for page in self._pages(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=items.attributes({":pk": items.needy_pk(project)}),
            ScanIndexForward=False,
            ConsistentRead=True,
            Limit=limit,
        ):
            found += [items.value(item, Needy) for item in page]
            if len(found) >= limit:
                break
        return tuple(found[:limit])

    def due(self, until: datetime, limit: int) -> tuple[Due, ...]:
        # "~" sorts after "#" and all that a session id has, so that sessions due exactly then are in.
        values = {":pk": items.WORK_PK, ":last": f"{sortable(until)}~"}
        found: list[Due] = []
        for page in self._pages(
            IndexName="work",
            KeyConditionExpression="work_pk = :pk AND work_sk < :last",
            ExpressionAttributeValues=items.attributes(values),
            Limit=limit,
        ):
            found += [items.due(item) for item in page]
            if len(found) >= limit:
                break
        return tuple(found[:limit])

    def postpone(self, due: Due, until: datetime) -> bool:
        """A session that is being written at this moment is left as it is: the writer says when it is due."""
        values = {
            ":before": items.work_sk(due.session_id, due.due_at),
            ":after": items.work_sk(due.session_id, until),
        }
        try:
            with named():
                self._dynamodb.update_item(
                    TableName=self._table,
                    Key=items.attributes(items.work_key(due.session_id)),
                    UpdateExpression="SET work_sk = :after",
                    ConditionExpression="work_sk = :before",
                    ExpressionAttributeValues=items.attributes(values),
                )
        except Conflict:
            return False
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def sessions(self) -> Iterator[SessionId]:
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            ProjectionExpression="session_id",
            FilterExpression="sk = :sk",
            ExpressionAttributeValues=items.attributes({":sk": items.SESSION_SK}),
            ConsistentRead=True,
        )
        with named():
            for page in pages:
                yield from (SessionId(item["session_id"]["S"]) for item in page["Items"])

    def sessions_of_camera(
        self, serial: str, project: str, after: Listed | None, limit: int
    ) -> tuple[Listed, ...]:
        entries = self.list_sessions(ListedBy(project, serial=serial), None, None, after, limit)
        return tuple(each.listed for each in entries)

    def list_sessions(
        self,
        by: ListedBy,
        created_from: datetime | None,
        created_to: datetime | None,
        after: Listed | None,
        limit: int,
    ) -> tuple[ListEntry, ...]:
        index, pk, sk, key = _list_of(by)
        # "~" sorts after every date, and a date before all that begins with it.
        ends = [sortable(created_to)] if created_to else ["~"]
        first = min([*ends, items.listed_sk(after)] if after else ends)
        values = {":pk": key, ":first": first}
        condition = f"{pk} = :pk AND {sk} < :first"
        if created_from:
            if sortable(created_from) >= first:
                return ()
            values[":last"] = sortable(created_from)
            condition = f"{pk} = :pk AND {sk} BETWEEN :last AND :first"
        found: list[ListEntry] = []
        for page in self._pages(
            **({"IndexName": index} if index else {}),
            KeyConditionExpression=condition,
            ExpressionAttributeValues=items.attributes(values),
            ScanIndexForward=False,
            Limit=limit,
        ):
            # BETWEEN has both ends in; what an older version put into by_device sorts before its own place.
            entries = (items.list_entry(item, sk) for item in page if item[sk]["S"] < first)
            found += [each for each in entries if after is None or each.listed.place < after.place]
            if len(found) >= limit:
                break
        return tuple(found[:limit])

    def unproven(self, until: datetime, limit: int, after: Unproven | None = None) -> tuple[Unproven, ...]:
        # "~" sorts after "#" and all that a session id has.
        values = {
            ":pk": items.AT_REST_PK,
            ":after": f"{items.work_sk(after.session_id, after.since)}!" if after else " ",
            ":last": f"{sortable(until)}~",
        }
        found: list[Unproven] = []
        for page in self._pages(
            IndexName="work",
            KeyConditionExpression="work_pk = :pk AND work_sk BETWEEN :after AND :last",
            ExpressionAttributeValues=items.attributes(values),
            Limit=limit,
        ):
            found += [items.unproven(item) for item in page]
            if len(found) >= limit:
                break
        return tuple(found[:limit])

    def counts(
        self, project: str, device_id: DeviceId | None, first: date | None, last: date | None
    ) -> Counts:
        pages = self._days(items.counters_pk(project, device_id), first, last, ConsistentRead=True)
        return total(items.counter(item).counts for page in pages for item in page)

    def counts_by_day(self, project: str) -> Mapping[date, Counts]:
        found: dict[date, list[Counts]] = {}
        for page in self._days(items.counters_pk(project, None), None, None, ConsistentRead=True):
            for item in page:
                found.setdefault(items.counter_key(item).day, []).append(items.counter(item).counts)
        return {day: total(counts) for day, counts in found.items()}

    def counter_keys(self) -> Iterator[CounterKey]:
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            ProjectionExpression="pk, sk",
            FilterExpression="begins_with(pk, :pk)",
            ExpressionAttributeValues=items.attributes({":pk": items.COUNTER_PK}),
            ConsistentRead=True,
        )
        with named():
            for page in pages:
                yield from map(items.counter_key, page["Items"])

    def counter(self, key: CounterKey) -> Counter:
        item = self._get(items.counter_place(key))
        return items.counter(item) if item else Counter({}, 0)

    def replace_counter(self, key: CounterKey, before: Counter, counts: Counts) -> bool:
        """One that is being written at this moment is left as it is."""
        after = items.counter_item(key, Counter(counts, before.writes + 1))
        is_unwritten: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if before.writes:
            is_unwritten = {
                "ConditionExpression": "#writes = :before",
                "ExpressionAttributeNames": {"#writes": "writes"},
                "ExpressionAttributeValues": items.attributes({":before": before.writes}),
            }
        try:
            with named():
                self._dynamodb.put_item(TableName=self._table, Item=after, **is_unwritten)
        except Conflict:
            return False
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def waiting(self, project: str, first: date | None, last: date | None, limit: int) -> tuple[Waiting, ...]:
        found: list[Waiting] = []
        for page in self._days(items.waiting_pk(project), first, last, ConsistentRead=True, Limit=limit):
            found += map(items.waiting, page)
            if len(found) >= limit:
                break
        return tuple(found[:limit])

    def last_round(self) -> LastRound | None:
        item = self._get(items.ROUND_KEY)
        return items.value(item, LastRound) if item else None

    def put_last_round(self, last: LastRound) -> None:
        self._put(items.round_item(last))

    def rows(self, session_ids: Sequence[SessionId]) -> Mapping[SessionId, RecordedRow]:
        sks = (items.SESSION_SK, items.PROGRESS_SK)
        keys = [items.session_key(each, sk) for each in dict.fromkeys(session_ids) for sk in sks]
        found = {(item["pk"]["S"], item["sk"]["S"]): item for item in self._batch(keys)}
        rows = (
            items.row(item, found.get((pk, items.PROGRESS_SK)))
            for (pk, sk), item in found.items()
            if sk == items.SESSION_SK
        )
        return {row.session.session_id: row for row in rows}

    def list_devices(
        self, project: str, after: ListedDevice | None, limit: int
    ) -> tuple[tuple[Device, Heard | None], ...]:
        first = items.listed_device_sk(after) if after else "~"
        ids: list[str] = []
        for page in self._pages(
            IndexName="listed",
            KeyConditionExpression="list_pk = :pk AND list_sk < :first",
            ExpressionAttributeValues=items.attributes({":pk": items.devices_pk(project), ":first": first}),
            ScanIndexForward=False,
            Limit=limit,
        ):
            ids += [item["list_sk"]["S"].partition("#")[2] for item in page]
            if len(ids) >= limit:
                break
        ids = ids[:limit]
        keys = [key for each in ids for key in (items.device_key(each), items.heard_key(project, each))]
        found = {(item["pk"]["S"], item["sk"]["S"]): item for item in self._batch(keys)}
        devices = (items.value(found[items.device_place(each)], Device) for each in ids)
        heard = (found.get((items.heard_pk(project), each)) for each in ids)
        return tuple(
            (device, items.value(item, Heard) if item else None)
            for device, item in zip(devices, heard, strict=True)
        )

    def complete_lists(self) -> int:
        """One scan; what is in its lists is not touched. An item that is written meanwhile has them by that write."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="sk IN (:session, :device) AND attribute_not_exists(list_pk)",
            ExpressionAttributeValues=items.attributes({":session": items.SESSION_SK, ":device": "DEVICE"}),
            ConsistentRead=True,
        )
        with named():
            found = [item for page in pages for item in page["Items"]]
        for item in found:
            if item["sk"]["S"] == items.SESSION_SK:
                session = items.value(item, Session)
                of_group = items.group_item(session)
                if of_group:
                    self._put(of_group)
                self._set_missing(item, items.lists_of_session(session))
            else:
                self._set_missing(item, items.lists_of_device(items.value(item, Device)))
        return len(found)

    def _set_missing(self, item: items.Item, lists: Mapping[str, str]) -> None:
        """Give a recorded item what puts it into its lists."""
        with named():
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"pk": item["pk"], "sk": item["sk"]},
                UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in lists),
                ExpressionAttributeValues=items.attributes(
                    {f":{name}": text for name, text in lists.items()}
                ),
            )

    def _batch(self, keys: Sequence[Mapping[str, str]]) -> Iterator[items.Item]:
        """The items of these keys that there are, consistently read."""
        wanted = [items.attributes(key) for key in keys]
        while wanted:
            asked, wanted = wanted[:_MOST_KEYS], wanted[_MOST_KEYS:]
            with named():
                answer = self._dynamodb.batch_get_item(
                    RequestItems={self._table: {"Keys": asked, "ConsistentRead": True}}
                )
            found = answer["Responses"].get(self._table, [])
            yield from found
            unread = answer["UnprocessedKeys"].get(self._table)
            left = unread["Keys"] if unread else []
            if left and not found:
                raise StorageBusy("DynamoDB read none of the items that were asked for; ask again")
            wanted = [*left, *wanted]

    def arming(self) -> Arming | None:
        item = self._get(items.ARMING_KEY)
        return items.value(item, Arming) if item else None

    def put_arming(self, arming: Arming) -> None:
        self._put(items.arming_item(arming))

    def replace_arming(self, before: Arming | None, after: Arming) -> bool:
        """As the port says. The client repeats a call whose reply was lost: False may mean that `after` is recorded."""
        try:
            with named():
                self._dynamodb.put_item(
                    TableName=self._table, Item=items.arming_item(after), **_only_behind(before)
                )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def spent(self, day: date) -> Spent | None:
        item = self._get(items.spent_key(day))
        return items.value(item, Spent) if item else None

    def spend(self, day: date, size_bytes: int, limit: Spent) -> bool:
        """One atomic update; a reply that was lost is asked for again, which counts too much, never too little."""
        if size_bytes > limit.size_bytes or limit.objects < 1:
            return False
        values = {
            ":one": 1,
            ":size": size_bytes,
            ":objects": limit.objects,
            ":room": limit.size_bytes - size_bytes,
        }
        return self._update_if(
            "attribute_not_exists(objects) OR (objects < :objects AND size_bytes <= :room)",
            Key=items.attributes(items.spent_key(day)),
            UpdateExpression="ADD objects :one, size_bytes :size",
            ExpressionAttributeValues=items.attributes(values),
        )

    def use(self, window: Window, amount: int, most: int) -> bool:
        """One atomic update; a reply that was lost is asked for again, which counts too much, never too little."""
        if amount > most:
            return False
        condition = "attribute_not_exists(used) OR used <= :room"
        return self._count_in(window, amount, condition, {":room": most - amount})

    def give_back(self, window: Window, amount: int) -> None:
        """One atomic update with a mark of this call: when its reply was lost, the client's repeat changes nothing.

        Only if another call gave back in between, the repeat counts as well.
        """
        condition = "attribute_not_exists(given_back) OR given_back <> :call"
        self._count_in(window, -amount, condition, {":call": uuid4().hex}, ", given_back = :call")

    def used(self, window: Window) -> int:
        item = self._get(items.window_key(window))
        return int(item["used"]["N"]) if item else 0

    def _count_in(
        self, window: Window, amount: int, condition: str, values: Mapping[str, Any], mark: str = ""
    ) -> bool:
        """Whether the table counted `amount`, because the condition held."""
        values = {**values, ":amount": amount, ":ttl": items.window_ttl(window)}
        return self._update_if(
            condition,
            Key=items.attributes(items.window_key(window)),
            UpdateExpression=f"ADD used :amount SET #ttl = :ttl{mark}",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues=items.attributes(values),
        )

    def _update_if(self, condition: str, **update: Any) -> bool:
        """One atomic update of the table; whether its condition held, so that it was made."""
        try:
            with named():
                self._dynamodb.update_item(TableName=self._table, ConditionExpression=condition, **update)
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def swept_until(self) -> str:
        item = self._get(items.SWEEP_KEY)
        return item["after_key"]["S"] if item else ""

    def put_swept_until(self, key: str) -> None:
        self._put(items.sweep_item(key))

    def notices(self, limit: int) -> tuple[Notice, ...]:
        values = items.attributes({":pk": items.NOTICES_PK})
        with named():
            answer = self._dynamodb.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues=values,
                ConsistentRead=True,
                Limit=limit,
            )
        return tuple(items.notice(item) for item in answer["Items"])

    def forget_notice(self, notice: Notice) -> None:
        with named():
            self._dynamodb.delete_item(TableName=self._table, Key=items.attributes(items.notice_key(notice)))

    def add_project(self, project: str) -> None:
        self._put(items.project_item(project))

    def projects(self) -> tuple[str, ...]:
        pages = self._pages(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=items.attributes({":pk": items.PROJECTS_PK}),
            ConsistentRead=True,
        )
        return tuple(items.project_of(item) for page in pages for item in page)

    def put_summary(self, week: str, notice: Notice) -> bool:
        """As the port says. The client repeats a call whose reply was lost, and DynamoDB knows it for ten minutes."""
        once: Any = {
            "Put": {
                **self._row(items.summary_item(notice.project, week)),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        told: Any = {"Put": self._row(items.notice_item(notice))}
        try:
            with named():
                self._dynamodb.transact_write_items(TransactItems=[once, told])
        except Conflict:
            return False
        return True

    def put_watch(self, watch: Watch, look_at: datetime) -> None:
        values = {
            ":project": watch.project,
            ":device": watch.device_id,
            ":session": watch.session_id,
            ":heard": sortable(watch.heard_at),
            ":silence": items.SILENCE_PK,
            ":due": items.watch_sk(watch, look_at),
        }
        with named():
            self._dynamodb.update_item(
                **self._key(items.watch_key(watch.project, watch.device_id)),
                UpdateExpression="SET #project = :project, device_id = :device, session_id = :session, "
                "heard_at = :heard, work_pk = :silence, work_sk = if_not_exists(due_when_heard, :due)",
                ExpressionAttributeNames={"#project": "project"},
                ExpressionAttributeValues=items.attributes(values),
            )

    def watched(self, until: datetime, limit: int) -> tuple[Watched, ...]:
        values = {":pk": items.SILENCE_PK, ":last": f"{sortable(until)}~"}
        with named():
            answer = self._dynamodb.query(
                TableName=self._table,
                IndexName="work",
                KeyConditionExpression="work_pk = :pk AND work_sk < :last",
                ExpressionAttributeValues=items.attributes(values),
                Limit=limit,
            )
        return tuple(items.watched(item) for item in answer["Items"])

    def watch(self, project: str, device_id: DeviceId) -> Watch | None:
        item = self._get(items.watch_key(project, device_id))
        return items.watch(item) if item else None

    def replace_watch(
        self, before: Watch, after: Watch, look_at: datetime | None, notices: Sequence[Notice]
    ) -> bool:
        """As the port says. The client repeats a call whose reply was lost, and DynamoDB knows it for ten minutes."""
        values = {":heard": sortable(before.heard_at)}
        condition = "heard_at = :heard AND attribute_not_exists(silent_since)"
        if before.silent_since:
            values[":since"] = sortable(before.silent_since)
            condition = "heard_at = :heard AND silent_since = :since"
        replacing: Any = {
            "Put": {
                **self._row(items.watch_item(after, look_at)),
                "ConditionExpression": condition,
                "ExpressionAttributeValues": items.attributes(values),
            }
        }
        told: list[Any] = [{"Put": self._row(items.notice_item(notice))} for notice in notices]
        try:
            with named():
                self._dynamodb.transact_write_items(TransactItems=[replacing, *told])
        except Conflict:
            return False
        return True

    def put_progress(self, session_id: SessionId, progress: Progress) -> None:
        self._put(items.progress_item(session_id, progress))

    def heard(self, project: str) -> tuple[Heard, ...]:
        pages = self._pages(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=items.attributes({":pk": items.heard_pk(project)}),
            ConsistentRead=True,
        )
        return tuple(items.value(item, Heard) for page in pages for item in page)

    def put_heard(self, project: str, heard: Heard) -> None:
        self._put(items.heard_item(project, heard))

    def token(self, token_id: TokenId) -> Token | None:
        """One call for both items: every call of the API makes it."""
        return _token_of(self._batch([items.token_key(token_id), items.secrets_key(token_id)]))

    def put_upload_pass(self, made: UploadPass) -> None:
        self._put(items.upload_pass_item(made))

    def upload_pass(self, pass_id: TokenId) -> UploadPass | None:
        [*found] = self._batch([items.upload_pass_key(pass_id)])
        return items.value(found[0], UploadPass) if found else None

    def put_page_session(self, made: PageSession, entry: Entry | None = None) -> None:
        if entry is None:
            self._put(items.page_session_item(made))
            return
        self._put_all(items.page_session_item(made), items.entry_item(entry))

    def page_session(self, key: PageSessionKey) -> Known:
        """One call for all items: every call of the page makes it."""
        own = items.page_session_key(key)
        keys = [own, items.token_key(key.token_id), items.secrets_key(key.token_id)]
        keys += [items.share_key(key.share_id)] if key.share_id else []
        found = list(self._batch(keys))
        by_place = {item["sk"]["S"]: item for item in found}
        page_session = next((item for item in found if item["pk"]["S"] == own["pk"]), None)
        share = by_place.get(items.SHARE_SK)
        return Known(
            items.value(page_session, PageSession) if page_session else None,
            _token_of(found),
            items.value(share, Share) if share else None,
        )

    def renew_page_session(self, found: PageSession, seen_at: datetime) -> None:
        values = {":before": msgspec.to_builtins(found.seen_at), ":now": msgspec.to_builtins(seen_at)}
        try:
            with named():
                self._dynamodb.update_item(
                    **self._key(items.page_session_key(found.key)),
                    UpdateExpression="SET seen_at = :now",
                    ConditionExpression="seen_at = :before",
                    ExpressionAttributeValues=items.attributes(values),
                )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise

    def forget_page_session(self, key: PageSessionKey) -> None:
        with named():
            self._dynamodb.delete_item(**self._key(items.page_session_key(key)))

    def page_sessions(self, token_id: TokenId) -> tuple[PageSession, ...]:
        pages = self._pages(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=items.attributes({":pk": items.page_sessions_pk(token_id)}),
            ConsistentRead=True,
        )
        found = (items.value(item, PageSession) for page in pages for item in page)
        return tuple(sorted(found, key=lambda each: (each.created_at, each.page_session_id)))

    def put_share(self, share: Share, entry: Entry) -> None:
        self._put_all(items.share_item(share), items.listed_share_item(share), items.entry_item(entry))

    def share(self, share_id: ShareId) -> Share | None:
        item = self._get(items.share_key(share_id))
        return items.value(item, Share) if item else None

    def shares(self, session_id: SessionId) -> tuple[Share, ...]:
        pages = self._pages(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=items.attributes({":pk": items.shares_pk(session_id)}),
            ConsistentRead=True,
        )
        found = (items.value(item, Share) for page in pages for item in page)
        return tuple(sorted(found, key=lambda each: (each.created_at, each.share_id), reverse=True))

    def tokens(self, project: str | None = None) -> tuple[Token, ...]:
        """As the port says. Tokens of an older release are not in the list: the first call finds and lists them."""
        if self._get(items.LISTED_KEY) is None:
            self._list_older_tokens()
        values = {":pk": items.TOKENS_PK, ":project": f"{project}#" if project else " "}
        condition = "begins_with(sk, :project)" if project else "sk > :project"
        pages = self._pages(
            KeyConditionExpression=f"pk = :pk AND {condition}",
            ExpressionAttributeValues=items.attributes(values),
            ConsistentRead=True,
        )
        found = [item for page in pages for item in page]
        secrets = self._batch([items.secrets_key(item["token_id"]["S"]) for item in found])
        by_key = {item["pk"]["S"]: item for item in secrets}
        return tuple(
            items.token_of(item, by_key.get(items.secrets_key(item["token_id"]["S"])["pk"])) for item in found
        )

    def note(self, entry: Entry) -> None:
        self._put(items.entry_item(entry))

    def trail(self, session_id: SessionId, after: int, limit: int) -> tuple[Entry, ...]:
        first = self._get(items.session_key(session_id, items.FIRST_CHAPTER_SK)) if after < 1 else None
        found = [items.carried_entry(first)] if first and "entry" in first else []
        values = {":pk": items.trail_pk(session_id), ":after": items.version_sk(after)}
        for page in self._pages(
            KeyConditionExpression="pk = :pk AND sk > :after",
            ExpressionAttributeValues=items.attributes(values),
            ConsistentRead=True,
            Limit=limit,
        ):
            found += [items.carried_entry(item) for item in page]
            if len(found) >= limit:
                break
        return tuple(found[:limit])

    def trail_of_day(self, project: str, day: date) -> tuple[Entry, ...]:
        pages = self._pages(
            IndexName="work",
            KeyConditionExpression="work_pk = :pk",
            ExpressionAttributeValues=items.attributes({":pk": items.day_pk(project, day)}),
        )
        keys = [{name: item[name]["S"] for name in ("pk", "sk")} for page in pages for item in page]
        entries = [items.carried_entry(item) for item in self._batch(keys)]
        return tuple(
            sorted(entries, key=lambda entry: (entry.at, entry.session_id or "", entry.version or 0))
        )

    def enlist(self, enlisting: Enlisting) -> None:
        with named():
            self._dynamodb.transact_write_items(TransactItems=list(self._enlists(enlisting)))

    def put_secrets(
        self, token_id: TokenId, secrets: Secrets, code: Code | None = None, entry: Entry | None = None
    ) -> None:
        """botocore repeats it with its ClientRequestToken; a table that forgets those answers Conflict to that."""
        item = items.secrets_item(token_id, secrets)
        writes: list[Any] = [{"Put": {**self._row(item), **_only_after(secrets.version - 1)}}]
        if code:
            unspent = {"ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(exchanged_at)"}
            writes.append({"Put": {**self._row(items.code_item(code)), **unspent}})
        if entry:
            writes.append({"Put": self._row(items.entry_item(entry))})
        with named():
            self._dynamodb.transact_write_items(TransactItems=writes)

    def code(self, code_id: CodeId) -> Code | None:
        item = self._get(items.code_key(code_id))
        return items.value(item, Code) if item else None

    def device(self, device_id: DeviceId) -> Device | None:
        item = self._get(items.device_key(device_id))
        return items.value(item, Device) if item else None

    def _enlists(self, enlisting: Enlisting) -> Iterator[Any]:
        for token in enlisting.tokens:
            yield {"Put": self._row(items.token_item(token))}
            yield {"Put": self._row(items.listed_token_item(token))}
        if enlisting.device:
            yield {"Put": self._row(items.device_item(enlisting.device))}
        if enlisting.code:
            yield {"Put": self._row(items.code_item(enlisting.code))}
        if enlisting.entry:
            yield {"Put": self._row(items.entry_item(enlisting.entry))}

    def _list_older_tokens(self) -> None:
        """Walks through the whole table, once."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="sk = :sk",
            ExpressionAttributeValues=items.attributes({":sk": items.TOKEN_SK}),
            ConsistentRead=True,
        )
        with named():
            found = [items.value(item, Token) for page in pages for item in page["Items"]]
        for token in found:
            self._put_first(items.listed_token_item(token))
        self._put(items.attributes(items.LISTED_KEY))

    def _put_first(self, item: items.Item) -> None:
        """Put an item unless there is one: what was written meanwhile is newer."""
        try:
            with named():
                self._dynamodb.put_item(
                    TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)"
                )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise

    def _writes(self, change: Change) -> Iterator[Any]:
        session = change.session
        chapters = enumerate(change.chapters, start=1)
        beside = [items.chapter_item(session.session_id, place, chapter) for place, chapter in chapters]
        # Of a browser's session the first chapter may be written again, and its films leave room for the entry.
        is_carried = bool(change.chapters) and session.origin is not Origin.BROWSER
        if change.entry and is_carried:
            beside[0] = items.with_entry(beside[0], change.entry)
        beside += [items.upload_item(upload) for upload in change.uploads]
        beside += [items.receipt_item(session.session_id, receipt) for receipt in change.receipts]
        beside += [items.index_item(session.session_id, index) for index in change.indexes]
        beside += [items.landing_item(session.session_id, landing) for landing in change.landings]
        if change.counting:
            beside.append(items.counted_item(session.session_id, change.counting.after))
        item = items.session_item(session, change.summary)
        first, *others = items.stamped(item, beside, session.version)
        yield {"Put": {**self._row(first), **_only_after(session.version - 1)}}
        for item in (*others, *map(items.pointer_item, change.uploads)):
            yield {"Put": self._row(item)}
        for place in range(len(change.chapters) + 1, change.chapters_before + 1):
            yield {"Delete": self._key(items.chapter_key(session.session_id, place))}
        if change.due_at:
            yield {"Put": self._row(items.work_item(session.session_id, change.due_at))}
        elif session.version > 1:
            # A new session has none; with 99 chapters there would be no room to delete it.
            yield {"Delete": self._key(items.work_key(session.session_id))}
        yield from self._tells(change)
        if change.entry and not is_carried:
            yield {"Put": self._row(items.entry_item(change.entry))}

    def _tells(self, change: Change) -> Iterator[Any]:
        """What tells people of a change: notices, and the list of the sessions that need somebody."""
        for notice in change.notices:
            yield {"Put": self._row(items.notice_item(notice))}
        if change.needs:
            yield {"Put": self._row(items.needy_item(change.session, change.needs))}
        elif change.counting and change.counting.ends_needing:
            yield {"Delete": self._key(items.needy_place(change.session))}

    def _counts(self, session: Session, counting: Counting) -> Iterator[Any]:
        """What counting a session writes: beside what it counts for now, the difference into its counters."""
        for key, changes in counter_changes(session, counting):
            yield {"Update": {**self._key(items.counter_place(key)), **_adding(changes)}}
        if counting.lists_as_waiting:
            yield {"Put": self._row(items.waiting_item(session))}
        elif counting.ends_waiting:
            yield {"Delete": self._key(items.waiting_place(session))}

    def _key(self, key: Mapping[str, str]) -> dict[str, Any]:
        return {"TableName": self._table, "Key": items.attributes(key)}

    def _row(self, item: items.Item) -> dict[str, Any]:
        return {"TableName": self._table, "Item": item}

    def _collection(self, session_id: SessionId) -> dict[str, items.Item]:
        """Every item of a session, by sort key.

        One page is read within milliseconds; two writes, the second of which reads the first, take longer. Between two
        pages any time may pass. So what does not fit into one is read from the session's item on, and then what sorts
        before it: nothing can be older than that item, and what is newer shows it.
        """
        key = items.attributes({":pk": items.session_key(session_id, "")["pk"]})
        query: Any = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": key}
        with named():
            page = self._dynamodb.query(TableName=self._table, ConsistentRead=True, **query)
        found = page["Items"]
        if page.get("LastEvaluatedKey"):
            values = {**key, **items.attributes({":session": items.SESSION_SK})}
            found = [
                item
                for part in ("sk >= :session", "sk < :session")
                for page_of_part in self._pages(
                    KeyConditionExpression=f"pk = :pk AND {part}",
                    ExpressionAttributeValues=values,
                    ConsistentRead=True,
                )
                for item in page_of_part
            ]
        return {item["sk"]["S"]: item for item in found}

    def _days(
        self, pk: str, first: date | None, last: date | None, **query: Any
    ) -> Iterator[list[items.Item]]:
        """Pages of a partition whose sort keys begin with a day; both bounds are in."""
        values = {
            ":pk": pk,
            ":first": first.isoformat() if first else "0",
            # No sort key is a day alone where the next day's begin, and "~" comes after all of them.
            ":last": f"{last.isoformat()}~" if last else "~",
        }
        yield from self._pages(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=items.attributes(values),
            **query,
        )

    def _pages(self, **query: Any) -> Iterator[list[items.Item]]:
        pages = self._dynamodb.get_paginator("query").paginate(TableName=self._table, **query)
        with named():
            for page in pages:
                yield page["Items"]

    def _get(self, key: Mapping[str, str]) -> items.Item | None:
        with named():
            answer = self._dynamodb.get_item(
                TableName=self._table, Key=items.attributes(key), ConsistentRead=True
            )
        return answer.get("Item")

    def _put_all(self, *written: items.Item) -> None:
        writes: list[Any] = [{"Put": self._row(item)} for item in written]
        with named():
            self._dynamodb.transact_write_items(TransactItems=writes)

    def _put(self, item: items.Item) -> None:
        with named():
            self._dynamodb.put_item(TableName=self._table, Item=item)


def _token_of(found: Iterable[items.Item]) -> Token | None:
    """The token whose items are among those that were found."""
    by_place = {item["sk"]["S"]: item for item in found}
    token = by_place.get(items.TOKEN_SK)
    return items.token_of(token, by_place.get(items.SECRETS_SK)) if token else None


def _list_of(by: ListedBy) -> tuple[str | None, str, str, str]:
    """The index of a list (None: the table itself), its two keys' names, and the list's own key."""
    if by.group is not None:
        return None, "pk", "sk", items.group_pk(by.project, by.group)
    if by.serial is not None:
        return "by_camera", "camera_pk", "camera_sk", items.camera_pk(by.project, by.serial)
    if by.device_id is not None:
        return "by_device", "device_pk", "device_sk", items.device_pk(by.project, by.device_id)
    return "listed", "list_pk", "list_sk", items.sessions_pk(by.project)


def _adding(counts: Counts) -> dict[str, Any]:
    """An update that adds these figures, and one write."""
    names = {f"#n{place}": name for place, name in enumerate(("writes", *counts))}
    values = {f":n{place}": figure for place, figure in enumerate((1, *counts.values()))}
    added = ", ".join(f"#n{place} :n{place}" for place in range(len(names)))
    return {
        "UpdateExpression": f"ADD {added}",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": items.attributes(values),
    }


def _met_at_a_counter(error: BaseException | None, counting_from: int) -> bool:
    """Whether a transaction was cancelled for no other reason than another one at its items from `counting_from` on."""
    reasons = error.response.get("CancellationReasons", []) if isinstance(error, ClientError) else []
    codes = [str(reason.get("Code", "None")) for reason in reasons]
    elsewhere, there = set(codes[:counting_from]), set(codes[counting_from:])
    is_met_there = "TransactionConflict" in there and there <= {"None", "TransactionConflict"}
    return elsewhere == {"None"} and is_met_there


def _only_behind(before: Arming | None) -> dict[str, Any]:
    """The condition that `before` is the arming on record; None means that there is none on record."""
    if before is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    names = ("is_armed", "changed_at", "reason")
    item = items.arming_item(before)
    return {
        "ConditionExpression": " AND ".join(f"#{name} = :{name}" for name in names),
        "ExpressionAttributeNames": {f"#{name}": name for name in names},
        "ExpressionAttributeValues": {f":{name}": item[name] for name in names},
    }


def _only_after(version: int) -> dict[str, Any]:
    """The condition that the recorded session has this version; version 0 is none at all."""
    if version == 0:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {
        "ConditionExpression": "#version = :before",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": items.attributes({":before": version}),
    }
