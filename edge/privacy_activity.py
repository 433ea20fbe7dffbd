"""One purpose for which something is kept of people."""

import msgspec


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """One purpose, with all that belongs to it."""

    purpose: str
    people: tuple[str, ...]
    data: tuple[str, ...]
    source: str
    recipients: tuple[str, ...]
    retention: str
    safeguards: tuple[str, ...]
