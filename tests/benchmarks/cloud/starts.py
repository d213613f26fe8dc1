"""What the import of the API function costs over that of a bare Chalice app with the same clients."""

import os
from pathlib import Path
from statistics import median

from tests.benchmarks.figures import Figure
from tests.benchmarks.measurements.imports import environment_of_function
from tests.benchmarks.measurements.processes import run_program

RUNS = 25
CLOUD = Path(__file__).parents[3] / "cloud"
AS_IN_LAMBDA = "import sys\nsys.modules['typing_extensions'] = None\n"
"""msgspec imports it where it is installed; the package does not carry it."""

BARE = """
from chalice import Chalice
import boto3
clients = [boto3.client(name) for name in ("s3", "dynamodb", "sqs")]
app = Chalice(app_name="bare")

@app.route("/v1/sessions/{session_id}")
def get_session(session_id):
    return {}
"""
OURS = "import app\n"
TOLD = "print('null')\n"


def figures() -> list[Figure]:
    """CPU of whole processes, in turns; everything is compiled before."""
    environment = {**os.environ, **environment_of_function(), "PYTHONPATH": str(CLOUD)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    scripts = [AS_IN_LAMBDA + script + TOLD for script in (BARE, OURS)]
    taken_ms: list[list[float]] = [[], []]
    for number in range(RUNS + 1):
        for script, taken in zip(scripts, taken_ms, strict=True):
            ended = run_program("-c", script, environment=environment)
            if number:  # the first compiles
                taken.append(ended.cpu_s * 1000)
    bare, ours = taken_ms
    peers = {
        "bare_ms": median(bare),
        "ours_ms": median(ours),
        "least_over_least_ms": min(ours) - min(bare),
    }
    note = f"CPU of whole processes, medians of {RUNS} in turns, without typing_extensions as in Lambda"
    value = median(ours) - median(bare)
    return [Figure("cold_start_over_bare_ms", value, "ms", 60, note, peers)]
