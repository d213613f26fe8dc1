"""Fuzz the indexing of measurements: python -m tests.odd --files 20000 [--seed N] [--first N]. `make fuzz` runs it."""

import argparse
import random
import time

from tests.odd.fuzz import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000, help="how many files (default: 20000)")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**9), help="default: another one each time"
    )
    parser.add_argument("--first", type=int, default=0, help="the number of the first file (default: 0)")
    wanted = parser.parse_args()
    print(f"seed {wanted.seed}", flush=True)
    start = time.perf_counter()
    ends = run(wanted.seed, wanted.first, wanted.files)
    seconds = time.perf_counter() - start
    print(
        f"{wanted.files} files in {seconds:.0f} s: {ends['index']} indexed, {ends['poison']} poison, nothing else"
    )


if __name__ == "__main__":
    main()
