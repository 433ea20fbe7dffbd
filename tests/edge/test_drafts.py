"""Drafts: what people sign at a page with their own keys, one beside the other or far away."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from controller import events as ev
from edge import draft_desk, drafts, drafts_signed
from edge.assembly import Edge
from edge.control.messages_orders import Carrier
from edge.control.messages_page_orders import (
    AddSignedFile,
    DraftOrder,
    DraftReply,
    DraftShown,
    RaisedKind,
    SignDraft,
)
from edge.order_key import order_key
from edge.signatures import signed_too, taken_apart
from policies.facts import Mode
from policies.rights import OrderKind
from tests.edge.authenticator import PRESENT, Authenticator
from tests.edge.house import House, bodies
from tests.edge.ordering import ANNA, BEN, CARL, STRANGER, lockdown
from tests.edge.paged import ADA, BOB, NORTH, Keys, answered, held, paged_house, passed
from tests.edge.test_page_raising import at_once, scene

__all__ = ["at_once"]

STAFF_LIFTS = '\n[order.lift]\nroles = ["staff"]\npeople = 2\n'


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def house(tmp_path: Path, keys: Keys) -> House:
    return paged_house(tmp_path, keys)


async def locked(edge: Edge) -> str:
    """The id of a lockdown in force."""
    return (await edge.desk.orders.give(lockdown(), Carrier.FILE, "", "smith")).order


async def drafted(edge: Edge, *ends: str, **said: object) -> DraftShown:
    asked = DraftOrder(kind=OrderKind.LIFT, reason="all clear", ends=ends, **said)
    reply = await edge.desk.page_orders.draft(asked, ADA)
    assert reply.accepted, reply
    assert reply.draft is not None
    return reply.draft


async def signs(edge: Edge, draft: DraftShown, device: Authenticator, **changes) -> DraftReply:
    response = answered(draft, device, **changes)
    return await edge.desk.page_orders.sign(SignDraft(draft=draft.draft, response=response), ADA)


def test_two_people_lift_at_one_screen_and_the_edge_signs_nothing(house: House, keys: Keys) -> None:
    async def what(edge: Edge) -> None:
        order = await locked(edge)
        draft = await drafted(edge, order)
        assert (draft.needed, draft.signed_by, draft.yours) == (2, (), True)
        assert [(one.order, one.order_kind) for one in draft.ends] == [(order, "lockdown")]
        assert draft.words[0] == "site house: lift (end a lockdown, shelter or evacuation)"
        options = json.loads(draft.options)
        assert (options["rpId"], options["userVerification"]) == ("sentrypost.house", "required")
        first = await signs(edge, draft, keys.ada)
        assert (first.accepted, first.given) == (True, None), first
        assert first.draft is not None
        assert first.draft.signed_by == ("Ada Lovelace",)
        assert [one.name for one in first.draft.may] == ["Anna", "Ben", "Bob Moses"]
        assert edge.desk.orders.posture().mode is Mode.LOCKDOWN
        second = await signs(edge, draft, keys.bob)
        assert second.given is not None, second
        assert (second.accepted, second.draft, second.given.accepted) == (True, None, True)
        assert edge.desk.orders.posture().mode is Mode.NORMAL
        given = (await bodies(edge, ev.OrderAccepted))[-1]
        assert isinstance(given, ev.OrderAccepted)
        assert (given.people, given.path) == (2, "page")
        assert order_key(house.folder / "state").id not in given.keys
        assert given.order.id == draft.order
        assert (await edge.desk.page_orders.drafts(BOB)).drafts == ()

    scene(house, what)


def test_nobody_is_two_people(house: House, keys: Keys) -> None:
    async def what(edge: Edge) -> None:
        draft = await drafted(edge, await locked(edge))
        assert (await signs(edge, draft, keys.ada)).accepted
        for device in (keys.ada, keys.ada_too):
            again = await signs(edge, draft, device)
            assert (again.accepted, again.given) == (False, None)
            assert "Ada Lovelace has signed it already" in again.reason
            assert again.draft is not None
            assert again.draft.signed_by == ("Ada Lovelace",)
        assert edge.desk.orders.posture().mode is Mode.LOCKDOWN

    scene(house, what)


def test_one_holder_under_two_names_is_one_person(tmp_path: Path, keys: Keys) -> None:
    house = paged_house(tmp_path, keys)
    file = tmp_path / "site.toml"
    file.write_text(file.read_text().replace('person = "Bob Moses"', 'person = "A. Lovelace"'))
    file.write_text(file.read_text().replace('holder = "2"', 'holder = "1"'))

    async def what(edge: Edge) -> None:
        draft = await drafted(edge, await locked(edge), issuer="ada")
        assert (await signs(edge, draft, keys.ada)).accepted
        again = await signs(edge, draft, keys.bob)
        assert "has signed it already" in again.reason
        assert edge.desk.orders.posture().mode is Mode.LOCKDOWN

    scene(house, what)


def other_challenge(draft: DraftShown, device: Authenticator) -> str:
    return device.response(bytes(32)).decode()


def other_origin(draft: DraftShown, device: Authenticator) -> str:
    return answered(draft, device, origin="https://sentrypost.house.example.org")


def unverified(draft: DraftShown, device: Authenticator) -> str:
    asked = base64.urlsafe_b64decode(f"{draft.challenge}==")
    client = device.client_data(asked)
    data, signature = device.assertion(client, flags=PRESENT)
    said = json.loads(device.response(asked))
    for name, value in (
        ("authenticatorData", data),
        ("clientDataJSON", client),
        ("signature", signature),
    ):
        said["response"][name] = base64.urlsafe_b64encode(value).decode().rstrip("=")
    return json.dumps(said)


def somebody_elses(draft: DraftShown, device: Authenticator) -> str:
    return answered(draft, Authenticator(device.rp, count=1))


ANSWERS: tuple[tuple[Callable[[DraftShown, Authenticator], str], str], ...] = (
    (other_challenge, "another order"),
    (other_origin, "another site"),
    (unverified, "has not verified its user"),
    (somebody_elses, "fits neither"),
    (lambda draft, device: "{}", "no AuthenticationResponseJSON"),
)


def test_what_no_key_has_signed_for_this_draft_does_not_count(house: House, keys: Keys) -> None:
    async def what(edge: Edge) -> None:
        draft = await drafted(edge, await locked(edge))
        for how, why in ANSWERS:
            asked = SignDraft(draft=draft.draft, response=how(draft, keys.ada))
            reply = await edge.desk.page_orders.sign(asked, ADA)
            assert (reply.accepted, reply.given) == (False, None)
            assert why in reply.reason
            assert reply.remedy
            (left,) = (await edge.desk.page_orders.drafts(ADA)).drafts
            assert left.signed_by == ()

    scene(house, what)


def test_roles_are_looked_at_when_somebody_signs(tmp_path: Path, keys: Keys) -> None:
    async def what(edge: Edge) -> None:
        draft = await drafted(edge, await locked(edge))
        assert [one.name for one in draft.may] == ["Ada Lovelace"], "the others are not on file"
        assert [one.must for one in draft.may] == [True]
        reply = await signs(edge, draft, keys.bob)
        assert not reply.accepted
        assert "Bob Moses's signature does not count" in reply.reason
        assert "staff" in reply.reason

    scene(paged_house(tmp_path, keys, STAFF_LIFTS), what)


def test_who_drafts_signs_with_the_key_whose_number_it_uses(house: House, keys: Keys) -> None:
    async def what(edge: Edge) -> None:
        desk = edge.desk.page_orders
        assert (await desk.drafts(ADA)).issuers == ("ada", "ada-too")
        draft = await drafted(edge, await locked(edge))
        allowed = {one["id"] for one in json.loads(draft.options)["allowCredentials"]}
        named = base64.urlsafe_b64encode(keys.ada_too.credential).decode().rstrip("=")
        assert named not in allowed
        assert len(allowed) == 2, "hers and Bob's"
        reply = await signs(edge, draft, keys.ada_too)
        assert "number in it is that of key 'ada'" in reply.reason
        with_it = await drafted(edge, await locked(edge), issuer="ada-too")
        assert (await signs(edge, with_it, keys.ada_too)).accepted

    scene(house, what)


# --- elsewhere ----------------------------------------------------------------------------------


def test_the_second_person_signs_a_file_elsewhere(house: House, keys: Keys) -> None:
    async def what(edge: Edge) -> None:
        desk = edge.desk.page_orders
        draft = await drafted(edge, await locked(edge))
        early = desk.file(draft.draft).envelope
        assert (await signs(edge, draft, keys.ada)).accepted
        file = desk.file(draft.draft)
        assert len(taken_apart(file.envelope).signatures) == 1
        assert file.name == f"lift-{draft.draft[:8]}.order"
        for bad, why in (
            (signed_too(file.envelope, CARL), "may not sign orders"),
            (signed_too(file.envelope, STRANGER), "does not know"),
            (signed_too(file.envelope, NORTH), "an edge's own"),
            (lockdown(BEN), "another order"),
            (file.envelope, "nobody has signed it since"),
            (early, "nobody has signed this"),
            (b"nonsense", "no signed file"),
        ):
            reply = await desk.add(AddSignedFile(draft=draft.draft, envelope=bad), ADA)
            assert (reply.accepted, reply.given) == (False, None)
            assert why in reply.reason
            assert reply.remedy
        elsewhere = signed_too(early, BEN)
        reply = await desk.add(AddSignedFile(draft=draft.draft, envelope=elsewhere), ADA)
        assert reply.given is not None, reply
        assert reply.given.accepted
        assert edge.desk.orders.posture().mode is Mode.NORMAL

    scene(house, what)


def test_nothing_is_given_before_its_issuer_has_signed(house: House) -> None:
    async def what(edge: Edge) -> None:
        desk = edge.desk.page_orders
        draft = await drafted(edge, await locked(edge))
        both = signed_too(signed_too(desk.file(draft.draft).envelope, ANNA), BEN)
        reply = await desk.add(AddSignedFile(draft=draft.draft, envelope=both), ADA)
        assert (reply.accepted, reply.given) == (True, None)
        assert reply.draft is not None
        assert [one.name for one in reply.draft.may if one.must] == ["Ada Lovelace"]
        assert edge.desk.orders.posture().mode is Mode.LOCKDOWN

    scene(house, what)


# --- made and over ------------------------------------------------------------------------------


def test_a_draft_is_over_after_a_while(
    house: House, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts_signed, "DRAFT_US", 200_000)

    async def what(edge: Edge) -> None:
        draft = await drafted(edge, await locked(edge))
        await passed(edge, 200)
        reply = await signs(edge, draft, keys.ada)
        assert (reply.accepted, reply.draft) == (False, None)
        assert "no such draft" in reply.reason
        assert edge.desk.page_orders.file(draft.draft).reason == reply.reason
        assert (await edge.desk.page_orders.drafts(ADA)).drafts == ()

    assert drafts.DRAFT_US == 15 * 60 * 1_000_000
    scene(house, what)


def test_who_has_made_it_withdraws_it_and_nobody_else(house: House) -> None:
    async def what(edge: Edge) -> None:
        desk = edge.desk.page_orders
        draft = await drafted(edge, await locked(edge))
        assert not desk.withdraw(draft.draft, BOB).accepted
        (seen,) = (await desk.drafts(BOB)).drafts
        assert seen.yours is False
        assert desk.withdraw(draft.draft, ADA).accepted
        assert (await desk.drafts(BOB)).drafts == ()
        assert not desk.withdraw(draft.draft, ADA).accepted

    scene(house, what)


def test_there_are_no_more_than_anybody_reads(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def what(edge: Edge) -> None:
        order = await locked(edge)
        asked = DraftOrder(kind=OrderKind.LIFT, reason="all clear", ends=(order,))
        for _ in range(drafts_signed.OWN_MAX):
            await drafted(edge, order)
        assert "too many" in (await edge.desk.page_orders.draft(asked, ADA)).reason
        assert (await edge.desk.page_orders.draft(asked, BOB)).accepted, "he has none"
        monkeypatch.setattr(drafts_signed, "DRAFTS_MAX", drafts_signed.OWN_MAX + 1)
        assert "too many" in (await edge.desk.page_orders.draft(asked, BOB)).reason

    scene(house, what)


IN_VAIN: tuple[tuple[dict[str, object], str], ...] = (
    ({"kind": OrderKind.LIFT, "ends": ("ab" * 32,)}, "is not in force here"),
    ({"kind": OrderKind.LIFT}, "needs 'ends'"),
    ({"kind": OrderKind.POLICY}, "no order that is drafted"),
    ({"kind": OrderKind.UNLOCK, "portals": ("frnt",), "until_s": 1}, "no portal 'frnt'"),
    ({"kind": OrderKind.UNLOCK, "portals": ("front",), "until_s": 1}, "over already"),
    ({"kind": OrderKind.LOCKDOWN, "issuer": "ad"}, "no [key.ad]"),
    ({"kind": OrderKind.LOCKDOWN, "issuer": "carl"}, "no [key.carl]"),
    (
        {
            "kind": OrderKind.DELEGATE,
            "role": "staff",
            "person": "99",
            "until_s": 4_000_000_000,
        },
        "nobody on file has the id '99'",
    ),
)


def test_what_would_be_signed_in_vain_is_no_draft(house: House) -> None:
    async def what(edge: Edge) -> None:
        for said, why in IN_VAIN:
            reply = await edge.desk.page_orders.draft(DraftOrder(reason="test", **said), ADA)
            assert not reply.accepted
            assert why in reply.reason
            assert reply.remedy
        assert (await edge.desk.page_orders.drafts(ADA)).drafts == ()

    scene(house, what)


def test_whoever_has_no_key_names_somebodys(house: House, keys: Keys) -> None:
    async def what(edge: Edge) -> None:
        desk = edge.desk.page_orders
        nobody = ADA._replace(person="3")
        asked = DraftOrder(kind=OrderKind.LIFT, reason="all clear", ends=(await locked(edge),))
        refused = await desk.draft(asked, nobody)
        assert "none of your keys" in refused.reason
        assert "holder" in refused.remedy
        named = DraftOrder(kind=asked.kind, reason="all clear", ends=asked.ends, issuer="bob")
        reply = await desk.draft(named, nobody)
        assert reply.draft is not None
        assert [one.name for one in reply.draft.may if one.must] == ["Bob Moses"]

    scene(house, what)


def test_an_order_that_does_not_count_any_more_says_so(house: House, keys: Keys) -> None:
    """Both have signed, and the edge has lifted it meanwhile by another order."""

    async def what(edge: Edge) -> None:
        order = await locked(edge)
        first, second = await drafted(edge, order), await drafted(edge, order)
        for draft in (first, second):
            assert (await signs(edge, draft, keys.ada)).accepted
            reply = await signs(edge, draft, keys.bob)
            assert reply.given is not None
            assert reply.given.accepted, "what is ended already stays so"
        assert edge.desk.orders.posture().mode is Mode.NORMAL
        taken = await bodies(edge, ev.OrderAccepted)
        lifts = [one for one in taken if isinstance(one, ev.OrderAccepted) and one.order.ends]
        assert len(lifts) == 1

    scene(house, what)


def test_every_kind_of_order_has_its_words_and_fits(house: House) -> None:
    async def what(edge: Edge) -> None:
        order = await locked(edge)
        fields: dict[OrderKind, dict[str, object]] = {
            OrderKind.LIFT: {"ends": (order,)},
            OrderKind.UNLOCK: {"portals": ("front",), "until_s": 4_000_000_000},
            OrderKind.SUCCEED: {"role": "staff", "person": "2", "until_s": 4_000_000_000},
            OrderKind.SHELTER: {"zones": ("vault",), "drill": True, "moves": False},
        }
        for kind, said in fields.items():
            asked = DraftOrder(kind=kind, reason="test", **said)
            reply = await edge.desk.page_orders.draft(asked, ADA)
            assert reply.draft is not None, reply
            assert reply.draft.order_kind is kind
            assert len(reply.draft.words) >= 3

    scene(house, what)


def test_however_many_look_whom_it_takes_is_looked_up_once(
    house: House, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    honest = draft_desk.why_not_her

    def counted(*asked: object) -> str | None:
        looked.append("up")
        return honest(*asked)  # type: ignore[arg-type]

    async def what(edge: Edge) -> None:
        draft = await drafted(edge, await locked(edge))
        monkeypatch.setattr(draft_desk, "why_not_her", counted)
        for by in (ADA, BOB, ADA):
            (shown,) = (await edge.desk.page_orders.drafts(by)).drafts
            assert shown.yours is (by is ADA)
        assert looked == []
        assert (await signs(edge, draft, keys.ada)).accepted
        assert looked, "with a signature it is another draft"

    scene(house, what)


LED = """
[order.lockdown]
roles = ["staff"]
[order.delegate]
roles = ["staff"]
"""


def test_one_signature_lends_a_role_and_the_page_knows_it(tmp_path: Path, keys: Keys) -> None:
    house = paged_house(tmp_path, keys, LED)

    async def what(edge: Edge) -> None:
        desk = edge.desk.page_orders
        before = await held(edge, BOB, RaisedKind.LOCKDOWN, "press-01")
        assert not before.accepted
        until_s = edge.daemon.now().utc_s + 3600
        asked = DraftOrder(
            kind=OrderKind.DELEGATE, reason="leave", role="staff", person="2", until_s=until_s
        )
        made = await desk.draft(asked, ADA)
        assert made.draft is not None, made
        assert (made.draft.needed, made.draft.person) == (1, "2")
        done = await signs(edge, made.draft, keys.ada)
        assert done.given is not None, done
        assert done.given.accepted, done
        (acts,) = (await desk.console(ADA)).posture.acting
        assert (acts.role, acts.person) == ("staff", "2")
        assert (await held(edge, BOB, RaisedKind.LOCKDOWN, "press-02")).accepted

    scene(house, what)
