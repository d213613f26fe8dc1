"""What keeps a flood of calls to the API from the functions that S3 and the clock call: a share of the account's own.

Lambda runs at most as many calls at once as the account's quota says. What is reserved for a function is its own, and
is also the most that it gets; events beyond it wait in Lambda's queue. A new account may have a quota of 10, of which
nothing can be reserved; then a deploy says so and reserves nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

Progress = Callable[[str], None]

OUTPUT = "EventConcurrency"
"""The stack's output: calls at once that each function of S3's events has for itself; 0 reserves nothing."""

RECONCILER = "reconcile"
OF_THE_RECONCILER = 2
"""It is called every five minutes, and its round ends before the next one begins."""

LEFT_TO_ALL = 100
"""What Lambda keeps unreserved in each account.

Source: docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""


def reserved(function: str, each: int) -> int | None:
    """The calls at once that `function` has for itself; None where nothing is reserved."""
    if not each:
        return None
    return OF_THE_RECONCILER if function == RECONCILER else each


def affordable(
    functions: "LambdaClient",
    stage: str,
    names: Iterable[str],
    outputs: Mapping[str, str],
    progress: Progress,
) -> dict[str, str]:
    """`outputs`, reserving nothing where the account's quota leaves no room for it."""
    wanted = {name: reserved(name, int(outputs.get(OUTPUT, 0))) or 0 for name in names}
    if not any(wanted.values()):
        return dict(outputs)
    limits = functions.get_account_settings()["AccountLimit"]
    present = sum(_present(functions, f"reelhaul-{stage}-{name}") for name in wanted)
    left = limits["UnreservedConcurrentExecutions"] + present - sum(wanted.values())
    if left >= LEFT_TO_ALL:
        return dict(outputs)
    progress(
        f"nothing is reserved for the event functions: of the account's {limits['ConcurrentExecutions']} calls at once "
        f"{left} would be left, and Lambda keeps {LEFT_TO_ALL}; ask AWS for a higher quota, then deploy again"
    )
    return {**outputs, OUTPUT: "0"}


def _present(functions: "LambdaClient", function: str) -> int:
    try:
        found: Any = functions.get_function_concurrency(FunctionName=function)
    except functions.exceptions.ResourceNotFoundException:
        return 0
    return int(found.get("ReservedConcurrentExecutions", 0))
