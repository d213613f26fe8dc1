"""CloudFormation's words about a bucket in the words of S3's own API."""

from collections.abc import Mapping
from typing import Any

from infra.aws.template import UnknownIntrinsic


def lifecycle_rules(configuration: Mapping[str, Any]) -> list[Any]:
    """CloudFormation's lifecycle rules in the words of S3's own API."""
    return [_lifecycle_rule(rule) for rule in configuration["Rules"]]


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    said = dict(rule)
    made: dict[str, Any] = {
        "ID": said.pop("Id"),
        "Status": said.pop("Status"),
        "Filter": _filter(said.pop("Prefix", ""), said.pop("TagFilters", [])),
    }
    if "NoncurrentVersionExpiration" in said:
        days = said.pop("NoncurrentVersionExpiration")["NoncurrentDays"]
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": int(days)}
    if "ExpirationInDays" in said:
        made["Expiration"] = {"Days": int(said.pop("ExpirationInDays"))}
    if "ExpiredObjectDeleteMarker" in said:
        made["Expiration"] = {"ExpiredObjectDeleteMarker": said.pop("ExpiredObjectDeleteMarker")}
    if "AbortIncompleteMultipartUpload" in said:
        made["AbortIncompleteMultipartUpload"] = said.pop("AbortIncompleteMultipartUpload")
    _demand_nothing_left(said, "lifecycle rule")
    return made


def _filter(prefix: str, tags: list[Any]) -> dict[str, Any]:
    return {"And": {"Prefix": prefix, "Tags": tags}} if tags else {"Prefix": prefix}


_CORS_WORDS = {
    "Id": "ID",
    "AllowedOrigins": "AllowedOrigins",
    "AllowedMethods": "AllowedMethods",
    "AllowedHeaders": "AllowedHeaders",
    "ExposedHeaders": "ExposeHeaders",
    "MaxAge": "MaxAgeSeconds",
}


def cors_rules(configuration: Mapping[str, Any]) -> list[Any]:
    """CloudFormation's CORS rules in the words of S3's own API."""
    return [{_CORS_WORDS[word]: value for word, value in rule.items()} for rule in configuration["CorsRules"]]


def _demand_nothing_left(said: Mapping[str, Any], what: str) -> None:
    """Raises UnknownIntrinsic when the template says something that has no word here."""
    if said:
        raise UnknownIntrinsic(f"{what}: {', '.join(sorted(said))} has no word in S3's API here")
