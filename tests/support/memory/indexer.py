"""The function that indexes measurements, in memory."""


class MemoryIndexer:
    """What it was asked to look into, as keys, oldest first."""

    def __init__(self) -> None:
        self.requested: list[str] = []

    def request(self, key: str) -> None:
        self.requested.append(key)
