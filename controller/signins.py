"""Who signs in at the pages changes nothing that decisions rest on: it is put on record."""

from collections.abc import Callable

from controller.events_signins import (
    SessionBegan,
    SessionEnded,
    SessionUnlocked,
    SignInChanged,
    SignInRefused,
    TerminalChanged,
)
from controller.inputs import Input
from controller.inputs_signins import (
    SessionEnding,
    SignInChanging,
    SignInFailed,
    SignInHeard,
    TerminalChanging,
    UnlockHeard,
)
from controller.ledger import Commitment, Personal, commitment
from controller.turn import Turn


def _on_heard(turn: Turn, fact: SignInHeard) -> None:
    turn.record(
        SessionBegan(
            session=fact.session,
            holder=fact.holder,
            how=fact.how,
            terminal=fact.terminal,
            note=fact.note,
        )
    )


def _on_unlock(turn: Turn, fact: UnlockHeard) -> None:
    turn.record(
        SessionUnlocked(
            session=fact.session,
            holder=fact.holder,
            how=fact.how,
            terminal=fact.terminal,
            note=fact.note,
        )
    )


def _on_ending(turn: Turn, fact: SessionEnding) -> None:
    ended = SessionEnded(
        session=fact.session, holder=fact.holder, why=fact.why, operator=_committed(fact.operator)
    )
    turn.record(ended, *_beside(fact.operator))


def _on_failed(turn: Turn, fact: SignInFailed) -> None:
    turn.record(
        SignInRefused(how=fact.how, holder=fact.holder, terminal=fact.terminal, tries=fact.tries)
    )


def _on_changing(turn: Turn, fact: SignInChanging) -> None:
    changed = SignInChanged(
        holder=fact.holder, change=fact.change, operator=_committed(fact.operator)
    )
    turn.record(changed, *_beside(fact.operator))


def _on_terminal(turn: Turn, fact: TerminalChanging) -> None:
    changed = TerminalChanged(
        terminal=fact.terminal, change=fact.change, operator=commitment(fact.operator)
    )
    turn.record(changed, fact.operator)


def _committed(operator: Personal | None) -> Commitment | None:
    return None if operator is None else commitment(operator)


def _beside(operator: Personal | None) -> tuple[Personal, ...]:
    return () if operator is None else (operator,)


HANDLERS: dict[type[Input], Callable] = {  # type: ignore[type-arg]  # each takes its own key
    SignInHeard: _on_heard,
    UnlockHeard: _on_unlock,
    SessionEnding: _on_ending,
    SignInFailed: _on_failed,
    SignInChanging: _on_changing,
    TerminalChanging: _on_terminal,
}
