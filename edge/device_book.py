"""What the daemon remembers of each device: what it said last, in memory alone.

The core keeps what decisions need. This is for the people who mount and mend devices.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from drivers import api

log = logging.getLogger(__name__)

FILE = "file"
"""What a device works while it takes one; there it matters that it came too late."""


class Worked(msgspec.Struct, frozen=True):
    """What became of the last command to a part of a device that it heard of at all."""

    outcome: api.Outcome
    utc_us: int
    reason: str


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One device. `online`: None until it was heard of. `since_utc_us`: when that last changed.

    `identity` is what it said of itself last, also while it is away. `reason`: why it is away.
    `inputs` and `outputs` are None where nothing is known. `doubt`: what it did that it must not,
    last. `cards`: how many were shown; `card_bits`: how many bits the last one had. Keys are told
    of once: their number is half of a PIN. `worked`: by what of it was told to work, what became of
    that. `file`: how much of the last one has arrived, and how long it is. `change` grows with
    every news of any device.
    """

    online: bool | None = None
    since_utc_us: int | None = None
    heard_utc_us: int | None = None
    identity: str = ""
    secure: bool = False
    reason: str = ""
    inputs: tuple[api.InputState, ...] | None = None
    outputs: tuple[bool, ...] | None = None
    tampered: bool = False
    power_failing: bool = False
    doubt: str = ""
    doubt_utc_us: int | None = None
    cards: int = 0
    card_bits: int = 0
    unread: int = 0
    keys: bool = False
    worked: Mapping[str, Worked] = {}
    file: tuple[int, int] = (0, 0)
    change: int = 0


class DeviceBook:
    """All devices of one daemon. `listener` is told of every fact. `errands`: commands that a
    person wants, and not the core, for as long as he does.
    """

    def __init__(self, devices: Iterable[str]) -> None:
        self._known = dict.fromkeys(devices, Known())
        self._sent: dict[str, str] = {}
        self._logged: set[tuple[str, str, str]] = set()
        self.errands: set[str] = set()
        self.changes = 0
        self.listener: Callable[[api.Fact], None] | None = None
        self._changed = asyncio.Event()

    @property
    def names(self) -> Collection[str]:
        """Every device that a driver speaks for."""
        return self._known.keys()

    def of(self, device: str) -> Known:
        """What is known of it; nothing, of one that no driver speaks for."""
        return self._known.get(device, Known())

    def hear(self, fact: api.Fact, utc_us: int) -> None:
        """Take note of a fact. Neither a card's bits nor a key stay here."""
        if self.listener is not None:
            self.listener(fact)
        known = self.of(fact.device)
        if isinstance(fact, api.CommandEnded):
            part = self._sent.pop(fact.command, None)
            news = None if part is None else _worked(known, part, fact, utc_us)
            if part is not None and fact.outcome is api.Outcome.REFUSED:
                self._log_once(part, fact)
        else:
            news = _news(known, fact, utc_us)
        if news is None:
            return
        self.changes += 1
        self._known[fact.device] = msgspec.structs.replace(news, change=self.changes)
        self._changed.set()
        self._changed = asyncio.Event()

    def sent(self, command: api.Command) -> None:
        """A command goes to its driver, which says exactly once what became of it."""
        self._sent[command.id] = part_of(command.action)

    def _log_once(self, part: str, fact: api.CommandEnded) -> None:
        """Say why, once: a reader without a light refuses every verdict."""
        said = (fact.device, part, fact.reason)
        if fact.reason and said not in self._logged:
            self._logged.add(said)
            log.warning("%s of %s refused a command: %s", part, fact.device, fact.reason)

    async def wait_beyond(self, change: int) -> None:
        """Return as soon as there is news after `change`; may be cancelled at any time."""
        while self.changes <= change:
            await self._changed.wait()


def part_of(action: api.Action) -> str:
    """What of a device an action works."""
    match action:
        case api.Pulse(output=output) | api.Hold(output=output):
            return f"output {output}"
        case api.Light():
            return "light"
        case api.Beep():
            return "sounder"
        case api.Show():
            return "display"
        case api.SendFile():
            return FILE


def _worked(known: Known, part: str, fact: api.CommandEnded, utc_us: int) -> Known | None:
    """What was taken back, or came too late, says nothing of the device."""
    late = fact.outcome in {api.Outcome.WITHDRAWN, api.Outcome.EXPIRED}
    if late and part != FILE:
        return None
    worked = {**known.worked, part: Worked(fact.outcome, utc_us, fact.reason)}
    return msgspec.structs.replace(known, worked=worked)


def _news(known: Known, fact: api.Fact, utc_us: int) -> Known | None:
    """What is known with this fact; None where it is no news of the device."""
    replace = msgspec.structs.replace
    match fact:
        case api.DeviceOffline(reason=reason):
            since_us = known.since_utc_us if known.online is False else utc_us
            return replace(
                known,
                online=False,
                since_utc_us=since_us,
                secure=False,
                reason=reason,
                inputs=None,
                outputs=None,
            )
        case api.KeysPressed():
            return None if known.keys else replace(known, keys=True, heard_utc_us=utc_us)
        case _:
            return _said(replace(known, heard_utc_us=utc_us), fact, utc_us)


def _said(known: Known, fact: api.Fact, utc_us: int) -> Known | None:
    replace = msgspec.structs.replace
    match fact:
        case api.DeviceOnline(identity=identity, secure=secure):
            return replace(
                known,
                online=True,
                since_utc_us=utc_us,
                identity=identity,
                secure=secure,
                reason="",
            )
        case api.InputsReported(states=states):
            return replace(known, inputs=states)
        case api.FileProgress(sent=sent, total=total):
            return replace(known, file=(sent, total))
        case api.OutputsReported(states=outputs):
            return replace(known, outputs=outputs)
        case api.TamperReported(tampered=tampered, power_failing=failing):
            return replace(known, tampered=tampered, power_failing=failing)
        case api.ProtocolViolated(reason=reason):
            return replace(known, doubt=reason, doubt_utc_us=utc_us)
        case api.CardRead(bits=bits):
            return replace(known, cards=known.cards + 1, card_bits=bits)
        case api.CodeRead():
            return replace(known, cards=known.cards + 1, card_bits=0)
        case api.BadgeUnread():
            return replace(known, unread=known.unread + 1)
        case _:
            return None
