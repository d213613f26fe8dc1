"""Files that hold a secret."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def create_secret_file(path: Path) -> Iterator[TextIO]:
    """A new file with mode 0600, to write to; it is removed when what it is made for fails.

    Raises FileExistsError when there is one of this name: a secret is never written over another.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise
