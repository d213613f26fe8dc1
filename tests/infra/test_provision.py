"""What moto's CloudFormation ignores is translated, not forgotten; that it arrives is shown in test_world."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.aws import deploy, s3_words, template
from infra.local import wheels
from infra.local.aws.moto import provision, server
from infra.local.stack.world import WHEELS


def test_moto_is_given_nothing_that_it_would_refuse_or_misread():
    given = provision.for_moto(template.load())

    assert set(given["Resources"]) == {
        "Bucket",
        "Table",
        "OrderQueue",
        "DeadLetters",
        "Alarms",
        "Notifications",
    }
    assert not {"LakeDatabase", "LakeWorkGroup"} & set(given["Outputs"])
    assert {"Bucket", "GraceDays", "DeadLettersArn"} <= set(given["Outputs"])


def test_a_lifecycle_rule_keeps_its_meaning_in_the_words_of_s3():
    said = {
        "Rules": [
            {
                "Id": "purge",
                "Status": "Enabled",
                "Prefix": "originals/",
                "NoncurrentVersionExpiration": {"NoncurrentDays": "14"},
            },
            {"Id": "answers", "Status": "Enabled", "Prefix": "queries/", "ExpirationInDays": 7},
            {"Id": "markers", "Status": "Enabled", "ExpiredObjectDeleteMarker": True},
        ]
    }

    assert s3_words.lifecycle_rules(said) == [
        {
            "ID": "purge",
            "Status": "Enabled",
            "Filter": {"Prefix": "originals/"},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 14},
        },
        {
            "ID": "answers",
            "Status": "Enabled",
            "Filter": {"Prefix": "queries/"},
            "Expiration": {"Days": 7},
        },
        {
            "ID": "markers",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
        },
    ]


def test_a_lifecycle_rule_that_would_get_lost_is_refused():
    with pytest.raises(template.UnknownIntrinsic, match="ExpirationDate"):
        s3_words.lifecycle_rules(
            {"Rules": [{"Id": "new", "Status": "Enabled", "ExpirationDate": "2026-12-01"}]}
        )


def test_a_process_of_the_local_aws_sees_no_credentials_but_test(tmp_path):
    own = {"PATH": "/bin", "AWS_PROFILE": "real", "AWS_SESSION_TOKEN": "real", "AWS_ACCESS_KEY_ID": "real"}

    seen = server.environment("http://127.0.0.1:5055", own)

    assert "real" not in seen.values()
    assert (seen["PATH"], seen["AWS_ACCESS_KEY_ID"], seen["AWS_EC2_METADATA_DISABLED"]) == (
        "/bin",
        "test",
        "true",
    )
    assert seen["AWS_SHARED_CREDENTIALS_FILE"] == seen["AWS_CONFIG_FILE"] == "/dev/null"


def test_wheels_that_are_there_are_used_without_asking_an_index(tmp_path):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("")
    lines: list[str] = []

    first = wheels.pip_environment(requirements, tmp_path / "wheels", lines.append)
    again = wheels.pip_environment(requirements, tmp_path / "wheels", lines.append)

    assert first == again
    assert first["PIP_NO_INDEX"] == "1"
    assert lines == ["fetching what requirements.txt pins"]


def test_wheels_that_cannot_be_fetched_are_told_and_leave_nothing(tmp_path):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"{tmp_path}/absent-1.0-py3-none-any.whl\n")

    with pytest.raises(wheels.WheelsMissing, match="needs a package index"):
        wheels.pip_environment(requirements, tmp_path / "wheels", lambda _: None)

    assert list((tmp_path / "wheels").iterdir()) == []


def test_pip_takes_nothing_for_lambda_whose_hash_is_not_listed(tmp_path: Path):
    pinned = deploy.CLOUD / "requirements.txt"
    offline = {**os.environ, **wheels.pip_environment(pinned, WHEELS, print)}
    other = tmp_path / "requirements.txt"
    other.write_text(re.sub("sha256:[0-9a-f]{64}", "sha256:" + 64 * "0", pinned.read_text()))

    def download(requirements: Path) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-r",
            str(requirements),
            "-d",
            str(tmp_path / "got"),
        ]
        return subprocess.run(command, env=offline, capture_output=True, text=True, check=False)

    assert download(pinned).returncode == 0
    refused = download(other)
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr


def test_a_folder_with_a_space_in_its_name_is_one_place_to_pip(tmp_path: Path):
    empty = tmp_path / "requirements.txt"
    empty.write_text("")

    found = wheels.pip_environment(empty, tmp_path / "a folder", lambda _: None)

    assert len(found["PIP_FIND_LINKS"].split()) == 1
