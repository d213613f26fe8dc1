"""Where the commands find a deployment, and with which policy."""

import argparse
import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from chalicelib.aws.object_store import S3ObjectStore
from chalicelib.core.cleanup import Spent
from chalicelib.core.events import Event
from chalicelib.core.order import wish
from infra.admin.deployment import Refused, Unheard, deployment, reached, variables_of
from infra.local.aws.moto import server
from tests.support.local_aws import local_aws
from tests.test_wiring import ENVIRONMENT

FUNCTION = "reelhaul-prod-reconcile"
DEPLOYED = {
    **{name: value for name, value in ENVIRONMENT.items() if not name.startswith("AWS_")},
    "GRACE_S": "1234",
    "RESTORABLE_DAYS": "30",
    "CLEANUP_OBJECTS_A_DAY": "7",
    "CLEANUP_BYTES_A_DAY": "8000",
    "REQUIRED_OUTPUTS": "output.enhanced.mp4, measurements.lights.json",
}
"""As Lambda shows them: the region is none of the function's own variables."""


def functions() -> Any:
    return boto3.client("lambda", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")


def variables_in(answer: Mapping[str, Any]) -> Mapping[str, str]:
    asked = functions()
    with Stubber(asked) as stubber:
        stubber.add_response("get_function_configuration", dict(answer), {"FunctionName": FUNCTION})
        return variables_of(asked, "prod")


def test_the_variables_are_those_of_the_deployed_reconciler():
    assert variables_in({"FunctionName": FUNCTION, "Environment": {"Variables": DEPLOYED}}) == DEPLOYED


@pytest.mark.parametrize(
    "environment", [{}, {"Environment": {"Error": {"ErrorCode": "AccessDeniedException", "Message": "kms"}}}]
)
def test_variables_that_cannot_be_seen_are_refused(environment: Mapping[str, Any]):
    with pytest.raises(Refused, match="shows no environment variables"):
        variables_in({"FunctionName": FUNCTION, **environment})


def test_a_stage_that_is_not_deployed_is_refused_with_where_it_was_looked_for():
    asked = functions()
    with Stubber(asked) as stubber:
        stubber.add_client_error(
            "get_function_configuration", "ResourceNotFoundException", "no such function"
        )
        with pytest.raises(Refused, match="stage prod is not deployed in eu-west-1"):
            variables_of(asked, "prod")


def test_the_policy_is_the_deployed_one():
    found = deployment(DEPLOYED, "eu-west-1", "http://127.0.0.1:9")

    policy = found.ports.policy
    assert (policy.grace_s, policy.restorable_days, policy.part_size_bytes) == (1234, 30, 5_242_880)
    assert policy.cleanup_limit == Spent(7, 8000)
    assert found.default_wish == wish(["output.enhanced.mp4", "measurements.lights.json"], {})


def test_the_bucket_is_the_deployed_one_and_no_metric_is_printed(capsys: pytest.CaptureFixture[str]):
    found = deployment(DEPLOYED, "eu-west-1", "http://127.0.0.1:9")

    found.ports.metrics.count(Event.UPLOAD_VERIFIED)

    assert isinstance(found.ports.objects, S3ObjectStore)
    assert isinstance(found.ports.metrics, Unheard)
    assert capsys.readouterr().out == ""


def test_the_endpoint_of_the_command_goes_over_the_deployed_one():
    found = deployment(
        {**DEPLOYED, "AWS_ENDPOINT_URL": "http://10.0.0.1:1"}, "eu-west-1", "http://127.0.0.1:9"
    )

    read = found.ports.signer.read_url("key", "version", 60, found.ports.clock.now())

    assert read.url.startswith("http://127.0.0.1:9/reelhaul-footage/key?")


def test_settings_that_this_checkout_cannot_read_are_refused_by_name():
    with pytest.raises(Refused, match=r"(?s)this version of the command cannot read.*GRACE_S must be"):
        deployment({**DEPLOYED, "GRACE_S": "soon"}, "eu-west-1", None)


def client(service: Any, url: str) -> Any:
    return server.session().client(service, endpoint_url=url)


@pytest.fixture(scope="module")
def aws_url() -> Iterator[str]:
    """A local AWS on which a function of the reconciler's name is deployed, and a table."""
    with local_aws() as url:
        role = client("iam", url).create_role(RoleName="reconciler", AssumeRolePolicyDocument="{}")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("app.py", "")
        client("lambda", url).create_function(
            FunctionName=FUNCTION,
            Runtime="python3.12",
            Role=role["Role"]["Arn"],
            Handler="app.reconcile",
            Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": DEPLOYED},
        )
        yield url


def arguments(url: str, stage: str) -> argparse.Namespace:
    return argparse.Namespace(region="us-east-1", endpoint_url=url, stage=stage)


def test_a_deployed_stage_is_reached_by_its_function(aws_url: str):
    found = reached(arguments(aws_url, "prod"))

    assert found.ports.policy.cleanup_limit == Spent(7, 8000)
    assert found.ports.policy.grace_s == 1234


def test_a_stage_of_another_name_is_refused(aws_url: str):
    with pytest.raises(Refused, match="stage staging is not deployed in us-east-1"):
        reached(arguments(aws_url, "staging"))
