"""Where to look at the demonstration: one address each for the gate, the console and the wall, with
a link that signs in once.
"""

import json
import os
import queue
import socket
import threading
from collections.abc import Callable
from typing import Final

from simulators.demo_part import DemoError

PAGES_PORT: Final = 8600
WALL_PORT: Final = 8700
SITE_EDGE: Final = "embassy-vienna/gatehouse"

LATER: Final = 15
"""The nice value of what can wait while people stand at doors."""

PAGES: Final = (
    ("the guard David Lindqvist", "4", "/gate"),
    ("the chief Anna Berger", "1", "/console"),
)
"""Who looks where, by the ids of people.csv. In one browser the later sign-in is the one."""

OPERATOR: Final = "olga"
WALL_KEY: Final = "wall"
"""Of the key by which the edge believes central that an alarm was seen."""

WALL_KEY_WORDS: Final = ("key", "new", WALL_KEY, "--person", "the wall", "--may", "alarm")
RIGHTS: Final = ("watch", "names", "alarms", "orders", "operators")


class Pages:
    """The two processes that serve pages. `call` runs a command of ours; `told` says a line."""

    def __init__(self, call: Callable[..., str], told: Callable[[str], None]) -> None:
        self._call, self._told = call, told
        self._addresses: dict[str, queue.Queue[str]] = {
            "pages": queue.Queue(),
            "wall": queue.Queue(),
        }
        self._ports = {"pages": PAGES_PORT, "wall": WALL_PORT}

    def commands(self) -> dict[str, list[str]]:
        """Each process and its command."""
        return {name: self._words(name, free(port)) for name, port in self._ports.items()}

    def again(self, part: str) -> list[str] | None:
        """Another command for one that ended: somebody else was faster at its port, once."""
        if self._ports.pop(part, None) is None or not self._addresses[part].empty():
            return None
        return self._words(part, 0)

    @property
    def known(self) -> bool:
        """Whether the edge's own pages have said where they are."""
        return not self._addresses["pages"].empty()

    def central(self) -> list[str]:
        """What central is told of the edge's own pages, which have to be known."""
        return ["--pages", f"{SITE_EDGE}={self._address('pages')}"]

    def _words(self, part: str, port: int) -> list[str]:
        served = ["web"] if part == "pages" else ["central", "web"]
        return [*served, "--listen", f"127.0.0.1:{port}"]

    def heard(self, part: str, line: str) -> bool:
        """Whether the line was of one of them: it says its address."""
        if part not in self._addresses:
            return False
        self._addresses[part].put(line.split(maxsplit=1)[-1].strip().rstrip("/"))
        return True

    def show(self) -> None:
        """Where to look, each with a link that signs in once. It runs beside the story, and leaves
        the processor to it.
        """
        threading.Thread(target=self._show, daemon=True).start()

    def _show(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LATER)
        try:
            for who, person, page in PAGES:
                self._say("pages", who, page, "signin", "link", person)
            rights = [word for right in RIGHTS for word in ("--right", right)]
            operator = ("central", "operator")
            self._call(*operator, "add", OPERATOR, "--name", "Olga Ortiz", *rights)
            self._say("wall", "the operator Olga Ortiz", "/", *operator, "link", OPERATOR)
        except DemoError as error:
            self._told(f"pages: {error}")

    def _say(self, part: str, who: str, page: str, *words: str) -> None:
        made = json.loads(self._call(*words, "--json"))
        address = self._address(part)
        self._told(f"{part}: {who}: {address}/sign-in?next={page}#link={made['code']}")

    def _address(self, part: str) -> str:
        """As it was said, again for whoever asks again."""
        said = self._addresses[part].get()
        self._addresses[part].put(said)
        return said.replace("127.0.0.1", "localhost")


def free(port: int) -> int:
    """That port, or 0, any, where somebody else has it."""
    return port if is_free(port) else 0


def is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
