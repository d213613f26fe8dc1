"""Hauls run against the coordinator itself."""

from __future__ import annotations

import pytest

from tests.support.coordinator import MemoryCoordinator


@pytest.fixture
def cloud(memory_cloud: MemoryCoordinator) -> MemoryCoordinator:
    return memory_cloud
