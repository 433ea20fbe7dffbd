"""The states of one reader's link and everything that moves it, as one complete table."""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product


class State(StrEnum):
    OFFLINE = "offline"
    IDENTIFYING = "identifying"
    CAPABILITIES = "capabilities"
    CHALLENGED = "challenged"
    AUTHENTICATING = "authenticating"
    PAIRING = "pairing"
    ONLINE = "online"


class Step(StrEnum):
    """What moves a link from state to state."""

    PROBE = "time to try"
    IDENTIFIED = "said who it is"
    LISTED = "listed what it can"
    READER_PROVEN = "proved its key"
    SESSION_PROVEN = "accepted our proof"
    DEFAULT_PROVEN = "accepted our proof under the key that everybody knows, in its time box"
    KEY_GIVEN = "may have another key"
    RESTART = "failed, not for long"
    GIVE_UP = "failed for good"


class BrokenAssumptionError(Exception):
    """The link took a step that its table excludes: a bug, not a peer's doing."""


_NEVER = None

# Every state under every step. `_NEVER`: cannot happen whatever the reader does.
TRANSITIONS: Mapping[tuple[State, Step], State | None] = {
    (State.OFFLINE, Step.PROBE): State.IDENTIFYING,
    (State.OFFLINE, Step.IDENTIFIED): _NEVER,
    (State.OFFLINE, Step.LISTED): _NEVER,
    (State.OFFLINE, Step.READER_PROVEN): _NEVER,
    (State.OFFLINE, Step.SESSION_PROVEN): _NEVER,
    (State.OFFLINE, Step.DEFAULT_PROVEN): _NEVER,
    (State.OFFLINE, Step.KEY_GIVEN): _NEVER,
    (State.OFFLINE, Step.RESTART): _NEVER,
    (State.OFFLINE, Step.GIVE_UP): State.OFFLINE,
    (State.IDENTIFYING, Step.PROBE): _NEVER,
    (State.IDENTIFYING, Step.IDENTIFIED): State.CAPABILITIES,
    (State.IDENTIFYING, Step.LISTED): _NEVER,
    (State.IDENTIFYING, Step.READER_PROVEN): _NEVER,
    (State.IDENTIFYING, Step.SESSION_PROVEN): _NEVER,
    (State.IDENTIFYING, Step.DEFAULT_PROVEN): _NEVER,
    (State.IDENTIFYING, Step.KEY_GIVEN): _NEVER,
    (State.IDENTIFYING, Step.RESTART): State.IDENTIFYING,
    (State.IDENTIFYING, Step.GIVE_UP): State.OFFLINE,
    (State.CAPABILITIES, Step.PROBE): _NEVER,
    (State.CAPABILITIES, Step.IDENTIFIED): _NEVER,
    (State.CAPABILITIES, Step.LISTED): State.CHALLENGED,
    (State.CAPABILITIES, Step.READER_PROVEN): _NEVER,
    (State.CAPABILITIES, Step.SESSION_PROVEN): _NEVER,
    (State.CAPABILITIES, Step.DEFAULT_PROVEN): _NEVER,
    (State.CAPABILITIES, Step.KEY_GIVEN): _NEVER,
    (State.CAPABILITIES, Step.RESTART): State.IDENTIFYING,
    (State.CAPABILITIES, Step.GIVE_UP): State.OFFLINE,
    (State.CHALLENGED, Step.PROBE): _NEVER,
    (State.CHALLENGED, Step.IDENTIFIED): _NEVER,
    (State.CHALLENGED, Step.LISTED): _NEVER,
    (State.CHALLENGED, Step.READER_PROVEN): State.AUTHENTICATING,
    (State.CHALLENGED, Step.SESSION_PROVEN): _NEVER,
    (State.CHALLENGED, Step.DEFAULT_PROVEN): _NEVER,
    (State.CHALLENGED, Step.KEY_GIVEN): _NEVER,
    (State.CHALLENGED, Step.RESTART): State.IDENTIFYING,
    (State.CHALLENGED, Step.GIVE_UP): State.OFFLINE,
    (State.AUTHENTICATING, Step.PROBE): _NEVER,
    (State.AUTHENTICATING, Step.IDENTIFIED): _NEVER,
    (State.AUTHENTICATING, Step.LISTED): _NEVER,
    (State.AUTHENTICATING, Step.READER_PROVEN): _NEVER,
    (State.AUTHENTICATING, Step.SESSION_PROVEN): State.ONLINE,
    (State.AUTHENTICATING, Step.DEFAULT_PROVEN): State.PAIRING,
    (State.AUTHENTICATING, Step.KEY_GIVEN): _NEVER,
    (State.AUTHENTICATING, Step.RESTART): State.IDENTIFYING,
    (State.AUTHENTICATING, Step.GIVE_UP): State.OFFLINE,
    (State.PAIRING, Step.PROBE): _NEVER,
    (State.PAIRING, Step.IDENTIFIED): _NEVER,
    (State.PAIRING, Step.LISTED): _NEVER,
    (State.PAIRING, Step.READER_PROVEN): _NEVER,
    (State.PAIRING, Step.SESSION_PROVEN): _NEVER,
    (State.PAIRING, Step.DEFAULT_PROVEN): _NEVER,
    (State.PAIRING, Step.KEY_GIVEN): State.IDENTIFYING,
    (State.PAIRING, Step.RESTART): State.IDENTIFYING,
    (State.PAIRING, Step.GIVE_UP): State.OFFLINE,
    (State.ONLINE, Step.PROBE): _NEVER,
    (State.ONLINE, Step.IDENTIFIED): _NEVER,
    (State.ONLINE, Step.LISTED): _NEVER,
    (State.ONLINE, Step.READER_PROVEN): _NEVER,
    (State.ONLINE, Step.SESSION_PROVEN): _NEVER,
    (State.ONLINE, Step.DEFAULT_PROVEN): _NEVER,
    (State.ONLINE, Step.KEY_GIVEN): State.IDENTIFYING,
    (State.ONLINE, Step.RESTART): State.IDENTIFYING,
    (State.ONLINE, Step.GIVE_UP): State.OFFLINE,
}

if set(TRANSITIONS) != set(product(State, Step)):
    raise BrokenAssumptionError("the transition table is not complete")


def mermaid() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.OFFLINE}"]
    lines += [
        f"    {state} --> {target}: {step.value}"
        for (state, step), target in TRANSITIONS.items()
        if target is not None
    ]
    return "\n".join(lines) + "\n"
