"""A reader is told to show itself: whoever mounts it sees that it is the right one and works."""

import asyncio
import logging

from controller.effects import ShowAtReader, Sign
from controller.ids import EffectId, ReaderId
from controller.moment import SECOND_US
from drivers.api import Outcome
from edge.control.messages_devices import ServiceReply
from edge.daemon import Daemon
from edge.device_book import Worked
from policies.problems import did_you_mean

WITHIN_S = 3.0
PARTS = ("light", "sounder")

log = logging.getLogger(__name__)


async def try_out(daemon: Daemon, device: str, operator: str) -> ServiceReply:
    """Amber and two beeps, as for a badge that should be tried again; no lock moves."""
    book = daemon.devices
    if device not in book.names:
        hint = did_you_mean(device, book.names) or "`sentrypost device list` names them"
        return ServiceReply(accepted=False, reason=f"no device '{device}'", remedy=hint)
    if not book.of(device).online:
        return ServiceReply(
            accepted=False,
            reason=f"'{device}' is away: {book.of(device).reason}",
            remedy="see `sentrypost device list`",
        )
    log.info("%s has %s show itself", operator, device)
    before = book.of(device).worked
    sign = ShowAtReader(
        id=EffectId(f"try.{daemon.new_id()}"),
        cause=0,
        not_after_us=daemon.now().mono_us + int(WITHIN_S * SECOND_US),
        drill=False,
        reader=ReaderId(device),
        sign=Sign.TRY_AGAIN,
    )
    daemon.carry([sign])
    try:
        async with asyncio.timeout(WITHIN_S):
            while not all(_news(daemon, device, part, before.get(part)) for part in PARTS):
                await book.wait_beyond(book.changes)
    except TimeoutError:
        pass  # what it did not do is in the answer
    return _answer({part: _news(daemon, device, part, before.get(part)) for part in PARTS})


def _news(daemon: Daemon, device: str, part: str, before: Worked | None) -> Worked | None:
    """What became of the command to a part, once something did."""
    worked = daemon.devices.of(device).worked.get(part)
    return None if worked is before else worked


def _answer(became: dict[str, Worked | None]) -> ServiceReply:
    said = "; ".join(
        f"its {part}: {'no word of it' if one is None else one.outcome.value}"
        for part, one in became.items()
    )
    wrong = [one for one in became.values() if one is None or one.outcome is not Outcome.CONFIRMED]
    remedies = [one.reason for one in wrong if one is not None and one.reason]
    if not wrong:
        return ServiceReply(accepted=True, reason=said)
    remedy = remedies[0] if remedies else "see `sentrypost device trace` while you try it again"
    return ServiceReply(accepted=False, reason=said, remedy=remedy)
