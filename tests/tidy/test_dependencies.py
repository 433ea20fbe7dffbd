"""pyproject.toml, docs/dependencies.md and requirements/*.lock say the same."""

import re
import tomllib

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from simulators.broker import AMQTT_VERSION
from tests.tidy.repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
LOCKS = ("bench", "build", "demo", "headless", "panel", "test", "tools")
OPENCV = {"opencv-python", "opencv-python-headless"}


def requirements(lines: list[str]) -> list[Requirement]:
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def requirements_in(file: str) -> list[Requirement]:
    return requirements((ROOT / "requirements" / file).read_text().splitlines())


ALWAYS = requirements(PROJECT["project"]["dependencies"])
BUILD = requirements(PROJECT["build-system"]["requires"])
BIOMETRICS = {each.name: each for each in requirements(EXTRAS["biometrics"])}
WANTED = {
    "build": requirements_in("build.in"),
    "demo": [*ALWAYS, *BIOMETRICS.values(), *requirements(EXTRAS["demo"]), *BUILD],
    "headless": requirements_in("headless.in"),
    "test": [
        *ALWAYS,
        *BIOMETRICS.values(),
        *BUILD,
        *requirements([*EXTRAS["demo"], *EXTRAS["postgres"], *EXTRAS["test"]]),
    ],
    "panel": requirements_in("panel.in"),
    "tools": requirements_in("tools.in"),
}
WANTED["bench"] = [*WANTED["test"], *requirements(EXTRAS["bench"])]


def pins(lock: str) -> dict[str, tuple[str, int]]:
    """Each package of a lock with its version and how many files have a hash."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        match = re.match(r"([a-z0-9][a-z0-9._-]*)==(\S+)", line)
        if match:
            found[canonicalize_name(match[1])] = (match[2], line.count("--hash=sha256:"))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_locked_in_its_range_with_hashes(lock):
    locked = pins(lock)
    for wanted in WANTED[lock]:
        version, _ = locked[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(version), f"make lock: {wanted} is locked as {version}"
    assert [package for package, (_, hashes) in locked.items() if not hashes] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_registry_and_nothing_outside_one(lock):
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert [line for line in lines if "://" in line or " @ " in line or "index" in line] == []
    for line in lines:
        shape = r"    --hash=sha256:[0-9a-f]{64}( \\)?|[a-z0-9._-]+==\S+( ; .+)? \\"
        assert re.fullmatch(shape, line), line
        if " ; " in line:
            Marker(line.partition(" ; ")[2].removesuffix(" \\"))


def test_the_demo_runs_what_was_tested():
    tested = pins("test")
    different = {name: pin for name, pin in pins("demo").items() if tested.get(name) != pin}
    assert different == {}


def test_the_figures_are_taken_of_what_was_tested():
    tested, measured = pins("test"), pins("bench")
    different = {name: pin for name, pin in measured.items() if tested.get(name, pin) != pin}
    assert different == {}
    assert tested.keys().isdisjoint({"casbin", "cedarpy"})


def test_what_builds_is_what_is_asked_for_and_locked():
    assert requirements_in("build.in") == [*BUILD, BIOMETRICS["setuptools"]]
    tested = pins("test")
    assert {name: tested.get(name) for name in pins("build")} == pins("build")


def test_both_opencvs_are_the_same_version_and_no_lock_has_both():
    (headless,) = requirements_in("headless.in")
    assert headless.specifier == BIOMETRICS["opencv-python"].specifier
    assert pins("headless")["opencv-python-headless"][0] == pins("test")["opencv-python"][0]
    locked = {lock: OPENCV & pins(lock).keys() for lock in LOCKS}
    with_libgl, without = {"opencv-python"}, {"opencv-python-headless"}
    assert locked == {lock: set() for lock in LOCKS} | {
        "bench": with_libgl,
        "demo": with_libgl,
        "test": with_libgl,
        "headless": without,
    }


def test_the_shim_for_pip_brings_what_the_extra_does():
    shim = tomllib.loads((ROOT / "requirements" / "dlib-shim" / "pyproject.toml").read_text())
    assert requirements(shim["project"]["dependencies"]) == [BIOMETRICS["dlib-bin"]]
    assert shim["project"]["name"] == "dlib"
    (version,) = BIOMETRICS["dlib-bin"].specifier
    assert version.version.partition(".post")[0] == shim["project"]["version"]


def test_dlib_itself_is_never_installed():
    """It is a compilation of 14 minutes; dlib-bin is the same module."""
    for lock in ("bench", "demo", "test"):
        text = (ROOT / "requirements" / f"{lock}.lock").read_text()
        conditions = re.findall(r"^dlib==\S+(?: ; (.*))? \\$", text, re.MULTILINE)
        assert [Marker(each).evaluate() for each in conditions if each] == [False], lock


def test_the_embedded_broker_and_the_extra_pin_the_same_amqtt():
    pinned = [each for each in requirements(EXTRAS["demo"]) if each.name == "amqtt"]
    assert [str(each.specifier) for each in pinned] == [f"=={AMQTT_VERSION}"]


def documented() -> dict[str, dict[str, list[str]]]:
    """Section, package, and the cells beside it, of docs/dependencies.md."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in (ROOT / "docs" / "dependencies.md").read_text().splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ").partition(":")[0].strip("`")
        elif line.startswith("| ") and not line.startswith(("| package ", "| program ")):
            package, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            found.setdefault(section, {})[package] = cells
    return found


def test_every_direct_dependency_has_its_reason():
    pages = documented()
    sections = {"Always": ALWAYS, "Building": [*BUILD, *WANTED["tools"]], "panel": WANTED["panel"]}
    sections |= {extra: requirements(lines) for extra, lines in EXTRAS.items()}
    for section, wanted in sections.items():
        assert sorted(pages[section]) == sorted(each.name for each in wanted), section
        for package, (licence, reason, *_) in pages[section].items():
            assert licence, package
            assert len(reason) > 5, package
