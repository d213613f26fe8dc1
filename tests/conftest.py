"""What holds for every test: no real credentials, no endpoint but loopback, no deadline for a property."""

import gc
import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from infra.local.surroundings import ignore_surroundings
from tests.support import gopro_data

# A machine that does other things beside is no fault of what is tested.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    # Read by moto when it is imported: tiny parts, so that tests need no megabytes.
    "S3_UPLOAD_PART_MIN_SIZE": "1",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--aws-endpoint",
        metavar="URL",
        default=None,
        help="run the contract suites on this S3 and DynamoDB as well, with credentials from REELHAUL_CONFORMANCE_*",
    )

    parser.addoption("--soak", action="store_true", help="run what takes many minutes as well")
    parser.addoption(
        "--device", action="store_true", help="install the archive for devices; asks the network"
    )
    parser.addoption("--browser", action="store_true", help="run the tests of the page in Chromium")
    parser.addoption(
        "--every", type=int, default=20, metavar="N", help="of the soak's faults, every N-th (default: 20)"
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect without the garbage collector, and hide from it what is collected.

    Twenty thousand tests are a million objects that live to the end. Each worker would look at all of them again and
    again: a third of what it spends to collect, and a part of each test.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_sessionfinish() -> None:
    """Look for garbage once, and hide the rest from pytest, which looks five times at everything that is left."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    skipped = {
        "soak": "takes many minutes: make soak",
        "device": "downloads wheels: make test-device",
        "browser": "needs Chromium: make test-browser",
    }
    for marker, reason in skipped.items():
        if config.getoption(f"--{marker}"):
            continue
        for item in items:
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """For --dist loadfile: as it, and files that share a world stay together."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.support.scheduling import ByUnit  # the client's tests on older Pythons have no xdist

    return ByUnit(config, log)


def pytest_report_header() -> str:
    there = "as well" if gopro_data.REAL.is_dir() else "are not beside the project"
    return f"camera files: generated twins; the real ones {there}"


@pytest.fixture(scope="session", params=gopro_data.PLACES)
def films(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the films of gopro_data.FILMS: once generated, and once real where those are there."""
    return gopro_data.films_of(request.param, tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="session", params=gopro_data.PLACES)
def media_lists(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with media lists of cameras: once generated, and once real where those are there."""
    return gopro_data.lists_of(request.param, tmp_path_factory.mktemp("lists"))


def pytest_configure() -> None:
    ignore_surroundings(os.environ)
    os.environ.update(_ENVIRONMENT)
    if os.environ.get("REELHAUL_CONFORMANCE_ALLOW_REMOTE") != "1":
        # An audit hook sees every connection of this process, whoever makes it, and cannot be taken out again.
        sys.addaudithook(_refuse_all_but_loopback)


def _refuse_all_but_loopback(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and not _is_loopback(str(address[0])):
        raise PermissionError(f"tests connect to loopback only, not to {address[0]}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
