"""What is kept of whom, why, and for how long: a record of processing, from the configuration.

Made of the site file, its policy and the schema of events, so that it says what this edge does and
not what some edge might. It never looks at who is on file.
"""

import typing
from collections.abc import Iterator

import msgspec

from controller.events import KINDS
from controller.ledger import Commitment
from controller.retention import RecordClass
from edge.config import Config
from edge.face_enrolment import place_of
from edge.people.history import TOUCHED_KEPT
from edge.privacy_activity import Activity
from edge.privacy_pictures import are_kept, of_pictures
from edge.privacy_signins import of_sign_ins
from edge.privacy_visits import of_deliveries, of_visits
from policies.compiled import CompiledPolicy

FORMAT = "sentrypost-privacy-sheet-1"

UNTIL_ERASED = "until the person is erased (`sentrypost person erase`); nothing goes by age alone"
CLASSES = {
    RecordClass.PASSAGES: "who came to which door",
    RecordClass.ALARMS: "alarms, fires and postures",
    RecordClass.PEOPLE: "people on file, visits, consents and erasures",
    RecordClass.SYSTEM: "everything else",
}
"""Of entries, each with its own time in the site file."""

FIELDS = {
    "badge": "the reference of the badge that was shown, never its number",
    "company": "who has brought something to a gate",
    "consent": "what somebody has agreed to when a template of the face was made, and when",
    "contents": "what was brought to a gate, in words",
    "document": "kind and issuer of the document that a guard has seen, never its number",
    "operator": "account or name of whoever did something at the edge",
    "organisation": "for whom a visitor comes",
    "person": "name of whoever presented the badge",
    "purpose": "what a visit is for",
    "reason": "what a consent was given for, how somebody knows what he says, or what was said to "
    "an alarm or with a call for help",
    "signed_by": "names of those who signed",
    "text": "what somebody has written down about an alarm",
    "vehicle": "the plate of a vehicle in which something was brought",
}
"""Every personal field of the schema, in words."""

DIGESTS = frozenset({"order", "sha256"})
"""What was signed, and what a file holds: digests too, which commit to nobody."""


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """The whole record. `not_kept`: what somebody might expect, and there is none of."""

    format: str = FORMAT
    site: str
    name: str
    edge: str
    policy_version: int
    policy_digest: str
    activities: tuple[Activity, ...]
    not_kept: tuple[str, ...]
    everywhere: tuple[str, ...]
    rights: tuple[str, ...]


def personal_fields() -> dict[str, tuple[str, ...]]:
    """The kinds of events beside which personal values lie, each with its fields, by the schema."""
    found = {}
    for kind, body in KINDS.items():
        hints = typing.get_type_hints(body, include_extras=True)
        fields = tuple(
            name for name, hint in hints.items() if name not in DIGESTS and _commits(hint)
        )
        if fields:
            found[kind] = fields
    return found


def _commits(hint: object) -> bool:
    return hint == Commitment or any(_commits(one) for one in typing.get_args(hint))


def sheet(config: Config, policy: CompiledPolicy) -> Sheet:
    """`policy`: the one that is in force."""
    return Sheet(
        site=config.site,
        name=policy.name,
        edge=config.edge,
        policy_version=policy.version,
        policy_digest=policy.digest,
        activities=tuple(_activities(config, policy)),
        not_kept=tuple(_not_kept(config, policy)),
        everywhere=tuple(_everywhere(config)),
        rights=(
            "access: `sentrypost person report` writes down all that is kept of one person",
            "rectification: `sentrypost person import` with the right row",
            "erasure: `sentrypost person erase`, here, in the archive, and by change set at the "
            "other edges",
            "every decision against somebody is recorded with its reason and the rule it rests on",
        ),
    )


def _activities(config: Config, policy: CompiledPolicy) -> Iterator[Activity]:
    yield _on_file(config, policy)
    yield _journal(config)
    yield _whereabouts(config, policy)
    if _keypads(config):
        yield _wrong_pins(config)
    if any(role.visitor for role in policy.roles.values()):
        yield of_visits(policy)
    yield of_deliveries()
    if policy.pages:
        yield of_sign_ins(policy)
    if policy.screenings:
        yield _screenings(policy)
    if any(role.host_state for role in policy.roles.values()):
        yield _consents()
    if _enrols(config):
        yield _faces(config, policy)
    if are_kept(config, policy):
        yield of_pictures(config, policy)
    if config.recipients:
        yield _duress(config)
    if config.broker is not None:
        yield _archive(config)
        yield _live()
    yield _operators(config)


def _on_file(config: Config, policy: CompiledPolicy) -> Activity:
    data = [
        "the number in the house's own list, and a random id",
        "name",
        f"roles, of: {', '.join(sorted(policy.roles)) or 'none'}",
        "from when until when it holds, and whether it is suspended",
        "badges as references (HMAC-SHA-256 under the site's key) with their status, never numbers",
        "whether the person gives face and finger",
    ]
    asked = f"asked for at {_keypads(config)}" if _keypads(config) else "no keypad asks for it here"
    data.append(f"an Argon2id hash of the PIN, never the PIN, where one was given; {asked}")
    if policy.watchlists:
        lists = ", ".join(f"{one} ({rule.action})" for one, rule in policy.watchlists.items())
        data.append(f"which watchlists the person is on: {lists}")
    data.append(f"who was changed by whom, by ids, in the last {TOUCHED_KEPT} changes")
    return Activity(
        purpose="to decide who may enter which part of the premises",
        people=("everybody who is given a badge",),
        data=tuple(data),
        source="the file of people that the site imports, or a signed change set",
        recipients=("other edges of the site, by change sets that are signed and sealed",)
        + (
            ("central, which hands such sets on and cannot open them",)
            if config.broker is not None
            else ()
        ),
        retention=UNTIL_ERASED,
        safeguards=(
            "`site.db`, readable by the daemon's account alone",
            "written anew with every erasure, so that no byte is left in it",
        ),
    )


def _keypads(config: Config) -> str:
    count = sum(device.keypad for device in config.devices.values())
    return f"{count} {'keypad' if count == 1 else 'keypads'}" if count else ""


def _wrong_pins(config: Config) -> Activity:
    return Activity(
        purpose="to keep anybody from trying PINs",
        people=(f"whoever types a PIN at {_keypads(config)}",),
        data=("how many wrong ones came one after the other, and until when no more is taken",),
        source="keypads of this edge",
        recipients=(),
        retention="until the right one, or the end of the lock-out; in the journal as above",
        safeguards=("by random id alone", "the way out is never locked by it"),
    )


def _journal(config: Config) -> Activity:
    kinds = personal_fields()
    fields = sorted({field for names in kinds.values() for field in names})
    data = [
        "who asked to pass where and when, by a random id, what was shown and what was decided",
        "each passage, opening and alarm at every door",
    ]
    data += [f"beside an entry: {FIELDS[field]} ({_where(kinds, field)})" for field in fields]
    return Activity(
        purpose="to account for every passage, refusal and alarm, so that an incident can be "
        "reconstructed and nobody can edit what happened",
        people=("everybody who presents a badge", "whoever acts at the edge or signs for it"),
        data=tuple(data),
        source="readers, doors and fire inputs of this edge; commands that people give it",
        recipients=(("the archive, see below",) if config.broker else ())
        + ("whoever is given an export, with or without names",),
        retention=_kept(config),
        safeguards=(
            "no name and no badge stands in an entry: it holds a salted commitment, the value "
            "lies beside it and can be taken away while the log still verifies",
            "a hash chain and signed sizes show any change"
            + (", and a witness cosigns them" if config.witness else ""),
        ),
    )


def _kept(config: Config) -> str:
    """For how long entries of this edge's journal are there, with the values beside them."""
    values = "values about a person go before that when the person is erased"
    if config.broker is None or config.witness is None:
        return f"for good, because nothing goes without an archive and a witness; {values}"
    times = [
        f"{words} for {config.retention[one]} days"
        if one in config.retention
        else f"{words} for good"
        for one, words in CLASSES.items()
    ]
    return (
        f"{'; '.join(times)}; counted from the end of the month, and no entry goes before the "
        f"archive and the witness have it. Where the disk fills up whole months go early; {values}"
    )


def _where(kinds: dict[str, tuple[str, ...]], field: str) -> str:
    return ", ".join(f"`{kind}`" for kind, fields in kinds.items() if field in fields)


def _whereabouts(config: Config, policy: CompiledPolicy) -> Activity:
    uses = {
        "how many may be inside": [zone.id for zone in policy.zones if zone.occupancy],
        "anti-passback": [zone.id for zone in policy.zones if zone.passback],
        "two people at a time": [zone.id for zone in policy.zones if zone.two_person],
        "who was the first": [zone.id for zone in policy.zones if zone.first_person],
    }
    why = [f"{what} ({', '.join(zones)})" for what, zones in uses.items() if zones]
    return Activity(
        purpose="to know who is inside: for a muster in an emergency"
        + (f", and for {'; '.join(why)}" if why else ""),
        people=("everybody who has passed a door by a badge",),
        data=(
            "the zone where somebody was seen last, since when, when he came in, and who his host "
            "is; the same in `views.db`, which is made of the journal",
            "in `views.db` counts by day, door and reason, of nobody in particular",
            "for a muster: by which door and entry that is known, since when it is in doubt, and "
            "where somebody saw the person safe",
        ),
        source="doors of this edge, and whoever checks people off in a muster",
        recipients=()
        if config.broker is None
        else ("whoever may read this edge's `muster` topic: by random ids, kept by the broker",),
        retention="until the person has left, by a door that saw it or by a muster; copies of the "
        "state that lie in the journal's database are replaced daily"
        + ("" if config.broker is None else ", what the broker keeps with every change"),
        safeguards=("by random id alone",),
    )


def _screenings(policy: CompiledPolicy) -> Activity:
    stations = ", ".join(
        f"{one} (counts for {rule.valid_s} s)" for one, rule in policy.screenings.items()
    )
    return Activity(
        purpose="to let nobody into certain zones who was not screened",
        people=("everybody who is screened",),
        data=(
            f"what a station said of the person, and when: {stations}",
            "cleared, declined, refused or exempt; nothing of what was found",
        ),
        source="whoever stands at the station, under his account's name",
        recipients=(),
        retention="until it counts no more; in the journal as above",
        safeguards=("nobody is searched against his will, and the record never asks for it",),
    )


def _consents() -> Activity:
    return Activity(
        purpose="to let agents of the receiving State in by consent of the head of mission alone",
        people=("agents of the receiving State", "those who sign for the head of mission"),
        data=("until when the consent holds, what for, and by whose keys it was signed",),
        source="a signed file",
        recipients=(),
        retention="until its file could not be given any more; in the journal as above",
        safeguards=("names and the reason beside the entry alone",),
    )


def _enrols(config: Config) -> bool:
    """Whether faces are compared here, or were: the file of templates stays until it is empty."""
    return bool(config.cameras) or place_of(config).file.exists()


def _faces(config: Config, policy: CompiledPolicy) -> Activity:
    key = (
        "a key of its own"
        if config.template_keys.current is not None
        else "a key in the state folder"
    )
    return Activity(
        purpose="to see whether whoever shows a badge is the person whose badge it is",
        people=("those who have agreed to it, and whose face was enrolled at this edge",),
        data=(
            "a template of the face: 128 numbers, from which no picture is made again",
            "what made it, of how many pictures, and when",
            "what was agreed to, and on which day, beside the entry `face-enrolled`",
            "how many of the others on file the face resembled, when it was enrolled",
            *(("a picture of the face, for guards to compare",) if policy.portraits else ()),
        ),
        source="pictures that the person was asked for, or has given, at an enrolment",
        recipients=("nobody: no template leaves this edge, by no wire and in no change set",),
        retention="until it is erased (`sentrypost face erase`), the person is, or her record says "
        "that she gives no face",
        safeguards=(
            f"sealed for this person, version, model, edge and site with XChaCha20-Poly1305 and "
            f"{key}, in `faces.db`, for the daemon's account alone",
            "held against the one person whose badge was shown; against the others once, at an "
            "enrolment, to find somebody who looks the same",
            "whoever gives none is asked for another factor instead",
        ),
    )


def _duress(config: Config) -> Activity:
    told = len(config.recipients)
    return Activity(
        purpose="to call help for somebody who is forced to open a door",
        people=("everybody who types a PIN; whether anybody has a second one is never said",),
        data=(
            "a sealed note of one length beside every PIN that is checked, whether it calls or not",
        ),
        source="keypads of this edge",
        recipients=(
            f"{told} {'key' if told == 1 else 'keys'} that the site file names can open the notes; "
            "nobody else can tell one from another",
        ),
        retention="as long as its entry: a note is a part of it",
        safeguards=("HPKE (RFC 9180) to each recipient", "no topic, page or log tells of it"),
    )


def _archive(config: Config) -> Activity:
    assert config.broker is not None, "asked where there is one"
    places = (f"{config.broker.host}:{config.broker.port}", *map(str, config.broker_nodes))
    return Activity(
        purpose="to keep the record where the site cannot lose it, and search it for incidents",
        people=("as in the journal",),
        data=(
            "every entry of the journal, with the values beside it, and whom each is about",
            "incidents that are opened there, with what people write of them",
        ),
        source="this edge",
        recipients=(
            f"central, by way of the broker at {', '.join(places)}",
            "whoever may read this edge's `journal` topic there",
        ),
        retention="entries as long as central is told (`central run --keep`), otherwise for good, "
        "under a random id; the values beside them until the entry goes or the person is erased, "
        "which reaches central with its entry; what was written of an incident stays",
        safeguards=(
            "the broker's own accounts decide who reads that topic",
            "a witness cosigns the journal's size"
            if config.witness
            else "no witness is configured: only the archive remembers how large the journal was",
        ),
    )


def _live() -> Activity:
    return Activity(
        purpose="to show what happens now",
        people=("as in the journal",),
        data=("each entry as it is recorded, without the values beside it",),
        source="this edge",
        recipients=("whoever may read this edge's `event` topics at the broker",),
        retention="the broker keeps none of them",
        safeguards=("random ids and commitments alone: no name, no badge",),
    )


def _operators(config: Config) -> Activity:
    signers = len({key.person for key in config.keys})
    data = ["the account's name, as the machine knows it, beside what was done"]
    if signers:
        data.append(
            f"{signers} {'person' if signers == 1 else 'people'} by name in the site file,"
            " with the public keys by which they sign"
        )
    return Activity(
        purpose="to know who changed something, reset an alarm, or signed for it",
        people=("operators of this edge", "those who sign"),
        data=tuple(data),
        source="the control socket; the site file; signed files",
        recipients=(),
        retention="as in the journal; in the site file, and in the copy of it that is "
        "kept for safe mode, for as long as it stands there",
        safeguards=("beside entries alone, as other names are",),
    )


def _not_kept(config: Config, policy: CompiledPolicy) -> Iterator[str]:
    if not are_kept(config, policy):
        yield "what cameras see: no picture and no clip of it is kept"
    yield (
        "pictures that a template of a face is made of: the command that reads them lets them go"
        if _enrols(config)
        else "templates of faces: there is no camera, and nobody is enrolled"
    )
    yield "fingerprints: this version has no such sensor"
    yield "badge numbers and PINs: a reference and a hash are made of them on receipt"
    yield "names of people on file, badges and PINs in logs"
    if config.broker is None:
        yield "anything outside this machine: no broker is configured, nothing leaves the edge"
    if not config.recipients:
        yield "notes of duress: nobody is named who would be told"


def _everywhere(config: Config) -> Iterator[str]:
    yield "files of the state folder are for the daemon's account alone (mode 600)"
    yield "the group of the control socket may see the journal with names, and change people"
    yield "an encrypted disk is the site's own affair"
    if config.broker is not None:
        how = "a password" if config.broker_password is not None else "no password"
        wire = "mutual TLS" if config.tls is not None else "no encryption: names cross it in clear"
        yield f"to the broker: {how}, and {wire}"


# --- as a page ----------------------------------------------------------------------------------

_HEADS = (
    ("Categories of people", "people"),
    ("Categories of data", "data"),
    ("Recipients", "recipients"),
    ("Safeguards", "safeguards"),
)


def page(made: Sheet) -> str:
    """The sheet in Markdown, with places for what only the site can say."""
    lines = [
        f"# What is kept of people: {made.name or made.site}",
        "",
        f"Edge `{made.edge}` of the site `{made.site}`, under version {made.policy_version} of its "
        f"policy (digest `{made.policy_digest[:16]}`). Made from the configuration; who is on file "
        "was not looked at.",
        "",
        "- Controller, and how to reach it: …",
        "- Data protection officer: …",
        "- Legal basis of each purpose: …",
    ]
    for number, activity in enumerate(made.activities, start=1):
        lines += ["", f"## {number}. {_sentence(activity.purpose)}"]
        for head, field in _HEADS:
            lines += _listed(head, getattr(activity, field))
        lines += _listed("Source", (activity.source,)) + _listed("Kept", (activity.retention,))
    for title, listed in (
        ("What is not kept", made.not_kept),
        ("Everywhere", made.everywhere),
        ("Rights of the people concerned", made.rights),
    ):
        lines += ["", f"## {title}", "", *(f"- {one}" for one in listed)]
    return "\n".join(lines) + "\n"


def _listed(head: str, values: tuple[str, ...]) -> list[str]:
    return (
        ["", f"**{head}:** none"]
        if not values
        else ["", f"**{head}:**", ""] + [f"- {value}" for value in values]
    )


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
