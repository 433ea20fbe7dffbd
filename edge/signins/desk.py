"""Signing in at the pages, answered: `edge.control.desk_pages.SignIns`."""

import asyncio
import base64
import logging

from controller.events_signins import SessionEnd, SignInChange
from controller.ids import CredentialRef, HolderId
from controller.inputs_signins import SignInChanging
from edge.control.desk_page_orders import AtPage
from edge.control.desk_pages import PageSession
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
    SessionShown,
    SignedIn,
    SignInByLink,
    SignInByPasskey,
    SignInByPassword,
    SignInByPin,
    SignInChanged,
    SignInRequest,
    SignInsReply,
    SignOut,
    TakeInvitation,
    UnlockSession,
    UseSession,
    WaitsForBadge,
)
from edge.gate_sight import Guard, sight_of
from edge.signins.codes import INVITED_US, LINKED_US, drawn, hashed
from edge.signins.entrance import Entrance
from edge.signins.first import FirstCode
from edge.signins.invitations import ImportPeople, Invitations
from edge.signins.parts import SEE_LOG, UNKEPT, Let, Parts
from edge.signins.passkeys import PASSKEYS_MAX, PasskeyError
from edge.signins.records import CodeKind, OneTimeCode, Passkey
from edge.signins.sessions import IDLE_US, Open
from edge.signins.standing import Known, known
from edge.signins.store import SignInsError
from edge.still_there import StillThereError
from policies.rights import Right

OVER = "nobody is signed in here, or no longer"
SIGN_IN = "sign in again"
NOBODY = "nobody who may use the pages has this id"
LOOK = "see who is on file, and which roles the policy lets in: [page.gate], [page.console], "
LOOK += "[page.people]"
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


class SignInDesk:
    """One edge's."""

    def __init__(self, parts: Parts, first: FirstCode, import_people: ImportPeople) -> None:
        self._parts = parts
        self._first = first
        self._entrance = Entrance(parts)
        self._invitations = Invitations(parts, first, import_people)

    # --- before a session ---------------------------------------------------------------------

    async def sign_in(self, asked: SignInRequest) -> tuple[Message, PageSession | None]:
        """As `edge.control.desk_pages.SignIns`."""
        match asked:
            case UseSession(token=token, background=background):
                return self._used(token, acts=not background)
            case WaitsForBadge():
                return self._entrance.awaited(asked), None
            case AskPasskey():
                return self._entrance.asked_passkey(asked), None
            case TakeInvitation():
                return await self._invitations.take(asked), None
            case SignInByPin():
                return self._let(await self._entrance.by_pin(asked))
            case SignInByPassword():
                return self._let(await self._entrance.by_password(asked))
            case SignInByPasskey():
                return self._let(await self._entrance.by_passkey(asked))
            case SignInByLink():
                return self._let(await self._entrance.by_link(asked))
            case ConfirmInvitation():
                return self._let(await self._invitations.confirm(asked))

    def _used(self, token: str, *, acts: bool) -> tuple[SignedIn, PageSession | None]:
        opened = self._parts.sessions.found(token)
        held = None if opened is None else _Held.of(self._parts, opened)
        if held is None:
            return SignedIn(reason=OVER, remedy=SIGN_IN), None
        if acts:
            held.acted()
        return SignedIn(session=held.shown()), held

    def _let(self, done: SignedIn | Let) -> tuple[SignedIn, PageSession | None]:
        if isinstance(done, SignedIn):
            return done, None
        held = _Held.of(self._parts, done.opened)
        if held is None:
            return SignedIn(reason=OVER, remedy=SIGN_IN), None
        return SignedIn(token=done.token, session=held.shown()), held

    # --- of one's own session -----------------------------------------------------------------

    async def of_session(self, asked: SessionRequest, session: PageSession) -> Message:
        """As `edge.control.desk_pages.SignIns`."""
        assert isinstance(session, _Held), "given out here"
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
                await self._parts.daemon.recorder.drained()
                return SignInChanged(done=True)
            case AskNewPasskey():
                return self._asked_new(session)
            case AddPasskey():
                return await self._added(asked, session)

    def _asked_new(self, session: "_Held") -> PasskeyAsked:
        parts, who = self._parts, session.who
        have = parts.book.passkeys_of(who.holder)
        if len(have) >= PASSKEYS_MAX:
            return PasskeyAsked(reason=ENOUGH, remedy=REMOVE_ONE)
        now_us = parts.daemon.now().mono_us
        record = who.record
        return PasskeyAsked(
            options=parts.passkeys.ask_new(
                who.holder, record.external_id, record.name, have, now_us
            )
        )

    async def _added(self, asked: AddPasskey, session: "_Held") -> SignInChanged:
        parts, holder = self._parts, session.who.holder
        now = parts.daemon.now()
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
        own: PageSession | None = None,
        may_link: bool = False,
    ) -> SignInsReply | SignInChanged | CodeMade:
        """As `edge.control.desk_pages.SignIns`."""
        match asked:
            case ReadSignIns():
                return await self._listed(own)
            case EndSession(session=session):
                opened = self._parts.sessions.named(session)
                if opened is None:
                    return SignInChanged(done=False, reason=NO_SUCH)
                self._parts.sessions.end(opened, SessionEnd.ENDED, operator)
                await self._parts.daemon.recorder.drained()
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
        holder = await parts.names.of(person)
        if holder is None or known(parts.daemon, holder) is None:
            return CodeMade(reason=NOBODY, remedy=LOOK)
        link = what is CodeKind.LINK
        change = SignInChange.LINK_MADE if link else SignInChange.INVITED
        await self._recorded(holder, change, operator)
        code = drawn(parts.entropy)
        kept = hashed(code, parts.daemon.writer.incarnation)
        until_us = parts.daemon.now().utc_us + (LINKED_US if link else INVITED_US)
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
        record = await asyncio.to_thread(parts.daemon.people.roll.named, asked.person)
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

    async def _listed(self, own: PageSession | None) -> SignInsReply:
        parts, daemon = self._parts, self._parts.daemon
        people = {*(await parts.names.all()).values(), *parts.book.known()}
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
            timezone=daemon.site.policy.timezone,
        )

    def _means(self, holder: HolderId) -> MeansShown | None:
        parts, roll = self._parts, self._parts.daemon.people.roll
        record = roll.holders.get(holder)
        if record is None:
            return None
        who = known(parts.daemon, holder)
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
            has_pin=holder in roll.pins,
            has_password=holder in parts.book.passwords,
            passkeys=tuple(_passkey_shown(one) for one in parts.book.passkeys_of(holder)),
            invited_until_utc_us=until_us if until_us > parts.daemon.now().utc_us else 0,
        )

    def _open(self, opened: Open, who: Known, own: PageSession | None) -> OpenSession:
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
            own=isinstance(own, _Held) and own.opened is opened,
        )

    # --- keeping ------------------------------------------------------------------------------

    async def _recorded(self, holder: HolderId, change: SignInChange, operator: str = "") -> None:
        """The record first, then the change."""
        daemon = self._parts.daemon
        daemon.judge(
            SignInChanging(
                id=daemon.new_id(),
                holder=holder,
                change=change,
                operator=daemon.personal("operator", operator) if operator else None,
            )
        )
        await daemon.recorder.drained()

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

    def at_terminal(self, terminal: str, ref: CredentialRef) -> None:
        """A badge was held to a terminal's own reader."""
        self._parts.badges.read(terminal, ref, self._parts.daemon.now().mono_us)

    async def take_away(self, holder: HolderId) -> None:
        """Somebody is erased: what is kept of his signing in goes. Raises StillThereError."""
        self.end_all(holder)
        try:
            await self._parts.book.remove(*self._parts.book.of(holder))
        except SignInsError as error:
            raise StillThereError(str(error)) from error

    async def run(self) -> None:
        """See to sessions, and to what is kept of people who are gone; until cancelled."""
        await self._first.begin()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._parts.sessions.run(), name="sessions")
            tasks.create_task(self._clean(), name="sign-ins of people who are gone")

    async def _clean(self) -> None:
        parts = self._parts
        while True:
            now_us = parts.daemon.now().utc_us
            gone = [
                record
                for holder in parts.book.known()
                if holder not in parts.daemon.people.roll.holders
                for record in parts.book.of(holder)
            ]
            gone += [one for one in parts.book.codes.values() if one.until_us <= now_us]
            if gone:
                try:
                    await parts.book.remove(*gone)
                except SignInsError as error:
                    log.error("what is kept of people who are gone stays: %s", error)
            await asyncio.sleep(CLEAN_S)


class _Held:
    """A connection's hold of a session."""

    def __init__(self, parts: Parts, opened: Open, who: Known) -> None:
        self._parts, self.opened, self.who = parts, opened, who

    @classmethod
    def of(cls, parts: Parts, opened: Open) -> "_Held | None":
        who = parts.sessions.look(opened)
        return None if who is None else cls(parts, opened, who)

    @property
    def person(self) -> str:
        return self.who.record.external_id

    @property
    def rights(self) -> frozenset[Right]:
        return self.who.rights

    @property
    def locked(self) -> bool:
        return self.opened.session.locked

    @property
    def portals(self) -> tuple[str, ...]:
        terminal = self._parts.config.terminals.get(self.opened.session.terminal)
        return () if terminal is None else terminal.portals

    @property
    def guard(self) -> Guard:
        policy = self._parts.daemon.site.policy
        sight = sight_of(policy, self.rights, self.portals, locked=self.locked)
        return Guard(self.person, self.who.holder, sight)

    @property
    def at_page(self) -> AtPage:
        session = self.opened.session
        return AtPage(session.id, self.person, self.who.holder, session.terminal)

    @property
    def changed(self) -> asyncio.Event:
        return self.opened.changed

    def stands(self) -> bool:
        who = self._parts.sessions.look(self.opened)
        self.who = who or self.who
        return who is not None

    def acted(self) -> None:
        self._parts.sessions.acted(self.opened)

    def shown(self) -> SessionShown:
        parts, session, record = self._parts, self.opened.session, self.who.record
        daemon = parts.daemon
        idle_us = daemon.now().mono_us - self.opened.seen_mono_us
        return SessionShown(
            session=session.id,
            person=record.external_id,
            name=record.name,
            roles=record.roles,
            rights=tuple(sorted(self.who.rights)),
            terminal=session.terminal,
            portals=self.portals,
            how=session.how,
            signed_in_utc_us=session.begun_us,
            ends_utc_us=session.ends_us,
            locks_utc_us=max(0, daemon.now().utc_us + IDLE_US - idle_us),
            locked=session.locked,
            timezone=daemon.site.policy.timezone,
            site=parts.config.site,
            edge=parts.config.edge,
            has_pin=record.id in daemon.people.roll.pins,
            has_password=self.who.holder in parts.book.passwords,
            passkeys=len(parts.book.passkeys_of(self.who.holder)),
        )


def _passkey_shown(one: Passkey) -> PasskeyShown:
    return PasskeyShown(
        passkey=one.id,
        label=one.label,
        made_utc_us=one.made_us,
        used_utc_us=one.used_us,
        credential=base64.b64encode(one.credential).decode(),
    )
