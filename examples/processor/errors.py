"""What can keep a processor from its end.

CannotProcess   this order cannot be fulfilled; the coordinator is told why
TryLater        nothing is wrong with the order; the message stays on the queue and comes again
NotAllowed      the processor's own token or keys are refused; it must not go on eating orders

An OSError that says that this machine has no room ends the processor too. Any other error on an order is a fault of the
processor that the order's film brings out. It fails the order as well, with its type and its place: tried again, it
would end as a dead letter that nobody can explain.
"""

import errno
import traceback
from pathlib import Path

_SHORT_OF = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE})
"""No memory is not among them: a film that says of itself that it is enormous ends so on every machine."""

_HERE = Path(__file__).parent


class CannotProcess(Exception):
    """This order cannot be fulfilled, for the reason that the text gives."""


class TryLater(Exception):
    """Storage or coordinator do not do what they should: the message stays on the queue."""


class NotAllowed(Exception):
    """Token or keys are refused, or storage is unfit, whatever the order: the message stays, the processor ends."""


def is_of_this_machine(error: BaseException) -> bool:
    """Whether an error says that this machine has no room or no more files, which is no fault of an order."""
    return getattr(error, "errno", None) in _SHORT_OF


def describe_unexpected(error: BaseException) -> str:
    """The type of an error that nobody expected, and its place here; its text stays out, for it may hold an address."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).parent == _HERE] or frames
    place = f" at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    return f"unexpected {type(error).__name__}{place}"
