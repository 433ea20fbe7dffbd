"""What an integrator says about an OSDP line and the readers on it."""

import msgspec

from drivers.osdp.frame import ADDRESS_MAX
from drivers.osdp.secure import KEY_LENGTH, SCBK_DEFAULT

BAUDS = (9600, 19200, 38400, 57600, 115200, 230400)  # SIA OSDP v2.2 clause 5.2
READERS_AT_9600_MAX = 4  # more wait longer for each other than a person at a door does
READERS_MAX = 32  # unit loads of an RS-485 segment without repeaters
POINTS_MAX = 64  # inputs or outputs of one reader; no reader on the market has more
KEY_BITS = (4, 8)  # what keypads send that speak Wiegand behind an OSDP reader
POLL_MS_MIN, POLL_MS_MAX = 10, 500


class ReaderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One reader. `key_file` is the content of its key file, 32 hexadecimal digits; None: there is
    none yet, and the reader has to be paired. `key_bits`: its keys come as cards of so many bits.
    """

    name: str
    address: int
    key_file: bytes | None
    inputs: int = 0
    outputs: int = 0
    key_bits: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.address <= ADDRESS_MAX:
            raise ValueError(f"device {self.name}: address must be 0..{ADDRESS_MAX}")
        if not (0 <= self.inputs <= POINTS_MAX and 0 <= self.outputs <= POINTS_MAX):
            raise ValueError(f"device {self.name}: 0..{POINTS_MAX} inputs and outputs")
        if self.key_bits not in (None, *KEY_BITS):
            raise ValueError(f"device {self.name}: key-bits must be 4 or 8")
        try:
            self.key  # noqa: B018  # read for what is wrong with it
        except ValueError as error:
            raise ValueError(f"device {self.name}: {error}") from None

    @property
    def key(self) -> bytes | None:
        """The Secure Channel base key, 16 bytes."""
        return None if self.key_file is None else parse_key(self.key_file)

    def __repr__(self) -> str:
        return f"ReaderConfig(name={self.name!r}, address={self.address}, key_file=…)"


class LineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One RS-485 line. `poll_ms`: rest between a reader's reply and its next poll."""

    port: str
    readers: tuple[ReaderConfig, ...]
    baud: int = 9600
    poll_ms: int = 50

    def __post_init__(self) -> None:
        if not POLL_MS_MIN <= self.poll_ms <= POLL_MS_MAX:
            raise ValueError(f"{self.port}: poll_ms must be {POLL_MS_MIN}..{POLL_MS_MAX}")
        if not 1 <= len(self.readers) <= READERS_MAX:
            raise ValueError(f"{self.port}: 1..{READERS_MAX} readers on one line")
        try:
            check_speed(self.baud, len(self.readers))
        except ValueError as error:
            raise ValueError(f"{self.port}: {error}") from None
        for what in ("name", "address", "key"):
            given = [getattr(reader, what) for reader in self.readers]
            given = [one for one in given if one is not None]  # who has no key yet shares none
            if len(set(given)) != len(given):
                raise ValueError(f"{self.port}: two readers have the same {what}")


def check_speed(baud: int, readers: int) -> None:
    """Raises ValueError for a speed that OSDP has not, or that is too slow for so many readers."""
    if baud not in BAUDS:
        raise ValueError(f"baud must be one of {BAUDS}")
    if baud <= 9600 and readers > READERS_AT_9600_MAX:
        raise ValueError(
            f"{readers} readers at {baud} baud, at most {READERS_AT_9600_MAX} fit; raise the speed "
            "of line and readers, or split the line"
        )


def parse_key(content: bytes) -> bytes:
    """The 16 key bytes of a key file's 32 hexadecimal digits.

    Raises ValueError, without the content, for anything else and for a key that everybody knows.
    """
    try:
        key = bytes.fromhex(content.decode("ascii").strip())
    except ValueError:
        raise ValueError("the key file must hold 32 hexadecimal digits") from None
    if len(key) != KEY_LENGTH:
        raise ValueError(f"the key has {len(key)} bytes, {KEY_LENGTH} expected")
    if key == SCBK_DEFAULT or len(set(key)) == 1:
        raise ValueError("the key is a published one; draw a random key and pair the reader again")
    return key
