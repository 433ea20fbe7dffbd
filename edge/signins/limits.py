"""How often somebody may try. A try is counted before it is looked at, so that many at once are no
more than one after the other; one that succeeds takes it back.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from hashlib import blake2b
from typing import NamedTuple

import msgspec

FORGOTTEN_US = 3600 * 1_000_000
"""Tries that long ago are none: whoever mistypes twice a day is nobody's attack."""

PRETENDED = 4096
"""Names of nobody are counted as so many people: whether there is somebody shows in no pause."""

COUNTERS_MAX = 10_000
"""People, terminals and pretended names that are remembered. The oldest go first."""


class Rule(NamedTuple):
    """`free`: so many tries before the first pause; each further one doubles it. `back_us`: so long
    gives one try back.
    """

    free: int
    pause_us: int
    pause_us_max: int
    back_us: int = FORGOTTEN_US


class Of(Enum):
    """What a limit is counted for."""

    PERSON = "person"
    TERMINAL = "terminal"
    EVERYBODY = "everybody"


_OFTEN = Rule(5, 30_000_000, 900_000_000)
RULES = {
    Of.PERSON: _OFTEN,
    Of.TERMINAL: _OFTEN,
    # It bounds what can be tried at all, and keeps nobody out for longer than half a minute: else
    # whoever tries could lock the chief out.
    Of.EVERYBODY: Rule(60, 30_000_000, 30_000_000, back_us=2_000_000),
}


class Key(NamedTuple):
    of: Of
    name: str = ""


EVERYBODY = Key(Of.EVERYBODY)


class _Count(msgspec.Struct):
    tries: int
    last_us: int
    until_us: int


class Limits:
    """One edge's, in memory: whoever can restart the daemon has no need to guess. Times are of a
    clock that never goes back, in microseconds.
    """

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._counts: dict[Key, _Count] = {}
        self._key = entropy(16)

    def pretended(self, person: str) -> str:
        """What a name of nobody is counted as: which of them share a pause, nobody can work out.
        Else he would try one of them until it pauses, then ask whether the other does: one that
        does not is somebody's.
        """
        name = person.encode(errors="replace")
        digest = blake2b(name, digest_size=8, key=self._key).digest()
        return f"nobody {int.from_bytes(digest, 'big') % PRETENDED}"

    def wait_us(self, keys: Sequence[Key], now_us: int) -> int:
        """How long nothing that these keys are about is looked at; 0 where it is now."""
        found = (self._counts.get(key) for key in keys)
        return max((one.until_us - now_us for one in found if one is not None), default=0)

    def count(self, keys: Sequence[Key], now_us: int) -> int:
        """One more try, which is to be looked at; the most in a row for a person or terminal."""
        most = 0
        for key in keys:
            one = self._counts.pop(key, None)
            if one is None or now_us - one.last_us > FORGOTTEN_US:
                one = _Count(0, now_us, 0)
            rule = RULES[key.of]
            one.tries = max(0, one.tries - (now_us - one.last_us) // rule.back_us) + 1
            one.last_us = now_us
            over = one.tries - rule.free
            if over >= 0:
                # 2**16 times half a minute is beyond any longest pause.
                one.until_us = now_us + min(rule.pause_us << min(over, 16), rule.pause_us_max)
            self._counts[key] = one
            if key.of is not Of.EVERYBODY:
                most = max(most, one.tries)
        while len(self._counts) > COUNTERS_MAX:
            del self._counts[next(iter(self._counts))]
        return most

    def succeeded(self, keys: Sequence[Key]) -> None:
        """The try that was counted was right: nothing stands against these keys any more, and
        everybody has one try back.
        """
        self.not_looked_at(keys)
        self.forgotten(keys)

    def forgotten(self, keys: Sequence[Key]) -> None:
        """Somebody has come in without a try that was counted."""
        for key in keys:
            if key.of is not Of.EVERYBODY:
                self._counts.pop(key, None)

    def not_looked_at(self, keys: Sequence[Key]) -> None:
        """The try that was counted could not be looked at: nobody learnt anything by it."""
        for key in keys:
            one = self._counts.get(key)
            if one is not None:
                one.tries = max(0, one.tries - 1)
                if one.tries < RULES[key.of].free:
                    one.until_us = 0
