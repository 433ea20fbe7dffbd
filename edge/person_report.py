"""Everything that is kept of one person, written down for people or for programs.

What is about somebody else is left out: names of operators and signers, and whose account changed
something. Random ids of others stay where an entry has them; they lead to nobody outside the site.
"""

from collections.abc import Iterable, Iterator
from datetime import tzinfo

import msgspec

from controller.events import Entry, EntryError, decode_entry
from controller.ids import HolderId
from controller.ledger import Personal
from edge.control.messages import SentEntry
from edge.control.messages_report import FaceKept, Kept, Now, SessionKept
from edge.journal.erasure import BETWEEN_NAMES, SIGNED_BY, about_somebody, fields_of
from edge.present import as_json, clean, committed, line, local
from edge.privacy import Sheet

FORMAT = "sentrypost-person-report-1"

WITHHELD = "names of operators and signers, and whoever else stands beside these entries"

ELSEWHERE = (
    "other edges of the site know the person as far as change sets went, and have journals of "
    "their own: ask at each",
    "entries whose time was over here (`entries-pruned`) are in the archive alone",
    "`views.db` has what stands under AT THIS MOMENT once more, made of the journal",
    "incidents at central have what people wrote of them: look there",
    "journals that were set aside (folders `journal.doubted.…` in the state folder), backups, and "
    "whatever was exported before were not looked through",
)


class About(msgspec.Struct, frozen=True, kw_only=True):
    """By what somebody's entries, and values beside entries, are told."""

    holder: HolderId
    name: str
    badges: frozenset[str]

    def __repr__(self) -> str:
        return f"About(holder={self.holder!r}, …)"


def about(kept: Kept) -> About:
    return About(
        holder=kept.on_file.random_id, name=kept.on_file.name, badges=frozenset(kept.badges)
    )


class Told(msgspec.Struct, frozen=True):
    """An entry about somebody, with the values that are about him and no other."""

    entry: Entry
    personal: tuple[Personal, ...]
    chain: str


def told(sent: Iterable[SentEntry], who: About) -> Iterator[Told]:
    """Those of the entries that are about somebody. Bytes that are no entry are passed over."""
    for one in sent:
        data = one.entry.encode()
        named = f'"{who.holder}"' in one.entry
        if not named and not one.personal:
            continue
        try:
            entry = decode_entry(data)
        except EntryError:
            continue
        beside = committed(entry, one.personal)
        fitting = (value for value in one.personal if value.field in beside)
        his = tuple(value for value in fitting if _is_his(value, data, who, named=named))
        if named or his:
            yield Told(entry, his, one.chain)


def _is_his(value: Personal, data: bytes, who: About, *, named: bool) -> bool:
    if named and value.field in fields_of(data, who.holder):
        return True
    if about_somebody(data, value.field):
        return False
    if value.field == "badge":
        return value.value in who.badges
    if value.field == SIGNED_BY:
        return value.value.split(BETWEEN_NAMES) == [who.name]
    return value.value == who.name


# --- for programs -------------------------------------------------------------------------------


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    made: str
    kept: Kept
    processing: Sheet
    withheld: str
    elsewhere: tuple[str, ...]


def json_pieces(
    kept: Kept, sheet: Sheet, entries: Iterable[Told], made_utc_us: int, zone: tzinfo
) -> Iterator[bytes]:
    """One JSON object, in pieces: a long journal is never in memory whole."""
    head = _Head(
        format=FORMAT,
        made=local(made_utc_us, zone),
        kept=kept,
        processing=sheet,
        withheld=WITHHELD,
        elsewhere=elsewhere(kept),
    )
    yield msgspec.json.encode(head)[:-1] + b',"entries":['
    before = b"\n"
    for one in entries:
        yield before + as_json(one.entry, one.personal, one.chain)
        before = b",\n"
    yield b"\n]}\n"


# --- for people ---------------------------------------------------------------------------------


def text_pieces(
    kept: Kept, sheet: Sheet, entries: Iterable[Told], made_utc_us: int, zone: tzinfo
) -> Iterator[bytes]:
    """The same as a text, in pieces."""
    yield _text(_opening(kept, made_utc_us, zone))
    yield _text(_present(kept, zone))
    yield _text(_sign_ins(kept, zone))
    yield _text(_changes(kept, zone))
    yield _text(_pictures(kept, zone))
    yield _text([f"ENTRIES OF THE JOURNAL, {kept.searched} searched", ""])
    count = 0
    for one in entries:
        count += 1
        yield _text([f"  {line(one.entry, one.personal, zone).text}"])
        values = committed(one.entry, one.personal).items()
        yield _text(f"      {field}: {value}" for field, value in values)
    closing = [f"  {count} entries are about the person. Left out: {WITHHELD}.", ""]
    closing += ["WHERE ELSE", "", *(f"  - {one}" for one in elsewhere(kept)), ""]
    closing += ["WHAT IT IS KEPT FOR", ""]
    for activity in sheet.activities:
        closing += [f"  - {activity.purpose}", f"      kept: {activity.retention}"]
    yield _text([*closing, "", "NOT KEPT", "", *(f"  - {one}" for one in sheet.not_kept)])


def elsewhere(kept: Kept) -> tuple[str, ...]:
    """Where more may be, beyond what this edge can look at."""
    archive = "there is no archive: no broker is configured"
    if kept.acked is not None:
        archive = (
            f"the archive at central has the entries up to {kept.acked} of this journal, with the "
            "values that lie beside them here: `sentrypost central search --person` there with "
            f"the random id {kept.on_file.random_id}"
        )
    return (archive, *ELSEWHERE)


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{clean(one)}\n" for one in lines).encode()


def _opening(kept: Kept, made_utc_us: int, zone: tzinfo) -> list[str]:
    record = kept.on_file
    held = (_day(record.valid_from_s, zone), _day(record.valid_until_s, zone))
    badges = [f"{one.reference} ({one.status})" for one in record.badges]
    rows = {
        "id in the house's list": record.id,
        "random id": record.random_id,
        "name": record.name,
        "roles": ", ".join(record.roles) or "none",
        "valid": f"from {held[0]}, until {held[1]}",
        "suspended": _yes(record.suspended),
        "watchlists": ", ".join(record.watchlists) or _yes(record.watchlisted),
        "gives face and finger": _yes(record.biometrics),
        "PIN": "a hash of it, from which it is not read" if record.pin else "none",
        "badges, as references": ", ".join(badges) or "none",
        "template of the face": _face(record.face, zone),
    }
    head = f"ALL THAT IS KEPT OF ONE PERSON at edge {kept.edge} of site {kept.site}"
    made = f"made {local(made_utc_us, zone)}, recorded as entry {kept.recorded}"
    return [head, made, "", "ON FILE", "", *_rows(rows), ""]


def _face(face: FaceKept | None, zone: tzinfo) -> str:
    if face is None:
        return "none"
    made = _when(face.made_utc_s, zone)
    return f"sealed, made {made} of {face.views} pictures, which were not kept ({face.model})"


def _present(kept: Kept, zone: tzinfo) -> list[str]:
    now = kept.now
    rows = {
        "seen last in": now.zone or "nowhere inside",
        "since": _when(now.since_s, zone),
        "came in": _when(now.entered_s, zone),
        "for a muster": _sighted(now, zone),
        "checked off in a muster": "no"
        if now.check is None
        else f"at {now.check.where}, {_when(now.check.at_s, zone)}",
        "escorted by": now.host or "nobody",
        "told to be without escort": _yes(now.unescorted),
        "told to have stayed too long": _yes(now.overstayed),
        "escorts": ", ".join(now.visitors) or "nobody",
        "people without badges with him": str(now.party),
        "wrong PINs in a row": str(now.wrong_pins),
        "locked out": _yes(now.locked_out),
        "consent of the head of mission": "none"
        if now.consent_until_s is None
        else f"until {_when(now.consent_until_s, zone)}",
    }
    rows |= {
        f"screened at {one.station}": f"{one.result}, {_when(one.at_s, zone)}"
        for one in now.screened
    }
    rows |= {
        f"visit {one.visit[:8]}": f"{'host of' if one.host else 'visits'} {one.other}, "
        f"{_when(one.from_s, zone)} to {_when(one.until_s, zone)}: {one.state}"
        for one in now.visits
    }
    return ["AT THIS MOMENT", "", *_rows(rows), ""]


def _sighted(now: Now, zone: tzinfo) -> str:
    seen = now.sighting
    if seen is None:
        return "not listed"
    perhaps = f" or {seen.perhaps}" if seen.perhaps else ""
    host = f" with {seen.host}" if seen.with_host else ""
    doubt = seen.doubted
    since = "" if doubt is None else f"; unknown since {_when(doubt.since_s, zone)} ({doubt.why})"
    where = f"in {seen.zone}{perhaps} by {seen.how}{host}"
    return f"{where}, entry {seen.entry}, {_when(seen.at_s, zone)}{since}"


def _sign_ins(kept: Kept, zone: tzinfo) -> list[str]:
    head = ["SIGNING IN AT THE PAGES", ""]
    told = kept.sign_ins
    if told is None:
        return [*head, "  what is kept of that cannot be read here: see the log of the daemon", ""]
    rows = {
        "password": "a hash of it, and the sealed secret of an authenticator"
        if told.password
        else "none",
        "invitation": _code(told.invited_until_utc_us, zone),
        "one-time link": _code(told.link_until_utc_us, zone),
    }
    lines = _rows(rows)
    lines += [
        f"  passkey {one.label!r}, made {local(one.made_utc_us, zone)}, "
        f"used last {local(one.used_utc_us, zone)}"
        for one in told.passkeys
    ]
    lines += [
        f"  signed in by {one.how} {_at(one)} since {local(one.begun_utc_us, zone)}, "
        f"did something last {local(one.seen_utc_us, zone)}, until {local(one.ends_utc_us, zone)}"
        for one in told.sessions
    ]
    return [*head, *lines, ""]


def _code(until_utc_us: int, zone: tzinfo) -> str:
    return f"a hash of its code, until {local(until_utc_us, zone)}" if until_utc_us else "none"


def _at(session: SessionKept) -> str:
    return f"at terminal {session.terminal}" if session.terminal else "at no terminal"


def _changes(kept: Kept, zone: tzinfo) -> list[str]:
    lines = [
        f"  version {one.version}, {local(one.utc_us, zone)}, edge {one.edge or '-'}, "
        f"entry {one.entry or '-'}"
        for one in kept.changes
    ]
    return ["CHANGES OF THE FILE OF PEOPLE that the person was in", "", *(lines or ["  none"]), ""]


def _pictures(kept: Kept, zone: tzinfo) -> list[str]:
    lines = [
        f"  {one.what} of {one.camera} at {one.portal}, {local(one.from_us, zone)}, "
        f"{one.frames} frames, entry {one.seq}"
        for one in kept.pictures
    ]
    if len(lines) < kept.picture_count:
        lines.append(f"  and {kept.picture_count - len(lines)} older ones")
    head = "PICTURES AND CLIPS in which the person may be: `sentrypost picture export` has them"
    return [head, "", *(lines or ["  none"]), ""]


def _rows(rows: dict[str, str]) -> list[str]:
    width = max(map(len, rows))
    return [f"  {name:<{width}}  {value}" for name, value in rows.items()]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _when(at_s: int | None, zone: tzinfo) -> str:
    return "-" if at_s is None else local(at_s * 1_000_000, zone)


def _day(at_s: int | None, zone: tzinfo) -> str:
    return "any time" if at_s is None else _when(at_s, zone)
