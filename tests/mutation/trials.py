"""Runs the tests once on the original, to learn which of them call what; then those that call a mutant on it.

It runs in the copy of the project in which the mutants are. Tests are imported and collected once; each mutant is tried
in a fork of that process. This costs a mutant that is noticed a tenth of a second, where a new run of pytest costs one.
"""

import gc
import os
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state

from tests.mutation.mutant import Fate, Mutant, Trial
from tests.mutation.scope import LEFT_OUT, selection_of

AT_ONCE = 2
LEAST_CPU_S = 5
MEMORY_BYTES = 4 * 2**30


def main(wanted: str, found: str) -> int:
    """Try the mutants in the file `wanted` and write their trials into the file `found`."""
    mutants = msgspec.json.decode(Path(wanted).read_bytes(), type=list[Mutant])
    trials = Trials(mutants)
    code = pytest.main(
        [
            "-q",
            "--tb=no",
            "--assert=plain",
            "-p",
            "no:cacheprovider",
            # The contracts of the cloud begin with boto3, which is not here; those of the client need none of theirs.
            "--confcutdir=tests/contracts/edge",
            *dict.fromkeys(test for mutant in mutants for test in selection_of(mutant.file)),
            *(f"--ignore={file}" for file in LEFT_OUT),
        ],
        plugins=[trials],
    )
    Path(found).write_bytes(msgspec.json.encode(trials.done))
    return int(code)


class Trials:
    """A plugin of pytest that runs the collected tests in its own way; `done` has what came out."""

    def __init__(self, mutants: list[Mutant]) -> None:
        self.done: list[Trial] = []
        self._mutants = mutants
        self._fail: Callable[[str], None] = self._fail_original
        self._failed: list[str] = []

    def pytest_sessionstart(self) -> None:
        """Have Hypothesis try the same examples always, keep none, and look for no smaller one that fails."""
        # Imported by pytest's plugin first, which rewrites its assertions.
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutation", deadline=None, derandomize=True, database=None, phases=phases)
        settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Learn, then try; the original must pass."""
        callers, cpu_s = self._learn(session.items)
        if self._failed:
            raise session.Failed(f"these fail without any mutant: {self._failed}")
        gc.freeze()
        original = Mutant("", "", "", "", "")
        _, status = os.waitpid(self._start(original, session.items, cpu_s), 0)
        if _fate(status) is not Fate.SURVIVED:
            raise session.Failed("tests that passed once fail the second time, without any mutant")
        running: dict[int, Mutant] = {}
        queue = list(self._mutants)
        while queue or running:
            while queue and len(running) < AT_ONCE:
                mutant = queue.pop(0)
                tests = _ordered(callers[mutant.name.partition("__mutmut_")[0]], mutant)
                if tests:
                    running[self._start(mutant, tests, cpu_s)] = mutant
                else:
                    self._record(mutant, Fate.UNTRIED)
            if running:
                pid, status = os.wait()
                self._record(running.pop(pid), _fate(status))
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._fail(report.nodeid)

    def _learn(self, items: Iterable[pytest.Item]) -> tuple[dict[str, list[pytest.Item]], dict[str, float]]:
        """The tests that call each function, those that call the fewest functions first; the CPU time of each."""
        set_mutant_under_test("stats")
        calls, cpu_s = {}, {}
        for item in items:
            began_at = time.process_time()
            _run(item)
            calls[item] = set(state()._stats)
            state()._stats.clear()
            cpu_s[item.nodeid] = time.process_time() - began_at
        callers = defaultdict(list)
        for item in sorted(calls, key=lambda item: len(calls[item])):
            for function in calls[item]:
                callers[function].append(item)
        return callers, cpu_s

    def _start(self, mutant: Mutant, tests: list[pytest.Item], cpu_s: Mapping[str, float]) -> int:
        """The process in which `tests` run on `mutant`; it ends with 0 only if all pass."""
        pid = os.fork()
        if pid:
            return pid
        try:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            self._fail = _end_process
            tests[0].config.pluginmanager.unregister(name="terminalreporter")
            set_mutant_under_test(mutant.name)
            for test in tests:
                limit_s = time.process_time() + LEAST_CPU_S + 10 * cpu_s[test.nodeid]
                resource.setrlimit(resource.RLIMIT_CPU, (int(limit_s), resource.RLIM_INFINITY))
                _call(test)
            os._exit(0)
        finally:
            os._exit(3)

    def _record(self, mutant: Mutant, fate: Fate) -> None:
        self.done.append(Trial(mutant, fate))
        if not fate.is_noticed:
            print(f"\n{fate.value}: {mutant.name}\n  {mutant.was}\n  {mutant.becomes}", file=sys.__stderr__)
        if len(self.done) % 100 == 0:
            print(f"{len(self.done)} of {len(self._mutants)} tried", file=sys.__stderr__)

    def _fail_original(self, test: str) -> None:
        self._failed.append(test)


def _run(item: pytest.Item) -> None:
    # Without a next test all fixtures end, so that the order of the tests does not matter.
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


def _call(item: pytest.Item) -> None:
    """Run a test without pytest's ceremony, in a fifth of the time, where it needs nothing but its parameters."""
    callspec = getattr(item, "callspec", None)
    given = callspec.params if callspec else {}
    if not isinstance(item, pytest.Function) or set(item.fixturenames) - given.keys():
        _run(item)
        return
    with suppress(pytest.skip.Exception):
        item.obj(**given)


def _ordered(tests: list[pytest.Item], mutant: Mutant) -> list[pytest.Item]:
    """Those of the mutant's part; first the module's own, and at the end those that try many examples."""
    module = Path(mutant.file.removesuffix("/__init__.py")).stem
    own = [Path(test).resolve() for test in selection_of(mutant.file)]

    def lateness(test: pytest.Item) -> tuple[bool, bool]:
        return bool(test.get_closest_marker("hypothesis")), module not in test.path.stem

    return sorted((test for test in tests if any(map(test.path.is_relative_to, own))), key=lateness)


def _end_process(test: str) -> None:
    os._exit(1)


def _fate(status: int) -> Fate:
    if os.WIFSIGNALED(status):
        return Fate.TIMED_OUT
    return Fate.KILLED if os.WEXITSTATUS(status) else Fate.SURVIVED


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
