"""The uplink's troubles as commentary: no door depends on them, and a flood must not drown it."""

import logging
from collections.abc import Callable

from drivers.mqtt_link import LinkReport, LinkUp
from edge.uplink_reports import UplinkReport
from edge.witnessed import WitnessReport

EVERY_S = 10.0
"""One line of a kind per this time; the next one says how many there were."""

log = logging.getLogger(__name__)


class Reports:
    """Says each kind of report now and then, with the number of those in between."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def tell(self, report: LinkReport | UplinkReport | WitnessReport) -> None:
        kind = (type(report).__name__, getattr(report, "problem", ""))
        now_s = self._now_s()
        quiet_until_s, unsaid = self._said.get(kind, (now_s, 0))
        if now_s < quiet_until_s:
            self._said[kind] = (quiet_until_s, unsaid + 1)
            return
        self._said[kind] = (now_s + EVERY_S, 0)
        more = f" ({unsaid} more since the last line)" if unsaid else ""
        level = logging.INFO if isinstance(report, LinkUp) else logging.WARNING
        log.log(level, "uplink: %s%s", report, more)
