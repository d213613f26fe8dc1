"""The environment as Settings; one error names all its faults."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from chalicelib.aws.signer import LONGEST_TTL_S
from chalicelib.core.chapter import EXTENSIONS
from chalicelib.core.cleanup import Spent
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.evidence import Level
from chalicelib.core.ids import ArtifactId
from chalicelib.core.lifecycle import FEWEST_RESTORABLE_DAYS, MOST_RESTORABLE_DAYS, MULTIPART_DAYS
from chalicelib.core.limits import Limits, Quota
from chalicelib.core.order import Wish, wish
from chalicelib.core.page_sessions import PageRules
from chalicelib.core.parts import LARGEST_PART_BYTES
from chalicelib.core.settle import Policy
from chalicelib.core.times import DAY_S

_USUAL = Policy()
_USUAL_PAGE = PageRules()
_MULTIPART_LIFETIME_S = MULTIPART_DAYS * DAY_S

_UNFILLED = "${Bucket}"
"""The bucket of `.chalice/config.json` before a stack's names are written in."""


class SettingsFaults(Exception):
    """The environment cannot be used; the text has a line for each faulty variable."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("\n".join(f"{name} {fault}" for name, fault in faults.items()))
        self.faults = dict(faults)


class NotPrepared(Exception):
    """The environment is that of `cloud/` itself, whose placeholders no stack has filled in."""


class Settings(Struct, frozen=True):
    """What a deployment decides.

    `pause` and `pace_bytes_s` go into the answer to each heartbeat. `cdn` is where CloudFront answers for the bucket,
    and the id of the key that signs for it. `push_url` is where pages open their sockets; None where there is no push.
    """

    bucket: str
    table: str
    stage: str
    region: str
    endpoint_url: str | None
    minimum_client_version: str
    policy: Policy
    order_queue_url: str
    dead_letter_queue_url: str | None
    notification_topic: str | None
    pause: bool
    pace_bytes_s: int | None
    limits: Limits
    cdn: tuple[str, str] | None
    page: PageRules
    push_url: str | None
    browser_origins: tuple[str, ...]

    @property
    def default_wish(self) -> Wish | None:
        """The order of a session whose device names none; None leaves the session unordered."""
        required = self.policy.required_outputs
        return Wish(required) if required else None


def settings(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` makes. Raises SettingsFaults, NotPrepared."""
    if environment.get("BUCKET") == _UNFILLED:
        raise NotPrepared(
            "cloud/ is the source of every stage and names no bucket: `make deploy STAGE=prod` prepares build/prod and "
            "deploys it; `make stage STAGE=prod` only prepares it, and chalice runs there"
        )
    read = _read(environment)
    return Settings(
        bucket=read["BUCKET"],
        table=read["TABLE"],
        stage=read["STAGE"],
        region=read["AWS_REGION"],
        endpoint_url=read["AWS_ENDPOINT_URL"],
        minimum_client_version=read["MINIMUM_CLIENT_VERSION"],
        policy=Policy(
            required_outputs=read["REQUIRED_OUTPUTS"],
            part_size_bytes=read["PART_SIZE_BYTES"],
            part_url_ttl_s=read["PART_URL_TTL_S"],
            devices_may_read=read["DEVICES_MAY_READ"],
            upload_ttl_s=read["UPLOAD_TTL_S"],
            takes_proxies=read["PROXIES"],
            undo_s=read["UNDO_S"],
            checks_films=read["CHECK_FILMS"],
            scan_gate=read["SCAN_GATE"],
            require_evidence=read["REQUIRE_EVIDENCE"],
            grace_s=read["GRACE_S"],
            restorable_days=read["RESTORABLE_DAYS"],
            least_video_percent=read["LEAST_VIDEO_PERCENT"],
            least_measured_percent=read["LEAST_MEASURED_PERCENT"],
            least_frames_a_minute=read["LEAST_FRAMES_A_MINUTE"],
            device_silent_s=read["DEVICE_SILENT_S"],
            storage_usd_per_gib_month=read["STORAGE_USD_PER_GIB_MONTH"],
            cleanup_limit=Spent(read["CLEANUP_OBJECTS_A_DAY"], read["CLEANUP_BYTES_A_DAY"]),
        ),
        order_queue_url=read["ORDER_QUEUE_URL"],
        dead_letter_queue_url=read["DEAD_LETTER_QUEUE_URL"],
        notification_topic=read["NOTIFICATION_TOPIC"],
        pause=read["PAUSE"],
        pace_bytes_s=read["PACE_BYTES_S"],
        limits=Limits(
            caller=_quota(read, "LIMIT"),
            project=_quota(read, "LIMIT_PROJECT"),
            extensions=read["ALLOWED_EXTENSIONS"],
            largest_file_bytes=read["LARGEST_FILE_BYTES"],
        ),
        cdn=read["CDN"],
        page=PageRules(
            read["PAGE_IDLE_S"], read["PAGE_LIFE_S"], read["SHARE_LONGEST_S"], read["PAGE_ORIGINS"]
        ),
        push_url=read["PUSH_URL"],
        browser_origins=read["BROWSER_ORIGINS"],
    )


class _Required(Struct, frozen=True):
    """A variable that must be there; `parse` raises ValueError with what it should be."""

    parse: Callable[[str], Any]

    def read(self, text: str | None) -> Any:
        if text is None:
            raise ValueError("is missing")
        return self.parse(text)


class _Optional(Struct, frozen=True):
    """A variable that has `default` when it is absent."""

    parse: Callable[[str], Any]
    default: Any = None

    def read(self, text: str | None) -> Any:
        return self.default if text is None else self.parse(text)


def _read(environment: Mapping[str, str]) -> dict[str, Any]:
    values, faults = {}, {}
    for name, variable in VARIABLES.items():
        try:
            values[name] = variable.read(environment.get(name))
        except ValueError as error:
            faults[name] = str(error)
    if faults:
        raise SettingsFaults(faults)
    return values


def _quota(read: Mapping[str, Any], prefix: str) -> Quota:
    return Quota(**{name: read[f"{prefix}_{name.upper()}"] for name in Quota.__struct_fields__})


def _limit(text: str) -> int | None:
    """A limit; None for `none`."""
    return None if text == "none" else _between(1, 10**15 - 1)(text)


def _extensions(text: str) -> tuple[str, ...]:
    """The endings that `text` lists between commas."""
    found = tuple(each.strip().lower() for each in text.split(","))
    if not set(found) <= set(EXTENSIONS) or len(set(found)) < len(found):
        raise ValueError(f"must list some of {', '.join(EXTENSIONS)} between commas, not {text!r}")
    return found


def _matching(pattern: str, what: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {what}, not {text!r}")
        return text

    return parse


def _between(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,15}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return parse


def _price(text: str) -> float:
    """US dollars, below 1000."""
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", text):
        raise ValueError(f"must be US dollars like 0.023, from 0 to below 1000, not {text!r}")
    return float(text)


def _true_or_false(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"must be true or false, not {text!r}")
    return text == "true"


def _level(text: str) -> Level:
    try:
        return Level(text)
    except ValueError:
        raise ValueError(f"must be {', '.join(each.value for each in Level)}, not {text!r}") from None


def _required(text: str) -> tuple[ArtifactId, ...]:
    """The artifacts that `text` lists between commas; none for the empty text."""
    if not text:
        return ()
    try:
        return wish([required.strip() for required in text.split(",")], {}).required
    except InvalidRequest as error:
        raise ValueError(f"must list artifacts between commas: {error}") from error


def _origins(text: str) -> tuple[str, ...]:
    """The origins that `text` lists between commas; none for the empty text."""
    found = tuple(each.strip() for each in text.split(",")) if text else ()
    if not all(re.fullmatch(r"https://[a-z0-9.-]+(:[0-9]{1,5})?", each) for each in found):
        raise ValueError(f"must list origins like https://page.example.org between commas, not {text!r}")
    return found


def _origins_of_pages(text: str) -> tuple[str, ...]:
    """As `_origins`, of pages that may be on the machine of somebody who develops one."""
    on_loopback = r"http://(localhost|127[.]0[.]0[.]1)(:[0-9]{1,5})?"
    found = tuple(each.strip() for each in text.split(",")) if text else ()
    others = [each for each in found if not re.fullmatch(on_loopback, each)]
    _origins(",".join(others))
    return found


def _topic(text: str) -> str | None:
    """The topic's ARN; None for the empty text."""
    return (
        _matching("arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}", "a topic's ARN")(text)
        if text
        else None
    )


def _cdn(text: str) -> tuple[str, str] | None:
    """Address and key's id of the CDN; None for the empty text."""
    if not text:
        return None
    match = re.fullmatch("(https://[a-z0-9.-]+)#([A-Z0-9]+)", text)
    if match is None:
        raise ValueError(f"must be https://HOST#KEY-ID, not {text!r}")
    return match[1], match[2]


def _push_url(text: str) -> str | None:
    """The address of the WebSocket API; None for the empty text."""
    # Without TLS only on this machine: a ticket is in the address.
    return (
        _matching(r"(wss://[a-z0-9.-]+|ws://127\.0\.0\.1):?[0-9]*/[A-Za-z0-9_-]+", "wss://HOST/STAGE")(text)
        if text
        else None
    )


VARIABLES: Mapping[str, _Required | _Optional] = {
    # Without dots: a name with dots has no TLS certificate at its virtual host.
    "BUCKET": _Required(_matching("[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", "a bucket's name without dots")),
    "TABLE": _Required(_matching("[A-Za-z0-9_.-]{3,255}", "a table's name")),
    "STAGE": _Required(_matching("[A-Za-z0-9_-]{1,40}", "a stage's name")),
    "AWS_REGION": _Required(_matching("[a-z]+(-[a-z]+)+-[0-9]+", "a region's name")),
    "AWS_ENDPOINT_URL": _Optional(_matching("https?://[^/?#@]+", "scheme://host:port and nothing more")),
    "MINIMUM_CLIENT_VERSION": _Required(_matching(r"[0-9]+\.[0-9]+\.[0-9]+", "a version like 0.1.0")),
    "ORDER_QUEUE_URL": _Required(_matching(r"https?://[^/?#@\s]+/[^?#\s]+", "a queue's URL")),
    "DEAD_LETTER_QUEUE_URL": _Optional(_matching(r"https?://[^/?#@\s]+/[^?#\s]+", "a queue's URL")),
    "NOTIFICATION_TOPIC": _Optional(_topic),
    "REQUIRED_OUTPUTS": _Optional(_required, ()),
    "PART_SIZE_BYTES": _Optional(_between(1, LARGEST_PART_BYTES), _USUAL.part_size_bytes),
    "PART_URL_TTL_S": _Optional(_between(1, LONGEST_TTL_S), _USUAL.part_url_ttl_s),
    "DEVICES_MAY_READ": _Optional(_true_or_false, _USUAL.devices_may_read),
    "PROXIES": _Optional(_true_or_false, _USUAL.takes_proxies),
    "UPLOAD_TTL_S": _Optional(_between(1, _MULTIPART_LIFETIME_S - 1), _USUAL.upload_ttl_s),
    "UNDO_S": _Optional(_between(0, _MULTIPART_LIFETIME_S - 1), _USUAL.undo_s),
    "CHECK_FILMS": _Optional(_true_or_false, _USUAL.checks_films),
    "SCAN_GATE": _Optional(_true_or_false, _USUAL.scan_gate),
    "REQUIRE_EVIDENCE": _Optional(_level, _USUAL.require_evidence),
    "GRACE_S": _Optional(_between(0, 365 * DAY_S), _USUAL.grace_s),
    "RESTORABLE_DAYS": _Optional(
        _between(FEWEST_RESTORABLE_DAYS, MOST_RESTORABLE_DAYS), _USUAL.restorable_days
    ),
    "LEAST_VIDEO_PERCENT": _Optional(_between(0, 100), _USUAL.least_video_percent),
    "LEAST_MEASURED_PERCENT": _Optional(_between(0, 100), _USUAL.least_measured_percent),
    "LEAST_FRAMES_A_MINUTE": _Optional(_between(0, 100_000), _USUAL.least_frames_a_minute),
    "DEVICE_SILENT_S": _Optional(_between(60, 7 * DAY_S), _USUAL.device_silent_s),
    "CLEANUP_OBJECTS_A_DAY": _Optional(_between(1, 10**9), _USUAL.cleanup_limit.objects),
    "CLEANUP_BYTES_A_DAY": _Optional(_between(1, 10**15 - 1), _USUAL.cleanup_limit.size_bytes),
    "STORAGE_USD_PER_GIB_MONTH": _Optional(_price, _USUAL.storage_usd_per_gib_month),
    "CDN": _Optional(_cdn),
    "PAGE_IDLE_S": _Optional(_between(600, 30 * DAY_S), _USUAL_PAGE.idle_s),
    "PAGE_LIFE_S": _Optional(_between(600, 90 * DAY_S), _USUAL_PAGE.life_s),
    "SHARE_LONGEST_S": _Optional(_between(60, 90 * DAY_S), _USUAL_PAGE.share_longest_s),
    "PAGE_ORIGINS": _Optional(_origins, ()),
    "PUSH_URL": _Optional(_push_url),
    "BROWSER_ORIGINS": _Optional(_origins_of_pages, ()),
    "PAUSE": _Optional(_true_or_false, default=False),
    "LIMIT_OPEN_SESSIONS": _Optional(_limit, 1_000),
    "LIMIT_OPEN_UPLOADS": _Optional(_limit, 2_000),
    "LIMIT_BYTES_A_DAY": _Optional(_limit),
    "LIMIT_CALLS_A_MINUTE": _Optional(_limit, 6_000),
    "LIMIT_ORDERS_AN_HOUR": _Optional(_limit, 1_000),
    **{f"LIMIT_PROJECT_{name.upper()}": _Optional(_limit) for name in Quota.__struct_fields__},
    "ALLOWED_EXTENSIONS": _Optional(_extensions, EXTENSIONS),
    "LARGEST_FILE_BYTES": _Optional(_limit),
    "PACE_BYTES_S": _Optional(_between(1, 10**12)),
}
