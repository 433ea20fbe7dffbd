"""What the generated tables say of alarm points, arming, local sources and barriers."""

POLICY_KEYS: dict[str, dict[str, str]] = {
    "point": {
        "kind": "what hangs on the line; supplies (mains, battery) alarm at any hour",
        "zone": "where it is; its arming set is the one that names this zone, or the nearest "
        "around it",
        "name": "for people; the id where it is empty",
        "always": "activity alarms whether its zone is armed or not",
        "entry-delay-s": "so long somebody who comes in has to disarm before it alarms",
        "stuck-s": "activity that lasts longer is a fault of the sensor; more than the delay; "
        "left out: 300, for supplies none",
        "debounce-ms": "the line must hold its new state for so long",
        "roles": "who may shunt it; empty: nobody",
    },
    "arming": {
        "zones": "armed together, with all zones inside them that no other set names",
        "name": "for people; the id where it is empty",
        "schedule": "armed while it is active; what a person does holds until it changes",
        "roles": "who may arm and disarm it by hand; empty: the schedule alone does",
    },
}

SITE_KEYS: dict[str, dict[str, str]] = {
    "point": {
        "input": "the sensor's line; energised means activity",
        "mask": "the sensor's own anti-masking contact, where it has one; energised means masked",
        "supervised": "the line has its resistors and the device tells four states of it; false: a "
        "cut or a short looks like one of two, which `check` and `point` say",
    },
    "source": {
        "input": "the line of a key switch or panic button; energised means worked. The change "
        "into that gives the order, letting go ends nothing",
        "gives": "the order that the edge makes and signs",
        "zones": "where it holds, with all zones inside; empty: the whole site",
        "cover": "of a lockdown: the perimeter, or every door",
        "level": "of raise: the threat level",
        "reason": "stands in the order, in the clear, and names nobody",
        "debounce-ms": "the line must hold its new state for so long",
        "supervised": "as for `[point.<id>]`",
    },
}

ACTIONS: dict[str, str] = {
    "point-entered": "Nothing, if somebody is expected. It alarms at the end of the delay.",
    "point-alarmed": "Look at the camera, send a guard. It ends when the point is quiet.",
    "point-faulted": "Somebody may be at the cable: send a guard, then have it mended.",
    "point-masked": "Send somebody to look at the sensor: what covers it may be a hand.",
    "point-stuck": "Look what stands there; else have the sensor mended. It sees nothing new.",
    "point-shunted": "Watch the place by other means until the shunt ends.",
    "shunt-refused": "The reason says why; nothing was changed.",
    "arming-refused": "The reason says why; nothing was changed.",
    "zone-armed": "`unquiet` names points that were not quiet: look at them.",
    "source-acted": "Follow the site's orders for what was given. It is ended by a lift alone.",
    "panic-raised": "Go there, or send whoever can; call the terminal. Look at its cameras first.",
    "source-found-active": "Bring the key back, or free the button: only the next turn counts.",
    "source-faulted": "Have the line mended at once; give the order another way meanwhile.",
    "barrier-waiting": "`loop` says why: have the vehicle move on, or mend the loop.",
    "barrier-reopened": "Have the vehicle move on. Many in a row may be somebody holding it open.",
    "barrier-jammed": "Look what is in its way. It is told again every five minutes.",
    "loop-faulted": "Mend the loop; until then nothing lowers the barrier but a hand.",
    "interlock-overridden": "Post a guard: both leaves of the interlock may be open.",
}
