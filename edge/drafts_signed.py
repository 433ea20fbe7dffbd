"""Drafts that wait until those have signed whom they take, whatever is drafted: how they are shown,
signed, added to, taken away as a file, withdrawn and forgotten.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from msgspec.structs import replace

from edge.control.desk_page_orders import AtPage
from edge.control.messages_page_orders import (
    DRAFTS_MAX,
    AddSignedFile,
    DraftFile,
    DraftReply,
    DraftShown,
    DraftSigner,
    SignDraft,
)
from edge.daemon import Daemon
from edge.drafts import DRAFT_US, Drafted
from edge.fido2_assertions import from_webauthn
from edge.order_desk import MAKE_ANEW
from edge.orders import OrderError, bounded
from edge.signatures import (
    KeyKind,
    SignatureError,
    SignersError,
    TrustedKey,
    taken_apart,
    with_signature,
)
from edge.signed_orders import order_id, with_assertion

OWN_MAX = 4
"""Drafts of one person: who has more of them open has lost sight of them."""

ID_BYTES = 8

OVER = "there is no such draft: it was given, withdrawn, or is older than a quarter of an hour"

D = TypeVar("D", bound=Drafted)


class SignedDrafts(ABC, Generic[D]):
    """One edge's drafts of one sort. `changed` is called whenever there is news of them."""

    signed_with: str
    """The command that signs the file of a draft."""

    def __init__(
        self,
        daemon: Daemon,
        site: str,
        keys: tuple[TrustedKey, ...],
        entropy: Callable[[int], bytes],
        changed: Callable[[], None],
    ) -> None:
        """`keys`: those that sign drafts of this sort at a page."""
        self._daemon = daemon
        self._site = site
        self._keys = keys
        self._entropy = entropy
        self._changed = changed
        self._drafts: dict[str, D] = {}

    # --- what each sort has of its own ---

    @abstractmethod
    def _fresh(self, draft: D) -> DraftShown:
        """As everybody sees it."""

    @abstractmethod
    def _judge(self, draft: D, key: TrustedKey) -> None:
        """Raises SignatureError where this key's signature does not count."""

    @abstractmethod
    def _is_complete(self, draft: D) -> bool:
        """Whether those have signed whom it takes."""

    @abstractmethod
    async def _give(self, draft: D, by: AtPage) -> DraftReply:
        """Have the core judge it, as if its file were brought."""

    @abstractmethod
    def _signers_of(self, envelope: bytes) -> tuple[TrustedKey, ...]:
        """Whose signatures stand in a file that was brought. Raises OrderError, SignatureError."""

    async def _look_up_signers(self) -> None:
        """Before anything is judged: whatever has to be read for it."""

    # --- made, shown and withdrawn ---

    def has(self, draft: str) -> bool:
        """Whether it is one of these. Never blocks."""
        return draft in self._drafts

    def _too_many(self, person: str) -> DraftReply | None:
        """Why this person makes no other one now."""
        waiting = self._open()
        if len(waiting) < DRAFTS_MAX and sum(d.made_by == person for d in waiting) < OWN_MAX:
            return None
        return no("too many drafts wait already", "withdraw one that is not meant any more")

    def _head(self, envelope: bytes, person: str) -> Drafted:
        """Of a draft that is made now."""
        now = self._daemon.now()
        return Drafted(
            id=self._entropy(ID_BYTES).hex(),
            envelope=envelope,
            made_by=person,
            made_utc_us=now.utc_us,
            until_us=now.mono_us + DRAFT_US,
            expires_utc_us=now.utc_us + DRAFT_US,
        )

    def _keep(self, made: D, by: AtPage) -> DraftReply:
        self._drafts[made.id] = made
        self._changed()
        return DraftReply(accepted=True, reason="drafted", draft=self._shown(made, by))

    def shown(self, by: AtPage) -> tuple[DraftShown, ...]:
        """Those that wait, oldest first. Never blocks."""
        return tuple(self._shown(draft, by) for draft in self._open())

    def _shown(self, draft: D, by: AtPage) -> DraftShown:
        return replace(self._fresh(draft), yours=draft.made_by == by.person)

    def file(self, draft: str) -> DraftFile:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        found = self._named(draft)
        if found is None:
            return DraftFile(reason=OVER, remedy=MAKE_ANEW)
        name = f"{self._fresh(found).order_kind}-{draft[:8]}.order"
        return DraftFile(envelope=found.envelope, name=name)

    def withdraw(self, draft: str, by: AtPage) -> DraftReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        found = self._named(draft)
        if found is None:
            return no(OVER, "")
        if found.made_by != by.person:
            return no("somebody else has made it", "let it be, and it is over in a while")
        del self._drafts[draft]
        self._changed()
        return DraftReply(accepted=True, reason="withdrawn")

    def _open(self) -> list[D]:
        """Those that are not over, oldest first; the others are forgotten."""
        now_us = self._daemon.now().mono_us
        self._drafts = {name: one for name, one in self._drafts.items() if one.until_us > now_us}
        return list(self._drafts.values())

    def _named(self, draft: str) -> D | None:
        self._open()
        return self._drafts.get(draft)

    # --- signed ---

    async def sign(self, asked: SignDraft, by: AtPage) -> DraftReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""

        def at_page(draft: D) -> D:
            signature = from_webauthn(asked.response.encode())
            envelope, key = with_assertion(draft.envelope, signature, self._keys, self._site)
            self._judge(draft, key)
            return replace(draft, envelope=envelope, signed=(*draft.signed, key))

        return await self._with(asked.draft, at_page, by)

    async def add(self, asked: AddSignedFile, by: AtPage) -> DraftReply:
        """As `edge.control.desk_page_orders.PageOrders` has it."""
        return await self._with(asked.draft, lambda draft: self._merged(draft, asked.envelope), by)

    def _merged(self, draft: D, envelope: bytes) -> D:
        """The draft with whatever the file adds, or nothing of it. Raises OrderError,
        SignatureError.
        """
        signers = self._signers_of(envelope)
        if order_id(envelope) != draft.order_id:
            raise SignersError(
                "this is another order than the draft", "sign the file that the draft gives"
            )
        merged = draft
        raw = dict(taken_apart(envelope).signatures)
        for key in signers:
            if key in draft.signed:
                continue
            self._judge(merged, key)
            added = with_signature(merged.envelope, key.id, raw[key.id])
            merged = replace(merged, envelope=bounded(added), signed=(*merged.signed, key))
        if merged is draft:
            raise SignersError("nobody has signed it since", f"sign it with `{self.signed_with}`")
        return merged

    async def _with(self, name: str, signed: Callable[[D], D], by: AtPage) -> DraftReply:
        """The draft as `signed` makes it, and given where those have signed whom it takes."""
        await self._look_up_signers()
        found = self._named(name)
        if found is None:
            return no(OVER, MAKE_ANEW)
        try:
            draft = signed(found)
        except (OrderError, SignatureError) as error:
            return no(str(error), error.remedy, self._shown(found, by))
        self._drafts[draft.id] = draft
        self._changed()
        if not self._is_complete(draft):
            return DraftReply(accepted=True, reason="signed", draft=self._shown(draft, by))
        del self._drafts[draft.id]
        given = await self._give(draft, by)
        self._changed()
        return given


def refuse_twice(draft: Drafted, key: TrustedKey) -> None:
    """Raises SignersError where the owner of this key has signed already."""
    if draft.has_signed(key):
        raise SignersError(
            f"{key.person} has signed it already", "somebody else has to sign it as well"
        )


def signers_shown(
    keys: list[TrustedKey], issuer: TrustedKey | None = None
) -> Iterator[DraftSigner]:
    """Who these keys belong to, each once. `issuer`: whose signature it is not done without."""
    for person in dict.fromkeys(key.person for key in keys):
        hers = [key for key in keys if key.person == person]
        yield DraftSigner(
            person=next((key.holder for key in hers if key.holder), ""),
            name=person,
            has_key=any(key.kind is KeyKind.FIDO2 for key in hers),
            must=issuer in hers,
        )


def no(reason: str, remedy: str, draft: DraftShown | None = None) -> DraftReply:
    return DraftReply(accepted=False, reason=reason, remedy=remedy, draft=draft)
