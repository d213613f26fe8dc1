"""Every safety property that the house relies on stands in `infra/aws/storage.yaml`: taken out, its test fails."""

import json
import re
from typing import Any

import pytest

from chalicelib.core import keys
from chalicelib.core.cleanup import CLEANED_TAG
from chalicelib.core.lifecycle import MULTIPART_DAYS, kept_days, purges_untagged
from infra.admin.at_rest import batch
from infra.aws import deploy, ledger, template
from infra.aws.s3_words import lifecycle_rules

WHOLE = template.load()
ARN = "arn:aws:s3:::footage"
ARTIFACTS = [
    f"{ARN}/{kind}/*" for kind in ("originals", "intermediates", "outputs", "measurements", "proxies")
]
NAMES = {
    **template.defaults(WHOLE),
    "Stage": "prod",
    "AWS::Partition": "aws",
    "AWS::AccountId": "123456789012",
    "AWS::Region": "eu-west-1",
    "Bucket": "footage",
    "Bucket.Arn": ARN,
    "DeadLetters.Arn": "arn:aws:sqs:eu-west-1:123456789012:dead",
    "DeadLetters.QueueName": "dead",
    "Alarms": "arn:aws:sns:eu-west-1:123456789012:alarms",
}


def properties(resource: str, **parameters: str) -> Any:
    return template.resolved(WHOLE["Resources"][resource]["Properties"], WHOLE, {**NAMES, **parameters})


def denial(sid: str, **parameters: str) -> Any:
    statements = properties("BucketPolicy", **parameters)["PolicyDocument"]["Statement"]
    [found] = [statement for statement in statements if statement["Sid"] == sid]
    assert (found["Effect"], found["Principal"]) == ("Deny", "*")
    return found


def rule(rule_id: str, **parameters: str) -> Any:
    rules = properties("Bucket", **parameters)["LifecycleConfiguration"]["Rules"]
    [found] = [each for each in rules if each["Id"] == rule_id]
    assert found["Status"] == "Enabled"
    return found


def settings() -> Any:
    document = json.loads((deploy.CLOUD / ".chalice" / "config.json").read_text())
    return document["environment_variables"]


def test_the_bucket_keeps_every_version():
    assert properties("Bucket")["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize("resource", ["Bucket", "BucketPolicy", "Table"])
def test_footage_and_records_outlive_the_stack(resource: str):
    assert WHOLE["Resources"][resource]["DeletionPolicy"] == "Retain"
    assert WHOLE["Resources"][resource]["UpdateReplacePolicy"] == "Retain"


def test_public_access_is_blocked_in_all_four_ways():
    assert properties("Bucket")["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }


def test_the_bucket_owner_owns_every_object():
    assert properties("Bucket")["OwnershipControls"] == {
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
    }


def test_objects_are_encrypted_at_rest():
    [each] = properties("Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert each["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_objects_are_encrypted_with_the_key_that_the_stack_is_given():
    key = "arn:aws:kms:eu-west-1:123456789012:key/0f5c-11"
    [each] = properties("Bucket", KmsKeyArn=key)["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert each == {
        "BucketKeyEnabled": True,
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
    }


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("", True),
        ("arn:aws:kms:eu-west-1:123456789012:key/0f5c-11", True),
        ("arn:aws:kms:eu-west-1:123456789012:alias/footage", False),
        ("0f5c-11", False),
    ],
)
def test_a_key_is_named_by_its_arn_for_a_policy_can_name_it_no_other_way(given: str, taken: bool):
    pattern = template.load()["Parameters"]["KmsKeyArn"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, given)) is taken


def test_two_stages_of_one_account_have_two_buckets():
    assert properties("Bucket", Stage="prod")["BucketName"] == "reelhaul-prod-123456789012-eu-west-1"


def test_forgotten_multipart_uploads_are_aborted_after_the_days_that_the_settings_rely_on():
    assert rule("abort-forgotten-uploads")["AbortIncompleteMultipartUpload"] == {
        "DaysAfterInitiation": MULTIPART_DAYS
    }


def test_an_upload_expires_before_the_bucket_aborts_its_parts():
    days = rule("abort-forgotten-uploads")["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]

    assert int(settings()["UPLOAD_TTL_S"]) < days * 86_400


@pytest.mark.parametrize("kind", ["originals", "intermediates"])
def test_cleaned_footage_is_purged_only_after_the_grace(kind: str):
    found = rule(f"purge-cleaned-{kind}", GraceDays="30")

    assert found["Prefix"] == f"{kind}/"
    assert [(tag["Key"], tag["Value"]) for tag in found["TagFilters"]] == [CLEANED_TAG]
    assert found["NoncurrentVersionExpiration"] == {"NoncurrentDays": "30"}


def test_the_grace_is_fourteen_days_unless_said_otherwise():
    assert NAMES["GraceDays"] == "14"


def test_the_stack_tells_its_grace():
    assert (
        template.resolved(WHOLE["Outputs"]["GraceDays"]["Value"], WHOLE, {**NAMES, "GraceDays": "30"}) == "30"
    )


def test_no_rule_expires_a_current_version_but_landings_answers_of_queries_and_proofs():
    rules = properties("Bucket")["LifecycleConfiguration"]["Rules"]
    ending = [each for each in rules if {"ExpirationInDays", "ExpirationDate"} & each.keys()]

    assert [(each["Id"], each["Prefix"]) for each in ending] == [
        ("expire-landings", "incoming/"),
        ("expire-query-results", "queries/"),
        ("expire-proofs", "proofs/"),
    ]


def test_a_landing_stays_for_a_month_and_a_week_after_that():
    rules = properties("Bucket")["LifecycleConfiguration"]["Rules"]
    [found] = [each for each in rules if each.get("Prefix") == keys.INCOMING]

    assert found["ExpirationInDays"] == 30
    assert found["NoncurrentVersionExpiration"]["NoncurrentDays"] == 7


def test_no_rule_archives_anything():
    rules = properties("Bucket")["LifecycleConfiguration"]["Rules"]

    assert [each["Id"] for each in rules if any("Transition" in word for word in each)] == []


@pytest.mark.parametrize("prefix", ["index/", "lake/", "proofs/", "queries/"])
def test_what_can_be_made_again_is_purged_once_it_is_replaced_and_without_a_tag(prefix: str):
    rules = properties("Bucket")["LifecycleConfiguration"]["Rules"]
    [found] = [each for each in rules if each.get("Prefix") == prefix]

    assert "TagFilters" not in found
    assert 1 <= found["NoncurrentVersionExpiration"]["NoncurrentDays"] <= 7


def test_only_landings_and_what_can_be_made_again_are_purged_without_a_tag():
    rules = properties("Bucket")["LifecycleConfiguration"]["Rules"]
    purging = [each for each in rules if "NoncurrentVersionExpiration" in each and "TagFilters" not in each]

    assert sorted(each["Prefix"] for each in purging) == [
        keys.INCOMING,
        "index/",
        "lake/",
        "proofs/",
        "queries/",
    ]


@pytest.mark.parametrize("prefix", keys.CLEANED)
def test_the_coordinator_reads_in_the_rules_that_what_is_cleaned_stays_for_the_grace(prefix: str):
    rules = lifecycle_rules(properties("Bucket", GraceDays="30")["LifecycleConfiguration"])

    assert kept_days(rules, prefix) == 30
    assert not purges_untagged(rules, prefix)


def workgroup(**parameters: str) -> Any:
    return properties("LakeWorkGroup", **parameters)


def test_a_question_to_the_lake_is_stopped_at_the_scan_limit_and_nobody_can_ask_around_it():
    settings = workgroup(ScanLimitBytes="20000000")["WorkGroupConfiguration"]

    assert settings["EnforceWorkGroupConfiguration"] is True
    assert settings["BytesScannedCutoffPerQuery"] == "20000000"


def test_answers_are_written_outside_of_everything_else_and_expire():
    where = workgroup()["WorkGroupConfiguration"]["ResultConfiguration"]

    assert where["OutputLocation"] == "s3://footage/queries/"
    assert where["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    assert rule("expire-query-results")["Prefix"] == "queries/"
    assert not [
        prefix for prefix in (*keys.OF_SESSIONS, keys.INDEX, "lake/") if "queries/".startswith(prefix)
    ]


def test_answers_are_encrypted_with_the_key_that_the_stack_is_given():
    key = "arn:aws:kms:eu-west-1:123456789012:key/0f5c-11"
    where = workgroup(KmsKeyArn=key)["WorkGroupConfiguration"]["ResultConfiguration"]

    assert where["EncryptionConfiguration"] == {"EncryptionOption": "SSE_KMS", "KmsKey": key}


@pytest.mark.parametrize(
    ("stage", "database"), [("prod", "reelhaul_prod"), ("prod-2-b", "reelhaul_prod_2_b")]
)
def test_a_stage_has_a_database_and_a_workgroup_of_its_own(stage: str, database: str):
    assert properties("LakeDatabase", Stage=stage)["DatabaseInput"]["Name"] == database
    assert workgroup(Stage=stage)["Name"] == f"reelhaul-{stage}"


@pytest.mark.parametrize("kind", ["outputs", "measurements", "proxies"])
def test_no_version_of_an_output_of_measurements_or_of_a_proxy_is_ever_purged(kind: str):
    rules = properties("Bucket")["LifecycleConfiguration"]["Rules"]
    met = {each["Id"] for each in rules if f"{kind}/".startswith(each.get("Prefix", ""))}

    assert met == {"abort-forgotten-uploads", "drop-lone-delete-markers"}


def test_the_two_rules_that_meet_every_object_touch_no_version():
    found = rule("abort-forgotten-uploads") | rule("drop-lone-delete-markers")

    assert found.keys() == {"Id", "Status", "AbortIncompleteMultipartUpload", "ExpiredObjectDeleteMarker"}


def test_delete_markers_with_nothing_below_them_go():
    assert rule("drop-lone-delete-markers")["ExpiredObjectDeleteMarker"] is True


def test_without_an_origin_no_browser_may_use_the_bucket():
    assert "CorsConfiguration" not in properties("Bucket")


@pytest.mark.parametrize("given", ["https://a.example.org", "https://a.example.org,http://localhost:3000"])
def test_pages_of_the_origins_alone_may_read_and_write_and_see_what_they_must_compare(given: str):
    [cors] = properties("Bucket", BrowserOrigins=given)["CorsConfiguration"]["CorsRules"]

    assert cors["AllowedOrigins"] == given.split(",")
    assert cors["AllowedMethods"] == ["GET", "HEAD", "PUT", "POST"]
    assert cors["AllowedHeaders"] == ["content-type", "if-none-match", "range", "x-amz-*"]
    assert cors["ExposedHeaders"] == [
        "ETag",
        "Content-Range",
        "Accept-Ranges",
        "Content-Length",
        "Location",
        "x-amz-version-id",
        "x-amz-checksum-crc64nvme",
    ]


def test_whatever_does_not_come_over_tls_is_denied():
    found = denial("OnlyOverTls")

    assert (found["Action"], found["Resource"]) == ("s3:*", [ARN, f"{ARN}/*"])
    assert found["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_signature_older_than_fifteen_minutes_is_denied():
    found = denial("OnlyYoungSignatures")

    assert (found["Action"], found["Resource"]) == ("s3:*", [ARN, f"{ARN}/*"])
    assert found["Condition"] == {"NumericGreaterThan": {"s3:signatureAge": "900000"}}


def test_part_urls_live_as_long_as_the_bucket_accepts_them():
    oldest_ms = denial("OnlyYoungSignatures")["Condition"]["NumericGreaterThan"]["s3:signatureAge"]

    assert int(settings()["PART_URL_TTL_S"]) * 1000 <= int(oldest_ms)


@pytest.mark.parametrize("role", ["", "arn:aws:iam::123456789012:role/glass"])
def test_nobody_deletes_a_version(role: str):
    found = denial("NobodyDeletesVersions", BreakGlassRoleArn=role)

    assert (found["Action"], found["Resource"]) == ("s3:DeleteObjectVersion", f"{ARN}/*")
    assert "Condition" not in found


def test_nobody_weakens_versioning_or_lifecycle():
    found = denial("NobodyWeakensTheGrace")

    assert set(found["Action"]) == {"s3:PutBucketVersioning", "s3:PutLifecycleConfiguration"}
    assert found["Resource"] == ARN
    assert "Condition" not in found


def test_only_a_named_role_may_change_versioning_and_lifecycle():
    role = "arn:aws:iam::123456789012:role/glass"

    found = denial("NobodyWeakensTheGrace", BreakGlassRoleArn=role)

    assert found["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": role}}


@pytest.mark.parametrize("role", ["", "arn:aws:iam::123456789012:role/glass"])
def test_only_a_named_role_may_change_policy_and_encryption(role: str):
    found = denial("NobodyWeakensThePolicy", BreakGlassRoleArn=role)

    assert set(found["Action"]) == {
        "s3:PutBucketPolicy",
        "s3:DeleteBucketPolicy",
        "s3:PutEncryptionConfiguration",
    }
    assert found["Resource"] == ARN
    assert found.get("Condition") == ({"ArnNotEquals": {"aws:PrincipalArn": role}} if role else None)


def test_tls_older_than_1_2_is_denied():
    found = denial("OnlyOverTls12")

    assert (found["Action"], found["Resource"]) == ("s3:*", [ARN, f"{ARN}/*"])
    assert found["Condition"] == {"NumericLessThan": {"s3:TlsVersion": "1.2"}}


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "https://footage.example.org",
        "https://a",
        "https://a.b:8443",
        "http://localhost:8000",
        "http://127.0.0.1",
    ],
)
def test_an_origin_of_pages_is_one_host(origin: str):
    assert re.fullmatch(WHOLE["Parameters"]["BrowserOrigins"]["AllowedPattern"], origin)


def test_a_stage_may_have_several_origins():
    given = "BrowserOrigins=https://a.example.org,https://b.example.org"

    assert deploy.parser().parse_args(["--stage", "prod", "--parameter", given]).parameter == [
        tuple(given.split("=", 1))
    ]


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://*",
        "https://*.example.org",
        "http://footage.example.org",
        "https://footage.example.org/",
        "https://a, https://b",
        "https://a,*",
        "null",
        " ",
        "https://localhost:8000\nhttps://b",
    ],
)
def test_nothing_but_hosts_is_an_origin_of_pages(origin: str):
    with pytest.raises(SystemExit):
        deploy.parser().parse_args(["--stage", "prod", "--parameter", f"BrowserOrigins={origin}"])


def test_an_artifact_is_deleted_only_by_the_etag_that_was_judged():
    found = denial("ArtifactsAreDeletedByETag")

    assert (found["Action"], found["Resource"]) == ("s3:DeleteObject", ARTIFACTS)
    assert found["Condition"] == {"Null": {"s3:if-match": "true"}}


def test_an_artifact_is_never_written_over():
    found = denial("ArtifactsAreWrittenOnce")

    assert (found["Action"], found["Resource"]) == ("s3:PutObject", ARTIFACTS)
    assert found["Condition"]["Null"] == {"s3:if-none-match": "true"}


def test_parts_of_an_artifact_need_no_condition_because_they_create_no_object():
    assert denial("ArtifactsAreWrittenOnce")["Condition"]["Bool"] == {"s3:ObjectCreationOperation": "true"}


def test_the_ledger_of_the_deploys_is_only_written_by_who_knows_what_it_says():
    found = denial("DeploysAreWrittenOnCondition")

    assert (found["Action"], found["Resource"]) == ("s3:PutObject", f"{ARN}/{ledger.PREFIX}*")
    assert found["Condition"] == {"Null": {"s3:if-match": "true", "s3:if-none-match": "true"}}


def test_what_is_kept_of_deploys_stays():
    found = denial("DeploysStay")
    rules = properties("Bucket")["LifecycleConfiguration"]["Rules"]

    assert (found["Action"], found["Resource"]) == ("s3:DeleteObject", f"{ARN}/{ledger.PREFIX}*")
    assert {each["Id"] for each in rules if ledger.PREFIX.startswith(each.get("Prefix", ""))} == {
        "abort-forgotten-uploads",
        "drop-lone-delete-markers",
    }


def test_the_log_of_the_apis_calls_is_kept_as_long_as_the_functions_logs():
    assert properties("ApiLog", LogRetentionDays="30") == {
        "LogGroupName": "/reelhaul/prod/api",
        "RetentionInDays": "30",
    }


def test_the_role_that_writes_the_accounts_api_logs_outlives_the_stack_that_made_it():
    assert WHOLE["Resources"]["ApiLogRole"]["DeletionPolicy"] == "Retain"


@pytest.mark.parametrize(
    ("parameter", "least", "most"), [("EventConcurrency", 0, 1000), ("ApiCallsPerSecond", 1, 10_000)]
)
def test_a_flood_has_its_limits(parameter: str, least: int, most: int):
    said = WHOLE["Parameters"][parameter]

    assert (said["MinValue"], said["MaxValue"]) == (least, most)
    assert least < said["Default"] < most


def test_whatever_the_audit_passes_over_has_its_reason_beside_it():
    passed_over = [
        each
        for body in WHOLE["Resources"].values()
        for each in body.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]

    assert len(passed_over) == 9
    assert all(re.fullmatch(r"CKV_AWS_\d+", each["id"]) and len(each["comment"]) > 40 for each in passed_over)


PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBg\n-----END PUBLIC KEY-----\n"
WITH_CDN = {"CdnPublicKey": PUBLIC_KEY, "Cdn": "E1", "CdnAccess.Id": "O1", "CdnCache": "C1", "CdnKeys": "G1"}
WITH_CDN |= {"Bucket.RegionalDomainName": "footage.s3.eu-west-1.amazonaws.com", "CdnKey": "K1"}


def test_with_a_cdn_the_stages_distribution_alone_may_read_and_do_nothing_else():
    statements = properties("BucketPolicy", **WITH_CDN)["PolicyDocument"]["Statement"]
    [found] = [statement for statement in statements if statement["Effect"] == "Allow"]

    assert found["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert set(found["Action"]) == {"s3:GetObject", "s3:GetObjectVersion"}
    assert set(found["Resource"]) == {*ARTIFACTS, f"{ARN}/index/*"}
    assert found["Condition"] == {
        "StringEquals": {"aws:SourceArn": "arn:aws:cloudfront::123456789012:distribution/E1"}
    }


def test_the_cdn_serves_nothing_without_a_signature_of_the_stages_key():
    behaviour = properties("Cdn", **WITH_CDN)["DistributionConfig"]["DefaultCacheBehavior"]

    assert behaviour["TrustedKeyGroups"] == ["G1"]
    assert behaviour["ViewerProtocolPolicy"] == "https-only"
    assert set(behaviour["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS"}
    assert properties("CdnKeys", **WITH_CDN)["KeyGroupConfig"]["Items"] == ["K1"]


def test_the_version_reaches_s3_and_tells_cached_objects_apart():
    passed_on = properties("CdnCache", **WITH_CDN)["CachePolicyConfig"][
        "ParametersInCacheKeyAndForwardedToOrigin"
    ]

    assert passed_on["QueryStringsConfig"] == {
        "QueryStringBehavior": "whitelist",
        "QueryStrings": ["versionId"],
    }


def test_the_cdn_has_a_domain_of_ours_only_with_its_certificate():
    ours = {"CdnDomain": "cdn.example.org", "CdnCertificateArn": "arn:certificate"}
    plain = properties("Cdn", **WITH_CDN)["DistributionConfig"]
    named = properties("Cdn", **WITH_CDN, **ours)["DistributionConfig"]

    assert plain["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
    assert "Aliases" not in plain
    assert named["Aliases"] == ["cdn.example.org"]
    assert named["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"


def test_without_a_public_key_there_is_no_cdn():
    of_cdn = {name for name, body in WHOLE["Resources"].items() if "CloudFront" in body["Type"]}

    assert len(of_cdn) == 5
    assert {WHOLE["Resources"][name].get("Condition") for name in of_cdn} == {"HasCdn"}


@pytest.mark.parametrize(
    ("given", "taken"),
    [("", True), (PUBLIC_KEY, True), ("MIIBIjANBg", False), (PUBLIC_KEY.replace("PUBLIC", "PRIVATE"), False)],
)
def test_a_private_key_is_never_taken_for_the_cdns_public_one(given: str, taken: bool):
    pattern = WHOLE["Parameters"]["CdnPublicKey"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, given)) is taken


def test_the_bucket_policy_allows_nothing():
    statements = properties("BucketPolicy")["PolicyDocument"]["Statement"]

    assert {statement["Effect"] for statement in statements} == {"Deny"}


def test_the_table_has_its_keys_and_its_indexes():
    table = properties("Table")
    keys = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for index in table["GlobalSecondaryIndexes"]
    }

    assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]
    assert keys == {
        "by_device": ["device_pk", "device_sk"],
        "by_camera": ["camera_pk", "camera_sk"],
        "listed": ["list_pk", "list_sk"],
        "work": ["work_pk", "work_sk"],
    }


@pytest.mark.parametrize(
    ("index", "projection"),
    [
        ("work", {"ProjectionType": "KEYS_ONLY"}),
        ("by_camera", {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["project"]}),
        ("listed", {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["state"]}),
    ],
)
def test_an_index_that_is_a_hint_carries_no_more_than_it_is_asked_for(index: str, projection: Any):
    [found] = [each for each in properties("Table")["GlobalSecondaryIndexes"] if each["IndexName"] == index]

    assert found["Projection"] == projection


def test_the_table_can_be_recovered_and_not_be_deleted():
    table = properties("Table")

    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] is True


def test_the_table_is_paid_per_request_and_forgets_by_ttl():
    table = properties("Table")

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_an_order_that_keeps_failing_ends_among_the_dead_letters():
    assert properties("OrderQueue")["RedrivePolicy"] == {
        "deadLetterTargetArn": NAMES["DeadLetters.Arn"],
        "maxReceiveCount": 5,
    }


def test_dead_letters_wait_fourteen_days():
    assert properties("DeadLetters")["MessageRetentionPeriod"] == 14 * 86_400


@pytest.mark.parametrize("queue", ["OrderQueue", "DeadLetters"])
def test_messages_are_encrypted_at_rest(queue: str):
    assert properties(queue)["SqsManagedSseEnabled"] is True


def test_an_alarm_address_is_optional():
    assert NAMES["AlarmAddress"] == ""
    assert WHOLE["Resources"]["AlarmSubscription"]["Condition"] == "HasAlarmAddress"


def test_a_name_that_the_template_does_not_know_is_refused():
    with pytest.raises(template.UnknownIntrinsic, match=r"Bucket\.Arn"):
        template.resolved({"Fn::GetAtt": ["Bucket", "Arn"]}, WHOLE, {})


def test_a_placeholder_that_is_meant_for_athena_keeps_its_braces():
    text = {"Fn::Sub": "s3://${Bucket}/lake/dt=${!dt}/"}

    assert template.resolved(text, WHOLE, NAMES) == "s3://footage/lake/dt=${dt}/"


def test_names_are_split_and_joined_as_cloudformation_does():
    node = {"Fn::Join": ["_", {"Fn::Split": ["-", {"Fn::Sub": "a-${Stage}-b"}]}]}

    assert template.resolved(node, WHOLE, NAMES) == "a_prod_b"


def test_the_role_of_s3_batch_reads_and_writes_reports_alone():
    role = properties("BatchRole")
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    writable = [each["Resource"] for each in statements if "s3:PutObject" in each.get("Action", ())]

    assert trust["Principal"] == {"Service": "batchoperations.s3.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert writable == [f"{ARN}/proofs/*"]
    assert {action for each in statements for action in each.get("Action", ())} <= {
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
        "kms:Decrypt",
        "kms:GenerateDataKey",
    }


def test_manifests_and_reports_of_s3_batch_end_after_a_month():
    ending = rule("expire-proofs")

    assert (ending["Prefix"], ending["ExpirationInDays"]) == (batch.PREFIX, 30)
