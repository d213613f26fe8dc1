"""One action carried out on what is recorded, and what it reported."""

import pytest

from chalicelib.core.picture import Picture
from chalicelib.core.settle import Action
from chalicelib.flows.actions import carry_out
from tests.support.builders import SESSION_ID, MemoryPorts, recorded
from tests.support.log_lines import Line, lines_of


class Acted:
    """Carries out actions; `reported` is how the last one was reported, without the session, which each line names."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO")
        self._caplog = caplog

    def carry_out(self, ports: MemoryPorts, action: Action) -> Picture:
        """The picture that the action leaves, which is what it recorded."""
        self._caplog.clear()
        picture = carry_out(ports, recorded(ports), action)
        assert picture == recorded(ports)
        return picture

    @property
    def reported(self) -> Line:
        """The one event."""
        [line] = [line for line in lines_of(self._caplog) if "session_id" in line.about]
        assert line.about.pop("session_id") == SESSION_ID
        return line

    def logged(self, message: str) -> Line:
        """The one line that says this beside the event."""
        [line] = lines_of(self._caplog, message)
        return line
