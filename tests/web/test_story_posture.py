"""A chief locks down, sees every door, lifts it with somebody else, and exercises it all: from the
start page on. Two people sign at two screens, each with a security key of her own.
"""

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
from playwright.sync_api import Browser, Locator, Page, expect

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


@pytest.fixture
def anna(signers: Signers, address: str, browser: Browser) -> Iterator[Screen]:
    yield from at_her_key(signers, address, browser, ANNA, signers.anna)


@pytest.fixture
def ben(signers: Signers, address: str, browser: Browser) -> Iterator[Screen]:
    yield from at_her_key(signers, address, browser, BEN, signers.ben)


def at_her_key(
    signers: Signers, address: str, browser: Browser, person: str, key: Authenticator
) -> Iterator[Screen]:
    """A screen with somebody's security key in it."""
    screen = Screen(browser, address)
    screen.sign_in(signers.site.link(person))
    plug_in(screen, key)
    yield screen
    screen.close()


def posture(page: Page) -> Locator:
    return page.get_by_role("status").filter(has_text="Threat level")


DOORS = ("main-gate", "front-door", "staff-door", "archive-door", "safe-room-door")
"""All that there are; each has its row."""

HEARD_LATE = """() => {
  const fetched = window.fetch;
  window.fetch = async (address, ...rest) => {
    if (String(address).endsWith("/orders/arm")) await new Promise((over) => setTimeout(over, 700));
    return fetched(address, ...rest);
  };
}"""
"""An edge with much to do hears of a hold when most of it is over, and believes its own clock."""

SIGN = "Sign with your security key"


def test_a_drill_is_given_marked_ended_by_one_and_has_its_report(
    signers: Signers, anna: Screen
) -> None:
    with anna.task(actions=5) as page:
        anna.presses("Lockdown", page.get_by_role("banner"))
        anna.ticks("An exercise")
        anna.types("Reason", "the spring exercise")
        page.evaluate(HEARD_LATE)
        anna.hold("Hold for one second to order")
        expect(posture(page)).to_contain_text("LOCKDOWN")
        anna.presses("Close")
        order = page.get_by_role("region", name="Orders in force").get_by_role("listitem")
        expect(order.get_by_text("Exercise", exact=True)).to_be_visible()
        expect(order).to_contain_text("the spring exercise")
        expect(order).to_contain_text("doors obey")
    with anna.task(actions=1) as page:
        anna.hold("Hold to end it")
        expect(posture(page)).to_contain_text("normal")
    with anna.task(actions=2) as page:
        anna.presses("Exercises")
        anna.presses(re.compile("^Report of "))
        expect(page.get_by_role("heading", level=1)).to_contain_text("Drill of lockdown")
        expect(page.get_by_text("the spring exercise").first).to_be_visible()
        for door in DOORS:
            expect(page.get_by_text(door).first).to_be_visible()


def test_a_lockdown_shows_every_door_and_two_people_lift_it_where_one_alone_does_not(
    signers: Signers, anna: Screen, ben: Screen
) -> None:
    with anna.task(actions=3) as page:
        expect(posture(page)).to_contain_text("normal")
        anna.presses("Lockdown", page.get_by_role("banner"))
        anna.hold("Hold for one second to order")
        expect(posture(page)).to_contain_text("LOCKDOWN")
        anna.presses("Close")
        orders = page.get_by_role("region", name="Orders in force")
        expect(orders).to_contain_text("doors obey")
        doors = page.get_by_role("region", name="Doors").first
        for door in DOORS:
            row = doors.get_by_role("row").filter(
                has=page.get_by_role("rowheader", name=door, exact=True)
            )
            expect(row).to_contain_text(re.compile("closed|nobody sees its leaf"))
    with anna.task(actions=3) as page:
        anna.types("Why it ends", "the house was searched")
        anna.presses("Prepare its end for two signatures")
        anna.presses(SIGN)
        drafts = page.get_by_role("region", name="Waiting for signatures")
        expect(drafts.get_by_text(re.compile("Anna Berger; 2 needed"))).to_be_visible()
    with anna.carries_on(actions=1) as page:
        # She cannot be both.
        anna.presses(SIGN)
        expect(posture(page)).to_contain_text("LOCKDOWN")
    with ben.task(actions=1) as page:
        # What he signs stands on his own screen, in words.
        waiting = page.get_by_role("region", name="Waiting for signatures")
        expect(waiting).to_contain_text("the house was searched")
        ben.presses(SIGN)
        expect(posture(page)).to_contain_text("normal")
    expect(posture(anna.page)).to_contain_text("normal")
    ended = signers.site.command("journal", "tail", "-n", "40", "--json")
    assert "the house was searched" in ended
