"""An S3 that takes everything and keeps nothing: as much of the protocol as the clients of the benchmark speak.

A part or object that comes with its CRC64NVME in a header is checked against it, and refused as S3 refuses it.
Signatures are not looked at; ETags look like ETags and are no digests.
"""

from __future__ import annotations

import base64
import ssl
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from awscrt.checksums import crc64nvme

from infra.local.link import Link
from tests.benchmarks.edge.storage import ETAG, Part, Storage, UnknownUpload
from tests.benchmarks.edge.wire import Exchange, Server

CRC_HEADER = "x-amz-checksum-crc64nvme"


class BadDigest(Exception):
    """The body is not what its CRC says."""


class Sink:
    """The bucket's server. `negotiated` holds TLS version and cipher of every connection that asked for something."""

    def __init__(self, storage: Storage, tls: ssl.SSLContext, rate_bytes_s: float | None) -> None:
        self.storage = storage
        self.link = Link(rate_bytes_s)
        self.negotiated: set[str] = set()
        self._server = Server(self, SinkExchange, tls, paced=rate_bytes_s is not None)

    @property
    def url(self) -> str:
        return self._server.url

    def close(self) -> None:
        self._server.close()


class SinkExchange(Exchange):
    """The S3 calls: PutObject, HeadObject and the multipart ones, path style."""

    def parse_request(self) -> bool:
        is_good = super().parse_request()
        if is_good:
            split = urlsplit(self.path)
            self._key = unquote(split.path).partition("/")[2].partition("/")[2]
            self._query = parse_qs(split.query, keep_blank_values=True)
            self._note_cipher()
        return is_good

    def _note_cipher(self) -> None:
        cipher = self.connection.cipher() if isinstance(self.connection, ssl.SSLSocket) else None
        if cipher:
            self._sink.negotiated.add(f"{cipher[1]} {cipher[0]}")

    @property
    def _sink(self) -> Sink:
        found: Sink = self.server.subject
        return found

    @property
    def _storage(self) -> Storage:
        return self._sink.storage

    def _asked(self, name: str) -> str | None:
        return self._query.get(name, [None])[0]

    def do_PUT(self) -> None:
        self._or_error(self._put_part if self._asked("uploadId") else self._put_object)

    def do_POST(self) -> None:
        self._or_error(self._complete if self._asked("uploadId") else self._create)

    def do_HEAD(self) -> None:
        size_bytes = self._storage.size_of(self._key)
        if size_bytes is None:
            return self.answer(404)
        return self.answer(200, b"", {"Content-Length": str(size_bytes), "ETag": ETAG})

    def do_DELETE(self) -> None:
        self._storage.abort(self._asked("uploadId") or "")
        self.answer(204)

    def _or_error(self, act: Any) -> None:
        try:
            act()
        except UnknownUpload:
            self._refuse(404, "NoSuchUpload")
        except BadDigest:
            self._refuse(400, "BadDigest")

    def _refuse(self, status: int, code: str) -> None:
        # What is left of a body is not read.
        self.close_connection = True
        body = f"<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>{code}</Code></Error>".encode()
        self.answer(status, body, {"Content-Type": "application/xml", "Connection": "close"})

    def _put_part(self) -> None:
        upload_id, number = self._asked("uploadId") or "", int(self._asked("partNumber") or 0)
        self._storage.begin_part(upload_id, number)
        part = None
        try:
            part = self._swallowed()
        finally:
            self._storage.end_part(upload_id, number, part)
        stated = self.headers.get(CRC_HEADER)
        self.answer(200, b"", {"ETag": ETAG, **({CRC_HEADER: stated} if stated else {})})

    def _put_object(self) -> None:
        self._storage.put(self._key, self._swallowed().size_bytes)
        self.answer(200, b"", {"ETag": ETAG})

    def _swallowed(self) -> Part:
        """The body's size and, where one is stated, its CRC. Raises BadDigest."""
        stated, link = self.headers.get(CRC_HEADER), self._sink.link
        size_bytes = crc = 0
        with link.flow():
            for view in self.body_blocks():
                link.take(len(view))
                size_bytes += len(view)
                if stated is not None:
                    crc = crc64nvme(view, crc)
        if stated is None:
            # SDKs frame their body in signed chunks and say how much of it is content.
            return Part(int(self.headers.get("x-amz-decoded-content-length") or size_bytes), None)
        if base64.b64encode(crc.to_bytes(8, "big")).decode() != stated:
            raise BadDigest
        return Part(size_bytes, crc)

    def _create(self) -> None:
        self.body()
        upload_id = self._storage.create(self._key)
        self._answer_xml("InitiateMultipartUploadResult", UploadId=upload_id)

    def _complete(self) -> None:
        self.body()
        self._storage.complete(self._asked("uploadId") or "")
        self._answer_xml("CompleteMultipartUploadResult", ETag=ETAG)

    def _answer_xml(self, root: str, **fields: str) -> None:
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
        body = (
            "<?xml version='1.0' encoding='UTF-8'?>\n"
            f'<{root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Bucket>bucket</Bucket><Key>{self._key}</Key>{inner}</{root}>"
        )
        self.answer(200, body.encode(), {"Content-Type": "application/xml"})
