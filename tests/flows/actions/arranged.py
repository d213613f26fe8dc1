"""What actions are carried out on: what is recorded, and what S3 has, nine days after a session began."""

from datetime import timedelta

from chalicelib.core.picture import Picture
from chalicelib.core.session import Session
from chalicelib.core.upload import StoredObject
from tests.core.settle.cases import ORIGINALS
from tests.support.builders import START, MemoryPorts, memory_ports, recorded

NOW = START + timedelta(days=9)
FIRST = ORIGINALS[0]
BODY = b"an object"


def world(picture: Picture) -> MemoryPorts:
    return memory_ports(picture, now=NOW)


def session_of(ports: MemoryPorts) -> Session:
    return recorded(ports).session


def written(session: Session) -> Session:
    """`session` after the one write of an action."""
    return session.bumped()


def put(ports: MemoryPorts, key: str, body: bytes = BODY) -> StoredObject:
    """An object that nobody of the record wrote."""
    ports.objects.put_object(key, body)
    stored = ports.objects.head(key)
    assert stored
    return stored
