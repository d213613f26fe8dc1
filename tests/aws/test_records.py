"""What the table over DynamoDB asks, and how it reads answers that no local engine gives on demand."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.aws import items
from chalicelib.aws.records import DynamoRecords
from chalicelib.core.acting import COORDINATOR
from chalicelib.core.audit import act, step
from chalicelib.core.cleanup import Arming, Spent
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import Conflict, StorageBusy
from chalicelib.core.heard import Heard
from chalicelib.core.ids import ArtifactId, DeviceId, PageSessionId, ShareId, TokenId, UploadId
from chalicelib.core.measurements.index import Index
from chalicelib.core.page_sessions import PageSession
from chalicelib.core.shares import KEPT_S, Share
from chalicelib.core.statistics.counts import Counter, Counting, counter_keys
from chalicelib.core.tokens import Role, Token
from chalicelib.core.upload import Receipt
from chalicelib.flows.store import MOST_CHAPTERS_TO_COUNT
from chalicelib.ports import Change, Due, Listed
from tests.aws.canned import Answer, Sent, answering, clients
from tests.support.builders import make_chapter, make_session, make_session_id, make_upload

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TODAY = NOON.date()
SESSION = make_session()
SESSION_ID = SESSION.session_id


def answer(said: dict[str, Any], status: int = 200) -> Answer:
    return Answer(status, json.dumps(said))


def failure(code: str, status: int = 400, *reasons: str) -> Answer:
    said = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "said DynamoDB"}
    return answer({**said, "CancellationReasons": [{"Code": reason} for reason in reasons]}, status)


def records(*answers: Answer) -> tuple[DynamoRecords, list[Sent]]:
    dynamodb = clients().dynamodb
    return DynamoRecords(dynamodb, "table", pause=lambda _: None), answering(dynamodb, *answers)


def asked(sent: Sent) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(sent.body)
    return said


BUSY = failure("Busy", 507)
"""A 5xx that botocore does not try again: the tests need not wait for its delays."""


def written(version: int, *beside: items.Item) -> list[items.Item]:
    """The usual session's item at `version`, and what was written with it."""
    return items.stamped(items.session_item(replace(SESSION, version=version)), beside, version)


MORE = {"pk": {"S": f"SESSION#{SESSION_ID}"}, "sk": {"S": "CHAPTER#01"}}
"""Where the next page of the usual session begins."""


def test_a_picture_of_one_page_is_read_consistently_at_once():
    table, sent = records(answer({"Items": written(1, items.chapter_item(SESSION_ID, 1, make_chapter()))}))

    found = table.picture(SESSION_ID)

    assert found is not None
    assert (found.session, found.chapters) == (SESSION, (make_chapter(),))
    assert [asked(request)["ConsistentRead"] for request in sent] == [True]


def test_a_picture_of_several_pages_is_read_from_the_sessions_item_on():
    session, chapter, other = written(
        1,
        items.chapter_item(SESSION_ID, 1, make_chapter()),
        items.chapter_item(SESSION_ID, 2, make_chapter(2)),
    )
    table, sent = records(
        answer({"Items": [chapter], "LastEvaluatedKey": MORE}),
        answer({"Items": [session]}),
        answer({"Items": [chapter], "LastEvaluatedKey": MORE}),
        answer({"Items": [other]}),
    )

    found = table.picture(SESSION_ID)

    assert found is not None
    assert (found.session, found.chapters) == (SESSION, (make_chapter(), make_chapter(2)))
    conditions = [asked(request)["KeyConditionExpression"] for request in sent]
    assert conditions == ["pk = :pk", "pk = :pk AND sk >= :session", *["pk = :pk AND sk < :session"] * 2]
    assert all(asked(request)["ConsistentRead"] for request in sent)
    assert asked(sent[3])["ExclusiveStartKey"] == MORE


def test_a_page_from_before_two_writes_is_no_part_of_a_picture():
    before = written(1, items.index_item(SESSION_ID, POISON))[1]
    after = written(2, items.index_item(SESSION_ID, INDEX))[1]
    session, upload = written(3, items.upload_item(OPEN))
    table, _ = records(
        answer({"Items": [before], "LastEvaluatedKey": MORE}),
        answer({"Items": [session, upload]}),
        answer({"Items": [after]}),
    )

    found = table.picture(SESSION_ID)

    assert found is not None
    assert (found.session.version, found.indexes, found.uploads) == (3, (INDEX,), (OPEN,))


def test_a_write_between_the_pages_of_a_picture_has_it_read_again():
    index = items.index_item(SESSION_ID, INDEX)
    torn = (
        answer({"Items": [], "LastEvaluatedKey": MORE}),
        answer({"Items": written(1)}),
        answer({"Items": [written(2, index)[1]]}),
    )
    table, sent = records(*torn, answer({"Items": written(2, index)}))

    found = table.picture(SESSION_ID)

    assert found is not None
    assert (found.session.version, found.indexes) == (2, (INDEX,))
    assert len(sent) == 4


def test_a_page_that_fails_is_never_a_smaller_picture():
    table, _ = records(answer({"Items": written(1), "LastEvaluatedKey": {}}))
    table_with_more, _ = records(answer({"Items": written(1), "LastEvaluatedKey": {"pk": {"S": "a"}}}), BUSY)

    assert table.picture(SESSION_ID) is not None
    with pytest.raises(StorageBusy):
        table_with_more.picture(SESSION_ID)


def test_items_of_a_newer_version_are_passed_over():
    newer = {"pk": {"S": f"SESSION#{SESSION_ID}"}, "sk": {"S": "ORDER"}, "outputs": {"SS": ["a"]}}
    table, _ = records(answer({"Items": [newer, *written(1)]}))

    found = table.picture(SESSION_ID)

    assert found is not None
    assert found.session == SESSION


OPEN = make_upload()
CANCELLED = OPEN.cancelled(NOON)
OTHER = make_upload(upload_id=UploadId("u_other"))
AT_2 = written(2, items.upload_item(OPEN))
AT_3 = written(3, items.upload_item(CANCELLED))


@pytest.mark.parametrize(
    "torn",
    [
        pytest.param([AT_3[0], AT_2[1]], id="an upload from before the session's last write"),
        pytest.param([AT_2[0], AT_3[1]], id="an upload from after it"),
        pytest.param([AT_3[0]], id="an upload not there yet"),
        pytest.param([*AT_2, written(3, items.upload_item(OTHER))[1]], id="an upload there too early"),
    ],
)
def test_a_picture_caught_in_the_middle_of_a_write_is_read_again(torn: list[items.Item]):
    table, sent = records(answer({"Items": torn}), answer({"Items": AT_3}))

    found = table.picture(SESSION_ID)

    assert found is not None
    assert (found.session.version, found.uploads) == (3, (CANCELLED,))
    assert len(sent) == 2


RECEIPT = Receipt(
    None, ArtifactId("output.a"), "outputs/main/match-17-north/1/a", "v1", 9, Crc64Nvme("rosUhgp5mIg="), NOON
)
INDEX = Index(ArtifactId("measurements.lights"), "v1", "0f", "papi", 3, 0, NOON)
POISON = replace(INDEX, frames=0, quarantine="poison")
PINNED = items.receipt_item(SESSION_ID, RECEIPT), items.index_item(SESSION_ID, POISON)
MADE_AT_3 = written(3, *PINNED)


@pytest.mark.parametrize(
    "torn",
    [
        pytest.param([MADE_AT_3[0], MADE_AT_3[1]], id="an index not there yet"),
        pytest.param([MADE_AT_3[0], MADE_AT_3[2]], id="a receipt not there yet"),
        pytest.param(
            [*MADE_AT_3[:2], written(2, items.index_item(SESSION_ID, INDEX))[1]],
            id="an index from before the session's last write",
        ),
        pytest.param([written(2)[0], MADE_AT_3[1]], id="a receipt there too early"),
        pytest.param([written(2)[0], MADE_AT_3[2]], id="an index there too early"),
    ],
)
def test_receipts_and_indexes_caught_in_the_middle_of_a_write_are_read_again(torn: list[items.Item]):
    table, sent = records(answer({"Items": torn}), answer({"Items": MADE_AT_3}))

    found = table.picture(SESSION_ID)

    assert found is not None
    assert (found.session.version, found.receipts, found.indexes) == (3, (RECEIPT,), (POISON,))
    assert len(sent) == 2


def test_receipts_and_indexes_of_earlier_writes_are_part_of_the_picture():
    table, _ = records(answer({"Items": [*written(4), *MADE_AT_3[1:]]}))

    found = table.picture(SESSION_ID)

    assert found is not None
    assert (found.receipts, found.indexes) == ((RECEIPT,), (POISON,))


def test_uploads_of_earlier_writes_are_part_of_the_picture():
    table, _ = records(answer({"Items": [*AT_3, written(2, items.upload_item(OTHER))[1]]}))

    found = table.picture(SESSION_ID)

    assert found is not None
    assert found.uploads == (CANCELLED, OTHER)


def test_who_never_sees_a_whole_picture_is_asked_to_come_back():
    table, sent = records(*[answer({"Items": [AT_3[0], AT_2[1]]})] * 10)

    with pytest.raises(StorageBusy):
        table.picture(SESSION_ID)

    assert len(sent) == 5


def test_the_owner_of_an_upload_is_read_consistently():
    table, sent = records(answer({"Item": items.pointer_item(make_upload())}))

    assert table.session_of(UploadId("u_first")) == SESSION_ID
    assert asked(sent[0])["ConsistentRead"] is True


def test_due_sessions_are_gathered_over_pages_until_the_limit():
    def page(name: str) -> Answer:
        return answer(
            {"Items": [items.work_item(make_session_id(name), NOON)], "LastEvaluatedKey": {"pk": {"S": name}}}
        )

    table, sent = records(page("a"), page("b"), page("c"))

    assert [due.session_id for due in table.due(NOON, 2)] == ["main/a", "main/b"]
    assert len(sent) == 2


def test_a_camera_is_asked_for_from_the_newest_on_behind_the_last_that_is_known():
    table, sent = records(answer({"Items": []}), answer({"Items": []}))

    table.sessions_of_camera("C35", "main", None, 21)
    table.sessions_of_camera("C35", "main", Listed(SESSION_ID, NOON), 21)

    first, next_page = (asked(request) for request in sent)
    assert (first["IndexName"], first["ScanIndexForward"], first["Limit"]) == ("by_camera", False, 21)
    assert first["ExpressionAttributeValues"] == {":pk": {"S": "CAMERA#main/C35"}, ":first": {"S": "~"}}
    assert next_page["ExpressionAttributeValues"][":first"] == {
        "S": "2026-11-21T12:00:00.000000Z#main/match-17-north"
    }


def listed_page(*names: str) -> Answer:
    """A page of the index by_camera, and more behind it."""
    entries = [{"camera_sk": {"S": items.listed_sk(Listed(make_session_id(name), NOON))}} for name in names]
    return answer({"Items": entries, "LastEvaluatedKey": {"pk": {"S": names[-1]}}})


def test_pages_of_a_camera_are_gathered_until_there_are_enough():
    table, sent = records(listed_page("a"), listed_page("b", "c"), listed_page("d"))

    found = table.sessions_of_camera("C35", "main", None, 2)

    assert [listed.session_id for listed in found] == ["main/a", "main/b"]
    assert len(sent) == 2


def test_a_page_of_a_camera_that_fails_is_never_the_end_of_its_sessions():
    table, _ = records(listed_page("a"), BUSY)

    with pytest.raises(StorageBusy):
        table.sessions_of_camera("C35", "main", None, 2)


def test_a_new_session_with_all_its_chapters_fits_one_transaction():
    table, sent = records(answer({}))

    table.write(Change(SESSION, chapters=tuple(make_chapter(number) for number in range(1, 100))))

    assert len(asked(sent[0])["TransactItems"]) == 100


def test_the_session_and_when_it_is_due_are_written_in_one_transaction():
    table, sent = records(answer({}))

    table.write(Change(SESSION.bumped(), uploads=(make_upload(),), due_at=NOON))
    table.write(Change(SESSION.bumped(), due_at=None))

    with_due, without_due = (asked(request)["TransactItems"] for request in sent)
    assert [put["Put"]["Item"]["sk"]["S"] for put in with_due] == [
        "SESSION",
        "UPLOAD#u_first",
        "UPLOAD",
        "WORK",
    ]
    assert without_due[1]["Delete"]["Key"] == items.attributes(items.work_key(SESSION_ID))


def test_a_transaction_in_the_way_of_another_is_a_conflict():
    table, _ = records(failure("TransactionCanceledException", 400, "TransactionConflict", "None"))

    with pytest.raises(Conflict):
        table.write(Change(SESSION))


COUNTED = Counting({"chapters_waiting": 2}, {"chapters_waiting": 1, "bytes_originals": 25})
COUNTS = Change(SESSION.bumped(), counting=COUNTED)
"""Three items before those of its two counters."""
MET_AT_A_COUNTER = failure(
    "TransactionCanceledException", 400, "None", "None", "None", "TransactionConflict", "None"
)


def test_what_a_session_counts_for_is_written_in_its_transaction_as_a_difference():
    table, sent = records(answer({}))

    table.write(COUNTS)

    session, counted, work, *counters = asked(sent[0])["TransactItems"]
    assert session["Put"]["Item"]["written_with"] == {"L": [{"S": "COUNTED"}]}
    assert counted["Put"]["Item"]["counts"] == {
        "M": {"chapters_waiting": {"N": "1"}, "bytes_originals": {"N": "25"}}
    }
    assert "Delete" in work
    assert [each["Update"]["Key"] for each in counters] == [
        items.attributes(items.counter_place(key)) for key in counter_keys(SESSION)
    ]
    assert counters[0]["Update"]["UpdateExpression"] == "ADD #n0 :n0, #n1 :n1, #n2 :n2"
    assert counters[0]["Update"]["ExpressionAttributeNames"] == {
        "#n0": "writes",
        "#n1": "bytes_originals",
        "#n2": "chapters_waiting",
    }
    assert counters[0]["Update"]["ExpressionAttributeValues"] == {
        ":n0": {"N": "1"},
        ":n1": {"N": "25"},
        ":n2": {"N": "-1"},
    }


def test_a_write_that_meets_another_session_at_a_counter_is_tried_again_as_it_is():
    table, sent = records(MET_AT_A_COUNTER, MET_AT_A_COUNTER, answer({}))

    table.write(COUNTS)

    first, *others = [asked(request)["TransactItems"] for request in sent]
    assert others == [first, first]


def test_a_write_that_always_meets_others_at_a_counter_is_a_conflict_in_the_end():
    table, sent = records(*[MET_AT_A_COUNTER] * 7)

    with pytest.raises(Conflict):
        table.write(COUNTS)
    assert len(sent) == 6


@pytest.mark.parametrize(
    "reasons",
    [
        ("TransactionConflict", "None", "None", "TransactionConflict", "None"),
        ("ConditionalCheckFailed", "None", "None", "TransactionConflict", "None"),
        ("ConditionalCheckFailed", "None", "None", "None", "None"),
        ("None", "None", "None", "TransactionConflict", "ThrottlingError"),
        (),
    ],
)
def test_a_write_that_meets_another_at_its_session_is_never_tried_again_as_it_is(reasons: tuple[str, ...]):
    table, sent = records(failure("TransactionCanceledException", 400, *reasons), answer({}))

    with pytest.raises(Exception, match=r"."):
        table.write(COUNTS)
    assert len(sent) == 1


def test_a_new_session_of_ninety_chapters_is_counted_in_its_transaction():
    table, sent = records(answer({}))
    chapters = tuple(make_chapter(number) for number in range(1, MOST_CHAPTERS_TO_COUNT + 1))

    table.write(Change(SESSION, chapters=chapters, counting=Counting({}, {"chapters_waiting": 90})))

    # Room is left for what else a write may have to say of itself.
    assert len(asked(sent[0])["TransactItems"]) == MOST_CHAPTERS_TO_COUNT + 5


def test_a_counter_is_replaced_on_the_condition_that_nobody_wrote_it():
    table, sent = records(answer({}), failure("ConditionalCheckFailedException"), answer({}))
    key = counter_keys(SESSION)[0]

    assert table.replace_counter(key, Counter({"chapters": 2}, 7), {"chapters": 3})
    assert not table.replace_counter(key, Counter({"chapters": 2}, 7), {"chapters": 3})
    assert table.replace_counter(key, Counter({}, 0), {"chapters": 3})
    known, _, new = (asked(request) for request in sent)
    assert (known["ConditionExpression"], known["Item"]["writes"]) == ("#writes = :before", {"N": "8"})
    assert new["ConditionExpression"] == "attribute_not_exists(pk)"


def test_a_counter_that_may_not_be_replaced_is_an_error():
    table, _ = records(failure("AccessDeniedException"))

    with pytest.raises(Exception, match="AccessDenied"):
        table.replace_counter(counter_keys(SESSION)[0], Counter({}, 0), {})


@pytest.mark.parametrize("code", ["ConditionalCheckFailedException", "TransactionConflictException"])
def test_postponing_gives_way_to_whoever_is_writing(code: str):
    table, sent = records(failure(code))

    table.postpone(Due(SESSION_ID, NOON), NOON)

    assert asked(sent[0])["ConditionExpression"] == "work_sk = :before"


def test_a_postponing_that_is_not_allowed_is_an_error():
    table, _ = records(failure("AccessDeniedException"))

    with pytest.raises(Exception, match="AccessDenied"):
        table.postpone(Due(SESSION_ID, NOON), NOON)


LIMIT = Spent(3, 100)


def test_what_is_spent_is_counted_in_one_update_that_holds_the_limit():
    table, sent = records(answer({}))

    assert table.spend(TODAY, 30, LIMIT)

    said = asked(sent[0])
    assert said["Key"] == {"pk": {"S": "SPENT#2026-11-21"}, "sk": {"S": "SPENT"}}
    assert said["UpdateExpression"] == "ADD objects :one, size_bytes :size"
    assert said["ExpressionAttributeValues"] == {
        ":one": {"N": "1"},
        ":size": {"N": "30"},
        ":objects": {"N": "3"},
        ":room": {"N": "70"},
    }


def test_what_would_pass_the_limit_is_refused_by_the_table():
    table, _ = records(failure("ConditionalCheckFailedException"))

    assert not table.spend(TODAY, 30, LIMIT)


@pytest.mark.parametrize("limit", [Spent(3, 29), Spent(0, 100)])
def test_what_passes_the_limit_by_itself_is_not_even_asked(limit: Spent):
    table, sent = records(answer({}))

    assert not table.spend(TODAY, 30, limit)
    assert sent == []


def test_a_spending_that_is_not_allowed_is_an_error_and_never_a_yes():
    table, _ = records(failure("AccessDeniedException"))

    with pytest.raises(Exception, match="AccessDenied"):
        table.spend(TODAY, 30, LIMIT)


def test_what_was_spent_and_whether_cleanup_is_armed_are_read_consistently():
    table, sent = records(answer({}))

    assert (table.spent(TODAY), table.arming()) == (None, None)
    assert [asked(request)["ConsistentRead"] for request in sent] == [True, True]


def test_every_page_of_sessions_is_read_consistently():
    pages = [{"Items": [{"session_id": {"S": name}}]} for name in ("main/a", "main/b")]
    key = {"pk": {"S": "SESSION#main/a"}, "sk": {"S": "SESSION"}}
    table, sent = records(answer({**pages[0], "LastEvaluatedKey": key}), answer(pages[1]))

    assert list(table.sessions()) == ["main/a", "main/b"]
    assert [asked(request)["ConsistentRead"] for request in sent] == [True, True]
    assert asked(sent[1])["ExclusiveStartKey"] == key


def test_a_page_of_sessions_that_fails_is_never_the_end_of_them():
    page = {"Items": [{"session_id": {"S": "a"}}], "LastEvaluatedKey": {"pk": {"S": "a"}}}
    table, _ = records(answer(page), BUSY)

    with pytest.raises(StorageBusy):
        list(table.sessions())


SHARE = Share(ShareId("s_1"), SESSION_ID, "ab" * 32, "the coach", TokenId("t_1"), NOON, NOON)
LOGIN = PageSession(TokenId("t_1"), PageSessionId("p_1"), "ab" * 32, 1, NOON, NOON, NOON, SHARE.share_id)


@pytest.mark.parametrize(("login", "keys"), [(replace(LOGIN, share_id=None), 3), (LOGIN, 4)])
def test_a_call_of_the_page_reads_all_that_it_depends_on_at_once(login: PageSession, keys: int):
    token = Token(TokenId("t_1"), Role.OPERATOR, "main", None, "ab" * 32, NOON)
    found = [items.page_session_item(login), items.token_item(token), items.share_item(SHARE)]
    table, sent = records(answer({"Responses": {"table": found}, "UnprocessedKeys": {}}))

    known = table.page_session(login.key)

    [read] = sent
    assert (known.page_session, known.token) == (login, token)
    of_table = asked(read)["RequestItems"]["table"]
    assert (len(of_table["Keys"]), of_table["ConsistentRead"]) == (keys, True)


@pytest.mark.parametrize(
    ("item", "ttl"),
    [
        (items.page_session_item(LOGIN), int(NOON.timestamp())),
        (items.share_item(SHARE), int(NOON.timestamp()) + KEPT_S),
        (items.listed_share_item(SHARE), int(NOON.timestamp()) + KEPT_S),
    ],
)
def test_the_table_forgets_logins_at_their_end_and_links_some_time_after_it(item: items.Item, ttl: int):
    assert item["ttl"] == {"N": str(ttl)}


CALLS: list[Callable[[DynamoRecords], Any]] = [
    lambda table: table.picture(SESSION_ID),
    lambda table: table.session_of(UploadId("u_first")),
    lambda table: table.write(Change(SESSION)),
    lambda table: table.due(NOON, 1),
    lambda table: table.postpone(Due(SESSION_ID, NOON), NOON),
    lambda table: table.token(TokenId("t_1")),
    lambda table: table.put_page_session(LOGIN),
    lambda table: table.page_session(LOGIN.key),
    lambda table: table.renew_page_session(LOGIN, NOON),
    lambda table: table.forget_page_session(LOGIN.key),
    lambda table: table.page_sessions(LOGIN.token_id),
    lambda table: table.put_share(SHARE, act(COORDINATOR, NOON, "main", step("share", "s_1", None, "made"))),
    lambda table: table.share(SHARE.share_id),
    lambda table: table.shares(SESSION_ID),
    lambda table: table.device(DeviceId("d_1")),
    lambda table: list(table.sessions()),
    lambda table: table.sessions_of_camera("C35", "main", None, 1),
    lambda table: table.counts("main", None, None, None),
    lambda table: list(table.counter_keys()),
    lambda table: table.counter(counter_keys(SESSION)[0]),
    lambda table: table.replace_counter(counter_keys(SESSION)[0], Counter({}, 0), {}),
    lambda table: table.waiting("main", None, None, 1),
    lambda table: table.heard("main"),
    lambda table: table.put_heard("main", Heard(DeviceId("d_1"), SESSION_ID, NOON)),
    lambda table: table.arming(),
    lambda table: table.put_arming(Arming(True, NOON, "begin")),
    lambda table: table.spent(TODAY),
    lambda table: table.spend(TODAY, 30, LIMIT),
]


@pytest.mark.parametrize("call", CALLS)
def test_every_call_tells_when_the_table_asks_for_patience(call: Callable[[DynamoRecords], Any]):
    table, _ = records(BUSY)

    with pytest.raises(StorageBusy):
        call(table)


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
def test_a_table_that_is_too_busy_to_count_says_neither_yes_nor_no(code: str):
    # With a status that botocore does not try again: the tests need not wait for its delays.
    table, _ = records(failure(code, 507))

    with pytest.raises(StorageBusy):
        table.spend(TODAY, 30, LIMIT)
