"""The local AWS as its clients see it: one address, the keys `test`/`test`, nothing of anybody's real account."""

import os
from collections.abc import Mapping
from functools import cache

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader, create_loader

REGION = "us-east-1"
KEY = "test"
SECRET = "test"

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


def environment(aws_url: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """What a process sees that shall reach this AWS and no other; of `inherited` only what any program needs."""
    return {name: inherited[name] for name in _PASSED_ON if name in inherited} | {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def session() -> boto3.Session:
    """A boto3 session that reads neither profiles nor files, even if the environment names some."""
    nothing_of_the_user = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    core = botocore.session.Session(session_vars=nothing_of_the_user)
    core.register_component("data_loader", _loader())
    return boto3.Session(
        aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name=REGION, botocore_session=core
    )


@cache
def _loader() -> Loader:
    """One for all sessions, because a session of its own would read and decode every service's description again."""
    return create_loader()


# One try is enough on loopback, and a fault that a test asked for shall be seen.
ONE_TRY = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={})
