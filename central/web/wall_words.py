"""What the wall says of edges, alarms and entries."""

from datetime import datetime, tzinfo
from typing import Final

import msgspec

from central.control_messages import EdgeAlarm
from central.wall_messages import StoredEntry, WallEdge
from controller.alarm import State
from controller.alarm_kinds import rule_of
from controller.events import decode_entry
from edge.present import said_of
from edge.tone import Tone
from edge.web.alarms import PRIORITIES, STATES
from edge.web.gate_words import Look
from edge.web.words import Words, marked
from edge.wire import SetKind

COSIGNED = "its size is cosigned"
"""What central says of a journal whose witness found nothing."""

TONES: Final = {
    Tone.PLAIN: ("", "quiet"),
    Tone.GRANTED: (marked("granted"), "granted"),
    Tone.DENIED: (marked("refused"), "denied"),
    Tone.NOTICE: (marked("notice"), "notice"),
    Tone.FAULT: (marked("fault"), "denied"),
    Tone.ALARM: (marked("alarm"), "alarm"),
}

SETS: Final = {
    SetKind.PEOPLE: marked("It lacks a change of its people."),
    SetKind.POLICY: marked("It lacks a policy."),
    SetKind.ALARM: marked("It lacks a word about an alarm."),
}

CONNECTED: Final = Look(marked("connected"), "●", "granted")
AWAY: Final = Look(marked("NOT CONNECTED"), "✕", "alarm")


class EdgeView(msgspec.Struct, frozen=True, kw_only=True):
    """One edge as the wall shows it. `rank`: what is wrong comes first. `calm`: nothing is.
    `doubted`: its witness has something to say.
    """

    id: str
    site: str
    edge: str
    rank: str
    calm: bool
    connected: bool
    doubted: bool
    word: str
    sign: str
    tone: str
    since: str
    troubles: str
    witness: str
    alarms: int
    urgent: int
    version: str
    people: str
    policy: str
    stored: str
    stored_at: str
    incarnation: str
    pages: str


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm of any edge."""

    id: str
    site: str
    edge: str
    alarm: str
    last: str
    rank: str
    title: str
    sign: str
    urgency: str
    about: str
    state: str
    tone: str
    since: str
    unseen: bool
    drill: bool
    connected: bool


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, as a line. `picture`: where its edge shows the picture; empty: there is none, or
    nobody knows where.
    """

    utc_us: int
    at: str
    doubt: bool
    site: str
    edge: str
    seq: int
    kind: str
    word: str
    tone: str
    text: str
    alarm: str
    drill: bool
    picture: str
    kept: bool


def moment(utc_us: int, zone: tzinfo) -> str:
    """A time of day with the zone that it is of: edges lie in several."""
    return datetime.fromtimestamp(utc_us / 1e6, zone).strftime("%H:%M:%S %Z")


def day_and_moment(utc_us: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(utc_us / 1e6, zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def edge_view(told: WallEdge, words: Words, zone: tzinfo) -> EdgeView:
    look = CONNECTED if told.connected else AWAY
    doubted = told.witness not in {"", COSIGNED}
    troubles = []
    if doubted:
        troubles.append(words("Its witness: %(said)s.", said=told.witness))
    troubles += [
        words(SETS[one.kind]) + (f" {one.reason}. {one.remedy}" if one.reason else "")
        for one in told.lacks
    ]
    return EdgeView(
        id=f"{told.site}/{told.edge}",
        site=told.site,
        edge=told.edge,
        rank=_rank(told, doubted=doubted),
        calm=told.connected and not doubted and not told.lacks and not told.alarms,
        connected=told.connected,
        doubted=doubted,
        word=words(look.word),
        sign=look.sign,
        tone=look.tone,
        since=day_and_moment(told.seen_utc_us, zone),
        troubles=" ".join(troubles),
        witness=words(_witness(told.witness)),
        alarms=told.alarms,
        urgent=told.urgent,
        version=told.version,
        people=_version(told.people, told.people_digest),
        policy=_version(told.policy, told.policy_digest),
        stored="" if told.stored is None else str(told.stored),
        stored_at="" if told.stored_utc_us is None else day_and_moment(told.stored_utc_us, zone),
        incarnation=told.incarnation,
        pages=told.pages,
    )


def _rank(told: WallEdge, *, doubted: bool) -> str:
    order = (bool(told.urgent), not told.connected, doubted, bool(told.lacks), bool(told.alarms))
    place = order.index(True) if any(order) else len(order)
    return f"{place}{told.site}/{told.edge}"


def _witness(said: str) -> str:
    return {
        "": marked("nothing seen so far"),
        COSIGNED: marked("its journal is what it was"),
    }.get(said, said)


def _version(number: int, digest: str) -> str:
    return f"{number} ({digest[:12]})" if digest else str(number)


def alarm_view(told: EdgeAlarm, words: Words, zone: tzinfo) -> AlarmView:
    alarm = told.alarm
    state, tone = STATES[alarm.state]
    urgency, sign = PRIORITIES[alarm.priority]
    since = day_and_moment(alarm.first_us, zone)
    if alarm.count > 1:
        last = day_and_moment(alarm.last_us, zone)
        since = words(
            "%(first)s, %(count)d times until %(last)s", first=since, count=alarm.count, last=last
        )
    unseen = alarm.state in {State.RAISED, State.CLEARED, State.HAPPENED}
    return AlarmView(
        id=f"{told.site}/{told.edge}/{alarm.alarm}",
        site=told.site,
        edge=told.edge,
        alarm=str(alarm.alarm),
        last=str(alarm.last),
        # Not acknowledged first, then by urgency, then the oldest.
        rank=f"{0 if unseen else 1}{int(alarm.priority)}{alarm.first_us:020d}",
        title=words(rule_of(alarm.kind).title),
        sign=sign,
        urgency=words(urgency),
        about=alarm.source,
        state=words(state),
        tone=tone,
        since=since,
        unseen=unseen,
        drill=alarm.drill,
        connected=told.connected,
    )


def entry_view(told: StoredEntry, words: Words, zone: tzinfo) -> EntryView:
    entry = decode_entry(told.entry.encode())
    word, tone = TONES[told.tone]
    # The edge's own page of it asks the operator there to sign in, and records that she looked.
    picture = f"{told.pages}/pictures/{entry.seq}" if told.picture and told.pages else ""
    return EntryView(
        utc_us=entry.utc_us,
        at=day_and_moment(entry.utc_us, zone),
        doubt=not entry.clock_trusted,
        site=entry.site,
        edge=entry.edge,
        seq=entry.seq,
        kind=entry.kind,
        word=words(word),
        tone=tone,
        text=said_of(told.text),
        alarm=words(told.alarm),
        drill=entry.drill,
        picture=picture,
        kept=bool(told.picture),
    )
