"""How the house talks to AWS."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.credentials import RefreshableCredentials

from chalicelib.aws.clients import clients_of, signing_credentials
from tests.aws.canned import ENDPOINT_URL, Answer, answering, clients, failure

EMPTY_LIST = Answer(200, "<ListPartsResult></ListPartsResult>")


def list_parts(s3) -> None:
    s3.list_parts(Bucket="footage", Key="key", UploadId="multipart")


def test_a_call_is_tried_three_times_and_no_more():
    s3 = clients().s3
    sent = answering(s3, failure(503, "SlowDown"))

    with pytest.raises(s3.exceptions.ClientError, match="SlowDown"):
        list_parts(s3)

    assert len(sent) == 3


def test_a_call_that_fails_once_succeeds():
    s3 = clients().s3
    sent = answering(s3, failure(503, "SlowDown"), EMPTY_LIST)

    list_parts(s3)

    assert len(sent) == 2


def test_the_bucket_is_called_at_its_regional_virtual_host():
    s3 = clients(endpoint_url=None).s3
    sent = answering(s3, EMPTY_LIST)

    list_parts(s3)

    assert sent[0].url.startswith("https://footage.s3.eu-west-1.amazonaws.com/key?")


def test_the_bucket_stands_in_the_path_at_a_numeric_endpoint():
    s3 = clients().s3
    sent = answering(s3, EMPTY_LIST)

    list_parts(s3)

    assert sent[0].url.startswith(f"{ENDPOINT_URL}/footage/key?")


def test_calls_are_signed_with_version_4():
    s3 = clients().s3
    sent = answering(s3, EMPTY_LIST)

    list_parts(s3)

    assert sent[0].headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_a_process_without_credentials_is_told_so():
    class Bare(boto3.Session):
        def get_credentials(self):
            return None

    with pytest.raises(RuntimeError, match="no AWS credentials"):
        clients_of(Bare(region_name="eu-west-1"), ENDPOINT_URL)


def test_plain_credentials_sign_without_a_known_end():
    signing = clients(aws_session_token="the-token").credentials()

    assert (signing.access_key, signing.secret_key, signing.token) == ("test", "test", "the-token")
    assert signing.expires_at is None


def test_credentials_that_are_refreshed_say_when_they_end():
    ends_at = datetime.now(UTC) + timedelta(hours=1)
    credentials = RefreshableCredentials("AKID", "secret", "token", ends_at, dict, "test")

    assert signing_credentials(credentials).expires_at == ends_at
