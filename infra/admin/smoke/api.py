"""The deployed API as a user reaches it: its address, a client of it, and the addresses that it signs."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

import boto3
import msgspec
import urllib3
from botocore.exceptions import ClientError

from infra.admin.deployment import Refused, variables_of

if TYPE_CHECKING:
    from infra.client import Client

LEDGER = "deploys/ledger.json"
"""The record of the deploys in the stage's bucket: `infra/aws/ledger.py` writes it."""

CLIENT_VERSION = "999.0.0"
"""Above every MINIMUM_CLIENT_VERSION: this is no edge client, and no release of it is tested here."""

_CONNECT_S = 10
_READ_S = 60


def demand_requests() -> None:
    """Raises Refused where the client of the API cannot run."""
    try:
        import requests  # noqa: F401  only whether it is there
    except ModuleNotFoundError as error:
        raise Refused("this needs requests: install the command as reelhaul-admin[smoke]") from error


class NotRead(Exception):
    """A signed address did not give its bytes; the text never has the address."""


class Api:
    """The API of a stage over HTTP."""

    def url(self, given: argparse.Namespace) -> str:
        """The address of the stage's API: what `--url` says, else what its last deploy recorded. Raises Refused."""
        if given.url:
            return str(given.url).rstrip("/")
        session = boto3.Session(region_name=given.region)
        endpoint_url = given.endpoint_url or os.environ.get("AWS_ENDPOINT_URL")
        bucket = variables_of(session.client("lambda", endpoint_url=endpoint_url), given.stage)["BUCKET"]
        s3 = session.client("s3", endpoint_url=endpoint_url)
        try:
            ledger = s3.get_object(Bucket=bucket, Key=LEDGER)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            raise Refused(
                f"bucket {bucket} has no record of a deploy ({LEDGER}): name the API with --url"
            ) from error
        return recorded_url(ledger)

    def client(self, url: str, token: str) -> Client:
        """A client for the holder of `token`; `demand_requests` comes first."""
        from infra.client import Client

        return Client(url, token, client_version=CLIENT_VERSION)

    def fetch(self, url: str) -> bytes:
        """The bytes at a signed address. Raises NotRead."""
        timeout = urllib3.Timeout(connect=_CONNECT_S, read=_READ_S)
        try:
            answer = urllib3.request("GET", url, retries=False, timeout=timeout)
        except urllib3.exceptions.HTTPError as error:
            # The error's own words may have the address.
            raise NotRead(f"a signed address: {type(error).__name__}") from None
        if answer.status != 200:
            raise NotRead(f"a signed address is answered {answer.status}")
        return answer.data


class _Resource(msgspec.Struct):
    name: str
    rest_api_url: str | None = None


class _Chalice(msgspec.Struct):
    resources: list[_Resource]


class _Page(msgspec.Struct):
    chalice: _Chalice | None = None


def recorded_url(ledger: bytes) -> str:
    """The address of the API in the record of the deploys. Raises Refused."""
    try:
        page = msgspec.json.decode(ledger, type=_Page)
    except msgspec.MsgspecError as error:
        raise Refused(f"{LEDGER} cannot be read ({error}): name the API with --url") from error
    for resource in page.chalice.resources if page.chalice else ():
        if resource.rest_api_url:
            return resource.rest_api_url.rstrip("/")
    raise Refused(f"{LEDGER} names no API: deploy the stage, or name the API with --url")
