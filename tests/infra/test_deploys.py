"""A stage is deployed to the local AWS from one machine and another: the bucket has the ledger of it."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.aws import api_stage, deploy, destroy, ledger, plan, project, rollback, stack, template
from infra.aws.ledger import AnotherDeploy, Ledger, LedgerUnreadable, NotOnRecord, Page
from infra.local import wheels
from infra.local.aws.moto import server
from infra.local.aws.moto.provision import for_moto
from infra.local.stack import LocalAws
from infra.local.stack.world import WHEELS
from infra.stages import LOCAL_STAGE

LAYER = "arn:aws:lambda:us-east-1:336392948345:layer:AWSSDKPandas-Python312:29"
ME = "arn:aws:iam::123456789012:user/me"
NOON = "2026-11-30T12:00:00Z"


FUNCTIONS = ("api_handler", "on_original", "reconcile", "websocket_connect")
PROJECT = """
import os

from chalice import Chalice, Rate

from chalicelib import words

app = Chalice(app_name="reelhaul")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@app.route("/words")
def show():
    return words.SAID


@app.on_s3_event(bucket=os.environ["BUCKET"], events=["s3:ObjectCreated:*"], prefix="originals/", name="on_original")
def on_original(event):
    pass


@app.schedule(Rate(5, unit=Rate.MINUTES), name="reconcile")
def reconcile(event):
    pass


@app.on_ws_connect(name="websocket_connect")
def websocket_connect(event):
    return {"statusCode": 200}
"""


def quiet(line: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project with a function of each kind, and of the coordinator's configuration and policies what is theirs.

    A world deploys the coordinator itself; here a stage is deployed, changed, brought back and ended, seven runs of
    Chalice, which take as long as the project has functions.
    """
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(deploy.CLOUD / ".chalice", folder / ".chalice", ignore=_but_of_these_functions)
    shutil.copy(deploy.CLOUD / "requirements.txt", folder)
    config = folder / ".chalice" / "config.json"
    document = json.loads(config.read_text())
    document["lambda_functions"] = {name: document["lambda_functions"][name] for name in FUNCTIONS}
    config.write_text(json.dumps(document))
    (folder / "chalicelib").mkdir()
    (folder / "chalicelib" / "__init__.py").touch()
    (folder / "chalicelib" / "words.py").write_text('SAID = "as deployed"\n')
    (folder / "app.py").write_text(PROJECT)
    return folder


def _but_of_these_functions(_folder: str, names: list[str]) -> list[str]:
    wanted = ["config.json", *(f"policy-{name}.json" for name in FUNCTIONS)]
    return [name for name in names if name not in wanted]


@pytest.fixture(scope="module")
def local_aws() -> Iterator[LocalAws]:
    with LocalAws.start(progress=quiet) as started:
        yield started


@pytest.fixture
def book(local_aws: LocalAws) -> Ledger:
    return Ledger(local_aws.client("s3"), local_aws.bucket)


@pytest.fixture
def fresh(local_aws: LocalAws) -> Ledger:
    """A ledger in a bucket of its own, which no rule protects."""
    bucket = f"fresh-{os.urandom(4).hex()}"
    local_aws.client("s3").create_bucket(Bucket=bucket)
    return Ledger(local_aws.client("s3"), bucket)


def test_a_bucket_without_a_ledger_has_an_empty_page(fresh: Ledger):
    assert fresh.read() == ledger.Seen(Page(), None)


def test_what_a_turn_reports_is_on_record_at_its_end(fresh: Ledger):
    with ledger.turn(fresh, ME, NOON, take_over=False) as turn:
        turn.knows({"resources": [{"name": "rest_api"}]})

    page = fresh.read().page
    assert (page.newest, page.holder, page.failed) == (1, None, None)
    assert page.chalice == {"resources": [{"name": "rest_api"}]}


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_a_turn_that_fails_leaves_what_was_made_until_then(fresh: Ledger, fault: type[BaseException]):
    def deploy_in_vain() -> None:
        with ledger.turn(fresh, ME, NOON, take_over=False) as turn:
            turn.knows({"resources": [{"name": "rest_api"}]})
            raise fault

    with pytest.raises(fault):
        deploy_in_vain()

    page = fresh.read().page
    assert (page.failed, page.holder, page.current) == (1, None, None)
    assert page.chalice == {"resources": [{"name": "rest_api"}]}


def test_the_second_of_two_deploys_is_refused_before_it_begins(fresh: Ledger):
    second = ledger.turn(fresh, "somebody", NOON, take_over=False)

    with (
        ledger.turn(fresh, ME, NOON, take_over=False),
        pytest.raises(AnotherDeploy, match=r"deploy 1 of .*user/me began at 2026-11-30T12:00:00Z"),
        second,
    ):
        pytest.fail("the second deploy began")

    assert fresh.read().page.newest == 1


def test_of_two_who_read_the_same_page_one_writes_it(fresh: Ledger):
    first, second = fresh.read(), fresh.read()
    fresh.write(Page(newest=1), first.etag)

    with pytest.raises(AnotherDeploy):
        fresh.write(Page(newest=2), second.etag)

    again = fresh.read()
    fresh.write(Page(newest=3), again.etag)
    with pytest.raises(AnotherDeploy):
        fresh.write(Page(newest=4), again.etag)
    assert fresh.read().page.newest == 3


def test_a_dead_deploy_is_taken_over_and_what_it_says_afterwards_is_refused(fresh: Ledger):
    with (
        pytest.raises(AnotherDeploy),
        ledger.turn(fresh, "thought dead", NOON, take_over=False),
        ledger.turn(fresh, ME, NOON, take_over=True) as turn,
    ):
        turn.knows({"resources": []})

    page = fresh.read().page
    assert (page.newest, page.holder, page.failed) == (2, None, None)
    assert page.chalice == {"resources": []}


def test_a_deploy_whose_end_cannot_be_recorded_says_so_and_why_it_failed(local_aws: LocalAws, fresh: Ledger):
    def deploy_in_vain() -> None:
        with ledger.turn(fresh, ME, NOON, take_over=False):
            local_aws.chaos.fail_before("PutObject", times=1, key_prefix=ledger.PREFIX)
            raise RuntimeError("Chalice failed")

    with pytest.raises(NotOnRecord, match=r"Chalice failed; .* give --take-over"):
        deploy_in_vain()


def test_a_damaged_ledger_is_told_and_stays(local_aws: LocalAws, fresh: Ledger):
    s3 = local_aws.client("s3")
    etag = fresh.write(Page(), None)
    for text in (b"{", b'{"newest": "seven"}', b'{"format": 2}'):
        etag = s3.put_object(Bucket=fresh._bucket, Key=ledger.KEY, Body=text, IfMatch=etag)["ETag"]
        with pytest.raises(LedgerUnreadable):
            fresh.read()


@pytest.mark.parametrize("condition", [{}, {"ContentType": "text/plain"}])
def test_the_buckets_policy_lets_nobody_write_over_the_ledger_unseen(
    local_aws: LocalAws, book: Ledger, condition: Any
):
    s3 = local_aws.client("s3")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=local_aws.bucket, Key=ledger.KEY, Body=b"{}", **condition)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=local_aws.bucket, Key=ledger.KEY)


@pytest.fixture(scope="module")
def environment(local_aws: LocalAws) -> dict[str, str]:
    """What `chalice` sees: the local AWS, and wheels that are here."""
    pip = wheels.pip_environment(deploy.CLOUD / "requirements.txt", WHEELS, quiet)
    return {**server.environment(local_aws.url, os.environ), **pip}


def machine(local_aws: LocalAws, environment: dict[str, str], build: Path, source: Path) -> deploy.Account:
    """The account as a machine sees it that has nothing but a checkout."""

    def client(service: str) -> Any:
        made = local_aws.client(service)
        return WithQuota(made) if service == "lambda" else made

    return deploy.Account(client, for_moto(template.load()), None, build, environment, source, poll_s=0.05)


class WithQuota:
    """Lambda with the quota of an account; moto has none."""

    def __init__(self, functions: Any) -> None:
        self._functions = functions

    def get_account_settings(self) -> Any:
        return {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._functions, name)


def apis(local_aws: LocalAws) -> list[str]:
    return [api["id"] for api in local_aws.client("apigateway").get_rest_apis()["items"]]


@pytest.mark.parametrize(
    ("there_was", "claimed", "expected"),
    [
        (False, False, {"rest_api": "here"}),
        (True, False, None),
        (True, True, {"rest_api": "here"}),
    ],
)
def test_what_only_this_machine_knows_counts_where_the_ledger_may_lack_it(
    fresh: Ledger, tmp_path: Path, there_was: bool, claimed: bool, expected: dict[str, str] | None
):
    state = tmp_path / "prod.json"
    state.write_text(json.dumps({"resources": [{"name": "rest_api", "rest_api_id": "here"}]}))
    if there_was:
        fresh.write(Page(newest=1, holder=ledger.Holder(1, "dead", NOON) if claimed else None), None)

    with ledger.turn(fresh, ME, NOON, take_over=claimed) as turn:
        deploy._lay_state(state, turn, quiet)

    laid = json.loads(state.read_text())["resources"] if state.exists() else None
    assert laid == (expected and [{"name": "rest_api", "rest_api_id": "here"}])


def test_what_the_ledger_says_of_a_resource_counts_more_than_what_lies_here():
    here = {"resources": [{"name": "rest_api", "id": "old"}, {"name": "on_original", "arn": "a"}]}
    above = {"resources": [{"name": "rest_api", "id": "new"}]}

    assert project.merged(here, above)["resources"] == [
        {"name": "rest_api", "id": "new"},
        {"name": "on_original", "arn": "a"},
    ]


class Denial:
    """A right that the one who deploys lacks: whether API Gateway may call the coordinator, which Chalice asks last."""

    PATH = f"/2015-03-31/functions/reelhaul-{LOCAL_STAGE}/policy"

    def __init__(self, passed_on: Any) -> None:
        self._passed_on = passed_on
        self.holds = True

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if not self.holds:
            return self._passed_on(environ, start_response)
        start_response("403 Forbidden", [("x-amzn-errortype", "AccessDeniedException")])
        return [b"{}"]


@pytest.fixture
def denial(local_aws: LocalAws) -> Denial:
    made = Denial(local_aws.writes)
    local_aws.mounts.mount(Denial.PATH, made)
    return made


def changed(project: Path, source: Path) -> Path:
    """The project with another module, setting, memory and right."""
    shutil.copytree(project, source)
    (source / "chalicelib" / "new.py").write_text('"""New."""\n')
    config = source / ".chalice" / "config.json"
    document = json.loads(config.read_text())
    document["environment_variables"]["GRACE_S"] = "86400"
    document["lambda_functions"]["reconcile"]["lambda_memory_size"] = 1024
    config.write_text(json.dumps(document))
    policy = source / ".chalice" / "policy-on_original.json"
    rights = json.loads(policy.read_text())
    rights["Statement"][0]["Action"].append("s3:GetObjectTagging")
    policy.write_text(json.dumps(rights))
    return source


def reconciler(local_aws: LocalAws) -> tuple[str, str, int]:
    """The reconciler's code, grace and memory as Lambda has them."""
    found = local_aws.client("lambda").get_function_configuration(FunctionName="reelhaul-local-reconcile")
    return found["CodeSha256"], found["Environment"]["Variables"]["GRACE_S"], found["MemorySize"]


def said(lines: list[str], beginning: str) -> list[str]:
    return [line for line in lines if line.startswith(beginning)]


def test_a_stage_is_deployed_changed_brought_back_and_ended(
    local_aws: LocalAws,
    environment: dict[str, str],
    book: Ledger,
    denial: Denial,
    source: Path,
    tmp_path: Path,
):
    first, second = (machine(local_aws, environment, tmp_path / name, source) for name in ("first", "second"))
    other = replace(first, source=changed(source, tmp_path / "cloud"))
    asked = deploy.Asked({}, publish(local_aws))

    # A deploy that fails late is continued by a machine that never saw it, on the same API.
    with pytest.raises(deploy.ChaliceFailed):
        deploy.deploy(LOCAL_STAGE, first, asked, quiet)
    page = book.read().page
    assert (page.failed, page.current, page.holder) == (1, None, None)
    [api] = apis(local_aws)
    denial.holds = False
    deployed = deploy.deploy(LOCAL_STAGE, second, asked, quiet)
    assert apis(local_aws) == [api]
    assert api in deployed.api_url
    page = book.read().page
    assert (page.newest, page.current, page.failed) == (2, 2, None)
    kept = book.deploy(2)
    assert (kept.before, kept.repeats, kept.layer) == (None, None, asked.arrow_layer)
    assert kept.files == project.digests(source)
    package = next((tmp_path / "second" / LOCAL_STAGE / ".chalice" / "deployments").iterdir())
    assert book.kept(2, deploy.PACKAGE) == package.read_bytes()
    before = reconciler(local_aws)

    # What Chalice cannot say is as the stack says.
    stage = local_aws.client("apigateway").get_stage(restApiId=api, stageName=api_stage.NAME)
    assert stage["methodSettings"]["*/*"]["throttlingRateLimit"] == 200
    assert stage["methodSettings"]["*/*"]["throttlingBurstLimit"] == 400
    groups = local_aws.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
    kept_days = {group["logGroupName"]: group.get("retentionInDays") for group in groups}
    assert kept_days["/aws/lambda/reelhaul-local"] == 90
    assert kept_days["/aws/lambda/reelhaul-local-reconcile"] == 90
    functions = local_aws.client("lambda")
    reserved = functions.get_function_concurrency(FunctionName="reelhaul-local-on_original")
    assert reserved["ReservedConcurrentExecutions"] == 10

    # The plan of what is deployed is empty; that of a change names each.
    lines = list(plan.plan(LOCAL_STAGE, first, asked))
    assert "functions: nothing changes" in lines
    assert said(lines, "code: nothing changes since deploy 2 ")
    lines = list(plan.plan(LOCAL_STAGE, other, asked))
    assert "  changes  reconcile: memory 512 MiB -> 1024 MiB" in lines
    assert "  changes  api_handler: GRACE_S 259200 -> 86400" in lines
    assert "  adds     chalicelib/new.py" in lines
    arn = f"arn:aws:s3:::{local_aws.bucket}"
    assert f"  changes  on_original: may s3:GetObjectTagging on {arn}/originals/*" in lines
    assert book.read().page == page

    # The change is deployed, and then the deploy before again, by the other machine.
    deploy.deploy(LOCAL_STAGE, other, asked, quiet)
    assert reconciler(local_aws)[1:] == ("86400", 1024)
    rollback.roll_back(LOCAL_STAGE, second, take_over=False, progress=quiet)
    assert reconciler(local_aws) == before
    assert apis(local_aws) == [api]
    kept = book.deploy(4)
    assert (kept.repeats, kept.before, kept.files) == (2, None, project.digests(source))
    with pytest.raises(rollback.NothingBefore):
        rollback.roll_back(LOCAL_STAGE, second, take_over=False, progress=quiet)

    # Nothing ends by a slip of the hand.
    with pytest.raises(destroy.Refused, match="not the stage's name"):
        destroy.destroy(LOCAL_STAGE, first, lambda _: "prod\n", take_over=False, progress=quiet)
    assert apis(local_aws) == [api]
    destroy.destroy(LOCAL_STAGE, first, lambda _: f"{LOCAL_STAGE}\n", take_over=False, progress=quiet)
    assert apis(local_aws) == []
    assert local_aws.client("lambda").list_functions()["Functions"] == []
    assert stack.outputs_of(local_aws.client("cloudformation"), f"reelhaul-{LOCAL_STAGE}") == {}
    page = book.read().page
    assert (page.current, page.chalice, page.holder) == (None, None, None)
    assert local_aws.client("dynamodb").describe_table(TableName=local_aws.table)


FOOTAGE = ["originals/a", "intermediates/a", "outputs/a", "measurements/a", "quarantine/a", "a", "unknown/a"]


@pytest.mark.parametrize("key", FOOTAGE)
@pytest.mark.parametrize("hidden", [False, True])
def test_a_stage_with_anything_that_cannot_be_made_again_is_not_ended(
    local_aws: LocalAws, key: str, hidden: bool
):
    s3, bucket = local_aws.client("s3"), f"full-{os.urandom(4).hex()}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for made_again in destroy.MADE_AGAIN:
        s3.put_object(Bucket=bucket, Key=f"{made_again}a", Body=b"a")
    s3.delete_object(Bucket=bucket, Key="originals/never-there")
    destroy.demand_no_footage(s3, bucket)

    s3.put_object(Bucket=bucket, Key=key, Body=b"film")
    if hidden:
        s3.delete_object(Bucket=bucket, Key=key)

    with pytest.raises(destroy.Refused, match=key):
        destroy.demand_no_footage(s3, bucket)


def test_a_stage_to_which_somebody_uploads_is_not_ended(local_aws: LocalAws):
    s3, bucket = local_aws.client("s3"), f"full-{os.urandom(4).hex()}"
    s3.create_bucket(Bucket=bucket)
    s3.create_multipart_upload(Bucket=bucket, Key="originals/a")

    with pytest.raises(destroy.Refused, match="is being uploaded"):
        destroy.demand_no_footage(s3, bucket)


def test_footage_that_arrives_while_the_coordinator_goes_keeps_the_stack(
    local_aws: LocalAws, fresh: Ledger, tmp_path: Path
):
    """The last device's upload ends between the first look and the end of the coordinator."""
    s3 = local_aws.client("s3")
    deleted: list[str] = []

    class Stack:
        def describe_stacks(self, **_: Any) -> Any:
            outputs = {"Bucket": fresh._bucket, "Table": "records"}
            listed = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
            return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": listed, "StackId": "id"}]}

        def delete_stack(self, **call: Any) -> None:
            deleted.append(call["StackName"])

    def client(service: str) -> Any:
        return Stack() if service == "cloudformation" else local_aws.client(service)

    account = deploy.Account(client, {}, None, tmp_path, {})

    def arrive(_: str) -> str:
        s3.put_object(Bucket=fresh._bucket, Key="originals/late", Body=b"film")
        return "trial"

    with pytest.raises(destroy.Refused, match="originals/late"):
        destroy.destroy("trial", account, arrive, take_over=False, progress=quiet)

    assert deleted == []


def publish(local_aws: LocalAws) -> str:
    """The ARN of a layer that Lambda here knows."""
    arn: str = local_aws.client("lambda").publish_layer_version(
        LayerName="pyarrow", Content={"ZipFile": b"PK\x05\x06" + bytes(18)}
    )["LayerVersionArn"]
    return arn
