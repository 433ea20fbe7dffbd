"""Who is known to the site: `site.db`, the import that fills it, badges' references, PIN checks."""

from edge.people.pins import PinCheck, PinChecker, PinCost, PinHasher, PinHashError, hash_pins
from edge.people.records import Change, CredentialRecord, HolderRecord, PinRecord, Roll
from edge.people.refs import SiteKey, SiteKeyError, credential_ref, load_site_key
from edge.people.store import (
    People,
    PeopleDamagedError,
    PeopleError,
    PeopleForeignError,
    PeopleInUseError,
    PeopleMissingError,
    PeopleMovedError,
    Staged,
)

__all__ = [
    "Change",
    "CredentialRecord",
    "HolderRecord",
    "People",
    "PeopleDamagedError",
    "PeopleError",
    "PeopleForeignError",
    "PeopleInUseError",
    "PeopleMissingError",
    "PeopleMovedError",
    "PinCheck",
    "PinChecker",
    "PinCost",
    "PinHashError",
    "PinHasher",
    "PinRecord",
    "Roll",
    "SiteKey",
    "SiteKeyError",
    "Staged",
    "credential_ref",
    "hash_pins",
    "load_site_key",
]
