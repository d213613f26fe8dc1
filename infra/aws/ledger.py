"""The ledger of a stage, in its bucket: what Chalice made, which deploys there were, and who deploys now.

`deploys/ledger.json` is written on condition that nobody wrote it since it was read, so of two deploys at once one is
refused before it changes anything. Each deploy has a number of its own, also one that fails. What a complete one
brought is kept below `deploys/NUMBER/` for a rollback, and no rule of the bucket expires it.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "deploys/"
KEY = f"{PREFIX}ledger.json"

FORMAT = 1

_Kept = TypeVar("_Kept")

_OVERTAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})


class AnotherDeploy(Exception):
    """Somebody else deploys to this stage; the text says who, since when, and what to do."""


class NotOnRecord(Exception):
    """A deploy failed, and the ledger does not even have that; the text says both, and what to do."""


class LedgerUnreadable(Exception):
    """The ledger is damaged, or a newer release wrote it; the text says which."""


class Holder(msgspec.Struct, frozen=True):
    """Who deploys now. `number` is that deploy's own: no other one has it."""

    number: int
    by: str
    at: str


class Deploy(msgspec.Struct, frozen=True):
    """A complete deploy: what it brought to the stage.

    `files` has the SHA-256 of each source by its path. `before` is the deploy that it replaced, and `repeats` the one
    whose state it brought back.
    """

    number: int
    by: str
    at: str
    source: str
    python: str
    package: str
    layer: str
    parameters: dict[str, str]
    files: dict[str, str]
    before: int | None = None
    repeats: int | None = None


class Page(msgspec.Struct, frozen=True):
    """What the ledger says. `chalice` is Chalice's own record; `failed` is the last deploy's number if it failed."""

    format: int = FORMAT
    newest: int = 0
    current: int | None = None
    failed: int | None = None
    chalice: dict[str, Any] | None = None
    holder: Holder | None = None


@dataclass(frozen=True)
class Seen:
    """A page with the ETag under which it was read; None for a bucket that has no ledger."""

    page: Page
    etag: str | None


class Ledger:
    """The ledger in one bucket."""

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def read(self) -> Seen:
        """Raises LedgerUnreadable."""
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=KEY)
        except self._s3.exceptions.NoSuchKey:
            return Seen(Page(), None)
        return Seen(self._page(found["Body"].read()), found["ETag"])

    def write(self, page: Page, etag: str | None) -> str:
        """Replace the page that was read as `etag`; the new ETag. Raises AnotherDeploy when it was written since."""
        condition: Any = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        body = msgspec.json.format(msgspec.json.encode(page))
        try:
            return self._s3.put_object(Bucket=self._bucket, Key=KEY, Body=body, **condition)["ETag"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _OVERTAKEN:
                raise
            raise AnotherDeploy(
                f"another deploy wrote {KEY} meanwhile: look at what it did (make plan), then deploy again"
            ) from error

    def keep(self, number: int, name: str, data: bytes) -> None:
        """Keep a file of a deploy; it is written once."""
        self._s3.put_object(Bucket=self._bucket, Key=f"{PREFIX}{number}/{name}", Body=data, IfNoneMatch="*")

    def kept(self, number: int, name: str) -> bytes:
        """The file as it was kept. Raises ClientError (NoSuchKey) where there is none."""
        found = self._s3.get_object(Bucket=self._bucket, Key=f"{PREFIX}{number}/{name}")
        return found["Body"].read()

    def template(self, number: int) -> dict[str, Any]:
        """The stack's template of a deploy."""
        found: dict[str, Any] = json.loads(self.kept(number, "stack.json"))
        return found

    def deploy(self, number: int) -> Deploy:
        """What a complete deploy brought. Raises LedgerUnreadable."""
        return _decoded(self.kept(number, "deploy.json"), Deploy, f"{PREFIX}{number}/deploy.json")

    def _page(self, data: bytes) -> Page:
        page = _decoded(data, Page, KEY)
        if page.format != FORMAT:
            raise LedgerUnreadable(
                f"{KEY} has format {page.format} and this release reads {FORMAT}: deploy with the release that wrote it"
            )
        return page


def _decoded(data: bytes, kind: type[_Kept], key: str) -> _Kept:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise LedgerUnreadable(
            f"{key} cannot be read ({error}): copy its last version that can (aws s3api list-object-versions)"
        ) from error


def as_file(deploy: Deploy) -> bytes:
    """`deploy` as it is kept."""
    return msgspec.json.format(msgspec.json.encode(deploy))


class Turn:
    """The right to deploy, from its record in the ledger until it is given back. `page` is what was found.

    `is_complete` is False where the page may lack what Chalice made: there was none, or its last deploy died.
    """

    def __init__(self, ledger: Ledger, page: Page, holder: Holder, etag: str, is_complete: bool) -> None:
        self.ledger = ledger
        self.page = page
        self.holder = holder
        self.is_complete = is_complete
        self._etag = etag

    @property
    def number(self) -> int:
        return self.holder.number

    def knows(self, chalice: Mapping[str, Any] | None) -> None:
        """Have the ledger say, at the end of the turn, that Chalice made these resources."""
        self.page = msgspec.structs.replace(self.page, chalice=None if chalice is None else dict(chalice))

    def completed(self, deploy: Deploy) -> None:
        """Have the ledger say, at the end of the turn, that `deploy` is what the stage has."""
        self.page = msgspec.structs.replace(self.page, current=deploy.number, failed=None)

    def removed(self) -> None:
        """Have the ledger say, at the end of the turn, that nothing is deployed."""
        self.page = msgspec.structs.replace(self.page, current=None, failed=None, chalice=None)

    def give_back(self, *, failed: bool) -> None:
        page = msgspec.structs.replace(self.page, newest=self.number, holder=None)
        if failed:
            page = msgspec.structs.replace(page, failed=self.number)
        self.ledger.write(page, self._etag)


@contextmanager
def turn(ledger: Ledger, by: str, at: str, *, take_over: bool) -> Iterator[Turn]:
    """The right to deploy for the time of the block; what the block reports is on record at its end, however it ends.

    Raises AnotherDeploy: before the block when somebody has not given the turn back, unless `take_over`; at its end
    when somebody took over meanwhile.
    """
    seen = ledger.read()
    page = seen.page
    if page.holder and not take_over:
        raise AnotherDeploy(
            f"deploy {page.holder.number} of {page.holder.by} began at {page.holder.at} and has not ended; "
            "wait for it or, if it is dead, give --take-over"
        )
    holder = Holder(page.newest + 1, by, at)
    begun = msgspec.structs.replace(page, newest=holder.number, holder=holder)
    etag = ledger.write(begun, seen.etag)
    is_complete = seen.etag is not None and page.holder is None
    taken = Turn(ledger, msgspec.structs.replace(begun, holder=None), holder, etag, is_complete)
    try:
        yield taken
    except BaseException as failure:
        # Also Ctrl-C: what Chalice made until then must not get lost.
        try:
            taken.give_back(failed=True)
        except (BotoCoreError, ClientError) as error:
            raise NotOnRecord(
                f"{failure}; and {KEY} could not be written ({error}): deploy again from this machine, whose build/ "
                "has what Chalice made, and give --take-over"
            ) from failure
        raise
    taken.give_back(failed=False)
