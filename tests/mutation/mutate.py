"""Writes every mutant of a module beside the original, in one file; which of them acts is decided when it runs."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from mutmut.mutation.file_mutation import mutate_file_contents

from tests.mutation.mutant import Mutant
from tests.mutation.properties import with_plain_properties

_PACKAGES = ("cloud/",)
"""Folders whose content is imported without their name."""


def mutate(house: Path, file: str) -> Iterator[Mutant]:
    """Mutate `file` of the copy in `house`: all mutants of its functions, methods and properties."""
    path = house / file
    made = mutate_file_contents(file, with_plain_properties(path.read_text()))
    path.write_text(made.code)
    lines = made.code.splitlines()

    def body(name: str) -> list[str]:
        span = made.line_span_by_function_name[name]
        return [line for line in lines[span.start - 1 : span.end] if f"def {name}(" not in line]

    module = _module(file)
    for name in made.mutant_names:
        original = re.sub(r"__mutmut_\d+$", "__mutmut_orig", name)
        was, becomes = _difference(body(original), body(name))
        function = original.removesuffix("__mutmut_orig").removeprefix("x_").strip("xǁ").replace("ǁ", ".")
        yield Mutant(f"{module}.{name}", file, f"{module}.{function}", was, becomes)


def _difference(was: list[str], becomes: list[str]) -> tuple[str, str]:
    """The lines that differ, without their indents."""
    changed = [line for line in difflib.ndiff(was, becomes) if line[0] in "-+"]
    return tuple("\n".join(line[2:].strip() for line in changed if line[0] == sign) for sign in "-+")  # type: ignore[return-value]


def _module(file: str) -> str:
    for package in _PACKAGES:
        file = file.removeprefix(package)
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
