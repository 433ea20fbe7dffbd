"""What central prints: one line for each finding, for people or as JSON.

Everything that came over the wire is shown without control characters: a name must not be able to
clear an officer's screen.
"""

import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from central.archive import Archived, Gone
from central.distributor import DistributionFailing, SetAnswered, SetGiven
from central.findings import (
    ArchiveFailing,
    BatchRefused,
    EdgeSeen,
    EntriesEnded,
    EntriesStored,
    Finding,
    MessageIgnored,
)
from central.sharing import WorkShared
from central.witness import JournalReplaced, KeyFollowed, MemoryRegained, NotCosigned
from controller.events import Body, DecisionMade, EntryError, decode_body
from policies.codes import TEXTS

LINES_WAITING_MAX = 10_000
"""A terminal that does not read loses lines; it never holds up the archive."""

LINES_AT_ONCE = 500
"""In one write: whoever reads slowly holds up an end by no more."""

HASH_SIGNS_SHOWN = 12
"""Of a digest or commitment: tells two apart, and leaves room for the rest of the line."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of UTC; a line says so itself

_HASH = re.compile(r"[0-9a-f]{64}")


class EntryLine(msgspec.Struct, frozen=True, kw_only=True):
    """A stored entry as JSON. `personal`: values by the body's field that commits to them."""

    stored: bool = True
    utc: str
    site: str
    edge: str
    incarnation: str
    seq: int
    kind: str
    drill: bool
    body: msgspec.Raw
    personal: dict[str, str]


class FindingLine(msgspec.Struct, frozen=True, kw_only=True):
    finding: str
    site: str = ""
    edge: str = ""
    text: str


def lines(finding: Finding, *, as_json: bool) -> list[str]:
    """The lines for one finding."""
    if isinstance(finding, EntriesStored):
        write = _entry_json if as_json else _entry_text
        found = [
            _notice("gap", finding.site, finding.edge, _gone(one), as_json=as_json)
            for one in finding.gone
        ]
        found += [write(archived) for archived in finding.new]
        for one in finding.opened:
            text = f"{'DRILL ' if one.drill else ''}incident {one.number} opened: {one.title}"
            found.append(_notice("incident", finding.site, finding.edge, text, as_json=as_json))
        if not finding.unproven:
            return found
        notice = f"left out {finding.unproven} personal values that no entry commits to"
        return [*found, _notice("unproven", finding.site, finding.edge, notice, as_json=as_json)]
    match finding:
        case EntriesEnded(site=site, edge=edge, count=count):
            text = f"{count} entries are past their time; their hashes are left"
            return [_notice("ended", site, edge, text, as_json=as_json)]
        case EdgeSeen(site=site, edge=edge, status=status):
            name = "edge-alive" if status.alive else "edge-dead"
            text = f"version {status.version}, connection {status.boot}/{status.number}"
            return [_notice(name, site, edge, text, as_json=as_json)]
        case BatchRefused(site=site, edge=edge, reason=reason, fork=fork):
            name = "fork" if fork else "refused"
            return [_notice(name, site, edge, reason, as_json=as_json)]
        case MessageIgnored(topic=topic, reason=reason):
            return [_notice("ignored", "", "", f"{topic}: {reason}", as_json=as_json)]
        case NotCosigned(site=site, edge=edge, reason=reason, alarm=alarm):
            name = "journal-tampered" if alarm else "not-cosigned"
            return [_notice(name, site, edge, reason, as_json=as_json)]
        case JournalReplaced(site=site, edge=edge, reason=reason):
            return [_notice("journal-replaced", site, edge, reason, as_json=as_json)]
        case KeyFollowed(site=site, edge=edge, reason=reason):
            return [_notice("journal-key", site, edge, reason, as_json=as_json)]
        case MemoryRegained(site=site, edge=edge, reason=reason):
            return [_notice("memory-regained", site, edge, reason, as_json=as_json)]
        case ArchiveFailing(reason=reason):
            return [_notice("archive-failing", "", "", reason, as_json=as_json)]
        case SetGiven(site=site, kind=kind, digest=digest, by=by):
            text = f"{kind} {digest[:HASH_SIGNS_SHOWN]} for every edge of {site}, by {by}"
            return [_notice("set-given", "", "", text, as_json=as_json)]
        case SetAnswered(site=site, edge=edge, ack=ack):
            text = f"{ack.kind} {ack.set[:HASH_SIGNS_SHOWN]}, version {ack.version} in force"
            why = f": {ack.reason}; {ack.remedy}" if ack.reason else ""
            return [_notice(f"set-{ack.outcome}", site, edge, text + why, as_json=as_json)]
        case WorkShared():
            text = "this archiver has a part of the journals, others have the rest"
            return [_notice("work-shared", "", "", text, as_json=as_json)]
        case DistributionFailing(reason=reason):
            return [_notice("distribution-failing", "", "", reason, as_json=as_json)]


def _gone(gone: Gone) -> str:
    return f"{gone}: pruned by the edge, and not in this archive"


def _notice(name: str, site: str, edge: str, text: str, *, as_json: bool) -> str:
    if as_json:
        line = FindingLine(finding=name, site=site, edge=edge, text=text)
        return msgspec.json.encode(line).decode()
    where = f"{site}/{edge} " if site else ""
    return clean(f"-- {where}{name.upper()}: {text}")


def _entry_json(archived: Archived) -> str:
    entry = archived.entry
    line = EntryLine(
        utc=_utc(entry.utc_us),
        site=entry.site,
        edge=entry.edge,
        incarnation=entry.incarnation,
        seq=entry.seq,
        kind=entry.kind,
        drill=entry.drill,
        body=entry.body,
        personal={personal.field: personal.value for personal in archived.personal},
    )
    return msgspec.json.encode(line).decode()


def _entry_text(archived: Archived) -> str:
    entry = archived.entry
    head = f"{_utc(entry.utc_us)} {entry.edge} {entry.seq} {'DRILL ' if entry.drill else ''}"
    try:
        body = decode_body(entry)
    except EntryError:
        body = None
    names = {personal.field: personal.value for personal in archived.personal}
    if isinstance(body, DecisionMade):
        said = _decision(body, names)
    elif body is None:
        said = bytes(entry.body).decode(errors="replace")
    else:
        said = _plain(body, names)
    return clean(f"{head}{entry.kind} {said}".rstrip())


def _decision(body: DecisionMade, names: dict[str, str]) -> str:
    holder = body.request.holder
    who = names.get("person") or (holder.id if holder else body.request.credential.value)
    verdict = "GRANTED" if body.decision.granted else "DENIED"
    reason = TEXTS[body.decision.code]
    return f"{who} | {body.portal} {body.direction.value} | {verdict} | {reason}"


def _plain(body: Body, names: dict[str, str]) -> str:
    """The body's own words and numbers, with `names` where it only commits to them; what is nested
    can be seen with --json. A sealed note is noise to whoever reads lines.
    """
    said = []
    for name in body.__struct_fields__:
        if name == "note":
            continue
        value = names.get(name, getattr(body, name))
        if isinstance(value, str | int) and value != "":
            text = str(value)
            hashed = _HASH.fullmatch(text)
            said.append(f"{name}={text[:HASH_SIGNS_SHOWN] + '…' if hashed else text}")
    return " ".join(said)


def clean(text: str) -> str:
    """Without anything that a terminal would obey instead of show."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _utc(utc_us: int) -> str:
    # Not by strftime, which takes several times as long, for every line.
    return f"{(_EPOCH + timedelta(microseconds=utc_us)).isoformat(timespec='milliseconds')}Z"


class LinePrinter:
    """Prints on a thread of its own, because a pipe that nobody reads blocks.

    `write` writes one line or several, each with its end, and raises OSError when nobody will read
    any more; from then on lines are thrown away.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._waiting: list[str] = []
        self._lost = 0
        self._ends = False
        self._told = threading.Condition()
        self._thread = threading.Thread(target=self._main, name="printer", daemon=True)
        self._thread.start()

    def put(self, *lines: str) -> None:
        """Queue lines; never blocks."""
        with self._told:
            room = LINES_WAITING_MAX - len(self._waiting)
            self._waiting += lines[:room]
            self._lost += max(0, len(lines) - room)
            self._told.notify()

    def close(self, timeout_s: float) -> None:
        """Print what waits, for at most `timeout_s`."""
        with self._told:
            self._ends = True
            self._told.notify()
        self._thread.join(timeout_s)

    def _main(self) -> None:
        while lines := self._next():
            try:
                self._write("\n".join(lines) + "\n")
            except OSError:
                self._write = _forget

    def _next(self) -> list[str]:
        """The first that wait, as soon as there are some; none at the end."""
        with self._told:
            self._told.wait_for(lambda: self._waiting or self._ends)
            lines = self._waiting[:LINES_AT_ONCE]
            del self._waiting[:LINES_AT_ONCE]
            if self._lost and not self._waiting:
                lines.append(f"-- {self._lost} lines were not shown: nobody read them")
                self._lost = 0
        return lines


def _forget(_lines: str) -> None:
    """Nobody reads any more."""
