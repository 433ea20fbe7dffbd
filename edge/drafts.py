"""Orders that people draft at a page and sign with keys of their own, one after the other.

Kept in memory alone, and not for long: what nobody has signed by then is made anew. Each signature
is verified when it comes, by the same code that judges the order, and the edge adds none.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import tzinfo

import msgspec

from controller.ids import OrderId
from controller.moment import SECOND_US, Micros
from controller.orders import Order
from edge.consent_orders import ConsentOrder
from edge.fido2_assertions import challenge, rp_id
from edge.order_words import words_of
from edge.orders import PAYLOAD_TYPE, AnyOrder
from edge.signatures import KeyKind, TrustedKey, pae, taken_apart
from edge.signed_orders import order_id

DRAFT_US = 15 * 60 * SECOND_US
"""The second person is on the way; a page that is left overnight orders nothing."""

SIGNING_MS = 120_000
"""What a browser waits for the key, its PIN and the touch."""


class Drafted(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for signatures. `envelope`: with what was signed so far, by the keys `signed`.
    `until_us`: monotonic; `expires_utc_us`: the same, for people.
    """

    id: str
    envelope: bytes
    made_by: str
    made_utc_us: Micros
    until_us: Micros
    expires_utc_us: Micros
    signed: tuple[TrustedKey, ...] = ()

    @property
    def order_id(self) -> OrderId:
        """What it is known by, whoever has signed it."""
        return order_id(self.envelope)

    @property
    def people(self) -> tuple[str, ...]:
        """Who has signed, each once, by the names of the site file."""
        return tuple(dict.fromkeys(key.person for key in self.signed))

    @property
    def holders(self) -> frozenset[str]:
        """Who of them the site file says is whom on file."""
        return frozenset(key.holder for key in self.signed if key.holder)

    def has_signed(self, key: TrustedKey) -> bool:
        """Whether its owner has, with this key or another."""
        return key.person in self.people or key.holder in self.holders

    def shown_to_key(self) -> str:
        """The challenge of a security key, in base64url: every signature is over the same."""
        return url_safe(challenge(pae(PAYLOAD_TYPE, taken_apart(self.envelope).payload)))

    def options(self, site: str, keys: Iterable[TrustedKey]) -> str:
        """PublicKeyCredentialRequestOptionsJSON (WebAuthn level 3, 5.1.10): what a browser is asked
        for to have one of these keys sign. Keys of other kinds sign files alone.
        """
        return json.dumps(
            {
                "challenge": self.shown_to_key(),
                "timeout": SIGNING_MS,
                "rpId": rp_id(site),
                "allowCredentials": [
                    {"type": "public-key", "id": url_safe(key.credential)}
                    for key in keys
                    if key.kind is KeyKind.FIDO2
                ],
                "userVerification": "required",
            }
        )


class OrderDraft(Drafted, frozen=True, kw_only=True):
    """An order. `issuer` has to be among those who sign."""

    said: AnyOrder
    order: Order
    issuer: TrustedKey

    def takes(self, key: TrustedKey) -> bool:
        """Whether this key could sign next, whoever may: its owner has not, and if she is the
        issuer, it is the one whose number stands in the order.
        """
        issuer = self.issuer
        hers = key.person == issuer.person or (key.holder != "" and key.holder == issuer.holder)
        return not self.has_signed(key) and (key.id == issuer.id or not hers)

    def lines(self, zone: tzinfo) -> tuple[str, ...]:
        """What it says."""
        return tuple(words_of(self.said, zone))


class ConsentDraft(Drafted, frozen=True, kw_only=True):
    """A consent of the head of mission."""

    order: ConsentOrder


def url_safe(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
