"""A policy comes into force while the edge runs, signed by two people, or nothing changes."""

import asyncio
import base64
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from controller import events as ev
from controller.holders import Directory
from controller.orders import Order
from edge import policy_bundle
from edge.assembly import Edge
from edge.control.messages_policy import PolicyReply
from edge.people import Change, Made, People
from edge.people_desk import OTHER_POLICY
from edge.policy_bundle import ENVELOPE_BYTES_MAX, PAYLOAD_TYPE
from edge.policy_store import FOLDER, KeptPolicy, PolicyStore
from edge.signatures import SigningKey, sign, unverified
from policies import Problem
from policies.codes import Code
from policies.rights import OrderKind
from simulators.orders import offered
from tests.edge.checks import ready, stall_disk
from tests.edge.house import ADA, FRONT, PIN, POLICY, House, bodies, running, until
from tests.edge.signed import (
    ANNA,
    ANNA_TOO,
    BEN,
    CARL,
    STRANGER,
    bundle,
    digest_of,
    shut,
    signed_house,
    version,
)

FIRST = digest_of(POLICY)
BOTH = (ANNA, BEN)
WHO = "smith"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return signed_house(tmp_path)


def scene(house: House, what: Callable[[Edge], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            await what(edge)

    asyncio.run(run())


async def decided(
    edge: Edge, house: House, count: int, reader: str = "front-in"
) -> ev.DecisionMade:
    """What is decided about Ada's badge; `count`: how many decisions that makes."""
    house.badge(reader, ADA)
    *_, last = await until(edge, ev.DecisionMade, count)
    assert isinstance(last, ev.DecisionMade)
    return last


def kept(house: House) -> dict[str, bytes]:
    folder = house.folder / "state" / FOLDER
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def loaded(edge: Edge, text: str) -> PolicyReply:
    reply = await edge.desk.load_policy(bundle(text, *BOTH), WHO)
    assert reply.applied, reply
    return reply


# --- loading ------------------------------------------------------------------------------------


def test_a_policy_that_two_people_signed_decides_the_next_badge(house: House) -> None:
    async def what(edge: Edge) -> None:
        before = await decided(edge, house, 1)
        assert (before.decision.granted, before.policy) == (True, FIRST)
        reply = await edge.desk.load_policy(bundle(shut(2), *BOTH), WHO)
        second = digest_of(shut(2))
        assert (reply.applied, reply.recorded, reply.version) == (True, True, 2)
        assert (reply.digest, reply.signed_by) == (second, ("Anna", "Ben"))
        (body,) = await bodies(edge, ev.PolicyActivated)
        assert isinstance(body, ev.PolicyActivated)
        assert (body.version, body.digest, body.returned) == (2, second, False)
        assert body.keys == tuple(sorted((ANNA.id, BEN.id)))
        assert len(body.bundle) == 64
        assert body.operator is not None
        after = await decided(edge, house, 2)
        assert (after.decision.granted, after.policy) == (False, second)
        assert after.decision.code is Code.NO_GRANT
        assert set(kept(house)) == {f"{FIRST}.policy", f"{second}.policy"}

    scene(house, what)


def test_a_zone_of_which_an_order_tells_keeps_its_name(house: House) -> None:
    renamed = version(2).replace("[zone.vault]", "[zone.cellar]").replace('"vault"', '"cellar"')

    async def what(edge: Edge) -> None:
        about = Order(
            id="ab" * 32,
            kind=OrderKind.LOCKDOWN,
            issuer="ab" * 16,
            counter=1,
            reason="it is looked for something",
            review_s=2**31,
            zones=("vault",),
        )
        edge.daemon.judge(offered(about))
        reply = await edge.desk.load_policy(bundle(renamed, *BOTH), WHO)
        assert not reply.applied
        assert "lockdown for vault" in reply.reason
        assert any(portal.secured for portal in edge.daemon.site.state.portals.values())

    scene(house, what)


def test_the_policy_that_decides_already_is_known_again(house: House) -> None:
    """Central asks again where an answer was lost."""

    async def what(edge: Edge) -> None:
        await loaded(edge, shut(2))
        again = await edge.desk.load_policy(bundle(shut(2), *BOTH), WHO)
        assert (again.applied, again.already, again.recorded) == (False, True, True)
        assert (again.version, again.digest) == (2, digest_of(shut(2)))
        other = await edge.desk.load_policy(bundle(version(2), *BOTH), WHO)
        assert (other.applied, other.already) == (False, False)
        none = await edge.desk.load_policy(b"no file", WHO)
        assert (none.applied, none.already) == (False, False)

    scene(house, what)


def test_who_waits_for_his_pin_is_judged_by_the_policy_he_began_under(house: House) -> None:
    locked = version(2).replace('zones = ["hall", "vault"]', 'zones = ["hall"]')

    async def what(edge: Edge) -> None:
        house.badge("vault-in", ADA)
        await until(edge, ev.FactorAsked)
        await loaded(edge, locked)
        house.readers["vault-in"].press_keys(PIN + "#")
        (first,) = await until(edge, ev.DecisionMade)
        assert isinstance(first, ev.DecisionMade)
        assert (first.decision.granted, first.policy) == (True, FIRST)
        second = await decided(edge, house, 2, "vault-in")
        assert (second.decision.granted, second.policy) == (False, digest_of(locked))

    scene(house, what)


def test_what_a_policy_says_of_a_lock_holds_from_there_on(house: House) -> None:
    """The strike is a magnet by the new one: with current it is locked."""
    at = POLICY.index("[portal.front]")
    magnet = POLICY[:at] + POLICY[at:].replace("power-to-unlock", "power-to-lock", 1)

    async def what(edge: Edge) -> None:
        assert not house.board.outputs[FRONT]
        await loaded(edge, version(2, magnet))
        async with asyncio.timeout(5):
            while not house.board.outputs[FRONT]:
                await asyncio.sleep(0.01)

    scene(house, what)


# --- refusals -----------------------------------------------------------------------------------


def resigned(text: str, changes: Mapping[str, Any]) -> bytes:
    """Both have signed something that contradicts itself."""
    payload = json.loads(unverified(bundle(text), PAYLOAD_TYPE)[0]) | changes
    return sign(json.dumps(payload).encode(), PAYLOAD_TYPE, BOTH)


def tampered(text: str) -> bytes:
    """Signed by both, and then somebody lets himself in."""
    envelope = json.loads(bundle(text, *BOTH))
    payload = base64.b64decode(envelope["payload"])
    changed = payload.replace(b'\\"vault\\"', b'\\"hall\\"')
    assert changed != payload
    return json.dumps(envelope | {"payload": base64.b64encode(changed).decode()}).encode()


def unknown_portal() -> str:
    return version(2).replace("[portal.front]", "[portal.side]")


def kept_in() -> str:
    """A declared invariant that does not hold."""
    return version(2) + '\n[[never]]\nid = "no-vault"\nroles = ["staff"]\nreach = ["vault"]\n'


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nobody": (lambda: bundle(version(2)), "nobody has signed"),
    "one": (lambda: bundle(version(2), ANNA), "1 of 2 people"),
    "one person with two keys": (lambda: bundle(version(2), ANNA, ANNA_TOO), "1 of 2 people"),
    "who may not": (lambda: bundle(version(2), ANNA, CARL), "these may not: carl"),
    "a stranger": (lambda: bundle(version(2), ANNA, STRANGER), "1 of 2 people"),
    "tampered": (lambda: tampered(version(2)), "nobody has signed"),
    "no file": (lambda: b"[" * 1_000, "no signed file"),
    "too large": (lambda: b" " * (ENVELOPE_BYTES_MAX + 1), "no signed policy"),
    "other kind": (lambda: sign(b"{}", "application/x", BOTH), "this is 'application/x'"),
    "no policy": (lambda: sign(b"{}", PAYLOAD_TYPE, BOTH), "no signed policy"),
    "same version": (lambda: bundle(shut(1), *BOTH), "version 1 was in force"),
    "says another version": (lambda: resigned(version(2), {"version": 3}), "contradicts itself"),
    "says another digest": (lambda: resigned(version(2), {"digest": "0" * 64}), "its digest"),
    "other site": (
        lambda: bundle(version(2).replace('"house"', '"cellar"'), *BOTH),
        "is for site 'cellar'",
    ),
    "not wired": (lambda: bundle(unknown_portal(), *BOTH), "does not wire"),
    "breaks an invariant": (lambda: bundle(kept_in(), *BOTH), "must always hold"),
}


def test_what_is_refused_is_named_and_changes_nothing(house: House) -> None:
    async def what(edge: Edge) -> None:
        daemon, before = edge.daemon, kept(house)
        policy, seq = daemon.site.policy, daemon.site.state.seq
        for name, (make, reason) in REFUSED.items():
            reply = await edge.desk.load_policy(make(), WHO)
            assert not reply.applied, name
            assert reason in reply.reason, (name, reply.reason)
            assert reply.remedy, name
            assert (reply.version, reply.digest) == (1, FIRST), name
        assert daemon.site.policy is policy
        assert daemon.site.state.seq == seq, "nothing was recorded"
        assert kept(house) == before
        assert (await decided(edge, house, 1)).policy == FIRST

    scene(house, what)


def test_every_mistake_is_named(house: House) -> None:
    async def what(edge: Edge) -> None:
        unwired = await edge.desk.load_policy(bundle(unknown_portal(), *BOTH), WHO)
        assert "portal 'side' of the policy is not wired" in unwired.problems[0]
        assert "no portal of the policy 'front'" in unwired.problems[1]
        broken = await edge.desk.load_policy(bundle(kept_in(), *BOTH), WHO)
        (problem,) = broken.problems
        assert problem.startswith("policy.toml:")
        assert "does not hold" in problem
        text = version(2).replace('roles = ["staff"]', 'roles = ["stuff"]')
        files = [{"name": "policy.toml", "text": text}]
        faulty = {"files": files, "digest": faulty_digest(text)}
        wrong = await edge.desk.load_policy(resigned(version(2), faulty), WHO)
        assert (wrong.applied, wrong.reason) == (False, "the policy has mistakes")
        assert "did you mean 'staff'" in wrong.problems[0]

    scene(house, what)


def faulty_digest(text: str) -> str:
    from policies import SourceFile
    from policies.loader import digest_of

    return digest_of([SourceFile("policy.toml", text.encode())], policy_bundle.own_tzdata())


def test_other_time_zones_are_told_with_what_to_do(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(policy_bundle, "version", lambda _: "2031.1")
        signed = bundle(version(2), *BOTH)

    async def what(edge: Edge) -> None:
        reply = await edge.desk.load_policy(signed, WHO)
        assert not reply.applied
        assert "with time zones 2031.1, this edge has" in reply.reason
        assert f"tzdata {policy_bundle.own_tzdata()}" in reply.remedy

    scene(house, what)


# --- people -------------------------------------------------------------------------------------


def guests(number: int) -> str:
    """Staff who clean are guests by it."""
    return version(number) + CLEANER + 'kind = "visitor"\n'


CLEANER = "\n[role.cleaner]\n"


def cleaning_house(folder: Path) -> House:
    house = signed_house(folder)
    (folder / "policy.toml").write_text(POLICY + CLEANER)
    return house


async def imported(edge: Edge, csv: bytes) -> None:
    reply = await edge.desk.import_people(csv, WHO, False)
    assert reply.applied, reply


def test_a_policy_that_makes_visitors_of_people_with_other_roles_is_refused(
    tmp_path: Path,
) -> None:
    async def what(edge: Edge) -> None:
        await imported(edge, b"id,roles\n1,staff cleaner\n2,cleaner\n")
        seq = edge.daemon.site.state.seq
        reply = await edge.desk.load_policy(bundle(guests(2), *BOTH), WHO)
        assert (reply.applied, reply.reason) == (
            False,
            "by this policy visitors have another role as well: 1 person (1)",
        )
        assert "Ada" not in reply.reason + reply.remedy
        assert edge.daemon.site.state.seq == seq
        await imported(edge, b"id,roles\n1,staff\n")
        await loaded(edge, guests(2))
        await loaded(edge, version(3) + CLEANER)
        await imported(edge, b"id,roles\n1,staff cleaner\n")
        back = await edge.desk.return_policy(WHO)
        assert not back.applied, "nor does a return make them"
        assert "1 person (1)" in back.reason

    scene(cleaning_house(tmp_path), what)


def test_people_who_come_just_before_a_policy_does_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping, go_on = threading.Event(), threading.Event()
    honest = PolicyStore.put

    def slow(store: PolicyStore, digest: str, kept: KeptPolicy) -> None:
        keeping.set()
        assert go_on.wait(20)
        honest(store, digest, kept)

    async def what(edge: Edge) -> None:
        monkeypatch.setattr(PolicyStore, "put", slow)
        loading = asyncio.create_task(edge.desk.load_policy(bundle(guests(2), *BOTH), WHO))
        await asyncio.to_thread(keeping.wait, 20)
        await imported(edge, b"id,roles\n1,staff cleaner\n")
        go_on.set()
        reply = await loading
        assert (reply.applied, reply.reason) == (False, "people were changed just now")

    scene(cleaning_house(tmp_path), what)


def test_people_who_were_looked_at_under_another_policy_are_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging, go_on = threading.Event(), threading.Event()
    honest = People.stage

    def slow(people: People, change: Change, made: Made) -> Directory:
        staging.set()
        assert go_on.wait(20)
        return honest(people, change, made)

    async def what(edge: Edge) -> None:
        both = b"id,roles\n1,staff cleaner\n"
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(People, "stage", slow)
            importing = asyncio.create_task(edge.desk.import_people(both, WHO, False))
            await asyncio.to_thread(staging.wait, 20)
            await loaded(edge, guests(2))
            go_on.set()
            (problem,) = (await importing).problems
        assert problem.message == OTHER_POLICY
        (again,) = (await edge.desk.import_people(both, WHO, False)).problems
        assert "is a visitor's role" in again.message
        await imported(edge, b"id,roles\n1,cleaner\n")

    scene(cleaning_house(tmp_path), what)


# --- going back ---------------------------------------------------------------------------------


def test_one_step_leads_back_without_signatures_and_under_a_name(house: House) -> None:
    async def what(edge: Edge) -> None:
        nothing = await edge.desk.return_policy(WHO)
        assert (nothing.applied, nothing.reason) == (False, "there is no policy to return to")
        await loaded(edge, shut(2))
        assert not (await decided(edge, house, 1)).decision.granted
        back = await edge.desk.return_policy(WHO)
        assert (back.applied, back.version, back.digest) == (True, 1, FIRST)
        after = await decided(edge, house, 2)
        assert (after.decision.granted, after.policy) == (True, FIRST)
        *_, body = await bodies(edge, ev.PolicyActivated)
        assert isinstance(body, ev.PolicyActivated)
        assert (body.returned, body.keys, body.bundle) == (True, (), "")
        assert body.operator is not None
        assert not (await edge.desk.return_policy(WHO)).applied, "one step and no further"
        again = await edge.desk.load_policy(bundle(shut(2), *BOTH), WHO)
        assert "version 2 was in force" in again.reason
        await loaded(edge, shut(5))
        lower = await edge.desk.load_policy(bundle(shut(4), *BOTH), WHO)
        assert "is version 4, and version 5 was in force" in lower.reason

    scene(house, what)


def test_what_a_return_leads_to_is_proven_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer version may know more than the one under which it came into force."""

    async def what(edge: Edge) -> None:
        await loaded(edge, shut(2))
        broken = Problem("policy.toml", 1, 1, "", "a way out is not free")
        monkeypatch.setattr(policy_bundle, "refusals", lambda *_: [broken])
        back = await edge.desk.return_policy(WHO)
        assert (back.applied, back.version, back.problems) == (False, 2, (str(broken),))
        assert back.reason == "the policy breaks what must always hold"

    scene(house, what)


# --- the disk -----------------------------------------------------------------------------------


def test_what_could_not_be_recorded_is_refused_and_what_is_not_yet_is_said(house: House) -> None:
    async def what(edge: Edge) -> None:
        stall = stall_disk(edge, 1.5)
        late = await edge.desk.load_policy(bundle(shut(2), *BOTH), WHO)
        assert (late.applied, late.recorded) == (True, False)
        refused = await edge.desk.load_policy(bundle(shut(3), *BOTH), WHO)
        assert (refused.applied, refused.version) == (False, 2)
        assert "cannot be written" in refused.reason
        assert not (await edge.desk.return_policy(WHO)).applied
        await stall
        await until(edge, ev.JournalRestored)
        (body,) = await bodies(edge, ev.PolicyActivated)
        assert isinstance(body, ev.PolicyActivated)
        assert body.version == 2
        await loaded(edge, shut(3))

    scene(house, what)


def test_a_policy_that_cannot_be_kept_is_refused(house: House) -> None:
    async def what(edge: Edge) -> None:
        folder = house.folder / "state" / FOLDER
        (folder / f"{digest_of(shut(2))}.new").mkdir()
        reply = await edge.desk.load_policy(bundle(shut(2), *BOTH), WHO)
        assert not reply.applied
        assert "cannot be kept" in reply.reason
        assert (await decided(edge, house, 1)).policy == FIRST

    scene(house, what)


# --- meanwhile ----------------------------------------------------------------------------------

ROLES = 150


def large(number: int) -> str:
    """So many rules that compiling and proving takes a while."""
    roles = (f"[role.r{at}]\nclearance = {at % 3}\n" for at in range(ROLES))
    grants = (
        f'[[grant]]\nid = "g-{at}"\nroles = ["r{at}"]\nzones = ["hall"]\n' for at in range(ROLES)
    )
    return version(number) + "\n".join((*roles, *grants))


def test_decisions_go_on_while_a_large_policy_is_loaded(house: House) -> None:
    async def what(edge: Edge) -> None:
        loading = asyncio.create_task(edge.desk.load_policy(bundle(large(2), *BOTH), WHO))
        policies: list[str] = []
        while not loading.done():
            policies.append((await decided(edge, house, len(policies) + 1)).policy)
        assert (await loading).applied
        under_first = policies.count(FIRST)
        assert under_first > 1, "people came and went meanwhile"
        last = await decided(edge, house, len(policies) + 1)
        assert policies == sorted(policies, key=lambda digest: digest != FIRST), "one moment"
        assert last.policy == digest_of(large(2))

    scene(house, what)


def test_two_that_are_loaded_at_once_come_one_after_the_other(house: House) -> None:
    async def what(edge: Edge) -> None:
        signed = bundle(large(2), *BOTH)  # so that one is proven while the next one comes
        replies = await asyncio.gather(*(edge.desk.load_policy(signed, WHO) for _ in range(3)))
        assert [reply.applied for reply in replies] == [True, False, False]
        assert len(await bodies(edge, ev.PolicyActivated)) == 1

    scene(house, what)


def keys_of(*keys: SigningKey) -> tuple[str, ...]:
    return tuple(sorted(one.id for one in keys))


def test_the_status_says_what_is_in_force_and_what_a_return_leads_to(house: House) -> None:
    async def what(edge: Edge) -> None:
        first = await edge.desk.policy_status()
        assert (first.version, first.digest, first.signed_by) == (1, FIRST, ())
        assert (first.before, first.operator, first.note) == ("", "", "")
        assert first.signers == ("Anna", "Ben")
        await loaded(edge, shut(2))
        found = await edge.desk.policy_status()
        assert (found.version, found.version_max, found.signed_by) == (2, 2, ("Anna", "Ben"))
        assert (found.operator, found.keys) == (WHO, keys_of(*BOTH))
        assert (found.before, found.before_version) == (FIRST, 1)
        assert found.since_utc_us is not None
        assert first.since_utc_us is not None
        assert found.since_utc_us > first.since_utc_us

    scene(house, what)
