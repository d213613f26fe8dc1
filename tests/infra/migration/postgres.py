"""A real PostgreSQL for tests, in a folder of its own and on a unix socket; as another user where we are root."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

_DEADLINE_S = 60
_USERS = ("postgres", "nobody")


def _program(name: str) -> str | None:
    """Where the program is: Debian has PostgreSQL's own off the path."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((found for place in places if (found := shutil.which(name, path=place))), shutil.which(name))


def _user() -> pwd.struct_passwd:
    """Who runs it: PostgreSQL refuses root."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    for name in _USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip(f"PostgreSQL refuses root, and there is no user {' or '.join(_USERS)}")


@contextmanager
def postgres() -> Iterator[str]:
    """The folder of the socket of a server that runs, with the superuser `older`; skipped where it is not installed."""
    initdb, server = _program("initdb"), _program("postgres")
    if initdb is None or server is None:
        pytest.skip("PostgreSQL is not installed here: neither initdb nor postgres was found")
    user = _user()
    as_user: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="reelhaul-pg-"))
    try:
        os.chown(folder, user.pw_uid, user.pw_gid)
        data = folder / "data"
        made = subprocess.run(
            [initdb, "-D", str(data), "-A", "trust", "-U", "older", "-E", "UTF8", "--no-locale", "--no-sync"],
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
            **as_user,
        )
        assert made.returncode == 0, made.stderr
        running = subprocess.Popen(
            [server, "-D", str(data), "-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            **as_user,
        )
        try:
            _await_answer(folder, running)
            yield str(folder)
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(_DEADLINE_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _await_answer(folder: Path, running: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while True:
        assert running.poll() is None, "PostgreSQL ended by itself"
        try:
            psycopg.connect(host=str(folder), user="older", dbname="postgres").close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.05)


def make_database(folder: str, name: str, schema: str) -> psycopg.Connection[Any]:
    """A connection to a new database with these tables; it commits by itself."""
    with psycopg.connect(host=folder, user="older", dbname="postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    made = psycopg.connect(host=folder, user="older", dbname=name, autocommit=True)
    made.execute(schema.encode())
    return made


def url_of(folder: str, name: str) -> str:
    return f"postgresql+psycopg://older@/{name}?host={folder}"
