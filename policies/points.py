"""Alarm points and what arms them, compiled; `policies.alarms` makes them of a policy's entries."""

from enum import StrEnum

import msgspec


class PointKind(StrEnum):
    """What hangs on the line. `contact`: of a window or hatch; a door's own is its portal's."""

    FENCE = "fence"
    BEAM = "beam"
    PIR = "pir"
    GLASS_BREAK = "glass-break"
    BURIED_LINE = "buried-line"
    LOOP = "loop"
    CONTACT = "contact"
    MAINS = "mains"
    BATTERY = "battery"


SUPPLIES = frozenset({PointKind.MAINS, PointKind.BATTERY})
"""They alarm at any hour, and a supply that fails for long is not stuck."""


class PointRule(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm point. `arming`: the set that arms it, None where none does."""

    id: str
    name: str
    line: int
    kind: PointKind
    zone: str
    arming: str | None
    always: bool  # alarms whether its zone is armed or not
    entry_delay_ms: int
    stuck_ms: int | None  # activity that lasts longer is a fault; None: it may
    debounce_ms: int
    roles: frozenset[str]  # who may shunt it


class ArmingRule(msgspec.Struct, frozen=True, kw_only=True):
    """Zones that are armed together, with all zones inside them that no other set names."""

    id: str
    name: str
    line: int
    zones: tuple[str, ...]
    schedule: str | None  # armed while it is active
    roles: frozenset[str]  # who may arm and disarm
