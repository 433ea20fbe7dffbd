"""What the chief's console says of the edge's state."""

from datetime import tzinfo
from typing import Final

import msgspec

from edge.control.messages import PortalStatus
from edge.control.messages_orders import OrderShown, PortalArrival
from edge.control.messages_page_orders import ConsoleState, DraftShown, OrderCame
from edge.control.messages_visits import ConsentShown
from edge.web.gate_words import ARRIVALS, MODES, arrived, look_of
from edge.web.pages import clock, day_and_clock
from edge.web.words import Words, marked
from policies.rights import OrderKind

KINDS: Final = {
    OrderKind.LOCKDOWN: marked("lockdown"),
    OrderKind.SHELTER: marked("shelter"),
    OrderKind.EVACUATE: marked("evacuation"),
    OrderKind.RAISE: marked("threat level"),
    OrderKind.END_HOLD: marked("end of a hold"),
    OrderKind.END_DRILL: marked("end of an exercise"),
    OrderKind.END_UNLOCK: marked("end of an unlocking"),
    OrderKind.END_DELEGATION: marked("end of a delegation"),
    OrderKind.RELEASE: marked("release"),
    OrderKind.DRILL: marked("exercise"),
    OrderKind.CONSENT: marked("consent"),
    OrderKind.DELEGATE: marked("delegation"),
    OrderKind.SUCCEED: marked("succession"),
    OrderKind.LIFT: marked("lift"),
    OrderKind.LOWER: marked("lower threat level"),
    OrderKind.UNLOCK: marked("unlocking"),
    OrderKind.HOLD: marked("exits held"),
    OrderKind.FIRE_OVERRIDE: marked("fire latch overridden"),
    OrderKind.COUNTERS: marked("fresh counters"),
    OrderKind.POLICY: marked("policy"),
}
assert set(KINDS) == set(OrderKind), "every kind of order has its word"


class DoorView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    word: str
    sign: str
    tone: str
    arrival: str
    arrival_tone: str
    obeyed: bool


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    kind: str
    scope: str
    about: str
    reason: str
    came: str
    came_tone: str
    missing: str
    drill: bool
    lifted_by: str
    ended_by: str


class DraftView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    kind: str
    words: str
    reason: str
    signed: str
    may: str
    until: str
    options: str
    yours: bool


class ConsentView(msgspec.Struct, frozen=True, kw_only=True):
    """`person`: by whose id it is ended; empty where nobody on file has it any more."""

    id: str
    person: str
    text: str
    reason: str


class ZoneView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    word: str
    sign: str
    tone: str
    threat: int
    inside: str


class ConsoleView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the console shows; it is drawn anew at each change."""

    word: str
    sign: str
    tone: str
    threat: int
    more: str
    missing: tuple[str, ...]
    zones: tuple[ZoneView, ...]
    orders: tuple[OrderView, ...]
    doors: tuple[DoorView, ...]
    drafts: tuple[DraftView, ...]
    leads: tuple[str, ...]
    consents: tuple[ConsentView, ...]


ENDED_BY_ONE: Final = {
    OrderKind.HOLD: OrderKind.END_HOLD,
    OrderKind.UNLOCK: OrderKind.END_UNLOCK,
}
"""Orders whose end takes one person."""


def console_view(state: ConsoleState, words: Words, zone: tzinfo) -> ConsoleView:
    posture = state.posture
    look = MODES[posture.mode]
    came = {one.order: one for one in state.came}
    arrivals = {one.portal: one for one in posture.portals}
    inside = {one.zone: one.people for one in state.inside}
    names = _names(state)
    return ConsoleView(
        word=words(look.word),
        sign=look.sign,
        tone="alarm" if posture.fires else look.tone,
        threat=posture.threat,
        more=" ".join(_troubles(state, words)),
        missing=tuple(
            f"{one.name}: {words(ARRIVALS[one.arrival].word)}"
            for one in posture.portals
            if not one.obeyed and one.observable
        ),
        zones=tuple(
            ZoneView(
                id=one.zone,
                name=one.name,
                word=words(MODES[one.mode].word),
                sign=MODES[one.mode].sign,
                tone=MODES[one.mode].tone,
                threat=one.threat,
                inside=str(inside.get(one.zone, 0)),
            )
            for one in posture.zones
        ),
        orders=tuple(_order(one, came.get(one.order), state, words, zone) for one in state.orders),
        doors=tuple(_door(one, arrivals.get(one.id), words) for one in state.doors),
        drafts=tuple(_draft(one, words, zone) for one in state.drafts),
        leads=_leads(state, words, zone),
        consents=tuple(_consent(one, names, words, zone) for one in state.consents),
    )


def _consent(one: ConsentShown, names: dict[str, str], words: Words, zone: tzinfo) -> ConsentView:
    until = day_and_clock(one.until_utc_us, zone)
    text = words(
        "%(person)s until %(until)s", person=names.get(one.person, one.person) or "–", until=until
    )
    where = ", ".join(one.zones)
    party = words("and %(count)d more", count=one.party) if one.party else ""
    by = words("signed by %(who)s", who=one.signed_by) if one.signed_by else ""
    return ConsentView(
        id=str(one.seq),
        person=one.person,
        text=" · ".join(part for part in (text, where, party, by) if part),
        reason=one.reason,
    )


def _names(state: ConsoleState) -> dict[str, str]:
    """Of people by their ids, as far as they are shown here; whoever is not has the id alone."""
    return {one.person: one.name for one in state.people}


def _door(one: PortalStatus, told: PortalArrival | None, words: Words) -> DoorView:
    look = look_of(one.state, linked=one.linked)
    arrival, arrival_tone = arrived(None if told is None else told.arrival, words)
    return DoorView(
        id=one.id,
        name=one.name,
        word=words(look.word),
        sign=look.sign,
        tone=look.tone,
        arrival=arrival,
        arrival_tone=arrival_tone,
        obeyed=told is not None and told.obeyed,
    )


def _troubles(state: ConsoleState, words: Words) -> list[str]:
    said = [words("Fire: %(where)s", where=one) for one in state.posture.fires]
    if state.posture.quarantined:
        said.append(words("What was ordered may be missing here: two people have to sign."))
    if not state.recorded:
        said.append(words("The journal cannot be written: entry is refused."))
    if not state.clock_trusted:
        said.append(words("The clock is not trusted."))
    if state.central is False:
        said.append(words("Central is not reached; all of this works without it."))
    if not state.ready:
        said.append(words("The edge is starting."))
    return said


def _order(
    one: OrderShown, came: OrderCame | None, state: ConsoleState, words: Words, zone: tzinfo
) -> OrderView:
    kind = words(KINDS[OrderKind(one.order_kind)])
    if one.level is not None:
        kind += f" {one.level}"
    given = "" if one.given_utc_us is None else clock(one.given_utc_us, zone)
    names = {door.id: door.name for door in state.doors}
    missing = [names.get(name, name) for name in (came.missing if came else ())]
    told, tone = _came(one, came, words)
    return OrderView(
        id=one.order,
        kind=kind,
        scope=", ".join((*one.zones, *one.portals_named)) or words("whole site"),
        about=words("%(who)s, %(when)s", who=_who_gave(one, state) or "–", when=given),
        reason=one.reason,
        came=told,
        came_tone=tone,
        missing=", ".join(missing),
        drill=one.drill,
        lifted_by=_lifted_by(one),
        ended_by=str(OrderKind.END_DRILL) if one.drill else _ended_by(one),
    )


def _who_gave(one: OrderShown, state: ConsoleState) -> str:
    return one.signed_by or _names(state).get(one.operator, one.operator) or one.source


def _lifted_by(one: OrderShown) -> str:
    """What two people sign to end it; empty where one person ends it."""
    if one.order_kind == OrderKind.RAISE:
        return str(OrderKind.LOWER)
    postures = {OrderKind.LOCKDOWN, OrderKind.SHELTER, OrderKind.EVACUATE}
    return str(OrderKind.LIFT) if one.order_kind in postures else ""


def _ended_by(one: OrderShown) -> str:
    return str(ENDED_BY_ONE.get(OrderKind(one.order_kind), ""))


def _came(one: OrderShown, came: OrderCame | None, words: Words) -> tuple[str, str]:
    if one.portals == 0:
        return "", ""
    told = words("%(obeyed)d of %(all)d doors obey", obeyed=one.obeyed, all=one.portals)
    if one.obeyed == one.portals and came is not None and came.took_ms is not None:
        told += " " + words("after %(seconds).1f s", seconds=came.took_ms / 1000)
    return told, "granted" if one.obeyed == one.portals else "denied"


def _draft(one: DraftShown, words: Words, zone: tzinfo) -> DraftView:
    signed = ", ".join(one.signed_by) or words("nobody yet")
    return DraftView(
        id=one.draft,
        kind=words(KINDS[one.order_kind]),
        words="\n".join(words(line.strip()) for line in one.words),
        reason=one.reason,
        signed=words("%(signed)s; %(needed)d needed", signed=signed, needed=one.needed),
        may=", ".join(
            signer.name + ("" if signer.has_key else f" ({words('by file')})") for signer in one.may
        ),
        until=clock(one.expires_utc_us, zone),
        options=one.options,
        yours=one.yours,
    )


def _leads(state: ConsoleState, words: Words, zone: tzinfo) -> tuple[str, ...]:
    said = [
        words(
            "%(person)s acts for %(role)s until %(until)s",
            person=_names(state).get(one.person, one.person),
            role=one.role,
            until=day_and_clock(one.until_s * 1_000_000, zone),
        )
        for one in state.posture.acting
    ]
    said += [
        words("%(role)s; then %(deputies)s", role=one.role, deputies=", ".join(one.deputies))
        for one in state.succession
    ]
    return tuple(said)
