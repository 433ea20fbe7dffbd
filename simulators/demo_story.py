"""What the people in charge do in the demonstration: orders, the reset of a fire, the lift.

All of it goes through public commands, with keys that are made when the demonstration starts. What
happens at the doors stands in the scenario; this waits for what central tells of it.
"""

import shlex
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from edge.arrival_words import missing, why
from edge.control.messages_orders import PostureReply
from simulators.children import die_with_parent
from simulators.demo_pages import WALL_KEY_WORDS

SENTRYPOST = [sys.executable, "-m", "edge.main"]

STEP_S_MAX = 60.0
"""For so long the story waits for the next thing to happen; then it is over."""

RETRY_S = 0.5
CALL_S_MAX = 60.0

WATCH_ROOM = "watch-room"
STICKS = "sticks"
"""The folder of what people carry: their private keys, and orders."""


class Signer(NamedTuple):
    key: str
    person: str
    on_file: str


SIGNERS = (Signer("anna", "Anna Berger", "1"), Signer("david", "David Lindqvist", "4"))


def make_keys(folder: Path) -> None:
    """Give two people keys that sign orders, the watch room the one that opens notes of duress, and
    central the one by which alarms are acknowledged at the wall.

    What belongs into the site file is put there. Raises subprocess.CalledProcessError.
    """
    sticks = folder / STICKS
    # A folder that was kept has those of the last run.
    shutil.rmtree(sticks, ignore_errors=True)
    sticks.mkdir(mode=0o700)
    commands = [
        ["key", "new", one.key, "--person", one.person, "--may", "order"] for one in SIGNERS
    ]
    commands += [["duress", "new", WATCH_ROOM], list(WALL_KEY_WORDS)]
    with ThreadPoolExecutor(len(commands)) as at_once:
        entries = list(at_once.map(lambda words: _made(words, sticks), commands))
    holders = [f'holder = "{one.on_file}"' for one in SIGNERS]
    text = "\n".join(
        f"{entry}{holder}\n" for entry, holder in zip(entries, [*holders, "", ""], strict=True)
    )
    with (folder / "site.toml").open("a") as site:
        site.write("\n" + text)


def _made(words: list[str], folder: Path) -> str:
    return subprocess.run(
        [*SENTRYPOST, *words], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def watch_room() -> list[str]:
    """The words of the command that runs where help is sent from; central's lines go into it."""
    return ["duress", "open", "--key", f"{STICKS}/{WATCH_ROOM}.key"]


class Story:
    """Runs in a thread of its own beside the people at the doors.

    `say` gets each line that somebody sees: what was typed, and what came of it. `then`: what is
    played when all of it is over.
    """

    def __init__(
        self,
        folder: Path,
        say: Callable[[str], None],
        then: Callable[["Story"], None] | None = None,
    ) -> None:
        self._folder = folder
        self._say = say
        self._then = then
        self._seen: Counter[str] = Counter()
        self._news = threading.Condition()
        self._stopping = False
        self._child: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="story", daemon=True)
        self.finished = False
        self.disobeyed: list[str] | None = None

    def start(self) -> None:
        self._thread.start()

    def saw(self, what: str) -> None:
        """Central has told of something: a kind of entry, or one and the kind of its order."""
        with self._news:
            self._seen[what] += 1
            self._news.notify_all()

    def stop(self) -> None:
        """End it where it is."""
        with self._news:
            self._stopping = True
            self._news.notify_all()
            if self._child is not None:
                self._child.terminate()
        if self._thread.ident is not None:
            self._thread.join(CALL_S_MAX)

    def _run(self) -> None:
        try:
            self._play()
            self.finished = True
            if self._then is not None:
                self._then(self)
        except OverError as why:
            if str(why):
                self._say(f"the story ends here: {why}")

    def _play(self) -> None:
        raised = self._order("raise", "anna", "a warning came in", "--level", "3")
        self._sign("raise", "anna")
        self.wait("edge-ready")
        self.give("order", "send", f"{STICKS}/raise.order", "--wait", "1")
        self._order("lower", "david", "the warning is over", "--ends", raised)
        for signer in SIGNERS:
            self._sign("lower", signer.key)
        self.wait("order-accepted lockdown")
        self._look()
        self.give("posture")
        self.wait("fire-latched")
        self.give("muster")
        self._reset("main-panel")
        keys = [word for one in SIGNERS for word in ("--key", f"{STICKS}/{one.key}.key")]
        self.give("lift", *keys, "--reason", "the house was searched", "--wait", "1")
        self.give("order", "send", f"{STICKS}/lower.order", "--wait", "1")

    def _look(self) -> None:
        """Which doors do not obey."""
        status, said = self.call("posture", "--json")
        if status:
            raise OverError(said)
        reply = msgspec.json.decode(said, type=PostureReply)
        zone = ZoneInfo(reply.timezone)
        self.disobeyed = [
            f"{one.name} ({why(one, zone, reply.utc_us)})" for one in missing(reply.portals)
        ]

    def _order(self, kind: str, issuer: str, reason: str, *words: str) -> str:
        """Write one, unsigned; its id."""
        file = ("--issuer", issuer, "--reason", reason, "--out", f"{STICKS}/{kind}.order")
        status, said = self.call("order", "new", kind, *file, *words)
        found = [word.strip(".,:;") for word in said.split() if len(word.strip(".,:;")) == 64]
        if status or not found:
            raise OverError(said)
        return found[0]

    def _sign(self, kind: str, key: str) -> None:
        status, said = self.call(
            "order", "sign", f"{STICKS}/{kind}.order", "--key", f"{STICKS}/{key}.key"
        )
        if status:
            raise OverError(said)

    def _reset(self, fire: str) -> None:
        """As somebody at the panel does: refused while it burns, and tried again."""
        status = self.give("fire", "reset", fire)
        while status:
            with self._news:
                self._news.wait_for(lambda: self._stopping, RETRY_S)
            status, said = self.call("fire", "reset", fire)
            if not status:
                self._show(("fire", "reset", fire), said)

    def count(self, what: str) -> int:
        """How often it was seen so far."""
        with self._news:
            return self._seen[what]

    def wait(self, what: str, times: int = 1, *, within_s: float = STEP_S_MAX) -> None:
        """Until it was seen so often. Raises OverError where that takes too long, or stopped."""
        with self._news:
            there = self._news.wait_for(
                lambda: self._seen[what] >= times or self._stopping, within_s
            )
            if self._stopping:
                raise OverError("")
        if not there:
            raise OverError(f"no {what} within {within_s:.0f} s")

    def give(self, *words: str) -> int:
        """Run a command and show it as whoever types it sees it; its status."""
        status, said = self.call(*words)
        self._show(words, said)
        return status

    def _show(self, words: tuple[str, ...], said: str) -> None:
        self._say(f"    $ sentrypost {shlex.join(words)}")
        for line in filter(str.strip, said.splitlines()):
            self._say(f"      {line}")

    def call(self, *words: str) -> tuple[int, str]:
        """Run a command; its status and what it printed. Raises OverError when stopped."""
        with self._news:
            if self._stopping:
                raise OverError("")
            self._child = subprocess.Popen(
                [*SENTRYPOST, *words],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                # Ctrl-C is for the demonstration, which stops us.
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
            )
        try:
            said, _ = self._child.communicate(timeout=CALL_S_MAX)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
            raise OverError(f"'sentrypost {words[0]}' does not end") from None
        if self._stopping:
            raise OverError("")
        return self._child.returncode, said


class OverError(Exception):
    """The story cannot go on; the message says why, and is empty where it was asked to end."""
