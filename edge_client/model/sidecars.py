"""Pure: the proxies and thumbnails of a session, which are hauled before its films, and what became of each.

Nothing depends on them: they count for no chapter, no session and no card.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from edge_client.model.files import FileFacts
from edge_client.model.gopro_names import is_encrypted, proxy_of, thumbnail_of
from edge_client.model.plan import ChapterPlan, SessionPlan

SIDECARS = "sidecars.json"
SCHEMA = 1


class Kind(enum.Enum):
    """What a camera keeps beside a chapter, in the order in which it is hauled."""

    THUMBNAIL = "thumbnail"
    PROXY = "proxy"


@dataclass(frozen=True)
class Sidecar:
    """A chapter's proxy or thumbnail; `filename` is None where its name is not known."""

    kind: Kind
    chapter: ChapterPlan
    filename: str | None
    promised_bytes: int | None

    @property
    def artifact_id(self) -> str:
        """What the coordinator calls it within its session."""
        return f"{self.kind.value}.{self.chapter.directory}.{self.chapter.filename}"

    @property
    def label(self) -> str:
        """The sidecar for a person: `proxy of 100GOPRO/GX010038.MP4`."""
        return f"{self.kind.value} of {self.chapter.path}"

    @property
    def no_name(self) -> str:
        """Why it has no known name."""
        if is_encrypted(self.chapter.filename):
            return "the camera encrypts what it films, and no player shows it"
        return "its name on the card is not known"

    def file_plan(self, facts: FileFacts) -> ChapterPlan:
        """The file to read, as a plan has a chapter: its size and ETag tell whether it stays the same."""
        assert self.filename, "it has a name"
        return ChapterPlan(
            self.chapter.directory, self.filename, facts.size_bytes, None, None, facts.etag, gumi=None
        )


def is_sidecar(artifact_id: str) -> bool:
    """Whether an artifact is a proxy or a thumbnail."""
    return artifact_id.partition(".")[0] in {kind.value for kind in Kind}


def sidecars_of(plan: SessionPlan) -> Iterator[Sidecar]:
    """What is hauled before the films: the thumbnails, then the proxies, of the chapters whose proxy is promised.

    The list does not speak of thumbnails. A chapter whose proxy has no known name has no thumbnail here.
    """
    promised = [chapter for chapter in plan.chapters if chapter.path in plan.proxies]
    for chapter in promised:
        if name := thumbnail_of(chapter.filename):
            yield Sidecar(Kind.THUMBNAIL, chapter, name, None)
    for chapter in promised:
        yield Sidecar(Kind.PROXY, chapter, proxy_of(chapter.filename), plan.proxies[chapter.path])


@dataclass(frozen=True)
class SidecarReport:
    """What became of a proxy or a thumbnail: its receipt, or the `problem` that keeps it on the card.

    Both are None for one that was not tried. `size_bytes` and `etag` are those of the file when it was begun; `path` is
    that of its chapter.
    """

    kind: str
    path: str
    size_bytes: int | None = None
    etag: str | None = None
    receipt: Mapping[str, Any] | None = None
    problem: str | None = None

    @property
    def label(self) -> str:
        return f"{self.kind} of {self.path}"


@dataclass(frozen=True)
class SidecarRecord:
    """What the device knows of a session's sidecars, by artifact id."""

    found: Mapping[str, SidecarReport]

    def of(self, sidecar: Sidecar) -> SidecarReport:
        """What is known of this one."""
        return self.found.get(sidecar.artifact_id) or SidecarReport(sidecar.kind.value, sidecar.chapter.path)

    def having(self, sidecar: Sidecar, **known: Any) -> SidecarRecord:
        """The record with more known of this one."""
        return SidecarRecord({**self.found, sidecar.artifact_id: replace(self.of(sidecar), **known)})

    def encoded(self) -> bytes:
        """The record as it is kept."""
        found = {name: vars(report) for name, report in self.found.items()}
        return json.dumps({"schema": SCHEMA, "sidecars": found}, indent=1).encode()


def decoded(raw: bytes | None) -> SidecarRecord:
    """The record that `encoded` wrote; one that cannot be read knows nothing, and the sidecars are hauled again."""
    try:
        document = json.loads(raw or b"")
        if document["schema"] != SCHEMA:
            return SidecarRecord({})
        return SidecarRecord({name: SidecarReport(**found) for name, found in document["sidecars"].items()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return SidecarRecord({})
