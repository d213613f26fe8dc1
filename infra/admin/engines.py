"""Which engine answers questions to the lake of a stage: Athena, or DuckDB where the stage is the local one."""

import argparse
import time

import boto3

from infra.admin.athena import Athena, AthenaQueries
from infra.admin.deployment import output_of, variables_of
from infra.admin.lake import Lake, Say
from infra.admin.local_lake import BucketObjects, LocalLake
from infra.lake import TABLES
from infra.stages import LOCAL_STAGE


def engine_of(given: argparse.Namespace, note: Say) -> Lake:
    """The engine for the stage that the arguments name; `note` hears what a person should know. Raises Refused."""
    session = boto3.Session(region_name=given.region)
    if given.stage == LOCAL_STAGE:
        functions = session.client("lambda", endpoint_url=given.endpoint_url)
        bucket = variables_of(functions, LOCAL_STAGE)["BUCKET"]
        s3 = session.client("s3", endpoint_url=given.endpoint_url)
        return LocalLake(BucketObjects(s3, bucket), TABLES, note)
    cloudformation = session.client("cloudformation", endpoint_url=given.endpoint_url)
    athena = session.client("athena", endpoint_url=given.endpoint_url)
    workgroup, database = (
        output_of(cloudformation, given.stage, key) for key in ("LakeWorkGroup", "LakeDatabase")
    )
    return Athena(AthenaQueries(athena, workgroup, database), time.sleep, note)
