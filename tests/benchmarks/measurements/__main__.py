"""All figures of measurements: python -m tests.benchmarks.measurements [PART …]. `make bench-measurements` runs it."""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.local.surroundings import ignore_surroundings
from tests.benchmarks.figures import Figure, write

PARTS = ("transition", "passes", "ranges", "question", "imports")


def main(words: Sequence[str]) -> int:
    """Measure, or be one of the processes that are measured."""
    if words and words[0] in ("index", "peer", "start", "read", "store", "ask"):
        _work(words[0], words[1:])
        return 0
    unknown = [word for word in words if word not in PARTS]
    if unknown:
        print(f"there is no {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    print(f"load average {os.getloadavg()[0]:.1f}", flush=True)
    name = "measurements" if not words else "measurements-only"
    return 0 if write(name, [each for part in words or PARTS for each in _figures(part)]) else 1


def _figures(part: str) -> list[Figure]:
    from tests.benchmarks.measurements import imports, passes, question, ranges, transition

    parts: Mapping[str, Callable[[], list[Figure]]] = {
        "transition": transition.figures,
        "passes": passes.figures,
        "ranges": ranges.figures,
        "question": question.figures,
        "imports": imports.figures,
    }
    print(f"measuring {part}", flush=True)
    return parts[part]()


def _work(way: str, words: Sequence[str]) -> None:
    """Do one thing in this process; only what it needs is imported."""
    answered: Any
    if way in ("index", "peer", "start"):
        from tests.benchmarks.measurements import passes

        works: Mapping[str, Callable[..., Any]] = {
            "index": passes.index,
            "peer": passes.peer,
            "start": passes.start,
        }
        answered = works[way](*words)
    elif way == "ask":
        from tests.benchmarks.measurements import question

        answered = question.ask(*words)
    else:
        from tests.benchmarks.measurements import ranges

        if way == "store":
            ranges.store(*words)
            return
        answered = ranges.read(*words)
    print(json.dumps(answered))


if __name__ == "__main__":
    ignore_surroundings(os.environ)
    sys.exit(main(sys.argv[1:]))
