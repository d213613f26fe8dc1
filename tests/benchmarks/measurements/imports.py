"""What the API function's import costs over the clients of AWS that every function here needs."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from statistics import median

from tests.benchmarks.figures import Figure
from tests.benchmarks.measurements.processes import demand_same, run_program

RUNS = 15
QUEUE = "http://127.0.0.1/queue"
HEAVY = ("pyarrow", "pandas", "numpy", "duckdb")
_CLOUD = Path(__file__).parents[3] / "cloud"

_CLIENTS = """
import json, sys
import boto3
for name in ("s3", "dynamodb", "sqs"):
    boto3.client(name)
"""
_TOLD = f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def environment_of_function() -> dict[str, str]:
    """The variables of the deployed function, with keys and the names of a stack that there is not."""
    declared = json.loads((_CLOUD / ".chalice" / "config.json").read_text())["environment_variables"]
    names = {
        "Stage": "test",
        "GraceDays": "7",
        "OrderQueue": QUEUE,
        "DeadLetters": QUEUE,
        "Notifications": "",
        "Cdn": "",
    }
    return _ENVIRONMENT | {
        variable: re.sub(r"\$\{(\w+)\}", lambda found: names.get(found[1], "test"), text)
        for variable, text in declared.items()
    }


def figures() -> list[Figure]:
    """CPU milliseconds of `import app`, which makes its clients, over boto3 and the same clients; all is compiled."""
    environment = {**os.environ, **environment_of_function(), "PYTHONPATH": str(_CLOUD)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    scripts = (_CLIENTS + _TOLD, "import json, sys\nimport app\n" + _TOLD)
    clients_s: list[float] = []
    app_s: list[float] = []
    for number in range(RUNS + 1):
        for script, seconds in zip(scripts, (clients_s, app_s), strict=True):
            ended = run_program("-c", script, environment=environment)
            demand_same([], ended.answer)
            if number:  # the first compiles
                seconds.append(ended.cpu_s)
    value = (median(app_s) - median(clients_s)) * 1000
    peers = {
        "app_ms": median(app_s) * 1000,
        "clients_ms": median(clients_s) * 1000,
        "least_over_least_ms": (min(app_s) - min(clients_s)) * 1000,
    }
    note = f"CPU of whole processes, medians of {RUNS} in turns; none of {', '.join(HEAVY)} is imported"
    return [Figure("api_import_ms_over_boto3", value, "ms", 60, note, peers)]
