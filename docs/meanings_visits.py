"""What the generated tables say of visits and deliveries."""

ACTIONS: dict[str, str] = {
    "visit-expected": "Nothing: `sentrypost visitor list` shows who is to come.",
    "visitor-signed-in": "Nothing to do; the host may be told that the visitor is there.",
    "visitor-given": "Nothing, if something was lost; what was given before is off the file.",
    "visit-extended": "Nothing; who said so stands beside it.",
    "visit-overdue": "Ask the host. Extend the visit, or sign the visitor out.",
    "visitor-unaccounted": "Look for the visitor. Sign out whoever has left, or say how he left: "
    "`sentrypost visitor left`.",
    "visitor-signed-out": "Where `waits`: see the visitor out; his badge leads out and no more in.",
    "visit-ended": "Nothing: what was given opens nothing any more.",
    "visit-badge-returned": "Nothing: a badge of the drawer may go to somebody else.",
    "presence-corrected": "Nothing; nothing opens by it. Ask the operator where you doubt it.",
    "delivery-taken": "Hand it over: `sentrypost delivery hand`.",
    "delivery-handed": "Nothing to do.",
    "delivery-refused": "Nothing; the reason lies beside it. Nobody is held for it.",
}
