"""Consents and screenings at a whole edge: files, keys, the control socket, badges at a door."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from controller import events as ev
from controller.inputs import ClockChecked
from edge import visit_desk
from edge.assembly import Edge
from edge.commands.consent import consent as consent_command
from edge.commands.screening import screening as screening_command
from edge.consent_orders import (
    CONSENT_BYTES_MAX,
    ConsentOrder,
    consent_order,
    read_consent,
    signed_consent,
    unsigned,
)
from edge.control.messages_visits import VisitReply
from edge.orders import ACCEPT_S, PAYLOAD_TYPE, PERSON_ID_CHARS_MAX, OrderError
from edge.people.records import EMPTY, EXTERNAL_ID_CHARS_MAX, HolderRecord, Roll, Touched
from edge.present import line
from edge.signatures import SigningKey, TrustedKey, Use, public_text, sign, signed_too
from edge.signing_keys import make_signing_key
from policies.codes import Code
from policies.facts import ScreeningResult
from tests.edge.checks import ready, without_a_journal
from tests.edge.house import ADA, BOB, POLICY, House, bodies, running, until
from tests.edge.signed import ANNA, ANNA_TOO, BEN, CARL, STRANGER, key

WHO = "smith"
HOUR_S = 3600

POLICE = (
    POLICY
    + """
[role.police]
host-state = true
[[grant]]
id = "police"
roles = ["police"]
zones = ["hall"]
"""
)
TWO_SIGN = POLICE + '\n[order.consent]\nroles = ["staff"]\npeople = 1\n'

DORA, DORA_TOO = key(6), key(7)
KEYS = (
    ("anna", "Anna", ANNA, "consent", "1"),
    ("ben", "Ben", BEN, "consent", ""),
    ("anna-2", "Anna", ANNA_TOO, "consent", ""),
    ("carl", "Carl", CARL, "order", ""),
    ("dora", "Dora", DORA, "consent", "3"),
    ("dora-2", "Dora", DORA_TOO, "consent", "1"),
)
"""Anna is Ada on file and staff, by one of her keys; Ben is nobody there; Carl may not sign
consents; Dora's keys do not agree on who she is."""


DORA_STAFF = b"id,name,roles\n3,Dora,staff\n"


def screened(valid_s: int) -> str:
    """Whoever enters the hall was looked at in the gate house, so long ago at most."""
    hall = 'inside = "street"\nfactors = "badge"'
    asked = POLICY.replace(hall, f'{hall}\nscreening = ["gate-house"]')
    return f"{asked}\n[screening.gate-house]\nvalid-s = {valid_s}\n"


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Bob is an agent of the host state."""
    return guarded(tmp_path, POLICE)


def guarded(folder: Path, policy: str) -> House:
    house = House(folder)
    (folder / "policy.toml").write_text(policy)
    with (folder / "site.toml").open("a") as file:
        for name, person, one, use, holder in KEYS:
            public = json.dumps(public_text(one.public))
            file.write(f'\n[key.{name}]\nperson = "{person}"\npublic = {public}\nmay = ["{use}"]\n')
            file.write(f'holder = "{holder}"\n' if holder else "")
    return house


def scene(house: House, what: Callable[[Edge], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            await what(edge)

    asyncio.run(run())


async def police(edge: Edge) -> None:
    """Bob's role comes with the file of people."""
    reply = await edge.desk.import_people(b"id,roles\n2,police\n", WHO, False)
    assert reply.applied, reply


def order(edge: Edge, **changes: object) -> ConsentOrder:
    now_s = edge.daemon.now().utc_s
    made = {
        "site": "house",
        "nonce": f"{len(NONCES):032x}",
        "accept_until_s": now_s + 600,
        "reason": "a burst pipe",
        "person": "2",
        "until_s": now_s + HOUR_S,
    } | changes
    NONCES.append(0)
    return ConsentOrder(**made)  # type: ignore[arg-type]


NONCES: list[int] = []


def signed(what: ConsentOrder, *keys: SigningKey) -> bytes:
    envelope = unsigned(what)
    for one in keys:
        envelope = signed_too(envelope, one)
    return envelope


async def gives(edge: Edge, *keys: SigningKey, **changes: object) -> VisitReply:
    return await edge.desk.give_consent(signed(order(edge, **changes), *(keys or (ANNA,))), WHO)


async def decided(edge: Edge, house: House, badge: bytes) -> ev.DecisionMade:
    """What is decided about a badge at the front door."""
    before = len(await bodies(edge, ev.DecisionMade))
    house.badge("front-in", badge)
    last = (await until(edge, ev.DecisionMade, before + 1))[-1]
    assert isinstance(last, ev.DecisionMade)
    return last


async def code(edge: Edge, house: House, badge: bytes = BOB) -> Code:
    return (await decided(edge, house, badge)).decision.code


async def command(group: object, *words: str, house: House) -> Result:
    """A command in the house's folder."""
    runner = CliRunner()
    return await asyncio.to_thread(runner.invoke, group, words)  # type: ignore[arg-type]


async def lines(edge: Edge, kind: str) -> list[str]:
    stored = await edge.daemon.writer.read(1, 10_000, 64 * 1024 * 1024)
    entries = [(ev.decode_entry(one.entry), one.personal) for one in stored]
    zone = edge.daemon.site.policy.zone
    return [line(entry, personal, zone).text for entry, personal in entries if entry.kind == kind]


# --- consents -----------------------------------------------------------------------------------


def test_an_agent_enters_by_a_signed_consent_until_somebody_takes_it_away(house: House) -> None:
    async def what(edge: Edge) -> None:
        await police(edge)
        assert await code(edge, house) is Code.NO_CONSENT
        reply = await gives(edge)
        assert (reply.accepted, reply.recorded) == (True, True), reply
        assert "signed by Anna" in reply.reason
        assert await code(edge, house) is Code.GRANTED
        (said,) = await lines(edge, "consent-given")
        assert "(a burst pipe), signed by Anna, brought by smith" in said
        assert (await edge.desk.end_consent("2", WHO)).accepted
        assert await code(edge, house) is Code.NO_CONSENT
        assert "revoked by smith" in (await lines(edge, "consent-ended"))[0]

    scene(house, what)


def test_a_consent_outlives_the_edge_and_its_file_acts_once(house: House) -> None:
    async def run() -> None:
        async with house.line():
            async with running(house) as edge:
                await ready(edge)
                await police(edge)
                envelope = signed(order(edge), ANNA)
                assert (await edge.desk.give_consent(envelope, WHO)).accepted
            async with running(house) as edge:
                await until(edge, ev.EdgeReady, 2)
                assert await code(edge, house) is Code.GRANTED
                assert (await edge.desk.end_consent("2", WHO)).accepted
            async with running(house) as edge:
                await until(edge, ev.EdgeReady, 3)
                again = await edge.desk.give_consent(envelope, WHO)
                assert (again.accepted, again.reason) == (
                    False,
                    "this file was given before, and acts once",
                )
                assert await code(edge, house) is Code.NO_CONSENT
                assert len(await bodies(edge, ev.ConsentRefused)) == 1

    asyncio.run(run())


def test_a_consent_that_ends_names_the_agent_inside_and_touches_nothing(house: House) -> None:
    async def what(edge: Edge) -> None:
        await police(edge)
        await gives(edge)
        assert await code(edge, house) is Code.GRANTED
        house.board.set_input(0, True)
        await until(edge, ev.PassageMade)
        house.board.set_input(0, False)
        await until(edge, ev.PortalClosed)
        await until(edge, ev.EffectEnded, 4)
        commands = len(house.board.executed)
        assert (await edge.desk.end_consent("2", WHO)).accepted
        (alarm,) = await bodies(edge, ev.AgentWithoutConsent)
        assert isinstance(alarm, ev.AgentWithoutConsent)
        assert (alarm.holder, alarm.zone) == ("b" * 16, "hall")
        assert len(house.board.executed) == commands
        assert (await lines(edge, "agent-without-consent"))[0].count("ALARM") == 1

    scene(house, what)


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ((CARL,), "these may not: carl"),
        ((STRANGER,), "nobody has signed"),
        ((), "nobody has signed"),
    ],
)
def test_nothing_is_given_that_nobody_has_signed_who_may(
    house: House, keys: tuple[SigningKey, ...], why: str
) -> None:
    async def what(edge: Edge) -> None:
        await police(edge)
        reply = await edge.desk.give_consent(signed(order(edge), *keys), WHO)
        assert not reply.accepted
        assert why in reply.reason
        assert reply.remedy
        assert await code(edge, house) is Code.NO_CONSENT

    scene(house, what)


def test_a_policy_that_names_roles_asks_who_the_signer_is_on_file(tmp_path: Path) -> None:
    house = guarded(tmp_path, TWO_SIGN + "\n[role.cleaner]\n")

    async def what(edge: Edge) -> None:
        await police(edge)
        reply = await gives(edge, BEN)
        assert "0 of 1 people have signed it who may by the policy (staff)" in reply.reason
        assert (await gives(edge, BEN, ANNA)).accepted
        assert (await edge.desk.import_people(b"id,roles\n1,police\n", WHO, False)).applied
        assert "no agent of the host state" in (await gives(edge, ANNA)).reason
        assert (await edge.desk.import_people(b"id,roles\n1,cleaner\n", WHO, False)).applied
        assert "0 of 1" in (await gives(edge, ANNA)).reason, "she is staff no more"

    scene(house, what)


def test_two_people_on_file_sign_where_two_are_asked_for(tmp_path: Path) -> None:
    house = guarded(tmp_path, TWO_SIGN.replace("people = 1", "people = 2"))

    async def what(edge: Edge) -> None:
        reply = await edge.desk.import_people(DORA_STAFF, WHO, False)
        assert reply.applied, reply
        await police(edge)
        assert "1 of 2" in (await gives(edge, DORA)).reason
        assert "1 of 2" in (await gives(edge, ANNA, BEN)).reason
        assert (await gives(edge, ANNA, DORA)).accepted

    scene(house, what)


def test_the_key_that_has_signed_says_who_the_signer_is(tmp_path: Path) -> None:
    house = guarded(tmp_path, TWO_SIGN)

    async def what(edge: Edge) -> None:
        await police(edge)
        assert (await edge.desk.import_people(DORA_STAFF, WHO, False)).applied
        assert "0 of 1" in (await gives(edge, ANNA_TOO)).reason, "it names nobody on file"
        assert "0 of 1" in (await gives(edge, DORA, DORA_TOO)).reason, "she cannot be two"

    scene(house, what)


@pytest.mark.parametrize("rule", ["", "\n[order.consent]\nroles = ['police']\npeople = 1\n"])
@pytest.mark.parametrize(
    "keys", [(ANNA,), (ANNA_TOO,), (ANNA, ANNA_TOO), (DORA,), (DORA_TOO,), (DORA, DORA_TOO)]
)
def test_nobody_lets_himself_in_by_another_of_his_keys(
    tmp_path: Path, rule: str, keys: tuple[SigningKey, ...]
) -> None:
    """Ada may be Anna and may be Dora, as some key of theirs says."""
    house = guarded(tmp_path, POLICE + rule)

    async def what(edge: Edge) -> None:
        people = b"id,name,roles\n1,Ada,police\n3,Dora,police\n"
        assert (await edge.desk.import_people(people, WHO, False)).applied
        reply = await gives(edge, *keys, person="1")
        assert not reply.accepted
        assert await code(edge, house, ADA) is Code.NO_CONSENT
        if not rule:
            assert "nobody but the person himself" in reply.reason
            assert (await gives(edge, *keys, BEN, person="1")).accepted, "Ben is somebody else"

    scene(house, what)


SIGNED_BEFORE_ZONES = (
    b'{"order":"consent","schema":1,"site":"house","nonce":"000102030405060708090a0b0c0d0e0f",'
    b'"accept_until_s":%d,"reason":"a burst pipe","person":"2","until_s":%d}'
)


def test_a_file_of_before_consents_named_zones_is_what_it_was(house: House) -> None:
    async def what(edge: Edge) -> None:
        await police(edge)
        now_s = edge.daemon.now().utc_s
        payload = SIGNED_BEFORE_ZONES % (now_s + 600, now_s + HOUR_S)
        made = msgspec.json.decode(payload, type=ConsentOrder)
        assert msgspec.json.encode(made) == payload, "and one without zones is made as before"
        envelope = sign(payload, PAYLOAD_TYPE, (ANNA,))
        assert (await edge.desk.give_consent(envelope, WHO)).accepted
        assert await code(edge, house) is Code.GRANTED

    scene(house, what)


def test_a_consent_says_whereto(house: House) -> None:
    async def what(edge: Edge) -> None:
        await police(edge)
        assert "no zone 'cellar'" in (await gives(edge, zones=("cellar",))).reason
        assert (await gives(edge, zones=("hall",))).accepted
        (shown,) = (await edge.desk.consents()).consents
        assert shown.zones == ("hall",)
        assert await code(edge, house) is Code.GRANTED

    scene(house, what)


def test_two_keys_of_one_person_are_one_person(tmp_path: Path) -> None:
    house = guarded(tmp_path, TWO_SIGN.replace("people = 1", "people = 2"))

    async def what(edge: Edge) -> None:
        await police(edge)
        assert "1 of 2" in (await gives(edge, ANNA, ANNA_TOO)).reason

    scene(house, what)


def test_what_is_wrong_with_a_file_is_said_with_a_remedy(house: House) -> None:
    async def what(edge: Edge) -> None:
        await police(edge)
        ada = await gives(edge, person="1")
        assert "no agent of the host state" in ada.reason
        unknown = await gives(edge, person="22")
        assert (unknown.reason, unknown.remedy) == (
            "nobody on file has the id '22'",
            "did you mean '2'?",
        )
        other = await gives(edge, site="chancery")
        assert "for site 'chancery', this is 'house'" in other.reason
        garbage = await edge.desk.give_consent(b"{}", WHO)
        assert not garbage.accepted
        policy = sign(b"{}", "application/vnd.sentrypost.policy.v1", [ANNA])
        assert "and not" in (await edge.desk.give_consent(policy, WHO)).reason
        payload = sign(b'{"order": "lift"}', PAYLOAD_TYPE, [ANNA])
        assert (
            "no order that this version knows"
            in (await edge.desk.give_consent(payload, WHO)).reason
        )
        assert not (await edge.desk.end_consent("1", WHO)).accepted
        assert (await edge.desk.end_consent("22", WHO)).remedy == "did you mean '2'?"

    scene(house, what)


def test_while_nothing_is_recorded_a_consent_is_taken_away_and_none_is_given(
    tmp_path: Path,
) -> None:
    house = guarded(tmp_path, POLICE + "\n[screening.gate-house]\n")

    async def what(edge: Edge) -> None:
        await police(edge)
        await gives(edge)
        free, stalled = await without_a_journal(edge)
        assert "would not be on record" in (await gives(edge)).reason
        word = await edge.desk.screen("1", "gate-house", ScreeningResult.CLEARED, WHO)
        assert "would not be on record" in word.reason
        ended = await edge.desk.end_consent("2", WHO)
        assert (ended.accepted, ended.recorded) == (True, False)
        assert not edge.daemon.site.state.consents.in_force
        free.set()
        await stalled
        assert await until(edge, ev.ConsentEnded), "it is recorded when it can be"

    scene(house, what)


def test_without_a_trusted_clock_no_consent_holds(house: House) -> None:
    async def what(edge: Edge) -> None:
        await police(edge)
        await gives(edge)
        untrust(edge)
        assert await code(edge, house) is Code.NO_CONSENT
        assert not (await edge.desk.consents()).clock_trusted

    scene(house, what)


def untrust(edge: Edge) -> None:
    clock = edge.daemon._clock
    honest = clock.moment

    def moment() -> object:
        return replace(honest(), trusted=False)

    clock.moment = moment  # type: ignore[method-assign,assignment]
    clock.trusted = lambda: False  # type: ignore[method-assign]
    edge.daemon.judge(ClockChecked(id=edge.daemon.new_id(), trusted=False, stepped_ms=0))


# --- the file -----------------------------------------------------------------------------------

NOW_S = 1_795_212_000


def made(**changes: object) -> ConsentOrder:
    asked = {"site": "house", "person": "2", "until_s": NOW_S + 60, "reason": "r", "now_s": NOW_S}
    return consent_order(**(asked | changes), entropy=lambda count: b"\x07" * count)  # type: ignore[arg-type]


def test_an_order_says_all_that_is_signed() -> None:
    assert made() == ConsentOrder(
        site="house",
        nonce="07" * 16,
        accept_until_s=NOW_S + 60,
        reason="r",
        person="2",
        until_s=NOW_S + 60,
    )
    assert made(until_s=NOW_S + 24 * HOUR_S).accept_until_s == NOW_S + ACCEPT_S
    assert read_consent(unsigned(made())) == made()


@pytest.mark.parametrize(
    "changes",
    [
        {"until_s": NOW_S},
        {"until_s": NOW_S + 24 * HOUR_S + 1},
        {"reason": ""},
        {"reason": "x" * 201},
        {"person": ""},
        {"person": "x" * 65},
    ],
)
def test_an_order_that_no_edge_would_take_is_not_made(changes: dict[str, object]) -> None:
    with pytest.raises(OrderError) as caught:
        made(**changes)
    assert caught.value.remedy


def test_everybody_on_file_can_be_named_in_an_order() -> None:
    assert PERSON_ID_CHARS_MAX == EXTERNAL_ID_CHARS_MAX


def test_a_changed_order_has_no_signature_and_a_large_one_is_not_read() -> None:
    keys = (TrustedKey("anna", "Anna", ANNA.public, frozenset({Use.CONSENT})),)
    good = signed(made(), ANNA)
    assert signed_consent(good, keys, "house").signed.people == ("Anna",)
    assert (
        signed_consent(signed(made(), ANNA, BEN), keys, "house").id
        == signed_consent(good, keys, "house").id
    ), "one more signature makes no other order of it"
    envelope = json.loads(good)
    envelope["payload"] = json.loads(unsigned(made(person="1")))["payload"]
    with pytest.raises(Exception, match="nobody has signed"):
        signed_consent(json.dumps(envelope).encode(), keys, "house")
    with pytest.raises(OrderError, match="larger than"):
        read_consent(b"x" * (CONSENT_BYTES_MAX + 1))


# --- the commands -------------------------------------------------------------------------------


def test_a_consent_from_the_first_word_to_the_last_by_command(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(house.folder)
    head = make_signing_key(house.folder / "head.key")
    with (house.folder / "site.toml").open("a") as file:
        public = json.dumps(public_text(head.public))
        file.write(f'\n[key.head]\nperson = "Her Excellency"\npublic = {public}\n')
        file.write('may = ["consent"]\n')

    async def run(*words: str) -> Result:
        return await command(consent_command, *words, house=house)

    async def what(edge: Edge) -> None:
        await police(edge)
        later = (datetime.now(UTC) + timedelta(hours=2)).isoformat(timespec="seconds")
        words = ("2", "--until", later, "--reason", "a burst pipe", "--out", "pipe.consent")
        written = await run("new", *words)
        assert written.exit_code == 0, written.output
        assert "site house: '2' may enter until" in written.output
        again = await run("new", *words)
        assert again.exit_code != 0, "what stands there is left alone"
        unsigned_ = await run("give", "pipe.consent")
        assert "nobody has signed this who may sign consent" in unsigned_.output
        done = await run("sign", "pipe.consent", "--key", "head.key")
        assert done.exit_code == 0, done.output
        assert "reason: a burst pipe" in done.output
        assert "signatures: 1" in done.output
        given = await run("give", "pipe.consent")
        assert given.exit_code == 0, (given.output, given.exception)
        assert "signed by Her Excellency" in given.output
        assert await code(edge, house) is Code.GRANTED
        listed = await run("list")
        assert ": a burst pipe; signed by Her Excellency, given by" in listed.output
        (shown,) = json.loads((await run("list", "--json")).output)["consents"]
        assert (shown["person"], shown["holder"], shown["reason"]) == (
            "2",
            "b" * 16,
            "a burst pipe",
        )
        assert (await run("end", "2")).exit_code == 0
        assert "no consent is in force" in (await run("list")).output
        assert "there is no consent for '2'" in (await run("end", "2")).output
        assert await code(edge, house) is Code.NO_CONSENT

    scene(house, what)


def test_a_consent_of_more_than_a_day_is_not_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(house.folder)
    words = ("new", "2", "--until", "2099-01-01", "--reason", "r", "--out", "x.consent")
    result = CliRunner().invoke(consent_command, words)
    assert "24 hours at most" in result.output
    assert not (house.folder / "x.consent").exists()


# --- screening ----------------------------------------------------------------------------------


def test_who_was_screened_enters_until_it_is_too_long_ago(tmp_path: Path) -> None:
    house = guarded(tmp_path, screened(2))

    async def what(edge: Edge) -> None:
        assert await code(edge, house, ADA) is Code.NOT_SCREENED
        reply = await edge.desk.screen("1", "gate-house", ScreeningResult.CLEARED, WHO)
        assert (reply.accepted, reply.recorded) == (True, True), reply
        assert await code(edge, house, ADA) is Code.GRANTED
        async with asyncio.timeout(15):
            while (now := await code(edge, house, ADA)) is Code.GRANTED:
                pass  # badge after badge, until the word of the station is stale
        assert now is Code.NOT_SCREENED
        (said,) = await lines(edge, "person-screened")
        assert "is cleared at gate-house; said by smith" in said

    scene(house, what)


@pytest.mark.parametrize(
    ("result", "then"),
    [
        (ScreeningResult.EXEMPT, Code.GRANTED),
        (ScreeningResult.REFUSED, Code.SCREENING_REFUSED),
        (ScreeningResult.DECLINED, Code.SCREENING_DECLINED),
    ],
)
def test_what_a_station_says_decides_the_next_badge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: ScreeningResult, then: Code
) -> None:
    house = guarded(tmp_path, screened(600))
    monkeypatch.chdir(house.folder)

    async def what(edge: Edge) -> None:
        said = await command(screening_command, "1", "gate-house", result.value, house=house)
        assert said.exit_code == 0, (said.output, said.exception)
        assert await code(edge, house, ADA) is then
        (screened,) = await bodies(edge, ev.PersonScreened)
        assert isinstance(screened, ev.PersonScreened)
        assert screened.operator is not None
        if result is ScreeningResult.DECLINED:
            assert "call the protocol officer" in (await lines(edge, "person-screened"))[0]

    scene(house, what)


def test_an_unknown_person_or_station_is_named_with_what_may_have_been_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = guarded(tmp_path, screened(600))
    monkeypatch.chdir(house.folder)

    async def what(edge: Edge) -> None:
        for words, error, remedy in (
            (("11", "gate-house"), "nobody on file has the id '11'", "did you mean '1'?"),
            (("1", "gatehouse"), "no screening station 'gatehouse'", "did you mean 'gate-house'?"),
            (("1", "x"), "no screening station 'x'", "it has gate-house"),
        ):
            result = await command(screening_command, *words, "cleared", house=house)
            assert result.exit_code == 1
            assert error in result.output
            answer = await edge.desk.screen(*words, ScreeningResult.CLEARED, WHO)
            assert answer.remedy == remedy
        assert await bodies(edge, ev.PersonScreened) == []

    scene(house, what)


def test_one_mistyped_id_is_looked_for_at_a_time_and_nobody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = guarded(tmp_path, screened(600))
    looking, go_on, threads = threading.Event(), threading.Event(), []

    def slow(word: str, options: list[str]) -> str:
        threads.append(threading.current_thread())
        looking.set()
        assert go_on.wait(20)
        return f"did you mean one of {options}?"

    async def what(edge: Edge) -> None:
        def asks() -> Awaitable[VisitReply]:
            return edge.desk.screen("11", "gate-house", ScreeningResult.CLEARED, WHO)

        monkeypatch.setattr(visit_desk, "did_you_mean", slow)
        first = asyncio.ensure_future(asks())
        await asyncio.to_thread(looking.wait, 20)
        assert (await asks()).remedy == "give the id that the file of people has"
        go_on.set()
        assert "did you mean" in (await first).remedy
        assert "did you mean" in (await asks()).remedy, "there is one again"
        assert len(threads) == 2
        assert threading.main_thread() not in threads

    scene(house, what)


def test_a_likeness_is_looked_for_as_far_as_that_is_quick() -> None:
    def roll(count: int, letters: int) -> Roll:
        return EMPTY.after(
            version=1,
            holders=(
                HolderRecord(
                    id=f"{n:016x}", external_id=f"{n:0{letters}}", name="N", roles=("staff",)
                )
                for n in range(count)
            ),
            credentials=(),
            pins=(),
            gone=Touched(),
        )

    assert visit_desk._meant(roll(10_000, 8), "0000345") is not None
    assert visit_desk._meant(roll(10_001, 8), "0000345") is None
    long = roll(1_000, 64)
    assert visit_desk._meant(long, "1" * 64) is None
    assert visit_desk._meant(long, f"{7:030}") is not None
