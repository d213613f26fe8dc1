"""`manifest`: the ASC MHL hash list of a session, for the files as `download` lays them down."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from chalicelib.core import artifact
from chalicelib.core.evidence import SecondRead
from chalicelib.core.picture import Picture
from chalicelib.core.times import rfc3339
from chalicelib.core.upload import Receipt
from chalicelib.flows.store import load
from infra.admin import formats
from infra.admin.at_rest.reading import Pace, demand_checksums
from infra.admin.commands.download import PARALLEL, add_parts, parallel, wanted_parts
from infra.admin.console import (
    DONE,
    NAMED,
    OWED,
    REFUSED,
    Arguments,
    Console,
    at_a_stage,
    command,
    named_session,
    number,
    tell,
)
from infra.admin.formats import columns, counted, size
from infra.admin.hash_list import FOLDER, Hashed, demand_library, refuse_other_lists, write_list
from infra.admin.hashing import xxh128_of
from infra.admin.layout import File, Reach, files_of, session_folder
from infra.admin.own_version import own_version

_EXAMPLES = """  reelhaul-admin manifest --stage prod match-17-north --out /mnt/edit
  reelhaul-admin manifest --stage prod match-17-north --out /mnt/edit --originals --outputs"""

CARD = "card"
S3 = "s3"


@dataclass(frozen=True)
class _Source:
    """Where the hash of a file comes from: the second read of its card, or S3's bytes, read for this list."""

    file: File
    receipt: Receipt
    second_read: SecondRead | None

    @property
    def name(self) -> str:
        return CARD if self.second_read else S3


def describe(commands: Any) -> None:
    """The command `manifest`."""
    made = command(
        commands,
        "manifest",
        "write the ASC MHL hash list of a session, to check what `download` fetched",
        _EXAMPLES,
        _manifest,
    )
    at_a_stage(made)
    made.add_argument("session", type=named_session, metavar="SESSION", help=NAMED)
    made.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="DIR",
        help=f"the DIR of `download`: the list comes into DIR/NAME/{FOLDER}",
    )
    add_parts(made)
    made.add_argument(
        "--limit-rate", type=number, metavar="MIB_S", help="read at most so many MiB per second in all"
    )
    made.add_argument(
        "--parallel",
        type=parallel,
        default=PARALLEL,
        metavar="N",
        help=f"ranges at a time; default: {PARALLEL}",
    )


def _manifest(given: Arguments, desk: Console) -> int:
    demand_library()
    demand_checksums()
    ports = desk.reach(given).ports
    picture = load(ports, given.session)
    files = files_of(picture, wanted_parts(given), given.stage)
    sources = [_source(picture, file) for file in files]
    unknown = [file for file, source in zip(files, sources, strict=True) if source is None]
    if unknown or not files:
        return _refuse(given, desk, picture, unknown)
    folder = session_folder(given.out, given.session)
    refuse_other_lists(folder)
    began_at = ports.clock.now()

    def seconds() -> float:
        return (ports.clock.now() - began_at).total_seconds()

    known = [source for source in sources if source]
    to_read = sum(each.receipt.size_bytes for each in known if each.name == S3)
    desk.note(f"{counted(len(known), 'file')}; {size(to_read)} to be read from S3")
    pace = Pace(given.limit_rate * 2**20 if given.limit_rate else None, seconds, desk.pause)

    def show() -> None:
        desk.draw(f"{pace.read_bytes / to_read:4.0%}  {size(pace.read_bytes)} of {size(to_read)} read")

    def hashed_of(source: _Source) -> Hashed:
        place, size_bytes, read = source.file.place, source.receipt.size_bytes, source.second_read
        if read:
            return Hashed(place, size_bytes, read.xxh128, read.read_at)
        at = ports.clock.now()
        digest = xxh128_of(ports.objects, source.receipt, pace, given.parallel, show)
        return Hashed(place, size_bytes, digest, at)

    hashed = [hashed_of(source) for source in known]
    desk.draw("")
    comment = _comment(picture, known, rfc3339(began_at))
    written = write_list(folder, hashed, comment, own_version())
    return _tell(given, desk, picture, written, known, hashed, seconds())


def _source(picture: Picture, file: File) -> _Source | None:
    """Where the hash of the file comes from; None where its bytes can be read nowhere."""
    receipt = picture.receipt(file.artifact_id)
    if receipt is None or file.place.name in ("", ".", ".."):
        return None
    read = _second_read(picture, receipt)
    return _Source(file, receipt, read) if read or file.reach is Reach.HERE else None


def _second_read(picture: Picture, receipt: Receipt) -> SecondRead | None:
    """The second read of the chapter that gave the receipt's bytes; None while any read gave others."""
    if not artifact.is_original(receipt.artifact_id):
        return None
    evidence = picture.session.evidence_of(receipt.artifact_id)
    read = evidence.agreed if evidence.agrees else None
    return read if read and read.crc64nvme == receipt.crc64nvme else None


def _comment(picture: Picture, sources: Sequence[_Source], now: str) -> str:
    """What the list says of itself: where each hash comes from, and what it proves."""
    session_id = picture.session.session_id
    about = f"Session {session_id} of camera {picture.session.camera.serial}."
    said = [about, "Every xxh128 is of bytes that have the CRC64NVME and the size of the file's receipt."]
    of_card = [str(each.file.place) for each in sources if each.name == CARD]
    of_s3 = [str(each.file.place) for each in sources if each.name == S3]
    if of_card:
        said.append(f"From a second read of the card: {', '.join(of_card)}.")
    if of_s3:
        said.append(
            f"From the bytes that S3 had at {now}, which proves the copy in S3 and says nothing of the card: "
            f"{', '.join(of_s3)}."
        )
    return " ".join(said)


def _refuse(given: Arguments, desk: Console, picture: Picture, unknown: Sequence[File]) -> int:
    """Say why there is no list: one that lacks a file would pass for all of them."""
    document = {
        "project": picture.session.project,
        "session_id": picture.session.name,
        "list": None,
        "unknown": [
            {"artifact_id": file.artifact_id, "why": file.why, "next": file.remedy} for file in unknown
        ],
    }
    tell(given, desk, document, lambda: list(_refusal_lines(document)))
    later = unknown and all(file.reach is Reach.LATER for file in unknown)
    return OWED if later else REFUSED


def _refusal_lines(document: Mapping[str, Any]) -> Iterator[str]:
    for each in document["unknown"]:
        yield f"{formats.session(document)}: no hash of {each['artifact_id']}"
        rows = [("why", each["why"] or "no file can have its name"), ("next", each["next"])]
        yield from columns([(name, text) for name, text in rows if text], indent=2)
    yield f"{formats.session(document)}: no list is written" + (
        "" if document["unknown"] else ": it has none of these files"
    )


def _tell(
    given: Arguments,
    desk: Console,
    picture: Picture,
    written: Path,
    sources: Sequence[_Source],
    hashed: Sequence[Hashed],
    passed_s: float,
) -> int:
    document = {
        "project": picture.session.project,
        "session_id": picture.session.name,
        "list": str(written),
        "files": [
            {
                "artifact_id": source.file.artifact_id,
                "place": str(file.place),
                "size_bytes": file.size_bytes,
                "xxh128": file.xxh128,
                "from": source.name,
            }
            for source, file in zip(sources, hashed, strict=True)
        ],
    }
    tell(given, desk, document, lambda: list(_lines(document, passed_s)))
    return DONE


def _lines(document: Mapping[str, Any], passed_s: float) -> Iterator[str]:
    files = document["files"]
    of_card = sum(each["from"] == CARD for each in files)
    yield f"{formats.session(document)}: {counted(len(files), 'file')} in {document['list']}"
    yield (
        f"{of_card} by a second read of the card, {len(files) - of_card} by S3's bytes, read in "
        f"{timedelta(seconds=round(passed_s))}: those prove the copy in S3 and say nothing of the card"
    )
