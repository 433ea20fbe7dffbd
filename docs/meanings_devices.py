"""What each driver's own keys mean, by the driver's name: of its lines, and of its devices."""

from collections.abc import Mapping

_MODULE_LINE = {
    "port": "the serial device, as `/dev/serial/by-id/…`; one module on each",
    "baud": "its speed; it knows no other",
}

LINE_KEYS: Mapping[str, Mapping[str, str]] = {
    "id12": _MODULE_LINE,
    "osdp": {
        "port": "the serial device, as `/dev/serial/by-id/…`",
        "baud": "speed of the line and of every reader on it; at 9600 at most four readers",
        "poll-ms": "rest between two polls of a reader",
    },
    "rdm6300": _MODULE_LINE,
    "scanner": {
        "port": "the serial device, as `/dev/serial/by-id/…`; one scanner on each",
        "baud": "the speed that the scanner is set to; over USB any will do",
    },
}

DEVICE_KEYS: Mapping[str, Mapping[str, str]] = {
    "id12": {},
    "osdp": {
        "address": "its OSDP address",
        "key": "file of its Secure Channel key: 32 hexadecimal digits",
    },
    "rdm6300": {},
    "scanner": {},
}
