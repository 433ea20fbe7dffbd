"""What each driver's own keys mean, by the driver's name: of its lines, and of its devices."""

from collections.abc import Mapping

LINE_KEYS: Mapping[str, Mapping[str, str]] = {
    "osdp": {
        "port": "the serial device, as `/dev/serial/by-id/…`",
        "baud": "speed of the line and of every reader on it; at 9600 at most four readers",
        "poll-ms": "rest between two polls of a reader",
    },
}

DEVICE_KEYS: Mapping[str, Mapping[str, str]] = {
    "osdp": {
        "address": "its OSDP address",
        "key": "file of its Secure Channel key: 32 hexadecimal digits",
    },
}
