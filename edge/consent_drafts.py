"""Consents that people draft at the console and sign with keys of their own, one after the other.

The edge signs none of them. What comes of the last signature is judged by the core as a file would
be that was brought.
"""

import asyncio
from collections.abc import Callable

from msgspec.structs import asdict

from edge.config import Config
from edge.consent_orders import consent_order, unsigned, words_of
from edge.control.desk_page_orders import AtPage
from edge.control.messages_page_orders import DraftConsent, DraftReply, DraftShown
from edge.daemon import Daemon
from edge.drafts import ConsentDraft
from edge.drafts_signed import SignedDrafts, no, refuse_twice, signers_shown
from edge.orders import PAYLOAD_TYPE, OrderError
from edge.signatures import KeyKind, TrustedKey, Use, fits, pae, taken_apart
from edge.visit_desk import VisitDesk
from policies.rights import OrderKind


class ConsentDrafts(SignedDrafts[ConsentDraft]):
    """One edge's. `changed` is called whenever there is news of them."""

    signed_with = "sentrypost consent sign"

    def __init__(
        self,
        daemon: Daemon,
        config: Config,
        visits: VisitDesk,
        entropy: Callable[[int], bytes],
        changed: Callable[[], None],
    ) -> None:
        keys = tuple(key for key in config.keys if Use.CONSENT in key.may)
        super().__init__(daemon, config.site, keys, entropy, changed)
        self._visits = visits

    async def draft(self, asked: DraftConsent, by: AtPage) -> DraftReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        why = self._too_many(by.person) or await self._why_not(asked)
        if why is not None:
            return why
        try:
            order = consent_order(
                self._site,
                asked.person,
                asked.until_s,
                asked.reason,
                self._daemon.now().utc_s,
                self._entropy,
                asked.zones,
                asked.party,
            )
        except OrderError as error:
            return no(str(error), error.remedy)
        head = self._head(unsigned(order), by.person)
        return self._keep(ConsentDraft(**asdict(head), order=order), by)

    async def _why_not(self, asked: DraftConsent) -> DraftReply | None:
        """What the core would refuse when all have signed is said before anybody does."""
        daemon = self._daemon
        policy = daemon.site.policy
        record = await asyncio.to_thread(daemon.people.roll.named, asked.person)
        if record is None:
            return no(
                f"nobody on file has the id '{asked.person}'",
                "give the id that the file of people has",
            )
        if not policy.standing(record.roles).host_state:
            return no("the person is no agent of the host state and needs no consent", "")
        for zone in asked.zones:
            if zone not in policy.zones_by_id:
                return no(f"the policy has no zone '{zone}'", "choose another")
        if not self._keys:
            return no(
                "no key in the site file may sign consents",
                'enter one as [key.…] with may = ["consent"]',
            )
        return None

    def _fresh(self, draft: ConsentDraft) -> DraftShown:
        order = draft.order
        left = [key for key in self._keys if not draft.has_signed(key)]
        return DraftShown(
            draft=draft.id,
            order=draft.order_id,
            order_kind=OrderKind.CONSENT,
            zones=order.zones or (),
            until_s=order.until_s,
            person=order.person,
            reason=order.reason,
            words=tuple(words_of(order, self._daemon.site.policy.zone)),
            challenge=draft.shown_to_key(),
            options=draft.options(self._site, left),
            may=tuple(signers_shown(left)),
            signed_by=draft.people,
            needed=self._needed(),
            made_by=draft.made_by,
            made_utc_us=draft.made_utc_us,
            expires_utc_us=draft.expires_utc_us,
        )

    def _needed(self) -> int:
        rule = self._daemon.site.policy.orders.get(OrderKind.CONSENT)
        return 1 if rule is None else rule.people

    def _judge(self, draft: ConsentDraft, key: TrustedKey) -> None:
        refuse_twice(draft, key)

    def _signers_of(self, envelope: bytes) -> tuple[TrustedKey, ...]:
        """Of the keys that sign files; whatever else stands there is not for the edge to judge."""
        parts = taken_apart(envelope)
        message = pae(PAYLOAD_TYPE, parts.payload)
        return tuple(
            key
            for key in self._keys
            for keyid, signature in parts.signatures
            if key.kind is KeyKind.ED25519
            and keyid == key.id
            and fits(key.public, signature, message)
        )

    def _is_complete(self, draft: ConsentDraft) -> bool:
        return len(draft.people) >= self._needed()

    async def _give(self, draft: ConsentDraft, by: AtPage) -> DraftReply:
        given = await self._visits.give_consent(draft.envelope, by.person)
        return DraftReply(accepted=given.accepted, reason=given.reason, remedy=given.remedy)
