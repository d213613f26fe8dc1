"""Servers that are not the one that was meant, and addresses behind which there is none."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"


@dataclass
class Stranger:
    """Accepts connections and notes what it hears; answers nothing."""

    url: str
    heard: list[bytes] = field(default_factory=list)


@contextmanager
def stranger(context: ssl.SSLContext | None = None) -> Iterator[Stranger]:
    """A machine that nothing of ours may reach. With a `context` it speaks TLS."""
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        found = Stranger(f"{'https' if context else 'http'}://{HOST}:{port}")
        thread = threading.Thread(target=_listen, args=(listener, context, found))
        thread.start()
        try:
            yield found
        finally:
            # Closing does not wake up who accepts; a last connection does.
            listener.settimeout(0)
            socket.create_connection((HOST, port)).close()
            thread.join()


def _listen(listener: socket.socket, context: ssl.SSLContext | None, found: Stranger) -> None:
    while listener.gettimeout() is None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            try:
                spoken = context.wrap_socket(connection, server_side=True) if context else connection
                if heard := spoken.recv(65536):
                    found.heard.append(heard)
                spoken.close()
            except OSError:
                continue


@contextmanager
def black_hole() -> Iterator[str]:
    """An address where nobody refuses and nobody answers: its queue of connections is full."""
    with socket.create_server((HOST, 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [_knock(address) for _ in range(4)]
        try:
            yield f"http://{HOST}:{address[1]}"
        finally:
            for each in waiting:
                each.close()


def _knock(address: tuple[str, int]) -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    made.connect_ex(address)
    return made


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's context whose certificate, for 127.0.0.1, nobody has vouched for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
