"""An order as the queue's message tells it; docs/api.md has the form."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Original:
    """A chapter to read. `url` is None where the message had no room for it.

    `unfinished` marks a film that was hauled although its camera did not finish it.
    """

    artifact_id: str
    filename: str
    size_bytes: int
    crc64nvme: str
    url: str | None
    unfinished: bool = False


@dataclass(frozen=True)
class Order:
    """What is wanted of which session. `outputs` and `measurements` are the prefixes that are this order's own."""

    project: str
    session_id: str
    number: int
    required: tuple[str, ...]
    originals: tuple[Original, ...]
    outputs: str
    measurements: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parsed(cls, message: str) -> "Order":
        told: Mapping[str, Any] = json.loads(message)
        originals = tuple(
            Original(
                each["artifact_id"],
                each["filename"],
                each["size_bytes"],
                each["crc64nvme"],
                each["url"],
                # A message that was sent before there was this mark does not have it.
                each.get("unfinished", False),
            )
            for each in told["originals"]
        )
        return cls(
            told["project"],
            told["session_id"],
            told["order"],
            tuple(told["required"]),
            originals,
            told["outputs"],
            told["measurements"],
            told["parameters"],
        )

    @property
    def is_smoke_test(self) -> bool:
        """Whether a smoke test of the operator's ordered it: that makes the outputs itself."""
        return self.project == "smoke" and self.parameters.get("smoke") is True

    def why_failed(self, fault: str) -> str:
        """Why the order cannot be fulfilled: the fault, and which originals were marked as unfinished."""
        marked = [original.filename for original in self.originals if original.unfinished]
        if not marked:
            return fault
        others = f" and {len(marked) - 1} more" if len(marked) > 1 else ""
        return f"{fault}; hauled unfinished: {marked[0]}{others}"

    @property
    def named(self) -> Mapping[str, str | int]:
        """What every document says that is made for it."""
        return {"project": self.project, "session_id": self.session_id, "order": self.number}

    def key(self, artifact_id: str) -> str:
        """Where an artifact is to be written: `output.NAME` below outputs, `measurements.NAME` below measurements."""
        kind, _, name = artifact_id.partition(".")
        return (self.measurements if kind == "measurements" else self.outputs) + name

    @property
    def manifest_key(self) -> str:
        return f"{self.outputs}manifest.json"
