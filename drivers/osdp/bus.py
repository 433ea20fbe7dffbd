"""The line and who speaks on it: several readers, one question at a time.

Sans-I/O, in the manner of aioquic: `receive`, `handle_deadline`, `submit`, then `bytes_to_send`,
`next_fact` and `deadline` until nothing is left. Time is always an argument, in monotonic
nanoseconds; randomness is a function given once.
"""

from collections import deque
from collections.abc import Callable

from drivers.api import Command, Fact, Outcome, Priority, Stands, Tap
from drivers.osdp.config import LineConfig, check_speed
from drivers.osdp.frame import MARK, NEED_MORE, Damaged, Frame, FrameDecoder
from drivers.osdp.link import Link
from drivers.osdp.messages import Poll
from drivers.osdp.promptness import Wait, pause_ns
from drivers.osdp.speed import Settled, SpeedChange, SpeedSearch
from drivers.osdp.spoken import heard_badly, heard_nothing, said, was_heard
from drivers.osdp.states import State
from drivers.osdp.translate import check_action
from drivers.osdp.waiting import Heard
from drivers.queueing import unwanted
from drivers.telling import MS
from drivers.upkeep import ChangeSpeed, RecallSpeed, SpeedHeard, SpeedSettled, Upkeep

REPLY_GAP_NS = 20 * MS  # between bytes of one reply (clause 5.8), with slack for USB adapters
REPLY_ENDED_WITHIN_NS = 400 * MS  # whatever dribbles on is cut off here
SPOILT_PAUSE_NS = 30 * MS  # after a damaged reply or osdp_BUSY: time for a true one to come
SPEED_PAUSE_NS = 50 * MS  # at a new speed: until the port has it, and readers have theirs
STOOD_STILL_NS = 500 * MS  # whoever comes so late to a deadline was away; no reader was
TOLD_PAUSE_NS = 10_000 * MS  # longer than any phase of a change of speed
BITS_PER_BYTE = 10  # start and stop bit included

# How far behind its due time each kind of message may fall before it goes first.
_PATIENCE_POLL_NS = 50 * MS
_PATIENCE_PROBE_NS = 300 * MS
_HASTE_MEETING_NS = 200 * MS  # a handshake is six messages: each would wait for a whole round


def _wait(link: Link) -> Wait:
    """What the answer to the message that just went out may take."""
    if link.state is State.IDENTIFYING:
        return Wait.PROBE
    return Wait.POLL if isinstance(link.said, Poll) else Wait.FULL


class Bus:
    """The panel's end of one OSDP line.

    `entropy(n)` returns n unpredictable bytes. Nothing is sent before `start`.
    """

    def __init__(self, config: LineConfig, entropy: Callable[[int], bytes]) -> None:
        self._facts: deque[Fact] = deque()
        self._links = [
            Link(
                reader,
                config.poll_ms * MS,
                entropy,
                self.still_wanted,
                self._facts.append,
            )
            for reader in config.readers
        ]
        for link in self._links:
            link.promptness.readers = len(self._links)
        self.baud = config.baud
        self._time_bytes()
        self._change: SpeedChange | None = None
        self._search: SpeedSearch | None = None
        self._cut_off: tuple[int, int] | None = None
        self._quiet_until_ns = 0
        self._decoder = FrameDecoder(replies=True)
        self._stands: Stands | None = None
        self._speaking: Link | None = None
        self._damaged = self._busy = False
        self._asked_ns = self._sent_ns = self._turned_ns = 0
        self._reply_by_ns = 0
        self._reply_cut_ns = 0
        self._silent_from_ns = 0
        self.unanswered = 0
        self.tap: Tap | None = None

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the readers, in the order of the configuration."""
        return tuple(link.config.name for link in self._links)

    def start(self, now_ns: int, stands: Stands) -> None:
        """A line was opened. `stands` is asked for every command when its bytes are due."""
        self._stands = stands
        for link in self._links:
            link.start(now_ns)
        self._search = SpeedSearch(self._links, self.baud, self._set_baud, now_ns)
        if self._cut_off is not None:
            self._gather(*self._cut_off, now_ns)

    def stop(self, now_ns: int, reason: str) -> None:
        """The line is gone: every reader is reported offline and every command ends."""
        if self._change is not None:
            self._cut_off, self._change = self._change.speeds, None
        self._stands = self._search = None
        self._speaking = None
        self._decoder.clear()
        for link in self._links:
            link.keep_urgent(False, now_ns)
            link.shut(now_ns, reason)

    def submit(self, command: Command, now_ns: int) -> None:
        """Queue a command; its end comes as a fact.

        Raises ValueError for a device that is not on this line and for an action that its reader
        cannot be told: neither was queued, and both can be found out when they are configured.
        """
        for link in self._links:
            if link.config.name == command.device:
                check_action(command.action, link.config)
                link.submit(command, now_ns)
                return
        raise ValueError(f"no reader {command.device!r} on this line")

    def upkeep(self, order: Upkeep, now_ns: int) -> None:
        """See `drivers.upkeep.Maintained`. Raises ValueError, for people."""
        for link in self._links:
            if link.config.name == order.device:
                if isinstance(order, ChangeSpeed | RecallSpeed):
                    self._speed_ordered(order, now_ns)
                else:
                    link.upkeep(order, now_ns)
                return
        raise ValueError(f"no reader {order.device!r} on this line")

    def _speed_ordered(self, order: ChangeSpeed | RecallSpeed, now_ns: int) -> None:
        check_speed(order.baud, len(self._links))
        if isinstance(order, RecallSpeed):
            self._set_baud(order.baud, now_ns)
            self._cut_off = None if order.other is None else (order.baud, order.other)
            return
        away = [link.config.name for link in self._links if not link.is_online]
        if self._change is not None or order.baud == self.baud:
            raise ValueError(f"the line is at {self.baud} baud, or on its way to another speed")
        if away:
            raise ValueError(f"{', '.join(away)} would be lost at the old speed: not online")
        self._change_speed(self.baud, order.baud, now_ns, gathering=False)

    def _gather(self, old: int, new: int, now_ns: int) -> None:
        """A change was cut off: whoever is there is brought back to the old speed."""
        self._cut_off = None
        self._set_baud(old, now_ns)
        self._change_speed(old, new, now_ns, gathering=True)

    def _change_speed(self, old: int, new: int, now_ns: int, *, gathering: bool) -> None:
        self._change = SpeedChange(
            self._links, old, new, self._set_baud, now_ns, gathering=gathering
        )
        for link in self._links:
            link.keep_urgent(True, now_ns)

    def _set_baud(self, baud: int, now_ns: int) -> None:
        """From here on the line is at this speed; whoever it was spoken to at the other is gone."""
        self.baud = baud
        self._time_bytes()
        self._speaking = None
        self._decoder.clear()
        self._silent_from_ns = self._quiet_until_ns = now_ns + SPEED_PAUSE_NS
        for link in self._links:
            link.shut(now_ns, f"the line goes on at {baud} baud")
            link.survey.speed_told = None
            link.due_ns = self._quiet_until_ns
            link.promptness.is_doubted |= link.promptness.has_missed

    def _time_bytes(self) -> None:
        self._byte_ns = BITS_PER_BYTE * 1_000_000_000 // self.baud
        for link in self._links:
            link.byte_ns = self._byte_ns

    def _see_to_speed(self, now_ns: int) -> None:
        """A change of speed that is under way goes on; where nobody answers one is looked for."""
        if self._change is not None:
            settled = self._change.advance(now_ns)
            if settled is not None:
                self._settle(settled, now_ns)
        elif self._search is not None:
            found = self._search.advance(now_ns)
            if self._search.is_over:
                self._search = None
            if found is not None:
                device = self.devices[0]
                self._facts.append(SpeedHeard(device=device, at_ns=now_ns, baud=found))

    def _settle(self, settled: Settled, now_ns: int) -> None:
        self._change = None
        for link in self._links:
            link.keep_urgent(False, now_ns)
        fact = SpeedSettled(
            device=self.devices[0],
            at_ns=now_ns,
            baud=settled.baud,
            missing=settled.missing,
            called_off=settled.called_off,
        )
        self._facts.append(fact)

    def still_wanted(self, command: Command, now_ns: int) -> Outcome | None:
        """None when the command's bytes may go out at this moment, otherwise how it ends."""
        return unwanted(command, now_ns, self._stands)

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes came from the line; `now_ns` is when the last of them did."""
        self._decoder.feed(data)
        self._take_frames(now_ns)
        if self._speaking is not None and len(self._decoder):
            still_coming_ns = min(now_ns + REPLY_GAP_NS, self._reply_cut_ns)
            self._reply_by_ns = max(self._reply_by_ns, still_coming_ns)

    def handle_deadline(self, now_ns: int) -> None:
        """Time passed. Harmless at any time; due when `deadline()` is reached."""
        due_ns = self.deadline()
        stood_still = due_ns is not None and now_ns - max(due_ns, self._turned_ns) > STOOD_STILL_NS
        if self._speaking is not None and now_ns >= self._reply_by_ns:
            self._search_behind_noise(now_ns)
        if self._speaking is not None and now_ns >= self._reply_by_ns:
            link, self._speaking = self._speaking, None
            self.unanswered += 1
            if self.tap is not None:
                self.tap(heard_nothing(link.config.name, now_ns))
            link.unanswered(now_ns, damaged=self._damaged, busy=self._busy)
            if not self._damaged and not self._busy:
                self._share_the_line(link, now_ns)
        for link in self._links:
            link.check_times(now_ns, stood_still=stood_still)
        if self._speaking is None:
            self._see_to_speed(now_ns)

    def _share_the_line(self, link: Link, now_ns: int) -> None:
        """A silence: the first of one reader alone is a lost frame, which is sent again at once."""
        others = any(
            each.promptness.is_doubted and each.state is not State.OFFLINE
            for each in self._links
            if each is not link
        )
        promptness = link.promptness
        promptness.is_doubted = promptness.has_missed or others or link.state is State.OFFLINE
        promptness.has_missed = True
        silent = sum(self._is_silent(each) for each in self._links)
        if silent:
            cost_ns, living = now_ns - self._asked_ns, len(self._links) - silent
            self._silent_from_ns = now_ns + pause_ns(cost_ns, silent, living)

    def bytes_to_send(self, now_ns: int) -> bytes:
        """The next frame, or nothing while a reply is owed or nobody is due.

        Every command in it was asked for once more within this call.
        """
        self._turned_ns = now_ns
        if now_ns < self._quiet_until_ns:
            return b""  # whoever has the port sets its speed first
        while self._speaking is None and self._stands is not None:
            link = self._next_link(now_ns)
            if link is None:
                break
            frame = link.speak(now_ns)
            if frame:
                self._decoder.clear()  # older bytes answer nothing that is asked now
                self._speaking = link
                self._damaged = self._busy = False
                self._asked_ns = now_ns
                self._sent_ns = now_ns + (len(frame) + 1) * self._byte_ns
                self._reply_by_ns = self._sent_ns + link.promptness.wait_ns(_wait(link))
                self._reply_cut_ns = self._sent_ns + REPLY_ENDED_WITHIN_NS
                if self.tap is not None and link.said is not None:
                    self.tap(said(link.config.name, frame, link.said, now_ns))
                return MARK + frame
        return b""

    @property
    def is_idle(self) -> bool:
        """Whether nothing but polls and probes would be said now."""
        return self._speaking is None and all(link.is_idle for link in self._links)

    def next_fact(self) -> Fact | None:
        """The next fact in the order in which they came to be."""
        return self._facts.popleft() if self._facts else None

    def deadline(self) -> int | None:
        """When `handle_deadline` and `bytes_to_send` are to be called at the latest."""
        if self._stands is None:
            return None
        times = [limit_ns for link in self._links for limit_ns in link.limits_ns]
        if self._speaking is not None:
            times.append(self._reply_by_ns)
        else:
            times += [max(self._due_ns(link), self._quiet_until_ns) for link in self._links]
            speed = self._change or self._search
            times += [] if speed is None else [speed.until_ns]
        return min(times)

    def _due_ns(self, link: Link) -> int:
        if self._is_silent(link):
            return max(link.due_ns, self._silent_from_ns)
        told = link.survey.speed_told is not None  # it listens at another speed by now
        return link.due_ns + TOLD_PAUSE_NS * told

    def _is_silent(self, link: Link) -> bool:
        return link.promptness.is_doubted or link.state is State.OFFLINE

    def _next_link(self, now_ns: int) -> Link | None:
        due = [link for link in self._links if self._due_ns(link) <= now_ns]
        return min(due, key=lambda link: self._precedence(link, now_ns), default=None)

    def _precedence(self, link: Link, now_ns: int) -> tuple[int, bool, bool, int]:
        """Life safety, securing, passage; then whoever waited longest beyond its patience.

        Once a reader has given its sign of life its command must follow at once, or two readers
        would take it from each other for ever. A passage command goes before polls then, and
        before another reader's; a light goes before polls that are not overdue.
        """
        urgency = link.urgency
        first = Priority.PASSAGE if link.is_prompt else Priority.SECURE
        is_doubted = link.promptness.is_doubted
        if urgency is not None and urgency <= first:
            return urgency, is_doubted, not link.is_awake(now_ns), link.due_ns
        if urgency is not None and link.is_prompt and link.is_awake(now_ns):
            return Priority.SIGNAL, False, False, link.due_ns
        patience_ns = _PATIENCE_POLL_NS
        if self._is_silent(link):
            patience_ns = _PATIENCE_PROBE_NS
        elif link.state is not State.ONLINE or not link.is_online:
            patience_ns = -_HASTE_MEETING_NS
        return Priority.SIGNAL, False, False, link.due_ns + patience_ns

    def _take_frames(self, now_ns: int) -> None:
        while (found := self._decoder.take()) is not NEED_MORE:
            link = self._speaking
            if link is None or found.address != link.config.address:
                self._show(found, None, now_ns)
                continue
            link.opened = None
            heard = None if isinstance(found, Damaged) else link.hear(found, now_ns)
            self._show(found, heard, now_ns)
            if heard is Heard.ANSWERED:
                self._speaking = None
                link.promptness.answered(now_ns - self._sent_ns)
            elif heard is not Heard.NOT_BELIEVED:
                self._damaged |= heard is None
                self._busy |= heard is Heard.BUSY
                self._reply_by_ns = min(self._reply_by_ns, now_ns + SPOILT_PAUSE_NS)

    def _show(self, found: Frame | Damaged, heard: Heard | None, now_ns: int) -> None:
        """Let whoever watches see what was heard, whether it is believed or not."""
        if self.tap is None:
            return
        for link in self._links:
            if link.config.address != found.address:
                continue
            if isinstance(found, Damaged):
                self.tap(heard_badly(link.config.name, now_ns))
            else:
                believed = heard is Heard.ANSWERED
                opened = link.opened if believed else None
                self.tap(was_heard(link.config.name, found, opened, now_ns, believed=believed))

    def _search_behind_noise(self, now_ns: int) -> None:
        """A stray start byte may have swallowed the true reply; it is still in the buffer."""
        while self._speaking is not None and len(self._decoder):
            self._decoder.skip_start()
            self._take_frames(now_ns)
