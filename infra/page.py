"""Build the page into the coordinator's package: `make assets`.

The page's libraries come from the npm registry, in the versions and with the hashes of `package-lock.json`. Nothing
of what is built is committed.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from infra import door

PAGE = Path(__file__).parents[1] / "cloud" / "page"
BUILT = PAGE.parent / "chalicelib" / "web" / "static"
TESTS = PAGE.parents[1] / "tests" / "page"
OLDEST_NODE = 20
MOST_S = 600.0
"""How long one command of Node.js may take. With a proxy that refuses every connection npm tries on and on."""

Say = Callable[[str], None]

_EXAMPLES = """examples:
  python -m infra.page
  python -m infra.page --where-possible
  python -m infra.page --check

exit codes: 0 built or sound, 1 it is not and says why, 2 usage"""


class NotBuilt(Exception):
    """The page cannot be built; the text says what is missing."""


def run(arguments: Sequence[str], say: Say) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.page",
        description="Build the page that the coordinator serves.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--where-possible", action="store_true", help="a machine without Node.js is no failure"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="check format, types and modules; without Node.js nothing is checked",
    )
    given = parser.parse_args(arguments)
    if given.check:
        return check(say)
    try:
        build(say)
    except NotBuilt as error:
        say(f"the page is not built: {error}")
        return 0 if given.where_possible else 1
    return 0


def build(say: Say, page: Path = PAGE, search_path: str | None = None) -> None:
    """Have the built page in the coordinator's package. Raises NotBuilt.

    Nothing is done where it is there already, made from these very sources.
    """
    tools = _tools(search_path)
    install(say, page, search_path)
    mark, digest = page / "node_modules" / ".built", _digest(page)
    if (BUILT / "index.html").is_file() and mark.is_file() and mark.read_text() == digest:
        return
    _run([tools["node"], "build.js"], page)
    mark.write_text(digest)
    say(f"the page is built: {_kilobytes(BUILT)} KB in {BUILT.relative_to(PAGE.parents[1])}")


def check(say: Say) -> int:
    """The exit code of the page's own checks, which print what they find; 0 where Node.js is missing."""
    try:
        tools = _tools(None)
        install(say)
    except NotBuilt as error:
        say(f"skipped, the page is not checked: {error}")
        return 0
    checks = ([tools["npm"], "run", "--silent", "check"], [tools["node"], "--test", str(TESTS)])
    return max(subprocess.run(command, cwd=PAGE, check=False).returncode for command in checks)


def install(say: Say, page: Path = PAGE, search_path: str | None = None, most_s: float = MOST_S) -> None:
    """Have the libraries of the lock file in `node_modules`. Raises NotBuilt."""
    tools = _tools(search_path)
    lock, mark = page / "package-lock.json", page / "node_modules" / ".installed"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if mark.is_file() and mark.read_text() == digest:
        return
    say("npm installs the page's libraries")
    _run([tools["npm"], "ci", "--ignore-scripts", "--no-audit", "--no-fund"], page, most_s)
    mark.write_text(digest)


def _tools(search_path: str | None) -> Mapping[str, str]:
    """Where node and npm are. Raises NotBuilt."""
    found = {name: shutil.which(name, path=search_path) for name in ("node", "npm")}
    missing = " and ".join(name for name, path in found.items() if path is None)
    if missing:
        raise NotBuilt(
            f"{missing} is not on PATH; install Node.js {OLDEST_NODE} or newer (Debian: nodejs, npm)"
        )
    tools = {name: path for name, path in found.items() if path}
    version = _run([tools["node"], "--version"], PAGE)
    match = re.match(r"v(\d+)\.", version)
    if match is None or int(match[1]) < OLDEST_NODE:
        raise NotBuilt(f"this is Node.js {version.strip()}; the page needs {OLDEST_NODE} or newer")
    return tools


def _run(command: Sequence[str], folder: Path, most_s: float = MOST_S) -> str:
    """What the command printed. Raises NotBuilt with what it complained about."""
    environment = {**os.environ, "NO_COLOR": "1", "npm_config_update_notifier": "false"}
    name = " ".join([Path(command[0]).name, *command[1:2]])
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=most_s
        )
    except subprocess.TimeoutExpired as error:
        raise NotBuilt(f"{name} did not end within {most_s:g} s") from error
    if done.returncode:
        told = (done.stderr or done.stdout).strip()
        raise NotBuilt(f"{name} failed:\n{told[-2000:]}")
    return done.stdout


def _digest(page: Path) -> str:
    """Changes with each source of the page and each version of its libraries."""
    digest = hashlib.sha256()
    sources = [page / "build.js", page / "package-lock.json", *sorted((page / "src").rglob("*"))]
    for path in sources:
        if path.is_file():
            digest.update(f"{path.relative_to(page)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _kilobytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir()) // 1000


if __name__ == "__main__":
    sys.exit(door.ended(lambda: run(sys.argv[1:], lambda line: print(line, flush=True))))
