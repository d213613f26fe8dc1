"""The whole of reelhaul on loopback: `World`."""

import io
import os
import socket
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from infra.admin import deployment
from infra.aws import deploy, project
from infra.local import packages, wheels
from infra.local.aws.events.delivery import Delivery
from infra.local.aws.events.destinations import to_queues, to_targets
from infra.local.aws.events.schedule import Schedule
from infra.local.aws.gateway import sockets
from infra.local.aws.gateway.gateway import Gateway
from infra.local.aws.gateway.sockets import CONNECTIONS, SocketGateway
from infra.local.aws.lambdas.functions import Outcome, function_name
from infra.local.aws.lambdas.invocations import Invocations, invocations_of
from infra.local.aws.lambdas.lambdas import Lambdas
from infra.local.aws.lambdas.runtime import build_layer, build_runtime
from infra.local.aws.moto import server
from infra.local.aws.moto.state import (
    moto_failure_policies,
    moto_functions,
    moto_rules,
    moto_socket_routes,
)
from infra.local.aws.strict_s3 import Chaos
from infra.local.stack.local_aws import LocalAws, Progress
from infra.stages import LOCAL_STAGE

WHEELS = deploy.BUILD / "wheels"
PACKAGES = deploy.BUILD / "packages"
MOUNT = "/api"


class CoordinatorBroken(Exception):
    """A deployed function cannot even be imported; the message is its error."""


class World:
    """The local AWS, the coordinator deployed on it by `chalice deploy`, its events, its API and its schedule.

    Tests reach in by `aws` (what is stored), `chaos` (faults of S3), `delivery` (events held, lost, doubled), `gateway`
    (the API in trouble), `sockets` (of open pages) and `lambdas` (calls at hand). The schedule does not run until
    `start_schedule`. As with LocalAws: one at a time in a process, any number of processes side by side. Each function
    signs with keys of its own role, so that the bucket's policy judges it as that role.
    """

    @classmethod
    def start(
        cls,
        *,
        workdir: Path,
        progress: Progress,
        port: int = 0,
        settings: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        source: Path = deploy.CLOUD,
        log: Callable[[str], None] = lambda _line: None,
    ) -> "World":
        """Ready to be called; all processes and files stay below `workdir`.

        `settings` go over the coordinator's environment, `parameters` over those of the stack, `source` is the Chalice
        project, `log` gets every line that a function prints. Raises AlreadyRunning, PortTaken, deploy.ChaliceFailed,
        wheels.WheelsMissing, CoordinatorBroken.
        """
        with ExitStack() as closing:
            local_aws = closing.enter_context(
                LocalAws.start(port=port, progress=progress, parameters=parameters)
            )
            arrow_layer = _publish_layer(local_aws)
            outputs = {**local_aws.outputs, project.ARROW_LAYER: arrow_layer}
            listener = closing.enter_context(sockets.listening())
            settings = {project.PUSH_URL: sockets.address(listener), **(settings or {})}
            deployed = _deployed(local_aws, source, workdir / "coordinator", outputs, settings, progress)
            made = cls(local_aws, deployed, arrow_layer, workdir, log, listener, closing)
            made._warm()
            made._closing = closing.pop_all()
        progress(f"the coordinator answers at {made.coordinator_url}")
        return made

    def __init__(
        self,
        local_aws: LocalAws,
        deployed: deploy.DeployedCoordinator,
        arrow_layer: str,
        workdir: Path,
        log: Callable[[str], None],
        listener: socket.socket,
        closing: ExitStack,
    ) -> None:
        """For `start`, which says when all of it is there."""
        self.aws = local_aws
        self._deployed = deployed
        self.lambdas = Lambdas(
            functions=moto_functions(server.REGION),
            endpoint_url=local_aws.url,
            runtime=build_runtime(workdir / "runtime"),
            layers={arrow_layer: build_layer(workdir / "layer", ["pyarrow"])},
            workdir=workdir / "functions",
            keys=lambda function: local_aws.keys_of(function.role),
            log=log,
        )
        to_queue = to_queues(local_aws.client("sqs"))
        self.gateway = Gateway(local_aws.front.documents, self.lambdas.invoke, mount=MOUNT, now=_now)
        self.sockets = SocketGateway(
            listener, moto_socket_routes(server.REGION), self.lambdas.invoke, now=_now
        )
        self.delivery = Delivery(
            self.lambdas.invoke, moto_failure_policies(server.REGION), to_queue, now=_now
        )
        self.schedule = Schedule(moto_rules(server.REGION), self.delivery.send, now=_now)
        # The functions end first: a caller that waits for one of them then learns it at once.
        for part in (self.sockets, self.gateway, self.delivery, self.lambdas, self.schedule):
            closing.callback(part.close)
        self._closing = closing
        local_aws.events.lead_to(to_targets(self.delivery.send, to_queue))
        local_aws.mounts.mount(MOUNT, self.gateway)
        local_aws.mounts.mount(CONNECTIONS, self.sockets)
        invocations = Invocations(moto_functions(server.REGION), self.delivery.send)
        for arn in deployed.event_functions.values():
            local_aws.mounts.mount(invocations_of(function_name(arn)), invocations)

    @property
    def aws_url(self) -> str:
        return self.aws.url

    @property
    def coordinator_url(self) -> str:
        return f"{self.aws.url}{MOUNT}"

    @property
    def bucket(self) -> str:
        return self.aws.bucket

    @property
    def table(self) -> str:
        return self.aws.table

    @property
    def chaos(self) -> Chaos:
        return self.aws.chaos

    @property
    def registry(self) -> deployment.TableRegistry:
        """Where `enroll` enrols callers of this coordinator."""
        return deployment.registry(self.aws.client("dynamodb"), self.table)

    def run_schedule(self, name: str = "reconcile") -> Outcome:
        """What the scheduled function `name` makes of one tick, now, in this thread."""
        [(target, event)] = self.schedule.events(self._deployed.resources[f"{name}-event"]["rule_name"])
        return self.lambdas.invoke(target, event)

    def settled(self, timeout_s: float) -> bool:
        """Waits until every event of what S3 answered so far is delivered, and those that came of it; False in vain."""
        while True:
            self.aws.strict.hand_over()
            before = len(self.delivery.log)
            if not self.delivery.settled(timeout_s):
                return False
            self.aws.strict.hand_over()
            if self.delivery.settled(0) and len(self.delivery.log) == before:
                return True

    def start_schedule(self) -> None:
        """From now on the schedules tick at their own rates."""
        self.schedule.start()

    def close(self) -> None:
        """No process, no thread and no socket is left; the files below `workdir` are the caller's."""
        self._closing.close()

    def __enter__(self) -> "World":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _warm(self) -> None:
        """Of the functions, which share a package, one with each set of layers is imported: what is missing shows now.

        The others start at their first calls, as in Lambda.
        """
        functions = moto_functions(server.REGION)
        by_layers: dict[tuple[str, ...], str] = {}
        for name in (project.API_FUNCTION, *self._deployed.event_functions):
            arn = self._deployed.resources[name]["lambda_arn"]
            by_layers.setdefault(functions(arn).layers, name)
        names = list(by_layers.values())
        arns = [self._deployed.resources[name]["lambda_arn"] for name in names]
        with ThreadPoolExecutor(len(arns)) as pool:
            outcomes = dict(zip(names, pool.map(self.lambdas.warm, arns), strict=True))
        broken = [f"{name}: {each.error.message}" for name, each in outcomes.items() if each.error]
        if broken:
            raise CoordinatorBroken("; ".join(broken))


def _publish_layer(local_aws: LocalAws) -> str:
    """The ARN of a layer that stands for AWS's own with pyarrow: what is in it, functions find here on disk."""
    nothing = io.BytesIO()
    zipfile.ZipFile(nothing, "w").close()
    published = local_aws.client("lambda").publish_layer_version(
        LayerName="pyarrow", Content={"ZipFile": nothing.getvalue()}
    )
    arn: str = published["LayerVersionArn"]
    return arn


def _deployed(
    local_aws: LocalAws,
    source: Path,
    target: Path,
    outputs: Mapping[str, str],
    settings: Mapping[str, str],
    progress: Progress,
) -> deploy.DeployedCoordinator:
    pip = wheels.pip_environment(source / "requirements.txt", WHEELS, progress)
    packages.lay(PACKAGES, target)
    deployed = deploy.deploy_coordinator(
        source,
        target,
        LOCAL_STAGE,
        outputs,
        settings=settings,
        environment={**server.environment(local_aws.url, os.environ), **pip},
        functions=local_aws.client("lambda"),
        progress=progress,
    )
    packages.keep(PACKAGES, target)
    return deployed


def _now() -> datetime:
    return datetime.now(UTC)
