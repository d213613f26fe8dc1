"""Damage and the weekly scrub: what an action leaves on record and in S3, and what it reports."""

import pytest
from msgspec.structs import replace

from chalicelib.core import settle
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import ArtifactId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Lost
from chalicelib.flows.actions import carry_out
from tests.core.settle import cases
from tests.core.settle.cases import LIGHTS, ORIGINALS, VIDEO, upload_of, verified
from tests.flows.actions.acted import Acted
from tests.flows.actions.arranged import FIRST, NOW, put, world, written

# Damage


def loss(picture: Picture, artifact_id: ArtifactId, good: str | None = None) -> tuple[settle.Lose, Lost]:
    receipt = picture.receipt(artifact_id)
    assert receipt
    lost = Lost(artifact_id, receipt.version_id, "one bit flipped", NOW)
    return settle.Lose(receipt, "one bit flipped", good), lost


@pytest.mark.parametrize(
    ("artifact_id", "event"), [(FIRST, "original lost"), (LIGHTS, "artifact lost"), (VIDEO, "artifact lost")]
)
def test_a_loss_is_an_error_that_names_the_version(acted: Acted, artifact_id: ArtifactId, event: str):
    before = cases.made_session().picture
    action, lost = loss(before, artifact_id)

    after = acted.carry_out(world(before), action)

    assert after.session == written(before.session.losing(lost))
    assert acted.reported == (
        "ERROR",
        event,
        {"artifact_id": artifact_id, "version_id": lost.version_id, "reason": "one bit flipped"},
    )


def test_a_loss_during_a_cleanup_brings_back_all_other_originals(acted: Acted):
    before = cases.intended().picture
    action, lost = loss(before, FIRST)

    after = acted.carry_out(world(before), action)

    assert after.session == written(
        before.session.losing(lost).bringing_back(ORIGINALS[1:], "one bit flipped", NOW)
    )


def test_a_loss_with_a_good_version_is_repaired_from_it(acted: Acted):
    before = cases.made_session().session(cleaned=("v-good", "v-other"), restoring=ORIGINALS).picture
    action, lost = loss(before, FIRST, "v-good")

    after = acted.carry_out(world(before), action)

    session = before.session.losing(lost).brought_back(FIRST, "v-good")
    assert after.session == written(session.repairing((FIRST,), "one bit flipped", NOW))
    assert after.session.cleaned == ("v-other",)
    assert acted.reported.message == "original damaged"


def test_a_lost_output_that_a_processor_uploaded_is_never_removed():
    picture = cases.stored_session().picture
    upload = verified(upload_of(picture, VIDEO))
    before = picture.with_upload(upload)

    after = carry_out(world(before), before, loss(before, VIDEO)[0])

    assert not after.upload(upload.upload_id).owes_removal


# The weekly scrub


def test_a_scrub_is_on_record_with_its_time(acted: Acted):
    before = cases.made_session().picture
    ports = world(before)

    after = acted.carry_out(ports, settle.Scrubbed())

    assert after.session == written(before.session.scrubbed(NOW))
    assert acted.reported == ("INFO", "originals scrubbed", {})
    assert ports.metrics.counts["originals.scrubbed"] == 1


def test_a_repair_is_an_error_with_its_reason(acted: Acted):
    before = cases.made_session().picture

    after = acted.carry_out(world(before), settle.Repair((FIRST,), "gone"))

    assert after.session == written(before.session.repairing((FIRST,), "gone", NOW))
    assert acted.reported == ("ERROR", "original damaged", {"reason": "gone"})


def test_a_foreign_object_is_hidden_and_reported_and_never_another_version_of_it(acted: Acted):
    before = cases.made_session().picture
    ports = world(before)
    stored = put(ports, before.key(FIRST))

    with pytest.raises(Conflict, match=r"^another version is on the key by now; look again$"):
        carry_out(ports, before, settle.Displace(FIRST, replace(stored, version_id="earlier")))
    acted.carry_out(ports, settle.Displace(FIRST, stored))

    assert ports.objects.head(stored.key) is None
    assert acted.reported == (
        "ERROR",
        "foreign object hidden",
        {"artifact_id": FIRST, "key": stored.key, "version_id": stored.version_id},
    )
