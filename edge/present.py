"""An entry of the journal as one line for people, and as JSON.

Everything that came from a device or a file is shown without control characters: a name must not
be able to clear an officer's screen. A person's name is shown only where the entry commits to it.
A line never tells of duress: it may be read over a shoulder.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

import msgspec

from controller import events as ev
from controller import events_muster as em
from controller.consents import ConsentEnd
from controller.events import Body, Entry, EntryError, decode_body
from controller.ledger import Personal, commitment
from edge import (
    present_alarms,
    present_attempts,
    present_badges,
    present_cameras,
    present_faces,
    present_orders,
    present_perimeter,
    present_pictures,
    present_service,
    present_signins,
    present_visits,
)
from edge.tone import Names, Tone, always, operator
from policies.codes import TEXTS
from policies.facts import ScreeningResult

KEY_SIGNS = 16
"""Of a key's id: enough to find it in `sentrypost key show`."""

TONE_SIGNS = max(len(tone) for tone in Tone)


class Line(NamedTuple):
    """`text` says the tone itself; `tone` is for whoever colours it."""

    tone: Tone
    text: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as a JSON line. `personal`: values by the body's field that commits to them."""

    utc: str
    seq: int
    kind: str
    site: str
    edge: str
    incarnation: str
    mono_us: int
    clock_trusted: bool
    cause: str
    drill: bool
    policy: str
    body: msgspec.Raw
    personal: dict[str, str]
    chain: str


def line(entry: Entry, personal: Sequence[Personal], zone: tzinfo) -> Line:
    """`2026-11-20 14:09:49.123+01:00 #42 DENIED front entry: Ada L: no rule grants it (601)`.

    A `?` after the time: the clock was not trusted. Unknown kinds are shown as they are.
    """
    tone, said = _said(entry, personal)
    doubt = "" if entry.clock_trusted else "?"
    drill = "DRILL " if entry.drill else ""
    head = f"{local(entry.utc_us, zone)}{doubt} #{entry.seq}"
    return Line(tone, clean(f"{head} {tone or '-':<{TONE_SIGNS}} {drill}{said}".rstrip()))


def said_of(text: str) -> str:
    """What such a line says, without its head: when, which number, and how much it matters."""
    _, _, behind = text.partition(" #")
    return behind.partition(" ")[2][TONE_SIGNS:].strip()


def as_json(entry: Entry, personal: Sequence[Personal], chain: str = "") -> bytes:
    """The entry whole, on one line."""
    return msgspec.json.encode(
        Shown(
            utc=local(entry.utc_us, UTC, sep="T"),
            seq=entry.seq,
            kind=entry.kind,
            site=entry.site,
            edge=entry.edge,
            incarnation=entry.incarnation,
            mono_us=entry.mono_us,
            clock_trusted=entry.clock_trusted,
            cause=entry.cause,
            drill=entry.drill,
            policy=entry.policy,
            body=entry.body,
            personal=committed(entry, personal),
            chain=chain,
        )
    )


def local(utc_us: int, zone: tzinfo, *, sep: str = " ") -> str:
    """ISO 8601 to the millisecond with the zone's offset, `Z` for UTC."""
    seconds, micros = divmod(utc_us, 1_000_000)
    moment = datetime.fromtimestamp(seconds, zone).replace(microsecond=micros)
    text = moment.isoformat(sep=sep, timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z" if zone is UTC else text


def clean(text: str) -> str:
    """Without anything that a terminal would obey instead of show."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def committed(entry: Entry, personal: Sequence[Personal]) -> dict[str, str]:
    """The values to which the body commits, by field; one that was put beside it is left out."""
    try:
        body = msgspec.json.decode(entry.body, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return {}
    return {
        value.field: value.value
        for value in personal
        if body.get(value.field) == msgspec.Raw(f'"{commitment(value)}"'.encode())
    }


# --- what each kind says ----------------------------------------------------------------------


def _said(entry: Entry, personal: Sequence[Personal]) -> tuple[Tone, str]:
    try:
        body = decode_body(entry)
    except EntryError as error:
        return Tone.FAULT, f"{entry.kind} {bytes(entry.body).decode(errors='replace')} ({error})"
    if body is None:
        return Tone.PLAIN, f"{entry.kind} {bytes(entry.body).decode(errors='replace')}"
    say = _SAYINGS.get(type(body))
    if say is not None:
        return say(body, committed(entry, personal))
    if isinstance(body, ev.PortalChange):
        tone, words = _PORTALS.get(type(body), (Tone.PLAIN, entry.kind))
        return tone, f"{body.portal} {words}"
    return Tone.PLAIN, f"{entry.kind} {bytes(entry.body).decode(errors='replace')}"


_PORTALS: dict[type[Body], tuple[Tone, str]] = {
    ev.PortalGranted: (Tone.PLAIN, "is released once"),
    ev.PassageMade: (Tone.PLAIN, "was passed"),
    ev.GrantUnused: (Tone.PLAIN, "was released and not opened"),
    ev.GrantAborted: (Tone.NOTICE, "release was taken back before it was used"),
    ev.PortalOpened: (Tone.PLAIN, "opened from inside or standing open"),
    ev.PortalForced: (Tone.ALARM, "was opened without a grant"),
    ev.CloseAsked: (Tone.NOTICE, "is to be closed, or it will have stood open too long"),
    ev.PortalHeld: (Tone.ALARM, "stands open too long"),
    ev.PortalNeverClosed: (Tone.ALARM, "does not close: propped, or its contact is stuck"),
    ev.PortalClosed: (Tone.PLAIN, "closed"),
    ev.ContactFaulted: (Tone.FAULT, "contact line cut or shorted: whether it is open is unknown"),
    ev.ExitRequested: (Tone.PLAIN, "exit requested"),
    ev.ExitLetGo: (Tone.PLAIN, "exit request let go"),
    ev.ExitStuck: (Tone.FAULT, "exit request is stuck"),
    ev.ExitOver: (Tone.PLAIN, "way out has had its time, locked again"),
    ev.PortalLeased: (Tone.NOTICE, "stands open by schedule"),
    ev.LeaseEnded: (Tone.NOTICE, "no longer stands open by schedule"),
    ev.EgressReleased: (Tone.ALARM, "is released for the way out and stays so"),
    ev.EgressEnded: (Tone.NOTICE, "release for the way out ended"),
    ev.PortalSecured: (Tone.NOTICE, "is kept shut for entry"),
    ev.SecureEnded: (Tone.NOTICE, "is no longer kept shut for entry"),
    ev.PortalLost: (Tone.FAULT, "lock does not answer"),
    ev.PortalFound: (Tone.NOTICE, "lock answers again"),
    ev.PortalSettled: (Tone.PLAIN, "was read"),
    ev.BoltMoved: (Tone.PLAIN, "bolt moved"),
}


def _decision(body: ev.DecisionMade, names: Names) -> tuple[Tone, str]:
    holder = body.request.holder
    if "person" in names:
        who = names["person"]
    elif holder is not None:
        who = f"holder {holder.id}"
    elif body.reader is None:
        who = "somebody inside"
    else:
        who = f"a credential that is {body.request.credential}"
    code = body.decision.code
    tone = Tone.GRANTED if body.decision.granted else Tone.DENIED
    place = f"{body.portal} {body.direction}"
    return tone, f"{place}: {who}: {TEXTS[code]} ({int(code)})"


def _bolt(body: ev.BoltMoved, _: Names) -> tuple[Tone, str]:
    return Tone.PLAIN, f"{body.portal} bolt {'thrown' if body.after.bolted else 'drawn'}"


def _settled(body: ev.PortalSettled, _: Names) -> tuple[Tone, str]:
    return Tone.PLAIN, f"{body.portal} was read: {body.after.state}, contact {body.after.contact}"


def _started(body: ev.EdgeStarted, _: Names) -> tuple[Tone, str]:
    of = f"portals: {len(body.portals)}, fire inputs: {len(body.fires)}"
    how = " IN SAFE MODE" if body.safe_mode else ""
    kept = ", by the KEPT COPY of site file and policy" if body.kept_copy else ""
    tone = Tone.FAULT if body.safe_mode or body.kept_copy else Tone.NOTICE
    return tone, f"the edge started{how}{kept}, version {body.version}; {of}"


def _journal_doubted(body: ev.JournalDoubted, _: Names) -> tuple[Tone, str]:
    return (
        Tone.ALARM,
        f"{'the journal before this one' if body.before else 'this journal'} is not what was seen"
        f" of it: {body.witnessed} entries there, {body.held} here; keep the folder as evidence",
    )


def _journal_unsound(body: ev.JournalUnsound, _: Names) -> tuple[Tone, str]:
    return (
        Tone.ALARM,
        f"the journal was EDITED or its disk forgets, entry {body.entry}: {body.what};"
        f" findings: {body.findings}; keep a copy of the folder as evidence",
    )


def _pruned(body: ev.EntriesPruned, _: Names) -> tuple[Tone, str]:
    what = "all" if body.whole else ", ".join(body.classes)
    why = "; the disk is nearly FULL" if body.early else ""
    tone = Tone.ALARM if body.early else Tone.NOTICE
    return tone, f"entries {body.first} to {body.last} are kept no longer: {what}{why}"


def _journal_restored(body: ev.JournalRestored, _: Names) -> tuple[Tone, str]:
    lost = f"{body.dropped} entries were lost" if body.dropped else "nothing was lost"
    return Tone.NOTICE, f"the journal is written again, {lost}"


def _clock(body: ev.ClockJudged, _: Names) -> tuple[Tone, str]:
    jumped = f", it jumped by {body.stepped_ms / 1000:+.3f} s" if body.stepped_ms else ""
    if body.trusted and not jumped:
        return Tone.NOTICE, "the clock is trusted"
    return Tone.FAULT, f"the clock is {'trusted' if body.trusted else 'not trusted'}{jumped}"


def _holders(body: ev.HoldersReplaced, _: Names) -> tuple[Tone, str]:
    count = f"{body.holders} people, {body.credentials} credentials"
    origin = body.provenance
    keys = ", ".join(key[:KEY_SIGNS] for key in origin.keys)
    brought = f", by change set {origin.change_set[:16]} signed with {keys}"
    return (
        Tone.NOTICE,
        f"people version {body.version}: {count}{brought if origin.change_set else ''}",
    )


def _policy(body: ev.PolicyActivated, names: Names) -> tuple[Tone, str]:
    again = "again " if body.returned else ""
    keys = ", ".join(key[:KEY_SIGNS] for key in body.keys)
    signed = f", signed with {keys}" if keys else ""
    brought = "" if body.operator is None else f", by {operator(names)}"
    what = f"policy version {body.version} {body.digest[:16]}"
    return Tone.NOTICE, f"{what} decides {again}from here on{brought}{signed}"


def _posture(body: ev.PostureChanged, _: Names) -> tuple[Tone, str]:
    now, was = f"{body.mode}, threat {body.threat}", f"{body.was_mode}, threat {body.was_threat}"
    tone = Tone.NOTICE if body.mode == "normal" else Tone.ALARM
    return tone, f"posture {now} (was {was})"


def _reader_found(body: ev.ReaderFound, _: Names) -> tuple[Tone, str]:
    if body.secure:
        return Tone.NOTICE, f"reader {body.reader} answers, secure: {body.identity}"
    return Tone.FAULT, f"reader {body.reader} answers WITHOUT a secure channel: {body.identity}"


def _reader_tampered(body: ev.ReaderTampered, _: Names) -> tuple[Tone, str]:
    if body.tampered:
        return Tone.ALARM, f"reader {body.reader} is being tampered with"
    return Tone.NOTICE, f"reader {body.reader} tamper contact is closed again"


def _began(body: ev.AttemptBegan, _: Names) -> tuple[Tone, str]:
    after = body.after
    return Tone.PLAIN, f"{after.portal} {after.direction}: holder {after.holder} at {after.reader}"


def _fire_line(body: ev.FireLineRead, _: Names) -> tuple[Tone, str]:
    tone = Tone.NOTICE if body.after.line is ev.FireLine.NORMAL else Tone.ALARM
    return tone, f"fire input {body.fire} reads {body.after.line}"


def _fire_reset(body: ev.FireReset, names: Names) -> tuple[Tone, str]:
    return Tone.NOTICE, f"FIRE {body.fire} reset by {operator(names)}"


def _fire_refused(body: ev.FireResetRefused, names: Names) -> tuple[Tone, str]:
    return Tone.NOTICE, f"FIRE {body.fire} not reset for {operator(names)}: {body.reason}"


_SCREENED = {
    ScreeningResult.CLEARED: (Tone.NOTICE, "is cleared at {station}"),
    ScreeningResult.EXEMPT: (Tone.NOTICE, "is exempt at {station}: nobody searches him"),
    ScreeningResult.REFUSED: (Tone.DENIED, "is refused at {station}"),
    ScreeningResult.DECLINED: (
        Tone.DENIED,
        "declines to be searched at {station}: deny entry politely, call the protocol officer",
    ),
}


def _erased(body: ev.PersonErased, names: Names) -> tuple[Tone, str]:
    inside = " although known to be inside" if body.inside else ""
    count = sum(
        len(one.fields) * (last - first + 1) for one in body.values for first, last in one.entries
    )
    what = f"{body.holder} is erased{inside}, with {count} values beside the entries"
    return Tone.NOTICE, f"{what}, by {operator(names)}: {body.reason}"


def _reported(body: ev.PersonReported, names: Names) -> tuple[Tone, str]:
    what = f"all that is kept of {body.holder} was written down"
    return Tone.NOTICE, f"{what}, for {operator(names)}"


def _screened(body: ev.PersonScreened, names: Names) -> tuple[Tone, str]:
    tone, words = _SCREENED[body.result]
    said = f"{body.holder} {words.format(station=body.station)}"
    return tone, said if body.operator is None else f"{said}; said by {operator(names)}"


def _code_made(body: ev.VisitorCodeMade, names: Names) -> tuple[Tone, str]:
    times = (local(at_s * 1_000_000, UTC) for at_s in (body.valid_from_s, body.valid_until_s))
    what = f"a code for visitor {body.holder}, valid from {' until '.join(times)}"
    return Tone.NOTICE, f"{what}; asked for by {operator(names)}"


def _overstayed(body: ev.VisitorOverstayed, _: Names) -> tuple[Tone, str]:
    host = "" if body.host is None else f"; his host is {body.host}"
    since = local(body.since_s * 1_000_000, UTC)
    return Tone.ALARM, f"visitor {body.visitor} is inside since {since}, which is too long{host}"


def _consent_given(body: ev.ConsentGiven, names: Names) -> tuple[Tone, str]:
    signed = names.get("signed_by", f"{len(body.keys)} keys")
    reason = f" ({names['reason']})" if "reason" in names else ""
    until = local(body.until_s * 1_000_000, UTC)
    where = f" into {', '.join(body.zones)}" if body.zones else ""
    party = f" and {body.party} with him" if body.party else ""
    what = f"consent to the entry of {body.holder}{party}{where} until {until}{reason}"
    return Tone.NOTICE, f"{what}, signed by {signed}, brought by {operator(names)}"


def _vouched(body: ev.GuardVouched, names: Names) -> tuple[Tone, str]:
    party = f" and {body.party} people without badges" if body.party else ""
    host = f", escorted by {body.host}" if body.host else ""
    bag = ", who carries a sealed bag" if body.sealed_bag else ""
    reason = f": {names['reason']}" if "reason" in names else ""
    who = f"{body.holder}{party}{host}{bag}"
    said = f"{body.portal}: {operator(names)} vouches for {who} ({body.direction}){reason}"
    return Tone.NOTICE, said


def _consent_refused(body: ev.ConsentRefused, names: Names) -> tuple[Tone, str]:
    return Tone.NOTICE, f"a consent that {operator(names)} brought is not taken: {body.reason}"


_CONSENT_ENDS = {
    ConsentEnd.REVOKED: "it was revoked",
    ConsentEnd.EXPIRED: "its time is over",
    ConsentEnd.HOLDER_GONE: "nobody knows the person any more",
}


def _consent_ended(body: ev.ConsentEnded, names: Names) -> tuple[Tone, str]:
    by = "" if body.operator is None else f" by {operator(names)}"
    why = f"{_CONSENT_ENDS[body.cause]}{by}"
    return Tone.NOTICE, f"the consent to the entry of {body.holder} has ended: {why}"


def _protocol_officer(body: ev.ProtocolOfficerCalled, _: Names) -> tuple[Tone, str]:
    who = " or ".join(body.roles) or "the protocol officer"
    why = TEXTS[body.code]
    return Tone.ALARM, (
        f"{body.portal}: {body.holder}, a protected person, was refused ({why}): call {who}. "
        "No search, nobody is held"
    )


def _without_consent(body: ev.AgentWithoutConsent, _: Names) -> tuple[Tone, str]:
    who = f"{body.holder}, agent of the host state, is in {body.zone} and the consent has ended"
    return Tone.ALARM, f"{who}: {_CONSENT_ENDS[body.cause]}. Call the head of mission"


def _muster_begun(body: em.MusterBegun, names: Names) -> tuple[Tone, str]:
    why = f"by order {body.order[:12]}" if body.order else f"by {operator(names)}"
    return Tone.ALARM, f"MUSTER begun {why}: everybody is to be checked off"


def _certificate(body: ev.CertificateExpiring, _: Names) -> tuple[Tone, str]:
    whose = {
        "edge": "this edge's certificate",
        "authority": "the authority's certificate",
        "broker": "the broker's certificate",
    }
    which = whose.get(body.which, f"certificate {body.which}")
    until = datetime.fromtimestamp(body.until_s, UTC).date()
    if not body.days_left:
        return Tone.ALARM, f"{which} ended on {until}: nothing goes to the archive; doors go on"
    return Tone.ALARM, f"{which} ends in {body.days_left} days, on {until}: renew it"


def _named(tone: Tone, text: str) -> Callable[[Any, Names], tuple[Tone, str]]:
    """`always`, with whoever did it."""
    return lambda body, names: (tone, text.format(body=body, by=operator(names)))


_SAYINGS: dict[type[Body], Callable[[Any, Names], tuple[Tone, str]]] = {
    ev.DecisionMade: _decision,
    ev.BoltMoved: _bolt,
    ev.PortalSettled: _settled,
    ev.EdgeStarted: _started,
    ev.EdgeReady: always(Tone.NOTICE, "the edge is ready, cards are accepted"),
    ev.EdgeStopping: always(Tone.NOTICE, "the edge stops: {body.reason}"),
    ev.JournalLost: always(Tone.ALARM, "the journal cannot be written: {body.reason}"),
    ev.JournalDoubted: _journal_doubted,
    ev.JournalUnsound: _journal_unsound,
    ev.JournalKeyRotated: always(
        Tone.NOTICE, "the journal's key was rotated: {body.key} signs, {body.former} no more"
    ),
    ev.WitnessKeyFollowed: always(Tone.NOTICE, "the witness's key is {body.key} from here on"),
    ev.EntriesPruned: _pruned,
    ev.ReserveUsed: always(
        Tone.ALARM, "the disk was full, and its reserve is used: make room, or entry stops"
    ),
    ev.JournalRestored: _journal_restored,
    ev.EntryDropped: always(Tone.ALARM, "an entry was lost while nothing could be written"),
    ev.CertificateExpiring: _certificate,
    ev.ClockJudged: _clock,
    ev.HoldersReplaced: _holders,
    ev.PolicyActivated: _policy,
    ev.PostureChanged: _posture,
    ev.ReaderFound: _reader_found,
    ev.ReaderLost: always(Tone.FAULT, "reader {body.reader} does not answer: {body.reason}"),
    ev.ReaderTampered: _reader_tampered,
    ev.DeviceSuspected: always(Tone.ALARM, "device {body.device} is not believed: {body.reason}"),
    ev.BadgeIgnored: always(Tone.NOTICE, "badge at {body.reader} ignored: {body.reason}"),
    ev.AttemptBegan: _began,
    ev.SecondAsked: always(Tone.NOTICE, "{body.after.portal}: somebody else has to present too"),
    ev.HolderLockedOut: always(Tone.ALARM, "{body.holder} is locked out after wrong PINs"),
    ev.LockoutEnded: always(Tone.NOTICE, "{body.holder} is locked out no more"),
    ev.PersonScreened: _screened,
    ev.VisitorCodeMade: _code_made,
    ev.PersonErased: _erased,
    ev.PersonReported: _reported,
    ev.VisitorUnescorted: always(
        Tone.ALARM, "visitor {body.visitor} is without escort {body.host}: {body.reason}"
    ),
    ev.VisitorOverstayed: _overstayed,
    ev.ConsentGiven: _consent_given,
    ev.ConsentRefused: _consent_refused,
    ev.ConsentEnded: _consent_ended,
    ev.AgentWithoutConsent: _without_consent,
    ev.ProtocolOfficerCalled: _protocol_officer,
    ev.GuardVouched: _vouched,
    ev.PartyLeftBehind: always(
        Tone.ALARM, "{body.portal}: {body.people} of the party of {body.holder} stay in {body.zone}"
    ),
    ev.AnswerIgnored: always(Tone.NOTICE, "an answer was ignored: {body.reason}"),
    ev.AttemptAbandoned: always(Tone.NOTICE, "{body.portal}: attempt given up: {body.reason}"),
    ev.FireLineRead: _fire_line,
    ev.FireLatched: always(Tone.ALARM, "FIRE {body.fire}: {body.reason}"),
    ev.FireReset: _fire_reset,
    ev.FireResetRefused: _fire_refused,
    ev.EffectEnded: always(Tone.PLAIN, "effect {body.effect} {body.outcome}"),
    **present_orders.SAYINGS,
    em.MusterBegun: _muster_begun,
    em.PersonCheckedOff: _named(Tone.NOTICE, "{body.holder} is at {body.where}: {by} says so"),
    em.CheckUndone: _named(Tone.NOTICE, "{body.holder} is missing again: {by} took it back"),
    em.MusterEnded: _named(
        Tone.NOTICE,
        "MUSTER ended by {by}: {body.checked} checked off, {body.missing} still missing",
    ),
    em.MusterRefused: _named(Tone.NOTICE, "the muster stays as it is: {by}: {body.why}"),
    **present_alarms.SAYINGS,
    **present_attempts.SAYINGS,
    **present_badges.SAYINGS,
    **present_cameras.SAYINGS,
    **present_faces.SAYINGS,
    **present_perimeter.SAYINGS,
    **present_pictures.SAYINGS,
    **present_service.SAYINGS,
    **present_signins.SAYINGS,
    **present_visits.SAYINGS,
}
