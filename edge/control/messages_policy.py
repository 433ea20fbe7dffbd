"""What passes over the control socket about the policy in force."""

from typing import Annotated

import msgspec

from controller.moment import Micros
from edge.control.message import Count, Message

PROBLEMS_SHOWN_MAX = 200
"""Mistakes of one reply; nobody reads more."""

ROLES_SHOWN_MAX = 4_000
"""Half a control frame; no policy has as many."""


class LoadPolicy(Message, frozen=True, kw_only=True):
    """Put the signed policy in force whose parts went before, or nothing of it.

    Heartbeats go before the PolicyReply: proving takes long.
    """


class ReturnPolicy(Message, frozen=True, kw_only=True):
    """Put the policy in force again that was before; answered by PolicyReply."""


class PolicyStatus(Message, frozen=True, kw_only=True):
    """Which policy is in force, and by whom? Answered by PolicyStatusReply."""


class AskRoles(Message, frozen=True, kw_only=True):
    """Which roles do people on file have? Answered by RolesReply."""


class RoleHeld(Message, frozen=True, kw_only=True):
    """A role, known to the policy or not, and how many people on file have it."""

    role: str
    people: Count


class RolesReply(Message, frozen=True, kw_only=True):
    """Every role that somebody on file has."""

    roles: Annotated[tuple[RoleHeld, ...], msgspec.Meta(max_length=ROLES_SHOWN_MAX)]


class PolicyReply(Message, frozen=True, kw_only=True):
    """What became of a policy. `applied`: it decides from here on, and `version` and `digest` are
    its own. `recorded`: that is on disk; otherwise it will be as soon as the journal can be
    written, and a power cut before brings the earlier policy back. `reason`, `remedy`, `problems`:
    why it was refused; `already`: it was, and is the policy that decides.
    """

    applied: bool
    version: Count
    digest: str
    already: bool = False
    recorded: bool = True
    signed_by: tuple[str, ...] = ()
    reason: str = ""
    remedy: str = ""
    problems: Annotated[tuple[str, ...], msgspec.Meta(max_length=PROBLEMS_SHOWN_MAX)] = ()


class PolicyStatusReply(Message, frozen=True, kw_only=True):
    """The policy in force. `since_utc_us`, `operator`: when it came and who brought it, None and
    empty where that is not known. `signed_by`: people of today's site file whose signatures it has.
    `keys`: the ids that the journal has of them.

    `before`, `before_version`: what a return leads to, empty and 0 where there is none.
    `version_max`: the highest that was ever in force. `signers`: who may sign policies; `needs`: so
    many of them sign the next one, each on file with one of `roles` where there are any. `note`,
    `remedy`: why the policy that the site file names is not the one in force, where that matters.
    """

    name: str
    version: Count
    digest: str
    tzdata: str
    timezone: str
    since_utc_us: Micros | None
    operator: str
    signed_by: tuple[str, ...]
    keys: tuple[str, ...]
    before: str
    before_version: Count
    version_max: Count
    signers: tuple[str, ...]
    needs: Count = 2
    roles: tuple[str, ...] = ()
    note: str = ""
    remedy: str = ""
