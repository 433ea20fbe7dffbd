"""What a reader is: what it said of itself inside a session, kept to know it again by.

A reader that has the right key and is another device, or can less than it could, was swapped or
tampered with. It is not believed before a person has looked at it.
"""

from collections.abc import Iterator

import msgspec

from drivers.osdp.abilities import Abilities, Ability
from drivers.osdp.messages import Capability, Identity

_WIDE = frozenset({Capability.RECEIVE_SIZE, Capability.MESSAGE_SIZE})
"""Functions of which both numbers together are one, the low byte first (Annex B)."""

_MASKS = frozenset({Capability.SECURITY, Capability.SMART_CARD})
"""Functions whose numbers are bits, each of them one thing that is supported."""


class Make(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who made it and which one it is. Its firmware may be renewed and is no part of it."""

    vendor: str
    model: int
    version: int
    serial: int

    def __str__(self) -> str:
        return f"vendor {self.vendor} model {self.model}.{self.version} serial {self.serial}"


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`make` and `abilities` are None where the reader would not tell."""

    make: Make | None
    abilities: Abilities | None


def make_of(identity: Identity) -> Make:
    """What of an identity stays the same."""
    return Make(identity.vendor.hex(), identity.model, identity.version, identity.serial)


def profile_text(profile: Profile) -> str:
    """As it is kept."""
    return msgspec.json.encode(profile).decode()


def parse_profile(text: str) -> Profile:
    """Raises ValueError for what `profile_text` did not write."""
    try:
        return msgspec.json.decode(text, type=Profile)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not what is kept of a reader: {error}") from None


def differences(known: Profile, seen: Profile) -> str:
    """In what a reader is another than the known one, or can less; empty: in nothing."""
    return "; ".join(_differences(known, seen))


def _differences(known: Profile, seen: Profile) -> Iterator[str]:
    if known.make is not None and known.make != seen.make:
        now = "does not tell" if seen.make is None else seen.make
        yield f"it was {known.make} and now {now}"
    if known.abilities is None:
        return
    if seen.abilities is None:
        yield "it no longer lists what it can"
        return
    for ability in known.abilities.listed:
        now_can = _line(seen.abilities, ability.code)
        if _is_less(ability, now_can):
            yield f"{_name(ability.code)}: was {_numbers(ability)}, now {_numbers(now_can)}"
    if seen.abilities.default_key_in_use and not known.abilities.default_key_in_use:
        yield "it says that its key is the published one"


def _line(abilities: Abilities, code: int) -> Ability:
    found = (ability for ability in abilities.listed if ability.code == code)
    return next(found, Ability(code, 0, 0))


def _is_less(was: Ability, now: Ability) -> bool:
    if was.code in _WIDE:
        return _wide(now) < _wide(was)
    if was.code in _MASKS:
        return bool(was.compliance & ~now.compliance)
    return now.compliance < was.compliance or now.items < was.items


def _wide(ability: Ability) -> int:
    return ability.compliance | ability.items << 8


def _numbers(ability: Ability) -> str:
    if ability.code in _WIDE:
        return str(_wide(ability))
    return f"level {ability.compliance}, {ability.items} of them"


def _name(code: int) -> str:
    try:
        return Capability(code).name.lower().replace("_", " ")
    except ValueError:
        return f"function {code}"
