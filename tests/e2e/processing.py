"""A session brought to its order by hand, a processor that writes what a test tells it to, and an operator."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Thread
from typing import Any

from botocore.exceptions import ClientError
from pyarrow.parquet import read_table

from chalicelib.aws.records import DynamoRecords
from chalicelib.core.cleanup import Arming
from chalicelib.core.tokens import ALL_PROJECTS, Role
from infra.admin.commands.tokens import enroll
from infra.local.stack import World
from tests.e2e.rig import Rig, until
from tests.e2e.test_by_hand import BODY, LASTING_MS, crc_of, put
from tests.e2e.test_orders import hauled
from tests.support.builders import make_session_id, named
from tests.support.films import make_film

VIDEO = "output.enhanced.mp4"
LIGHTS = "measurements.lights.json"
ORDER = {"required": [VIDEO, LIGHTS]}
FRAMES = 700
ROUNDS = 3

DOCUMENT = {
    "frames": [
        {
            "frame_number": number,
            "timestamp": number / 30,
            "papi_a": {"status": "red" if number < FRAMES // 2 else "white", "intensity": 100 + number % 7},
        }
        for number in range(FRAMES)
    ]
}
MADE: Mapping[str, bytes] = {
    VIDEO: make_film(LASTING_MS, 17_000, seed=2),
    LIGHTS: json.dumps(DOCUMENT).encode(),
}


@dataclass(frozen=True)
class Session:
    """One session of a test, seen from all sides."""

    rig: Rig
    name: str

    @property
    def world(self) -> World:
        return self.rig.world

    def haul_and_order(self, order: object = ORDER) -> dict[str, Any]:
        """The receipt of its one chapter."""
        return hauled(self.rig, self.name, order=order)

    def key(self, artifact_id: str, order: int = 1) -> str:
        kind, _, name = artifact_id.partition(".")
        prefix = {"output": "outputs", "measurements": "measurements"}[kind]
        return f"{prefix}/main/{self.name}/{order}/{name}"

    def write(self, artifact_id: str, body: bytes, order: int = 1, **more: Any) -> None:
        """As a processor writes: once, with CRC64NVME."""
        checked = more or {"ChecksumCRC64NVME": crc_of(body)}
        self._put(self.key(artifact_id, order), body, **checked)

    def state(self, made: Mapping[str, bytes] = MADE, order: int = 1) -> None:
        """The manifest that states `made`."""
        artifacts = [
            {"artifact_id": each, "size_bytes": len(body), "crc64nvme": crc_of(body)}
            for each, body in made.items()
        ]
        document = {**named(make_session_id(self.name)), "order": order, "artifacts": artifacts}
        self._put(f"outputs/main/{self.name}/{order}/manifest.json", json.dumps(document).encode())

    def process(self, made: Mapping[str, bytes] = MADE, order: int = 1) -> None:
        for artifact_id, body in made.items():
            self.write(artifact_id, body, order)
        self.state(made, order)

    def lake(self, table: str) -> list[dict[str, Any]]:
        """The rows that a table of the lake has of this session, file by file."""
        s3, bucket = self.world.aws.client("s3"), self.world.bucket
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"lake/kind={table}/").get("Contents", ())
        keys = [each["Key"] for each in listed if f"/main.{self.name}." in each["Key"]]
        bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
        return [row for body in bodies for row in read_table(io.BytesIO(body)).to_pylist()]

    def calm(self) -> None:
        """Every event is delivered."""
        assert self.world.settled(30)

    def reconcile(self, rounds: int = 1) -> None:
        for _ in range(rounds):
            self.rig.reconcile()

    def shown(self) -> dict[str, Any]:
        found = self.rig.session(self.name)
        assert found, f"no session {self.name}"
        return found

    def asked(self, role: Role, method: str, path: str, body: object = None, **query: Any) -> Any:
        """The status and the document of a call about it by somebody of this role."""
        query_text = "&".join(f"{name}={value}" for name, value in query.items())
        answer = self.rig.call(
            method,
            f"/v1/sessions/{self.name}{path}" + (f"?{query_text}" if query else ""),
            body,
            Authorization=f"Bearer {self.token_of(role)}",
        )
        return answer.status_code, answer.json()

    def token_of(self, role: Role) -> str:
        """A new token of this role."""
        project = "main" if role is Role.PROCESSOR else ALL_PROJECTS
        return enroll(self.world.registry, role=role, project=project).token

    def brought(self, token: str, artifact_id: str, body: bytes) -> dict[str, Any]:
        """The verified upload of what a processor made, brought by the same calls that a device makes."""
        headers = {"Authorization": f"Bearer {token}"}
        asked = {"artifact_id": artifact_id, "size_bytes": len(body)}
        opened = self.rig.call("POST", f"/v1/sessions/{self.name}/uploads", asked, **headers).json()
        cut = opened["plan"]["part_size_bytes"]
        parts = [body[start : start + cut] for start in range(0, len(body), cut)]
        wanted = [{"number": place, "crc64nvme": crc_of(part)} for place, part in enumerate(parts, start=1)]
        path = f"/v1/uploads/{opened['upload_id']}"
        urls = self.rig.call("POST", f"{path}/part-urls", {"parts": wanted}, **headers).json()["part_urls"]
        assert [put(url, part) for url, part in zip(urls, parts, strict=True)] == [200] * len(parts)
        done = self.rig.call("POST", f"{path}/complete", {"crc64nvme": crc_of(body)}, **headers)
        assert done.status_code == 200, done.text
        return dict(done.json())

    def reconciling_beside(self) -> Thread:
        """One tick of the schedule, on its way."""
        thread = Thread(target=self.world.run_schedule, args=("reconcile",), daemon=True)
        thread.start()
        return thread

    def until_intended(self) -> None:
        """The intent of its cleanup stands on record."""
        records = DynamoRecords(self.world.aws.client("dynamodb"), self.world.table)

        def is_intended() -> bool:
            picture = records.picture(make_session_id(self.name))
            return picture is not None and picture.session.cleanup is not None

        until(is_intended, "an intent on record")

    def current(self, key: str) -> bytes | None:
        """The current object's bytes, or None."""
        try:
            found = self.world.aws.client("s3").get_object(Bucket=self.world.bucket, Key=key)
        except ClientError:
            return None
        body: bytes = found["Body"].read()
        return body

    def version(self, receipt: Mapping[str, Any]) -> bytes:
        """The bytes of exactly the version that a receipt names."""
        found = self.world.aws.client("s3").get_object(
            Bucket=self.world.bucket, Key=receipt["key"], VersionId=receipt["version_id"]
        )
        body: bytes = found["Body"].read()
        return body

    def replace_past_everybody(self, key: str, body: bytes | None) -> None:
        """Somebody with keys to the account marks an object deleted, and may put another in its place."""
        s3 = self.world.aws.client("s3")
        etag = s3.head_object(Bucket=self.world.bucket, Key=key)["ETag"]
        s3.delete_object(Bucket=self.world.bucket, Key=key, IfMatch=etag)
        if body is not None:
            self._put(key, body)

    def is_kept(self, receipt: Mapping[str, Any]) -> bool:
        """Whether the original stands as it was hauled."""
        return self.current(receipt["key"]) == BODY

    def is_cleaned(self, receipt: Mapping[str, Any]) -> bool:
        """Whether the original is gone, and its version still readable."""
        return self.current(receipt["key"]) is None and self.version(receipt) == BODY

    def _put(self, key: str, body: bytes, **more: Any) -> None:
        self.world.aws.client("s3").put_object(
            Bucket=self.world.bucket, Key=key, Body=body, IfNoneMatch="*", **more
        )


def arm(world: World, is_armed: bool = True) -> None:
    """What `admin cleanup --arm` records."""
    records = DynamoRecords(world.aws.client("dynamodb"), world.table)
    records.put_arming(Arming(is_armed, datetime.now(UTC), "a test says so"))
