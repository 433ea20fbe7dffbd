"""A second reading of when an alarm is open, from its rules in words and from entries as JSON.

It shares no line with the queue: what a kind is about, and what ends it, is written down by hand.
Nothing but counts, states and numbers is kept.
"""

from typing import Any, NamedTuple

import msgspec

from controller.events import Event

ABOUT = {
    "fire-latched": "fire",
    "posture-changed": "",
    "interlock-overridden": "interlock",
    "portal-forced": "portal",
    "portal-held": "portal",
    "portal-never-closed": "portal",
    "portal-lost": "portal",
    "contact-faulted": "portal",
    "exit-stuck": "portal",
    "reader-tampered": "reader",
    "reader-power-failed": "reader",
    "reader-lost": "reader",
    "device-suspected": "device",
    "orders-suspected": "",
    "journal-lost": "",
    "protocol-officer-called": "portal",
    "agent-without-consent": "holder",
    "visitor-overstayed": "visitor",
    "visitor-unescorted": "visitor",
    "party-left-behind": "holder",
    "holder-locked-out": "holder",
}
"""Of every kind that raises an alarm in the hour: the field that says of what."""

MOMENTS = {
    "interlock-overridden",
    "device-suspected",
    "orders-suspected",
    "protocol-officer-called",
    "agent-without-consent",
    "visitor-overstayed",
    "visitor-unescorted",
    "party-left-behind",
}
FORGOTTEN = {
    "reader-tampered",
    "reader-power-failed",
    "reader-lost",
    "journal-lost",
    "holder-locked-out",
}
"""A start forgets these, and what is still so is told again."""


class Page(NamedTuple):
    """One open alarm. `last`: the newest entry that told it."""

    seq: int
    kind: str
    source: str
    drill: bool
    count: int
    last: int
    lasts: bool
    seen: bool
    holder: str
    notes: int


class Book:
    """What is open, by what the entries say."""

    def __init__(self) -> None:
        self.open: dict[int, Page] = {}

    def read(self, event: Event) -> None:
        kind, seq = event.header.kind, event.header.seq
        body = msgspec.to_builtins(event.body)
        self._answer(kind, body)
        for page in list(self.open.values()):
            if page.lasts and _is_over(page, kind, body):
                self._keep(page._replace(lasts=False))
        gone = {body.get("holder")} if kind == "person-erased" else set()
        gone |= set(body["gone"]) if kind == "holders-replaced" else set()
        for page in list(self.open.values()):
            if page.holder in gone:
                self.open[page.seq] = page._replace(holder="")
        if kind in ABOUT and _counts(kind, body):
            self._tell(kind, str(body[ABOUT[kind]]) if ABOUT[kind] else "", seq, event.header.drill)

    def _keep(self, page: Page) -> None:
        """A condition that is over and was seen is done with."""
        if page.seen and not page.lasts and page.kind not in MOMENTS:
            del self.open[page.seq]
        else:
            self.open[page.seq] = page

    def _tell(self, kind: str, source: str, seq: int, drill: bool) -> None:
        for page in self.open.values():
            if (page.kind, page.source, page.drill) == (kind, source, drill):
                lasts = kind not in MOMENTS
                told = page._replace(count=page.count + 1, last=seq, lasts=lasts, seen=False)
                self.open[page.seq] = told
                return
        lasts = kind not in MOMENTS
        self.open[seq] = Page(seq, kind, source, drill, 1, seq, lasts, False, "", 0)

    def _answer(self, kind: str, body: dict[str, Any]) -> None:
        page = self.open.get(body.get("alarm", 0))
        if kind == "alarm-answer-refused":
            return
        assert page is not None or not kind.startswith("alarm-"), "nothing is done to what is not"
        match kind:
            case "alarm-acknowledged":
                assert page is not None
                assert not page.seen, "nobody acknowledges twice"
                self._keep(page._replace(seen=True))
            case "alarm-closed":
                assert page is not None
                assert page.seen, "nobody closes what nobody has seen"
                assert page.kind in MOMENTS, "what lasts closes by itself"
                del self.open[page.seq]
            case "alarm-assigned":
                assert page is not None
                self.open[page.seq] = page._replace(holder=body["holder"])
            case "alarm-noted":
                assert page is not None
                self.open[page.seq] = page._replace(notes=page.notes + 1)


def _counts(kind: str, body: dict[str, Any]) -> bool:
    flags = {"reader-tampered": "tampered", "reader-power-failed": "failing"}
    if kind == "posture-changed":
        return body["mode"] != "normal"
    return kind not in flags or bool(body[flags[kind]])


def _is_over(page: Page, kind: str, body: dict[str, Any]) -> bool:
    if kind == "edge-started" and page.kind in FORGOTTEN:
        return True
    if kind in {"edge-started", "policy-activated"} and ABOUT[page.kind] == "portal":
        return page.source not in body["portals"]
    match page.kind:
        case "posture-changed":
            return kind == "posture-changed" and body["mode"] == "normal"
        case "fire-latched":
            of_it = kind.startswith("fire-") and body.get("fire") == page.source
            return of_it and "after" in body and not body["after"].get("latched", False)
        case "journal-lost":
            return kind == "journal-restored"
        case "holder-locked-out":
            return kind == "lockout-ended" and body["holder"] == page.source
        case "reader-lost":
            return kind == "reader-found" and body["reader"] == page.source
        case "reader-tampered" | "reader-power-failed":
            return kind == page.kind and body["reader"] == page.source and not _counts(kind, body)
        case _:
            return _portal_says(page, body)


def _portal_says(page: Page, body: dict[str, Any]) -> bool:
    """By the portal as it is after any entry of it."""
    after = body.get("after")
    if body.get("portal") != page.source or not isinstance(after, dict) or "contact" not in after:
        return False
    match page.kind:
        case "portal-forced" | "portal-held" | "portal-never-closed":
            return bool(after["contact"] == "closed")
        case "contact-faulted":
            return after["contact"] in {"closed", "open"}
        case "portal-lost":
            return bool(after["linked"])
        case "exit-stuck":
            return not after["rex_stuck"]
        case _:
            return False
