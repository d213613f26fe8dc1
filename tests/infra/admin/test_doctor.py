"""What `doctor` says of a stage on the local AWS: nothing while it is as it should be, and each planted fault by name.

The local AWS lacks what `whole` adds: alarms, subscribers, the lake's catalog, the ledger, Lambda's quota and the
bucket's policy, which the strict layer enforces and does not show. Faults are planted many at once, at most one for
each check.
"""

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from msgspec.structs import replace as replaced

from chalicelib.aws.records import DynamoRecords
from chalicelib.core.cleanup import Arming
from chalicelib.core.rounds import LastRound
from infra.admin import command
from infra.admin.commands.doctor import exit_code, lines
from infra.admin.console import Console
from infra.admin.deployment import Refused
from infra.admin.doctor import functions, watching
from infra.admin.doctor.examination import CHECKS, Found, examine
from infra.admin.doctor.finding import Finding, problem, unknown
from infra.admin.doctor.stage import NotARead, Stage, read_only
from infra.aws import api_stage, deploy, ledger, project, template, watch
from infra.aws.s3_words import cors_rules, lifecycle_rules
from infra.local.aws.moto import server
from infra.local.stack import World
from infra.stages import LOCAL_STAGE

WHOLE = template.load()
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ADDRESS = "crew@example.org"

UNKNOWN_HERE = {"alarms", "api", "code", "lake", "logs", "policy", "quotas", "record", "subscriptions"}
"""The checks that the local AWS leaves unknown when nothing is added to it."""


def quiet(line: str) -> None:
    """Progress that nobody reads."""


@dataclass
class Place:
    """A stage on the local AWS that lacks nothing, and the clients that plant faults in it."""

    world: World
    workdir: Path
    template: dict[str, Any] = field(default_factory=lambda: json.loads(template.as_text(WHOLE)))
    quota: int = 1000
    policy: Mapping[str, Any] = field(default_factory=dict)
    _readers: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return self.world.aws.client(service)

    @property
    def now(self) -> datetime:
        """The time of this machine, which is S3's, too, however long the tests before took."""
        return datetime.now(UTC)

    @property
    def outputs(self) -> dict[str, str]:
        arn = f"arn:aws:logs:us-east-1:123456789012:log-group:/reelhaul/{LOCAL_STAGE}/api:*"
        added = {"ApiLogArn": arn, "ApiLogRoleArn": "arn:aws:iam::123456789012:role/log"}
        lake = {"LakeDatabase": f"reelhaul_{LOCAL_STAGE}", "LakeWorkGroup": f"reelhaul-{LOCAL_STAGE}"}
        return {**self.world.aws.outputs, **added, **lake}

    @property
    def book(self) -> ledger.Ledger:
        return ledger.Ledger(self.client("s3"), self.world.bucket)

    @property
    def records(self) -> DynamoRecords:
        return DynamoRecords(self.client("dynamodb"), self.world.table)

    def stage(self, *, is_partial: bool = False) -> Stage:
        return Stage(LOCAL_STAGE, self.account(self.reader), lambda: self.now, is_partial)

    def bare(self) -> Stage:
        return Stage(LOCAL_STAGE, self.account(self._read), lambda: self.now, is_partial=True)

    def account(self, client: Callable[[str], Any]) -> deploy.Account:
        return deploy.Account(client, WHOLE, watch.template(), deploy.BUILD, {})

    def reader(self, service: str) -> Any:
        """A client that refuses to write, with what moto has no answer for."""
        if service == "cloudformation":
            return WholeStack(self._read(service), self)
        if service == "s3":
            return WithPolicy(self._read(service), self)
        return WithQuota(self._read(service), self) if service == "lambda" else self._read(service)

    def _read(self, service: str) -> Any:
        if service not in self._readers:
            session: Any = read_only(server.session())
            made = session.client(service, endpoint_url=self.world.aws_url, config=server.ONE_TRY)
            self._readers[service] = made
        return self._readers[service]


class Passing:
    """A client of boto3 with one answer of its own."""

    def __init__(self, client: Any, place: Place) -> None:
        self._client = client
        self._place = place

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class WholeStack(Passing):
    """CloudFormation that has made the whole template."""

    def get_template(self, **call: Any) -> Any:
        return {"TemplateBody": self._place.template}

    def describe_stacks(self, **call: Any) -> Any:
        answer = self._client.describe_stacks(**call)
        outputs = self._place.outputs.items()
        answer["Stacks"][0]["Outputs"] = [{"OutputKey": key, "OutputValue": value} for key, value in outputs]
        return answer


class WithPolicy(Passing):
    """S3 that shows the bucket's policy; moto would enforce it without its conditions."""

    def get_bucket_policy(self, **call: Any) -> Any:
        return {"Policy": json.dumps(self._place.policy)}


class WithQuota(Passing):
    """Lambda with an account's quota."""

    def get_account_settings(self) -> Any:
        limits = {"ConcurrentExecutions": self._place.quota}
        return {"AccountLimit": {**limits, "UnreservedConcurrentExecutions": self._place.quota - 32}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    workdir = tmp_path_factory.mktemp("world")
    origin = {"BrowserOrigins": "https://footage.example.org"}
    with World.start(workdir=workdir, progress=quiet, parameters=origin) as world:
        made = Place(world, workdir)
        round_of(timedelta(0))(made)
        yield made


def test_a_clean_local_stage_has_no_finding_and_what_is_absent_there_is_unknown(place: Place):
    found = examine(place.bare())

    assert [each for each in found if each.finding.severity.value != "unknown"] == []
    assert {each.check for each in found} == UNKNOWN_HERE
    assert exit_code(found) == 75


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("UPLOAD_TTL_S", "604799", None),
        ("UPLOAD_TTL_S", "604800", "abort-forgotten-uploads aborts after 7 days, and UPLOAD_TTL_S is 604800"),
        ("RESTORABLE_DAYS", "13", "purge-cleaned-originals purges after 14 days, and RESTORABLE_DAYS is 13"),
    ],
)
def test_the_days_of_the_rules_are_compared_with_the_settings_of_the_project(
    place: Place, tmp_path: Path, variable: str, value: str, words: str | None
):
    shutil.copytree(deploy.CLOUD / ".chalice", tmp_path / ".chalice")
    config = tmp_path / ".chalice" / "config.json"
    document = json.loads(config.read_text())
    document["environment_variables"][variable] = value
    config.write_text(json.dumps(document))
    bare = place.bare()
    changed = replace(bare, account=replace(bare.account, source=tmp_path))

    said = examine(changed, {"lifecycle": CHECKS["lifecycle"]})

    assert [each.finding.severity.value for each in said] == ["problem"] * len(said)
    assert bool(said) == (words is not None)
    assert words is None or words in said[0].finding.what


class Without(Passing):
    """Lambda without the function `reconcile`."""

    def get_function_configuration(self, FunctionName: str) -> Any:  # noqa: N803
        if FunctionName.endswith("-reconcile"):
            raise self._client.exceptions.ResourceNotFoundException(
                {"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "GetFunctionConfiguration"
            )
        return self._client.get_function_configuration(FunctionName=FunctionName)


def test_a_function_that_is_gone_is_told_and_what_hangs_on_it_is_not_clean(place: Place):
    bare = place.bare()

    def client(service: str) -> Any:
        made = bare.client(service)
        return Without(made, place) if service == "lambda" else made

    checks = {name: CHECKS[name] for name in ("settings", "schedules", "credentials")}
    found = examine(replace(bare, account=place.account(client)), checks)

    assert [(each.check, each.finding.severity.value) for each in found] == [
        ("settings", "problem"),
        ("schedules", "unknown"),
    ]
    assert found[0].finding.what == f"function reelhaul-{LOCAL_STAGE}-reconcile is not there"


def test_the_command_says_the_same_and_ends_with_75_where_all_it_has_is_unknown(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    for name, value in server.environment(place.world.aws_url, {}).items():
        monkeypatch.setenv(name, value)
    said: list[str] = []

    code = command.follow(["doctor", "--stage", LOCAL_STAGE, "--json"], Console(say=said.append))

    [document] = [json.loads(line) for line in said]
    assert (code, document["stage"], document["clean"]) == (75, LOCAL_STAGE, False)
    assert {each["check"] for each in document["findings"]} == UNKNOWN_HERE
    assert all(each.keys() == {"severity", "check", "what", "why", "change"} for each in document["findings"])


@pytest.fixture(scope="module")
def whole(place: Place) -> Place:
    """The place with all that a deployed stage has. From here on nothing of the policy is enforced."""
    policy = place.stage().declared("BucketPolicy")["PolicyDocument"]
    place.world.aws.strict.enforce(place.world.bucket, {"Version": "2012-10-17", "Statement": []})
    put_policy(place, policy)
    add_alarms(place)
    place.client("sns").subscribe(TopicArn=place.outputs["Alarms"], Protocol="email", Endpoint=ADDRESS)
    add_logs(place)
    add_lake(place)
    add_record(place)
    return place


def put_policy(place: Place, policy: Mapping[str, Any]) -> None:
    place.policy = policy


def add_alarms(place: Place) -> None:
    """One by one: moto's CloudFormation makes none."""
    wanted = watch.template()
    names = place.stage().watch_names()
    for body in wanted["Resources"].values():
        if body["Type"] == "AWS::CloudWatch::Alarm":
            place.client("cloudwatch").put_metric_alarm(
                **template.resolved(body["Properties"], wanted, names)
            )


def add_logs(place: Place) -> None:
    logs = place.client("logs")
    for group in (f"/reelhaul/{LOCAL_STAGE}/api", f"/aws/lambda/reelhaul-{LOCAL_STAGE}"):
        logs.create_log_group(logGroupName=group)
        logs.put_retention_policy(logGroupName=group, retentionInDays=90)


def add_lake(place: Place) -> None:
    stage, glue = place.stage(), place.client("glue")
    glue.create_database(DatabaseInput=stage.declared("LakeDatabase")["DatabaseInput"])
    for name, body in WHOLE["Resources"].items():
        if body["Type"] == "AWS::Glue::Table":
            table = stage.declared(name)["TableInput"]
            glue.create_table(DatabaseName=place.outputs["LakeDatabase"], TableInput=table)
    make_work_group(int(place.stage().parameters["ScanLimitBytes"]))(place)


def make_work_group(limit_bytes: int) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        said = place.stage().declared("LakeWorkGroup")
        limited = {**said["WorkGroupConfiguration"], "BytesScannedCutoffPerQuery": limit_bytes}
        place.client("athena").create_work_group(Name=said["Name"], Configuration=limited)

    return act


def drop_work_group(place: Place) -> None:
    place.client("athena").delete_work_group(WorkGroup=place.outputs["LakeWorkGroup"])


def add_record(place: Place) -> None:
    """The ledger after one complete deploy, with the API's stage as that leaves it."""
    target = place.workdir / "coordinator"
    known = json.loads(project.state_file(target, LOCAL_STAGE).read_text())
    [sockets] = [each for each in known["resources"] if each["name"] == "websocket_api"]
    sockets["websocket_api_url"] = place.world.sockets.url  # not AWS's, as the functions know it here
    layer = place.stage().configurations["reconcile"]["Layers"][0]["Arn"]
    package = next((target / ".chalice" / "deployments").glob("*.zip"))
    with ledger.turn(place.book, "me", "2026-11-30T12:00:00Z", take_over=False) as turn:
        turn.knows(known)
        made = ledger.Deploy(
            turn.number, "me", "2026-11-30T12:00:00Z", "v1", deploy.PYTHON, package.name, layer, {},
            project.digests(deploy.CLOUD),
        )  # fmt: skip
        turn.ledger.keep(turn.number, deploy.PACKAGE, package.read_bytes())
        turn.ledger.keep(turn.number, deploy.DEPLOY, ledger.as_file(made))
        turn.completed(made)
    api_stage.settle(place.client("apigateway"), rest_api(place), place.outputs)


def rest_api(place: Place) -> str:
    resources = (place.book.read().page.chalice or {})["resources"]
    [found] = [each["rest_api_id"] for each in resources if each["name"] == "rest_api"]
    return str(found)


def test_a_stage_that_is_as_deployed_is_clean(whole: Place):
    assert examine(whole.stage()) == []


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: who must report it, in which words, with which change, and how it comes and goes."""

    name: str
    check: str
    words: str
    change: str
    plant: Callable[[Place], None]
    mend: Callable[[Place], None]


def fault(name: str, check: str, words: str, change: str, plant: Any, mend: Any) -> Fault:
    return Fault(name, check, words, change, plant, mend)


def lifecycle(place: Place) -> list[dict[str, Any]]:
    return lifecycle_rules(place.stage().declared("Bucket")["LifecycleConfiguration"])


def put_lifecycle(place: Place, *rules: dict[str, Any]) -> None:
    place.client("s3").put_bucket_lifecycle_configuration(
        Bucket=place.world.bucket, LifecycleConfiguration={"Rules": list(rules)}
    )


def changed_rule(name: str, **changes: Any) -> Callable[[Place], None]:
    def plant(place: Place) -> None:
        put_lifecycle(
            place, *({**rule, **changes} if rule["ID"] == name else rule for rule in lifecycle(place))
        )

    return plant


def without_rule(name: str) -> Callable[[Place], None]:
    return lambda place: put_lifecycle(place, *(rule for rule in lifecycle(place) if rule["ID"] != name))


def mend_lifecycle(place: Place) -> None:
    put_lifecycle(place, *lifecycle(place))


def put_cors(**changes: Any) -> Callable[[Place], None]:
    def plant(place: Place) -> None:
        [rule] = cors_rules(place.stage().declared("Bucket")["CorsConfiguration"])
        place.client("s3").put_bucket_cors(
            Bucket=place.world.bucket, CORSConfiguration={"CORSRules": [{**rule, **changes}]}
        )

    return plant


def statements(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Callable[[Place], None]:
    def plant(place: Place) -> None:
        policy = place.stage().declared("BucketPolicy")["PolicyDocument"]
        put_policy(place, {**policy, "Statement": change(policy["Statement"])})

    return plant


def without(sid: str) -> Callable[[Place], None]:
    return statements(lambda listed: [each for each in listed if each["Sid"] != sid])


def looser(sid: str) -> Callable[[Place], None]:
    return statements(
        lambda listed: [
            {**each, "Principal": {"AWS": "arn:aws:iam::1:root"}} if each["Sid"] == sid else each
            for each in listed
        ]
    )


OPEN = {"Sid": "Everybody", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
opened = statements(lambda listed: [*listed, OPEN])
mend_policy = statements(lambda listed: listed)


def call(service: str, method: str, **arguments: Any) -> Callable[[Place], None]:
    """A call, its texts with the names of the stage between braces."""

    def act(place: Place) -> None:
        names = {**place.outputs, "stage": LOCAL_STAGE, "api": "", "function": f"reelhaul-{LOCAL_STAGE}"}
        getattr(place.client(service), method)(**filled(arguments, names))

    return act


def filled(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: filled(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, names) for each in value]
    if isinstance(value, str) and "<" in value:
        for name, text in names.items():
            value = value.replace(f"<{name}>", text)
    return value


def both(*acts: Callable[[Place], None]) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        for each in acts:
            each(place)

    return act


def block(*, is_restricted: bool) -> Callable[[Place], None]:
    names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    said = {**dict.fromkeys(names, True), "RestrictPublicBuckets": is_restricted}
    return call("s3", "put_public_access_block", Bucket="<Bucket>", PublicAccessBlockConfiguration=said)


def owner(who: str) -> Callable[[Place], None]:
    rules = {"Rules": [{"ObjectOwnership": who}]}
    return call("s3", "put_bucket_ownership_controls", Bucket="<Bucket>", OwnershipControls=rules)


def encrypt(algorithm: str) -> Callable[[Place], None]:
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}]}
    return call("s3", "put_bucket_encryption", Bucket="<Bucket>", ServerSideEncryptionConfiguration=rules)


def versions(status: str) -> Callable[[Place], None]:
    return call("s3", "put_bucket_versioning", Bucket="<Bucket>", VersioningConfiguration={"Status": status})


def recovers(*, is_on: bool) -> Callable[[Place], None]:
    said = {"PointInTimeRecoveryEnabled": is_on}
    return call(
        "dynamodb", "update_continuous_backups", TableName="<Table>", PointInTimeRecoverySpecification=said
    )


def protects(*, is_on: bool) -> Callable[[Place], None]:
    return call("dynamodb", "update_table", TableName="<Table>", DeletionProtectionEnabled=is_on)


def expires(*, is_on: bool) -> Callable[[Place], None]:
    said = {"Enabled": is_on, "AttributeName": "ttl"}
    return call("dynamodb", "update_time_to_live", TableName="<Table>", TimeToLiveSpecification=said)


def drop_index(place: Place) -> None:
    place.client("dynamodb").update_table(
        TableName=place.world.table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "work"}}]
    )


def add_index(place: Place) -> None:
    declared = place.stage().declared("Table")
    [index] = [each for each in declared["GlobalSecondaryIndexes"] if each["IndexName"] == "work"]
    place.client("dynamodb").update_table(
        TableName=place.world.table,
        AttributeDefinitions=declared["AttributeDefinitions"],
        GlobalSecondaryIndexUpdates=[{"Create": index}],
    )


def queue(url: str, name: str, value: str) -> Callable[[Place], None]:
    return call("sqs", "set_queue_attributes", QueueUrl=url, Attributes={name: value})


def configure(name: str, **changes: Any) -> Callable[[Place], None]:
    return call("lambda", "update_function_configuration", FunctionName=f"<function>{name}", **changes)


def set_variable(name: str, variable: str, value: str) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        known = place.stage().wanted[name].environment
        configure(f"-{name}", Environment={"Variables": {**known, variable: value}})(place)

    return act


def layers(*, are_there: bool) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        known = place.stage().last_deploy
        assert known is not None
        configure("-on_output", Layers=[known.layer] if are_there else [])(place)

    return act


def right(change: Callable[[Any], Any]) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        iam, role = place.client("iam"), f"reelhaul-{LOCAL_STAGE}-on_original"
        path = place.workdir / "coordinator" / ".chalice" / "policy-on_original.json"
        document = change(json.loads(path.read_text()))
        iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=json.dumps(document))

    return act


def may_all(document: Any) -> Any:
    return {
        **document,
        "Statement": [*document["Statement"], {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
    }


def other_code(place: Place) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", "raise SystemExit('another')")
    call("lambda", "update_function_code", FunctionName="<function>-take_stock", ZipFile=data.getvalue())(
        place
    )


def own_code(place: Place) -> None:
    package = place.book.kept(1, deploy.PACKAGE)
    call("lambda", "update_function_code", FunctionName="<function>-take_stock", ZipFile=package)(place)


def notify(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        listed = [
            {
                "LambdaFunctionArn": place.stage().arn(each.name),
                "Events": list(each.events),
                "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": each.prefix}]}},
            }
            for each in place.stage().sources
            if each.is_of_s3
        ]
        place.client("s3").put_bucket_notification_configuration(
            Bucket=place.world.bucket,
            NotificationConfiguration={"LambdaFunctionConfigurations": change(listed)},
        )

    return act


def crossed(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last two functions get each other's events."""
    *before, one, other = listed
    arns = one["LambdaFunctionArn"], other["LambdaFunctionArn"]
    return [*before, {**one, "LambdaFunctionArn": arns[1]}, {**other, "LambdaFunctionArn": arns[0]}]


mend_events = notify(lambda listed: listed)


def forbid(name: str, service: str) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        functions = place.client("lambda")
        function = f"reelhaul-{LOCAL_STAGE}-{name}"
        for each in json.loads(functions.get_policy(FunctionName=function)["Policy"])["Statement"]:
            functions.remove_permission(FunctionName=function, StatementId=each["Sid"])

    return act


def permit(name: str, service: str) -> Callable[[Place], None]:
    return call(
        "lambda", "add_permission", FunctionName=f"<function>-{name}", StatementId="again",
        Action="lambda:InvokeFunction", Principal=service,
    )  # fmt: skip


RULE = "reelhaul-<stage>-reconcile-event"


def aim(place: Place) -> None:
    target = [{"Id": "1", "Arn": place.stage().arn("reconcile")}]
    place.client("events").put_targets(Rule=f"reelhaul-{LOCAL_STAGE}-reconcile-event", Targets=target)


def miss(place: Place) -> None:
    events, rule = place.client("events"), f"reelhaul-{LOCAL_STAGE}-reconcile-event"
    ids = [each["Id"] for each in events.list_targets_by_rule(Rule=rule)["Targets"]]
    events.remove_targets(Rule=rule, Ids=ids)


def keep_failures(place: Place) -> None:
    arn = place.stage().arn("on_output")
    deploy.keep_failures(
        place.client("lambda"), {"on_output": arn}, place.outputs["DeadLettersArn"], progress=quiet
    )


def unmap(place: Place) -> None:
    functions = place.client("lambda")
    for each in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.delete_event_source_mapping(UUID=each["UUID"])


ALARM = f"reelhaul-{LOCAL_STAGE}-DeadLettersNotEmpty"


def put_alarm(**changes: Any) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        whole = watch.template()
        body = whole["Resources"]["DeadLettersNotEmpty"]["Properties"]
        said = template.resolved(body, whole, place.stage().watch_names())
        place.client("cloudwatch").put_metric_alarm(**{**said, **changes})

    return act


def unsubscribe(place: Place) -> None:
    sns = place.client("sns")
    for each in sns.list_subscriptions_by_topic(TopicArn=place.outputs["Alarms"])["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])


def round_of(age: timedelta, failed: int = 0) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        at = place.now - age
        place.records.put_last_round(LastRound(at, at, 0, failed, 0, 0, True, True))

    return act


def arm(*, is_armed: bool) -> Callable[[Place], None]:
    return lambda place: place.records.put_arming(Arming(is_armed, NOON, "the cut is wrong"))


def table_input(**changes: Any) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        said = {**place.stage().declared("LakePapi")["TableInput"], **changes}
        place.client("glue").update_table(DatabaseName=place.outputs["LakeDatabase"], TableInput=said)

    return act


def drop_table(place: Place) -> None:
    place.client("glue").delete_table(DatabaseName=place.outputs["LakeDatabase"], Name="papi")


def make_table(place: Place) -> None:
    said = place.stage().declared("LakePapi")["TableInput"]
    place.client("glue").create_table(DatabaseName=place.outputs["LakeDatabase"], TableInput=said)


def throttle(rate: str) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        patch = [{"op": "replace", "path": "/*/*/throttling/rateLimit", "value": rate}]
        place.client("apigateway").update_stage(
            restApiId=rest_api(place), stageName=api_stage.NAME, patchOperations=patch
        )

    return act


def page(**changes: Any) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        seen = place.book.read()
        place.book.write(replaced(seen.page, **changes), seen.etag)

    return act


def said_by_stack(part: str, name: str, value: Any) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        place.template[part][name] = value

    return act


def quota(number: int) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        place.quota = number

    return act


LOG = "/aws/lambda/reelhaul-<stage>-reconcile"
PURGE = "purge-cleaned-originals"
UNTAGGED = {"Filter": {"Prefix": "originals/"}}
FOREIGN = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": "originals/"}, "Expiration": {"Days": 30}}
CUT = {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:elsewhere"}}
REDRIVE = '{"deadLetterTargetArn": "<DeadLettersArn>", "maxReceiveCount": 5}'

FAULTS = (
    fault(
        "versioning suspended",
        "versioning",
        "is Suspended, not Enabled",
        "Bucket.VersioningConfiguration",
        versions("Suspended"),
        versions("Enabled"),
    ),
    fault(
        "multipart uploads stay",
        "lifecycle",
        "abort-forgotten-uploads is absent",
        "Id abort-forgotten-uploads",
        without_rule("abort-forgotten-uploads"),
        mend_lifecycle,
    ),
    fault(
        "purge of what is not tagged",
        "lifecycle",
        f"{PURGE} says",
        f"Id {PURGE}",
        changed_rule(PURGE, **UNTAGGED),
        mend_lifecycle,
    ),
    fault(
        "purge too early",
        "lifecycle",
        '"NoncurrentDays": 3',
        f"Id {PURGE}",
        changed_rule(PURGE, NoncurrentVersionExpiration={"NoncurrentDays": 3}),
        mend_lifecycle,
    ),
    fault(
        "a rule disabled",
        "lifecycle",
        '"Status": "Disabled"',
        "Id purge-replaced-lake",
        changed_rule("purge-replaced-lake", Status="Disabled"),
        mend_lifecycle,
    ),
    fault(
        "a foreign rule",
        "lifecycle",
        "tidy is not the stack's",
        "Bucket.LifecycleConfiguration",
        lambda place: put_lifecycle(place, *lifecycle(place), FOREIGN),
        mend_lifecycle,
    ),
    fault(
        "CORS without PUT",
        "cors",
        '"AllowedMethods": ["get", "head"]',
        "put-bucket-cors",
        put_cors(AllowedMethods=["GET", "HEAD"]),
        put_cors(),
    ),
    fault(
        "CORS hides headers",
        "cors",
        '"ExposeHeaders": ["etag"]',
        "Bucket.CorsConfiguration",
        put_cors(ExposeHeaders=["ETag"]),
        put_cors(),
    ),
    fault(
        "CORS for all",
        "cors",
        '"AllowedOrigins": ["*"]',
        "put-bucket-cors",
        put_cors(AllowedOrigins=["*"]),
        put_cors(),
    ),
    fault(
        "no CORS",
        "cors",
        "rules are absent",
        "put-bucket-cors",
        call("s3", "delete_bucket_cors", Bucket="<Bucket>"),
        put_cors(),
    ),
    fault(
        "a statement absent",
        "policy",
        "NobodyDeletesVersions of the bucket's policy is absent",
        "Sid NobodyDeletesVersions",
        without("NobodyDeletesVersions"),
        mend_policy,
    ),
    fault(
        "a statement for one alone",
        "policy",
        "OnlyOverTls of the bucket's policy differs",
        "Sid OnlyOverTls",
        looser("OnlyOverTls"),
        mend_policy,
    ),
    fault("a foreign statement", "policy", "allows s3:GetObject", "BucketPolicy", opened, mend_policy),
    fault(
        "public buckets",
        "public-access",
        "lacks RestrictPublicBuckets",
        "put-public-access-block",
        block(is_restricted=False),
        block(is_restricted=True),
    ),
    fault(
        "access lists",
        "public-access",
        "ObjectWriter",
        "Bucket.OwnershipControls",
        owner("ObjectWriter"),
        owner("BucketOwnerEnforced"),
    ),
    fault(
        "another key", "encryption", "aws:kms", "parameter KmsKeyArn", encrypt("aws:kms"), encrypt("AES256")
    ),
    fault(
        "no recovery",
        "recovery",
        "is DISABLED",
        "Table.PointInTimeRecoverySpecification",
        recovers(is_on=False),
        recovers(is_on=True),
    ),
    fault(
        "no protection",
        "protection",
        "can be deleted",
        "Table.DeletionProtectionEnabled",
        protects(is_on=False),
        protects(is_on=True),
    ),
    fault(
        "nothing expires",
        "expiry",
        "by ttl (DISABLED)",
        "Table.TimeToLiveSpecification",
        expires(is_on=False),
        expires(is_on=True),
    ),
    fault("an index is gone", "indexes", "has no index work", "IndexName work", drop_index, add_index),
    fault(
        "letters expire early",
        "queues",
        "MessageRetentionPeriod of queue DeadLetters is 60",
        "DeadLetters.MessageRetentionPeriod",
        queue("<DeadLetters>", "MessageRetentionPeriod", "60"),
        queue("<DeadLetters>", "MessageRetentionPeriod", "1209600"),
    ),
    fault(
        "orders come twice",
        "queues",
        "VisibilityTimeout of queue OrderQueue is 5",
        "OrderQueue.VisibilityTimeout",
        queue("<OrderQueue>", "VisibilityTimeout", "5"),
        queue("<OrderQueue>", "VisibilityTimeout", "900"),
    ),
    fault(
        "orders die early",
        "queues",
        "RedrivePolicy of queue OrderQueue",
        "OrderQueue.RedrivePolicy",
        queue("<OrderQueue>", "RedrivePolicy", REDRIVE.replace("5", "1")),
        queue("<OrderQueue>", "RedrivePolicy", REDRIVE),
    ),
    fault(
        "a variable by hand",
        "settings",
        "reconcile: RESTORABLE_DAYS 30 -> 14",
        "environment_variables.RESTORABLE_DAYS",
        set_variable("reconcile", "RESTORABLE_DAYS", "30"),
        set_variable("reconcile", "RESTORABLE_DAYS", "14"),
    ),
    fault(
        "memory by hand",
        "settings",
        "on_output: memory 256 MiB -> 1769 MiB",
        "lambda_functions.on_output.lambda_memory_size",
        configure("-on_output", MemorySize=256),
        configure("-on_output", MemorySize=1769),
    ),
    fault(
        "time-out by hand",
        "settings",
        "on_output: time-out 3 s -> 600 s",
        "lambda_functions.on_output.lambda_timeout",
        configure("-on_output", Timeout=3),
        configure("-on_output", Timeout=600),
    ),
    fault(
        "no layer",
        "settings",
        "on_output: layers none ->",
        "--arrow-layer",
        layers(are_there=False),
        layers(are_there=True),
    ),
    fault(
        "nothing reserved",
        "settings",
        "reserved concurrency none -> 2",
        "parameter EventConcurrency",
        call("lambda", "delete_function_concurrency", FunctionName="<function>-reconcile"),
        call(
            "lambda",
            "put_function_concurrency",
            FunctionName="<function>-reconcile",
            ReservedConcurrentExecutions=2,
        ),
    ),
    fault(
        "a right by hand",
        "settings",
        "may no longer s3:* on *",
        "policy-on_original.json",
        right(may_all),
        right(lambda document: document),
    ),
    fault("code by hand", "code", "take_stock runs code", "make deploy STAGE=local", other_code, own_code),
    fault(
        "an event to nobody",
        "events",
        "does not call on_measurements",
        "name on_measurements",
        notify(lambda listed: listed[:-1]),
        mend_events,
    ),
    fault(
        "S3 may not call",
        "events",
        "may not call on_output",
        "name on_output",
        forbid("on_output", "s3.amazonaws.com"),
        permit("on_output", "s3.amazonaws.com"),
    ),
    fault(
        "a schedule disabled",
        "schedules",
        "reconcile-event is DISABLED",
        "aws events enable-rule",
        call("events", "disable_rule", Name=RULE),
        call("events", "enable_rule", Name=RULE),
    ),
    fault(
        "a slower schedule",
        "schedules",
        "rate(1 hour), not rate(5 minutes)",
        "name reconcile",
        call("events", "put_rule", Name=RULE, ScheduleExpression="rate(1 hour)"),
        call("events", "put_rule", Name=RULE, ScheduleExpression="rate(5 minutes)"),
    ),
    fault("a schedule for nobody", "schedules", "does not call reconcile", "name reconcile", miss, aim),
    fault(
        "the clock may not call",
        "schedules",
        "EventBridge may not call take_stock",
        "name take_stock",
        forbid("take_stock", "events.amazonaws.com"),
        permit("take_stock", "events.amazonaws.com"),
    ),
    fault(
        "failures to nobody",
        "failures",
        "on_output fails goes to nobody",
        "put-function-event-invoke-config",
        call("lambda", "delete_function_event_invoke_config", FunctionName="<function>-on_output"),
        keep_failures,
    ),
    fault(
        "a queue wakes a function",
        "mappings",
        "wakes on_original",
        "delete-event-source-mapping",
        call(
            "lambda",
            "create_event_source_mapping",
            FunctionName="<function>-on_original",
            EventSourceArn="<OrderQueueArn>",
        ),
        unmap,
    ),
    fault(
        "a dead letter",
        "dead-letters",
        "1 dead letters wait",
        "sqs receive-message",
        call("sqs", "send_message", QueueUrl="<DeadLetters>", MessageBody="{}"),
        call("sqs", "purge_queue", QueueUrl="<DeadLetters>"),
    ),
    fault(
        "an alarm is gone",
        "alarms",
        f"{ALARM} is not there",
        "reelhaul-local-watch",
        call("cloudwatch", "delete_alarms", AlarmNames=[ALARM]),
        put_alarm(),
    ),
    fault(
        "an alarm is mute",
        "alarms",
        f"actions of alarm {ALARM} are disabled",
        "enable-alarm-actions",
        put_alarm(ActionsEnabled=False),
        put_alarm(),
    ),
    fault(
        "an alarm comes late",
        "alarms",
        f"{ALARM} differs in Threshold",
        "infra/aws/watch.py",
        put_alarm(Threshold=100),
        put_alarm(),
    ),
    fault(
        "an alarm tells nobody",
        "alarms",
        f"{ALARM} differs in AlarmActions",
        "infra/aws/watch.py",
        put_alarm(AlarmActions=[]),
        put_alarm(),
    ),
    fault(
        "nobody subscribed",
        "subscriptions",
        "nobody is subscribed to the alarms",
        "AlarmAddress",
        unsubscribe,
        call("sns", "subscribe", TopicArn="<Alarms>", Protocol="email", Endpoint=ADDRESS),
    ),
    fault(
        "the reconciler stopped",
        "reconciler",
        "last round ended at",
        "ReconcilerSilent",
        round_of(timedelta(minutes=30)),
        round_of(timedelta(0)),
    ),
    fault(
        "sessions not settled",
        "reconciler",
        "settling 3 sessions failed",
        "reelhaul-admin ensure",
        round_of(timedelta(0), failed=3),
        round_of(timedelta(0)),
    ),
    fault(
        "cleanup disarmed",
        "cleanup",
        "the cut is wrong",
        "cleanup --stage local --arm",
        arm(is_armed=False),
        arm(is_armed=True),
    ),
    fault(
        "a log for ever",
        "logs",
        "keeps lines for all days, not 90",
        "put-retention-policy",
        call("logs", "delete_retention_policy", logGroupName=LOG),
        call("logs", "put_retention_policy", logGroupName=LOG, retentionInDays=90),
    ),
    fault(
        "a log is gone",
        "logs",
        "reconcile is not there",
        "create-log-group",
        call("logs", "delete_log_group", logGroupName=LOG),
        both(
            call("logs", "create_log_group", logGroupName=LOG),
            call("logs", "put_retention_policy", logGroupName=LOG, retentionInDays=90),
        ),
    ),
    fault(
        "a table of the lake is gone",
        "lake",
        "table papi of the lake is not there",
        "infra/aws/catalog.py: papi",
        drop_table,
        make_table,
    ),
    fault(
        "a view reads less",
        "lake",
        "papi of the lake differs in ViewOriginalText",
        "infra/aws/catalog.py: papi",
        table_input(ViewOriginalText="/* */"),
        table_input(),
    ),
    fault(
        "a question may read all",
        "lake",
        "differs in BytesScannedCutoffPerQuery",
        "LakeWorkGroup",
        both(drop_work_group, make_work_group(7 * 10**12)),
        both(drop_work_group, make_work_group(10**11)),
    ),
    fault(
        "calls without a limit",
        "api",
        "takes 10000.0 calls a second",
        "parameter ApiCallsPerSecond",
        throttle("10000"),
        throttle("200"),
    ),
    fault(
        "a deploy failed",
        "record",
        "deploy 7 failed",
        "make rollback STAGE=local",
        page(failed=7),
        page(failed=None),
    ),
    fault(
        "a deploy is dead",
        "record",
        "somebody deploys since",
        "--take-over",
        page(holder=ledger.Holder(8, "somebody", "2026-11-30T11:00:00Z")),
        page(holder=None),
    ),
    fault(
        "another template",
        "stack",
        "Resources Table of the stack's template differs",
        "Resources.Table",
        said_by_stack("Resources", "Table", {}),
        said_by_stack("Resources", "Table", WHOLE["Resources"]["Table"]),
    ),
    fault(
        "no room in the quota",
        "quotas",
        "nothing is reserved for the event functions",
        "request-service-quota-increase",
        quota(120),
        quota(1000),
    ),
)


def batches() -> list[list[Fault]]:
    """The faults in groups that have at most one for each check."""
    left, made = list(FAULTS), []
    while left:
        taken = list({each.check: each for each in reversed(left)}.values())
        made.append(taken)
        left = [each for each in left if each not in taken]
    return made


@pytest.fixture(scope="module")
def diagnosis(whole: Place) -> Mapping[str, list[Found]]:
    """What was found of each fault, by its name; under "" what was found with none of them planted."""
    found: dict[str, list[Found]] = {}
    for batch in batches():
        for each in batch:
            each.plant(whole)
        said = examine(whole.stage())
        for each in batch:
            found[each.name] = [one for one in said if one.check == each.check]
            each.mend(whole)
        found.setdefault("strays", []).extend(
            one for one in said if one.check not in {each.check for each in batch}
        )
    found[""] = examine(whole.stage())
    return found


def test_there_are_faults_enough_and_each_check_has_one_or_is_tested_by_itself():
    assert len(FAULTS) >= 25
    assert CHECKS.keys() - {each.check for each in FAULTS} == {"addresses", "credentials", "clock"}


@pytest.mark.parametrize("planted", FAULTS, ids=lambda each: each.name.replace(" ", "-"))
def test_a_planted_fault_is_reported_once_with_what_changes_it(
    diagnosis: Mapping[str, list[Found]], planted: Fault
):
    [said] = diagnosis[planted.name]

    assert said.finding.severity.value in ("problem", "warning")
    assert planted.words in said.finding.what
    assert planted.change in said.finding.change
    assert said.finding.why


def test_no_other_check_reports_a_fault_and_none_is_left(diagnosis: Mapping[str, list[Found]]):
    assert diagnosis["strays"] == []
    assert diagnosis[""] == []


def test_events_that_go_to_each_others_functions_are_told(whole: Place):
    notify(crossed)(whole)
    said = [each.finding.what for each in examine(whole.stage(), {"events": CHECKS["events"]})]
    mend_events(whole)

    assert len([each for each in said if "does not call" in each]) == 2
    assert len([each for each in said if "does not declare" in each]) == 2


def test_a_damaged_ledger_is_a_problem_and_what_depends_on_it_is_unknown(place: Place):
    class Damaged(Passing):
        def get_object(self, **_: Any) -> Any:
            return {"Body": io.BytesIO(b"{"), "ETag": "1"}

    bare = place.bare()

    def client(service: str) -> Any:
        made = bare.client(service)
        return Damaged(made, place) if service == "s3" else made

    checks = {name: CHECKS[name] for name in ("record", "code")}
    found = examine(replace(bare, account=place.account(client)), checks)

    assert [(each.check, each.finding.severity.value) for each in found] == [
        ("record", "problem"),
        ("code", "unknown"),
    ]


def test_a_stage_that_is_not_there_is_refused(place: Place):
    with pytest.raises(Refused, match="stage trial is not deployed"):
        examine(replace(place.bare(), name="trial"))


@pytest.mark.parametrize(
    ("service", "method", "arguments"),
    [
        ("s3", "put_bucket_versioning", {"Bucket": "b", "VersioningConfiguration": {"Status": "Suspended"}}),
        ("s3", "delete_object", {"Bucket": "b", "Key": "originals/a"}),
        ("dynamodb", "delete_table", {"TableName": "t"}),
        ("sqs", "receive_message", {"QueueUrl": "https://queue"}),
        ("lambda", "invoke", {"FunctionName": "f"}),
        ("cloudformation", "create_change_set", {"StackName": "s", "ChangeSetName": "c"}),
    ],
)
def test_its_clients_refuse_every_call_that_is_no_read(service: str, method: str, arguments: dict[str, Any]):
    session: Any = read_only(server.session())
    client = session.client(service, endpoint_url="http://127.0.0.1:9", config=server.ONE_TRY)

    with pytest.raises(NotARead):
        getattr(client, method)(**arguments)


class Denied:
    """A service that denies everything."""

    exceptions = type("exceptions", (), {"ResourceNotFoundException": KeyError})

    def __getattr__(self, name: str) -> Any:
        def refuse(**_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetBucketVersioning")

        return refuse


def test_a_check_without_its_right_says_so_and_is_not_clean(place: Place):
    bare = place.bare()
    denied = replace(
        bare, account=place.account(lambda service: Denied() if service == "s3" else bare.client(service))
    )

    [said] = examine(denied, {"versioning": CHECKS["versioning"]})

    assert said.finding.what.startswith("could not be checked: An error occurred (AccessDenied)")
    assert said.finding.change == "give the caller the right to GetBucketVersioning, then doctor again"
    assert exit_code([said]) == 75


def test_where_aws_does_not_answer_every_check_is_unknown_and_aws_is_asked_once(place: Place):
    asked: list[str] = []

    def client(service: str) -> Any:
        asked.append(service)
        raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    found = examine(replace(place.bare(), account=place.account(client)))

    assert [each.check for each in found] == list(CHECKS)
    assert {each.finding.severity.value for each in found} == {"unknown"}
    assert (asked, exit_code(found)) == (["cloudformation"], 75)


FAULT = Found("versioning", problem("what", "why", "line"))
DARK = Found("quotas", unknown("no right", "ask"))


@pytest.mark.parametrize(("found", "code"), [([], 0), ([FAULT], 1), ([DARK], 75), ([FAULT, DARK], 1)])
def test_nothing_unknown_is_clean_and_a_fault_counts_more(found: list[Found], code: int):
    assert exit_code(found) == code


def test_people_read_what_is_wrong_why_and_what_changes_it():
    assert list(lines("prod", 31, [FAULT, DARK])) == [
        "problem: versioning: what",
        "  why     why",
        "  change  line",
        "unknown: quotas: could not be checked: no right",
        "  why     what is not known may be wrong",
        "  change  ask",
        "prod: 31 checks, 29 of them clean; 1 problem, 0 warnings, 1 not known",
    ]


def test_what_several_checks_say_alike_is_read_once():
    said = list(lines("prod", 31, [DARK, replace(DARK, check="lake")]))

    assert said[0] == "unknown: quotas, lake: could not be checked: no right"
    assert said[-1] == "prod: 31 checks, 29 of them clean; 0 problems, 0 warnings, 2 not known"


@pytest.mark.parametrize(
    ("off_s", "severity"),
    [
        (0, None),
        (59, None),
        (60, "warning"),
        (899, "warning"),
        (900, "problem"),
        (-62, "warning"),
        (-902, "problem"),
    ],
)
def test_a_clock_that_is_off_is_told_before_s3_refuses_it(off_s: int, severity: str | None):
    said = list(watching.judged_clock(NOON + timedelta(seconds=off_s), NOON, NOON))

    assert [each.severity.value for each in said] == ([severity] if severity else [])


@dataclass(frozen=True)
class Signing:
    """What the check of credentials asks for, of a stage in prod."""

    ttl_s: int
    life_s: int = 3_600
    region: str = "eu-west-1"
    bucket: str = "reelhaul-prod-1-eu-west-1"
    where: str | None = "eu-west-1"

    def configuration(self, name: str) -> Any:
        return self.configurations[name]

    def function(self, name: str) -> str:
        return "reelhaul-prod"

    @property
    def configurations(self) -> Any:
        arn = f"arn:aws:lambda:{self.region}:1:function:reelhaul-prod"
        variables = {"Variables": {"PART_URL_TTL_S": str(self.ttl_s)}}
        return {project.API_FUNCTION: {"FunctionArn": arn, "Role": "arn:r/role", "Environment": variables}}

    @property
    def name(self) -> str:
        return "prod"

    def client(self, service: str) -> Any:
        return self

    def get_role(self, **_: Any) -> Any:
        return {"Role": {"MaxSessionDuration": self.life_s}}

    def get_bucket_location(self, **_: Any) -> Any:
        return {"LocationConstraint": self.where}

    def declared(self, resource: str) -> Any:
        return WHOLE["Resources"][resource]["Properties"] | {
            "PolicyDocument": {
                "Statement": [
                    each
                    for each in WHOLE["Resources"][resource]["Properties"]["PolicyDocument"]["Statement"]
                    if "Sid" in each
                ]
            }
        }


def of_signing(check: Callable[[Any], Any], stage: Signing) -> list[Finding]:
    return list(check(stage))


@pytest.mark.parametrize(("ttl_s", "faults"), [(899, 0), (900, 0), (901, 1)])
def test_an_address_may_live_as_long_as_the_bucket_takes_its_signature(ttl_s: int, faults: int):
    assert len(of_signing(functions.credentials, Signing(ttl_s))) == faults


@pytest.mark.parametrize(("life_s", "faults"), [(899, 1), (900, 0), (901, 0)])
def test_an_address_may_live_as_long_as_the_credentials_that_signed_it(life_s: int, faults: int):
    said = of_signing(functions.credentials, Signing(900, life_s))

    assert ["update-role" in each.change for each in said] == [True] * faults


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (Signing(900), []),
        (Signing(900, region="us-east-1", where=None), []),
        (Signing(900, region="eu-west-1", where="EU"), []),
        (Signing(900, where="eu-central-1"), ["runs in eu-west-1, and the bucket is in eu-central-1"]),
        (Signing(900, bucket="footage.example.org"), ["has a dot"]),
    ],
)
def test_the_host_of_signed_addresses_is_the_buckets_own(stage: Signing, words: list[str]):
    said = of_signing(CHECKS["addresses"], stage)

    assert len(said) == len(words)
    assert all(word in each.what for word, each in zip(words, said, strict=True))
