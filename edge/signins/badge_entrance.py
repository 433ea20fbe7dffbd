"""The way in at a gate's screen: a badge at its own reader, then the PIN. `terminal` of what is
asked here is the name of one that the browser is (`edge.signins.terminals`).
"""

from controller.events_signins import How
from controller.ids import CredentialRef
from controller.inputs import PinOutcome
from edge.control.messages_pages import BadgeAwaited, SignedIn, SignInByPin, WaitsForBadge
from edge.signins.badges import TerminalBadges
from edge.signins.edge_premises import NOBODY, EdgePremises
from edge.signins.parts import BUSY, SOON, Let, Parts
from policies.facts import CredentialStatus

NO_READER = "this screen has no reader of its own"
OTHERWISE = "sign in by a passkey, or by password and one-time code"
NO_BADGE = "no badge was read here just now"
HOLD = "hold your badge to the reader of this screen, then type your PIN"


class BadgeEntrance:
    """One edge's."""

    def __init__(self, parts: Parts, premises: EdgePremises) -> None:
        self._parts, self._premises = parts, premises
        self._badges = TerminalBadges()

    def at_terminal(self, terminal: str, ref: CredentialRef) -> None:
        """A badge was held to a terminal's own reader."""
        self._badges.read(terminal, ref, self._premises.now().mono_us)

    def awaited(self, asked: WaitsForBadge) -> BadgeAwaited:
        """Whether a badge waits for its PIN; whose it is, nobody is told."""
        name = asked.terminal
        terminal = self._premises.config.terminals.get(name)
        if terminal is None or terminal.reader is None:
            return BadgeAwaited(seen=False, terminal=name, reason=NO_READER, remedy=OTHERWISE)
        now = self._premises.now()
        waiting = self._badges.waiting(name, now.mono_us)
        until_us = 0 if waiting is None else now.utc_us + waiting[1]
        return BadgeAwaited(
            seen=waiting is not None, terminal=name, reader=True, until_utc_us=until_us
        )

    async def by_pin(self, asked: SignInByPin) -> SignedIn | Let:
        parts, now = self._parts, self._parts.premises.now()
        terminal = self._premises.config.terminals.get(asked.terminal)
        if terminal is None or terminal.reader is None:
            return SignedIn(reason=NO_READER, remedy=OTHERWISE)
        waiting = self._badges.waiting(asked.terminal, now.mono_us)
        if waiting is None:
            return SignedIn(reason=NO_BADGE, remedy=HOLD)
        credential = self._premises.daemon.site.directory.by_ref.get(waiting[0])
        active = credential is not None and credential.status is CredentialStatus.ACTIVE
        holder = credential.holder if credential is not None and active else None
        keys = parts.keys(asked.terminal, How.BADGE_PIN, holder or waiting[0])
        if (refused := parts.refused_wait(keys)) is not None:
            return refused
        tries = parts.counted(keys)
        checked = await parts.premises.check_pin(holder or NOBODY, asked.terminal, asked.pin)
        if checked.outcome is PinOutcome.UNAVAILABLE:
            parts.limits.not_looked_at(keys)
            return SignedIn(reason=BUSY, remedy=SOON)
        who = None if holder is None else parts.premises.known(holder)
        if who is None or checked.outcome is not PinOutcome.MATCHED:
            return parts.failed(How.BADGE_PIN, holder, asked.terminal, tries, keys)
        self._badges.taken(asked.terminal)
        parts.limits.succeeded(keys)
        begun = await parts.sessions.begin(who, How.BADGE_PIN, asked.terminal, checked.note)
        return Let(*begun)
