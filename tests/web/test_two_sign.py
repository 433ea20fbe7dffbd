"""A lockdown ends by two people, each with a security key of her own, at two screens."""

import base64
import datetime
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, expect

from edge.fido2_assertions import rp_id
from tests.edge.authenticator import Authenticator
from tests.web.browser import Screen
from tests.web.embassy import ANNA, BEN, Embassy, Process

SITE = "embassy-vienna"


def certificate(folder: Path) -> tuple[Path, Path]:
    """One for the site's name, which nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, rp_id(SITE))])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(rp_id(SITE))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "pages.pem", folder / "pages.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def plug_in(screen: Screen, key: Authenticator) -> None:
    """A virtual authenticator of the browser has this key, and its user is verified."""
    devtools = screen.context.new_cdp_session(screen.page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "usb",
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    added = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    private = key._ec.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    devtools.send(
        "WebAuthn.addCredential",
        {
            "authenticatorId": added["authenticatorId"],
            "credential": {
                "credentialId": base64.b64encode(key.credential).decode(),
                "isResidentCredential": False,
                "rpId": key.rp,
                "privateKey": base64.b64encode(private).decode(),
                "signCount": 1,
            },
        },
    )


class Signers:
    def __init__(self, folder: Path) -> None:
        self.anna = Authenticator(rp_id(SITE))
        self.ben = Authenticator(rp_id(SITE))
        self.site = Embassy(folder, walks="")
        with (folder / "site.toml").open("a") as file:
            for name, person, holder, key in (
                ("anna-stick", "Anna Berger", ANNA, self.anna),
                ("ben-stick", "Ben Okafor", BEN, self.ben),
            ):
                text = base64.b64encode(key.attested).decode()
                file.write(
                    f'\n[key.{name}]\nfido2 = "{text}"\nperson = "{person}"\n'
                    f'holder = "{holder}"\nmay = ["order"]\n'
                )
        assert tomllib.loads((folder / "site.toml").read_text())


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signers]:
    two = Signers(tmp_path_factory.mktemp("two"))
    with two.site:
        yield two


@pytest.fixture(scope="module")
def address(signers: Signers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Over TLS and by the site's name: a browser gives a passkey to nothing else."""
    folder = signers.site.folder
    pem, key = certificate(folder)
    words = ("web", "--listen", "127.0.0.1:0", "--certificate", str(pem), "--key", str(key))
    web = Process("web-tls", folder, *words)
    port = web.said("https://").rstrip("/").rpartition(":")[2]
    yield f"https://{rp_id(SITE)}:{port}"
    web.stop()


def test_two_people_lift_a_lockdown_each_at_her_own_screen_and_one_alone_does_not(
    signers: Signers, address: str, browser: Browser
) -> None:
    anna, ben = Screen(browser, address), Screen(browser, address)
    for screen, person, key in ((anna, ANNA, signers.anna), (ben, BEN, signers.ben)):
        screen.sign_in(signers.site.link(person))
        plug_in(screen, key)
        screen.page.goto("/console")
    page = anna.page
    page.get_by_role("button", name="Lockdown").first.click()
    anna.hold("Hold for one second to order")
    posture = page.locator("#posture")
    expect(posture).to_contain_text("LOCKDOWN")
    page.get_by_role("button", name="Close", exact=True).click()
    orders = page.get_by_role("region", name="Orders in force")
    orders.get_by_label("Why it ends").first.fill("the house was searched")
    orders.get_by_role("button", name="Prepare its end for two signatures").click()
    sign = re.compile("Sign with your security key")
    page.get_by_role("button", name=sign).click()
    drafts = page.get_by_role("region", name="Waiting for signatures")
    expect(drafts.get_by_text(re.compile("Anna Berger; 2 needed"))).to_be_visible()
    expect(posture).to_contain_text("LOCKDOWN")
    # She cannot be both.
    page.get_by_role("button", name=sign).click()
    expect(posture).to_contain_text("LOCKDOWN")
    # What he signs stands on his own screen, in words.
    other = ben.page
    waiting = other.get_by_role("region", name="Waiting for signatures")
    expect(waiting).to_contain_text("the house was searched")
    other.get_by_role("button", name=sign).click()
    expect(other.locator("#posture")).to_contain_text("normal")
    expect(posture).to_contain_text("normal")
    ended = signers.site.command("journal", "tail", "-n", "40", "--json")
    assert "the house was searched" in ended
    anna.close()
    ben.close()
