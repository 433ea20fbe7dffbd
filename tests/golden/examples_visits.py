"""Examples of events of visits and deliveries, every field filled."""

from controller.body import Body
from controller.events_visits import (
    DeliveryHanded,
    DeliveryRefused,
    DeliveryTaken,
    Given,
    Goods,
    PresenceCorrected,
    VisitBadgeReturned,
    VisitEnd,
    VisitEnded,
    VisitExpected,
    VisitExtended,
    VisitorGiven,
    VisitorSignedIn,
    VisitorSignedOut,
    VisitorUnaccounted,
    VisitOverdue,
    WordOf,
)
from controller.ids import CredentialId, HolderId
from controller.ledger import Personal, commitment

OPERATOR = commitment(Personal("operator", "Officer Smith", "0f" * 16))
PURPOSE = commitment(Personal("purpose", "a treaty", "1a" * 16))
ORGANISATION = commitment(Personal("organisation", "Ministry of Rivers", "2b" * 16))
DOCUMENT = commitment(Personal("document", "passport, UTO", "3c" * 16))
REASON = commitment(Personal("reason", "seen at the ramp", "4d" * 16))
COMPANY = commitment(Personal("company", "Swift Wheels", "5e" * 16))
VEHICLE = commitment(Personal("vehicle", "UT 1234", "6f" * 16))
CONTENTS = commitment(Personal("contents", "toner", "7a" * 16))

VISIT, DELIVERY = "0123456789abcdef", "fedcba9876543210"
VISITOR, HOST = HolderId("h1"), HolderId("h2")
CREDENTIAL = CredentialId("00112233aabbccdd")

VISITS: tuple[Body, ...] = (
    VisitExpected(
        visit=VISIT,
        holder=VISITOR,
        host=HOST,
        from_s=1_795_212_000,
        until_s=1_795_215_600,
        closes_s=1_795_219_200,
        purpose=PURPOSE,
        organisation=ORGANISATION,
        operator=OPERATOR,
    ),
    VisitorSignedIn(
        visit=VISIT,
        holder=VISITOR,
        given=Given.CODE,
        credential=CREDENTIAL,
        document=DOCUMENT,
        operator=OPERATOR,
    ),
    VisitorGiven(
        visit=VISIT, holder=VISITOR, given=Given.BADGE, credential=CREDENTIAL, operator=OPERATOR
    ),
    VisitExtended(
        visit=VISIT,
        holder=VISITOR,
        until_s=1_795_217_400,
        closes_s=1_795_219_200,
        word=WordOf.HOST,
        operator=OPERATOR,
    ),
    VisitOverdue(visit=VISIT, holder=VISITOR, host=HOST, until_s=1_795_217_400),
    VisitorUnaccounted(visit=VISIT, holder=VISITOR, host=HOST, zone="hall", signed_out=True),
    VisitorSignedOut(visit=VISIT, holder=VISITOR, waits=True, operator=OPERATOR),
    VisitEnded(visit=VISIT, holder=VISITOR, cause=VisitEnd.CANCELLED, operator=OPERATOR),
    VisitBadgeReturned(visit=VISIT, holder=VISITOR),
    PresenceCorrected(
        holder=VISITOR, where="garage", inside=True, reason=REASON, operator=OPERATOR
    ),
    DeliveryTaken(
        delivery=DELIVERY,
        goods=Goods.PARCEL,
        portal="gate",
        place="hatch",
        recipient=HOST,
        bearer=VISITOR,
        company=COMPANY,
        vehicle=VEHICLE,
        contents=CONTENTS,
        operator=OPERATOR,
    ),
    DeliveryHanded(delivery=DELIVERY, receiver=HOST, operator=OPERATOR),
    DeliveryRefused(
        delivery=DELIVERY,
        goods=Goods.SUPPLIES,
        portal="gate",
        company=COMPANY,
        vehicle=VEHICLE,
        reason=REASON,
        operator=OPERATOR,
    ),
)
