"""`list`: the recordings on a camera's card."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from edge_client.base.exit import ExitCode
from edge_client.commands.command import Command, describe_camera, describe_coordinator, describe_patience
from edge_client.commands.output import (
    began,
    card_line,
    chapters,
    label,
    mark,
    note_lines,
    recording_json,
    rest_json,
    rest_lines,
    say_result,
    size,
    table,
)
from edge_client.config import LOOK_PATIENCE_S, CameraAddress, Parsed, Service, Values, together
from edge_client.coordinator.client import Coordinator
from edge_client.haul.camera_session import open_camera_session
from edge_client.haul.survey import Survey, ask_lengths_s, survey_card
from edge_client.model.gopro_names import proxy_of
from edge_client.model.haul_state import HaulState, RecordingState
from edge_client.model.recordings import Recording
from edge_client.wiring import camera_tools_of, coordinator_of

EXAMPLES = """\
examples:
  reelhaul list --camera 172.24.171.51
  reelhaul list --interface enxd43260ddac87 --json

Without a coordinator the list does not say which recordings are hauled.
"""


@dataclass(frozen=True)
class ListSettings:
    """One run of `list`; without a service nobody says what is hauled."""

    camera: CameraAddress
    service: Service | None
    give_up_after_s: float
    as_json: bool


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `list`."""
    describe_camera(parser)
    describe_coordinator(parser)
    describe_patience(parser, "2m")


def read(values: Values) -> Parsed[ListSettings]:
    """The settings: which camera, and who says what is hauled."""
    camera, service = values.camera(), values.service_if_given()
    patience_s = values.give_up_after_s(LOOK_PATIENCE_S)
    return together(
        lambda: ListSettings(camera.value, service.value, patience_s.value, values.arguments.json),
        *(camera, service, patience_s),
    )


def run(settings: ListSettings, stop: threading.Event) -> ExitCode:
    """Say what recordings a card has."""
    with camera_tools_of(settings.camera, settings.give_up_after_s, stop) as tools, ExitStack() as stack:
        coordinator: Coordinator | None = None
        if settings.service:
            coordinator = stack.enter_context(coordinator_of(settings.service, tools.retry))
        with open_camera_session(tools) as camera:
            survey = survey_card(camera, coordinator)
            lengths = ask_lengths_s(camera, survey)
        say_result(list_lines(survey, lengths), list_json(survey, lengths), settings.as_json)
        return ExitCode.DONE


LIST = Command(
    name="list",
    purpose="list the recordings on a camera's card, and which of them are hauled",
    examples=EXAMPLES,
    describe=describe,
    read=read,
    run=run,
)


def list_lines(survey: Survey, lengths_s: Mapping[str, int | None]) -> list[str]:
    """The card as an operator thinks of it."""
    head = ("recording", "chapters", "size", "length", "began", "proxies", "hauled")
    rows = [
        (
            label(survey, one),
            chapters(one.recording),
            size(one.recording.size_bytes),
            _clock(_length_s(one.recording, lengths_s)),
            began(one.recording),
            _proxies(survey, one.recording),
            _hauled(one) if survey.is_asked else "not asked",
        )
        for one in survey.recordings
    ]
    return [card_line(survey), *table(head, rows), *note_lines(survey), *rest_lines(survey)]


def list_json(survey: Survey, lengths_s: Mapping[str, int | None]) -> dict[str, object]:
    """The same as one document; `hauled` is null where no coordinator was asked."""
    return {
        "camera": asdict(survey.camera),
        "recordings": [
            {
                **recording_json(one.recording),
                "camera": one.serial,
                "seconds": _length_s(one.recording, lengths_s),
                "proxies": [
                    {"chapter": path, "size_bytes": size_bytes}
                    for path, size_bytes in _promised(survey, one.recording).items()
                ],
                "hauled": (one.state is HaulState.HAULED) if survey.is_asked else None,
                "state": one.state.value if survey.is_asked else None,
                "sessions": list(one.session_ids),
                "devices": list(one.device_ids),
                "notes": list(one.notes),
            }
            for one in survey.recordings
        ],
        **rest_json(survey),
    }


def _hauled(one: RecordingState) -> str:
    sessions = ", ".join(one.session_ids)
    if one.state is HaulState.HAULED:
        return f"yes ({sessions}){mark(one)}"
    return "no" if one.state is HaulState.MISSING else f"no, {one.state.value}"


def _promised(survey: Survey, recording: Recording) -> dict[str, int]:
    """The sizes of the proxies that can be hauled, by their chapters' paths."""
    return {
        file.path: survey.proxies[file.path]
        for file in recording.files
        if file.path in survey.proxies and proxy_of(file.filename)
    }


def _proxies(survey: Survey, recording: Recording) -> str:
    """How many chapters have a proxy."""
    count = len(_promised(survey, recording))
    return (
        "-"
        if not count
        else str(count)
        if count == len(recording.files)
        else f"{count} of {len(recording.files)}"
    )


def _length_s(recording: Recording, lengths_s: Mapping[str, int | None]) -> int | None:
    known = [lengths_s.get(file.path) for file in recording.files]
    return sum(each for each in known if each is not None) if None not in known else None


def _clock(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
