"""An entry as one line: every kind, what must stand in it, and what never may."""

import json
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from controller import events as ev
from controller import events_muster as em
from controller.attempt import Attempt
from controller.consents import ConsentEnd
from controller.events import KINDS, Body, Entry, Header, decode_entry, encode, kind_of
from controller.ids import AttemptId, HolderId, PortalId, QuestionId, ReaderId
from controller.ledger import Personal, commitment
from controller.portal import Portal
from edge.present import _SAYINGS, as_json, line, local
from edge.tone import Tone
from policies.codes import TEXTS, Code
from policies.facts import (
    CredentialStatus,
    Decision,
    Direction,
    Factor,
    HolderFacts,
    Mode,
    Objection,
    Request,
    ScreeningResult,
)
from tests.golden.examples import EXAMPLES
from tests.golden.examples_alarms import ALARMS
from tests.golden.examples_badges import BADGES
from tests.golden.examples_cameras import CAMERAS
from tests.golden.examples_faces import FACES
from tests.golden.examples_perimeter import PERIMETER
from tests.golden.examples_pictures import PICTURES
from tests.golden.examples_signins import SIGN_INS
from tests.golden.examples_visits import VISITS

VIENNA = ZoneInfo("Europe/Vienna")
UTC_US = 1_795_181_389_123_456
SALT = "00112233445566778899aabbccddeeff"
ADA = Personal("person", "Ada L", SALT)


def entry(body: Body, **header: Any) -> Entry:
    fields: dict[str, Any] = {
        "site": "house",
        "edge": "gate",
        "incarnation": "0" * 16,
        "seq": 42,
        "kind": kind_of(type(body)),
        "utc_us": UTC_US,
        "mono_us": 7,
        "clock_trusted": True,
        "cause": "c",
        "policy": "",
    }
    fields.update(header)
    return decode_entry(encode(ev.Event(header=Header(**fields), body=body)))


def raw(kind: str, body: bytes) -> Entry:
    header = entry(ev.EdgeReady())
    return msgspec.structs.replace(header, kind=kind, body=msgspec.Raw(body))


def decision(granted: bool = False, code: Code = Code.NO_GRANT, **changes: Any) -> ev.DecisionMade:
    fields: dict[str, Any] = {
        "attempt": AttemptId("a"),
        "reader": ReaderId("front-in"),
        "portal": PortalId("front"),
        "direction": Direction.ENTRY,
        "policy": "ab" * 32,
        "request": Request(
            portal="front",
            direction=Direction.ENTRY,
            utc_s=UTC_US // 1_000_000,
            clock_trusted=True,
            credential=CredentialStatus.ACTIVE,
            holder=HolderFacts(id="f00d", version=1, roles=()),
        ),
        "decision": Decision(granted=granted, code=code),
    }
    return ev.DecisionMade(**(fields | changes))


def shown(body: Body, *personal: Personal, **header: Any) -> str:
    return line(entry(body, **header), personal, VIENNA).text


def test_a_refusal_whole() -> None:
    body = decision(person=commitment(ADA))
    assert line(entry(body), (ADA,), VIENNA) == (
        Tone.DENIED,
        "2026-11-20 14:29:49.123+01:00 #42 DENIED  front entry: Ada L: no rule grants it (601)",
    )


def test_a_grant_without_a_name_and_times_elsewhere() -> None:
    body = decision(granted=True, code=Code.GRANTED, direction=Direction.EXIT)
    assert line(entry(body), (), UTC) == (
        Tone.GRANTED,
        "2026-11-20 13:29:49.123Z #42 GRANTED front exit: holder f00d: granted (100)",
    )


def test_who_has_no_record_is_described() -> None:
    request = msgspec.structs.replace(
        decision().request, holder=None, credential=CredentialStatus.UNKNOWN
    )
    assert "front entry: a credential that is unknown: " in shown(decision(request=request))
    assert "front entry: somebody inside: " in shown(decision(request=request, reader=None))


@pytest.mark.parametrize("code", Code)
def test_every_reason_is_said_in_words_and_number(code: Code) -> None:
    assert shown(decision(code=code)).endswith(f": {TEXTS[code]} ({int(code)})")


def test_a_name_to_which_nothing_commits_is_not_shown() -> None:
    for body in (decision(), decision(person=commitment(Personal("person", "Eve", SALT)))):
        assert "Ada" not in shown(body, ADA)
        assert json.loads(as_json(entry(body), (ADA,)))["personal"] == {}


def test_who_brought_a_policy_and_with_whose_signatures() -> None:
    body = ev.PolicyActivated(version=4, digest="ab" * 32, fires=(), portals=())
    plain = "policy version 4 abababababababab decides from here on"
    assert shown(body).endswith(plain)
    smith = Personal("operator", "smith", SALT)
    keys = ("c" * 32, "d" * 32)
    brought = msgspec.structs.replace(body, operator=commitment(smith), keys=keys)
    assert shown(brought, smith).endswith(f"{plain}, by smith, signed with {'c' * 16}, {'d' * 16}")
    back = msgspec.structs.replace(body, operator=commitment(smith), returned=True)
    assert "decides again from here on, by a named person" in shown(back)


def test_duress_is_on_no_line() -> None:
    request = msgspec.structs.replace(decision().request, duress=True)
    notes = (Objection(Code.NOTE_DURESS),)
    calm = decision(granted=True, code=Code.GRANTED)
    forced = decision(
        granted=True,
        code=Code.GRANTED,
        request=request,
        decision=Decision(granted=True, code=Code.GRANTED, notes=notes),
    )
    assert shown(forced) == shown(calm)


def test_a_drill_and_a_clock_in_doubt_are_marked() -> None:
    text = shown(ev.FireLatched(fire="panel", after=ev.Fire(), reason="alarm"), drill=True)
    assert "ALARM   DRILL FIRE panel: alarm" in text
    assert "14:29:49.123+01:00? #42" in shown(ev.EdgeReady(), clock_trusted=False)


def test_an_unknown_kind_is_shown_as_it_is() -> None:
    tone, text = line(raw("gate-sang", b'{"song":"x"}'), (), UTC)
    assert tone is Tone.PLAIN
    assert text.endswith('#42 -       gate-sang {"song":"x"}')


def test_a_known_kind_that_does_not_fit_is_shown_as_a_fault() -> None:
    tone, text = line(raw("fire-latched", b'{"fire":3}'), (), UTC)
    assert tone is Tone.FAULT
    assert 'FAULT   fire-latched {"fire":3} (' in text


def test_nothing_reaches_the_terminal_that_it_would_obey() -> None:
    evil = "x\x1b[2J\r\n\u202e\u2028\x9b"
    texts = [
        shown(ev.EdgeStopping(reason=evil)),
        shown(decision(person=commitment(bad := Personal("person", evil, SALT))), bad),
        line(raw("gate-sang", b'"\x1b[2J\xff"'), (), UTC).text,
    ]
    for text in texts:
        assert text.isprintable(), text


def test_braces_in_a_reason_are_only_braces() -> None:
    assert "the edge stops: {body} {0}" in shown(ev.EdgeStopping(reason="{body} {0}"))


PORTAL = PortalId("front")
ATTEMPT = Attempt(
    id=AttemptId("a"),
    reader=ReaderId("front-in"),
    portal="front",
    direction=Direction.ENTRY,
    holder="f00d",  # type: ignore[arg-type]
    credential="c",  # type: ignore[arg-type]
    policy="p",
)
VALUES: dict[str, Any] = {
    "which": "edge",
    "key": "0" * 32,
    "former": "1" * 32,
    "after": Portal(),
    "portal": PORTAL,
    "reader": ReaderId("front-in"),
    "device": "board",
    "fire": "panel",
    "reason": "because",
    "attempt": AttemptId("a"),
    "direction": Direction.ENTRY,
    "question": QuestionId("q"),
    "factor": Factor.PIN,
    "operator": "0" * 64,
    "effect": "1.0",
    "outcome": "confirmed",
    "mode": Mode.LOCKDOWN,
    "was_mode": Mode.NORMAL,
    "threat": 3,
    "was_threat": 1,
    "version": 2,
    "digest": "d" * 64,
    "portals": ("front",),
    "fires": ("panel",),
    "policy": "p",
    "what": "the chain breaks here",
    "identity": "osdp",
    "holder": "h-1",
    "visitor": "h-1",
    "host": "h-2",
    "station": "gate-house",
    "result": "declined",
    "order": "0" * 64,
    "keys": ("k" * 32,),
    "step": "paired",
    "values": (),
    "signed_by": "0" * 64,
    "cause": "expired",
    "zone": "hall",
}


def test_a_start_that_is_not_as_usual_says_so() -> None:
    usual = ev.EdgeStarted(version="1", policy="ab" * 32, fires=(), portals=())
    assert line(entry(usual), (), VIENNA).tone is Tone.NOTICE
    for change, words in (("safe_mode", "IN SAFE MODE"), ("kept_copy", "KEPT COPY")):
        tone, text = line(entry(msgspec.structs.replace(usual, **{change: True})), (), VIENNA)
        assert tone is Tone.FAULT
        assert words in text
        assert words not in line(entry(usual), (), VIENNA).text


_OF_FILES = (*ALARMS, *BADGES, *CAMERAS, *FACES, *PERIMETER, *PICTURES, *SIGN_INS, *VISITS)
AROUND = {type(body) for body in _OF_FILES}


def example(kind: str) -> Body:
    """A body of this kind with something in every required field."""
    body_type = KINDS[kind]
    if body_type is ev.DecisionMade:
        return decision()
    if (
        "order" in kind
        or "protocol" in kind
        or body_type in {ev.EvacuationConfirmed, ev.CountersChallenged, *AROUND}
    ):
        return EXAMPLES[kind]
    fields = {}
    for field in msgspec.structs.fields(body_type):
        if field.required:
            value = VALUES.get(field.name, 1)
            if field.name == "after" and issubclass(body_type, ev.FireChange):
                value = ev.Fire()
            elif field.name == "after" and field.type is Attempt:
                value = ATTEMPT
            elif field.name == "reason" and body_type in {ev.ConsentGiven, ev.GuardVouched}:
                value = "0" * 64
            elif field.name == "version" and body_type is ev.EdgeStarted:
                value = "0.1.0"
            elif field.name == "why" and body_type is em.MusterRefused:
                value = em.MusterRefusal.RUNS
            elif field.name == "where":
                value = "oak"
            fields[field.name] = value
    return msgspec.convert(msgspec.to_builtins(body_type(**fields)), body_type, strict=False)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words_of_its_own(kind: str) -> None:
    tone, text = line(entry(example(kind)), (), VIENNA)
    said = text.partition("#42 ")[2]
    assert said.split()[0] == (tone or "-"), "the tone stands in the line as a word"
    assert "{" not in said, "a known kind is never shown raw"
    assert not said.split()[1].startswith(kind)


def test_what_hurts_is_an_alarm() -> None:
    for kind in ("portal-forced", "portal-held", "fire-latched", "egress-released", "journal-lost"):
        assert line(entry(example(kind)), (), VIENNA).tone is Tone.ALARM, kind
    for kind in ("contact-faulted", "exit-stuck", "portal-lost", "reader-lost"):
        assert line(entry(example(kind)), (), VIENNA).tone is Tone.FAULT, kind


def test_what_a_screening_says_of_somebody_calls_for_the_right_thing() -> None:
    smith = Personal("operator", "smith", "0f" * 16)
    said = {
        result: line(
            entry(
                ev.PersonScreened(
                    station="gate-house",
                    holder=HolderId("h-1"),
                    result=result,
                    operator=commitment(smith),
                )
            ),
            (smith,),
            VIENNA,
        )
        for result in ScreeningResult
    }
    tones = {result: one.tone for result, one in said.items()}
    assert tones == {
        ScreeningResult.CLEARED: Tone.NOTICE,
        ScreeningResult.EXEMPT: Tone.NOTICE,
        ScreeningResult.REFUSED: Tone.DENIED,
        ScreeningResult.DECLINED: Tone.DENIED,
    }
    assert all("gate-house" in one.text and "smith" in one.text for one in said.values())
    declined = said[ScreeningResult.DECLINED].text
    assert "politely" in declined
    assert "protocol officer" in declined


def test_a_consent_says_for_whom_until_when_what_for_and_by_whom() -> None:
    values = [
        Personal(field, value, "0f" * 16)
        for field, value in (
            ("signed_by", "Her Excellency"),
            ("reason", "a burst pipe"),
            ("operator", "smith"),
        )
    ]
    given = ev.ConsentGiven(
        holder=HolderId("h-1"),
        order="ab" * 32,
        until_s=1_795_212_000,
        accept_until_s=1_795_212_000,
        zones=("court", "lobby"),
        keys=("0c" * 16,),
        **{value.field: commitment(value) for value in values},
    )
    text = line(entry(given), values, VIENNA).text
    assert "h-1 into court, lobby until 2026-11-20 22:00:00.000Z (a burst pipe)" in text
    assert "signed by Her Excellency, brought by smith" in text
    assert "a burst pipe" not in line(entry(given), (), VIENNA).text
    for cause in ConsentEnd:
        alarm = ev.AgentWithoutConsent(holder=HolderId("h-1"), zone="hall", cause=cause)
        assert line(entry(alarm), (), VIENNA).tone is Tone.ALARM


def test_no_saying_for_what_does_not_exist() -> None:
    assert set(_SAYINGS) <= set(KINDS.values())


def test_json_is_one_line_with_the_body_as_stored() -> None:
    body = decision(person=commitment(ADA))
    made = entry(body)
    text = as_json(made, (ADA,), "ab")
    assert b"\n" not in text
    assert bytes(made.body) in text
    said = json.loads(text)
    assert (said["utc"], said["seq"], said["kind"]) == (
        "2026-11-20T13:29:49.123Z",
        42,
        "decision-made",
    )
    assert (said["personal"], said["chain"]) == ({"person": "Ada L"}, "ab")


def test_times_at_the_ends_of_what_can_be_recorded() -> None:
    assert local(0, UTC) == "1970-01-01 00:00:00.000Z"
    assert local(2**53 - 1, UTC).startswith("2255-06-05 ")
