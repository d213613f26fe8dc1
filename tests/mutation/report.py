"""Whether the tests are good enough: the share of noticed mutants, and an explanation for each of the others."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import tomllib
from msgspec import Struct

from tests.mutation.mutant import Fate, Mutant, Trial

LEAST_SHARE = 0.9
EXPLAINED = Path(__file__).with_name("survivors.toml")

Change = tuple[str, str, str]
"""A function, the lines that it had, and those that a mutant has. A mutant's number changes with the lines above it."""


class Survivor(Struct, frozen=True, forbid_unknown_fields=True):
    """Mutants of one function that no test notices, and why that is right.

    `was` and `becomes` are the lines that differ. `name` is the mutant's, as it was when this was written.
    """

    function: str
    was: str
    becomes: str
    why: str


class Explanations(Struct, frozen=True, forbid_unknown_fields=True):
    """The file of survivors."""

    survivor: tuple[Survivor, ...] = ()


class Share(Struct, frozen=True):
    """What became of the mutants of a module, or of all."""

    mutants: int
    killed: int
    timed_out: int
    survived: int
    share: float


class Figures(Struct, frozen=True):
    """What `make mutmut` publishes."""

    mutants: int
    killed: int
    timed_out: int
    survived: int
    share: float
    modules: dict[str, Share]


def read_explanations(path: Path = EXPLAINED) -> tuple[Survivor, ...]:
    """The survivors that are explained."""
    return msgspec.convert(tomllib.loads(path.read_text()), Explanations).survivor


def figures_of(trials: Sequence[Trial]) -> Figures:
    """How many were noticed, in all and by module."""
    by_module: dict[str, list[Trial]] = {}
    for trial in trials:
        by_module.setdefault(trial.mutant.file, []).append(trial)
    modules = {file: _share(of_module) for file, of_module in sorted(by_module.items())}
    return Figures(**msgspec.structs.asdict(_share(trials)), modules=modules)


def last_tried(mutants: Iterable[Mutant], trials: Iterable[Trial]) -> list[Trial]:
    """The last of `trials` of each mutant that is still made, in the order of `mutants`."""
    last = {trial.mutant: trial for trial in trials}
    return [last[mutant] for mutant in mutants if mutant in last]


def faults(trials: Sequence[Trial], explained: Iterable[Survivor]) -> Iterator[str]:
    """What is not as it must be, in words: survivors without an explanation, explanations without a survivor."""
    figures = figures_of(trials)
    for file, share in figures.modules.items():
        if share.share < LEAST_SHARE:
            yield f"{file}: {share.share:.1%} of its mutants are noticed, at least {LEAST_SHARE:.0%} must be"
    known = {(each.function, each.was, each.becomes) for each in explained}
    unnoticed = [trial for trial in trials if not trial.fate.is_noticed]
    for trial in unnoticed:
        if _change(trial.mutant) not in known:
            yield f"no test notices this, and nothing explains it ({trial.fate.value}):\n{as_toml(trial.mutant)}"
    tried = {trial.mutant.function for trial in trials}
    gone = known - {_change(trial.mutant) for trial in unnoticed}
    for function, was, becomes in sorted(gone):
        if function in tried:
            yield f"{function} is explained, but noticed or not made any more: {was!r} becoming {becomes!r}"


def as_toml(mutant: Mutant) -> str:
    """A row for the file of survivors that lacks only the reason."""
    function, was, becomes = _change(mutant)
    return f"[[survivor]]\nfunction = {_quoted(function)}\nwas = {_quoted(was)}\nbecomes = {_quoted(becomes)}\nwhy = ''"


def _share(trials: Sequence[Trial]) -> Share:
    fates = Counter(trial.fate for trial in trials)
    noticed = sum(count for fate, count in fates.items() if fate.is_noticed)
    return Share(
        mutants=len(trials),
        killed=fates[Fate.KILLED],
        timed_out=fates[Fate.TIMED_OUT],
        survived=len(trials) - noticed,
        share=round(noticed / len(trials), 4) if trials else 1.0,
    )


def _change(mutant: Mutant) -> Change:
    return mutant.function, mutant.was, mutant.becomes


def _quoted(text: str) -> str:
    return f"'''{text}'''" if "\n" in text or "'" in text else f"'{text}'"
