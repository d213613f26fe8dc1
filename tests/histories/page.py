"""A failing history as a page: one lane for each actor, time downwards, faults marked, the sessions' states beside.

The page is one file without scripts, and opens from the disk. What it shows of the history is text.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from html import escape
from pathlib import Path
from typing import Any

from tests.histories.outcome import Outcome, Step
from tests.histories.setting import Mode, Setting
from tests.histories.shrink import Shrunk

FOLDER = Path("build/simulation")
QUIET_S = 60.0
"""A longer time without any step is written between the rows."""
MOST_CALLS = 4
"""So many calls of one row are shown at once; more are folded."""
_STATES = "; "
"""What separates the sessions in a step's state."""


def write_page(shrunk: Shrunk, folder: Path = FOLDER) -> Path:
    """Write the page of a history into `folder`; where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{shrunk.outcome.seed}.html"
    path.write_text(page(shrunk), encoding="utf-8")
    return path


def command(outcome: Outcome, muted: frozenset[int] = frozenset()) -> str:
    """The command that plays the history again, without the faults of these numbers."""
    words = [f"make simulate SEED={outcome.seed}"]
    if outcome.setting.mode is not Mode.SETTLING:
        words.append(f"MODE={outcome.setting.mode.value}")
    if muted:
        words.append(f"MUTED={ranges(muted)}")
    return " ".join(words)


def ranges(numbers: frozenset[int]) -> str:
    """Numbers as `0-3,7`."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def numbers_of(text: str) -> frozenset[int]:
    """What `ranges` wrote. Raises ValueError."""
    found: set[int] = set()
    for run in filter(None, text.split(",")):
        first, _, last = run.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def page(shrunk: Shrunk) -> str:
    """The page's text."""
    outcome = shrunk.outcome
    assert outcome.violation, "what broke no rule has no page"
    lanes = _lanes(outcome.told)
    titles = "".join(f"<th>{escape(lane)}</th>" for lane in lanes)
    rows = _rows(outcome.told)
    rule, detail = escape(outcome.violation.rule), escape(outcome.violation.detail)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Seed {outcome.seed} breaks {rule}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>Seed {outcome.seed} breaks <span class="rule">{rule}</span></h1>
<pre class="detail">{detail}</pre>
<p>Play this history again: <code>{escape(command(outcome, shrunk.script.muted))}</code></p>
<p>Play it with all its faults: <code>{escape(command(outcome))}</code></p>
<p>{_kept(shrunk)} It took {_counted(len(outcome.told), "step")}, and {_lasting(outcome.device_s)} of the history's
time. <a href="#violation">Go to the violation.</a></p>
{_faults_listed(outcome.told)}
<details><summary>Setting</summary><table class="setting">{_setting(outcome.setting)}</table></details>
</header>
<table class="history" style="min-width: {30 + 9 * len(lanes)}rem">
<colgroup><col style="width: 5.5rem"><col style="width: 7.5rem"><col style="width: 17rem"></colgroup>
<thead><tr><th class="number">Step</th><th class="time">Time</th><th>State, where it changed</th>{titles}</tr>
</thead>
<tbody>
{"".join(_written(rows, lanes))}<tr id="violation"><td colspan="{len(lanes) + 3}"><strong>{rule}</strong>
<pre class="detail">{detail}</pre></td></tr>
</tbody>
</table>
</body>
</html>
"""


def _kept(shrunk: Shrunk) -> str:
    struck = _counted(shrunk.faults, "fault")
    if len(shrunk.kept) == shrunk.faults:
        return f"It needs all {struck}." if shrunk.faults else "No fault struck it."
    left = "none is" if not shrunk.kept else "1 is" if len(shrunk.kept) == 1 else f"{len(shrunk.kept)} are"
    return f"Of {struck} {left} needed; the others are left out."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _lanes(told: Sequence[Step]) -> list[str]:
    """The actors, as they come first."""
    return list(dict.fromkeys(step.actor for step in told))


@dataclass(frozen=True)
class _Row:
    """A step, or several of one actor after which everything was as before them."""

    steps: tuple[Step, ...]
    quiet_s: float
    changes: tuple[str, ...]

    @property
    def fault(self) -> str | None:
        return self.steps[-1].fault


def _rows(told: Sequence[Step]) -> list[_Row]:
    rows: list[_Row] = []
    at_s = 0.0
    states: tuple[str, ...] = ()
    for steps in _runs(told):
        now = tuple(filter(None, steps[-1].state.split(_STATES)))
        changes = tuple(each for each in now if each not in states)
        rows.append(_Row(tuple(steps), steps[0].at_s - at_s, changes))
        at_s, states = steps[-1].at_s, now
    return rows


def _runs(told: Sequence[Step]) -> Iterator[list[Step]]:
    """Steps of one actor at one moment that neither fail nor change a state are one run."""
    run: list[Step] = []
    for before, step in itertools.pairwise([None, *told]):
        assert step
        goes_on = (
            before is not None
            and not (before.fault or step.fault)
            and (before.actor, before.at_s, before.state) == (step.actor, step.at_s, step.state)
        )
        if run and not goes_on:
            yield run
            run = []
        run.append(step)
    if run:
        yield run


def _written(rows: Sequence[_Row], lanes: Sequence[str]) -> Iterator[str]:
    struck = [row.steps[-1].number for row in rows if row.fault]
    for row in rows:
        if row.quiet_s > QUIET_S:
            yield f'<tr class="quiet"><td colspan="{len(lanes) + 3}">{_lasting(row.quiet_s)} later</td></tr>\n'
        first, last = row.steps[0], row.steps[-1]
        number = str(first.number) if len(row.steps) == 1 else f"{first.number}\N{EN DASH}{last.number}"
        cells = "".join(
            f"<td>{_said(row, struck)}</td>" if lane == first.actor else "<td></td>" for lane in lanes
        )
        state = "<br>".join(map(escape, row.changes))
        kind = ' class="fault"' if row.fault else ""
        yield (
            f'<tr id="step-{last.number}"{kind}><td class="number">{number}</td>'
            f'<td class="time">{_clock(first.at_s)}</td><td>{state}</td>{cells}</tr>\n'
        )


def _said(row: _Row, struck: Sequence[int]) -> str:
    calls = [
        (call, len(list(same))) for call, same in itertools.groupby(row.steps, key=lambda step: step.call)
    ]
    said = ", ".join(
        escape(call) + (f" <span class=times>\N{MULTIPLICATION SIGN} {count}</span>" if count > 1 else "")
        for call, count in calls
    )
    if len(calls) > MOST_CALLS:
        return (
            f"<details><summary>{len(row.steps)} calls, {escape(calls[0][0])} to {escape(calls[-1][0])}</summary>"
            f"{said}</details>"
        )
    if not row.fault:
        return said
    place = struck.index(row.steps[-1].number)
    following = f"#step-{struck[place + 1]}" if place + 1 < len(struck) else "#violation"
    return (
        f"{said}<br><strong>\N{HIGH VOLTAGE SIGN} {escape(row.fault)}</strong> "
        f'<a href="{following}" title="to the next fault">next</a>'
    )


def _faults_listed(told: Sequence[Step]) -> str:
    struck = [step for step in told if step.fault]
    if not struck:
        return "<p>No fault strikes.</p>"
    items = "".join(
        f'<li><a href="#step-{step.number}">Step {step.number}</a>, {_clock(step.at_s)}: '
        f"{escape(step.actor)}, {escape(step.call)}: <strong>{escape(step.fault or '')}</strong></li>"
        for step in struck
    )
    return f"<ol>{items}</ol>"


def _setting(setting: Setting) -> str:
    return "".join(
        f"<tr><th>{escape(field.name)}</th><td>{escape(_plain(getattr(setting, field.name)))}</td></tr>"
        for field in fields(setting)
    )


def _plain(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, dict):
        return ", ".join(f"{_plain(key)} {_plain(each)}" for key, each in value.items())
    if isinstance(value, tuple):
        return f"({', '.join(map(_plain, value))})"
    return str(value)


def _clock(at_s: float) -> str:
    """The time since the beginning, as `2 d 03:04:05.6`."""
    days, rest_s = divmod(at_s, 86_400)
    hours, rest_s = divmod(rest_s, 3_600)
    minutes, seconds = divmod(rest_s, 60)
    clock = f"{int(hours):02}:{int(minutes):02}:{seconds:04.1f}"
    return f"{int(days)} d {clock}" if days else clock


def _lasting(seconds: float) -> str:
    """A time in its two largest units, as `5 h 33 min`."""
    if seconds < QUIET_S:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    units = ((whole // 86_400, "d"), (whole // 3_600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    first = next(place for place, (count, _) in enumerate(units) if count)
    return " ".join(f"{count} {unit}" for count, unit in units[first : first + 2])


_STYLE = """
:root { color-scheme: light dark; --ink: #1c2026; --soft: #5b6470; --ground: #fff; --band: #f4f5f7; --line: #d9dde3;
  --fault: #fff1d6; --fault-ink: #8a4b00; --broken: #fde3e1; --broken-ink: #a3160c; --link: #0b57b0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #a0a9b5; --ground: #16191d; --band: #1e2227;
  --line: #353b43; --fault: #3a2c10; --fault-ink: #ffc46b; --broken: #451b18; --broken-ink: #ff9c93; --link: #8ab8ff;
  } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
header { max-width: 62rem; padding: 1.2rem 1.5rem; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; }
p { margin: .5rem 0; }
a { color: var(--link); }
.rule, #violation strong { color: var(--broken-ink); }
pre.detail { margin: .3rem 0; padding: .6rem .8rem; max-height: 22rem; overflow: auto; background: var(--broken);
  border-left: 4px solid var(--broken-ink); white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; }
code { padding: .15rem .4rem; background: var(--band); border: 1px solid var(--line); border-radius: 4px;
  font-size: 13px; user-select: all; overflow-wrap: anywhere; }
ol { margin: .5rem 0; padding-left: 1.6rem; max-height: 16rem; overflow: auto; }
ol strong, .fault strong { color: var(--fault-ink); }
.setting th { padding-right: 1rem; text-align: left; font-weight: normal; color: var(--soft); }
.history { table-layout: fixed; border-collapse: separate; border-spacing: 0; width: 100%; font-size: 13px; }
.history th { position: sticky; top: 0; z-index: 1; padding: .5rem .6rem; background: var(--band); text-align: left;
  border-bottom: 2px solid var(--line); white-space: nowrap; }
.history td { padding: .2rem .6rem; vertical-align: top; border-left: 1px solid var(--line);
  overflow-wrap: break-word; }
.history td:not(:empty) { border-bottom: 1px solid var(--line); }
.history .number, .history .time { border-left: 0; color: var(--soft); white-space: nowrap; text-align: right;
  font-variant-numeric: tabular-nums; }
summary { cursor: pointer; }
details[open] > summary { color: var(--soft); }
.times { color: var(--soft); }
.fault td { background: var(--fault); }
.quiet td { padding: .35rem .6rem; border-left: 0; color: var(--soft); text-align: center; font-style: italic;
  background: var(--band); }
tr:target td { box-shadow: inset 0 2px var(--link), inset 0 -2px var(--link); }
#violation td { padding: .8rem; border-left: 0; background: var(--broken); }
tr { scroll-margin-top: 4rem; }
"""
