"""The real client as the benchmark runs it. Its command line and its spool's names are known here and nowhere else.

The command is `python -m edge_client`, nothing in it replaced. It trusts what `certifi` names, so the benchmark puts a
`certifi` of its own in front of the installed one, which names the benchmark's certificate.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.edge.certificate import Certificate
from tests.benchmarks.edge.running import Command
from tests.benchmarks.edge.stage import Stage
from tests.support.coordinator import TOKEN

HOUSE = Path(__file__).parents[3]
CERTIFI = '''\
"""Names the one certificate that the benchmark's servers have."""

from pathlib import Path

FILE = Path(__file__).with_name("authority.pem")


def where() -> str:
    return str(FILE)


def contents() -> str:
    return FILE.read_text()
'''


@dataclass(frozen=True)
class Client:
    """The command, ready to run in `folder`."""

    folder: Path

    def haul(self, stage: Stage, session_id: str, budget: str | None = None) -> Command:
        """Haul the stage's chapters; its report comes as JSON."""
        options = {
            "--camera": stage.camera.url(),
            "--coordinator": stage.cloud.coordinator_url(),
            "--token-file": str(self.folder / "token"),
            "--spool": str(self.spool),
            "--locks": str(self.folder / "locks"),
        }
        if budget is not None:
            options["--spool-budget"] = budget
        words = [word for pair in options.items() for word in pair]
        files = [word for chapter in stage.chapters for word in ("--file", chapter.path)]
        return self._command("haul", session_id, "--json", *words, *files)

    def nothing(self) -> Command:
        """Start, load everything, say the version."""
        return self._command("--version")

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    def spooled_parts(self, session_id: str) -> int:
        """How many finished parts are in the session's spool."""
        return sum(1 for _ in (self.spool / session_id).glob("*/*.part"))

    def _command(self, *arguments: str) -> Command:
        return Command([sys.executable, "-m", "edge_client", *arguments], self._environment())

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join((str(self.folder / "trust"), str(HOUSE)))
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": path}


def ready(folder: Path, certificate: Certificate) -> Client:
    """The client with its token and its trust written to `folder`."""
    trust = folder / "trust" / "certifi"
    trust.mkdir(parents=True)
    (trust / "__init__.py").write_text(CERTIFI)
    (trust / "authority.pem").write_bytes(certificate.certificate.read_bytes())
    token = folder / "token"
    token.touch(0o600)
    token.write_text(TOKEN)
    return Client(folder)


def report(log: Path) -> dict[str, Any]:
    """The report that a haul printed."""
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(lines[-1])
    return found
