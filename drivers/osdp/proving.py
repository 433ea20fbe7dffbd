"""Whether a reader is the one that it has to be: which key it proves, and who it says it is."""

from collections.abc import Callable, Mapping

from drivers.osdp import messages as osdp
from drivers.osdp.acquaintance import Acquaintance, Meeting
from drivers.osdp.config import ReaderConfig
from drivers.osdp.frame import Block, Frame
from drivers.osdp.handshake import Handshake, Proof
from drivers.osdp.introduction import Introduction
from drivers.osdp.keys import KeyKind, Keyring
from drivers.osdp.messages import Message
from drivers.osdp.profile import parse_profile, profile_text
from drivers.osdp.rules import Trouble
from drivers.osdp.secure import DEFAULT_KEY, OWN_KEY, Session
from drivers.osdp.states import State
from drivers.osdp.translate import Violation
from drivers.telling import Teller
from drivers.upkeep import Accept, ChangeSpeed, Pair, Recall, RecallSpeed, Rekey, Upkeep

KEY_TYPE_SCBK = 1  # what osdp_KEYSET sets (clause 6.15)

_NO_SECURE_CHANNEL = "offers no Secure Channel under its own key; pair it again"
_NOT_INSTALLING = "does not take the published key; put it into install mode"
_ANOTHER_KEY = "does not accept our proof: another key; pair it again"
_WRONG_PROOF = "its proof of the key is wrong; pair it again"

# The one reply that each step of the handshake can have, and its security block.
_REPLIES: Mapping[State, tuple[type[Message], Block | None]] = {
    State.IDENTIFYING: (osdp.Identity, None),
    State.CAPABILITIES: (osdp.Capabilities, None),
    State.CHALLENGED: (osdp.ReaderCryptogram, Block.READER_CRYPTOGRAM),
    State.AUTHENTICATING: (osdp.InitialMac, Block.INITIAL_MAC),
}


class Proving:
    """One reader's keys, proofs and acquaintance. What follows from them for the link is its own.

    `reason`: why the reader is not believed, since it was not.
    """

    def __init__(self, config: ReaderConfig, entropy: Callable[[int], bytes], tell: Teller) -> None:
        self._name = config.name
        self._tell = tell
        self._keyring = Keyring(config.key)
        self._trying = KeyKind.OWN
        self._handshake = Handshake(entropy)
        self._acquaintance = Acquaintance()
        self._winner: KeyKind | None = None
        self._pairs = False  # the successor was, or is to be, given to whoever is in the box
        self._meeting = Meeting.FIRST
        self.reason = ""

    # --- by hand -----------------------------------------------------------------------------

    def upkeep(self, order: Upkeep, now_ns: int, *, stands: bool) -> None:
        """See `drivers.upkeep.Maintained`; `stands`: a session under its own key does."""
        match order:
            case Recall(successor=successor, profile=profile):
                if profile is not None:
                    self._acquaintance.known = parse_profile(profile)
                if successor is not None:
                    self._keyring.remember(successor)
            case Pair(key=key, until_ns=until_ns):
                if self._tell.told_online:
                    raise ValueError(f"{self._name} has a key of its own and answers under it")
                self._keyring.open_box(key, until_ns)
                self._pairs = True
            case Rekey(key=key):
                if not stands:
                    raise ValueError(f"{self._name} does not answer under its own key")
                self._keyring.order(key)
            case ChangeSpeed() | RecallSpeed():
                raise ValueError("a speed is the whole line's")
            case Accept():
                profile_seen = self._acquaintance.accept()
                if profile_seen is None:
                    raise ValueError(f"nothing speaks against {self._name}")
                self._tell.profiled(profile_text(profile_seen), now_ns)

    @property
    def box_until_ns(self) -> int | None:
        """When the time of a pairing is over; None where none is under way."""
        return self._keyring.box_until_ns

    def pairing_over(self, now_ns: int) -> bool:
        """End a pairing whose time is over. True: what was proved in it counts for nothing."""
        if self.box_until_ns is None or now_ns < self.box_until_ns:
            return False
        self._keyring.close_box()
        self._pairs = self._keyring.is_out
        self._tell.pairing_ended(self._keyring.is_out, self._tell.offline_reason, now_ns)
        is_default, self._trying = self._trying is KeyKind.DEFAULT, KeyKind.OWN
        return is_default

    @property
    def to_give(self) -> osdp.KeySet | None:
        """The key that the reader is to be given in the session that stands, if any."""
        key = self._keyring.to_give
        return None if key is None else osdp.KeySet(KEY_TYPE_SCBK, len(key), key)

    def given(self, now_ns: int) -> None:
        """It goes out now."""
        self._keyring.given(now_ns)

    def must_prove_again(self, now_ns: int) -> bool:
        """Whether a new handshake is to tell which of two keys the reader has."""
        return self._keyring.must_prove_again(now_ns)

    # --- a handshake -------------------------------------------------------------------------

    @property
    def which_key(self) -> bytes:
        """Security block data of the handshake that is under way."""
        return DEFAULT_KEY if self.is_default else OWN_KEY

    @property
    def is_default(self) -> bool:
        """Whether it is under the key that everybody knows, and proves nothing."""
        return self._trying is KeyKind.DEFAULT

    @property
    def cryptogram(self) -> bytes:
        """Our proof to the reader."""
        return self._handshake.cryptogram

    def challenge(self, now_ns: int) -> bytes | None:
        """A fresh nonce for the key whose turn it is; None: there is none, for `reason`."""
        found = self._keyring.current(now_ns)
        if found is None:
            self.reason = "has no key yet; pair it with `sentrypost device pair`"
            return None
        self._trying, key = found
        nonce = self._handshake.challenge(key)
        if nonce is None:
            self.reason = "no session: this host's random source repeats itself"
        return nonce

    def awaited(self, state: State, frame: Frame) -> Message | None:
        """The reply, where it is the one that this step of the handshake can have."""
        kind, block = _REPLIES[state]
        reply = osdp.decode_reply(frame.code, frame.data)
        fits = frame.block == block
        if kind is osdp.ReaderCryptogram:
            fits = fits and frame.block_data == self.which_key
        return reply if isinstance(reply, kind) and fits else None

    def check_reader(self, reply: osdp.ReaderCryptogram, now_ns: int) -> bool:
        """Whether the reader has proved the key."""
        proof = self._handshake.check_reader(reply)
        if proof is Proof.WRONG:
            self._wrong_key(_WRONG_PROOF, now_ns)
            return False
        if proof is Proof.GOOD_BUT_REPEATED:
            self._tell.violated(Violation.REPEATED_NONCE, now_ns)
        return True

    def begin(self, mac: bytes, now_ns: int) -> Session | None:
        """The session, when the reader's first MAC is the right one."""
        session = self._handshake.begin(mac)
        if session is None:
            self._wrong_key(_ANOTHER_KEY, now_ns)
        return session

    def refused(self, state: State, trouble: Trouble) -> None:
        """The reader refuses a step of the handshake."""
        if state is State.IDENTIFYING or trouble is Trouble.NAK_SEQUENCE:
            self.reason = "refuses to say who it is"
        elif self.is_default:
            self.reason = _NOT_INSTALLING
        else:
            self.reason = _NO_SECURE_CHANNEL if state is State.CHALLENGED else _ANOTHER_KEY

    def try_next(self, now_ns: int) -> bool:
        """The key that was tried is not the reader's. True: another may be, and is tried next."""
        if self.reason not in (_NOT_INSTALLING, _NO_SECURE_CHANNEL, _ANOTHER_KEY, _WRONG_PROOF):
            return False
        if self._keyring.refused(now_ns):
            return True
        if self.box_until_ns is None and self._acquaintance.denied(self.reason):
            self._tell.changed(self.reason, now_ns)
        return False

    def forget(self) -> None:
        """A handshake, or the session that it led to, is over."""
        self._handshake.forget()
        self._keyring.session_over()

    def _wrong_key(self, reason: str, now_ns: int) -> None:
        self.reason = reason
        if not self._keyring.is_out and self.box_until_ns is None:
            self._tell.violated(Violation.WRONG_KEY, now_ns)

    # --- who it is ---------------------------------------------------------------------------

    def meet(self, introduction: Introduction, now_ns: int) -> Meeting:
        """What it said of itself inside its session, held against what is known of it.

        `tell_of_it` follows when the edge knows whether the reader is there.
        """
        self._winner = self._keyring.proven(self._trying, now_ns)
        if self._winner is not None:
            if self._pairs and self._winner is KeyKind.SUCCESSOR:
                self._acquaintance.forget()
            self._pairs = False
        self._meeting = self._acquaintance.meet(introduction.profile)
        self.reason = f"not believed before somebody accepts it: {self._acquaintance.reason}"
        return self._meeting

    def tell_of_it(self, introduction: Introduction, now_ns: int) -> None:
        """What came of the meeting, for whoever keeps keys and profiles."""
        if self._winner is not None:
            self._tell.key_proven(self._winner is KeyKind.SUCCESSOR, now_ns)
        if self._meeting is Meeting.FIRST:
            self._tell.profiled(profile_text(introduction.profile), now_ns)
        if self._meeting is Meeting.ANOTHER and self._acquaintance.is_news:
            self._acquaintance.is_news = False
            self._tell.changed(self._acquaintance.reason, now_ns)
