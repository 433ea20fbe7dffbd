"""What our certificates hold (RFC 5280), and how long they last."""

import ipaddress
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.pki.names import Role, Subject

AUTHORITY_NAME = "Sentrypost site CA"

AUTHORITY_DAYS = 3_650

RENEW_AT = 2 / 3
"""Of the life: from then on somebody can still forget it for a while."""

BACKDATED = timedelta(hours=1)
"""A clock that is a little slow must not find a certificate that is not valid yet."""

_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


class HostError(ValueError):
    """Neither a name nor an address of a machine."""


def new_key() -> EllipticCurvePrivateKey:
    """P-256: what every TLS library speaks."""
    return generate_private_key(SECP256R1())


def host_names(hosts: Sequence[str]) -> tuple[x509.GeneralName, ...]:
    """As what clients look for: addresses as such, names in small letters. Raises HostError."""
    names: list[x509.GeneralName] = []
    for host in hosts:
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
        except ValueError:
            if not _HOST.fullmatch(host.lower()):
                raise HostError(f"'{host}' is no name or address of a machine") from None
            name = x509.DNSName(host.lower())
        if name not in names:
            names.append(name)
    return tuple(names)


def authority_certificate(
    site: str, key: EllipticCurvePrivateKey, now: datetime
) -> x509.Certificate:
    """Of the authority itself. It may sign certificates of machines, and of no other authority."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, site),
            x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY_NAME),
        ]
    )
    public = key.public_key()
    builder = _builder(name, name, public, now, AUTHORITY_DAYS)
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def certificate(
    subject: Subject,
    public: EllipticCurvePublicKey,
    issuer: x509.Certificate,
    key: EllipticCurvePrivateKey,
    now: datetime,
    days: int,
    hosts: Sequence[x509.GeneralName] = (),
) -> x509.Certificate:
    """Of one machine, for `days` or as long as the issuer's own. `hosts`: of a broker."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name)])
    # A stolen edge cannot pass for the broker, nor a broker for an edge.
    broker = subject.role is Role.BROKER
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if broker else ExtendedKeyUsageOID.CLIENT_AUTH
    left = (issuer.not_valid_after_utc - now).days
    builder = (
        _builder(name, issuer.subject, public, now, min(days, left))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(_key_of(issuer), critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    return builder.sign(key, hashes.SHA256())


def revocations(
    issuer: x509.Certificate,
    key: EllipticCurvePrivateKey,
    number: int,
    revoked: Sequence[x509.RevokedCertificate],
    now: datetime,
) -> x509.CertificateRevocationList:
    """The list of what is revoked. It lasts as long as the issuer: a broker whose list has run out
    would let nobody in at all.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now - BACKDATED)
        .next_update(issuer.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_key_of(issuer), critical=False)
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(one)
    return builder.sign(key, hashes.SHA256())


def revoked_now(serial: int, now: datetime) -> x509.RevokedCertificate:
    return x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()


def public_of(found: x509.Certificate) -> EllipticCurvePublicKey:
    """Of a certificate of ours."""
    public = found.public_key()
    assert isinstance(public, EllipticCurvePublicKey), "ours have no other"
    return public


def common_name(found: x509.Certificate) -> str:
    """Empty where it has none, or several."""
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def issued_by(found: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key has signed it."""
    try:
        found.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def organisation(found: x509.Certificate) -> str:
    """Empty where it has none."""
    names = found.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(names[0].value) if names else ""


def hosts_of(found: x509.Certificate) -> tuple[x509.GeneralName, ...]:
    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(extension.value)


def renewal_due(found: x509.Certificate) -> datetime:
    """From when on it is renewed."""
    life = found.not_valid_after_utc - found.not_valid_before_utc
    return found.not_valid_before_utc + life * RENEW_AT


def now_utc() -> datetime:
    """To the second, as certificates have it."""
    return datetime.now(UTC).replace(microsecond=0)


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    public: EllipticCurvePublicKey,
    now: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _key_of(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
