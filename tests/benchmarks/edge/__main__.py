"""`python -m tests.benchmarks.edge [--only NAME]` writes build/benchmarks/edge.json; fails when a bar does not hold."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from tests.benchmarks.edge import calls, kills, legs, makespan, memory, proxies
from tests.benchmarks.edge.bench import Bench, opened
from tests.benchmarks.edge.running import Failed
from tests.benchmarks.figures import Figure, write

MEASURES: dict[tuple[str, ...], Callable[[Bench], list[Figure]]] = {
    makespan.FAST: makespan.fast,
    makespan.SLOW: makespan.slow,
    makespan.THREE: makespan.three,
    legs.UP: legs.sending,
    legs.DOWN: legs.fetching,
    memory.NAMES: memory.measured,
    calls.NAMES: calls.measured,
    proxies.PLAYABLE: proxies.playable,
    proxies.WHOLE: proxies.whole,
    kills.NAMES: kills.measured,
}


def main() -> int:
    only = _arguments().only
    figures, is_whole = list[Figure](), True
    with opened() as bench:
        for names, measure in MEASURES.items():
            if only and not set(only) & set(names):
                continue
            print(f"measuring {', '.join(names)}", file=sys.stderr, flush=True)
            try:
                figures += measure(bench)
            except Failed as error:
                print(f"not measured: {error}", file=sys.stderr)
                is_whole = False
    # A part of the figures does not take the place of all of them.
    return 0 if write("edge-only" if only else "edge", figures) and is_whole else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.edge")
    known = [name for names in MEASURES for name in names]
    parser.add_argument(
        "--only", action="append", choices=known, metavar="NAME", help="this figure; may be given again"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
