"""The build of the page: what is missing is said, and nothing is built twice."""

import os
from pathlib import Path

import pytest

from infra import page
from infra.aws import deploy, project


def tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_without_node_the_build_names_what_is_missing(tmp_path: Path):
    with pytest.raises(page.NotBuilt, match=r"node and npm is not on PATH.*Node\.js 20"):
        page.build(print, search_path=str(tmp_path))


def test_a_node_that_is_too_old_is_refused_by_its_version(tmp_path: Path):
    tool(tmp_path, "node", "echo v18.19.0")
    tool(tmp_path, "npm", "exit 9")

    with pytest.raises(page.NotBuilt, match=r"v18\.19\.0.*20 or newer"):
        page.build(print, search_path=str(tmp_path))


def test_where_possible_a_machine_without_node_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []

    assert page.run(["--where-possible"], said.append) == 0
    assert page.run([], said.append) == 1
    assert all(line.startswith("the page is not built: node and npm") for line in said)


def test_what_npm_complains_about_is_passed_on(tmp_path: Path):
    tools, home = tmp_path / "tools", tmp_path / "a page"
    tools.mkdir()
    home.mkdir()
    (home / "package-lock.json").write_text("{}")
    tool(tools, "node", "echo v20.1.0")
    tool(tools, "npm", "echo the registry does not answer >&2; exit 1")

    with pytest.raises(page.NotBuilt, match="npm ci failed:\nthe registry does not answer"):
        page.install(print, home, f"{tools}{os.pathsep}{os.environ['PATH']}")


def test_an_npm_that_does_not_end_builds_no_page(tmp_path: Path):
    tools, home = tmp_path / "tools", tmp_path / "a page"
    tools.mkdir()
    home.mkdir()
    (home / "package-lock.json").write_text("{}")
    tool(tools, "node", "echo v20.1.0")
    tool(tools, "npm", "exec sleep 60")

    with pytest.raises(page.NotBuilt, match=r"npm ci did not end within 0\.2 s"):
        page.install(print, home, f"{tools}{os.pathsep}{os.environ['PATH']}", most_s=0.2)


def test_the_sources_of_the_page_are_not_deployed():
    deployed = {path.relative_to(deploy.CLOUD).parts[0] for path in project.sources(deploy.CLOUD)}

    assert "page" not in deployed
    assert "chalicelib" in deployed


def test_the_lock_file_names_no_address():
    assert "resolved" not in (page.PAGE / "package-lock.json").read_text()
