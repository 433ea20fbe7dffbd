"""pymodbus's own serial server, on a real port of its own, joined to the driver's by a cable.

Its transport, framer and datastore are as pymodbus brings them. Of a relay module of Waveshare's it
lacks the timed write, which is added the way pymodbus adds what makers invent: as a custom PDU.
"""

import asyncio
import os
import struct
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pymodbus.datastore import ModbusServerContext
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from simulators.osdp_line import point_link

POINTS = 16  # pymodbus keeps bits by sixteen
_READ, _WRITE = 1, 5
_FLASH = {0x0200: True, 0x0400: False}


class WriteCoil(ModbusPDU):
    """Function 05 as Waveshare's modules take it: with a time at 0x0200 and at 0x0400."""

    function_code = _WRITE
    rtu_frame_size = 8
    value = 0

    def encode(self) -> bytes:
        return struct.pack(">HH", self.address, self.value)

    def decode(self, data: bytes) -> None:
        self.address, self.value = struct.unpack(">HH", data[:4])

    async def datastore_update(self, context: ModbusServerContext, device_id: int) -> ModbusPDU:
        number, base = self.address & 0xFF, self.address & 0xFF00
        on = _FLASH.get(base, self.value == 0xFF00)
        problem = await context.async_setValues(device_id, _WRITE, number, [on])
        if problem:
            return ExceptionResponse(_WRITE, problem)
        if base in _FLASH:
            asyncio.get_running_loop().call_later(
                self.value / 10,
                lambda: asyncio.ensure_future(
                    context.async_setValues(device_id, _WRITE, number, [not on])
                ),
            )
        return self


@asynccontextmanager
async def served(folder: Path, unit: int = 1) -> AsyncIterator[tuple[Path, ModbusSerialServer]]:
    """A module at an address; yields the driver's port and the server."""
    ends = [os.openpty() for _ in range(2)]
    links = [folder / "driver", folder / "server"]
    loop = asyncio.get_running_loop()
    for (master, slave), link in zip(ends, links, strict=True):
        tty.setraw(slave)
        point_link(link, os.ttyname(slave))
        os.set_blocking(master, False)
    (one, _), (other, _) = ends
    for source, target in ((one, other), (other, one)):
        loop.add_reader(source, lambda s=source, t=target: os.write(t, os.read(s, 4096)))  # type: ignore[misc]
    bits = [SimData(0, values=[False] * POINTS, datatype=DataType.BITS)]
    registers = [SimData(0, count=1, datatype=DataType.REGISTERS)]
    device = SimDevice(
        unit, (bits, list(bits), registers, list(registers)), use_bit_addressing=True
    )
    server = ModbusSerialServer(
        [device],
        port=str(links[1]),
        baudrate=9600,
        ignore_missing_devices=True,
        custom_pdu=[WriteCoil],
    )
    try:
        await server.serve_forever(background=True)
        yield links[0], server
    finally:
        await server.shutdown()
        for master, slave in ends:
            loop.remove_reader(master)
            os.close(master)
            os.close(slave)


async def outputs(server: ModbusSerialServer, unit: int = 1) -> list[bool]:
    """The coils as the server has them."""
    return [bool(on) for on in await server.async_getValues(unit, _READ, 0, POINTS)]


async def set_input(server: ModbusSerialServer, number: int, on: bool, unit: int = 1) -> None:
    """A contact of the module."""
    states = await server.async_getValues(unit, 2, 0, POINTS)
    states[number] = on
    await server.context.async_setValues(unit, 2, 0, [bool(state) for state in states])
