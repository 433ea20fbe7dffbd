"""How much an edge writes, sends and leaves in the archive: a model of what was measured.

`make bench ARGS=bytes` measures what stands here and says how far it is from it. The rest is
arithmetic.
"""

from collections.abc import Iterable
from typing import NamedTuple

DAYS_OF_A_YEAR = 365
CHECKPOINTS_A_DAY = 1_440
"""One a minute, also where nothing happens."""

BACKLOG_S = 5_000.0
"""Events a second that one central takes from an edge that was away: on a machine with seven times
as much to do as it has cores (`docs/bench.md`)."""


class Footprint(NamedTuple):
    """Bytes of one event, everything beside it and around it included."""

    events: float
    """How many of them one passage makes, or one hour in which a door stands open by schedule."""
    journal: float
    """Of the edge's disk, for good."""
    written: float
    """To the edge's disk, its log included: what wears flash out."""
    wire: float
    """Both ways at low load: journal, live view and acknowledgements."""
    backlog: float
    """Compressed, when an edge was away."""
    sqlite: float
    postgres: float


PASSAGE = Footprint(5.9, 900, 7_900, 1_170, 74, 1_180, 1_180)
LEASED_HOUR = Footprint(720, 590, 6_200, 860, 29, 650, 890)
CHECKPOINT_WIRE = 1_150
"""A checkpoint and the witness's answer."""


class Site(NamedTuple):
    """What is planned. `passages` and `open_hours` are those of one door on one day."""

    name: str
    edges: int
    doors: int
    passages: int
    open_hours: float = 0.0


class Size(NamedTuple):
    """What that comes to, for all edges together where nothing else is said."""

    events_day: float
    events_s: float
    """Over a working day of ten hours, in which nearly all of them happen."""
    edge_gb_year: float
    """Journal of one edge."""
    edge_written_gb_year: float
    """Written to one edge's disk."""
    wire_kbit_s: float
    """Of one edge over that working day."""
    sqlite_gb_year: float
    postgres_gb_year: float
    day_away_s: float
    """Until the archive has what one edge kept in a day without a broker."""


def size(site: Site) -> Size:
    """Of one site, or of all sites that one archive has."""
    passages = site.doors * site.passages * PASSAGE.events
    leases = site.doors * site.open_hours * LEASED_HOUR.events

    def of_edge(passage: float, lease: float) -> float:
        return passages * passage + leases * lease

    events = of_edge(1, 1)
    wire = of_edge(PASSAGE.wire, LEASED_HOUR.wire) + CHECKPOINTS_A_DAY * CHECKPOINT_WIRE
    working_s, year = 36_000, DAYS_OF_A_YEAR / 1e9
    return Size(
        events_day=events * site.edges,
        events_s=events * site.edges / working_s,
        edge_gb_year=of_edge(PASSAGE.journal, LEASED_HOUR.journal) * year,
        edge_written_gb_year=of_edge(PASSAGE.written, LEASED_HOUR.written) * year,
        wire_kbit_s=wire * 8 / 1_000 / working_s,
        sqlite_gb_year=of_edge(PASSAGE.sqlite, LEASED_HOUR.sqlite) * site.edges * year,
        postgres_gb_year=of_edge(PASSAGE.postgres, LEASED_HOUR.postgres) * site.edges * year,
        day_away_s=events / BACKLOG_S,
    )


SITES = (
    Site("one door", edges=1, doors=1, passages=300),
    Site("an embassy", edges=1, doors=12, passages=150, open_hours=0.5),
    Site("a mission with annexes", edges=5, doors=16, passages=200, open_hours=0.5),
    Site("an organisation's seat", edges=50, doors=16, passages=400, open_hours=0.5),
    Site("200 missions, one archive", edges=200, doors=12, passages=150, open_hours=0.5),
    Site("1,000 edges, one archive", edges=1_000, doors=16, passages=200, open_hours=0.5),
)


def rows() -> Iterable[tuple[str, ...]]:
    """The table of `docs/scale.md`, without its head."""
    for site in SITES:
        found = size(site)
        yield (
            site.name,
            f"{site.edges:,} × {site.doors}",
            f"{site.passages}",
            f"{found.events_day:,.0f}",
            _short(found.events_s),
            _short(found.edge_gb_year),
            _short(found.edge_written_gb_year),
            _short(found.wire_kbit_s),
            _short(found.sqlite_gb_year),
            _short(found.postgres_gb_year),
            _short(found.day_away_s),
        )


HEAD = (
    "site",
    "edges × doors",
    "passages a door and day",
    "events a day",
    "events/s by day",
    "journal, GB a year and edge",
    "written, GB a year and edge",
    "wire, kbit/s and edge",
    "SQLite, GB a year",
    "PostgreSQL, GB a year",
    "a day away, caught up in s",
)


def _short(number: float) -> str:
    """With two figures that count, whole from 10 on."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
