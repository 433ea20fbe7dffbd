"""The demonstration: every part in a process of its own, through its public command.

This process starts and stops them, and joins what central says of a verdict with what the simulated
person saw of it: who, where, verdict, reason, and how long it took at the door.
"""

import json
import os
import queue
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from policies.codes import TEXTS, Code
from simulators.broker_process import BrokerKind, BrokerProcess, BrokerStartError
from simulators.demo_faces import DOOR, CipherRoom, Lacking, add_cipher_room
from simulators.demo_pages import WALL_KEY, Pages, is_free
from simulators.demo_part import DemoError, Part
from simulators.demo_story import SENTRYPOST, STICKS, WATCH_ROOM, Story, make_keys, watch_room
from simulators.secret_file import write_secret

START_S_MAX = 30.0
DRAIN_S_MAX = 5.0

VERDICT_S_MAX = 5.0
"""For what central says of a visit that is over: on a machine that does much else it comes late."""

TOLD = 3
"""With this `sentrypost duress open` ends where somebody was under duress."""

ALARMS = {
    "portal-forced": "opened by FORCE",
    "portal-held": "held open",
    "portal-never-closed": "does not close",
    "contact-faulted": "contact FAULT",
    "grant-unused": "granted, and nobody passed",
    "grant-aborted": "grant taken back",
    "egress-released": "way out RELEASED",
    "egress-ended": "way out locked again",
    "reader-lost": "reader lost",
    "fire-latched": "FIRE",
    "fire-reset": "fire reset",
    "journal-lost": "the journal cannot be written",
    "device-suspected": "a device said what it must not",
    "source-acted": "the KEY is turned",
    "order-refused": "an order is refused",
}


class Demo:
    """One run. `port`: where the broker should listen; a taken port is replaced and said.

    `kind` None: Mosquitto where it is found.
    """

    def __init__(self, *, port: int, folder: Path | None, kind: BrokerKind | None = None) -> None:
        self._kind: BrokerKind | None = kind
        self._wanted_port = port
        self._keep = folder is not None
        self._folder = folder or Path(tempfile.mkdtemp(prefix="sentrypost-demo-"))
        self._lines: queue.Queue[tuple[str, str]] = queue.Queue()
        self._parts: dict[str, Part] = {}
        self._decisions: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        self._abandoned: dict[str, str] = {}
        """Why the last attempt at a portal came to no verdict."""
        self._took_ms: list[float] = []
        self._faces_took_ms: list[float] = []
        self._verdicts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._exits: dict[str, list[str]] = {}
        self._kept_in: list[str] = []
        self._stored = 0
        self._roll = ""
        self._going: set[str] = set()
        told = partial(self._told, "story")
        self._pages = Pages(self._call, told)
        self._cipher_room = CipherRoom(self._folder, self._cue, told)
        self._faces = False
        self._story = Story(self._folder, told, self._play_faces)
        self._hardware = self._ready = self._stopping = False
        self._color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def run(self, seconds: float | None) -> int:
        """Run for so long or until Ctrl-C; the exit status. Raises DemoError."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            lacking = Lacking()
            with closing(self._broker()) as broker:
                self._make_site(broker.port, lacking)
                self._say(f"broker: {broker.kind} on 127.0.0.1:{broker.port}")
                try:
                    self._start_parts(broker.port)
                    self._watch(seconds)
                finally:
                    status = self._stop_parts()
                return self._summary() or status
        except BrokerStartError as error:
            raise DemoError(f"no broker: {error}") from error
        finally:
            if not self._keep:
                shutil.rmtree(self._folder, ignore_errors=True)

    # --- before ---------------------------------------------------------------------------------

    def _broker(self) -> BrokerProcess:
        """A broker that listens: at the wanted port, or where nobody else does."""
        wanted = BrokerProcess(self._kind, port=self._wanted_port)
        if is_free(self._wanted_port):
            try:
                return wanted.start()
            except BrokerStartError:
                if is_free(self._wanted_port):
                    raise
                # Somebody else was faster.
        wanted.close()
        broker = BrokerProcess(self._kind).start()
        self._say(f"port {self._wanted_port} is taken: the broker listens on {broker.port}")
        return broker

    def _make_site(self, port: int, lacking: Lacking) -> None:
        """Write the embassy into the folder, with keys of its own."""
        self._folder.mkdir(parents=True, exist_ok=True)
        source = files("simulators") / "embassy"
        site = (source / "site.toml").read_text().replace("{port}", str(port))
        (self._folder / "site.toml").write_text(site)
        policy = (files("policies") / "examples" / "embassy.toml").read_bytes()
        (self._folder / "policy.toml").write_bytes(policy)
        for name in ("scenario.toml", "people.csv"):
            (self._folder / name).write_text((source / name).read_text())
        why = lacking.why()
        self._faces = why is None
        if self._faces:
            add_cipher_room(self._folder)
        else:
            self._say(f"no cameras and no faces here: {why}")
            self._say("  (pip install 'sentrypost[biometrics]' brings what they need)")
        write_secret(self._folder / "site.key", secrets.token_bytes(32))
        for line in (self._folder / "site.toml").read_text().splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "key":
                name = value.strip().strip('"')
                write_secret(self._folder / name, secrets.token_bytes(16).hex().encode())
        (self._folder / "state").mkdir(mode=0o700, exist_ok=True)
        try:
            make_keys(self._folder)
        except subprocess.CalledProcessError as error:
            raise DemoError(f"no keys could be made: {error.stderr.strip()}") from error
        self._call("person", "import", "people.csv")

    def _call(self, *words: str) -> str:
        """Run a command of ours to its end; its output."""
        done = subprocess.run(
            [*SENTRYPOST, *words], cwd=self._folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise DemoError(f"sentrypost {' '.join(words)} ended with {done.returncode}: {said}")
        return done.stdout

    def _start_parts(self, port: int) -> None:
        # Served before there is an edge: what it takes to start is over when the story begins.
        for name, words in self._pages.commands().items():
            self._start(name, words)
        # What central prints goes to the watch room, and there alone it says who is under duress.
        self._start(WATCH_ROOM, watch_room(), to_the_end=True, ends=frozenset({0, TOLD}))
        hardware = ["sim", "run", "--scenario", "scenario.toml", "--json"]
        self._start("hardware", hardware, fed=self._faces)
        # The scenario's clock begins with the ports: readers first, then who polls them.
        until = time.monotonic() + START_S_MAX
        while not (self._hardware and self._pages.known):
            self._take_line(0.05)
            self._check_alive()
            if time.monotonic() > until:
                raise DemoError("the simulated hardware, or the pages, do not start")
        central = ["central", "run", "--broker", f"127.0.0.1:{port}", "--archive", "archive.db"]
        central += ["--json", "--alarm-key", f"{STICKS}/{WALL_KEY}.key"]
        self._start("central", [*central, *self._pages.central()])
        self._start("edge", ["run"])
        self._story.start()

    def _start(
        self,
        name: str,
        words: list[str],
        *,
        fed: bool = False,
        to_the_end: bool = False,
        ends: frozenset[int] = frozenset({0}),
    ) -> None:
        command = [*SENTRYPOST, *words]
        self._parts[name] = Part(
            name, command, self._folder, self._lines, fed=fed, to_the_end=to_the_end, ends=ends
        )

    def _told(self, part: str, line: str) -> None:
        """On whichever thread: it is said by ours."""
        self._lines.put((part, line))

    def _cue(self, word: str) -> None:
        self._parts["hardware"].feed(f"{word}\n")

    def _play_faces(self, story: Story) -> None:
        if self._faces:
            self._cipher_room.play(story)

    # --- while it runs --------------------------------------------------------------------------

    def _watch(self, seconds: float | None) -> None:
        began = time.monotonic()
        try:
            while seconds is None or time.monotonic() - began < seconds:
                self._take_line(0.2)
                self._check_alive()
                if not self._ready and time.monotonic() - began > START_S_MAX:
                    raise DemoError(
                        f"the edge is not ready after {START_S_MAX:.0f} s\n"
                        + self._parts["edge"].tail()
                    )
        except KeyboardInterrupt:
            self._say("stopping")

    def _take_line(self, wait_s: float) -> bool:
        try:
            part, line = self._lines.get(timeout=wait_s)
        except queue.Empty:
            return False
        if part == "story":
            self._say(line)
            return True
        if part == WATCH_ROOM:
            self._say(f"    [{WATCH_ROOM}] {line.rstrip()}", alarm=True)
            return True
        if part == "central":
            self._parts[WATCH_ROOM].feed(line)
        if self._pages.heard(part, line):
            return True
        try:
            said = json.loads(line)
        except ValueError:
            return True
        if part == "hardware" and said.get("ready"):
            self._hardware = True
        elif part == "hardware":
            self._visited(said)
        elif part == "central" and said.get("stored"):
            self._stored = max(self._stored, said["seq"])
            self._happened(said)
        return True

    def _check_alive(self) -> None:
        for part in tuple(self._parts.values()):
            status = part.process.poll()
            if status is not None and (words := self._pages.again(part.name)) is not None:
                self._start(part.name, words)
            elif status is not None:
                raise DemoError(f"{part.name} ended with status {status}:\n{part.tail()}")

    def _happened(self, entry: dict[str, Any]) -> None:
        kind, body = entry["kind"], entry["body"]
        self._story.saw(kind)
        self._follow(kind, body)
        if kind == "edge-ready":
            self._ready = True
            self._say("the edge is ready: fire inputs read, doors secured, cards accepted")
            self._say("(Ctrl-C ends it)")
            self._pages.show()
        elif kind == "decision-made":
            who = entry["personal"].get("person", "unknown badge")
            key = (body["portal"], body["direction"], who)
            self._decisions.setdefault(key, []).append(entry)
            verdict = "granted" if body["decision"]["granted"] else "refused"
            self._verdicts[verdict] += 1
            if verdict == "refused":
                self._reasons[_reason(body["decision"])] += 1
        elif kind == "attempt-abandoned":
            self._abandoned[body["portal"]] = body["reason"]
        elif kind == "edge-stopping":
            self._stopping = True
        elif kind == "order-accepted":
            self._ordered(entry)
        elif kind == "factor-asked":
            self._story.saw(f"factor-asked {body['factor']}")
        elif kind == "factor-missed":
            where = body["after"]["portal"]
            said = f"no {body['factor']} could be had: {body['reason']}"
            self._say(f"{_clock(entry['utc'])}  ?? {where}: {said}", refused=True)
        elif kind in ALARMS and not self._stopping:
            where = (
                body.get("portal")
                or body.get("reader")
                or body.get("fire")
                or body.get("source")
                or ""
            )
            self._say(f"{_clock(entry['utc'])}  !! {where}: {ALARMS[kind]}", alarm=True)

    def _ordered(self, entry: dict[str, Any]) -> None:
        order = entry["body"]["order"]
        self._story.saw(f"order-accepted {order['kind']}")
        signed = order.get("source") or entry["personal"].get("signed_by", "")
        self._say(
            f"{_clock(entry['utc'])}  ** {order['kind']}: {order['reason']}; signed by {signed}",
            alarm=True,
        )

    def _follow(self, kind: str, body: dict[str, Any]) -> None:
        """What goes on at the site, so that the summary can say in what ways out were tried."""
        match kind:
            case "order-accepted" if body["order"]["kind"] == "lockdown":
                self._going.add("in lockdown")
            case "order-ended" if body["order_kind"] == "lockdown":
                self._going.discard("in lockdown")
            case "fire-latched":
                self._going.add("in fire")
            case "fire-reset":
                self._going.discard("in fire")

    def _left(self, visit: dict[str, Any]) -> None:
        """Somebody wanted out."""
        when = " and ".join(sorted(self._going, reverse=True)) or "on a normal day"
        self._exits.setdefault(when, []).append(visit["portal"])
        if not visit["passed"]:
            self._kept_in.append(f"{visit['person']} at {visit['portal']}")

    def _visited(self, visit: dict[str, Any]) -> None:
        """A person's visit is over: say it together with the verdict that central has of it."""
        key = (visit["portal"], visit["direction"], visit["person"])
        strangers = (visit["portal"], visit["direction"], "unknown badge")
        until = time.monotonic() + VERDICT_S_MAX
        while not (self._decisions.get(key) or self._decisions.get(strangers)):
            given_up = visit["took_ms"] is None or visit["portal"] in self._abandoned
            if given_up or time.monotonic() > until:
                break
            self._take_line(0.05)
        took = "" if visit["took_ms"] is None else f"{visit['took_ms']:5.0f} ms"
        found = self._decisions.get(key) or self._decisions.get(strangers)
        way = "in " if visit["direction"] == "entry" else "out"
        if visit["direction"] == "exit":
            self._left(visit)
        if not found:
            verdict, reason = "free", "opened from inside, nobody is asked"
            if not visit["passed"]:
                said = self._abandoned.pop(visit["portal"], "")
                verdict, reason = "SHUT", said or "no verdict came"
        else:
            decision = found.pop(0)["body"]["decision"]
            verdict = "GRANTED" if decision["granted"] else "REFUSED"
            reason = _reason(decision)
        if visit["took_ms"] is not None and found is not None:
            at_camera = visit["portal"] == DOOR
            (self._faces_took_ms if at_camera else self._took_ms).append(visit["took_ms"])
        self._say(
            f"{time.strftime('%H:%M:%S')}  {visit['person']:<16} {way} {visit['portal']:<15} "
            f"{verdict:<8} {reason:<50} {took}",
            refused=verdict == "REFUSED",
        )
        self._story.saw(f"visit {visit['portal']} {visit['direction']}")

    # --- after ----------------------------------------------------------------------------------

    def _stop_parts(self) -> int:
        """The edge first, while its doors still answer; then who listens, then the hardware."""
        status = 0
        self._story.stop()
        if self._ready and self._parts["edge"].process.poll() is None:
            try:
                self._roll = self._call("muster")
            except DemoError as error:
                self._say(str(error), alarm=True)
                status = 1
        for name in ("pages", "wall", "edge", "central", WATCH_ROOM, "hardware"):
            part = self._parts.get(name)
            if part is None:
                continue
            if name == "central":
                self._drain()
            ended = part.stop()
            if ended not in part.ends:
                self._say(f"{name} ended with status {ended}:\n{part.tail()}", alarm=True)
                status = 1
        return status

    def _drain(self) -> None:
        """Let central take what the edge sent last."""
        until = time.monotonic() + DRAIN_S_MAX
        while time.monotonic() < until and self._take_line(0.5):
            pass

    def _summary(self) -> int:
        verified = json.loads(self._call("journal", "verify", "--json"))
        entries, findings = verified["last_seq"], verified["findings"]
        self._say("")
        self._say(f"{self._verdicts['granted']} granted, {self._verdicts['refused']} refused")
        for reason, count in self._reasons.most_common():
            self._say(f"  {count:3} x {reason}")
        if self._took_ms:
            median = statistics.median(self._took_ms)
            self._say(
                f"from badge or PIN to lock or light: median {median:.0f} ms, "
                f"longest {max(self._took_ms):.0f} ms, {len(self._took_ms)} times"
            )
        if self._faces_took_ms:
            longest = max(self._faces_took_ms) / 1_000
            self._say(
                f"from badge to the verdict on a face, turns and guard included: longest "
                f"{longest:.0f} s, {len(self._faces_took_ms)} times"
            )
        self._say_where()
        self._say(
            f"journal: {entries} entries, chain {'verified' if not findings else 'BROKEN'}; "
            f"archive: {self._stored} entries"
        )
        wrong = findings or self._kept_in or not self._ready or entries != self._stored
        return 1 if wrong else 0

    def _say_where(self) -> None:
        """Who was where, which doors did not obey, and whether every way out stayed free."""
        if not self._story.finished:
            self._say("the story was not over: it takes some 20 seconds")
        if self._faces and not self._cipher_room.finished:
            self._say("faces at the cipher room were not over: they take a minute more")
        if self._roll:
            self._say("who was where at the end:")
            for line in filter(str.strip, self._roll.splitlines()):
                self._say(f"  {line}")
        if self._story.disobeyed is not None:
            named = ", ".join(self._story.disobeyed) or "none"
            self._say(f"doors that did not obey the lockdown at first: {named}")
        for when, portals in self._exits.items():
            doors = ", ".join(
                f"{name} {count}x" for name, count in sorted(Counter(portals).items())
            )
            self._say(f"ways out that people tried {when}: {doors}")
        if self._exits and not self._kept_in:
            self._say("every one of them let its person out")
        for who in self._kept_in:
            self._say(f"KEPT IN: {who}", alarm=True)

    def _say(self, line: str, *, alarm: bool = False, refused: bool = False) -> None:
        if self._color and (alarm or refused):
            line = f"\033[{'1;31' if alarm else '33'}m{line}\033[0m"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _reason(decision: dict[str, Any]) -> str:
    """The primary reason in an officer's words."""
    try:
        return TEXTS[Code(decision["code"])]
    except ValueError:
        return f"code {decision['code']}"


def _clock(utc: str) -> str:
    return utc[11:19]
