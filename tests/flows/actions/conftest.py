import pytest

from tests.flows.actions.acted import Acted


@pytest.fixture
def acted(caplog: pytest.LogCaptureFixture) -> Acted:
    return Acted(caplog)
