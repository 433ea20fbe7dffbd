"""Consents that people draft at the console and sign with keys of their own, one after the other.

As `edge.draft_desk` has the other orders: kept in memory, not for long, and the edge signs none of
them. What comes of the last signature is judged by the core as a file would be that was brought.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from controller.ids import OrderId
from controller.moment import Micros
from edge.config import Config
from edge.consent_orders import ConsentOrder, consent_order, unsigned, words_of
from edge.control.desk_page_orders import AtPage
from edge.control.messages_page_orders import (
    DRAFTS_MAX,
    AddSignedFile,
    DraftConsent,
    DraftFile,
    DraftReply,
    DraftShown,
    DraftSigner,
    SignDraft,
)
from edge.daemon import Daemon
from edge.draft_desk import ID_BYTES, OVER, OWN_MAX
from edge.drafts import DRAFT_US, options, url_safe
from edge.fido2_assertions import challenge, from_webauthn
from edge.order_desk import MAKE_ANEW
from edge.orders import PAYLOAD_TYPE, OrderError
from edge.signatures import (
    KeyKind,
    SignatureError,
    SignersError,
    TrustedKey,
    Use,
    fits,
    pae,
    taken_apart,
    with_signature,
)
from edge.signed_orders import with_assertion
from edge.visit_desk import VisitDesk
from policies.rights import OrderKind


class ConsentDraft(NamedTuple):
    """`envelope`: with what was signed so far, by the keys `signed`. `until_us`: monotonic;
    `expires_utc_us`: the same, for people.
    """

    id: str
    order: ConsentOrder
    envelope: bytes
    made_by: str
    made_utc_us: Micros
    until_us: Micros
    expires_utc_us: Micros
    signed: tuple[TrustedKey, ...] = ()

    @property
    def payload(self) -> bytes:
        return taken_apart(self.envelope).payload

    @property
    def people(self) -> tuple[str, ...]:
        """Who has signed, each once, by the names of the site file."""
        return tuple(dict.fromkeys(key.person for key in self.signed))

    def has_signed(self, key: TrustedKey) -> bool:
        """Whether its owner has, with this key or another."""
        holders = {one.holder for one in self.signed if one.holder}
        return key.person in self.people or key.holder in holders


class ConsentDrafts:
    """One edge's. `changed` is called whenever there is news of them."""

    def __init__(
        self,
        daemon: Daemon,
        config: Config,
        visits: VisitDesk,
        entropy: Callable[[int], bytes],
        changed: Callable[[], None],
    ) -> None:
        self._daemon = daemon
        self._site = config.site
        self._visits = visits
        self._entropy = entropy
        self._changed = changed
        self._drafts: dict[str, ConsentDraft] = {}
        self._keys = tuple(key for key in config.keys if Use.CONSENT in key.may)

    def has(self, draft: str) -> bool:
        """Whether it is one of these. Never blocks."""
        return draft in self._drafts

    async def draft(self, asked: DraftConsent, by: AtPage) -> DraftReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        waiting = self._open()
        if len(waiting) >= DRAFTS_MAX or sum(d.made_by == by.person for d in waiting) >= OWN_MAX:
            return _no("too many drafts wait already", "withdraw one that is not meant any more")
        why = await self._why_not(asked)
        if why is not None:
            return why
        now = self._daemon.now()
        try:
            order = consent_order(
                self._site,
                asked.person,
                asked.until_s,
                asked.reason,
                now.utc_s,
                self._entropy,
                asked.zones,
                asked.party,
            )
        except OrderError as error:
            return _no(str(error), error.remedy)
        made = ConsentDraft(
            id=self._entropy(ID_BYTES).hex(),
            order=order,
            envelope=unsigned(order),
            made_by=by.person,
            made_utc_us=now.utc_us,
            until_us=now.mono_us + DRAFT_US,
            expires_utc_us=now.utc_us + DRAFT_US,
        )
        self._drafts[made.id] = made
        self._changed()
        return DraftReply(accepted=True, reason="drafted", draft=self._shown(made, by))

    async def _why_not(self, asked: DraftConsent) -> DraftReply | None:
        """What the core would refuse when all have signed is said before anybody does."""
        daemon = self._daemon
        policy = daemon.site.policy
        record = await asyncio.to_thread(daemon.people.roll.named, asked.person)
        if record is None:
            return _no(
                f"nobody on file has the id '{asked.person}'",
                "give the id that the file of people has",
            )
        if not policy.standing(record.roles).host_state:
            return _no("the person is no agent of the host state and needs no consent", "")
        for zone in asked.zones:
            if zone not in policy.zones_by_id:
                return _no(f"the policy has no zone '{zone}'", "choose another")
        if not self._keys:
            return _no(
                "no key in the site file may sign consents",
                'enter one as [key.…] with may = ["consent"]',
            )
        return None

    async def sign(self, asked: SignDraft, by: AtPage) -> DraftReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        found = self._named(asked.draft)
        if found is None:
            return _no(OVER, MAKE_ANEW)
        try:
            signature = from_webauthn(asked.response.encode())
            envelope, key = with_assertion(found.envelope, signature, self._keys, self._site)
            _judge(found, key)
        except (OrderError, SignatureError) as error:
            return _no(str(error), error.remedy, self._shown(found, by))
        return await self._signed(found, envelope, (*found.signed, key), by)

    async def add(self, asked: AddSignedFile, by: AtPage) -> DraftReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        found = self._named(asked.draft)
        if found is None:
            return _no(OVER, MAKE_ANEW)
        try:
            envelope, signed = self._merged(found, asked.envelope)
        except (OrderError, SignatureError) as error:
            return _no(str(error), error.remedy, self._shown(found, by))
        return await self._signed(found, envelope, signed, by)

    def file(self, draft: str) -> DraftFile:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        found = self._named(draft)
        if found is None:
            return DraftFile(reason=OVER, remedy=MAKE_ANEW)
        return DraftFile(envelope=found.envelope, name=f"consent-{draft[:8]}.order")

    def withdraw(self, draft: str, by: AtPage) -> DraftReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        found = self._named(draft)
        if found is None:
            return _no(OVER, "")
        if found.made_by != by.person:
            return _no("somebody else has made it", "let it be, and it is over in a while")
        del self._drafts[draft]
        self._changed()
        return DraftReply(accepted=True, reason="withdrawn")

    def shown(self, by: AtPage) -> tuple[DraftShown, ...]:
        """Those that wait, oldest first. Never blocks."""
        return tuple(self._shown(draft, by) for draft in self._open())

    def _shown(self, draft: ConsentDraft, by: AtPage) -> DraftShown:
        order, zone = draft.order, self._daemon.site.policy.zone
        asked = url_safe(challenge(pae(PAYLOAD_TYPE, draft.payload)))
        left = [key for key in self._keys if not draft.has_signed(key)]
        return DraftShown(
            draft=draft.id,
            order=_id_of(draft),
            order_kind=OrderKind.CONSENT,
            zones=order.zones or (),
            until_s=order.until_s,
            person=order.person,
            reason=order.reason,
            words=tuple(words_of(order, zone)),
            challenge=asked,
            options=options(asked, self._site, left),
            may=tuple(_signers(left)),
            signed_by=draft.people,
            needed=self._needed(),
            made_by=draft.made_by,
            yours=draft.made_by == by.person,
            made_utc_us=draft.made_utc_us,
            expires_utc_us=draft.expires_utc_us,
        )

    def _needed(self) -> int:
        rule = self._daemon.site.policy.orders.get(OrderKind.CONSENT)
        return 1 if rule is None else rule.people

    def _open(self) -> list[ConsentDraft]:
        """Those that are not over, oldest first; the others are forgotten."""
        now_us = self._daemon.now().mono_us
        self._drafts = {name: one for name, one in self._drafts.items() if one.until_us > now_us}
        return list(self._drafts.values())

    def _named(self, draft: str) -> ConsentDraft | None:
        self._open()
        return self._drafts.get(draft)

    def _merged(self, draft: ConsentDraft, envelope: bytes) -> tuple[bytes, tuple[TrustedKey, ...]]:
        """With whatever the file adds, or nothing of it. Raises SignatureError."""
        parts = taken_apart(envelope)
        if parts.payload != draft.payload or parts.payload_type != PAYLOAD_TYPE:
            raise SignersError(
                "this is another order than the draft", "sign the file that the draft gives"
            )
        merged, signed = draft.envelope, draft.signed
        message = pae(PAYLOAD_TYPE, parts.payload)
        for key in self._keys:
            for keyid, signature in parts.signatures:
                plain = key.kind is KeyKind.ED25519 and keyid == key.id and key not in signed
                if plain and fits(key.public, signature, message):
                    _judge(draft._replace(signed=signed), key)
                    merged, signed = with_signature(merged, key.id, signature), (*signed, key)
        if signed == draft.signed:
            raise SignersError(
                "nobody has signed it since", "sign it with `sentrypost consent sign`"
            )
        return merged, signed

    async def _signed(
        self, draft: ConsentDraft, envelope: bytes, signed: tuple[TrustedKey, ...], by: AtPage
    ) -> DraftReply:
        """Give it where as many have signed as it takes."""
        draft = draft._replace(envelope=envelope, signed=signed)
        self._drafts[draft.id] = draft
        self._changed()
        if len(draft.people) < self._needed():
            return DraftReply(accepted=True, reason="signed", draft=self._shown(draft, by))
        del self._drafts[draft.id]
        given = await self._visits.give_consent(envelope, by.person)
        self._changed()
        return DraftReply(accepted=given.accepted, reason=given.reason, remedy=given.remedy)


def _id_of(draft: ConsentDraft) -> OrderId:
    return hashlib.sha256(draft.payload).hexdigest()


def _judge(draft: ConsentDraft, key: TrustedKey) -> None:
    """Raises SignersError where this key's signature does not count."""
    if draft.has_signed(key):
        raise SignersError(
            f"{key.person} has signed it already", "somebody else has to sign it as well"
        )


def _signers(keys: list[TrustedKey]) -> Iterator[DraftSigner]:
    for person in dict.fromkeys(key.person for key in keys):
        hers = [key for key in keys if key.person == person]
        yield DraftSigner(
            person=next((key.holder for key in hers if key.holder), ""),
            name=person,
            has_key=any(key.kind is KeyKind.FIDO2 for key in hers),
        )


def _no(reason: str, remedy: str, draft: DraftShown | None = None) -> DraftReply:
    return DraftReply(accepted=False, reason=reason, remedy=remedy, draft=draft)
