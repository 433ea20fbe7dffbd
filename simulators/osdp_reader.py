"""A simulated OSDP reader on the real codec: cards, keys, inputs, timed outputs, lights.

Sans-I/O: `receive` takes what the panel sent and returns what the reader answers. `osdp_line` puts
readers on a pty. The reader keeps to SIA OSDP v2.2 as a device: it repeats its last reply when the
panel repeats itself, never talks unasked, and its timed outputs resume with nobody's help.
"""

from collections import deque
from collections.abc import Callable

import msgspec

from drivers.osdp import messages as osdp
from drivers.osdp.config import BAUDS
from drivers.osdp.frame import MARK, NEED_MORE, Block, Damaged, Frame, FrameDecoder, encode
from drivers.osdp.messages import Message, NakReason, OutputControl
from drivers.osdp.secure import (
    DEFAULT_KEY,
    NONCE_LENGTH,
    OWN_KEY,
    SCBK_DEFAULT,
    NotAuthenticError,
    Session,
    derive_keys,
    initial_mac,
    panel_cryptogram,
    reader_cryptogram,
    same_bytes,
)
from drivers.osdp.translate import KEY_CODES, TICK_MS
from simulators.osdp_files import FileReceiver

MS = 1_000_000
SESSION_NS = 8_000 * MS  # without a command for this long the session is over (Annex D.6)
FRAME_GAP_NS = 100 * MS  # what began and went no further is dropped before a panel repeats itself
EVENTS_MAX = 32  # what a reader can hold until it is polled
EXECUTED_MAX = 256

_GOOD_PROOF = b"\x01"

IDENTITY = osdp.Identity(b"\x00\x51\x7e", 1, 1, 1, b"\x01\x00\x00")


class _Output(msgspec.Struct):
    """An output: what it is for good, and what a running timer makes of it until then."""

    resting: bool = False
    timed: bool = False
    until_ns: int | None = None

    @property
    def energised(self) -> bool:
        return self.resting if self.until_ns is None else self.timed


class _Text(msgspec.Struct):
    shown: str = ""
    until_ns: int = 0


class _Light(msgspec.Struct):
    resting: int = 0
    temporary: int = 0
    until_ns: int | None = None


def _ignore_output(number: int, energised: bool) -> None:
    """Nothing is wired to the output."""


def _ignore() -> None:
    """Nobody looks."""


class SimulatedReader:
    """One reader. `key` None makes one that knows no Secure Channel and says all in clear, unless
    it is `installing`: then it takes the published key until it was given one of its own. `baud`:
    the one speed that it hears and answers at; None where nobody looks at that.

    `on_output(number, energised)` is called at every change of an output, `on_light` when the
    reader is told to show something, `on_news` when it has something to say at the next poll.
    `executed` keeps the latest commands with the time at which they were obeyed.
    """

    def __init__(
        self,
        address: int,
        key: bytes | None,
        entropy: Callable[[int], bytes],
        *,
        inputs: int = 2,
        outputs: int = 2,
        lights: int = 1,
        sounders: int = 1,
        text_columns: int = 0,
        receive_size: int = 0,
        files: FileReceiver | None = None,
        identity: osdp.Identity = IDENTITY,
        installing: bool = False,
        on_output: Callable[[int, bool], None] = _ignore_output,
        on_light: Callable[[], None] = _ignore,
        on_news: Callable[[], None] = _ignore,
    ) -> None:
        self.address = address
        self.on_output = on_output
        self.on_light = on_light
        self.on_news = on_news
        self.silent = False
        self.executed: deque[tuple[int, Message]] = deque(maxlen=EXECUTED_MAX)
        self.installing = installing
        self.baud: int | None = None
        self.key = key
        self._proves = b""
        self._entropy = entropy
        self._identity = identity
        self._decoder = FrameDecoder(replies=False)
        self._inputs = [0] * inputs
        self._outputs = [_Output() for _ in range(outputs)]
        self._light = _Light()
        self._lights, self._sounders, self._text_columns = lights, sounders, text_columns
        self._text = _Text()
        self._receive_size = receive_size
        self._files = files
        self._local = osdp.LocalStatus(0, 0)
        self._events: deque[Message] = deque()
        self._changed: dict[str, None] = {}
        self._session: Session | None = None
        self._proof: tuple[bytes, bytes] = (b"", b"")
        self._last: tuple[Frame, bytes] | None = None
        self._rebooted = False
        self._has_told_all = False
        self._heard_ns = 0
        self._received_ns = 0

    @property
    def spoken_to(self) -> bool:
        """Whether a panel has ever said something to it."""
        return self._last is not None

    # --- what happens at the reader ----------------------------------------------------------

    def present_code(self, text: str, direction: int = 1) -> bool:
        """A card that the reader hands over as characters. False: no room until polled."""
        return self._remember(osdp.FormattedCard(0, direction, len(text), text.encode("ascii")))

    def present_card(self, bits: int, data: bytes) -> bool:
        """A card is held to the reader. False: it has no room until it is polled."""
        return self._remember(osdp.RawCard(0, 0, bits, data))

    def press_keys(self, keys: str) -> bool:
        """Digits, `*` and `#`. False: no room until polled."""
        codes = bytes(KEY_CODES[key] for key in keys)
        return self._remember(osdp.Keypad(0, len(codes), codes))

    def set_input(self, number: int, active: bool | int) -> None:
        """An input changes: false, true, or 2 (shorted) and 3 (cut) of a supervised line."""
        if self._inputs[number] != int(active):
            self._inputs[number] = int(active)
            self._changed["inputs"] = None
            self.on_news()

    def set_local(self, *, tampered: bool = False, power_failing: bool = False) -> None:
        """The housing or the supply changes."""
        self._local = osdp.LocalStatus(int(tampered), int(power_failing))
        self._changed["local"] = None
        self.on_news()

    def idle_polls_left_out(self, for_ns: int) -> None:
        """A simulated line was not run for so long because nothing but polls would have passed."""
        self._heard_ns += for_ns

    @property
    def has_news(self) -> bool:
        """Whether the next poll is answered with more than that all is well."""
        return bool(self._events or self._changed or self._rebooted)

    @property
    def is_telling_stored(self) -> bool:
        """Whether its session is so young that a panel takes a badge for one that it had kept."""
        return self._session is not None and not self._has_told_all

    def reboot(self) -> None:
        """Power was lost: no session, no timers, all outputs at rest."""
        self._session = None
        self._last = None
        self._rebooted = True
        self._events.clear()
        for number in range(len(self._outputs)):
            self._set(number, _Output())

    @property
    def outputs(self) -> tuple[bool, ...]:
        return tuple(output.energised for output in self._outputs)

    def color(self, now_ns: int) -> int:
        """The colour number that the light shows."""
        self.handle_deadline(now_ns)
        return self._light.resting if self._light.until_ns is None else self._light.temporary

    def text(self, now_ns: int) -> str:
        """What stands on the display."""
        return self._text.shown if now_ns < self._text.until_ns else ""

    # --- time --------------------------------------------------------------------------------

    def deadline(self) -> int | None:
        """When the next timer ends."""
        times = [output.until_ns for output in self._outputs if output.until_ns is not None]
        return min(times, default=None)

    def handle_deadline(self, now_ns: int) -> None:
        """Timers that have ended put their outputs back."""
        for number, output in enumerate(self._outputs):
            if output.until_ns is not None and output.until_ns <= now_ns:
                self._set(number, _Output(resting=output.resting))
        if self._light.until_ns is not None and self._light.until_ns <= now_ns:
            self._light.until_ns = None

    # --- the line ----------------------------------------------------------------------------

    def receive(self, data: bytes, now_ns: int) -> bytes:
        """The bytes that the reader answers to what was received; often none."""
        self.handle_deadline(now_ns)
        if now_ns - self._received_ns > FRAME_GAP_NS:
            self._decoder.clear()
        self._received_ns = now_ns
        self._decoder.feed(data)
        answer = b""
        while (frame := self._decoder.take()) is not NEED_MORE:
            if frame.address != self.address or self.silent:
                continue
            if not isinstance(frame, Damaged):
                self._rebooted = False  # the answer tells that it knows no session
                answer += self._answer(frame, now_ns)
            elif frame.sequence is not None:
                answer += self._refuse(frame.sequence)
        return answer

    def _refuse(self, sequence: int) -> bytes:
        """Somebody meant to send what cannot be: a security block of a session without its MAC."""
        self._session = self._last = None
        meant = Frame(address=self.address, is_reply=False, sequence=sequence, code=0)
        return self._plain(meant, osdp.Nak(NakReason.SECURITY_REQUIRED))

    def _answer(self, frame: Frame, now_ns: int) -> bytes:
        if now_ns - self._heard_ns > SESSION_NS:
            self._session = None
        self._heard_ns = now_ns
        if frame.sequence == 0:
            self._session = None
        elif self._last is not None:
            last_frame, last_raw = self._last
            if frame == last_frame:
                return last_raw  # clause 5.9: the panel did not get our reply
            if frame.sequence != last_frame.sequence % 3 + 1:
                self._session = None
                return self._plain(frame, osdp.Nak(NakReason.SEQUENCE))
        raw = self._reply(frame, now_ns)
        self._last = (frame, raw)
        return raw

    def _reply(self, frame: Frame, now_ns: int) -> bytes:
        if self._session is None:
            return self._reply_before_session(frame, now_ns)
        try:
            data = self._session.open_command(frame)
        except NotAuthenticError:
            self._session = None
            return self._plain(frame, osdp.Nak(NakReason.SECURITY_REQUIRED))
        command = osdp.decode_command(frame.code, data)
        session = self._session
        reply = self._take_key(command) if isinstance(command, osdp.KeySet) else None
        code, payload = osdp.encode(reply or self._obey(command, now_ns))
        return MARK + encode(session.seal_reply(self._head(frame, code, payload)))

    def _take_key(self, command: osdp.KeySet) -> Message:
        """Another key from here on; the session under the one before ends with the answer."""
        self.key, self.installing, self._session = command.key, False, None
        return osdp.Ack()

    def _reply_before_session(self, frame: Frame, now_ns: int) -> bytes:
        command = osdp.decode_command(frame.code, frame.data)
        match command:
            case osdp.IdentityRequest() | osdp.CapabilityRequest():
                return self._plain(frame, self._obey(command, now_ns))
            case osdp.Challenge(panel_nonce=nonce) if self._key_for(frame.block_data):
                return self._challenged(frame, nonce)
            case osdp.PanelCryptogram(cryptogram=cryptogram) if self._proof[0]:
                return self._proven(frame, cryptogram, self._proves)
            case _ if self.key is None and not self.installing and frame.block is None:
                return self._plain(frame, self._obey(command, now_ns))
            case _:
                return self._plain(frame, osdp.Nak(NakReason.SECURITY_REQUIRED))

    def _key_for(self, block_data: bytes) -> bytes | None:
        """The key that is asked for, where the reader has it."""
        if block_data == DEFAULT_KEY and self.installing:
            return SCBK_DEFAULT
        return self.key if block_data == OWN_KEY else None

    def _challenged(self, frame: Frame, panel_nonce: bytes) -> bytes:
        key = self._key_for(frame.block_data) or b""
        own_nonce = self._entropy(NONCE_LENGTH)
        self._proof, self._proves = (panel_nonce, own_nonce), key
        proof = reader_cryptogram(derive_keys(key, panel_nonce), panel_nonce, own_nonce)
        reply = osdp.ReaderCryptogram(self._identity.vendor + bytes(5), own_nonce, proof)
        return self._plain(frame, reply, Block.READER_CRYPTOGRAM)

    def _proven(self, frame: Frame, cryptogram: bytes, key: bytes) -> bytes:
        keys = derive_keys(key, self._proof[0])
        expected = panel_cryptogram(keys, *self._proof)
        self._proof = (b"", b"")
        if not same_bytes(expected, cryptogram):
            return self._plain(frame, osdp.Nak(NakReason.SECURITY_REQUIRED))
        first = initial_mac(keys, cryptogram)
        self._session, self._has_told_all = Session(keys, first), False
        return self._plain(frame, osdp.InitialMac(first), Block.INITIAL_MAC)

    def _plain(self, frame: Frame, reply: Message, block: Block | None = None) -> bytes:
        code, data = osdp.encode(reply)
        head = self._head(frame, code, data)
        if block is not None:
            # In its proof, which key it is of; in its first MAC, that the panel's proof is good.
            said = frame.block_data if block is Block.READER_CRYPTOGRAM else _GOOD_PROOF
            head = msgspec.structs.replace(head, block=int(block), block_data=said)
        return MARK + encode(head)

    def _head(self, frame: Frame, code: int, data: bytes) -> Frame:
        return Frame(
            address=self.address, is_reply=True, sequence=frame.sequence, code=code, data=data
        )

    # --- obeying -----------------------------------------------------------------------------

    def _obey(self, command: Message | None, now_ns: int) -> Message:
        match command:
            case osdp.Poll():
                return self._event()
            case osdp.IdentityRequest():
                return self._identity
            case osdp.CapabilityRequest():
                return self._capabilities()
            case osdp.LocalStatusRequest():
                return self._status("local")
            case osdp.InputStatusRequest():
                return self._status("inputs")
            case osdp.OutputStatusRequest():
                return self._status("outputs")
            case osdp.Output() if command.number < len(self._outputs):
                self.executed.append((now_ns, command))
                self._switch(command, now_ns)
                return self._status("outputs")
            case osdp.Led() if command.reader == 0 and command.led < self._lights:
                self.executed.append((now_ns, command))
                self._show(command, now_ns)
                return osdp.Ack()
            case osdp.Buzzer() if command.reader == 0 and self._sounders:
                self.executed.append((now_ns, command))
                return osdp.Ack()
            case osdp.Text() if command.reader == 0 and self._text_columns:
                self.executed.append((now_ns, command))
                return self._write(command, now_ns)
            case osdp.FileTransfer() if self._files is not None:
                return self._files.take(command)
            case osdp.Abort() if self._files is not None:
                self._files.abort()
                return osdp.Ack()
            case osdp.CommunicationSet(baud=baud) if self.baud is not None:
                self.baud = baud if baud in BAUDS else self.baud
                return osdp.Communication(self.address, self.baud)
            case None:
                return osdp.Nak(NakReason.UNKNOWN_COMMAND)
            case _:
                return osdp.Nak(NakReason.RECORD)

    def _event(self) -> Message:
        if self._changed:
            return self._status(next(iter(self._changed)))
        if self._events:
            return self._events.popleft()
        self._has_told_all = True
        return osdp.Ack()

    def _status(self, which: str) -> Message:
        self._changed.pop(which, None)
        if which == "local":
            return self._local
        if which == "inputs":
            return osdp.InputStatus(bytes(self._inputs))
        return osdp.OutputStatus(bytes(self.outputs))

    def _capabilities(self) -> Message:
        listed = {
            osdp.Capability.INPUTS: (1, len(self._inputs)),
            osdp.Capability.OUTPUTS: (4, len(self._outputs)),
            osdp.Capability.CARD_FORMAT: (1, 0),
            osdp.Capability.LED: (2 if self._lights else 0, self._lights),
            osdp.Capability.AUDIBLE: (2 if self._sounders else 0, self._sounders),
            osdp.Capability.TEXT: (int(self._text_columns > 0), int(self._text_columns > 0)),
            osdp.Capability.CHECK_CHARACTER: (1, 0),
            osdp.Capability.RECEIVE_SIZE: (self._receive_size & 0xFF, self._receive_size >> 8),
            osdp.Capability.SECURITY: (1 if self.key or self.installing else 0, 0),
            osdp.Capability.READERS: (1, 1),
        }
        return osdp.Capabilities(b"".join(bytes([code, *rest]) for code, rest in listed.items()))

    def _switch(self, command: osdp.Output, now_ns: int) -> None:
        output = self._outputs[command.number]
        until_ns = now_ns + command.timer * TICK_MS * MS
        match command.control:
            case OutputControl.OFF_ABORT_TIMED:
                self._set(command.number, _Output(resting=False))
            case OutputControl.ON_ABORT_TIMED:
                self._set(command.number, _Output(resting=True))
            case OutputControl.ON_TIMED | OutputControl.OFF_TIMED:
                timed = command.control == OutputControl.ON_TIMED
                self._set(command.number, _Output(output.resting, timed, until_ns))

    def _set(self, number: int, output: _Output) -> None:
        before = self._outputs[number].energised
        self._outputs[number] = output
        if output.energised != before:
            self._changed["outputs"] = None
            self.on_output(number, output.energised)

    def _show(self, led: osdp.Led, now_ns: int) -> None:
        if led.permanent_control:
            self._light.resting = led.permanent_on_color
        if led.temporary_control:
            self._light.temporary = led.temporary_on_color
            self._light.until_ns = now_ns + led.temporary_timer * TICK_MS * MS
        self.on_light()

    def _write(self, text: osdp.Text, now_ns: int) -> Message:
        """Clause 6.13; temporary text only, in the first row."""
        if text.length != len(text.text) or text.control not in {3, 4} or text.row != 1:
            return osdp.Nak(NakReason.RECORD)
        columns = self._text_columns - text.column + 1
        self._text.shown = text.text.decode("ascii")[:columns]
        self._text.until_ns = now_ns + text.seconds * 1_000 * MS
        return osdp.Ack()

    def _remember(self, event: Message) -> bool:
        if len(self._events) >= EVENTS_MAX:
            return False
        self._events.append(event)
        self.on_news()
        return True
