"""Central's own record as lines: what its operators have done."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from central import operator_events as oe
from central.operator_messages import LINE_CHARS_MAX, LoggedLine
from controller.body import Entry
from controller.events import EntryError, decode_entry
from controller.ids import HolderId
from controller.ledger import Personal
from edge.journal import Stored
from edge.present import TONE_SIGNS, as_json, clean, committed, line, local
from edge.tone import Names, Said, Tone

UNKNOWN = "not an entry that can be read"


def logged(stored: Stored, names: Mapping[HolderId, str]) -> LoggedLine:
    """`names`: by what everybody signs in or has signed in, by random id."""
    try:
        entry = decode_entry(stored.entry)
    except EntryError as error:
        said = f"#{stored.seq} {Tone.FAULT} {UNKNOWN}: {error}"
        return LoggedLine(seq=stored.seq, utc_us=0, kind="", text=clean(said), json="{}")
    text = _text(entry, stored.personal)
    for holder, name in names.items():
        text = text.replace(holder, name)
    return LoggedLine(
        seq=stored.seq,
        utc_us=entry.utc_us,
        kind=entry.kind,
        text=clean(text)[:LINE_CHARS_MAX],
        json=as_json(entry, stored.personal, stored.chain.hex()).decode(),
    )


def _text(entry: Entry, personal: tuple[Personal, ...]) -> str:
    try:
        act = oe.act_of(entry)
    except EntryError as error:
        act, said = None, (Tone.FAULT, f"{entry.kind}: {error}")
    else:
        if act is None:
            return line(entry, personal, UTC).text
        said = _SAYINGS[type(act)](act, committed(entry, personal))
    tone, words = said
    return f"{local(entry.utc_us, UTC)} #{entry.seq} {tone or '-':<{TONE_SIGNS}} {words}"


def _put(act: oe.OperatorPut, names: Names) -> Said:
    who = names.get("name", "somebody")
    rights = ", ".join(act.rights) or "nothing"
    by = names.get("by", "somebody")
    return Tone.NOTICE, f"{act.holder} ({who}) may: {rights}; by {by}"


def _removed(act: oe.OperatorRemoved, names: Names) -> Said:
    return Tone.NOTICE, f"{act.holder} is no operator any more; by {names.get('by', 'somebody')}"


def _signed(act: oe.AlarmWordSigned, names: Names) -> Said:
    reason = f": {names['reason']}" if "reason" in names else ""
    where = f"{act.site}/{act.edge}#{act.alarm}"
    return Tone.NOTICE, f"{act.holder} has seen alarm {where} as entry {act.last} told it{reason}"


def _answered(act: oe.AlarmWordAnswered, _: Names) -> Said:
    where = f"{act.site}/{act.edge}#{act.alarm}"
    said = f"says: {act.outcome}" if act.outcome else "has not answered"
    return Tone.PLAIN, f"alarm {where}, seen by {act.holder}: the edge {said}"


def _sent(act: oe.OrderSentOn, _: Names) -> Said:
    whom = ", ".join(act.edges) or "every edge"
    what = f"order {act.order[:12]} ({act.kind})"
    return Tone.NOTICE, f"{act.holder} sends {what} to {whom} of {act.site}"


def _searched(act: oe.PersonSearched, names: Names) -> Said:
    where = "/".join(part for part in (act.site, act.edge) if part) or "everywhere"
    return Tone.NOTICE, f"{act.holder} searches for {names.get('person', 'a person')}, {where}"


def _noted(act: oe.IncidentNoteWritten, _: Names) -> Said:
    return Tone.PLAIN, f"{act.holder} adds a note to incident {act.incident}"


_SAYINGS: Mapping[type[oe.Act], Callable[[Any, Names], Said]] = {
    oe.OperatorPut: _put,
    oe.OperatorRemoved: _removed,
    oe.AlarmWordSigned: _signed,
    oe.AlarmWordAnswered: _answered,
    oe.OrderSentOn: _sent,
    oe.PersonSearched: _searched,
    oe.IncidentNoteWritten: _noted,
}
assert _SAYINGS.keys() == set(oe.Act.__subclasses__()), "each act is said in words"
