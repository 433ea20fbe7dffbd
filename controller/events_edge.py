"""Events of the edge as a whole: its start and end, clock, policy, posture."""

from typing import Annotated

import msgspec

from controller.body import Body, Count, Name, Text
from controller.holders import KeyId
from controller.ledger import Commitment
from policies.facts import Level, Mode


class EdgeStarted(Body, frozen=True, kw_only=True):
    """The daemon began. Attempts and what was seen of the leaves are forgotten; posture and latched
    fires are not. `fires` are the fire inputs that must be heard before anything is secured.

    `safe_mode`: earlier runs ended uncleanly, and this one begins with what doors need alone.
    `kept_copy`: it serves by the site file and policy that last served, not by the present ones.
    `unseen`: zones that people may have left unseen meanwhile. `policy_version`: of `policy`.
    """

    version: Text
    policy: Text
    fires: tuple[Name, ...]
    portals: tuple[Name, ...]
    safe_mode: bool = False
    kept_copy: bool = False
    unseen: tuple[Name, ...] = ()
    policy_version: Count = 0


class EdgeReady(Body, frozen=True, kw_only=True):
    """Every fire input has been heard or counts as fire; cards are accepted from here on."""


class EdgeStopping(Body, frozen=True, kw_only=True):
    """The daemon ends in good order."""

    reason: Text


class ClockJudged(Body, frozen=True, kw_only=True):
    """The clock's trust changed, or wall time jumped by `stepped_ms` against monotonic time."""

    trusted: bool
    stepped_ms: Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class PolicyActivated(Body, frozen=True, kw_only=True):
    """Decisions follow this policy from here on; pending attempts end under their own. Portals and
    fire inputs are these now; what was latched stays latched.

    `operator`: who brought it. `bundle`: SHA-256 of what was signed, with the ids of the `keys`.
    `returned`: it is the one that was in force before, and nothing new was signed.
    """

    version: Count
    digest: Text
    fires: tuple[Name, ...]
    portals: tuple[Name, ...]
    operator: Commitment | None = None
    bundle: Annotated[str, msgspec.Meta(max_length=64)] = ""
    keys: Annotated[tuple[KeyId, ...], msgspec.Meta(max_length=8)] = ()
    returned: bool = False


class PostureChanged(Body, frozen=True, kw_only=True):
    """Mode and threat level of the site."""

    mode: Mode
    threat: Level
    was_mode: Mode
    was_threat: Level
