"""An edge without cameras has nothing of the extra `biometrics`, and misses nothing."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable

from packaging.requirements import Requirement

from tests.tidy.repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# What the extra brings, as it is imported. The last is for templates and pictures at rest, and all
# of it that a process of the edge itself may import.
HEAVY = ("cv2", "dlib", "face_recognition", "face_recognition_models", "numpy", "PIL")
SEALING = "nacl"

IMPORTING = """
import importlib, sys

hidden, watched, modules = (set(line.split()) for line in sys.stdin)


class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Hidden())
failed = []
for name in sorted(modules):
    try:
        importlib.import_module(name)
    except ImportError as problem:
        failed.append(f"{name}: {problem}")
print(*failed, *sorted(watched & sys.modules.keys()), sep="\\n", end="")
"""


def import_without(
    hidden: Iterable[str], modules: Iterable[str], watched: Iterable[str] = ()
) -> str:
    """What a Python that lacks some packages says when these modules are imported one by one, and
    which of those that are `watched` came with them.
    """
    result = subprocess.run(
        [sys.executable, "-c", IMPORTING],
        input="".join(f"{' '.join(names)}\n" for names in (hidden, watched, modules)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def modules_of(package: str) -> list[str]:
    parts = [
        path.relative_to(ROOT).with_suffix("").parts for path in (ROOT / package).rglob("*.py")
    ]
    names = {".".join(each).removesuffix(".__init__") for each in parts}
    return sorted(name for name in names if not name.endswith(".__main__"))


def test_no_process_of_edge_and_central_needs_what_looks_at_pictures():
    packages = ("policies", "controller", "edge", "central")
    modules = [name for package in packages for name in modules_of(package)]
    assert len(modules) > 200
    assert import_without(HEAVY, modules) == ""


def plugged() -> list[str]:
    """The daemon, and every module that an entry point names."""
    targets = [
        target.partition(":")[0]
        for group in PROJECT["entry-points"].values()
        for target in group.values()
    ]
    scripts = [target.partition(":")[0] for target in PROJECT["scripts"].values()]
    return [*targets, *scripts, "edge.app", "edge.daemon"]


def test_commands_drivers_and_daemon_load_without_anything_of_the_extra():
    assert import_without((*HEAVY, SEALING), plugged()) == ""


def test_they_do_not_load_it_where_it_is_installed_either():
    assert import_without((), plugged(), watched=HEAVY) == ""
    assert import_without((), ["cv2"], watched=HEAVY) == "cv2\nnumpy"


def test_what_is_hidden_is_missed():
    said = import_without(("msgspec",), ["policies.model"])
    assert said == "policies.model: No module named 'msgspec'"


def test_the_extra_is_no_dependency():
    needed = {Requirement(line).name for line in PROJECT["dependencies"]}
    extra = {Requirement(line).name for line in PROJECT["optional-dependencies"]["biometrics"]}
    assert {"dlib-bin", "numpy", "opencv-python", "pynacl"} <= extra
    assert needed.isdisjoint(extra)


def test_the_build_backend_takes_the_names_of_entry_points():
    """As the packaging specification has them; with others nothing is installed."""
    for group, points in PROJECT["entry-points"].items():
        assert re.fullmatch(r"\w+(\.\w+)*", group, re.ASCII), group
        assert [name for name in points if not re.fullmatch(r"[\w.-]+", name, re.ASCII)] == []
