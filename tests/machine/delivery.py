"""What an installer brings along: a folder of wheels, the units as shipped, a site's files.

It becomes a disk of its own, read only inside: the machine has no network.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from simulators.secret_file import write_secret
from tests.edge.house import ADA, PIN, SITE, House
from tests.pki import SitePki
from tests.records import ROOT
from tests.servers import find_program

INSTANCE = "gatehouse"
STATE = f"/var/lib/sentrypost/{INSTANCE}"
FILES = f"/etc/sentrypost/{INSTANCE}"

ADA_AS_NUMBER = int.from_bytes(ADA, "big") >> 6
PEOPLE = f"id,name,roles,badge,pin\n1,Ada L,staff,26:{ADA_AS_NUMBER:07x},{PIN}\n"

BROKER = """
[broker]
host = "localhost"
witness = "@WITNESS@"

[pages]
socket = "/run/sentrypost-pages/gatehouse/pages.sock"
"""
"""The witness's key is made inside."""

LOCKED = re.compile(r"(?m)^([A-Za-z0-9._-]+==[^ ;\\]+)")

UNITS = ("edge/systemd", "central/systemd")


def delivered(folder: Path, python: str) -> tuple[House, Path]:
    """The house at the far end of the line, and the disk. `python`: the version inside."""
    brought = folder / "brought"
    brought.mkdir()
    wheels(brought / "wheels", python)
    for units in UNITS:
        shutil.copytree(ROOT / units, brought / units)
    shutil.copy(Path(__file__).with_name("freeze.py"), brought)
    house = site(folder, brought / "site")
    return house, disk(folder / "brought.disk", brought)


def wheels(folder: Path, python: str) -> None:
    """Ours, built from this tree, and of what it depends on the versions that are locked."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    options = ("--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder))
    # The build backend looks for its own binary on PATH.
    done(*pip, "wheel", *options, str(ROOT), path=path)
    locked = folder / "locked"
    locked.write_text("\n".join(LOCKED.findall((ROOT / "requirements/demo.lock").read_text())))
    (ours,) = folder.glob("sentrypost-*.whl")
    fitting = ("--only-binary=:all:", "--python-version", python, "--constraint", str(locked))
    done(*pip, "download", *fitting, "--dest", str(folder), str(ours), path=path)


def site(folder: Path, brought: Path) -> House:
    """The house, its devices on the machine's second serial port. Keys as an installer has them."""
    home = folder / "house"
    home.mkdir()
    house = House(home, BROKER)
    brought.mkdir()
    text = SITE.format(broker=BROKER)
    for ours, inside in (
        ('port = "north"', 'port = "/dev/ttyS1"'),
        # An emulator computes every question; at a real port there are ten times as many.
        ("poll-ms = 20", "poll-ms = 200"),
        ('state = "state"', f'state = "{STATE}"'),
        ('site-key = "site.key"', 'site-key = "credential:site.key"'),
    ):
        assert ours in text
        text = text.replace(ours, inside)
    (brought / "site.toml").write_text(text)
    shutil.copy(home / "policy.toml", brought)
    for key in home.glob("*.key"):
        write_secret(brought / key.name, key.read_bytes())
    (brought / "people.csv").write_text(PEOPLE)
    certificates(folder, brought)
    return house


def certificates(folder: Path, brought: Path) -> None:
    """One for the pages and the wall, of an authority of the site's own."""
    authority = SitePki(folder)
    text = authority.make("broker", "localhost").certificate.read_text()
    key = text.index("-----BEGIN PRIVATE KEY-----")
    for name in ("pages", "wall"):
        (brought / f"{name}.pem").write_text(text[:key])
        write_secret(brought / f"{name}.key", text[key:].encode())
    shutil.copy(authority.ca, brought / "ca.pem")


def disk(path: Path, content: Path | None = None, mib: int = 128) -> Path:
    """An ext4 with that folder in it; nothing at all without one."""
    with path.open("wb") as file:
        file.truncate(mib << 20)
    if content is not None:
        made = find_program("mke2fs")
        assert made is not None, "requirements/machine.sh has looked"
        done(str(made), "-q", "-t", "ext4", "-F", "-d", str(content), str(path))
    return path


def done(*command: str, path: str | None = None) -> None:
    """A command here that must not fail."""
    environment = {**os.environ, **({} if path is None else {"PATH": path})}
    ran = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, f"{' '.join(command)}\n{ran.stdout}{ran.stderr}"
