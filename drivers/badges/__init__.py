"""What is on a badge: bits or a text. Texts and card formats to both, as pure functions."""

from drivers.badges.bits import BADGE_BITS_MAX, Badge, badge_from_number
from drivers.badges.formats import (
    FORMATS,
    BadgeRefusedError,
    Field,
    Flaw,
    Format,
    Formats,
    Parity,
    decode,
    encode,
    flaws,
)
from drivers.badges.handing import RAW, Handing, Takes, whole
from drivers.badges.texts import (
    BadgeTextError,
    Code,
    parse_badge,
    parse_presented,
    valid_format_name,
)

__all__ = [
    "BADGE_BITS_MAX",
    "FORMATS",
    "RAW",
    "Badge",
    "BadgeRefusedError",
    "BadgeTextError",
    "Code",
    "Field",
    "Flaw",
    "Format",
    "Formats",
    "Handing",
    "Parity",
    "Takes",
    "badge_from_number",
    "decode",
    "encode",
    "flaws",
    "parse_badge",
    "parse_presented",
    "valid_format_name",
    "whole",
]
