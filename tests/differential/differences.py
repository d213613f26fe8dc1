"""In what an adapter in memory may differ from the real one over the strict local AWS, and why that hides no fault."""

from enum import Enum


class Allowed(Enum):
    """A difference that the comparison takes no notice of; its value is the reason."""

    NAMES = "the storage chooses the names of uploads and versions: they are compared by the order of their appearance"
    TIMES = "each has a clock of its own: when an object was written is not compared"
    ORDER_OF_UPLOADS = (
        "S3 lists the uploads of one key by their age, the strict layer by their id, the memory by its own id: no flow "
        "relies on an order among them"
    )
    COMPLETED_AGAIN = (
        "S3 answers the completion of an upload that it has just completed as it did before, for some minutes; the "
        "memory answers MultipartGone at once, which S3 does later and every caller must bear"
    )
    TWO_FAULTS = "of a completion that is wrong in two ways S3 names one, and documents not which: either error will do"
    REFUSAL_CODES = (
        "of a refusal only its kind is compared, for flows decide by nothing else; its code is for the log"
    )
    POLICY = (
        "the memory refuses forms to keys of sessions as the bucket's policy does; here the real bucket has no policy, "
        "which tests/e2e/test_rights.py enforces: only forms to landings are compared"
    )
