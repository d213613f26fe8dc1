"""The API in this process behind `requests`, for clients that speak HTTP."""

import io
from datetime import timedelta
from typing import Any

import requests
from chalice.test import Client
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse


class InProcess(BaseAdapter):
    """Where requests sends a call: to an app in this process, as the gateway hands it over."""

    def __init__(self, app: Any) -> None:
        super().__init__()
        self._client = Client(app)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        assert request.method
        body = request.body or b""
        raw = body if isinstance(body, bytes) else str(body).encode()
        answered = self._client.http.request(request.method, request.path_url, dict(request.headers), raw)
        response = requests.Response()
        response.status_code = answered.status_code
        response.headers.update(answered.headers)
        response.request = request
        response.elapsed = timedelta(0)
        response.url = request.url or ""
        response.raw = HTTPResponse(
            io.BytesIO(answered.body), answered.headers, answered.status_code, preload_content=False
        )
        return response

    def close(self) -> None: ...
