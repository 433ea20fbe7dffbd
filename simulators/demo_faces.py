"""The cipher room of the demonstration: a face that fits, one that does not, a photograph, a guard.

Only where cameras and faces are installed. It begins when the rest of the story is over: drawing
people takes all that a processor has, and would slow the first badges. What is done about them goes
through public commands.
"""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.resources import files
from pathlib import Path

import msgspec

from edge.control.messages_guard import ComparisonsReply
from policies.facts import Direction
from simulators.before_cameras import CLIPS
from simulators.children import die_with_parent
from simulators.demo_story import SENTRYPOST, OverError, Story

DOOR = "cipher-door"
ENTERED = f"visit {DOOR} {Direction.ENTRY}"
"""Told when somebody has been there, whether it opened or not."""

CLARA, DRAWN = "3", 151
"""Her id on file, and who of the drawn people lends her a face (`faces-scenario.toml`)."""

VIEWS = "views"
VIEWS_DRAWN = "views"
"""What `simulators.gate.drawn` says when the pictures for enrolments are there."""

NEEDED = (
    "import cv2, dlib, numpy, nacl.bindings\n"
    "import importlib.util as u\n"
    "if u.find_spec('face_recognition_models') is None:\n"
    "    raise ImportError('face_recognition_models is missing')\n"
)
"""What cameras and faces are made of. The last is data to us: it is looked for and never run."""

LACKING_S_MAX = 60.0

WAITING_S_MAX = 150.0
"""For people to be drawn, which gives way to everything else, and for a visit with a guard."""


class Lacking:
    """Whether this installation has what cameras need: asked beside other preparations, since an
    import of OpenCV takes a second on a slow machine, and more where it fails.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", NEEDED],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
        )

    def why(self) -> str | None:
        """In one line; None: nothing is missing."""
        try:
            _, said = self._process.communicate(timeout=LACKING_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return "OpenCV does not come up"
        if not self._process.returncode:
            return None
        lines = said.strip().splitlines()
        return lines[-1] if lines else f"status {self._process.returncode}"


def add_cipher_room(folder: Path) -> None:
    """Put door, camera, people and rules beside those of the embassy that is in the folder."""
    source = files("simulators") / "embassy"
    (folder / "cipher-room.toml").write_text((source / "faces-policy.toml").read_text())
    policy = folder / "policy.toml"
    text, head = policy.read_text(), "schema   = 1\n"
    assert text.count(head) == 1, "the embassy's policy begins with it"
    more = 'include   = ["cipher-room.toml"]\nportraits = true\n'
    policy.write_text(text.replace(head, head + more))
    with (folder / "site.toml").open("a") as site:
        said = (source / "faces-site.toml").read_text()
        site.write(said.replace("{camera}", str(_free_port())))
    with (folder / "scenario.toml").open("a") as scenario:
        scenario.write((source / "faces-scenario.toml").read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class CipherRoom:
    """What happens at its door. `cue`: lets somebody of the scenario come. `say`: as in `Story`."""

    def __init__(
        self, folder: Path, cue: Callable[[str], None], say: Callable[[str], None]
    ) -> None:
        self._folder, self._cue, self._say = folder, cue, say
        self.finished = False

    def play(self, story: Story) -> None:
        """From the enrolment on. Raises OverError."""
        drawn = partial(self._drawn, story)
        draw = [sys.executable, "-m", "simulators.gate.drawn", "scenario.toml", CLIPS, VIEWS]
        with self._beside(draw, drawn):
            self._enrol(story)
            self._visit(story, "clara-herself", "Clara Diaz comes to the cipher room")
            self._visit(story, "clara-lent", "somebody else comes with her badge")
            self._visit(story, "clara-printed", "somebody holds up a photograph of her")
            self._wait(story, "drawn clara-and-another")
        with self._beside([*SENTRYPOST, "guard", "watch"], partial(self._watched, story)):
            self._wait(story, "guard attends")
            self._said("she comes with a colleague: two faces, so a guard compares")
            before = story.count(ENTERED)
            self._cue("clara-and-another")
            self._wait(story, "factor-asked guard")
            self._compare(story)
            self._wait(story, ENTERED, before + 1)
        self.finished = True

    def _enrol(self, story: Story) -> None:
        self._wait(story, f"drawn {VIEWS_DRAWN}")
        pictures = sorted((self._folder / VIEWS).glob(f"{DRAWN}-*.jpg"))
        chosen = [word for one in pictures for word in ("--picture", f"{VIEWS}/{one.name}")]
        if story.give("face", "enrol", CLARA, *chosen, "--consent", "form 7, signed today"):
            raise OverError("nobody could be enrolled")

    def _visit(self, story: Story, cue: str, what: str) -> None:
        self._wait(story, f"drawn {cue}")
        self._said(what)
        before = story.count(ENTERED)
        self._cue(cue)
        self._wait(story, ENTERED, before + 1)

    def _compare(self, story: Story) -> None:
        """As a guard does at his terminal."""
        story.give("guard", "list")
        status, said = story.call("guard", "list", "--json")
        if status:
            raise OverError(said)
        waiting = msgspec.json.decode(said, type=ComparisonsReply).comparisons
        if not waiting:
            raise OverError("nobody waits for the guard any more")
        question = waiting[0].question
        story.give("guard", "show", question, "--into", "compared")
        seen = "it is Clara Diaz; her colleague stays outside"
        story.give("guard", "accept", question, "--reason", seen)

    def _wait(self, story: Story, what: str, times: int = 1) -> None:
        story.wait(what, times, within_s=WAITING_S_MAX)

    def _said(self, what: str) -> None:
        self._say(f"    -- {what}")

    def _drawn(self, story: Story, line: str) -> None:
        story.saw(f"drawn {line}")

    def _watched(self, story: Story, line: str) -> None:
        self._say(f"    [guard] {line}")
        if "a guard attends" in line:
            story.saw("guard attends")

    @contextmanager
    def _beside(self, command: list[str], hear: Callable[[str], None]) -> Iterator[None]:
        """Somebody works beside the story until it needs him no more."""
        process = subprocess.Popen(
            command,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
        )
        assert process.stdout is not None, "made with a pipe"
        lines, over = process.stdout, threading.Event()

        def read() -> None:
            for line in lines:
                said = line.strip("\a\n ")
                if said and not over.is_set():
                    hear(said)

        reading = threading.Thread(target=read, name="beside the story")
        reading.start()
        try:
            yield
        finally:
            over.set()
            process.terminate()
            process.wait()
            reading.join()
            lines.close()
