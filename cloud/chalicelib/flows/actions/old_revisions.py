"""Remove old revisions of an index and of its files in the lake; the order of the steps makes each safe to repeat.

A recorded removal hides the revision from readers. The revision is not published again before its removal has ended:
objects that an attempt wrote in the meantime would be removed too.
"""

from msgspec.structs import replace

from chalicelib.core.errors import Conflict
from chalicelib.core.events import Event
from chalicelib.core.measurements.index import revision_of
from chalicelib.core.picture import Picture
from chalicelib.core.settle import RemoveIndex, RemoveRemains
from chalicelib.flows.store import report, save
from chalicelib.ports import Ports


def remove_index(ports: Ports, picture: Picture, action: RemoveIndex) -> Picture:
    """Record the removal, remove every object, record the end. Raises Conflict when somebody wrote the session first.

    The first write succeeds only on a picture in which a newer index is published: no reader loses what he is given.
    """
    from chalicelib.flows.measurement_index import objects_of  # the API starts without it

    index = action.index
    if index not in [each for each, _ in picture.superseded()]:
        raise Conflict("no newer index has replaced this one; decide again")
    if index.removing_since is None:
        index = replace(index, removing_since=ports.clock.now())
        picture = save(ports, picture, index=index)
    keys = objects_of(picture.session, index)
    for key in keys:
        ports.frame_index.remove(key)
    picture = save(ports, picture, index=replace(index, removed_at=ports.clock.now()))
    return report(
        ports,
        picture,
        Event.INDEX_REMOVED,
        artifact_id=index.artifact_id,
        revision=index.revision,
        objects=len(keys),
    )


def remove_remains(ports: Ports, picture: Picture, action: RemoveRemains) -> Picture:
    """Remove what the attempts may have left, then forget them: a crash in between repeats it."""
    from chalicelib.flows.measurement_index import possible_objects  # the API starts without it

    session, artifact_id = picture.session, action.artifact_id
    revision = revision_of(action.version_id)
    known = picture.index_at(artifact_id, revision) if artifact_id else None
    # Under a published revision there are no remains; one that is removed is removed whole.
    if artifact_id and (known is None or not known.is_published):
        for key in possible_objects(session, artifact_id, revision):
            ports.frame_index.remove(key)
    return save(ports, picture, session=session.without_attempts(action.version_id))
