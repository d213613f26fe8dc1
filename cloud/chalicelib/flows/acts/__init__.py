"""Carrying out what `settle` decided: one function an action, each ending in the picture that it left."""

from collections.abc import Callable, Mapping

from chalicelib.core import settle
from chalicelib.core.picture import Picture
from chalicelib.core.settle import Action
from chalicelib.flows.acts import checksums, cleaning, measurements, outputs, scrubbing, uploads
from chalicelib.ports import Ports

_DOING: Mapping[type[Action], Callable[..., Picture]] = {
    settle.Complete: uploads.complete,
    settle.Verify: uploads.verify,
    settle.Withdraw: uploads.withdraw,
    settle.Expire: uploads.expire,
    settle.Reject: uploads.reject,
    settle.GiveUp: uploads.give_up,
    settle.Abort: uploads.abort,
    settle.Remove: uploads.remove,
    settle.CopyParts: uploads.copy_parts,
    settle.Doubt: uploads.doubt,
    settle.Rest: uploads.rest,
    settle.Wake: uploads.wake,
    settle.Store: outputs.store,
    settle.SendOrder: outputs.send_order,
    settle.Pin: outputs.pin,
    settle.ComputeChecksum: checksums.compute,
    settle.DropChecksumCopy: checksums.drop,
    settle.IndexMeasurements: measurements.index,
    settle.IndexLargeMeasurements: measurements.index,
    settle.RequestIndex: measurements.request_index,
    settle.Quarantine: measurements.quarantine,
    settle.Fail: outputs.fail,
    settle.Process: outputs.process,
    settle.Inspect: cleaning.inspect,
    settle.Intend: cleaning.intend,
    settle.Clean: cleaning.clean,
    settle.Finish: cleaning.finish,
    settle.Guard: cleaning.guard,
    settle.Recall: cleaning.recall,
    settle.Scrubbed: scrubbing.scrubbed,
    settle.Repair: scrubbing.repair,
    settle.BringBack: cleaning.bring_back,
    settle.Displace: scrubbing.displace,
    settle.Brought: cleaning.brought,
}


def carry_out(ports: Ports, picture: Picture, action: Action) -> Picture:
    """The picture after `action`. Raises Conflict when somebody wrote the session first."""
    return _DOING[type(action)](ports, picture, action)
