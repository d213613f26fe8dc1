"""Who may carry out what: the table "Who acts" of the architecture, row by row."""

import pytest

from chalicelib.core.settle import (
    ALLOWED,
    Abort,
    Action,
    Actor,
    Clean,
    Complete,
    ComputeChecksum,
    ConfirmOutputs,
    CopyParts,
    Displace,
    Doubt,
    DropChecksumCopy,
    EndRestore,
    Expire,
    Fail,
    Finish,
    GiveUp,
    IndexLargeMeasurements,
    IndexMeasurements,
    Inspect,
    PlanCleanup,
    Process,
    Quarantine,
    Recall,
    Reject,
    Remove,
    Repair,
    RequestIndex,
    Rest,
    Scrubbed,
    SendOrder,
    StartRestore,
    Store,
    Verify,
    VerifyOutput,
    Wake,
    Withdraw,
)

RECORDS = {Wake, Doubt, Verify, Store, SendOrder, VerifyOutput, Fail, Process}
ENDS_WITHOUT_DELETING = {Complete, Withdraw, Expire}
ONLY_ON_A_SCHEDULE = {Rest}
REACHES_FOR_OBJECTS = {
    Abort,
    Reject,
    GiveUp,
    Remove,
    Inspect,
    PlanCleanup,
    Clean,
    Finish,
    ConfirmOutputs,
    Recall,
    StartRestore,
    CopyParts,
    EndRestore,
    ComputeChecksum,
    DropChecksumCopy,
    Scrubbed,
    Repair,
    Displace,
}


@pytest.mark.parametrize(
    ("actor", "allowed"),
    [
        (Actor.API, RECORDS | ENDS_WITHOUT_DELETING),
        (Actor.EVENT, RECORDS),
        (Actor.MADE_EVENT, RECORDS | {IndexMeasurements, IndexLargeMeasurements, Quarantine}),
        (
            Actor.RECONCILER,
            RECORDS
            | ENDS_WITHOUT_DELETING
            | {IndexMeasurements, RequestIndex, Quarantine}
            | REACHES_FOR_OBJECTS
            | ONLY_ON_A_SCHEDULE,
        ),
    ],
)
def test_each_actor_carries_out_exactly_what_its_role_allows(actor: Actor, allowed: set[type]):
    assert set(ALLOWED[actor]) == allowed


def test_every_action_has_somebody_who_carries_it_out():
    assert {each for allowed in ALLOWED.values() for each in allowed} == set(Action.__args__)
    assert set(ALLOWED) == set(Actor)


@pytest.mark.parametrize("actor", [actor for actor in Actor if actor is not Actor.RECONCILER])
def test_nobody_but_the_reconciler_reaches_for_an_object_or_its_parts(actor: Actor):
    assert not REACHES_FOR_OBJECTS & set(ALLOWED[actor])
