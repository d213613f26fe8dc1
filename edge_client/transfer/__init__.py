"""Parts on their way from the spool to S3.

Parts wait at a `Desk`; up to four `Senders` take them from there, each over a connection of its own, as many at once
as `Lanes` finds to bring more and as fast as `Pace` lets them. They PUT with exactly the headers that the coordinator
signed. What S3 answers decides: send again, ask for another URL, or end the round.
"""

from edge_client.transfer.desk import MOST_URLS, Desk, PartUrl
from edge_client.transfer.lanes import MOST_LANES, Lanes
from edge_client.transfer.pace import Pace
from edge_client.transfer.senders import Senders
from edge_client.transfer.sending import Body, PartSender, Uplink, refuse_unless_stored

__all__ = [
    "MOST_LANES",
    "MOST_URLS",
    "Body",
    "Desk",
    "Lanes",
    "Pace",
    "PartSender",
    "PartUrl",
    "Senders",
    "Uplink",
    "refuse_unless_stored",
]
