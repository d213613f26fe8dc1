"""A device of the tests: an archive with a client that says its version, and the programs that the installer asks."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from infra.device_bundle import about, contents_of

VERSION = "9.8.7"
TIME_LIMIT_S = 60

# A Python as the installer uses one: it says what it is, makes a venv, and in there installs a client.
PYTHON = """\
#!/bin/sh
case $1 in
    -c) echo "${PYTHON_IS-3.12 64 venv libc seen}" ;;
    -VV) echo "Python 3.12" ;;
    -m)
        if [ "$2" = venv ]; then
            mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
        else
            [ -z "${PIP_FAILS-}" ] || { echo "$PIP_FAILS" >&2; exit 1; }
            [ -z "${PIP_IS_KILLED-}" ] || kill -KILL 0
            printf '#!/bin/sh\\necho reelhaul VERSION\\n' >"${0%/*}/reelhaul" && chmod +x "${0%/*}/reelhaul"
        fi
        ;;
esac
"""
PROGRAMS = {
    "python3": PYTHON.replace("VERSION", VERSION),
    "uname": """\
#!/bin/sh
case $1 in -m) echo "${MACHINE-x86_64}" ;; -s) echo Linux ;; -r) echo "${KERNEL-6.8.0}" ;; esac
""",
    "id": '#!/bin/sh\n[ "$1" = -u ] && echo "${USER_ID-0}"\n',
    "df": '#!/bin/sh\nprintf "disk\\n/dev/sda1 1 1 ${FREE_KB-999999} 1%% /\\n"\n',
    "systemctl": '#!/bin/sh\necho "systemd ${SYSTEMD-255} (255.4)"\n',
}


@dataclass(frozen=True)
class Said:
    code: int
    lines: list[str]
    errors: str

    def of(self, word: str) -> list[str]:
        """What was said after this word."""
        return [line[7:] for line in self.lines if line.split(" ")[0] == word]


@dataclass(frozen=True)
class Machine:
    """A folder that is the device's root, the programs that are on its PATH, and an unpacked archive."""

    place: Path
    programs: dict[str, str] = field(default_factory=lambda: dict(PROGRAMS))

    @property
    def root(self) -> Path:
        return self.place / "a root"

    @property
    def archive(self) -> Path:
        return self.place / "an archive"

    def install(self, *options: str, **environ: str) -> Said:
        """The installer, run with this root."""
        return self.run("--root", str(self.root), *options, **environ)

    def run(self, *options: str, **environ: str) -> Said:
        """The installer as it is called."""
        path = self.place / "programs"
        path.mkdir(exist_ok=True)
        for name, text in self.programs.items():
            (path / name).write_text(text)
            (path / name).chmod(0o755)
        done = subprocess.run(
            [str(self.archive / "install.sh"), *options],
            env={"PATH": f"{path}:/usr/bin:/bin", **environ},
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT_S,
            # A fault that is killed in the middle takes the whole group with it.
            start_new_session=True,
            check=False,
        )
        return Said(done.returncode, done.stdout.splitlines(), done.stderr)

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Every file below the root by its name: its mode and its content; a link is its target."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            if path.is_symlink():
                found[str(path.relative_to(self.root))] = (0, os.readlink(path).encode())
            elif path.is_file():
                found[str(path.relative_to(self.root))] = (path.stat().st_mode & 0o777, path.read_bytes())
        return found

    def write(self, name: str, text: str = "x") -> None:
        """A file below the root."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)


def unpack(archive: Path, commit: str = "c0ffee") -> None:
    """An archive's files in the folder `archive`, with a client of its own."""
    wheels = archive.with_name("wheels")
    wheels.mkdir(exist_ok=True)
    (wheels / f"reelhaul-{VERSION}-py3-none-any.whl").write_bytes(b"a wheel")
    for name, content in contents_of(wheels, f"reelhaul=={VERSION}\n", about(VERSION, commit)).items():
        (archive / name).parent.mkdir(parents=True, exist_ok=True)
        (archive / name).write_bytes(content)
        (archive / name).chmod(0o755 if content.startswith(b"#!") else 0o644)


def make_machine(place: Path) -> Machine:
    """A device with nothing on it, and an archive that is unpacked."""
    machine = Machine(place)
    machine.root.mkdir()
    unpack(machine.archive)
    return machine
