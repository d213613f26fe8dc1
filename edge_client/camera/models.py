"""Pure: which cameras this client can read, and the words for anything else that answers."""

from __future__ import annotations

from edge_client.base.terminal import plain

# Open GoPro's own list of supported cameras, gopro.github.io/OpenGoPro. A model that is not in it is not refused: what
# counts is that it answers the calls.
SUPPORTED = "GoPro HERO9 and newer: HERO9, HERO10, HERO11, HERO12 and HERO13 Black, HERO11 Black Mini, MAX 2, LIT HERO"
# What a GoPro's web server (CivetWeb) says where it does not know a path, byte for byte.
GOPROS_NOT_FOUND = b"Error 404: Not Found\nNot found"
MOST_TOLD_CHARACTERS = 60


def likely_sender(status: int, server: str | None, content_type: str | None, opening: bytes) -> str:
    """What sent an answer that no supported camera gives, as far as that can be seen, in words.

    `opening` are the first bytes of the body, if they are known.
    """
    if server:
        return f"a server that calls itself {plain(server)[:MOST_TOLD_CHARACTERS]!r}"
    if status == 404 and opening.startswith(GOPROS_NOT_FOUND):
        return "what seems to be an older GoPro (HERO8, MAX, Fusion or before)"
    if content_type and content_type.lower().startswith("text/html"):
        return "a web page"
    return "something that seems to be no GoPro"
