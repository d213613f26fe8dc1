"""Proof at rest: which receipts the stored bytes must still bear out, and what is owed where they do not.

A checksum that S3 once computed says nothing of the bytes that it has today: somebody must read them again.
"""

from collections.abc import Iterator

from chalicelib.core import artifact
from chalicelib.core.artifact import Kind
from chalicelib.core.ids import ArtifactId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Damage, Origin, SessionState
from chalicelib.core.settle.actions import Lose
from chalicelib.core.upload import Receipt


def at_rest(picture: Picture) -> tuple[Receipt, ...]:
    """The receipts of all that should exist, of every order; by key.

    What a cleanup removes is left out, and so is what a restore brings back. Sidecars are left out: a finding would
    change nothing.
    """
    restoring = picture.session.restoring
    found = (
        receipt
        for receipt in _last_receipts(picture)
        if receipt.version_id not in picture.gone_versions and receipt.artifact_id not in restoring
    )
    return tuple(sorted(found, key=lambda receipt: receipt.key))


def _last_receipts(picture: Picture) -> Iterator[Receipt]:
    return (each for each in picture.last_receipts if not artifact.is_sidecar(each.artifact_id))


def earlier_versions(picture: Picture, receipt: Receipt) -> tuple[Receipt, ...]:
    """The earlier receipts of the same bytes on the same key, the newest first: S3 may still hold their versions."""
    known = [each for each in picture.receipts_at(receipt.key) if each.version_id != receipt.version_id]
    same = (each for each in known if each.crc64nvme == receipt.crc64nvme)
    return tuple(reversed(tuple(same)))


def may_be_proven(picture: Picture) -> bool:
    """Whether all that should exist can be read: as long as something is brought back, it cannot."""
    return not picture.session.restoring


def undecided(picture: Picture) -> Iterator[tuple[Damage, Receipt]]:
    """The findings about versions that still count as verified and that no cleanup has removed for good.

    A version that an intent names is among them: its cleanup must stop.
    """
    session = picture.session
    if not session.damage:
        return
    by_version = {receipt.version_id: receipt for receipt in _last_receipts(picture)}
    for damage in session.damage:
        if damage.version_id in by_version and damage.version_id not in session.cleaned:
            yield damage, by_version[damage.version_id]


def owed_to_damage(picture: Picture) -> Iterator[Lose]:
    """Give up each version that was found damaged; from an earlier one where that is whole."""
    for damage, receipt in undecided(picture):
        earlier = [each.version_id for each in earlier_versions(picture, receipt)]
        good = damage.good_version_id if damage.good_version_id in earlier else None
        yield Lose(receipt, f"damaged in S3: {damage.fault}", good)


def remedy(picture: Picture, artifact_id: ArtifactId) -> str:
    """What can be done next about an artifact that was lost."""
    session, kind = picture.session, artifact.kind_of(artifact_id)
    if artifact_id in session.restoring:
        return "an earlier version of it is whole, and the coordinator copies it back: wait"
    if kind is Kind.ORIGINAL:
        made = ", ".join(sorted({receipt.artifact_id for receipt in picture.made}))
        stands = f"; what was made of it before stands: {made}" if made else ""
        if session.origin is Origin.BROWSER:
            return f"keep the film where it was uploaded from, and upload it again into this session{stands}"
        return (
            f"keep the card of camera {session.camera.serial} and haul the session again with device "
            f"{session.device_id}{stands}"
        )
    if session.state is SessionState.CLEANED:
        return "restore the originals while S3 keeps them, release the session, then order it again"
    if picture.lost_originals:
        return "haul the lost originals again, then order the session again"
    return "order the session again: its originals stand"
