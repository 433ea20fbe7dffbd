"""A site's certificates and a Mosquitto that knows them, made by the program's own commands."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from click.testing import CliRunner

from edge.commands.pki import pki
from edge.pki import certificates
from edge.pki.authority import Authority
from edge.pki.bundle import Bundle, put_bundle
from edge.pki.names import Role, subject
from edge.tls import TlsFiles
from simulators.broker_process import BrokerProcess, unprivileged_account
from tests.servers import require

SITE = "house"


def commanded(*arguments: str | Path) -> str:
    """`sentrypost pki …`; what it printed."""
    done = CliRunner().invoke(pki, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


class SitePki:
    """The authority of the house in a folder, and what it has made for whom."""

    def __init__(self, folder: Path, site: str = SITE) -> None:
        self.folder = folder
        self.home = folder / "pki"
        commanded("init", self.home, "--site", site)

    @property
    def ca(self) -> Path:
        return self.home / "ca.pem"

    @property
    def authority(self) -> Authority:
        return Authority.open(self.home)

    def make(self, role: str, *names: str) -> TlsFiles:
        """As `sentrypost pki ROLE NAMES` does."""
        file = self.folder / f"{'-'.join((role, *names)).replace(':', '_')}.pem"
        commanded(role, *names, "--authority", self.home, "--out", file)
        return TlsFiles(self.ca, file)

    def put(self, file: Path, name: str, began: datetime, days: int) -> None:
        """An edge's certificate that began then, whatever the command would say to that."""
        key = certificates.new_key()
        who = subject(self.authority.site, Role.EDGE, name)
        made = self.authority.issue(who, key.public_key(), str, began, days)
        put_bundle(file, Bundle(made, key))

    def put_expired(self, file: Path, name: str) -> None:
        self.put(file, name, certificates.now_utc() - timedelta(days=40), 30)


class SecuredBroker(BrokerProcess):
    """A Mosquitto under the configuration that `sentrypost pki mosquitto` writes."""

    def __init__(
        self, own: SitePki, *, identity: Path | None = None, access: str = "", days: int = 365
    ) -> None:
        """`identity`: in place of the certificate that is made for it, which lasts for `days`.
        `access`: further rules.
        """
        require("mosquitto")
        self.own = own
        self._identity = identity
        self._access = access
        self._days = str(days)
        super().__init__("mosquitto")

    def configure(self) -> None:
        """Write the files, as after a revocation."""
        out = ("--out", self.folder, "--port", str(self.port), "--address", "127.0.0.1")
        commanded("mosquitto", "--authority", self.own.home, *out, "--data", self.folder)
        acl = self.folder / "acl"
        acl.write_text(acl.read_text() + self._access)
        account = unprivileged_account()
        for file in self.folder.iterdir():
            if account is not None:
                shutil.chown(file, account)

    def _make_command(self) -> list[str]:
        place = self.folder / "broker.pem"
        if self._identity is not None:
            shutil.copy(self._identity, place)
        else:
            hosts = ("127.0.0.1", "localhost")
            out = ("--authority", self.own.home, "--out", place, "--days", self._days)
            commanded("broker", *hosts, *out)
        self.configure()
        return [str(require("mosquitto")), "-c", str(self.folder / "mosquitto.conf")]
