"""A camera in a home network (COHN): https with the camera's own certificate, and a user and a password.

The camera makes the certificate, so no authority vouches for it: it is pinned. Only the camera has its key, so whatever
has this certificate is the camera, at any address: the names in it are not compared.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
from dataclasses import dataclass, field

from edge_client.base.errors import CameraUntrusted
from edge_client.base.retry import StallWatch

UNAUTHORIZED = 401
# OpenSSL's numbers, x509_vfy.h.
EXPIRED = 10
NOT_YET_VALID = 9


class SecureWire(ssl.SSLSocket):
    """A socket of TLS that counts what arrives, like the plain one."""

    is_answering = False
    watch: StallWatch

    def recv_into(self, buffer: bytearray | memoryview, nbytes: int | None = None, flags: int = 0) -> int:  # type: ignore[override]  # what SocketIO passes
        """One read, as `socket.makefile` asks for it. Raises ReadBroken when the leg crawls."""
        taken_bytes = super().recv_into(buffer, nbytes, flags)
        if taken_bytes:
            self.watch.moved(taken_bytes if self.is_answering else 0)
        return taken_bytes


@dataclass(frozen=True)
class Login:
    """User and password, which do not show themselves."""

    user: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The value of `Authorization`."""
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


@dataclass(frozen=True)
class Home:
    """How to talk to one camera in its home network: `certificate` is its own, as PEM text."""

    certificate: str
    login: Login

    def wrap(self, plain: socket.socket, watch: StallWatch) -> SecureWire:
        """The connected socket, from now on for TLS; `greet` comes first. `plain` gives up its descriptor."""
        wire = context_of(self.certificate).wrap_socket(plain, do_handshake_on_connect=False)
        assert isinstance(wire, SecureWire)
        wire.watch = watch
        return wire


def context_of(certificate: str) -> ssl.SSLContext:
    """TLS with whoever has this certificate, or one that is signed with it, and with nobody else. Raises ValueError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The certificate may be the camera's own or that of its root: each is trusted as it is.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.sslsocket_class = SecureWire
    try:
        context.load_verify_locations(cadata=certificate)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError("is not a certificate in PEM form (-----BEGIN CERTIFICATE-----)") from error
    return context


def login_of(text: str) -> Login:
    """User and password of a line `USER:PASSWORD`. Raises ValueError, never with the text."""
    user, colon, password = text.strip().partition(":")
    if not (user and colon and password) or not text.strip().isprintable():
        raise ValueError("does not hold one line USER:PASSWORD")
    return Login(user, password)


def greet(wire: SecureWire, place: str) -> None:
    """Agree on keys with the camera. Raises CameraUntrusted, and OSError when it does not speak TLS."""
    try:
        wire.do_handshake()
    except ssl.SSLCertVerificationError as error:
        raise _untrusted(error.verify_code, place) from error


def refuse_unauthorized(response: http.client.HTTPResponse) -> None:
    """Raise CameraUntrusted, with the answer closed, when the camera does not take user and password."""
    if response.status == UNAUTHORIZED:
        response.close()
        raise CameraUntrusted(
            "the camera does not take the user and the password of --camera-login; "
            "write those into the file that the camera has given for its home network"
        )


def _untrusted(code: int, place: str) -> CameraUntrusted:
    if code == EXPIRED:
        return CameraUntrusted(
            "the camera's certificate has expired; have the camera make another one, "
            "and put that into the file of --camera-cert"
        )
    if code == NOT_YET_VALID:
        return CameraUntrusted("the camera's certificate is not valid yet; set this device's clock")
    return CameraUntrusted(
        f"what answers at {place} does not have the certificate of --camera-cert; "
        "compare the address with the camera's own, and when it is right, fetch the camera's certificate again"
    )
