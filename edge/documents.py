"""Documents that a guard looks at: their kind, and who has issued them.

Never a number, a date or a copy: that a guard has seen a document is all that the record needs, and
a number would tie a visit to registers of others for good.
"""

from enum import StrEnum


class Document(StrEnum):
    PASSPORT = "passport"
    DIPLOMATIC_PASSPORT = "diplomatic-passport"
    IDENTITY_CARD = "identity-card"
    RESIDENCE_PERMIT = "residence-permit"
    DRIVING_LICENCE = "driving-licence"
    SERVICE_CARD = "service-card"
    LAISSEZ_PASSER = "laissez-passer"


def in_words(document: Document, country: str) -> str:
    """What is kept of it: `passport, FRA`."""
    return f"{document}, {country}"
