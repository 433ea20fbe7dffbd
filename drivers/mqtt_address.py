"""Where a broker listens, as people write it: HOST, HOST:PORT, or [ADDRESS]:PORT for IPv6."""

import re

import msgspec

BROKER_PORT = 1883

_WRITTEN = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:/\[\]]+))(?::(?P<port>\d{1,5}))?"
)


class AddressError(ValueError):
    """The text is no address of a broker."""


class BrokerAddress(msgspec.Struct, frozen=True):
    """One node of a broker."""

    host: str
    port: int = BROKER_PORT

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def broker_address(text: str, port: int = BROKER_PORT) -> BrokerAddress:
    """`port` where the text names none. Raises AddressError."""
    written = _WRITTEN.fullmatch(text)
    if written is None or not 0 < int(written["port"] or port) < 65536:
        raise AddressError(f"{text!r} is not HOST or HOST:PORT; an IPv6 address stands in []")
    return BrokerAddress(written["v6"] or written["host"], int(written["port"] or port))
