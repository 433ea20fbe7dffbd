"""What devices say: of the leaves, of themselves, and of what became of their commands."""

from controller import fires, passages
from controller.events import (
    BadgeIgnored,
    DeviceSuspected,
    EffectEnded,
    ReaderFound,
    ReaderLost,
    ReaderTampered,
    clipped,
)
from controller.events_devices import ReaderPowerFailed
from controller.ids import PortalId
from controller.inputs import (
    BadgeUnreadable,
    BoltRead,
    ContactRead,
    DeviceMisbehaved,
    EffectEndHeard,
    PortalLinkHeard,
    ReaderHeard,
    ReaderPowerHeard,
    ReaderTamperHeard,
)
from controller.portal import Contact, Signal
from controller.posture import evacuates
from controller.turn import Turn
from policies.compiled import Egress


def on_contact(turn: Turn, fact: ContactRead) -> None:
    """The leaf was seen open or closed, or its line tells nothing any more."""
    portal = turn.state.portals.get(fact.portal)
    # A leaf of which nothing is known any more is not believed to be where it was.
    contact = Contact.FAULTED if fact.contact is Contact.UNKNOWN else fact.contact
    if portal is None or portal.contact is contact:
        return
    match contact:
        case Contact.OPEN:
            explained = _explains_opening(turn, fact.portal)
            turn.signal(fact.portal, Signal.OPENED_FROM_INSIDE if explained else Signal.OPENED)
        case Contact.CLOSED:
            # The strike's time may not be over: whoever comes next must not find it released.
            if turn.signal(fact.portal, Signal.CLOSED) and portal.contact is Contact.OPEN:
                fires.secure(turn, fact.portal)
        case Contact.FAULTED | Contact.UNKNOWN:
            turn.signal(fact.portal, Signal.CONTACT_FAULTED)


def _explains_opening(turn: Turn, portal_id: PortalId) -> bool:
    """Whether an opening without a grant is somebody's lawful way out.

    A panic bar without a request-to-exit contact cannot tell the way out from force: such an
    opening is recorded as ungranted and raises no forced alarm.
    """
    portal, rule = turn.state.portals[portal_id], turn.rule(portal_id)
    if rule is None:
        return False
    if rule.egress is Egress.MECHANICAL and rule.rex is None:
        return True
    if portal.shunt_until_us is not None and turn.now_us <= portal.shunt_until_us:
        return True
    leaving = evacuates(turn.state.orders, turn.policy, portal_id)
    return leaving or fires.burns_at(turn, portal_id)


def on_bolt(turn: Turn, fact: BoltRead) -> None:
    """The bolt was thrown or drawn."""
    turn.moved_bolt(fact.portal, fact.bolted)


def on_portal_link(turn: Turn, fact: PortalLinkHeard) -> None:
    """The device on which the lock hangs answers, or does not."""
    portal = turn.state.portals.get(fact.portal)
    if portal is None or portal.linked is fact.up:
        return
    turn.signal(fact.portal, Signal.LINK_FOUND if fact.up else Signal.LINK_LOST)
    if not fact.up:
        return
    # A link that comes back opens nothing for entry: the way out is freed again where it is free
    # already, everything else is locked.
    if turn.state.portals[fact.portal].released:
        fires.free_egress(turn, fact.portal)
    else:
        fires.secure(turn, fact.portal)


def on_reader(turn: Turn, fact: ReaderHeard) -> None:
    """A reader answers, or went away."""
    known = turn.state.readers.get(fact.reader)
    if fact.online:
        turn.record(
            ReaderFound(reader=fact.reader, secure=fact.secure, identity=clipped(fact.about))
        )
    elif known is None or known.online:
        turn.record(ReaderLost(reader=fact.reader, reason=clipped(fact.about)))
        passages.abandon(turn, fact.reader, "the reader went away")


def on_reader_tamper(turn: Turn, fact: ReaderTamperHeard) -> None:
    """The tamper contact of a reader."""
    known = turn.state.readers.get(fact.reader)
    if fact.tampered is not (known is not None and known.tampered):
        turn.record(ReaderTampered(reader=fact.reader, tampered=fact.tampered))


def on_reader_power(turn: Turn, fact: ReaderPowerHeard) -> None:
    """The supply of a reader."""
    known = turn.state.readers.get(fact.reader)
    if fact.failing is not (known is not None and known.power_failing):
        turn.record(ReaderPowerFailed(reader=fact.reader, failing=fact.failing))


def on_badge_unreadable(turn: Turn, fact: BadgeUnreadable) -> None:
    """A badge that gave nothing to look at."""
    turn.record(BadgeIgnored(reader=fact.reader, reason=clipped(fact.reason)))


def on_device_misbehaved(turn: Turn, fact: DeviceMisbehaved) -> None:
    """A device said what it must not."""
    turn.record(DeviceSuspected(device=fact.device, reason=clipped(fact.reason)))


def on_effect_end(turn: Turn, fact: EffectEndHeard) -> None:
    """What became of a command."""
    turn.record(
        EffectEnded(
            effect=fact.effect,
            outcome=clipped(fact.outcome),
            portal=fact.portal,
            action=fact.action,
        )
    )
