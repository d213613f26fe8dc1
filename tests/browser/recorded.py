"""Sessions that are recorded as they are to be shown, without hauling or making anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from chalicelib import settings, wiring
from chalicelib.core.chapter import Chapter
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.ids import ArtifactId, DeviceId, UploadId
from chalicelib.core.measurements.index import FORMAT, Index, revision_of
from chalicelib.core.order import Order, wish
from chalicelib.core.parts import PartPlan
from chalicelib.core.picture import Picture, Progress
from chalicelib.core.session import Camera, Session, SessionState
from chalicelib.core.upload import Receipt, Upload, UploadState
from chalicelib.flows.store import create, save
from chalicelib.ports import Ports
from infra.local.aws.moto import server
from infra.local.stack import World
from tests.support.builders import make_session_id

PART_SIZE_BYTES = 5 * 1024 * 1024
CRC = Crc64Nvme("rosUhgp5mIg=")
VIDEO = ArtifactId("output.enhanced.mp4")


def ports_of(world: World) -> Ports:
    """The coordinator's ports, as its reconciler has them."""
    functions = world.aws.client("lambda")
    said = functions.get_function_configuration(FunctionName="reelhaul-local-reconcile")["Environment"]
    return wiring.ports(settings.settings({**said["Variables"], **server.environment(world.aws_url, {})}))


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def chapters(count: int, size_bytes: int = 12_000_000) -> tuple[Chapter, ...]:
    """The first chapters of recording 0038."""
    names = (f"GX{number:02d}0038.MP4" for number in range(1, count + 1))
    return tuple(Chapter("100GOPRO", name, size_bytes) for name in names)


@dataclass(frozen=True)
class Recorded:
    """A session in the table, to be told more of."""

    ports: Ports
    picture: Picture

    @property
    def session(self) -> Session:
        return self.picture.session

    def tell(self, **changes: Any) -> Recorded:
        """The session, with these members otherwise."""
        session = replace(self.session, **changes)
        return Recorded(self.ports, save(self.ports, self.picture, session=session))

    def receipt(self, chapter: Chapter, version_id: str | None = None) -> Receipt:
        """The receipt that `verify` gives the chapter."""
        place = self.picture.chapters.index(chapter)
        return Receipt(
            UploadId(f"u_{self.session.name}-{place}"),
            chapter.artifact_id,
            chapter.key(self.session.session_id),
            version_id or f"v{place:04d}kqtJlcpXroDTDmJrmSpXd3dIbrHY",
            chapter.size_bytes,
            CRC,
            self.session.created_at + timedelta(minutes=place + 1),
        )

    def verify(self, some: Sequence[Chapter] | None = None, version_id: str | None = None) -> Recorded:
        """The session with a receipt for these chapters (default: all)."""
        verified = [self._upload(self.receipt(each, version_id)) for each in some or self.picture.chapters]
        return Recorded(self.ports, save(self.ports, self.picture, uploads=verified))

    def _upload(self, receipt: Receipt) -> Upload:
        assert receipt.upload_id
        return Upload(
            receipt.upload_id,
            self.session.session_id,
            receipt.artifact_id,
            receipt.key,
            PartPlan(receipt.size_bytes, PART_SIZE_BYTES),
            "multipart",
            self.session.created_at,
            self.session.created_at + timedelta(days=6),
            UploadState.VERIFIED,
            promise=receipt.crc64nvme,
            receipt=receipt,
        )

    def make(self, made_id: ArtifactId, version_id: str = "made", **index: Any) -> Recorded:
        """The session with the receipt of what a processor made; of measurements with their index."""
        receipt = Receipt(None, made_id, self.picture.key(made_id), version_id, 340_000_000, CRC, now())
        picture = save(self.ports, self.picture, receipt=receipt)
        if index:
            told = {"kind": "papi", "frames": 0, "rejected": 0, "format": FORMAT, **index}
            made = Index(made_id, version_id, revision_of(version_id), indexed_at=now(), **told)
            picture = save(self.ports, picture, index=made)
        return Recorded(self.ports, picture)

    def heard(self, **figures: Any) -> Recorded:
        """The session after a heartbeat."""
        told = {"rate_down_bytes_s": 31_000_000, "rate_up_bytes_s": 6_000_000, **figures}
        progress = Progress(
            **{"spool_bytes": 0, "disk_free_bytes": 91_268_055_040, "clock": now(), "heard_at": now(), **told}
        )
        self.ports.records.put_progress(self.session.session_id, progress)
        return self


def record(
    ports: Ports, name: str, listed: Sequence[Chapter] | None = None, order: Order | None = None, **told: Any
) -> Recorded:
    """A new session of the device d_north, an hour old."""
    began_at = now() - timedelta(hours=1)
    camera = Camera("C3501324500711", "HERO12 Black", "H23.01.02.32.00")
    session = Session(make_session_id(name), DeviceId("d_north"), camera, None, began_at)
    session = replace(session, **told)
    picture = create(ports, session, listed or chapters(2))
    return Recorded(ports, picture).tell(order=order or ordered(began_at))


def ordered(at: datetime | None = None, required: Sequence[str] = (VIDEO,)) -> Order:
    """An order of these, sent."""
    return Order(1, wish(list(required), {"speed_kmh": 7.5}), at or now(), sent_at=at or now())


def processed(ports: Ports, name: str, **told: Any) -> Recorded:
    """A session whose chapters and output have their receipts."""
    made = record(ports, name, **told).verify().make(VIDEO)
    return made.tell(state=SessionState.PROCESSED, processed_at=now())
