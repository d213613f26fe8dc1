"""What a round has done so far, line by line in a file: a round that was killed continues there."""

import fcntl
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from chalicelib.core.ids import SessionId
from infra.admin.deployment import Refused

_MODE = 0o600


class Journal:
    """The file of one round; it is locked as long as it is open.

    `began_at` and `seed` are those of the round that it continues, or of the new one. A line that was cut short by a
    crash counts as not written.
    """

    def __init__(self, path: Path, selection: str, began_at: datetime, seed: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file: IO[str] = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _MODE), "r+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise Refused(f"another round is under way with the journal {path}") from error
        self._proven: dict[SessionId, set[str]] = {}
        self._ended: set[SessionId] = set()
        self.damage: list[Mapping[str, Any]] = []
        self.is_continued = False
        self.began_at, self.seed = began_at, seed
        self.job: str | None = None
        self._continue(selection)

    def has_ended(self, session_id: SessionId) -> bool:
        return session_id in self._ended

    def has_proven(self, session_id: SessionId, version_id: str) -> bool:
        return version_id in self._proven.get(session_id, ())

    def note_proven(self, session_id: SessionId, version_id: str) -> None:
        self._write({"session": session_id, "proven": version_id})

    def note_damage(self, document: Mapping[str, Any]) -> None:
        """A finding that is on record by now: the round ends by telling it, even if another process ends it."""
        self._write({"damage": document})

    def note_end(self, session_id: SessionId) -> None:
        """All of the session is proven or on record, and nothing of it is read again in this round."""
        self._write({"session": session_id, "ended": True})

    def note_job(self, job: str) -> None:
        """Somebody else computes for this round, under the name `job`."""
        self._write({"job": job})

    def remove(self) -> None:
        """The round is over: the next one begins anew."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        self._file.close()

    def _continue(self, selection: str) -> None:
        lines = self._lines()
        first = next(lines, None)
        if first is None:
            self._file.truncate(0)
            head = {"selection": selection, "began_at": self.began_at.isoformat(), "seed": self.seed}
            self._write(head)
            return
        if first.get("selection") != selection:
            self.close()
            raise Refused(
                f"{self.path} is of another round ({first.get('selection')}): name another --journal"
            )
        self.is_continued = True
        self.began_at, self.seed = datetime.fromisoformat(first["began_at"]), first["seed"]
        for line in lines:
            self._take(line)
        # What follows a torn line must not become a part of it.
        self._file.seek(0, os.SEEK_END)
        self._file.write("\n")
        self._file.flush()

    def _lines(self) -> Any:
        self._file.seek(0)
        for text in self._file:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                yield line

    def _take(self, line: Mapping[str, Any]) -> None:
        if "damage" in line:
            self.damage.append(line["damage"])
        elif "job" in line:
            self.job = line["job"]
        elif line.get("ended"):
            self._ended.add(line["session"])
            self._proven.pop(line["session"], None)
        elif "proven" in line:
            self._proven.setdefault(line["session"], set()).add(line["proven"])

    def _write(self, line: Mapping[str, Any]) -> None:
        self._take(line)
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
