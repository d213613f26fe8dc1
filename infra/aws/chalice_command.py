"""`chalice` as it is, except that a deploy that fails records what it had made until then.

Chalice writes `.chalice/deployed/STAGE.json` only when all went well; without the id of an API that it made, the next
deploy makes a second one. The deploy runs this text in a process of its own: it imports nothing of the project.
"""

import json
import os
import sys
from typing import Any

from chalice.cli import main
from chalice.deploy.deployer import Deployer

_deploy = Deployer._deploy


def _keep_on_failure(self: Deployer, config: Any, chalice_stage_name: str) -> Any:
    try:
        return _deploy(self, config, chalice_stage_name)
    except BaseException:
        _record(self._executor.resource_values, config.project_dir, chalice_stage_name)
        raise


def _record(made: list[dict[str, Any]], project: str, stage: str) -> None:
    """Write what is deployed: what was recorded before, and over it what this run made."""
    path = os.path.join(project, ".chalice", "deployed", f"{stage}.json")
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except FileNotFoundError:
        document = {"resources": [], "schema_version": "2.0", "backend": "api"}
    known = {each["name"]: each for each in document["resources"]}
    for each in made:
        known[each["name"]] = {**known.get(each["name"], {}), **each}
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**document, "resources": list(known.values())}, file, indent=2)


Deployer._deploy = _keep_on_failure  # type: ignore[method-assign]  # the one thing that is not Chalice's
sys.exit(main())
