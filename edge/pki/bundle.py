"""A certificate and its private key in one file: renewed by one rename, so that no power cut can
leave the one of them with the other's predecessor.
"""

import os
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from edge.pki import certificates
from edge.pki.authority import PkiError
from edge.secret_file import NotAFileError, OpenToOthersError, read_secret, replace_file

BUNDLE_BYTES_MAX = 64 * 1024


class Bundle(NamedTuple):
    """`key` is None where the file holds a certificate alone, to be put beside the key that is
    there already. No repr shows the key.
    """

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey | None

    def __repr__(self) -> str:
        return f"Bundle({certificates.common_name(self.certificate)!r}, …)"

    @property
    def pem(self) -> bytes:
        public = self.certificate.public_bytes(Encoding.PEM)
        if self.key is None:
            return public
        return public + self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_bundle(path: Path) -> Bundle:
    """Of a file that `sentrypost pki` has written. Raises PkiError."""
    try:
        data = read_secret(path, BUNDLE_BYTES_MAX)
    except OpenToOthersError:
        raise PkiError(
            f"others on this machine can read or change {path}", f"close it: chmod 600 {path}"
        ) from None
    except (OSError, NotAFileError) as error:
        why = getattr(error, "strerror", None) or "not a file"
        raise PkiError(
            f"{path} cannot be read: {why}", "name the file that was carried here"
        ) from None
    try:
        certificate = x509.load_pem_x509_certificate(data)
        key = load_pem_private_key(data, None) if b" PRIVATE KEY-----" in data else None
    except (ValueError, TypeError):
        raise PkiError(
            f"{path} is no certificate of ours", "use the file that `sentrypost pki` has written"
        ) from None
    if key is not None and not isinstance(key, EllipticCurvePrivateKey):
        raise PkiError(f"{path} holds a key of another kind", "use a file of `sentrypost pki`")
    if key is not None and key.public_key() != certificate.public_key():
        raise PkiError(
            f"the key in {path} is not the certificate's",
            "use the file as `sentrypost pki` has written it",
        )
    return Bundle(certificate, key)


def assure_place(path: Path, common_name: str) -> None:
    """That a bundle of this name can be written there, before anything is done that cannot be
    undone. Raises PkiError.
    """
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise PkiError(
            f"{path.parent} is no folder that can be written", "make it, or choose another"
        )
    if path.exists():
        old = certificates.common_name(read_bundle(path).certificate)
        if old != common_name:
            raise PkiError(f"{path} holds the certificate of {old}", "choose another file")


def put_bundle(path: Path, bundle: Bundle) -> None:
    """Into a file of mode 600, in the place of an older one of the same name. Raises PkiError."""
    assure_place(path, certificates.common_name(bundle.certificate))
    try:
        replace_file(path, bundle.pem)
    except OSError as error:
        raise PkiError(
            f"{path} cannot be written: {error.strerror}", "choose a folder that you may write to"
        ) from error


def renewed(old: Bundle, new: Bundle, issuers: tuple[x509.Certificate, ...]) -> Bundle:
    """What takes the place of `old`: `new`, with the old key where it comes without one.

    Raises PkiError where it is not by one of the issuers, of another name or key, or not newer.
    """
    names = [certificates.common_name(one.certificate) for one in (old, new)]
    if names[0] != names[1]:
        raise PkiError(
            f"it is of {names[1]}, and here is {names[0]}", "carry each file to its place"
        )
    if not any(certificates.issued_by(new.certificate, one) for one in issuers):
        raise PkiError(
            "it is not by the authority of this site", "carry ca.pem here first if that was renewed"
        )
    if new.certificate.not_valid_before_utc < old.certificate.not_valid_before_utc:
        raise PkiError("it is older than the one here", "carry the newest one")
    key = new.key or old.key
    if key is None or key.public_key() != new.certificate.public_key():
        raise PkiError(
            "it was made for another key than the one here",
            "make it with a new key: `sentrypost pki renew` without --same-key",
        )
    return Bundle(new.certificate, key)
