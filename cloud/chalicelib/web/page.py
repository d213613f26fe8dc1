"""The page: the files that `make assets` built, and what a browser may do with them.

The page's addresses are relative, so that it works below any path. It calls the API like any other client, with a
cookie in place of a token. Each built file has a hash of its content in its name, so browsers keep it for good; only
`index.html` is asked for again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from chalice.app import Response

from chalicelib.core.errors import NotFound
from chalicelib.ports import Ports
from chalicelib.web.routing import WITHOUT_TOKEN, PublicCall, Route
from chalicelib.web.wire import forms

HOME = Path(__file__).with_name("static")
"""Where `make assets` puts the built files."""

TYPES: Mapping[str, str] = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
"""The media type of each kind of built file. All are text: the gateway takes nothing else without base64."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}\.[a-z]{2,4}")
_HASHED = re.compile(r".*-[A-Z0-9]{8}\.[a-z]{2,4}")
_FOR_GOOD = "public, max-age=31536000, immutable"
_BRIEFLY = "public, max-age=300"

_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>reelhaul</title></head>
<body><h1>This coordinator has no page</h1>
<p>It was deployed without the page's files. On the machine that deploys, install Node.js 20 or newer, run
<code>make assets</code>, and deploy again. The API works without the page: <a href="v1/docs">its documentation</a>.</p>
</body></html>
"""


class Page:
    """The views of the page whose built files are in `home`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file = cache(self._read)

    def get_page(self, ports: Ports, _call: PublicCall) -> Response:
        page = self._file("index.html")
        if page is None:
            return _answer(_NOT_BUILT, forms.HTML, forms.UNTRUSTING, 404)
        headers = {
            "Cache-Control": "no-cache",
            "ETag": f'"{hashlib.sha256(page.encode()).hexdigest()[:32]}"',
            **protection(ports.signer.origins, ports.push.address if ports.push else None),
        }
        return _answer(page, forms.HTML, headers)

    def get_asset(self, _ports: Ports, _call: PublicCall, name: str) -> Response:
        form = TYPES.get(Path(name).suffix)
        text = self._file(name) if form and _NAME.fullmatch(name) else None
        if form is None or text is None:
            raise NotFound("the page has no such file; reload the page to get its present ones")
        kept = _FOR_GOOD if _HASHED.fullmatch(name) else _BRIEFLY
        headers = {"Cache-Control": kept, "X-Content-Type-Options": "nosniff"}
        return _answer(text, form, headers)

    def _read(self, name: str) -> str | None:
        path = self._home / name
        return path.read_text(encoding="utf-8") if path.is_file() else None


def protection(storage: tuple[str, ...], push_url: str | None = None) -> Mapping[str, str]:
    """Headers that bound what the page may do; `storage` are the origins of the bucket's addresses.

    `push_url` is where the page opens sockets, if anywhere.

    Scripts and styles come from this server alone, and none are written into the page. Films, thumbnails and parts
    lead to the bucket. No other site may show the page in a frame.
    """
    bucket = " ".join(storage)
    sockets = [urlsplit(push_url)._replace(path="").geturl()] if push_url else []
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "worker-src": "'self'",
        "img-src": f"'self' {bucket}",
        "media-src": bucket,
        "connect-src": " ".join(("'self'", *storage, *sockets)),
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in policy.items()),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }


def _answer(body: str, form: str, headers: Mapping[str, str], status: int = 200) -> Response:
    return Response(body, {"Content-Type": f"{form}; charset=utf-8", **headers}, status)


def routes(home: Path) -> tuple[Route, ...]:
    """The page's routes; its built files are in `home`."""
    page = Page(home)
    return (
        Route("GET", "/", page.get_page, "The page", answer=forms.HTML, roles=WITHOUT_TOKEN),
        Route(
            "GET",
            "/assets/{name}",
            page.get_asset,
            "A file of the page",
            answer="text/javascript",
            roles=WITHOUT_TOKEN,
        ),
    )


ROUTES = routes(HOME)
