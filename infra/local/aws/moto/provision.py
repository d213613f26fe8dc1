"""What moto's CloudFormation ignores of `infra/aws/storage.yaml`, read from the same file and applied to the local AWS.

Applied here: versioning, lifecycle, CORS, public-access block, ownership, TTL, point-in-time recovery. Not given
to moto at all: subscriptions of addresses, the lake's catalog and workgroup (DuckDB reads the lake here), and the
bucket policy, whose conditions moto would ignore; the policy is returned instead, for the strict layer to enforce.
Source: facts measured with moto 5.2.5.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infra.aws import template
from infra.aws.s3_words import cors_rules, lifecycle_rules
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
