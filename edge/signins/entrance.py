"""The ways in from anywhere: password and one-time code, passkey, one-time link."""

import logging

from msgspec.structs import replace

from controller.events_signins import How
from controller.ids import HolderId
from controller.inputs import PinOutcome
from edge.control.messages_pages import (
    AskPasskey,
    PasskeyAsked,
    SignedIn,
    SignInByLink,
    SignInByPasskey,
    SignInByPassword,
    UnlockSession,
)
from edge.signins.codes import hashed
from edge.signins.parts import BUSY, SEE_LOG, SOON, UNKEPT, Let, Parts
from edge.signins.passkeys import PasskeyError
from edge.signins.passwords import UnavailableError
from edge.signins.records import CodeKind, Password
from edge.signins.sessions import Open
from edge.signins.store import SignInsError

log = logging.getLogger(__name__)


class Entrance:
    """One place's."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def by_password(self, asked: SignInByPassword) -> SignedIn | Let:
        parts = self._parts
        holder = (await parts.premises.everybody()).get(asked.person)
        counted_as = holder or parts.limits.pretended(asked.person)
        keys = parts.keys(asked.terminal, How.PASSWORD, counted_as)
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
        step = parts.passwords.step_of(now, asked.code, parts.premises.now().utc_s)
        who = None if holder is None else parts.premises.known(holder)
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
        return Let(*await parts.sessions.begin(who, How.PASSWORD, parts.place(asked.terminal)))

    def asked_passkey(self, _: AskPasskey) -> PasskeyAsked:
        parts = self._parts
        return PasskeyAsked(options=parts.passkeys.ask(parts.premises.now().mono_us))

    async def by_passkey(self, asked: SignInByPasskey) -> SignedIn | Let:
        parts = self._parts
        keys = parts.keys(asked.terminal)
        now = parts.premises.now()
        every = tuple(parts.book.passkeys.values())
        try:
            passkey = parts.passkeys.signed_in(asked.response, every, now.mono_us)
        except PasskeyError as error:
            log.debug("a passkey was refused: %s", error)
            return parts.wrong(How.PASSKEY, None, asked.terminal, keys)
        who = parts.premises.known(passkey.holder)
        if who is None:
            return parts.wrong(How.PASSKEY, passkey.holder, asked.terminal, keys)
        used = replace(passkey, used_us=now.utc_us)
        parts.book.passkeys[used.id] = used
        try:
            await parts.book.put(used)
        except SignInsError as error:
            log.error("%s: %s", UNKEPT, error)
        parts.limits.forgotten(keys)
        return Let(*await parts.sessions.begin(who, How.PASSKEY, parts.place(asked.terminal)))

    async def by_link(self, asked: SignInByLink) -> SignedIn | Let:
        parts = self._parts
        keys = parts.keys(asked.terminal)
        code = parts.book.codes.pop(hashed(asked.code, parts.premises.incarnation), None)
        if code is None or code.what is not CodeKind.LINK:
            if code is not None:
                parts.book.codes[code.hash] = code
            return parts.wrong(How.LINK, None, asked.terminal, keys)
        who = parts.premises.known(HolderId(code.holder))
        stands = who is not None and parts.premises.now().utc_us < code.until_us
        try:
            await parts.book.remove(code)
        except SignInsError as error:
            # It would sign somebody in once more after a restart.
            log.error("%s: %s", UNKEPT, error)
            return SignedIn(reason=UNKEPT, remedy=SEE_LOG)
        if who is None or not stands:
            return parts.wrong(How.LINK, HolderId(code.holder), asked.terminal, keys)
        parts.limits.forgotten(keys)
        return Let(*await parts.sessions.begin(who, How.LINK, parts.place(asked.terminal)))

    async def unlocked(self, asked: UnlockSession, opened: Open) -> SignedIn | None:
        """None where it is unlocked."""
        parts, holder = self._parts, opened.session.holder
        how = How.BADGE_PIN if asked.pin else How.PASSWORD
        terminal = opened.session.terminal
        keys = parts.keys(terminal, how, holder)
        if (refused := parts.refused_wait(keys)) is not None:
            return refused
        tries, note = parts.counted(keys), ""
        try:
            if asked.pin:
                checked = await parts.premises.check_pin(holder, terminal, asked.pin)
                if checked.outcome is PinOutcome.UNAVAILABLE:
                    raise UnavailableError
                right, note = checked.outcome is PinOutcome.MATCHED, checked.note
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
            await parts.sessions.unlock(opened, how, note)
        return None


def _hash_of(kept: Password | None) -> str:
    return "" if kept is None else kept.hash
