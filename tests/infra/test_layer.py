"""Which layer brings pyarrow to the functions that write the lake."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from infra.aws import deploy, layer

ARN = "arn:aws:lambda:eu-west-1:336392948345:layer:AWSSDKPandas-Python312:29"
NAME = "/aws/service/aws-sdk-pandas/3.17.0/py3.12/x86_64/layer-arn"
PYTHON = (3, 12)


def ssm() -> Any:
    return boto3.client("ssm", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")


def published(value: str) -> str:
    asked = ssm()
    with Stubber(asked) as stubber:
        stubber.add_response("get_parameter", {"Parameter": {"Name": NAME, "Value": value}}, {"Name": NAME})
        return layer.published_layer(asked, PYTHON)


def refusal(code: str) -> str:
    asked = ssm()
    with Stubber(asked) as stubber:
        stubber.add_client_error("get_parameter", code)
        with pytest.raises(layer.LayerUnknown) as told:
            layer.published_layer(asked, PYTHON)
    return str(told.value)


def test_the_layer_is_the_one_that_aws_publishes_for_this_python():
    assert published(ARN) == ARN


def test_a_python_without_a_layer_is_told_with_what_helps():
    told = refusal("ParameterNotFound")

    assert told.startswith(
        f"no layer with pyarrow in eu-west-1 from the parameter {NAME}: AWS does not publish it."
    )
    assert "--arrow-layer ARN" in told


def test_credentials_that_may_not_read_the_parameter_are_told_which_right_they_lack():
    assert "ssm:GetParameter" in refusal("AccessDeniedException")


@pytest.mark.parametrize("value", ["", "latest", ARN.rpartition(":")[0]])
def test_a_parameter_that_names_no_version_of_a_layer_is_refused(value: str):
    with pytest.raises(layer.LayerUnknown, match="it says"):
        published(value)


def test_a_layer_of_another_region_is_refused():
    session = boto3.Session(region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")

    with pytest.raises(layer.LayerUnknown, match="give that of eu-central-1"):
        deploy.chosen_layer(session, ARN)


def test_a_layer_that_is_given_is_taken_without_asking_aws():
    session = boto3.Session(region_name="eu-west-1")

    assert deploy.chosen_layer(session, ARN) == ARN


@pytest.mark.parametrize("text", ["", "AWSSDKPandas", ARN.rpartition(":")[0], f"{ARN}x", f"{ARN}\n"])
def test_only_the_arn_of_one_version_of_a_layer_is_taken(text: str):
    with pytest.raises(SystemExit):
        deploy.parser().parse_args(["--stage", "prod", "--arrow-layer", text])
