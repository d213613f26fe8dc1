"""Which engine answers: Athena in the workgroup and database of the stage's stack, DuckDB on the local stage."""

import argparse
import json
from collections.abc import Iterator

import pytest

from infra.admin.athena import Athena
from infra.admin.deployment import Refused
from infra.admin.engines import engine_of
from infra.local.aws.moto import server
from tests.support.local_aws import local_aws


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with local_aws() as url:
        yield url


def given(stage: str, url: str) -> argparse.Namespace:
    return argparse.Namespace(stage=stage, region="us-east-1", endpoint_url=url)


def deploy(url: str, stage: str, **outputs: str) -> None:
    """A stack with these outputs and next to nothing in it."""
    template = {
        "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    cloudformation = server.session().client("cloudformation", endpoint_url=url)
    cloudformation.create_stack(StackName=f"reelhaul-{stage}", TemplateBody=json.dumps(template))


def test_a_deployed_stage_is_asked_in_its_own_workgroup_and_database(moto: str):
    deploy(moto, "trial-1", LakeWorkGroup="reelhaul-trial-1", LakeDatabase="reelhaul_trial_1")
    athena = server.session().client("athena", endpoint_url=moto)
    athena.create_work_group(
        Name="reelhaul-trial-1",
        Configuration={"ResultConfiguration": {"OutputLocation": "s3://b/queries/"}},
    )

    engine = engine_of(given("trial-1", moto), print)
    assert isinstance(engine, Athena)
    query_id = engine.queries.start("SELECT 1")

    asked = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
    assert asked["WorkGroup"] == "reelhaul-trial-1"
    assert asked["QueryExecutionContext"] == {"Database": "reelhaul_trial_1", "Catalog": "AwsDataCatalog"}


def test_a_stage_that_was_deployed_before_there_was_a_lake_is_told(moto: str):
    deploy(moto, "old", Bucket="footage")

    with pytest.raises(Refused, match="'LakeWorkGroup'; deploy the stage first"):
        engine_of(given("old", moto), print)


def test_a_stage_that_is_not_there_is_told_with_where_it_was_looked_for(moto: str):
    with pytest.raises(
        Refused, match="stage absent is not deployed in us-east-1: there is no stack reelhaul-absent"
    ):
        engine_of(given("absent", moto), print)


def test_a_local_stage_that_does_not_run_is_told(moto: str):
    with pytest.raises(Refused, match="stage local is not deployed"):
        engine_of(given("local", moto), print)
