"""AWS Lambda on this machine: deployed functions, run from their zips in processes of their own."""

from __future__ import annotations

import io
import json
import os
import shutil
import threading
import uuid
import zipfile
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from infra.local.aws.lambdas.functions import TOO_LARGE_TO_CALL, DeployedFunction, Outcome, UnknownFunction
from infra.local.aws.lambdas.pool import Pool, PoolClosed
from infra.local.aws.lambdas.workers import Call, Start, Worker, size_bytes
from infra.local.aws.moto import server

CALL_LIMIT_BYTES = 6 * 1024 * 1024  # Lambda's "6 MB" for a synchronous call
CONCURRENCY = 8


class LayerUnknown(Exception):
    """A function asks for a layer that this machine does not have."""


class Lambdas:
    """Calls functions as `functions` says they are deployed at the moment of the call.

    `runtime` holds what Lambda carries (`runtime.build_runtime`), `layers` the folder of each layer by its ARN
    (`runtime.build_layer`); a function whose layer is not there fails. `keys` are the variables with which a process
    of a function signs. `workdir` is for unzipped code and for
    the functions' temporary folder; below it nothing is left after `close`. `log` gets every line that a function
    prints, after the function's name. Of each function at most `concurrency` calls run at a time; more of them wait.
    """

    def __init__(
        self,
        *,
        functions: Callable[[str], DeployedFunction],
        endpoint_url: str,
        runtime: Path,
        workdir: Path,
        log: Callable[[str], None],
        layers: Mapping[str, Path] | None = None,
        keys: Callable[[DeployedFunction], Mapping[str, str]] = lambda _function: {},
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._functions = functions
        self._endpoint_url = endpoint_url
        self._runtime = runtime.resolve()
        self._layers = {arn: folder.resolve() for arn, folder in (layers or {}).items()}
        self._code = Code(workdir.resolve() / "code")
        self._temporary = workdir.resolve() / "tmp"
        self._log = log
        self._keys = keys
        self._concurrency = concurrency
        self._lock = threading.Lock()
        self._pools: dict[str, Pool] = {}
        self._is_closed = False

    def invoke(self, name: str, event: object) -> Outcome:
        """What the function, given by name or ARN, makes of `event`; every failure is an error in the outcome."""
        payload = json.dumps(event)
        if len(payload) > CALL_LIMIT_BYTES and size_bytes(event) > CALL_LIMIT_BYTES:
            message = (
                f"Request must be smaller than {CALL_LIMIT_BYTES} bytes for the InvokeFunction operation"
            )
            return Outcome.failed(TOO_LARGE_TO_CALL, message)
        call = Call(str(uuid.uuid4()), payload)
        return self._with_worker(name, lambda worker: worker.call(call))

    def warm(self, name: str) -> Outcome:
        """Has a process of the function ready, its imports done; their error otherwise."""
        return self._with_worker(name, Worker.get_ready)

    def close(self) -> None:
        """Ends every process and removes what was unzipped. Calls under way, and later ones, fail."""
        with self._lock:
            self._is_closed = True
            pools = list(self._pools.values())
        for pool in pools:
            pool.close()
        self._code.remove()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _with_worker(self, name: str, task: Callable[[Worker], Outcome]) -> Outcome:
        try:
            function = self._functions(name)
            with self._pool(function.name).worker(function) as worker:
                return task(worker)
        except UnknownFunction as error:
            return Outcome.failed("ResourceNotFoundException", str(error))
        except LayerUnknown as error:
            return Outcome.failed("ServiceException", str(error))
        except PoolClosed:
            return Outcome.failed("ServiceException", "the local Lambda is closed")

    def _pool(self, name: str) -> Pool:
        with self._lock:
            if self._is_closed:
                raise PoolClosed
            if name not in self._pools:
                self._pools[name] = Pool(self._start, self._concurrency)
            return self._pools[name]

    def _start(self, function: DeployedFunction) -> Worker:
        code = self._code.unzipped(function.code)
        self._temporary.mkdir(parents=True, exist_ok=True)
        libraries = (*self._layers_of(function), self._runtime)
        return Worker(function, Start(code, libraries, self._environment(function, code)), self._log)

    def _layers_of(self, function: DeployedFunction) -> list[Path]:
        unknown = [arn for arn in function.layers if arn not in self._layers]
        if unknown:
            raise LayerUnknown(f"{function.name} asks for the layer {unknown[0]}, which is not here")
        return [self._layers[arn] for arn in function.layers]

    def _environment(self, function: DeployedFunction, code: Path) -> dict[str, str]:
        """All that the function sees; Lambda's own variables replace those of the same name."""
        mine = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
        return {
            **function.environment,
            **server.environment(self._endpoint_url, mine),
            **self._keys(function),
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mib),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{uuid.uuid4().hex}",
            "LAMBDA_TASK_ROOT": str(code),
            "TMPDIR": str(self._temporary),
            "TZ": ":UTC",
            "_HANDLER": function.handler,
        }


class Code:
    """Unzipped code below `folder`, each zip once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def unzipped(self, code: bytes) -> Path:
        """Where the content of the zip lies. Named by its own hash: what is deployed may change while it is read."""
        target = self._folder / sha256(code).hexdigest()
        with self._lock:
            if not target.is_dir():
                unfinished = target.with_suffix(".unfinished")
                zipfile.ZipFile(io.BytesIO(code)).extractall(unfinished)
                unfinished.rename(target)
        return target

    def remove(self) -> None:
        with self._lock:
            shutil.rmtree(self._folder, ignore_errors=True)
