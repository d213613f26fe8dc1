"""The work that one measurements file may cost, counted in steps and never in seconds.

A few hundred KiB can unzip to gigabytes: of line feeds, of brackets, of values that are not frames. So each
file has as many steps as its own bytes justify, and every loop over a file's content takes its steps from there.
"""

from chalicelib.core.errors import Poison
from chalicelib.core.measurements.limits import Limits


class Work:
    """The `steps` that one file has cost so far, and how many steps the bytes that came so far justify.

    A step is one turn of a loop here: 0.1 to 0.35 microseconds.
    """

    def __init__(self, limits: Limits) -> None:
        self.steps = 0
        self.most_steps = limits.first_steps
        self._limits = limits
        self._source_bytes = 0

    def allow(self, source_bytes: int) -> None:
        """Count this many more stored bytes of the file; they justify more steps."""
        self._source_bytes += source_bytes
        limits = self._limits
        self.most_steps = min(limits.first_steps + self._source_bytes * limits.steps_a_byte, limits.steps)

    def spend(self, steps: int) -> None:
        """Count `steps`, before or after they are done. Raises Poison for more steps than the bytes justify."""
        self.steps += steps
        if self.steps > self.most_steps:
            raise Poison(
                f"the file costs more work than a file of its size may: {self.steps} steps of {self.most_steps} "
                f"after {self._source_bytes} bytes (blank lines, brackets and values beyond measure)"
            )
