"""How it ends and comes back: hung, killed, stopped, with the machine, and with its power."""

import re
import time
from collections.abc import Iterator

from tests.edge.house import ADA
from tests.machine.delivery import STATE
from tests.machine.installing import PROGRAM
from tests.machine.scene import EDGE, UNITS, WITHIN_S, Scene, number

FREEZE = "python3 /mnt/brought/freeze.py"


async def _again(scene: Scene, before: int) -> None:
    """Another process is the edge, and accepts cards."""
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s:
        if await scene.pid() not in {0, before}:
            said = await scene.serves(1)
            if "cards are accepted" in said:
                return
    scene.expect(False, "systemd has started the edge again", await scene.log("-5min"))


async def the_loop_hangs(scene: Scene) -> None:
    """Its thread alone is stopped: every other one goes on, and none of them feeds the watchdog."""
    pid, since = await scene.pid(), await scene.now()
    said = await scene.said(f"timeout 120 {FREEZE} {pid} 100")
    scene.expect("stopped" in said, "the loop's thread is stopped, and no other", said)
    await _again(scene, pid)
    log = await scene.log(since)
    scene.expect("Watchdog timeout (limit 10s)!" in log, "the watchdog sees the blocked loop", log)
    scene.expect("Fatal Python error: Aborted" in log, "and the log has every thread's stack", log)
    scene.expect(log.count("Thread 0x") >= 2, "of more threads than the loop's", log)
    _times(scene, log, "a blocked loop")
    await scene.badge_opens("after the loop hung")


async def the_disk_stands_still(scene: Scene) -> None:
    """The journal's device takes commands and answers none: no error, nothing."""
    pid, since = await scene.pid(), await scene.now()
    await scene.computer.check("dmsetup suspend --noflush --nolockfs sentrypost")
    scene.house.badge("front-in", ADA)
    status = f"systemctl show -P StatusText {EDGE}"
    said = await scene.until(status, "nobody enters", 90)
    scene.expect("nobody enters" in said, "without its disk the edge says that nobody enters", said)
    said = await scene.until(status, "the journal's thread has not answered", 150)
    scene.expect(
        "has not answered" in said, "after a minute it gives the journal's thread up", said
    )
    await scene.until(f"journalctl -u {EDGE} -S '{since}'", "Watchdog timeout", 90)
    log = await scene.log(since)
    scene.expect("Watchdog timeout (limit 10s)!" in log, "the watchdog sees the stuck writer", log)
    given = number(r"has not answered for (\d+) s", log)
    scene.saw(f"the journal's thread given up after {given} s")
    await scene.until(f"journalctl -u {EDGE} -S '{since}'", "Killing process", 60)
    states = await scene.said(
        f"systemctl show -P ActiveState -P SubState -P Result {EDGE}; ps -eo pid,stat,comm | "
        "grep -i sentry"
    )
    scene.saw(f"while the disk stands still the unit is {' '.join(states.split()[:3])}")
    await scene.computer.check("dmsetup resume sentrypost")
    await _again(scene, pid)
    await scene.badge_opens("after the disk stood still")


async def three_kills(scene: Scene) -> None:
    """Until it starts in safe mode; and how it stands out when it does."""
    since = await scene.now()
    kills = 0
    command = f"{PROGRAM} status --state {STATE}"
    while "safe mode ON" not in await scene.said(command) and kills < 4:
        pid = await scene.pid()
        await scene.computer.check(f"kill -9 {pid}")
        kills += 1
        await _again(scene, pid)
    said = await scene.said(command)
    scene.expect("safe mode ON: it kept ending" in said, "after three ends: safe mode", said)
    log = await scene.log(since)
    scene.expect("the edge ended 3 times without being asked to" in log, "the log says why", log)
    status = await scene.said(f"systemctl status --no-pager {EDGE}")
    scene.expect("safe mode: nothing goes to the archive" in status, "systemctl says it", status)
    restarts = await scene.shown(EDGE, "NRestarts")
    scene.saw(f"{restarts[0]} restarts by systemd, {kills} of them after kill -9")
    await scene.badge_opens("in safe mode")


async def stopped_in_order(scene: Scene) -> None:
    """`systemctl stop`: clean, soon, and the next start has nothing to make up for."""
    log = await scene.said(f"journalctl --no-pager -o short-monotonic -b -u {EDGE}")
    late = [f"{pause:.1f}" for pause in _pauses(log)]
    scene.saw(f"the broker reached {', '.join(late)} s after each start that it was tried in")
    before_s = await scene.seconds_since_start()
    await scene.computer.check(f"systemctl stop {EDGE}")
    took_s = await scene.seconds_since_start() - before_s
    result = await scene.shown(EDGE, "Result") + await scene.shown(EDGE, "ExecMainStatus")
    scene.expect(result == ["success", "0"], "systemctl stop ends it in good order", str(result))
    scene.saw(f"stopped in {took_s:.1f} s")
    listed = await scene.said(f"ls {STATE}")
    scene.expect("runs.json" not in listed, "nothing of an unclean end is left", listed)
    verified = await scene.computer.run(f"{PROGRAM} journal verify --state {STATE}")
    scene.expect(verified.status == 0, "the journal verifies", verified.said)
    await scene.computer.check(f"systemctl start {EDGE}")
    said = await scene.serves()
    scene.expect("safe mode" not in said, "the next start is no safe mode", said)


async def the_machine_starts_again(scene: Scene) -> None:
    """The TPM opens the volume, every unit is back, and the edge knows its journal."""
    before = await scene.said(f"{PROGRAM} status --state {STATE}")
    await scene.computer.restart()
    await _back(scene, before, "a start of the machine")


async def the_power_goes(scene: Scene) -> None:
    """Nobody is asked: a power cut."""
    before = await scene.said(f"{PROGRAM} status --state {STATE}")
    await scene.computer.cut()
    await _back(scene, before, "a power cut")


async def _back(scene: Scene, before: str, what: str) -> None:
    said = await scene.serves()
    scene.expect("cards are accepted" in said, f"the edge is back after {what}", said)
    mounted = await scene.said(f"findmnt -n -o SOURCE -T {STATE}")
    scene.expect(mounted == "/dev/mapper/sentrypost", "its volume was opened by the TPM", mounted)
    entry = re.compile(r"entry (\d+), incarnation (\S+)")
    was, now = entry.search(before), entry.search(said)
    goes_on = bool(was and now and now[2] == was[2] and int(now[1]) > int(was[1]))
    scene.expect(goes_on, "the same journal goes on", f"{was} {now}")
    for unit in UNITS[:2]:
        active = await scene.until(f"systemctl is-active {unit}", "active", 120)
        scene.expect(active == "active", f"{unit} is active", active)
    doubts = await scene.said(f"journalctl -b -o cat -u {EDGE} | grep -i doubt")
    scene.expect(not doubts, "what the witness has cosigned is all there", doubts)
    await scene.badge_opens(f"after {what}")


def _times(scene: Scene, log: str, what: str) -> None:
    """From systemd's word to the next start's, by the kernel's clock."""
    at = r"\[\s*([\d.]+)\][^\n]*"
    seen = number(at + r"Watchdog timeout", log)
    ready = [float(found) for found in re.findall(at + r": Started ", log)]
    if seen is not None and ready:
        scene.saw(f"{what}: ready again {ready[-1] - seen:.0f} s after the watchdog")


def _pauses(log: str) -> Iterator[float]:
    """Between each start and its first connection, which waits a random time after a bad end."""
    began: float | None = None
    for line in log.splitlines():
        at = number(r"\[\s*([\d.]+)\]", line)
        if at is not None and ": Started " in line:
            began = at
        elif at is not None and began is not None and "LinkUp(" in line:
            yield at - began
            began = None
