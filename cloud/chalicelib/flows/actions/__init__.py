"""Carry out what `settle` decided: one function an action, each ending in the picture that it left."""

from typing import assert_never

from chalicelib.core import settle
from chalicelib.core.picture import Picture
from chalicelib.core.settle import Action
from chalicelib.flows.actions import (
    checksums,
    cleaning,
    damage,
    landings,
    measurements,
    old_revisions,
    outputs,
    scanning,
    scrubbing,
    uploads,
)
from chalicelib.ports import Ports


def carry_out(ports: Ports, picture: Picture, action: Action) -> Picture:  # noqa: C901, PLR0911, PLR0912  a case for each action
    """The picture after `action`. Raises Conflict when somebody wrote the session first."""
    match action:
        case settle.Complete():
            return uploads.complete(ports, picture, action)
        case settle.Verify():
            return uploads.verify(ports, picture, action)
        case settle.Withdraw():
            return uploads.withdraw(ports, picture, action)
        case settle.Expire():
            return uploads.expire(ports, picture, action)
        case settle.Reject():
            return uploads.reject(ports, picture, action)
        case settle.GiveUp():
            return uploads.give_up(ports, picture, action)
        case settle.Abort():
            return uploads.abort(ports, picture, action)
        case settle.Remove():
            return uploads.remove(ports, picture, action)
        case settle.CopyParts():
            return uploads.copy_parts(ports, picture, action)
        case settle.Doubt():
            return uploads.doubt(ports, picture, action)
        case settle.Rest():
            return uploads.rest(ports, picture, action)
        case settle.Wake():
            return uploads.wake(ports, picture, action)
        case settle.Land():
            return landings.land(ports, picture, action)
        case settle.RefuseLanding():
            return landings.refuse(ports, picture, action)
        case settle.EndLanding():
            return landings.end(ports, picture, action)
        case settle.AbortLanding():
            return landings.abort(ports, picture, action)
        case settle.MoveLanding():
            return landings.move(ports, picture, action)
        case settle.DropLanding():
            return landings.drop(ports, picture, action)
        case settle.Store():
            return outputs.store(ports, picture, action)
        case settle.SendOrder():
            return outputs.send_order(ports, picture, action)
        case settle.VerifyOutput():
            return outputs.verify_output(ports, picture, action)
        case settle.RecordScan():
            return scanning.record_scan(ports, picture, action)
        case settle.ComputeChecksum():
            return checksums.compute(ports, picture, action)
        case settle.DropChecksumCopy():
            return checksums.drop(ports, picture, action)
        case settle.IndexMeasurements() | settle.IndexLargeMeasurements():
            return measurements.index(ports, picture, action)
        case settle.RequestIndex():
            return measurements.request_index(ports, picture, action)
        case settle.Quarantine():
            return measurements.quarantine(ports, picture, action)
        case settle.RemoveIndex():
            return old_revisions.remove_index(ports, picture, action)
        case settle.RemoveRemains():
            return old_revisions.remove_remains(ports, picture, action)
        case settle.Fail():
            return outputs.fail(ports, picture, action)
        case settle.Process():
            return outputs.process(ports, picture, action)
        case settle.Inspect():
            return cleaning.inspect(ports, picture, action)
        case settle.PlanCleanup():
            return cleaning.plan_cleanup(ports, picture, action)
        case settle.Clean():
            return cleaning.clean(ports, picture, action)
        case settle.Finish():
            return cleaning.finish(ports, picture, action)
        case settle.ConfirmOutputs():
            return cleaning.confirm_outputs(ports, picture, action)
        case settle.Recall():
            return cleaning.recall(ports, picture, action)
        case settle.Scrubbed():
            return scrubbing.record_scrub(ports, picture, action)
        case settle.Repair():
            return scrubbing.repair(ports, picture, action)
        case settle.Lose():
            return damage.lose(ports, picture, action)
        case settle.StartRestore():
            return cleaning.start_restore(ports, picture, action)
        case settle.Displace():
            return scrubbing.displace(ports, picture, action)
        case settle.EndRestore():
            return cleaning.end_restore(ports, picture, action)
        case _:
            assert_never(action)
