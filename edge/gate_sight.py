"""What one session at the gate may see, and for whom it acts."""

from collections.abc import Collection
from typing import NamedTuple

from controller.ids import HolderId
from policies.compiled import CompiledPolicy
from policies.rights import ProtectedShown, Right


class Sight(NamedTuple):
    """`portals`: those of the terminal; None: all that the policy has. Without `people` doors and
    posture are shown and nobody who passes: of a session that is locked. `confidential`: reasons
    that are not for a guard's screen are told as well.
    """

    portals: frozenset[str] | None = None
    protected: ProtectedShown = ProtectedShown.STATUS
    people: bool = True
    confidential: bool = False

    def sees(self, portal: str) -> bool:
        return self.portals is None or portal in self.portals


EVERYTHING = Sight(None, ProtectedShown.NAME, confidential=True)
"""Of whoever may read the journal with its names anyway: the accounts at the control socket."""


def sight_of(
    policy: CompiledPolicy, rights: Collection[Right], portals: Collection[str], *, locked: bool
) -> Sight:
    """What a session sees at a terminal of these portals; none: of all. Who has the console leads
    the guards: he is told who is protected, and each reason as it is.
    """
    rule = policy.pages.get(Right.GATE)
    shown = ProtectedShown.HIDDEN if rule is None else rule.protected
    return Sight(
        portals=frozenset(portals) or None,
        protected=ProtectedShown.NAME if Right.CONSOLE in rights else shown,
        people=not locked,
        confidential=Right.CONSOLE in rights,
    )


class Guard(NamedTuple):
    """Who asks. `operator`: the name for the record. `holder`: who that is on file; None for an
    account of the machine.
    """

    operator: str
    holder: HolderId | None
    sight: Sight
