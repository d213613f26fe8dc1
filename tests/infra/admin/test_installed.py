"""The operator's command and the device's client as wheels: what is in them, and that they run once installed.

Wheels are built from a copy of the sources, offline, so no run leaves anything in the checkout or finds what an earlier
one has left there. The venvs have links to what the distributions say they need, and to nothing else.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import tomllib
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.admin import command
from infra.local.aws.moto import server
from tests.infra.admin.test_command import COMMANDS
from tests.support.local_aws import local_aws

HOUSE = Path(__file__).parents[3]
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "edge_client", "infra", "cloud/chalicelib")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


@dataclass(frozen=True)
class Place:
    """A venv."""

    root: Path

    def run(self, program: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """What a program of the venv does, in a folder that has nothing to do with the project."""
        return run([str(self.root / "bin" / program), *arguments], cwd or self.root)

    def install(self, *arguments: str) -> None:
        """Have pip install it from what is on this machine, and no dependency but those that are linked."""
        python = str(self.root / "bin" / "python")
        done = run([*PIP, "--python", python, "install", "--no-index", *arguments], self.root)
        assert done.returncode == 0, done.stderr


def run(words: Iterable[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(words),
        cwd=cwd,
        env={**surroundings(), **server.environment("http://127.0.0.1:9", os.environ)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def surroundings() -> Mapping[str, str]:
    """What this process has around it, without what points a Python or pip to other code."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}


def make_place(root: Path, *distributions: str) -> Place:
    """A venv that finds these distributions and what they need, of those of this Python."""
    venv.create(root, with_pip=False, symlinks=True)
    linked = root / "linked"
    linked.mkdir()
    for name in closure(distributions):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            (linked / top).symlink_to(str(found.locate_file(top)))
    [site_packages] = root.glob("lib/python*/site-packages")
    (site_packages / "linked.pth").write_text(f"{linked}\n")
    return Place(root)


def closure(distributions: Iterable[str]) -> set[str]:
    """The distributions, and all that they require here."""
    found: set[str] = set()
    waiting = list(distributions)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found.add(name)
            needs = map(Requirement, distribution(name).requires or ())
            waiting += [each.name for each in needs if not each.marker or each.marker.evaluate({"extra": ""})]
    return found


def project(folder: Path = HOUSE / "infra" / "admin") -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


def needed(folder: Path) -> list[str]:
    """The distributions that the one in `folder` says it needs."""
    return [Requirement(each).name for each in project(folder)["project"]["dependencies"]]


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def tops(wheel: Path) -> set[str]:
    """What the wheel puts into site-packages, besides what describes it."""
    return {top for name in names(wheel) if not (top := name.partition("/")[0]).endswith(".dist-info")}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the distributions are built of, in a folder with a space in its name."""
    copy = tmp_path_factory.mktemp("a checkout")
    for name in SOURCES:
        source, target = HOUSE / name, copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, target)
    return copy


@pytest.fixture(scope="module")
def wheels(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The wheels by their distributions."""
    folder = tmp_path_factory.mktemp("wheels")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    done = run([*PIP, "wheel", *offline, ".", "./infra/admin"], sources)
    assert done.returncode == 0, done.stderr
    return {wheel.name.partition("-")[0]: wheel for wheel in folder.iterdir()}


@pytest.fixture(scope="module")
def installed(wheels: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The command's wheel in a venv that has what it says it needs."""
    place = make_place(tmp_path_factory.mktemp("operator"), *needed(HOUSE / "infra" / "admin"))
    place.install(str(wheels["reelhaul_admin"]))
    return place


def test_the_clients_wheel_holds_the_client_alone(wheels: Mapping[str, Path]):
    with zipfile.ZipFile(wheels["reelhaul"]) as archive:
        [scripts] = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        commands = archive.read(scripts).decode().split()

    assert tops(wheels["reelhaul"]) == {"edge_client"}
    assert commands == ["[console_scripts]", "reelhaul", "=", "edge_client.__main__:main"]


def test_the_commands_wheel_gives_site_packages_one_name(wheels: Mapping[str, Path]):
    assert tops(wheels["reelhaul_admin"]) == {"reelhaul_admin"}


def test_it_carries_the_packages_that_the_command_imports_and_no_other(wheels: Mapping[str, Path]):
    program = (
        "import sys, infra.admin.__main__, infra.admin.command\n"
        "print(*(name for name, module in sys.modules.items() if hasattr(module, '__path__')))"
    )
    imported = run([sys.executable, "-c", program], HOUSE).stdout.split()

    carried = [name for name in imported if name.split(".")[0] in ("infra", "chalicelib")]
    assert {str(Path(name).parent) for name in names(wheels["reelhaul_admin"]) if name.endswith(".py")} == {
        "reelhaul_admin",
        *(f"reelhaul_admin/{name.replace('.', '/')}" for name in carried),
    }


def test_the_installed_command_shows_its_help(installed: Place):
    told = installed.run("reelhaul-admin", "--help")

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("usage: reelhaul-admin ")
    assert all(f"  reelhaul-admin {name} --stage" in told.stdout for name in COMMANDS)


def test_each_installed_command_shows_its_help(installed: Place):
    program = (
        "import sys, reelhaul_admin\n"
        "for name in sys.argv[1:]:\n"
        "    sys.argv[1:] = [name, '--help']\n"
        "    assert reelhaul_admin.main() == 0\n"
    )

    told = installed.run("python", "-c", program, *COMMANDS, "accept")

    assert (told.returncode, told.stderr) == (0, "")
    assert re.findall(r"(?m)^usage: reelhaul-admin (\w+) ", told.stdout) == [*COMMANDS, "accept"]


def test_the_installed_command_states_its_version(installed: Place):
    told = installed.run("reelhaul-admin", "--version")

    assert told.stdout == f"reelhaul-admin {project()['project']['version']}\n"


def test_a_checkout_states_the_same_version(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        command.parser().parse_args(["--version"])

    assert capsys.readouterr().out == f"reelhaul-admin {project()['project']['version']}\n"


def test_the_command_and_the_client_have_one_version():
    assert project()["project"]["version"] == project(HOUSE)["project"]["version"]


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    """The arguments for a table on the local AWS."""
    with local_aws() as url:
        server.session().client("dynamodb", endpoint_url=url).create_table(
            TableName="records",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield ["--table", "records", "--endpoint-url", url, "--region", "us-east-1"]


def test_the_installed_command_enrols_and_revokes(installed: Place, table: list[str]):
    enrolled = installed.run("reelhaul-admin", "enroll", *table, "--name", "jetson-north", "--json")
    assert (enrolled.returncode, enrolled.stderr) == (0, "")
    token_id = json.loads(enrolled.stdout)["token_id"]

    revoked = installed.run("reelhaul-admin", "revoke", *table, token_id)

    assert (revoked.returncode, revoked.stderr) == (0, "")
    assert token_id in revoked.stdout


def test_a_refusal_of_the_installed_command_is_one_line(installed: Place, table: list[str]):
    told = installed.run("reelhaul-admin", "revoke", *table, "t_none")

    assert told.returncode == 1
    assert told.stderr.startswith("refused: ")
    assert told.stderr.count("\n") == 1


def test_an_import_without_its_extra_says_what_to_install(installed: Place, tmp_path: Path):
    (tmp_path / "videos" / "original").mkdir(parents=True)
    where = ["--stage", "prod", "--folder", str(tmp_path)]

    without_sql = installed.run("reelhaul-admin", "migrate", *where, "--database", "sqlite:///app.db")
    without_crc = installed.run("reelhaul-admin", "migrate", *where, "--apply")
    without_requests = installed.run("reelhaul-admin", "smoke", "--stage", "prod")

    assert (without_sql.returncode, without_sql.stderr) == (
        1,
        "refused: this needs SQLAlchemy: install the command as reelhaul-admin[migrate]\n",
    )
    assert (without_crc.returncode, without_crc.stderr) == (
        1,
        "refused: this needs awscrt: install the command as reelhaul-admin[migrate]\n",
    )
    assert (without_requests.returncode, without_requests.stderr) == (
        1,
        "refused: this needs requests: install the command as reelhaul-admin[smoke]\n",
    )


def test_the_installed_doctor_says_that_it_needs_a_checkout(installed: Place):
    told = installed.run("reelhaul-admin", "doctor", "--stage", "prod")

    assert told.returncode == 1
    assert told.stderr == (
        "refused: doctor compares a stage with the checkout that deploys it (infra.admin.doctor is not here): run "
        "`python -m infra.admin doctor` in a checkout of the release that is deployed\n"
    )


@pytest.mark.parametrize("name", ["infra", "chalicelib"])
def test_other_programs_there_do_not_find_what_it_carries(installed: Place, name: str):
    told = installed.run("python", "-c", f"import {name}")

    assert f"No module named '{name}'" in told.stderr


def test_another_package_of_that_name_is_not_taken_for_its_own(installed: Place, tmp_path: Path):
    for name in ("infra", "chalicelib"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('another')")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import reelhaul_admin; reelhaul_admin.main()"
    )

    told = installed.run("python", "-c", f"import sys; sys.argv[1:] = ['--version']\n{program}")

    assert told.stdout.startswith("reelhaul-admin ")


@pytest.fixture(scope="module")
def bare(wheels: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The command's wheel in a venv that has nothing else."""
    place = make_place(tmp_path_factory.mktemp("bare"))
    place.install("--no-deps", str(wheels["reelhaul_admin"]))
    return place


REMEDY = r"refused: \S+/bin/python\S* has no {}, which this command needs; .*pip install \./infra/admin.*\n"


def test_without_boto3_the_installed_command_says_what_helps(bare: Place):
    told = bare.run("reelhaul-admin", "ensure", "--stage", "prod")

    assert (told.returncode, told.stdout) == (1, "")
    assert re.fullmatch(REMEDY.format("(boto3|botocore|msgspec)"), told.stderr)


def test_a_python_without_the_project_says_what_helps(bare: Place, sources: Path):
    told = bare.run("python", "-m", "infra.admin", "ensure", "--stage", "prod", cwd=sources)

    assert (told.returncode, told.stdout) == (1, "")
    assert re.fullmatch(REMEDY.format("chalicelib"), told.stderr)


def test_the_extra_of_a_checkout_installs_client_and_command(sources: Path, tmp_path: Path):
    needs = {*needed(HOUSE), *needed(HOUSE / "infra" / "admin"), "setuptools"}
    place = make_place(tmp_path, *needs)

    place.install("--no-build-isolation", f"{sources}[admin]")

    assert place.run("reelhaul-admin", "--version").returncode == 0
    assert place.run("reelhaul", "--version").returncode == 0


def test_a_checkout_is_installed_to_be_changed(sources: Path, tmp_path: Path):
    place = make_place(tmp_path, *needed(HOUSE / "infra" / "admin"), "setuptools")
    place.install("--no-build-isolation", "--editable", f"{sources}/infra/admin")
    changed = sources / "infra" / "admin" / "pyproject.toml"
    text = changed.read_text()
    changed.write_text(re.sub(r'(?m)^version = ".*"', 'version = "7.8.9"', text))
    try:
        assert place.run("reelhaul-admin", "--version").stdout == "reelhaul-admin 7.8.9\n"
    finally:
        changed.write_text(text)


def test_the_pins_of_the_command_are_those_of_the_tests():
    pins = {
        name: set(re.findall(r"(?m)^[a-z].*==\S+", (HOUSE / "requirements" / f"{name}.txt").read_text()))
        for name in ("admin", "development")
    }

    assert pins["admin"]
    assert pins["admin"] <= pins["development"]
