"""An hour at a site, drawn from a seed: plausible passages and everything that must not matter.

The inputs go straight into `step`. Every state that the core passes through is kept, with what it
wished for and what it said of its earlier wishes, for the checkers to doubt.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from typing import NamedTuple
from unittest.mock import patch

import msgspec
from msgspec.structs import replace

from controller import inputs, inputs_alarms, inputs_faces, inputs_muster, turn
from controller.effects import AskPin, Effect, FreeEgress, SecurePortal, ShowAtReader
from controller.events import Event, FireLine, encode
from controller.events_alarms import AlarmCause
from controller.events_people import ErasedValues
from controller.ids import (
    AttemptId,
    CredentialRef,
    EffectId,
    HolderId,
    InputId,
    PortalId,
    QuestionId,
    ReaderId,
)
from controller.ledger import Personal
from controller.moment import SECOND_US, Moment
from controller.portal import Contact
from controller.site import Site
from controller.state import SiteState, apply, restore, snapshot
from policies.facts import Assurance, Direction, Factor, Mode, ScreeningResult
from simulators.orders import offered, towards
from tests.controller.support import (
    FRIDAY_0728_UTC_US,
    ORIGIN,
    POLICY,
    PORTALS,
    SECOND_POLICY,
    WHO,
    compiled,
    directory,
    reader_of,
    way_in,
    way_out,
)

INPUTS = 5_000
WATCHED = 25
"""How many of the newest wishes are asked after again and again."""

LINES = [FireLine.ALARM, FireLine.CUT, FireLine.SHORTED, FireLine.GONE, FireLine.UNKNOWN]
SURNAME = "Surname-of-"

Make = Callable[[], inputs.Input]


class Step(NamedTuple):
    """One fact and all that came of it. `standing`: what `stands` then said of earlier wishes."""

    fact: inputs.Input
    moment: Moment
    before: SiteState
    after: SiteState
    events: tuple[Event, ...]
    effects: tuple[Effect, ...]
    deadline_us: int | None
    standing: tuple[tuple[Effect, bool], ...]
    version: int  # of the policy in force afterwards


class Run(NamedTuple):
    """`states`: the live state after each event, in the order of seq."""

    seed: int
    steps: list[Step]
    states: list[SiteState]

    @property
    def events(self) -> list[Event]:
        return [event for step in self.steps for event in step.events]


def run_hour(seed: int, count: int = INPUTS) -> Run:
    """The same run for the same seed."""
    states: list[SiteState] = []

    def spy(state: SiteState, event: Event) -> SiteState:
        after = apply(state, event)
        states.append(after)
        return after

    with patch.object(turn, "apply", spy):
        hour = _Hour(seed)
        hour.run(count)
    return Run(seed, hour.steps, states)


class _Hour:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.guard = random.Random(f"{seed}/muster")  # who checks people off disturbs nothing else
        self.desk = random.Random(f"{seed}/alarms")  # nor does who answers alarms
        self.site = Site(ORIGIN, compiled(POLICY))
        self.version = 1
        self.now_us = 0  # of the run; a restart begins another monotonic clock
        self.boot_us = 0
        self.jump_us = 0
        self.trusted = True
        self.steps: list[Step] = []
        self.watched: deque[Effect] = deque(maxlen=WATCHED)
        self.lasting: dict[tuple[type, str], Effect] = {}
        self.questions: list[QuestionId] = [QuestionId("never-asked")]
        self.consents: list[inputs.ConsentOffered] = []
        self.forgetful = ""  # who types nothing but wrong PINs
        self.ids = itertools.count()
        self.plan: list[tuple[int, int, Make | None]] = []

    def run(self, count: int) -> None:
        self._boot()
        while len(self.steps) < count:
            if not self.plan or self.plan[0][0] > self.now_us + 2 * SECOND_US:
                self._happening()
            at_us, _, make = heapq.heappop(self.plan)
            due_us = self.site.deadline()
            while due_us is not None and due_us + self.boot_us < at_us and self._often(0.9):
                self._at(due_us + self.boot_us)
                self._feed(inputs.TimePassed(id=self._id()))
                due_us = self.site.deadline()
            self._at(at_us)
            if make is None:
                self._boot()
            else:
                self._feed(make())
            if self.guard.random() < 0.03:
                self._feed(self._muster())
            if self.desk.random() < 0.06:
                self._feed(self._alarm())

    # --- the machinery --------------------------------------------------------------------------

    def _id(self) -> InputId:
        return InputId(f"{self.random.getrandbits(24):06x}-{next(self.ids)}")

    def _often(self, share: float) -> bool:
        return self.random.random() < share

    def _at(self, at_us: int) -> None:
        self.now_us = max(self.now_us, at_us)

    def _moment(self) -> Moment:
        utc_us = FRIDAY_0728_UTC_US + self.now_us + self.jump_us
        return Moment(self.now_us - self.boot_us, utc_us, self.trusted)

    def _feed(self, fact: inputs.Input) -> None:
        before, moment = self.site.state, self._moment()
        outcome = self.site.step(fact, moment)
        for effect in outcome.effects:
            if isinstance(effect, SecurePortal | FreeEgress):
                self.lasting[type(effect), effect.portal] = effect
            elif not isinstance(effect, ShowAtReader):
                self.watched.append(effect)
            if isinstance(effect, AskPin):
                self._answers(effect)
        standing = tuple(
            (effect, self.site.stands(effect, moment.mono_us))
            for effect in (*self.watched, *self.lasting.values())
        )
        step = Step(
            fact,
            moment,
            before,
            self.site.state,
            outcome.events,
            outcome.effects,
            self.site.deadline(),
            standing,
            self.version,
        )
        self.steps.append(step)

    def _boot(self) -> None:
        """The edge starts, from what a snapshot keeps, with a clock that begins anew."""
        self.boot_us = self.now_us - self.random.randrange(1, 100 * SECOND_US)
        policy = compiled(POLICY if self.version == 1 else SECOND_POLICY)
        self.site = Site(ORIGIN, policy, restore(snapshot(self.site.state)))
        self.watched.clear()
        self.lasting.clear()
        self._feed(inputs.Started(id=self._id(), version="test"))
        self._feed(inputs.DirectoryReplaced(id=self._id(), directory=directory()))
        for fire in policy.fire_inputs:
            if self._often(0.9):
                self._soon(0, 12, self._line(fire.id, FireLine.NORMAL))
        for portal in policy.portals:
            self._soon(0, 8, self._link(portal.id, True))
            if portal.contact:
                self._soon(0, 10, self._contact(portal.id, Contact.CLOSED))

    def _soon(self, low_s: float, high_s: float, make: Make | None) -> None:
        at_us = self.now_us + round(self.random.uniform(low_s, high_s) * SECOND_US)
        heapq.heappush(self.plan, (at_us, next(self.ids), make))

    # --- what happens ---------------------------------------------------------------------------

    def _happening(self) -> None:
        happenings, weights = zip(*_HAPPENINGS, strict=True)
        (happening,) = self.random.choices(happenings, weights)
        happening(self)

    def _portal(self) -> str:
        return self.random.choice(sorted(PORTALS))

    def _passage(self) -> None:
        portal = self._portal()
        inwards = self._often(0.6)
        direction = way_in(portal) if inwards else way_out(portal)
        who = self.random.choice([*WHO, "ann", "bob", "stranger"])
        self._soon(0, 2, lambda: self._badge(portal, direction, who))
        if self._often(0.2):
            self._soon(0, 4, lambda: self._badge(portal, self._direction(), "bob"))
        if who == "pia" and self._often(0.7):
            self._soon(0, 0, self._consent(self.random.randrange(1, 400)))
        if who in {"vic", "wim"} or portal == "vault":
            host = self.random.choice(["bob", "ann", "bob", who])
            self._soon(2, 9, lambda: self._badge(portal, direction, host))
            self._soon(9, 12, self._contact(portal, Contact.OPEN))
            self._soon(13, 15, self._contact(portal, Contact.CLOSED))
            self._soon(15, 20, lambda: self._badge("mag", Direction.ENTRY, host))
            self._soon(20, 22, self._contact("mag", Contact.OPEN))
            self._soon(23, 25, self._contact("mag", Contact.CLOSED))
        if self._often(0.7):
            self._soon(1, 9, self._contact(portal, Contact.OPEN))
            self._soon(3, 30, self._contact(portal, Contact.CLOSED))

    def _direction(self) -> Direction:
        return self.random.choice(list(Direction))

    def _badge(self, portal: str, direction: Direction, who: str) -> inputs.BadgeRead:
        question = QuestionId(f"q{next(self.ids)}")
        return inputs.BadgeRead(
            id=self._id(),
            drill=self._often(0.02),
            reader=reader_of(portal, direction),
            portal=PortalId(portal),
            direction=direction,
            ref=CredentialRef(f"ref-{who}"),
            assurance=Assurance.SECURE,
            attempt=AttemptId(f"a{next(self.ids)}"),
            question=question,
            offers=(Factor.PIN,) if self._often(0.8) else (),
            badge=Personal("badge", f"Secret-ref-of-{who}", "cd" * 16),
            person=Personal("person", f"{SURNAME}{who}", "ef" * 16),
        )

    def _answers(self, asked: AskPin) -> None:
        self.questions.append(asked.question)
        for _ in range(self.random.choice([0, 1, 1, 1, 2])):
            late = self._often(0.2)
            wrong = asked.holder == self.forgetful
            self._soon(*((19, 23) if late else (0.2, 9)), self._pin(asked.question, wrong=wrong))

    def _forget_the_pin(self) -> None:
        who = self.random.choice(["ann", "bob", "cora"])
        self.forgetful = f"h-{who}"
        for turn_s in range(0, 200, 25):
            self._soon(turn_s, turn_s + 3, lambda: self._badge("archive", Direction.ENTRY, who))

    def _pin(self, question: QuestionId, *, wrong: bool = False) -> Make:
        outcome = self.random.choice([inputs.PinOutcome.MATCHED] * 3 + list(inputs.PinOutcome))
        outcome = inputs.PinOutcome.WRONG if wrong else outcome
        return lambda: inputs.PinChecked(
            id=self._id(),
            question=question,
            outcome=outcome,
            assurance=Assurance.SECURE,
            person=Personal("person", f"{SURNAME}somebody", "ef" * 16),
        )

    def _muster(self) -> inputs.Input:
        """Of musters anything at any time; mostly somebody is checked off."""
        fact = InputId(f"muster-{len(self.steps)}")
        operator = Personal("operator", f"{SURNAME}officer", "ab" * 16)
        who = HolderId(f"h-{self.guard.choice([*WHO, 'ann', 'bob', 'cora', 'dan', 'nobody'])}")
        places = ["tree", "tree", "lobby", "refuge", "street", "No Place"]
        match self.guard.choice(("begin", *["check"] * 8, "undo", "end")):
            case "begin":
                return inputs_muster.MusterBeginAsked(id=fact, operator=operator)
            case "end":
                return inputs_muster.MusterEndAsked(id=fact, operator=operator)
            case "undo":
                return inputs_muster.CheckUndoAsked(id=fact, holder=who, operator=operator)
            case _:
                where = self.guard.choice(places)
                return inputs_muster.CheckOffAsked(
                    id=fact, holder=who, where=where, operator=operator
                )

    def _alarm(self) -> inputs.Input:
        """Of an alarm anything at any time; mostly one that is open is acknowledged."""
        fact = InputId(f"alarm-{len(self.steps)}")
        operator = Personal("operator", f"{SURNAME}guard", "ab" * 16)
        alarms = self.site.state.alarms
        known = [one.seq for one in (*alarms.open, *alarms.open, *alarms.closed[-4:])]
        alarm = self.desk.choice([*known, *known, 1])
        match self.desk.choice((*["acknowledge"] * 4, "assign", "note", "close", "close")):
            case "assign":
                who = HolderId(f"h-{self.desk.choice([*WHO, 'nobody'])}")
                return inputs_alarms.AlarmAssignAsked(
                    id=fact, alarm=alarm, operator=operator, holder=who
                )
            case "note":
                text = Personal("text", f"{SURNAME}courier", "ab" * 16)
                return inputs_alarms.AlarmNoteAsked(
                    id=fact, alarm=alarm, operator=operator, text=text
                )
            case "close":
                cause = self.desk.choice(list(AlarmCause))
                return inputs_alarms.AlarmCloseAsked(
                    id=fact, alarm=alarm, operator=operator, cause=cause
                )
            case _:
                reason = Personal("reason", f"{SURNAME}courier", "ab" * 16)
                said = self.desk.choice([reason, None])
                return inputs_alarms.AlarmAcknowledgeAsked(
                    id=fact, alarm=alarm, operator=operator, reason=said
                )

    def _to_the_vault(self) -> None:
        """Two people go in, mostly screened, and perhaps one comes out; some come again."""
        pair = self.random.sample(["ann", "bob", "cora", "dan"], 2)
        for who in pair:
            said = ScreeningResult.CLEARED if self._often(0.7) else ScreeningResult.REFUSED
            self._soon(0, 1, self._screened(who, said))
        first, second = pair
        self._soon(1, 2, lambda: self._badge("vault", Direction.ENTRY, first))
        self._soon(3, 5, lambda: self._badge("vault", Direction.ENTRY, second))
        self._soon(6, 7, self._contact("vault", Contact.OPEN))
        self._soon(8, 9, self._contact("vault", Contact.CLOSED))
        if self._often(0.5):
            self._soon(16, 18, lambda: self._badge("vault", Direction.EXIT, second))
            self._soon(19, 20, self._contact("vault", Contact.OPEN))
            self._soon(21, 22, self._contact("vault", Contact.CLOSED))

    def _screened(self, who: str, result: ScreeningResult) -> Make:
        return lambda: inputs.ScreeningHeard(
            id=self._id(), station="gate-house", holder=HolderId(f"h-{who}"), result=result
        )

    def _consent(self, for_s: int) -> Make:
        """Mostly a new one; now and then a file that was given before."""
        again = self._often(0.4)
        late_s = self.random.choice([0, 0, 0, 25 * 3600, -for_s - 1])

        def offered() -> inputs.ConsentOffered:
            if self.consents and again:
                return replace(self.random.choice(self.consents[-8:]), id=self._id())
            now_s = self._moment().utc_s
            made = inputs.ConsentOffered(
                id=self._id(),
                order=f"{next(self.ids):064x}",
                holder=HolderId("h-pia"),
                until_s=now_s + for_s + late_s,
                accept_until_s=now_s + for_s + min(late_s, 0),
                keys=("0c" * 16,),
                signers=(HolderId("h-cora"),),
                signed_by=Personal("signed_by", f"{SURNAME}cora", "ab" * 16),
                reason=Personal("reason", "Secret-reason", "ab" * 16),
                operator=Personal("operator", f"{SURNAME}officer", "ab" * 16),
            )
            self.consents.append(made)
            return made

        return offered

    def _consents(self) -> None:
        """An agent comes with one, and it is taken away, or its time is over."""
        operator = Personal("operator", f"{SURNAME}officer", "ab" * 16)
        self._soon(0, 1, self._consent(self.random.randrange(5, 90)))
        for portal in ("gate", "panic"):
            self._soon(1, 20, lambda portal=portal: self._badge(portal, Direction.ENTRY, "pia"))
            self._soon(2, 24, self._contact(portal, Contact.OPEN))
            self._soon(24, 25, self._contact(portal, Contact.CLOSED))
        if self._often(0.5):
            who = HolderId(f"h-{self.random.choice(['pia', 'pia', 'nobody'])}")
            self._soon(
                3,
                20,
                lambda: inputs.ConsentEndAsked(id=self._id(), holder=who, operator=operator),
            )
            if self.consents:
                self._soon(20, 21, lambda: replace(self.consents[-1], id=self._id()))
                self._soon(26, 28, lambda: self._badge("gate", Direction.ENTRY, "pia"))

    def _screening(self) -> None:
        who = HolderId(f"h-{self.random.choice([*WHO, 'ann', 'cora', 'nobody'])}")
        station = self.random.choice(["gate-house", "gate-house", "no-such-station"])
        result = self.random.choice([ScreeningResult.CLEARED] * 6 + list(ScreeningResult))
        self._soon(
            0,
            2,
            lambda: inputs.ScreeningHeard(
                id=self._id(), station=station, holder=who, result=result
            ),
        )

    def _stray_answer(self) -> None:
        self._soon(0, 2, self._pin(self.random.choice(self.questions[-20:])))

    def _contact(self, portal: str, contact: Contact) -> Make:
        return lambda: inputs.ContactRead(id=self._id(), portal=PortalId(portal), contact=contact)

    def _leaf(self) -> None:
        portal = self._portal()
        self._soon(0, 2, self._contact(portal, self.random.choice(list(Contact))))
        self._soon(1, 500 if self._often(0.35) else 20, self._contact(portal, Contact.CLOSED))

    def _exit(self) -> None:
        portal = self._portal()
        for active, low_s, high_s in ((True, 0, 2), (False, 2, 45)):
            self._soon(low_s, high_s, self._button(portal, active))
        if self._often(0.3):
            self._soon(2, 4, self._button(portal, True))
        if self._often(0.5):
            self._soon(1, 9, self._contact(portal, Contact.OPEN))
            self._soon(5, 20, self._contact(portal, Contact.CLOSED))

    def _button(self, portal: str, active: bool) -> Make:
        return lambda: inputs.ExitAsked(
            id=self._id(),
            portal=PortalId(portal),
            active=active,
            attempt=AttemptId(f"a{next(self.ids)}"),
        )

    def _link(self, portal: str, up: bool) -> Make:
        return lambda: inputs.PortalLinkHeard(id=self._id(), portal=PortalId(portal), up=up)

    def _outage(self) -> None:
        portal = self._portal()
        self._soon(0, 2, self._link(portal, False))
        self._soon(1, 15, self._link(portal, True))
        self._soon(5, 20, self._contact(portal, Contact.CLOSED))

    def _line(self, fire: str, line: FireLine) -> Make:
        return lambda: inputs.FireLineHeard(id=self._id(), fire=fire, line=line)

    def _fire(self) -> None:
        fire = self.random.choice(["lobby-panel", "archive-panel", "store-panel", "no-such-panel"])
        self._soon(0, 2, self._line(fire, self.random.choice(LINES)))
        self._soon(1, 20, self._line(fire, FireLine.NORMAL))
        for high_s in (10, 30, 31, 40):
            self._soon(1, high_s, lambda: self._reset(fire))
        for panel in ("lobby-panel", "archive-panel", "store-panel"):
            self._soon(25, 30, self._line(panel, FireLine.NORMAL))
            self._soon(31, 45, lambda panel=panel: self._reset(panel))

    def _reset(self, fire: str) -> inputs.FireResetAsked:
        operator = Personal("operator", f"{SURNAME}officer", "ab" * 16)
        return inputs.FireResetAsked(id=self._id(), fire=fire, operator=operator)

    def _posture(self) -> None:
        drill = self._often(0.2)
        self._soon(0, 2, self._order(self.random.choice(list(Mode)), drill))
        self._soon(5, 30, self._order(Mode.NORMAL, drill))

    def _order(self, mode: Mode, drill: bool) -> Make:
        threat = self.random.choice([1, 1, 1, 2, 3, 5])

        def make() -> inputs.Input:
            orders, utc_s = self.site.state.orders, self._moment().utc_s
            given = towards(orders, mode, threat, utc_s, self._id, drill=drill)
            first, *more = [offered(one) for one in given] or [inputs.TimePassed(id=self._id())]
            for one in more:
                self._soon(0, 0.1, lambda one=one: one)
            return first

        return make

    def _journal(self) -> None:
        self._soon(0, 2, lambda: inputs.JournalFailed(id=self._id(), reason="disk full"))
        self._soon(3, 25, lambda: inputs.JournalRecovered(id=self._id(), dropped=3))

    def _clock(self) -> None:
        def judged(trusted: bool, step_ms: int) -> inputs.Input:
            self.trusted = trusted
            self.jump_us += step_ms * 1_000
            return inputs.ClockChecked(id=self._id(), trusted=trusted, stepped_ms=step_ms)

        self._soon(0, 2, lambda: judged(False, self.random.choice([0, -90_000, 90_000])))
        self._soon(3, 25, lambda: judged(True, 0))

    def _device(self) -> None:
        reader = ReaderId(f"{self._portal()}-{self._direction()}")
        bolt, bolted = PortalId(self._portal()), self._often(0.5)
        wished = self.random.choice(list(self.watched)).id if self.watched else EffectId("0.0")
        about = self.random.choice(["on the bus", "no answer", "é" * 600])
        made: list[Make] = [
            lambda: inputs.ReaderHeard(
                id=self._id(), reader=reader, online=bolted, secure=True, about=about
            ),
            lambda: inputs.ReaderTamperHeard(id=self._id(), reader=reader, tampered=bolted),
            lambda: inputs.ReaderPowerHeard(id=self._id(), reader=reader, failing=bolted),
            lambda: inputs.DeviceMisbehaved(id=self._id(), device="reader-7", reason=about),
            lambda: inputs.BadgeUnreadable(id=self._id(), reader=reader, reason=about),
            lambda: inputs.BoltRead(id=self._id(), portal=bolt, bolted=bolted),
            lambda: inputs.EffectEndHeard(id=self._id(), effect=wished, outcome="confirmed"),
            self._contact("no-such-portal", Contact.OPEN),
            self._button("no-such-portal", True),
            lambda: self._badge("no-such-portal", Direction.ENTRY, "ann"),
        ]
        self._soon(0, 2, self.random.choice(made))

    def _records(self) -> None:
        if self._often(0.5):
            version = next(self.ids)
            self._soon(
                0,
                2,
                lambda: inputs.DirectoryReplaced(id=self._id(), directory=directory(version)),
            )
            self._soon(0, 2, self._erased)
            self._soon(0, 2, self._reported)
            self._soon(0, 2, self._enrolled)
            self._soon(1, 3, self._face_erased)
        else:
            self._soon(0, 2, self._other_policy)

    def _erased(self) -> inputs.PersonEraseAsked:
        """Somebody, who often is inside; the next change of people knows him again."""
        return inputs.PersonEraseAsked(
            id=self._id(),
            holder=HolderId(f"h-{self.random.choice([*WHO])}"),
            reason="asked for",
            operator=Personal("operator", f"{SURNAME}officer", "ab" * 16),
            searched=self.site.state.seq,
            values=(ErasedValues(fields=("badge", "person"), entries=((1, 2), (4, 4))),),
            even_inside=self._often(0.2),
        )

    def _reported(self) -> inputs.PersonReportAsked:
        return inputs.PersonReportAsked(
            id=self._id(),
            holder=HolderId(f"h-{self.random.choice([*WHO])}"),
            operator=Personal("operator", f"{SURNAME}officer", "ab" * 16),
            searched=self.site.state.seq,
        )

    def _enrolled(self) -> inputs_faces.FaceEnrolAsked:
        """Somebody, under a number that most often is new."""
        return inputs_faces.FaceEnrolAsked(
            id=self._id(),
            holder=HolderId(f"h-{self.random.choice([*WHO])}"),
            version=self.site.state.faces_version + self._often(0.9),
            model="model-1",
            views=4,
            consent=Personal("consent", f"{SURNAME}form", "cd" * 16),
            operator=Personal("operator", f"{SURNAME}officer", "ab" * 16),
        )

    def _face_erased(self) -> inputs_faces.FaceEraseAsked:
        return inputs_faces.FaceEraseAsked(
            id=self._id(),
            holder=HolderId(f"h-{self.random.choice([*WHO])}"),
            operator=Personal("operator", f"{SURNAME}officer", "ab" * 16),
        )

    def _other_policy(self) -> inputs.PolicyReplaced:
        self.version = 3 - self.version
        policy = compiled(POLICY if self.version == 1 else SECOND_POLICY)
        for fire in policy.fire_inputs:
            self._soon(1, 9, self._line(fire.id, FireLine.NORMAL))
        for portal in policy.portals:
            self._soon(0, 5, self._link(portal.id, True))
        return inputs.PolicyReplaced(id=self._id(), policy=policy)

    def _restart(self) -> None:
        self._soon(0, 1, lambda: inputs.Stopping(id=self._id(), reason="restart"))
        self._soon(1, 2, None)


_HAPPENINGS: list[tuple[Callable[[_Hour], None], float]] = [
    (_Hour._passage, 40),
    (_Hour._exit, 14),
    (_Hour._leaf, 8),
    (_Hour._device, 14),
    (_Hour._outage, 4),
    (_Hour._stray_answer, 3),
    (_Hour._screening, 3),
    (_Hour._to_the_vault, 9),
    (_Hour._consents, 3),
    (_Hour._forget_the_pin, 0.4),
    (_Hour._posture, 2.5),
    (_Hour._fire, 1.2),
    (_Hour._journal, 1.2),
    (_Hour._clock, 0.8),
    (_Hour._records, 0.8),
    (_Hour._restart, 0.4),
]


def fed_again(run: Run) -> list[tuple[bytes, ...]]:
    """Each outcome of feeding the run's facts to a site anew, as bytes."""
    site = Site(ORIGIN, compiled(POLICY))
    policy = compiled(POLICY)
    outcomes = []
    for step in run.steps:
        if isinstance(step.fact, inputs.Started):
            site = Site(ORIGIN, policy, restore(snapshot(site.state)))
        if isinstance(step.fact, inputs.PolicyReplaced):
            policy = step.fact.policy
        outcomes.append(as_bytes(*site.step(step.fact, step.moment)))
    return outcomes


def as_bytes(events: tuple[Event, ...], effects: tuple[Effect, ...]) -> tuple[bytes, ...]:
    wishes = [type(e).__name__.encode() + msgspec.json.encode(e) for e in effects]
    return (*(encode(event) for event in events), *wishes)
