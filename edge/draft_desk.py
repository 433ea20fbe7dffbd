"""What people ask of the running daemon about drafts: made, signed, withdrawn, and given as any
other order as soon as those have signed whom it takes.
"""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from controller.entitled import Ground, people_needed, why_not_her
from controller.orders import ENDED_BY, RAISING
from edge.config import Config
from edge.control.desk_page_orders import AtPage
from edge.control.messages_page_orders import (
    DRAFTS_MAX,
    AddSignedFile,
    DraftFile,
    DraftOrder,
    DraftReply,
    DraftShown,
    DraftSigner,
    DraftsReply,
    EndMeant,
    SignDraft,
)
from edge.daemon import Daemon
from edge.drafts import DRAFT_US, Draft
from edge.fido2_assertions import from_webauthn
from edge.order_core import core_order, person_named
from edge.order_desk import MAKE_ANEW, PAGE, QUARANTINED, OrderDesk
from edge.order_own import REVIEW_S
from edge.order_particulars import CLASSES, named, order_of_kind
from edge.orders import OrderError, bounded, decoded, encoded, stamp, unsigned
from edge.signatures import (
    KeyKind,
    SignatureError,
    SignersError,
    TrustedKey,
    Use,
    Verified,
    taken_apart,
    with_signature,
)
from edge.signed_orders import SignedOrder, order_id, signers_of, with_assertion
from policies.problems import did_you_mean
from policies.rights import OrderKind

OWN_MAX = 4
"""Drafts of one person: who has more of them open has lost sight of them."""

ID_BYTES = 8

OVER = "there is no such draft: it was given, withdrawn, or is older than a quarter of an hour"


class DraftDesk:
    """One edge's drafts. `changed` is called whenever there is news of them."""

    def __init__(
        self,
        daemon: Daemon,
        config: Config,
        orders: OrderDesk,
        changed: Callable[[], None],
    ) -> None:
        self._daemon = daemon
        self._config = config
        self._orders = orders
        self._entropy = orders.entropy
        self._changed = changed
        self._drafts: dict[str, Draft] = {}
        self._made_of: dict[str, tuple[tuple[object, ...], DraftShown]] = {}
        self._keys = tuple(key for key in config.keys if Use.ORDER in key.may)

    # --- made and withdrawn ---

    async def draft(self, asked: DraftOrder, by: AtPage) -> DraftReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        open_now = self._open()
        if len(open_now) >= DRAFTS_MAX or sum(d.made_by == by.person for d in open_now) >= OWN_MAX:
            return _no("too many drafts wait already", "withdraw one that is not meant any more")
        try:
            issuer = self._issuer(asked.issuer, by.person)
            made = await self._made(asked, issuer, by.person)
        except OrderError as error:
            return _no(str(error), error.remedy)
        await self._orders.signers.keep(self._daemon.people.roll)
        self._drafts[made.id] = made
        self._changed()
        return DraftReply(accepted=True, reason="drafted", draft=self._shown(made, by))

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

    # --- signed ---

    async def sign(self, asked: SignDraft, by: AtPage) -> DraftReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        await self._orders.signers.keep(self._daemon.people.roll)
        found = self._named(asked.draft)
        if found is None:
            return _no(OVER, MAKE_ANEW)
        site, keys = self._config.site, self._keys
        try:
            signature = from_webauthn(asked.response.encode())
            envelope, key = with_assertion(found.envelope, signature, keys, site)
            self._judge(found, key)
        except (OrderError, SignatureError) as error:
            return _no(str(error), error.remedy, self._shown(found, by))
        return await self._signed(found, envelope, (*found.signed, key), by)

    async def add(self, asked: AddSignedFile, by: AtPage) -> DraftReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        await self._orders.signers.keep(self._daemon.people.roll)
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
        return DraftFile(envelope=found.envelope, name=f"{found.order.kind}-{draft[:8]}.order")

    # --- shown ---

    async def drafts(self, by: AtPage) -> DraftsReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        await self._orders.signers.keep(self._daemon.people.roll)
        own = tuple(key.name for key in _own(self._keys, by.person))
        return DraftsReply(drafts=self.shown(by), issuers=own)

    def shown(self, by: AtPage) -> tuple[DraftShown, ...]:
        """Those that wait, oldest first. Never blocks."""
        return tuple(self._shown(draft, by) for draft in self._open())

    def _shown(self, draft: Draft, by: AtPage) -> DraftShown:
        """Made once for all who look: whom it may be signed by is looked up key by key."""
        site = self._daemon.site
        of = draft, site.state.orders, site.policy, site.directory
        made = self._made_of.get(draft.id)
        if made is None or any(one is not other for one, other in zip(made[0], of, strict=True)):
            waiting = {name: one for name, one in self._made_of.items() if name in self._drafts}
            made = of, self._fresh(draft)
            self._made_of = waiting | {draft.id: made}
        return replace(made[1], yours=draft.made_by == by.person)

    def _fresh(self, draft: Draft) -> DraftShown:
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
            options=draft.options(self._config.site, may),
            may=tuple(_signers(may, draft)),
            signed_by=draft.people,
            needed=people_needed(site.policy, order),
            made_by=draft.made_by,
            made_utc_us=draft.made_utc_us,
            expires_utc_us=draft.expires_utc_us,
        )

    def _ends(self, draft: Draft) -> Iterator[EndMeant]:
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

    def _open(self) -> list[Draft]:
        """Those that are not over, oldest first; the others are forgotten."""
        now_us = self._daemon.now().mono_us
        self._drafts = {name: one for name, one in self._drafts.items() if one.until_us > now_us}
        return list(self._drafts.values())

    def _named(self, draft: str) -> Draft | None:
        self._open()
        return self._drafts.get(draft)

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

    async def _made(self, asked: DraftOrder, issuer: TrustedKey, person: str) -> Draft:
        """Raises OrderError."""
        daemon, now = self._daemon, self._daemon.now()
        self._judge_use(asked)
        head = stamp(
            self._config.site,
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
        return Draft(
            id=self._entropy(ID_BYTES).hex(),
            said=said,
            order=core_order(signed, envelope, holder),
            envelope=envelope,
            issuer=issuer,
            made_by=person,
            made_utc_us=now.utc_us,
            until_us=now.mono_us + DRAFT_US,
            expires_utc_us=now.utc_us + DRAFT_US,
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

    def _judge(self, draft: Draft, key: TrustedKey) -> None:
        """Raises SignatureError where this key's signature does not count."""
        if Use.ORDER not in key.may:
            raise SignersError(f"key '{key.name}' is an edge's own", "people sign a draft")
        if draft.has_signed(key):
            raise SignersError(
                f"{key.person} has signed it already", "somebody else has to sign it as well"
            )
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

    def _why_not(self, draft: Draft, key: TrustedKey) -> str | None:
        site = self._daemon.site
        ground = Ground(site.state.orders, site.policy, site.directory, self._daemon.now())
        return why_not_her(ground, draft.order, self._orders.signers.known(key))

    def _merged(self, draft: Draft, envelope: bytes) -> tuple[bytes, tuple[TrustedKey, ...]]:
        """The draft's envelope with whatever the file adds, or nothing of it. Raises OrderError,
        SignatureError.
        """
        signed = signers_of(envelope, self._config.keys, self._config.site)
        if order_id(envelope) != draft.order.id:
            raise SignersError(
                "this is another order than the draft", "sign the file that the draft gives"
            )
        merged, keys = draft.envelope, draft.signed
        raw = dict(taken_apart(envelope).signatures)
        for key in signed:
            if key in draft.signed:
                continue
            self._judge(draft._replace(signed=keys), key)
            merged, keys = with_signature(merged, key.id, raw[key.id]), (*keys, key)
        if keys == draft.signed:
            raise SignersError("nobody has signed it since", "sign it with `sentrypost order sign`")
        return bounded(merged), keys

    async def _signed(
        self, draft: Draft, envelope: bytes, signed: tuple[TrustedKey, ...], by: AtPage
    ) -> DraftReply:
        """Give it where those have signed whom it takes."""
        draft = draft._replace(envelope=envelope, signed=signed)
        self._drafts[draft.id] = draft
        needed = people_needed(self._daemon.site.policy, draft.order)
        self._changed()
        if len(draft.people) < needed or draft.issuer not in signed:
            return DraftReply(accepted=True, reason="signed", draft=self._shown(draft, by))
        del self._drafts[draft.id]
        given = await self._orders.take(envelope, PAGE, by.person)
        return DraftReply(
            accepted=given.accepted, reason=given.reason, remedy=given.remedy, given=given
        )


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


def _signers(may: list[TrustedKey], draft: Draft) -> Iterator[DraftSigner]:
    for person in dict.fromkeys(key.person for key in may):
        hers = [key for key in may if key.person == person]
        yield DraftSigner(
            person=next((key.holder for key in hers if key.holder), ""),
            name=person,
            has_key=any(key.kind is KeyKind.FIDO2 for key in hers),
            must=draft.issuer in hers,
        )


def _no(reason: str, remedy: str, draft: DraftShown | None = None) -> DraftReply:
    return DraftReply(accepted=False, reason=reason, remedy=remedy, draft=draft)
