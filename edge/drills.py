"""Drills as the journal has them: one is found and folded, whether a daemon runs or not."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from controller.drill import Drill, DrillFold
from controller.events import EdgeStarted, Entry, Event, decode_body, decode_entry, kind_of
from controller.events_orders import OrderAccepted
from controller.state import SiteState, apply
from edge.control.messages import SentEntry
from edge.failed import Failed
from edge.present import line
from edge.restore import UnknownKind
from edge.tone import Tone
from policies.compiled import CompiledPolicy

ORDER_SIGNS_MIN = 6
"""Of an id, so that a mistyped one means nobody's order."""

Progress = Callable[[int, int], None]

_STARTED, _ACCEPTED = kind_of(EdgeStarted), kind_of(OrderAccepted)


class Entries(Protocol):
    """A client of the daemon, or a closed journal."""

    def entries(self, from_seq: int, to_seq: int) -> Iterator[SentEntry]: ...


class Named(NamedTuple):
    """One entry as a line for people."""

    seq: int
    tone: Tone
    text: str


class Report(NamedTuple):
    """A drill, with the real entries in it as lines; `other_policy`: it ran under another one than
    that by which its doors were told here. `pruned`: entries of it are not kept any more.
    """

    drill: Drill
    real: tuple[Named, ...]
    other_policy: bool
    pruned: bool


class _Found(NamedTuple):
    order: str
    started: int
    entry: int


def report(
    journal: Entries, last_seq: int, order: str, policy: CompiledPolicy, progress: Progress
) -> Report:
    """The drill whose order's id begins with `order`; empty: the newest. Raises Failed."""
    found = _find(journal, last_seq, order, progress)
    state, fold, pruned = SiteState(seq=found.started - 1), None, False
    real: dict[int, Named] = {}
    for one in journal.entries(found.started, last_seq):
        entry = decode_entry(one.entry.encode())
        if entry.seq != state.seq + 1:
            state, pruned = replace(state, seq=entry.seq - 1), True
        event = Event(header=entry, body=decode_body(entry) or UnknownKind())
        state = apply(state, event)
        if entry.seq == found.entry:
            fold = DrillFold(event, state, policy)
        elif fold is not None:
            fold.take(event, state)
            if fold.drill.real[-1:] == (entry.seq,):
                real[entry.seq] = _named(one, entry, policy)
            if fold.over:
                break
    assert fold is not None, "its entry was read a moment ago"
    drill = fold.drill
    return Report(
        drill,
        tuple(real[seq] for seq in drill.real),
        other_policy=not policy.digest.startswith(drill.policy),
        pruned=pruned,
    )


def _find(journal: Entries, last_seq: int, order: str, progress: Progress) -> _Found:
    if order and len(order) < ORDER_SIGNS_MIN:
        raise Failed(f"'{order}' is too short", f"give {ORDER_SIGNS_MIN} signs of the id or more")
    started, matching, drills = 0, [], []
    for one in journal.entries(1, last_seq):
        entry = decode_entry(one.entry.encode())
        progress(entry.seq, last_seq)
        if entry.kind == _STARTED:
            started = entry.seq
        elif entry.kind == _ACCEPTED:
            body = decode_body(entry)
            assert isinstance(body, OrderAccepted), "of its kind"
            if body.order.id.startswith(order):
                found = _Found(body.order.id, started or entry.seq, entry.seq)
                matching.append(found)
                drills += [found] if body.order.drill else []
    if not order and drills:
        return drills[-1]
    ids = sorted({one.order for one in matching})
    if len(ids) > 1 and order:
        raise Failed(
            f"'{order}' could be {', '.join(one[:16] for one in ids[:4])}", "give more of the id"
        )
    if drills:
        return drills[0]
    if matching and order:
        raise Failed(
            f"order {ids[0][:16]} is real, and no drill",
            "`sentrypost journal show` has what came of it",
        )
    what = f"no drill whose order's id begins with '{order}'" if order else "no drill"
    raise Failed(f"the journal has {what}", "`sentrypost journal show` names orders and their ids")


def _named(one: SentEntry, entry: Entry, policy: CompiledPolicy) -> Named:
    said = line(entry, one.personal, policy.zone)
    return Named(entry.seq, said.tone, said.text)
