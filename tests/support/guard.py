"""IAM for the local AWS: every call that a role signs is judged by the policies of the role as they are deployed.

moto's own IAM is no help here: it knows neither the resources of most services nor conditions, and takes an Allow whose
condition it cannot read for a Deny. This is a small evaluation of its own: an Allow is needed, a Deny wins, wildcards
and resources count, and so do the two conditions that the policies have. What it cannot read is refused, in a policy
as UnknownPolicy, in a call as denied.
Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from infra.local import scanner
from infra.local.aws.gateway.sockets import CONNECTIONS, STAGE
from infra.local.aws.moto import server
from infra.local.aws.moto.state import ACCOUNT
from infra.local.aws.strict_s3.operations import demands_of
from infra.local.aws.strict_s3.policy import UnknownPolicy, any_matches, listed, pattern, patterns
from infra.local.aws.strict_s3.wire import Refusal, Request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LEADING_KEYS = "dynamodb:LeadingKeys"
FREE = "sts:GetCallerIdentity"
"""What everybody may ask."""
NOT_OF_ROLES = frozenset({server.KEY, scanner.KEY})
"""The keys of the tests themselves, and of who plays the scanner."""
SET_OPERATORS = frozenset({"ForAllValues:StringLike", "ForAllValues:StringEquals"})
LAMBDA = re.compile(r"/2015-03-31/functions/([^/]+)(?:/([a-z]+))?/?")
OF_FUNCTIONS = {
    ("POST", "invocations"): "InvokeFunction",
    ("PUT", "code"): "UpdateFunctionCode",
    ("PUT", "configuration"): "UpdateFunctionConfiguration",
    ("DELETE", None): "DeleteFunction",
    ("GET", None): "GetFunction",
}
OF_ITEMS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
SCOPE = re.compile(r"([^/=\s]+)/\d{8}/[^/]*/([^/]+)/aws4_request")


@dataclass(frozen=True)
class Demand:
    """One right that a call needs, and on what. `leading_keys` are the partition keys of the items it names."""

    action: str
    resource: str
    leading_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statement:
    """One statement of a role's policy."""

    sid: str
    is_deny: bool
    actions: tuple[re.Pattern[str], ...]
    resources: tuple[re.Pattern[str], ...]
    conditions: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def parsed(cls, document: Mapping[str, Any]) -> Statement:
        """Raises UnknownPolicy for what is not evaluated here."""
        unknown = document.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}
        if unknown or not {"Sid", "Effect", "Action", "Resource"} <= document.keys():
            raise UnknownPolicy(f"a statement with {sorted(document)}")
        said = document.get("Condition", {})
        conditions = [(operator, key, values) for operator in said for key, values in said[operator].items()]
        for operator, key, _ in conditions:
            if operator not in (*SET_OPERATORS, "Null") or key != LEADING_KEYS:
                raise UnknownPolicy(f"condition {operator} of {key}")
        return cls(
            document["Sid"],
            document["Effect"] == "Deny",
            patterns(document["Action"], re.IGNORECASE),
            patterns(document["Resource"], re.NOFLAG),
            tuple((operator, tuple(map(str, listed(values)))) for operator, _, values in conditions),
        )

    def applies(self, demand: Demand) -> bool:
        return (
            any_matches(self.actions, demand.action)
            and any_matches(self.resources, demand.resource)
            and all(_holds(operator, values, demand) for operator, values in self.conditions)
        )


def _holds(operator: str, values: tuple[str, ...], demand: Demand) -> bool:
    if operator == "Null":
        return [str(not demand.leading_keys).lower()] == [value.lower() for value in values]
    if operator == "ForAllValues:StringEquals":
        return set(demand.leading_keys) <= set(values)
    likes = tuple(pattern(value, re.NOFLAG) for value in values)
    return all(any_matches(likes, key) for key in demand.leading_keys)


@dataclass(frozen=True)
class Rights:
    """What a role may do."""

    statements: tuple[Statement, ...]

    @classmethod
    def parsed(cls, *documents: Mapping[str, Any]) -> Rights:
        """Those of all its policies together. Raises UnknownPolicy."""
        return cls(tuple(Statement.parsed(each) for said in documents for each in listed(said["Statement"])))

    def granting(self, demand: Demand) -> Statement | None:
        """The statement that allows it; None when nothing does, or something denies it."""
        applying = [statement for statement in self.statements if statement.applies(demand)]
        if any(statement.is_deny for statement in applying):
            return None
        return applying[0] if applying else None


@dataclass(frozen=True)
class Denied:
    """A call that was refused: whose, and the right that was missing."""

    role: str
    action: str
    resource: str


class Guard:
    """WSGI middleware: judges each call that is signed with the keys of a role, before anything else sees it.

    `roles` has the rights by the ARN of the role, `principals` the ARN by access key, as the strict layer knows them.
    Calls without a signature and those of `NOT_OF_ROLES` pass; other keys have no right. `denied` is what was refused
    so far, `used` the statements (by role and Sid) that allowed something.
    """

    def __init__(
        self, app: WSGIApplication, roles: Mapping[str, Rights], principals: Mapping[str, str]
    ) -> None:
        self._app = app
        self._roles = roles
        self._principals = principals
        self.denied: list[Denied] = []
        self.used: set[tuple[str, str]] = set()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        access_key, service = _signer(environ)
        if not access_key or access_key in NOT_OF_ROLES:
            return self._app(environ, start_response)
        role = self._principals.get(access_key, f"the unknown key {access_key}")
        environ = _rewound(environ)
        demands = [*_demands(environ, service)]
        if not all(self._allows(role, demand) for demand in demands):
            return _refuse(environ, service, start_response)
        if service == "s3" and {demand.action for demand in demands} & {
            "s3:GetObject",
            "s3:GetObjectVersion",
        }:
            return self._read(environ, role, start_response)
        return self._app(_rewound(environ), start_response)

    def _allows(self, role: str, demand: Demand) -> bool:
        if demand.action == FREE:
            return True
        rights = self._roles.get(role)
        statement = rights.granting(demand) if rights else None
        if statement is None:
            self.denied.append(Denied(role, demand.action, demand.resource))
            return False
        self.used.add((role, statement.sid))
        return True

    def _read(self, environ: WSGIEnvironment, role: str, start_response: StartResponse) -> Iterable[bytes]:
        """S3 tells only those who may list the bucket that an object is not there; to others it is forbidden."""
        started: list[tuple[Any, ...]] = []

        def start(*said: Any) -> Any:
            started.append(said)
            return lambda _data: None

        body = list(self._app(environ, start))
        bucket = Request.parsed(environ).bucket
        is_missing = str(started[-1][0]).startswith("404")
        if is_missing and not self._allows(role, Demand("s3:ListBucket", f"arn:aws:s3:::{bucket}")):
            return _refuse(environ, "s3", start_response)
        start_response(*started[-1])
        return body


def _signer(environ: WSGIEnvironment) -> tuple[str, str]:
    """The access key and the service of a request, both empty when it is not signed."""
    query = parse_qs(environ.get("QUERY_STRING", "")).get("X-Amz-Credential", [""])[0]
    authorization = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0]
    found = SCOPE.fullmatch(authorization or query)
    return (found[1], found[2]) if found else ("", "")


def _rewound(environ: WSGIEnvironment) -> WSGIEnvironment:
    """The same request, which can be read from its beginning; a body of S3 is left unread."""
    if _signer(environ)[1] == "s3":
        return environ
    body = environ.get("guard.body")
    if body is None:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return {**environ, "guard.body": body, "wsgi.input": io.BytesIO(body)}


def _demands(environ: WSGIEnvironment, service: str) -> Iterator[Demand]:
    """All the rights that a call needs; one that no policy grants where the call is not understood."""
    if service == "s3":
        yield from _of_s3(Request.parsed(environ))
        return
    target, body = environ.get("HTTP_X_AMZ_TARGET", ""), environ["guard.body"]
    if target:
        yield from _of_json(service, target.rpartition(".")[2], json.loads(body or b"{}"))
    elif environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        said = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        yield Demand(f"{service}:{said['Action']}", said.get("TopicArn") or said.get("RoleArn") or "*")
    else:
        yield _of_rest(service, environ["REQUEST_METHOD"], environ["PATH_INFO"])


def _of_s3(request: Request) -> Iterator[Demand]:
    if request.method == "POST" and "delete" in request.parameters and not request.key:
        # Which keys is in the body: whoever deletes many must here be allowed to delete any.
        yield Demand("s3:DeleteObject", f"arn:aws:s3:::{request.bucket}/*")
        return
    try:
        for demand in demands_of(request):
            yield Demand(demand.action, demand.resource)
    except Refusal:
        yield Demand(f"s3:{request.method} {sorted(request.parameters)}", "?")


def _of_json(service: str, operation: str, said: Mapping[str, Any]) -> Iterator[Demand]:
    if service == "dynamodb":
        yield from _of_the_table(operation, said)
    elif service == "sqs":
        name = str(said.get("QueueUrl", "?")).rpartition("/")[2]
        yield Demand(f"sqs:{operation}", _arn("sqs", name))
    elif service == "ssm":
        yield Demand(f"ssm:{operation}", _arn("ssm", f"parameter/{str(said.get('Name', '?')).lstrip('/')}"))
    else:
        yield Demand(f"{service}:{operation}", "*")


def _of_the_table(operation: str, said: Mapping[str, Any]) -> Iterator[Demand]:
    if operation in ("TransactWriteItems", "TransactGetItems"):
        for item in said["TransactItems"]:
            for act, one in item.items():
                yield _of_item(OF_ITEMS.get(act, "GetItem"), one)
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        for table in said["RequestItems"]:
            yield Demand(f"dynamodb:{operation}", _table(table))
    else:
        yield _of_item(operation, said)


def _of_item(operation: str, said: Mapping[str, Any]) -> Demand:
    index = f"/index/{said['IndexName']}" if "IndexName" in said else ""
    named = said.get("Item") or said.get("Key") or {}
    if operation == "Query" and said.get("KeyConditionExpression") == "pk = :pk":
        named = {"pk": said["ExpressionAttributeValues"][":pk"]}
    keys = (str(named["pk"]["S"]),) if "pk" in named else ()
    return Demand(f"dynamodb:{operation}", _table(said.get("TableName", "?")) + index, keys)


def _of_rest(service: str, method: str, path: str) -> Demand:
    found = LAMBDA.fullmatch(path) if service == "lambda" else None
    if found and (method, found[2]) in OF_FUNCTIONS:
        name = unquote(found[1]).rpartition(":")[2]
        return Demand(f"lambda:{OF_FUNCTIONS[method, found[2]]}", _arn("lambda", f"function:{name}"))
    if service == "execute-api" and path.startswith(CONNECTIONS):
        # The local WebSocket API has no id: there is one.
        return Demand("execute-api:ManageConnections", _arn(service, f"local/{STAGE}/{method}{path}"))
    return Demand(f"{service}:{method} {path}", "?")


def _table(name: str) -> str:
    return name if name.startswith("arn:") else _arn("dynamodb", f"table/{name}")


def _arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{server.REGION}:{ACCOUNT}:{name}"


def _refuse(environ: WSGIEnvironment, service: str, start_response: StartResponse) -> Iterable[bytes]:
    """The refusal as the service words it."""
    if service == "s3":
        return (
            Refusal(403, "AccessDenied", "Access Denied")
            .answer()
            .send(environ["REQUEST_METHOD"], start_response)
        )
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        start_response("403 Forbidden", [("Content-Type", "text/xml")])
        error = "<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized</Message></Error>"
        return [f"<ErrorResponse>{error}</ErrorResponse>".encode()]
    code = "AccessDeniedException"
    start_response("400 Bad Request", [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)])
    return [json.dumps({"__type": code, "message": "not authorized"}).encode()]
