"""Time as an argument."""

from typing import Annotated

import msgspec

Micros = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
"""Microseconds; within what every JSON reader keeps exactly (285 years)."""

SECOND_US = 1_000_000
MILLISECOND_US = 1_000


class Moment(msgspec.Struct, frozen=True):
    """When an input is judged.

    `mono_us` never goes back while the machine runs and means nothing after a restart; `utc_us` is
    wall time, which may jump; `trusted` says whether schedules and validity may rely on it.
    """

    mono_us: Micros
    utc_us: Micros
    trusted: bool

    @property
    def utc_s(self) -> int:
        return self.utc_us // SECOND_US
