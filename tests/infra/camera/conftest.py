"""A camera with a recording of two chapters, for tests that order faults of the first."""

from collections.abc import Iterator

import pytest

from infra.local.camera import Camera, card_with, recording
from tests.infra.camera.chapter import SIZE


@pytest.fixture
def camera() -> Iterator[Camera]:
    with Camera(card_with(*recording(38, [SIZE, SIZE]))) as running:
        yield running
