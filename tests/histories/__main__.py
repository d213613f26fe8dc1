"""Play histories and publish what they found: `make simulate`.

make simulate                      100,000 histories, then those with unlimited faults
make simulate SCHEDULES=2000       fewer
make simulate SEED=4711            one history again, by its seed alone
make simulate SEED=4711 MUTED=0-3  the same without the faults of these numbers

A history that breaks a rule is shrunk to the faults that it needs, and shown in build/simulation/SEED.html.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from tests.histories.faults import Script
from tests.histories.history import listening, play
from tests.histories.outcome import Outcome
from tests.histories.page import FOLDER, numbers_of, write_page
from tests.histories.rare import RARE
from tests.histories.setting import Mode
from tests.histories.shrink import NotAgain, Play, shrink, unshrunk

FIGURES = Path("build/benchmarks/simulation.json")
BATCH = 50
YEAR_S = 365.25 * 86_400.0
MOST_TOLD = 10


@dataclass
class Tally:
    """What many histories came to."""

    schedules: int = 0
    steps: int = 0
    faults: int = 0
    device_s: float = 0.0
    rare: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.schedules += 1
        self.steps += outcome.steps
        self.faults += outcome.faults
        self.device_s += outcome.device_s * len(outcome.setting.films)
        self.rare.update(outcome.rare.keys())
        if outcome.violation:
            self.violations.append((outcome.seed, outcome.violation.rule, outcome.violation.detail))

    def join(self, other: Tally) -> None:
        self.schedules += other.schedules
        self.steps += other.steps
        self.faults += other.faults
        self.device_s += other.device_s
        self.rare.update(other.rare)
        self.violations += other.violations


def play_batch(asked: tuple[int, int, str]) -> Tally:
    """The histories of some seeds, one after the other."""
    first, count, mode = asked
    tally = Tally()
    with listening():
        for seed in range(first, first + count):
            try:
                tally.add(play(seed, mode=Mode(mode)))
            except Exception as error:
                error.add_note(f"in the history of seed {seed}, {mode}")
                raise
    return tally


def play_many(first: int, count: int, mode: Mode, workers: int) -> Tally:
    """The histories of `count` seeds from `first` on, `workers` at a time."""
    batches = [
        (start, min(BATCH, first + count - start), mode.value) for start in range(first, first + count, BATCH)
    ]
    whole = Tally()
    for tally in _played(batches, workers):
        whole.join(tally)
        if sys.stderr.isatty():
            print(f"\r{whole.schedules:,} of {count:,} histories", end="", file=sys.stderr, flush=True)
    return whole


def digests_of(asked: tuple[int, int]) -> list[str]:
    """The digests of some seeds' histories."""
    first, count = asked
    with listening():
        return [play(seed).digest for seed in range(first, first + count)]


def count_differing(first: int, count: int, workers: int) -> int:
    """How many of `count` seeds have another history when another process plays them again."""
    batches = [(start, min(BATCH, first + count - start)) for start in range(first, first + count, BATCH)]
    with ProcessPoolExecutor(workers) as pool:
        once = [digest for batch in pool.map(digests_of, batches) for digest in batch]
        # In another order, so that another process plays a seed the second time.
        turned = list(pool.map(digests_of, batches[::-1]))
        again = [digest for batch in reversed(turned) for digest in batch]
    return sum(one != other for one, other in zip(once, again, strict=True))


def _played(batches: Sequence[tuple[int, int, str]], workers: int) -> Iterator[Tally]:
    if workers == 1:
        yield from map(play_batch, batches)
        return
    with ProcessPoolExecutor(workers) as pool:
        for done in as_completed([pool.submit(play_batch, batch) for batch in batches]):
            yield done.result()


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 where a rule was broken."""
    parser = argparse.ArgumentParser(prog="make simulate", description="play whole histories with faults")
    parser.add_argument("--schedules", type=int, default=100_000, metavar="N", help="how many histories")
    parser.add_argument(
        "--unlimited", type=int, default=10_000, metavar="N", help="how many whose faults never stop"
    )
    parser.add_argument(
        "--twice", type=int, default=1000, metavar="N", help="how many seeds are played twice"
    )
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first seed")
    parser.add_argument("--seed", type=int, metavar="SEED", help="play this one history and tell its steps")
    parser.add_argument(
        "--muted", type=numbers_of, default=frozenset(), metavar="0-3,7", help="faults that do not happen"
    )
    parser.add_argument("--mode", choices=[each.value for each in Mode], default=Mode.SETTLING.value)
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes")
    asked = parser.parse_args(arguments)
    if asked.seed is not None:
        return _tell(asked.seed, Mode(asked.mode), Script(asked.muted))
    began_at = time.monotonic()
    whole = play_many(asked.first, asked.schedules, Mode.SETTLING, asked.workers)
    took_s = time.monotonic() - began_at
    unlimited = play_many(asked.first, asked.unlimited, Mode.UNLIMITED, asked.workers)
    differs = count_differing(asked.first, asked.twice, asked.workers)
    reached = whole.rare + unlimited.rare
    figures = {
        "schedules": whole.schedules,
        "violations": len(whole.violations) + len(unlimited.violations),
        "schedules_per_s": round(whole.schedules / took_s, 1),
        "unlimited_schedules": unlimited.schedules,
        "simulated_device_years": round((whole.device_s + unlimited.device_s) / YEAR_S, 1),
        "digest_differs": differs,
        "digests_compared": asked.twice,
        "rare_states": sum(reached[name] > 0 for name in RARE),
        "rare_states_least_often": min(reached[name] for name in RARE),
        "steps": whole.steps + unlimited.steps,
        "faults": whole.faults + unlimited.faults,
        "rare": {name: reached[name] for name in sorted(RARE, key=lambda name: -reached[name])},
    }
    known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps({**known, **figures}, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    broken = [
        *((Mode.SETTLING, *each) for each in whole.violations),
        *((Mode.UNLIMITED, *each) for each in unlimited.violations),
    ]
    for mode, seed, rule, detail in broken[:MOST_TOLD]:
        shown = show(play(seed, mode=mode), functools.partial(play, seed, mode=mode))
        print(f"seed {seed} breaks {rule}: {detail}; {shown}")
    if differs:
        print(f"{differs} of {asked.twice} seeds had another history when they were played again")
    return 1 if broken or differs else 0


def show(outcome: Outcome, replay: Play, folder: Path = FOLDER) -> str:
    """Shrink a history that breaks a rule, and write its page into `folder`; a sentence that says where it is."""
    try:
        shrunk = shrink(outcome, replay)
    except NotAgain as error:
        return str(error)
    return f"{len(shrunk.kept)} of {shrunk.faults} faults are needed, see {write_page(shrunk, folder)}"


def _tell(seed: int, mode: Mode, script: Script) -> int:
    outcome = play(seed, mode=mode, script=script, records=True)
    for step in outcome.told:
        print(f"{step.number:5} {step.at_s:10.1f} s  {step.actor:12} {step.call:28} {step.fault or ''}")
    print(f"seed {outcome.seed}, digest {outcome.digest}, {outcome.faults} faults, {outcome.setting}")
    print(outcome.violation or "nothing is broken")
    if outcome.violation and script.muted:
        print(f"see {write_page(unshrunk(outcome, script))}")
    elif outcome.violation:
        print(show(outcome, functools.partial(play, seed, mode=mode)))
    return 1 if outcome.violation else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
