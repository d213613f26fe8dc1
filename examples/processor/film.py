"""One pass over the film: every frame decoded once, measured, written down, drawn on and encoded again."""

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from examples.processor import overlay
from examples.processor.errors import CannotProcess, is_of_this_machine
from examples.processor.lights import NAMES, Light, Picture, Tracker
from examples.processor.order import Order
from examples.processor.telemetry import telemetry_of

_TELEMETRY = (
    "drone_latitude",
    "drone_longitude",
    "drone_elevation",
    "gimbal_pitch",
    "gimbal_roll",
    "gimbal_yaw",
)
"""Only the lights' angles are known, and only where the order tells the flight: these are null."""

# The number of threads changes the bytes, and a doubled order must meet the very same ones.
_ENCODER = {"preset": "ultrafast", "threads": "1", "profile": "baseline", "crf": "28"}
_CONTAINER = {"fflags": "+bitexact", "movflags": "+faststart"}


@dataclass(frozen=True)
class Made:
    """The two files that a film becomes, and how many frames it has."""

    measurements: Path
    video: Path
    frames: int


def process(order: Order, chapters: Sequence[Path], folder: Path) -> Made:
    """The measurements (a gzipped document) and the enhanced video of all chapters. Raises CannotProcess."""
    made = Made(folder / "measurements.json.gz", folder / "enhanced.mp4", 0)
    try:
        with ExitStack() as closing:
            raw = closing.enter_context(made.measurements.open("wb"))
            document = closing.enter_context(_Document(raw, order))
            video = closing.enter_context(_Video(made.video))
            frames = _pass(chapters, document, video)
    except av.FFmpegError as error:
        if is_of_this_machine(error):
            raise OSError(error.errno, "the video cannot be written") from error
        raise CannotProcess(f"the film cannot be made: {type(error).__name__}") from error
    if not frames:
        raise CannotProcess("the film has no frame")
    return Made(made.measurements, made.video, frames)


def _pass(chapters: Sequence[Path], document: "_Document", video: "_Video") -> int:
    tracker, number = Tracker(), 0
    for fps, picture in _pictures(chapters):
        lights = tracker.measured(picture)
        document.add(number, fps, lights)
        overlay.draw(picture, tracker.spots, lights)
        video.add(picture, fps)
        number += 1
    return number


@dataclass(frozen=True)
class _Format:
    """The frame rate, exactly, and the size of a picture in pixels."""

    fps: Fraction
    width: int
    height: int


def _pictures(chapters: Sequence[Path]) -> Iterator[tuple[Fraction, Picture]]:
    """The frame rate, and each frame as height x width x 3 bytes of RGB, through all chapters.

    A chapter whose picture has another size than the first's is scaled to the first's: the video has one size.
    """
    film: _Format | None = None
    for number, path in enumerate(chapters, start=1):
        try:
            with av.open(str(path)) as container:
                own = _format(container, number)
                film = film or own
                if own.fps != film.fps:
                    raise CannotProcess(f"chapter {number} has another frame rate than the first")
                for frame in container.decode(video=0):
                    picture = frame.to_ndarray(format="rgb24", width=film.width, height=film.height)
                    yield film.fps, np.asarray(picture, dtype=np.uint8)
        except av.FFmpegError as error:
            raise CannotProcess(f"chapter {number} cannot be decoded: {type(error).__name__}") from error


def _format(container: InputContainer, number: int) -> _Format:
    """The format of a chapter's video. Raises CannotProcess."""
    if not container.streams.video:
        raise CannotProcess(f"chapter {number} has no video")
    stream = container.streams.video[0]
    # PyAV 19 has its own rational type: an unset rate is 0/0 instead of None, and it does not round.
    rate = stream.average_rate
    if not rate or not rate.denominator:
        raise CannotProcess(f"chapter {number} does not say how many frames a second has")
    return _Format(Fraction(rate.numerator, rate.denominator), stream.width, stream.height)


class _Document:
    """The measurements as they are written: frame by frame, never all of them in memory."""

    def __init__(self, raw: BinaryIO, order: Order) -> None:
        # No name and no time in the header: the same film makes the same bytes.
        self._file = gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0)
        self._about = {"kind": "papi", **order.named}
        self._telemetry = telemetry_of(order.parameters)
        self._fps: Fraction | None = None

    def __enter__(self) -> "_Document":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.write(b"]}" if self._fps else b'{"frames": []}')
        self._file.close()

    def add(self, number: int, fps: Fraction, lights: dict[str, Light]) -> None:
        self._file.write(self._opening(fps) if self._fps is None else b",\n")
        time_s = float(number / fps)
        angle = self._telemetry.angle(time_s)
        frame: dict[str, Any] = {
            "frame_number": number,
            "timestamp": time_s,
            **dict.fromkeys(_TELEMETRY),
            **{name: {**lights[name].document(), "angle": angle} for name in NAMES},
        }
        self._file.write(json.dumps(frame).encode())

    def _opening(self, fps: Fraction) -> bytes:
        self._fps = fps
        metadata = {"fps": {"numerator": fps.numerator, "denominator": fps.denominator}}
        return json.dumps({**self._about, "metadata": metadata})[:-1].encode() + b', "frames": ['


class _Video:
    """The enhanced video as it is written; any browser plays it."""

    def __init__(self, path: Path) -> None:
        self._container = av.open(str(path), "w", format="mp4", options=_CONTAINER)
        self._stream: VideoStream | None = None
        self._number = 0

    def __enter__(self) -> "_Video":
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def add(self, picture: Picture, fps: Fraction) -> None:
        stream = self._stream or self._opened(picture, fps)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self._number, 1 / fps
        self._container.mux(stream.encode(frame))
        self._number += 1

    def _opened(self, picture: Picture, fps: Fraction) -> VideoStream:
        # A key frame a second lets a player jump.
        options = {**_ENCODER, "g": str(max(1, round(fps)))}
        stream: VideoStream = self._container.add_stream("libx264", rate=fps, options=options)
        stream.height, stream.width, stream.pix_fmt = picture.shape[0], picture.shape[1], "yuv420p"
        self._stream = stream
        return stream
