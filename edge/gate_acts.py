"""What a guard does at a gate beyond looking: lets somebody through on his word, or refuses."""

from typing import NamedTuple

from controller.events import FactorAnswered
from controller.ids import AttemptId, HolderId, PortalId
from controller.inputs import PassAsked, RefusalAsked
from controller.ledger import Personal
from controller.moment import SECOND_US
from edge.control.messages_gate import (
    ConfirmRelease,
    GateReleaseReply,
    GateReleaseWaits,
    RefuseAtGate,
    ReleaseAtGate,
)
from edge.control.messages_visits import VisitReply
from edge.daemon import Daemon
from edge.gate_feed import GateFeed
from edge.gate_sight import Guard
from edge.visit_desk import pass_told, wants_two

CONFIRM_US = 60 * SECOND_US
"""Within which the second person confirms: he may have to come to a screen, and whoever is at the
door still waits.
"""

NAME_SIGNS = 6
"""Of a release's name, which somebody may have to type at another screen; it is no secret: whoever
confirms is signed in.
"""

NOT_SHOWN = "this terminal has no such portal"
NO_PERSON = "nobody on file asks: a portal is released on a person's own word"
SIGN_IN = "sign in at a page, or name who passes: sentrypost portal release"
NONE_WAITS = "no such release waits for a second person any more"
ONCE_MORE = "ask for the release once more"
SAME_PERSON = "two people release this portal together, and this is the one who asked"
SOMEBODY_ELSE = "let somebody else sign in, here or at another screen, and confirm it"
NOBODY_WAITS = "nobody waits there any more, or this terminal does not show it"
REFUSED = "refused; the door stays shut"
UNWRITABLE = "the journal cannot be written; it would not be on record"
STAND_THERE = "go to the door: nobody comes in while the journal cannot be written"
NOT_READY = "the edge has not finished starting, or stops"
AGAIN = "try again"


class _Release(NamedTuple):
    """One that waits for a second person. `until_us`: by the monotonic clock."""

    asked: ReleaseAtGate
    guard: Guard
    holder: HolderId
    until_us: int


class GateActs:
    """One daemon's."""

    def __init__(self, daemon: Daemon, feed: GateFeed) -> None:
        self._daemon = daemon
        self._feed = feed
        self._waiting: dict[str, _Release] = {}

    async def release(self, asked: ReleaseAtGate, guard: Guard) -> GateReleaseReply:
        """As `edge.control.desk_gate.Gates` has it."""
        daemon = self._daemon
        if asked.portal not in daemon.site.state.portals or not guard.sight.sees(asked.portal):
            return GateReleaseReply(reason=NOT_SHOWN)
        if guard.holder is None:
            return GateReleaseReply(reason=NO_PERSON, remedy=SIGN_IN)
        if wants_two(daemon.site.policy, asked.portal, asked.direction):
            return self._wait(asked, guard, guard.holder)
        return await self._judged(asked, guard.holder, guard.operator)

    async def confirm(self, asked: ConfirmRelease, guard: Guard) -> GateReleaseReply:
        """As `edge.control.desk_gate.Gates` has it. It is judged as of now, for whoever asked."""
        waiting = self._waiting.get(asked.release)
        now_us = self._daemon.now().mono_us
        seen = waiting is not None and guard.sight.sees(waiting.asked.portal)
        if waiting is None or not seen or now_us > waiting.until_us:
            return GateReleaseReply(reason=NONE_WAITS, remedy=ONCE_MORE)
        if guard.holder is None:
            return GateReleaseReply(reason=NO_PERSON, remedy=SIGN_IN)
        if guard.holder == waiting.holder:
            return GateReleaseReply(reason=SAME_PERSON, remedy=SOMEBODY_ELSE)
        self._over(asked.release)
        both = f"{waiting.guard.operator}, {guard.operator}"
        return await self._judged(waiting.asked, waiting.holder, both, by_two=True)

    def _wait(self, asked: ReleaseAtGate, guard: Guard, holder: HolderId) -> GateReleaseReply:
        """Of one portal one waits at most: nobody confirms another than the one he has seen."""
        daemon = self._daemon
        now = daemon.now()
        for name in [n for n, one in self._waiting.items() if one.asked.portal == asked.portal]:
            self._over(name)
        while (name := str(daemon.new_id())[:NAME_SIGNS]) in self._waiting:
            pass
        until_us = now.utc_us + CONFIRM_US
        self._waiting[name] = _Release(asked, guard, holder, now.mono_us + CONFIRM_US)
        self._tell(name, until_us, over=False)
        return GateReleaseReply(release=name, until_utc_us=until_us)

    def _over(self, name: str) -> None:
        self._tell(name, self._daemon.now().utc_us, over=True)
        del self._waiting[name]

    def _tell(self, name: str, until_us: int, *, over: bool) -> None:
        waiting = self._waiting[name]
        self._feed.tell_release(
            GateReleaseWaits(
                release=name,
                portal=waiting.asked.portal,
                direction=waiting.asked.direction,
                operator=waiting.guard.operator,
                reason=waiting.asked.reason,
                until_utc_us=until_us,
                over=over,
            )
        )

    async def _judged(
        self, asked: ReleaseAtGate, holder: HolderId, operator: str, *, by_two: bool = False
    ) -> GateReleaseReply:
        daemon = self._daemon
        outcome = daemon.judge(self._pass_asked(asked, holder, operator, by_two=by_two))
        await daemon.recorder.drained()
        told = pass_told(outcome)
        if told is None:
            return GateReleaseReply(reason=NOT_READY, remedy=AGAIN)
        return GateReleaseReply(verdict=told)

    def _pass_asked(
        self, asked: ReleaseAtGate, holder: HolderId, operator: str, *, by_two: bool
    ) -> PassAsked:
        daemon = self._daemon
        return PassAsked(
            id=daemon.new_id(),
            attempt=AttemptId(daemon.new_id()),
            beside=AttemptId(daemon.new_id()),
            portal=PortalId(asked.portal),
            direction=asked.direction,
            holder=holder,
            party=asked.party,
            by_two=by_two,
            reason=daemon.personal("reason", asked.reason),
            operator=daemon.personal("operator", operator),
            person=self._name(holder),
        )

    async def refuse(self, asked: RefuseAtGate, guard: Guard) -> VisitReply:
        """As `edge.control.desk_gate.Gates` has it."""
        seen = self._feed.passages.of(asked.attempt)
        if seen is None or not guard.sight.people or not guard.sight.sees(seen.portal):
            return VisitReply(accepted=False, reason=NOBODY_WAITS)
        daemon = self._daemon
        if daemon.recorder.down:
            return VisitReply(accepted=False, reason=UNWRITABLE, remedy=STAND_THERE)
        outcome = daemon.judge(
            RefusalAsked(
                id=daemon.new_id(),
                attempt=AttemptId(asked.attempt),
                person=self._name(seen.holder),
                reason=daemon.personal("reason", asked.reason),
                operator=daemon.personal("operator", guard.operator),
            )
        )
        await daemon.recorder.drained()
        if not any(isinstance(event.body, FactorAnswered) for event in outcome.events):
            return VisitReply(accepted=False, reason=NOBODY_WAITS)
        return VisitReply(accepted=True, reason=REFUSED, recorded=not daemon.recorder.down)

    def _name(self, holder: HolderId | None) -> Personal | None:
        name = None if holder is None else self._daemon.people.name_of(holder)
        return None if name is None else self._daemon.personal("person", name)
