"""Who is known to the site: `site.db`, the import that fills it, badges' references, PIN checks."""

from edge.people.answer import answer
from edge.people.importer import ImportPlan, ImportRefusedError, Update, plan_import, seal
from edge.people.pins import PinCheck, PinChecker, PinCost, PinHasher, PinHashError, hash_pins
from edge.people.records import EMPTY, Change, CredentialRecord, HolderRecord, PinRecord, Roll
from edge.people.refs import SiteKey, SiteKeyError, credential_ref, load_site_key
from edge.people.store import (
    People,
    PeopleDamagedError,
    PeopleError,
    PeopleForeignError,
    PeopleInUseError,
    PeopleMissingError,
    PeopleMovedError,
    PeopleStagedError,
    Staged,
)
from edge.people.table import FILE_BYTES_MAX, RowProblem

__all__ = [
    "EMPTY",
    "FILE_BYTES_MAX",
    "Change",
    "CredentialRecord",
    "HolderRecord",
    "ImportPlan",
    "ImportRefusedError",
    "People",
    "PeopleDamagedError",
    "PeopleError",
    "PeopleForeignError",
    "PeopleInUseError",
    "PeopleMissingError",
    "PeopleMovedError",
    "PeopleStagedError",
    "PinCheck",
    "PinChecker",
    "PinCost",
    "PinHashError",
    "PinHasher",
    "PinRecord",
    "Roll",
    "RowProblem",
    "SiteKey",
    "SiteKeyError",
    "Staged",
    "Update",
    "answer",
    "credential_ref",
    "hash_pins",
    "load_site_key",
    "plan_import",
    "seal",
]
