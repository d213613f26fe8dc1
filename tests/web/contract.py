"""What docs/api.md shows, for tests that hold the answers against it."""

import json
import re
from pathlib import Path
from typing import Any

CONTRACT = Path(__file__).parents[2] / "docs" / "api.md"


def shape(document: Any) -> Any:
    """The names in a document at every depth, without its values; a list is the shape of its first element."""
    if isinstance(document, dict):
        return {name: shape(value) for name, value in document.items()}
    if isinstance(document, list):
        return [shape(document[0])] if document else []
    return None


def documented(beginning: str) -> Any:
    """The one JSON block of the contract that begins so."""
    blocks = re.findall(r"```json\n(.*?)```", CONTRACT.read_text(), re.DOTALL)
    [block] = [block for block in blocks if block.startswith(beginning)]
    return json.loads(block)
