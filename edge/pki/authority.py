"""The authority's folder: its key, its certificate, what it has issued, and what it has revoked.

No private key but its own is kept there. A certificate is on file before it leaves, so that
whatever exists can be revoked; what is revoked stands in the list alone, which is replaced whole.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding

from edge.key_files import KeyFileError, read_key, write_key
from edge.pki import certificates
from edge.pki.names import Subject, subject_of
from edge.secret_file import replace_file

KEY, CERTIFICATE, REVOKED, ISSUED = "ca.key", "ca.pem", "crl.pem", "issued"
FOLDER_MODE = 0o700
PUBLIC = 0o644
"""Of what is carried to every machine."""
MADE_BY = "sentrypost pki init"


class PkiError(Exception):
    """It was not done. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class State(StrEnum):
    """Of a certificate that was issued."""

    VALID = "valid"
    DUE = "due"  # for renewal, and valid
    REPLACED = "replaced"  # valid still, and there is a newer one of that name
    EXPIRED = "expired"
    REVOKED = "revoked"


class Issued(NamedTuple):
    """One certificate on file."""

    subject: Subject
    certificate: x509.Certificate
    state: State
    revoked_on: datetime | None

    @property
    def serial(self) -> str:
        return f"{self.certificate.serial_number:040x}"

    @property
    def holds(self) -> bool:
        """Neither revoked nor expired: it may still be in use."""
        return self.state not in {State.REVOKED, State.EXPIRED}


class Authority:
    """Of one site. Reading needs no passphrase; `ask` gives it where something is signed."""

    def __init__(self, folder: Path, certificate: x509.Certificate) -> None:
        self.folder = folder
        self.certificate = certificate
        self.site = certificates.organisation(certificate)

    @classmethod
    def create(cls, folder: Path, site: str, passphrase: bytes, now: datetime) -> Self:
        """A new one in a folder that is not there, or empty. Raises PkiError."""
        if folder.is_dir() and any(folder.iterdir()):
            raise PkiError(
                f"{folder} is not empty", "name a new folder: an authority is never made over"
            )
        key = certificates.new_key()
        made = cls(folder, certificates.authority_certificate(site, key, now))
        try:
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            folder.chmod(FOLDER_MODE)
            (folder / ISSUED).mkdir(mode=FOLDER_MODE)
            write_key(folder / KEY, key, passphrase)
            made._put_revoked(key, 1, (), now)
            # Last: without it there is no authority, and the folder is made anew.
            replace_file(folder / CERTIFICATE, made.certificate.public_bytes(Encoding.PEM), PUBLIC)
        except (OSError, KeyFileError) as error:
            raise _not_written(folder, error) from error
        return made

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Raises PkiError."""
        try:
            found = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
        except (OSError, ValueError):
            raise PkiError(
                f"{folder} holds no authority", f"name its folder, or make one: {MADE_BY}"
            ) from None
        return cls(folder, found)

    def issued(self, now: datetime) -> tuple[Issued, ...]:
        """All of them, by name, the newest of a name first. Raises PkiError."""
        revoked = {one.serial_number: one.revocation_date_utc for one in self._list()}
        found: list[tuple[Subject, x509.Certificate]] = []
        files = (self.folder / ISSUED).glob("*.pem")
        # Times in certificates are seconds; of one second the file written last is the newest.
        for file in sorted(files, key=lambda one: one.stat().st_mtime_ns, reverse=True):
            certificate = _certificate(file)
            subject = subject_of(certificates.common_name(certificate))
            if subject is not None:
                found.append((subject, certificate))
        found.sort(key=lambda pair: pair[1].not_valid_before_utc, reverse=True)
        found.sort(key=lambda pair: pair[0])
        listed: list[Issued] = []
        good: set[Subject] = set()
        for subject, certificate in found:
            on = revoked.get(certificate.serial_number)
            state = _state(certificate, on, now, replaced=subject in good)
            if state in {State.VALID, State.DUE}:
                good.add(subject)
            listed.append(Issued(subject, certificate, state, on))
        return tuple(listed)

    def newest(self, subject: Subject, now: datetime) -> Issued | None:
        """The one that counts now, or would if it had not expired; None where there is none that
        was not revoked. Raises PkiError.
        """
        return next(
            (
                one
                for one in self.issued(now)
                if one.subject == subject and one.state is not State.REVOKED
            ),
            None,
        )

    def issue(
        self,
        subject: Subject,
        public: EllipticCurvePublicKey,
        ask: Callable[[], str],
        now: datetime,
        days: int,
        hosts: Sequence[x509.GeneralName] = (),
    ) -> x509.Certificate:
        """A certificate, on file when this returns. Raises PkiError, KeyFileError."""
        until = self.certificate.not_valid_after_utc
        if now + timedelta(days=1) > until:
            raise PkiError(
                f"the authority ends on {until.date()}: what it signs would be good for nothing",
                "make another one; docs/operations.md, Certificates, says how they change places",
            )
        made = certificates.certificate(
            subject, public, self.certificate, self._key(ask), now, days, hosts
        )
        file = self.folder / ISSUED / f"{made.serial_number:040x}.pem"
        try:
            replace_file(file, made.public_bytes(Encoding.PEM))
        except OSError as error:
            raise _not_written(self.folder, error) from error
        return made

    def revoke(
        self, which: Sequence[Issued], ask: Callable[[], str], now: datetime
    ) -> x509.CertificateRevocationList:
        """Put these on the list as well. Raises PkiError, KeyFileError."""
        key = self._key(ask)
        with self._alone():
            present = self._list()
            number = present.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
            known = list(present)
            listed = {one.serial_number for one in known}
            serials = {one.certificate.serial_number for one in which} - listed
            known += [certificates.revoked_now(serial, now) for serial in sorted(serials)]
            return self._put_revoked(key, number + 1, known, now)

    def _key(self, ask: Callable[[], str]) -> EllipticCurvePrivateKey:
        key = read_key(self.folder / KEY, ask, made_by=MADE_BY)
        if not isinstance(key, EllipticCurvePrivateKey) or (
            key.public_key() != self.certificate.public_key()
        ):
            raise PkiError(
                f"{self.folder / KEY} is not the key of {self.folder / CERTIFICATE}",
                "put the authority's folder back from its copy",
            )
        return key

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two who revoke at the same time must not lose each other's."""
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _list(self) -> x509.CertificateRevocationList:
        file = self.folder / REVOKED
        try:
            found = x509.load_pem_x509_crl(file.read_bytes())
        except (OSError, ValueError):
            raise PkiError(
                f"{file} cannot be read: what is revoked is not known",
                "put the authority's folder back from its copy, with the newest list that a "
                "broker has",
            ) from None
        public = self.certificate.public_key()
        if not isinstance(public, EllipticCurvePublicKey) or not found.is_signature_valid(public):
            raise PkiError(
                f"{file} is the list of another authority",
                "put the authority's folder back from its copy",
            )
        return found

    def _put_revoked(
        self,
        key: EllipticCurvePrivateKey,
        number: int,
        revoked: Sequence[x509.RevokedCertificate],
        now: datetime,
    ) -> x509.CertificateRevocationList:
        made = certificates.revocations(self.certificate, key, number, revoked, now)
        try:
            replace_file(self.folder / REVOKED, made.public_bytes(Encoding.PEM), PUBLIC)
        except OSError as error:
            raise _not_written(self.folder, error) from error
        return made


def _state(
    certificate: x509.Certificate, revoked_on: datetime | None, now: datetime, *, replaced: bool
) -> State:
    if revoked_on is not None:
        return State.REVOKED
    if now >= certificate.not_valid_after_utc:
        return State.EXPIRED
    if replaced:
        return State.REPLACED
    return State.DUE if now >= certificates.renewal_due(certificate) else State.VALID


def _certificate(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        raise PkiError(
            f"{file} cannot be read", "put the authority's folder back from its copy"
        ) from None


def _not_written(folder: Path, error: Exception) -> PkiError:
    why = getattr(error, "strerror", None) or str(error)
    return PkiError(f"{folder} cannot be written: {why}", "choose a folder that you may write to")
