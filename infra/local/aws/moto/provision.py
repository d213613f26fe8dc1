"""What moto's CloudFormation ignores of `infra/aws/storage.yaml`, read from the same file and applied to the local AWS.

Applied here: versioning, lifecycle, CORS, public-access block, ownership, TTL, point-in-time recovery. Not given
to moto at all: subscriptions of addresses, the lake's catalog and workgroup (DuckDB reads the lake here), and the
bucket policy, whose conditions moto would ignore; the policy is returned instead, for the strict layer to enforce.
Source: facts measured with moto 5.2.5.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infra.aws import template
from infra.aws.template import Template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

MOTO_KNOWS = frozenset({"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SNS::Topic"})

Outputs = Mapping[str, str]


def for_moto(whole: Template) -> Template:
    """The part of the template that moto can create."""
    return template.only(whole, MOTO_KNOWS)


def provision(
    whole: Template,
    outputs: Outputs,
    parameters: Mapping[str, str],
    s3: "S3Client",
    dynamodb: "DynamoDBClient",
) -> dict[str, Any]:
    """The bucket's policy, its names filled in; bucket and table are then what `whole` says."""
    names = {**template.defaults(whole), **parameters, **outputs, "Bucket.Arn": outputs["BucketArn"]}
    properties = {
        name: template.resolved(whole["Resources"][name]["Properties"], whole, names | _local(outputs))
        for name in ("Bucket", "BucketPolicy", "Table")
    }
    _provision_bucket(s3, outputs["Bucket"], properties["Bucket"])
    _provision_table(dynamodb, outputs["Table"], properties["Table"])
    policy: dict[str, Any] = properties["BucketPolicy"]["PolicyDocument"]
    return policy


def _local(outputs: Outputs) -> dict[str, str]:
    account, region = outputs["TableArn"].split(":")[4], outputs["TableArn"].split(":")[3]
    return {"AWS::AccountId": account, "AWS::Region": region}


def _provision_bucket(s3: "S3Client", bucket: str, said: Mapping[str, Any]) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=said["VersioningConfiguration"])
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration=said["PublicAccessBlockConfiguration"]
    )
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=said["OwnershipControls"])
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": lifecycle_rules(said["LifecycleConfiguration"])}
    )
    if "CorsConfiguration" in said:
        s3.put_bucket_cors(
            Bucket=bucket, CORSConfiguration={"CORSRules": cors_rules(said["CorsConfiguration"])}
        )


def _provision_table(dynamodb: "DynamoDBClient", table: str, said: Mapping[str, Any]) -> None:
    dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=said["TimeToLiveSpecification"])
    dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification=said["PointInTimeRecoverySpecification"]
    )


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
    """Raises UnknownIntrinsic when the template says something that would not reach the local AWS."""
    if said:
        raise template.UnknownIntrinsic(f"{what}: {', '.join(sorted(said))} is not applied to the local AWS")
