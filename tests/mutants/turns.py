"""Planted bugs in the angle at which a light turns, and in what is said about its error."""

from tests.mutants.mutant import bug

MEASUREMENTS = "cloud/chalicelib/core/measurements"
TRUTH = ("tests/core/test_transition_truth.py", "-k", "not other_kinds")
RUNS = ("tests/core/test_transition.py",)

TURNS = (
    bug(
        "no frame may have a wrong status",
        f"{MEASUREMENTS}/turn_curve.py",
        "MOST_LAPSES = 0.5\n",
        "MOST_LAPSES = 1e-9\n",
        *TRUTH,
    ),
    bug(
        "the interval leaves out the error of the path",
        f"{MEASUREMENTS}/turn.py",
        "variance = of_statuses + of_path + of_frames",
        "variance = of_statuses + of_frames",
        *TRUTH,
    ),
    bug(
        "the path is the noisy angles themselves",
        f"{MEASUREMENTS}/flight_path.py",
        "agility = max(LEAST_AGILITY, likely)",
        "agility = 1e6",
        *TRUTH,
    ),
    bug(
        "a film of one status has a turn, where some of its frames are wrong",
        f"{MEASUREMENTS}/turn.py",
        "    if gain < LEAST_GAIN or below[0] <= below[1] or above[1] <= above[0]:\n",
        "    if gain < 0:\n",
        *RUNS,
    ),
    bug(
        "frames after the extreme stay with the run that has ended",
        f"{MEASUREMENTS}/transition.py",
        "        elif (self._extreme - median) * direction >= REVERSAL:\n            self._end_run(-direction)\n",
        "        elif (self._extreme - median) * direction >= REVERSAL:\n"
        "            self._give()\n            self._end_run(-direction)\n",
        *RUNS,
    ),
    bug(
        "runs that contradict each other are as certain as runs that agree",
        f"{MEASUREMENTS}/transition.py",
        "max(1.0, misfit)",
        "1.0",
        *RUNS,
    ),
    bug(
        "all frames of a long run are held",
        f"{MEASUREMENTS}/transition.py",
        "        if len(self.groups) > MOST_GROUPS:\n            self._fold()\n",
        "",
        *RUNS,
    ),
)
