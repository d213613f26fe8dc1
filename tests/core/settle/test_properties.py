"""Whatever is recorded and seen: nothing is cleaned without proof, and no decision comes for ever."""

from collections import Counter

from hypothesis import event, given, settings

from chalicelib.core.session import SessionState
from chalicelib.core.settle import (
    Action,
    Clean,
    ConfirmOutputs,
    EndRestore,
    Finish,
    PlanCleanup,
    Recall,
    Rest,
    StartRestore,
    VerifyOutput,
    due_uploads,
)
from chalicelib.core.settle.outputs import awaits_outputs
from tests.core.settle.cases import POLICY, Case
from tests.core.settle.effects import carried_out
from tests.core.settle.generators import CASES, EVERY, SIDECAR_ID, SIDECARS, Change
from tests.core.settle.proofs import demand_open_gates, demand_verified_and_current

DELETES = (PlanCleanup, Clean)
AIMED = settings(max_examples=300, deadline=None)


def test_the_generator_reaches_the_deleting_branches():
    reached: Counter[str] = Counter()

    @settings(max_examples=500, derandomize=True, deadline=None)
    @given(CASES)
    def walk(case: Case) -> None:
        kinds = set(case.kinds())
        reached.update(kinds)
        reached["cases"] += 1
        reached["deletes"] += bool(kinds & {"PlanCleanup", "Clean"})

    walk()

    assert reached["deletes"] >= 0.2 * reached["cases"]
    assert all(
        reached[kind]
        for kind in (
            "PlanCleanup",
            "Clean",
            "Finish",
            "ConfirmOutputs",
            "Recall",
            "StartRestore",
            "EndRestore",
        )
    )


@AIMED
@given(CASES)
def test_nothing_is_cleaned_without_every_proof(case: Case):
    owed = case.owed()
    found = [action for action in owed if isinstance(action, DELETES)]
    event("deletes" if found else "keeps")

    for action in found:
        demand_open_gates(case)
        doomed = action.doomed if isinstance(action, PlanCleanup) else (action.doomed,)
        assert doomed
        for each in doomed:
            demand_verified_and_current(case, each)
        if isinstance(action, Clean):
            cleanup = case.picture.session.cleanup
            assert cleanup is not None
            assert action.doomed in cleanup.doomed
        else:
            assert case.picture.session.cleanup is None
    if found:
        # Decided on this very picture: nothing done before it in the same breath has changed it.
        assert {type(action) for action in owed} in ({Clean}, {PlanCleanup})


@settings(max_examples=150, deadline=None)
@given(EVERY, SIDECARS)
def test_an_upload_of_a_sidecar_changes_nothing_that_is_owed_to_anything_else(case: Case, upload: Change):
    before, after = _owed_to_others(case), _owed_to_others(upload(case))
    event("both clean" if any(isinstance(action, DELETES) for action in before) else "neither cleans")

    assert after == before


def _owed_to_others(case: Case) -> list[Action]:
    """What is owed, that to the sidecar and uploads that only rest aside."""
    owed = (action for action in case.owed() if not isinstance(action, Rest))
    return [action for action in owed if getattr(action, "upload_id", None) != SIDECAR_ID]


@AIMED
@given(CASES)
def test_what_one_decision_cleans_stays_within_what_the_day_leaves(case: Case):
    sizes = [action.doomed.size_bytes for action in case.owed() if isinstance(action, Clean)]
    spent, limit = case.facts.spent, POLICY.cleanup_limit

    if sizes:
        assert spent is not None
        assert spent.objects + len(sizes) <= limit.objects
        assert spent.size_bytes + sum(sizes) <= limit.size_bytes


@AIMED
@given(CASES)
def test_a_cleanup_is_finished_only_when_all_of_it_was_looked_at_and_is_gone(case: Case):
    if any(isinstance(action, Finish) for action in case.owed()):
        cleanup = case.picture.session.cleanup
        assert cleanup is not None
        assert [case.facts.stored[each.key] for each in cleanup.doomed] == [None] * len(cleanup.doomed)
        assert case.picture.session.state is SessionState.PROCESSED


@AIMED
@given(EVERY)
def test_of_what_was_not_looked_at_nothing_is_decided(case: Case):
    seen = case.facts.stored
    for action in case.owed():
        match action:
            case EndRestore() | StartRestore():
                assert case.key(action.artifact_id) in seen
            case VerifyOutput():
                assert seen[case.key(action.artifact_id)] == action.stored
            # A cleanup that did not finish in time is called off whatever its outputs are.
            case ConfirmOutputs() | Recall() if case.picture.session.state is SessionState.CLEANED:
                receipts = [case.picture.receipt(each) for each in case.picture.required]
                assert all(receipt.key in seen for receipt in receipts if receipt)
            case PlanCleanup():
                assert all(receipt.key in seen for receipt in action.evidence)
            case _ if hasattr(action, "upload_id"):
                assert action.upload_id in case.facts.uploads


@AIMED
@given(EVERY)
def test_the_same_facts_always_decide_the_same(case: Case):
    turned = case.told(
        stored=dict([*case.facts.stored.items()][::-1]),
        uploads=dict([*case.facts.uploads.items()][::-1]),
    )

    assert case.owed() == case.owed() == turned.owed()


def as_looked_at(case: Case) -> Case:
    """Nobody asks for a manifest that nobody awaits."""
    return case if awaits_outputs(case.picture) else case.told(manifest=None)


@AIMED
@given(EVERY)
def test_whatever_is_owed_is_due(case: Case):
    case = as_looked_at(case)
    # An upload that owes nothing or rests is not looked at either.
    looked_at = {upload.upload_id for upload in due_uploads(case.picture, case.now, case.policy)}
    case = case.told(uploads={key: seen for key, seen in case.facts.uploads.items() if key in looked_at})
    due = case.due()

    if case.owed():
        assert due is not None
        assert due <= case.now


@AIMED
@given(EVERY)
def test_what_was_carried_out_is_not_owed_again(case: Case):
    for action in case.owed():
        done = carried_out(case, action)
        event(type(action).__name__)
        if done:
            assert action not in done.owed()
