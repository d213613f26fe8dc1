"""The measured values are drawn into the picture, and nothing that lies beyond its edge ends the film."""

import numpy as np
import pytest

from examples.processor import overlay
from examples.processor.lights import Light, Spot

WIDTH, HEIGHT = 40, 30
REACH = 3


def drawn_at(x: int, y: int):
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    light = Light("white", (255, 255, 255), 255.0, 12)
    overlay.draw(picture, {"papi_a": Spot(x, y, REACH)}, {"papi_a": light})
    return picture


def test_the_same_light_is_drawn_wherever_the_picture_shows_it():
    whole = drawn_at(20, 10)

    moved = drawn_at(21, 11)

    assert whole.any()
    assert np.array_equal(moved[1:, 1:], whole[:-1, :-1])


@pytest.mark.parametrize("x", [*range(-30, 4), *range(WIDTH - 4, WIDTH + 30)])
@pytest.mark.parametrize("y", [-40, -20, 0, HEIGHT // 2, HEIGHT - 1, HEIGHT, HEIGHT + 40])
def test_a_light_near_or_beyond_an_edge_shows_exactly_its_visible_part(x, y):
    margin = 100
    wide = np.zeros((HEIGHT + 2 * margin, WIDTH + 2 * margin, 3), np.uint8)
    light = Light("white", (255, 255, 255), 255.0, 12)
    overlay.draw(wide, {"papi_a": Spot(x + margin, y + margin, REACH)}, {"papi_a": light})

    assert np.array_equal(drawn_at(x, y), wide[margin : margin + HEIGHT, margin : margin + WIDTH])
