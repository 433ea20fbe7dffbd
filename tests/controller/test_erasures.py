"""Erasing somebody in the core: when, what is recorded, and that nothing is remembered."""

import msgspec
import pytest
from msgspec.structs import replace

from controller import events as ev
from controller.consents import Consent, ConsentEnd, Consents
from controller.erasures import WHOSE, in_parts, ranges, subjects, why_not
from controller.events import encode
from controller.events_people import ERASED_RANGES_MAX, ErasedValues
from controller.events_visits import DeliveryTaken
from controller.ids import HolderId, InputId
from controller.inputs import PersonEraseAsked
from controller.ledger import Personal
from controller.moment import Moment
from controller.site import Outcome, Site
from controller.state import SiteState, snapshot
from controller.whereabouts import People, Presence, ScreenedAt
from edge.privacy import personal_fields
from policies.facts import ScreeningResult
from tests.controller.support import ORIGIN, POLICY, compiled
from tests.golden.examples import EXAMPLES, example

ANN, BOB = HolderId("h-ann"), HolderId("h-bob")
OPERATOR = Personal("operator", "smith", "0f" * 16)
BESIDE = (ErasedValues(fields=("badge", "person"), entries=((3, 3), (7, 9))),)


def site(**people: object) -> Site:
    state = SiteState(people=People(**people))  # type: ignore[arg-type]
    return Site(ORIGIN, compiled(POLICY), state)


def asked(at: Site, *, even_inside: bool = False, **changes: object) -> Outcome:
    fact = PersonEraseAsked(
        id=InputId("i"),
        holder=ANN,
        reason="asked for",
        operator=OPERATOR,
        searched=9,
        values=BESIDE,
        even_inside=even_inside,
    )
    moment = Moment(mono_us=1, utc_us=1_795_212_000_000_000, trusted=True)
    return at.step(replace(fact, **changes), moment)


def recorded(outcome: Outcome) -> list[ev.PersonErased]:
    return [e.body for e in outcome.events if isinstance(e.body, ev.PersonErased)]


def test_nothing_is_remembered_of_who_is_erased() -> None:
    at = site(
        presences={BOB: Presence("court", 5)},
        screened={ANN: {"gate-house": ScreenedAt(ScreeningResult.CLEARED, 5)}},
        wrong_pins={ANN: 2, BOB: 1},
        locked_out={ANN: 9_000_000},
    )
    (body,) = recorded(asked(at))
    assert (body.holder, body.searched, body.values, body.inside) == (ANN, 9, BESIDE, False)
    assert ANN.encode() not in snapshot(at.state)
    assert at.state.people == People(presences={BOB: Presence("court", 5)}, wrong_pins={BOB: 1})
    assert at.state.erasure_seq == at.state.seq


def test_who_is_inside_is_erased_by_somebody_who_knows_it() -> None:
    at = site(presences={ANN: Presence("court", 5)})
    assert asked(at).events == ()
    assert why_not(at.state, ANN, even_inside=False) == "the person is inside, last seen in court"
    (body,) = recorded(asked(at, even_inside=True))
    assert body.inside
    assert at.state.people == People()


def test_a_consent_to_his_entry_ends() -> None:
    given = Consent(order="ab" * 32, until_s=1_795_290_000, seq=1)
    state = SiteState(consents=Consents(in_force={ANN: given}))
    at = Site(ORIGIN, compiled(POLICY), state)
    ended, body = [event.body for event in asked(at).events]
    assert isinstance(ended, ev.ConsentEnded)
    assert (ended.holder, ended.cause) == (ANN, ConsentEnd.HOLDER_GONE)
    assert isinstance(body, ev.PersonErased)
    assert ANN.encode() not in snapshot(at.state)


def test_what_cannot_be_recorded_does_not_happen() -> None:
    at = Site(ORIGIN, compiled(POLICY), SiteState(recorded=False))
    assert asked(at).events == ()


@pytest.mark.parametrize("count", [0, 1, 1_499, 1_500, 1_501, 4_000])
def test_many_values_take_several_entries_each_of_which_fits(count: int) -> None:
    last = 2**53 - 1
    numbers = tuple((last, last) for _ in range(count))
    values = (
        ErasedValues(fields=("badge",), entries=numbers[: count // 3]),
        ErasedValues(fields=("person",), entries=numbers[count // 3 :]),
    )
    parts = list(in_parts(values))
    assert len(parts) == max(1, -(-count // ERASED_RANGES_MAX))
    for field, one in (("badge", values[0]), ("person", values[1])):
        told = [r for part in parts for v in part if v.fields == (field,) for r in v.entries]
        assert tuple(told) == one.entries
    at = site()
    outcome = asked(at, values=values, reason="\N{GRINNING FACE}" * 400)
    assert len(recorded(outcome)) == len(parts)
    assert all(encode(event) for event in outcome.events), "none is too large for the journal"
    assert at.state.erasure_seq == at.state.seq


def test_numbers_as_ranges() -> None:
    assert ranges([]) == ()
    assert ranges([3, 7, 8, 9, 11]) == ((3, 3), (7, 9), (11, 11))


def test_whom_the_values_beside_an_entry_are_about() -> None:
    host, visitor = "h2", "h1"
    about = {
        "decision-made": {"badge": "h1", "person": "h1"},
        "consent-given": {"reason": "h1"},
        "delivery-taken": {"company": visitor, "vehicle": visitor, "contents": host},
        "face-enrolled": {"consent": "h1"},
        "factor-answered": {"reason": "h1"},
        "guard-vouched": {"reason": "h1"},
        "presence-corrected": {"reason": "h1"},
        "visit-expected": {"organisation": "h1", "purpose": "h1"},
        "visitor-signed-in": {"document": "h1"},
    }
    for kind in EXAMPLES:
        entry = ev.decode_entry(encode(example(kind)))
        assert subjects(entry) == about.get(kind, {}), kind


def test_every_value_beside_an_entry_is_of_somebody_who_is_named_or_is_listed_here() -> None:
    """Whoever adds a personal field says whose it is, or that nobody is named whose it is."""
    of_nobody_named = {
        "alarm-acknowledged": {"reason"},
        "alarm-noted": {"text"},
        "badge-ignored": {"badge"},
        "delivery-refused": {"company", "vehicle", "reason"},
        "panic-raised": {"reason"},
    }
    who_did_it = {"operator", "signed_by"}
    left = {
        kind: rest
        for kind, fields in personal_fields().items()
        if (rest := set(fields) - who_did_it - set(WHOSE.get(kind, ())))
    }
    assert left == of_nobody_named
    assert all(set(places) <= set(personal_fields()[kind]) for kind, places in WHOSE.items())


def test_an_entry_that_names_nobody_is_about_nobody() -> None:
    entry = ev.decode_entry(encode(example("decision-made")))
    body = EXAMPLES["decision-made"]
    assert isinstance(body, ev.DecisionMade)
    stranger = replace(body, request=replace(body.request, holder=None))
    raw = msgspec.Raw(msgspec.json.encode(stranger))
    assert subjects(replace(entry, body=raw)) == {}
    assert subjects(replace(entry, body=msgspec.Raw(b"[]"))) == {}


def test_where_one_of_two_is_named_the_values_of_the_other_are_nobodys() -> None:
    entry = ev.decode_entry(encode(example("delivery-taken")))
    body = EXAMPLES["delivery-taken"]
    assert isinstance(body, DeliveryTaken)
    raw = msgspec.Raw(msgspec.json.encode(replace(body, bearer=None)))
    assert subjects(replace(entry, body=raw)) == {"contents": body.recipient}
