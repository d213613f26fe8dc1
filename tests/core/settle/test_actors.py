"""Who may carry out what: the table "Who acts" of the architecture, row by row."""

import pytest

from chalicelib.core.settle import (
    ALLOWED,
    Abort,
    AbortLanding,
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
    DropLanding,
    EndLanding,
    EndRestore,
    Expire,
    Fail,
    Finish,
    GiveUp,
    IndexLargeMeasurements,
    IndexMeasurements,
    Inspect,
    Land,
    Lose,
    MoveLanding,
    PlanCleanup,
    Process,
    Quarantine,
    Recall,
    RecordScan,
    RefuseLanding,
    Reject,
    Remove,
    RemoveIndex,
    RemoveRemains,
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

RECORDS = {Wake, Doubt, Verify, Store, SendOrder, VerifyOutput, RecordScan, Fail, Process}
ENDS_WITHOUT_DELETING = {Complete, Withdraw, Expire, Land, RefuseLanding, MoveLanding}
ONLY_ON_A_SCHEDULE = {Rest}
REACHES_FOR_OBJECTS = {
    Abort,
    AbortLanding,
    DropLanding,
    EndLanding,
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
REMOVES_OLD_REVISIONS = {RemoveIndex, RemoveRemains}
ITS_ALARM_MUST_BE_HEARD = {Lose, RecordScan}
ACTS_ON_WHAT_IT_SEES = (
    RECORDS | ENDS_WITHOUT_DELETING | {RequestIndex, Quarantine} | REACHES_FOR_OBJECTS | ONLY_ON_A_SCHEDULE
)


@pytest.mark.parametrize(
    ("actor", "allowed"),
    [
        (Actor.API, RECORDS | ENDS_WITHOUT_DELETING),
        (Actor.EVENT, RECORDS),
        (Actor.MADE_EVENT, RECORDS | {IndexMeasurements, IndexLargeMeasurements, Quarantine}),
        (
            Actor.RECONCILER,
            ACTS_ON_WHAT_IT_SEES | {IndexMeasurements} | REMOVES_OLD_REVISIONS | ITS_ALARM_MUST_BE_HEARD,
        ),
        # Where an operator's command runs there need be no writer of the lake.
        (Actor.OPERATOR, ACTS_ON_WHAT_IT_SEES - ITS_ALARM_MUST_BE_HEARD),
    ],
)
def test_each_actor_carries_out_exactly_what_its_role_allows(actor: Actor, allowed: set[type]):
    assert set(ALLOWED[actor]) == allowed


def test_every_action_has_somebody_who_carries_it_out():
    assert {each for allowed in ALLOWED.values() for each in allowed} == set(Action.__args__)
    assert set(ALLOWED) == set(Actor)


@pytest.mark.parametrize("actor", [each for each in Actor if each not in (Actor.RECONCILER, Actor.OPERATOR)])
def test_nobody_but_the_reconciler_and_operators_reaches_for_an_object_or_its_parts(actor: Actor):
    assert not REACHES_FOR_OBJECTS & set(ALLOWED[actor])


@pytest.mark.parametrize("actor", [each for each in Actor if each is not Actor.RECONCILER])
def test_nobody_but_the_reconciler_removes_old_revisions(actor: Actor):
    assert not REMOVES_OLD_REVISIONS & set(ALLOWED[actor])
