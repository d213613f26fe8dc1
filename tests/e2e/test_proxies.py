"""Proxies and thumbnails from a card into the bucket, before the film, also when the client is killed amid one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infra.local.camera import Camera, Card, card_with, recording, with_twins
from infra.local.camera.routes import FILES
from tests.e2e.rig import PART_SIZE_BYTES, Rig, camera_with, source_sha256, until

pytestmark = pytest.mark.e2e

PROXY, THUMBNAIL, FILM = "100GOPRO/GL010038.LRV", "100GOPRO/GX010038.THM", "100GOPRO/GX010038.MP4"


def card() -> Card:
    [film] = recording(38, [3 * PART_SIZE_BYTES])
    return card_with(*with_twins(replace(film, low_resolution_bytes=4 * PART_SIZE_BYTES)))


def stored(rig: Rig, session: str) -> dict[str, list[dict[str, Any]]]:
    """The versions below `proxies/` of a session, by the ends of their keys."""
    s3, prefix = rig.world.aws.client("s3"), f"proxies/main/{session}/"
    found: dict[str, list[dict[str, Any]]] = {}
    for version in s3.list_object_versions(Bucket=rig.world.bucket, Prefix=prefix).get("Versions", []):
        head = s3.head_object(Bucket=rig.world.bucket, Key=version["Key"], VersionId=version["VersionId"])
        found.setdefault(version["Key"].removeprefix(prefix), []).append(head)
    return found


def demand_watchable(rig: Rig, camera: Camera, session: str) -> None:
    """Raises unless the bucket has one version of each, of the card's size and with a content type that plays."""
    sizes = {f"{directory}/{file.name}": file.size_bytes for directory, file in camera.card.files()}
    told = {
        name: [(head["ContentLength"], head["ContentType"]) for head in heads]
        for name, heads in stored(rig, session).items()
    }
    assert told == {
        f"{FILM}.mp4": [(sizes[PROXY], "video/mp4")],
        f"{FILM}.jpg": [(sizes[THUMBNAIL], "image/jpeg")],
    }
    shown = rig.session(session)
    assert shown
    [chapter] = shown["chapters"]
    assert {chapter[kind]["size_bytes"] for kind in ("proxy", "thumbnail")} == {
        sizes[PROXY],
        sizes[THUMBNAIL],
    }
    assert shown["missing"] == []


def bytes_of(camera: Camera, path: str) -> int:
    return sum(entry.body_bytes for entry in camera.log.all() if entry.path == FILES + path and entry.asked)


def test_a_client_that_is_killed_amid_a_proxy_is_finished_by_the_next_one_and_all_can_be_watched(rig: Rig):
    with camera_with(card=card(), pace_bytes_s=2 * PART_SIZE_BYTES) as camera:
        client = rig.client(camera, "killed-proxy")
        until(lambda: bytes_of(camera, PROXY) > 2 * PART_SIZE_BYTES, "two parts of the proxy read")
        rig.killed(client)
        begun = rig.session("killed-proxy")
        assert begun
        assert begun["chapters"][0]["upload"] is None
        done = rig.haul(camera, "killed-proxy")

        assert done.code == 0, done.said
        demand_watchable(rig, camera, "killed-proxy")
        assert rig.stored_sha256("killed-proxy") == source_sha256(camera)
        assert not list((rig.folder / "spool").rglob("*.part"))
