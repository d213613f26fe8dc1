"""The environment of a machine that somebody has set up for other work."""

from collections.abc import Mapping

NOBODY = "http://127.0.0.1:9"
"""An address where nothing answers."""

NOWHERE = "/nowhere at all"

OF_OTHER_WORK: Mapping[str, str] = {
    "AWS_PROFILE": "of-another-job",
    "AWS_DEFAULT_PROFILE": "of-another-job",
    "AWS_ACCESS_KEY_ID": "AKIAOFANOTHERJOB",
    "AWS_SECRET_ACCESS_KEY": "of another job",
    "AWS_SESSION_TOKEN": "of another job",
    "AWS_SECURITY_TOKEN": "of another job",
    "AWS_CONFIG_FILE": f"{NOWHERE}/config",
    "AWS_SHARED_CREDENTIALS_FILE": f"{NOWHERE}/credentials",
    "AWS_CA_BUNDLE": f"{NOWHERE}/bundle.pem",
    "AWS_DEFAULT_REGION": "mars-north-1",
    "AWS_REGION": "mars north",
    "AWS_ENDPOINT_URL": NOBODY,
    "AWS_ENDPOINT_URL_S3": NOBODY,
    "AWS_ENDPOINT_URL_DYNAMODB": NOBODY,
    "AWS_ENDPOINT_URL_LAMBDA": NOBODY,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "perhaps",
    "AWS_MAX_ATTEMPTS": "many",
    "AWS_RETRY_MODE": "nonsense",
    "AWS_DEFAULTS_MODE": "nonsense",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "nonsense",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "nonsense",
    "AWS_S3_USE_ARN_REGION": "perhaps",
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "nonsense",
    "AWS_STS_REGIONAL_ENDPOINTS": "nonsense",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "nonsense",
    "AWS_ROLE_ARN": "nonsense",
    "AWS_WEB_IDENTITY_TOKEN_FILE": f"{NOWHERE}/token",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": NOBODY,
    "AWS_DATA_PATH": NOWHERE,
    **{
        name: NOBODY
        for upper in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        for name in (upper, upper.lower())
    },
}


def surrounded(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` on such a machine: with the settings of other work, and without what tests set for themselves."""
    own = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    passed_by = ("no_proxy", "NO_PROXY")
    return {**{name: value for name, value in own.items() if name not in passed_by}, **OF_OTHER_WORK}
