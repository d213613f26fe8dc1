"""The layer that brings pyarrow to the functions that write the lake: AWS's own AWSSDKPandas.

A package with pyarrow would be larger than Lambda takes. AWS publishes the layer in its own account, and names its ARN
in a public parameter of Systems Manager in each region, by version, Python and architecture.
"""

import re
import sys
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

VERSION = "3.17.0"
"""The version of AWSSDKPandas; its pyarrow is 24.0.0, which compresses with snappy and zlib only."""

ARCHITECTURE = "x86_64"
"""That of the functions: Chalice asks for no other."""

_ARN = re.compile(r"arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+")
_REASONS = {
    "ParameterNotFound": "AWS does not publish it",
    "AccessDeniedException": "these credentials may not read it (ssm:GetParameter)",
}


class LayerUnknown(Exception):
    """Which layer the functions shall have cannot be said; the text says what helps."""


def parameter(python: tuple[int, int]) -> str:
    """The name of the public parameter for a Python, as (3, 12)."""
    return f"/aws/service/aws-sdk-pandas/{VERSION}/py{python[0]}.{python[1]}/{ARCHITECTURE}/layer-arn"


def published_layer(ssm: "SSMClient", python: tuple[int, int] = sys.version_info[:2]) -> str:
    """The ARN of the layer for functions of this Python, in the region of `ssm`. Raises LayerUnknown."""
    name = parameter(python)
    try:
        found = ssm.get_parameter(Name=name)["Parameter"].get("Value", "")
    except ClientError as error:
        reason = _REASONS.get(error.response["Error"]["Code"])
        if reason is None:
            raise
        raise LayerUnknown(f"{_unknown(name, ssm.meta.region_name)}: {reason}. {_REMEDY}") from error
    if not _ARN.fullmatch(found):
        raise LayerUnknown(f"{_unknown(name, ssm.meta.region_name)}: it says {found!r}. {_REMEDY}")
    return found


_REMEDY = (
    "Deploy with a Python that it names, or give --arrow-layer ARN "
    "(https://aws-sdk-pandas.readthedocs.io/en/stable/layers.html lists them)"
)


def _unknown(name: str, region: str) -> str:
    return f"no layer with pyarrow in {region} from the parameter {name}"


def is_layer(text: str) -> bool:
    """Whether `text` is the ARN of one version of a layer."""
    return _ARN.fullmatch(text) is not None


def demand_region(arn: str, region: str) -> None:
    """Raises LayerUnknown for a layer of another region than that of the functions: Lambda takes none."""
    match = _ARN.fullmatch(arn)
    if match is None or match["region"] != region:
        raise LayerUnknown(
            f"{arn} is not a layer of {region}, where the functions are: give that of {region}"
        )
