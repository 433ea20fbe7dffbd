"""What people ask of the running daemon about its devices: `edge.control.desk_devices.Devices`."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from edge.config import Config
from edge.control.messages_devices import (
    DEVICES_MAX,
    SPOKEN_MAX,
    ChangeLineSpeed,
    DevicesReply,
    DeviceStep,
    FileShown,
    SendFileTo,
    ServiceReply,
    SpokenShown,
    TraceReply,
)
from edge.daemon import Daemon
from edge.device_files import send_file
from edge.device_shown import Showing
from edge.device_signs import try_out
from edge.device_taps import Listening, Taps
from edge.device_upkeep import DeviceUpkeep
from policies.problems import did_you_mean

log = logging.getLogger(__name__)


class DeviceDesk:
    """One daemon's."""

    def __init__(self, daemon: Daemon, config: Config) -> None:
        self._daemon = daemon
        self._config = config
        self._showing = Showing(config)
        self._taps = Taps(daemon.drivers)
        self.upkeep: DeviceUpkeep | None = None

    def read(self, begin: int) -> DevicesReply:
        """As `edge.control.desk_devices.Devices` has it."""
        names = self._showing.names[begin:]
        return self._reply(names[:DEVICES_MAX], more=len(names) > DEVICES_MAX)

    async def follow(self) -> AsyncIterator[DevicesReply]:
        """As `edge.control.desk_devices.Devices` has it."""
        book, told = self._daemon.devices, -1
        while True:
            newest = book.changes
            names = [
                name for name in self._showing.names if told < 0 or book.of(name).change > told
            ]
            told = newest
            for at in range(0, len(names), DEVICES_MAX):
                more = at + DEVICES_MAX < len(names)
                yield self._reply(names[at : at + DEVICES_MAX], more=more)
            await book.wait_beyond(told)

    async def change(self, step: DeviceStep | ChangeLineSpeed, operator: str) -> ServiceReply:
        """As `edge.control.desk_devices.Devices` has it."""
        assert self.upkeep is not None, "an edge is assembled with it"
        return await self.upkeep.change(step, operator)

    async def try_out(self, device: str, operator: str) -> ServiceReply:
        """As `edge.control.desk_devices.Devices` has it."""
        return await try_out(self._daemon, device, operator)

    def send_file(
        self, asked: SendFileTo, content: bytes, operator: str
    ) -> AsyncGenerator[FileShown | ServiceReply, None]:
        """As `edge.control.desk_devices.Devices` has it."""
        log.info("%s sends %s a file", operator, asked.device)
        return send_file(self._daemon, asked, content, operator)

    async def trace(self, name: str, operator: str) -> AsyncGenerator[TraceReply, None]:
        """As `edge.control.desk_devices.Devices` has it."""
        line, device = name, ""
        if name not in self._config.lines and name in self._showing.names:
            line, device = self._showing.line_of(name), name
        if line not in self._config.lines:
            known = [*self._config.lines, *self._showing.names]
            hint = did_you_mean(name, known) or "`sentrypost device list` names them"
            yield TraceReply(reason=f"no line and no device '{name}'", remedy=hint)
            return
        log.info("%s watches what passes on line %s", operator, line)
        driver = self._config.lines[line][0]
        with self._taps.listening(line, device) as heard:
            yield TraceReply(line=line, driver=driver)
            while True:
                await heard.some()
                yield self._spoken(heard, line, driver)

    def _spoken(self, heard: Listening, line: str, driver: str) -> TraceReply:
        now = self._daemon.now()
        offset_us = now.utc_us - now.mono_us
        spoken, missed = heard.take(SPOKEN_MAX)
        return TraceReply(
            line=line,
            driver=driver,
            spoken=tuple(
                SpokenShown(
                    utc_us=offset_us + one.at_ns // 1_000,
                    device=one.device,
                    outgoing=one.outgoing,
                    text=one.text,
                    frame=one.frame,
                )
                for one in spoken
            ),
            missed=missed,
        )

    def _reply(self, names: Sequence[str], *, more: bool) -> DevicesReply:
        policy, book = self._daemon.site.policy, self._daemon.devices
        return DevicesReply(
            timezone=policy.timezone,
            utc_us=self._daemon.now().utc_us,
            devices=tuple(self._showing.shown(name, book.of(name), policy) for name in names),
            more=more,
        )
