"""What is asked and answered at the control socket, but for the families of their own files.

A client sends one request and reads its replies; then it may send the next. The server speaks
first: `Hello`, or `Refused` to somebody who may not speak here.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from controller.events import FireLine, Seq
from controller.ledger import Personal
from controller.moment import Micros
from controller.portal import Contact, State
from edge.control.message import Count, Message, Part
from policies.facts import Level, Mode

READ_ENTRIES_MAX = 500
"""Entries of one reply: what fits into a frame as a rule, and milliseconds of the journal."""

CSV_BYTES_MAX = 700_000
"""What fits into a frame as base64: some ten thousand people."""

PART_BYTES_MAX = 512 * 1024
"""Of a signed file, which may be larger than a frame: what fits into one as base64."""

HISTORY_MAX = 200
"""Changes of one reply."""

HISTORY_PEOPLE_MAX = 20
"""Whom a change was about, named; a list of all would be the whole site after an import."""

PROBLEMS_MAX = 200
"""Who gets more than this wrong has the wrong file."""


# --- requests ---------------------------------------------------------------------------------


class Status(Message, frozen=True, kw_only=True):
    """How is the site? Answered by StatusReply."""


class ReadEntries(Message, frozen=True, kw_only=True):
    """Entries from `from_seq` on; answered by Entries, which may hold fewer than `limit`."""

    from_seq: Seq
    limit: Annotated[int, msgspec.Meta(ge=1, le=READ_ENTRIES_MAX)]


class Subscribe(Message, frozen=True, kw_only=True):
    """Every entry from `from_seq` on, those to come included: Entries and Heartbeat without end.

    At most one more than the newest entry. The client sends nothing more on this connection.
    """

    from_seq: Seq


class ResetFire(Message, frozen=True, kw_only=True):
    """Reset the latch of a fire input. Who asks is read off the socket, never from here."""

    fire: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class ImportPeople(Message, frozen=True, kw_only=True):
    """Put the people of a CSV file on file, or say what it would change. All or nothing.

    Heartbeats go before the reply: hashing PINs takes long. The file holds them: no repr shows it.
    """

    csv: Annotated[bytes, msgspec.Meta(max_length=CSV_BYTES_MAX)]
    dry_run: bool

    def __repr__(self) -> str:
        return f"ImportPeople(csv=<{len(self.csv)} bytes>, dry_run={self.dry_run})"


class FilePart(Message, frozen=True, kw_only=True):
    """The next piece of a signed file, in either direction. The server answers it by Heartbeat."""

    data: Annotated[bytes, msgspec.Meta(max_length=PART_BYTES_MAX)]

    def __repr__(self) -> str:
        return f"FilePart(data=<{len(self.data)} bytes>)"


class TakePeople(Message, frozen=True, kw_only=True):
    """Take the change set whose parts went before, or say what it would change. All or nothing."""

    dry_run: bool


class ExportPeople(Message, frozen=True, kw_only=True):
    """A change set to be signed: what has changed after version `since`, or with None everybody.

    Answered by FileParts, which hold what is to be signed, then ExportPeopleReply.
    """

    since: Count | None


class ReadHistory(Message, frozen=True, kw_only=True):
    """The newest changes of the people on file; answered by HistoryReply."""

    count: Annotated[int, msgspec.Meta(ge=1, le=HISTORY_MAX)]


# --- replies ----------------------------------------------------------------------------------


class Hello(Message, frozen=True, kw_only=True):
    """The peer may speak. `you` is the name under which what it asks for is recorded."""

    protocol: int
    you: str


class Refusal(StrEnum):
    NOT_ALLOWED = "not-allowed"  # this account may not speak here
    BUSY = "busy"  # too many clients, or one verification already runs
    IDLE = "idle"  # nothing was asked for too long
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    AHEAD = "ahead"  # entries that do not exist yet
    SLOW = "slow"  # a subscriber did not keep up
    JOURNAL = "journal"  # the journal could not be read
    STOPPING = "stopping"
    NO_SESSION = "no-session"  # of a page: nobody is signed in, or the session is over
    LOCKED = "locked"  # of a page: the session has to be unlocked first
    NO_RIGHT = "no-right"  # of a page: this person may not ask that


class Refused(Message, frozen=True, kw_only=True):
    """The request was not carried out, or not to its end, and the connection ends.

    `resume_from`: where a subscriber goes on without loss.
    """

    code: Refusal
    reason: str
    remedy: str = ""
    resume_from: Seq | None = None


class PortalStatus(Part, frozen=True, kw_only=True):
    """`observable`: it has a contact, so that what is said of its leaf was measured.

    `bolted` is None without a bolt sensor, or before its first reading.
    """

    id: str
    name: str
    state: State
    contact: Contact
    bolted: bool | None
    linked: bool
    released: bool
    secured: bool
    leased: bool
    observable: bool


class ReaderStatus(Part, frozen=True, kw_only=True):
    id: str
    online: bool
    secure: bool
    tampered: bool
    power_failing: bool


class FireStatus(Part, frozen=True, kw_only=True):
    id: str
    line: FireLine
    latched: bool


class UplinkReport(Part, frozen=True, kw_only=True):
    """`behind`: entries that the archive has not acknowledged. `secured`: by certificates, which
    hold until `certificate_until_s`; None where they cannot be read.
    """

    connected: bool
    acked: Count
    behind: Count
    secured: bool = False
    certificate_until_s: Count | None = None


class LookedReport(Part, frozen=True, kw_only=True):
    """The last look through the whole journal; with `findings` it does not hold."""

    utc_us: Micros
    entries: Count
    findings: Count


class StatusReply(Message, frozen=True, kw_only=True):
    """The site at one moment. `recorded`: the journal can be written. `uplink`: None without a
    broker. `ready`: every fire input was heard or counts as fire, and cards are accepted.
    `safe_mode`: nothing goes to the archive. `kept_copy`: the site file and policy in force are
    those that last served, and not the present ones. `orders`: how many are in force, of which
    `mode` and `threat` tell those alone that are about the whole site. `people_made_utc_us`: when
    the people were last changed, at whichever edge; None where that is not known. `looked`: None
    before the first.
    """

    site: str
    edge: str
    incarnation: str
    seq: Count
    started_utc_us: Micros
    utc_us: Micros
    version: str
    policy_version: Count
    policy_digest: str
    timezone: str
    ready: bool
    recorded: bool
    clock_trusted: bool
    mode: Mode
    threat: Level
    people_version: Count
    people_made_utc_us: Micros | None
    portals: tuple[PortalStatus, ...]
    readers: tuple[ReaderStatus, ...]
    fires: tuple[FireStatus, ...]
    uplink: UplinkReport | None
    safe_mode: bool
    kept_copy: bool
    looked: LookedReport | None = None
    orders: Count = 0


class SentEntry(Part, frozen=True, kw_only=True):
    """One entry: its bytes as stored, the chain's value after it in hex, and what lies beside."""

    seq: Seq
    entry: str
    chain: str
    personal: tuple[Personal, ...] = ()


class Entries(Message, frozen=True, kw_only=True):
    """In order and without a gap; empty where there is none. `last_seq`: the journal's newest."""

    entries: tuple[SentEntry, ...]
    last_seq: Count


class Heartbeat(Message, frozen=True, kw_only=True):
    """Nothing new, and the connection is alive."""

    last_seq: Count


class ResetFireReply(Message, frozen=True, kw_only=True):
    """`reason`: why not, or what was done; for the operator."""

    accepted: bool
    reason: str


class ImportProblem(Part, frozen=True, kw_only=True):
    """One mistake, as `edge.people.RowProblem`: the header is row 1, 0 is the file."""

    row: Count
    column: str
    message: str
    hint: str | None = None


class ImportPeopleReply(Message, frozen=True, kw_only=True):
    """What was or, in a dry run, would be done. With `problems` nothing was.

    `applied`: it is in force and in the journal; `version` is that of the people in force. `kept`:
    the file of people cannot be written yet and follows by itself; without `applied` neither can
    the journal, and `problems` says so.
    """

    applied: bool
    version: Count
    kept: bool = False
    added: Count = 0
    changed: Count = 0
    unchanged: Count = 0
    problems: Annotated[tuple[ImportProblem, ...], msgspec.Meta(max_length=PROBLEMS_MAX)] = ()


class TakePeopleReply(Message, frozen=True, kw_only=True):
    """What a change set did or, in a dry run, would do.

    `applied`, `version`, `kept`: as in ImportPeopleReply. `already`: these people were in force
    before. `reason` and `remedy` say why it was refused, or kept and not applied. `brings`: the
    set's version, 0 where nothing of it was believed.
    """

    applied: bool
    version: Count
    kept: bool = False
    already: bool = False
    brings: Count = 0
    made_utc_us: Micros | None = None
    signed_by: tuple[str, ...] = ()
    holders: Count = 0
    credentials: Count = 0
    pins: Count = 0
    reason: str = ""
    remedy: str = ""


class ExportPeopleReply(Message, frozen=True, kw_only=True):
    """About the parts that went before; `reason` and `remedy` where there were none."""

    base: Count = 0
    number: Count = 0
    holders: Count = 0
    reason: str = ""
    remedy: str = ""


class ChangeShown(Part, frozen=True, kw_only=True):
    """One change. `made_…`: who changed the people, where and when, empty and None where that is
    not known. `came_…`: who brought it here. `change_set`: what it came in, empty where it was made
    here, and the ids of the keys that signed that. `seq`: the entry in this edge's journal.

    `touched`: how many people, badges and PINs, None where it is no longer known; `people`: the
    integrator's ids of the first of them who are on file.
    """

    number: Count
    digest: str
    made_by: str
    made_edge: str
    made_utc_us: Micros | None
    came_by: str
    came_utc_us: Micros | None
    change_set: str
    keys: tuple[str, ...]
    seq: Count | None
    touched: tuple[Count, Count, Count] | None
    people: tuple[str, ...]


class HistoryReply(Message, frozen=True, kw_only=True):
    """The newest first. `reason`: why it cannot be read."""

    timezone: str
    changes: tuple[ChangeShown, ...]
    reason: str = ""
