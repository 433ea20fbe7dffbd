"""A passkey in software: what a browser hands back for the options that the daemon gives."""

import base64
import hashlib
import json

from fido2 import cbor

from tests.edge.authenticator import ATTESTED, PRESENT, VERIFIED, Authenticator


class SoftKey:
    """One passkey of one site."""

    def __init__(self, rp: str) -> None:
        self._key = Authenticator(rp, count=5)

    def made(self, options: str, *, verified: bool = True, origin: str = "") -> str:
        """RegistrationResponseJSON."""
        asked = json.loads(options)
        assert asked["authenticatorSelection"]["userVerification"] == "required"
        assert asked["rp"]["id"] == self._key.rp
        client = self._client(asked["challenge"], "webauthn.create", origin)
        flags = PRESENT | ATTESTED | (VERIFIED if verified else 0)
        data, _ = self._key.assertion(client, flags=flags, more=self._key.attested)
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        return self._json({"attestationObject": _url(attestation)}, client)

    def signed(
        self,
        options: str,
        holder: str,
        *,
        verified: bool = True,
        origin: str = "",
        count: int | None = None,
    ) -> str:
        """AuthenticationResponseJSON, of somebody who says to be `holder`."""
        asked = json.loads(options)
        assert asked["userVerification"] == "required"
        client = self._client(asked["challenge"], "webauthn.get", origin)
        kept = self._key.count
        self._key.count = kept if count is None else count
        flags = PRESENT | (VERIFIED if verified else 0)
        data, signature = self._key.over(hashlib.sha256(client).digest(), flags=flags)
        self._key.count = max(kept, self._key.count)
        said = {"authenticatorData": _url(data), "signature": _url(signature)}
        return self._json(said | {"userHandle": _url(holder.encode())}, client)

    def _client(self, challenge: str, kind: str, origin: str) -> bytes:
        raw = base64.urlsafe_b64decode(f"{challenge}==")
        changes = {"type": kind} | ({"origin": origin} if origin else {})
        return self._key.client_data(raw, **changes)

    def _json(self, response: dict[str, str], client: bytes) -> str:
        return json.dumps(
            {
                "id": _url(self._key.credential),
                "rawId": _url(self._key.credential),
                "type": "public-key",
                "response": response | {"clientDataJSON": _url(client)},
                "clientExtensionResults": {},
            }
        )


def _url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
