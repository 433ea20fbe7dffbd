"""Consents of the head of mission, stays that get too long, hosts whose time is over."""

import pytest
from msgspec.structs import replace

from controller import visits
from controller.consents import CONSENT_S_MAX, CONSENTS_MAX, Consent, ConsentEnd, Consents, holds
from controller.effects import Effect, ReleasePortal
from controller.events import (
    AgentWithoutConsent,
    ConsentEnded,
    ConsentGiven,
    ConsentRefused,
    DecisionMade,
    PersonScreened,
    VisitorOverstayed,
    VisitorUnescorted,
)
from controller.holders import Directory
from controller.ids import HolderId, InputId
from controller.inputs import (
    ClockChecked,
    ConsentEndAsked,
    ConsentOffered,
    DirectoryReplaced,
    ScreeningHeard,
)
from controller.ledger import Personal, commitment
from controller.moment import Moment
from controller.site import Outcome, Site
from controller.state import restore, snapshot
from policies.codes import Code
from policies.facts import ScreeningResult
from tests.controller.support import (
    EXIT,
    ORIGIN,
    POLICY,
    SECOND_US,
    Rig,
    calm,
    directory,
    of_type,
)

PIA, VIC, BOB, CORA, ANN = (HolderId(f"h-{who}") for who in ("pia", "vic", "bob", "cora", "ann"))
HOUR_S = 3600
OPERATOR = Personal("operator", "Officer Smith", "ab" * 16)
STAY_S = 200
TWO_SIGN = POLICY + '\n[order.consent]\nroles = ["diplomat", "guard"]\npeople = 2\n'

LISTS = """
[watchlist.barred]
action = "deny"
reason = "court order"
[watchlist.seen]
action = "observe"
"""
IN_NO_GOOD_STANDING: tuple[dict[str, object], ...] = (
    {"suspended": True},
    {"watchlisted": True},
    {"watchlists": ("seen", "barred")},
    {"watchlists": ("no such list",)},
    {"valid_from_s": 2**31 - 1},
    {"valid_until_s": 1},
)
"""Records to which the gates of person and prohibition object."""


def consent(rig: Rig, number: int = 1, **changes: object) -> ConsentOffered:
    """A consent for Pia that holds for an hour, as it stands in a signed file."""
    now_s = rig.utc_us // SECOND_US
    offered = ConsentOffered(
        id=InputId(rig.new_id()),
        order=f"{number:064x}",
        holder=PIA,
        until_s=now_s + HOUR_S,
        accept_until_s=now_s + 600,
        keys=("0c" * 16,),
        signers=(CORA,),
        signed_by=Personal("signed_by", "Cora", "ab" * 16),
        reason=Personal("reason", "a burst pipe", "ab" * 16),
        operator=OPERATOR,
    )
    return replace(offered, **changes)


def gives(rig: Rig, number: int = 1, **changes: object) -> Outcome:
    return rig.feed(consent(rig, number, **changes))


def refused(outcome: Outcome) -> str:
    assert not of_type(ConsentGiven, outcome)
    (body,) = of_type(ConsentRefused, outcome)
    return body.reason


def ends(rig: Rig, who: HolderId = PIA) -> Outcome:
    return rig.feed(ConsentEndAsked(id=InputId(rig.new_id()), holder=who, operator=OPERATOR))


def trust(rig: Rig, trusted: bool) -> Outcome:
    rig.trusted = trusted
    return rig.feed(ClockChecked(id=InputId(rig.new_id()), trusted=trusted, stepped_ms=0))


def is_let_in(rig: Rig, who: str = "pia", portal: str = "gate") -> bool:
    outcome = rig.badge(portal, who)
    (made,) = of_type(DecisionMade, outcome)
    assert made.decision.granted or Code.NO_CONSENT in {o.code for o in made.decision.objections}
    return bool(of_type(ReleasePortal, outcome))


def passes(rig: Rig, portal: str = "gate") -> Outcome:
    rig.later(1)
    outcome = rig.opens(portal)
    rig.later(1)
    rig.closes(portal)
    rig.later(8)
    return outcome


def inside(policy: str = POLICY) -> Rig:
    """Pia is in the court, by a consent that has fifty minutes left and some."""
    rig = calm(policy)
    gives(rig)
    assert is_let_in(rig)
    passes(rig)
    return rig


def others(**changes: object) -> Directory:
    """Everybody, with another record of some."""
    everybody = directory(2)
    gone = [HolderId(f"h-{who}") for who, change in changes.items() if change is None]
    changed = []
    for who, change in changes.items():
        if change is not None:
            holder = everybody.holders[HolderId(f"h-{who}")]
            facts = replace(holder.facts, **change)  # type: ignore[arg-type]
            changed.append(replace(holder, facts=facts))
    return everybody.after(version=2, holders=changed, holders_gone=gone)


def known(rig: Rig, people: Directory) -> Outcome:
    return rig.feed(DirectoryReplaced(id=InputId(rig.new_id()), directory=people))


def restarted(rig: Rig, people: Directory | None = None) -> Outcome:
    """From what a snapshot keeps, with another monotonic clock; what the start itself came to."""
    rig.site = Site(ORIGIN, rig.site.policy, restore(snapshot(rig.site.state)))
    rig.now_us = 5 * SECOND_US
    started = rig.start()
    known(rig, people or directory())
    for fire in rig.site.policy.fire_inputs:
        rig.fire("normal", fire.id)
    for rule in rig.site.policy.portals:
        rig.link(rule.id)
        if rule.contact:
            rig.closes(rule.id)
    return started


# --- consent ------------------------------------------------------------------------------------


def test_an_agent_enters_with_a_consent_and_not_without() -> None:
    rig = calm()
    assert not is_let_in(rig)
    (given,) = of_type(ConsentGiven, gives(rig))
    assert (given.holder, given.keys) == (PIA, ("0c" * 16,))
    assert given.operator == commitment(OPERATOR)
    assert is_let_in(rig)


def test_a_consent_is_for_one_person() -> None:
    rig = calm()
    gives(rig)
    assert not rig.site.state.consents.in_force.keys() - {PIA}
    assert "no agent of the host state" in refused(gives(rig, 2, holder=ANN))
    assert "nobody knows" in refused(gives(rig, 3, holder=HolderId("h-nobody")))


def test_a_consent_ends_by_itself_at_its_second_and_not_before() -> None:
    rig = calm()
    gives(rig)
    rig.later(HOUR_S - 1)
    assert is_let_in(rig)
    rig.later(0.999)
    assert PIA in rig.site.state.consents.in_force
    outcome = rig.later(0.001)
    (ended,) = of_type(ConsentEnded, outcome)
    assert (ended.holder, ended.cause, ended.operator) == (PIA, ConsentEnd.EXPIRED, None)
    assert outcome.events[-1].header.cause == "time"
    assert not is_let_in(rig)


@pytest.mark.parametrize(
    ("utc_s", "trusted", "held"), [(99, True, True), (100, True, False), (99, False, False)]
)
def test_a_consent_holds_by_itself_until_its_end(utc_s: int, trusted: bool, held: bool) -> None:
    """Whether or not its end was dealt with."""
    given = Consents(in_force={PIA: Consent(order="0" * 64, until_s=100, seq=1)})
    moment = Moment(0, utc_s * SECOND_US, trusted)
    policy = calm().site.policy
    assert holds(given, PIA, moment, policy, "court") is held
    assert not holds(given, ANN, moment, policy, "court")


def test_one_person_takes_a_consent_away_at_once() -> None:
    rig = calm()
    gives(rig)
    (ended,) = of_type(ConsentEnded, ends(rig))
    assert (ended.cause, ended.operator) == (ConsentEnd.REVOKED, commitment(OPERATOR))
    assert not is_let_in(rig)
    assert not ends(rig).events, "there is none any more"


def test_a_consent_is_taken_away_without_clock_and_without_journal() -> None:
    rig = calm()
    gives(rig)
    trust(rig, False)
    rig.journal(False)
    assert of_type(ConsentEnded, ends(rig))


def test_a_consent_ends_with_who_is_known_no_more() -> None:
    rig = calm()
    gives(rig)
    (ended,) = of_type(ConsentEnded, known(rig, others(pia=None)))
    assert ended.cause is ConsentEnd.HOLDER_GONE
    known(rig, directory(3))
    assert not is_let_in(rig), "it does not come back with the person"


def test_what_was_granted_by_a_consent_is_taken_back_with_it() -> None:
    rig = calm()
    gives(rig)
    (release,) = of_type(ReleasePortal, rig.badge("gate", "pia"))
    assert rig.stands(release)
    ends(rig)
    assert not rig.stands(release)


def test_a_consent_that_ends_takes_back_nobody_elses_grant() -> None:
    rig = calm()
    gives(rig)
    (release,) = of_type(ReleasePortal, rig.badge("gate", "ann"))
    ends(rig)
    assert rig.stands(release)


@pytest.mark.parametrize("how", ["revoked", "expired", "holder-gone"])
def test_agents_inside_are_named_once_and_nothing_is_done_to_them(how: str) -> None:
    """P35."""
    rig = inside()
    match how:
        case "revoked":
            outcome = ends(rig)
        case "expired":
            outcome = rig.later(2 * HOUR_S)
        case _:
            outcome = known(rig, others(pia=None))
    (named,) = of_type(AgentWithoutConsent, outcome)
    assert (named.holder, named.zone, named.cause) == (PIA, "court", how)
    assert not of_type(Effect, outcome), "no door, no light, no question"
    assert not of_type(AgentWithoutConsent, rig.later(2 * HOUR_S))
    assert not of_type(AgentWithoutConsent, restarted(rig))
    assert rig.badge("gate", "pia", EXIT).effects, "the way out is as it was"


def test_nobody_is_named_where_no_agent_is_known_inside() -> None:
    rig = calm()
    gives(rig)
    assert not of_type(AgentWithoutConsent, ends(rig))
    rig = inside()
    known(rig, others(pia={"roles": ("guest",)}))
    assert not of_type(AgentWithoutConsent, ends(rig)), "he is an agent no more"


def test_a_consent_survives_a_restart_with_its_end() -> None:
    rig = calm()
    gives(rig)
    restarted(rig)
    assert is_let_in(rig)
    assert of_type(ConsentEnded, rig.later(HOUR_S))
    assert not is_let_in(rig)


def test_a_consent_whose_time_ran_out_while_nothing_ran_is_over_after_the_start() -> None:
    rig = inside()
    rig.skip(2 * HOUR_S)
    restarted(rig)
    assert of_type(ConsentEnded, Outcome(tuple(rig.events), ()))
    assert not is_let_in(rig, portal="panic")


def test_no_consent_holds_by_a_clock_that_is_not_trusted() -> None:
    rig = calm()
    gives(rig)
    trust(rig, False)
    assert not is_let_in(rig)
    assert "clock is not trusted" in refused(gives(rig, 2))
    assert not of_type(ConsentEnded, rig.later(2 * HOUR_S)), "nobody can say that it is over"
    assert of_type(ConsentEnded, trust(rig, True))
    assert not is_let_in(rig)


def test_a_consent_goes_on_when_the_clock_is_trusted_again_in_time() -> None:
    rig = calm()
    gives(rig)
    trust(rig, False)
    rig.later(60)
    trust(rig, True)
    assert is_let_in(rig)


def test_a_clock_that_is_set_forward_ends_a_consent_and_none_that_is_set_back_revives_it() -> None:
    rig = calm()
    gives(rig)
    rig.utc_us += 2 * HOUR_S * SECOND_US
    stepped = ClockChecked(id=InputId(rig.new_id()), trusted=True, stepped_ms=2 * HOUR_S * 1000)
    assert of_type(ConsentEnded, rig.feed(stepped))
    rig.utc_us -= 2 * HOUR_S * SECOND_US
    assert not is_let_in(rig)
    assert "given before" in refused(gives(rig))


# --- who gives it, and what may not be given --------------------------------------------------


@pytest.mark.parametrize("cause", ["revoked", "expired", "in force"])
def test_a_file_acts_once(cause: str) -> None:
    rig = calm()
    offered = consent(rig, accept_until_s=rig.utc_us // SECOND_US + HOUR_S)
    rig.feed(offered)
    if cause == "revoked":
        ends(rig)
    elif cause == "expired":
        rig.later(HOUR_S)
    again = refused(rig.feed(replace(offered, id=InputId(rig.new_id()))))
    assert "given before" in again or "time" in again
    assert is_let_in(rig) is (cause == "in force")


def test_a_file_that_is_forgotten_is_refused_even_by_a_clock_that_is_set_back() -> None:
    """Ids are kept until their window is over; what is forgotten then stays shut."""
    rig = calm()
    first = consent(rig, 1)
    rig.feed(first)
    ends(rig)
    began_us = rig.utc_us
    rig.later(700)
    gives(rig, 2)
    assert set(rig.site.state.consents.seen) == {f"{2:064x}"}
    ends(rig)
    rig.utc_us = began_us + SECOND_US
    assert "could be given is over" in refused(rig.feed(replace(first, id=InputId("again"))))
    assert not is_let_in(rig)


def test_a_consent_is_given_within_its_window_and_holds_a_day_at_most() -> None:
    rig = calm()
    now_s = rig.utc_us // SECOND_US
    assert "could be given is over" in refused(gives(rig, accept_until_s=now_s))
    assert "its time is over" in refused(gives(rig, until_s=now_s))
    assert "24 hours at most" in refused(gives(rig, until_s=now_s + CONSENT_S_MAX + 1))
    assert "its own end" in refused(gives(rig, until_s=now_s + 60))
    assert of_type(ConsentGiven, gives(rig, until_s=now_s + CONSENT_S_MAX))


def test_nothing_is_given_that_is_not_on_record() -> None:
    rig = calm()
    rig.journal(False)
    assert "not on record" in refused(gives(rig))


def test_another_consent_takes_the_place_of_the_first() -> None:
    rig = calm()
    gives(rig)
    now_s = rig.utc_us // SECOND_US
    gives(rig, 2, until_s=now_s + 60, accept_until_s=now_s + 60)
    (ended,) = of_type(ConsentEnded, rig.later(60))
    assert ended.order == f"{2:064x}"
    assert not is_let_in(rig)


def test_nobody_consents_to_his_own_entry() -> None:
    rig = calm()
    assert "but the person himself" in refused(gives(rig, signers=(PIA,)))
    assert of_type(ConsentGiven, gives(rig, 2, signers=(None,))), "the site file names the key"


@pytest.mark.parametrize(
    "signers",
    [(), (CORA,), (CORA, None), (CORA, ANN), (CORA, CORA), (CORA, HolderId("h-nobody")), (PIA,)],
)
def test_a_policy_that_says_who_consents_is_obeyed(signers: tuple[HolderId | None, ...]) -> None:
    rig = calm(TWO_SIGN)
    assert "of 2 people" in refused(gives(rig, signers=signers))
    assert of_type(ConsentGiven, gives(rig, 2, signers=(CORA, BOB)))


@pytest.mark.parametrize("record", [*IN_NO_GOOD_STANDING, {"roles": ()}])
def test_who_consents_is_in_good_standing(record: dict[str, object]) -> None:
    rig = calm(TWO_SIGN + LISTS)
    known(rig, others(bob=record))
    assert "1 of 2" in refused(gives(rig, signers=(CORA, BOB)))
    known(rig, others(bob={"valid_until_s": rig.utc_us // SECOND_US}))
    assert "1 of 2" in refused(gives(rig, 2, signers=(CORA, BOB)))


def test_who_is_observed_consents_as_anybody() -> None:
    rig = calm(TWO_SIGN + LISTS)
    known(rig, others(bob={"watchlists": ("seen",), "valid_from_s": rig.utc_us // SECOND_US}))
    assert of_type(ConsentGiven, gives(rig, signers=(CORA, BOB)))


def test_no_more_are_remembered_than_the_state_can_bear() -> None:
    rig = calm()
    for number in range(CONSENTS_MAX):
        assert of_type(ConsentGiven, gives(rig, number))
    assert f"{CONSENTS_MAX} consents" in refused(gives(rig, CONSENTS_MAX))
    rig.later(601)
    assert of_type(ConsentGiven, gives(rig, CONSENTS_MAX)), "the others could not be given any more"
    assert len(rig.site.state.consents.seen) == 1


# --- screening ----------------------------------------------------------------------------------


def test_who_said_it_stands_with_a_screening() -> None:
    rig = calm()
    said = ScreeningHeard(
        id=InputId(rig.new_id()),
        station="gate-house",
        holder=ANN,
        result=ScreeningResult.DECLINED,
        operator=OPERATOR,
    )
    (screened,) = of_type(PersonScreened, rig.feed(said))
    assert screened.operator == commitment(OPERATOR)


# --- stays --------------------------------------------------------------------------------------


def brought(rig: Rig, who: str = "vic", portal: str = "gate") -> int:
    """Bob brings a visitor in; when that was."""
    rig.badge(portal, who)
    rig.later(1)
    assert of_type(ReleasePortal, rig.badge(portal, "bob"))
    rig.later(1)
    rig.opens(portal)
    since_s = rig.utc_us // SECOND_US
    rig.later(1)
    rig.closes(portal)
    return since_s


def goes(rig: Rig, who: str, portal: str = "gate") -> None:
    """Somebody shows his badge on the way out."""
    rig.badge(portal, who, EXIT)
    passes(rig, portal)


def test_who_stays_longer_than_his_role_allows_is_told_of_once_and_in_time() -> None:
    rig = calm()
    since_s = brought(rig)
    assert not of_type(VisitorOverstayed, rig.later(STAY_S - 2))
    outcome = rig.later(2)
    (over,) = of_type(VisitorOverstayed, outcome)
    assert (over.visitor, over.host, over.since_s) == (VIC, BOB, since_s)
    assert outcome.events[0].header.utc_us == (since_s + STAY_S) * SECOND_US
    assert not outcome.effects, "nothing is done to him"
    assert not of_type(VisitorOverstayed, rig.later(10 * STAY_S))


def test_going_further_in_does_not_begin_another_visit() -> None:
    rig = calm()
    brought(rig)
    rig.later(STAY_S / 2)
    brought(rig, portal="panic")
    assert rig.site.state.people.presences[VIC].zone == "lobby"
    assert of_type(VisitorOverstayed, rig.later(STAY_S / 2))


def test_leaving_ends_a_visit_and_coming_back_begins_another() -> None:
    rig = calm()
    brought(rig)
    rig.later(STAY_S / 2)
    goes(rig, "vic")
    assert not of_type(VisitorOverstayed, rig.later(2 * STAY_S))
    brought(rig)
    assert not of_type(VisitorOverstayed, rig.later(STAY_S - 4))
    assert of_type(VisitorOverstayed, rig.later(4))


def test_who_comes_from_the_street_begins_another_visit_wherever_he_was_believed_to_be() -> None:
    rig = calm()
    brought(rig)
    rig.later(STAY_S / 2)
    brought(rig)
    assert not of_type(VisitorOverstayed, rig.later(STAY_S - 4))
    assert of_type(VisitorOverstayed, rig.later(4))


def test_staff_stay_as_long_as_they_like() -> None:
    rig = calm()
    rig.badge("gate", "ann")
    passes(rig)
    assert not of_type(VisitorOverstayed, rig.later(10 * STAY_S))


COURIERS = POLICY.replace(
    "[role.police]", '[role.courier]\nkind = "visitor"\nstay-max-s = 60\n[role.police]'
)


@pytest.mark.parametrize("roles", [("courier", "visitor"), ("visitor", "courier")])
def test_the_shortest_of_several_roles_counts(roles: tuple[str, ...]) -> None:
    rig = calm(COURIERS)
    known(rig, others(vic={"roles": roles}))
    brought(rig)
    assert not of_type(VisitorOverstayed, rig.later(58))
    assert of_type(VisitorOverstayed, rig.later(1))


def test_a_role_that_comes_during_a_visit_counts_from_its_beginning() -> None:
    rig = calm(COURIERS)
    since_s = brought(rig)
    rig.later(100)
    known(rig, others(vic={"roles": ("courier",)}))
    (over,) = of_type(VisitorOverstayed, rig.later(1))
    assert over.since_s == since_s


def test_a_limit_that_comes_during_a_visit_counts_from_its_beginning() -> None:
    rig = calm(POLICY.replace(f"stay-max-s = {STAY_S}\n", ""))
    brought(rig)
    assert not of_type(VisitorOverstayed, rig.later(2 * STAY_S))
    rig.policy(POLICY)
    assert of_type(VisitorOverstayed, rig.later(1))


TO_THE_ARCHIVE = POLICY.replace(
    'zones = ["court", "lobby"]\nescorted = true', 'zones = ["archive"]\nescorted = true'
).replace('factors = "high"', 'factors = "badge"')
"""Nobody leaves the archive without a badge: who is there is known after a restart as well."""


@pytest.mark.parametrize("off_s", [10, 3 * STAY_S])
def test_a_visit_goes_on_over_a_restart(off_s: int) -> None:
    rig = calm(TO_THE_ARCHIVE)
    since_s = brought(rig, portal="archive")
    rig.skip(off_s)
    restarted(rig)
    rig.later(STAY_S)
    (over,) = of_type(VisitorOverstayed, Outcome(tuple(rig.events), ()))
    assert over.since_s == since_s
    restarted(rig)
    rig.later(STAY_S)
    assert len(of_type(VisitorOverstayed, Outcome(tuple(rig.events), ()))) == 1


@pytest.mark.parametrize("off_s", [10, 3 * STAY_S])
def test_no_alarm_is_lost_while_the_clock_is_not_trusted(off_s: int) -> None:
    rig = calm()
    brought(rig)
    trust(rig, False)
    assert not of_type(VisitorOverstayed, rig.later(off_s))
    told = [*of_type(VisitorOverstayed, trust(rig, True))]
    told += of_type(VisitorOverstayed, rig.later(STAY_S))
    assert len(told) == 1


def test_who_comes_while_the_clock_is_not_trusted_counts_from_when_it_is() -> None:
    rig = calm()
    trust(rig, False)
    brought(rig)
    rig.later(3 * STAY_S)
    assert not of_type(VisitorOverstayed, trust(rig, True))
    assert not of_type(VisitorOverstayed, rig.later(STAY_S - 1))
    assert of_type(VisitorOverstayed, rig.later(1))


# --- hosts --------------------------------------------------------------------------------------


def hosted(until_s: int = 60) -> Rig:
    """Vic is in the court with Bob, whose record ends after so many seconds."""
    rig = calm()
    known(rig, others(bob={"valid_until_s": rig.utc_us // SECOND_US + until_s}))
    brought(rig)
    return rig


def test_a_host_whose_time_is_over_leaves_an_alarm_behind_in_that_second() -> None:
    """P32."""
    rig = hosted()
    over_us = (rig.site.directory.holders[BOB].facts.valid_until_s or 0) * SECOND_US
    outcome = rig.later(60)
    (alone,) = of_type(VisitorUnescorted, outcome)
    assert (alone.visitor, alone.host, alone.lost) == (VIC, BOB, True)
    assert outcome.events[0].header.utc_us == over_us
    assert not outcome.effects


def test_a_host_who_is_lost_is_told_of_once_for_each_visitor() -> None:
    rig = hosted()
    assert of_type(VisitorUnescorted, rig.later(60))
    assert not of_type(VisitorUnescorted, rig.later(60))
    assert not of_type(VisitorUnescorted, known(rig, others(bob={"suspended": True})))
    assert not of_type(VisitorUnescorted, known(rig, others(bob=None)))
    restarted(rig, others(bob=None))
    assert len(of_type(VisitorUnescorted, Outcome(tuple(rig.events), ()))) == 1


def test_a_host_without_visitors_may_end_as_he_likes() -> None:
    rig = hosted()
    goes(rig, "vic")
    assert not of_type(VisitorUnescorted, rig.later(120))


def test_a_host_whose_role_may_escort_no_more_leaves_an_alarm_behind() -> None:
    rig = hosted(10 * HOUR_S)
    outcome = rig.policy(POLICY.replace("escort = true", "escort = false"))
    assert of_type(VisitorUnescorted, outcome)


@pytest.mark.parametrize("record", IN_NO_GOOD_STANDING)
def test_a_host_who_may_not_enter_himself_leaves_an_alarm_behind(
    record: dict[str, object],
) -> None:
    rig = calm(POLICY + LISTS)
    brought(rig)
    assert not of_type(VisitorUnescorted, known(rig, others(bob={"watchlists": ("seen",)})))
    (alone,) = of_type(VisitorUnescorted, known(rig, others(bob=record)))
    assert (alone.visitor, alone.host, alone.lost) == (VIC, BOB, True)


def test_a_host_whose_list_denies_from_now_on_leaves_an_alarm_behind() -> None:
    rig = calm(POLICY + LISTS)
    brought(rig)
    known(rig, others(bob={"watchlists": ("seen",)}))
    assert of_type(VisitorUnescorted, rig.policy(POLICY + LISTS.replace("observe", "deny")))


def test_a_host_whose_time_has_not_come_is_told_of_when_the_clock_is_trusted_again() -> None:
    rig = calm()
    brought(rig)
    trust(rig, False)
    assert not of_type(VisitorUnescorted, known(rig, others(bob={"valid_from_s": 2**31 - 1})))
    assert of_type(VisitorUnescorted, trust(rig, True))


def test_a_host_whose_time_is_over_is_told_of_when_the_clock_is_trusted_again() -> None:
    rig = hosted()
    trust(rig, False)
    assert not of_type(VisitorUnescorted, rig.later(120))
    assert of_type(VisitorUnescorted, trust(rig, True))


# --- deadlines ----------------------------------------------------------------------------------


def test_a_deadline_is_the_first_of_all_ends() -> None:
    rig = calm(POLICY.replace('open = "office"\n', ""))
    assert rig.site.deadline() is None
    gives(rig)
    assert rig.site.deadline() == rig.now_us + HOUR_S * SECOND_US
    brought(rig)
    rig.later(20)
    over_us = rig.now_us + (STAY_S - 21) * SECOND_US
    assert rig.site.deadline() == over_us
    known(rig, others(bob={"valid_until_s": rig.utc_us // SECOND_US + 30}))
    assert rig.site.deadline() == rig.now_us + 30 * SECOND_US
    trust(rig, False)
    assert rig.site.deadline() is None


def test_who_is_inside_without_a_limit_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = calm()
    brought(rig)
    asked: list[HolderId] = []
    honest = visits._stay_max_s
    monkeypatch.setattr(
        visits, "_stay_max_s", lambda *about: asked.append(about[2]) or honest(*about)
    )
    rig.badge("gate", "ann")
    passes(rig)
    rig.later(60)
    assert asked == [ANN], "and nobody else, in all those steps"
