"""A consent is drafted at the console and signed by each person's own key; the edge signs none."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from controller.ids import HolderId
from edge.assembly import Edge
from edge.config import ConfigError
from edge.control.desk_page_orders import AtPage
from edge.control.messages_page_orders import (
    AddSignedFile,
    DraftConsent,
    DraftReply,
    DraftShown,
    SignDraft,
)
from edge.drafts_signed import OVER
from edge.fido2_assertions import from_webauthn, rp_id
from edge.signatures import public_text, signed_too
from edge.signed_orders import with_assertion
from policies.codes import Code
from policies.rights import OrderKind
from tests.edge.authenticator import Authenticator
from tests.edge.checks import ready
from tests.edge.house import BOB, House, running
from tests.edge.paged import answered
from tests.edge.signed import key
from tests.edge.test_visits import POLICE, code, police

CHIEF = AtPage("session-chief", "1", HolderId("a" * 16), "desk")
OTHER = AtPage("session-other", "3", HolderId("c" * 16), "gate")

BY_TWO = POLICE + '\n[order.consent]\nroles = ["staff"]\npeople = 2\n'
STAFF = b"id,name,roles\n3,Dora,staff\n"
DORA = key(6)


class Keys:
    """Ada's security key may sign consents, Carl's orders alone; Dora signs files."""

    def __init__(self) -> None:
        self.ada = Authenticator(rp_id("house"), count=1)
        self.carl = Authenticator(rp_id("house"), count=1)


@pytest.fixture
def keys() -> Keys:
    return Keys()


def consenting(folder: Path, keys: Keys, policy: str = POLICE) -> House:
    house = House(folder)
    (folder / "policy.toml").write_text(policy)
    with (folder / "site.toml").open("a") as file:
        for name, device, may, holder in (
            ("ada", keys.ada, "consent", "1"),
            ("carl", keys.carl, "order", ""),
        ):
            text = base64.b64encode(device.attested).decode()
            file.write(
                f'\n[key.{name}]\nperson = "{name.title()}"\nfido2 = "{text}"\nmay = ["{may}"]\n'
            )
            file.write(f'holder = "{holder}"\n' if holder else "")
        public = json.dumps(public_text(DORA.public))
        file.write(f'\n[key.dora]\nperson = "Dora"\npublic = {public}\nmay = ["consent"]\n')
        file.write('holder = "3"\n')
    return house


def scene(house: House, what: Callable[[Edge], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            assert (await edge.desk.import_people(STAFF, "smith", False)).applied
            await police(edge)
            await what(edge)

    asyncio.run(run())


async def drafted(edge: Edge, by: AtPage = CHIEF, **changes: object) -> DraftReply:
    plain = {"person": "2", "until_s": edge.daemon.now().utc_s + 3600, "reason": "a burst pipe"}
    asked = DraftConsent(**(plain | changes))  # type: ignore[arg-type]
    return await edge.desk.page_orders.draft_consent(asked, by)


async def draft_of(edge: Edge, by: AtPage = CHIEF) -> DraftShown:
    done = await drafted(edge, by)
    assert done.draft is not None, done.reason
    return done.draft


async def signs(edge: Edge, draft: DraftShown, device: Authenticator) -> DraftReply:
    asked = SignDraft(draft=draft.draft, response=answered(draft, device))
    return await edge.desk.page_orders.sign(asked, CHIEF)


def test_one_signature_with_a_security_key_lets_the_agent_in(tmp_path: Path, keys: Keys) -> None:
    house = consenting(tmp_path, keys)

    async def what(edge: Edge) -> None:
        assert await code(edge, house) is Code.NO_CONSENT
        draft = await draft_of(edge)
        assert (draft.order_kind, draft.person, draft.needed) == (OrderKind.CONSENT, "2", 1)
        assert {one.name for one in draft.may} == {"Ada", "Dora"}
        assert "'2' may enter until" in draft.words[0]
        (waits,) = (await edge.desk.page_orders.console(OTHER)).drafts
        assert (waits.draft, waits.yours) == (draft.draft, False)
        done = await signs(edge, draft, keys.ada)
        assert done.accepted, done.reason
        state = await edge.desk.page_orders.console(CHIEF)
        (consent,) = state.consents
        assert (consent.person, consent.signed_by, consent.given_by) == ("2", "Ada", "1")
        assert state.drafts == ()
        assert await code(edge, house, BOB) is Code.GRANTED

    scene(house, what)


def test_where_the_policy_asks_two_the_second_may_sign_a_file(tmp_path: Path, keys: Keys) -> None:
    house = consenting(tmp_path, keys, BY_TWO)

    async def what(edge: Edge) -> None:
        orders = edge.desk.page_orders
        draft = await draft_of(edge)
        first = await signs(edge, draft, keys.ada)
        assert (first.accepted, first.reason) == (True, "signed")
        assert first.draft is not None
        assert first.draft.signed_by == ("Ada",)
        assert await code(edge, house) is Code.NO_CONSENT
        again = await signs(edge, draft, keys.ada)
        assert "has signed it already" in again.reason
        file = signed_too(orders.file(draft.draft).envelope, DORA)
        done = await orders.add(AddSignedFile(draft=draft.draft, envelope=file), OTHER)
        assert done.accepted, done.reason
        (consent,) = (await orders.console(CHIEF)).consents
        assert consent.signed_by == "Ada, Dora"
        assert await code(edge, house, BOB) is Code.GRANTED

    scene(house, what)


def test_no_other_key_and_no_other_draft_counts(tmp_path: Path, keys: Keys) -> None:
    house = consenting(tmp_path, keys)

    async def what(edge: Edge) -> None:
        orders = edge.desk.page_orders
        one, other = await draft_of(edge), await draft_of(edge)
        carl = await signs(edge, one, keys.carl)
        assert (carl.accepted, carl.draft is not None) == (False, True)
        swapped = SignDraft(draft=one.draft, response=answered(other, keys.ada))
        assert not (await orders.sign(swapped, CHIEF)).accepted
        file = signed_too(orders.file(other.draft).envelope, DORA)
        wrong = await orders.add(AddSignedFile(draft=one.draft, envelope=file), CHIEF)
        assert "another order" in wrong.reason
        unsigned = AddSignedFile(draft=one.draft, envelope=orders.file(one.draft).envelope)
        assert "nobody has signed it since" in (await orders.add(unsigned, CHIEF)).reason
        assert "somebody else" in orders.withdraw(one.draft, OTHER).reason
        assert orders.withdraw(one.draft, CHIEF).accepted
        assert (await signs(edge, one, keys.ada)).reason == OVER
        assert (await orders.console(CHIEF)).consents == ()
        assert await code(edge, house) is Code.NO_CONSENT

    scene(house, what)


def test_a_file_with_another_s_security_key_on_it_is_none(tmp_path: Path, keys: Keys) -> None:
    house = consenting(tmp_path, keys)

    async def what(edge: Edge) -> None:
        draft = await draft_of(edge)
        envelope = edge.desk.page_orders.file(draft.draft).envelope
        for device, accepted in ((keys.carl, False), (keys.ada, True)):
            signature = from_webauthn(answered(draft, device).encode())
            signed, _ = with_assertion(envelope, signature, house.config().keys, "house")
            given = await edge.desk.give_consent(signed, "smith")
            assert given.accepted is accepted, given.reason
            assert accepted or "nobody has signed this who may sign consent" in given.reason

    scene(house, what)


def test_a_key_of_which_there_are_two_consents_to_nothing(tmp_path: Path, keys: Keys) -> None:
    house = consenting(tmp_path, keys)

    async def what(edge: Edge) -> None:
        assert (await signs(edge, await draft_of(edge), keys.ada)).accepted
        keys.ada.count -= 1  # a copy of it has signed as often
        again = await signs(edge, await draft_of(edge), keys.ada)
        assert (again.accepted, "two of the security key" in again.reason) == (False, True)
        assert (await signs(edge, await draft_of(edge), keys.ada)).accepted

    scene(house, what)


@pytest.mark.parametrize("may", ['"consent", "people"', '"raise"', '"policy"'])
def test_a_security_key_signs_orders_and_consents_alone(
    may: str, tmp_path: Path, keys: Keys
) -> None:
    house = consenting(tmp_path, keys)
    file = tmp_path / "site.toml"
    file.write_text(file.read_text().replace('may = ["order"]', f"may = [{may}]"))
    with pytest.raises(ConfigError, match="signs orders and consents, and nothing else"):
        house.config()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"person": "nobody"}, "nobody on file has the id 'nobody'"),
        ({"person": "1"}, "no agent of the host state"),
        ({"zones": ("nowhere",)}, "no zone 'nowhere'"),
        ({"until_s": 1}, "over already"),
        ({"until_s": 4_000_000_000}, "24 hours at most"),
    ],
)
def test_what_the_core_would_refuse_is_not_drafted(
    changes: dict[str, object], said: str, tmp_path: Path, keys: Keys
) -> None:
    async def what(edge: Edge) -> None:
        refused = await drafted(edge, **changes)
        assert (refused.accepted, said in refused.reason) == (False, True), refused.reason

    scene(consenting(tmp_path, keys), what)
