"""A control panel by another hand, for our simulated reader: the package `osdp`, run by itself.

    .venv/panel/bin/python tests/drivers/osdp/foreign_panel.py PORT ADDRESS MASTER_KEY

It derives each reader's key from MASTER_KEY and the number that the reader says in its handshake.
Told what to do by lines on standard input, each answered by one line: `id`, `cap`, `local`,
`inputs`, `outputs`, `output NUMBER CODE TENTHS`, `led COLOR`, `quit`. What comes unasked is told by
`card BITS HEX`, `keys HEX`, `nak CODE`; `secure 0|1` when the session begins or ends.

One byte of it is changed: it asks every reader for a session under the default key, whichever key
it has, and our reader says no to that as it should.

Nothing of Sentrypost is imported here.
"""

import logging
import sys
import threading
import time
from typing import Any

import osdp

logging.getLogger("osdp").setLevel(logging.CRITICAL)
_OWN_KEY = bytes([3, 0x11, 1])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _ask_for_own_key(command: Any) -> bytes:
    return _OWN_KEY


class Panel(osdp.ControlPanel):  # type: ignore[misc]
    """Tells what comes unasked."""

    def on_raw_card_data_reply_received(self, address: int, raw_card_data: Any) -> None:
        _say(f"card {raw_card_data.bit_count} {raw_card_data.data.hex()}")

    def on_keypad_data_reply_received(self, address: int, keypad_data: Any) -> None:
        _say(f"keys {keypad_data.data.hex()}")

    def on_nak_reply_received(self, address: int, nak: Any) -> None:
        _say(f"nak {nak.error_code.value}")


def main() -> None:
    """Read the arguments and serve until `quit`."""
    port, address, master_key = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
    osdp.SecurityInitializationRequestCommand.security_control_block = _ask_for_own_key
    panel = Panel(master_key=master_key)
    line = panel.start_connection(osdp.SerialPortOsdpConnection(port=port, baud_rate=115200))
    panel.add_device(line, address, use_crc=True, use_secure_channel=True)
    device = panel._buses[line]._configured_devices[address]
    leave = threading.Event()
    threading.Thread(target=_watch, args=(device, leave), daemon=True).start()
    try:
        for text in sys.stdin:
            if text.strip() == "quit":
                break
            try:
                _say(_obey(panel, line, address, text.split()))
            except (TimeoutError, ValueError) as error:
                _say(f"failed {type(error).__name__}")
    finally:
        leave.set()
        panel.shutdown()


def _watch(device: Any, leave: threading.Event) -> None:
    was = False
    while not leave.is_set():
        secure = bool(device.is_security_established)
        if secure != was:
            was = secure
            _say(f"secure {int(secure)}")
        time.sleep(0.01)


def _obey(panel: Panel, line: Any, address: int, words: list[str]) -> str:
    match words:
        case ["id"]:
            told = panel.id_report(line, address)
            return f"id {told.vendor_code.hex()} {told.model_number} {told.serial_number}"
        case ["cap"]:
            told = panel.device_capabilities(line, address)
            counts = {each.function.value: each.number_of for each in told.capabilities}
            return "cap " + " ".join(f"{key}:{counts[key]}" for key in sorted(counts))
        case ["local"]:
            told = panel.local_status(line, address)
            return f"local {int(told.tamper)} {int(told.power_failure)}"
        case ["inputs"]:
            return "inputs " + "".join(
                str(int(each)) for each in panel.input_status(line, address).statuses
            )
        case ["outputs"]:
            return "outputs " + "".join(
                str(int(each)) for each in panel.output_status(line, address).statuses
            )
        case ["output", number, code, tenths]:
            control = osdp.OutputControl(
                int(number), osdp.OutputControlCode(int(code)), int(tenths)
            )
            done = panel.output_control(line, address, osdp.OutputControls([control]))
            return f"output {int(done)}"
        case ["led", color]:
            done = panel.reader_led_control(
                line, address, osdp.ReaderLedControls([_led(int(color))])
            )
            return f"led {int(done)}"
    return "failed unknown line"


def _led(color: int) -> Any:
    return osdp.ReaderLedControl(
        reader_number=0,
        led_number=0,
        temporary_mode=osdp.TemporaryReaderControlCode.SetTemporaryAndStartTimer,
        temporary_on_time=2,
        temporary_off_time=1,
        permanent_on_time=0,
        permanent_off_time=0,
        temporary_on_color=osdp.LedColor(color),
        temporary_off_color=osdp.LedColor.Black,
        permanent_on_color=osdp.LedColor.Black,
        permanent_off_color=osdp.LedColor.Black,
        temporary_timer=50,
        permanent_mode=osdp.PermanentReaderControlCode.Nop,
    )


if __name__ == "__main__":
    main()
