"""The camera's JSON in our words. Wire names end here; cameras write numbers as texts, and odd answers do happen."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_client.camera.connection import Answer
from edge_client.chapters import CameraFile
from edge_client.errors import ReadBroken, Unsettled
from edge_client.plan import CameraIdentity
from edge_client.terminal import plain

MOST_JSON_BYTES = 32 * 1024 * 1024
BLOCK_BYTES = 64 * 1024
NUMBER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
# Open GoPro's ids of a camera's state.
BARS, OVERHEATING, BATTERY_PERCENT = "2", "6", "70"
BARS_CHARGING = 4
LOW_BATTERY_PERCENT = 10
# The coordinator's own bound of a model's name.
MOST_TOLD_CHARACTERS = 200
LARGEST_DATE = 2**63 - 1
GUMI = re.compile(r"[0-9A-Fa-f]{1,64}", re.ASCII)


@dataclass(frozen=True)
class MediaInfo:
    """What the camera knows of a file: its unique id and how long it plays. Never its size, which wraps at 2^32."""

    gumi: str | None
    duration_s: int | None


def document_of(answer: Answer) -> dict[str, Any]:
    """The JSON object in an answer. Raises Unsettled for anything else, ReadBroken for one that is cut short."""
    raw = _body_of(answer)
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Unsettled(f"the camera's answer to {answer.path} cannot be read")
    return document


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
    """Who the camera says it is; some firmware says it one level down."""
    nested = document.get("info")
    facts = nested if isinstance(nested, dict) else document
    serial = _words(facts.get("serial_number"))
    if serial is None:
        return None
    return CameraIdentity(serial, _told(facts.get("model_name")), _told(facts.get("firmware_version")))


def _told(value: object) -> str | None:
    """Words of which nothing depends, as the coordinator takes them: printable and short."""
    words = _words(value)
    return plain(words)[:MOST_TOLD_CHARACTERS] if words else None


def files_of(document: Mapping[str, Any]) -> list[CameraFile] | None:
    """Every file of a media list, or None when it is not one."""
    media = document.get("media")
    if not isinstance(media, list):
        return None
    return [file for folder in media if isinstance(folder, dict) for file in _files_in(folder)]


def _files_in(folder: Mapping[str, Any]) -> list[CameraFile]:
    directory, items = _words(folder.get("d")) or "", folder.get("fs")
    rows = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [
        CameraFile(directory, name, size, date_in(row.get("cre")), date_in(row.get("mod")))
        for row in rows
        if (name := _words(row.get("n"))) and (size := number_in(row.get("s"))) is not None
    ]


def media_info_of(document: Mapping[str, Any]) -> MediaInfo:
    """What a media info says that can be used."""
    gumi, duration_s = _words(document.get("gumi")), number_in(document.get("dur"))
    return MediaInfo(
        gumi if gumi and GUMI.fullmatch(gumi) else None,
        duration_s if duration_s is not None and duration_s >= 0 else None,
    )


def number_in(value: object) -> int | None:
    """A wire number: cameras write them as texts."""
    text = str(value)
    return int(text) if NUMBER.fullmatch(text) else None


def date_in(value: object) -> int | None:
    """A wire date, which only identifies a file: any number that the coordinator can keep, in the camera's own unit."""
    number = number_in(value)
    return number if number is not None and abs(number) <= LARGEST_DATE else None


def _words(value: object) -> str | None:
    text = str(value) if isinstance(value, (str, int)) else ""
    return text or None
