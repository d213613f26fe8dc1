"""Release a version: refuse what is not ready, run every check, date the changes, set the number, commit and tag.

    make release VERSION=0.2.0

Nothing leaves this machine: a person pushes the commit and the tag, and the last line says how.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from infra import door

HOUSE = Path(__file__).parents[1]
BRANCH = "main"
CHECKS = ".ci/run"
CHANGELOG = "CHANGELOG.md"
PROJECT = "pyproject.toml"
COORDINATOR = "cloud/.chalice/config.json"
UNRELEASED = "## Unreleased\n"
# The version of the package, and the one that texts for people send as an example of it.
STATED = re.compile(r'(?m)(^version = "|Reelhaul-Client-Version: )(\d+\.\d+\.\d+)\b')

_NUMBER = r"(0|[1-9][0-9]{0,4})"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}")
_EXAMPLES = """examples:
  make release VERSION=0.2.0
  .venv/bin/python -m infra.release 0.2.0

exit codes: 0 committed and tagged, nothing pushed; 1 refused or failed, and it says why; 2 usage."""


class NotReleased(Exception):
    """The version cannot be released now; the text says what helps."""


@dataclass(frozen=True, order=True)
class Version:
    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tag(self) -> str:
        return f"v{self}"


@dataclass(frozen=True)
class Candidate:
    """What is looked at before a release."""

    branch: str
    changes: Sequence[str]
    tags: Sequence[str]
    stated: Mapping[str, Sequence[str]]
    """The versions that each file states."""
    minimum: str
    """The oldest client that the coordinator serves."""
    changelog: str


class Repository(Protocol):
    """The working tree of a clone."""

    def branch(self) -> str: ...

    def head(self) -> str: ...

    def changes(self) -> Sequence[str]:
        """What is not committed, one line a file; files that git does not know count too."""

    def tags(self) -> Sequence[str]: ...

    def files(self) -> Sequence[str]:
        """The files that may state the version, by their names in the repository."""

    def read(self, name: str) -> str: ...

    def write(self, name: str, text: str) -> None: ...

    def commit(self, names: Sequence[str], message: str) -> None:
        """Commit `names` as they are now. Raises NotReleased, and then they are as they were."""

    def tag(self, name: str, message: str) -> None:
        """Raises NotReleased."""


class GitRepository:
    """The clone at `root`, by the git command."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def branch(self) -> str:
        return self._git("branch", "--show-current").strip()

    def head(self) -> str:
        return self._git("rev-parse", "HEAD").strip()

    def changes(self) -> Sequence[str]:
        return self._git("status", "--porcelain").splitlines()

    def tags(self) -> Sequence[str]:
        return self._git("tag", "--list").split()

    def files(self) -> Sequence[str]:
        listed = self._git("ls-files", "-z", "--", PROJECT, "*.md", "docs", "infra").split("\0")
        return [name for name in listed if name.endswith((".toml", ".md", ".py")) and name != CHANGELOG]

    def read(self, name: str) -> str:
        return (self._root / name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        (self._root / name).write_text(text, encoding="utf-8")

    def commit(self, names: Sequence[str], message: str) -> None:
        try:
            self._git("commit", "--quiet", "--message", message, "--", *names)
        except NotReleased:
            self._git("checkout", "--quiet", "HEAD", "--", *names)
            raise

    def tag(self, name: str, message: str) -> None:
        self._git("tag", "--annotate", "--message", message, name)

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self._root, capture_output=True, text=True, encoding="utf-8", check=False
        )
        if done.returncode:
            raise NotReleased(f"git {arguments[0]} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout


def parse_version(text: str) -> Version:
    """The version that `text` states. Raises ValueError unless it is three numbers of at most five digits."""
    found = _VERSION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a version: three numbers, such as 0.2.0")
    return Version(*map(int, found.groups()))


def faults_of(candidate: Candidate, version: Version) -> list[str]:
    """Each reason for which `candidate` cannot be released as `version`."""
    faults = []
    if candidate.branch != BRANCH:
        faults.append(f"the branch is {candidate.branch or 'none'}; switch to {BRANCH}")
    if candidate.changes:
        faults.append(
            f"not committed: {', '.join(line[3:] for line in candidate.changes)}; commit or remove it"
        )
    return [
        *faults,
        *_faults_of_number(candidate, version),
        *_faults_of_changelog(candidate.changelog, version),
    ]


def _faults_of_number(candidate: Candidate, version: Version) -> list[str]:
    faults = []
    released = [
        parse_version(tag[1:]) for tag in candidate.tags if _VERSION.fullmatch(tag[1:]) and tag[0] == "v"
    ]
    if released and version <= max(released):
        faults.append(f"{max(released)} is released already; {version} is not newer")
    stated = {each for texts in candidate.stated.values() for each in texts}
    if len(stated) != 1:
        places = "; ".join(f"{name}: {', '.join(texts)}" for name, texts in candidate.stated.items())
        faults.append(f"the files state different versions or none ({places}); make them equal first")
    elif version < (present := parse_version(stated.pop())):
        faults.append(f"the project is at {present} already; {version} is older")
    if version < parse_version(candidate.minimum):
        faults.append(f"the coordinator refuses clients below {candidate.minimum} (MINIMUM_CLIENT_VERSION)")
    return faults


def _faults_of_changelog(changelog: str, version: Version) -> list[str]:
    if re.search(rf"(?m)^## {re.escape(str(version))}\b", changelog):
        return [f"{CHANGELOG} has a section {version} already"]
    _, unreleased, rest = changelog.partition(UNRELEASED)
    if not unreleased or not re.search(r"(?m)^- ", rest.split("\n## ")[0]):
        return [f"{CHANGELOG} has no entry below `{UNRELEASED.strip()}`: nothing to release"]
    return []


def dated(changelog: str, version: Version, day: date) -> str:
    """The changelog with what was unreleased as the section of `version`, below an empty section for what comes."""
    return changelog.replace(UNRELEASED, f"{UNRELEASED}\n## {version} ({day.isoformat()})\n", 1)


def with_version(text: str, version: Version) -> str:
    """`text` with each version of the project that it states replaced."""
    return STATED.sub(lambda found: f"{found[1]}{version}", text)


def examine(repository: Repository) -> Candidate:
    """What the repository has for a release."""
    stated = {
        name: [found[2] for found in STATED.finditer(repository.read(name))] for name in repository.files()
    }
    config = json.loads(repository.read(COORDINATOR))
    return Candidate(
        branch=repository.branch(),
        changes=repository.changes(),
        tags=repository.tags(),
        stated={name: texts for name, texts in stated.items() if texts},
        minimum=config["environment_variables"]["MINIMUM_CLIENT_VERSION"],
        changelog=repository.read(CHANGELOG),
    )


def release(repository: Repository, version: Version, day: date, pass_checks: Callable[[], bool]) -> None:
    """Commit and tag `version`, once `pass_checks` says that every check passed. Raises NotReleased."""
    candidate = examine(repository)
    if faults := faults_of(candidate, version):
        raise NotReleased("\n".join(faults))
    head = repository.head()
    if not pass_checks():
        raise NotReleased(f"{CHECKS} failed; nothing is changed")
    if repository.head() != head or repository.changes():
        raise NotReleased("the working tree changed while the checks ran; nothing is released")
    texts = {name: with_version(repository.read(name), version) for name in candidate.stated}
    texts[CHANGELOG] = dated(candidate.changelog, version, day)
    for name, text in texts.items():
        repository.write(name, text)
    repository.commit(sorted(texts), f"release: {version}")
    try:
        repository.tag(version.tag, f"reelhaul {version}")
    except NotReleased as error:
        raise NotReleased(
            f"{error}\nit is committed; tag that commit: git tag --annotate {version.tag}"
        ) from error


def run(arguments: Sequence[str]) -> int:
    """The command; its exit code."""
    version: Version = _parser().parse_args(arguments).version
    try:
        release(GitRepository(HOUSE), version, datetime.now(UTC).date(), _pass_checks)
    except NotReleased as error:
        for line in str(error).splitlines():
            print(f"not released: {line}", file=sys.stderr)
        return 1
    print(f"{version} is committed and tagged here, and nothing is pushed")
    print(f"to publish it: git push --atomic origin {BRANCH} {version.tag}")
    return 0


def _pass_checks() -> bool:
    print(f"running {CHECKS}; this takes many minutes", file=sys.stderr, flush=True)
    return subprocess.run([HOUSE / CHECKS], cwd=HOUSE, check=False).returncode == 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.release",
        description="Check, date, commit and tag a version. Pushes nothing.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "version", type=_given_version, metavar="VERSION", help="three numbers, such as 0.2.0"
    )
    return parser


def _given_version(text: str) -> Version:
    try:
        return parse_version(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(door.ended(lambda: run(sys.argv[1:])))
