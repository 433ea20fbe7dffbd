"""Names and ids. Names come from the site's files; ids are drawn at the edge, never in the core."""

from typing import Annotated, NewType

import msgspec

PortalId = NewType("PortalId", str)
ReaderId = NewType("ReaderId", str)
"""A reader is named by its portal and direction in the edge's configuration."""

CredentialRef = NewType("CredentialRef", str)
"""HMAC of a badge's bits under the site's key, hex: tells badges apart and gives nothing back."""

CredentialId = NewType("CredentialId", str)
HolderId = NewType("HolderId", str)
"""Random subject id: the pseudonym under which a person stands in every record."""

InputId = NewType("InputId", str)
AttemptId = NewType("AttemptId", str)
QuestionId = NewType("QuestionId", str)
EffectId = NewType("EffectId", str)

OrderId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""SHA-256 of what was signed, which holds 128 random bits."""
