"""What a service manager is told: sd_notify(3), one datagram a time to the socket that it names."""

import logging
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)


class ServiceManager:
    """systemd, or whoever else has its protocol. `watchdog_s`: None where it does not watch."""

    def __init__(self, address: str, watchdog_s: float | None) -> None:
        """`address`: a path, or a name behind `@` in the abstract namespace of unix(7)."""
        self.watchdog_s = watchdog_s
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._said = ""

    def tell(self, *assignments: str) -> None:
        """Send `VARIABLE=value` lines. Never waits and never fails: no door depends on it."""
        data = "\n".join(assignments).encode()
        try:
            self._socket.sendto(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL, self._address)
            self._said = ""
        except OSError as error:
            if str(error) != self._said:
                log.error("the service manager does not hear us: %s", error)
                self._said = str(error)


def service_manager(environ: Mapping[str, str], pid: int) -> ServiceManager | None:
    """The one that started this process, as its environment says; None where there is none."""
    address = environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in {"/", "@"}:
        return None
    watched = environ.get("WATCHDOG_USEC", "")
    whose = environ.get("WATCHDOG_PID", str(pid))
    watches = watched.isascii() and watched.isdigit() and int(watched) > 0 and whose == str(pid)
    return ServiceManager(address, int(watched) / 1e6 if watches else None)
