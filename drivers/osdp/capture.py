"""A watched OSDP line as a file for Wireshark.

The file is what libosdp writes of its own lines (`FLAG_CAPTURE_PACKETS`), so that one view reads
both: classic pcap with microseconds, one frame in each record, link type 162 (the sixteenth of
those that everybody may use). Wireshark has no view of OSDP of its own. libosdp's,
`misc/osdp_dissector.lua` in its sources, is put into Wireshark's folder of personal Lua plugins
and named in Preferences, Protocols, DLT_USER: "User 15 (DLT=162)", payload dissector `osdp`. It is
written in Lua 5.3, which Wireshark has from 4.4 on.

Frames come with their secrets hidden (`spoken.py`). One of which something is hidden, or which was
encrypted, has the bit set by which that view knows what a panel has put in clear, and has neither
MAC nor check.

Pure: what is returned is written by whoever watches.
"""

import struct

from drivers.api import Spoken
from drivers.osdp.frame import LENGTH_MAX

LINK_TYPE = 162
_MAGIC = 0xA1B2C3D4
_VERSION = 2, 4
_HEADER = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII")
_SECOND_NS = 1_000_000_000


def file_header() -> bytes:
    """What a capture file begins with."""
    return _HEADER.pack(_MAGIC, *_VERSION, 0, 0, LENGTH_MAX, LINK_TYPE)


def record(spoken: Spoken, utc_ahead_ns: int) -> bytes:
    """One message for a capture file; nothing for what has no frame, such as silence.

    :param utc_ahead_ns: UTC in nanoseconds since 1970, less the monotonic clock of the edge
    """
    if not spoken.frame:
        return b""
    seconds, rest_ns = divmod(spoken.at_ns + utc_ahead_ns, _SECOND_NS)
    length = len(spoken.frame)
    return _RECORD.pack(seconds, rest_ns // 1_000, length, length) + spoken.frame
