"""How much a measurements file may be; beyond any of it the file is Poison."""

from msgspec import Struct

MOST_SOURCE_BYTES = 2**30
"""The size of the object as it is stored, zipped or not: twice what 2,000,000 usual frames take zipped."""

MOST_ATTEMPTS = 3
"""The attempts to index one version: S3's event and Lambda's own two retries. A file that ends them all is poison."""

INDEXED_IN_PASSING_BYTES = 256 * 1024
"""The largest object that the reconciler indexes itself: at most 21,000,000 steps."""

TIME_LIMIT_S = 480
"""The time of one attempt: two minutes less than the function has. 2,000,000 usual frames take about 130 s."""

MOST_WRITTEN_BYTES = 480 * 2**20
"""What an index and its part of the lake may have together: both are on disk, and Lambda's smallest has 512 MB."""

MOST_DEPTH = 20
"""The depth of brackets, in a frame or outside the frames; a usual frame has 3."""

FRAMES_IN_BLOCK = 300
BLOCK_BYTES = 2**20
"""The text after which a block ends with fewer frames: a frame full of members takes 20 times its text in memory."""


class Limits(Struct, frozen=True):
    """The caps of one pass. `window_bytes` is no cap but how much of the text is looked at in one go."""

    text_bytes: int = 4 * 2**30
    frames: int = 2_000_000
    frame_bytes: int = 64 * 1024
    member_bytes: int = 2**20
    members: int = 100
    zipped_members: int = 2_000_000
    index_bytes: int = 400 * 2**20
    first_steps: int = 10_000_000
    """The steps of work that any file may cost: three seconds."""
    steps_a_byte: int = 40
    """The steps of work for each stored byte. Usual frames, zipped, take 2; frames that differ only in number and time
    take 15, and 27 with a NaN in every window."""
    steps: int = 800_000_000
    """The most steps of one file: four minutes. 2,000,000 frames of 1.1 KB, scanned by brackets, take 530,000,000."""
    window_bytes: int = 256 * 1024


LIMITS = Limits()
