"""A camera in a home network (COHN): TLS and a login in front of the simulator, as the camera's own server has them.

The certificate is one for the camera's address, signed by a root that the camera made for itself and gives away.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from select import select
from socket import SHUT_RDWR, create_connection, socket
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.local.http_server import HOST, Doorway

USER = "gopro"
VALID = timedelta(days=365)
LONGEST_HEAD_BYTES = 65_536
IDLE_S = 120.0
REFUSAL = (
    b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="GoPro"\r\n'
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


@dataclass(frozen=True)
class Papers:
    """What a camera makes for its home network, as PEM texts: the root that it gives away, and its own certificate."""

    root: str
    certificate: str
    key: str


def make_papers(began_at: datetime | None = None, valid: timedelta = VALID, host: str = HOST) -> Papers:
    """New papers, good from `began_at` on; from yesterday on without it."""
    since = began_at or datetime.now(timezone.utc) - timedelta(days=1)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, name = (_name(each) for each in ("GoPro Root", "GoPro Camera"))
    root = (
        _begun(root_name, root_name, since, valid)
        .public_key(root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    own = (
        _begun(name, root_name, since, valid)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return Papers(
        root.public_bytes(pem).decode(),
        own.public_bytes(pem).decode(),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode(),
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _begun(
    subject: x509.Name, issuer: x509.Name, since: datetime, valid: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + valid)
    )


class HomeNetwork:
    """The camera at `port` of this machine, in a home network: at `url`, for `USER` and `password`.

    `refused` counts the requests whose login was not the camera's. What the camera does to a connection (a stall, a
    cut, more bytes) happens to the one in front of it as well.
    """

    def __init__(self, port: int, password: str, papers: Papers | None = None, at: int = 0) -> None:
        self.papers = papers or make_papers()
        self.password = password
        self.refused = 0
        self._behind = port
        self._context = _context(self.papers)
        self._doorway = Doorway(at)
        self._doorway.open()
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket] = set()
        self._threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._serve, name="home network", daemon=True)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self._doorway.port}"

    def __enter__(self) -> HomeNetwork:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._doorway.shut()
        self._thread.join()
        with self._lock:
            for each in self._open:
                _hang_up(each)
        for thread in self._threads:
            thread.join()
        self._doorway.close()

    def _serve(self) -> None:
        while not self._is_over.is_set():
            if accepted := self._doorway.accept():
                thread = threading.Thread(target=self._talk, args=(accepted[0],), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _talk(self, plain: socket) -> None:
        plain.settimeout(IDLE_S)
        try:
            with self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as client:
                self._keep(client)
                client.do_handshake()
                self._answer(client)
        except OSError:
            return  # the client does not know the certificate, or has left

    def _answer(self, client: ssl.SSLSocket) -> None:
        head = _head_of(client)
        if not self._knows(head):
            self.refused += 1
            client.sendall(REFUSAL)
            return
        with create_connection((HOST, self._behind), IDLE_S) as camera:
            self._keep(camera)
            camera.sendall(head)
            # After its request a client says nothing more: when there is something, it is the end.
            while client not in (ready := select([camera, client], [], [], IDLE_S)[0]) and ready:
                piece = camera.recv(LONGEST_HEAD_BYTES)
                if not piece:
                    return
                client.sendall(piece)

    def _knows(self, head: bytes) -> bool:
        login = base64.b64encode(f"{USER}:{self.password}".encode())
        return b"\r\nAuthorization: Basic " + login + b"\r\n" in head

    def _keep(self, connection: socket) -> None:
        with self._lock:
            self._open.add(connection)


def _head_of(client: ssl.SSLSocket) -> bytes:
    """A request, which has no body. Raises ConnectionError."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = client.recv(LONGEST_HEAD_BYTES)
        if not piece or len(head) > LONGEST_HEAD_BYTES:
            raise ConnectionError("the client sent no whole request")
        head += piece
    return head


def _context(papers: Papers) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(papers.certificate + papers.key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _hang_up(connection: socket) -> None:
    try:
        socket.shutdown(connection, SHUT_RDWR)
    except OSError:
        return  # it has ended already


def write_for_client(folder: Path, home: HomeNetwork) -> tuple[Path, Path]:
    """The files that a client needs, in `folder`: the root's certificate, and the login with mode 0600."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, login = folder / "camera.pem", folder / "camera-login"
    certificate.write_text(home.papers.root)
    login.touch(0o600)
    login.chmod(0o600)
    login.write_text(f"{USER}:{home.password}\n")
    return certificate, login
