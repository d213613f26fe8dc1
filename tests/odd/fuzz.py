"""Index one changed file after the other: each ends as an index that agrees with itself, or as poison."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tests.odd.mutations import changed_file
from tests.support.indexes import MadeIndex, make_index


class Fault(AssertionError):
    """A file that ended in another way than as an index or as poison."""


def run(seed: int, first: int, count: int, draw: Callable[[Random], bytes] = changed_file) -> Counter[str]:
    """How many of the files from `first` on became an index, and how many poison. Raises Fault, naming the file."""
    ends: Counter[str] = Counter()
    for number in range(first, first + count):
        try:
            ends[_end_of(Random(f"{seed}-{number}"), draw)] += 1
        except Exception as error:
            again = f"python -m tests.odd --seed {seed} --first {number} --files 1"
            raise Fault(f"file {number} of seed {seed}: {error!r}; again: {again}") from error
    return ends


def _end_of(random: Random, draw: Callable[[Random], bytes]) -> str:
    content = draw(random)
    size = random.choice((1, 7, 100, 5000))
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    with tempfile.TemporaryDirectory() as folder:
        made = make_index(lambda: pieces, Path(folder))
        if made.record.is_published:
            _demand_agreement(made)
            return "index"
        return "poison"


def _demand_agreement(made: MadeIndex) -> None:
    """Raises AssertionError unless all objects tell of the same frames."""
    objects = made.objects
    frames = [_strict(line) for line in gzip.decompress(objects["frames.jsonl.gz"]).splitlines()]
    numbers = [frame["frame_number"] for frame in frames]
    summary = _strict(objects["summary.json"])
    overview = _strict(gzip.decompress(objects["overview.json.gz"]))
    assert numbers == sorted(set(numbers))
    assert len(numbers) == made.record.frames == summary["frames"]
    assert sum(block.count for block in made.blocks.blocks) == len(numbers)
    assert sum(overview["count"]) == len(numbers)


def _strict(text: bytes) -> Any:
    """The value of a JSON without NaN and Infinity."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)
