"""The coordinator, asked as an operator asks it; its events and its schedule."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from chalicelib.core.tokens import Role
from infra.local.demo.commands import SESSION, token_file
from infra.local.demo.story import DemoFailed, Story
from infra.local.stack import World

EVENTS_S = 30.0
RECORD_OF_ROUND = Counter({"PutItem": 1})
"""Each round records when it ran and what it did."""


@dataclass(frozen=True)
class SessionReader:
    """The deployed coordinator's documents of the session."""

    world: World
    workdir: Path

    def get(self, path: str = "", **query: Any) -> Any:
        """The answer to GET below the session. Raises DemoFailed."""
        token = token_file(self.world, self.workdir, Role.OPERATOR).read_text().strip()
        url = f"{self.world.coordinator_url}/v1/sessions/{SESSION}{path}"
        answer = _get(url, params=query, headers={"Authorization": f"Bearer {token}"})
        if answer.status_code != 200:
            raise DemoFailed(f"GET {path or '/'} answers {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    def read(self, artifact_id: str) -> bytes:
        """An artifact at its presigned address."""
        return fetched(self.get(f"/artifacts/{artifact_id}/url")["url"])

    def settled(self, what: str) -> None:
        """All events of `what` are delivered. Raises DemoFailed."""
        if not self.world.settled(EVENTS_S):
            raise DemoFailed(f"the events of {what} were not delivered within {EVENTS_S} s")

    def reconcile(self) -> int:
        """One tick of the schedule: how many requests wrote into table or bucket, the round's own record aside.

        Raises DemoFailed.
        """
        before = self.world.aws.writes.counts.copy()
        outcome = self.world.run_schedule("reconcile")
        if outcome.error:
            raise DemoFailed(f"the reconciler failed: {outcome.error.message}")
        self.settled("the reconciler")
        return (self.world.aws.writes.counts - before - RECORD_OF_ROUND).total()

    def orders(self, story: Story) -> int:
        """How many orders the queue holds; each original is read at its presigned address."""
        self.settled("the haul")
        queue = self.world.aws.client("sqs")
        received = queue.receive_message(
            QueueUrl=self.world.aws.outputs["OrderQueue"], MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        messages = [json.loads(message["Body"]) for message in received.get("Messages", ())]
        for message in messages:
            _tell(story, message)
        return len(messages)


def fetched(url: str) -> bytes:
    """Raises DemoFailed."""
    answer = _get(url)
    if answer.status_code != 200:
        raise DemoFailed(f"a presigned address answers {answer.status_code}")
    return answer.content


def _get(url: str, **query: Any) -> requests.Response:
    with requests.Session() as session:
        # A netrc's entry for every host would replace the token, and spoil a presigned address.
        session.trust_env = False
        return session.get(url, timeout=60, **query)


def _tell(story: Story, message: Mapping[str, Any]) -> None:
    story.line(f"order {message['order']} of {message['session_id']}: {', '.join(message['required'])}")
    for original in message["originals"]:
        size_bytes = len(fetched(original["url"]))
        story.line(f"{original['filename']}: {size_bytes} bytes at its presigned address")
