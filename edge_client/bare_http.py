"""HTTP to the coordinator and to S3: sessions that go nowhere else, and what their library raises."""

from __future__ import annotations

import logging

import requests
import urllib3

TIMEOUTS_S = (10.0, 60.0)
LIBRARY_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
MOST_RETRY_AFTER_S = 300.0


def bare_session() -> requests.Session:
    """A session without proxies, netrc, environment or default headers. Callers pass `allow_redirects=False`."""
    # urllib3 logs whole URLs, presigned ones too, when it retries or dislikes a header.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    return session


def retry_after_s(response: requests.Response) -> float:
    """The wait that an answer asks for, at most five minutes; 0 when it asks for none."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), MOST_RETRY_AFTER_S) if text.isascii() and text.isdigit() else 0.0
