"""What the camera is doing, and how its model answers: the settable side of the simulator."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from infra.local.camera.card import ABSENT, Card

CAPACITY_KIB = 124_868_608


class HardwareInfo(enum.Enum):
    """How a model answers `/gopro/camera/info`: plainly, nested under `info`, or (before HERO12) not at all."""

    FLAT = "flat"
    NESTED = "nested"
    ABSENT = "absent"


class Storage(enum.IntEnum):
    """Status 33."""

    UNKNOWN = -1
    OK = 0
    FULL = 1
    REMOVED = 2
    FORMAT_ERROR = 3
    BUSY = 4
    SWAPPED = 8


@dataclass(frozen=True)
class Habits:
    """What differs between models."""

    hardware_info: HardwareInfo = HardwareInfo.FLAT
    knows_date: bool = True
    knows_last_captured: bool = True
    knows_wired_usb: bool = True
    inverts_fps: bool = False


@dataclass
class CameraState:
    """What a test or the camera's calls change; plain attributes, each set at once.

    `says` is what its state answers instead, by status id; ABSENT leaves an id out.
    """

    encoding: bool = False
    busy: bool = False
    ready: bool = True
    overheating: bool = False
    storage: Storage = Storage.OK
    battery_percent: int = 87
    turbo: bool = False
    usb_controlled: bool = False
    deletes: list[str] = field(default_factory=list)
    says: dict[str, object] = field(default_factory=dict)


def state_document(state: CameraState, card: Card) -> dict[str, dict[str, object]]:
    """`/gopro/camera/state` as it goes over the wire: ids as strings, values as numbers."""
    said = {**_status(state, card), **state.says}
    status = {key: value for key, value in said.items() if value is not ABSENT}
    return {"status": status, "settings": {"2": 9, "3": 8, "59": 0, "121": 0}}


def _status(state: CameraState, card: Card) -> dict[str, int | str]:
    videos = sum(file.is_video for _, file in card.listed())
    return {
        "1": 1,
        "2": min(3, state.battery_percent // 25),
        "6": int(state.overheating),
        "8": int(state.busy or state.encoding),
        "10": int(state.encoding),
        "13": 60 if state.encoding else 0,
        "30": f"GP{card.serial[-8:]}",
        "31": 1,
        "33": int(state.storage),
        "34": 1814,
        "35": 2954,
        "38": len(card.listed()) - videos,
        "39": videos,
        "54": max(0, CAPACITY_KIB - card.used_bytes // 1024),
        "60": 500,
        "70": state.battery_percent,
        "82": int(state.ready),
        "85": 0,
        "111": 1,
        "112": 0,
        "113": int(state.turbo),
        "115": 1,
        "116": int(state.usb_controlled),
        "117": CAPACITY_KIB,
        "122": f"GP{card.serial[-8:]}",
    }
