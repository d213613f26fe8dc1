"""What Lambda carries, built out of what is installed here."""

from pathlib import Path

import pytest

from infra.local.aws.lambdas.runtime import NotInstalled, build_layer, build_runtime


def modules(folder: Path) -> set[str]:
    return {path.name.removesuffix(".py") for path in folder.iterdir() if ".dist-info" not in path.name}


def test_the_runtime_holds_boto3_and_what_it_needs_and_nothing_else(tmp_path: Path):
    found = modules(build_runtime(tmp_path / "runtime"))

    assert found == {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"}


def test_a_layer_comes_with_what_it_needs_and_without_what_the_runtime_carries(tmp_path: Path):
    found = modules(build_layer(tmp_path / "layer", ["requests"]))

    assert {"requests", "charset_normalizer", "idna", "certifi"} < found
    assert "boto3" not in found


def test_building_it_again_changes_nothing(tmp_path: Path):
    first = modules(build_runtime(tmp_path / "runtime"))

    assert modules(build_runtime(tmp_path / "runtime")) == first


def test_a_layer_that_is_not_installed_is_refused_by_name(tmp_path: Path):
    with pytest.raises(NotInstalled, match="no-such-layer"):
        build_layer(tmp_path / "layer", ["no-such-layer"])
