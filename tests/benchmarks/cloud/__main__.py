"""All figures of the coordinator: python -m tests.benchmarks.cloud [PART …]. `make bench-cloud` runs it."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from infra.local.aws.strict_s3.moto_app import PART_MINIMUM
from infra.local.surroundings import ignore_surroundings
from tests.benchmarks.figures import Figure, write

PARTS = ("starts", "calls", "signing", "scale", "haul")


def main(words: Sequence[str]) -> int:
    """Measure the parts that are named, or all."""
    unknown = [word for word in words if word not in PARTS]
    if unknown:
        print(f"there is no {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    print(f"load average {os.getloadavg()[0]:.1f}", flush=True)
    name = "cloud" if not words else "cloud-only"
    return 0 if write(name, [each for part in words or PARTS for each in _figures(part)]) else 1


def _figures(part: str) -> list[Figure]:
    print(f"measuring {part}", flush=True)
    from tests.benchmarks.cloud import calls, haul, scale, signing, starts

    parts: Mapping[str, Callable[[], list[Figure]]] = {
        "starts": starts.figures,
        "calls": calls.figures,
        "signing": signing.figures,
        "scale": scale.figures,
        "haul": haul.figures,
    }
    return parts[part]()


if __name__ == "__main__":
    ignore_surroundings(os.environ)
    # moto reads it when it is imported: the haul's parts are small.
    os.environ[PART_MINIMUM] = "1"
    sys.exit(main(sys.argv[1:]))
