"""The older system's files in a folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from infra.migration.legacy.values import PLACES, OldObject
from infra.migration.sources import SourceChanged, SourceUnusable


class Folder:
    """A folder with `videos/{kind}/{id}/{filename}` and `frames/{id}/{filename}`. Raises SourceUnusable."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise SourceUnusable(f"{root} is not a folder")
        self._root = root.resolve()
        self.name = str(self._root)
        if not any((self._root / place).is_dir() for place in PLACES.values()):
            raise SourceUnusable(f"{root} has none of {', '.join(PLACES.values())}")

    def sessions(self) -> Iterator[str]:
        found: set[str] = set()
        for place in PLACES.values():
            folder = self._root / place
            if folder.is_dir():
                found.update(each.name for each in folder.iterdir() if each.is_dir())
        yield from sorted(found)

    def objects(self, old_id: str, named: Mapping[str, str]) -> tuple[OldObject, ...]:
        found: dict[str, OldObject] = {}
        for kind, place in PLACES.items():
            folder = self._root / place / old_id
            if self._is_inside(folder) and folder.is_dir():
                for path in sorted(folder.rglob("*")):
                    self._note(found, kind, path)
        for kind, key in named.items():
            self._note(found, kind, self._root / key)
        return tuple(found.values())

    def read(self, key: str, first: int, size_bytes: int) -> bytes:
        with (self._root / key).open("rb") as file:
            file.seek(first)
            body = file.read(size_bytes)
        if len(body) != size_bytes:
            raise SourceChanged(f"{key} has no {size_bytes} bytes at {first}: it changed since it was listed")
        return body

    def _note(self, found: dict[str, OldObject], kind: str, path: Path) -> None:
        """Add the file, once, unless it lies outside the folder or is none."""
        if self._is_inside(path) and path.is_file():
            path = path.resolve()
            key = path.relative_to(self._root).as_posix()
            found.setdefault(key, OldObject(kind, key, path.stat().st_size))

    def _is_inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self._root)
