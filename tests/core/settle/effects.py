"""What a session is after an action was carried out, as far as records tell."""

from msgspec.structs import replace

from chalicelib.core.cleanup import Cleanup
from chalicelib.core.ids import UploadId
from chalicelib.core.session import Session
from chalicelib.core.settle import (
    Abort,
    Action,
    Clean,
    ConfirmOutputs,
    Doubt,
    EndRestore,
    Expire,
    Fail,
    Finish,
    GiveUp,
    IndexMeasurements,
    PlanCleanup,
    Process,
    Recall,
    Reject,
    Remove,
    Rest,
    SendOrder,
    StartRestore,
    Store,
    Verify,
    VerifyOutput,
    Wake,
    Withdraw,
    rest_until,
)
from chalicelib.core.upload import Upload
from tests.core.settle.cases import (
    Case,
    index_of,
    receipt_of,
    upload_of,
)


def carried_out(case: Case, action: Action) -> Case | None:
    """The case after the action's effect is recorded; None for what needs S3 to answer."""
    session = session_after(case, action)
    upload = upload_after(case, action)
    if session or upload:
        case = case.after(session) if session else case
        return case.uploaded(upload) if upload else case
    match action:
        case VerifyOutput():
            receipt = receipt_of(
                case.picture,
                action.artifact_id,
                action.stored.size_bytes,
                version_id=action.stored.version_id,
            )
            return case.recorded(receipts=(*case.picture.receipts, receipt))
        case IndexMeasurements():
            return case.recorded(indexes=(*case.picture.indexes, index_of(action.receipt)))
        case Doubt():
            upload = case.picture.upload(action.upload_id)
            until = rest_until(upload, case.picture, case.now, case.policy)
            return case.uploaded(upload.doubted(case.now, until))
        case Rest():
            for upload_id in action.upload_ids:
                upload = case.picture.upload(upload_id)
                case = case.uploaded(upload.rested(rest_until(upload, case.picture, case.now, case.policy)))
            return case
        case Clean():
            return case.seen(action.doomed.key, None)
    return None


def session_after(case: Case, action: Action) -> Session | None:
    session, now = case.picture.session, case.now
    match action:
        case Fail():
            return session.failed(action.reason)
        case PlanCleanup():
            return session.intending(Cleanup(now, action.doomed, action.evidence))
        case Recall():
            return session.bringing_back(action.artifact_ids, action.reason, now)
        case EndRestore():
            return session.brought_back(action.artifact_id, action.stands)
        case SendOrder():
            assert session.order
            return replace(session, order=session.order.sent(now))
    moves = {
        Store: session.stored,
        Process: lambda: session.processed(now),
        Finish: lambda: session.after_cleanup(now),
        ConfirmOutputs: session.guarded,
    }
    return moves[type(action)]() if type(action) in moves else None


def upload_after(case: Case, action: Action) -> Upload | None:
    match action:
        case Verify():
            return case.picture.upload(action.upload_id).verified(action.stored, case.now)
        case Expire():
            return case.picture.upload(action.upload_id).expired(action.reason, case.now)
        case Reject():
            return case.picture.upload(action.upload_id).rejected(action.reason, case.now)
        case GiveUp():
            return case.picture.upload(action.upload_id).given_up()
        case Withdraw():
            return case.picture.upload(action.upload_id).unpromised()
        case Abort():
            return case.picture.upload(action.upload_id).aborted()
        case Remove():
            return case.picture.upload(action.upload_id).removed(case.now)
        case Wake():
            return case.picture.upload(action.upload_id).woken()
        case StartRestore():
            receipt = case.receipt(action.artifact_id)
            copy = upload_of(case.picture, action.artifact_id, receipt.size_bytes, copies=receipt.version_id)
            return replace(copy, upload_id=UploadId("u_copy"), opened_at=case.now)
    return None
