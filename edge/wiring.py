"""Between device points and the core's words: whose contact an input is, whose lock an output.

Everything secret ends here: a badge's bits and a scanned code become a CredentialRef, keys go to
the keypads.
"""

from collections.abc import Callable, Iterator

import msgspec

from controller import effects, inputs
from controller.events import FireLine
from controller.ids import (
    AttemptId,
    CredentialRef,
    HolderId,
    InputId,
    PortalId,
    QuestionId,
    ReaderId,
)
from controller.inputs_devices import DeviceChangeHeard
from controller.ledger import SALT_BYTES, Personal
from controller.portal import Contact
from drivers import api
from drivers.api import InputState
from drivers.badges import BadgeRefusedError
from drivers.upkeep import DeviceChanged
from edge.badge_post import BadgePost
from edge.config import Config
from edge.debounce import Debounced
from edge.keypads import Keypads, Typed
from edge.people import People, SiteKey, code_ref, ref_of
from edge.reader_signs import command_for, signs_for
from edge.site_file import FireEntry, Input, PortalEntry
from edge.visitor_codes import VisitorCodeError, VisitorCodes, is_visitor_code
from edge.wiring_perimeter import Perimeter
from policies.compiled import CompiledPolicy, Lock
from policies.facts import Assurance, Direction, Factor

ID_BYTES = 8
"""Random ids need to be unique at one edge, not unguessable."""

DRIVE_MS = 1_000
"""What a barrier's own controller needs to hear that it is to go up or down."""

Entropy = Callable[[int], bytes]


class Place(msgspec.Struct, frozen=True):
    """What a reader stands for."""

    reader: ReaderId
    portal: PortalId
    direction: Direction
    keypad: bool


class Wiring:
    """One site file's wiring, with the little that has to be remembered between readings."""

    def __init__(
        self, config: Config, people: People, key: SiteKey, keypads: Keypads, entropy: Entropy
    ) -> None:
        self._config = config
        self._people = people
        self._key = key
        self._codes = VisitorCodes(config.site, key)
        self._keypads = keypads
        self._entropy = entropy
        self._policy = config.policy
        self._readers = dict(_readers(config))
        self._locks: dict[str, list[PortalId]] = {}
        self._secure: dict[str, bool] = {}
        self._displays: set[str] = set()
        self._debounced: dict[tuple[str, str], Debounced[Contact | bool]] = {}
        self._settling: dict[tuple[str, str], Debounced[Contact | bool]] = {}
        """Those that may wait for their time, among them all that do."""
        self._told: dict[tuple[str, str], Contact | bool] = {}
        self._perimeter = Perimeter(config, self.new_id)
        self._terminals = {
            terminal.reader: name
            for name, terminal in config.terminals.items()
            if terminal.reader is not None
        }
        self.at_terminal: Callable[[str, CredentialRef], None] = _nobody_waits
        """Who is told of a badge at a terminal's own reader: it signs in, and asks for no door."""
        self.offers_beyond: Callable[[PortalId, Direction], tuple[Factor, ...]] = _nothing_else
        """What cameras and guards add to what a reader has itself."""
        self.badges = BadgePost(self._is_on_file, self._way)
        for name, portal in config.portals.items():
            self._locks.setdefault(portal.lock.device, []).append(PortalId(name))
            self._debounced[name, "contact"] = Debounced(self._settle_us(name))
            self._debounced[name, "bolt"] = Debounced(self._settle_us(name))

    def new_id(self) -> InputId:
        return InputId(self._entropy(ID_BYTES).hex())

    def follow(self, policy: CompiledPolicy) -> None:
        """Another policy for the same portals: what it says of their hardware holds from here."""
        self._policy = policy
        self._perimeter.follow(policy)
        for (name, _), point in self._debounced.items():
            point.settle_us = self._settle_us(name)

    def _settle_us(self, portal: str) -> int:
        rule = self._policy.portal(portal)
        return 0 if rule is None else rule.debounce_ms * 1_000

    # --- from devices -----------------------------------------------------------------------

    def heard(self, fact: api.Fact, now_us: int) -> list[inputs.Input]:
        """What a device's fact means for the site, in the order in which it must be judged."""
        match fact:
            case api.CardRead():
                return self._badge(fact)
            case api.CodeRead():
                return self._code(fact)
            case api.BadgeUnread():
                return self._unread(fact.device, fact.reason)
            case api.InputsReported():
                return self._points(fact, now_us)
            case api.DeviceOnline():
                return self._online(fact)
            case api.DeviceOffline():
                return self._offline(fact)
            case api.TamperReported():
                return self._tampered(fact)
            case DeviceChanged():
                return [DeviceChangeHeard(id=self.new_id(), device=fact.device, reason=fact.reason)]
            case api.ProtocolViolated():
                misbehaved = inputs.DeviceMisbehaved(
                    id=self.new_id(), device=fact.device, reason=fact.reason
                )
                return [misbehaved]
            case _:
                return []

    def typed(self, fact: api.KeysPressed) -> Typed | None:
        """Keys go to the open question of their reader, and nowhere else."""
        place = self._readers.get(fact.device)
        if place is None:
            return None
        return self._keypads.press(place.reader, fact.keys, fact.at_ns)

    def assurance(self, device: str) -> Assurance:
        """How far this device's word goes."""
        return Assurance.SECURE if self._secure.get(device) else Assurance.WEAK

    def settled(self, now_us: int) -> list[inputs.Input]:
        """Debounced points whose time has come."""
        found: list[inputs.Input] = []
        for (portal, what), point in list(self._settling.items()):
            state = point.due(now_us)
            if state is not None:
                found.append(self._point_input(PortalId(portal), what, state))
            if point.deadline_us() is None:
                del self._settling[portal, what]
        return [*found, *self._perimeter.settled(now_us)]

    def deadline_us(self) -> int | None:
        """When `settled` has to be asked."""
        due = [point.deadline_us() for point in self._settling.values()]
        due.append(self._perimeter.deadline_us())
        return min((moment for moment in due if moment is not None), default=None)

    def _badge(self, fact: api.CardRead) -> list[inputs.Input]:
        device = self._config.devices.get(fact.device)
        if device is None:
            return []
        try:
            badge = self._config.badges.at(device).badge(fact.bits, fact.data)
        except BadgeRefusedError as error:
            return self._unread(fact.device, str(error))
        return self._shown(fact.device, ref_of(self._key, badge))

    def _code(self, fact: api.CodeRead) -> list[inputs.Input]:
        """A text is a badge on file like any other, unless it claims to be a visitor's code."""
        if not is_visitor_code(fact.text):
            return self._shown(fact.device, code_ref(self._key, fact.text))
        try:
            code = self._codes.read(fact.text)
        except VisitorCodeError as error:
            return self._unread(fact.device, str(error))
        times = code.valid_from_s, code.valid_until_s
        return self._presented(fact.device, self._codes.ref(code), *times)

    def _shown(self, device: str, ref: CredentialRef) -> list[inputs.Input]:
        """An attempt, unless somebody waits for a badge there that nobody has."""
        return [] if self.badges.catches(device, ref) else self._presented(device, ref)

    def _is_on_file(self, ref: CredentialRef) -> bool:
        return self._people.directory().by_ref.get(ref) is not None

    def _way(self, device: str) -> Direction | None:
        place = self._readers.get(device)
        return None if place is None else place.direction

    def _presented(
        self,
        device: str,
        ref: CredentialRef,
        valid_from_s: int | None = None,
        valid_until_s: int | None = None,
    ) -> list[inputs.Input]:
        place = self._readers.get(device)
        if place is None:
            if (terminal := self._terminals.get(device)) is not None:
                self.at_terminal(terminal, ref)
            return []
        return [
            inputs.BadgeRead(
                id=self.new_id(),
                reader=place.reader,
                portal=place.portal,
                direction=place.direction,
                ref=ref,
                assurance=self.assurance(device),
                attempt=AttemptId(self._entropy(ID_BYTES).hex()),
                question=QuestionId(self._entropy(ID_BYTES).hex()),
                offers=self._offers(place),
                valid_from_s=valid_from_s,
                valid_until_s=valid_until_s,
                badge=self.personal("badge", ref),
                person=self._person(self._name_behind(ref)),
            )
        ]

    def _unread(self, device: str, reason: str) -> list[inputs.Input]:
        place = self._readers.get(device)
        if place is None:
            return []
        return [inputs.BadgeUnreadable(id=self.new_id(), reader=place.reader, reason=reason)]

    def offers(self, reader: ReaderId) -> tuple[Factor, ...]:
        """What can be asked for at this reader now, beside the badge."""
        place = self._readers.get(reader)
        return () if place is None else self._offers(place)

    def _offers(self, place: Place) -> tuple[Factor, ...]:
        keyed = (Factor.PIN,) if place.keypad else ()
        return (*keyed, *self.offers_beyond(place.portal, place.direction))

    def _name_behind(self, ref: CredentialRef) -> str | None:
        credential = self._people.directory().by_ref.get(ref)
        return None if credential is None else self._people.name_of(credential.holder)

    def personal(self, field: str, value: str) -> Personal:
        """A personal value with a fresh salt."""
        return Personal(field=field, value=value, salt=self._entropy(SALT_BYTES).hex())

    def holder_name(self, holder: HolderId) -> Personal | None:
        """The name that a later answer of this person is recorded with."""
        return self._person(self._people.name_of(holder))

    def _person(self, name: str | None) -> Personal | None:
        return None if name is None else self.personal("person", name)

    def _points(self, fact: api.InputsReported, now_us: int) -> list[inputs.Input]:
        # What had held for its time before this reading came is not lost in it.
        found = self.settled(now_us)
        for name, fire in self._config.fires.items():
            if fire.input.device == fact.device:
                found.append(self._fire(name, fire, fact.states))
        for name, portal in self._config.portals.items():
            found += self._portal_points(PortalId(name), portal, fact, now_us)
        return [*found, *self._perimeter.reported(fact, now_us)]

    def _fire(self, name: str, fire: FireEntry, states: tuple[InputState, ...]) -> inputs.Input:
        line = fire_line_of(fire.input, states)
        return inputs.FireLineHeard(id=self.new_id(), fire=name, line=line)

    def _portal_points(
        self, name: PortalId, portal: PortalEntry, fact: api.InputsReported, now_us: int
    ) -> Iterator[inputs.Input]:
        if portal.rex is not None and portal.rex.device == fact.device:
            # The first edge counts: nobody waits at a door for an input to settle.
            # What somebody else remembers for the device asks for nothing.
            known = portal.rex.input not in fact.remembered
            active = known and is_active(portal.rex, fact.states)
            attempt = AttemptId(self._entropy(ID_BYTES).hex())
            yield inputs.ExitAsked(id=self.new_id(), portal=name, active=active, attempt=attempt)
        if portal.contact is not None and portal.contact.device == fact.device:
            contact = self._feed(name, "contact", contact_of(portal.contact, fact.states), now_us)
            if contact is not None:
                yield self._point_input(name, "contact", contact)
        if portal.bolt is not None and portal.bolt.device == fact.device:
            bolted = self._feed(name, "bolt", is_active(portal.bolt, fact.states), now_us)
            if bolted is not None:
                yield self._point_input(name, "bolt", bolted)

    def _feed(
        self, name: PortalId, what: str, state: Contact | bool, now_us: int
    ) -> Contact | bool | None:
        """A reading of a point; its state where it is news."""
        point = self._settling[name, what] = self._debounced[name, what]
        return point.feed(state, now_us)

    def _point_input(self, portal: PortalId, what: str, state: Contact | bool) -> inputs.Input:
        self._told[portal, what] = state
        if isinstance(state, Contact):
            return inputs.ContactRead(id=self.new_id(), portal=portal, contact=state)
        assert what == "bolt", "contacts and bolts are what is debounced"
        return inputs.BoltRead(id=self.new_id(), portal=portal, bolted=state)

    def _online(self, fact: api.DeviceOnline) -> list[inputs.Input]:
        self._secure[fact.device] = fact.secure
        if fact.display:
            self._displays.add(fact.device)
        heard = self._heard(fact.device, online=True, secure=fact.secure, about=fact.identity)
        return [heard, *self._links(fact.device, up=True), *self._seen_elsewhere(fact.device)]

    def _seen_elsewhere(self, lock: str) -> Iterator[inputs.Input]:
        """The core forgets a leaf with its lock; a contact on another device still knows it."""
        for portal in self._locks.get(lock, []):
            wired = self._config.portals[portal]
            for what, point in (("contact", wired.contact), ("bolt", wired.bolt)):
                state = self._told.get((portal, what))
                if point is not None and point.device != lock and state is not None:
                    yield self._point_input(portal, what, state)

    def _links(self, device: str, *, up: bool) -> list[inputs.Input]:
        return [
            inputs.PortalLinkHeard(id=self.new_id(), portal=portal, up=up)
            for portal in self._locks.get(device, [])
        ]

    def _offline(self, fact: api.DeviceOffline) -> list[inputs.Input]:
        self._secure.pop(fact.device, None)
        self._displays.discard(fact.device)
        found: list[inputs.Input] = []
        for name, fire in self._config.fires.items():
            if fire.input.device == fact.device:
                gone = FireLine.GONE
                found.append(inputs.FireLineHeard(id=self.new_id(), fire=name, line=gone))
        found += self._links(fact.device, up=False)
        for name, portal in self._config.portals.items():
            found += self._blinded(PortalId(name), portal, fact.device)
        found += self._perimeter.lost(fact.device)
        place = self._readers.get(fact.device)
        if place is not None:
            self._keypads.forget(place.reader)
        found.append(self._heard(fact.device, online=False, secure=False, about=fact.reason))
        return found

    def _blinded(self, name: PortalId, portal: PortalEntry, device: str) -> Iterator[inputs.Input]:
        """What a portal loses with a device: its next readings are news again."""
        if portal.contact is not None and portal.contact.device == device:
            self._debounced[name, "contact"].reset()
            if portal.lock.device != device:
                yield self._point_input(name, "contact", Contact.FAULTED)
        if portal.bolt is not None and portal.bolt.device == device:
            self._debounced[name, "bolt"].reset()
            self._told.pop((name, "bolt"), None)
        if portal.rex is not None and portal.rex.device == device:
            attempt = AttemptId(self._entropy(ID_BYTES).hex())
            yield inputs.ExitAsked(id=self.new_id(), portal=name, active=False, attempt=attempt)

    def _heard(self, device: str, *, online: bool, secure: bool, about: str) -> inputs.Input:
        """A board without a card reader is missed as much as one with."""
        return inputs.ReaderHeard(
            id=self.new_id(), reader=ReaderId(device), online=online, secure=secure, about=about
        )

    def _tampered(self, fact: api.TamperReported) -> list[inputs.Input]:
        reader = ReaderId(fact.device)
        return [
            inputs.ReaderTamperHeard(id=self.new_id(), reader=reader, tampered=fact.tampered),
            inputs.ReaderPowerHeard(id=self.new_id(), reader=reader, failing=fact.power_failing),
        ]

    # --- to devices -------------------------------------------------------------------------

    def commands(self, effect: effects.Effect) -> list[api.Command]:
        """What the devices must be told for an effect; none for what no device does."""
        match effect:
            case effects.FreeEgress(portal=portal):
                return [self._hold(effect, portal, api.Priority.LIFE_SAFETY, unlocked=True)]
            case effects.FreeExit(portal=portal, for_ms=for_ms):
                return [self._pulse(effect, portal, api.Priority.LIFE_SAFETY, for_ms)]
            case effects.SecurePortal(portal=portal):
                return [self._hold(effect, portal, api.Priority.SECURE, unlocked=False)]
            case effects.RaiseBarrier(portal=portal):
                return [self._pulse(effect, portal, api.Priority.LIFE_SAFETY, DRIVE_MS)]
            case effects.LowerBarrier(portal=portal):
                return self._lowered(effect, portal)
            case effects.ReleasePortal(portal=portal, for_ms=for_ms):
                return [self._pulse(effect, portal, api.Priority.PASSAGE, for_ms)]
            case effects.LeasePortal(portal=portal, for_ms=for_ms):
                return [self._pulse(effect, portal, api.Priority.PASSAGE, for_ms)]
            case effects.ShowAtReader(reader=reader, sign=sign):
                return self._signs(effect, reader, sign)
            case effects.AskToClose(portal=portal):
                readers = (one.reader for one in self._readers.values() if one.portal == portal)
                return [c for one in readers for c in self._signs(effect, one, effects.Sign.CLOSE)]
            case _:
                return []

    def _signs(
        self, effect: effects.Effect, reader: ReaderId, sign: effects.Sign
    ) -> list[api.Command]:
        return signs_for(effect, reader, sign, display=reader in self._displays)

    def _hold(
        self, effect: effects.Effect, portal: PortalId, priority: api.Priority, *, unlocked: bool
    ) -> api.Command:
        lock = self._config.portals[portal].lock
        action = api.Hold(lock.output, on=self._energised(portal, unlocked=unlocked))
        return command_for(effect.id, lock.device, action, priority, effect.not_after_us)

    def _pulse(
        self, effect: effects.Effect, portal: PortalId, priority: api.Priority, for_ms: int
    ) -> api.Command:
        lock = self._config.portals[portal].lock
        action = api.Pulse(lock.output, for_ms, on=self._energised(portal, unlocked=True))
        return command_for(effect.id, lock.device, action, priority, effect.not_after_us)

    def _lowered(self, effect: effects.Effect, portal: PortalId) -> list[api.Command]:
        lower = self._config.portals[portal].lower
        assert lower is not None, "what is driven is wired to be lowered"
        action = api.Pulse(lower.output, DRIVE_MS)
        priority = api.Priority.SECURE
        return [command_for(effect.id, lower.device, action, priority, effect.not_after_us)]

    def _energised(self, portal: PortalId, *, unlocked: bool) -> bool:
        """Whether the lock's output carries current when the portal is (un)locked."""
        rule = self._policy.portal(portal)
        assert rule is not None, "the site file wires the policy's portals and no others"
        return unlocked is (rule.lock is Lock.POWER_TO_UNLOCK)


def _nothing_else(_portal: PortalId, _direction: Direction) -> tuple[Factor, ...]:
    return ()


def _nobody_waits(_terminal: str, _ref: CredentialRef) -> None:
    pass


def _readers(config: Config) -> Iterator[tuple[str, Place]]:
    for name, portal in config.portals.items():
        sides = (
            (portal.entry_reader, Direction.ENTRY),
            (portal.exit_reader, Direction.EXIT),
        )
        for device, direction in sides:
            if device is not None:
                keypad = config.devices[device].keypad
                yield device, Place(ReaderId(device), PortalId(name), direction, keypad)


def _state(point: Input, states: tuple[InputState, ...]) -> InputState:
    """The point's state; one that the device does not report is as good as cut."""
    return states[point.input] if point.input < len(states) else InputState.CUT


def is_active(point: Input, states: tuple[InputState, ...]) -> bool:
    """Whether the point says yes. A faulted line never does: it cannot ask for anything."""
    state = _state(point, states)
    if state in {InputState.CUT, InputState.SHORTED}:
        return False
    return (state is InputState.ACTIVE) is not point.inverted


def contact_of(point: Input, states: tuple[InputState, ...]) -> Contact:
    if _state(point, states) in {InputState.CUT, InputState.SHORTED}:
        return Contact.FAULTED
    return Contact.OPEN if is_active(point, states) else Contact.CLOSED


def fire_line_of(point: Input, states: tuple[InputState, ...]) -> FireLine:
    """A closed loop is active while all is well."""
    match _state(point, states):
        case InputState.CUT:
            return FireLine.CUT
        case InputState.SHORTED:
            return FireLine.SHORTED
        case _:
            return FireLine.NORMAL if is_active(point, states) else FireLine.ALARM
