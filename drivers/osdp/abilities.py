"""What a reader says that it can: the list of osdp_PDCAP as a value (SIA OSDP v2.2 Annex B)."""

from collections.abc import Iterator

import msgspec

from drivers.api import Beep, Command, Hold, Light, Priority, Pulse, Show
from drivers.osdp.messages import Capabilities, Capability

_RECORD_LENGTH = 3
_RECORDS_MAX = 64  # the standard knows 16; a list that goes on is none
RECEIVE_SIZE_MIN = 128  # what every reader has to take (clause 5.7); a smaller number is a mistake

_NO_DISPLAY = "the reader lists no display"


class Ability(msgspec.Struct, frozen=True, order=True):
    """One line of the list: a function code, how far it is supported, and how many there are."""

    code: int
    compliance: int
    items: int


class Abilities(msgspec.Struct, frozen=True):
    """The whole list, sorted by function code, each code once: equal lists are equal values."""

    listed: tuple[Ability, ...]

    def get(self, code: Capability) -> Ability:
        """The line of a function; one that is not there says that there is none of it."""
        for ability in self.listed:
            if ability.code == code:
                return ability
        return Ability(int(code), 0, 0)

    def has(self, code: Capability) -> bool:
        """Whether the reader supports the function at all."""
        return self.get(code).compliance > 0

    def has_output(self, number: int) -> bool:
        """Whether it lists so many outputs that there is one with this number, counted from 0."""
        outputs = self.get(Capability.OUTPUTS)
        return outputs.compliance > 0 and number < outputs.items

    @property
    def speaks_securely(self) -> bool:
        """Whether it lists AES-128 (function 9, first bit of the compliance level)."""
        return bool(self.get(Capability.SECURITY).compliance & 1)

    @property
    def default_key_in_use(self) -> bool:
        """Whether it says that its key is the published one (function 9, first bit of items)."""
        return bool(self.get(Capability.SECURITY).items & 1)

    @property
    def receive_size(self) -> int | None:
        """The longest frame that it takes (function 10, both numbers together), where told."""
        told = self.get(Capability.RECEIVE_SIZE)
        size = told.compliance | told.items << 8
        return size if size >= RECEIVE_SIZE_MIN else None


def parse_abilities(message: Capabilities) -> Abilities | None:
    """The list; None when it contradicts itself: a broken record, a function told in two ways."""
    found = set(_records(message.records))
    codes = {ability.code for ability in found}
    broken = len(message.records) % _RECORD_LENGTH or len(found) > _RECORDS_MAX
    if broken or len(codes) != len(found):
        return None
    return Abilities(tuple(sorted(found)))


def missing(abilities: Abilities | None, command: Command) -> str:
    """What the reader lacks for the command, for people; empty where nothing speaks against it.

    A reader that told no list is believed to have everything but a display, which few have. What
    secures or frees a way is never held back: a list may be wrong, and the reader itself says no.
    """
    if command.priority <= Priority.SECURE:
        return ""
    if abilities is None:
        return _NO_DISPLAY if isinstance(command.action, Show) else ""
    match command.action:
        case Light() if not abilities.has(Capability.LED):
            return "the reader lists no light; it shows no verdict"
        case Beep() if not abilities.has(Capability.AUDIBLE):
            return "the reader lists no sounder"
        case Show() if not abilities.has(Capability.TEXT):
            return _NO_DISPLAY
        case Pulse(output=output) | Hold(output=output) if not abilities.has_output(output):
            return f"the reader lists no output {output}; wire the lock to one that it has"
        case _:
            return ""


def _records(data: bytes) -> Iterator[Ability]:
    for at in range(0, len(data) - _RECORD_LENGTH + 1, _RECORD_LENGTH):
        yield Ability(*data[at : at + _RECORD_LENGTH])
