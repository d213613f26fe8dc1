"""The local AWS with reelhaul's storage stack in it: moto below the strict layer, at one address on loopback."""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from errno import EACCES, EADDRINUSE
from types import TracebackType
from typing import TYPE_CHECKING, Any

from infra.aws import stack, template
from infra.local import scanner
from infra.local.aws.moto import server
from infra.local.aws.moto.chalice_compat import ChaliceFront
from infra.local.aws.moto.count_writes import Writes
from infra.local.aws.moto.provision import for_moto, provision
from infra.local.aws.moto.serialise_dynamodb import Turns
from infra.local.aws.moto.state import rot_version
from infra.local.aws.strict_s3 import Chaos, StrictS3
from infra.local.aws.strict_s3.moto_app import forget_copies, moto_app
from infra.local.http_server import Server
from infra.local.scanner import Scanner
from infra.stages import LOCAL_STAGE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Progress = Callable[[str], None]
Tell = Callable[[str, object], None]

_POLL_S = 0.05
_one_at_a_time = threading.Lock()


class AlreadyRunning(Exception):
    """This process has a local AWS already; moto's state is the process's, so a second one needs its own."""


class PortTaken(Exception):
    """The port cannot be listened on; the message says what to do."""


class Wire:
    """Where S3 tells its events, by the ARN of the target: nowhere, until it leads somewhere."""

    def __init__(self) -> None:
        self._tell: Tell = _nobody

    def lead_to(self, tell: Tell) -> None:
        self._tell = tell

    def __call__(self, target_arn: str, event: object) -> None:
        self._tell(target_arn, event)


def _nobody(_target_arn: str, _event: object) -> None:
    """Without a coordinator no bucket is configured to tell anybody."""


class Mounts:
    """A WSGI application whose paths below a prefix belong to others, which may come later."""

    def __init__(self, root: "WSGIApplication") -> None:
        self._root = root
        self._mounted: dict[str, WSGIApplication] = {}
        self._front: WSGIApplication = self._serve

    def mount(self, prefix: str, app: "WSGIApplication") -> None:
        """`app` serves `prefix` and all paths below it from now on; it sees the whole path."""
        self._mounted = {**self._mounted, prefix: app}

    def lead_through(self, guard: "Callable[[WSGIApplication], WSGIApplication]") -> None:
        """From now on each request passes `guard`, made around all that is served here, instead of any earlier one."""
        self._front = guard(self._serve)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        return self._front(environ, start_response)

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        return self._app_for(environ["PATH_INFO"])(environ, start_response)

    def _app_for(self, path: str) -> "WSGIApplication":
        for prefix, app in self._mounted.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                return app
        return self._root


class LocalAws:
    """S3, DynamoDB, SQS and the rest at `url`, with bucket, table and queues as `infra/aws/storage.yaml` says.

    Keys are `test`/`test`, and those of roles that `keys_of` makes. All state is in memory and ends with `close`. One
    at a time in a process; any number of processes side by side. `events` can be led to another receiver.
    """

    @classmethod
    def start(
        cls,
        *,
        port: int = 0,
        progress: Progress,
        parameters: Mapping[str, str] | None = None,
    ) -> "LocalAws":
        """Raises AlreadyRunning, PortTaken. `parameters` are the template's."""
        if not _one_at_a_time.acquire(blocking=False):
            raise AlreadyRunning("one local AWS a process: start the other one in a process of its own")
        with ExitStack() as closing:
            closing.callback(_one_at_a_time.release)
            made = cls(port, closing)
            made._provision({"Stage": LOCAL_STAGE, **(parameters or {})}, progress)
            made._closing = closing.pop_all()
        return made

    def __init__(self, port: int, closing: ExitStack) -> None:
        """For `start`, which says when all of it is there."""
        self.chaos = Chaos()
        self.events = Wire()
        self.front = ChaliceFront(Turns(moto_app(), forget_copies))
        closing.callback(_forget)
        _forget()
        self.strict = closing.enter_context(
            StrictS3(
                self.front,
                credentials={server.KEY: server.SECRET, scanner.KEY: server.SECRET},
                clock=lambda: datetime.now(UTC),
                on_event=self.events,
                chaos=self.chaos,
                principals={server.KEY: _RECONCILER, scanner.KEY: scanner.ROLE},
            )
        )
        self.writes = Writes(self.strict)
        self.mounts = Mounts(self.writes)
        self._server = closing.enter_context(listening(self.mounts, port))
        self._session = server.session()
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()
        self._closing = closing
        self.outputs: Mapping[str, str] = {}

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def bucket(self) -> str:
        return self.outputs["Bucket"]

    @property
    def table(self) -> str:
        return self.outputs["Table"]

    def client(self, service: Any) -> Any:
        """The boto3 client of this AWS, by the service's name; it tries once, so that injected faults are seen."""
        with self._making:  # a session of boto3 makes one client at a time
            if service not in self._clients:
                made: Any = self._session.client(service, endpoint_url=self.url, config=server.ONE_TRY)
                self._clients[service] = made
                self._closing.callback(made.close)
            return self._clients[service]

    def keys_of(self, role: str) -> dict[str, str]:
        """New keys of a session of this role (its ARN), in the variables in which Lambda hands them to a function."""
        made = self.client("sts").assume_role(RoleArn=role, RoleSessionName="function")["Credentials"]
        self.strict.admit(made["AccessKeyId"], made["SecretAccessKey"], role)
        return {
            "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
            "AWS_SESSION_TOKEN": made["SessionToken"],
        }

    def scanner(self) -> Scanner:
        """Who plays GuardDuty here; for a stack whose ScanRoleArn is the role of the scanner."""
        s3: Any = self._session.client(
            "s3",
            endpoint_url=self.url,
            config=server.ONE_TRY,
            aws_access_key_id=scanner.KEY,
            aws_secret_access_key=server.SECRET,
        )
        self._closing.callback(s3.close)
        return Scanner(s3, self.bucket)

    def dead_letters(self) -> list[str]:
        """The bodies of the messages in the dead-letter queue, at most ten; they stay there."""
        queue = self.client("sqs")
        received = queue.receive_message(
            QueueUrl=self.outputs["DeadLetters"], MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return [message["Body"] for message in received.get("Messages", [])]

    def rot(self, key: str, version_id: str, at: int = 0) -> None:
        """What no call can do: one bit of a stored version flips, and nothing that S3 tells of it changes."""
        rot_version(self.bucket, key, version_id, at)

    def close(self) -> None:
        """No thread, no socket and no state is left."""
        self._closing.close()

    def __enter__(self) -> "LocalAws":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _provision(self, parameters: Mapping[str, str], progress: Progress) -> None:
        whole = template.load()
        self.outputs = stack.bring_up(
            self.client("cloudformation"),
            f"reelhaul-{LOCAL_STAGE}",
            for_moto(whole),
            # All of them: moto knows no previous value of a parameter that had its default.
            {**template.defaults(whole), **parameters},
            poll_s=_POLL_S,
            progress=progress,
        )
        policy = provision(whole, self.outputs, parameters, self.client("s3"), self.client("dynamodb"))
        self.strict.enforce(self.bucket, policy)


_RECONCILER = f"arn:aws:iam::123456789012:role/reelhaul-{LOCAL_STAGE}-reconcile"
"""The role of the keys `test`/`test`: of all roles, it has the most rights."""


def listening(app: "WSGIApplication", port: int) -> Server:
    """A server bound to `port`, not started yet. Raises PortTaken."""
    try:
        return Server(app, port)
    except OSError as error:
        if error.errno not in (EADDRINUSE, EACCES):
            raise
        raise PortTaken(f"port {port} on 127.0.0.1 cannot be used: choose another with --port") from error


def _forget() -> None:
    """Drop moto's state: what an earlier local AWS of this process left, and our own when we go."""
    # Not at the head of the file: moto must not be imported before its settings are in the environment.
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
