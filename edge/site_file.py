"""The site file as it is written: one struct per table, keys in kebab-case."""

from enum import StrEnum
from typing import Annotated

import msgspec

from drivers.badges import BADGE_BITS_MAX, Takes
from drivers.mqtt_address import BROKER_PORT
from edge.clock import Trust
from edge.signatures import Use
from policies.facts import Level
from policies.model import Entry, Milliseconds

BROKER_NODES_MAX = 16
"""More nodes than any cluster of brokers has that an edge should know by name."""


class Header(Entry, frozen=True, kw_only=True):
    site: str
    edge: str
    policy: tuple[str, ...]
    state: str
    site_key: str
    template_key: str | None = None
    former_template_key: str | None = None
    trust_clock: Trust = Trust.SYNCHRONISED
    picture_key: str | None = None
    former_picture_key: str | None = None


class Mqtt(StrEnum):
    """The version that is spoken with a broker."""

    V3 = "3.1.1"
    V5 = "5"


class BrokerEntry(Entry, frozen=True, kw_only=True):
    """`also`: further nodes of the same broker, as HOST or HOST:PORT. `ca` and `certificate` go
    together, and make it TLS. `mqtt`: all that is sent is the same in both.
    """

    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = BROKER_PORT
    also: Annotated[tuple[str, ...], msgspec.Meta(max_length=BROKER_NODES_MAX - 1)] = ()
    mqtt: Mqtt = Mqtt.V3
    username: str | None = None
    password_file: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    witness: str | None = None


Position = Annotated[int, msgspec.Meta(ge=1, le=BADGE_BITS_MAX)]
"""Of a bit of a badge: the first on the wire is 1, as in data sheets of cards."""


class Ones(StrEnum):
    EVEN = "even"
    ODD = "odd"


class FieldEntry(Entry, frozen=True, kw_only=True):
    """A number of a badge: `width` bits from `at` on."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    at: Position
    width: Position


class ParityEntry(Entry, frozen=True, kw_only=True):
    """A bit that makes the ones in it and at the positions `over` even or odd in number."""

    at: Position
    over: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]
    ones: Ones


class BadgeFormatEntry(Entry, frozen=True, kw_only=True):
    """What badges look like: a layout of the site's own with `fields` and `parity`, or, with `card`
    and `takes`, what a reader hands over for cards of another format.
    """

    bits: Position
    fields: tuple[FieldEntry, ...] = ()
    parity: tuple[ParityEntry, ...] = ()
    card: str | None = None
    takes: Takes | None = None


class Output(Entry, frozen=True, kw_only=True):
    device: str
    output: int


class Input(Entry, frozen=True, kw_only=True):
    """An energised input means open, asked for, bolted; `inverted`: it means the contrary."""

    device: str
    input: int
    inverted: bool = False


class PortalEntry(Entry, frozen=True, kw_only=True):
    """What is driven over vehicles has `loop` and `lower` as well: `lock` raises it, and its
    contact is the lower limit.
    """

    lock: Output
    lower: Output | None = None
    loop: Input | None = None
    up: Input | None = None
    contact: Input | None = None
    rex: Input | None = None
    bolt: Input | None = None
    entry_reader: str | None = None
    exit_reader: str | None = None
    accept_exposed_lock: bool = False


class FireEntry(Entry, frozen=True, kw_only=True):
    """A loop that is closed while all is well; `inverted` where the device reports that as 0."""

    input: Input


class PointEntry(Entry, frozen=True, kw_only=True):
    """An alarm point; energised means activity."""

    input: Input
    mask: Input | None = None
    supervised: bool = False


class SourceOrder(StrEnum):
    """What a local source may give: it protects, and one person may order it."""

    LOCKDOWN = "lockdown"
    SHELTER = "shelter"
    EVACUATE = "evacuate"
    RAISE = "raise"


class SourceCover(StrEnum):
    PERIMETER = "perimeter"
    FULL = "full"


class GivenEntry(Entry, frozen=True, kw_only=True):
    """An order that the edge gives by itself when somebody has worked something."""

    gives: SourceOrder
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    zones: tuple[str, ...] = ()
    cover: SourceCover | None = None
    level: Level | None = None


class SourceEntry(GivenEntry, frozen=True, kw_only=True):
    """A key switch or panic button, and the order that the edge gives when it is worked."""

    input: Input
    debounce_ms: Milliseconds = 50
    supervised: bool = False


class KeyEntry(Entry, frozen=True, kw_only=True):
    """A public key, or the credential of a security key. Two keys with one `person` are one person
    wherever people are counted.
    """

    person: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    public: str | None = None
    fido2: str | None = None
    may: Annotated[tuple[Use, ...], msgspec.Meta(min_length=1)]
    holder: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class PagesEntry(Entry, frozen=True, kw_only=True):
    """`name`: the host under which browsers find the pages; empty: the site's own. Passkeys are
    bound to it for good. `plan`: the file of a drawing of the site. `socket`: where their process
    asks; None: in the state folder.
    """

    name: Annotated[
        str,
        msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9-]+)*\Z", max_length=253),
    ] = ""
    plan: str | None = None
    socket: str | None = None


class TerminalEntry(Entry, frozen=True, kw_only=True):
    """A guard's screen: the portals that it works, none named: all, and its own reader. `panic`:
    what the edge orders when somebody calls for help there.
    """

    portals: tuple[str, ...] = ()
    reader: str | None = None
    panic: GivenEntry | None = None


Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]


PICTURES_DAYS, CLIPS_DAYS = 3, 30
"""Where the site says nothing. Whatever is kept for longer than 72 hours has to be argued for
(EDPB, Guidelines 3/2019 on processing of personal data through video devices, 121); an alarm may be
looked into for weeks.
"""


class RetentionEntry(Entry, frozen=True, kw_only=True):
    """For how many days entries of each class are kept; for good where it is not said. Pictures and
    clips are never kept for good.
    """

    passages_days: Days | None = None
    alarms_days: Days | None = None
    people_days: Days | None = None
    system_days: Days | None = None
    pictures_days: Days = PICTURES_DAYS
    clips_days: Days = CLIPS_DAYS


class DuressEntry(Entry, frozen=True, kw_only=True):
    """Public keys of those who are told of duress, and of nobody else."""

    recipients: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
