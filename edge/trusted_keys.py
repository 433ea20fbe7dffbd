"""Entries [key.…] of the site file: the keys whose signatures count."""

from edge.signatures import KeyKind, PublicKeyError, TrustedKey, Use, public_key
from edge.site_file import KeyEntry
from edge.ssh_signatures import PREFIX, ssh_public_key


class KeyUseError(ValueError):
    """The key may not sign what the entry says. `remedy` says what to write."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


def key_field(entry: KeyEntry) -> str:
    """Where the key stands in its entry."""
    return "fido2" if entry.public is None and entry.fido2 is not None else "public"


def trusted_key(name: str, entry: KeyEntry) -> TrustedKey:
    """The key of an entry. Raises PublicKeyError, KeyUseError."""
    may, holder = frozenset(entry.may), entry.holder or ""
    public, kind, credential = _parsed(entry)
    if kind is KeyKind.SSH and may != {Use.ORDER}:
        raise KeyUseError(
            f"a key of kind {kind} signs orders and nothing else",
            'write may = ["order"]; `sentrypost key new` makes keys for the rest',
        )
    if kind is KeyKind.FIDO2 and not may <= {Use.ORDER, Use.CONSENT}:
        raise KeyUseError(
            f"a key of kind {kind} signs orders and consents, and nothing else",
            'write may = ["order", "consent"]; `sentrypost key new` makes keys for the rest',
        )
    if Use.RAISE in may and (len(may) > 1 or holder):
        raise KeyUseError(
            "'raise' is for an edge's own key, which signs nothing else and belongs to nobody",
            'write may = ["raise"] and no holder; a person signs with may = ["order"]',
        )
    return TrustedKey(name, entry.person, public, may, holder, kind, credential)


def _parsed(entry: KeyEntry) -> tuple[bytes, KeyKind, bytes]:
    if entry.fido2 is not None and entry.public is None:
        from edge.fido2_assertions import fido2_key

        key = fido2_key(entry.fido2)
        return key.public, KeyKind.FIDO2, key.credential
    if entry.public is None or entry.fido2 is not None:
        raise PublicKeyError("one of 'public' and 'fido2' must stand there, and not both")
    if entry.public.startswith(PREFIX):
        return ssh_public_key(entry.public), KeyKind.SSH, b""
    return public_key(entry.public), KeyKind.ED25519, b""
