"""How a site file secures the way to a broker: which keys go together, and TLS of their files."""

import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from typing import Protocol


class BrokerKeys(Protocol):
    """The keys of a site file that a broker is reached with."""

    @property
    def username(self) -> str | None: ...
    @property
    def password_file(self) -> str | None: ...
    @property
    def ca(self) -> str | None: ...
    @property
    def certificate(self) -> str | None: ...
    @property
    def key(self) -> str | None: ...


def problems(keys: BrokerKeys) -> Iterator[str]:
    """What of them cannot stand as it does."""
    if keys.password_file is not None and keys.username is None:
        yield "`password-file` without `username`"
    if (keys.certificate is None) is not (keys.key is None):
        yield "`certificate` and `key` go together"
    if keys.certificate is not None and keys.ca is None:
        yield "`certificate` is for TLS, which needs `ca` as well"


def context(files: Mapping[str, bytes]) -> ssl.SSLContext:
    """TLS with the authority in the file `ca` and, where they are there, `certificate` and `key`.

    Raises ValueError, without a word of what is in the files.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_verify_locations(cadata=files["ca"].decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise ValueError("`ca` holds no certificate in PEM") from None
    if "certificate" in files:
        try:
            _load_pair(made, files["certificate"] + b"\n" + files["key"])
        except ssl.SSLError:
            raise ValueError("`certificate` and `key` are no pair in PEM") from None
    return made


def _load_pair(made: ssl.SSLContext, pem: bytes) -> None:
    """Python's ssl takes them from a file alone: one that nobody else can open, and no longer than
    it takes.
    """
    with tempfile.NamedTemporaryFile() as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(pem)
        file.flush()
        made.load_cert_chain(file.name)
