"""`smoke`: a tiny session through a stage, what each fault tells, and that nothing is left open."""

import argparse
import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from awscrt.checksums import crc64nvme
from msgspec.structs import replace

from chalicelib.core import ids
from chalicelib.core.errors import Conflict, NotFound, RemovalRefused, StorageBusy
from chalicelib.core.ids import ArtifactId
from chalicelib.core.settle import Actor
from chalicelib.core.upload import UploadState
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from chalicelib.ports import Change, PartUrl, Ports
from infra.admin import command, deployment
from infra.admin.console import Console
from infra.admin.deployment import Refused
from infra.admin.smoke import steps
from infra.admin.smoke.api import Api, NotRead, recorded_url
from infra.admin.smoke.made import body_of, crc64nvme_of
from infra.admin.smoke.steps import FILM, MEASUREMENTS, PROJECT, VIDEO
from infra.aws.ledger import Page
from infra.client import Client
from infra.migration.send import NotSent, Send
from tests.infra.admin.desks import held, processed
from tests.support import story
from tests.support.builders import POLICY, MemoryPorts, memory_ports, recorded
from tests.support.faults import Fault, faulty
from tests.support.memory import deliver, fetch
from tests.web.client import app_over
from tests.web.in_process import InProcess

ADDRESS = "http://coordinator"
GRACE = replace(POLICY, part_size_bytes=2_048)
"""Two or three parts for each of its films; a call is made for each part."""

NO_GRACE = replace(GRACE, grace_s=0)
STEPS = [
    *("health", "enrol", "confirm", "upload", "stored", "order", "read", "outputs", "event"),
    *("processed", "frames", "proof", "gates", "cleanup", "restore", "release", "end"),
]


class MemoryApi(Api):
    """The API over ports in memory."""

    def __init__(self, ports: Ports, objects: Any) -> None:
        self._ports = ports
        self._objects = objects
        self._app = InProcess(app_over(ports))

    def url(self, given: argparse.Namespace) -> str:
        return given.url or ADDRESS

    def client(self, url: str, token: str) -> Client:
        made = super().client(url, token)
        made._session.mount(ADDRESS, self._app)
        return made

    def fetch(self, url: str) -> bytes:
        return fetch(self._objects, url, self._ports.clock.now())


@dataclass
class Stage:
    """A stage in memory: each pause, time goes by, events arrive and the reconciler runs, unless a test says so."""

    ports: MemoryPorts = field(default_factory=lambda: memory_ports(policy=NO_GRACE))
    api: Api | None = None
    hears: bool = True
    reconciles: bool = True
    broken: Ports | None = None
    send: Send | None = None
    said: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)

    def run(self, *arguments: str) -> tuple[dict[str, Any], int]:
        """The document, and the exit code."""
        self.said.clear()
        code = command.follow(["smoke", "--stage", "prod", "--json", *arguments], self.desk())
        return json.loads(self.said[0]), code

    def desk(self) -> Console:
        ports = self.broken or self.ports
        return Console(
            connect=lambda _: ports,
            reach=lambda _: deployment.Deployment(ports, None),
            say=self.said.append,
            note=self.noted.append,
            pause=lambda _: self.pause(),
            send_part=self.send or self._deliver,
            api=self.api or MemoryApi(ports, self.ports.objects),
        )

    def pause(self) -> None:
        self.ports.clock.advance(20)
        for session_id in list(self.ports.records.sessions()):
            if self.hears and ids.project_of(session_id) == PROJECT:
                settle_session(self.ports, session_id, Actor.EVENT)
        if self.reconciles:
            reconcile(self.ports, 60)

    def _deliver(self, url: PartUrl, body: bytes) -> None:
        deliver(self.ports.objects, url.url, url.headers, body, self.ports.clock.now())


def armed(ports: MemoryPorts | None = None, **more: Any) -> Stage:
    stage = Stage(ports or memory_ports(policy=NO_GRACE), **more)
    story.arm(stage.ports)
    return stage


def session_of(document: Mapping[str, Any]) -> dict[str, Any]:
    [session] = document["sessions"]
    return cast(dict[str, Any], session)


def outcomes(document: Mapping[str, Any]) -> dict[str, str]:
    return {each["name"]: each["outcome"] for each in session_of(document)["steps"]}


def failed(document: Mapping[str, Any]) -> dict[str, Any]:
    """The one step that failed."""
    [step] = [each for each in session_of(document)["steps"] if each["outcome"] == "failed"]
    return cast(dict[str, Any], step)


def demand_nothing_open(ports: MemoryPorts) -> None:
    """No token is good, no upload is open, and no session waits for anything."""
    assert all(token.revoked_at for token in ports.records.tokens(PROJECT))
    for session_id in ports.records.sessions():
        picture = recorded(ports, session_id)
        assert not [
            each for each in picture.uploads if each.state in (UploadState.OPEN, UploadState.COMPLETED)
        ]
        assert picture.session.state.value in ("FAILED", "PROCESSED", "CLEANED")


def test_a_stage_without_a_grace_is_walked_from_enrolment_to_restore_and_left_clean():
    stage = armed()

    document, code = stage.run()

    assert outcomes(document) == dict.fromkeys(STEPS, "ok"), session_of(document)["steps"]
    assert (code, document["outcome"]) == (0, "ok")
    demand_nothing_open(stage.ports)
    story.let_pass(stage.ports, 86_400, rounds=5)
    [session_id] = stage.ports.records.sessions()
    assert recorded(stage.ports, session_id).session.state.value == "CLEANED"


def test_events_that_write_the_session_at_the_same_time_fail_no_step():
    stage = armed()

    class Contended:
        """The first promise of an output comes just after somebody else's write."""

        is_free = False

        def __getattr__(self, name: str) -> Any:
            return getattr(stage.ports.records, name)

        def write(self, change: Change) -> None:
            if not self.is_free and any(
                each.artifact_id == VIDEO and each.promise for each in change.uploads
            ):
                self.is_free = True
                raise Conflict("another one wrote it")
            stage.ports.records.write(change)

    stage.broken = replace(stage.ports, records=cast(Any, Contended()))

    document, code = stage.run()

    assert outcomes(document) == dict.fromkeys(STEPS, "ok"), session_of(document)["steps"]
    assert code == 0


def test_the_order_says_that_it_is_a_smoke_test():
    stage = armed()

    stage.run()

    [message] = stage.ports.orders.sent
    assert message["parameters"] == {"smoke": True}


def test_a_stage_with_a_grace_owes_the_cleanup_and_a_later_run_finds_it_cleaned():
    stage = armed(memory_ports(policy=GRACE))

    first, owed = stage.run()
    assert (owed, outcomes(first)["gates"], outcomes(first)["cleanup"]) == (75, "ok", "owed")
    assert "the grace ends at" in session_of(first)["steps"][-2]["told"]
    demand_nothing_open(stage.ports)
    early, still_owed = stage.run("--resume")
    story.let_grace_pass(stage.ports)
    late, done = stage.run("--resume")

    assert (still_owed, outcomes(early)["cleanup"]) == (75, "owed")
    assert (done, late["outcome"]) == (0, "ok"), session_of(late)["steps"]
    assert session_of(late)["session_id"] == session_of(first)["session_id"]
    assert outcomes(late)["restore"] == "ok"
    demand_nothing_open(stage.ports)
    assert stage.run("--resume")[0]["sessions"] == []


def test_a_stage_that_was_never_armed_says_so_and_cleans_nothing():
    stage = Stage()

    document, code = stage.run()

    assert (code, outcomes(document)["cleanup"]) == (75, "owed")
    assert "never armed" in session_of(document)["steps"][-2]["told"]
    assert stage.ports.objects.head(
        f"originals/{PROJECT}/{session_of(document)['session_id']}/100GOPRO/GX010001.MP4"
    )
    demand_nothing_open(stage.ports)


def test_another_project_beside_it_is_not_touched():
    ports = held(replace(processed(), policy=NO_GRACE))
    before, bodies = recorded(ports), story.bodies_of(ports, story.original_keys())
    tokens = ports.records.tokens("main")
    stage = armed(ports, reconciles=True)

    _, code = stage.run()

    assert code == 0
    assert recorded(ports) == before
    assert story.bodies_of(ports, story.original_keys()) == bodies
    assert ports.records.tokens("main") == tokens
    assert {token.project for token in ports.records.tokens()} == {PROJECT}


def refuse(url: PartUrl, body: bytes) -> None:
    raise NotSent(f"part {url.number}: S3 answered 503 Slow Down")


def no_bytes(stage: Stage) -> None:
    class Blind(MemoryApi):
        def fetch(self, url: str) -> bytes:
            raise NotRead("a signed address is answered 403")

    stage.api = Blind(stage.ports, stage.ports.objects)


def other_bytes(stage: Stage) -> None:
    class Wrong(MemoryApi):
        def fetch(self, url: str) -> bytes:
            found = super().fetch(url)
            return found[:-1] + bytes([found[-1] ^ 1])

    stage.api = Wrong(stage.ports, stage.ports.objects)


def no_parts(stage: Stage) -> None:
    stage.send = refuse


def no_parts_of_outputs(stage: Stage) -> None:
    def send(url: PartUrl, body: bytes) -> None:
        if "originals/" not in url.url:
            refuse(url, body)
        stage._deliver(url, body)

    stage.send = send


def session_name(stage: Stage) -> str:
    [session_id] = stage.ports.records.sessions()
    return ids.name_of(session_id)


def no_session(stage: Stage) -> None:
    """The table refuses every session."""
    broken = [Fault("write", StorageBusy("the table is full"), call=number) for number in range(1, 99)]
    stage.ports = replace(stage.ports, records=faulty(stage.ports.records, *broken))


def other_outputs(stage: Stage) -> None:
    class Wrong(MemoryApi):
        def fetch(self, url: str) -> bytes:
            found = super().fetch(url)
            return b"other" if found == body_of(session_name(stage), VIDEO) else found

    stage.api = Wrong(stage.ports, stage.ports.objects)


def no_marker(stage: Stage) -> None:
    broken = [
        Fault("remove", RemovalRefused("S3 refuses the marker", "AccessDenied"), call=number)
        for number in range(1, 999)
    ]
    stage.ports = replace(stage.ports, objects=faulty(stage.ports.objects, *broken))


def no_event(stage: Stage) -> None:
    stage.hears = stage.reconciles = False


def no_event_of_outputs(stage: Stage) -> None:
    plain = stage.pause

    def pause() -> None:
        stage.hears = stage.reconciles = not stage.ports.orders.sent
        plain()

    stage.pause = pause  # type: ignore[method-assign]  # one stage of its own


def no_lake(stage: Stage) -> None:
    class Without:
        def read(self, key: str, *ends: int) -> bytes:
            if key.startswith("lake/"):
                raise NotFound(key)
            return stage.ports.frame_index.read(key, *ends)

    stage.broken = replace(stage.ports, frame_index=cast(Any, Without()))


def no_index(stage: Stage) -> None:
    """The function that indexes is broken: what was measured is never indexed."""
    stage.reconciles = False


def no_message(stage: Stage) -> None:
    broken = [Fault("send", StorageBusy("the queue is gone"), call=number) for number in range(1, 99)]
    stage.ports = replace(stage.ports, orders=faulty(stage.ports.orders, *broken))


def no_table(stage: Stage) -> None:
    records = faulty(stage.ports.records, Fault("enlist", StorageBusy("the table asks for patience")))
    stage.broken = replace(stage.ports, records=records)


def no_api(stage: Stage) -> None:
    class Elsewhere(MemoryApi):
        def client(self, url: str, token: str) -> Client:
            return Client("http://127.0.0.1:9", token)

    stage.api = Elsewhere(stage.ports, stage.ports.objects)


def no_rounds(stage: Stage) -> None:
    """The reconciler stops once the session is processed."""
    plain = stage.pause

    def pause() -> None:
        states = [recorded(stage.ports, each).session.state.value for each in stage.ports.records.sessions()]
        stage.reconciles = "PROCESSED" not in states
        stage.hears = stage.reconciles
        plain()

    stage.pause = pause  # type: ignore[method-assign]  # one stage of its own


FAULTS: Mapping[str, tuple[Callable[[Stage], None], str, str]] = {
    "the API does not answer": (no_api, "health", "does not answer"),
    "the table refuses a token": (no_table, "enrol", "the table asks for patience"),
    "the table refuses a session": (no_session, "confirm", "the table is full"),
    "S3 refuses an output's parts": (no_parts_of_outputs, "outputs", "S3 answered 503"),
    "other bytes of an output are read": (other_outputs, "proof", "reads back with CRC64NVME"),
    "S3 refuses the delete marker": (no_marker, "cleanup", "after 1500 s: the session is PROCESSED"),
    "S3 refuses parts": (no_parts, "upload", "S3 answered 503"),
    "the queue refuses the order": (no_message, "stored|order", ""),
    "the film's event is lost": (no_event, "order", "it was not sent"),
    "an output's event is lost": (no_event_of_outputs, "event", "no event had it verified"),
    "the index function is broken": (no_index, "processed", "the session is STORED"),
    "the lake has no writer": (no_lake, "frames", "the lake has no file lake/kind=generic/"),
    "signed addresses are refused": (no_bytes, "read", "a signed address is answered 403"),
    "other bytes are read": (other_bytes, "read", "reads back with CRC64NVME"),
    "the reconciler stops": (no_rounds, "restore", "it is still being restored"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_its_step_what_was_expected_and_where_to_look(fault: str):
    plant, step, told = FAULTS[fault]
    stage = armed()
    plant(stage)

    document, code = stage.run()

    found = failed(document)
    assert code == 1
    assert found["name"] in step.split("|"), session_of(document)["steps"]
    assert told in found["told"]
    assert found["expected"]
    assert found["look"].startswith("docs/operations.md, ")
    assert outcomes(document)["end"] == "ok"
    demand_nothing_open(stage.ports)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_ctrl_c_ends_what_was_begun_and_says_what_is_left(at: int):
    stage = armed()
    plain, pauses = stage.pause, 0

    def pause() -> None:
        nonlocal pauses
        pauses += 1
        if pauses == at:
            raise KeyboardInterrupt
        plain()

    stage.pause = pause  # type: ignore[method-assign]  # one stage of its own

    document, code = stage.run()

    assert code == 75
    assert outcomes(document)["end"] == "ok"
    assert session_of(document)["left"]
    demand_nothing_open(stage.ports)


def test_a_restore_that_was_stopped_is_resumed():
    stage = armed()
    plain = stage.pause

    def pause() -> None:
        [session_id] = stage.ports.records.sessions()
        if recorded(stage.ports, session_id).session.restoring:
            raise KeyboardInterrupt
        plain()

    stage.pause = pause  # type: ignore[method-assign]  # one stage of its own
    _, stopped = stage.run()
    stage.pause = plain  # type: ignore[method-assign]

    document, code = stage.run("--resume")

    assert (stopped, code) == (75, 0), session_of(document)["steps"]
    assert outcomes(document)["release"] == "ok"
    assert stage.run("--resume")[0]["sessions"] == []


def test_what_could_not_be_ended_is_said():
    stage = armed()
    gone = [Fault("enlist", StorageBusy("the table is gone"), call=number) for number in range(4, 9)]
    stage.broken = replace(stage.ports, records=faulty(stage.ports.records, *gone))

    document, code = stage.run()

    assert (code, failed(document)["name"]) == (1, "end")
    assert "not ended: the table is gone" in session_of(document)["left"]


def test_people_read_a_line_for_each_step_and_what_is_left():
    stage = armed()

    assert command.follow(["smoke", "--stage", "prod"], stage.desk()) == 0

    text = "\n".join(stage.said)
    assert all(f"\n  {step}" in text for step in STEPS)
    assert "left: the original, 4.1 KiB, waits for its cleanup" in text
    assert text.splitlines()[-1].startswith("ok in ")
    assert len(stage.noted) >= len(STEPS)


def test_people_read_what_failed_and_where_to_look():
    stage = armed(send=refuse)

    assert command.follow(["smoke", "--stage", "prod"], stage.desk()) == 1

    text = "\n".join(stage.said)
    assert "upload failed; expected: S3 takes the film's parts" in text
    assert "look at: docs/operations.md, ApiFails" in text


def test_each_step_looks_at_a_section_that_is_there():
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    looks = [each.look for each in vars(steps).values() if isinstance(each, steps.Step)]

    assert looks
    assert [look for look in looks if not re.search(rf"(?m)^##+ {re.escape(look)}$", page)] == []


@pytest.mark.parametrize("body", [b"", b"a", b"123456789", bytes(range(256)) * 17])
def test_the_checksum_is_that_of_awscrt(body: bytes):
    expected = base64.b64encode(crc64nvme(body).to_bytes(8, "big")).decode()

    assert crc64nvme_of(body) == expected


def test_bytes_follow_from_the_name_and_differ_from_session_to_session():
    assert body_of("smoke-1", FILM) == body_of("smoke-1", FILM)
    assert len({body_of(name, each) for name in ("smoke-1", "smoke-2") for each in (FILM, VIDEO)}) == 4
    assert body_of("smoke-1", ArtifactId("output.notes.txt")).startswith(b"made by a smoke test: ")
    assert len(json.loads(body_of("smoke-1", MEASUREMENTS))["frames"]) == 30


def test_the_address_is_what_the_last_deploy_recorded():
    resources = [{"name": "api_handler"}, {"name": "rest_api", "rest_api_url": "https://x.example/api/"}]
    ledger = msgspec.json.encode(Page(chalice={"resources": resources}))

    assert recorded_url(ledger) == "https://x.example/api"


@pytest.mark.parametrize(
    "ledger", [b"", b"[]", msgspec.json.encode(Page()), msgspec.json.encode(Page(chalice={"resources": []}))]
)
def test_a_record_without_an_address_is_refused(ledger: bytes):
    with pytest.raises(Refused, match="--url"):
        recorded_url(ledger)
