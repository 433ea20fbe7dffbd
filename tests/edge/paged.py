"""The house with people who sit before its pages, and the security keys that they carry."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

from controller.ids import HolderId
from edge.assembly import Edge
from edge.control.desk_page_orders import AtPage
from edge.control.messages_orders import OrderReply
from edge.control.messages_page_orders import DraftShown, RaisedKind, RaiseFromPage
from edge.fido2_assertions import rp_id
from edge.signatures import public_text
from tests.edge.authenticator import Authenticator
from tests.edge.house import House
from tests.edge.ordering import ordered_house
from tests.edge.signed import key

ADA = AtPage("session-ada", "1", HolderId("a" * 16), "desk")
BOB = AtPage("session-bob", "2", HolderId("b" * 16), "gate")
"""She is staff; he has no role."""

NORTH = key(7)
"""The key of another edge of the site."""


class Keys:
    """Ada has two security keys, Bob has one."""

    def __init__(self) -> None:
        self.ada = Authenticator(rp_id("house"), count=1)
        self.ada_too = Authenticator(rp_id("house"), count=1, eddsa=True)
        self.bob = Authenticator(rp_id("house"), count=1)


def paged_house(folder: Path, keys: Keys, policy: str = "") -> House:
    """`policy`: what stands at the end of it besides."""
    house = ordered_house(folder)
    with (folder / "site.toml").open("a") as file:
        for name, person, holder, device in (
            ("ada", "Ada Lovelace", "1", keys.ada),
            ("ada-too", "Ada Lovelace", "1", keys.ada_too),
            ("bob", "Bob Moses", "2", keys.bob),
        ):
            text = base64.b64encode(device.attested).decode()
            file.write(
                f'\n[key.{name}]\nperson = "{person}"\nfido2 = "{text}"\n'
                f'may = ["order"]\nholder = "{holder}"\n'
            )
        public = public_text(NORTH.public)
        file.write(f'\n[key.north]\nperson = "edge north"\npublic = "{public}"\nmay = ["raise"]\n')
    with (folder / "policy.toml").open("a") as file:
        file.write(policy)
    return house


def answered(draft: DraftShown, device: Authenticator, **changes: object) -> str:
    """What the browser gives back when this key has signed what the page has shown it."""
    options = json.loads(draft.options)
    assert options["challenge"] == draft.challenge
    asked = base64.urlsafe_b64decode(f"{draft.challenge}==")
    return device.response(asked, **changes).decode()


async def held(
    edge: Edge, by: AtPage, kind: RaisedKind, request: str = "press-01", **said: Any
) -> OrderReply:
    """Somebody holds the button for as long as it takes."""
    armed = edge.desk.page_orders.arm(by)
    await passed(edge, armed.after_ms)
    asked = RaiseFromPage(kind=kind, held=armed.token, request=request, reason="shots", **said)
    return await edge.desk.page_orders.raised(asked, by)


async def passed(edge: Edge, milliseconds: int) -> None:
    """So long, by the edge's own clock."""
    end_us = edge.daemon.now().mono_us + milliseconds * 1_000
    while edge.daemon.now().mono_us < end_us:
        await asyncio.sleep(0.01)
