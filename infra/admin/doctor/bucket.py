"""The bucket: whether it keeps, guards and gives footage as the stack's template says."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.core.times import DAY_S
from infra.admin.doctor.finding import Finding, found, problem, unknown
from infra.admin.doctor.stage import Stage
from infra.aws import project
from infra.aws.s3_words import cors_rules, lifecycle_rules

_TEMPLATE = "infra/aws/storage.yaml"
_ABORT, _PURGES = "AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"


def _set(stage: Stage, call: str, option: str, value: Any, place: str) -> str:
    """The command that makes it what the template says, and where the template says it."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return (
        f"aws s3api {call} --bucket {stage.bucket} --{option} {shlex.quote(text)}, as the stack's BreakGlassRoleArn "
        f"where the bucket's policy demands it ({_TEMPLATE}: {place})"
    )


def versioning(stage: Stage) -> Iterator[Finding]:
    """Versioning as the template says."""
    wanted = stage.declared("Bucket")["VersioningConfiguration"]["Status"]
    present = stage.client("s3").get_bucket_versioning(Bucket=stage.bucket).get("Status", "off")
    if present != wanted:
        yield problem(
            f"versioning of {stage.bucket} is {present}, not {wanted}",
            "what is overwritten or deleted is gone at once, and cleanup could not be undone",
            _set(
                stage,
                "put-bucket-versioning",
                "versioning-configuration",
                f"Status={wanted}",
                "Bucket.VersioningConfiguration",
            ),
        )


def lifecycle(stage: Stage) -> Iterator[Finding]:
    """Each rule of the template, and none beside them; the days agree with the settings."""
    wanted = {
        rule["ID"]: rule for rule in lifecycle_rules(stage.declared("Bucket")["LifecycleConfiguration"])
    }
    answer = found(
        lambda: stage.client("s3").get_bucket_lifecycle_configuration(Bucket=stage.bucket),
        "NoSuchLifecycleConfiguration",
    )
    present = {rule.get("ID", ""): rule for rule in (answer or {"Rules": []})["Rules"]}
    for name, rule in wanted.items():
        if name not in present or _normal(present[name]) != _normal(rule):
            is_now = f"says {_text(_normal(present[name]))}" if name in present else "is absent"
            yield problem(
                f"lifecycle rule {name} {is_now}, not {_text(_normal(rule))}",
                _why_rule(rule),
                _set(
                    stage,
                    "put-bucket-lifecycle-configuration",
                    "lifecycle-configuration",
                    {"Rules": list(wanted.values())},
                    f"Bucket.LifecycleConfiguration, Id {name}",
                ),
            )
    for name in sorted(present.keys() - wanted.keys()):
        yield problem(
            f"lifecycle rule {name or 'without a name'} is not the stack's: {_text(_normal(present[name]))}",
            "a rule that the coordinator does not know may expire footage",
            _set(
                stage,
                "put-bucket-lifecycle-configuration",
                "lifecycle-configuration",
                {"Rules": list(wanted.values())},
                "Bucket.LifecycleConfiguration",
            ),
        )
    yield from _days(stage, wanted)


def _why_rule(rule: Mapping[str, Any]) -> str:
    if _ABORT in rule:
        return "parts of uploads that nobody finishes stay and are paid for"
    if _PURGES in rule and "And" in rule["Filter"]:
        return "cleaned footage would be purged earlier or later than was promised, or footage that was never cleaned"
    return "objects would stay longer or shorter than the coordinator counts on"


def _days(stage: Stage, rules: Mapping[str, Any]) -> Iterator[Finding]:
    """That the settings of the project agree with the rules of the stack, which nobody else compares."""
    settings = stage.wanted[project.API_FUNCTION].environment
    for name, rule in rules.items():
        days = rule.get(_PURGES, {}).get("NoncurrentDays")
        if "And" in rule["Filter"] and str(days) != settings["RESTORABLE_DAYS"]:
            yield problem(
                f"lifecycle rule {name} purges after {days} days, and RESTORABLE_DAYS is {settings['RESTORABLE_DAYS']}",
                "the coordinator would promise to restore what S3 has purged",
                "cloud/.chalice/config.json: environment_variables.RESTORABLE_DAYS is ${GraceDays}",
            )
        aborted_days = rule.get(_ABORT, {}).get("DaysAfterInitiation")
        if aborted_days is not None and int(settings["UPLOAD_TTL_S"]) >= int(aborted_days) * DAY_S:
            yield problem(
                f"lifecycle rule {name} aborts after {aborted_days} days, "
                f"and UPLOAD_TTL_S is {settings['UPLOAD_TTL_S']}",
                "S3 would abort uploads that the coordinator still takes parts for",
                f"cloud/.chalice/config.json: environment_variables.UPLOAD_TTL_S below {int(aborted_days) * DAY_S}",
            )


def _normal(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule in one form, of the several in which S3 tells the same."""
    said = {name: value for name, value in rule.items() if name not in ("Filter", "Prefix", "ID")}
    filters: Any = rule.get("Filter") or {}
    both = dict(filters.get("And", filters))
    tags = both.pop("Tags", []) + ([both.pop("Tag")] if "Tag" in both else [])
    said["Prefix"] = both.pop("Prefix", rule.get("Prefix", "")) or ""
    if tags:
        said["Tags"] = sorted((tag["Key"], tag["Value"]) for tag in tags)
    return {**said, **both}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def cors(stage: Stage) -> Iterator[Finding]:
    """What a browser may do: the rules of the template, or none."""
    said = stage.declared("Bucket").get("CorsConfiguration", {"CorsRules": []})
    wanted = cors_rules(said)
    answer = found(lambda: stage.client("s3").get_bucket_cors(Bucket=stage.bucket), "NoSuchCORSConfiguration")
    present = (answer or {"CORSRules": []})["CORSRules"]
    if list(map(_sorted, present)) != list(map(_sorted, wanted)):
        what = _text([_sorted(rule) for rule in present]) if present else "absent"
        command = (
            _set(
                stage,
                "put-bucket-cors",
                "cors-configuration",
                {"CORSRules": wanted},
                "Bucket.CorsConfiguration",
            )
            if wanted
            else f"aws s3api delete-bucket-cors --bucket {stage.bucket} ({_TEMPLATE}: BrowserOrigins is empty)"
        )
        yield problem(
            f"the bucket's CORS rules are {what}, not {_text([_sorted(rule) for rule in wanted])}",
            "pages can not read ranges or send parts, or pages of another origin can",
            command,
        )


def _sorted(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: sorted(str(each).lower() for each in value) if isinstance(value, list) else value
        for name, value in rule.items()
    }


def policy(stage: Stage) -> Iterator[Finding]:
    """Each statement of the template's policy, as it is there."""
    answer = found(lambda: stage.client("s3").get_bucket_policy(Bucket=stage.bucket), "NoSuchBucketPolicy")
    if answer is None and stage.is_partial:
        yield unknown(
            "the local S3 keeps the bucket's policy to itself",
            "deploy a trial stage: the local one enforces the template's policy and shows none",
        )
        return
    wanted = {each["Sid"]: each for each in stage.declared("BucketPolicy")["PolicyDocument"]["Statement"]}
    document = json.loads(answer["Policy"]) if answer else {"Statement": []}
    present = {each.get("Sid", ""): each for each in document["Statement"]}
    for sid, statement in wanted.items():
        if sid not in present or _statement(present[sid]) != _statement(statement):
            yield problem(
                f"statement {sid} of the bucket's policy {'differs' if sid in present else 'is absent'}",
                "it guards footage or records against what its name says",
                f"aws s3api put-bucket-policy --bucket {stage.bucket} --policy …, as the stack's BreakGlassRoleArn "
                f"or the account's root ({_TEMPLATE}: BucketPolicy, Sid {sid})",
            )
    for sid in sorted(present.keys() - wanted.keys()):
        if present[sid]["Effect"] == "Allow":
            yield problem(
                f"statement {sid or 'without a Sid'} of the bucket's policy allows {present[sid].get('Action')}, "
                "and is not the stack's",
                "somebody may read or change footage past the coordinator",
                f"aws s3api put-bucket-policy --bucket {stage.bucket} --policy … without it "
                f"({_TEMPLATE}: BucketPolicy)",
            )


def _statement(said: Any) -> Any:
    """A statement in one form: S3 tells a list of one as its element, in any order."""
    if isinstance(said, Mapping):
        return {name: _statement(value) for name, value in said.items()}
    if isinstance(said, list):
        return sorted(map(str, said)) if len(said) != 1 else str(said[0])
    return str(said).lower() if isinstance(said, bool) else str(said)


def public_access(stage: Stage) -> Iterator[Finding]:
    """The block of public access, and who owns objects."""
    s3, said = stage.client("s3"), stage.declared("Bucket")
    answer = found(
        lambda: s3.get_public_access_block(Bucket=stage.bucket), "NoSuchPublicAccessBlockConfiguration"
    )
    present = answer["PublicAccessBlockConfiguration"] if answer else {}
    wanted = said["PublicAccessBlockConfiguration"]
    absent = [name for name in wanted if present.get(name) != wanted[name]]
    if absent:
        yield problem(
            f"the block of public access lacks {', '.join(absent)}",
            "a policy or an access list could show footage to everybody",
            _set(
                stage,
                "put-public-access-block",
                "public-access-block-configuration",
                wanted,
                "Bucket.PublicAccessBlockConfiguration",
            ),
        )
    owned = found(
        lambda: s3.get_bucket_ownership_controls(Bucket=stage.bucket), "OwnershipControlsNotFoundError"
    )
    rules = owned["OwnershipControls"]["Rules"] if owned else []
    if rules != said["OwnershipControls"]["Rules"]:
        yield problem(
            f"objects of the bucket are owned by {_text(rules)}, not {_text(said['OwnershipControls']['Rules'])}",
            "access lists of single objects could show footage",
            _set(
                stage,
                "put-bucket-ownership-controls",
                "ownership-controls",
                said["OwnershipControls"],
                "Bucket.OwnershipControls",
            ),
        )


def encryption(stage: Stage) -> Iterator[Finding]:
    """How S3 encrypts what is written."""
    wanted = stage.declared("Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    answer = found(
        lambda: stage.client("s3").get_bucket_encryption(Bucket=stage.bucket),
        "ServerSideEncryptionConfigurationNotFoundError",
    )
    present = answer["ServerSideEncryptionConfiguration"]["Rules"] if answer else []
    if list(map(_key, present)) != list(map(_key, wanted)):
        yield problem(
            f"the bucket encrypts with {_text(list(map(_key, present)))}, not {_text(list(map(_key, wanted)))}",
            "footage is not under the key that the stack names; who may use that key may not read it, or others may",
            _set(
                stage,
                "put-bucket-encryption",
                "server-side-encryption-configuration",
                {"Rules": list(map(_rule, wanted))},
                "Bucket.BucketEncryption (parameter KmsKeyArn)",
            ),
        )


def _key(rule: Mapping[str, Any]) -> dict[str, Any]:
    by_default = rule.get("ApplyServerSideEncryptionByDefault", rule.get("ServerSideEncryptionByDefault", {}))
    return {**by_default, "BucketKeyEnabled": bool(rule.get("BucketKeyEnabled"))}


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule of encryption in the words of S3's own API."""
    made = _key(rule)
    return {"BucketKeyEnabled": made.pop("BucketKeyEnabled"), "ApplyServerSideEncryptionByDefault": made}


def addresses(stage: Stage) -> Iterator[Finding]:
    """That the host of signed addresses is the bucket's own: its region, and a name that TLS certificates cover."""
    answer = stage.client("s3").get_bucket_location(Bucket=stage.bucket)
    # S3 has no word for its first region, and an old one for Ireland.
    region = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(
        answer["LocationConstraint"], answer["LocationConstraint"]
    )
    for name, configuration in stage.configurations.items():
        of_function = configuration["FunctionArn"].split(":")[3]
        if of_function != region:
            yield problem(
                f"{name} runs in {of_function}, and the bucket is in {region}",
                "signed addresses name the function's region, and S3 refuses them in another",
                f"python -m infra.aws.deploy --stage {stage.name} --region {region}",
            )
    if "." in stage.bucket:
        yield problem(
            f"the bucket's name {stage.bucket} has a dot",
            "no certificate of S3 covers the host of its signed addresses, so that every client refuses it",
            f"{_TEMPLATE}: Bucket.BucketName without dots",
        )
