"""What the gate's page says of what the daemon tells: a word, a sign and a tone for each.

A tone is never alone: colour, word and sign say the same.
"""

from datetime import tzinfo
from typing import Final, NamedTuple

import msgspec

from controller.arrival import OBEYED, Arrival
from controller.portal import Contact, State
from drivers.cameras.api import CameraFault
from edge.control.messages_gate import (
    Awaited,
    GateCameraShown,
    GatePassage,
    GatePortal,
    GatePosture,
    GateReleaseWaits,
    Stage,
)
from edge.gate_codes import NOT_TOLD, Next
from edge.web.pages import clock
from edge.web.words import Words, marked
from policies.codes import TEXTS, Code
from policies.facts import Direction, Factor, Mode


class Look(NamedTuple):
    word: str
    sign: str
    tone: str


STATES: Final = {
    State.LOCKED: Look(marked("locked"), "■", "quiet"),
    State.GRANTED: Look(marked("opens"), "✓", "granted"),
    State.OPEN: Look(marked("open"), "◇", "notice"),
    State.HELD: Look(marked("held open"), "⧗", "alarm"),
    State.FORCED: Look(marked("FORCED"), "‼", "alarm"),
    State.LEASED: Look(marked("unlocked"), "↔", "notice"),
    State.RELEASED: Look(marked("free for leaving"), "→", "notice"),
    State.SECURED: Look(marked("shut"), "▣", "denied"),
    State.UNKNOWN: Look(marked("unknown"), "?", "denied"),
    State.FAULT: Look(marked("fault"), "✕", "denied"),
}
UNLINKED: Final = Look(marked("no connection"), "✕", "denied")
UNSEEN: Final = marked("nobody sees its leaf")

ARRIVALS: Final = {
    Arrival.ORDERED: Look(marked("ordered, no word yet"), "…", "denied"),
    Arrival.DEVICE_CONFIRMED: Look(marked("told; nobody sees its leaf"), "◐", "notice"),
    Arrival.CLOSED: Look(marked("closed"), "✓", "granted"),
    Arrival.CLOSED_AND_LOCKED: Look(marked("closed and locked"), "✓", "granted"),
    Arrival.FREED: Look(marked("free for leaving"), "✓", "granted"),
    Arrival.OPEN: Look(marked("STANDS OPEN"), "‼", "alarm"),
    Arrival.STUCK: Look(marked("DOES NOT MOVE"), "‼", "alarm"),
    Arrival.UNKNOWN: Look(marked("NO WORD FROM IT"), "?", "alarm"),
}

NEXTS: Final = {
    Next.NOTHING: "",
    Next.LET_PASS: marked("Let the person pass."),
    Next.WAIT: marked("Wait: the person is asked for something more."),
    Next.WAIT_SECOND: marked("Wait for a second person with a badge."),
    Next.COMPARE: marked("Compare the two pictures, then accept or refuse."),
    Next.TRY_AGAIN: marked("Ask the person to try once more, calmly."),
    Next.ASK_DOCUMENT: marked("Ask for a document, then see whether a badge is to be made."),
    Next.SEND_TO_RECEPTION: marked("Send the person to the reception."),
    Next.SEND_TO_SCREENING: marked("Send the person to the screening."),
    Next.CALL_HOST: marked("Call the host: the person needs an escort."),
    Next.CALL_CHIEF: marked("Call the chief."),
    Next.CALL_PROTOCOL: marked("Stay polite, and call the protocol officer."),
    Next.WAIT_FOR_ROOM: marked("Wait until somebody has left."),
    Next.CLOSE_OTHER: marked("See that the other door of the lock is closed."),
    Next.NOBODY_ENTERS: marked("Nobody enters now. Say so, and where to go instead."),
    Next.LEAD_OUT: marked("Lead people out. Nobody is asked for a badge."),
    Next.USE_ANOTHER_DOOR: marked("Use another door, and have this one looked at."),
}
assert set(NEXTS) == set(Next), "every advice has its words"

AWAITED: Final = {
    Awaited.NOTHING: "",
    Awaited.PIN: marked("The PIN is asked for."),
    Awaited.FACE: marked("The face is being compared."),
    Awaited.FINGER: marked("The finger is asked for."),
    Awaited.GUARD: marked("A guard's look is asked for."),
    Awaited.SECOND: marked("A second person is asked for."),
}

FACTORS: Final = {
    Factor.BADGE: marked("badge"),
    Factor.PIN: marked("PIN"),
    Factor.FACE: marked("face"),
    Factor.FINGER: marked("finger"),
    Factor.GUARD: marked("guard"),
}

CAMERA_FAULTS: Final = {
    CameraFault.NO_SIGNAL: marked("no picture comes"),
    CameraFault.SLOW: marked("too few pictures"),
    CameraFault.FROZEN: marked("the picture stands still"),
    CameraFault.LOOPED: marked("the same pictures again and again"),
    CameraFault.COVERED: marked("something covers it"),
    CameraFault.BLURRED: marked("out of focus"),
    CameraFault.TURNED: marked("it looks elsewhere"),
    CameraFault.DARK: marked("too dark"),
    CameraFault.DAZZLED: marked("dazzled"),
}
assert set(CAMERA_FAULTS) == set(CameraFault), "every fault of a camera has its words"

MODES: Final = {
    Mode.NORMAL: Look(marked("normal"), "●", "granted"),
    Mode.LOCKDOWN: Look(marked("LOCKDOWN"), "▣", "alarm"),
    Mode.SHELTER: Look(marked("SHELTER"), "⌂", "alarm"),
    Mode.EVACUATE: Look(marked("EVACUATION"), "→", "alarm"),
}

DIRECTIONS: Final = {Direction.ENTRY: marked("in"), Direction.EXIT: marked("out")}

ENDS: Final = {
    Stage.PASSED: marked("went through"),
    Stage.UNUSED: marked("nobody went"),
    Stage.ABORTED: marked("taken back"),
    Stage.ABANDONED: marked("given up"),
}

HIDDEN: Final = marked("a protected person")
NOBODY: Final = marked("nobody known")


class PassageView(msgspec.Struct, frozen=True, kw_only=True):
    """One passage as the page shows it; all of it is text."""

    seq: int
    attempt: str
    time: str
    portal: str
    portal_id: str
    direction: str
    way: str
    who: str
    person: str
    status: str
    verdict: str
    tone: str
    reason: str
    more: str
    next: str
    factors: str
    stage: str
    waits: bool
    granted: bool
    question: str
    pictures: tuple[str, ...]
    drill: bool


class PortalView(msgspec.Struct, frozen=True, kw_only=True):
    """One portal as plan and table show it."""

    id: str
    name: str
    word: str
    sign: str
    tone: str
    arrival: str
    arrival_tone: str
    obeyed: bool
    cameras: tuple[str, ...]
    trouble: str


class PostureView(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force, in a line each."""

    word: str
    sign: str
    tone: str
    threat: int
    more: str
    drill: bool
    zones: tuple[str, ...]


def passage_view(
    told: GatePassage, names: dict[str, str], words: Words, zone: tzinfo
) -> PassageView:
    """`names`: of portals by id."""
    return PassageView(
        seq=told.seq,
        attempt=told.attempt,
        time=clock(told.utc_us, zone),
        portal=names.get(told.portal, told.portal),
        portal_id=told.portal,
        direction=words(DIRECTIONS[told.direction]),
        way=str(told.direction),
        who=_who(told, words),
        person=told.person,
        status=_status(told, words),
        verdict=_verdict(told, words),
        tone=_tone(told),
        reason=_reason(told, words),
        more="; ".join(words(text_of(one)) for one in (*told.reasons[1:], *told.notes) if one),
        next=words(NEXTS[told.next]) if NEXTS[told.next] else "",
        factors=", ".join(words(FACTORS[one]) for one in told.factors),
        stage=str(told.stage),
        waits=told.stage is Stage.ASKED,
        granted=bool(told.granted),
        question=told.question,
        pictures=tuple(str(one) for one in told.pictures),
        drill=told.drill,
    )


class ReleaseView(msgspec.Struct, frozen=True, kw_only=True):
    """A release that waits for a second person, or does no longer."""

    release: str
    text: str
    over: bool


def release_view(told: GateReleaseWaits, names: dict[str, str], words: Words) -> ReleaseView:
    """`names`: of portals by id."""
    text = words(
        "%(who)s asks to open %(door)s (%(way)s): %(reason)s",
        who=told.operator,
        door=names.get(told.portal, told.portal),
        way=words(DIRECTIONS[told.direction]),
        reason=told.reason,
    )
    return ReleaseView(release=told.release, text=text, over=told.over)


def look_of(state: State, *, linked: bool) -> Look:
    """How a portal stands, as far as its device answers."""
    return STATES[state] if linked else UNLINKED


def arrived(arrival: Arrival | None, words: Words) -> tuple[str, str]:
    """How far orders have come at a portal, and its tone; both empty where none is about it."""
    if arrival is None:
        return "", ""
    look = ARRIVALS[arrival]
    return f"{look.sign} {words(look.word)}", look.tone


def portal_view(told: GatePortal, words: Words) -> PortalView:
    look = look_of(told.state, linked=told.linked)
    arrival, arrival_tone = arrived(told.arrival, words)
    faults = [_camera_trouble(one, words) for one in told.cameras if one.faults]
    if not told.observable:
        faults.append(words(UNSEEN))
    elif told.contact is Contact.FAULTED:
        faults.append(words(STATES[State.FAULT].word))
    return PortalView(
        id=told.id,
        name=told.name,
        word=words(look.word),
        sign=look.sign,
        tone=look.tone,
        arrival=arrival,
        arrival_tone=arrival_tone,
        obeyed=told.arrival in OBEYED,
        cameras=tuple(one.camera for one in told.cameras),
        trouble="; ".join(faults),
    )


def _camera_trouble(one: GateCameraShown, words: Words) -> str:
    said = (words(CAMERA_FAULTS[CameraFault(fault)]) for fault in one.faults)
    return f"{one.camera}: {', '.join(said)}"


def posture_view(told: GatePosture, words: Words) -> PostureView:
    look = MODES[told.mode]
    more = [words("Fire: %(where)s", where=one) for one in told.fires]
    if told.drill:
        more.append(words("This is an exercise."))
    if told.muster:
        more.append(words("People are being checked off."))
    return PostureView(
        word=words(look.word),
        sign=look.sign,
        tone="alarm" if told.fires else look.tone,
        threat=told.threat,
        more=" ".join(more),
        drill=told.drill,
        zones=tuple(
            f"{one.name}: {words(MODES[one.mode].word)}, "
            + words("threat %(level)d", level=one.threat)
            for one in told.zones
            if (one.mode, one.threat) != (told.mode, told.threat)
        ),
    )


def text_of(code: int) -> str:
    """An officer's words for a reason; of one that is not for a guard, that and no more."""
    if code == NOT_TOLD:
        return marked("not allowed")
    try:
        return TEXTS[Code(code)]
    except ValueError:
        return str(code)


def _who(told: GatePassage, words: Words) -> str:
    if told.name:
        return told.name
    return words(HIDDEN) if told.protected else words(NOBODY)


def _status(told: GatePassage, words: Words) -> str:
    parts = list(told.roles)
    if told.visitor:
        parts.append(words("visitor"))
    if told.protected:
        parts.append(words("protected: never searched or held"))
    if told.beside:
        parts.append(words("with %(name)s", name=told.beside))
    if told.party:
        parts.append(words("and %(count)d more", count=told.party))
    return ", ".join(parts)


def _verdict(told: GatePassage, words: Words) -> str:
    if told.granted is None:
        return words(AWAITED[told.asked]) or words("Asked")
    said = words("Granted") if told.granted else words("Refused")
    ended = ENDS.get(told.stage)
    return f"{said}: {words(ended)}" if ended else said


def _tone(told: GatePassage) -> str:
    if told.granted is None:
        return "notice"
    return "granted" if told.granted else "denied"


def _reason(told: GatePassage, words: Words) -> str:
    if told.granted is None:
        return ""
    return words(text_of(told.code))
