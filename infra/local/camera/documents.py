"""The camera's JSON about its card: every scalar of the media list and the media info is a string on the wire."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta, timezone

from infra.local.camera.card import ABSENT, Card, CardFile, Group
from infra.local.camera.state import Habits, HardwareInfo

# Content types, `ct`.
VIDEO, LOOPING, CHAPTERED, PHOTO = "0", "1", "2", "4"
LOOP_NAME = re.compile(r"G[XH][A-Z]{2}[0-9]{4}\.MP4")


def media_list(card: Card) -> dict[str, object]:
    directories = [
        {"d": d.name, "fs": [_item(file) for file in d.files if file.listed]} for d in card.directories
    ]
    return {"id": _list_id(card), "media": directories}


def media_info(card: Card, directory: str, file: CardFile, habits: Habits) -> dict[str, object]:
    """Info's `cre` is UTC where the list's is wall time, and its `s` wraps at 2^32, as on the real cameras."""
    common: dict[str, object] = {
        "cre": str(file.created - card.utc_offset_s),
        "s": str(file.size_bytes % 2**32),
        "gumi": card.gumi(directory, file),
        "w": str(file.width),
        "h": str(file.height),
        "hc": "0",
        "us": "0",
    }
    return common | (_film_info(card, directory, file, habits) if file.is_video else {"ct": PHOTO})


def hardware_info(card: Card, shape: HardwareInfo) -> dict[str, object]:
    info: dict[str, object] = {
        "model_number": "62",
        "model_name": card.model,
        "firmware_version": card.firmware,
        "serial_number": card.serial,
        "ap_mac_addr": "065747046ceb",
        "ap_ssid": f"GP{card.serial[-8:]}",
    }
    return {"info": info} if shape is HardwareInfo.NESTED else info


def date_document(now_s: float, utc_offset_s: int) -> dict[str, object]:
    """The camera's wall clock; its fields come without leading zeros."""
    now = datetime.fromtimestamp(now_s, timezone(timedelta(seconds=utc_offset_s)))
    return {
        "date": f"{now.year}_{now.month}_{now.day}",
        "time": f"{now.hour}_{now.minute}_{now.second}",
        "dst": 0,
        "tzone": utc_offset_s // 60,
    }


def last_captured(card: Card) -> dict[str, str] | None:
    """Directory and name of the newest file; None on an empty card."""
    if not card.listed():
        return None
    directory, file = max(card.listed(), key=lambda entry: entry[1].created)
    return {"folder": directory, "file": file.name}


def _list_id(card: Card) -> str:
    digest = hashlib.sha256(repr([(d, f.name, f.modified) for d, f in card.listed()]).encode()).digest()
    return str(int.from_bytes(digest[:8], "big") >> 1)


def _item(file: CardFile) -> dict[str, object]:
    said = {**_entry(file), **dict(file.listed_as)}
    return {key: value for key, value in said.items() if value is not ABSENT}


def _entry(file: CardFile) -> dict[str, object]:
    return {
        "n": file.name,
        **(_group(file.group) if file.group else {}),
        "cre": str(file.created),
        "mod": str(file.modified),
        **_extras(file),
        "s": str(_listed_bytes(file)),
        **({"t": file.group.kind, "m": []} if file.group else {}),
    }


def _listed_bytes(file: CardFile) -> int:
    if file.listed_bytes is not None:
        return file.listed_bytes
    return file.group.total_bytes if file.group else file.size_bytes


def _group(group: Group) -> dict[str, object]:
    return {"g": str(group.number), "b": str(group.first), "l": str(group.last)}


def _extras(file: CardFile) -> dict[str, object]:
    if file.suffix == "MP4":
        return {"glrv": str(file.low_resolution_bytes), "ls": "-1"}
    if file.suffix == "360":
        return {"ls": str(file.low_resolution_bytes)}
    return {"raw": "1"} if file.raw else {}


def _film_info(card: Card, directory: str, file: CardFile, habits: Habits) -> dict[str, object]:
    rate = (str(file.fps.numerator), str(file.fps.denominator))
    fps, denominator = reversed(rate) if habits.inverts_fps else rate
    return {
        "ct": _content_type(card, directory, file),
        "dur": str(int(file.duration_s)),
        "fps": fps,
        "fps_denom": denominator,
        "ls": str(file.low_resolution_bytes),
        "hi": [],
        "ao": "stereo",
    }


def _content_type(card: Card, directory: str, file: CardFile) -> str:
    if LOOP_NAME.fullmatch(file.name):
        return LOOPING
    same = [f for d, f in card.listed() if d == directory and f.is_video and _number(f) == _number(file)]
    return CHAPTERED if len(same) > 1 else VIDEO


def _number(file: CardFile) -> str:
    return file.name.rpartition(".")[0][-4:]
