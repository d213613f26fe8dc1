"""The environment, read whole or refused whole."""

import json
from pathlib import Path

import pytest

from chalicelib.core.cleanup import Spent
from chalicelib.core.evidence import Level
from chalicelib.core.ids import ArtifactId
from chalicelib.core.limits import Limits, Quota
from chalicelib.core.order import Wish
from chalicelib.core.page_sessions import PageRules
from chalicelib.core.settle import Policy
from chalicelib.settings import VARIABLES, Settings, SettingsFaults, settings
from infra.aws import template

HOUSE = Path(__file__).parents[1]
DEPLOYED: dict[str, str] = {
    name: text
    for name, text in json.loads((HOUSE / "cloud/.chalice/config.json").read_text())[
        "environment_variables"
    ].items()
    if not text.startswith("${")
}
"""What a deployment sets that its stack does not name."""

LEAST = {
    "BUCKET": "reelhaul-prod-123456789012-eu-west-1",
    "TABLE": "reelhaul-prod-Table-1ABC",
    "STAGE": "prod",
    "AWS_REGION": "eu-west-1",
    "MINIMUM_CLIENT_VERSION": "0.1.0",
    "ORDER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
}


def faults(**changes: str) -> dict[str, str]:
    with pytest.raises(SettingsFaults) as refusal:
        settings({**LEAST, **changes})
    return refusal.value.faults


def test_what_is_not_said_keeps_the_usual_policy_and_lets_devices_work():
    assert settings(LEAST) == Settings(
        bucket="reelhaul-prod-123456789012-eu-west-1",
        table="reelhaul-prod-Table-1ABC",
        stage="prod",
        region="eu-west-1",
        endpoint_url=None,
        minimum_client_version="0.1.0",
        policy=Policy(),
        order_queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
        dead_letter_queue_url=None,
        notification_topic=None,
        cdn=None,
        push_url=None,
        pause=False,
        pace_bytes_s=None,
        limits=Limits(
            Quota(open_sessions=1_000, open_uploads=2_000, calls_a_minute=6_000, orders_an_hour=1_000)
        ),
        page=PageRules(idle_s=28_800, life_s=604_800, share_longest_s=604_800),
        browser_origins=(),
    )


def test_a_deployment_sets_the_usual_policy():
    assert settings({**LEAST, **DEPLOYED}) == settings({**LEAST, "MINIMUM_CLIENT_VERSION": "0.1.0"})


def test_a_deployment_sets_every_promise_so_that_no_later_default_changes_it():
    promises = [
        name for name, variable in VARIABLES.items() if getattr(variable, "default", None) is not None
    ]

    assert set(promises) - {"PAUSE", "RESTORABLE_DAYS", "BROWSER_ORIGINS"} <= set(DEPLOYED)


def test_the_stack_keeps_what_was_cleaned_for_as_many_days_as_the_policy_says():
    assert template.load()["Parameters"]["GraceDays"]["Default"] == Policy().restorable_days


def test_every_variable_is_heard():
    read = settings(
        {
            **LEAST,
            "AWS_ENDPOINT_URL": "http://127.0.0.1:5055",
            "PART_SIZE_BYTES": "5242880",
            "PART_URL_TTL_S": "60",
            "DEVICES_MAY_READ": "true",
            "PROXIES": "false",
            "UPLOAD_TTL_S": "3600",
            "UNDO_S": "0",
            "CHECK_FILMS": "false",
            "SCAN_GATE": "true",
            "REQUIRE_EVIDENCE": "read-twice",
            "GRACE_S": "0",
            "RESTORABLE_DAYS": "30",
            "LEAST_VIDEO_PERCENT": "95",
            "LEAST_MEASURED_PERCENT": "60",
            "LEAST_FRAMES_A_MINUTE": "600",
            "DEVICE_SILENT_S": "600",
            "CLEANUP_OBJECTS_A_DAY": "7",
            "CLEANUP_BYTES_A_DAY": "1000",
            "REQUIRED_OUTPUTS": "output.enhanced.mp4,measurements.lights",
            "NOTIFICATION_TOPIC": "arn:aws:sns:eu-west-1:123456789012:notifications",
            "LIMIT_OPEN_SESSIONS": "1",
            "LIMIT_OPEN_UPLOADS": "2",
            "LIMIT_BYTES_A_DAY": "3",
            "LIMIT_CALLS_A_MINUTE": "4",
            "LIMIT_ORDERS_AN_HOUR": "none",
            "LIMIT_PROJECT_OPEN_SESSIONS": "6",
            "LIMIT_PROJECT_OPEN_UPLOADS": "7",
            "LIMIT_PROJECT_BYTES_A_DAY": "8",
            "LIMIT_PROJECT_CALLS_A_MINUTE": "9",
            "LIMIT_PROJECT_ORDERS_AN_HOUR": "10",
            "ALLOWED_EXTENSIONS": " .MP4",
            "LARGEST_FILE_BYTES": "12000000000",
            "PAGE_IDLE_S": "600",
            "PAGE_LIFE_S": "7776000",
            "SHARE_LONGEST_S": "60",
            "PAGE_ORIGINS": "https://films.example.org, https://page.example.org:8443",
            "BROWSER_ORIGINS": "https://upload.example.org,http://localhost:3000",
            "PAUSE": "true",
            "PACE_BYTES_S": "1000000",
        }
    )

    assert read.endpoint_url == "http://127.0.0.1:5055"
    assert read.policy == Policy(
        required_outputs=(ArtifactId("output.enhanced.mp4"), ArtifactId("measurements.lights")),
        part_size_bytes=5_242_880,
        part_url_ttl_s=60,
        devices_may_read=True,
        takes_proxies=False,
        upload_ttl_s=3600,
        undo_s=0,
        checks_films=False,
        scan_gate=True,
        require_evidence=Level.READ_TWICE,
        grace_s=0,
        restorable_days=30,
        least_video_percent=95,
        least_measured_percent=60,
        least_frames_a_minute=600,
        device_silent_s=600,
        cleanup_limit=Spent(7, 1000),
    )
    assert read.default_wish == Wish((ArtifactId("output.enhanced.mp4"), ArtifactId("measurements.lights")))
    assert read.notification_topic == "arn:aws:sns:eu-west-1:123456789012:notifications"
    assert read.limits == Limits(
        Quota(1, 2, 3, 4, None), Quota(6, 7, 8, 9, 10), (".mp4",), largest_file_bytes=12_000_000_000
    )
    assert (read.pause, read.pace_bytes_s) == (True, 1_000_000)
    origins = ("https://films.example.org", "https://page.example.org:8443")
    assert read.page == PageRules(600, 7_776_000, 60, origins)
    assert read.browser_origins == ("https://upload.example.org", "http://localhost:3000")


@pytest.mark.parametrize(
    "text",
    [
        "page.example.org",
        "http://page.example.org",
        "https://page.example.org/",
        "https://Page.example.org",
        "https://a,",
        "*",
        "null",
    ],
)
def test_what_is_no_origin_of_the_page_is_a_fault(text: str):
    assert list(faults(PAGE_ORIGINS=text)) == ["PAGE_ORIGINS"]


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "https://*.example.org",
        "http://upload.example.org",
        "https://a.example.org/",
        "null",
        "https://a,",
    ],
)
def test_a_page_of_any_origin_is_none_of_ours(text: str):
    assert list(faults(BROWSER_ORIGINS=text)) == ["BROWSER_ORIGINS"]


@pytest.mark.parametrize("text", ["", "https://a.example.org", "http://127.0.0.1:8000"])
def test_pages_have_origins_with_https_or_on_loopback(text: str):
    assert settings({**LEAST, "BROWSER_ORIGINS": text}).browser_origins == tuple(filter(None, [text]))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PAGE_IDLE_S", "599"),
        ("PAGE_IDLE_S", "2592001"),
        ("PAGE_LIFE_S", "599"),
        ("PAGE_LIFE_S", "7776001"),
        ("SHARE_LONGEST_S", "59"),
        ("SHARE_LONGEST_S", "7776001"),
    ],
)
def test_logins_and_links_last_neither_a_moment_nor_for_ever(name: str, text: str):
    assert list(faults(**{name: text})) == [name]


@pytest.mark.parametrize(
    ("text", "cdn"),
    [("", None), ("https://d1.cloudfront.net#K1", ("https://d1.cloudfront.net", "K1"))],
)
def test_the_cdn_is_its_address_and_the_id_of_its_key(text: str, cdn: tuple[str, str] | None):
    assert settings({**LEAST, "CDN": text}).cdn == cdn


@pytest.mark.parametrize("text", ["https://d1.cloudfront.net", "http://d1#K1", "https://d1/#K1", "#K1", " "])
def test_what_is_no_cdn_is_a_fault(text: str):
    assert list(faults(CDN=text)) == ["CDN"]


@pytest.mark.parametrize("text", ["", "read", "READ-TWICE", "read twice", "twice"])
def test_what_is_no_level_of_evidence_is_a_fault_that_names_all(text: str):
    assert "read-once, read-twice, read-back" in faults(REQUIRE_EVIDENCE=text)["REQUIRE_EVIDENCE"]


@pytest.mark.parametrize("text", ["", None])
def test_a_topic_that_is_empty_or_absent_is_none(text: str | None):
    assert (
        settings(LEAST if text is None else {**LEAST, "NOTIFICATION_TOPIC": text}).notification_topic is None
    )


@pytest.mark.parametrize("text", [" ", "notifications", "arn:aws:sqs:eu-west-1:123456789012:notifications"])
def test_what_is_no_topic_is_a_fault(text: str):
    assert list(faults(NOTIFICATION_TOPIC=text)) == ["NOTIFICATION_TOPIC"]


def test_spaces_around_required_outputs_do_not_matter():
    read = settings({**LEAST, "REQUIRED_OUTPUTS": " output.a , output.b"})

    assert read.default_wish == Wish((ArtifactId("output.a"), ArtifactId("output.b")))


def test_no_required_outputs_order_nothing():
    assert settings({**LEAST, "REQUIRED_OUTPUTS": ""}).default_wish is None


def test_variables_that_are_not_ours_are_passed_over():
    assert settings({**LEAST, "PATH": "/usr/bin"}) == settings(LEAST)


def test_everything_that_is_missing_is_told_at_once():
    with pytest.raises(SettingsFaults) as refusal:
        settings({})

    assert set(refusal.value.faults) == set(LEAST)


def test_the_text_has_a_line_for_each_fault_that_names_the_variable():
    with pytest.raises(SettingsFaults) as refusal:
        settings({**LEAST, "PAUSE": "maybe", "UNDO_S": "-1"})

    lines = str(refusal.value).splitlines()
    assert [line.split(" ")[0] for line in lines] == ["UNDO_S", "PAUSE"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("BUCKET", "with.dots"),
        ("BUCKET", "UPPER"),
        ("BUCKET", ""),
        ("TABLE", "no spaces"),
        ("STAGE", "a/b"),
        ("AWS_REGION", "europe"),
        ("AWS_ENDPOINT_URL", "127.0.0.1:5055"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:5055/path"),
        ("AWS_ENDPOINT_URL", "http://user@127.0.0.1"),
        ("MINIMUM_CLIENT_VERSION", "1.0"),
        ("ORDER_QUEUE_URL", ""),
        ("ORDER_QUEUE_URL", "orders"),
        ("ORDER_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com"),
        ("ORDER_QUEUE_URL", "https://user@sqs.eu-west-1.amazonaws.com/1/orders"),
        ("ORDER_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/orders?Action=Purge"),
        ("ORDER_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/or ders"),
        ("ORDER_QUEUE_URL", "arn:aws:sqs:eu-west-1:1:orders"),
        *(("LIMIT_OPEN_SESSIONS", text) for text in ("0", "-1", "", "None", "1.5", "1e3", str(10**15))),
        ("LIMIT_PROJECT_BYTES_A_DAY", "0"),
        *(("ALLOWED_EXTENSIONS", text) for text in ("", ".mov", "mp4", ".mp4,.mp4", ".mp4,")),
        ("LARGEST_FILE_BYTES", "0"),
        ("REQUIRED_OUTPUTS", " "),
        ("REQUIRED_OUTPUTS", ","),
        ("REQUIRED_OUTPUTS", "output.a,"),
        ("REQUIRED_OUTPUTS", "output.a,output.a"),
        ("REQUIRED_OUTPUTS", "original.100GOPRO.GX010038.MP4"),
        ("REQUIRED_OUTPUTS", "output.a;output.b"),
        ("REQUIRED_OUTPUTS", ",".join(f"output.{number}" for number in range(51))),
        ("PART_SIZE_BYTES", "0"),
        ("PART_SIZE_BYTES", "5368709121"),
        ("PART_SIZE_BYTES", "16 MiB"),
        ("PART_SIZE_BYTES", "٣"),
        ("PART_URL_TTL_S", "0"),
        ("PART_URL_TTL_S", "901"),
        ("UPLOAD_TTL_S", "0"),
        ("UPLOAD_TTL_S", "604800"),
        ("UNDO_S", "604800"),
        ("GRACE_S", "-1"),
        ("GRACE_S", "31536001"),
        ("GRACE_S", "3 days"),
        ("RESTORABLE_DAYS", "1"),
        ("RESTORABLE_DAYS", "3651"),
        ("RESTORABLE_DAYS", "${GraceDays}"),
        ("LEAST_VIDEO_PERCENT", "101"),
        ("LEAST_MEASURED_PERCENT", "101"),
        ("LEAST_FRAMES_A_MINUTE", "100001"),
        ("LEAST_VIDEO_PERCENT", "90 %"),
        ("CLEANUP_OBJECTS_A_DAY", "0"),
        ("CLEANUP_OBJECTS_A_DAY", "1000000001"),
        ("CLEANUP_BYTES_A_DAY", "0"),
        ("CLEANUP_BYTES_A_DAY", "1000000000000000"),
        ("CLEANUP_BYTES_A_DAY", "4 TiB"),
        ("PAUSE", "yes"),
        ("PROXIES", "off"),
        ("PACE_BYTES_S", "0"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(name: str, text: str):
    assert set(faults(**{name: text})) == {name}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ORDER_QUEUE_URL", "http://127.0.0.1:5055/123456789012/orders"),
        ("REQUIRED_OUTPUTS", ",".join(f"output.{number}" for number in range(50))),
        ("PART_SIZE_BYTES", "1"),
        ("PART_SIZE_BYTES", "5368709120"),
        ("PART_URL_TTL_S", "1"),
        ("PART_URL_TTL_S", "900"),
        ("UPLOAD_TTL_S", "604799"),
        ("UNDO_S", "604799"),
        ("GRACE_S", "0"),
        ("GRACE_S", "31536000"),
        ("RESTORABLE_DAYS", "2"),
        ("RESTORABLE_DAYS", "3650"),
        ("LEAST_VIDEO_PERCENT", "0"),
        ("LEAST_VIDEO_PERCENT", "100"),
        ("LEAST_MEASURED_PERCENT", "0"),
        ("LEAST_MEASURED_PERCENT", "100"),
        ("LEAST_FRAMES_A_MINUTE", "0"),
        ("LEAST_FRAMES_A_MINUTE", "100000"),
        ("CLEANUP_OBJECTS_A_DAY", "1"),
        ("CLEANUP_OBJECTS_A_DAY", "1000000000"),
        ("CLEANUP_BYTES_A_DAY", "1"),
        ("CLEANUP_BYTES_A_DAY", "999999999999999"),
        ("AWS_REGION", "us-gov-west-1"),
    ],
)
def test_a_value_at_its_limit_is_taken(name: str, text: str):
    assert settings({**LEAST, name: text}) is not None


@pytest.mark.parametrize(
    ("text", "push_url"),
    [
        ("", None),
        *[
            (each, each)
            for each in ("wss://a1.execute-api.eu-west-1.amazonaws.com/api", "ws://127.0.0.1:8123/api")
        ],
    ],
)
def test_push_is_the_address_of_its_sockets_or_nothing(text: str, push_url: str | None):
    assert settings({**LEAST, "PUSH_URL": text}).push_url == push_url


@pytest.mark.parametrize(
    "text",
    [
        "ws://example.org/api",
        "https://a1.example.org/api",
        "wss://a1.example.org",
        "wss://a1.example.org/api?x",
    ],
)
def test_what_is_no_address_of_sockets_is_a_fault(text: str):
    assert list(faults(PUSH_URL=text)) == ["PUSH_URL"]
