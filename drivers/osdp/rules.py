"""What is done when something else than the answer comes, or nothing: one complete table.

Every state of a link under everything that can come in place of what was asked for (SIA OSDP v2.2
clauses 5.8, 5.9, 7.3 and 7.19). While nothing is asked nothing is owed: whatever comes then is
dropped, in any state. Nothing here opens or closes anything, and no rule repeats for ever.
"""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product

from drivers.osdp.messages import NakReason
from drivers.osdp.states import BrokenAssumptionError, State


class Trouble(StrEnum):
    """What came in place of the answer. The values are for people to read."""

    NAK_CHECK = "osdp_NAK 1 (message check)"
    NAK_LENGTH = "osdp_NAK 2 (command length)"
    NAK_COMMAND = "osdp_NAK 3 (unknown command)"
    NAK_SEQUENCE = "osdp_NAK 4 (sequence number)"
    NAK_BLOCK = "osdp_NAK 5 (security block)"
    NAK_SECURITY = "osdp_NAK 6 (security needed)"
    NAK_BIO_TYPE = "osdp_NAK 7 (biometric type)"
    NAK_BIO_FORMAT = "osdp_NAK 8 (biometric format)"
    NAK_RECORD = "osdp_NAK 9 (command record)"
    NAK_OTHER = "osdp_NAK of another number"
    BUSY = "osdp_BUSY"
    OTHER_SEQUENCE = "a reply with another sequence number, 0 or an earlier one"
    NOT_THE_ANSWER = "a reply that is none to this, or without its MAC"
    DAMAGED = "a damaged reply"
    SILENCE = "no reply"


class Rule(StrEnum):
    """What is done about it. The values are for people to read."""

    DROP = "dropped"
    WAIT = "not believed; the answer is waited for"
    REPEAT = "the same bytes again"
    LATER = "the same bytes again after a pause"
    REFUSED = "the question or command is refused"
    GO_ON = "goes on without it"
    ANEW = "begins anew"


_NAKS: Mapping[int, Trouble] = {
    NakReason.CHECK: Trouble.NAK_CHECK,
    NakReason.LENGTH: Trouble.NAK_LENGTH,
    NakReason.UNKNOWN_COMMAND: Trouble.NAK_COMMAND,
    NakReason.SEQUENCE: Trouble.NAK_SEQUENCE,
    NakReason.SECURITY_BLOCK: Trouble.NAK_BLOCK,
    NakReason.SECURITY_REQUIRED: Trouble.NAK_SECURITY,
    NakReason.BIOMETRIC_TYPE: Trouble.NAK_BIO_TYPE,
    NakReason.BIOMETRIC_FORMAT: Trouble.NAK_BIO_FORMAT,
    NakReason.RECORD: Trouble.NAK_RECORD,
}

_REFUSALS = (*_NAKS.values(), Trouble.NAK_OTHER)
_LEFT_THE_SESSION = (Trouble.NAK_SEQUENCE, Trouble.NAK_BLOCK, Trouble.NAK_SECURITY)

# Nothing that comes without the session's MAC settles anything; what was damaged or got lost is
# asked for again in the very same bytes, so that a reader that did obey does not obey twice.
_UNBELIEVED = {
    Trouble.BUSY: Rule.LATER,
    Trouble.OTHER_SEQUENCE: Rule.WAIT,
    Trouble.NOT_THE_ANSWER: Rule.WAIT,
    Trouble.DAMAGED: Rule.REPEAT,
    Trouble.SILENCE: Rule.REPEAT,
}


def _handshake(refused: Rule) -> dict[Trouble, Rule]:
    """On the way to a session a refusal is in clear: it can cost no more than the way."""
    row = dict.fromkeys(_REFUSALS, refused)
    # What the reader could not read it may read the next time.
    return row | {Trouble.NAK_CHECK: Rule.REPEAT} | _UNBELIEVED


def _session() -> dict[Trouble, Rule]:
    """Inside a session a refusal without its MAC is `NOT_THE_ANSWER`; these have one."""
    row = dict.fromkeys(_REFUSALS, Rule.REFUSED)
    return row | dict.fromkeys(_LEFT_THE_SESSION, Rule.ANEW) | _UNBELIEVED


def _pairing() -> dict[Trouble, Rule]:
    """Whatever answers a new key, clear or secured: which one it has, its next proof says alone."""
    row = dict.fromkeys(Trouble, Rule.ANEW)
    return row | _UNBELIEVED | {Trouble.NOT_THE_ANSWER: Rule.ANEW}


_ROWS: Mapping[State, Mapping[Trouble, Rule]] = {
    State.OFFLINE: dict.fromkeys(Trouble, Rule.DROP),
    State.IDENTIFYING: _handshake(Rule.ANEW),
    # What it lists before the session would not be believed anyway.
    State.CAPABILITIES: _handshake(Rule.GO_ON),
    State.CHALLENGED: _handshake(Rule.ANEW),
    State.AUTHENTICATING: _handshake(Rule.ANEW),
    State.PAIRING: _pairing(),
    State.ONLINE: _session(),
}

RULES: Mapping[tuple[State, Trouble], Rule] = {
    (state, trouble): rule for state, row in _ROWS.items() for trouble, rule in row.items()
}

# How often the same bytes go out in all before the link begins anew; of a wait, whose time is
# over, and of a repetition alike. Whoever is heard through noise deserves more, and they cost
# less; whoever answers without the session's MAC has most likely left the session.
TRIES_MAX: Mapping[Trouble, int] = {
    Trouble.NAK_CHECK: 4,
    Trouble.BUSY: 21,
    Trouble.OTHER_SEQUENCE: 2,
    Trouble.NOT_THE_ANSWER: 2,
    Trouble.DAMAGED: 4,
    Trouble.SILENCE: 3,
}

# In a session more: a poll may have been answered with a badge. Its reader gives the same answer
# again to the same bytes, and in a new session never. A second and a half of silence, and there is
# still time for another session before the reader counts as gone. Late copies of the answer before
# are what the same bytes, sent again, bring on a line that stands still for a while.
TRIES_IN_SESSION: Mapping[Trouble, int] = {
    Trouble.OTHER_SEQUENCE: 7,
    Trouble.DAMAGED: 16,
    Trouble.SILENCE: 7,
}

if set(RULES) != set(product(State, Trouble)):
    raise BrokenAssumptionError("the table of rules is not complete")
if set(TRIES_MAX) != {
    trouble for (_, trouble), rule in RULES.items() if rule in {Rule.WAIT, Rule.REPEAT, Rule.LATER}
}:
    raise BrokenAssumptionError("what is waited for or repeated, and only that, has a limit")


def refusal(reason: int) -> Trouble:
    """The trouble that an osdp_NAK with this number is."""
    return _NAKS.get(reason, Trouble.NAK_OTHER)


def tries_max(state: State, trouble: Trouble) -> int:
    """How often bytes go out in all that end in this trouble each time."""
    if state is State.IDENTIFYING and trouble is not Trouble.BUSY:
        return 1  # nobody may be there: one frame, then the line is for others
    in_session = TRIES_IN_SESSION if state is State.ONLINE else {}
    return in_session.get(trouble, TRIES_MAX[trouble])
