"""The ways in: badge and PIN, password and one-time code, passkey, one-time link."""

import logging

from msgspec.structs import replace

from controller.events_signins import How
from controller.ids import AttemptId, HolderId, ReaderId
from controller.inputs import PinOutcome
from edge.control.messages_pages import (
    AskPasskey,
    BadgeAwaited,
    PasskeyAsked,
    SignedIn,
    SignInByLink,
    SignInByPasskey,
    SignInByPassword,
    SignInByPin,
    UnlockSession,
    WaitsForBadge,
)
from edge.duress import Occasion
from edge.people import Checked
from edge.signins.codes import hashed
from edge.signins.parts import BUSY, SEE_LOG, SOON, UNKEPT, Let, Parts, pretended
from edge.signins.passkeys import PasskeyError
from edge.signins.passwords import UnavailableError
from edge.signins.records import CodeKind, Password
from edge.signins.sessions import Open
from edge.signins.standing import known
from edge.signins.store import SignInsError
from policies.facts import CredentialStatus

NO_READER = "this screen has no reader of its own"
OTHERWISE = "sign in by a passkey, or by password and one-time code"
NO_BADGE = "no badge was read here just now"
HOLD = "hold your badge to the reader of this screen, then type your PIN"

NOBODY = HolderId("0" * 16)
"""Whose PIN is checked where nobody is known, so that it takes as long."""

log = logging.getLogger(__name__)


class Entrance:
    """One edge's."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def awaited(self, asked: WaitsForBadge) -> BadgeAwaited:
        """Whether a badge waits for its PIN; whose it is, nobody is told."""
        parts = self._parts
        terminal = parts.config.terminals.get(asked.terminal)
        if terminal is None or terminal.reader is None:
            return BadgeAwaited(seen=False, reason=NO_READER, remedy=OTHERWISE)
        now = parts.daemon.now()
        waiting = parts.badges.waiting(asked.terminal, now.mono_us)
        if waiting is None:
            return BadgeAwaited(seen=False)
        return BadgeAwaited(seen=True, until_utc_us=now.utc_us + waiting[1])

    async def by_pin(self, asked: SignInByPin) -> SignedIn | Let:
        parts, now = self._parts, self._parts.daemon.now()
        terminal = parts.config.terminals.get(asked.terminal)
        if terminal is None or terminal.reader is None:
            return SignedIn(reason=NO_READER, remedy=OTHERWISE)
        waiting = parts.badges.waiting(asked.terminal, now.mono_us)
        if waiting is None:
            return SignedIn(reason=NO_BADGE, remedy=HOLD)
        credential = parts.daemon.site.directory.by_ref.get(waiting[0])
        active = credential is not None and credential.status is CredentialStatus.ACTIVE
        holder = credential.holder if credential is not None and active else None
        keys = parts.keys(asked.terminal, How.BADGE_PIN, holder or waiting[0])
        if (refused := parts.refused_wait(keys)) is not None:
            return refused
        tries = parts.counted(keys)
        checked = await self._pin(holder or NOBODY, asked.terminal, asked.pin)
        if checked.outcome is PinOutcome.UNAVAILABLE:
            parts.limits.not_looked_at(keys)
            return SignedIn(reason=BUSY, remedy=SOON)
        who = None if holder is None else known(parts.daemon, holder)
        if who is None or checked.outcome is not PinOutcome.MATCHED:
            return parts.failed(How.BADGE_PIN, holder, asked.terminal, tries, keys)
        parts.badges.taken(asked.terminal)
        parts.limits.succeeded(keys)
        begun = await parts.sessions.begin(who, How.BADGE_PIN, asked.terminal, checked.note)
        return Let(*begun)

    async def by_password(self, asked: SignInByPassword) -> SignedIn | Let:
        parts = self._parts
        holder = await parts.names.of(asked.person)
        keys = parts.keys(asked.terminal, How.PASSWORD, holder or pretended(asked.person))
        if (refused := parts.refused_wait(keys)) is not None:
            return refused
        tries = parts.counted(keys)
        kept = None if holder is None else parts.book.passwords.get(holder)
        try:
            right = await parts.passwords.matches(kept, asked.password)
        except UnavailableError:
            parts.limits.not_looked_at(keys)
            return SignedIn(reason=BUSY, remedy=SOON)
        # Another try with the same code may have come before this one meanwhile.
        now = None if holder is None else parts.book.passwords.get(holder)
        step = parts.passwords.step_of(now, asked.code, parts.daemon.now().utc_s)
        who = None if holder is None else known(parts.daemon, holder)
        if not right or step is None or who is None or now is None or now.hash != _hash_of(kept):
            return parts.failed(How.PASSWORD, holder, asked.terminal, tries, keys)
        used = replace(now, step=step)
        parts.book.passwords[who.holder] = used
        try:
            await parts.book.put(used)
        except SignInsError as error:
            # In memory it counts no more; the one after a restart would be half a minute old.
            log.error("%s: %s", UNKEPT, error)
        parts.limits.succeeded(keys)
        return Let(*await parts.sessions.begin(who, How.PASSWORD, self._place(asked.terminal)))

    def asked_passkey(self, asked: AskPasskey) -> PasskeyAsked:
        parts = self._parts
        if (refused := parts.refused_wait(parts.keys(asked.terminal))) is not None:
            return PasskeyAsked(reason=refused.reason, remedy=refused.remedy)
        return PasskeyAsked(options=parts.passkeys.ask(parts.daemon.now().mono_us))

    async def by_passkey(self, asked: SignInByPasskey) -> SignedIn | Let:
        parts = self._parts
        keys = parts.keys(asked.terminal)
        if (refused := parts.refused_wait(keys)) is not None:
            return refused
        tries = parts.counted(keys)
        now = parts.daemon.now()
        every = tuple(parts.book.passkeys.values())
        try:
            passkey = parts.passkeys.signed_in(asked.response, every, now.mono_us)
        except PasskeyError as error:
            log.warning("a passkey was refused: %s", error)
            return parts.failed(How.PASSKEY, None, asked.terminal, tries, keys)
        who = known(parts.daemon, passkey.holder)
        if who is None:
            return parts.failed(How.PASSKEY, passkey.holder, asked.terminal, tries, keys)
        used = replace(passkey, used_us=now.utc_us)
        parts.book.passkeys[used.id] = used
        try:
            await parts.book.put(used)
        except SignInsError as error:
            log.error("%s: %s", UNKEPT, error)
        parts.limits.succeeded(keys)
        return Let(*await parts.sessions.begin(who, How.PASSKEY, self._place(asked.terminal)))

    async def by_link(self, asked: SignInByLink) -> SignedIn | Let:
        parts = self._parts
        keys = parts.keys(asked.terminal)
        if (refused := parts.refused_wait(keys)) is not None:
            return refused
        tries = parts.counted(keys)
        code = parts.book.codes.pop(hashed(asked.code, parts.daemon.writer.incarnation), None)
        if code is None or code.what is not CodeKind.LINK:
            if code is not None:
                parts.book.codes[code.hash] = code
            return parts.failed(How.LINK, None, asked.terminal, tries, keys)
        who = known(parts.daemon, HolderId(code.holder))
        stands = who is not None and parts.daemon.now().utc_us < code.until_us
        try:
            await parts.book.remove(code)
        except SignInsError as error:
            # It would sign somebody in once more after a restart.
            log.error("%s: %s", UNKEPT, error)
            return SignedIn(reason=UNKEPT, remedy=SEE_LOG)
        if who is None or not stands:
            return parts.failed(How.LINK, HolderId(code.holder), asked.terminal, tries, keys)
        parts.limits.succeeded(keys)
        return Let(*await parts.sessions.begin(who, How.LINK, self._place(asked.terminal)))

    async def unlocked(self, asked: UnlockSession, opened: Open) -> SignedIn | None:
        """None where it is unlocked."""
        parts, holder = self._parts, opened.session.holder
        how = How.BADGE_PIN if asked.pin else How.PASSWORD
        terminal = opened.session.terminal
        keys = parts.keys(terminal, how, holder)
        if (refused := parts.refused_wait(keys)) is not None:
            return refused
        tries = parts.counted(keys)
        try:
            if asked.pin:
                checked = await self._pin(holder, terminal, asked.pin)
                if checked.outcome is PinOutcome.UNAVAILABLE:
                    raise UnavailableError
                right = checked.outcome is PinOutcome.MATCHED
            else:
                kept = parts.book.passwords.get(holder)
                right = await parts.passwords.matches(kept, asked.password)
        except UnavailableError:
            parts.limits.not_looked_at(keys)
            return SignedIn(reason=BUSY, remedy=SOON)
        if not right:
            return parts.failed(how, holder, terminal, tries, keys)
        parts.limits.succeeded(keys)
        if parts.sessions.look(opened) is not None:
            parts.sessions.unlock(opened)
        return None

    async def _pin(self, holder: HolderId, terminal: str, pin: str) -> Checked:
        parts = self._parts
        occasion = Occasion(
            parts.config.site,
            ReaderId(terminal),
            holder,
            AttemptId(parts.entropy(8).hex()),
            parts.daemon.now().utc_us,
        )
        return await parts.pins.check(occasion, pin)

    def _place(self, terminal: str) -> str:
        """A screen that the site file does not name is no terminal."""
        return terminal if terminal in self._parts.config.terminals else ""


def _hash_of(kept: Password | None) -> str:
    return "" if kept is None else kept.hash
