"""The small site with people who may use the pages, a guard's screen with a reader, and a client of
the pages' socket.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp

from controller.ids import CredentialId, HolderId
from edge.assembly import Edge
from edge.control.client_pages import SignInClient
from edge.control.message import Message
from edge.control.messages_pages import (
    BadgeAwaited,
    BecomeTerminal,
    CodeMade,
    ConfirmInvitation,
    InvitationTaken,
    MakeLink,
    SessionShown,
    SignedIn,
    SignInByLink,
    SignInByPin,
    TakeInvitation,
    TerminalTaken,
    WaitsForBadge,
)
from edge.control.place import PAGES_SOCKET, SOCKET
from edge.control.protocol import decode_reply
from edge.people import (
    Change,
    CredentialRecord,
    HolderRecord,
    People,
    PinCost,
    PinHasher,
    PinRecord,
    credential_ref,
    load_site_key,
)
from edge.web.daemon import Conversation, conversing
from simulators.osdp_reader import SimulatedReader
from tests.edge.house import POLICY, READERS, SITE, House, write_secret

PAGES = """
[role.guard]
[role.chief]
[role.clerk]

[page.gate]
roles = ["guard"]
[page.console]
roles = ["chief"]
[page.people]
roles = ["clerk"]
"""

SCREEN = """
[device.screen-in]
line = "north"
address = 5
key = "screen-in.key"

[terminal.lodge]
portals = ["front"]
reader = "screen-in"

[terminal.office]
"""

GUARD, CHIEF, CLERK = HolderId("e" * 16), HolderId("f" * 16), HolderId("9" * 16)
BADGE = b"\x52\x19\x77\x40"
PIN = "80213"
PASSWORD = "a gate by the river"


class Gatehouse(House):
    """Gil is a guard with badge and PIN, Cleo the chief with nothing yet; nobody is a clerk."""

    def __init__(self, folder: Path, *, pages: str = PAGES) -> None:
        super().__init__(folder)
        self.screens: dict[str, str] = {}
        (folder / "policy.toml").write_text(POLICY + pages)
        (folder / "site.toml").write_text(SITE.format(broker="") + SCREEN)
        key = secrets.token_bytes(16)
        write_secret(folder / "screen-in.key", key.hex().encode())
        self.readers["screen-in"] = SimulatedReader(5, key, os.urandom)
        self.put(
            HolderRecord(id=GUARD, external_id="gil", name="Gil Moreau", roles=("guard",)),
            HolderRecord(id=CHIEF, external_id="cleo", name="Cleo Brandt", roles=("chief",)),
        )

    def put(self, *people: HolderRecord) -> None:
        """Put them on file while no daemon runs; the guard with badge and PIN."""
        site = load_site_key(self.folder / "site.key")
        cheap = PinHasher(PinCost(time_cost=1, memory_kib=8, lanes=1))
        with People.open(self.folder / "state" / "site.db") as file:
            badges = ()
            if any(one.id == GUARD for one in people):
                badges = (
                    CredentialRecord(
                        id=CredentialId("9" * 16),
                        holder=GUARD,
                        ref=credential_ref(site, 26, BADGE),
                    ),
                )
            pins = (PinRecord(holder=GUARD, hash=cheap.hash(PIN)),) if badges else ()
            file.apply(Change(base=file.version, holders=people, credentials=badges, pins=pins))

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Conversation]:
        """A conversation at the pages' socket."""
        path = self.folder / "state" / PAGES_SOCKET
        async with asyncio.timeout(30):
            # The edge serves its sockets when it has begun.
            while not path.exists():
                await asyncio.sleep(0.01)
        async with conversing(path, decode_reply) as conversation:
            yield conversation

    @property
    def control(self) -> Path:
        return self.folder / "state" / SOCKET

    async def invited(
        self, code: str, person: str, *, name: str = "", password: str = PASSWORD
    ) -> tuple[SignedIn, pyotp.TOTP]:
        """Take an invitation to its end."""
        async with self.page() as page:
            asked = TakeInvitation(code=code, person=person, password=password, name=name)
            taken = await page.ask(asked, InvitationTaken)
            assert taken.totp_uri, taken.reason
            totp = authenticator(taken.totp_uri)
            confirm = ConfirmInvitation(code=code, totp=totp.now())
            return await page.ask(confirm, SignedIn), totp

    async def screen(self, terminal: str) -> str:
        """The token of the browser that is this terminal; one becomes it where none is."""
        if terminal and terminal not in self.screens:
            self.screens[terminal] = (await self.become(terminal)).token
        return self.screens.get(terminal, "")

    async def become(self, terminal: str) -> TerminalTaken:
        """Another browser becomes this terminal."""
        code = await asyncio.to_thread(self.terminal_code, terminal)
        async with self.page() as page:
            return await page.ask(BecomeTerminal(code=code), TerminalTaken)

    def terminal_code(self, terminal: str) -> str:
        """From the account of the daemon."""
        with SignInClient(self.folder / "state") as client:
            return client.terminal_code(terminal).code

    async def hold_badge(self, page: Conversation) -> None:
        """The guard holds his badge to the lodge's reader until the screen asks for the PIN."""
        lodge = WaitsForBadge(terminal=await self.screen("lodge"))
        async with asyncio.timeout(60):
            while not (await page.ask(lodge, BadgeAwaited)).seen:
                self.readers["screen-in"].present_card(26, BADGE)
                await asyncio.sleep(0.1)

    async def by_badge(self) -> tuple[str, SessionShown]:
        """The guard's session at the lodge."""
        async with self.page() as page:
            await self.hold_badge(page)
            done = await self.typed(page, PIN)
            assert done.session is not None, done.reason
            return done.token, done.session

    async def typed(self, page: Conversation, pin: str) -> SignedIn:
        """What comes of a PIN at the lodge; a machine that is busy checks it a little later."""
        async with asyncio.timeout(60):
            while True:
                await self.hold_badge(page)
                asked = SignInByPin(terminal=await self.screen("lodge"), pin=pin)
                done = await page.ask(asked, SignedIn)
                if "being checked" not in done.reason:
                    return done

    async def session(self, edge: Edge, person: str, *, terminal: str = "") -> str:
        """A new session of somebody, by a link; the clerk is put on file for it."""
        if person == "dora" and edge.daemon.people.roll.named("dora") is None:
            table = b"id,name,roles\ndora,Dora Abel,clerk\n"
            assert (await edge.desk.import_people(table, "test", False)).applied
        signing = edge.desk.sign_ins
        assert signing is not None
        made = await signing.of_others(MakeLink(person=person), "test", may_link=True)
        assert isinstance(made, CodeMade)
        link = SignInByLink(code=made.code, terminal=await self.screen(terminal))
        done, _ = await signing.sign_in(link)
        assert isinstance(done, SignedIn)
        assert done.token, done.reason
        return done.token

    async def by_link(self, code: str) -> tuple[str, SessionShown]:
        async with self.page() as page:
            done = await page.ask(SignInByLink(code=code), SignedIn)
            assert done.session is not None, done.reason
            return done.token, done.session


def authenticator(uri: str) -> pyotp.TOTP:
    """What a telephone makes of the QR code."""
    (secret,) = parse_qs(urlsplit(uri).query)["secret"]
    return pyotp.TOTP(secret)


def everything_said(*messages: Message) -> str:
    return " ".join(repr(message) for message in messages)


assert "screen-in" not in READERS
