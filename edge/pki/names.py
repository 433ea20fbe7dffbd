"""Whose certificate it is: the common name is `SITE/NAME`, which is what topics begin with.

No name has a slash, so nobody's is taken for another's, and the broker can bind an edge's topics to
its certificate by one rule for all. An edge's name starts with a letter; the others begin with an
underscore and can never be an edge's.
"""

from enum import StrEnum
from typing import NamedTuple

from edge.topics import CENTRAL, TopicError, Topics

COMMON_NAME_MAX = 64
"""X.520, ub-common-name."""

BROKER = "_broker"
MONITOR = "_monitor"


class Role(StrEnum):
    """What a certificate is for."""

    EDGE = "edge"
    CENTRAL = "central"
    MONITOR = "monitor"
    BROKER = "broker"


_PREFIXES = {Role.CENTRAL: CENTRAL, Role.MONITOR: MONITOR, Role.BROKER: BROKER}


class SubjectError(ValueError):
    """A name that no certificate can have."""


class Subject(NamedTuple):
    """Of one certificate. `name` is what stands behind the site: `gatehouse`, `_central`."""

    site: str
    name: str

    @property
    def common_name(self) -> str:
        return f"{self.site}/{self.name}"

    @property
    def role(self) -> Role:
        for role, prefix in _PREFIXES.items():
            if self.name == prefix or self.name.startswith(f"{prefix}-"):
                return role
        return Role.EDGE


def subject(site: str, role: Role, name: str = "") -> Subject:
    """Of somebody in this role. Edges and monitors need a name; a second central has one.

    Raises SubjectError.
    """
    prefix = _PREFIXES.get(role, "")
    whole = "-".join(part for part in (prefix, name) if part)
    try:
        # As an edge's: what may stand behind an underscore is the same, and as long.
        Topics(site, name or "x")
    except TopicError as error:
        raise SubjectError(str(error)) from None
    if name.startswith("_"):
        raise SubjectError(f"'{name}': an underscore stands before what is no edge")
    if not name and role in {Role.EDGE, Role.MONITOR}:
        raise SubjectError("a name is needed")
    made = Subject(site, whole)
    if len(made.common_name) > COMMON_NAME_MAX:
        raise SubjectError(
            f"'{made.common_name}' is longer than the {COMMON_NAME_MAX} characters that a "
            "certificate's name may have; choose a shorter name of the edge or site"
        )
    return made


def subject_of(common_name: str) -> Subject | None:
    """Whose a common name is; None for one that is not of this form."""
    site, slash, name = common_name.partition("/")
    return Subject(site, name) if slash and site and name and "/" not in name else None
