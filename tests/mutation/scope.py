"""What is mutated, and the tests that must notice. To have more of the product mutated, add it here."""

SOURCES = (
    # what a session is owed: gates, cleanup, restore, outputs, receipts, landings
    "cloud/chalicelib/core/settle/*.py",
    # the intent of a cleanup, its breaker and its bucket; uploads and their receipts
    "cloud/chalicelib/core/cleanup.py",
    "cloud/chalicelib/core/upload.py",
    # what a device keeps until it is home: the spool, the rules of durable files; plans of sessions and of parts
    "edge_client/spool/*.py",
    "edge_client/base/folders.py",
    "edge_client/model/plan.py",
    "edge_client/model/parts.py",
    "cloud/chalicelib/core/parts.py",
)
"""Files of the product, as globs from the project's folder. Constants and tables of a module are not mutated."""

TESTS = (
    "tests/core/settle",
    "tests/core/test_cleanup.py",
    "tests/core/test_parts.py",
    "tests/core/test_upload.py",
    "tests/edge/base/test_folders.py",
    "tests/edge/model/test_parts.py",
    "tests/edge/model/test_plan.py",
    "tests/edge/spool/test_budget.py",
    "tests/edge/spool/test_locks.py",
    "tests/edge/spool/test_refusals.py",
    "tests/edge/spool/test_spool.py",
    "tests/contracts/edge/test_spool_contract.py",
)
"""Fast tests only: each mutant is tried on all of them that call its function, until one fails."""

LEFT_OUT = ("tests/core/settle/test_properties.py",)
"""What takes seconds: a mutant must be noticed by a test that says what is wrong, not only by one of 300 examples."""
