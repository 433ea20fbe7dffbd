"""What people ask of the running daemon about visits: screenings, consents of the head of mission.

People are named by the integrator's ids. Whoever asks is the operator in the record.
"""

import asyncio
import logging
from typing import TypeVar

from controller.body import Body
from controller.consents import Consent
from controller.effects import FreeExit, ReleasePortal
from controller.events import ConsentRefused, DecisionMade, PersonScreened, decode_entry
from controller.ids import AttemptId, HolderId, PortalId
from controller.inputs import ConsentEndAsked, ConsentOffered, PassAsked, ScreeningHeard
from controller.moment import SECOND_US
from controller.site import Outcome
from edge.config import Config
from edge.consent_orders import SignedConsent, signed_consent
from edge.control.messages_visits import ConsentShown, ConsentsReply, LetPass, PassReply, VisitReply
from edge.daemon import Daemon
from edge.journal import JournalError, Stored
from edge.orders import OrderError
from edge.people.records import HolderRecord, Roll
from edge.present import committed, local
from edge.sign_counts import SignCounts
from edge.signatures import SignatureError
from edge.signers import signers_on_file
from policies.codes import TEXTS, Code
from policies.compiled import CompiledPolicy
from policies.facts import Direction, ScreeningResult
from policies.problems import did_you_mean

READ_BYTES_MAX = 512 * 1024

LIKENESSES_MAX = 10_000
"""People among whom a mistyped id is looked for: among more it takes a core for too long."""

LIKENESS_LETTERS_MAX = 2_000_000
"""Its letters times those of everybody's ids: more than these take a core for 0.2 s and longer."""

TWO_RELEASE = "two people release this portal together"
AT_TERMINAL = "release it at a guard's terminal, where a second one confirms it"

UNWRITABLE = VisitReply(
    accepted=False,
    reason="the journal cannot be written; it would not be on record",
    remedy="try later",
)

log = logging.getLogger(__name__)

B = TypeVar("B", bound=Body)


class VisitDesk:
    """One daemon's."""

    def __init__(self, daemon: Daemon, config: Config, counts: SignCounts) -> None:
        """`counts`: of security keys, of whatever they sign."""
        self._daemon = daemon
        self._config = config
        self._counts = counts
        self._likening = asyncio.Lock()

    async def screen(
        self, person: str, station: str, result: ScreeningResult, operator: str
    ) -> VisitReply:
        """As `edge.control.desk.Desk` has it."""
        record, stations = await self._on_file(person), self._daemon.site.policy.screenings
        if record is None:
            return await self._unknown(person)
        if station not in stations:
            known = f"it has {', '.join(sorted(stations))}" if stations else "it has none"
            return VisitReply(
                accepted=False,
                reason=f"the policy has no screening station '{station}'",
                remedy=did_you_mean(station, stations) or known,
            )
        if self._daemon.recorder.down:
            return UNWRITABLE
        daemon = self._daemon
        outcome = daemon.judge(
            ScreeningHeard(
                id=daemon.new_id(),
                station=station,
                holder=HolderId(record.id),
                result=result,
                operator=daemon.personal("operator", operator),
            )
        )
        if _first(PersonScreened, outcome) is None:
            return _not_in_force(person)
        return await self._done(f"'{person}' at {station}: {result}")

    async def give_consent(self, envelope: bytes, operator: str) -> VisitReply:
        """As `edge.control.desk.Desk` has it."""
        try:
            order = await asyncio.to_thread(
                signed_consent, envelope, self._config.keys, self._config.site
            )
            self._counts.judge(order)
        except (OrderError, SignatureError) as error:
            return VisitReply(accepted=False, reason=str(error), remedy=error.remedy)
        record = await self._on_file(order.order.person)
        if record is None:
            return await self._unknown(order.order.person)
        if self._daemon.recorder.down:
            return UNWRITABLE
        signers = await asyncio.to_thread(
            signers_on_file, order.signed, self._config.keys, self._daemon.people.roll, record
        )
        outcome = self._daemon.judge(self._offered(order, HolderId(record.id), signers, operator))
        refused = _first(ConsentRefused, outcome)
        if refused is not None:
            await self._daemon.recorder.drained()
            again = "`sentrypost consent new` makes another"
            return VisitReply(accepted=False, reason=refused.reason, remedy=again)
        if self._counts.remember(order):
            await asyncio.to_thread(self._counts.write)
        until = local(order.order.until_s * SECOND_US, self._daemon.site.policy.zone)
        signed = ", ".join(order.signed.people)
        return await self._done(f"'{order.order.person}' until {until}, signed by {signed}")

    async def let_pass(self, asked: LetPass, operator: str) -> PassReply:
        """As `edge.control.desk.Desk` has it."""
        portal, portals = asked.portal, self._daemon.site.state.portals
        if portal not in portals:
            known = did_you_mean(portal, portals) or "`sentrypost status` names them all"
            return _undecided(f"the policy has no portal '{portal}'", known)
        if wants_two(self._daemon.site.policy, portal, asked.direction):
            return _undecided(TWO_RELEASE, AT_TERMINAL)
        people = []
        for name in (asked.person, asked.host) if asked.host else (asked.person,):
            record = await self._on_file(name)
            if record is None:
                nobody = await self._unknown(name)
                return _undecided(nobody.reason, nobody.remedy)
            people.append(HolderId(record.id))
        if len(set(people)) < len(people):
            return _undecided("nobody escorts himself", "name somebody else")
        outcome = self._daemon.judge(self._pass_asked(asked, people, operator))
        await self._daemon.recorder.drained()
        told = pass_told(outcome)
        if told is None:
            return _undecided("the edge has not finished starting, or stops", "try again")
        return told

    def _pass_asked(self, asked: LetPass, people: list[HolderId], operator: str) -> PassAsked:
        daemon = self._daemon
        name = daemon.people.name_of(people[0])
        return PassAsked(
            id=daemon.new_id(),
            attempt=AttemptId(daemon.new_id()),
            beside=AttemptId(daemon.new_id()),
            portal=PortalId(asked.portal),
            direction=asked.direction,
            holder=people[0],
            host=people[1] if len(people) > 1 else None,
            party=asked.party,
            sealed_bag=asked.sealed_bag,
            reason=daemon.personal("reason", asked.reason),
            operator=daemon.personal("operator", operator),
            person=None if name is None else daemon.personal("person", name),
        )

    async def end_consent(self, person: str, operator: str) -> VisitReply:
        """As `edge.control.desk.Desk` has it. It takes something away: no journal is waited for."""
        holder = self._with_consent(person)
        if holder is None and await self._on_file(person) is None:
            return await self._unknown(person)
        if holder is None:
            return VisitReply(
                accepted=False,
                reason=f"there is no consent for '{person}'",
                remedy="`sentrypost consent list` names them all",
            )
        daemon = self._daemon
        daemon.judge(
            ConsentEndAsked(
                id=daemon.new_id(),
                holder=holder,
                operator=daemon.personal("operator", operator),
            )
        )
        return await self._done(f"'{person}' enters no more")

    async def consents(self) -> ConsentsReply:
        """As `edge.control.desk.Desk` has it."""
        site, on_file = self._daemon.site, self._daemon.people.roll.holders
        shown = []
        for holder, one in site.state.consents.in_force.items():
            record = on_file.get(holder)
            person = "" if record is None else record.external_id
            shown.append(await self._shown(person, holder, one))
        return ConsentsReply(
            timezone=site.policy.timezone,
            clock_trusted=self._daemon.now().trusted,
            consents=tuple(sorted(shown, key=lambda one: (one.until_utc_us, one.person))),
        )

    # --- people ---

    async def _on_file(self, person: str) -> HolderRecord | None:
        return await asyncio.to_thread(self._daemon.people.roll.named, person)

    def _with_consent(self, person: str) -> HolderId | None:
        """Looked for among those alone who have one: it is taken away at once."""
        on_file = self._daemon.people.roll.holders
        for holder in self._daemon.site.state.consents.in_force:
            record = on_file.get(holder)
            if record is not None and record.external_id == person:
                return holder
        return None

    async def _unknown(self, person: str) -> VisitReply:
        """One search at a time: each holds up the event loop a little, and none is worth waiting
        for.
        """
        meant = None
        if not self._likening.locked():
            async with self._likening:
                meant = await asyncio.to_thread(_meant, self._daemon.people.roll, person)
        return VisitReply(
            accepted=False,
            reason=f"nobody on file has the id '{person}'",
            remedy=meant or "give the id that the file of people has",
        )

    def _offered(
        self,
        signed: SignedConsent,
        holder: HolderId,
        signers: tuple[HolderId | None, ...],
        operator: str,
    ) -> ConsentOffered:
        daemon, order = self._daemon, signed.order
        return ConsentOffered(
            id=daemon.new_id(),
            order=signed.id,
            holder=holder,
            until_s=order.until_s,
            accept_until_s=order.accept_until_s,
            zones=order.zones or (),
            party=order.party or 0,
            keys=signed.signed.keys,
            signers=signers,
            signed_by=daemon.personal("signed_by", ", ".join(signed.signed.people)),
            reason=daemon.personal("reason", order.reason),
            operator=daemon.personal("operator", operator),
        )

    # --- the journal ---

    async def _done(self, what: str) -> VisitReply:
        await self._daemon.recorder.drained()
        return VisitReply(accepted=True, reason=what, recorded=not self._daemon.recorder.down)

    async def _shown(self, person: str, holder: HolderId, one: Consent) -> ConsentShown:
        """With what the journal tells of it."""
        seq = one.seq
        try:
            stored: list[Stored] = await self._daemon.writer.read(seq, 1, READ_BYTES_MAX)
        except JournalError as error:
            log.warning("who gave a consent cannot be read: %s", error)
            stored = []
        entry = decode_entry(stored[0].entry) if stored else None
        told = {} if entry is None else committed(entry, stored[0].personal)
        return ConsentShown(
            person=person,
            holder=holder,
            until_utc_us=one.until_s * SECOND_US,
            zones=one.zones,
            party=one.party,
            seq=seq,
            given_utc_us=None if entry is None else entry.utc_us,
            signed_by=told.get("signed_by", ""),
            reason=told.get("reason", ""),
            given_by=told.get("operator", ""),
        )


def wants_two(policy: CompiledPolicy, portal: str, direction: Direction) -> bool:
    """Whether one guard's word is not enough here. On the way out nobody is asked for a second."""
    rule = policy.portal(portal)
    return rule is not None and rule.release_by_two and direction is not rule.way_out


def pass_told(outcome: Outcome) -> PassReply | None:
    """What was decided of a passage that a guard asked for; None where nothing was. Where somebody
    escorts whoever passes and may not come along, that is what was decided.
    """
    made = [event.body for event in outcome.events if isinstance(event.body, DecisionMade)]
    if not made:
        return None
    said = made[-1].decision
    return PassReply(
        granted=said.granted,
        reasons=tuple(_told(one.code) for one in said.objections) or (_told(said.code),),
        notes=tuple(_told(one.code) for one in said.notes),
        released=any(isinstance(one, ReleasePortal | FreeExit) for one in outcome.effects),
    )


def _first(kind: type[B], outcome: Outcome) -> B | None:
    return next((event.body for event in outcome.events if isinstance(event.body, kind)), None)


def _undecided(reason: str, remedy: str) -> PassReply:
    return PassReply(granted=False, reasons=((0, reason),), remedy=remedy)


def _told(code: Code) -> tuple[int, str]:
    return int(code), TEXTS[code]


def _meant(roll: Roll, person: str) -> str | None:
    if len(roll.holders) > LIKENESSES_MAX:
        return None
    ids = [one.external_id for one in roll.holders.values()]
    if len(person) * sum(map(len, ids)) > LIKENESS_LETTERS_MAX:
        return None
    return did_you_mean(person, ids)


def _not_in_force(person: str) -> VisitReply:
    return VisitReply(
        accepted=False,
        reason=f"'{person}' is on file and not in force yet",
        remedy="try again as soon as the journal can be written",
    )
