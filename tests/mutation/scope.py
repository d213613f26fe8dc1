"""What is mutated, and the tests that must notice. To have more of the product mutated, add it here."""

from pathlib import PurePath

from msgspec import Struct


class Part(Struct, frozen=True):
    """Files of the product, and the tests that hold them: each mutant is tried on all of these that call its function.

    `sources` are globs from the project's folder; constants and tables of a module are not mutated. `tests` are files
    and folders of fast tests. Few of them and near to the source: a mutant that survives runs them all.
    """

    sources: tuple[str, ...]
    tests: tuple[str, ...]


def _flows(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/flows/test_{name}.py" for name in names)


ACTIONS = "tests/flows/actions"
"""Each action, carried out alone."""

SCOPE = (
    # what a session is owed: gates, cleanup, restore, outputs, receipts, landings
    Part(("cloud/chalicelib/core/settle/*.py",), ("tests/core/settle",)),
    # the intent of a cleanup, its breaker and its bucket; uploads and their receipts
    Part(("cloud/chalicelib/core/cleanup.py",), ("tests/core/settle", "tests/core/test_cleanup.py")),
    Part(("cloud/chalicelib/core/upload.py",), ("tests/core/settle", "tests/core/test_upload.py")),
    # films of clients without checksums; how surely a chapter is known
    Part(("cloud/chalicelib/core/landing.py",), ("tests/core/settle", "tests/core/test_landing.py")),
    Part(
        ("cloud/chalicelib/core/evidence.py",),
        ("tests/core/test_evidence.py", "tests/flows/test_evidence.py"),
    ),
    # the flows that carry out what is owed
    Part(
        ("cloud/chalicelib/flows/completion.py",),
        _flows("completion", "one_put", "scan_gate", "unproven"),
    ),
    Part(("cloud/chalicelib/flows/settle.py",), _flows("settle", "completion", "last_look", "reconcile")),
    Part(("cloud/chalicelib/flows/actions/__init__.py",), (ACTIONS,)),
    Part(("cloud/chalicelib/flows/actions/uploads.py",), (ACTIONS, *_flows("completion", "settle"))),
    Part(("cloud/chalicelib/flows/actions/landings.py",), (ACTIONS, *_flows("landings"))),
    Part(
        ("cloud/chalicelib/flows/actions/outputs.py", "cloud/chalicelib/flows/actions/checksums.py"),
        (ACTIONS, *_flows("outputs")),
    ),
    Part(("cloud/chalicelib/flows/actions/scanning.py",), (ACTIONS, *_flows("scan_gate"))),
    Part(
        ("cloud/chalicelib/flows/actions/measurements.py", "cloud/chalicelib/flows/actions/old_revisions.py"),
        (ACTIONS, *_flows("index_attempts", "old_revisions")),
    ),
    Part(
        ("cloud/chalicelib/flows/actions/cleaning.py", "cloud/chalicelib/flows/actions/copying.py"),
        (ACTIONS, *_flows("cleaning", "restoring")),
    ),
    Part(
        ("cloud/chalicelib/flows/actions/damage.py", "cloud/chalicelib/flows/actions/scrubbing.py"),
        (ACTIONS, *_flows("at_rest", "scrubbing")),
    ),
    # what a device keeps until it is home: the spool, the rules of durable files; plans of sessions and of parts
    Part(
        ("edge_client/spool/*.py", "edge_client/base/folders.py"),
        (
            "tests/edge/base/test_folders.py",
            "tests/edge/spool/test_budget.py",
            "tests/edge/spool/test_locks.py",
            "tests/edge/spool/test_refusals.py",
            "tests/edge/spool/test_spool.py",
            "tests/contracts/edge/test_spool_contract.py",
        ),
    ),
    Part(
        ("edge_client/model/plan.py", "edge_client/model/parts.py", "cloud/chalicelib/core/parts.py"),
        ("tests/core/test_parts.py", "tests/edge/model/test_parts.py", "tests/edge/model/test_plan.py"),
    ),
)

LEFT_OUT = ("tests/core/settle/test_properties.py",)
"""What takes seconds: a mutant must be noticed by a test that says what is wrong, not only by one of 300 examples."""


def selection_of(file: str) -> tuple[str, ...]:
    """The files and folders of the tests that hold a file of the product."""
    return next(part.tests for part in SCOPE if any(PurePath(file).match(glob) for glob in part.sources))
