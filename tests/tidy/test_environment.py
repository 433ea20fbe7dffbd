"""The scripts behind the Makefile, on machines where something is missing."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.repository import ROOT

TOOLS = ("sh", "dirname", "id", "cat", "grep", "echo", "sed")


@pytest.fixture
def machine(tmp_path):
    """A PATH with a shell and nothing else, for somebody who is not root."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool))
    program(folder, "id", "echo 1000")
    return folder


def program(folder: Path, name: str, script: str) -> None:
    """Put a shell script of this name on the PATH."""
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(machine: Path, script: str, *arguments: str, **environment: str):
    """A script of the repository on this machine, in a tree without an environment."""
    tree = machine.parent / "tree"
    shutil.copytree(ROOT / "requirements", tree / "requirements", dirs_exist_ok=True)
    return subprocess.run(
        [str(machine / "sh"), str(tree / "requirements" / script), *arguments],
        env={"PATH": str(machine), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def real_python(condition: str = "false") -> str:
    """A script that is this Python, but fails where the condition on its arguments holds."""
    return f'if {condition}; then exit 1; fi\nexec {sys.executable} "$@"'


def test_without_python_one_line_tells_the_remedy(machine):
    result = run(machine, "environment.sh", "demo")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("No Python 3.11 or newer on PATH: apt-get install python3")


def test_an_old_python_is_none(machine):
    program(machine, "python3", real_python('[ "$1" = -c ]'))
    result = run(machine, "environment.sh", "python")
    assert result.returncode == 1
    assert "No Python 3.11 or newer" in result.stderr


WITHOUT_VENV = real_python('[ "$1 $2" = "-m ensurepip" ]')


def test_without_venv_one_line_tells_the_remedy(machine):
    program(machine, "python3", WITHOUT_VENV)
    result = run(machine, "environment.sh", "demo")
    assert result.returncode == 1
    version = "{}.{}".format(*sys.version_info)
    remedy = f"apt-get install python{version}-venv (as root)"
    assert result.stderr == f"python3 cannot make virtual environments: {remedy}\n"


def test_a_python_with_venv_is_taken_before_one_without(machine):
    program(machine, "python3", WITHOUT_VENV)
    program(machine, "python3.12", real_python())
    result = run(machine, "environment.sh", "python")
    assert (result.returncode, result.stderr) == (0, "")
    assert Path(result.stdout.strip()).exists()


def test_root_gets_venv_installed(machine, tmp_path):
    done = tmp_path / "installed"
    program(machine, "id", "echo 0")
    program(machine, "python3", real_python(f'[ "$1 $2" = "-m ensurepip" ] && [ ! -e {done} ]'))
    program(machine, "apt-get", f'[ "$2" = update ] || echo "$*" > {done}')
    result = run(machine, "environment.sh", "python")
    assert (result.returncode, result.stderr) == (0, "")
    assert done.read_text().split()[-1] == "python{}.{}-venv".format(*sys.version_info)


def test_python_may_be_named(machine):
    program(machine, "snake", real_python())
    result = run(machine, "environment.sh", "python", PYTHON=str(machine / "snake"))
    assert result.returncode == 0, result.stderr


OPENCV = r"""
echo "$*" >> {log}
case "$*" in
*"pip uninstall"*opencv-python) rm {package} ;;
*"pip install"*requirements/headless.lock)
    [ "$(cat {package} 2>&1)" != full ] || echo both >> {log}
    echo headless > {package} ;;
*"pip install"*demo.lock)
    [ "$(cat {package} 2>&1)" != headless ] || echo both >> {log}
    echo full > {package} ;;
*opencv-python-headless*) [ "$(cat {package} 2>&1)" = headless ] ;;
*"import dlib"*) [ -e {package} ] ;;
*"import cv2"*)
    [ "$(cat {package})" = {works} ] || [ -e {libgl} ] || {{
        echo "  in bootstrap"
        echo "ImportError: libGL.so.1: cannot open shared object file"
        exit 1
    }} >&2 ;;
esac
"""


@pytest.fixture
def without_libgl(machine, tmp_path):
    """An environment whose pip writes down what is asked of it, and whose opencv-python finds no
    libGL until there is a file `libgl`.
    """
    (machine / "rm").symlink_to(shutil.which("rm"))
    folder = tmp_path / "tree" / ".venv" / "bin"
    folder.mkdir(parents=True)
    paths = {name: tmp_path / name for name in ("log", "package", "libgl")}
    program(folder, "python", OPENCV.format(works="headless", **paths))
    return machine


def asked_of_pip(machine: Path) -> list[str]:
    """Which locks and packages, in their order."""
    lines = (machine.parent / "log").read_text().splitlines()
    assert "both" not in lines
    return [line.split()[-1] for line in lines if re.search("pip (un)?install", line)]


def test_without_libgl_and_root_the_lock_is_changed_and_it_says_so(without_libgl):
    result = run(without_libgl, "environment.sh", "demo")
    assert result.returncode == 0, result.stderr
    said = result.stderr.splitlines()
    assert "some 200 MB, which takes minutes" in said[1]
    assert "does not come up here: ImportError: libGL.so.1: cannot open" in said[2]
    assert said[3].startswith("environment: requirements/headless.lock in its place")
    assert "apt-get install libgl1" in said[3]
    assert asked_of_pip(without_libgl) == [
        "requirements/build.lock",
        "requirements/demo.lock",
        "opencv-python",
        "requirements/headless.lock",
        ".",
    ]


def test_what_was_changed_stays_so(without_libgl):
    run(without_libgl, "environment.sh", "demo")
    (without_libgl.parent / "log").unlink()
    result = run(without_libgl, "environment.sh", "demo")
    assert result.returncode == 0, result.stderr
    assert "opencv-python-headless stays (make clean" in result.stderr
    assert "MB" not in result.stderr
    asked = asked_of_pip(without_libgl)
    assert asked[1:3] == [".venv/headless.lock", "requirements/headless.lock"]
    whole = (ROOT / "requirements" / "demo.lock").read_text()
    rest = (without_libgl.parent / "tree" / asked[1]).read_text()
    block = r"^opencv-python==.*\n(    --hash=.*\n)+    # via.*\n"
    assert rest == re.sub(block, "", whole, flags=re.MULTILINE)
    assert whole.count("opencv-python") == rest.count("opencv-python") + 1


def test_root_gets_libgl_installed(without_libgl, tmp_path):
    program(without_libgl, "id", "echo 0")
    program(without_libgl, "apt-get", f'[ "$2" = update ] || echo "$*" > {tmp_path / "libgl"}')
    result = run(without_libgl, "environment.sh", "demo")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "libgl").read_text().split()[-2:] == ["libgl1", "libglib2.0-0"]
    assert "libgl1 libglib2.0-0, which are installed now" in result.stderr
    assert asked_of_pip(without_libgl)[1:] == ["requirements/demo.lock", "."]


@pytest.mark.parametrize("apt_get", ["echo no network >&2; exit 100", "exit 0"])
def test_root_whom_packages_do_not_help_gets_the_other_lock(without_libgl, apt_get):
    program(without_libgl, "id", "echo 0")
    program(without_libgl, "apt-get", apt_get)
    result = run(without_libgl, "environment.sh", "demo")
    assert result.returncode == 0, result.stderr
    assert asked_of_pip(without_libgl)[2:4] == ["opencv-python", "requirements/headless.lock"]


def test_an_opencv_that_does_not_come_up_at_all_is_said(without_libgl, tmp_path):
    folder = tmp_path / "tree" / ".venv" / "bin"
    script = (folder / "python").read_text().replace("= headless ] || [ -e", "= never ] || [ -e")
    program(folder, "python", script.removeprefix("#!/bin/sh\n"))
    result = run(without_libgl, "environment.sh", "demo")
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("OpenCV does not come up: ImportError: libGL.so.1")


def needing_another(machine) -> Path:
    """`peers.sh` as if no-such-program of some-package were all that the tests need, and the panel
    were there.
    """
    program(machine, "cmp", "exit 0")
    script = (ROOT / "requirements" / "peers.sh").read_text()
    changed, count = re.subn("peers='[^']*'", "peers='no-such-program some-package'", script)
    assert count == 1
    path = machine / "peers.sh"
    path.write_text(changed)
    return path


def test_a_missing_peer_is_said_and_ci_leaves_none_out(machine):
    missing = needing_another(machine)
    result = run(machine, str(missing))
    assert result.returncode == 0
    line = "LEFT OUT, tests that need no-such-program are skipped: apt-get install some-package"
    assert line in result.stdout
    assert run(machine, str(missing), CI="true").returncode == 1


def test_a_missing_peer_is_installed_where_it_may(machine):
    program(machine, "id", "echo 0")
    program(
        machine,
        "apt-get",
        f'[ "$2" = update ] || {{ echo "#!" > {machine}/no-such-program; '
        f"{shutil.which('chmod')} +x {machine}/no-such-program; }}",
    )
    missing = needing_another(machine)
    result = run(machine, str(missing), CI="true")
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"peers: no-such-program is {machine}/no-such-program" in result.stdout


@pytest.mark.parametrize("goal", [["campaign", "nonsense"], ["campaign", "NAME=nonsense"]])
def test_both_ways_to_name_a_campaign(goal):
    """With make's dry run: which command it would run."""
    result = subprocess.run(
        ["make", "--dry-run", "--always-make", *goal],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    command = "exec .venv/bin/python -m tests.campaigns nonsense"
    assert command in [line.strip() for line in result.stdout.splitlines()]


def test_every_peer_of_the_tests_is_installed_by_make_test():
    """Whoever adds `require("x")` adds x to requirements/peers.sh."""
    script = (ROOT / "requirements" / "peers.sh").read_text()
    listed = {
        line.split()[0] for line in script.partition("peers='")[2].partition("'")[0].splitlines()
    }
    asked = set()
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text()
        asked |= {piece.partition('"')[0] for piece in text.split("require" + '("')[1:]}
    assert asked - listed - {"git", "x"} == set()
