"""The six packages have everyday names; this makes sure that all six are ours.

They are installed as plain top-level packages, so that path on disk is import path. A foreign
distribution that also brings a `controller` or `drivers` would silently win over one of them, and
the site would run on a mixture. So whoever starts Sentrypost asks first.
"""

from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("policies", "controller", "drivers", "edge", "central", "simulators")


class ForeignPackageError(RuntimeError):
    """One of the six packages does not lie beside this one.

    The message names both places and the remedy.
    """

    def __init__(self, name: str, found: str, expected: Path) -> None:
        self.name = name
        super().__init__(
            f"The package {name!r} comes from {found} and not from {expected / name}: another "
            f"distribution shadows it. Install Sentrypost into a virtual environment of its own, "
            f"or uninstall what owns {found}."
        )


def check_one_tree() -> None:
    """Check that all six packages lie beside each other; nothing of them is run for that.

    :raises ForeignPackageError: for the first that does not, or that is missing
    """
    tree = Path(__file__).resolve().parent.parent
    for name in PACKAGES:
        spec = find_spec(name)
        origin = spec.origin if spec else None
        found = Path(origin).resolve().parent if origin else None
        if found != tree / name:
            raise ForeignPackageError(name, str(found or "nowhere"), tree)
