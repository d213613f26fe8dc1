"""THE DOORS: what AWS calls. Nothing is decided here.

The machine that deploys imports this module too, with the stage's variables: nothing here may talk to AWS.
"""

import os
import sys

from chalice.app import Chalice, CloudWatchEvent, Rate, S3Event, WebsocketEvent

from chalicelib import logs, wiring
from chalicelib.core import keys
from chalicelib.core.settle import Actor
from chalicelib.flows import reconcile as reconciling
from chalicelib.flows import s3_events
from chalicelib.flows.acting import running
from chalicelib.settings import NotPrepared, settings
from chalicelib.web import api

RECONCILE_LIMIT_S = 240
"""A minute less than the function's time-out, for the session at hand and the report."""

CREATED = ["s3:ObjectCreated:*"]

logs.install(sys.stdout)
try:
    deployment = settings(os.environ)
except NotPrepared as error:
    # Chalice prints the traceback of an error, and its `local` imports this in a thread, where no SystemExit counts.
    print(error, file=sys.stderr, flush=True)
    os._exit(1)
ports = wiring.ports(deployment)

app = Chalice(app_name="reelhaul", configure_logs=False)
app.experimental_feature_flags.update(["WEBSOCKETS"])  # what Chalice asks of who uses them
app.api.binary_types = []  # JSON alone: every other body comes as text, and is refused as such
for blueprint in api.blueprints(ports, deployment):
    app.register_blueprint(blueprint)


@app.on_s3_event(bucket=deployment.bucket, events=CREATED, prefix=keys.ORIGINALS, name="on_original")
def on_original(event: S3Event) -> None:
    with running(ports, "on_original", event.context) as its_ports:
        s3_events.settle_created(its_ports, event.to_dict(), Actor.EVENT)


@app.on_s3_event(bucket=deployment.bucket, events=CREATED, prefix=keys.OUTPUTS, name="on_output")
def on_output(event: S3Event) -> None:
    with running(ports, "on_output", event.context) as its_ports:
        s3_events.settle_created(its_ports, event.to_dict(), Actor.MADE_EVENT)


@app.on_s3_event(bucket=deployment.bucket, events=CREATED, prefix=keys.MEASUREMENTS, name="on_measurements")
def on_measurements(event: S3Event) -> None:
    with running(ports, "on_measurements", event.context) as its_ports:
        s3_events.settle_created(its_ports, event.to_dict(), Actor.MADE_EVENT)


@app.schedule(Rate(1, unit=Rate.HOURS), name="take_stock")
def take_stock(event: CloudWatchEvent) -> None:
    from chalicelib.flows import take_stock as taking_stock  # what no call needs is not imported for one

    with running(ports, "take_stock", event.context) as its_ports:
        taking_stock.take_stock(its_ports)


@app.schedule(Rate(5, unit=Rate.MINUTES), name="reconcile")
def reconcile(event: CloudWatchEvent) -> None:
    with running(ports, "reconcile", event.context) as its_ports:
        reconciling.reconcile(its_ports, RECONCILE_LIMIT_S)


@app.on_ws_connect(name="websocket_connect")
def websocket_connect(event: WebsocketEvent) -> dict[str, int]:
    from chalicelib.web import sockets  # as above

    with running(ports, "websocket_connect", event.context) as its_ports:
        return sockets.connect(its_ports, event.to_dict())


@app.on_ws_disconnect(name="websocket_disconnect")
def websocket_disconnect(event: WebsocketEvent) -> dict[str, int]:
    from chalicelib.web import sockets  # as above

    with running(ports, "websocket_disconnect", event.context) as its_ports:
        return sockets.disconnect(its_ports, event.to_dict())
