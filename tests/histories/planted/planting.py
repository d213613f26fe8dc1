"""Plants a bug in this process alone: the modules that it changes are imported with the changed text.

No file is changed, and everything else is imported as it was compiled before.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from tests.histories.planted.bug import applied
from tests.mutants.house import HOUSE
from tests.mutants.mutant import Edit


class _Changed(SourceFileLoader):
    """Gives a module another text than its file has."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        code = compile(self._text, self.path, "exec", dont_inherit=True)
        assert isinstance(code, CodeType)
        return code


class _Finder(MetaPathFinder):
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or spec.origin not in self._texts:
            return None
        spec.loader = _Changed(fullname, spec.origin, self._texts[spec.origin])
        return spec


def plant(edits: tuple[Edit, ...]) -> None:
    """From now on the modules that `edits` change are imported so. Raises Misplaced; none may be imported before."""
    texts = applied({edit.file: (HOUSE / edit.file).read_text() for edit in edits}, edits)
    paths = {str(HOUSE / name): text for name, text in texts.items()}
    known = {path for module in list(sys.modules.values()) if (path := _path_of(module)) in paths}
    if known:
        raise RuntimeError(f"imported before a bug was planted in it: {sorted(known)}")
    sys.meta_path.insert(0, _Finder(paths))


def _path_of(module: ModuleType) -> str:
    path = getattr(module, "__file__", None)
    return str(Path(path)) if path else ""
