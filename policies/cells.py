"""The questions that stand for all others: which postures, times and circumstances can differ."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar, cast

import msgspec

from policies.asked import Unhindered
from policies.compiled import CompiledPolicy, Passage
from policies.factors import Profile
from policies.facts import CredentialStatus, Direction, HolderFacts, Mode, Request
from policies.hours import Span, joined
from policies.rights import Standing
from policies.schedule import Schedule, active, transitions

T = TypeVar("T")


class Posture(StrEnum):
    """A mode, or a fire on a calm day."""

    NORMAL = "normal"
    LOCKDOWN = "lockdown"
    SHELTER = "shelter"
    EVACUATE = "evacuate"
    FIRE = "fire"


POSTURES = tuple(Posture)


class Circumstance(StrEnum):
    """What may be so or not when somebody asks; each is off on an ordinary day."""

    ESCORTED = "escorted"
    CONSENT = "with consent"
    SECOND_PERSON = "with a second person"
    NOBODY_FIRST = "before the first person is in"
    NO_BIOMETRICS = "gives no biometrics"


OTHERWISE = {
    Circumstance.ESCORTED: "not escorted",
    Circumstance.CONSENT: "without consent",
    Circumstance.SECOND_PERSON: "alone",
    Circumstance.NOBODY_FIRST: "once the first person is in",
    Circumstance.NO_BIOMETRICS: "gives biometrics",
}
"""What is said where a circumstance is off and that matters."""


class Need(NamedTuple):
    """What a decision depends on besides posture and level: schedules by id, circumstances."""

    schedules: frozenset[str]
    flags: frozenset[Circumstance]


def need_of(
    policy: CompiledPolicy, portal: str, direction: Direction, names: tuple[str, ...]
) -> Need:
    """For this passage and somebody with these roles; nothing where there is no such passage."""
    passage = policy.passage(portal, direction)
    if passage is None:
        return Need(frozenset(), frozenset())
    standing = policy.standing(names)
    grants = policy.concerned(names, passage).grants
    flags: set[Circumstance] = set()
    if any(_tells_apart(p) for p in (passage.factors, *(grant.factors for grant in grants))):
        flags.add(Circumstance.NO_BIOMETRICS)
    if passage.way_out:  # rules of entry never keep anybody in
        return Need(frozenset(), frozenset(flags))
    opening = passage.portal.open_schedule
    schedules = {grant.when for grant in grants if grant.when is not None}
    if opening is not None:
        schedules.add(opening)
    if standing.visitor or any(grant.escorted for grant in grants):
        flags.add(Circumstance.ESCORTED)
    if standing.host_state:
        flags.add(Circumstance.CONSENT)
    if any(zone.two_person for zone in passage.entered) or any(g.two_person for g in grants):
        flags.add(Circumstance.SECOND_PERSON)
    if any(zone.occupancy is not None for zone in passage.entered):  # two take two places
        flags |= {Circumstance.ESCORTED, Circumstance.SECOND_PERSON}
    if passage.first_person:
        flags.add(Circumstance.NOBODY_FIRST)
    return Need(frozenset(schedules), frozenset(flags))


def _tells_apart(profile: Profile) -> bool:
    return profile.regular != profile.alternative


def question(
    portal: str,
    direction: Direction,
    names: tuple[str, ...],
    utc_s: int,
    posture: Posture,
    level: int,
    circumstance: frozenset[Circumstance],
    state: Unhindered,
) -> Request:
    """Nobody in particular with these roles and a credential in good standing; without roles
    somebody who presents none."""
    escorted = Circumstance.ESCORTED in circumstance
    second_person = Circumstance.SECOND_PERSON in circumstance
    biometrics = Circumstance.NO_BIOMETRICS not in circumstance
    holder = HolderFacts("", 1, names, biometrics=biometrics) if names else None
    fire = posture is Posture.FIRE
    return Request(
        portal=portal,
        direction=direction,
        utc_s=utc_s,
        clock_trusted=True,
        credential=CredentialStatus.ACTIVE if names else CredentialStatus.NONE,
        holder=holder,
        mode=Mode.NORMAL if fire else Mode(posture.value),
        threat=level,
        fire=fire,
        consent=Circumstance.CONSENT in circumstance,
        escorted=escorted,
        second_person=second_person,
        first_person_in=Circumstance.NOBODY_FIRST not in circumstance,
        inside=state.together if escorted or second_person else state.alone,
        screened=state.screened,
    )


class Stretches:
    """The time within a span, cut wherever a schedule of any policy changes.

    Stretches in which all schedules say the same are of one kind: one instant of it stands for all.
    """

    def __init__(self, policies: Sequence[CompiledPolicy], within: Span) -> None:
        """Raises ValueError for a span above 400 days or outside the calendar."""
        self._schedules = [
            (name, policy, schedule)
            for policy in policies
            for name, schedule in sorted(policy.schedules.items())
        ]
        begin, end = within
        said = 0
        turns: dict[int, int] = defaultdict(int)
        for place, (_, policy, schedule) in enumerate(self._schedules):
            before = _bits(active(schedule, policy.zone, begin)) << 2 * place
            said |= before
            for at_s, now in transitions(schedule, policy.zone, begin, end):
                after = _bits(now) << 2 * place
                turns[at_s] ^= before ^ after
                before = after
        kinds: dict[int, list[Span]] = defaultdict(list)
        edges = [*sorted(at_s for at_s in turns if at_s < end), end]
        start = begin
        for edge in edges:
            kinds[said].append((start, edge))
            said ^= turns.get(edge, 0)
            start = edge
        self._kinds = list(kinds.items())
        self._found: dict[frozenset[str], list[tuple[int, frozenset[int]]]] = {}

    def of(self, schedules: frozenset[str]) -> list[tuple[int, frozenset[int]]]:
        """The kinds of time that these schedules tell apart: an instant of each, and the numbers
        of the finer kinds that it is made of."""
        known = self._found.get(schedules)
        if known is None:
            mask = 0
            for place, (name, _, _) in enumerate(self._schedules):
                if name in schedules:
                    mask |= 3 << 2 * place
            groups: dict[int, list[int]] = defaultdict(list)
            for number, (said, _) in enumerate(self._kinds):
                groups[said & mask].append(number)
            known = [
                (self._kinds[members[0]][1][0][0], frozenset(members))
                for members in groups.values()
            ]
            self._found[schedules] = known
        return known

    def spans(self, numbers: frozenset[int]) -> tuple[Span, ...]:
        """When it is one of these kinds, in order."""
        return joined(span for number in numbers for span in self._kinds[number][1])


def _bits(state: bool | None) -> int:
    return 2 if state is None else int(state)


Key = tuple[str, Passage, tuple[Schedule, ...]]


class Same:
    """All that decides at a passage besides the person, without the lines where it stands: where
    two policies agree on it and on what the roles come to, they answer every question alike."""

    def __init__(self, policy: CompiledPolicy) -> None:
        self._policy = policy

    def standing(self, names: tuple[str, ...]) -> Standing:
        """What the roles come to; which they are counts in rules alone."""
        return msgspec.structs.replace(self._policy.standing(names), roles=frozenset())

    def of(self, portal: str, direction: Direction) -> Key | None:
        """To be compared with another's; None where there is no such passage."""
        policy = self._policy
        passage = policy.passage(portal, direction)
        if passage is None:
            return None
        names = {grant.when for grant in passage.grants} | {passage.portal.open_schedule}
        schedules = tuple(
            policy.schedules[name] for name in sorted(name for name in names if name is not None)
        )
        return policy.timezone, _plain(passage), _plain(schedules)


_DECIDES_NOTHING: Mapping[str, object] = {"line": 0, "name": "", "memo": {}}


def _plain(value: T) -> T:
    """The value without what decides nothing, however deep it stands."""
    if isinstance(value, tuple):
        return cast(T, tuple(map(_plain, value)))
    if not isinstance(value, msgspec.Struct):
        return value
    fields = {
        name: _DECIDES_NOTHING.get(name, _plain(getattr(value, name)))
        for name in value.__struct_fields__
    }
    return cast(T, msgspec.structs.replace(value, **fields))
