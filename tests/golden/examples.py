"""One example of every kind of event, every field filled; `python -m tests.golden.examples` writes
the files that are missing. A file that exists is what was released: it is never written again.
"""

from pathlib import Path

from controller import events as ev
from controller import events_devices as ed
from controller import events_muster as em
from controller.arrival import Action
from controller.attempt import Attempt, Waiting
from controller.attempt import State as AttemptState
from controller.body import NOTE_CHARS
from controller.consents import ConsentEnd
from controller.events import KINDS, Body, Event, Fire, FireLine, Header, PortalChange, encode
from controller.events_people import ErasedValues
from controller.holders import Provenance
from controller.ids import (
    AttemptId,
    CredentialId,
    EffectId,
    HolderId,
    PortalId,
    QuestionId,
    ReaderId,
)
from controller.ledger import Personal, commitment
from controller.orders import Cover, EndCause, Order
from controller.portal import Contact, Portal, State
from controller.whereabouts import Moved, Passing
from policies.codes import Code
from policies.facts import (
    Assurance,
    CredentialStatus,
    Decision,
    Direction,
    Factor,
    HolderFacts,
    Mode,
    Objection,
    Presented,
    Request,
    Screened,
    ScreeningResult,
)
from policies.rights import OrderKind
from tests.golden.examples_alarms import ALARMS
from tests.golden.examples_badges import BADGES
from tests.golden.examples_cameras import CAMERAS
from tests.golden.examples_faces import FACES
from tests.golden.examples_perimeter import PERIMETER
from tests.golden.examples_pictures import PICTURES
from tests.golden.examples_signins import SIGN_INS
from tests.golden.examples_visits import VISITS

FOLDER = Path(__file__).resolve().parent / "events"

READER, PORTAL, FIRE = ReaderId("gate-entry"), PortalId("gate"), "main-panel"
OPERATOR = Personal("operator", "Officer Smith", "0f" * 16)
PERSON = Personal("person", "Ann Example", "1e" * 16)
BADGE = Personal("badge", "c0ffee", "2d" * 16)

PORTAL_AFTER = Portal(
    state=State.GRANTED,
    contact=Contact.CLOSED,
    bolted=True,
    linked=True,
    released=False,
    secured=True,
    leased=False,
    attempt=AttemptId("a1"),
    direction=Direction.ENTRY,
    passing=Passing(
        holders=(HolderId("h1"), HolderId("h2")),
        is_first=True,
        ajar=True,
        visitor=HolderId("h1"),
        host=HolderId("h2"),
        extended=True,
        party=3,
    ),
    deadline_us=5_000_000,
    grant_until_us=7_000_000,
    strike_until_us=7_000_000,
    exit_until_us=6_000_000,
    shunt_until_us=9_000_000,
    rex_since_us=1_000_000,
    rex_stuck=False,
    close_due_us=4_000_000,
    extended=True,
)
MOVED = Moved(
    holders=(HolderId("h1"), HolderId("h2")),
    unsure=(HolderId("h3"),),
    people=2,
    source="street",
    zone="hall",
    is_outside=True,
    from_outside=True,
    left=("yard",),
    entered=("hall",),
    firsts=("hall",),
    visitor=HolderId("h1"),
    host=HolderId("h2"),
    party=3,
)
NOTE = "c2VhbGVk" * (NOTE_CHARS // 8)
FIRE_AFTER = Fire(line=FireLine.ALARM, latched=True, heard=True, deadline_us=3_000_000)
ATTEMPT_AFTER = Attempt(
    id=AttemptId("a1"),
    reader=READER,
    portal=PORTAL,
    direction=Direction.ENTRY,
    holder=HolderId("h1"),
    credential=CredentialId("c1"),
    policy="ab" * 32,
    state=AttemptState.AWAITING_PIN,
    presented=(Presented(Factor.BADGE, Assurance.SECURE, True),),
    missed=(Factor.FACE,),
    first=Waiting(
        id=AttemptId("a0"),
        holder=HolderId("h0"),
        credential=CredentialId("c0"),
        policy="ab" * 32,
        presented=(Presented(Factor.BADGE, Assurance.SECURE, True),),
    ),
    question=QuestionId("q1"),
    deadline_us=21_000_000,
)
REQUEST = Request(
    shut_by=(Mode.LOCKDOWN,),
    portal=PORTAL,
    direction=Direction.ENTRY,
    utc_s=1_795_212_000,
    clock_trusted=True,
    credential=CredentialStatus.ACTIVE,
    holder=HolderFacts(
        id="h1",
        version=3,
        roles=("staff", "guard"),
        valid_from_s=1_700_000_000,
        valid_until_s=1_900_000_000,
        suspended=False,
        locked_out=False,
        watchlisted=False,
        watchlists=("summit",),
        biometrics=False,
    ),
    presented=(
        Presented(Factor.BADGE, Assurance.SECURE, True),
        Presented(Factor.PIN, Assurance.WEAK, False),
    ),
    mode=Mode.LOCKDOWN,
    threat=3,
    fire=True,
    hold_egress=False,
    consent=True,
    escorted=False,
    second_person=True,
    first_person_in=False,
    inside={"vault": 2},
    whereabouts="vault",
    whereabouts_age_s=90,
    screened=(Screened("gate-house", ScreeningResult.CLEARED, 300),),
    sealed_bag=True,
    party=2,
    knowledge_age_s=60,
    interlock_clear=False,
    operable=True,
    recorded=True,
    duress=False,
)
DECISION = Decision(
    granted=False,
    code=Code.LOCKDOWN,
    objections=(Objection(Code.LOCKDOWN), Objection(Code.NO_GRANT, "g1", 12)),
    notes=(Objection(Code.NOTE_OVERRIDDEN, "g2", 14),),
    missing=((Factor.PIN,), (Factor.FACE, Factor.GUARD)),
    rule="g1",
)

ORDER = Order(
    id="ab" * 32,
    kind=OrderKind.LOCKDOWN,
    issuer="ab" * 16,
    counter=1_795_212_000_123,
    reason="shots at the gate",
    review_s=1_795_300_000,
    zones=("premises",),
    portals=(PORTAL,),
    cover=Cover.PERIMETER,
    level=4,
    drill=True,
    moves=False,
    ends=("ef" * 32,),
    despite=("ef" * 32,),
    accept_until_s=1_795_220_000,
    until_s=1_795_230_000,
    role="chief",
    holder=HolderId("h1"),
    kinds=(OrderKind.LIFT,),
    unreachable=("chief",),
    challenge="0123456789abcdef" * 2,
    fire="lobby-panel",
    source="gate-key",
    envelope="{}",
)
"""With every field, of whatever kind."""

_MADE: tuple[Body, ...] = (
    ev.EdgeStarted(
        version="1.0",
        policy="ab" * 32,
        fires=(FIRE,),
        portals=("gate", "hall"),
        safe_mode=True,
        kept_copy=True,
        unseen=("hall",),
        policy_version=4,
    ),
    ev.EdgeReady(),
    ev.EdgeStopping(reason="asked to"),
    ev.JournalLost(reason="disk full"),
    ev.JournalRestored(dropped=2),
    ev.ReserveUsed(),
    ev.JournalKeyRotated(key="ab" * 16, former="cd" * 16),
    ev.WitnessKeyFollowed(key="ef" * 16, former="01" * 16),
    ev.CertificateExpiring(which="edge", until_s=1_796_000_000, days_left=7),
    ev.JournalDoubted(witnessed=1_200, held=900, before="0123456789abcdef"),
    ev.JournalUnsound(findings=3, entry=17, what="the chain breaks here"),
    ev.EntriesPruned(
        first=1, last=90_000, classes=("passages", "people"), whole=False, early=False
    ),
    ev.EntryDropped(),
    ev.ClockJudged(trusted=True, stepped_ms=-1_500),
    ev.HoldersReplaced(
        version=7,
        digest="cd" * 32,
        holders=120,
        credentials=131,
        operator="ef" * 32,
        provenance=Provenance(
            made_utc_us=1_795_211_000_000_000, change_set="ab" * 32, keys=("0c" * 16,)
        ),
        gone=(HolderId("h9"),),
    ),
    ev.PolicyActivated(
        version=4,
        digest="ab" * 32,
        fires=(FIRE,),
        portals=("gate", "hall"),
        operator=commitment(OPERATOR),
        bundle="cd" * 32,
        keys=("ef" * 16, "01" * 16),
        returned=True,
    ),
    ev.PostureChanged(mode=Mode.SHELTER, threat=4, was_mode=Mode.NORMAL, was_threat=1),
    ev.ReaderFound(reader=READER, secure=True, identity="Vendor 1.2 serial 0042"),
    ev.ReaderLost(reader=READER, reason="no answer"),
    ev.ReaderTampered(reader=READER, tampered=True),
    ed.ReaderPowerFailed(reader=READER, failing=True),
    ed.DeviceServiced(
        device="gate-entry",
        step=ed.ServiceStep.PAIRING_OPENED,
        detail="for 60 s",
        operator=commitment(OPERATOR),
    ),
    ed.DeviceChanged(device="gate-entry", reason="outputs: was level 4, 2 of them, now 1"),
    ev.DeviceSuspected(device="bus-1", reason="a reply under a foreign key"),
    ev.BadgeIgnored(reader=READER, reason="starting", badge=commitment(BADGE)),
    ev.AttemptBegan(after=ATTEMPT_AFTER),
    ev.SecondAsked(after=ATTEMPT_AFTER),
    ev.HolderLockedOut(holder=HolderId("h1"), until_us=9_000_000),
    ev.LockoutEnded(holder=HolderId("h1")),
    ev.PersonScreened(
        station="gate-house",
        holder=HolderId("h1"),
        result=ScreeningResult.DECLINED,
        operator=commitment(OPERATOR),
    ),
    ev.VisitorUnescorted(
        visitor=HolderId("h1"), host=HolderId("h2"), reason="the host left", lost=True
    ),
    ev.VisitorOverstayed(visitor=HolderId("h1"), host=HolderId("h2"), since_s=1_795_200_000),
    ev.ConsentGiven(
        holder=HolderId("h1"),
        order="ab" * 32,
        until_s=1_795_290_000,
        accept_until_s=1_795_219_200,
        zones=("hall",),
        party=4,
        keys=("ef" * 16, "01" * 16),
        signed_by="cd" * 32,
        reason="ef" * 32,
        operator=commitment(OPERATOR),
    ),
    ev.GuardVouched(
        attempt=AttemptId("a1"),
        portal=PORTAL,
        direction=Direction.ENTRY,
        holder=HolderId("h1"),
        host=HolderId("h2"),
        party=3,
        sealed_bag=True,
        reason="ef" * 32,
        operator=commitment(OPERATOR),
    ),
    ev.PartyLeftBehind(holder=HolderId("h1"), portal=PORTAL, zone="hall", people=2),
    ev.ConsentRefused(
        order="ab" * 32, reason="this file was given before", operator=commitment(OPERATOR)
    ),
    ev.ConsentEnded(
        holder=HolderId("h1"),
        order="ab" * 32,
        cause=ConsentEnd.REVOKED,
        operator=commitment(OPERATOR),
    ),
    ev.PersonErased(
        holder=HolderId("h1"),
        reason="asked for by the person",
        operator=commitment(OPERATOR),
        searched=1_200,
        values=(
            ErasedValues(fields=("badge", "person"), entries=((3, 3), (7, 9))),
            ErasedValues(fields=("operator",), entries=((12, 12),)),
        ),
        inside=True,
    ),
    ev.VisitorCodeMade(
        holder=HolderId("h1"),
        valid_from_s=1_800_000_000,
        valid_until_s=1_800_014_400,
        operator=commitment(OPERATOR),
    ),
    ev.PersonReported(holder=HolderId("h1"), operator=commitment(OPERATOR), searched=1_200),
    ev.ProtocolOfficerCalled(
        holder=HolderId("h1"),
        portal=PORTAL,
        direction=Direction.ENTRY,
        code=Code.LOCKDOWN,
        roles=("diplomat",),
    ),
    ev.AgentWithoutConsent(holder=HolderId("h1"), zone="hall", cause=ConsentEnd.EXPIRED),
    ev.FactorAsked(factor=Factor.PIN, question=QuestionId("q1"), after=ATTEMPT_AFTER),
    ev.FactorAnswered(
        factor=Factor.PIN,
        question=QuestionId("q1"),
        passed=True,
        after=ATTEMPT_AFTER,
        note=NOTE,
        reason=commitment(Personal("reason", "the same person", "1c" * 16)),
        operator=commitment(OPERATOR),
    ),
    ev.FactorMissed(
        factor=Factor.FACE, question=QuestionId("q1"), reason="nobody: -", after=ATTEMPT_AFTER
    ),
    ev.AnswerIgnored(question=QuestionId("q1"), reason="nobody waits for it", note=NOTE),
    ev.AttemptAbandoned(
        attempt=AttemptId("a1"), reader=READER, portal=PORTAL, reason="no answer in time"
    ),
    ev.DecisionMade(
        attempt=AttemptId("a1"),
        reader=READER,
        portal=PORTAL,
        direction=Direction.ENTRY,
        policy="ab" * 32,
        request=REQUEST,
        decision=DECISION,
        person=commitment(PERSON),
        badge=commitment(BADGE),
    ),
    ev.FireLineRead(fire=FIRE, after=FIRE_AFTER),
    ev.FireLatched(fire=FIRE, after=FIRE_AFTER, reason="line alarm"),
    ev.FireReset(fire=FIRE, after=FIRE_AFTER, operator=commitment(OPERATOR)),
    ev.FireResetRefused(fire=FIRE, operator=commitment(OPERATOR), reason="not latched"),
    ev.EffectEnded(effect=EffectId("12.0"), outcome="confirmed"),
    em.MusterBegun(order="ab" * 32, operator=commitment(OPERATOR)),
    em.PersonCheckedOff(
        holder=HolderId("h1"), where="car-park", inside=True, operator=commitment(OPERATOR)
    ),
    em.CheckUndone(holder=HolderId("h1"), operator=commitment(OPERATOR)),
    em.MusterEnded(checked=41, missing=2, operator=commitment(OPERATOR)),
    em.MusterRefused(why=em.MusterRefusal.RUNS, operator=commitment(OPERATOR)),
    ev.EffectEnded(
        effect=EffectId("12.0"), outcome="confirmed", portal=PORTAL, action=Action.SECURE
    ),
    ev.OrderAccepted(
        order=ORDER,
        people=2,
        keys=("ab" * 16, "cd" * 16),
        path="file",
        break_glass="code-1",
        late=True,
        until_us=9_000_000,
        signed_by="cd" * 32,
        operator=commitment(OPERATOR),
    ),
    ev.OrderRefused(
        order="ab" * 32,
        order_kind="lift",
        reason="1 of 2 people have signed it",
        path="wire",
        operator=commitment(OPERATOR),
    ),
    ev.OrdersSuspected(refusals=3),
    ev.OrderEnded(
        order="ab" * 32, order_kind=OrderKind.LOCKDOWN, cause=EndCause.ORDERED, by="cd" * 32
    ),
    ev.EvacuationConfirmed(order="ab" * 32, operator=commitment(OPERATOR)),
    ev.CountersChallenged(challenge="0123456789abcdef" * 2, operator=commitment(OPERATOR)),
)


def _portal_change(kind: type[PortalChange]) -> PortalChange:
    more: dict[str, object] = {
        "attempt": AttemptId("a1"),
        "direction": Direction.ENTRY,
        "moved": MOVED,
        "emptied": ("hall",),
    }
    own = {name: value for name, value in more.items() if name in kind.__struct_fields__}
    return kind(portal=PORTAL, after=PORTAL_AFTER, **own)  # type: ignore[arg-type]


EXAMPLES: dict[str, Body] = {
    ev.kind_of(type(body)): body
    for body in (
        *_MADE,
        *ALARMS,
        *BADGES,
        *CAMERAS,
        *FACES,
        *PERIMETER,
        *PICTURES,
        *SIGN_INS,
        *VISITS,
    )
} | {name: _portal_change(kind) for name, kind in KINDS.items() if issubclass(kind, PortalChange)}


def example(kind: str) -> Event:
    """The event whose bytes stand in `<kind>.json`."""
    header = Header(
        site="testonia",
        edge="gatehouse",
        incarnation="0123456789abcdef",
        seq=42,
        kind=kind,
        utc_us=1_795_212_000_123_456,
        mono_us=2_000_000,
        clock_trusted=True,
        cause="input-1",
        drill=False,
        policy="abababababababab",
    )
    return Event(header=header, body=EXAMPLES[kind], personal=(PERSON, BADGE, OPERATOR))


def goldens(kind: str) -> list[Path]:
    """What was released of a kind, oldest first: `<kind>.json`, then `<kind>.2.json` and so on, one
    more for each time that fields were added."""
    later = (FOLDER / f"{kind}.{number}.json" for number in range(2, 10))
    return [path for path in (FOLDER / f"{kind}.json", *later) if path.exists()]


def write_missing() -> list[str]:
    """Write a golden for each kind that has none; their names."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    missing = [kind for kind in sorted(KINDS) if not goldens(kind)]
    for kind in missing:
        (FOLDER / f"{kind}.json").write_bytes(encode(example(kind)))
    return missing


if __name__ == "__main__":
    written = write_missing()
    print(*(written or ["nothing is missing"]), sep="\n")  # noqa: T201
