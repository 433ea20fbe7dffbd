"""Journals of sites that lived: entries with the chain over them, and the core's own state."""

import asyncio
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from controller.events import Entry, Event, decode_body, decode_entry, encode
from controller.ledger import leaf, link, origin
from controller.state import SiteState, apply
from edge.views import UnknownKind
from edge.views_file import Journal
from edge.views_fold import Piece
from simulators.virtual.faults import Faults, Level
from simulators.virtual.loop import run
from simulators.virtual.people import DAY_S
from simulators.virtual.plan import write_plan
from simulators.virtual.seen import Trace
from simulators.virtual.site import Site
from tests.controller.hour import run_hour

ZONE = "Europe/Vienna"

INPUTS = 2_500
"""Of an hour: half of it."""


class History(NamedTuple):
    """`live`: the state of the core behind the last entry, as it was and not as it was folded."""

    journal: Journal
    pieces: tuple[Piece, ...]
    live: SiteState


@cache
def an_hour(seed: int) -> History:
    """Everything that can happen, denser than at any site."""
    hour = run_hour(seed, INPUTS)
    return _history([encode(event) for event in hour.events], hour.states[-1])


@cache
def virtual_days(seed: int, days: float) -> History:
    """A virtual site with its people, faults and restarts."""
    with TemporaryDirectory(prefix="sentrypost-history-") as folder:
        entries, live = run(_lived(seed, days, Path(folder)))
    return _history(entries, live)


async def _lived(seed: int, days: float, folder: Path) -> tuple[list[bytes], SiteState]:
    chance = Random(seed)
    plan = write_plan(folder, portals=3, people=80, chance=chance)
    site = Site(plan, chance, days, Trace(None), [])
    faults = Faults(site, Level.NORMAL, Random(chance.getrandbits(64)))
    people = site.start()
    faults.start()
    await asyncio.sleep(days * DAY_S)
    faults.end()
    for task in people:
        task.cancel()
    site.mend_all()
    while (edge := site.edge.edge) is None or (
        edge.daemon.site.state.seq != len(site.ledger.entries)
    ):
        await asyncio.sleep(1.0)  # of virtual time: a restart, or a commit, is under way
    assert site.violation is None, site.violation
    entries, live = list(site.ledger.entries), edge.daemon.site.state
    site.close()
    return entries, live


def _history(entries: Sequence[bytes], live: SiteState) -> History:
    first = decode_entry(entries[0])
    journal = Journal(first.site, first.edge, first.incarnation, ZONE)
    chain = origin(first.site, first.edge, first.incarnation)
    pieces = []
    for entry in entries:
        chain = link(chain, leaf(entry))
        pieces.append(Piece(entry, chain.hex()))
    return History(journal, tuple(pieces), live)


def state_after(history: History, seq: int) -> SiteState:
    """By the core's own way of a restart."""
    state = SiteState()
    for piece in history.pieces[:seq]:
        state = apply(state, event_of(decode_entry(piece.entry)))
    return state


def event_of(entry: Entry) -> Event:
    return Event(header=entry, body=decode_body(entry) or UnknownKind())
