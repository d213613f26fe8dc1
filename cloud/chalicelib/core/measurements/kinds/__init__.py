"""What frames can be about. A kind is one module: its columns with units, what a frame may say, lake and summary.

To measure something else, write a module like `generic` and name its KIND here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from chalicelib.core.measurements.columns import Column, FrameColumns
from chalicelib.core.measurements.frame import Accepted
from chalicelib.core.measurements.kinds import generic, papi
from chalicelib.core.measurements.spread import Spread
from chalicelib.core.measurements.work import Work


class KindSummary(Protocol):
    """What a kind's summary tells in addition to counts and times, gathered block by block."""

    def take(self, columns: FrameColumns) -> None:
        """Count in the frames with these values, which come after all before. Raises Poison."""

    def document(self, spreads: Mapping[str, Spread], metadata: Mapping[str, Any], /) -> Mapping[str, Any]:
        """The members of summary.json that are this kind's own.

        `spreads` are those of all frames by column, `metadata` is what the file says of itself.
        """


class Kind(Protocol):
    """One kind of frames."""

    @property
    def name(self) -> str:
        """As a file's `kind` says it."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that every file of this kind may have."""

    @property
    def fields(self) -> frozenset[str]:
        """Every member of a frame that docs/measurements.md names."""

    @property
    def lake(self) -> tuple[Column, ...]:
        """The columns of a row in the lake, after those of every kind, by `lake_name`."""

    def accept(self, raw: bytes, work: Work) -> Accepted:
        """The frame that `raw` is the JSON of, every known field as it is meant.

        Raises Unusable, naming the field; Poison for what is not JSON.
        """

    def members_of(self, frames: Sequence[Accepted]) -> set[str]:
        """The names of all members that one of these frames has."""

    def columns_of(self, frames: Sequence[Accepted]) -> FrameColumns:
        """The values of accepted frames by column."""

    def read(self, lines: Sequence[bytes]) -> FrameColumns:
        """The values of frames by column, from their lines in the index; `extra` is not read."""

    def lake_values(self, columns: FrameColumns) -> Mapping[str, Sequence[Any]]:
        """The values of `lake` columns by `lake_name`; a column without any value may be absent."""

    def summary(self) -> KindSummary: ...


KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (papi.KIND, generic.KIND)}
DEFAULT: Kind = papi.KIND
"""What a file is about that names no kind."""
