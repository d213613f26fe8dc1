"""The way of one part to S3: an HTTP PUT to the address that the coordinator signed."""

from typing import Protocol

import urllib3

from chalicelib.ports import PartUrl

_CONNECT_S = 10
_READ_S = 120


class NotSent(Exception):
    """S3 did not take a part; the text never has the signed address."""


class Send(Protocol):
    """Sends one part."""

    def __call__(self, url: PartUrl, body: bytes) -> None:
        """Raises NotSent."""


class HttpSend:
    """Sends over connections that are kept."""

    def __init__(self) -> None:
        self._http: urllib3.PoolManager | None = None

    def __call__(self, url: PartUrl, body: bytes) -> None:
        if self._http is None:
            timeout = urllib3.Timeout(connect=_CONNECT_S, read=_READ_S)
            self._http = urllib3.PoolManager(retries=False, timeout=timeout)
        try:
            answer = self._http.request("PUT", url.url, body=body, headers=url.headers)
        except urllib3.exceptions.HTTPError as error:
            # The error's own words may have the address.
            raise NotSent(f"part {url.number}: {type(error).__name__}") from None
        if answer.status != 200:
            raise NotSent(f"part {url.number}: S3 answered {answer.status} {answer.reason or ''}".rstrip())
