"""The Chalice project of one stage: `cloud/` copied to a build folder, the stack's names written in.

Placeholders are `${Name}` in `.chalice/config.json` and `.chalice/policy-*.json`: the stack's outputs, `${Stage}` and
`${ArrowLayer}`.
What Chalice keeps between its runs (`.chalice/deployed`, `.chalice/deployments`) stays where it is.
"""

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from string import Template as Placeholders
from typing import Any

from chalice.config import Config
from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from infra.aws import capacity
from infra.aws.compiled import add_compiled

API_FUNCTION = "api_handler"

SOCKET_FUNCTIONS = ("websocket_connect", "websocket_disconnect")

ANSWERING = (API_FUNCTION, *SOCKET_FUNCTIONS)
"""The functions that API Gateway calls and whose answer it takes; all others are called by events."""

PUSH_URL = "PUSH_URL"
"""The variable, and the name next to the outputs, of the WebSocket API's address; Chalice makes it with the functions,
so that the first deploy learns it last."""

OPTIONAL_OUTPUTS = ("BrowserOrigins", "KmsKeyArn", "CdnAlias", "CdnHost", "CdnKeyId")
"""Outputs that a stack has only when it was given the parameter; only then the policies keep what names them."""

CDN_KEY = "CdnKeyArn"
"""The name, next to the outputs, of the parameter of Systems Manager with the private key for reads over the CDN."""

TRACED = "TracedResources"
"""The name, next to the outputs, of what X-Ray takes traces of: rights on X-Ray can name no resource but all."""

ARROW_LAYER = "ArrowLayer"
"""The name, next to the outputs, of the layer with pyarrow. Without it no function has a layer."""

_CHALICE_KEEPS = ("deployed", "deployments")
_NOT_DEPLOYED = ("page", "node_modules")
"""The page's sources and the libraries that build it: what is built from them is in `chalicelib/web/static`."""
_NOT_COPIED = shutil.ignore_patterns("__pycache__", ".*_cache", *_NOT_DEPLOYED, *_CHALICE_KEEPS)


class NotAProject(Exception):
    """The build folder holds something that is not an earlier copy of the project; it is left alone."""


class UnknownPlaceholder(Exception):
    """A `${Name}` in the project's configuration that is neither an output of the stack nor Stage."""


def filled(document: Any, names: Mapping[str, str]) -> Any:
    """`document` with every `${Name}` in its texts replaced. Raises UnknownPlaceholder."""
    if isinstance(document, dict):
        return {key: filled(value, names) for key, value in document.items()}
    if isinstance(document, list):
        return [filled(value, names) for value in document]
    return _filled_text(document, names) if isinstance(document, str) else document


def _filled_text(text: str, names: Mapping[str, str]) -> str:
    try:
        return Placeholders(text).substitute(names)
    except (KeyError, ValueError) as error:
        raise UnknownPlaceholder(
            f"{text!r}: the stack has no such output ({', '.join(sorted(names))})"
        ) from error


def granted(policy: Mapping[str, Any], outputs: Mapping[str, str]) -> dict[str, Any]:
    """`policy` without rights on resources that the stack does not have."""
    absent = [f"${{{name}}}" for name in (*OPTIONAL_OUTPUTS, CDN_KEY, TRACED) if name not in outputs]
    kept = [each for each in policy["Statement"] if not set(absent) & set(each["Resource"])]
    return {**policy, "Statement": kept}


def _derived(stage: str, outputs: Mapping[str, str]) -> dict[str, str]:
    """What the project's documents may name beside the outputs, as it follows from them."""
    names = {
        "Cdn": "",
        "Push": outputs.get(PUSH_URL, ""),
        "BrowserOrigins": outputs.get("BrowserOrigins", ""),
    }
    if "CdnHost" in outputs:
        host = outputs.get("CdnAlias", outputs["CdnHost"])
        names["Cdn"] = f"https://{host}#{outputs['CdnKeyId']}"
        names[CDN_KEY] = f"arn:*:ssm:*:*:parameter/reelhaul/{stage}/cdn-key"
    if outputs.get("Tracing") == "on":
        names[TRACED] = "*"
    return names


def configuration(
    document: Mapping[str, Any], stage: str, outputs: Mapping[str, str], settings: Mapping[str, str]
) -> dict[str, Any]:
    """Chalice's configuration of one stage: names filled in, `settings` over its environment variables."""
    whole: dict[str, Any] = _typed(filled(_layered(document, outputs), {**outputs, "Stage": stage}))
    of_stage = dict(whole["stages"].get(stage, {}))
    of_stage["environment_variables"] = {**of_stage.get("environment_variables", {}), **settings}
    return whole | {"stages": {stage: of_stage}}


def _typed(document: dict[str, Any]) -> dict[str, Any]:
    """`document` with numbers and truth values where Chalice takes no text."""
    functions: dict[str, Any] = {name: dict(body) for name, body in document["lambda_functions"].items()}
    for name, body in functions.items():
        calls = capacity.reserved(name, int(body.pop("reserved_concurrency", 0)))
        if calls is not None:
            body["reserved_concurrency"] = calls
    typed: dict[str, Any] = {"lambda_functions": functions}
    # A rollback may bring a project that does not have them yet.
    if "log_retention_in_days" in document:
        typed["log_retention_in_days"] = int(document["log_retention_in_days"])
    if "xray" in document:
        typed["xray"] = document["xray"] == "on"
    return document | typed


def _layered(document: Mapping[str, Any], outputs: Mapping[str, str]) -> dict[str, Any]:
    """`document` without the layer that is not there."""
    if ARROW_LAYER in outputs:
        return dict(document)
    functions = {
        name: {key: value for key, value in function.items() if key != "layers"}
        for name, function in document.get("lambda_functions", {}).items()
    }
    return {**document, "lambda_functions": functions}


def prepare(
    source: Path, target: Path, stage: str, outputs: Mapping[str, str], settings: Mapping[str, str]
) -> None:
    """Have `target` hold the project `source`, ready for `chalice deploy --stage {stage}`.

    Raises NotAProject, UnknownPlaceholder, NotCompiled.
    """
    _clear(target)
    shutil.copytree(source, target, ignore=_NOT_COPIED, dirs_exist_ok=True)
    known = {PUSH_URL: push_url(_recorded(target, stage))}
    for name, document in documents(source, stage, {**known, **outputs}, settings).items():
        _write(target / ".chalice" / name, document)
    add_compiled(target)


def documents(
    source: Path, stage: str, outputs: Mapping[str, str], settings: Mapping[str, str]
) -> dict[str, Any]:
    """The configuration and the policies of a stage, by their names below `.chalice`. Raises UnknownPlaceholder."""
    folder = source / ".chalice"
    outputs = {**outputs, **_derived(stage, outputs)}
    made: dict[str, Any] = {
        "config.json": configuration(_read(folder / "config.json"), stage, outputs, settings)
    }
    for policy in sorted(folder.glob("policy-*.json")):
        made[policy.name] = filled(granted(_read(policy), outputs), {**outputs, "Stage": stage})
    return made


def _clear(target: Path) -> None:
    """Remove what an earlier copy left, so that a deleted module is not deployed on."""
    if not target.exists():
        return
    if any(target.iterdir()) and not (target / ".chalice").is_dir():
        raise NotAProject(f"{target} holds other things than a copy of the project: name another folder")
    kept = [target / ".chalice" / name for name in _CHALICE_KEEPS]
    for path in [*target.iterdir(), *target.glob(".chalice/*")]:
        if path == target / ".chalice" or path in kept:
            continue
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n")


def state_file(target: Path, stage: str) -> Path:
    """Where Chalice records what it deployed; without it the next deploy makes a second API."""
    return target / ".chalice" / "deployed" / f"{stage}.json"


def deployed(target: Path, stage: str) -> dict[str, dict[str, str]]:
    """The deployed resources by name (`rest_api`, `api_handler`, `on_original`, ...)."""
    return _by_name(_read(state_file(target, stage)))


def _recorded(target: Path, stage: str) -> dict[str, Any] | None:
    state = state_file(target, stage)
    return _read(state) if state.exists() else None


def _by_name(state: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {resource["name"]: resource for resource in state["resources"]}


def push_url(state: Mapping[str, Any] | None) -> str:
    """The address of the WebSocket API in what Chalice recorded; empty where there is none yet."""
    resource = _by_name(state or {"resources": []}).get("websocket_api", {})
    return resource.get("websocket_api_url", "").rstrip("/")


def merged(below: Mapping[str, Any], above: Mapping[str, Any] | None) -> dict[str, Any]:
    """Two records of Chalice as one: what `above` says of a resource counts."""
    known = {each["name"]: each for each in [*below["resources"], *(above or below)["resources"]]}
    return {**below, "resources": list(known.values())}


def event_functions(resources: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Name and ARN of every function that AWS calls without anybody waiting for its answer."""
    return {name: arn for name, arn in functions(resources).items() if name not in ANSWERING}


def functions(resources: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Name and ARN of every function."""
    return {
        name: resource["lambda_arn"]
        for name, resource in resources.items()
        if resource["resource_type"] == "lambda_function"
    }


def reserving_functions_of(source: Path) -> list[str]:
    """The names of the functions of the project `source` that have calls at once for themselves."""
    functions = _read(source / ".chalice" / "config.json")["lambda_functions"]
    return sorted(name for name, body in functions.items() if "reserved_concurrency" in body)


def api_url(resources: Mapping[str, Mapping[str, str]]) -> str:
    """The address of the deployed REST API, without a slash at its end."""
    return resources["rest_api"]["rest_api_url"].rstrip("/")


def sources(source: Path) -> Iterator[Path]:
    """The files of the project `source` that are deployed, without what Chalice and tools leave there."""
    for path in sorted(source.rglob("*")):
        parts = path.relative_to(source).parts
        left_behind = {"__pycache__", *_NOT_DEPLOYED, *_CHALICE_KEEPS} & set(parts)
        if path.is_file() and not left_behind and not any(fnmatch(part, ".*_cache") for part in parts):
            yield path


def digests(source: Path) -> dict[str, str]:
    """The SHA-256 of each source by its path below `source`."""
    return {
        path.relative_to(source).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sources(source)
    }


def zipped(source: Path) -> bytes:
    """The sources of a project in a zip."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sources(source):
            archive.write(path, path.relative_to(source).as_posix())
    return made.getvalue()


def unzipped(data: bytes, target: Path) -> None:
    """Write the sources of a zip below `target`."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(target)


def package(target: Path) -> Path:
    """The zip that Chalice made, or would reuse, for the prepared project `target` and this Python."""
    files = OSUtils()
    packager = LambdaDeploymentPackager(files, DependencyBuilder(files), UI())
    return Path(packager.deployment_package_filename(str(target), Config().lambda_python_version))
