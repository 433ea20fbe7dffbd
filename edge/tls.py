"""How we prove to the broker who we are, and look whom we speak to: mutual TLS, 1.2 or newer.

The files are read for each connection, so that a renewed certificate is taken without a restart.
Whether a certificate has begun or ended is for the TLS library to judge, at both ends: a clock that
is wrong here must not keep us from trying.
"""

import shlex
import ssl
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge.pki.certificates import common_name, issued_by
from edge.secret_file import NotAFileError, OpenToOthersError, read_secret

PEM_BYTES_MAX = 256 * 1024

Key = Literal["ca", "certificate", "key"]
"""Of the site file's `[broker]`, and central's options of the same names."""


class TlsFiles(NamedTuple):
    """`ca`: who vouches for the broker and for us. `certificate`: ours, with its private key behind
    it unless that is in a file of its own, `key`.
    """

    ca: Path
    certificate: Path
    key: Path | None = None


class TlsError(ValueError):
    """The files cannot be used. `which` is the one that is wrong; `remedy` says what to do."""

    def __init__(self, which: Key, message: str, remedy: str) -> None:
        self.which: Key = which
        self.remedy = remedy
        super().__init__(f"{message}; {remedy}")
        self.message = message


class Identity(NamedTuple):
    """Whom the certificate names, and until when it and the authority behind it hold."""

    name: str
    until: datetime
    authority_until: datetime


def identity(files: TlsFiles) -> Identity:
    """What the files say, if they belong together. Raises TlsError."""
    issuers = _certificates(files.ca, "ca", secret=False)
    own = _certificates(files.certificate, "certificate", secret=files.key is None)[0]
    holder = files.certificate if files.key is None else files.key
    which: Key = "certificate" if files.key is None else "key"
    if _private(holder, which).public_key() != own.public_key():
        raise TlsError(
            which, f"the key in {holder} is not that of {files.certificate}", "use one pair's files"
        )
    issuer = next((one for one in issuers if issued_by(own, one)), None)
    if issuer is None:
        raise TlsError(
            "certificate",
            f"{files.certificate} is not by an authority in {files.ca}",
            "use the files of one authority",
        )
    return Identity(common_name(own), own.not_valid_after_utc, issuer.not_valid_after_utc)


def context(files: TlsFiles) -> ssl.SSLContext:
    """For the next connection. Raises TlsError."""
    identity(files)
    try:
        made = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=files.ca)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        # An empty password: OpenSSL would ask for one on the terminal.
        made.load_cert_chain(files.certificate, files.key, password="")
    except OSError as error:
        raise TlsError("certificate", f"{files.certificate}: {error}", "renew it") from error
    return made


def _certificates(path: Path, which: Key, *, secret: bool) -> list[x509.Certificate]:
    data = _bytes(path, which, secret=secret)
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise TlsError(
            which, f"{path} holds no certificate", "use the file that `sentrypost pki` has written"
        ) from None


def _private(path: Path, which: Key) -> PrivateKeyTypes:
    data = _bytes(path, which, secret=True)
    start = data.find(b"-----BEGIN PRIVATE KEY")
    start = start if start >= 0 else data.find(b"-----BEGIN EC PRIVATE KEY")
    try:
        if start < 0:
            raise ValueError
        return load_pem_private_key(data[start:], None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        hint = "name its file as 'key'" if which == "certificate" else "name a file that has one"
        raise TlsError(which, f"{path} holds no private key without a passphrase", hint) from None


def _bytes(path: Path, which: Key, *, secret: bool) -> bytes:
    try:
        if secret:
            return read_secret(path, PEM_BYTES_MAX)
        with path.open("rb") as file:
            return file.read(PEM_BYTES_MAX)
    except OpenToOthersError:
        hint = f"close it with: chmod 600 {shlex.quote(str(path))}"
        said = f"others on this machine can read or change '{path}'"
        raise TlsError(which, said, hint) from None
    except (OSError, NotAFileError) as error:
        why = getattr(error, "strerror", None) or "not a file"
        raise TlsError(which, f"'{path}' cannot be read: {why}", "put it there") from None
