"""Where S3 Batch runs for a deployed stage."""

import argparse
from collections.abc import Callable

import boto3

from infra.admin.at_rest.batch import Batch, Place
from infra.admin.deployment import output_of


def batch_of(given: argparse.Namespace, pause: Callable[[float], None], note: Callable[[str], None]) -> Batch:
    """S3 Batch of the stage that the arguments name, with the role that its stack made. Raises Refused."""
    session = boto3.Session(region_name=given.region)
    cloudformation = session.client("cloudformation", endpoint_url=given.endpoint_url)
    place = Place(
        output_of(cloudformation, given.stage, "Bucket"), output_of(cloudformation, given.stage, "BatchRole")
    )
    return Batch(
        session.client("s3", endpoint_url=given.endpoint_url),
        session.client("s3control", endpoint_url=given.endpoint_url),
        place,
        pause,
        note,
    )
