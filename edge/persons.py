"""Who is looked for among the people on file, and what is told of one of them. Pure functions."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from controller.ids import HolderId
from controller.state import SiteState
from edge.control.messages_people import (
    CHANGES_SHOWN_MAX,
    PEOPLE_PART_MAX,
    BadgeShown,
    FindPeople,
    PeopleReply,
    PersonChange,
    PersonDetail,
    PersonShown,
)
from edge.control.messages_report import KEPT_CHANGES_MAX
from edge.people import People, Roll
from edge.people.records import HolderRecord
from policies.compiled import CompiledPolicy
from policies.facts import CredentialStatus
from policies.problems import did_you_mean

DAY_S = 86_400


class Places(NamedTuple):
    """Where people were seen last; `known`: somebody looks, which nobody does without a daemon."""

    zones: Mapping[HolderId, str]
    known: bool


NOWHERE = Places({}, known=False)


class NotSoughtError(Exception):
    """What is looked for cannot be found by anybody. `remedy` says what to ask for."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


def places_of(state: SiteState) -> Places:
    """As the core believes."""
    seen = state.people.presences
    return Places({holder: one.zone for holder, one in seen.items()}, known=True)


def folded(text: str) -> str:
    """Without case and accents, so that a name is found as a guard types it."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one))


def found(
    roll: Roll, asked: FindPeople, policy: CompiledPolicy, places: Places, now_s: int
) -> Iterator[PeopleReply]:
    """The replies to `asked`. Everybody is looked at: beside the event loop. Raises NotSoughtError
    for a role or zone that the policy does not know.
    """
    _refuse_unknown(asked, policy, places)
    zones = _zones_in(asked.zone, policy) if asked.zone else None
    badges = _active_badges(roll)
    wanted = folded(asked.search.strip())
    matching = [
        record
        for record in roll.holders.values()
        if _matches(record, asked, wanted, zones, places, now_s)
    ]
    matching.sort(key=lambda one: (folded(one.name), one.external_id))
    some = matching[asked.begin : asked.begin + asked.limit]
    for at in range(0, max(1, len(some)), PEOPLE_PART_MAX):
        part = some[at : at + PEOPLE_PART_MAX]
        yield PeopleReply(
            timezone=policy.timezone,
            utc_s=now_s,
            version=roll.version,
            found=len(matching),
            people=tuple(shown(one, badges.get(one.id, 0), places) for one in part),
            ends=at + PEOPLE_PART_MAX >= len(some),
        )


def shown(record: HolderRecord, badges: int, places: Places) -> PersonShown:
    """One person of a list."""
    return PersonShown(
        person=record.external_id,
        name=record.name,
        roles=record.roles,
        valid_from_s=record.valid_from_s,
        valid_until_s=record.valid_until_s,
        suspended=record.suspended,
        watchlisted=record.watchlisted or bool(record.watchlists),
        badges=badges,
        zone=places.zones.get(HolderId(record.id), ""),
    )


def detail(people: People, record: HolderRecord, state: SiteState | None) -> PersonDetail:
    """All that an operator needs of one person. `state`: None where no daemon runs.

    Raises PeopleError.
    """
    roll, holder = people.roll, HolderId(record.id)
    own = [one for one in roll.credentials.values() if one.holder == record.id]
    since = _since(people, {one.id for one in own})
    places = NOWHERE if state is None else places_of(state)
    seen = None if state is None else state.people.presences.get(holder)
    escorts: Mapping[HolderId, HolderId] = {} if state is None else state.people.escorts
    visitors = (one for one, host in escorts.items() if host == holder)
    active = sum(one.status is CredentialStatus.ACTIVE for one in own)
    return PersonDetail(
        person=shown(record, active, places),
        holder=record.id,
        watchlists=record.watchlists,
        biometrics=record.biometrics,
        pin=record.id in roll.pins,
        face=state is not None and holder in state.faces,
        badges=tuple(
            BadgeShown(id=one.id, status=one.status, since_us=since.get(one.id)) for one in own
        ),
        version=record.version,
        since_s=None if seen is None else seen.since_s,
        locked_out=state is not None and holder in state.people.locked_out,
        overstayed=seen is not None and seen.overstayed,
        host=_external(roll, escorts.get(holder)),
        visitors=tuple(sorted(_external(roll, one) for one in visitors)),
        changes=_changes(people, record),
    )


def _external(roll: Roll, holder: HolderId | None) -> str:
    record = None if holder is None else roll.holders.get(holder)
    return "" if record is None else record.external_id


def _changes(people: People, record: HolderRecord) -> tuple[PersonChange, ...]:
    """The last that the person was in, the newest first."""
    entries = (one for one in people.history(KEPT_CHANGES_MAX) if record.external_id in one.people)
    changes = (
        PersonChange(
            version=one.step.number,
            utc_us=one.step.made.utc_us or None,
            by=one.step.made.by,
            edge=one.step.made.edge,
        )
        for one in entries
    )
    return tuple(change for _, change in zip(range(CHANGES_SHOWN_MAX), changes, strict=False))


def _since(people: People, badges: set[str]) -> dict[str, int]:
    """When each badge was touched last, as far back as changes are known: it is since then what it
    is now.
    """
    return {
        badge: step.made.utc_us
        for step in people.steps(KEPT_CHANGES_MAX)
        for badge in badges & set(() if step.touched is None else step.touched.credentials)
        if step.made.utc_us
    }


def _active_badges(roll: Roll) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in roll.credentials.values():
        if one.status is CredentialStatus.ACTIVE:
            counts[one.holder] = counts.get(one.holder, 0) + 1
    return counts


def _refuse_unknown(asked: FindPeople, policy: CompiledPolicy, places: Places) -> None:
    for what, name, known in (
        ("role", asked.role, policy.roles),
        ("zone", asked.zone, [zone.id for zone in policy.zones]),
    ):
        if name and name not in known:
            hint = did_you_mean(name, known) or f"the policy's {what}s: {_some(known)}"
            raise NotSoughtError(f"the policy knows no {what} '{name}'", hint)
    if asked.zone and not places.known:
        raise NotSoughtError(
            "no daemon runs here, and nobody else knows where people are",
            "start it, or ask without --zone",
        )


def _some(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:10]) or "none"


def _zones_in(zone: str, policy: CompiledPolicy) -> frozenset[str]:
    """The zone and all inside it."""
    return frozenset(one.id for one in policy.zones if zone in one.lineage)


def _matches(
    record: HolderRecord,
    asked: FindPeople,
    wanted: str,
    zones: frozenset[str] | None,
    places: Places,
    now_s: int,
) -> bool:
    if asked.suspended and not record.suspended:
        return False
    if asked.role and asked.role not in record.roles:
        return False
    if asked.expiring_days is not None:
        until_s = record.valid_until_s
        if until_s is None or not now_s < until_s <= now_s + asked.expiring_days * DAY_S:
            return False
    if zones is not None and places.zones.get(HolderId(record.id)) not in zones:
        return False
    return (
        not wanted or folded(record.external_id).startswith(wanted) or wanted in folded(record.name)
    )
