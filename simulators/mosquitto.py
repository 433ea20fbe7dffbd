"""Mosquitto as the demo and the tests use it: an own instance on loopback, never the system's."""

import shutil
from pathlib import Path

# Debian puts it into /usr/sbin, which is not on the PATH of ordinary users.
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/opt/homebrew/sbin")
# What may wait for one client that is away; the embedded broker has the same limit.
QUEUED_MAX = 5_000


def find_mosquitto() -> Path | None:
    """The program on PATH or in the system's folders, or None."""
    found = shutil.which("mosquitto")
    for folder in SYSTEM_FOLDERS:
        found = found or shutil.which("mosquitto", path=folder)
    return Path(found) if found else None


def mosquitto_configuration(folder: Path, port: int, extra: tuple[str, ...] = ()) -> str:
    """The text of a configuration file for one instance.

    :param folder: where it keeps its sessions over a restart
    :param port: on 127.0.0.1
    :param extra: further lines; `listener` and what belongs to it comes before them
    """
    lines = (
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        # Off by default: a QoS 1 answer then takes 68 ms in place of 0.8 ms.
        "set_tcp_nodelay true",
        f"max_queued_messages {QUEUED_MAX}",
        "persistence true",
        f"persistence_location {folder}/",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        *extra,
    )
    return "\n".join(lines) + "\n"
