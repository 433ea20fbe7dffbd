"""Decisions of a journal: of a state folder, or of the lines that `journal show --json` prints."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from controller.events import DecisionMade, kind_of
from edge.commands.entries import decoded, opened_journal
from edge.failed import Failed
from policies import Request
from policies.whatif import Recorded

KIND = kind_of(DecisionMade)
_HINT = "give a state folder, or a file of lines as `sentrypost journal show --json` prints them"


class _Line(msgspec.Struct, frozen=True):
    seq: int
    kind: str
    body: msgspec.Raw


_LINE = msgspec.json.Decoder(_Line)
_BODY = msgspec.json.Decoder(DecisionMade)
_REQUEST = msgspec.json.Decoder(Request)


def recorded_decisions(
    journal: Path, first: int = 1, last: int | None = None
) -> Iterator[Recorded]:
    """Those among entries `first` to `last`, in order. Raises Failed."""
    if journal.is_dir():
        with opened_journal(journal) as opened:
            for sent in opened.source.entries(first, last or opened.last_seq):
                entry = decoded(sent)
                if entry.kind == KIND:
                    yield _recorded(entry.seq, bytes(entry.body))
        return
    with journal.open("rb") as lines:
        for number, text in enumerate(lines, 1):
            try:
                line = _LINE.decode(text)
                if line.kind == KIND and first <= line.seq <= (last or line.seq):
                    yield _recorded(line.seq, bytes(line.body))
            except msgspec.MsgspecError as error:
                raise Failed(f"{journal}, line {number}: {error}", _HINT) from error


def one_decision(journal: Path, seq: int) -> Recorded:
    """The decision of entry `seq`. Raises Failed where that entry is none."""
    for recorded in recorded_decisions(journal, seq, seq):
        return recorded
    raise Failed(
        f"entry {seq} of {journal} is no decision",
        f"look for the kind {KIND} in what `sentrypost journal tail --json` shows",
    )


def request_in(file: Path) -> Request:
    """One question as JSON. Raises Failed."""
    try:
        return _REQUEST.decode(file.read_bytes())
    except msgspec.MsgspecError as error:
        raise Failed(
            f"{file} is no question: {error}", "take `request` of a decision in the journal"
        ) from error


def _recorded(seq: int, data: bytes) -> Recorded:
    body = _BODY.decode(data)
    return Recorded(seq, body.policy, body.request, body.decision)
