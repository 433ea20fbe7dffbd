"""Why something that was asked of a visit or a delivery is not done, and what helps."""

from collections.abc import Mapping

from controller.deliveries import DeliveryRefusal
from controller.visitors import AHEAD_S_MAX, EARLY_S_MAX, GIVEN_MAX, VISIT_S_MAX, Refusal
from policies.schedule import DAY_S, HOUR_S

LOOK = "`sentrypost visitor list` shows them all"
LOOK_DELIVERIES = "`sentrypost delivery list` shows them all"
LATER = "try again as soon as the journal can be written"
NOBODY = "give the id that the file of people has"

REFUSED: Mapping[Refusal, tuple[str, str]] = {
    Refusal.UNWRITABLE: ("the journal cannot be written; it would not be on record", LATER),
    Refusal.NO_VISIT: ("there is no such visit", LOOK),
    Refusal.STATE: ("the visit is not in a state for that", LOOK),
    Refusal.VISITOR_UNKNOWN: ("nobody in force has this id", NOBODY),
    Refusal.NO_VISITOR: (
        "that person is no visitor by the policy",
        "visits are for people with a visitor's role; others come with their own badge",
    ),
    Refusal.HOST_UNKNOWN: ("no host in force has this id", NOBODY),
    Refusal.HOST_IS_VISITOR: ("the host is a visitor too", "name somebody of the house"),
    Refusal.HOST_NOT_VALID: (
        "the host is suspended, or valid no more",
        "name another host, or see to the host's record",
    ),
    Refusal.ORDER: ("it would end before it begins, or no later than it does", "give a later end"),
    Refusal.PAST: ("that time is over", "give a later end"),
    Refusal.TOO_LONG: (
        f"a visit lasts {VISIT_S_MAX // DAY_S} days at most",
        "whoever stays for longer gets a badge of his own",
    ),
    Refusal.TOO_FAR: (
        f"a visit is announced {AHEAD_S_MAX // DAY_S} days ahead at most",
        "look at the year",
    ),
    Refusal.TOO_EARLY: (
        f"a visitor is signed in {EARLY_S_MAX // HOUR_S} hours ahead at most",
        "announce another visit that begins now, or wait",
    ),
    Refusal.ANOTHER: (
        "another visit of the same person goes on",
        "sign the visitor out of it first",
    ),
    Refusal.TOO_MANY: (
        f"too many visits are open, or this one has {GIVEN_MAX} codes and badges",
        "cancel visits that nobody comes for",
    ),
    Refusal.GIVEN: (
        "this badge was given for another visit and is on file still",
        "try again in a moment, or take another badge",
    ),
    Refusal.STILL_INSIDE: (
        "by the doors the visitor is inside still",
        "say how he left: `sentrypost visitor left`",
    ),
    Refusal.PERSON_UNKNOWN: ("nobody in force has this id", NOBODY),
    Refusal.PLACE: ("a place is named by a-z, 0-9, '-' and '_'", "give it such a name"),
}

REFUSED_DELIVERY: Mapping[DeliveryRefusal, tuple[str, str]] = {
    DeliveryRefusal.UNWRITABLE: ("the journal cannot be written; it would not be on record", LATER),
    DeliveryRefusal.NO_DELIVERY: ("there is no such delivery", LOOK_DELIVERIES),
    DeliveryRefusal.STATE: ("it was handed over, or refused, before", LOOK_DELIVERIES),
    DeliveryRefusal.NO_PORTAL: (
        "the policy has no such portal",
        "`sentrypost status` names them all",
    ),
    DeliveryRefusal.PERSON_UNKNOWN: ("nobody in force has this id", NOBODY),
    DeliveryRefusal.TOO_MANY: (
        "too many deliveries wait to be handed over",
        "hand some over, or have them go back",
    ),
    DeliveryRefusal.BAG_HELD: (
        "a diplomatic bag is not held: it stays nowhere and goes to whoever receives it",
        "call the recipient to the gate, and name the receiver and no place",
    ),
    DeliveryRefusal.BAG_TAKEN: (
        "a diplomatic bag that was taken does not go back",
        "hand it over",
    ),
    DeliveryRefusal.NO_PLACE: (
        "nobody receives it, and it has no place",
        "say where it stays, or who receives it",
    ),
}
