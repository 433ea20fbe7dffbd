"""What the core asks of people at a door, put to whoever can answer: keypads, cameras, guards.

Each question ends by an answer, by the core's own patience, or by a newer badge; what comes late is
recorded and changes nothing.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from controller import inputs
from controller.effects import AskFace, AskGuard, AskPin, Question, ShowAtReader, Sign
from controller.ids import EffectId, QuestionId, ReaderId
from controller.ledger import Personal
from controller.moment import SECOND_US, Moment
from controller.site import Outcome
from drivers.faces.api import Turn
from edge.duress import Occasion
from edge.face_watch import FaceWatch
from edge.guard_post import GuardPost
from edge.keypads import Keypads, Typed
from edge.people import Checked, PinCheck
from edge.wiring import Wiring
from policies.facts import Assurance

PROMPT_US = 8 * SECOND_US
"""A prompt that has not reached the reader by then is about something else."""

_PROMPTS = {Turn.LEFT: Sign.TURN_LEFT, Turn.RIGHT: Sign.TURN_RIGHT, None: Sign.LOOK_AT_CAMERA}

Spawn = Callable[[Coroutine[Any, Any, None], str], None]
"""Run it beside the daemon, under this name."""


class Answering:
    """One edge's. `begin` is called once, before the first question."""

    def __init__(
        self,
        site: str,
        wiring: Wiring,
        keypads: Keypads,
        pins: PinCheck,
        watch: FaceWatch,
        guards: GuardPost,
    ) -> None:
        self._site = site
        self._wiring = wiring
        self._keypads = keypads
        self._pins = pins
        self.watch = watch
        self.guards = guards

    def begin(
        self,
        spawn: Spawn,
        judge: Callable[[inputs.Input], Outcome | None],
        show: Callable[[ShowAtReader], None],
        now: Callable[[], Moment],
    ) -> None:
        """Where answers go, which gives None where it is too late for any, and what a reader is to
        show meanwhile.
        """
        self._spawn, self._judge, self._show, self._now = spawn, judge, show, now

    def ask(self, asked: Question) -> None:
        """Put a question to whoever answers it."""
        match asked:
            case AskPin():
                self._keypads.ask(asked)
            case AskFace():
                self._spawn(self._compare(asked), f"face {asked.question}")
            case AskGuard():
                self.guards.ask(asked)

    def typed(self, typed: Typed, device: str) -> None:
        """A PIN was typed for a question that waits for one."""
        self._spawn(self._check(typed, device), f"pin {typed.asked.question}")

    def ended(self, reader: ReaderId) -> None:
        """The attempt at this reader is over."""
        self._keypads.forget(reader)
        self.guards.forget(reader)

    # --- keypads ---

    async def _check(self, typed: Typed, device: str) -> None:
        asked = typed.asked
        occasion = Occasion(
            site=self._site,
            reader=asked.reader,
            holder=asked.holder,
            attempt=asked.attempt,
            utc_us=self._now().utc_us,
        )
        checked = await self._pins.check(occasion, typed.pin)
        self._judge_pin(asked, device, checked)
        if checked.late is not None:
            self._judge_pin(asked, device, await checked.late)

    def _judge_pin(self, asked: AskPin, device: str, checked: Checked) -> None:
        self._judge(
            inputs.PinChecked(
                id=self._wiring.new_id(),
                question=asked.question,
                further=self._further(),
                offers=self._wiring.offers(asked.reader),
                person=self._wiring.holder_name(asked.holder),
                outcome=checked.outcome,
                assurance=self._wiring.assurance(device),
                note=checked.note,
            )
        )

    # --- cameras ---

    async def _compare(self, asked: AskFace) -> None:
        """The reader shows which way to turn. That is no decision, and nothing of it is kept."""
        prompts = 0

        def prompt(turn: Turn | None) -> None:
            nonlocal prompts
            prompts += 1
            self._show(
                ShowAtReader(
                    id=EffectId(f"{asked.id}.turn-{prompts}"),
                    cause=asked.cause,
                    not_after_us=self._now().mono_us + PROMPT_US,
                    drill=asked.drill,
                    reader=asked.reader,
                    sign=_PROMPTS[turn],
                )
            )

        outcome, reason = await self.watch.compare(asked, prompt)
        self._judge(
            inputs.FaceChecked(
                id=self._wiring.new_id(),
                question=asked.question,
                further=self._further(),
                offers=self._wiring.offers(asked.reader),
                person=self._wiring.holder_name(asked.holder),
                outcome=outcome,
                reason=reason,
                # A picture's way to us is as open as any network: nothing proves its sender.
                assurance=Assurance.WEAK,
            )
        )

    # --- guards ---

    def guard_looked(
        self, asked: AskGuard, *, accepted: bool, reason: Personal, operator: Personal
    ) -> Outcome | None:
        """A guard has compared whoever is there with her picture. None where the edge judges
        nothing any more.
        """
        return self._judge(
            inputs.GuardAnswered(
                id=self._wiring.new_id(),
                question=asked.question,
                further=self._further(),
                offers=self._wiring.offers(asked.reader),
                person=self._wiring.holder_name(asked.holder),
                accepted=accepted,
                reason=reason,
                operator=operator,
            )
        )

    def _further(self) -> QuestionId:
        return QuestionId(self._wiring.new_id())
