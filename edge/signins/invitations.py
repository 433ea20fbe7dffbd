"""Invitations: a one-time code is turned into a password and an authenticator.

Nothing counts before one code of the authenticator was typed: who has lost the secret on the way
would be shut out. The first of all makes the administrator, on file too where he is not there yet.
"""

import asyncio
import logging
from typing import NamedTuple

from controller.events_signins import How, SessionEnd, SignInChange
from controller.ids import HolderId
from edge.control.messages_pages import (
    ConfirmInvitation,
    InvitationTaken,
    SignedIn,
    TakeInvitation,
)
from edge.signins.codes import hashed
from edge.signins.first import FirstCode
from edge.signins.parts import BUSY, SEE_LOG, SOON, UNKEPT, WRONG, Let, Parts
from edge.signins.passwords import PASSWORD_CHARS_MIN, UnavailableError
from edge.signins.records import CodeKind, OneTimeCode, Password
from edge.signins.store import SignInsError

TAKEN_US = 15 * 60 * 1_000_000
"""From the password to the first code of the authenticator."""

PENDING_MAX = 32

NO_CODE = "no invitation has this code, or no longer"
ANOTHER = "ask for another invitation"
SHORT = f"a password has at least {PASSWORD_CHARS_MIN} signs"
LONGER = "choose a longer one; several words are easy to remember"
OTHER_PERSON = "the invitation is for somebody else"
NAMED = "type the id under which you were invited"
NO_RIGHT = "this person is on file, and may not say who signs in"
NO_NAME = "this person is not on file yet"
SAY_NAME = "type an id and a name"
AUTHENTICATOR = "type the six figures that the authenticator shows now; its clock must be right"

log = logging.getLogger(__name__)


class _Pending(NamedTuple):
    """A password that waits for its authenticator. No repr shows it."""

    code: OneTimeCode
    person: str
    name: str
    hash: str
    sealed: bytes
    until_us: int

    def __repr__(self) -> str:
        return "_Pending(…)"


class Invitations:
    """One place's."""

    def __init__(self, parts: Parts, first: FirstCode) -> None:
        self._parts = parts
        self._first = first
        self._pending: dict[bytes, _Pending] = {}
        self._turn = asyncio.Lock()

    async def take(self, asked: TakeInvitation) -> InvitationTaken:
        """The secret for the authenticator, told here and nowhere else."""
        parts = self._parts
        keys = parts.keys("")
        if (refused := parts.refused_wait(keys)) is not None:
            return InvitationTaken(
                reason=refused.reason, remedy=refused.remedy, wait_s=refused.wait_s
            )
        tries = parts.counted(keys)
        code = self._code(asked.code)
        if code is None:
            parts.failed(How.INVITATION, None, "", tries, keys)
            return InvitationTaken(reason=NO_CODE, remedy=ANOTHER)
        parts.limits.succeeded(keys)
        if len(asked.password) < PASSWORD_CHARS_MIN:
            return InvitationTaken(reason=SHORT, remedy=LONGER)
        person, wrong = await self._person(code, asked.person.strip(), asked.name.strip())
        if wrong is not None:
            return wrong
        try:
            kept = await parts.passwords.hash(asked.password)
        except UnavailableError:
            return InvitationTaken(reason=BUSY, remedy=SOON)
        site = parts.premises.site
        made = parts.passwords.enrolled(_sealed_for(code), person, f"Sentrypost {site}")
        until_us = parts.premises.now().mono_us + TAKEN_US
        while len(self._pending) >= PENDING_MAX:
            del self._pending[next(iter(self._pending))]
        self._pending[code.hash] = _Pending(
            code, person, asked.name.strip(), kept, made.sealed, until_us
        )
        return InvitationTaken(totp_uri=made.uri)

    async def confirm(self, asked: ConfirmInvitation) -> SignedIn | Let:
        """Keep both, use the code up, and sign in."""
        async with self._turn:
            return await self._confirmed(asked)

    async def _confirmed(self, asked: ConfirmInvitation) -> SignedIn | Let:
        parts = self._parts
        keys = parts.keys(asked.terminal)
        if (refused := parts.refused_wait(keys)) is not None:
            return refused
        tries = parts.counted(keys)
        code = self._code(asked.code)
        pending = None if code is None else self._pending.get(code.hash)
        if code is None or pending is None or pending.until_us < parts.premises.now().mono_us:
            parts.failed(How.INVITATION, None, asked.terminal, tries, keys)
            return SignedIn(reason=NO_CODE, remedy=ANOTHER)
        draft = Password(
            holder=HolderId(_sealed_for(code)), hash=pending.hash, totp=pending.sealed, step=0
        )
        step = parts.passwords.step_of(draft, asked.totp, parts.premises.now().utc_s)
        if step is None:
            parts.failed(How.INVITATION, None, asked.terminal, tries, keys)
            return SignedIn(reason=WRONG, remedy=AUTHENTICATOR)
        parts.limits.succeeded(keys)
        holder = await self._on_file(pending)
        if isinstance(holder, SignedIn):
            return holder
        return await self._kept(holder, pending, draft, step, asked.terminal)

    async def _kept(
        self, holder: HolderId, pending: _Pending, draft: Password, step: int, terminal: str
    ) -> SignedIn | Let:
        parts = self._parts
        who = parts.premises.known(holder)
        if who is None:
            return SignedIn(reason=NO_RIGHT, remedy=parts.premises.give_right)
        parts.premises.changed(holder, SignInChange.PASSWORD_SET)
        await parts.premises.recorded()
        # The secret is sealed for whom it is, whoever he was called before he was on file.
        sealed = parts.passwords.sealed_for(holder, draft)
        try:
            await parts.book.put(Password(holder=holder, hash=draft.hash, totp=sealed, step=step))
            await parts.book.remove(pending.code)
        except SignInsError as error:
            log.error("%s: %s", UNKEPT, error)
            return SignedIn(reason=UNKEPT, remedy=SEE_LOG)
        self._pending.pop(pending.code.hash, None)
        if pending.code.what is CodeKind.FIRST:
            await self._first.used()
        for other in parts.sessions:
            if other.session.holder == holder:
                parts.sessions.end(other, SessionEnd.ENDED)
        return Let(*await parts.sessions.begin(who, How.INVITATION, parts.place(terminal)))

    async def _person(
        self, code: OneTimeCode, person: str, name: str
    ) -> tuple[str, InvitationTaken | None]:
        """Whom the invitation makes sign in, by the id on file."""
        premises = self._parts.premises
        if code.what is CodeKind.INVITATION:
            record = premises.on_file(HolderId(code.holder))
            if record is None or (person and person != record.external_id):
                return "", InvitationTaken(reason=OTHER_PERSON, remedy=NAMED)
            return record.external_id, None
        record = await premises.named(person)
        if record is None:
            if not person or not name:
                return "", InvitationTaken(reason=NO_NAME, remedy=SAY_NAME)
            return person, None
        if not premises.may_administrate(record):
            return "", InvitationTaken(reason=NO_RIGHT, remedy=premises.give_right)
        return person, None

    async def _on_file(self, pending: _Pending) -> HolderId | SignedIn:
        """His id; the first administrator is put on file where he is not."""
        if pending.code.what is CodeKind.INVITATION:
            return HolderId(pending.code.holder)
        premises = self._parts.premises
        record = await premises.named(pending.person)
        if record is None:
            why = await premises.put_first(pending.person, pending.name)
            if why:
                return SignedIn(reason=f"the person is not put on file: {why}", remedy=SAY_NAME)
            record = await premises.named(pending.person)
        return SignedIn(reason=NO_NAME, remedy=SAY_NAME) if record is None else HolderId(record.id)

    def _code(self, typed: str) -> OneTimeCode | None:
        incarnation = self._parts.premises.incarnation
        code = self._parts.book.codes.get(hashed(typed, incarnation))
        if code is None or code.what is CodeKind.LINK:
            return None
        if code.what is CodeKind.FIRST and not self._first.needed:
            return None
        return code if self._parts.premises.now().utc_us < code.until_us else None


def _sealed_for(code: OneTimeCode) -> str:
    """To whom a secret is bound until it counts."""
    return code.holder or code.what.value
