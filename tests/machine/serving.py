"""What runs, under whom, with what rights; who reaches what; and what `doctor` says of it."""

from tests.machine.delivery import FILES, STATE
from tests.machine.installing import AS_THE_UNIT, PROGRAM, SITE_FILE
from tests.machine.scene import CENTRAL, EDGE, PAGES, PLAIN_DISK, WALL, Scene, number

ACCOUNTS = {
    EDGE: "sentrypost",
    PAGES: "sentrypost-web",
    CENTRAL: "sentrypost-central",
    WALL: "sentrypost-wall",
}
PORT_ALONE = 1 << 10
"""CAP_NET_BIND_SERVICE"""

ASK = "import ssl, sys, urllib.request as u; c = ssl.create_default_context(cafile=sys.argv[1]); \
print(u.urlopen('https://localhost/sign-in', context=c, timeout=120).status)"

REACH = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1]); print('reached')"


async def under_accounts(scene: Scene) -> None:
    """The kernel's word for what each unit asks for, and systemd's figure."""
    for unit, account in ACCOUNTS.items():
        await scene.until(f"systemctl is-active {unit}", "active")
        pid = await scene.pid(unit)
        facts = await scene.said(
            f"stat -c 'user %U' /proc/{pid}; "
            f"grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/{pid}/status"
        )
        allowed = PORT_ALONE if unit in {PAGES, WALL} else 0
        held = (
            f"user {account}\n" in facts
            and "NoNewPrivs:\t1" in facts
            and "Seccomp:\t2" in facts
            and f"CapEff:\t{allowed:016x}" in facts
            and f"CapBnd:\t{allowed:016x}" in facts
        )
        scene.expect(held, f"{unit} runs as {account}, with the rights of its unit alone", facts)
        said = await scene.said(f"systemd-analyze security --no-pager {unit}")
        scene.saw(f"exposure of {unit} {number(r'level for .*: ([0-9.]+)', said)}")
    tried = (
        f"touch /x; touch {FILES}/x; touch /usr/x; touch {STATE}/x && rm {STATE}/x && echo there"
    )
    said = await scene.said(f"nsenter -t {await scene.pid()} -m sh -c '{tried}' 2>&1")
    refused = said.count("Read-only file system") + said.count("Permission denied")
    held = refused == 3 and "there" in said
    scene.expect(held, "the edge writes to its state folder and nowhere else", said)


async def apart(scene: Scene) -> None:
    """Each account of pages reaches its socket, and nothing else of what it shows."""
    pages = "/run/sentrypost-pages/gatehouse/pages.sock"
    wall = "/run/sentrypost-wall/wall.sock"
    for account, path, may in (
        ("sentrypost-web", pages, True),
        ("sentrypost-web", f"{STATE}/control.sock", False),
        ("sentrypost-web", wall, False),
        ("sentrypost-wall", wall, True),
        ("sentrypost-wall", pages, False),
        ("sentrypost-wall", "/var/lib/sentrypost-central/state/control.sock", False),
        ("sentrypost-central", f"{STATE}/control.sock", False),
    ):
        said = await scene.said(
            f'setpriv --reuid={account} --regid={account} --init-groups python3 -c "{REACH}" {path}'
        )
        scene.expect(
            ("reached" in said) is may and (may or "PermissionError" in said),
            f"{account} {'reaches' if may else 'does not reach'} {path}",
            said,
        )
    said = await scene.said(f'python3 -c "{ASK}" /mnt/brought/site/ca.pem')
    scene.expect(said.endswith("200"), "the pages answer over TLS, with a key handed over", said)


async def the_wall_answers(scene: Scene) -> None:
    """Both want port 443, and one machine has one: the wall takes it when the pages have gone."""
    await scene.computer.check(f"systemctl stop {PAGES}; systemctl restart {WALL}")
    ask = f'python3 -c "{ASK}" /mnt/brought/site/ca.pem'
    said = await scene.until(ask, "200", 120)
    scene.expect(said.endswith("200"), "so does the wall, at its turn on the port", said)
    await scene.computer.check(f"systemctl disable --now {WALL}; systemctl start {PAGES}")


async def doctor(scene: Scene) -> None:
    """Yes on the encrypted volume, no on the plain one; and nothing is amiss with the unit."""
    command = f"{PROGRAM} doctor {SITE_FILE} --volume /mnt/plain"
    said = await scene.until(f"{AS_THE_UNIT} {command}", "has cosigned", 180)
    for words, what in (
        (f"{STATE} is on an encrypted volume (/dev/mapper/sentrypost)", "doctor sees LUKS"),
        (f"/mnt/plain is on {PLAIN_DISK}, which dm-crypt does not encrypt", "and a plain disk"),
        ("systemd starts the edge again, and watches it", "and the unit with its watchdog"),
        ("keys and passwords are for their owner alone", "and secrets of the service alone"),
        ("/dev/ttyS1 is there, in the running edge's use", "and a port by the unit's group"),
        ("the witness has cosigned", "and what the witness has cosigned"),
    ):
        scene.expect(words in said, what, said)
    usec = await scene.shown(EDGE, "WatchdogUSec")
    scene.expect(usec == ["10s"], "systemd's watchdog has the unit's ten seconds", str(usec))
