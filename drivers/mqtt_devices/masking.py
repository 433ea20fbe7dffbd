"""A payload for people who watch: its shape, and of its values only what cannot be a secret.

A word is shown where the mapping itself expects it, and never at a place that it has for a badge or
for keys: the `7` of an input's path is a key of a keypad elsewhere.
"""

from collections.abc import Collection, Iterable, Iterator

import msgspec

from drivers.mqtt_devices.mapping import BadgeEntry, KeysEntry, MessageEntry
from drivers.mqtt_devices.payload import PAYLOAD_BYTES_MAX
from drivers.mqtt_devices.plan import Plan, paths_of
from drivers.mqtt_topics import matches

SHOWN_MAX = 400
"""So much of a payload is shown to somebody who watches."""

DEPTH_MAX = 8
"""Nothing that is mapped lies deeper."""

HIDDEN = "…"


def masked(plan: Plan, topic: str, payload: bytes) -> str:
    """What is shown of a message of this topic."""
    secret = {one.path for one in plan.secrets if matches(one.topic, topic)}
    if None in secret:
        return HIDDEN
    try:
        text = payload[:PAYLOAD_BYTES_MAX].decode()
    except UnicodeDecodeError:
        return HIDDEN
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        value = None
    shape = _Shape(plan, topic, {one for one in secret if one is not None})
    if isinstance(value, (dict, list)):
        shown = msgspec.json.encode(shape.shown(value, "", 0)).decode()
    else:
        shown = text if text in shape.words.get(None, ()) else HIDDEN
    return shown if len(shown) <= SHOWN_MAX else f"{shown[:SHOWN_MAX]}{HIDDEN}"


class _Shape:
    """What may be seen in messages of one topic. `words`: by their place."""

    def __init__(self, plan: Plan, topic: str, secret: Collection[str]) -> None:
        rules = [rule for rule in plan.rules if matches(rule.topic, topic)]
        answers = [answer for answer in plan.answers if matches(answer.topic, topic)]
        unused = [rule for rule in plan.secrets if matches(rule.topic, topic)]
        told = [path for rule in (*rules, *unused) for path in paths_of(rule)]
        told += [path for one in answers for path in (one.id, one.done, one.refused) if path]
        self._places = {place for path in told for place in _ways_to(path)}
        self._secret = secret
        self.words = _words(rules)

    def shown(self, value: object, at: str, depth: int) -> object:
        """The value at this place, which is a path of the mapping's or begins with none of them."""
        if depth > DEPTH_MAX or at in self._secret:
            return HIDDEN
        if isinstance(value, dict):
            keys = [(f"{at}.{key}" if depth else key, key, one) for key, one in value.items()]
            return {
                key if place in self._places else f"{HIDDEN}{number}": self.shown(
                    one, place, depth + 1
                )
                for number, (place, key, one) in enumerate(keys)
            }
        if isinstance(value, list):
            places = (f"{at}.{number}" if depth else str(number) for number in range(len(value)))
            return [self.shown(*one, depth + 1) for one in zip(value, places, strict=True)]
        if value is None or isinstance(value, bool) or value in self.words.get(at, ()):
            return value
        return HIDDEN


def _ways_to(path: str) -> Iterator[str]:
    parts = path.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _words(rules: Iterable[MessageEntry]) -> dict[str | None, set[str]]:
    """What the mapping expects at each place, texts alone: a number may be anything."""
    found: dict[str | None, set[str]] = {}
    for rule in rules:
        for condition in rule.when:
            for values in (condition.is_ or (), condition.is_not or ()):
                found.setdefault(condition.path, set()).update(_texts(values))
        if not isinstance(rule, BadgeEntry | KeysEntry):
            for value in msgspec.structs.asdict(rule).values():
                if isinstance(value, tuple):
                    found.setdefault(rule.path, set()).update(_texts(value))
    return found


def _texts(values: Iterable[object]) -> Iterator[str]:
    return (one for one in values if isinstance(one, str))
