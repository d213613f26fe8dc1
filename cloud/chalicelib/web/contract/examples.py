"""An example of each body and each answer, by the name of its type; a test decodes each by that type."""

from collections.abc import Mapping
from typing import Any

_CRC = "rosUhgp5mIg="
_SESSION = "match-17-north"
_UPLOAD = "u_3kTn0b8cVtq7xS2fYwLd5P"
_ORIGINAL = "original.100GOPRO.GX010038.MP4"
_MEASUREMENTS = "measurements.frames.json"
_VERSION = "3HL4kqtJlcpXroDTDmJ"
_NOON = "2026-11-21T12:00:00Z"
_LATER = "2026-11-21T12:15:00Z"
_URL = "https://footage.s3.eu-west-1.amazonaws.com/…"
_CHAPTER = {"directory": "100GOPRO", "filename": "GX010038.MP4", "size_bytes": 15728640}
_IDENTITY = {"created": 1656931398, "modified": 1656931398, "etag": '"62c2a1c6.15728640"', "gumi": None}
_WHOLE = {"unfinished": False, "trailing_bytes": 0}
_CAMERA = {"serial": "C3501324500711", "model": "HERO12 Black", "firmware": "H23.01.02.32.00"}
_WISH = {"required": ["output.enhanced.mp4"], "parameters": {"speed_kmh": 7.5}}
_HEARTBEAT = {
    "bytes_down": 15728640,
    "bytes_up": 10485760,
    "rate_down_bytes_s": 31000000,
    "rate_up_bytes_s": 6000000,
    "spool_bytes": 5242880,
    "disk_free_bytes": 91268055040,
    "clock": _NOON,
    "last_chapter_s": 531,
    "retried_parts": 2,
}
_HEARD = {**_HEARTBEAT, "camera_ahead_s": 3604, "heard_at": _NOON}
_RECEIPT = {
    "upload_id": _UPLOAD,
    "artifact_id": _ORIGINAL,
    "key": f"originals/main/{_SESSION}/100GOPRO/GX010038.MP4",
    "version_id": _VERSION,
    "size_bytes": 15728640,
    "crc64nvme": _CRC,
    "verified_at": _NOON,
}
_READ = {"crc64nvme": _CRC, "xxh128": "99aa06d3014798d86001c324468d497f"}
_EVIDENCE = {
    "level": "read-twice",
    "agrees": True,
    "read_twice": {"at": _NOON, "by": "d_north", **_READ, "agrees": True},
    "read_back": None,
    "differences": [],
}
_PROXY_ID = "proxy.100GOPRO.GX010038.MP4"
_PROXY = {
    "artifact_id": _PROXY_ID,
    "kind": "proxy",
    "name": "100GOPRO/GX010038.MP4.mp4",
    "size_bytes": 613410,
    "required": False,
    "cleaned": False,
    "receipt": {
        **_RECEIPT,
        "artifact_id": _PROXY_ID,
        "key": f"proxies/main/{_SESSION}/100GOPRO/GX010038.MP4.mp4",
        "size_bytes": 613410,
    },
    "index": None,
    "scan": None,
}
_ADDRESS = {"url": _URL, "expires_at": _LATER, "expires_in_s": 900}
_STORED = {**_ADDRESS, "size_bytes": 15728640, "version_id": _VERSION}
_STORAGE: Mapping[str, Any] = {
    "origin": "device",
    "source": None,
    "row_id": None,
    "keys": {},
    "missing": [],
    "recorded_at": None,
    "imported_at": None,
}
_MEASURED = {"artifact_id": _MEASUREMENTS, "kind": "papi", "revision": "0123456789abcdef"}
_DEVICES = {
    "devices": [
        {
            "device_id": "d_north",
            "name": "jetson-north",
            "project": "main",
            "enrolled_at": _NOON,
            "heard_at": _LATER,
            "silent_s": 12,
            "hauling": True,
            "silent": False,
            "session_id": _SESSION,
            "camera": _CAMERA,
            "client_version": "0.1.0",
            "disk_free_bytes": 91268055040,
            "spool_bytes": 5242880,
            "rate_down_bytes_s": 31000000,
            "rate_up_bytes_s": 6000000,
            "waiting_bytes": 15728640,
            "predicted_clear_at": _LATER,
        }
    ],
    "cursor": None,
}
_FIGURES = {
    "sessions": {
        "OPEN": 2,
        "STORED": 1,
        "PROCESSED": 40,
        "CLEANED": 157,
        "FAILED": 0,
        "held": 1,
        "needing": 1,
    },
    "chapters": {
        "count": 2800,
        "waiting": 9,
        "lost": 0,
        "read_twice": 140,
        "read_back": 2400,
        "differing": 0,
    },
    "bytes": {
        "originals": 2456721293312,
        "intermediates": 0,
        "outputs": 858993459200,
        "measurements": 8589934592,
        "proxies": 0,
        "held": 3324304687104,
        "hidden": 8761733283840,
        "freed": 664857157632,
        "orphaned_at_most": 0,
        "uploading_at_most": 12884901888,
    },
    "monthly_cost_usd": {
        "per_gib": 0.023,
        "held": 71.21,
        "hidden": 187.68,
        "orphaned_at_most": 0.0,
        "uploading_at_most": 0.28,
        "saved": 14.24,
    },
    "uploads": {"open": 3, "repeated": 4},
    "retried_parts": {"count": 212, "sessions": 190},
    "guarantee": {
        "within_s": 300,
        "share_within": 0.9734,
        "sessions": 188,
        "unknown": 10,
        "safe_after_at_most_s": {"p50": 126, "p90": 252, "p99": 849},
    },
}
_ROUND = {
    "began_at": _NOON,
    "ended_at": _NOON,
    "settled": 12,
    "failed": 0,
    "unfinished": 0,
    "aborted_orphans": 0,
    "finished": True,
    "swept": True,
}
_ROW = {
    "session_id": _SESSION,
    "state": "OPEN",
    "project": "main",
    "device_id": "d_north",
    "group": "match-17",
    "camera": _CAMERA,
    "created_at": _NOON,
    "chapters": {"count": 14, "size_bytes": 60129542144, "verified": 3, "verified_bytes": 12884901888},
    "progress": _HEARD,
    "failure": None,
    "held": None,
    "stored_at": None,
    "processed_at": None,
    "cleaned_at": None,
}
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_TOKEN = {"token_id": "t_8sKq3kTn0b8cVtq7xS2fYw", "expires_at": None}

_SHARE = {
    "share_id": "s_5mWq9xKd2TzR7bYfHc3LpN",
    "label": "the club's coach",
    "made_by": "t_8sKq3kTn0b8cVtq7xS2fYw",
    "created_at": _NOON,
    "expires_at": "2026-11-22T12:00:00Z",
    "revoked_at": None,
}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "SessionGiven": {
        "camera": _CAMERA,
        "group": "match-17",
        "chapters": [{**_CHAPTER, **_IDENTITY, **_WHOLE}],
        "order": _WISH,
    },
    "OrderGiven": {"required": ["output.enhanced.mp4", _MEASUREMENTS], "parameters": {"speed_kmh": 7.5}},
    "UploadAsked": {"artifact_id": _ORIGINAL, "size_bytes": 15728640, "part_size_bytes": 5242880},
    "EnrolmentAsked": {"code": "7K3Q-M2XA-0123-4567-89AB-CDEF", "secret_digest": _DIGEST},
    "Enrolment": {
        **_TOKEN,
        "role": "device",
        "project": "main",
        "device_id": "d_north",
        "name": "jetson-north",
    },
    "Trail": {
        "entries": [
            {
                "at": _NOON,
                "version": 4,
                "who": "operator",
                "token_id": "t_8sKq3kTn0b8cVtq7xS2fYw",
                "route": "POST /v1/sessions/{session_id}/hold",
                "request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
                "steps": [
                    {"thing": "hold", "name": None, "before": None, "after": "the referee wants to look"}
                ],
            }
        ],
        "cursor": None,
    },
    "UploadPassAsked": {"ttl_s": 3600},
    "MadeUploadPass": {
        "endpoint": "https://a1b2c3.execute-api.eu-central-1.amazonaws.com/api/v1/companion/t_….…",
        "expires_at": "2026-11-21T13:00:00Z",
    },
    "LoginAsked": {},
    "Login": {
        "role": "operator",
        "project": "main",
        "session": None,
        "expires_at": "2026-11-28T12:00:00Z",
        "idle_s": 28800,
    },
    "TicketAsked": {},
    "ShareAsked": {"label": "the club's coach", "ttl_s": 86400},
    "ShareMade": {
        "share_id": "s_5mWq9xKd2TzR7bYfHc3LpN",
        "token": "s_5mWq9xKd2TzR7bYfHc3LpN.…",
        "label": "the club's coach",
        "expires_at": "2026-11-22T12:00:00Z",
    },
    "Share": _SHARE,
    "Shares": {"shares": [_SHARE]},
    "RotationAsked": {"secret_digest": _DIGEST},
    "PushTicket": {
        "url": "wss://a1b2c3.execute-api.eu-west-1.amazonaws.com/api?ticket=bW9ja2VkLXRpY2tldA",
        "expires_at": "2026-11-21T12:00:30Z",
        "socket_s": 600,
    },
    "Rotation": {**_TOKEN, "before_until": "2026-11-22T12:00:00Z"},
    "PartUrlsAsked": {
        "parts": [{"number": 2, "crc64nvme": _CRC}, {"number": 3, "crc64nvme": _CRC}],
        "crc64nvme": _CRC,
    },
    "ProofUrlsAsked": {
        "ranges": [{"first": 0, "size_bytes": 262144}, {"first": 9437184, "size_bytes": 262144}]
    },
    "EvidenceGiven": {"size_bytes": 15728640, **_READ, "read_at": _NOON},
    "CompleteAsked": {"crc64nvme": _CRC},
    "ProgressGiven": {**_HEARTBEAT, "camera_clock": 1795262404},
    "FailureGiven": {"reason": "the lights cannot be seen in 100GOPRO/GX010038.MP4", "order": 1},
    "HoldGiven": {"held": True, "reason": "the referee wants to look first"},
    "RestoreGiven": {"reason": "the referee wants to see it again", "artifacts": [_ORIGINAL]},
    "Session": {
        "session_id": _SESSION,
        "state": "OPEN",
        "version": 7,
        "project": "main",
        "device_id": "d_north",
        "group": "match-17",
        "camera": _CAMERA,
        "created_at": _NOON,
        "chapters": [
            {
                "artifact_id": _ORIGINAL,
                **_CHAPTER,
                "created": 1656931398,
                **_WHOLE,
                "film": None,
                "upload": {"upload_id": _UPLOAD, "state": "OPEN", "unproven_since": None},
                "receipt": None,
                "evidence": None,
                "lost": None,
                "proxy": _PROXY,
                "thumbnail": None,
            }
        ],
        "missing": [_ORIGINAL],
        "progress": _HEARD,
        "order": {
            "number": 1,
            **_WISH,
            "added": [],
            "left_out": [],
            "below_minimum_reason": None,
            "accepted": None,
            "imported": False,
            "ordered_at": _NOON,
            "sent_at": None,
        },
        "failure": None,
        "held": None,
        "processed_at": None,
        "cleaned_at": None,
        "cleanup_refused": None,
        "gates": {
            "closed": [
                {"gate": "processed", "waits_for": "the session is OPEN"},
                {"gate": "chapters-verified", "waits_for": f"not verified: {_ORIGINAL}"},
            ],
            "open": ["outputs-required", "ordered-here", "not-held"],
            "asked_later": ["armed", "outputs-stand"],
        },
        "restoring": [],
        "lost": [],
        "proven_at": None,
        "guarantee": {
            "safe_at": None,
            "last_closed_at": _NOON,
            "safe_after_s": None,
            "unknown": None,
            "waiting_chapters": 1,
            "waiting_bytes": 15728640,
            "predicted_clear_at": _LATER,
            "level": None,
            "agrees": True,
        },
        "storage": _STORAGE,
        "proxies": True,
    },
    "Heartbeat": {"policy": {"pause": False, "pace_bytes_s": None}, "server_time": _NOON},
    "Upload": {
        "upload_id": _UPLOAD,
        "project": "main",
        "session_id": _SESSION,
        "artifact_id": _ORIGINAL,
        "state": "OPEN",
        "way": "parts",
        "plan": {"size_bytes": 15728640, "part_size_bytes": 5242880, "part_count": 3},
        "parts": [{"number": 1, "size_bytes": 5242880, "crc64nvme": _CRC}],
        "missing": [2, 3],
        "opened_at": _NOON,
        "expires_at": _LATER,
        "receipt": None,
        "reason": None,
        "unproven_since": None,
    },
    "PartUrls": {
        "part_urls": [
            {
                "number": 2,
                "headers": {"content-length": "5242880", "x-amz-checksum-crc64nvme": _CRC},
                **_ADDRESS,
            }
        ]
    },
    "ProofUrls": {
        "version_id": _VERSION,
        "size_bytes": 15728640,
        "proof_urls": [
            {"first": 0, "size_bytes": 262144, "headers": {"range": "bytes=0-262143"}, **_ADDRESS}
        ],
    },
    "Evidence": _EVIDENCE,
    "Artifacts": {
        "artifacts": [
            {
                "artifact_id": _ORIGINAL,
                "kind": "original",
                "name": "100GOPRO/GX010038.MP4",
                "size_bytes": 15728640,
                "required": False,
                "cleaned": False,
                "receipt": _RECEIPT,
                "index": None,
                "scan": None,
            }
        ]
    },
    "ArtifactUrl": _STORED,
    "KnownChapters": {
        "asked_by": "d_north",
        "chapters": [
            {
                "session_id": _SESSION,
                "device_id": "d_north",
                "artifact_id": _ORIGINAL,
                **_CHAPTER,
                **_IDENTITY,
                **_WHOLE,
                "receipt": _RECEIPT,
                "evidence": _EVIDENCE,
            }
        ],
        "cursor": None,
    },
    "Limits": {
        "part_size_bytes": 16777216,
        "most_chapters": 99,
        "most_part_urls": 32,
        "largest_file_bytes": None,
        "allowed_extensions": [".mp4", ".360"],
        "limits": [{"scope": "device", "what": "open_sessions", "most": 1000, "used": 3, "window_s": None}],
    },
    "DevicePage": _DEVICES,
    "SessionPage": {
        "sessions": [_ROW],
        "cursor": "MjAyNi0xMS0yMVQxMjowMDowMC4wMDAwMDArMDA6MDAjbWFpbi9hLW1hdGNo",
    },
    "GroupPage": {"group": "match-17", "sessions": [_ROW], "cursor": None},
    "Overview": {
        "project": "main",
        "attention": {
            "count": 1,
            "sessions": [
                {
                    "session_id": _SESSION,
                    "state": "FAILED",
                    "device_id": "d_north",
                    "group": "match-17",
                    "created_at": _NOON,
                    "needs": [{"kind": "failed", "detail": "the film has no frames", "count": 1}],
                }
            ],
        },
        "reconciler": "ok",
        "last_round": _ROUND,
        "dead_letters": 0,
        "devices": _DEVICES,
        "sessions": {"sessions": [_ROW], "cursor": None},
        "figures": _FIGURES,
        "days": [{"day": "2026-11-21", "sessions": 2, "failed": 1, "needing": 1, "size_bytes": 31457280}],
    },
    "Statistics": {
        "project": "main",
        "device": None,
        "first_day": "2026-11-01",
        "last_day": None,
        **_FIGURES,
        "backlog": {
            "chapters": 9,
            "bytes": 38654705664,
            "oldest": {
                "session_id": _SESSION,
                "device_id": "d_north",
                "artifact_id": _ORIGINAL,
                "since": _NOON,
            },
            "rate_up_bytes_s": 11000000,
            "clear_in_s": 3515,
        },
        "devices": [
            {
                "device_id": "d_north",
                "session_id": _SESSION,
                "heard_at": _NOON,
                "silent_s": 7,
                "hauling": True,
                "rate_up_bytes_s": 11000000,
                "spool_bytes": 5242880,
                "disk_free_bytes": 91268055040,
            }
        ],
        "cleanup": {
            "armed": True,
            "day": "2026-11-21",
            "objects": {"cleaned": 28, "limit": 500},
            "bytes": {"cleaned": 120259084288, "limit": 4398046511104},
        },
        "dead_letters": 0,
    },
    "FramePage": {**_MEASURED, "frames": [{"frame_number": 0, "timestamp": 0.0}], "next_frame": None},
    "Points": {
        **_MEASURED,
        "source": "overview",
        "version": 1,
        "frames": 1800,
        "first_frame": 0,
        "frames_per_bucket": 900,
        "count": [900, 900],
        "first_s": [0.0, 30.0],
        "last_s": [29.97, 59.97],
        "numbers": {
            "papi_a.angle": {"count": [900, 0], "min": [2.1, None], "max": [3.9, None], "mean": [3.0, None]}
        },
        "statuses": {"papi_a.status": {"red": [450, 0], "white": [450, 0]}},
    },
    "Health": {"status": "ok"},
    "HealthDetails": {
        "status": "ok",
        "at": _NOON,
        "table": "ok",
        "bucket": "ok",
        "reconciler": "ok",
        "last_round": _ROUND,
        "due": {"count": 1, "since": _NOON},
        "late": 0,
        "unproven": {"count": 0, "since": None},
        "cleanup": {"armed": True, "reason": "outputs of match 17 reviewed", "changed_at": _NOON},
    },
    "FramesUrl": {**_MEASURED, **_STORED, "blocks": {**_STORED, "size_bytes": 40000}},
}
"""Of summaries and reports docs/measurements.md and docs/api.md have some: they are long."""
