"""The house with a module or a scanner outside its front door, in place of the OSDP reader."""

from controller.ids import CredentialId, CredentialRef, HolderId
from edge.people import (
    Change,
    CredentialRecord,
    People,
    code_ref,
    credential_ref,
    load_site_key,
)
from tests.docs.pages import ROOT, marked
from tests.edge.house import SITE, House

TAG = bytes.fromhex("0C000621A5")
CODE = "STAFF 17"

_PORT = 'port = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"'
_SHOWN = marked((ROOT / "docs" / "devices.md").read_text(), "module.toml")
MODULE = _SHOWN.replace(_PORT, 'port = "desk"').replace("desk-reader", "front-in")
SCANNER = MODULE.replace("rdm6300", "scanner")
OSDP = '[device.front-in]\nline = "north"\naddress = 1\nkey = "front-in.key"\n'


def wire(house: House, tables: str) -> None:
    """Another reader at the front door."""
    text = SITE.format(broker="")
    assert OSDP in text
    (house.folder / "site.toml").write_text(text.replace(OSDP, tables))


def enrol_tag(house: House) -> None:
    """Ada has a badge for the module as well."""
    _enrol(house, credential_ref(load_site_key(house.folder / "site.key"), 40, TAG))


def enrol_code(house: House) -> None:
    """Ada has a code for the scanner as well."""
    _enrol(house, code_ref(load_site_key(house.folder / "site.key"), CODE))


def _enrol(house: House, ref: CredentialRef) -> None:
    badge = CredentialRecord(id=CredentialId("e" * 16), holder=HolderId("a" * 16), ref=ref)
    with People.open(house.folder / "state" / "site.db") as people:
        people.apply(Change(base=people.version, credentials=(badge,)))
