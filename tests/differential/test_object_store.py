"""The bucket in memory answers every sequence of calls as the strict local S3 does: parts, objects, landings, index."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from msgspec.structs import replace

from chalicelib.core import keys
from chalicelib.core.crc import fold
from chalicelib.core.errors import ReelhaulError
from chalicelib.core.ids import UploadId
from chalicelib.core.parts import LandedPart, PartPlan, StoredPart
from chalicelib.core.upload import StoredObject
from chalicelib.ports import ByteRange, PartToSign
from tests.contracts.worlds import AwsWorld, MemoryWorld, Place, World
from tests.differential.pair import TURNS, Names, Pair, play
from tests.support.builders import EMPTY, START
from tests.support.memory import crc64nvme_of

ORIGINAL = "originals/main/match/100GOPRO/GX010038.MP4"
OTHER = "originals/main/match/100GOPRO/GX020038.MP4"
INTERMEDIATE = "intermediates/main/match/1/film.mp4"
OUTPUT = "outputs/main/match/1/film.mp4"
LANDING = "incoming/main/match/l_1"
INDEX = "index/main/match/lights/1/overview.json"

UPLOADED = (ORIGINAL, OTHER, INTERMEDIATE)
WRITTEN = (ORIGINAL, INTERMEDIATE, OUTPUT)
ANY = (*UPLOADED, OUTPUT, LANDING, INDEX)
BODIES = (b"aaaa", b"bbbb", b"ccccc", b"dddddddd")
"""Of four bytes and more: the least that a part may have here."""

UPLOAD_IDS = (UploadId("u_first"), UploadId("u_second"))
NUMBERS = st.integers(1, 4)
WAYS_TO_PUT = st.sampled_from(("right", "right", "wrong bytes", "expired"))
FIELDS = {"Content-Type": "video/mp4", "success_action_status": "201"}
MOST_OF_A_FORM = 6


@dataclass
class Side:
    """One bucket, and what this side called the uploads and versions that the sequence made."""

    world: World
    names: Names = field(default_factory=Names)
    uploads: list[tuple[str, str]] = field(default_factory=list)
    versions: list[tuple[str, str]] = field(default_factory=list)

    def create(self, key: str, upload_id: UploadId) -> str:
        multipart_id = self.world.objects.create_multipart(key, upload_id)
        return self.know_upload(key, multipart_id)

    def open_landing(self, upload_id: UploadId) -> str:
        return self.know_upload(LANDING, self.world.objects.open_landing(LANDING, upload_id))

    def know_upload(self, key: str, multipart_id: str) -> str:
        self.uploads.append((key, multipart_id))
        return self.names.of("upload", multipart_id)

    def send(self, upload: int, number: int, body: bytes, way: str) -> int:
        """The status of a part that is sent in this way."""
        key, multipart_id = self.uploads[upload]
        told = crc64nvme_of(b"other") if way == "wrong bytes" else crc64nvme_of(body)
        signed_at = self.world.now() - timedelta(seconds=3600 if way == "expired" else 0)
        to_sign = [PartToSign(number, len(body), told)]
        [signed] = self.world.signer.part_urls(key, multipart_id, to_sign, 900, signed_at)
        headers = dict(signed.headers)
        if way == "other header":
            headers["x-amz-checksum-crc64nvme"] = crc64nvme_of(b"other")
        return self.world.put(signed.url, headers, body[:-1] + b"?" if way == "other bytes" else body)

    def send_landing(self, upload: int, number: int, body: bytes, way: str) -> int:
        key, multipart_id = self.uploads[upload]
        signed_at = self.world.now() - timedelta(seconds=3600 if way == "expired" else 0)
        signed = self.world.signer.landing_part_url(key, multipart_id, number, 900, signed_at)
        return self.world.put(signed.url, {}, body)

    def parts(self, upload: int) -> tuple[StoredPart, ...]:
        return self.world.objects.parts(*self.uploads[upload])

    def landed(self, upload: int) -> tuple[LandedPart, ...]:
        return self.world.objects.landed_parts(*self.uploads[upload])

    def stored(self, key: str) -> StoredObject | None:
        """What is on a key, as both sides can tell it."""
        found = self.world.objects.head(key)
        if found is None:
            return None
        if (key, found.version_id) not in self.versions:
            self.versions.append((key, found.version_id))
        named = self.names.of("version", found.version_id)
        return replace(found, version_id=named, modified_at=START)

    def uploads_below(self, prefix: str, after_key: str) -> list[tuple[str, list[str]]]:
        found = [
            (each.key, self.names.of("upload", each.multipart_id))
            for each in self.world.objects.multiparts(prefix, after_key)
        ]
        return [
            (key, sorted(name for _, name in named)) for key, named in groupby(found, lambda each: each[0])
        ]

    def version(self, place: int) -> tuple[str, str]:
        return self.versions[place % len(self.versions)]


def wrong_parts(parts: tuple[StoredPart, ...], way: str) -> tuple[StoredPart, ...]:
    """The parts of a completion that is wrong in this way, or as they are."""
    if not parts:
        return parts
    first, *others = parts
    by_way: dict[str, Sequence[StoredPart]] = {
        "no parts": (),
        "without the first": others,
        "backwards": parts[::-1],
        "one twice": (first, *parts),
        "never sent": (*parts, replace(parts[-1], number=9)),
        "another etag": (replace(first, etag='"00000000000000000000000000000000"'), *others),
        "another crc": (replace(first, crc64nvme=EMPTY), *others),
        "another size": (replace(first, size_bytes=first.size_bytes + 1), *others),
    }
    return tuple(by_way.get(way, parts))


WRONG_PARTS = (
    "no parts",
    "without the first",
    "backwards",
    "one twice",
    "never sent",
    "another etag",
    "another crc",
)
WAYS_TO_COMPLETE = ("right",) * 8 + (*WRONG_PARTS, "another size", "whole crc", "whole size")


class Buckets(RuleBasedStateMachine):
    """One sequence of calls in both buckets."""

    def __init__(self, real: World) -> None:
        super().__init__()
        self.pair = Pair(Side(MemoryWorld()), Side(real), (ReelhaulError, ValueError))
        self.completed: set[int] = set()
        self.bodies: dict[str, bytes] = {}

    @property
    def uploads(self) -> list[tuple[str, str]]:
        return self.pair.memory.uploads

    def has_uploads(self) -> bool:
        return bool(self.uploads)

    def has_versions(self) -> bool:
        return bool(self.pair.memory.versions)

    def upload(self, place: int) -> int:
        return place % len(self.uploads)

    def is_landing(self, upload: int) -> bool:
        return self.uploads[upload][0] == LANDING

    def see(self, key: str) -> StoredObject | None:
        """What is on a key; its version is known from now on."""
        found: StoredObject | None = self.pair.ask(lambda side: side.stored(key)).value
        return found

    @rule(key=st.sampled_from(UPLOADED), upload_id=st.sampled_from(UPLOAD_IDS))
    def create_multipart(self, key: str, upload_id: UploadId) -> None:
        self.pair.ask(lambda side: side.create(key, upload_id))

    @rule(upload_id=st.sampled_from(UPLOAD_IDS))
    def open_landing(self, upload_id: UploadId) -> None:
        self.pair.ask(lambda side: side.open_landing(upload_id))

    @precondition(has_uploads)
    @rule(
        place=st.integers(0, 9),
        number=NUMBERS,
        body=st.sampled_from(BODIES),
        way=st.sampled_from(("right",) * 8 + ("wrong bytes", "other bytes", "other header", "expired")),
    )
    def put_part(self, place: int, number: int, body: bytes, way: str) -> None:
        upload = self.upload(place)
        if self.is_landing(upload):
            self.pair.ask(lambda side: side.send_landing(upload, number, body, way))
        else:
            self.pair.ask(lambda side: side.send(upload, number, body, way))

    @precondition(has_uploads)
    @rule(place=st.integers(0, 9), number=st.sampled_from((0, 10_001, -1)))
    def put_part_of_an_impossible_number(self, place: int, number: int) -> None:
        upload = self.upload(place)
        send = Side.send_landing if self.is_landing(upload) else Side.send
        self.pair.ask(lambda side: send(side, upload, number, BODIES[0], "right"))

    @precondition(has_uploads)
    @rule(place=st.integers(0, 9))
    def parts(self, place: int) -> None:
        upload = self.upload(place)
        self.pair.ask(lambda side: side.landed(upload) if self.is_landing(upload) else side.parts(upload))

    @precondition(has_uploads)
    @rule(place=st.integers(0, 9), way=st.sampled_from(WAYS_TO_COMPLETE))
    def complete(self, place: int, way: str) -> None:
        upload = self.upload(place)
        key = self.uploads[upload][0]
        is_taken = self.see(key) is not None
        call = (
            self.completion_of_landing(upload, way)
            if self.is_landing(upload)
            else self.completion(upload, way)
        )
        found, expected = self.pair.ask_each(call)
        if upload in self.completed and expected.error is None:  # Allowed.COMPLETED_AGAIN
            self.pair.demand(found.error == "MultipartGone", found, expected)
        elif is_taken and way != "right":  # Allowed.TWO_FAULTS
            self.pair.demand(bool(found.error and expected.error), found, expected)
        else:
            self.pair.demand(found == expected, found, expected)
        if expected.error is None:
            self.completed.add(upload)
        self.see(key)

    def completion(self, upload: int, way: str) -> Callable[[Side], None]:
        def complete(side: Side) -> None:
            key, multipart_id = side.uploads[upload]
            parts = wrong_parts(side.parts(upload), way)
            whole = fold((part.crc64nvme, part.size_bytes) for part in parts) if parts else EMPTY
            size_bytes = sum(part.size_bytes for part in parts) + (way == "whole size")
            crc = EMPTY if way == "whole crc" else whole
            side.world.objects.complete(key, multipart_id, parts, crc, size_bytes)

        return complete

    def completion_of_landing(self, upload: int, way: str) -> Callable[[Side], None]:
        def complete(side: Side) -> None:
            landed = side.landed(upload)
            as_stored = tuple(StoredPart(each.number, each.size_bytes, EMPTY, each.etag) for each in landed)
            parts = [
                LandedPart(each.number, each.size_bytes, each.etag) for each in wrong_parts(as_stored, way)
            ]
            size_bytes = sum(part.size_bytes for part in parts) + (way == "whole size")
            side.world.objects.complete_landing(*side.uploads[upload], parts, size_bytes)

        return complete

    @precondition(has_uploads)
    @rule(place=st.integers(0, 9))
    def abort(self, place: int) -> None:
        upload = self.upload(place)
        self.pair.ask(lambda side: side.world.objects.abort(*side.uploads[upload]))

    @precondition(has_uploads)
    @rule(place=st.integers(0, 9), key=st.sampled_from(UPLOADED))
    def ask_under_another_key(self, place: int, key: str) -> None:
        upload = self.upload(place)
        self.pair.ask(lambda side: side.world.objects.parts(key, side.uploads[upload][1]))

    @rule(
        prefix=st.sampled_from(("", keys.ORIGINALS, keys.INCOMING, ORIGINAL)),
        after=st.sampled_from(("", *ANY)),
    )
    def multiparts(self, prefix: str, after: str) -> None:
        self.pair.ask(lambda side: side.uploads_below(prefix, after))

    @rule(
        key=st.sampled_from(WRITTEN),
        body=st.sampled_from(BODIES),
        way=st.sampled_from(("right", "right", "wrong bytes", "expired")),
    )
    def put_once(self, key: str, body: bytes, way: str) -> None:
        def put(side: Side) -> int:
            told = crc64nvme_of(b"other") if way == "wrong bytes" else crc64nvme_of(body)
            now = side.world.now() - timedelta(seconds=3600 if way == "expired" else 0)
            whole = PartToSign(1, len(body), told)
            signed = side.world.signer.put_url(key, UPLOAD_IDS[0], whole, 900, now)
            return side.world.put(signed.url, dict(signed.headers), body)

        is_taken = self.see(key) is not None
        found, expected = self.pair.ask_each(put)
        if is_taken and way == "wrong bytes":  # Allowed.TWO_FAULTS
            self.pair.demand({found.value, expected.value} <= {400, 412}, found, expected)
        else:
            self.pair.demand(found == expected, found, expected)
        self.see(key)

    @rule(body=st.sampled_from((*BODIES, b"", b"1234567")))
    def post_form(self, body: bytes) -> None:
        def post(side: Side) -> int:
            fields = {**FIELDS, "x-amz-meta-upload-id": str(UPLOAD_IDS[1])}
            form = side.world.signer.form(LANDING, fields, MOST_OF_A_FORM, 900, side.world.now())
            return side.world.post(form, body)

        self.pair.ask(post)
        self.see(LANDING)

    @rule(key=st.sampled_from((INDEX, OUTPUT)), body=st.sampled_from(BODIES))
    def put_without_the_coordinator(self, key: str, body: bytes) -> None:
        self.pair.ask(lambda side: side.world.frame_index.put(key, io.BytesIO(body)))
        self.see(key)

    @rule(key=st.sampled_from(ANY))
    def mark_deleted(self, key: str) -> None:
        self.pair.ask(lambda side: side.world.mark_deleted(key))
        self.see(key)

    @rule(key=st.sampled_from(ANY))
    def head(self, key: str) -> None:
        self.see(key)

    @rule(key=st.sampled_from(ANY), most_bytes=st.sampled_from((3, 4, 7, 8, 99)))
    def read(self, key: str, most_bytes: int) -> None:
        self.pair.ask(lambda side: side.world.objects.read(key, most_bytes))

    @rule(key=st.sampled_from(ANY))
    def versions_of(self, key: str) -> None:
        self.pair.ask(
            lambda side: sorted(side.names.of("version", each) for each in side.world.version_ids(key))
        )

    @rule(key=st.sampled_from(ANY), is_right=st.sampled_from((True, True, False)))
    def remove(self, key: str, is_right: bool) -> None:
        stored = self.see(key)
        etag = stored.etag if stored and is_right else '"00000000000000000000000000000000"'
        self.pair.ask(lambda side: side.world.objects.remove(key, etag))
        self.see(key)

    @rule(key=st.sampled_from(ANY))
    def remove_from_index(self, key: str) -> None:
        self.pair.ask(lambda side: side.world.frame_index.remove(key))
        self.see(key)

    @rule(key=st.sampled_from(ANY), first=st.integers(0, 9), last=st.sampled_from((None, 0, 3, 99)))
    def read_from_index(self, key: str, first: int, last: int | None) -> None:
        if last is None or first <= last:
            self.pair.ask(lambda side: side.world.frame_index.read(key, first, last))

    @precondition(has_versions)
    @rule(place=st.integers(0, 9), call=st.sampled_from(("tag_cleaned", "untag_cleaned", "tags")))
    def tag(self, place: int, call: str) -> None:
        self.pair.ask(lambda side: getattr(side.world.objects, call)(*side.version(place)))
        self.pair.ask(lambda side: side.world.objects.tags(*side.version(place)))

    @precondition(has_versions)
    @rule(place=st.integers(0, 9), key=st.sampled_from(ANY))
    def tag_under_another_key(self, place: int, key: str) -> None:
        self.pair.ask(lambda side: side.world.objects.tag_cleaned(key, side.version(place)[1]))
        self.pair.ask(lambda side: side.world.objects.tags(key, side.version(place)[1]))

    @precondition(has_versions)
    @rule(place=st.integers(0, 9), first=st.integers(0, 9), last=st.integers(0, 12))
    def read_range(self, place: int, first: int, last: int) -> None:
        def size(side: Side) -> int:
            key, version_id = side.version(place)
            return len(b"".join(side.world.frame_index.source(key, version_id)))

        size_bytes = self.pair.ask(size).value
        if first <= last and first < size_bytes:
            self.pair.ask(lambda side: side.world.objects.read_range(*side.version(place), first, last))

    @precondition(has_versions)
    @rule(place=st.integers(0, 9), first=st.integers(0, 9), size_bytes=st.integers(1, 9), asks=st.booleans())
    def get(self, place: int, first: int, size_bytes: int, asks: bool) -> None:
        """By an address of the whole, or of a range: with the range that it was signed for, or without."""

        def whole(side: Side) -> tuple[int, bytes]:
            signed = side.world.signer.read_url(*side.version(place), 900, side.world.now())
            return side.world.get(signed.url, {"range": wanted.header} if asks else None)

        def ranged(side: Side) -> tuple[int, bytes]:
            [signed] = side.world.signer.range_urls(*side.version(place), [wanted], 900, side.world.now())
            return side.world.get(signed.url, signed.headers if asks else None)

        wanted = ByteRange(first, size_bytes)
        self.pair.ask(whole)
        self.pair.ask(ranged)

    @precondition(lambda self: self.has_uploads() and self.has_versions())
    @rule(place=st.integers(0, 9), version=st.integers(0, 9), number=st.integers(1, 3))
    def copy_part(self, place: int, version: int, number: int) -> None:
        upload = self.upload(place)

        def copy(side: Side) -> StoredPart:
            key, version_id = side.version(version)
            size_bytes = len(b"".join(side.world.frame_index.source(key, version_id)))
            plan = PartPlan(size_bytes, 4)
            target, multipart_id = side.uploads[upload]
            asked = 1 + (number - 1) % plan.part_count
            return side.world.objects.copy_part(target, multipart_id, version_id, plan, asked, key)

        if not self.is_landing(upload):
            self.pair.ask(copy)

    def teardown(self) -> None:
        if not self.pair.differs:
            for key in ANY:
                self.see(key)
            self.pair.ask(lambda side: side.uploads_below("", ""))
        if isinstance(self.pair.real.world, AwsWorld):
            self.pair.real.world.end()


@pytest.mark.parametrize("turns", TURNS)
def test_every_sequence_of_calls_is_answered_alike(place: Place, turns: int):
    play(lambda: Buckets(AwsWorld(place)), sequences=8 * turns, calls=25)
