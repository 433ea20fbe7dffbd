"""Opening serial ports: pyserial configures them, then only the file descriptor is used.

Every way in which a port can fail comes out as LinkLostError with its remedy; pyserial itself
raises SerialException, OSError, ValueError or termios.error depending on the moment.
"""

import errno
import os
import termios
from pathlib import Path
from typing import Any

import serial

from drivers.api import LinkLostError

_READ_MAX = 4096  # one turn of the loop; a tty hands out no more at once

_UNPLUGGED = "unplugged; plug it in again"

_REMEDIES = {
    errno.EIO: _UNPLUGGED,
    errno.ENXIO: _UNPLUGGED,
    errno.ENODEV: _UNPLUGGED,
    errno.ENOENT: "no such port: plug the adapter in, or correct its name",
    errno.EACCES: "no permission: add this user to the group that owns the port",
    errno.EBUSY: "in use: another program has the port open",
    errno.EAGAIN: "in use: another program has the port open",
}


class SerialPort:
    """An open, raw, exclusively locked serial port. Use `fd` with the event loop's `add_reader`."""

    def __init__(self, path: str, baud: int) -> None:
        """Raises LinkLostError when the port cannot be opened."""
        self.path = path
        try:
            self._serial: Any = serial.Serial(path, baud, timeout=0, exclusive=True)
        except (OSError, ValueError, termios.error) as error:
            raise self._lost(error) from error
        self.fd: int = self._serial.fileno()
        try:
            _wait_for_bytes(self.fd)
        except (OSError, termios.error) as error:
            self.close()
            raise self._lost(error) from error

    def read(self) -> bytes:
        """What has arrived, or nothing. Raises LinkLostError when the port is gone."""
        try:
            data = os.read(self.fd, _READ_MAX)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._lost(error) from error
        if not data:
            raise LinkLostError(f"{self.path}: {_UNPLUGGED}")
        return data

    def write(self, data: bytes) -> None:
        """Send all of the data or none of it that a receiver could take for a message.

        A port that takes less is stuck: what it took is discarded, as if lost on the line.
        Raises LinkLostError when the port is gone.
        """
        try:
            written = os.write(self.fd, data)
        except BlockingIOError:
            written = 0
        except OSError as error:
            raise self._lost(error) from error
        if written < len(data):
            self.discard()

    def discard(self) -> None:
        """Drop what has neither been read nor left the port yet.

        A command that lies in a buffer must not reach a device that wakes up minutes later.
        """
        try:
            termios.tcflush(self.fd, termios.TCIOFLUSH)
        except (OSError, termios.error) as error:
            raise self._lost(error) from error

    def check_name(self) -> None:
        """Raises LinkLostError when the name leads to another port by now than to this one.

        A name that is missing says nothing: names go and come while adapters are looked at, and
        of a port that is gone a read tells.
        """
        try:
            named = Path(self.path).stat().st_rdev
        except OSError:
            return
        if named != os.fstat(self.fd).st_rdev:
            raise LinkLostError(f"{self.path}: the name leads to another port by now")

    def set_baud(self, baud: int) -> None:
        """Go on at this speed. Raises LinkLostError when the port is gone, or has no such speed."""
        if self._serial.baudrate == baud:
            return
        try:
            self._serial.baudrate = baud
            _wait_for_bytes(self.fd)
            termios.tcflush(self.fd, termios.TCIOFLUSH)
        except (OSError, ValueError, termios.error) as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Close the port; harmless on one that is gone."""
        try:
            self._serial.close()
        except (OSError, termios.error):
            pass  # the port is gone, which is what was wanted

    def _lost(self, error: Exception) -> LinkLostError:
        return LinkLostError(f"{self.path}: {_REMEDIES.get(_number(error), str(error))}")


def _number(error: BaseException | None) -> int:
    """The system's number of what went wrong; pyserial wraps it up, and termios has no `errno`."""
    while error is not None:
        number = error.args[0] if isinstance(error, termios.error) else getattr(error, "errno", 0)
        if isinstance(number, int) and number:
            return number
        error = error.__context__
    return 0


def _wait_for_bytes(fd: int) -> None:
    """Let a read of nothing mean "gone" only.

    pyserial sets VMIN to 0, under which a read returns no bytes both when none have arrived yet and
    when the other end has hung up.
    """
    os.set_blocking(fd, False)
    settings = termios.tcgetattr(fd)
    settings[6][termios.VMIN] = 1
    settings[6][termios.VTIME] = 0
    termios.tcsetattr(fd, termios.TCSANOW, settings)
