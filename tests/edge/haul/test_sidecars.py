"""Proxies and thumbnails are hauled before the films, and nothing that goes wrong with them keeps a film.

A device in memory hauls into the coordinator itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import requests

from edge_client.base.errors import (
    CameraUnreachable,
    EdgeError,
    GaveUp,
    SpoolFault,
    SpoolFull,
    Stopped,
    StorageUnreachable,
    Unsettled,
)
from edge_client.commands.output import report_lines
from edge_client.haul.forget import Forgetting
from edge_client.haul.sessions import Report
from edge_client.haul.sidecars import FIRST_PATIENCE_S as PATIENCE_S
from edge_client.haul.status import SessionStatus, read_statuses
from edge_client.model.selection import ByFile, ByNumber
from edge_client.model.sidecars import SIDECARS
from tests.edge.fake_camera import film
from tests.edge.memory.device import JPEG, PART_BYTES, MemoryDevice
from tests.edge.memory.machine import Killed, Machine

SIZE_BYTES = 2 * PART_BYTES + 5
PROXY_BYTES = 2 * PART_BYTES + 77
NAME = "match-17"
PATH = "100GOPRO/GX010042.MP4"
PROXY_PATH, THUMBNAIL_PATH = "100GOPRO/GL010042.LRV", "100GOPRO/GX010042.THM"
ORIGINAL, PROXY, THUMBNAIL = (f"{kind}.100GOPRO.GX010042.MP4" for kind in ("original", "proxy", "thumbnail"))
ALL = {ORIGINAL, PROXY, THUMBNAIL}
CHUNKS = 3


@contextmanager
def device(seed: int = 1, proxy_bytes: int = PROXY_BYTES) -> Iterator[MemoryDevice]:
    """A device whose card has one chapter with a proxy and a thumbnail."""
    with Machine(seed) as machine:
        made = MemoryDevice(machine)
        made.film("GX010042", SIZE_BYTES)
        made.sidecars("GX010042", proxy_bytes)
        yield made


def report_of(made: MemoryDevice, session: str | None = NAME) -> Report:
    """What became of the recording, which must come home."""
    each = made.haul(ByNumber("0042"), session)
    assert (each.refusals, each.unfinished) == ((), None)
    [report] = each.done
    return report


def problems(report: Report) -> dict[str, str]:
    return {each.label: each.problem for each in report.sidecars if each.problem}


def demand_film_home(made: MemoryDevice) -> None:
    """Raises unless S3 has the film, proven, and the spool has its receipt and no part of anything."""
    assert made.cloud.objects()[ORIGINAL] == made.camera.files[PATH].content
    [session] = made.disk.sessions.values()
    assert set(session.receipts) == {ORIGINAL}
    assert made.disk.spool_bytes == 0


def demand_all_home(made: MemoryDevice) -> None:
    demand_film_home(made)
    assert made.cloud.objects()[PROXY] == made.camera.files[PROXY_PATH].content
    assert made.cloud.objects()[THUMBNAIL] == JPEG
    assert sorted(each.artifact_id for each in made.cloud.coordinator.uploads.values()) == sorted(ALL)


def statuses(made: MemoryDevice) -> list[SessionStatus]:
    tools = made.tools()
    return read_statuses(tools.spool.plans(), None, tools.spool.rereads)


class TestTheOrder:
    def test_is_thumbnails_then_proxies_then_films(self):
        with device() as made:
            made.film("GX020042", PART_BYTES, seed=3)
            made.sidecars("GX020042", 700)

            report_of(made)

            first_reads = list(dict.fromkeys(path for path, _ in made.camera.reads))
            assert first_reads == [
                "100GOPRO/GX010042.THM",
                "100GOPRO/GX020042.THM",
                "100GOPRO/GL010042.LRV",
                "100GOPRO/GL020042.LRV",
                "100GOPRO/GX010042.MP4",
                "100GOPRO/GX020042.MP4",
            ]

    def test_of_sessions_is_each_with_its_own_proxies(self):
        with device() as made:
            made.film("GX010043", PART_BYTES, seed=3)
            made.sidecars("GX010043", 700)

            made.haul()

            films = [path for path, _ in made.camera.reads if path.endswith(("MP4", "LRV"))]
            assert list(dict.fromkeys(films)) == [
                "100GOPRO/GL010042.LRV",
                "100GOPRO/GX010042.MP4",
                "100GOPRO/GL010043.LRV",
                "100GOPRO/GX010043.MP4",
            ]


class TestAQuietHaul:
    def test_brings_everything_home_with_receipts_that_the_device_keeps(self):
        with device() as made:
            report = report_of(made)

            demand_all_home(made)
            told = made.cloud.coordinator.receipts()
            kept = json.loads(made.disk.kept(NAME).documents[SIDECARS])["sidecars"]
            assert {name: one["receipt"] for name, one in kept.items()} == {
                name: told[name] for name in (PROXY, THUMBNAIL)
            }
            assert [(each.kind, each.path, each.size_bytes, each.problem) for each in report.sidecars] == [
                ("thumbnail", PATH, len(JPEG), None),
                ("proxy", PATH, PROXY_BYTES, None),
            ]
            assert [chapter.path for chapter in report.chapters] == [PATH]

    def test_says_it_in_plain_words(self):
        with device() as made:
            lines = report_lines(report_of(made))

            assert lines[-2:] == ["  proxies in S3: 1 of 1", "  thumbnails in S3: 1 of 1"]

    @pytest.mark.parametrize("size_bytes", [PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])
    def test_brings_a_proxy_of_any_size(self, size_bytes: int):
        with device(proxy_bytes=size_bytes) as made:
            report_of(made)

            demand_all_home(made)

    def test_reads_each_byte_of_a_proxy_once(self):
        with device() as made:
            report_of(made)

            spans = [span for path, span in made.camera.reads if path == PROXY_PATH]
            assert [(span.first, span.size_bytes) for span in spans] == [
                (0, PART_BYTES),
                (PART_BYTES, PART_BYTES),
                (2 * PART_BYTES, 77),
            ]

    def test_asks_no_info_of_what_is_not_listed(self):
        with device() as made:
            asked = made.timeline.count
            made.hauls_sidecars = False
            report_of(made)
            alone = asked("camera media_info")

        with device() as made:
            report_of(made)

            assert made.timeline.count("camera media_info") == alone

    def test_takes_thumbnails_and_proxies_into_the_spool_in_parts(self):
        with device(proxy_bytes=9 * PART_BYTES) as made:
            made.budget_bytes = 2 * PART_BYTES
            most = 0

            def look(_number: int, _call: str) -> None:
                nonlocal most
                most = max(most, made.disk.spool_bytes)

            made.at_call = look
            report_of(made)

            demand_all_home(made)
            assert PART_BYTES < most <= 2 * PART_BYTES

    def test_is_a_proof_of_no_film(self):
        with device() as made:
            made.cloud.faults["put"] = [None, None, None, None, *[StorageUnreachable("no answer")] * 400]
            made.patience_s = 1.0
            with pytest.raises(GaveUp):
                made.haul(ByNumber("0042"), NAME)

            assert set(made.cloud.objects()) == {THUMBNAIL, PROXY}
            [status] = statuses(made)
            assert (status.chapters_home, status.home_bytes, status.is_home) == (0, 0, False)
            assert not made.audit().all_home
            assert made.tools().spool.home_bytes(NAME) == 0

    def test_is_told_by_status(self):
        with device() as made:
            del made.camera.files[THUMBNAIL_PATH]
            report_of(made)

            [status] = statuses(made)
            assert status.is_home
            assert [(each.kind, each.receipt is not None) for each in status.sidecars] == [
                ("thumbnail", False),
                ("proxy", True),
            ]


class TestTheyAreLeftAlone:
    def demand_none(self, made: MemoryDevice, words: str | None) -> None:
        heads = made.camera.reads
        report = report_of(made)

        demand_film_home(made)
        assert set(made.cloud.objects()) == {ORIGINAL}
        assert {path for path, _ in heads} == {PATH}
        assert report.no_sidecars == words
        if words:
            assert f"  the others stay on the card: {words}" in report_lines(report)

    def test_where_the_list_promises_no_proxy(self):
        with device() as made:
            made.camera.files[PATH].proxy_bytes = None

            self.demand_none(made, None)

    def test_where_the_operator_of_the_device_says_so(self):
        with device() as made:
            made.hauls_sidecars = False

            self.demand_none(made, "proxies are switched off on this device")

    def test_where_the_coordinator_takes_none(self):
        with device() as made:
            made.cloud.coordinator.takes_proxies(False)

            self.demand_none(made, "the coordinator takes no proxies")

    def test_when_all_films_are_home(self):
        with device() as made:
            made.hauls_sidecars = False
            report_of(made)
            made.hauls_sidecars = True
            made.timeline.clear()

            report = report_of(made)

            assert report.no_sidecars == "the films are home, so the camera is not asked"
            assert not [call for call in made.timeline if call.startswith("camera")]

    def test_when_all_films_are_read_and_their_camera_may_be_gone(self):
        with device() as made:
            made.hauls_sidecars = False
            made.patience_s = 1.0
            made.cloud.faults["put"] = [StorageUnreachable("no answer")] * 400
            with pytest.raises(GaveUp):
                made.haul(ByNumber("0042"), NAME)
            made.hauls_sidecars = True
            made.cloud.faults.clear()
            made.camera.leave()
            before_s = made.machine.now

            report = report_of(made)

            demand_film_home(made)
            assert report.no_sidecars == "the films are read, so the camera is not asked"
            assert made.machine.now - before_s < 1.0

    def test_when_they_are_home_and_the_camera_is_not_asked(self):
        with device() as made:
            first = report_of(made)
            made.timeline.clear()

            again = report_of(made)

            assert again.sidecars == first.sidecars
            assert not [call for call in made.timeline if call.startswith("camera")]


def spoil(made: MemoryDevice, path: str, **changes: Any) -> None:
    made.camera.files[path] = replace(made.camera.files[path], **changes)


def remove(made: MemoryDevice, path: str) -> None:
    del made.camera.files[path]


def rename(made: MemoryDevice, path: str) -> None:
    made.camera.files["100GOPRO/GL010042.LRV2"] = made.camera.files.pop(path)


def swell(made: MemoryDevice) -> None:
    spoil(made, PROXY_PATH, content=film(PROXY_BYTES + 1, 2))


def shrink_promise(made: MemoryDevice) -> None:
    spoil(made, PATH, proxy_bytes=PROXY_BYTES - 1)


def cut(made: MemoryDevice) -> None:
    content = made.camera.files[PROXY_PATH].content
    spoil(made, PROXY_PATH, content=content[:40] + b"\0" * (len(content) - 40))


def change_while_read(made: MemoryDevice) -> None:
    def change() -> None:
        made.camera.faults["read_part"] += [None, partial(spoil, made, PROXY_PATH, etag='"another"')]

    # The first read is that of the thumbnail.
    made.camera.faults["read_part"] = [change]


def vanish_while_read(made: MemoryDevice) -> None:
    made.camera.faults["read_part"] = [None, None, partial(remove, made, PROXY_PATH)]


def refuse_as_no_film(made: MemoryDevice) -> None:
    made.cloud.coordinator.check_films()
    spoil(made, THUMBNAIL_PATH, content=b"<!DOCTYPE html><title>Not found</title>")


def switch_off_meanwhile(made: MemoryDevice) -> None:
    made.cloud.faults["POST uploads"] = [partial(made.cloud.coordinator.takes_proxies, False)]


def fill_the_spool(made: MemoryDevice) -> None:
    made.budget_bytes = 2 * PART_BYTES - 1
    spoil(made, PATH, content=film(PART_BYTES, 1))


def refuse_the_disk(made: MemoryDevice) -> None:
    made.disk.faults["append"] = [SpoolFault("the disk refuses")]


FAULTS: dict[str, tuple[Callable[[MemoryDevice], None], dict[str, str], float]] = {
    "no thumbnail": (
        lambda made: remove(made, THUMBNAIL_PATH),
        {f"thumbnail of {PATH}": "the camera answers 404"},
        0.0,
    ),
    "no proxy": (lambda made: remove(made, PROXY_PATH), {f"proxy of {PATH}": "the camera answers 404"}, 0.0),
    "another name": (
        lambda made: rename(made, PROXY_PATH),
        {f"proxy of {PATH}": "the camera answers 404"},
        0.0,
    ),
    "another size": (swell, {f"proxy of {PATH}": f"bytes, and it has {PROXY_BYTES + 1}"}, 0.0),
    "another size in the list": (
        shrink_promise,
        {f"proxy of {PATH}": f"the camera lists it with {PROXY_BYTES - 1} bytes"},
        0.0,
    ),
    "broken": (cut, {f"proxy of {PATH}": "it is broken: its boxes are not complete"}, 0.0),
    "no film": (
        refuse_as_no_film,
        {
            f"thumbnail of {PATH}": "a thumbnail is a JPEG picture",
            f"proxy of {PATH}": "it cannot be played",
        },
        0.0,
    ),
    "switched off meanwhile": (
        switch_off_meanwhile,
        {f"{kind} of {PATH}": "this deployment takes no proxies" for kind in ("thumbnail", "proxy")},
        0.0,
    ),
    "changed while it is read": (
        change_while_read,
        {f"proxy of {PATH}": "the file changed while it was read"},
        5.0,
    ),
    "gone while it is read": (vanish_while_read, {f"proxy of {PATH}": "404"}, 2 * PATIENCE_S),
    "no room": (fill_the_spool, {f"proxy of {PATH}": "are needed for two parts"}, 0.0),
    "a disk that refuses": (refuse_the_disk, {f"thumbnail of {PATH}": "the disk refuses"}, 0.0),
}


class TestAFault:
    @pytest.mark.parametrize("name", FAULTS)
    def test_is_one_line_in_the_report_and_keeps_no_film(self, name: str):
        spoiler, words, most_s = FAULTS[name]
        with device() as made:
            spoiler(made)

            report = report_of(made)

            demand_film_home(made)
            found = problems(report)
            assert found.keys() == words.keys()
            assert all(words[label] in found[label] for label in words), found
            assert made.machine.now <= most_s
            lines = [line for line in report_lines(report) if "stays on the card" in line]
            assert len(lines) == len(words)
            assert all("\n" not in line for line in lines)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("SX010042", "the camera encrypts what it films"),
            ("CamA-GX010042", "its name on the card is not known"),
            ("GM010042", "its name on the card is not known"),
        ],
    )
    def test_of_a_name_is_told_and_nothing_is_asked_of_the_camera(self, name: str, words: str):
        with Machine(1) as machine:
            made = MemoryDevice(machine)
            made.film(name, PART_BYTES)
            made.camera.files[f"100GOPRO/{name}.MP4"].proxy_bytes = 700

            [report] = made.haul().done

            assert [(each.kind, words in (each.problem or "")) for each in report.sidecars] == [
                ("proxy", True)
            ]
            assert {path for path, _ in made.camera.reads} == {f"100GOPRO/{name}.MP4"}

    def test_of_a_proxy_keeps_no_other_proxy(self):
        with device() as made:
            made.film("GX020042", PART_BYTES, seed=3)
            made.sidecars("GX020042", 700)
            cut(made)

            report = report_of(made)

            assert set(problems(report)) == {f"proxy of {PATH}"}
            assert "proxy.100GOPRO.GX020042.MP4" in made.cloud.objects()


class TestAnOutage:
    def test_of_the_camera_is_waited_for_a_short_while_and_the_proxies_come_after_the_films(self):
        with device() as made:

            def away(_number: int, call: str) -> None:
                if made.machine.now < PATIENCE_S + 40 and call == "camera read_part":
                    raise CameraUnreachable("no answer")

            made.at_call = away
            report_of(made)

            demand_all_home(made)
            assert made.camera.reads[-1][0] == PROXY_PATH
            films = [place for place, (path, _) in enumerate(made.camera.reads) if path == PATH]
            proxies = [place for place, (path, _) in enumerate(made.camera.reads) if path == PROXY_PATH]
            assert max(films) < min(proxies)

    @pytest.mark.parametrize("call", ["put", "POST uploads", "POST complete", "POST part-urls"])
    def test_that_only_proxies_meet_costs_the_films_two_short_whiles_at_most(self, call: str):
        with device() as made:
            begun: list[float] = []

            def fail(_number: int, at: str) -> None:
                if at == f"cloud {call}" and made.machine.now < PATIENCE_S + 30:
                    raise loss(at)
                if at == "camera read_part" and made.camera.reads[-1][0] == PATH:
                    begun.append(made.machine.now)

            made.at_call = fail
            report = report_of(made)

            demand_film_home(made)
            assert begun[0] <= 2 * PATIENCE_S
            assert not problems(report)
            demand_all_home(made)

    def test_of_odd_answers_costs_the_films_two_short_whiles_however_many_proxies_there_are(self):
        with device() as made:
            for number in range(2, 6):
                made.film(f"GX0{number}0042", PART_BYTES, seed=number)
                made.sidecars(f"GX0{number}0042", 700)
            films_at: list[float] = []

            def answer_oddly(_number: int, call: str) -> None:
                if call != "camera read_part":
                    return
                if made.camera.reads[-1][0].endswith("MP4"):
                    films_at.append(made.machine.now)
                elif made.camera.reads[-1][0].endswith("THM"):
                    raise Unsettled("the camera answers 500")

            made.at_call = answer_oddly
            report = report_of(made)

            assert 0 < films_at[0] <= 2 * PATIENCE_S + 1
            assert sum(each.receipt is not None for each in report.sidecars if each.kind == "proxy") == 5

    def test_is_no_line_in_the_report_once_it_is_over(self):
        with device() as made:
            made.camera.faults["head"] = [None, None, CameraUnreachable("no answer")]

            assert not problems(report_of(made))

    def test_that_stays_is_told_and_every_film_comes_home(self):
        with device() as made:

            def fail(_number: int, call: str) -> None:
                if call == "camera read_part" and made.camera.reads[-1][0] != PATH:
                    raise CameraUnreachable("no answer")

            made.at_call = fail
            report = report_of(made)

            demand_film_home(made)
            assert set(problems(report)) == {f"proxy of {PATH}", f"thumbnail of {PATH}"}
            assert all(text.startswith("not hauled yet: ") for text in problems(report).values())
            assert made.machine.now <= 4 * PATIENCE_S

    def test_of_everything_ends_the_run_as_without_proxies(self):
        with device() as made:
            made.patience_s = 300.0
            made.at_call = lambda _number, call: made.cloud.faults.update(
                {"put": [StorageUnreachable("no answer")] * 9}
            )

            each = made.haul()

            assert isinstance(each.unfinished, GaveUp)

    def test_is_ended_at_once_by_a_stop(self):
        with device() as made:

            def stop(_number: int, call: str) -> None:
                if call == "camera read_part":
                    made.machine.stop = True

            made.at_call = stop
            with pytest.raises(Stopped):
                made.haul(ByNumber("0042"), NAME)

            assert made.disk.spool_bytes == 0


def opened(made: MemoryDevice) -> set[str]:
    """The artifacts of which uploads were opened."""
    return {each.artifact_id for each in made.cloud.coordinator.uploads.values()}


def loss(call: str) -> Exception:
    if call == "cloud put":
        return StorageUnreachable("no answer")
    return requests.ConnectionError("no answer")


def calls_before_the_film() -> list[str]:
    """The calls of a quiet haul until the first part of the film is read."""
    with device() as made:
        films: list[int] = []

        def look(number: int, call: str) -> None:
            if call == "camera read_part" and made.camera.reads[-1][0] == PATH:
                films.append(number)

        made.at_call = look
        made.haul()
        return made.timeline[: films[0]]


CALLS = calls_before_the_film()
# The film's own haul is killed at every call elsewhere.
MOMENTS = range(1, len(CALLS) + 1, 6)
# The thumbnail's upload, the proxy's and the film's.
OPENED = [number for number, call in enumerate(CALLS, 1) if call == "cloud POST uploads"]
WRITES = [number for number, call in enumerate(CALLS, 1) if call.startswith("disk")][::2]


def kill_at(moment: int, machine: Machine) -> Callable[[int, str], None]:
    def kill(number: int, _call: str) -> None:
        if number == moment:
            machine.kill()

    return kill


@pytest.mark.parametrize("chunk", range(CHUNKS))
class TestAtOneCallAfterTheOther:
    def test_a_killed_client_leaves_all_that_the_next_one_needs_and_nothing_is_doubled(self, chunk: int):
        for moment in MOMENTS[chunk::CHUNKS]:
            with device() as made:
                made.at_call = kill_at(moment, made.machine)
                with pytest.raises(Killed):
                    made.haul()

            with Machine(moment) as machine:
                made.restart(machine)
                each = made.haul()

                assert (each.refusals, each.unfinished) == ((), None), moment
                demand_all_home(made)

    def test_a_refusal_of_the_disk_keeps_no_film(self, chunk: int):
        for moment in WRITES[chunk::CHUNKS]:
            with device() as made:

                def refuse(number: int, call: str, moment: int = moment) -> None:
                    if number == moment and call.startswith("disk"):
                        raise SpoolFault("the disk refuses")

                made.at_call = refuse
                ended = run(made)

                if ended is None:
                    demand_film_home(made)
                else:
                    # It was refused to the session or the film itself, as it is without proxies.
                    assert "the disk refuses" in str(ended)
                    assert not OPENED[0] < moment < OPENED[-1]
                made.at_call = lambda _number, _call: None
                made.haul()
                demand_film_home(made)


def run(made: MemoryDevice) -> EdgeError | None:
    """One run, and what ended it or the session."""
    try:
        each = made.haul()
    except EdgeError as error:
        return error
    return each.unfinished or next(iter(each.refusals), None)


class TestAfterAKill:
    def killed(self) -> MemoryDevice:
        """A device whose client was killed when S3 had taken two of the proxy's three parts."""
        with device() as made:

            def kill(_number: int, call: str) -> None:
                if call == "cloud put" and made.timeline.count("cloud put") == 4:
                    made.machine.kill()

            made.at_call = kill
            with pytest.raises(Killed):
                made.haul()
            return made

    def test_parts_that_s3_has_are_not_sent_again(self):
        made = self.killed()
        with Machine(2) as machine:
            made.restart(machine)
            made.haul()

            demand_all_home(made)
            # What was left of the proxy, and the film.
            assert made.timeline.count("cloud put") == 1 + 3

    def test_parts_of_a_proxy_make_room_at_the_start_of_the_next_run_whatever_it_hauls(self):
        made = self.killed()
        assert made.disk.spool_bytes > 0
        with Machine(2) as machine:
            made.restart(machine)
            made.film("GX010043", PART_BYTES, seed=3)
            seen: list[int] = []
            made.at_call = lambda _number, call: (
                seen.append(made.disk.spool_bytes) if call == "cloud PUT other" else None
            )
            made.haul(ByFile(("100GOPRO/GX010043.MP4",)), "other")

            assert seen[0] == 0

    @pytest.mark.parametrize(
        "changes", [{"etag": '"another"'}, {"content": film(PROXY_BYTES, 9), "etag": '"b"'}]
    )
    def test_a_proxy_that_changed_is_not_mixed_with_what_was_sent(self, changes: dict[str, Any]):
        made = self.killed()
        spoil(made, PROXY_PATH, **changes)
        with Machine(2) as machine:
            made.restart(machine)
            [report] = made.haul().done

            demand_film_home(made)
            assert PROXY not in made.cloud.objects()
            assert (
                "another file under its name than when it was begun" in problems(report)[f"proxy of {PATH}"]
            )

    def test_a_record_that_the_disk_has_spoilt_is_none_and_what_s3_has_is_found(self):
        made = self.killed()
        [session] = made.disk.sessions.values()
        session.documents[SIDECARS] = b"{"
        with Machine(2) as machine:
            made.restart(machine)
            made.haul()

            demand_all_home(made)

    def test_forgetting_the_session_loses_no_footage(self):
        made = self.killed()
        with Machine(2) as machine:
            made.restart(machine)
            made.camera.swap_card({})
            [name] = made.disk.sessions

            forgotten = made.forget(Forgetting(name, lose_footage=False, is_dry=False))

            assert forgotten.lost == ()


class TestRoom:
    def test_no_part_of_a_film_makes_room_for_a_proxy(self):
        with device() as made:
            made.film("GX010043", 3 * PART_BYTES, seed=3)
            # A film whose card is gone: its parts here are the only copy, and it can never be whole.
            made.cloud.faults["put"] = [StorageUnreachable("no answer")] * 400
            made.patience_s = 1.0
            made.budget_bytes = 2 * PART_BYTES
            with pytest.raises(GaveUp):
                made.haul(ByNumber("0043"), "lost")
            kept = made.disk.kept("lost").part_bytes
            del made.camera.files["100GOPRO/GX010043.MP4"]
            made.cloud.faults.clear()
            made.patience_s = 3600.0
            spoil(made, PATH, content=film(100, 1))
            before: list[int] = []

            def look(_number: int, _call: str) -> None:
                if ORIGINAL not in opened(made):
                    before.append(made.disk.kept("lost").part_bytes)

            made.at_call = look
            made.haul(ByNumber("0042"), NAME)

            assert set(before) == {kept} != {0}
            assert PROXY in opened(made)
            assert ORIGINAL in made.cloud.objects()

    def test_a_full_disk_is_told_and_the_proxy_comes_after_the_films(self):
        with device() as made:
            made.disk.faults["append"] = [SpoolFull("the disk is full")]

            report_of(made)

            demand_all_home(made)
