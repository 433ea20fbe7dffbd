"""What the pages say of visits and deliveries."""

from typing import Final

from controller.delivery import DeliveryState
from controller.events_visits import Given, Goods, VisitEnd
from controller.visit import State
from edge.documents import Document
from edge.web.words import marked

STATES: Final = {
    State.EXPECTED: (marked("expected"), "notice"),
    State.SIGNED_IN: (marked("here"), "granted"),
    State.OVERDUE: (marked("past the expected time"), "alarm"),
    State.LEAVING: (marked("signed out, still inside"), "denied"),
    State.UNACCOUNTED: (marked("nobody saw this person leave"), "alarm"),
    State.ENDED: (marked("over"), "quiet"),
}

ENDS: Final = {
    VisitEnd.SIGNED_OUT: marked("signed out"),
    VisitEnd.LEFT: marked("left"),
    VisitEnd.MISSED: marked("did not come"),
    VisitEnd.CANCELLED: marked("cancelled"),
    VisitEnd.VISITOR_GONE: marked("no longer on file"),
}

GIVEN: Final = {
    Given.CODE: marked("QR code"),
    Given.BADGE: marked("badge"),
    Given.NOTHING: marked("nothing"),
}

DOCUMENTS: Final = {
    Document.PASSPORT: marked("passport"),
    Document.DIPLOMATIC_PASSPORT: marked("diplomatic passport"),
    Document.IDENTITY_CARD: marked("identity card"),
    Document.RESIDENCE_PERMIT: marked("residence permit"),
    Document.DRIVING_LICENCE: marked("driving licence"),
    Document.SERVICE_CARD: marked("service card"),
    Document.LAISSEZ_PASSER: marked("laissez-passer"),
}

GOODS: Final = {
    Goods.PARCEL: marked("parcel"),
    Goods.LETTERS: marked("letters"),
    Goods.DIPLOMATIC_BAG: marked("diplomatic bag: never opened, never held"),
    Goods.SUPPLIES: marked("supplies"),
}

DELIVERIES: Final = {
    DeliveryState.BROUGHT: (marked("at the gate"), "notice"),
    DeliveryState.TAKEN: (marked("taken"), "notice"),
    DeliveryState.HANDED: (marked("handed over"), "granted"),
    DeliveryState.REFUSED: (marked("refused"), "denied"),
}
for words, kind in (
    (STATES, State),
    (ENDS, VisitEnd),
    (GIVEN, Given),
    (DOCUMENTS, Document),
    (GOODS, Goods),
    (DELIVERIES, DeliveryState),
):
    assert set(words) == set(kind), f"every {kind.__name__} has its word"
