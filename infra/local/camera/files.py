"""A file as stock CivetWeb 1.15 serves it, its habits at and beyond the end included (measured)."""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate

from infra.local.camera.card import Card, CardFile
from infra.local.camera.wire import Answer, Asked, Request

TYPES = {"MP4": "video/mp4", "JPG": "image/jpeg"}


def file_answer(card: Card, file: CardFile, request: Request) -> Answer:
    """200, 206 or 304; If-Range and If-Match are not looked at, and there is no 416."""
    stamps = (("Last-Modified", formatdate(card.mtime(file), usegmt=True)), ("Etag", card.etag(file)))
    if request.headers.get("if-none-match") == card.etag(file):
        return Answer(304, (*stamps, ("Connection", "close")))
    answer = _ranged(file, request.asked) if request.asked else _whole(file)
    kind = ("Content-Type", TYPES.get(file.suffix, "text/plain"))
    return replace(answer, headers=(kind, *stamps, *answer.headers, ("Connection", "close")))


def _whole(file: CardFile) -> Answer:
    headers = (("Content-Length", str(file.size_bytes)), ("Accept-Ranges", "bytes"))
    return Answer(200, headers, file.content, count=file.size_bytes)


def _ranged(file: CardFile, asked: Asked) -> Answer:
    length = _promised_bytes(file.size_bytes, asked)
    headers = (
        ("Content-Length", str(length)),
        ("Accept-Ranges", "bytes"),
        ("Content-Range", f"bytes {asked.first}-{asked.first + length - 1}/{file.size_bytes}"),
    )
    count = max(0, min(length, file.size_bytes - asked.first))
    return Answer(206, headers, file.content, start=asked.first, count=count)


def _promised_bytes(size_bytes: int, asked: Asked) -> int:
    """What CivetWeb says it will send: one byte too many at the end, less than none beyond it."""
    if asked.last is None:
        return size_bytes - asked.first
    # It holds the last byte against the size, not against size - 1.
    return min(asked.last, size_bytes) - asked.first + 1
