"""A release: what refuses it, what it changes, and that it changes nothing when it is refused."""

import json
import os
import subprocess
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from infra.release import (
    HOUSE,
    STATED,
    Candidate,
    GitRepository,
    NotReleased,
    Version,
    dated,
    examine,
    faults_of,
    parse_version,
    release,
    run,
    with_version,
)

DAY = date(2026, 12, 1)
NEXT = Version(0, 2, 0)
CHANGELOG = "# Changelog\n\n## Unreleased\n\n- a thing is new\n\n## 0.1.0 (2026-11-01)\n\n- all of it\n"
PROJECT = '[project]\nname = "reelhaul"\nversion = "0.1.0"\n\n[tool.other]\npython_version = "3.11"\n'
PAGE = "send `Reelhaul-Client-Version: 0.1.0`, at least 0.1.0\n"
READY = Candidate(
    branch="main",
    changes=(),
    tags=("v0.1.0", "nightly", "v1"),
    stated={"pyproject.toml": ["0.1.0"], "docs/api.md": ["0.1.0"]},
    minimum="0.1.0",
    changelog=CHANGELOG,
)


class Clone:
    """A repository of its own in a temporary folder, ready to be released."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repository = GitRepository(root)
        self.git("init", "--quiet", "--initial-branch", "main")
        for name, value in {
            "user.name": "t",
            "user.email": "t@example.org",
            "commit.gpgsign": "false",
        }.items():
            self.git("config", name, value)
        config = {"environment_variables": {"MINIMUM_CLIENT_VERSION": "0.1.0"}}
        self.write("cloud/.chalice/config.json", json.dumps(config))
        self.write("CHANGELOG.md", CHANGELOG)
        self.write("pyproject.toml", PROJECT)
        self.write("docs/api.md", PAGE)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "all")
        self.git("tag", "v0.1.0")

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True).stdout

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def state(self) -> tuple[str, ...]:
        """All that a release may change."""
        return self.git("log", "--oneline"), self.git("tag"), self.git("status", "--porcelain")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    # In a hook of git these name the repository of the hook: this one's commands would act on that.
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return Clone(tmp_path)


def test_a_release_dates_the_changes_sets_the_version_and_commits_and_tags_it(clone: Clone):
    release(clone.repository, NEXT, DAY, lambda: True)

    assert clone.git("log", "-1", "--format=%s").strip() == "release: 0.2.0"
    assert clone.git("tag", "--points-at", "HEAD").strip() == "v0.2.0"
    assert clone.git("cat-file", "-t", "v0.2.0").strip() == "tag"
    assert clone.git("status", "--porcelain") == ""
    assert "## Unreleased\n\n## 0.2.0 (2026-12-01)\n\n- a thing is new\n" in clone.read("CHANGELOG.md")
    assert 'version = "0.2.0"\n' in clone.read("pyproject.toml")
    assert 'python_version = "3.11"' in clone.read("pyproject.toml")
    assert clone.read("docs/api.md") == "send `Reelhaul-Client-Version: 0.2.0`, at least 0.1.0\n"


def test_a_release_leaves_the_repository_ready_for_the_changes_of_the_next_one(clone: Clone):
    release(clone.repository, NEXT, DAY, lambda: True)
    again = faults_of(examine(clone.repository), Version(0, 2, 1))

    assert again == ["CHANGELOG.md has no entry below `## Unreleased`: nothing to release"]


def test_nothing_is_pushed(clone: Clone, tmp_path_factory: pytest.TempPathFactory):
    origin = tmp_path_factory.mktemp("origin")
    clone.git("init", "--quiet", "--bare", str(origin))
    clone.git("remote", "add", "origin", str(origin))
    clone.git("config", "push.followTags", "true")

    release(clone.repository, NEXT, DAY, lambda: True)

    assert clone.git("ls-remote", "origin") == ""


def test_checks_that_fail_refuse_it_and_change_nothing(clone: Clone):
    before = clone.state()

    with pytest.raises(NotReleased, match="nothing is changed"):
        release(clone.repository, NEXT, DAY, lambda: False)

    assert clone.state() == before


def test_checks_are_not_run_for_what_is_refused_anyway(clone: Clone):
    def checks() -> bool:
        pytest.fail("the checks take many minutes")

    with pytest.raises(NotReleased, match="not newer"):
        release(clone.repository, Version(0, 1, 0), DAY, checks)


def test_a_file_that_changes_while_the_checks_run_refuses_it(clone: Clone):
    def checks() -> bool:
        clone.write("new.py", "")
        return True

    with pytest.raises(NotReleased, match="while the checks ran"):
        release(clone.repository, NEXT, DAY, checks)

    assert clone.git("tag").split() == ["v0.1.0"]


def test_a_commit_while_the_checks_run_refuses_it(clone: Clone):
    def checks() -> bool:
        clone.git("commit", "--quiet", "--allow-empty", "--message", "more")
        return True

    with pytest.raises(NotReleased, match="while the checks ran"):
        release(clone.repository, NEXT, DAY, checks)

    assert clone.git("tag").split() == ["v0.1.0"]


def test_a_commit_that_git_refuses_leaves_every_file_as_it_was(clone: Clone):
    hook = clone.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no commits today >&2\nexit 1\n")
    hook.chmod(0o755)
    before = clone.state()

    with pytest.raises(NotReleased, match="no commits today"):
        release(clone.repository, NEXT, DAY, lambda: True)

    assert clone.state() == before
    assert clone.read("CHANGELOG.md") == CHANGELOG


def test_a_tag_that_git_refuses_is_told_with_what_is_left_to_do(clone: Clone):
    clone.git("config", "tag.gpgSign", "true")
    clone.git("config", "gpg.program", "false")

    with pytest.raises(NotReleased, match=r"it is committed; tag that commit: git tag --annotate v0\.2\.0"):
        release(clone.repository, NEXT, DAY, lambda: True)

    assert clone.git("log", "-1", "--format=%s").strip() == "release: 0.2.0"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        pytest.param({"branch": "topic"}, "the branch is topic; switch to main", id="another branch"),
        pytest.param({"branch": ""}, "the branch is none; switch to main", id="no branch"),
        pytest.param(
            {"changes": ["?? new.py"]}, "not committed: new.py; commit or remove it", id="unknown file"
        ),
        pytest.param(
            {"tags": ["v0.2.0"]}, "0.2.0 is released already; 0.2.0 is not newer", id="the same again"
        ),
        pytest.param(
            {"tags": ["v0.10.0"]}, "0.10.0 is released already; 0.2.0 is not newer", id="an older one"
        ),
        pytest.param(
            {"stated": {"a": ["0.2.1"]}}, "the project is at 0.2.1 already; 0.2.0 is older", id="back"
        ),
        pytest.param(
            {"stated": {"a": ["0.1.0"], "b": ["0.1.1"]}},
            "the files state different versions or none (a: 0.1.0; b: 0.1.1); make them equal first",
            id="two versions",
        ),
        pytest.param(
            {"stated": {}},
            "the files state different versions or none (); make them equal first",
            id="no version",
        ),
        pytest.param(
            {"minimum": "0.2.1"},
            "the coordinator refuses clients below 0.2.1 (MINIMUM_CLIENT_VERSION)",
            id="a client that would be refused",
        ),
        pytest.param(
            {"changelog": CHANGELOG.replace("- a thing is new\n", "")},
            "CHANGELOG.md has no entry below `## Unreleased`: nothing to release",
            id="nothing new",
        ),
        pytest.param(
            {"changelog": CHANGELOG.replace("## Unreleased\n", "")},
            "CHANGELOG.md has no entry below `## Unreleased`: nothing to release",
            id="no section for it",
        ),
        pytest.param(
            {"changelog": CHANGELOG.replace("0.1.0", "0.2.0")},
            "CHANGELOG.md has a section 0.2.0 already",
            id="a section of that name",
        ),
    ],
)
def test_what_is_not_ready_is_refused_with_what_helps(change: dict, line: str):
    assert faults_of(READY, NEXT) == []
    assert faults_of(replace(READY, **change), NEXT) == [line]


def test_every_reason_is_told_at_once():
    candidate = replace(READY, branch="topic", changes=[" M a.py"], tags=["v0.3.0"], changelog="")

    assert len(faults_of(candidate, NEXT)) == 4


def test_the_first_release_may_have_the_version_that_the_project_has():
    assert faults_of(replace(READY, tags=()), Version(0, 1, 0)) == [
        "CHANGELOG.md has a section 0.1.0 already"
    ]
    assert faults_of(replace(READY, tags=(), changelog="## Unreleased\n\n- all\n"), Version(0, 1, 0)) == []


@pytest.mark.parametrize("text", ["0.2.0", "10.0.99999"])
def test_a_version_is_three_numbers(text: str):
    assert str(parse_version(text)) == text


@pytest.mark.parametrize(
    "text", ["", "1", "0.2", "v0.2.0", "0.2.0rc1", "0.02.0", "0.2.0 ", "1.2.3.4", "0.2.100000"]
)
def test_what_is_no_version_is_a_usage_error(text: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        run([text])

    assert ended.value.code == 2
    assert "is not a version: three numbers, such as 0.2.0" in capsys.readouterr().err


def test_the_section_of_a_release_is_between_what_comes_and_what_was():
    assert dated(CHANGELOG, NEXT, DAY).index("## 0.2.0") < dated(CHANGELOG, NEXT, DAY).index("## 0.1.0")


def test_a_version_of_something_else_is_left_alone():
    assert (
        with_version('target_version = "0.1.0"\nneeds 0.1.0\n', NEXT)
        == 'target_version = "0.1.0"\nneeds 0.1.0\n'
    )


def test_this_project_states_one_version_everywhere():
    files = [
        HOUSE / "pyproject.toml",
        *HOUSE.glob("*.md"),
        *HOUSE.glob("docs/**/*.md"),
        *HOUSE.glob("infra/**/*.py"),
    ]
    stated = {found[2] for file in files for found in STATED.finditer(file.read_text())}

    assert len(stated) == 1
