"""Sessions with chapters and measurements, brought by the same calls that devices and processors make."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
from awscrt.checksums import crc64nvme

from chalicelib.core.tokens import Role
from infra.admin.commands.tokens import enroll
from infra.local.stack import World
from tests.support.films import make_film

DEADLINE_S = 60
SETTLES_S = 60
LIGHTS = "measurements.lights.json"


@dataclass(frozen=True)
class Crew:
    """A device and a processor of one world, and an operator who looks on."""

    world: World
    device: str = field(repr=False)
    processor: str = field(repr=False)
    operator: str = field(repr=False)

    def call(self, token: str, method: str, path: str, body: object = None) -> Any:
        """The answer's document."""
        url = f"{self.world.coordinator_url}{path}"
        headers = {"Authorization": f"Bearer {token}", "Reelhaul-Client-Version": "0.1.0"}
        answer = requests.request(method, url, json=body, headers=headers, timeout=DEADLINE_S)
        assert answer.ok, answer.text
        return answer.json()

    def haul(self, name: str, films: Sequence[bytes], order: object) -> None:
        """A session of these chapters, all of them verified."""
        chapters = [
            {"directory": "100GOPRO", "filename": f"GX{place:02}0038.MP4", "size_bytes": len(film)}
            for place, film in enumerate(films, start=1)
        ]
        body = {"camera": {"serial": "C3501324500711"}, "chapters": chapters, "order": order}
        self.call(self.device, "PUT", f"/v1/sessions/{name}", body)
        for chapter, film in zip(chapters, films, strict=True):
            self.bring(self.device, name, f"original.100GOPRO.{chapter['filename']}", film)

    def bring(self, token: str, name: str, artifact_id: str, body: bytes) -> None:
        """A verified artifact."""
        asked = {"artifact_id": artifact_id, "size_bytes": len(body)}
        opened = self.call(token, "POST", f"/v1/sessions/{name}/uploads", asked)
        cut = opened["plan"]["part_size_bytes"]
        parts = [body[start : start + cut] for start in range(0, len(body), cut)]
        wanted = [{"number": number, "crc64nvme": _crc(part)} for number, part in enumerate(parts, start=1)]
        path = f"/v1/uploads/{opened['upload_id']}"
        signed = self.call(token, "POST", f"{path}/part-urls", {"parts": wanted})["part_urls"]
        for url, part in zip(signed, parts, strict=True):
            put = requests.put(url["url"], data=part, headers=url["headers"], timeout=DEADLINE_S)
            assert put.ok, put.text
        done = self.call(token, "POST", f"{path}/complete", {"crc64nvme": _crc(body)})
        assert done["state"] == "VERIFIED", done

    def measure(self, name: str, body: bytes, artifact_id: str = LIGHTS) -> None:
        """Measurements that are indexed, or in quarantine."""
        self.bring(self.processor, name, artifact_id, body)
        assert self.world.settled(SETTLES_S)

    def points(self, name: str, **asked: str | int) -> Any:
        """What the API answers a plot."""
        query = "&".join(f"{key}={value}" for key, value in asked.items())
        return self.call(self.operator, "GET", f"/v1/sessions/{name}/frames?{query}")


def crew_of(world: World, operator: str) -> Crew:
    """A new crew."""
    device = enroll(world.registry, name="north").token
    processor = enroll(world.registry, role=Role.PROCESSOR, project="main").token
    return Crew(world, device, processor, operator)


def chapters_of(*seconds: float) -> list[bytes]:
    """Chapters that last so long; they have no pictures."""
    return [make_film(round(each * 1000), 4096, seed) for seed, each in enumerate(seconds, start=1)]


def order_of(*artifacts: str, **parameters: Any) -> dict[str, Any]:
    return {"required": list(artifacts), "parameters": parameters}


def _crc(body: bytes) -> str:
    return base64.b64encode(crc64nvme(body).to_bytes(8, "big")).decode()
