"""What each driver's own keys mean, by the driver's name: of its lines, and of its devices."""

from collections.abc import Mapping

_MODULE_LINE = {
    "port": "the serial device, as `/dev/serial/by-id/…`; one module on each",
    "baud": "its speed; it knows no other",
}

LINE_KEYS: Mapping[str, Mapping[str, str]] = {
    "id12": _MODULE_LINE,
    "lcus": {
        "port": "the serial device, as `/dev/serial/by-id/…`; one board on each",
        "baud": "its speed; it knows no other than 9600",
    },
    "modbus": {
        "port": "the serial device, as `/dev/serial/by-id/…`",
        "baud": "speed of the line and of every module on it: up to 9600 at most four modules, "
        "above it eight",
        "poll-ms": "rest between two readings of a module",
    },
    "mqtt": {
        "host": "the broker's name or address",
        "tcp-port": "its port; 8883 is usual with TLS",
        "username": "who the edge is at the broker",
        "password-file": "file of its password",
        "ca": "file of the authority that vouches for the broker; with it the connection is TLS",
        "certificate": "file of the edge's own certificate, where the broker asks for one",
        "key": "file of its private key",
        "own-rights": "declares that the broker lets each device use its own topics alone",
    },
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
    "lcus": {
        "answers": "it says how its relays are when it is asked; `false` for an older board, and "
        "then nothing that it is told is ever confirmed",
    },
    "modbus": {
        "address": "its address on the line, 1 to 247",
        "flash": "it has the timed commands of Waveshare's modules: without them no lock may hang "
        "on it",
    },
    "mqtt": {
        "mapping": "a ready mapping by its name, or one of its own as tables below the device: "
        "[mqtt-devices.md](mqtt-devices.md)",
        "topic": "what the mapping has for `{topic}`",
        "name": "what the mapping has for `{name}`",
        "relock-ms": "the fixed time after which this lock locks itself, where none can be told it",
        "silent-after-s": "a device that said nothing for so long is away",
        "max-age-s": "its clock is right: what it says with a Unix time that is older, or ahead by "
        "as much, does not act",
    },
    "osdp": {
        "address": "its OSDP address",
        "key": "file of its Secure Channel key: 32 hexadecimal digits; made when it is paired, and "
        "not there before",
        "key-bits": "4 or 8: its keypad speaks Wiegand behind the reader, and each key comes as a "
        "card of so many bits",
    },
    "rdm6300": {},
    "scanner": {},
}

_PASSWORD = {
    "username": "who the edge is at it",
    "password-file": "file of the password; no `url` holds one",
}

CAMERA_KEYS: Mapping[str, str] = {
    "driver": "which kind of camera it is",
    "portal": "the portal that it watches",
    "side": "whom it looks at: `entry`, whoever comes from the portal's `from`, or `exit`",
    "masks": "privacy masks: each a polygon of at least three corners `[across, down]`, in shares "
    "of width and height from above left; what lies inside is black before a frame is analysed, "
    "kept, shown or sent",
}

CAMERA_OWN_KEYS: Mapping[str, Mapping[str, str]] = {
    "file": {
        "file": "the video file",
        "loop": "from the beginning again when it ends; with `false` there is no signal then",
    },
    "mjpeg": {
        "url": "where the stream is, as `http://HOST/stream` or `https://…`",
        **_PASSWORD,
        "ca": "file of the authority that vouches for an `https://` camera; without it whoever the "
        "machine knows",
    },
    "mqtt": {
        "host": "the broker's name or address",
        "tcp-port": "its port; 8883 is usual with TLS",
        "topic": "where the camera publishes: one JPEG picture in each message",
        "username": "who the edge is at the broker",
        "password-file": "file of its password",
        "ca": "file of the authority that vouches for the broker; with it the connection is TLS",
        "certificate": "file of the edge's own certificate, where the broker asks for one",
        "key": "file of its private key",
    },
    "rtsp": {"url": "where the stream is, as `rtsp://HOST/path`", **_PASSWORD},
    "simulated": {
        "url": "where the simulator serves it, on this machine alone: `http://127.0.0.1:PORT/`",
        **_PASSWORD,
        "ca": "as for `mjpeg`",
        "distance-max": "the distance up to which a drawn face counts as that of its template, in "
        "place of the policy's",
    },
    "usb": {"device": "the device, as `/dev/v4l/by-id/…`"},
}

ACTIONS: dict[str, str] = {
    "device-serviced": "Nothing, if you know of the work. Else ask who the operator is, and look "
    "at the device: whoever pairs a reader gives it a key.",
    "device-changed": "Send somebody to look at it before it is used again. It was replaced, its "
    "firmware was changed, or somebody sits on the line. Accept it by name when you know why.",
}
