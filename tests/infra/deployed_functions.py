"""Functions as tests deploy them: a zip made of texts, and a register that says what is deployed now."""

import io
import textwrap
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from infra.local.aws.lambdas.functions import DeployedFunction, UnknownFunction, function_name

PATIENCE_S = 15.0


def make_function(source: str, name: str = "echo", **changes: Any) -> DeployedFunction:
    """`source` is app.py, with a function `handler`."""
    made = DeployedFunction(
        name=name,
        arn=f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
        handler="app.handler",
        code=b"",
        code_sha256="",
        environment={},
        role=f"arn:aws:iam::123456789012:role/{name}",
        timeout_s=20.0,
        memory_mib=128,
    )
    code = zipped({"app.py": textwrap.dedent(source)})
    deployed: dict[str, Any] = {"code": code, "code_sha256": sha256(code).hexdigest()}
    return replace(made, **{**deployed, **changes})


def zipped(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()


class Register:
    """What is deployed at the moment."""

    def __init__(self, *functions: DeployedFunction) -> None:
        self._functions: dict[str, DeployedFunction] = {}
        for function in functions:
            self.deploy(function)

    def deploy(self, function: DeployedFunction) -> None:
        self._functions[function.name] = function

    def __call__(self, name: str) -> DeployedFunction:
        if function_name(name) not in self._functions:
            raise UnknownFunction(f"Function not found: {name}")
        return self._functions[function_name(name)]


def eventually(happens: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
    """Whether it comes to happen in time."""
    deadline = time.monotonic() + patience_s
    while not happens():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_running(pid: int) -> bool:
    """Whether a thread of a process is left; a process that waits to be reaped has none."""
    return any(_state(stat) not in "ZX" for stat in Path(f"/proc/{pid}/task").glob("*/stat"))


def _state(stat: Path) -> str:
    try:
        return stat.read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"
