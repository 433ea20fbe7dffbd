"""Everything is put on the machine as docs/operations.md says it."""

from tests.edge.process import FRONT_SECURED, told
from tests.machine.delivery import FILES, STATE
from tests.machine.scene import CENTRAL, EDGE, PAGES, PLAIN_DISK, STATE_DISK, UNITS, WALL, Scene

PROGRAM = "/opt/sentrypost/bin/sentrypost"
BROUGHT = "/mnt/brought"

AS_THE_UNIT = f"CREDENTIALS_DIRECTORY=/run/credentials/{EDGE}"
SITE_FILE = f"--config {FILES}/site.toml"
PEOPLE = f"{BROUGHT}/site/people.csv"

INSTALL = f"""
set -e
echo '127.0.0.1 localhost' >/etc/hosts
mkdir -p {BROUGHT}; mount -o ro /dev/vdb {BROUGHT}
python3 -m venv /opt/sentrypost
/opt/sentrypost/bin/pip install -q --no-index --find-links {BROUGHT}/wheels sentrypost
useradd --system --no-create-home --shell /usr/sbin/nologin sentrypost
useradd --system --no-create-home --shell /usr/sbin/nologin sentrypost-web
useradd --system --no-create-home --shell /usr/sbin/nologin sentrypost-central
useradd --system --no-create-home --shell /usr/sbin/nologin sentrypost-wall
install -d -m 750 -g sentrypost {FILES}
cd {BROUGHT}/site
install -m 640 -g sentrypost site.toml policy.toml {FILES}
install -m 600 -o sentrypost front-in.key vault-in.key vault-out.key board.key {FILES}
install -m 600 pages.pem pages.key {FILES}
install -d -m 750 -g sentrypost-central /etc/sentrypost-central
install -m 600 wall.pem wall.key /etc/sentrypost-central
"""

UNIT_FILES = f"""
set -e
cd {BROUGHT}
install -m 644 edge/systemd/*.service central/systemd/*.service /etc/systemd/system/
install -m 644 edge/systemd/sentrypost-pages.conf central/systemd/sentrypost-wall.conf \
    /etc/tmpfiles.d/
systemd-tmpfiles --create /etc/tmpfiles.d/sentrypost-pages.conf
systemd-tmpfiles --create /etc/tmpfiles.d/sentrypost-wall.conf
mkdir -p /etc/systemd/system/{EDGE}.d
systemctl daemon-reload
"""

# The iterations are few because the passphrase protects nothing here, and an emulator computes.
VOLUME = f"""
set -e
printf %s 'for this machine alone' >/run/passphrase
few='--pbkdf pbkdf2 --pbkdf-force-iterations 1000'
cryptsetup luksFormat --batch-mode --type luks2 $few {STATE_DISK} /run/passphrase
PASSWORD='for this machine alone' systemd-cryptenroll --tpm2-device=auto {STATE_DISK}
rm /run/passphrase
echo 'sentrypost  {STATE_DISK}  none  luks,tpm2-device=auto' >>/etc/crypttab
echo '/dev/mapper/sentrypost  /var/lib/sentrypost  ext4  defaults,nofail  0  2' >>/etc/fstab
systemctl daemon-reload
systemctl start systemd-cryptsetup@sentrypost.service
mkfs.ext4 -q /dev/mapper/sentrypost
mkdir -p /var/lib/sentrypost
mount /var/lib/sentrypost
cat >/etc/systemd/system/{EDGE}.d/volume.conf <<END
[Unit]
RequiresMountsFor=/var/lib/sentrypost
END
mkfs.ext4 -q {PLAIN_DISK}
mkdir -p /mnt/plain
mount {PLAIN_DISK} /mnt/plain
"""

SECRET = f"""
set -e
systemd-creds encrypt --name=site.key {BROUGHT}/site/site.key {FILES}/site.key.cred
cat >/etc/systemd/system/{EDGE}.d/secrets.conf <<END
[Service]
LoadCredentialEncrypted=site.key:/etc/sentrypost/%i/site.key.cred
END
systemctl daemon-reload
"""

WITNESS = f"""
set -e
rm -f /run/witness
{PROGRAM} central key /etc/sentrypost-central/witness.key --new >/run/witness
chown sentrypost-central /etc/sentrypost-central/witness.key
echo 'OPTIONS=--broker localhost --witness-key /etc/sentrypost-central/witness.key' \
    >/etc/sentrypost-central/options
"""


async def installed(scene: Scene) -> None:
    """Program, accounts, units."""
    await scene.computer.check(INSTALL)
    await scene.computer.check(UNIT_FILES)
    said = await scene.said(f"systemd-analyze verify --man=no {' '.join(UNITS)}")
    scene.expect(not said, "systemd has nothing to say against the units", said)


async def on_an_encrypted_volume(scene: Scene) -> None:
    """LUKS, opened by the TPM; and a disk beside it that nobody has encrypted."""
    await scene.computer.check(VOLUME)
    await scene.computer.check(SECRET)
    said = await scene.said(
        f"systemd-creds decrypt --name=site.key {FILES}/site.key.cred - | "
        f"cmp - {BROUGHT}/site/site.key && echo the same"
    )
    scene.expect(said == "the same", "systemd-creds gives the site's key back", said)
    other = await scene.said(f"systemd-creds decrypt --name=other.key {FILES}/site.key.cred -")
    scene.expect("the same" not in other and bool(other), "and under no other name", other)


async def started(scene: Scene) -> None:
    """All four units, by one word each; people, and the witness's key in the site file."""
    await scene.computer.check(WITNESS)
    await scene.computer.check(f'sed -i "s|@WITNESS@|$(cat /run/witness)|" {FILES}/site.toml')
    before_s = await scene.seconds_since_start()
    await scene.computer.check(f"systemctl enable --now {EDGE}")
    scene.saw(
        f"the edge ready {await scene.seconds_since_start() - before_s:.0f} s after its start"
    )
    await scene.computer.check(f"systemctl enable --now {CENTRAL} {WALL} {PAGES}")
    said = await scene.serves()
    scene.expect("cards are accepted" in said, "the edge accepts cards", said)
    scene.expect(FRONT_SECURED in told(scene.house), "it has secured the door over the port", said)
    said = await scene.said(f"{AS_THE_UNIT} {PROGRAM} person import {SITE_FILE} {PEOPLE}")
    scene.expect("1 added" in said, "people are imported beside the running edge", said)
    await scene.badge_opens("under systemd")
    listed = await scene.said(f"ls -l {STATE} {STATE}/journal")
    scene.expect("segment-000001.db" in listed, "the journal is written", listed)
