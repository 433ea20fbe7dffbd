"""What people ask of the running daemon about the policy: load one, go back, which is in force.

A policy is verified, compiled and proven beside the event loop, kept on disk, and then replaces the
other between two facts. The journal alone says which one is in force: its entry is made with the
change, and no door opens on a later decision before that entry is on disk.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import msgspec

from controller.events import PolicyActivated, decode_body, decode_entry
from controller.holders import Directory
from controller.ids import HolderId
from controller.leadership import lent_to
from controller.signers import why_not_enough
from edge.config import Config, under_policy, wiring_problems
from edge.control.messages_policy import PROBLEMS_SHOWN_MAX, PolicyReply, PolicyStatusReply
from edge.daemon import Daemon
from edge.journal import JournalError, Stored
from edge.people import in_words, is_mixed
from edge.policy_bundle import (
    ENVELOPE_BYTES_MAX,
    PAYLOAD_TYPE,
    SIGNERS,
    BundleError,
    needed_by,
    offered,
    own_tzdata,
    proven,
    roles_in,
    rule_in,
    signers,
    unpacked,
)
from edge.policy_start import AtStart
from edge.policy_store import KeptPolicy, PolicyStore
from edge.safe_mode import SERVED_S, Aside
from edge.signatures import SignatureError, Use, unverified, verify
from edge.signers import signers_on_file
from edge.undisturbed import undisturbed
from policies import CompiledPolicy, SourceFile
from policies.rights import OrderKind

READ_BYTES_MAX = 512 * 1024

UNWRITABLE = BundleError(
    "the journal cannot be written: the change would not be on record", "try later"
)

log = logging.getLogger(__name__)


class _Ready(NamedTuple):
    """A policy that may take over now."""

    policy: CompiledPolicy
    files: tuple[SourceFile, ...]
    kept: KeptPolicy
    signed_by: tuple[str, ...] = ()
    bundle: str = ""
    keys: tuple[str, ...] = ()
    signers: tuple[HolderId | None, ...] = ()
    returned: bool = False


class PolicyDesk:
    """One daemon's, from `began` on."""

    def __init__(self, daemon: Daemon, began: AtStart, store: PolicyStore) -> None:
        self._daemon = daemon
        self.config = began.config
        """The site, under the policy in force."""
        self._kept = began.kept
        self._note, self._remedy = began.note, began.remedy
        self._store = store
        self._changing = asyncio.Lock()
        self._changed = asyncio.Event()

    # --- what is asked ---

    async def load(self, envelope: bytes, operator: str) -> PolicyReply:
        """As `edge.control.desk.Desk` has it."""
        async with self._changing:
            try:
                self._refuse_unrecorded()
                with undisturbed():
                    ready = await asyncio.to_thread(self._judged, envelope)
                    self._refuse_unentitled(ready)
                    return await self._take_over(ready, operator)
            except (BundleError, SignatureError) as error:
                reply = self._refused(error)
                if not await asyncio.to_thread(self._decides, envelope):
                    return reply
                await self._daemon.recorder.drained()
                recorded = not self._daemon.recorder.down
                return msgspec.structs.replace(reply, already=True, recorded=recorded)

    async def go_back(self, operator: str) -> PolicyReply:
        """As `edge.control.desk.Desk` has it."""
        async with self._changing:
            try:
                self._refuse_unrecorded()
                with undisturbed():
                    ready = await asyncio.to_thread(self._before)
                    return await self._take_over(ready, operator)
            except (BundleError, SignatureError) as error:
                return self._refused(error)

    async def status(self) -> PolicyStatusReply:
        """As `edge.control.desk.Desk` has it."""
        async with self._changing:
            state, policy = self._daemon.site.state, self._daemon.site.policy
            before, signed_by = await asyncio.to_thread(self._on_file, state.policy_before)
            since_utc_us, operator, keys = await self._since(state.policy_seq)
            return PolicyStatusReply(
                name=policy.name,
                version=policy.version,
                digest=policy.digest,
                tzdata=policy.tzdata_version,
                timezone=policy.timezone,
                since_utc_us=since_utc_us,
                operator=operator,
                signed_by=signed_by,
                keys=keys,
                before="" if before is None else state.policy_before,
                before_version=before or 0,
                version_max=state.policy_version_max,
                signers=signers(self.config.keys),
                needs=needed_by(policy),
                roles=roles_in(policy),
                note=self._note,
                remedy=self._remedy,
            )

    async def note_service(self, keep: Callable[[Config], None], aside: Aside) -> None:
        """`keep` each policy that was loaded and has lasted, for a start in safe mode."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                async with asyncio.timeout(SERVED_S):
                    await self._changed.wait()  # it has not lasted
            except TimeoutError:
                await aside(partial(keep, self.config))

    # --- beside the event loop ---

    def _decides(self, envelope: bytes) -> bool:
        """Whether the policy in force is that of the file, whoever has signed it."""
        if len(envelope) > ENVELOPE_BYTES_MAX:
            return False
        try:
            bundle = unpacked(unverified(envelope, PAYLOAD_TYPE)[0])
        except (BundleError, SignatureError):
            return False
        return bundle.digest == self._daemon.site.policy.digest

    def _judged(self, envelope: bytes) -> _Ready:
        """Raises BundleError, SignatureError."""
        config, state = self.config, self._daemon.site.state
        offer = offered(envelope, config.keys, config.site, state.policy_version_max)
        self._refuse_unwired(offer.policy)
        return _Ready(
            offer.policy,
            offer.bundle.sources,
            KeptPolicy(tzdata=own_tzdata(), envelope=envelope),
            offer.signed.people,
            hashlib.sha256(offer.signed.payload).hexdigest(),
            offer.signed.keys,
            signers_on_file(offer.signed, config.keys, self._daemon.people.roll),
        )

    def _before(self) -> _Ready:
        """Raises BundleError, SignatureError. It is proven again: this version may know more."""
        digest = self._daemon.site.state.policy_before
        kept = self._store.get(digest) if digest else None
        if kept is None:
            raise BundleError(
                "there is no policy to return to", "load one that two people have signed"
            )
        policy = proven(kept.bundle)
        self._refuse_unwired(policy)
        again = KeptPolicy(tzdata=own_tzdata(), envelope=kept.envelope)
        return _Ready(policy, kept.bundle.sources, again, returned=True)

    def _refuse_unwired(self, policy: CompiledPolicy) -> None:
        problems = wiring_problems(self.config, policy)
        if problems:
            raise BundleError(
                "the site file that this edge has started with does not wire what the policy says",
                "bring policy and site file together; for other portals see `sentrypost policy "
                "load --help`",
                problems,
            )

    def _refuse_mixed(self, policy: CompiledPolicy, people: Directory) -> None:
        """Takes a while for many people. Raises BundleError."""
        roll = self._daemon.people.roll
        mixed = [
            one.facts.id
            for one in people.holders.values()
            if is_mixed(one.facts.roles, policy.roles)
        ]
        if mixed:
            on_file = ((holder, roll.holders.get(holder)) for holder in mixed)
            ids = (holder if one is None else one.external_id for holder, one in on_file)
            raise BundleError(
                f"by this policy visitors have another role as well: {in_words(ids)}",
                "give each of them one kind of role (`sentrypost person import`) and do it again",
            )

    # --- the one way in ---

    def _refuse_unrecorded(self) -> None:
        if self._daemon.recorder.down:
            raise UNWRITABLE

    def _refuse_unentitled(self, ready: _Ready) -> None:
        """Of the people as they are now. Raises BundleError."""
        site = self._daemon.site
        policy, people = site.policy, site.directory
        rule = rule_in(policy)
        orders, now = site.state.orders, self._daemon.now()
        lent = lent_to(orders, policy, people, ready.signers, OrderKind.POLICY, frozenset(), now)
        why = rule and why_not_enough(policy, rule, ready.signers, people, now, lent=lent)
        if why:
            raise BundleError(
                why,
                "[order.policy] of the policy in force asks for them: have it signed by people "
                "with its roles, whose [key.…] in the site file names them on file (holder)",
            )

    def _refuse_shrinking(self, policy: CompiledPolicy) -> None:
        """What was ordered for a zone must not end because nobody calls it so any more. Raises
        BundleError.
        """
        site = self._daemon.site
        known, after = site.policy.zones_by_id, policy.zones_by_id
        for one in site.state.orders.in_force.values():
            lost = [zone for zone in one.order.zones if zone in known and zone not in after]
            if lost:
                zones = ", ".join(lost)
                raise BundleError(
                    f"there is a {one.order.kind} for {zones}, which this policy lacks",
                    "have the order ended first, or keep the name of the zone",
                )

    async def _take_over(self, ready: _Ready, operator: str) -> PolicyReply:
        """Raises BundleError."""
        daemon = self._daemon
        people = daemon.site.directory
        await asyncio.to_thread(self._refuse_mixed, ready.policy, people)
        try:
            await asyncio.to_thread(self._keep, ready)
        except OSError as error:
            raise BundleError(
                f"the policy cannot be kept: {error.strerror}", "make room in the state folder"
            ) from error
        self._refuse_unrecorded()
        if daemon.site.directory is not people:
            raise BundleError("people were changed just now", "do it again")
        self._refuse_shrinking(ready.policy)
        daemon.judge_policy(
            ready.policy,
            operator,
            bundle=ready.bundle,
            keys=ready.keys,
            returned=ready.returned,
        )
        self.config = under_policy(self.config, ready.policy, ready.files)
        self._changed.set()
        self._kept, self._note, self._remedy = ready.kept, "", ""
        await daemon.recorder.drained()
        recorded = not daemon.recorder.down
        if recorded:
            state = daemon.site.state
            needed = {state.policy_chosen, state.policy_before}
            await asyncio.to_thread(self._store.keep_only, needed)
        return PolicyReply(
            applied=True,
            version=ready.policy.version,
            digest=ready.policy.digest,
            recorded=recorded,
            signed_by=ready.signed_by,
        )

    def _keep(self, ready: _Ready) -> None:
        """Both of them: whichever the journal names after a power cut is there."""
        in_force = self._daemon.site.policy.digest
        if self._kept is not None and self._store.get(in_force) is None:
            self._store.put(in_force, self._kept)
        self._store.put(ready.policy.digest, ready.kept)

    # --- what is told ---

    def _refused(self, error: BundleError | SignatureError) -> PolicyReply:
        problems = error.problems if isinstance(error, BundleError) else ()
        policy = self._daemon.site.policy
        return PolicyReply(
            applied=False,
            version=policy.version,
            digest=policy.digest,
            reason=str(error),
            remedy=error.remedy,
            problems=problems[:PROBLEMS_SHOWN_MAX],
        )

    def _on_file(self, before: str) -> tuple[int | None, tuple[str, ...]]:
        """The version that a return leads to, and who has signed the one in force by the keys of
        today's site file.
        """
        earlier = self._store.get(before) if before else None
        version = None if earlier is None else earlier.bundle.version
        if self._kept is None:
            return version, ()
        envelope, keys = self._kept.envelope, self.config.keys
        try:
            found = verify(envelope, keys, PAYLOAD_TYPE, Use.POLICY, needs=SIGNERS)
        except SignatureError:
            return version, ()
        return version, found.people

    async def _since(self, seq: int) -> tuple[int | None, str, tuple[str, ...]]:
        """When it came into force, who brought it, and the keys, as the journal has them."""
        try:
            stored: list[Stored] = await self._daemon.writer.read(seq, 1, READ_BYTES_MAX)
        except JournalError as error:
            log.warning("since when the policy is in force cannot be read: %s", error)
            return None, "", ()
        if not stored:
            return None, "", ()
        entry = decode_entry(stored[0].entry)
        body = decode_body(entry)
        operator = next((one.value for one in stored[0].personal if one.field == "operator"), "")
        keys = body.keys if isinstance(body, PolicyActivated) else ()
        return entry.utc_us, operator, keys
