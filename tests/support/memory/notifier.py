"""The topic in memory."""

from chalicelib.core.notices import Announcement


class MemoryNotifier:
    """What was announced, oldest first."""

    def __init__(self) -> None:
        self.published: list[Announcement] = []

    def publish(self, announcement: Announcement) -> None:
        self.published.append(announcement)
