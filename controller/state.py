"""The site's state: one frozen, serialisable value without any personal value in it."""

from hashlib import sha256

import msgspec
from msgspec.structs import replace

from controller.alarm_queue import Alarms, after_entry
from controller.arrival import CONFIRMED, Answer, after_answer, after_lost
from controller.attempt import Attempt
from controller.certificates import Told, after_told
from controller.consents import Consent, Consents, after_ended, after_given
from controller.delivery import Deliveries, DeliveryBody, after_delivery
from controller.earlier import carried_over
from controller.enrolled import FaceChange, after_face, without_face
from controller.events import (
    AttemptAbandoned,
    AttemptBegan,
    Body,
    CertificateExpiring,
    ClockJudged,
    ConsentEnded,
    ConsentGiven,
    CountersChallenged,
    DecisionMade,
    EdgeReady,
    EdgeStarted,
    EdgeStopping,
    EffectEnded,
    EvacuationConfirmed,
    Event,
    FactorAnswered,
    FactorAsked,
    FactorMissed,
    Fire,
    FireChange,
    HoldersReplaced,
    JournalDoubted,
    JournalLost,
    JournalRestored,
    OrderAccepted,
    OrderEnded,
    OrderRefused,
    OrdersSuspected,
    PersonErased,
    PolicyActivated,
    PortalChange,
    PortalLost,
    PostureChanged,
    ReaderFound,
    ReaderLost,
    ReaderTampered,
    SecondAsked,
)
from controller.events_barriers import Barrier, BarrierChange
from controller.events_cameras import CameraFaulted, CameraRestored, after_camera
from controller.events_devices import ReaderPowerFailed
from controller.events_points import Armed, ArmingChange, PointChange, Source, SourceChange
from controller.events_visits import PresenceCorrected, VisitBody
from controller.ids import HolderId, PortalId, ReaderId
from controller.moment import SECOND_US, Micros
from controller.orders import (
    Orders,
    after_accepted,
    after_confirmed,
    after_doubt,
    after_order_ended,
    after_refused,
    after_restart,
)
from controller.point import Point, points_after_start
from controller.portal import Portal, restarted
from controller.reader import Reader, after_heard
from controller.sightings import Doubt, Evidence
from controller.state_people import (
    Noted,
    Sought,
    with_correction,
    with_muster,
    with_person,
    with_portal_change,
)
from controller.visit import (
    Visits,
    after_correction,
    after_door,
    after_visit,
    without_visitor,
)
from controller.whereabouts import (
    People,
    after_emptied,
    after_pin,
    after_start,
    after_trust,
    without,
    without_firsts,
)
from policies.facts import Factor, Level, Mode, UtcSeconds

FIRE_FIRST_READING_US = 10 * SECOND_US
"""A fire input that has not been heard this long after the start counts as fire."""


OrderEvent = (
    OrderAccepted
    | OrderRefused
    | OrdersSuspected
    | OrderEnded
    | EvacuationConfirmed
    | CountersChallenged
)


AttemptChange = AttemptBegan | FactorAsked | FactorAnswered | FactorMissed | SecondAsked


class SiteState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the core remembers. Mappings are replaced, never changed."""

    version: int = 1
    seq: int = 0
    ready: bool = False
    stopping: bool = False
    recorded: bool = True
    doubted: bool = False
    """A witness remembers another journal of this edge: what was ordered may be missing here."""
    clock_trusted: bool = False
    mode: Mode = Mode.NORMAL
    threat: Level = 1
    policy: str = ""
    policy_chosen: str = ""
    """What people have put in force. A start with a kept copy may decide by another."""
    policy_version: int = 0
    policy_version_max: int = 0
    """The highest that was ever in force."""
    policy_seq: int = 0
    """Which entry put it in force."""
    policy_before: str = ""
    """The policy to which one step leads back; empty where none does."""
    holders_version: int = 0
    holders_digest: str = ""
    holders_seq: int = 0
    """Which entry brought the people now in force; a change waits on file until it has one."""
    holders_made_us: Micros | None = None
    """When they were last changed, wherever that was."""
    certificates: dict[str, Told] = {}
    """What was told of the end of certificates."""
    erasure_seq: int = 0
    """The newest entry by which somebody is erased; what it says may still have to be done."""
    faces: dict[HolderId, int] = {}
    """Who has a template of the face on file, and which version of it."""
    faces_version: int = 0
    """The highest that any template ever had."""
    portals: dict[PortalId, Portal] = {}
    readers: dict[ReaderId, Reader] = {}
    fires: dict[str, Fire] = {}
    attempts: dict[ReaderId, Attempt] = {}
    people: People = People()
    consents: Consents = Consents()
    visits: Visits = {}
    deliveries: Deliveries = {}
    orders: Orders = Orders()
    answers: dict[PortalId, Answer] = {}
    points: dict[str, Point] = {}
    points_since_us: Micros = 0
    """Since when alarm points are listened to: the start."""
    armed: dict[str, Armed] = {}
    sources: dict[str, Source] = {}
    barriers: dict[PortalId, Barrier] = {}
    cameras: dict[str, tuple[str, ...]] = {}
    """Those with which something is wrong, and what."""
    alarms: Alarms = Alarms()


def apply(state: SiteState, event: Event) -> SiteState:
    """The state after `event`; the only way it ever changes, live and on replay alike."""
    header, body = event.header, event.body
    assert header.seq == state.seq + 1, f"event {header.seq} does not follow {state.seq}"
    at_s = header.utc_us // SECOND_US if header.clock_trusted else None
    after = _folded(state, body, header.mono_us, at_s, drill=header.drill)
    alarms = after_entry(state.alarms, header, body)
    return replace(after, seq=header.seq, alarms=alarms)


def _folded(
    state: SiteState, body: Body, mono_us: Micros, at_s: UtcSeconds | None, *, drill: bool
) -> SiteState:
    match body:
        case PortalChange():
            return _with_portal(state, body, at_s)
        case EffectEnded():
            return replace(state, answers=_with_answer(state.answers, body))
        case _ if isinstance(body, OrderEvent):
            return replace(state, orders=_with_order(state, body, mono_us))
        case _ if isinstance(body, PerimeterChange):
            return _with_perimeter(state, body)
        case FireChange(fire=fire, after=after):
            return replace(state, fires=state.fires | {fire: after})
        case _ if isinstance(body, AttemptChange):
            return _with_attempt(state, body)
        case _ if isinstance(body, Noted):
            return replace(state, people=with_person(state.people, body, at_s))
        case _ if isinstance(body, Sought):
            seq = state.seq + 1
            people = with_muster(state.people, seq, body, at_s, drill=drill)
            return replace(state, people=people)
        case _ if isinstance(body, _AtGate):
            return _with_gate(state, body, at_s)
        case ConsentGiven() | ConsentEnded():
            return replace(state, consents=_with_consent(state, body, at_s))
        case DecisionMade() | AttemptAbandoned():
            return _without_attempt(state, body)
        case ReaderFound() | ReaderLost() | ReaderTampered() | ReaderPowerFailed():
            reader = after_heard(state.readers.get(body.reader, Reader()), body)
            return replace(state, readers=state.readers | {body.reader: reader})
        case EdgeStarted():
            return _started(_not_seen_meanwhile(state, body, at_s), body, mono_us)
        case EdgeReady() | EdgeStopping():
            return _at_stage(state, body)
        case JournalLost() | JournalRestored():
            return replace(state, recorded=isinstance(body, JournalRestored))
        case JournalDoubted():
            return replace(state, doubted=True, orders=after_doubt(state.orders))
        case ClockJudged(trusted=trusted):
            people = state.people if at_s is None else after_trust(state.people, at_s)
            return replace(state, clock_trusted=trusted, people=people)
        case HoldersReplaced():
            return _with_holders(state, body)
        case PersonErased(holder=holder):
            people = without(state.people, (holder,))
            faces, visits = without_face(state.faces, holder), state.visits
            visits = without_visitor(visits, holder)
            seq = state.seq + 1
            return replace(state, people=people, visits=visits, faces=faces, erasure_seq=seq)
        case _ if isinstance(body, FaceChange):
            faces, highest = after_face(state.faces, state.faces_version, body)
            return replace(state, faces=faces, faces_version=highest)
        case CameraFaulted() | CameraRestored():
            return replace(state, cameras=after_camera(state.cameras, body))
        case PolicyActivated():
            return _with_policy(state, body, mono_us)
        case CertificateExpiring():
            return replace(state, certificates=after_told(state.certificates, body))
        case PostureChanged():
            return _with_posture(state, body)
        case _:
            return state


def _with_attempt(state: SiteState, body: AttemptChange) -> SiteState:
    after, people = body.after, state.people
    # A face that does not fit locks nobody out: the light may be to blame, and a PIN is guessed.
    pin = isinstance(body, FactorAnswered) and body.factor is Factor.PIN
    if isinstance(body, FactorAnswered) and pin and after.holder is not None:
        people = after_pin(people, after.holder, passed=body.passed)
    return replace(state, attempts=state.attempts | {after.reader: after}, people=people)


_AtGate = VisitBody | PresenceCorrected | DeliveryBody


def _with_gate(state: SiteState, body: _AtGate, at_s: UtcSeconds | None) -> SiteState:
    """Who comes to visit, what is brought, and what a guard says of who is inside."""
    seq = state.seq + 1
    match body:
        case VisitBody():
            return replace(state, visits=after_visit(state.visits, body, seq, at_s))
        case PresenceCorrected():
            people = with_correction(state.people, seq, body, at_s)
            return replace(state, people=people, visits=after_correction(state.visits, body))
        case _:
            return replace(state, deliveries=after_delivery(state.deliveries, body, seq, at_s))


def _at_stage(state: SiteState, body: EdgeReady | EdgeStopping) -> SiteState:
    if isinstance(body, EdgeReady):
        return replace(state, ready=True)
    return replace(state, stopping=True)


def _with_portal(state: SiteState, change: PortalChange, at_s: UtcSeconds | None) -> SiteState:
    portal, answers = change.portal, state.answers
    if isinstance(change, PortalLost):
        answers = after_lost(answers, portal)
    return replace(
        state,
        portals=state.portals | {portal: change.after},
        people=with_portal_change(state.people, change, Evidence(state.seq + 1, portal, at_s)),
        visits=after_door(state.visits, change),
        answers=answers,
    )


def _with_answer(answers: dict[PortalId, Answer], ended: EffectEnded) -> dict[PortalId, Answer]:
    """Effects are called by the number of the entry behind them."""
    if ended.action is None or ended.outcome != CONFIRMED:
        return answers
    cause = int(ended.effect.partition(".")[0])
    return after_answer(answers, PortalId(ended.portal), ended.action, cause)


def _with_holders(state: SiteState, body: HoldersReplaced) -> SiteState:
    return replace(
        state,
        holders_version=body.version,
        holders_digest=body.digest,
        holders_seq=state.seq + 1,
        holders_made_us=body.provenance.made_utc_us,
        people=without(state.people, body.gone),
    )


def _with_posture(state: SiteState, body: PostureChanged) -> SiteState:
    """A house that was shut waits for its first person again."""
    people = state.people if body.mode is Mode.NORMAL else without_firsts(state.people)
    return replace(state, mode=body.mode, threat=body.threat, people=people)


def _with_order(state: SiteState, body: OrderEvent, mono_us: Micros) -> Orders:
    orders = state.orders
    match body:
        case OrderAccepted(order=order):
            until_us, code, seq = body.until_us, body.break_glass, state.seq + 1
            return after_accepted(orders, order, seq, until_us, code, late=body.late)
        case OrderEnded(order=order_id):
            return after_order_ended(orders, order_id)
        case EvacuationConfirmed(order=order_id):
            return after_confirmed(orders, order_id)
        case OrderRefused():
            return after_refused(orders, mono_us)
        case OrdersSuspected():
            return replace(orders, refused_us=())
        case CountersChallenged(challenge=challenge):
            return replace(orders, challenge=challenge)


PerimeterChange = PointChange | ArmingChange | SourceChange | BarrierChange


def _with_perimeter(state: SiteState, body: PerimeterChange) -> SiteState:
    match body:
        case PointChange(point=point, after=after):
            return replace(state, points=state.points | {point: after})
        case ArmingChange(arming=arming, after=after):
            return replace(state, armed=state.armed | {arming: after})
        case SourceChange(source=source, after=after):
            return replace(state, sources=state.sources | {source: after})
        case BarrierChange(portal=portal, after=after):
            return replace(state, barriers=state.barriers | {portal: after})


def _with_consent(
    state: SiteState, body: ConsentGiven | ConsentEnded, at_s: UtcSeconds | None
) -> Consents:
    match body:
        case ConsentGiven(holder=holder, order=order, until_s=until_s, zones=zones, party=party):
            seq = state.seq + 1
            given = Consent(order=order, until_s=until_s, seq=seq, zones=zones, party=party)
            return after_given(state.consents, holder, given, body.accept_until_s, at_s)
        case ConsentEnded(holder=holder):
            return after_ended(state.consents, holder)


def _without_attempt(state: SiteState, body: DecisionMade | AttemptAbandoned) -> SiteState:
    """The attempt that ended is forgotten; another one at the same reader is not."""
    pending = state.attempts.get(body.reader) if body.reader is not None else None
    if pending is None or pending.id != body.attempt:
        return state
    left = {reader: a for reader, a in state.attempts.items() if reader != body.reader}
    return replace(state, attempts=left)


def _not_seen_meanwhile(state: SiteState, body: EdgeStarted, at_s: UtcSeconds | None) -> SiteState:
    evidence = Evidence(state.seq + 1, "", at_s)
    people = after_emptied(state.people, body.unseen, Doubt.RESTART, evidence)
    return replace(state, people=people)


def _started(state: SiteState, body: EdgeStarted, mono_us: Micros) -> SiteState:
    """What a start leaves: posture, releases and latched fires; nothing that was observed."""
    portals = {
        PortalId(name): restarted(state.portals.get(PortalId(name), Portal()))
        for name in body.portals
    }
    latched = {name: Fire(latched=True) for name, fire in state.fires.items() if fire.latched}
    fires = _not_heard(body.fires, mono_us) | latched
    if not body.kept_copy:
        state = _with_chosen(state, body.policy, body.policy_version)
    return replace(
        state,
        policy=body.policy,
        ready=False,
        stopping=False,
        recorded=True,
        portals=portals,
        fires=fires,
        readers={},
        cameras={},
        attempts={},
        orders=after_restart(state.orders),
        answers={},
        points=points_after_start(state.points, mono_us),
        points_since_us=mono_us,
        sources={name: Source(active=one.active) for name, one in state.sources.items()},
        barriers={},
        people=after_start(state.people, body.unseen, mono_us),
    )


def _with_policy(state: SiteState, body: PolicyActivated, mono_us: Micros) -> SiteState:
    """Portals and fire inputs come and go with the policy; a latched fire only by its reset."""
    kept = {name: fire for name, fire in state.fires.items() if name in body.fires or fire.latched}
    portals = {PortalId(name): state.portals.get(PortalId(name), Portal()) for name in body.portals}
    fires = _not_heard(body.fires, mono_us) | kept
    after = _with_chosen(state, body.digest, body.version)
    # One step and no further: what was taken back comes into force by two signatures alone.
    before = "" if body.returned else after.policy_before
    return replace(after, policy=body.digest, portals=portals, fires=fires, policy_before=before)


def _with_chosen(state: SiteState, digest: str, version: int) -> SiteState:
    """People want this one. A version that stays the same is no other policy to return to:
    time-zone rules that are updated change the digest, too.
    """
    if digest == state.policy_chosen:
        return state
    other = state.policy_chosen and version != state.policy_version
    return replace(
        state,
        policy_chosen=digest,
        policy_version=version,
        policy_version_max=max(version, state.policy_version_max),
        policy_seq=state.seq + 1,
        policy_before=state.policy_chosen if other else state.policy_before,
    )


def _not_heard(names: tuple[str, ...], mono_us: Micros) -> dict[str, Fire]:
    return {name: Fire(deadline_us=mono_us + FIRE_FIRST_READING_US) for name in names}


_ENCODER = msgspec.json.Encoder(order="deterministic")


def snapshot(state: SiteState) -> bytes:
    """The state's one serial form; equal states give equal bytes."""
    return _ENCODER.encode(state)


def restore(data: bytes) -> SiteState:
    """The inverse of `snapshot`. Raises msgspec.DecodeError on bytes that are not a snapshot."""
    state = msgspec.json.decode(data, type=SiteState)
    people, orders = carried_over(data, state.people, state.orders)
    return replace(state, people=people, orders=orders)


def digest(state: SiteState) -> str:
    """SHA-256 of the serial form, hex."""
    return sha256(snapshot(state)).hexdigest()
