"""`python -m infra.local.demo`: the whole story on this machine, and the proof. `make demo` runs it."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chalicelib.core.tokens import Role
from infra import door
from infra.admin.formats import size
from infra.admin.lake import table_lines
from infra.local.browser import NoBrowser, take_picture
from infra.local.camera import Camera, CardFile, NoObjectStore, card_of_folder
from infra.local.demo import footage, inspection
from infra.local.demo.commands import SESSION, Client, Operator, token_file
from infra.local.demo.coordinator import SessionReader
from infra.local.demo.story import DemoFailed, Result, Story
from infra.local.footage import DEMO_FOLDER, Film, make_footage
from infra.local.stack import PortTaken, World
from infra.local.surroundings import ignore_surroundings
from infra.page import BUILT

RESULT = Path("build/demo.json")
REPORT = Path("build/report.html")
PICTURE = Path("build/page.png")
PART_SIZE_BYTES = 5 * 2**20
VIDEO = "output.enhanced.mp4"
LIGHTS = "measurements.lights.json"
PACE_BYTES_S = 12_000_000
"""What a camera gives over good Wi-Fi: fast enough for a demo, slow enough to watch."""
PATIENCE_ROUNDS = 3
QUESTION = (
    "SELECT light, outcome, count(*) AS runs, round(avg(angle), 3) AS angle, "
    "round(avg(width) * 60, 1) AS width_arcmin, max(frames) AS frames "
    "FROM papi_summary CROSS JOIN (SELECT count(*) AS frames FROM papi) "
    "GROUP BY light, outcome ORDER BY light, outcome"
)


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 when everything was proven, 1 when it was not, 2 for footage that cannot be used."""
    given = _parser().parse_args(arguments)
    story = Story(lambda text: print(text, flush=True))
    try:
        result = play(story, given.footage)
    except (NoObjectStore, PortTaken) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    except DemoFailed as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(asdict(result), indent=2) + "\n")
    story.act(f"Written to {RESULT}")
    print(RESULT.read_text(), end="")
    return 0


def play(story: Story, folder: Path | None) -> Result:
    """Everything from the card to the restore. Raises NoObjectStore, PortTaken, DemoFailed."""
    card = card_of_folder(folder or _draw_film(story))
    with tempfile.TemporaryDirectory(prefix="reelhaul-demo-") as name:
        workdir = Path(name)
        story.act("A local AWS as strict as the real one, and the coordinator deployed on it")
        with _world(workdir, story) as world, Camera(card, pace_bytes_s=PACE_BYTES_S) as camera:
            parameters = {"inspection": inspection.asked()}
            if folder is None:
                parameters["telemetry"] = inspection.flight(Film())
            return Play(story, world, camera, workdir, parameters).all_acts()


@dataclass(frozen=True)
class Play:
    """The acts, on one world."""

    story: Story
    world: World
    camera: Camera
    workdir: Path
    parameters: Mapping[str, Any]
    """What the operator's order tells the processor; a film of others has no telemetry, so its lights no angles."""

    def all_acts(self) -> Result:
        files = self._show_card()
        client = Client(self.world, self.camera, self.workdir)
        report = self._haul(client)
        receipts = [chapter["receipt"] for chapter in report["chapters"]]
        verified = self._prove(files, receipts)
        orders = self._order()
        again = self._haul_again(client)
        self._order_again()
        outputs, frames = self._process()
        verdict = self._report()
        cleaned = self._clean(receipts)
        restored_ok = self._restore(files[0], receipts[0])
        asked = self._ask_lake()
        self._show_page()
        return Result(
            chapters=len(report["chapters"]),
            bytes=sum(chapter["size_bytes"] for chapter in report["chapters"]),
            parts=sum(chapter["parts_sent"] for chapter in report["chapters"]),
            receipts=sum(receipt is not None for receipt in receipts),
            verified=verified,
            orders=orders,
            rerun_parts=sum(chapter["parts_sent"] for chapter in again["chapters"]),
            outputs=outputs,
            frames_indexed=frames,
            verdict=verdict,
            frames_in_lake=asked,
            **cleaned,
            restored_ok=restored_ok,
            wall_s=round(self.story.seconds, 1),
            edge_peak_rss_mib=report["peak_rss_mib"],
            api_calls=report["api_calls"],
        )

    @property
    def _coordinator(self) -> SessionReader:
        return SessionReader(self.world, self.workdir)

    @property
    def _operator(self) -> Operator:
        return Operator(self.world, self.workdir)

    def _show_card(self) -> list[CardFile]:
        files = self.camera.card.listed()
        self.story.act(f"A camera with {len(files)} chapters of one recording on its card")
        for directory, file in files:
            self.story.line(f"{directory}/{file.name}  {size(file.size_bytes)}")
        return [file for _, file in files]

    def _haul(self, client: Client) -> dict[str, Any]:
        self.story.act("The haul: parts are read from the camera and PUT to S3 at the same time")
        return client.haul(self.story)

    def _prove(self, files: Sequence[CardFile], receipts: Sequence[footage.Receipt]) -> bool:
        self.story.act("The proof: every object read back and compared with the card")
        return footage.all_verified(self.story, self.world, files, receipts)

    def _order(self) -> int:
        self.story.act("The order: every chapter is verified, so a processor gets the addresses to read them")
        return self._coordinator.orders(self.story)

    def _haul_again(self, client: Client) -> dict[str, Any]:
        self.story.act("The same command again: nothing is transferred")
        return client.haul(self.story)

    def _order_again(self) -> None:
        self.story.act("The order once more: it says what the lights are held against, and the flight")
        told = self.workdir / "parameters.json"
        told.write_text(json.dumps(self.parameters))
        ordered = self._operator.admin(self.story, "order", SESSION, "--parameters", f"@{told}")
        self.story.line(f"order {ordered['order']['number']} takes the place of the one before")

    def _process(self) -> tuple[int, int]:
        """How many outputs are verified, and how many frames are indexed."""
        self.story.act(
            "The processor: reads the originals, measures the lights frame by frame, writes its outputs once"
        )
        session = self._coordinator.get()
        for _ in range(session["order"]["number"]):
            # A message of an order that was replaced is dropped.
            self._operator.process_one_order(self.story)
            self._coordinator.settled("the processor")
            session = self._coordinator.get()
            if session["state"] != "STORED":
                break
        if session["state"] != "PROCESSED":
            raise DemoFailed(f"the session is {session['state']}: {session['failure'] or session['order']}")
        listed = self._coordinator.get("/artifacts")["artifacts"]
        made = [each for each in listed if each["kind"] in ("output", "measurements") and each["receipt"]]
        for each in made:
            self.story.line(f"{each['artifact_id']}: {each['size_bytes']} bytes, verified and pinned")
        return len(made), self._show_index()

    def _show_index(self) -> int:
        self.story.act("The index: every frame's measurements, ready to be asked")
        summary = self._coordinator.get("/frames/summary", artifact=LIGHTS)
        for name, light in summary["lights"].items():
            told = ", ".join(f"{count} {status}" for status, count in light["statuses"].items() if count)
            self.story.line(f"{name}: {told}")
        frames = self._coordinator.get("/frames", artifact=LIGHTS, from_s=1, to_s=2, columns="papi_a")[
            "frames"
        ]
        self.story.line(
            f"second 1 to 2: {len(frames)} frames, the first is number {frames[0]['frame_number']}"
        )
        return int(summary["frames"])

    def _report(self) -> str:
        """The verdict on the lights; the page is written to REPORT."""
        self.story.act("The report: each light's angle held against the order, as a page to print and sign")
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        told = self._operator.admin(self.story, "report", SESSION, "--output", str(REPORT))
        inspected = told["inspection"]
        for light in inspected["lights"]:
            angle = "no angle" if light["angle"] is None else f"{light['angle']:.4f} degrees"
            self.story.line(f"{light['light']}, box {light['box']}: {angle}, {light['verdict']}")
        self.story.line(f"the whole: {inspected['verdict']}; {inspected['reason']}")
        self.story.line(f"written to {REPORT}")
        return str(inspected["verdict"])

    def _show_page(self) -> None:
        """The page's address; where Chromium is installed, a picture of the session on it in PICTURE."""
        self.story.act("The page: the same in a browser")
        url = f"{self.world.coordinator_url}/"
        self.story.line(
            f"it is at {url} until this demo ends; `make up` starts such a stack and keeps it running"
        )
        self.story.line("log in with an operator's token; `make up` names the file that has one")
        if not (BUILT / "index.html").is_file():
            self.story.line("its files are not built, so there is no picture: make assets")
            return
        token = token_file(self.world, self.workdir, Role.OPERATOR).read_text().strip()
        try:
            take_picture(url, token, f"#/sessions/{SESSION}", PICTURE)
        except NoBrowser as error:
            self.story.line(f"no picture of it: {error}")
        else:
            self.story.line(f"a picture of the session is in {PICTURE}")

    def _clean(self, receipts: Sequence[footage.Receipt]) -> dict[str, Any]:
        self.story.act("The cleanup: every output is verified and the grace is over; an operator arms it")
        self._operator.admin(self.story, "cleanup", "--plan")
        self._coordinator.reconcile()
        self.story.line(
            f"not armed: {footage.current(self.world, receipts)} of {len(receipts)} originals exist"
        )
        self._operator.admin(self.story, "cleanup", "--arm", "--reason", "the demo", "--yes")
        ensured = self._operator.admin(self.story, "ensure", SESSION)
        state = self._coordinator.get()["state"]
        left = footage.current(self.world, receipts)
        self.story.line(
            f"{SESSION} is {state}; {left} originals exist ({ensured['settled']} session settled)"
        )
        kept = footage.noncurrent_match(self.story, self.world, receipts)
        writes = self._coordinator.reconcile()
        self.story.line(f"the reconciler once more: {writes} writes")
        return {
            "session_state": state,
            "originals_current": left,
            "noncurrent_match_receipts": kept,
            "reconcile_second_run_writes": writes,
        }

    def _restore(self, file: CardFile, receipt: footage.Receipt) -> bool:
        self.story.act(
            "The restore: S3 copies a cleaned version back onto its key; the session is held until released"
        )
        artifact_id = receipt["artifact_id"]
        self._operator.admin(
            self.story, "restore", SESSION, artifact_id, "--reason", "the demo wants it back"
        )
        for _ in range(PATIENCE_ROUNDS):
            self._coordinator.reconcile()
        found = footage.current_sha256(self.world, receipt["key"])
        chapter = next(
            each for each in self._coordinator.get()["chapters"] if each["artifact_id"] == artifact_id
        )
        is_new = chapter["receipt"]["version_id"] != receipt["version_id"]
        self.story.line(f"{receipt['key']}: SHA-256 {found[:16]}… again, new receipt: {is_new}")
        return found == file.sha256() and is_new

    def _ask_lake(self) -> int:
        """How many frames the lake has, by the operator's command; the rows of its answer are told."""
        self.story.act("The lake: one question about all sessions, which Athena answers on a deployed stage")
        answer = self._operator.admin(self.story, "query", QUESTION)
        for line in table_lines(answer["columns"], [tuple(row) for row in answer["rows"]]):
            self.story.line(line)
        return max((int(row[-1]) for row in answer["rows"]), default=0)


@contextmanager
def _world(workdir: Path, story: Story) -> Iterator[World]:
    settings = {
        "PART_SIZE_BYTES": str(PART_SIZE_BYTES),
        "REQUIRED_OUTPUTS": f"{VIDEO},{LIGHTS}",
        # Nobody wants to wait three days for a demo; the other gates stay as they are.
        "GRACE_S": "0",
    }
    with World.start(workdir=workdir, settings=settings, progress=story.line) as world:
        yield world


def _draw_film(story: Story) -> Path:
    story.act("Film to haul: four approach lights turn from red to white as the viewpoint climbs")
    told = 0

    def progress(done: int, total: int) -> None:
        nonlocal told
        if done * 4 // total > told:
            told = done * 4 // total
            story.line(f"{done} of {total} frames drawn")

    paths = make_footage(DEMO_FOLDER, progress)
    story.line(f"{len(paths)} chapters in {DEMO_FOLDER}, playable in a browser")
    return DEMO_FOLDER


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.demo", description=__doc__)
    parser.add_argument("--footage", type=Path, metavar="DIR", help="haul this folder's MP4 files instead")
    return parser


if __name__ == "__main__":
    ignore_surroundings(os.environ)
    sys.exit(door.ended(lambda: main(sys.argv[1:])))
