"""What a step of a story expects, held against the site's state and the entries of its journal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from controller.arrival import arrivals
from controller.events import Entry, FactorAnswered, decode_body
from controller.ids import HolderId, OrderId
from controller.muster import roll
from controller.state import SiteState
from edge.duress import opened
from edge.present import line
from edge.tone import Tone
from policies.compiled import CompiledPolicy
from simulators.story import Expect


class Looks:
    """`named`: who somebody on file is in the story. `recipient`: opens notes of duress."""

    def __init__(
        self,
        policy: CompiledPolicy,
        ids: Mapping[str, OrderId],
        named: Callable[[HolderId], str],
        recipient: X25519PrivateKey,
    ) -> None:
        self._policy, self._ids, self._named = policy, ids, named
        self._recipient = recipient

    def differences(
        self, step: Expect, state: SiteState, entries: Sequence[Entry]
    ) -> Iterator[str]:
        """What is not as it has to be."""
        called = {order: name for name, order in self._ids.items()}
        found: dict[str, object] = {
            "mode": state.mode,
            "threat": state.threat,
            "in_force": {called.get(one, one[:12]) for one in state.orders.in_force},
            "shut": {str(name) for name, portal in state.portals.items() if portal.secured},
            "free": {str(name) for name, portal in state.portals.items() if portal.released},
            "missing": self._missing(state),
            "alarms": {one.kind for one in entries if line(one, (), UTC).tone is Tone.ALARM},
            "duress": self._told_of_duress(entries),
        }
        for name, value in found.items():
            wanted = getattr(step, name)
            wanted = set(wanted) if isinstance(wanted, tuple) else wanted
            if wanted is not None and wanted != value:
                yield f"{name} is {_shown(value)} and not {_shown(wanted)}"
        yield from self._not_inside(state, step.inside or {})

    def _not_inside(self, state: SiteState, inside: dict[str, tuple[str, ...]]) -> Iterator[str]:
        listed = roll(state, None).people
        for zone, wanted in inside.items():
            there = {self._named(one.holder) for one in listed if zone in {one.zone, one.perhaps}}
            if there != set(wanted):
                yield f"in the {zone}: {_shown(there)} and not {_shown(set(wanted))}"

    def _missing(self, state: SiteState) -> set[str]:
        """Portals that do not obey, or of which nobody sees that they do."""
        return {
            str(one.portal)
            for order in state.orders.in_force.values()
            for one in arrivals(order, self._policy, state.portals, state.answers)
            if not one.obeyed
        }

    def _told_of_duress(self, entries: Sequence[Entry]) -> set[str]:
        """What the recipient reads in the journal; nobody else can."""
        bodies = (decode_body(one) for one in entries)
        notes = [body.note for body in bodies if isinstance(body, FactorAnswered) and body.note]
        told = [opened(note, self._recipient) for note in notes]
        return {self._named(occasion.holder) for occasion in told if occasion is not None}


def looked_at(step: Expect) -> str:
    """In words, what is looked at."""
    told = [name for name in msgspec.structs.asdict(step) if getattr(step, name) is not None]
    return f"looked at: {', '.join(name for name in told if name not in _NOT_LOOKED_AT)}"


_NOT_LOOKED_AT = frozenset({"at_s", "tells", "within_s"})


def _shown(value: object) -> str:
    if isinstance(value, set):
        return ", ".join(sorted(value)) or "none"
    return str(value)
