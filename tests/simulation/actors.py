"""Who acts in the story, and goes on by himself: device, processors, S3's events, the schedule.

A device's or a processor's run that comes to pieces is made again. An event that fails is lost, like any that nobody
hears; the schedule runs on whatever became of its last round.
"""

import json

from chalicelib.core.ids import ArtifactId
from chalicelib.core.settle import Actor
from chalicelib.flows import completion, uploads
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.s3_events import settle_created
from tests.simulation.stage import Stage
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts
from tests.support.films import make_film
from tests.support.memory import crc64nvme_of

MADE = {
    story.VIDEO: make_film(sum(story.LASTING_MS)),
    story.LIGHTS: json.dumps({"frames": [story.FRAMES[0], story.FRAMES[-1]]}).encode(),
}
POISON = {**MADE, story.LIGHTS: b'{"frames": ['}


def hauls(stage: Stage) -> None:
    """A device brings every chapter, and tries again until it is through; S3 takes the parts from it."""
    stage.insist(lambda ports: story.haul(ports, plain=stage.plain))


def writes_outputs(stage: Stage) -> None:
    """A processor to whom an order came writes to the bucket by itself, without the coordinator."""
    for message in stage.plain.orders.sent:
        story.process(stage.plain, MADE, message["order"])


def writes_outputs_without_crc64nvme(stage: Stage) -> None:
    """A processor whose SDK had S3 keep another checksum."""
    if stage.plain.orders.sent:
        for artifact_id, body in MADE.items():
            if not stage.plain.objects.head(story.key_of(artifact_id)):
                stage.plain.objects.put_without_crc64nvme(story.key_of(artifact_id), body)
        story.process(stage.plain, MADE)


def uploads_outputs(stage: Stage) -> None:
    """A processor to whom an order came sends its outputs through the API; a failed run has the order come again."""
    if stage.plain.orders.sent:
        stage.insist(lambda ports: _uploads_each(ports, stage.plain))


def _uploads_each(ports: MemoryPorts, plain: MemoryPorts) -> None:
    for artifact_id, body in MADE.items():
        upload_output(ports, artifact_id, body, plain)


def upload_output(ports: MemoryPorts, artifact_id: ArtifactId, body: bytes, plain: MemoryPorts) -> None:
    """One output through the API; its parts go to S3 itself."""
    view, _ = uploads.open_upload(ports, story.PROCESSOR, SESSION_ID, artifact_id, len(body), None)
    upload = view.upload
    if upload.receipt:
        return
    size = upload.plan.part_size_bytes
    for number in upload.plan.numbers:
        part = body[(number - 1) * size : number * size]
        plain.objects.put_part(upload.key, upload.multipart_id, number, part)
    completion.complete_upload(ports, story.PROCESSOR, upload.upload_id, crc64nvme_of(body))


def hears(stage: Stage) -> None:
    """S3 tells of everything that stands, each object by an event of its own."""
    made = [story.key_of(each, message["order"]) for each in MADE for message in stage.plain.orders.sent]
    for key in (*story.original_keys(), *dict.fromkeys(made)):
        if stage.plain.objects.head(key):
            _tell(stage, key)


def hears_nothing(_stage: Stage) -> None:
    """Every event is lost."""


def _tell(stage: Stage, key: str) -> None:
    event = {"Records": [{"s3": {"object": {"key": key}}}]}
    actor = Actor.MADE_EVENT if key.startswith("measurements/") else Actor.EVENT
    stage.play(lambda ports: settle_created(ports, event, actor))


def reconciles(stage: Stage, after_s: float = 1) -> None:
    stage.plain.clock.advance(after_s)
    stage.play(lambda ports: reconcile(ports, 60))


def grace_passes(stage: Stage) -> None:
    """The grace, and the patience after which a session that could not be cleaned is looked at again."""
    policy = stage.plain.policy
    reconciles(stage, policy.grace_s)
    reconciles(stage, policy.cleanup_patience_s)


def copies(stage: Stage) -> None:
    """Rounds in which S3 copies; a marker that was on its way has arrived by then."""
    reconciles(stage, stage.plain.policy.in_flight_s)
    reconciles(stage, 300)
