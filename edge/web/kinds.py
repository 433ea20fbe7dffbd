"""Which pages one process serves, and whom it asks. The edge's and the wall's are made of the same
parts: what is its own of each stands here.
"""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from edge.control.message import Message


class Kind(NamedTuple):
    """`packages`: whose templates and static files are served; the first that has one wins.
    `cookie`: of a session; two kinds at one host take nothing from each other. `decode` raises
    FrameError. `away`, `lost`: texts of a catalogue, for pages whose daemon does not answer, and
    for an act of which nobody knows whether it was done. `terminals`: browsers of theirs can be
    one, and have a reader beside them.
    """

    packages: tuple[str, ...]
    cookie: str
    decode: Callable[[bytes], Message]
    away_head: str
    away: str
    lost: str
    terminals: bool = False

    @property
    def static(self) -> tuple[Path, ...]:
        """The folders of files that are sent as they are."""
        return tuple(Path(str(files(package) / "static")) for package in self.packages)
