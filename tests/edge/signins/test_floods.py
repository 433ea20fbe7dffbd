"""Whoever tries and asks without end, from anywhere and without an account, keeps nobody out."""

import asyncio
import os
from pathlib import Path

import pytest

from edge.control.messages_pages import (
    AddPasskey,
    AskNewPasskey,
    AskPasskey,
    BecomeTerminal,
    PasskeyAsked,
    SignedIn,
    SignInByLink,
    SignInByPasskey,
    SignInByPassword,
    SignInChanged,
    TerminalTaken,
)
from edge.signins.passkeys import ASKED_MAX, ASKED_US, PasskeyError, Passkeys
from edge.signins.records import Passkey
from edge.web.daemon import Conversation
from tests.edge.house import running
from tests.edge.signins.gatehouse import CHIEF, Gatehouse
from tests.edge.signins.soft_key import SoftKey

SITE = "sentrypost.house"


async def until_shut(page: Conversation) -> None:
    """Wrong tries until none is looked at any more."""
    wait_s = 0.0
    while not wait_s:
        asked = BecomeTerminal(code="ABCD-EFGH")
        wait_s = (await page.ask(asked, TerminalTaken)).wait_s
    guess = SignInByPassword(person="cleo", password="x", code="1")
    assert (await page.ask(guess, SignedIn)).wait_s > 0


def test_a_key_and_a_link_sign_in_while_somebody_floods_the_pages(tmp_path: Path) -> None:
    asyncio.run(_flooded(Gatehouse(tmp_path)))


async def _flooded(house: Gatehouse) -> None:
    key = SoftKey(SITE)
    async with running(house) as edge:
        token = await house.session(edge, "cleo")
        async with house.page() as page:
            await page.sign(token)
            options = (await page.ask(AskNewPasskey(), PasskeyAsked)).options
            made = AddPasskey(response=key.made(options), label="key")
            assert (await page.ask(made, SignInChanged)).done
        async with house.page() as page:
            hers = (await page.ask(AskPasskey(), PasskeyAsked)).options
            for _ in range(ASKED_MAX + 1):
                await page.ask(AskPasskey(), PasskeyAsked)
            await until_shut(page)
            signed = SignInByPasskey(response=key.signed(hers, CHIEF))
            done = await page.ask(signed, SignedIn)
            assert done.session is not None, done.reason
            wrong = await page.ask(SignInByLink(code="ABCD-EFGH"), SignedIn)
            assert (wrong.session, wrong.wait_s > 0) == (None, True)
            wrong = await page.ask(SignInByPasskey(response="{}"), SignedIn)
            assert (wrong.session, wrong.wait_s > 0) == (None, True)
        assert await house.session(edge, "cleo"), "by a link of the daemon's account"


def registered(key: SoftKey, ours: Passkeys) -> Passkey:
    """As one that is kept in several devices: it counts nothing."""
    asked = ours.ask_new(CHIEF, "cleo", "Cleo", (), 0)
    credential, _ = ours.added(key.made(asked), CHIEF, 0)
    return Passkey(
        id="1" * 16, holder=CHIEF, label="", credential=credential, count=0, made_us=0,
        used_us=0,
    )  # fmt: skip


def test_a_challenge_is_ours_counts_once_and_not_for_long() -> None:
    ours, other = (Passkeys(SITE, "house", os.urandom) for _ in range(2))
    key = SoftKey(SITE)
    on_file = registered(key, ours)
    late = ours.ask(0)
    with pytest.raises(PasskeyError, match="nobody waits"):
        ours.signed_in(key.signed(late, CHIEF, count=0), [on_file], ASKED_US + 1)
    with pytest.raises(PasskeyError, match="nobody waits"):
        ours.signed_in(key.signed(other.ask(0), CHIEF, count=0), [on_file], 0)
    # Without a count what it signs could be sent twice.
    response = key.signed(ours.ask(0), CHIEF, count=0)
    on_file = ours.signed_in(response, [on_file], ASKED_US)
    assert on_file.count == 0
    with pytest.raises(PasskeyError, match="nobody waits"):
        ours.signed_in(response, [on_file], ASKED_US)
    last = key.signed(ours.ask(ASKED_US), CHIEF, count=0)
    again = ours.signed_in(last, [on_file], ASKED_US)
    assert again.count == 0
    with pytest.raises(PasskeyError, match="nobody waits"):
        ours.signed_in(response, [on_file], ASKED_US)


@pytest.mark.parametrize("place", range(40))
def test_a_challenge_that_was_changed_anywhere_is_none_of_ours(place: int) -> None:
    ours = Passkeys(SITE, "house", os.urandom)
    challenge = bytearray(ours._entropy(16) + (10**15).to_bytes(8, "big"))
    challenge += ours._mac(bytes(challenge))
    assert ours._ours(bytes(challenge), 0) == 10**15
    challenge[place] ^= 1
    with pytest.raises(PasskeyError):
        ours._ours(bytes(challenge), 0)
    for length in (0, 8, 16, 39):
        with pytest.raises(PasskeyError):
            ours._ours(bytes(challenge[:length]), 0)
