"""What a terminal shows of the characters that it gets: a small one, which knows CR, LF, ESC[A, ESC[K and ESC[J."""

from __future__ import annotations

import re

from tqdm.utils import disp_len

from edge_client.base.progress import Picture

TOKENS = re.compile(r"\x1b\[([0-9]*)([A-Za-z])|(.)", re.DOTALL)


class Screen:
    """The rows of a terminal of so many columns. `wraps` counts how often a text was longer than a row."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows: list[str] = [""]
        self.wraps = 0
        self._row = self._column = 0

    def write(self, text: str) -> None:
        for count, command, char in TOKENS.findall(text):
            if command:
                self._obey(command, int(count or 1))
            elif char == "\r":
                self._column = 0
            elif char == "\n":
                self._down()
                self._column = 0
            else:
                self._put(char)

    def _obey(self, command: str, count: int) -> None:
        if command == "A":
            self._row = max(0, self._row - count)
        elif command in "KJ":
            self.rows[self._row] = self.rows[self._row][: self._column]
            if command == "J":
                del self.rows[self._row + 1 :]
        else:
            raise AssertionError(f"this terminal does not know ESC[{command}")

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self.rows):
            self.rows.append("")

    def _put(self, char: str) -> None:
        if self._column >= self.columns:
            self.wraps += 1
            self._down()
            self._column = 0
        row = self.rows[self._row].ljust(self._column)
        self.rows[self._row] = row[: self._column] + char + row[self._column + 1 :]
        self._column += disp_len(char)

    def shows(self) -> list[str]:
        """The rows with something on them."""
        return [row.rstrip() for row in self.rows if row.strip()]


class SilentDisplay:
    """A display that nobody looks at; keeps the last picture and how many there were."""

    def __init__(self) -> None:
        self.pictures: list[Picture | None] = []

    def session(self, session_id: str) -> None:
        """Nothing is shown."""

    def chapter(self, path: str, size_bytes: int) -> None:
        """Nothing is shown."""

    def verified(self, path: str, seconds: float) -> None:
        """Nothing is shown."""

    def camera_free(self, session_id: str, sessions_left: int) -> None:
        """Nothing is shown."""

    def camera_needed(self, session_id: str, reason: str) -> None:
        """Nothing is shown."""

    def proof(self, path: str, size_bytes: int) -> None:
        """Nothing is shown."""

    def second_read(self, path: str, size_bytes: int) -> None:
        """Nothing is shown."""

    def draw(self, picture: Picture | None) -> None:
        self.pictures.append(picture)
