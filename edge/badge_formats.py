"""What badges look like at this site: the formats that everybody knows, and its own."""

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

import msgspec

from drivers.badges import (
    BADGE_BITS_MAX,
    FORMATS,
    RAW,
    Field,
    Format,
    Formats,
    Handing,
    Parity,
    flaws,
    valid_format_name,
    whole,
)
from drivers.family import DeviceOptions
from edge.site_file import BadgeFormatEntry, Ones, ParityEntry
from policies.document import Place
from policies.problems import Problem, did_you_mean

RAW_NAME = "raw"
"""In a site file: any bits, as they come."""

_SPANS = re.compile(r"\d{1,4}(?:-\d{1,4})?(?:, ?\d{1,4}(?:-\d{1,4})?)*\Z", re.ASCII)


class BadgeFormats(msgspec.Struct, frozen=True):
    """`cards`: layouts, by which numbers are written; `handings`: what a reader can be set to."""

    cards: Formats = MappingProxyType(dict(FORMATS))
    handings: Mapping[str, Handing] = MappingProxyType(
        {RAW_NAME: RAW} | {name: whole(card) for name, card in FORMATS.items()}
    )

    def at(self, device: DeviceOptions) -> Handing:
        """What the device's badges look like; it names a format that is there."""
        return RAW if device.badge_format is None else self.handings[device.badge_format]


class BadgeFormatsFile:
    """`[badge-format.…]` of a site file and what devices name of it, with the problems."""

    def __init__(self, place: Place, entries: Mapping[str, BadgeFormatEntry]) -> None:
        self._place = place
        self.problems: list[Problem] = []
        self._cards = dict(FORMATS)
        named = {name: entry for name, entry in entries.items() if self._is_named_well(name)}
        for name, entry in named.items():
            if entry.card is None and (card := self._layout(place.child(name), entry)) is not None:
                self._cards[name] = card
        handings = {RAW_NAME: RAW} | {name: whole(card) for name, card in self._cards.items()}
        for name, entry in named.items():
            if entry.card is not None:
                handing = self._handing(place.child(name), entry, entry.card, entries)
                if handing is not None:
                    handings[name] = handing
        self.formats = BadgeFormats(self._cards, handings)

    def check(self, devices: Mapping[str, DeviceOptions], declared: Collection[str]) -> None:
        """Every device names a format. `declared`: those of the file, the bad ones included."""
        known = {*self.formats.handings, *declared}
        for name, device in devices.items():
            if device.badge_format is not None and device.badge_format not in known:
                at = self._place.top().child("device", name, "badge-format")
                listed = f"known: {', '.join(sorted(known))}"
                self.problems.append(
                    at.problem(
                        f"no badge format '{device.badge_format}'",
                        did_you_mean(device.badge_format, known) or listed,
                    )
                )

    def _is_named_well(self, name: str) -> bool:
        valid = valid_format_name(name)
        if not valid:
            wrong = f"'{name}' cannot be a format's name"
            hint = "begin with a letter, and take no name that is known already"
            self.problems.append(self._place.child(name).at_key(wrong, hint))
        return valid

    def _layout(self, at: Place, entry: BadgeFormatEntry) -> Format | None:
        if entry.takes is not None:
            self.problems.append(at.child("takes").at_key("goes with 'card' alone"))
        parity = [
            self._parity(at.child("parity", index), one) for index, one in enumerate(entry.parity)
        ]
        form = Format(
            entry.bits,
            tuple(Field(one.name, one.at, one.width) for one in entry.fields),
            tuple(one for one in parity if one is not None),
        )
        if None in parity:
            return None
        found = flaws(form)
        for flaw in found:
            place = at.child(*flaw.where)
            whole_entry = flaw.where == ("fields",) and not entry.fields
            said = at.at_key if whole_entry else place.problem
            self.problems.append(said(flaw.message))
        return None if found else form

    def _parity(self, at: Place, entry: ParityEntry) -> Parity | None:
        over = _positions(entry.over)
        if over is None:
            hint = f"as in data sheets: 2-13, or 3,4,6-7; the last is {BADGE_BITS_MAX} at most"
            self.problems.append(at.child("over").problem("no positions of bits", hint))
            return None
        return Parity(entry.at, over, odd=entry.ones is Ones.ODD)

    def _handing(
        self, at: Place, entry: BadgeFormatEntry, name: str, entries: Mapping[str, object]
    ) -> Handing | None:
        known = len(self.problems)
        for key in ("fields", "parity"):
            if getattr(entry, key):
                hint = "a layout has 'fields', what a reader hands over of another has 'card'"
                self.problems.append(at.child(key).at_key("goes not with 'card'", hint))
        if entry.takes is None:
            hint = "last: all bits of the card; numbers: the fields without parity"
            self.problems.append(at.at_key("'takes' is missing", hint))
        card = self._cards.get(name)
        if card is None and name not in entries:
            hint = did_you_mean(name, self._cards) or f"known: {', '.join(sorted(self._cards))}"
            self.problems.append(at.child("card").problem(f"no format '{name}'", hint))
        elif card is None and self._is_handing(name, entries):
            wrong = f"'{name}' is no layout itself"
            self.problems.append(at.child("card").problem(wrong, "name the format of the card"))
        if card is None or entry.takes is None or len(self.problems) > known:
            return None
        handing = Handing(card, entry.bits, entry.takes)
        if handing.needs > entry.bits:
            wrong = f"{entry.bits} bits, and a card of '{name}' takes {handing.needs} of them"
            self.problems.append(at.child("bits").problem(wrong))
            return None
        return handing

    def _is_handing(self, name: str, entries: Mapping[str, object]) -> bool:
        entry = entries[name]
        return isinstance(entry, BadgeFormatEntry) and entry.card is not None


def _positions(text: str) -> tuple[int, ...] | None:
    """What `2-13` or `3,4,6-7` names; None where it names nothing."""
    if not _SPANS.match(text):
        return None
    found: list[int] = []
    for span in text.replace(" ", "").split(","):
        first, _, last = span.partition("-")
        if not 1 <= int(first) <= int(last or first) <= BADGE_BITS_MAX:
            return None
        found += range(int(first), int(last or first) + 1)
    return tuple(found)
