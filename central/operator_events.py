"""What central's own record holds of its operators, beside signing in, whose events are those of an
edge's pages (`controller.events_signins`).

They stand in no journal of an edge and go over no wire: the schema of edges' events has none of
them. `holder`: whose act it is, by random id. Names, and what was searched for, lie beside.
"""

import re
from typing import Annotated

import msgspec

from controller.body import Body, Entry, Header
from controller.events import EntryError
from controller.events_signins import (
    SessionBegan,
    SessionEnded,
    SessionUnlocked,
    SignInChanged,
    SignInRefused,
)
from controller.ids import HolderId
from controller.ledger import Commitment
from controller.moment import Micros

Text = Annotated[str, msgspec.Meta(max_length=256)]


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What was done at central; in the past tense."""


class OperatorPut(Act, frozen=True, kw_only=True):
    """Somebody is an operator, with these rights. `operator`: by what he signs in; `name`: who he
    is; `by`: who said so.
    """

    holder: HolderId
    operator: Commitment
    name: Commitment
    rights: tuple[Text, ...]
    by: Commitment


class OperatorRemoved(Act, frozen=True, kw_only=True):
    """Somebody is no operator any more."""

    holder: HolderId
    by: Commitment


class AlarmWordSigned(Act, frozen=True, kw_only=True):
    """Central's key has signed that this operator has seen an alarm; about to be sent."""

    holder: HolderId
    site: Text
    edge: Text
    incarnation: Text
    alarm: int
    last: int
    reason: Commitment | None = None


class AlarmWordAnswered(Act, frozen=True, kw_only=True):
    """What the edge said to it; `outcome` empty: it has not answered."""

    holder: HolderId
    site: Text
    edge: Text
    alarm: int
    outcome: Text = ""


class OrderSentOn(Act, frozen=True, kw_only=True):
    """An order that others have signed is about to be sent; to `edges`, or to all."""

    holder: HolderId
    site: Text
    order: Text
    kind: Text
    edges: tuple[Text, ...] = ()


class PersonSearched(Act, frozen=True, kw_only=True):
    """The archive is about to be searched for a person; each page of the answer is one."""

    holder: HolderId
    person: Commitment
    site: Text = ""
    edge: Text = ""
    since_us: Micros = 0


class IncidentNoteWritten(Act, frozen=True, kw_only=True):
    """A note is about to be added to an incident."""

    holder: HolderId
    incident: int


SignInEvent = SessionBegan | SessionUnlocked | SessionEnded | SignInRefused | SignInChanged
Recorded = Act | SignInEvent


def kind_of(body: type[object]) -> str:
    """As `controller.events.kind_of`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", body.__name__).lower()


_ENCODER = msgspec.json.Encoder(order="deterministic")
_ACTS: dict[str, msgspec.json.Decoder[Act]] = {
    kind_of(act): msgspec.json.Decoder(act) for act in Act.__subclasses__()
}


def encode(header: Header, body: Act | Body) -> bytes:
    """The bytes that are stored and hashed, as `controller.events.encode` makes them."""
    fields = {name: getattr(header, name) for name in Header.__struct_fields__}
    return _ENCODER.encode(Entry(**fields, body=msgspec.Raw(_ENCODER.encode(body))))


def act_of(entry: Entry) -> Act | None:
    """None where it is none of central's own. Raises EntryError."""
    decoder = _ACTS.get(entry.kind)
    if decoder is None:
        return None
    try:
        return decoder.decode(entry.body)
    except msgspec.DecodeError as error:
        raise EntryError(f"{entry.kind} {entry.seq}: {error}") from error
