"""THE DOORS: what AWS calls. Nothing is decided here.

The machine that deploys imports this module too, with the stage's variables: nothing here may talk to AWS.
"""

import os
import sys

from chalice.app import Chalice, CloudWatchEvent, Rate, S3Event

from chalicelib import logs, wiring
from chalicelib.flows import arrivals
from chalicelib.flows import reconcile as reconciling
from chalicelib.settings import settings
from chalicelib.web.device_api import device_api
from chalicelib.web.processing_api import processing_api

RECONCILE_LIMIT_S = 240
"""A minute less than the function's time-out, for the session at hand and the report."""

logs.install(sys.stdout)
deployment = settings(os.environ)
ports = wiring.ports(deployment)

app = Chalice(app_name="reelhaul", configure_logs=False)
app.api.binary_types = []  # JSON alone: every other body comes as text, and is refused as such
app.register_blueprint(device_api(ports, deployment))
app.register_blueprint(processing_api(ports, deployment))


@app.on_s3_event(
    bucket=deployment.bucket, events=["s3:ObjectCreated:*"], prefix="originals/", name="on_original"
)
def on_original(event: S3Event) -> None:
    arrivals.original_arrived(ports, event.to_dict())


@app.schedule(Rate(5, unit=Rate.MINUTES), name="reconcile")
def reconcile(_event: CloudWatchEvent) -> None:
    reconciling.reconcile(ports, RECONCILE_LIMIT_S)
