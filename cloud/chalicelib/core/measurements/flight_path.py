"""The path of a drone: the angles of its frames, smoothed along the film.

Each angle has noise of its own, and a drone has mass. So the true angle is taken to change its speed only by small
random steps; the noise and the size of those steps are estimated from the angles (a Kalman filter by maximum
likelihood, and its smoother). Angles here are arc minutes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

LEAST_AGILITY = 8e-5
"""The smoothest path that is believed: at it, the angle of a frame is a mean over some 30 frames."""
AGILITY_FACTOR = 4.0
MOST_AGILE, LEAST_AGILE = 8, -4
TUNED_FRAMES = 2_000
UNKNOWN = 1e4
QUIETEST = 1e-9

_Step = tuple[float, float, float, float, float, float, bool]


@dataclass(frozen=True)
class Observed:
    """Angles in the order of the film, each so many frames after the one before it; jumps are not `usable`."""

    angles: Sequence[float]
    steps: Sequence[float]
    usable: Sequence[bool]

    def middle(self, size: int) -> "Observed":
        start = max(0, (len(self.angles) - size) // 2)
        chosen = slice(start, start + size)
        return Observed(self.angles[chosen], self.steps[chosen], self.usable[chosen])


@dataclass(frozen=True)
class Path:
    """The smoothed angle of each frame, and how much it is to be believed."""

    angles: Sequence[float]
    noise_variance: float
    observed: Observed
    agility: float
    likely_agility: float

    def variance_of_mean(self, weights: Sequence[float]) -> float:
        """The variance of the weighted mean of the path's angles, its noise and its bias by smoothing included."""
        seen = Observed(weights, self.observed.steps, self.observed.usable)
        back, _ = _smooth(seen, self.agility)
        noise = sum(value * value for value in back)
        both = sum(value * weight for value, weight in zip(back, weights, strict=True))
        # A path that is as agile as it was smoothed has this bias; a calmer one has so much less.
        bias = max(0.0, both - noise) * min(1.0, self.likely_agility / self.agility)
        return self.noise_variance * (noise + bias)


def smooth(observed: Observed) -> Path:
    """The path through `observed`, of which there are some."""
    tuned = observed.middle(TUNED_FRAMES)
    likely = _likely_agility(tuned)
    agility = max(LEAST_AGILITY, likely)
    angles, noise_variance = _smooth(observed, agility)
    return Path(angles, noise_variance, observed, agility, likely)


def usable(angles: Sequence[float]) -> list[bool]:
    """Whether each angle is near those around it."""
    around = [median(angles[max(0, at - 2) : at + 3]) for at in range(len(angles))]
    off = [abs(angle - middle) for angle, middle in zip(angles, around, strict=True)]
    most = 0.5 + 12 * median(off)
    return [distance <= most for distance in off]


def _likely_agility(observed: Observed) -> float:
    known: dict[int, float] = {}

    def likelihood(power: int) -> float:
        if power not in known:
            known[power] = _filter(observed, LEAST_AGILITY * AGILITY_FACTOR**power)[0]
        return known[power]

    power = 0
    if likelihood(1) > likelihood(0):
        power = 1
        while power < MOST_AGILE and likelihood(power + 1) > likelihood(power):
            power += 1
        return float(LEAST_AGILITY * AGILITY_FACTOR**power)
    while power > LEAST_AGILE and likelihood(power - 1) > likelihood(power):
        power -= 1
    return float(LEAST_AGILITY * AGILITY_FACTOR**power) if power > LEAST_AGILE else 0.0


def _filter(observed: Observed, agility: float, states: list[_Step] | None = None) -> tuple[float, float]:
    """The log likelihood and the variance of the noise; each predicted state goes to `states`.

    The state is the angle and its speed; variances are in units of that of the noise.
    """
    angle, speed = observed.angles[0], 0.0
    p_angle, p_both, p_speed = UNKNOWN, 0.0, UNKNOWN
    logs = squares = 0.0
    count = 0
    log = math.log
    for seen, step, is_usable in zip(observed.angles, observed.steps, observed.usable, strict=True):
        if step:
            angle += speed * step
            p_angle += step * (2 * p_both + step * p_speed) + agility * step * step * step / 3
            p_both += step * p_speed + agility * step * step / 2
            p_speed += agility * step
        if states is not None:
            states.append((angle, p_angle, p_both, p_speed, seen, step, is_usable))
        if not is_usable:
            continue
        spread, error = p_angle + 1, seen - angle
        gain, speed_gain = p_angle / spread, p_both / spread
        angle += gain * error
        speed += speed_gain * error
        p_speed -= speed_gain * p_both
        p_both -= gain * p_both
        p_angle -= gain * p_angle
        count += 1
        if count > 2:  # two frames are needed to know angle and speed
            logs += log(spread)
            squares += error * error / spread
    freedom = max(1, count - 2)
    variance = max(squares / freedom, QUIETEST)
    return -0.5 * (logs + freedom * log(variance)), variance


def _smooth(observed: Observed, agility: float) -> tuple[list[float], float]:
    """The smoothed angles and the variance of the noise (Durbin and Koopman's backward recursion)."""
    states: list[_Step] = []
    _, variance = _filter(observed, agility, states)
    smoothed = []
    pull, speed_pull, later = 0.0, 0.0, 0.0
    for angle, p_angle, p_both, _, seen, step, is_usable in reversed(states):
        speed_pull += later * pull
        if is_usable:
            spread = p_angle + 1
            gain, speed_gain = p_angle / spread, p_both / spread
            pull = (seen - angle) / spread + (1 - gain) * pull - speed_gain * speed_pull
        smoothed.append(angle + p_angle * pull + p_both * speed_pull)
        later = step
    smoothed.reverse()
    return smoothed, variance
