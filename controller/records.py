"""What the edge found out about its own records: journal, disk, certificates. It is noted here."""

from collections.abc import Callable

from controller.body import clipped
from controller.certificates import days_left, is_news
from controller.events import (
    CertificateExpiring,
    EntriesPruned,
    JournalDoubted,
    JournalKeyRotated,
    JournalUnsound,
    ReserveUsed,
    WitnessKeyFollowed,
)
from controller.inputs import (
    CertificateRead,
    Input,
    JournalDoubtHeard,
    JournalKeyFollowed,
    JournalLookedThrough,
    PruningDecided,
    ReserveTaken,
    WitnessKeyHeard,
)
from controller.turn import Turn


def _on_reserve_taken(turn: Turn, fact: ReserveTaken) -> None:
    turn.record(ReserveUsed())


def _on_journal_doubt(turn: Turn, fact: JournalDoubtHeard) -> None:
    """Once: the doubt ends with this journal, and nobody is told the same every minute."""
    if not turn.state.doubted:
        turn.record(
            JournalDoubted(witnessed=fact.witnessed, held=fact.held, before=clipped(fact.before))
        )


def _on_journal_key(turn: Turn, fact: JournalKeyFollowed) -> None:
    turn.record(JournalKeyRotated(key=fact.key, former=fact.former))


def _on_witness_key(turn: Turn, fact: WitnessKeyHeard) -> None:
    turn.record(WitnessKeyFollowed(key=fact.key, former=fact.former))


def _on_journal_looked_through(turn: Turn, fact: JournalLookedThrough) -> None:
    turn.record(JournalUnsound(findings=fact.findings, entry=fact.entry, what=clipped(fact.what)))


def _on_certificate(turn: Turn, fact: CertificateRead) -> None:
    """Each alarm once, and none by a clock that nobody vouches for."""
    left = days_left(fact.until_s, turn.moment.utc_s)
    known = turn.state.certificates
    if turn.moment.trusted and is_news(known, fact.which, fact.until_s, left):
        turn.record(CertificateExpiring(which=fact.which, until_s=fact.until_s, days_left=left))


def _on_pruning(turn: Turn, fact: PruningDecided) -> None:
    turn.record(
        EntriesPruned(
            first=fact.first,
            last=fact.last,
            classes=fact.classes,
            whole=fact.whole,
            early=fact.early,
        )
    )


HANDLERS: dict[type[Input], Callable] = {  # type: ignore[type-arg]  # each takes its own key
    CertificateRead: _on_certificate,
    JournalDoubtHeard: _on_journal_doubt,
    JournalKeyFollowed: _on_journal_key,
    WitnessKeyHeard: _on_witness_key,
    JournalLookedThrough: _on_journal_looked_through,
    PruningDecided: _on_pruning,
    ReserveTaken: _on_reserve_taken,
}
