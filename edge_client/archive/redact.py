"""Take secrets out of texts and documents: those that are known, and what looks like one.

Where it is not clear how far a secret goes, the rest of its line goes too.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "(removed)"
# What is shorter is no secret, and would spoil words.
LEAST_SECRET = 6

_NAME = (
    r"password|passwd|passphrase|passcode|pwd|(?<![a-z])pass(?![a-z])|secret|credential|psk|token|login"
    r"|authorization|cookie|signature|api[_-]?key|private[_-]?key|access[_-]?key"
)
SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
# Bounds in place of `*`: text of one long word must not take for ever.
_NAMED = re.compile(rf"((?:{_NAME})[\w.-]{{0,40}})[\"']?\s{{0,8}}(?:=|:|%3D)\s{{0,8}}[\"']?", re.IGNORECASE)
_SCHEME = r"\b[a-z][a-z0-9+.-]{0,20}://"
_SHAPES = (
    (re.compile(r"-----BEGIN [^-\r\n]{1,60}-----.*?(?:-----END [^-\r\n]{1,60}-----|\Z)", re.DOTALL), HIDDEN),
    (re.compile(rf"({_SCHEME})[^\s/?#\"'<>]{{0,500}}@", re.IGNORECASE), rf"\1{HIDDEN}@"),
    # The query of an address: signed ones carry all their power there.
    (
        re.compile(rf"({_SCHEME}[^\s?\"'<>]{{1,2000}})\?[^\s\"'<>]*", re.IGNORECASE),
        rf"\1?{HIDDEN}",
    ),
    (
        re.compile(r"\b(x-amz-[a-z-]{1,40}|key-pair-id|policy)(=|%3D)[^\s&\"'<>]+", re.IGNORECASE),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"\b(bearer|basic)\s{1,8}[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    # A token; its id is none of its secret.
    (
        re.compile(r"(?<![A-Za-z0-9])(t_[A-Za-z0-9]{1,100})(?:\.|%2E)[A-Za-z0-9._~+/=%-]+"),
        rf"\1.{HIDDEN}",
    ),
    (re.compile(r"\b(enroll\s{1,8})\S+", re.IGNORECASE), rf"\1{HIDDEN}"),
    # An enrolment code.
    (re.compile(r"(?<![A-Za-z0-9])(?:[A-Za-z0-9]{4}[- ]){5}[A-Za-z0-9]{4}(?![A-Za-z0-9])"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"), HIDDEN),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9._-]+"), HIDDEN),
)


class Redactor:
    """Takes these secrets out, in the forms in which programs write them, and everything that looks like one."""

    def __init__(self, secrets: Collection[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= LEAST_SECRET for form in _forms(secret)}
        # The longest first: one may be the beginning of another.
        longest = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest))) if longest else None

    def text(self, text: str) -> str:
        """`text` without secrets."""
        if self._known:
            text = self._known.sub(HIDDEN, text)
        for pattern, replacement in _SHAPES:
            text = pattern.sub(replacement, text)
        return _without_named(text)

    def document(self, value: Any) -> Any:
        """A JSON value without secrets: what has a secret's name, and every text, key or value, that holds one."""
        if isinstance(value, dict):
            return {self.text(str(name)): self._named(str(name), each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.document(each) for each in value]
        return self.text(value) if isinstance(value, str) else value

    def _named(self, name: str, value: Any) -> Any:
        if not SECRET_NAME.search(name) or value is None or isinstance(value, bool):
            return self.document(value)
        is_path = isinstance(value, str) and is_of_file(name, value)
        return self.document(value) if is_path else HIDDEN

    def content(self, raw: bytes) -> bytes:
        """The content of a file without secrets: JSON stays JSON, and all else is text."""
        text = raw.decode("utf-8", "replace")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return self.text(text).encode()
        return json.dumps(self.document(document), indent=1).encode()


def _without_named(text: str) -> str:
    """The text without what follows the name of a secret on its line: NAME=value, name: value, "name": "value"."""
    kept, at = [], 0
    while found := _NAMED.search(text, at):
        kept.append(text[at : found.end()])
        at = found.end()
        if not is_of_file(found[1], text[at : at + 1]):
            kept.append(HIDDEN)
            line_ends = [end for char in "\r\n" if (end := text.find(char, at)) >= 0]
            at = min(line_ends, default=len(text))
    return "".join([*kept, text[at:]])


def is_of_file(name: str, value: str) -> bool:
    """Whether a setting says where a secret is, and not what it is."""
    return name.lower().endswith(("file", "login")) and value.startswith("/")


def _forms(secret: str) -> Iterator[str]:
    """A secret as programs write it: plain, in addresses, in JSON, in base64, in hex."""
    raw = secret.encode("utf-8", "surrogateescape")
    yield secret
    yield quote(raw, safe="")
    yield quote_plus(raw)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret)[1:-1].replace("/", "\\/")
    yield raw.hex()
    yield raw.hex().upper()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # At each place within three bytes base64 differs; what depends on the neighbours is left out.
        for before in range(3):
            encoded = encode(b"\0" * before + raw).decode().rstrip("=")
            inner = encoded[4 * bool(before) : len(encoded) - 1]
            if len(inner) >= 2 * LEAST_SECRET:
                yield inner


def secrets_in(text: str) -> set[str]:
    """What in the file of a secret may be one: its texts where it is JSON, else its lines and what they set."""
    try:
        found = set(_texts(json.loads(text)))
    except (ValueError, RecursionError):
        lines = {line.strip() for line in text.splitlines()}
        found = lines | {
            value.strip(" \"'") for line in lines for value in re.split("[=:]", line, maxsplit=1)[1:]
        }
    found |= {word.partition(".")[2] for word in found if word.startswith("t_")}
    return {each for each in found if len(each) >= LEAST_SECRET}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value
