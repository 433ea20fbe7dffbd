"""Where incidents lie: beside the entries, in either store, one row for each step."""

from collections.abc import Iterable, Sequence

import msgspec

from central.archive import Archived, IncidentOpened
from central.database import Database
from central.incidents import (
    ALARMS_NOTED_MAX,
    GROUP_US,
    OPEN_MAX,
    AlarmJoined,
    Closed,
    Incident,
    IncidentError,
    MeasureTaken,
    Opened,
    Step,
    Summary,
    What,
    refuse,
)
from controller.alarms import alarm
from controller.events import Entry

BY_ALARM = "an alarm"
"""Who has opened what nobody opened by hand."""

LISTED_MAX = 1_000

_WHAT = msgspec.json.Decoder(What)

_COLUMNS = "id, site, title, drill, by_alarm, closed, first_us, last_us, alarms"


def take_alarms(db: Database, site: str, new: Iterable[Archived]) -> list[IncidentOpened]:
    """Open or continue incidents for the alarms among new entries; in their transaction. Those
    that were opened.
    """
    found = [one.entry for one in new if alarm(one.entry) is not None]
    if found:
        db.lock_incidents(site)
    return [opened for entry in found if (opened := _take(db, entry)) is not None]


def _take(db: Database, entry: Entry) -> IncidentOpened | None:
    opened = None
    same = "site = ? AND by_alarm = 1 AND closed = 0 AND drill = ?"
    which = (entry.site, int(entry.drill))
    row = db.execute(
        f"SELECT id, alarms FROM incident WHERE {same} AND first_us <= ? AND last_us >= ?"
        f" ORDER BY id LIMIT 1{db.for_update}",
        (*which, entry.utc_us + GROUP_US, entry.utc_us - GROUP_US),
    ).fetchone()
    if row is None:
        (count, latest) = db.execute(
            f"SELECT count(*), max(id) FROM incident WHERE {same}", which
        ).fetchone()
        if count >= OPEN_MAX:
            row = (latest, ALARMS_NOTED_MAX)
        else:
            opened = _open_by(db, entry)
            row = (opened.number, 0)
    incident, alarms = row
    if alarms < ALARMS_NOTED_MAX:
        joined = AlarmJoined(
            edge=entry.edge, incarnation=entry.incarnation, seq=entry.seq, kind=entry.kind
        )
        _append(db, incident, entry.utc_us, BY_ALARM, joined)
    db.execute(
        "UPDATE incident SET alarms = alarms + 1,"
        " first_us = CASE WHEN first_us < ? THEN first_us ELSE ? END,"
        " last_us = CASE WHEN last_us > ? THEN last_us ELSE ? END WHERE id = ?",
        (*(entry.utc_us,) * 4, incident),
    )
    return opened


def _open_by(db: Database, entry: Entry) -> IncidentOpened:
    rule = alarm(entry)
    assert rule is not None
    opened = Opened(title=rule.title, since_us=entry.utc_us, until_us=entry.utc_us)
    number = _open(db, entry.site, opened, entry.utc_us, BY_ALARM, drill=entry.drill, by_alarm=True)
    return IncidentOpened(number, rule.title, entry.drill)


def open_by_hand(
    db: Database, site: str, opened: Opened, *, who: str, utc_us: int, drill: bool
) -> int:
    """Its number. Raises IncidentError where the archive knows nothing of the site: a timeline that
    stays empty would tell nobody of a slip of the keys.
    """
    with db.transaction():
        db.lock_incidents(site)
        if not db.execute("SELECT 1 FROM journal WHERE site = ? LIMIT 1", (site,)).fetchone():
            rows = db.execute("SELECT DISTINCT site FROM journal ORDER BY site LIMIT 20").fetchall()
            known = ", ".join(name for (name,) in rows) or "none yet"
            raise IncidentError(f"the archive has no entry of a site {site}; it knows {known}")
        return _open(db, site, opened, utc_us, who, drill=drill, by_alarm=False)


def append(db: Database, incident: int, whats: Sequence[What], *, who: str, utc_us: int) -> None:
    """All these steps, or none. Raises IncidentError."""
    with db.transaction():
        for what in whats:
            refuse(_locked(db, incident), what)
            _append(db, incident, utc_us, who, what)
            if isinstance(what, Closed):
                db.execute("UPDATE incident SET closed = 1 WHERE id = ?", (incident,))


def listed(db: Database, *, site: str, closed: bool) -> list[Summary]:
    """The latest first, LISTED_MAX at most. `closed`: those too."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM incident WHERE (? = '' OR site = ?) AND closed <= ?"
        " ORDER BY id DESC LIMIT ?",
        (site, site, int(closed), LISTED_MAX),
    ).fetchall()
    return [_summary(row) for row in rows]


def one(db: Database, incident: int) -> Incident:
    """Raises IncidentError where there is none of that number."""
    return _whole(db, incident, "")


def measures(db: Database, site: str) -> list[tuple[int, MeasureTaken]]:
    """Every measure that was taken at a site, with the number of its incident, in their order."""
    rows = db.execute(
        "SELECT id, body FROM incident_step CROSS JOIN incident"
        f" WHERE id = incident AND site = ? AND {db.holds('body')} ORDER BY id, number",
        (site, b'"type":"measure"'),
    ).fetchall()
    found = [(incident, _WHAT.decode(body)) for incident, body in rows]
    return [(incident, what) for incident, what in found if isinstance(what, MeasureTaken)]


def _locked(db: Database, incident: int) -> Incident:
    return _whole(db, incident, db.for_update)


def _whole(db: Database, incident: int, ending: str) -> Incident:
    row = db.execute(
        f"SELECT {_COLUMNS} FROM incident WHERE id = ?{ending}", (incident,)
    ).fetchone()
    if row is None:
        raise IncidentError(
            f"there is no incident {incident}; `sentrypost central incident list --all` has them"
        )
    steps = db.execute(
        "SELECT number, utc_us, who, body FROM incident_step WHERE incident = ? ORDER BY number",
        (incident,),
    ).fetchall()
    return Incident(
        summary=_summary(row),
        steps=tuple(
            Step(number=number, utc_us=utc_us, who=who, what=_WHAT.decode(body))
            for number, utc_us, who, body in steps
        ),
    )


def _open(
    db: Database, site: str, opened: Opened, utc_us: int, who: str, *, drill: bool, by_alarm: bool
) -> int:
    last_us = 2**53 if opened.until_us is None else opened.until_us
    ((incident,),) = db.execute(
        "INSERT INTO incident (site, title, drill, by_alarm, closed, first_us, last_us, alarms)"
        " VALUES (?, ?, ?, ?, 0, ?, ?, 0) RETURNING id",
        (site, opened.title, int(drill), int(by_alarm), opened.since_us, last_us),
    ).fetchall()
    _append(db, incident, utc_us, who, opened)
    return int(incident)


def _append(db: Database, incident: int, utc_us: int, who: str, what: What) -> None:
    (number,) = db.execute(
        "SELECT coalesce(max(number), 0) + 1 FROM incident_step WHERE incident = ?", (incident,)
    ).fetchone()
    db.execute(
        "INSERT INTO incident_step (incident, number, utc_us, who, body) VALUES (?, ?, ?, ?, ?)",
        (incident, number, utc_us, who, msgspec.json.encode(what)),
    )


def _summary(row: tuple[int, str, str, int, int, int, int, int, int]) -> Summary:
    id_, site, title, drill, by_alarm, closed, first_us, last_us, alarms = row
    return Summary(
        id=id_,
        site=site,
        title=title,
        drill=bool(drill),
        by_alarm=bool(by_alarm),
        closed=bool(closed),
        first_us=first_us,
        last_us=last_us,
        alarms=alarms,
    )
