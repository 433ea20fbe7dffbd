"""Key switches and panic inputs: local sources of raising orders.

Only the change into active gives an order. A line that is cut or shorted gives none and is told:
somebody who cuts it must not shut the house, and nobody must believe that the button works.
"""

from controller.events_points import (
    PanicRaised,
    Source,
    SourceActed,
    SourceChange,
    SourceFaulted,
    SourceFoundActive,
    SourceLetGo,
    SourceLine,
)
from controller.inputs_points import PanicAsked, SourceHeard
from controller.ledger import commitment
from controller.turn import Turn

_FAULTS = frozenset({SourceLine.CUT, SourceLine.SHORTED, SourceLine.GONE})


def on_source(turn: Turn, heard: SourceHeard) -> None:
    """The line of a local source says something new."""
    known = turn.state.sources.get(heard.source, Source())
    line = SourceLine.GONE if heard.line is SourceLine.UNKNOWN else heard.line
    if known.line is line:
        return
    turn.record(_change(heard.source, known, line))


def on_panic(turn: Turn, asked: PanicAsked) -> None:
    """Always told; what it orders besides comes as an order of its own."""
    turn.record(
        PanicRaised(
            terminal=asked.terminal,
            reason=commitment(asked.reason),
            operator=commitment(asked.operator),
        ),
        asked.reason,
        asked.operator,
    )


def _change(name: str, known: Source, line: SourceLine) -> SourceChange:
    if line in _FAULTS:
        return SourceFaulted(source=name, after=Source(line=line, active=known.active))
    after = Source(line=line, active=line is SourceLine.ACTIVE)
    if line is SourceLine.QUIET:
        return SourceLetGo(source=name, after=after)
    # A key that was turned before a restart, or of which nothing was ever known, was not turned
    # now; one that was turned while its device was away was.
    acted = known.active is False
    return (SourceActed if acted else SourceFoundActive)(source=name, after=after)
