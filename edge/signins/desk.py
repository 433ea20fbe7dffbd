"""Signing in, answered."""

import asyncio
import base64
import logging
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from controller.events_signins import SessionEnd, SignInChange
from controller.ids import HolderId
from edge.control.message import Message
from edge.control.messages_pages import (
    SHOWN_MAX,
    AddPasskey,
    AdminRequest,
    AskNewPasskey,
    AskPasskey,
    CodeMade,
    ConfirmInvitation,
    EndSession,
    Invite,
    LockSession,
    MakeLink,
    MeansShown,
    OpenSession,
    PasskeyAsked,
    PasskeyShown,
    ReadSignIns,
    RemoveSignIn,
    SessionRequest,
    SignedIn,
    SignInByLink,
    SignInByPasskey,
    SignInByPassword,
    SignInChanged,
    SignInsReply,
    SignOut,
    TakeInvitation,
    UnlockSession,
    UseSession,
)
from edge.signins.codes import INVITED_US, LINKED_US, drawn, hashed
from edge.signins.entrance import Entrance
from edge.signins.first import FirstCode
from edge.signins.held import Held
from edge.signins.invitations import Invitations
from edge.signins.parts import SEE_LOG, UNKEPT, Let, Parts
from edge.signins.passkeys import PASSKEYS_MAX, PasskeyError
from edge.signins.premises import Known
from edge.signins.records import CodeKind, OneTimeCode, Passkey
from edge.signins.sessions import Open
from edge.signins.store import SignInsError

OVER = "nobody is signed in here, or no longer"
SIGN_IN = "sign in again"
NOBODY = "nobody who may use the pages has this id"
NO_SUCH = "there is no such session"
NO_LINK = "a link is made by the account of the daemon alone: whoever has it acts as that person"
INVITE = "invite the person instead"
NO_MEANS = "this person signs in by nothing that could be removed"
ENOUGH = f"a person has {PASSKEYS_MAX} passkeys at most"
REMOVE_ONE = "let one be removed first"
NOT_TAKEN = "the passkey was not taken"
TRY_AGAIN = "try again, and let the device ask for its PIN or your finger"

CLEAN_S = 60.0
"""Between looks at what is kept of people who are on file no more."""


log = logging.getLogger(__name__)


H = TypeVar("H", bound=Held)

SignInRequest = (
    UseSession
    | SignInByPassword
    | AskPasskey
    | SignInByPasskey
    | SignInByLink
    | TakeInvitation
    | ConfirmInvitation
)
"""What may be asked from anywhere without a session."""


class SignInDesk(ABC, Generic[H]):
    """One place's. `look`: where somebody finds out who could be meant."""

    look: str

    def __init__(self, parts: Parts, first: FirstCode) -> None:
        self._parts = parts
        self._first = first
        self._entrance = Entrance(parts)
        self._invitations = Invitations(parts, first)

    @abstractmethod
    def _hold(self, opened: Open, who: Known) -> H:
        """A connection's hold of a session."""

    # --- before a session ---------------------------------------------------------------------

    async def enter(self, asked: SignInRequest) -> tuple[Message, H | None]:
        """The answer, and the session where there is one now."""
        match asked:
            case UseSession(token=token, background=background):
                return self._used(token, acts=not background)
            case AskPasskey():
                return self._entrance.asked_passkey(asked), None
            case TakeInvitation():
                return await self._invitations.take(asked), None
            case SignInByPassword():
                return self._let(await self._entrance.by_password(asked))
            case SignInByPasskey():
                return self._let(await self._entrance.by_passkey(asked))
            case SignInByLink():
                return self._let(await self._entrance.by_link(asked))
            case ConfirmInvitation():
                return self._let(await self._invitations.confirm(asked))

    def _used(self, token: str, *, acts: bool) -> tuple[SignedIn, H | None]:
        opened = self._parts.sessions.found(token)
        held = None if opened is None else self._held(opened)
        if held is None:
            return SignedIn(reason=OVER, remedy=SIGN_IN), None
        if acts:
            held.acted()
        return SignedIn(session=held.shown()), held

    def _let(self, done: SignedIn | Let) -> tuple[SignedIn, H | None]:
        if isinstance(done, SignedIn):
            return done, None
        held = self._held(done.opened)
        if held is None:
            return SignedIn(reason=OVER, remedy=SIGN_IN), None
        return SignedIn(token=done.token, session=held.shown()), held

    def _held(self, opened: Open) -> H | None:
        who = self._parts.sessions.look(opened)
        return None if who is None else self._hold(opened, who)

    # --- of one's own session -----------------------------------------------------------------

    async def of_session(self, asked: SessionRequest, session: object) -> Message:
        """What somebody with a session asks about it. `session`: as `enter` gave it."""
        assert isinstance(session, Held), "given out here"
        match asked:
            case LockSession():
                self._parts.sessions.lock(session.opened)
                return SignedIn(session=session.shown())
            case UnlockSession():
                refused = await self._entrance.unlocked(asked, session.opened)
                if refused is not None:
                    return refused
                if not session.stands():
                    return SignedIn(reason=OVER, remedy=SIGN_IN)
                return SignedIn(session=session.shown())
            case SignOut():
                self._parts.sessions.end(session.opened, SessionEnd.SIGNED_OUT)
                await self._parts.premises.recorded()
                return SignInChanged(done=True)
            case AskNewPasskey():
                return self._asked_new(session)
            case AddPasskey():
                return await self._added(asked, session)

    def _asked_new(self, session: Held) -> PasskeyAsked:
        parts, who = self._parts, session.who
        have = parts.book.passkeys_of(who.holder)
        if len(have) >= PASSKEYS_MAX:
            return PasskeyAsked(reason=ENOUGH, remedy=REMOVE_ONE)
        now_us = parts.premises.now().mono_us
        record = who.record
        return PasskeyAsked(
            options=parts.passkeys.ask_new(
                who.holder, record.external_id, record.name, have, now_us
            )
        )

    async def _added(self, asked: AddPasskey, session: Held) -> SignInChanged:
        parts, holder = self._parts, session.who.holder
        now = parts.premises.now()
        try:
            credential, count = parts.passkeys.added(asked.response, holder, now.mono_us)
        except PasskeyError as error:
            return SignInChanged(done=False, reason=f"{NOT_TAKEN}: {error}", remedy=TRY_AGAIN)
        if len(parts.book.passkeys_of(holder)) >= PASSKEYS_MAX:
            return SignInChanged(done=False, reason=ENOUGH, remedy=REMOVE_ONE)
        made = Passkey(
            id=parts.entropy(8).hex(),
            holder=holder,
            label=asked.label.strip() or "passkey",
            credential=credential,
            count=count,
            made_us=now.utc_us,
            used_us=0,
        )
        await self._recorded(holder, SignInChange.PASSKEY_ADDED)
        return await self._changed(put=made)

    # --- of others ----------------------------------------------------------------------------

    async def of_others(
        self,
        asked: AdminRequest,
        operator: str,
        *,
        own: object = None,
        may_link: bool = False,
    ) -> SignInsReply | SignInChanged | CodeMade:
        """What is asked about sign-ins of others. `own`: the session of whoever asks, as `enter`
        gave it. `may_link`: the operator has this machine.
        """
        match asked:
            case ReadSignIns():
                return await self._listed(own)
            case EndSession(session=session):
                opened = self._parts.sessions.named(session)
                if opened is None:
                    return SignInChanged(done=False, reason=NO_SUCH)
                self._parts.sessions.end(opened, SessionEnd.ENDED, operator)
                await self._parts.premises.recorded()
                return SignInChanged(done=True)
            case Invite(person=person):
                return await self._coded(person, CodeKind.INVITATION, operator)
            case MakeLink(person=person):
                if not may_link:
                    return CodeMade(reason=NO_LINK, remedy=INVITE)
                return await self._coded(person, CodeKind.LINK, operator)
            case RemoveSignIn():
                return await self._removed(asked, operator)

    async def _coded(self, person: str, what: CodeKind, operator: str) -> CodeMade:
        parts = self._parts
        holder = (await parts.premises.everybody()).get(person)
        if holder is None or parts.premises.known(holder) is None:
            return CodeMade(reason=NOBODY, remedy=self.look)
        link = what is CodeKind.LINK
        change = SignInChange.LINK_MADE if link else SignInChange.INVITED
        await self._recorded(holder, change, operator)
        code = drawn(parts.entropy)
        kept = hashed(code, parts.premises.incarnation)
        until_us = parts.premises.now().utc_us + (LINKED_US if link else INVITED_US)
        earlier = [
            one for one in parts.book.codes.values() if (one.holder, one.what) == (holder, what)
        ]
        try:
            if not link:
                await parts.book.remove(*earlier)
            await parts.book.put(
                OneTimeCode(
                    hash=kept,
                    what=what,
                    holder=holder,
                    until_us=until_us,
                )
            )
        except SignInsError as error:
            return CodeMade(reason=f"{UNKEPT}: {error}", remedy=SEE_LOG)
        return CodeMade(code=code, until_utc_us=until_us)

    async def _removed(self, asked: RemoveSignIn, operator: str) -> SignInChanged:
        parts = self._parts
        # Whoever lost his role is found as well: by what is kept of him.
        record = await parts.premises.named(asked.person)
        if record is None:
            return SignInChanged(done=False, reason="nobody on file has this id")
        holder = HolderId(record.id)
        if asked.passkey:
            one = parts.book.passkeys.get(asked.passkey)
            if one is None or one.holder != holder:
                return SignInChanged(done=False, reason=NO_MEANS)
            await self._recorded(holder, SignInChange.PASSKEY_REMOVED, operator)
            return await self._changed(gone=one)
        every = parts.book.of(holder)
        self.end_all(holder, operator)
        if not every:
            return SignInChanged(done=False, reason=NO_MEANS)
        await self._recorded(holder, SignInChange.ALL_REMOVED, operator)
        try:
            await parts.book.remove(*every)
        except SignInsError as error:
            return SignInChanged(done=False, reason=f"{UNKEPT}: {error}", remedy=SEE_LOG)
        return SignInChanged(done=True)

    def end_all(self, holder: HolderId, operator: str = "") -> None:
        """Every session of this person."""
        for opened in self._parts.sessions:
            if opened.session.holder == holder:
                self._parts.sessions.end(opened, SessionEnd.ENDED, operator)

    async def _listed(self, own: object) -> SignInsReply:
        parts = self._parts
        people = {*(await parts.premises.everybody()).values(), *parts.book.known()}
        shown = [one for holder in people if (one := self._means(holder)) is not None]
        shown.sort(key=lambda one: (one.name.casefold(), one.person))
        sessions = [
            self._open(opened, who, own)
            for opened in parts.sessions
            if (who := parts.sessions.look(opened)) is not None
        ]
        return SignInsReply(
            people=tuple(shown[:SHOWN_MAX]),
            sessions=tuple(sessions[:SHOWN_MAX]),
            timezone=parts.premises.timezone,
        )

    def _means(self, holder: HolderId) -> MeansShown | None:
        parts = self._parts
        record = parts.premises.on_file(holder)
        if record is None:
            return None
        who = parts.premises.known(holder)
        codes = (
            one
            for one in parts.book.codes.values()
            if one.holder == holder and one.what is CodeKind.INVITATION
        )
        until_us = max((one.until_us for one in codes), default=0)
        return MeansShown(
            person=record.external_id,
            name=record.name,
            rights=() if who is None else tuple(sorted(who.rights)),
            has_pin=parts.premises.has_pin(holder),
            has_password=holder in parts.book.passwords,
            passkeys=tuple(_passkey_shown(one) for one in parts.book.passkeys_of(holder)),
            invited_until_utc_us=until_us if until_us > parts.premises.now().utc_us else 0,
        )

    def _open(self, opened: Open, who: Known, own: object) -> OpenSession:
        session = opened.session
        return OpenSession(
            session=session.id,
            person=who.record.external_id,
            name=who.record.name,
            terminal=session.terminal,
            how=session.how,
            signed_in_utc_us=session.begun_us,
            seen_utc_us=session.seen_us,
            locked=session.locked,
            own=isinstance(own, Held) and own.opened is opened,
        )

    # --- keeping ------------------------------------------------------------------------------

    async def _recorded(self, holder: HolderId, change: SignInChange, operator: str = "") -> None:
        """The record first, then the change."""
        self._parts.premises.changed(holder, change, operator)
        await self._parts.premises.recorded()

    async def _changed(
        self, *, put: Passkey | None = None, gone: Passkey | None = None
    ) -> SignInChanged:
        try:
            if put is not None:
                await self._parts.book.put(put)
            if gone is not None:
                await self._parts.book.remove(gone)
        except SignInsError as error:
            return SignInChanged(done=False, reason=f"{UNKEPT}: {error}", remedy=SEE_LOG)
        return SignInChanged(done=True)

    async def take_away(self, holder: HolderId, operator: str = "") -> None:
        """Sessions end, and what is kept of his signing in goes. Raises SignInsError."""
        self.end_all(holder, operator)
        await self._parts.book.remove(*self._parts.book.of(holder))

    async def run(self) -> None:
        """See to sessions, and to what is kept of people who are gone; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            # The first: whatever ends from now on is out of the file when all of this stops.
            tasks.create_task(self._parts.sessions.run(), name="sessions")
            tasks.create_task(self._first.begin(), name="first code")
            tasks.create_task(self._clean(), name="sign-ins of people who are gone")

    async def _clean(self) -> None:
        parts = self._parts
        while True:
            now_us = parts.premises.now().utc_us
            gone = [
                record
                for holder in parts.book.known()
                if parts.premises.on_file(holder) is None
                for record in parts.book.of(holder)
            ]
            gone += [one for one in parts.book.codes.values() if one.until_us <= now_us]
            if gone:
                try:
                    await parts.book.remove(*gone)
                except SignInsError as error:
                    log.error("what is kept of people who are gone stays: %s", error)
            await asyncio.sleep(CLEAN_S)


def _passkey_shown(one: Passkey) -> PasskeyShown:
    return PasskeyShown(
        passkey=one.id,
        label=one.label,
        made_utc_us=one.made_us,
        used_utc_us=one.used_us,
        credential=base64.b64encode(one.credential).decode(),
    )
