"""The real camera files beside the project, where they are there."""

from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data" / "gopro"
FILMS = ("hero7.mp4", "karma.mp4", "max-heromode.mp4")

needs_data = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason="no real camera files in ../shared/data/gopro"),
]
