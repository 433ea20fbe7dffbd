"""Every Python on this machine that can run the virtual site, with what it needs.

Another version's packages are installed beside ours once, from the same lock, into `.venv/others`.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.records import ROOT
from tests.servers import skip_or_fail

LOCK = ROOT / "requirements" / "demo.lock"
OTHERS = ROOT / ".venv" / "others"
NAME = re.compile(r"python3\.(\d+)")
MINOR_MIN = 11

FOR_CAMERAS = re.compile(
    r"^(?:dlib|dlib-bin|face-recognition|face-recognition-models|numpy|opencv-python|pillow)==.*?(?=^\S|\Z)",
    re.MULTILINE | re.DOTALL,
)
"""What no virtual site needs: some 250 MB, one of them without a wheel."""


def programs() -> dict[str, Path]:
    """`sentrypost` under each minor version of Python found, ours first."""
    ours = f"3.{sys.version_info.minor}"
    others = sorted(set(found := _pythons()) - {ours})
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(_installed, others, (found[version] for version in others)))
    programs = [Path(sys.executable).parent / "sentrypost", *made]
    return dict(zip([ours, *others], programs, strict=True))


def _pythons() -> dict[str, Path]:
    """On PATH, and installed beside our own."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    folders += sorted(Path(sys.base_prefix).parent.glob("*/bin"))
    found: dict[str, Path] = {}
    for folder in folders:
        for python in sorted(folder.glob("python3.*")):
            name = NAME.fullmatch(python.name)
            if name and int(name[1]) >= MINOR_MIN and _works(python, int(name[1])):
                found.setdefault(f"3.{name[1]}", python)
    return found


def _works(python: Path, minor: int) -> bool:
    """A name on PATH may stand for nothing."""
    asked = [python, "-c", "import sys, venv, ensurepip; print(sys.version_info.minor)"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return answer.stdout.strip() == str(minor)


def _installed(version: str, python: Path) -> Path:
    folder = OTHERS / version
    stamp = folder / "lock"
    wanted = FOR_CAMERAS.sub("", LOCK.read_text())
    if not (stamp.exists() and stamp.read_text() == wanted):
        # Our pip, for the other one: to unpack its own would take longer than the rest.
        pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python"]
        pip += ["install", "-qq", "--no-deps", "--no-compile"]
        path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PIP_ONLY_BINARY": ":all:"}
        lock = OTHERS / f"{version}.lock"
        OTHERS.mkdir(parents=True, exist_ok=True)
        lock.write_text(wanted)
        for command in (
            [python, "-m", "venv", "--clear", "--without-pip", folder],
            [*pip, "--require-hashes", "-r", lock],
            [*pip, "--no-index", "--no-build-isolation", "--editable", ROOT],
        ):
            made = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False
            )
            if made.returncode != 0:
                skip_or_fail(f"Python {version} cannot be made ready: {made.stderr[-400:]}")
        stamp.write_text(wanted)
    return folder / "bin" / "sentrypost"
