"""Six mistakes that would cost lives or proof, planted one at a time: a check must find each.

The same checks pass on the code as it is: in `test_daemon`, in `test_uplink_faults`, and below.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from controller import events as ev
from controller import state
from controller.effects import Effect
from controller.events import Event
from controller.site import Site
from controller.state import SiteState
from drivers.osdp import link, reporting
from drivers.osdp import messages as osdp
from drivers.osdp.bus import Bus
from drivers.osdp.frame import MARK, Block, Frame, FrameDecoder, encode
from drivers.osdp.secure import Session
from edge.recorder import Recorder
from simulators.broker_process import BrokerProcess
from simulators.osdp_line import ReaderLine
from tests.edge import checks
from tests.edge.checks import ready
from tests.edge.house import ADA, FRONT, READERS, House, bodies, running, until
from tests.edge.test_uplink_faults import TooEager, acknowledgement_waits_for_the_commit

Patch = pytest.MonkeyPatch


class TappedLine(ReaderLine):
    """Somebody has cut the cable and speaks in a reader's place."""

    def __init__(self, house: House) -> None:
        super().__init__(house.folder / "north", list(house.readers.values()))
        self.forge_for: int | None = None
        self.forged = 0

    def _disturbed(self, reply: bytes) -> bytes:
        decoder = FrameDecoder(replies=True)
        decoder.feed(reply)
        true = decoder.take()
        assert isinstance(true, Frame), "our readers speak in whole frames"
        if true.address != self.forge_for:
            return reply
        self.forge_for = None
        self.forged += 1
        code, data = osdp.encode(osdp.RawCard(0, 0, 26, ADA))
        return MARK + encode(
            Frame(
                address=true.address,
                is_reply=True,
                sequence=true.sequence,
                code=code,
                data=data,
            )
        )


async def a_card_without_a_mac_is_not_believed(house: House, line: ReaderLine) -> None:
    """A good badge's bits, the right address and number, and no proof of the key."""
    assert isinstance(line, TappedLine)
    async with running(house) as edge:
        await ready(edge)
        line.forge_for = READERS["front-in"]
        async with asyncio.timeout(3):
            while not line.forged:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.4)
        assert house.opened_at(FRONT) == [], "the door opened for a card that nobody vouched for"
        assert await bodies(edge, ev.DecisionMade) == [], "a forged card was judged"
        (suspected,) = await until(edge, ev.DeviceSuspected)
        assert isinstance(suspected, ev.DeviceSuspected)
        assert "MAC" in suspected.reason


def strike_before_the_commit(patch: Patch) -> None:
    honest = Recorder.record

    def record(self: Recorder, events: tuple[Event, ...], effects: tuple[Effect, ...]) -> None:
        self._carry(effects)
        honest(self, events, ())

    patch.setattr(Recorder, "record", record)


def no_second_look_after_the_commit(patch: Patch) -> None:
    def stands(self: Site, effect: Effect, now_us: int) -> bool:
        return effect.not_after_us is None or now_us <= effect.not_after_us

    patch.setattr(Site, "stands", stands)


def strike_sent_after_its_time(patch: Patch) -> None:
    patch.setattr(Bus, "still_wanted", lambda self, command, now_ns: None)


def reply_without_a_mac_is_accepted(patch: Patch) -> None:
    honest = Session.open_reply

    def open_reply(self: Session, frame: Frame) -> bytes:
        return frame.data if frame.block is None else honest(self, frame)

    patch.setattr(Session, "open_reply", open_reply)
    for module in (link, reporting):
        patch.setattr(module, "is_encrypted", lambda frame: frame.block != Block.REPLY_MAC)


def a_restart_forgets_the_fire(patch: Patch) -> None:
    honest = state._started

    def started(before: SiteState, body: ev.EdgeStarted, mono_us: int) -> SiteState:
        return honest(replace(before, fires={}, portals={}), body, mono_us)

    patch.setattr(state, "_started", started)


Check = Callable[[House, Any], Awaitable[None]]

PLANTS: list[tuple[Callable[[Patch], None], Check, str]] = [
    (
        strike_before_the_commit,
        checks.strike_waits_for_the_disk,
        "the strike came before the commit",
    ),
    (
        no_second_look_after_the_commit,
        checks.lockdown_while_committing_withdraws_the_strike,
        "a strike was sent although a lockdown had come",
    ),
    (
        strike_sent_after_its_time,
        checks.late_strike_is_never_sent,
        "the door opened long after anybody expected it",
    ),
    (
        reply_without_a_mac_is_accepted,
        a_card_without_a_mac_is_not_believed,
        "the door opened for a card that nobody vouched for",
    ),
    (
        a_restart_forgets_the_fire,
        checks.restart_in_a_fire_secures_nothing_released,
        "a door that a fire had released was locked by a restart",
    ),
]


def tried(check: Check, folder: Path) -> None:
    async def run() -> None:
        house = House(folder)
        async with TappedLine(house) as line:
            await check(house, line)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("plant", "check", "said"), PLANTS, ids=lambda p: getattr(p, "__name__", "")
)
def test_the_check_finds(
    plant: Callable[[Patch], None],
    check: Check,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=said):
        tried(check, tmp_path)


def test_the_check_finds_an_acknowledgement_before_the_commit_of_central(
    embedded_broker: BrokerProcess, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match="acknowledged what is not stored"):
        asyncio.run(acknowledgement_waits_for_the_commit(tmp_path, embedded_broker.port, TooEager))


def test_a_card_without_a_mac_opens_nothing(tmp_path: Path) -> None:
    tried(a_card_without_a_mac_is_not_believed, tmp_path)


def test_every_check_passes_where_nothing_is_planted() -> None:
    """They run in `test_daemon`; here it is seen that none was forgotten there."""
    source = Path(__file__).with_name("test_daemon.py").read_text()
    for _, check, _ in PLANTS:
        if check is not a_card_without_a_mac_is_not_believed:
            assert f"checks.{getattr(check, '__name__', '')}," in source
