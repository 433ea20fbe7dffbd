"""What people ask of the running daemon about drafts: made, signed, withdrawn, and given as any
other order as soon as those have signed whom it takes.
"""

from collections.abc import Callable, Iterator

from msgspec.structs import asdict

from controller.entitled import Ground, people_needed, why_not_her
from controller.orders import ENDED_BY, RAISING
from edge.config import Config
from edge.control.desk_page_orders import AtPage
from edge.control.messages_page_orders import (
    DraftOrder,
    DraftReply,
    DraftShown,
    DraftsReply,
    EndMeant,
)
from edge.daemon import Daemon
from edge.drafts import OrderDraft
from edge.drafts_signed import SignedDrafts, no, refuse_twice, signers_shown
from edge.order_core import core_order, person_named
from edge.order_desk import PAGE, QUARANTINED, OrderDesk
from edge.order_own import REVIEW_S
from edge.order_particulars import CLASSES, named, order_of_kind
from edge.orders import OrderError, decoded, encoded, stamp, unsigned
from edge.signatures import KeyKind, SignersError, TrustedKey, Use, Verified, taken_apart
from edge.signed_orders import SignedOrder, order_id, signers_of
from policies.problems import did_you_mean
from policies.rights import OrderKind


class DraftDesk(SignedDrafts[OrderDraft]):
    """One edge's drafts of orders. `changed` is called whenever there is news of them."""

    signed_with = "sentrypost order sign"

    def __init__(
        self,
        daemon: Daemon,
        config: Config,
        orders: OrderDesk,
        changed: Callable[[], None],
    ) -> None:
        keys = tuple(key for key in config.keys if Use.ORDER in key.may)
        super().__init__(daemon, config.site, keys, orders.entropy, changed)
        self._site_keys = config.keys
        self._orders = orders
        self._made_of: dict[str, tuple[tuple[object, ...], DraftShown]] = {}

    async def draft(self, asked: DraftOrder, by: AtPage) -> DraftReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        if (why := self._too_many(by.person)) is not None:
            return why
        try:
            issuer = self._issuer(asked.issuer, by.person)
            made = await self._made(asked, issuer, by.person)
        except OrderError as error:
            return no(str(error), error.remedy)
        await self._look_up_signers()
        return self._keep(made, by)

    async def _look_up_signers(self) -> None:
        await self._orders.signers.keep(self._daemon.people.roll)

    async def _give(self, draft: OrderDraft, by: AtPage) -> DraftReply:
        given = await self._orders.take(draft.envelope, PAGE, by.person)
        return DraftReply(
            accepted=given.accepted, reason=given.reason, remedy=given.remedy, given=given
        )

    def _signers_of(self, envelope: bytes) -> tuple[TrustedKey, ...]:
        return signers_of(envelope, self._site_keys, self._site)

    def _is_complete(self, draft: OrderDraft) -> bool:
        needed = people_needed(self._daemon.site.policy, draft.order)
        return len(draft.people) >= needed and draft.issuer in draft.signed

    # --- shown ---

    async def drafts(self, by: AtPage) -> DraftsReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        await self._look_up_signers()
        own = tuple(key.name for key in _own(self._keys, by.person))
        return DraftsReply(drafts=self.shown(by), issuers=own)

    def _fresh(self, draft: OrderDraft) -> DraftShown:
        """Made once for all who look: whom it may be signed by is looked up key by key."""
        site = self._daemon.site
        of = draft, site.state.orders, site.policy, site.directory
        made = self._made_of.get(draft.id)
        if made is None or any(one is not other for one, other in zip(made[0], of, strict=True)):
            waiting = {name: one for name, one in self._made_of.items() if name in self._drafts}
            made = of, self._told(draft)
            self._made_of = waiting | {draft.id: made}
        return made[1]

    def _told(self, draft: OrderDraft) -> DraftShown:
        order, site = draft.order, self._daemon.site
        may = [key for key in self._keys if draft.takes(key) and self._why_not(draft, key) is None]
        return DraftShown(
            draft=draft.id,
            order=order.id,
            order_kind=order.kind,
            zones=order.zones,
            portals=tuple(order.portals),
            cover=str(order.cover) if order.kind is OrderKind.LOCKDOWN else "",
            level=order.level,
            drill=order.drill,
            ends=tuple(self._ends(draft)),
            until_s=order.until_s,
            role=order.role,
            person=person_named(draft.said) or "",
            fire=order.fire,
            reason=order.reason,
            words=draft.lines(site.policy.zone),
            challenge=draft.shown_to_key(),
            options=draft.options(self._site, may),
            may=tuple(signers_shown(may, draft.issuer)),
            signed_by=draft.people,
            needed=people_needed(site.policy, order),
            made_by=draft.made_by,
            made_utc_us=draft.made_utc_us,
            expires_utc_us=draft.expires_utc_us,
        )

    def _ends(self, draft: OrderDraft) -> Iterator[EndMeant]:
        in_force = self._daemon.site.state.orders.in_force
        for one in draft.order.ends:
            found = in_force.get(one)
            if found is None:
                yield EndMeant(order=one)
                continue
            order = found.order
            kind, zones = str(order.kind), order.zones
            yield EndMeant(order=one, order_kind=kind, zones=zones, reason=order.reason)

    # --- one draft ---

    def _issuer(self, name: str, person: str) -> TrustedKey:
        """Raises OrderError."""
        own = _own(self._keys, person)
        if not name and own:
            return own[0]
        for key in self._keys:
            if key.name == name:
                return key
        names = [key.name for key in self._keys]
        if not name:
            raise OrderError(
                "none of your keys may sign orders here",
                "have it entered as [key.…] in the site file, with holder = your id and may = "
                '["order"], or name the key of somebody who will sign',
            )
        known = did_you_mean(name, names) or f"those that may: {', '.join(names) or 'none'}"
        raise OrderError(f"the site file has no [key.{name}] that may sign orders", known)

    async def _made(self, asked: DraftOrder, issuer: TrustedKey, person: str) -> OrderDraft:
        """Raises OrderError."""
        daemon, now = self._daemon, self._daemon.now()
        self._judge_use(asked)
        head = stamp(
            self._site,
            issuer.id,
            asked.reason,
            now_ms=max(1, now.utc_us // 1_000),
            review_s=now.utc_s + REVIEW_S,
            entropy=self._entropy,
        )
        made = order_of_kind(asked.kind, _said(asked), head, daemon.site.policy, now.utc_s)
        said, envelope = decoded(encoded(made)), unsigned(made)
        holder = await self._orders.holder_named(said)
        by_nobody = Verified(taken_apart(envelope).payload, (), ())
        signed = SignedOrder(said, order_id(envelope), by_nobody, False, ())
        return OrderDraft(
            **asdict(self._head(envelope, person)),
            said=said,
            order=core_order(signed, envelope, holder),
            issuer=issuer,
        )

    def _judge_use(self, asked: DraftOrder) -> None:
        """Raises OrderError for what would be signed in vain."""
        orders, kind = self._daemon.site.state.orders, asked.kind
        if kind not in CLASSES:
            raise OrderError(f"'{kind}' is no order that is drafted", "choose another")
        if orders.quarantined and kind not in RAISING and kind is not OrderKind.COUNTERS:
            raise OrderError("what was ordered may be missing here", QUARANTINED)
        for one in asked.ends:
            found = orders.in_force.get(one)
            if found is None or found.order.kind not in ENDED_BY.get(kind, frozenset()):
                raise OrderError(
                    f"order {one[:12]} is not in force here, or not ended by '{kind}'",
                    "choose one that is shown as in force",
                )

    def _judge(self, draft: OrderDraft, key: TrustedKey) -> None:
        """Raises SignatureError where this key's signature does not count."""
        if Use.ORDER not in key.may:
            raise SignersError(f"key '{key.name}' is an edge's own", "people sign a draft")
        refuse_twice(draft, key)
        if not draft.takes(key):
            raise SignersError(
                f"the number in it is that of key '{draft.issuer.name}'", "sign with that key"
            )
        why = self._why_not(draft, key)
        if why is not None:
            raise SignersError(
                f"{key.person}'s signature does not count: {why}",
                "have it signed by somebody whom the policy names in [order.…], with holder = the "
                "id on file beside the key",
            )

    def _why_not(self, draft: OrderDraft, key: TrustedKey) -> str | None:
        site = self._daemon.site
        ground = Ground(site.state.orders, site.policy, site.directory, self._daemon.now())
        return why_not_her(ground, draft.order, self._orders.signers.known(key))


def _own(keys: tuple[TrustedKey, ...], person: str) -> list[TrustedKey]:
    """Hers, security keys first: they sign at the page."""
    own = [key for key in keys if person and key.holder == person]
    return sorted(own, key=lambda key: key.kind is not KeyKind.FIDO2)


def _said(asked: DraftOrder) -> dict[str, object]:
    """By the fields of orders, what was named alone."""
    said = named({name: getattr(asked, name) for name in _FIELDS})
    if not asked.moves:
        said["moves"] = False
    return said


_FIELDS = (
    "ends", "zones", "portals", "cover", "level", "drill", "until_s", "despite", "fire",
    "challenge", "role", "person", "kinds", "unreachable",
)  # fmt: skip
