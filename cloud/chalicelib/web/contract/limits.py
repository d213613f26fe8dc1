"""What the types of bodies leave to the use cases: limits that a caller should know, for the contract alone.

The rules themselves are in `core` and `flows`; a test sends what lies at each limit and next to it.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.order import MOST_REQUIRED
from chalicelib.core.parts import MOST_PARTS
from chalicelib.core.picture import MOST_CHAPTERS
from chalicelib.flows.proofs import MOST_RANGES
from chalicelib.flows.uploads import MOST_URLS

Schema = Mapping[str, Any]

_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_CRC: Schema = {"pattern": "^[A-Za-z0-9+/]{10}[AEIMQUYcgkosw048]=$"}

PATH: Mapping[str, Schema] = {
    "session_id": {
        "description": "the session's name within the call's project",
        "pattern": f"^{_NAME}$",
        "examples": ["match-17-north"],
    },
    "upload_id": {"pattern": "^u_[A-Za-z0-9_-]{1,64}$", "examples": ["u_3kTn0b8cVtq7xS2fYwLd5P"]},
    "share_id": {"pattern": "^s_[A-Za-z0-9_-]{1,64}$", "examples": ["s_5mWq9xKd2TzR7bYfHc3LpN"]},
    "artifact_id": {
        "description": "`original.DIRECTORY.FILENAME`, `output.NAME`, `measurements.NAME` or `intermediate.NAME`",
        "pattern": "^(original|output|measurements|intermediate)\\.[A-Za-z0-9._=-]{1,200}$",
        "examples": ["original.100GOPRO.GX010038.MP4"],
    },
    "group": {
        "description": "of sessions that belong together",
        "pattern": "^[^/\\x00-\\x1f\\x7f]{1,100}$",
        "examples": ["match-17"],
    },
    "serial": {
        "description": "of a camera",
        "pattern": "^[A-Za-z0-9]{1,40}$",
        "examples": ["C3501324500711"],
    },
}
"""The parameters of paths, by name."""

HEADERS: Mapping[str, Schema] = {
    "Reelhaul-Project": {
        "description": "the call's project, for tokens of all projects; `main` without it",
        "pattern": "^[a-z0-9][a-z0-9-]{0,39}$",
    },
    "Reelhaul-Client-Version": {
        "description": "the client's version; devices must send it",
        "pattern": "^[0-9]{1,5}\\.[0-9]{1,5}\\.[0-9]{1,5}$",
    },
}
"""The headers of every call that has a token."""

BODIES: Mapping[str, Mapping[str, Schema]] = {
    "CameraGiven": {"serial": {"pattern": "^[A-Za-z0-9]{1,40}$"}},
    "ChapterGiven": {
        "directory": {"pattern": "^[0-9]{3}[A-Za-z0-9_]{5}$"},
        "filename": {"pattern": "^[^/\\\\\\x00-\\x1f\\x7f]{1,96}\\.([Mm][Pp]4|360)$", "maxLength": 100},
    },
    "SessionGiven": {"chapters": {"minItems": 1, "maxItems": MOST_CHAPTERS}},
    "OrderGiven": {
        "required": {
            "minItems": 1,
            "maxItems": MOST_REQUIRED,
            "uniqueItems": True,
            "items": {"type": "string", "pattern": f"^(output|measurements)\\.{_NAME}$"},
        }
    },
    "UploadAsked": {
        "artifact_id": {"pattern": "^(original|output|measurements|intermediate)\\.[A-Za-z0-9._=-]{1,200}$"}
    },
    "PartAsked": {"number": {"maximum": MOST_PARTS}, "crc64nvme": _CRC},
    "PartUrlsAsked": {"parts": {"minItems": 1, "maxItems": MOST_URLS}, "crc64nvme": _CRC},
    "ProofUrlsAsked": {"ranges": {"minItems": 1, "maxItems": MOST_RANGES}},
    "EvidenceGiven": {"crc64nvme": _CRC, "xxh128": {"pattern": "^[0-9a-f]{32}$"}},
    "CompleteAsked": {"crc64nvme": _CRC},
}
"""By type and member."""
