"""One example of every message between edge and archive, around one small journal;
`python -m tests.golden.messages` writes the files that are missing. A file that exists is what was
released: it is never written again.
"""

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import UNSET
from msgspec.structs import replace

from controller import ledger
from controller.alarm import State as AlarmState
from controller.alarm_kinds import Priority, SourceKind
from controller.arrival import Arrival
from controller.checkpoint import Checkpoint, log_name
from controller.events import DecisionMade, Event, encode
from controller.ids import HolderId
from controller.ledger import commitment
from controller.merkle import Frontier
from controller.muster import Confidence
from controller.portal import Contact, State
from controller.sightings import Doubt
from edge import wire, wire_alarms, wire_muster, wire_orders
from edge.muster_told import encode_muster
from edge.notes import Algorithm, NoteKey, cosignature, signed
from edge.signatures import SigningKey
from edge.witness_keys import succeeded
from policies.facts import Mode
from policies.rights import OrderKind
from tests.golden.examples import example

FOLDER = Path(__file__).resolve().parent / "messages"

SITE, EDGE, INCARNATION = "testonia", "gatehouse", "0123456789abcdef"
KINDS = ("edge-ready", "badge-ignored", "decision-made", "portal-granted", "passage-made")
PLAIN = 2
"""So many entries are in the first batch, which is too small to be compressed."""

LOG_KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS_KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64))))
FORMER_KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(64, 96))))
SEEN_S = 1_795_212_060


def journal() -> tuple[Event, ...]:
    """The entries, numbered from 1; the decision as it is made in calm times."""
    return tuple(_numbered(_calm(example(kind)), seq) for seq, kind in enumerate(KINDS, start=1))


def _calm(event: Event) -> Event:
    if not isinstance(event.body, DecisionMade):
        return event
    request = replace(event.body.request, shut_by=UNSET)
    return replace(event, body=replace(event.body, request=request))


def _numbered(event: Event, seq: int) -> Event:
    """With the personal values alone that the entry commits to."""
    stood = event.header
    header = replace(stood, seq=seq, utc_us=stood.utc_us + seq, mono_us=stood.mono_us + seq)
    fits = [p for p in event.personal if getattr(event.body, p.field, None) == commitment(p)]
    return replace(event, header=header, personal=tuple(fits))


def chain() -> bytes:
    """Of the whole journal."""
    value = ledger.origin(SITE, EDGE, INCARNATION)
    for event in journal():
        value = ledger.link(value, ledger.leaf(encode(event)))
    return value


def _batch(first: int, events: tuple[Event, ...]) -> bytes:
    sent = (wire.SentEntry(entry=encode(e).decode(), personal=e.personal) for e in events)
    return wire.encode_batch(wire.Batch(incarnation=INCARNATION, first=first, entries=tuple(sent)))


def _pruned_batch() -> bytes:
    """As it is sent once the first entry has gone, and the bytes of the third."""
    gone, whole, bare, *_ = journal()
    before = ledger.link(ledger.origin(SITE, EDGE, INCARNATION), ledger.leaf(encode(gone)))
    sent = (
        wire.SentEntry(entry=encode(whole).decode(), personal=whole.personal),
        wire.SentEntry(entry="", leaf=ledger.leaf(encode(bare)).hex()),
    )
    return wire.encode_batch(
        wire.Batch(incarnation=INCARNATION, first=2, entries=sent, before=before.hex())
    )


def _status(alive: bool) -> bytes:
    return wire.encode_status(
        wire.Status(
            alive=alive,
            incarnation=INCARNATION,
            boot=0,
            number=1,
            version="0.1.0",
            last_seq=len(KINDS),
            acked=PLAIN,
            people=3,
            people_made_us=1_795_200_000_000_000,
            people_digest="a1" * 32,
            policy=2,
            policy_digest="ab" * 32,
        )
    )


def _note() -> str:
    tree = Frontier().with_leaves(ledger.leaf(encode(event)) for event in journal())
    name = log_name(SITE, EDGE, INCARNATION)
    return signed(Checkpoint(name, tree.size, tree.root).text, name, LOG_KEY)


def _checkpoint() -> wire.CheckpointSent:
    key = NoteKey(log_name(SITE, EDGE, INCARNATION), LOG_KEY.public, Algorithm.LOG)
    return wire.CheckpointSent(note=_note(), key=key.text, old=0)


def _again() -> wire.CheckpointSent:
    """As it is sent once more when it is cosigned."""
    return replace(_checkpoint(), old=len(KINDS), cosigned=_seen().note)


def _seen() -> wire.CheckpointSeen:
    text = _note().rpartition("\n\n")[0] + "\n"
    line = cosignature(text, "sentrypost/_central", WITNESS_KEY, SEEN_S)
    return wire.CheckpointSeen(note=_note() + line)


def _seen_by_another_key() -> wire.CheckpointSeen:
    """Its key was rotated."""
    step = succeeded("sentrypost/_central", FORMER_KEY, WITNESS_KEY, SEEN_S)
    return replace(_seen(), successions=(step,))


FILE = b'{"payload": "a signed file"}'


def _request() -> bytes:
    (part,) = wire.request_parts(wire.SetKind.PEOPLE, FILE)
    return wire.encode_request(part)


def _request_ack() -> bytes:
    return wire.encode_request_ack(
        wire.RequestAck(
            incarnation=INCARNATION,
            kind=wire.SetKind.PEOPLE,
            set=hashlib.sha256(FILE).hexdigest(),
            outcome=wire.SetOutcome.REFUSED,
            version=3,
            digest="a1" * 32,
            reason="nobody has signed it whose key may sign people here",
            remedy="sign it with a key that the site file names for people",
        )
    )


ENVELOPE = '{"payload": "a signed order"}'
ORDER, LIFT = "5e" * 32, "6f" * 32

ORDERS: dict[str, wire_orders.Message] = {
    "OrderSent": wire_orders.OrderSent(envelope=ENVELOPE),
    "OrderAck": wire_orders.OrderAck(
        incarnation=INCARNATION,
        revision=4711,
        order=ORDER,
        standing=wire_orders.OrderStanding.IN_FORCE,
        doors=(
            wire_orders.Door(
                portal="front-door",
                name="Front door",
                arrival=Arrival.CLOSED,
                obeyed=True,
                observable=True,
                linked=True,
                since_us=1_795_212_060_250_000,
            ),
            wire_orders.Door(
                portal="garage",
                name="Garage barrier",
                arrival=Arrival.UNKNOWN,
                obeyed=False,
                observable=True,
                linked=False,
                since_us=1_795_211_000_000_000,
            ),
        ),
    ),
    "OrderAck.refused": wire_orders.OrderAck(
        incarnation=INCARNATION,
        revision=4712,
        order=LIFT,
        standing=wire_orders.OrderStanding.REFUSED,
        reason="1 of 2 people have signed it",
        remedy="have it signed by a second person",
    ),
    "OrdersKept": wire_orders.OrdersKept(
        incarnation=INCARNATION,
        revision=4711,
        in_force=(ENVELOPE,),
        lifts=('{"payload": "a signed lift"}',),
        acknowledged=(LIFT,),
    ),
    "Posture": wire_orders.Posture(
        incarnation=INCARNATION,
        revision=4711,
        mode=Mode.NORMAL,
        threat=1,
        fire=False,
        zones=(wire_orders.ZonePosture(zone="chancery", mode=Mode.LOCKDOWN, threat=3),),
        orders=(
            wire_orders.OrderShown(
                order=ORDER,
                kind=OrderKind.LOCKDOWN,
                drill=False,
                review_s=1_795_215_600,
                zones=("chancery",),
            ),
        ),
    ),
    "PortalNow": wire_orders.PortalNow(
        incarnation=INCARNATION,
        revision=4711,
        name="Front door",
        state=State.SECURED,
        contact=Contact.CLOSED,
        bolted=None,
        linked=True,
        released=False,
        secured=True,
        leased=False,
        observable=True,
    ),
}


ALARM = wire_alarms.AlarmNow(
    incarnation=INCARNATION,
    revision=len(KINDS),
    alarm=4,
    kind="portal-forced",
    priority=Priority.INTRUSION,
    source_kind=SourceKind.PORTAL,
    source="gate",
    drill=True,
    state=AlarmState.ACKNOWLEDGED,
    count=2,
    last=5,
    first_us=1_795_212_000_000_000,
    last_us=1_795_212_030_000_000,
    over_us=1_795_212_040_000_000,
    acknowledged_us=1_795_212_050_000_000,
    assigned=HolderId("h1"),
    noted=3,
)


def _muster() -> bytes:
    return encode_muster(
        wire_muster.MusterNow(
            incarnation=INCARNATION,
            revision=len(KINDS),
            muster=wire_muster.MusterGoing(
                entry=4, at_s=1_795_212_030, order="ab" * 32, drill=True
            ),
            listed=2,
            missing=1,
            unknown=1,
            checked=1,
            extra=1,
            zones=(wire_muster.MusterZone(zone="hall", listed=2, unknown=1, checked=1, counted=3),),
            people=(
                wire_muster.MusterPerson(
                    holder=HolderId("h1"),
                    zone="hall",
                    perhaps="yard",
                    portal="gate",
                    entry=5,
                    at_s=1_795_212_000,
                    confidence=Confidence.UNKNOWN,
                    doubt=Doubt.RELEASE,
                    doubt_since_s=1_795_212_040,
                    host=HolderId("h2"),
                    party=3,
                    led=False,
                    again=True,
                ),
                wire_muster.MusterPerson(
                    holder=HolderId("h2"),
                    zone="hall",
                    portal="gate",
                    entry=5,
                    at_s=1_795_212_000,
                    confidence=Confidence.PASSAGE,
                    checked_at="car-park",
                ),
            ),
        )
    )


def messages() -> dict[str, bytes]:
    """By file name: the message's struct, and what tells two of one apart."""
    events = journal()
    ack = wire.Ack(
        incarnation=INCARNATION,
        stored_up_to=len(KINDS),
        chain=chain().hex(),
        archive="vienna-1",
    )
    return {
        "Status.birth.json": _status(alive=True),
        "Status.death.json": _status(alive=False),
        "Batch.json": _batch(1, events[:PLAIN]),
        "Batch.zlib": _batch(PLAIN + 1, events[PLAIN:]),
        "Batch.pruned.json": _pruned_batch(),
        "Ack.json": wire.encode_ack(ack),
        "CheckpointSent.json": wire.encode_checkpoint(_checkpoint()),
        "CheckpointSent.cosigned.json": wire.encode_checkpoint(_again()),
        "CheckpointSeen.json": wire.encode_checkpoint(_seen()),
        "CheckpointSeen.followed.json": wire.encode_checkpoint(_seen_by_another_key()),
        "RequestPart.json": _request(),
        "RequestAck.json": _request_ack(),
        **{f"{name}.json": wire_orders.encode(one) for name, one in ORDERS.items()},
        "MusterNow.json": _muster(),
        "AlarmNow.json": wire_alarms.encode_alarm(ALARM),
    }


def released(name: str) -> list[Path]:
    """What was released of a message, oldest first: `Ack.json`, then `Ack.2.json` and so on, one
    more for each time that members were added.
    """
    stem, _, suffix = name.rpartition(".")
    later = (FOLDER / f"{stem}.{number}.{suffix}" for number in range(2, 10))
    return [path for path in (FOLDER / name, *later) if path.exists()]


def write_missing() -> list[str]:
    """Write each message that has no file; their names."""
    FOLDER.mkdir(exist_ok=True)
    missing = [name for name in messages() if not (FOLDER / name).exists()]
    for name in missing:
        (FOLDER / name).write_bytes(messages()[name])
    return missing


if __name__ == "__main__":
    print(write_missing())  # noqa: T201
