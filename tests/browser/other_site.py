"""A page of somebody else's, at an origin of its own, with stock Uppy as npm has it."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tarfile
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[2] / "build" / "uppy"

UPPY: Mapping[str, str] = {
    "5.2.4": "1btgAGUb7Tu7GympmA9XkyGcXBSM93d1FA36J6pY4lr6a0jMXfvFUg66Dbnm/Xaq6sFvm8KwSPJF46d8Ng0E8Q==",
    "6.0.1": "2OONMUNUHGBNkfSjNpWDhleeCeqm2oP+8NJRSxkkFVLmm3BbE7S+XCm45+jp36z7PCRuogtm1FgYPKa0iKbYAQ==",
}
"""The versions that are tested, and the SHA-512 of their packages."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>a page of somebody else's</title></head>
<link rel="icon" href="data:,">
<body><input type="file" id="film" multiple><script src="/uppy-{version}.js"></script></body></html>
"""


def stock_uppy(version: str) -> bytes:
    """`dist/uppy.min.js` of this version, unmodified; the test is skipped where npm cannot get it."""
    package = PACKAGES / f"uppy-{version}.tgz"
    if not package.is_file():
        _fetch(version)
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    assert digest == UPPY[version], f"{package} is not what npm's registry has"
    with tarfile.open(package) as archive:
        found = archive.extractfile("package/dist/uppy.min.js")
        assert found, f"{package} has no bundle"
        return found.read()


def _fetch(version: str) -> None:
    PACKAGES.mkdir(parents=True, exist_ok=True)
    command = ["npm", "pack", "--silent", f"uppy@{version}"]
    try:
        subprocess.run(command, cwd=PACKAGES, check=True, timeout=120, capture_output=True)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"npm cannot get uppy@{version}: {error}")


class OtherSite:
    """The site, served on loopback while its context lasts; what it serves is put there by path."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, bytes]] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, body = site.files.get(self.path, ("", b""))
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind or "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(self, path: str, kind: str, body: bytes) -> None:
        self.files[path] = (kind, body)

    def __enter__(self) -> OtherSite:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
