"""The camera's JSON in our words. Wire names end here; cameras write numbers as texts, and odd answers do happen."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from edge_client.base.errors import ReadBroken, Unsettled
from edge_client.base.terminal import plain
from edge_client.camera.connection import Answer
from edge_client.model.files import MediaInfo
from edge_client.model.listing import Entry, Witnesses
from edge_client.model.plan import SERIAL, CameraIdentity, why_no_serial

MOST_JSON_BYTES = 32 * 1024 * 1024
BLOCK_BYTES = 64 * 1024
NUMBER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
# Open GoPro's ids of a camera's state.
BARS, OVERHEATING, BATTERY_PERCENT = "2", "6", "70"
VIDEO_COUNT, FREE_KIB, CAPACITY_KIB = "39", "54", "117"
KIBIBYTE = 1024
# 27.6 megapixels of 12 bits are 41 MB before they are compressed.
RAW_PHOTO_BYTES = 50_000_000
BARS_CHARGING = 4
LOW_BATTERY_PERCENT = 10
# The coordinator's own bound of a model's name.
MOST_CHARACTERS = 200
LARGEST_DATE = LARGEST_SIZE_BYTES = 2**63 - 1
GUMI = re.compile(r"[0-9A-Fa-f]{1,64}", re.ASCII)


def document_of(answer: Answer) -> dict[str, Any]:
    """The JSON object in an answer. Raises Unsettled for anything else, ReadBroken for one that is cut short."""
    raw = _body_of(answer)
    try:
        # Names may be in any encoding: bytes that are not UTF-8 are kept, as Python keeps them in file names. Control
        # characters are kept too, and a camera's C strings may end in zeros.
        text = raw.rstrip(b"\0").decode("utf-8-sig", "surrogateescape")
        document = json.loads(text, strict=False, parse_int=_number, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Unsettled(f"the camera's answer to {answer.path} cannot be read")
    return document


def _number(text: str) -> int | str:
    """The number; text that is too long to be one stays text, because converting it would take minutes."""
    return int(text) if NUMBER.fullmatch(text) else text


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, without values hidden by a repeated name: repeated lists are joined, other values are unknown."""
    once: dict[str, Any] = {}
    for key, value in pairs:
        if key not in once:
            once[key] = value
        elif isinstance(once[key], list) and isinstance(value, list):
            once[key] = [*once[key], *value]
        elif once[key] != value:
            once[key] = None
    return once


def _body_of(answer: Answer) -> bytearray:
    taken = bytearray()
    while block := answer.take(BLOCK_BYTES):
        taken += block
        if len(taken) > MOST_JSON_BYTES:
            raise Unsettled(f"the camera's answer to {answer.path} is longer than any that it can mean")
    if answer.missing_bytes:
        raise ReadBroken(f"the camera ended {answer.missing_bytes} bytes early")
    return taken


def status_of(document: Mapping[str, Any]) -> dict[str, int]:
    """The state's numbers, by their ids."""
    status = document.get("status")
    rows = status.items() if isinstance(status, dict) else ()
    return {key: number for key, value in rows if (number := number_in(value)) is not None}


def concerns_of(status: Mapping[str, int]) -> tuple[str, ...]:
    """Why the camera may switch itself off before its card is read, in words; by its state's numbers."""
    concerns = []
    if status.get(OVERHEATING, 0):
        concerns.append("it is too hot")
    if status.get(BARS) != BARS_CHARGING and status.get(BATTERY_PERCENT, 100) <= LOW_BATTERY_PERCENT:
        concerns.append(f"its battery is at {status[BATTERY_PERCENT]} percent")
    return tuple(concerns)


def identity_of(document: Mapping[str, Any]) -> CameraIdentity | None:
    """Who the camera says it is, or None when it does not; some firmware says it one level down.

    Raises Unsettled for an impossible serial.
    """
    nested = document.get("info")
    facts = nested if isinstance(nested, dict) else document
    serial = _words(facts.get("serial_number"))
    if serial is None:
        return None
    if not SERIAL.fullmatch(serial):
        raise Unsettled(f"the camera cannot be told from others: {why_no_serial(serial)}")
    return CameraIdentity(
        serial, _fit_text(facts.get("model_name")), _fit_text(facts.get("firmware_version"))
    )


def _fit_text(value: object) -> str | None:
    """Text for information only, in the form that the coordinator accepts: printable and short."""
    words = _words(value)
    return plain(words)[:MOST_CHARACTERS] if words else None


def witnesses_of(status: Mapping[str, int]) -> Witnesses:
    """The facts of the card in the camera's state, not in its list. A senseless number counts as unknown."""
    videos, free, capacity = (status.get(key, -1) for key in (VIDEO_COUNT, FREE_KIB, CAPACITY_KIB))
    is_known = 0 <= free <= capacity and capacity > 0
    return Witnesses(videos if videos >= 0 else None, (capacity - free) * KIBIBYTE if is_known else None)


def entries_of(document: Mapping[str, Any]) -> list[Entry] | None:
    """Every entry of a media list, also unreadable ones; None when `document` is not a media list."""
    media = document.get("media")
    if not isinstance(media, list):
        return None
    return [entry for folder in media for entry in _entries_in(folder)]


def _entries_in(folder: object) -> list[Entry]:
    """The entries of a folder; a folder that cannot be read may hold anything and is one entry itself."""
    if not isinstance(folder, dict):
        return [Entry()]
    directory, items = _words(folder.get("d")), folder.get("fs")
    if not isinstance(items, list):
        return [Entry(directory)]
    return [_entry(directory, item) for item in items]


def _entry(directory: str | None, item: object) -> Entry:
    if not isinstance(item, dict):
        return Entry(directory)
    return Entry(
        directory,
        _words(item.get("n")),
        size_in(item.get("s")),
        date_in(item.get("cre")),
        date_in(item.get("mod")),
        _beside_bytes(item),
        size_in(item.get("glrv")),
    )


def _beside_bytes(item: Mapping[str, Any]) -> int:
    """The bytes of an entry's companions; the list has the size of a proxy (`glrv`, or `ls`), not of a raw photo."""
    proxy_bytes = max(size_in(item.get("glrv")) or 0, size_in(item.get("ls")) or 0)
    return proxy_bytes + (RAW_PHOTO_BYTES if number_in(item.get("raw")) == 1 else 0)


def media_info_of(document: Mapping[str, Any]) -> MediaInfo:
    """What a media info says that can be used."""
    gumi, duration_s = _words(document.get("gumi")), number_in(document.get("dur"))
    return MediaInfo(
        gumi if gumi and GUMI.fullmatch(gumi) else None,
        duration_s if duration_s is not None and duration_s >= 0 else None,
    )


def clock_of(document: Mapping[str, Any]) -> int | None:
    """The wall clock of `{"date": "2023_1_31", "time": "3_4_5"}` as an epoch; None for anything else."""
    texts = [document.get("date"), document.get("time")]
    fields = [number_in(text) for each in texts for text in str(each).split("_")]
    try:
        year, month, day, hour, minute, second = fields
        return int(datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp())  # type: ignore[arg-type]  # None raises TypeError
    except (TypeError, ValueError, OverflowError):
        return None


def number_in(value: object) -> int | None:
    """A wire number: cameras write them as texts."""
    if not isinstance(value, (str, int)):
        return None
    text = str(value)
    return int(text) if NUMBER.fullmatch(text) else None


def size_in(value: object) -> int | None:
    """A valid size, or None. Zero is not valid: the client must still learn the size of such a film."""
    number = number_in(value)
    return number if number is not None and 0 < number <= LARGEST_SIZE_BYTES else None


def date_in(value: object) -> int | None:
    """A wire date, which only identifies a file: any number that the coordinator can keep, in the camera's own unit."""
    number = number_in(value)
    return number if number is not None and abs(number) <= LARGEST_DATE else None


def _words(value: object) -> str | None:
    text = str(value) if isinstance(value, (str, int)) else ""
    return text or None
