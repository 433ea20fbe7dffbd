"""What an enrolment of a face comes to, the same whether a daemon runs or not."""

from collections.abc import Container, Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import NamedTuple

from controller.ids import HolderId
from controller.state import SiteState
from drivers.faces.api import Template
from edge.config import Config
from edge.control.messages_faces import (
    ALIKE_MAX,
    FACES_MAX,
    EnrolFace,
    FaceReply,
    FaceShown,
    FacesReply,
)
from edge.control.messages_report import FaceKept
from edge.faces import FacesError, OnFile, Place, Shelf, Staged, TemplateKeyError
from edge.faces.templates import Alike
from edge.people.records import HolderRecord, Roll
from policies.compiled import CompiledPolicy

ALIKE_WITHIN = 0.5
"""Two templates that are nearer than this belong to people whom a camera may take for each other,
or to one person twice: of 380 pairs of pictures of two people none was so near, and of 140 pairs of
one person 94 in 100 were (face.md section 5, 520 pairs, one crop).
"""

LEGAL_NOTE = "look-alikes-1"
"""Which edition of the note below was shown; it stands in the entry. Another text is another one.
"""

NOTE = (
    "The new template is now held against those of everybody else who is enrolled here, this once, "
    "to find somebody whom a camera would take for this person, and one person enrolled twice. "
    "That is a biometric comparison of people who are not present: whoever is responsible for the "
    "site needs a legal ground for it, and must have told them of it when they were enrolled. "
    "Nothing of it is kept but how many were compared and how many are alike. Who they are is told "
    "to the edge's own account and root alone; nothing follows for them by itself."
)

NOBODY = "give the id that the file of people has; `sentrypost person history` names the newest"
GIVES_NONE = "the person's record says: no biometrics"
GIVE = "if she has changed her mind, import her record with `biometrics` set to yes"
NO_TEMPLATE = "no template of this person is on file"
COMPARE = "let an officer compare the people; if they are two, enrol once more with --despite-alike"
GONE = "the file of templates has not got it; put the file back, or enrol the person anew"
STRAY = (
    "this edge's journal knows nothing of it; put the journal's folder back that belongs to it, or "
    "enrol the person anew"
)
START = "start the edge, which takes in what was changed meanwhile, and try again"
NEXT_START = "it is recorded, and the next start of the edge carries it out"
LOOK = "`sentrypost face list` shows those on file"


def place_of(config: Config) -> Place:
    """Where the templates of an edge are."""
    keys = config.template_keys
    return Place(config.state, config.site, config.edge, keys.current, keys.former)


def settle_closed(config: Config, state: SiteState) -> None:
    """Let go what the journal says is gone, where no daemon runs. Raises FacesError."""
    if not place_of(config).file.exists():
        return
    with closing(Shelf(place_of(config))) as shelf:
        shelf.settle(state.faces, state.faces_version)


def face_kept(shelf: Shelf, faces: Mapping[HolderId, int], holder: HolderId) -> FaceKept | None:
    """What of her face is on file. Raises FacesError."""
    version = faces.get(holder)
    if version is None:
        return None
    row = next((one for one in shelf.all() if (one.holder, one.version) == (holder, version)), None)
    return FaceKept(
        version=version,
        model="" if row is None else row.model,
        views=0 if row is None else row.views,
        made_utc_s=None if row is None else row.made_s,
    )


def face_closed(config: Config, state: SiteState, holder: HolderId) -> FaceKept | None:
    """The same where no daemon runs. Raises FacesError."""
    with closing(Shelf(place_of(config))) as shelf:
        return face_kept(shelf, state.faces, holder)


class Admitted(NamedTuple):
    """Who is enrolled, and with what; the template's version is no one's yet."""

    holder: HolderId
    template: Template


def admitted(record: HolderRecord | None, asked: EnrolFace) -> Admitted | FaceReply:
    """Whether somebody may be enrolled; otherwise why not."""
    if record is None:
        return refused(f"nobody on file has the id '{asked.person}'", NOBODY)
    if not record.biometrics:
        return refused(GIVES_NONE, GIVE)
    try:
        made = Template(model=asked.model, version=1, mean=asked.mean)
    except ValueError as error:
        return refused(str(error), "enrol with the `sentrypost` of the daemon's own installation")
    return Admitted(HolderId(record.id), made)


def alike_within(policy: CompiledPolicy) -> float:
    """As near as people are called alike: where a zone takes more than that for the same face, two
    who are nearer than it says could use each other's badge there.
    """
    return max([ALIKE_WITHIN, *(far for zone in policy.zones for far in zone.face.distance_max)])


def staged(
    shelf: Shelf,
    whom: Admitted,
    asked: EnrolFace,
    state: SiteState,
    policy: CompiledPolicy,
    now_s: int,
) -> Staged:
    """As `Shelf.stage`."""
    return shelf.stage(
        whom.holder,
        whom.template,
        asked.views,
        now_s,
        state.faces_version,
        alike_within=alike_within(policy),
        despite_alike=asked.despite_alike,
        portrait=asked.portrait if policy.portraits and asked.portrait else None,
    )


def consent_words(asked: EnrolFace, utc_us: int) -> str:
    """What is committed to: the day, and what was agreed to."""
    day = datetime.fromtimestamp(utc_us / 1e6, UTC).strftime("%Y-%m-%d")
    return f"{day}: {asked.consent}"


def refused(reason: str, remedy: str = "") -> FaceReply:
    return FaceReply(done=False, reason=reason, remedy=remedy)


def failed(error: FacesError | TemplateKeyError) -> FaceReply:
    """Their texts end with the remedy."""
    reason, _, remedy = str(error).partition("; ")
    return refused(reason, remedy)


def looks_like(alike: Alike, roll: Roll, *, may_name: bool) -> FaceReply:
    """Somebody else looks like her, and nobody has said that this was looked at."""
    count = len(alike.holders)
    others = "one other person" if count == 1 else f"{count} other people"
    return FaceReply(
        done=False,
        compared=alike.compared,
        alike=count,
        people=named(alike.holders, roll) if may_name else (),
        reason=f"the face resembles {others} on file",
        remedy=COMPARE,
    )


def named(holders: Iterable[HolderId], roll: Roll) -> tuple[str, ...]:
    """By the integrator's ids, as far as they are on file."""
    known = (roll.holders.get(holder) for holder in holders)
    return tuple(sorted(one.external_id for one in known if one is not None))[:ALIKE_MAX]


def enrolled(done: Staged, roll: Roll, *, may_name: bool) -> FaceReply:
    return FaceReply(
        done=True,
        version=done.version,
        compared=done.alike.compared,
        alike=len(done.alike.holders),
        people=named(done.alike.holders, roll) if may_name else (),
    )


def listed(
    shelf: Shelf,
    state: SiteState,
    roll: Roll,
    *,
    begin: int = 0,
    limit: int = FACES_MAX,
    timezone: str,
    utc_s: int,
    model: str = "",
) -> FacesReply:
    """What is on file, and what only the journal has. Every template is opened: beside the loop."""
    try:
        rows = {(row.holder, row.version): row for row in shelf.all()}
        key = shelf.key if rows else ""
        trouble = ""
    except (FacesError, TemplateKeyError) as error:
        rows, key, trouble = {}, "", str(error)
    recorded = set(state.faces.items())
    strays = {whose for whose, row in rows.items() if row.in_force and whose not in recorded}
    every = sorted(recorded | strays, key=lambda whose: whose[1])
    shown = every[begin : begin + limit]
    return FacesReply(
        timezone=timezone,
        utc_s=utc_s,
        faces=tuple(
            _shown(whose, rows.get(whose), roll, _trouble(shelf, whose, rows, recorded, trouble))
            for whose in shown
        ),
        model=model,
        key=key,
        trouble=trouble,
        more=begin + len(shown) < len(every),
    )


Whose = tuple[HolderId, int]
"""Of which person, and which version."""


def _trouble(
    shelf: Shelf,
    whose: Whose,
    rows: Mapping[Whose, OnFile],
    recorded: Container[Whose],
    trouble: str,
) -> str:
    row = rows.get(whose)
    if trouble:
        return trouble
    if whose not in recorded:
        return STRAY
    return GONE if row is None else shelf.opens(row)


def _shown(whose: Whose, row: OnFile | None, roll: Roll, trouble: str) -> FaceShown:
    record = roll.holders.get(whose[0])
    return FaceShown(
        person="" if record is None else record.external_id,
        name="" if record is None else record.name,
        holder=whose[0],
        version=whose[1],
        model="" if row is None else row.model,
        views=0 if row is None else row.views,
        made_utc_s=None if row is None else row.made_s,
        trouble=trouble,
    )
