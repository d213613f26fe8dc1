"""What can keep a processor from its end.

CannotProcess   this order cannot be fulfilled; the coordinator is told why
TryLater        nothing is wrong with the order; the message stays on the queue and comes again
NotAllowed      the processor's own token or keys are refused; it must not go on eating orders
"""


class CannotProcess(Exception):
    """This order cannot be fulfilled, for the reason that the text gives."""


class TryLater(Exception):
    """Storage or coordinator do not do what they should: the message stays on the queue."""


class NotAllowed(Exception):
    """Token or keys are refused, whatever the order: the message stays on the queue, the processor ends."""
