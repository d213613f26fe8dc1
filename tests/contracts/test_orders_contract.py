"""What every processing queue does, whatever it stands on."""

import json

import pytest

from chalicelib.core.errors import TooLarge
from chalicelib.ports import MOST_MESSAGE_BYTES
from tests.contracts.worlds import Queue


def message_of(size_bytes: int) -> str:
    """A message of exactly this size in UTF-8, half as many characters."""
    frame = '{"group":""}'
    assert (size_bytes - len(frame)) % 2 == 0
    return frame.replace('""', '"' + "é" * ((size_bytes - len(frame)) // 2) + '"')


def test_a_message_arrives_once_as_it_was_sent(queue: Queue):
    queue.orders.send('{"session_id": "match-17", "order": 1}')

    assert queue.received() == [{"session_id": "match-17", "order": 1}]
    assert queue.received() == []


def test_every_message_arrives(queue: Queue):
    for number in range(1, 13):
        queue.orders.send(json.dumps({"order": number}))

    assert sorted(message["order"] for message in queue.received()) == list(range(1, 13))


@pytest.mark.parametrize("text", ["Größe", "日本", "🎥", "\t\n", '"<&>', "\uffff", "\ufffe", "\x7f\x85"])
def test_any_text_of_an_order_arrives_unchanged(queue: Queue, text: str):
    queue.orders.send(json.dumps({"parameters": {text: text}}, ensure_ascii=False))

    assert queue.received() == [{"parameters": {text: text}}]


@pytest.mark.parametrize(("shorter", "space"), [(2, " "), (0, "")])
def test_a_message_up_to_the_limit_is_taken(queue: Queue, shorter: int, space: str):
    message = message_of(MOST_MESSAGE_BYTES - shorter) + space

    queue.orders.send(message)

    assert queue.received() == [json.loads(message)]


@pytest.mark.parametrize("character", ["\ufffe", "\uffff"])
def test_what_the_queue_takes_only_as_an_escape_counts_as_one(queue: Queue, character: str):
    fits = json.dumps({"group": "x" * (MOST_MESSAGE_BYTES - 19) + character}, ensure_ascii=False)

    queue.orders.send(fits)

    assert queue.received() == [json.loads(fits)]
    with pytest.raises(TooLarge):
        queue.orders.send(fits + " ")


def test_a_message_above_the_limit_is_refused_and_leaves_nothing(queue: Queue):
    with pytest.raises(TooLarge, match=str(MOST_MESSAGE_BYTES)):
        queue.orders.send(message_of(MOST_MESSAGE_BYTES) + " ")

    assert queue.received() == []


def test_a_queue_whose_dead_letters_are_known_counts_them(queue: Queue):
    assert queue.orders.dead_letters() == 0
    queue.bury()
    queue.bury()
    assert queue.orders.dead_letters() == 2
