"""Which call gets which answer: the camera's paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from infra.local.camera.card import Card, CardFile
from infra.local.camera.documents import date_document, hardware_info, last_captured, media_info, media_list
from infra.local.camera.files import file_answer
from infra.local.camera.state import CameraState, Habits, HardwareInfo, state_document
from infra.local.camera.wire import (
    Answer,
    Request,
    bad_request,
    busy,
    bytes_answer,
    json_answer,
    list_answer,
    not_found,
)

FILES = "/videos/DCIM/"
# Every path that deletes on some camera. They are counted and delete nothing.
DELETES = ("/gopro/media/delete/", "/gp/gpControl/command/storage/delete")
MEDIA = (FILES, "/gopro/media/")


@dataclass(frozen=True)
class Routes:
    """All that an answer depends on. `feed` puts off the camera's sleep; `now_s` is its clock, UTC as an epoch."""

    card: Card
    state: CameraState
    habits: Habits
    feed: Callable[[], None]
    now_s: Callable[[], float]

    def answer(self, request: Request) -> Answer:
        """The camera's answer when nothing is wrong with it."""
        if request.method not in ("GET", "HEAD"):
            return bytes_answer(405, "text/plain; charset=utf-8", b"Error 405: Method Not Allowed\n")
        if request.path.startswith(DELETES):
            return self._delete(request)
        if (self.state.encoding or self.state.busy) and request.path.startswith(MEDIA):
            return busy()
        if request.path.startswith(FILES):
            return self._file(request)
        call = CALLS.get(request.path)
        return call(self, request) if call else not_found()

    def _delete(self, request: Request) -> Answer:
        self.state.deletes.append(request.path)
        return json_answer({})

    def _file(self, request: Request) -> Answer:
        found = self._find(request.path.removeprefix(FILES))
        return file_answer(self.card, found[1], request) if found else not_found()

    def _find(self, path: str) -> tuple[str, CardFile] | None:
        directory, _, name = path.partition("/")
        file = self.card.find(directory, name)
        return (directory, file) if file else None

    def _keep_alive(self, _: Request) -> Answer:
        self.feed()
        return json_answer({})

    def _state(self, _: Request) -> Answer:
        return json_answer(state_document(self.state, self.card))

    def _wired_usb(self, request: Request) -> Answer:
        if not self.habits.knows_wired_usb:
            return not_found()
        if request.query.get("p") not in ("0", "1"):
            return bad_request()
        self.state.usb_controlled = request.query["p"] == "1"
        return json_answer({})

    def _turbo(self, request: Request) -> Answer:
        if request.query.get("p") not in ("0", "1"):
            return bad_request()
        self.state.turbo = request.query["p"] == "1"
        return json_answer({})

    def _list(self, _: Request) -> Answer:
        return list_answer(media_list(self.card))

    def _media_info(self, request: Request) -> Answer:
        found = self._find(request.query.get("path", ""))
        if found is None or not found[1].has_info:
            return not_found()
        return json_answer(media_info(self.card, *found, self.habits))

    def _last_captured(self, _: Request) -> Answer:
        if not self.habits.knows_last_captured:
            return not_found()
        last = last_captured(self.card)
        return json_answer(last) if last else Answer(204, (("Connection", "close"),))

    def _hardware(self, _: Request) -> Answer:
        shape = self.habits.hardware_info
        return not_found() if shape is HardwareInfo.ABSENT else json_answer(hardware_info(self.card, shape))

    def _date(self, _: Request) -> Answer:
        if not self.habits.knows_date:
            return not_found()
        return json_answer(date_document(self.now_s(), self.card.utc_offset_s))


CALLS: dict[str, Callable[[Routes, Request], Answer]] = {
    "/gopro/camera/keep_alive": Routes._keep_alive,
    "/gopro/camera/state": Routes._state,
    "/gopro/camera/info": Routes._hardware,
    "/gopro/camera/get_date_time": Routes._date,
    "/gopro/camera/control/wired_usb": Routes._wired_usb,
    "/gopro/media/list": Routes._list,
    "/gopro/media/info": Routes._media_info,
    "/gopro/media/last_captured": Routes._last_captured,
    "/gopro/media/turbo_transfer": Routes._turbo,
}
