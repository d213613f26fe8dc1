"""The table in memory answers every sequence of calls as DynamoDB's adapter on the local table does, two writers' too.

What is written of a session is what the flows write (`flows.store`), on the picture that one of two writers read last.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from msgspec.structs import replace

from chalicelib.core.acting import COORDINATOR
from chalicelib.core.audit import Entry, Step
from chalicelib.core.cleanup import Arming, Spent
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.enrolment import Code
from chalicelib.core.errors import ReelhaulError
from chalicelib.core.heard import Heard
from chalicelib.core.ids import (
    ArtifactId,
    CodeId,
    DeviceId,
    PageSessionId,
    SessionId,
    ShareId,
    TokenId,
    UploadId,
)
from chalicelib.core.landing import Landing, LandingState
from chalicelib.core.limits import Window, Windowed
from chalicelib.core.measurements.index import Index
from chalicelib.core.notices import Notice, NoticeKind
from chalicelib.core.page_sessions import PageSession
from chalicelib.core.picture import Picture, Progress
from chalicelib.core.rounds import LastRound
from chalicelib.core.session import Camera, SessionState
from chalicelib.core.shares import Share
from chalicelib.core.silence import AT_ONCE, Watch
from chalicelib.core.statistics.counts import CounterKey
from chalicelib.core.tokens import Device, PageSessionKey, Role, Secrets, Token
from chalicelib.core.upload import Receipt, UploadState
from chalicelib.core.upload_passes import UploadPass
from chalicelib.flows import store
from chalicelib.ports import (
    Change,
    Due,
    Enlisting,
    Listed,
    ListedBy,
    ListedDevice,
    Records,
)
from tests.contracts.worlds import AwsWorld, Place
from tests.differential.pair import TURNS, Pair, play
from tests.support.builders import make_chapter, make_session, make_session_id, make_upload, memory_ports
from tests.support.memory import MemoryNotifier, MemoryRecords

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
CRC = Crc64Nvme("rosUhgp5mIg=")
PROJECTS = ("main", "other")
SESSIONS = tuple(make_session_id(name, project) for project in PROJECTS for name in ("a", "b"))
DEVICES = (DeviceId("d_north"), DeviceId("d_south"))
UPLOADS = tuple(UploadId(f"u_{number}") for number in range(3))
TOKENS = (TokenId("t_1"), TokenId("t_2"))
SHARES = (ShareId("s_1"), ShareId("s_2"))
WEEKS = ("2026-W47", "2026-W48")

sessions = st.sampled_from(SESSIONS)
projects = st.sampled_from(PROJECTS)
devices = st.sampled_from(DEVICES)
tokens = st.sampled_from(TOKENS)
times = st.integers(0, 4).map(lambda hours: NOON + timedelta(hours=hours))
limits = st.integers(1, 3)
writers = st.sampled_from(("one", "two"))


class Noted(MemoryRecords):
    """Notes what a flow would write, and writes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.change: Change | None = None

    def write(self, change: Change) -> None:
        self.change = change


def change_of(now: datetime, write: Any) -> Change:
    """What a flow writes at `now`."""
    noted = Noted()
    ports = replace(memory_ports(now=now), records=noted, notifier=MemoryNotifier())
    write(ports)
    assert noted.change
    return noted.change


def receipt_of(session_id: SessionId, number: int) -> Receipt:
    artifact_id = ArtifactId(f"outputs.{number}")
    return Receipt(None, artifact_id, f"outputs/{session_id}/1/{number}", "v", 25, CRC, NOON)


class Tables(RuleBasedStateMachine):
    """Both tables. What is asked of them is in the machines below."""

    def __init__(self, real: AwsWorld) -> None:
        super().__init__()
        self.real = real
        self.pair: Pair[Records] = Pair(MemoryRecords(), real.records, (ReelhaulError,))
        self.read: dict[tuple[str, SessionId], Picture] = {}
        self.listed: list[Listed] = []
        self.noticed: list[Notice] = []

    def ask(self, name: str, *arguments: Any) -> Any:
        """The answer of both to this call of the port."""
        return self.pair.ask(lambda records: getattr(records, name)(*arguments)).value

    def notice(self, project: str, now: datetime) -> Notice:
        made = Notice(
            notice_id=f"n_{len(self.noticed)}", kind=NoticeKind.SUMMARY, project=project, at=now, detail="x"
        )
        self.noticed.append(made)
        return made

    def entry(self, now: datetime) -> Entry:
        return Entry(now, COORDINATOR, "main", (Step("device", "a device", None, "enrolled"),))

    def teardown(self) -> None:
        if not self.pair.differs:
            for session_id in SESSIONS:
                self.ask("picture", session_id)
            self.pair.ask(lambda records: sorted(records.sessions()))
            self.ask("due", NOON + timedelta(days=99), 99)
            self.ask("notices", 99)
            self.ask("complete_lists")
        self.real.end()


class Sessions(Tables):
    """Sessions of two writers, each with what he read last; what is due, lists, figures and trails."""

    @rule(
        session_id=sessions,
        device_id=devices,
        chapters=st.integers(1, 3),
        group=st.sampled_from((None, "g1", "g2")),
        serial=st.sampled_from(("C1", "C2")),
        now=times,
        writer=writers,
    )
    def create(
        self,
        session_id: SessionId,
        device_id: DeviceId,
        chapters: int,
        group: str | None,
        serial: str,
        now: datetime,
        writer: str,
    ) -> None:
        session = make_session(
            session_id=session_id, device_id=device_id, group=group, camera=Camera(serial), created_at=now
        )
        listed = [make_chapter(number) for number in range(1, chapters + 1)]
        change = change_of(now, lambda ports: store.create(ports, session, listed))
        self.write(change)
        self.listed.append(Listed(session_id, now))
        self.look(session_id, writer)

    @rule(session_id=sessions, writer=writers)
    def look(self, session_id: SessionId, writer: str) -> None:
        found = self.ask("picture", session_id)
        if found:
            self.read[writer, session_id] = found

    @rule(
        session_id=sessions,
        writer=writers,
        what=st.sampled_from(
            ("upload", "verified", "receipt", "index", "landing", "state", "device", "nothing")
        ),
        number=st.integers(0, 2),
        now=times,
        looks=st.sampled_from((True, False, False)),
    )
    def save(
        self, session_id: SessionId, writer: str, what: str, number: int, now: datetime, looks: bool
    ) -> None:
        if looks:
            self.look(session_id, writer)
        picture = self.read.get((writer, session_id))
        if picture:
            made = self.parts_of(picture, what, number)
            self.write(change_of(now, lambda ports: store.save(ports, picture, **made)))

    def parts_of(self, picture: Picture, what: str, number: int) -> Mapping[str, Any]:
        session_id = picture.session.session_id
        chapter = picture.chapters[number % len(picture.chapters)]
        upload_id = UploadId(f"{UPLOADS[number]}_{picture.session.name}")
        upload = make_upload(chapter, upload_id=upload_id, session_id=session_id)
        receipt = Receipt(upload_id, chapter.artifact_id, upload.key, "v", 25, CRC, NOON)
        verified = replace(upload, state=UploadState.VERIFIED, receipt=receipt)
        artifact_id = ArtifactId("measurements.lights")
        landing_id = UploadId(f"l_{number}")
        states = (SessionState.STORED, SessionState.FAILED, SessionState.OPEN)
        written: dict[str, dict[str, Any]] = {
            "upload": {"upload": upload},
            "verified": {"upload": verified},
            "receipt": {"receipt": receipt_of(session_id, number)},
            "index": {"index": Index(artifact_id, "v", f"r{number}", "papi", 3, 0, NOON)},
            "landing": {
                "landing": Landing(
                    landing_id,
                    "a.mp4",
                    f"incoming/{session_id}/{number}",
                    "video/mp4",
                    NOON,
                    NOON,
                    state=LandingState.ARRIVING,
                )
            },
            "state": {"session": replace(picture.session, state=states[number], failure="why")},
            "device": {"session": picture.session.adopted(DEVICES[number % 2], NOON)},
            "nothing": {},
        }
        return written[what]

    def write(self, change: Change) -> None:
        self.ask("write", change)
        self.noticed += change.notices

    # What is due, and lists.

    @rule(until=times, limit=limits)
    def due(self, until: datetime, limit: int) -> None:
        self.ask("due", until, limit)
        self.ask("unproven", until, limit)

    @rule(until=times, moved=times, is_right=st.booleans(), session_id=sessions)
    def postpone(self, until: datetime, moved: datetime, is_right: bool, session_id: SessionId) -> None:
        found = self.ask("due", until, 9)
        item = found[0] if found and is_right else Due(session_id, until)
        self.ask("postpone", item, moved)
        self.ask("due", NOON + timedelta(days=99), 9)

    @rule(until=times, limit=limits)
    def page_unproven(self, until: datetime, limit: int) -> None:
        found = self.ask("unproven", until, limit)
        if found:
            self.ask("unproven", until, limit, found[-1])

    @rule(
        project=projects,
        by=st.sampled_from(
            ({}, {"group": "g1"}, {"serial": "C1"}, {"device_id": DEVICES[0]}, {"device_id": DEVICES[1]})
        ),
        first=st.none() | times,
        last=st.none() | times,
        limit=limits,
        place=st.integers(0, 9),
    )
    def list_sessions(
        self, project: str, by: Any, first: datetime | None, last: datetime | None, limit: int, place: int
    ) -> None:
        after = self.listed[place] if place < len(self.listed) else None
        self.ask("list_sessions", ListedBy(project, **by), first, last, after, limit)
        self.ask("sessions_of_camera", "C1", project, after, limit)

    @rule(wanted=st.lists(sessions, max_size=4))
    def rows(self, wanted: list[SessionId]) -> None:
        self.ask("rows", wanted)

    @rule(number=st.integers(0, 2), session_id=sessions)
    def session_of(self, number: int, session_id: SessionId) -> None:
        self.ask("session_of", UploadId(f"{UPLOADS[number]}_{session_id.partition('/')[2]}"))

    # Figures.

    @rule(project=projects, device_id=st.none() | devices, limit=limits)
    def figures(self, project: str, device_id: DeviceId | None, limit: int) -> None:
        day = NOON.date()
        self.ask("counts", project, device_id, None, None)
        self.ask("counts", project, device_id, day, day)
        self.ask("counts", project, device_id, day + timedelta(days=1), None)
        self.ask("counts_by_day", project)
        self.ask("waiting", project, None, day, limit)
        self.ask("needy", project, limit)

    @rule(project=projects, device_id=devices, is_right=st.booleans())
    def replace_counter(self, project: str, device_id: DeviceId, is_right: bool) -> None:
        key = CounterKey(project, NOON.date(), device_id=device_id)
        before = self.ask("counter", key)
        before = before if is_right else replace(before, writes=before.writes + 1)
        self.ask("replace_counter", key, before, {"sessions": 3, "chapters": 0})
        self.ask("counter", key)
        self.pair.ask(lambda records: sorted(records.counter_keys(), key=repr))

    @rule(session_id=sessions, after=st.integers(0, 3), limit=limits, project=projects)
    def trail(self, session_id: SessionId, after: int, limit: int, project: str) -> None:
        self.ask("trail", session_id, after, limit)
        self.ask("trail_of_day", project, NOON.date())


class Others(Tables):
    """Devices, those who may call, limits, switches, notices and marks."""

    # Cleanup's switch and its limit; limits of callers.

    @rule(is_armed=st.booleans(), now=times, way=st.sampled_from(("put", "right", "none", "other")))
    def arm(self, is_armed: bool, now: datetime, way: str) -> None:
        before = self.ask("arming")
        after = Arming(is_armed, now, "why")
        if way == "put":
            self.ask("put_arming", after)
        else:
            known = {"right": before, "none": None, "other": Arming(not is_armed, now, "other")}[way]
            self.ask("replace_arming", known, after)
        self.ask("arming")

    @rule(size_bytes=st.integers(0, 6), most=st.integers(0, 3))
    def spend(self, size_bytes: int, most: int) -> None:
        self.ask("spend", NOON.date(), size_bytes, Spent(most, 10))
        self.ask("spent", NOON.date())

    @rule(amount=st.integers(0, 5), most=st.integers(0, 9), gives_back=st.booleans())
    def use(self, amount: int, most: int, gives_back: bool) -> None:
        window = Window("d", Windowed.calls_a_minute, NOON)
        if gives_back:
            self.ask("give_back", window, amount)
        else:
            self.ask("use", window, amount, most)
        self.ask("used", window)

    # Devices.

    @rule(project=projects, device_id=devices, session_id=sessions, now=times, look_at=times)
    def hear(
        self, project: str, device_id: DeviceId, session_id: SessionId, now: datetime, look_at: datetime
    ) -> None:
        self.ask("put_watch", Watch(project, device_id, session_id, now), look_at)
        self.ask("watch", project, device_id)

    @rule(
        project=projects,
        device_id=devices,
        way=st.sampled_from(("silenced", "heard again", "stale")),
        look_at=st.none() | times,
    )
    def watch(self, project: str, device_id: DeviceId, way: str, look_at: datetime | None) -> None:
        before = self.ask("watch", project, device_id)
        if before is None:
            return
        after = before.heard_again() if way == "heard again" else before.silenced()
        before = replace(before, heard_at=before.heard_at - timedelta(hours=9)) if way == "stale" else before
        self.ask("replace_watch", before, after, look_at, [self.notice(project, NOON)])
        self.ask("watch", project, device_id)

    @rule(until=times | st.just(AT_ONCE), limit=limits)
    def watched(self, until: datetime, limit: int) -> None:
        self.ask("watched", until, limit)

    @rule(project=projects, device_id=devices, session_id=sessions, now=times)
    def beat(self, project: str, device_id: DeviceId, session_id: SessionId, now: datetime) -> None:
        self.ask("put_heard", project, Heard(device_id, session_id, now))
        self.ask("put_progress", session_id, Progress(1, 2, None, 4, 5, 6, now, now))
        self.ask("heard", project)

    @rule(project=projects, device_id=devices, now=times, limit=limits)
    def enlist(self, project: str, device_id: DeviceId, now: datetime, limit: int) -> None:
        device = Device(DeviceId(f"{device_id}-{project}"), "a name", project, now)
        self.ask("enlist", Enlisting(device=device, entry=self.entry(now)))
        self.ask("device", device.device_id)
        found = self.ask("list_devices", project, None, limit)
        if found:
            last, _ = found[-1]
            self.ask("list_devices", project, ListedDevice(last.device_id, last.enrolled_at), limit)

    # Notices, the trail and marks.

    @rule(project=projects, week=st.sampled_from(WEEKS), now=times)
    def put_summary(self, project: str, week: str, now: datetime) -> None:
        self.ask("put_summary", week, self.notice(project, now))

    @rule(limit=limits, place=st.integers(0, 9), forgets=st.booleans())
    def notices(self, limit: int, place: int, forgets: bool) -> None:
        if forgets and place < len(self.noticed):
            self.ask("forget_notice", self.noticed[place])
        self.ask("notices", limit)

    @rule(project=projects, key=st.sampled_from(("", "originals/a")), now=times)
    def mark(self, project: str, key: str, now: datetime) -> None:
        self.ask("add_project", project)
        self.ask("projects")
        self.ask("put_swept_until", key)
        self.ask("swept_until")
        self.ask("put_last_round", LastRound(NOON, now, 1, 2, 3, 4, True, False))
        self.ask("last_round")

    # Who may call.

    @rule(token_id=tokens, is_revoked=st.booleans(), with_code=st.booleans())
    def enlist_token(self, token_id: TokenId, is_revoked: bool, with_code: bool) -> None:
        # A token keeps its project for good.
        project = PROJECTS[TOKENS.index(token_id)]
        token = Token(
            token_id, Role.VIEWER, project, None, None, NOON, revoked_at=NOON if is_revoked else None
        )
        code = Code(CodeId("c_1"), "digest", token_id, NOON, NOON + timedelta(hours=1))
        self.ask("enlist", Enlisting(tokens=(token,), code=code if with_code else None))
        self.ask("token", token_id)
        self.ask("code", CodeId("c_1"))
        self.ask("tokens", project)
        self.ask("tokens")

    @rule(token_id=tokens, version=st.integers(1, 2), with_code=st.booleans())
    def put_secrets(self, token_id: TokenId, version: int, with_code: bool) -> None:
        code = self.ask("code", CodeId("c_1"))
        spent = code.exchanged(NOON) if code else Code(CodeId("c_2"), "d", token_id, NOON, NOON, NOON)
        self.ask("put_secrets", token_id, Secrets("digest", NOON, version), spent if with_code else None)
        self.ask("token", token_id)
        self.ask("code", CodeId("c_1"))

    @rule(token_id=tokens, number=st.integers(1, 2), share_id=st.none() | st.sampled_from(SHARES), now=times)
    def log_in(self, token_id: TokenId, number: int, share_id: ShareId | None, now: datetime) -> None:
        made = PageSession(
            token_id, PageSessionId(f"p_{number}"), "digest", 0, now, now, NOON + timedelta(days=9), share_id
        )
        self.ask("put_page_session", made)
        self.ask("page_session", made.key)

    @rule(
        token_id=tokens,
        number=st.integers(1, 2),
        way=st.sampled_from(("renew", "stale", "forget")),
        now=times,
    )
    def use_page_session(self, token_id: TokenId, number: int, way: str, now: datetime) -> None:
        key = PageSessionKey(token_id, PageSessionId(f"p_{number}"))
        found = self.ask("page_session", key).page_session
        if way == "forget":
            self.ask("forget_page_session", key)
        elif found:
            seen = replace(found, seen_at=NOON - timedelta(days=1)) if way == "stale" else found
            self.ask("renew_page_session", seen, now)
        self.ask("page_session", key)
        self.ask("page_sessions", token_id)

    @rule(share_id=st.sampled_from(SHARES), session_id=sessions, token_id=tokens, now=times)
    def share(self, share_id: ShareId, session_id: SessionId, token_id: TokenId, now: datetime) -> None:
        known = self.ask("share", share_id)
        made = Share(share_id, session_id, "digest", "a label", token_id, now, NOON + timedelta(days=9))
        # A share keeps its session and its maker for good.
        self.ask("put_share", replace(known, revoked_at=now) if known else made, self.entry(now))
        self.ask("shares", session_id)

    @rule(token_id=tokens)
    def upload_pass(self, token_id: TokenId) -> None:
        made = UploadPass(TokenId("w_1"), SESSIONS[0], "digest", token_id, NOON, NOON + timedelta(hours=1))
        self.ask("upload_pass", TokenId("w_2"))
        self.ask("put_upload_pass", made)
        self.ask("upload_pass", TokenId("w_1"))


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("machine", [Sessions, Others])
def test_every_sequence_of_calls_is_answered_alike(place: Place, machine: type[Tables], turns: int):
    play(lambda: machine(AwsWorld(place)), sequences=5 * turns, calls=25)
