"""A certificate for 127.0.0.1 that every client can be told to trust."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost"


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate, which is its own authority, and its key."""

    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """TLS 1.3 and nothing else, the server's choice of cipher: the same bytes to encrypt for every client."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
        context.load_cert_chain(self.certificate, self.key)
        return context


def made(folder: Path) -> Certificate:
    """A new certificate, good for two days."""
    made_here = Certificate(folder / "certificate.pem", folder / "key.pem")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            *CURVE,
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            NAMES,
            "-keyout",
            str(made_here.key),
            "-out",
            str(made_here.certificate),
        ],
        check=True,
        capture_output=True,
    )
    return made_here
