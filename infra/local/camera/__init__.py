"""A GoPro's HTTP side on loopback: its calls, its file server with all habits, its sleep, and faults on order.

`Camera` serves a `Card`. The wire behaviour follows docs and samples of Open GoPro and measurements of stock
CivetWeb 1.15; nothing here was compared with a physical camera.
"""

from infra.local.camera.card import (
    Card,
    CardFile,
    Directory,
    Group,
    burst,
    card_with,
    photo,
    recording,
    sphere,
)
from infra.local.camera.content import FramedContent, VirtualContent, sha256, virtual_chapter
from infra.local.camera.faults import (
    BUSY,
    MISSING,
    CloseAfter,
    Effect,
    EtagChanged,
    Fault,
    FaultTable,
    Instead,
    LogLine,
    RangeIgnored,
    Refuse,
    ShortBody,
    Stall,
    WrongContentRange,
    chapter_path,
)
from infra.local.camera.folder import NoFootage, card_of_folder
from infra.local.camera.log import LoggedRequest, Outcome, RequestLog
from infra.local.camera.server import Camera
from infra.local.camera.state import CameraState, Habits, HardwareInfo, Storage
from infra.local.camera.wire import Asked

__all__ = [
    "BUSY",
    "MISSING",
    "Asked",
    "Camera",
    "CameraState",
    "Card",
    "CardFile",
    "CloseAfter",
    "Directory",
    "Effect",
    "EtagChanged",
    "Fault",
    "FaultTable",
    "FramedContent",
    "Group",
    "Habits",
    "HardwareInfo",
    "Instead",
    "LogLine",
    "LoggedRequest",
    "NoFootage",
    "Outcome",
    "RangeIgnored",
    "Refuse",
    "RequestLog",
    "ShortBody",
    "Stall",
    "Storage",
    "VirtualContent",
    "WrongContentRange",
    "burst",
    "card_of_folder",
    "card_with",
    "chapter_path",
    "photo",
    "recording",
    "sha256",
    "sphere",
    "virtual_chapter",
]
