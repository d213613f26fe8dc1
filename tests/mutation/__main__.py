"""Mutation testing: mutmut makes each small change of the code that decides, and a fast test must notice it.

    make mutmut              all mutants
    make mutmut ONLY=gates   those whose name has "gates" in it
    make mutmut ONLY=again   those that no test noticed when they were last tried

Once all mutants were tried, build/benchmarks/mutation.json has the figures of each module. A run fails where less than
nine in ten mutants of a module are noticed, and where one that is not has no explanation in
`tests/mutation/survivors.toml`.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.mutation.mutant import Mutant, Trial
from tests.mutation.mutate import mutate
from tests.mutation.report import faults, figures_of, last_tried, read_explanations
from tests.mutation.scope import SCOPE

HOUSE = Path(__file__).resolve().parents[2]
COPY = HOUSE / "build" / "mutation" / "house"
FOUND = HOUSE / "build" / "mutation" / "found.json"
FIGURES = HOUSE / "build" / "benchmarks" / "mutation.json"
COPIED = ("cloud", "edge_client", "infra", "examples", "tests", "pyproject.toml")
AGAIN = "again"


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when enough mutants are noticed, and all others explained."""
    parser = argparse.ArgumentParser(description="change the code a little, and demand that tests notice")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="mutants with this in their name, or: again"
    )
    only = parser.parse_args(arguments).only
    _lay_copy()
    globs = [glob for part in SCOPE for glob in part.sources]
    files = sorted(str(path.relative_to(COPY)) for glob in globs for path in COPY.glob(glob))
    mutants = [mutant for file in files for mutant in mutate(COPY, file)]
    chosen = _chosen(mutants, only)
    print(f"{len(chosen)} of {len(mutants)} mutants, in {len(files)} files", flush=True)
    trials = _try(chosen)
    wrong = list(faults(trials, read_explanations()))
    figures = figures_of(trials)
    for file, share in figures.modules.items():
        print(f"{share.share:7.1%} of {share.mutants:4}  {file}")
    print(f"{figures.share:7.1%} of {figures.mutants:4}  in all")
    _keep(last_tried(mutants, [*_read_found(), *trials]), mutants)
    print("\n".join(wrong))
    return 1 if wrong or not trials else 0


def _chosen(mutants: Sequence[Mutant], only: str) -> list[Mutant]:
    if only != AGAIN:
        return [mutant for mutant in mutants if only in mutant.name]
    unnoticed = {
        (each.mutant.function, each.mutant.was, each.mutant.becomes)
        for each in _read_found()
        if not each.fate.is_noticed
    }
    return [mutant for mutant in mutants if (mutant.function, mutant.was, mutant.becomes) in unnoticed]


def _read_found() -> list[Trial]:
    return msgspec.json.decode(FOUND.read_bytes(), type=list[Trial]) if FOUND.exists() else []


def _keep(found: Sequence[Trial], mutants: Sequence[Mutant]) -> None:
    """Keep how each mutant was last tried, and publish the figures once all were."""
    FOUND.write_bytes(msgspec.json.encode(found))
    if len(found) == len(mutants):
        FIGURES.parent.mkdir(parents=True, exist_ok=True)
        FIGURES.write_bytes(msgspec.json.format(msgspec.json.encode(figures_of(found)), indent=2) + b"\n")


def _lay_copy() -> None:
    """A copy of the sources, to be changed at will."""
    shutil.rmtree(COPY, ignore_errors=True)
    leave_out = shutil.ignore_patterns("__pycache__", ".*_cache", "vendor", "node_modules")
    for name in COPIED:
        source, target = HOUSE / name, COPY / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=leave_out)
        else:
            shutil.copy(source, target)


def _try(mutants: Sequence[Mutant]) -> list[Trial]:
    wanted, found = COPY / "wanted.json", COPY / "found.json"
    wanted.write_bytes(msgspec.json.encode(mutants))
    environment = {**os.environ, "PYTHONPATH": f"{COPY}{os.pathsep}{COPY / 'cloud'}", "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "tests.mutation.trials", str(wanted), str(found)]
    subprocess.run(command, cwd=COPY, env=environment, check=True)
    return msgspec.json.decode(found.read_bytes(), type=list[Trial])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
