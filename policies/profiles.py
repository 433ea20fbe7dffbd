"""Factor profiles: what is asked for at each threat level, and of those who give no biometrics."""

from collections.abc import Mapping

from policies.compiled import LEVELS
from policies.compiling import Compiling
from policies.document import EntryAt, Place
from policies.factors import (
    ANYTHING,
    BITS,
    FactorSyntaxError,
    Profile,
    described,
    mask_of,
    minimal_sets,
    parse,
    suffices,
    table_of,
)
from policies.facts import Factor
from policies.problems import did_you_mean

ASKS_NOTHING = Profile((ANYTHING,) * LEVELS, (ANYTHING,) * LEVELS)
_BADGE = (table_of((mask_of((Factor.BADGE,)),)),) * LEVELS
BADGE_ALONE = Profile(_BADGE, _BADGE)
"""What an exit reader asks for where the policy does not say: who it is."""
BIOMETRIC = (Factor.FACE, Factor.FINGER)

Alternatives = Mapping[Factor, int]


class Profiles:
    """The profiles of one document by name; those with mistakes ask for what could be read."""

    def __init__(self, compiling: Compiling) -> None:
        self._compiling = compiling
        self._alternatives = {
            Factor(entry.id): mask
            for entry in compiling.document.alternatives
            if (mask := self._alternative(entry)) is not None
        }
        self._known = {entry.id: self._profile(entry) for entry in compiling.document.profiles}

    def named(self, name: str | None, place: Place) -> Profile | None:
        """The profile of this name; None where none is named, or none is there: a problem."""
        if name is None or not self._compiling.known("factors", name, place):
            return None
        return self._known.get(name)

    def _alternative(self, entry: EntryAt[str]) -> int | None:
        """What is asked for instead of a biometric factor: one set of factors, none of them one."""
        problems = self._compiling.problems
        if entry.id not in BIOMETRIC:
            hint = "face or finger"
            problems.append(entry.place.at_key(f"'{entry.id}' is no biometric factor", hint))
            return None
        alternatives = self._expression(entry.value, entry.place)
        if alternatives is None:
            return None
        biometric = mask_of(BIOMETRIC)
        if len(alternatives) > 1 or alternatives[0] & biometric:
            message = "must be one set of factors without biometrics"
            problems.append(entry.place.problem(message, '"pin+guard"'))
            return None
        return alternatives[0]

    def _profile(self, entry: EntryAt[Mapping[str, str]]) -> Profile:
        compiling = self._compiling
        tables: dict[int, int] = {}
        for key, text in entry.value.items():
            place = entry.place.child(key)
            level = compiling.level(key, place)
            alternatives = self._expression(text, place)
            if alternatives is None:
                continue
            if mask_of((Factor.FACE,)) in alternatives:
                hint = "add a badge: badge+face"
                compiling.problems.append(place.problem("a face is never the only factor", hint))
            if level is not None:
                tables[level] = table_of(alternatives)
        if "1" not in entry.value:
            hint = 'write 1 = "badge"'
            compiling.problems.append(entry.place.at_key("level 1 is missing", hint))
        regular = [tables.get(1, ANYTHING)]
        for level in range(2, LEVELS + 1):
            table = tables.get(level, regular[-1])
            self._strict_enough(entry.place.child(str(level)), level, regular[-1], table)
            regular.append(table)
        return Profile(tuple(regular), tuple(self._instead(t, entry.place) for t in regular))

    def _strict_enough(self, place: Place, level: int, below: int, table: int) -> None:
        """A higher threat level must never accept what a lower one refuses: raising the level
        would open a door."""
        for mask in minimal_sets(table):
            if not suffices(below, mask):
                self._compiling.problems.append(
                    place.problem(
                        f"level {level} accepts {described(mask)}, which level {level - 1} refuses",
                        "each level must be at least as strict as the one below",
                    )
                )

    def _instead(self, table: int, place: Place) -> int:
        """What suffices where somebody gives no biometrics; never with fewer factors."""
        sets = []
        for mask in minimal_sets(table):
            asked = [f for f in self._alternatives if mask & BITS[f]]
            if not asked:
                continue
            replaced = mask & ~mask_of(asked)
            for factor in asked:
                replaced |= self._alternatives[factor]
            if replaced.bit_count() < mask.bit_count():
                self._compiling.problems.append(
                    place.at_key(
                        f"{described(mask)} would become {described(replaced)} for who gives no"
                        " biometrics, which is fewer factors",
                        "name other factors under [alternative]",
                    )
                )
            sets.append(replaced)
        return table | table_of(sets)

    def _expression(self, text: str, place: Place) -> tuple[int, ...] | None:
        try:
            return parse(text)
        except FactorSyntaxError as error:
            hint = did_you_mean(error.word, list(Factor)) if error.word else None
            known = f"one of {', '.join(Factor)}" if error.word else None
            self._compiling.problems.append(place.problem(str(error), hint or known))
            return None
