"""Events about what was asked of somebody between the badge and the verdict."""

from controller.attempt import Attempt
from controller.body import Body, Note, Text
from controller.ids import AttemptId, PortalId, QuestionId, ReaderId
from controller.ledger import Commitment
from policies.facts import Factor


class AttemptBegan(Body, frozen=True, kw_only=True):
    """A known credential was presented and more factors are needed."""

    after: Attempt


class FactorAsked(Body, frozen=True, kw_only=True):
    factor: Factor
    question: QuestionId
    after: Attempt


class FactorAnswered(Body, frozen=True, kw_only=True):
    """The next factor was presented and checked. `operator` and `reason`: who compared the person
    with her picture, and what he says to it.
    """

    factor: Factor
    question: QuestionId
    passed: bool
    after: Attempt
    note: Note = ""
    reason: Commitment | None = None
    operator: Commitment | None = None


class FactorMissed(Body, frozen=True, kw_only=True):
    """A factor was asked for and could not be had: no face was seen, it was no living one, nobody
    could compare it. That is no failure of the person: what the policy takes in its place is asked
    for, if it names anything.
    """

    factor: Factor
    question: QuestionId
    reason: Text
    after: Attempt


class AnswerIgnored(Body, frozen=True, kw_only=True):
    """An answer came late, twice, or to a question that nobody asked; it changed nothing."""

    question: QuestionId
    reason: Text
    note: Note = ""


class AttemptAbandoned(Body, frozen=True, kw_only=True):
    attempt: AttemptId
    reader: ReaderId
    portal: PortalId
    reason: Text
