"""What goes wrong at a virtual site: by chance, and aimed at operations in flight.

Faults that strike at any moment hardly ever meet the millisecond in which a strike waits for its
commit. So each operation that could be caught in the middle says when it is in flight, and some of
these are.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import NamedTuple

from policies.facts import Mode
from simulators.virtual.machines import CENTRAL_CLIENT, EDGE_CLIENT
from simulators.virtual.seen import What
from simulators.virtual.site import Site

MINUTE_S = 60.0
HOUR_S = 3_600.0
HOUR_US = 3_600 * 1_000_000
DAY_US = 24 * HOUR_US
TEN_YEARS_US = 3_652 * DAY_US


class Level(StrEnum):
    """How much goes wrong."""

    NONE = "none"
    NORMAL = "normal"
    HEAVY = "heavy"


class Rate(NamedTuple):
    """Faults a day by chance, the share of operations in flight that are caught, fires and
    postures a day.
    """

    scattered: float
    aimed: float
    events: float


RATES = {
    Level.NONE: Rate(0, 0, 4),
    Level.NORMAL: Rate(40, 0.002, 6),
    Level.HEAVY: Rate(250, 0.02, 30),
}

AIMED_WITHIN_S = 0.06
"""An aimed fault strikes now or so much later: a batch lingers, a strike is on the wire."""

FREQUENT, RARE_TIMES = frozenset({"commit", "entry", "strike"}), 5
"""All the rest happens some hundred times less often, and is caught so many times as often."""

AGAIN_SHARE, AGAIN_WITHIN_S = 0.3, 1.0
"""How often a second fault meets what the first one holds up, and how soon."""

BURNT_SHARE, BURNT_BEFORE_S = 0.3, 10.0
"""How often a fire is through somebody's cable before its loop opens, and by how much."""

MUTE_S_MIN, MUTE_S_MAX = 0.3, 120.0
"""A cable's loose contact: as often for a second, in which commands wait, as for a minute."""

HELD_UP_S_MIN, HELD_UP_S_MAX = 0.2, 0.7
"""How long what a lock is told can wait for a silent board: then it needs a new session."""

LEAVE_SHARE, LEAVE_WITHIN_S = 0.2, 5.0
"""How often everybody leaves while a disk fails, and how soon: ways out do not need it."""


AIMS: Mapping[str, Sequence[str]] = {
    "commit": ("kill", "power", "disk-eio", "disk-full", "disk-slow", "posture", "fire"),
    "entry": (
        "kill",
        "power",
        "edge-cut-off",
        "broker-stop",
        "central-kill",
        "central-power",
        "central-cut-off",
        "broker-lose",
        "posture",
    ),
    "strike": ("kill", "power", "posture", "fire", "mute", "unplug", "reboot", "noise"),
    "pin": ("kill", "posture", "fire", "mute", "disk-full"),
    "face": ("kill", "posture", "fire", "camera", "faces", "disk-full"),
    What.PRESENTED: (
        "kill",
        "disk-full",
        "disk-slow",
        "posture",
        "noise",
        "mute",
        "overtake",
        "restart",
    ),
    What.RELEASED: ("kill", "reboot", "mute", "fire", "posture", "power"),
    What.OPENED: ("kill", "mute", "fire", "disk-eio"),
    What.FIRE: ("disk-slow", "kill", "power", "mute", "unplug", "disk-full", "restart"),
    What.STARTED: ("kill", "power", "fire", "disk-eio", "mute", "clock"),
}
"""What may strike while something is in flight."""


class Faults:
    """All that can go wrong at one site, drawn from one chance."""

    def __init__(self, site: Site, level: Level, chance: Random) -> None:
        self._site = site
        self._rate = RATES[level]
        self._chance = chance
        self._active: set[tuple[str, str]] = set()
        self._over = False
        self.counts: dict[str, int] = {}
        site.aim = self.in_flight
        self._kinds: dict[str, Callable[[], None]] = {
            "kill": self._kill,
            "power": self._power,
            "restart": self._restart,
            "disk-slow": lambda: self._disk("slow", 0.5, 20),
            "disk-full": lambda: self._disk("full", 2, 300),
            "disk-eio": self._eio,
            "disk-read-only": lambda: self._disk("read-only", 2, 60),
            "noise": self._noise,
            "unplug": self._unplug,
            "mute": self._mute,
            "reboot": self._reboot,
            "broker-stop": lambda: self._broker("stopped", 1, 600),
            "broker-freeze": lambda: self._broker("frozen", 1, 90),
            "broker-lose": lambda: self._broker("losing", 5, 120),
            "broker-double": lambda: self._broker("doubling", 5, 120),
            "broker-delay": lambda: self._broker("delaying", 5, 120),
            "edge-cut-off": lambda: self._broker("cut-off-edge", 5, 900),
            "central-cut-off": lambda: self._broker("cut-off-central", 5, 900),
            "central-kill": lambda: self._central(power=False),
            "central-power": lambda: self._central(power=True),
            "central-full": self._central_full,
            "clock": self._clock,
            "pins": self._pins,
        }
        if site.edge.cameras:
            self._kinds |= {"camera": self._camera, "faces": self._faces}

    # --- when -------------------------------------------------------------------------------

    def start(self) -> None:
        """Let things go wrong from now on."""
        if self._rate.scattered:
            self._later(self._rate.scattered, self._scatter)
        self._later(self._rate.events, self._event)

    def end(self) -> None:
        """Nothing more goes wrong; what has is mended by the site."""
        self._over = True

    def in_flight(self, point: str, where: str) -> None:
        """An operation is under way that could be caught; somebody is at the portal `where`."""
        share = self._rate.aimed * (1 if point in FREQUENT else RARE_TIMES)
        if self._over or self._chance.random() >= share:
            return
        name = self._chance.choice(AIMS[point])
        if name == "overtake":
            self._overtake(where)
        elif point == "commit" and name in {"power", "disk-eio"}:
            self._strike(name)  # in the middle of the sync itself
        else:
            self._site.loop.outside(self._chance.random() * AIMED_WITHIN_S, self._strike, name)
        if self._chance.random() < AGAIN_SHARE:
            name = self._chance.choice([n for n in AIMS[point] if n != "overtake"])
            self._site.loop.outside(self._chance.random() * AGAIN_WITHIN_S, self._strike, name)

    def _later(self, a_day: float, call: Callable[[], None]) -> None:
        self._site.loop.outside(self._chance.expovariate(a_day / (24 * HOUR_S)), call)

    def _scatter(self) -> None:
        if not self._over:
            self._strike(self._chance.choice(list(self._kinds)))
            self._later(self._rate.scattered, self._scatter)

    def _event(self) -> None:
        if not self._over:
            self._strike(self._chance.choice(("fire", "posture", "force", "wedge")))
            self._later(self._rate.events, self._event)

    def _strike(self, name: str) -> None:
        if self._over:
            return
        self.counts[name] = self.counts.get(name, 0) + 1
        match name:
            case "fire":
                self._fire()
            case "posture":
                self._posture()
            case "force":
                self._chance.choice(list(self._site.hardware.portals.values())).force()
            case "wedge":
                self._wedge()
            case _:
                self._kinds[name]()

    def _begin(
        self,
        where: str,
        what: str,
        for_s: float,
        start: Callable[[], object],
        mend: Callable[[], object],
    ) -> None:
        """Start a fault that lasts, unless it does already."""
        if (where, what) in self._active:
            return
        self._active.add((where, what))
        self._site.tell(What.FAULT, where, what)
        start()
        self._site.mends[where, what] = mend
        self._site.loop.outside(for_s, self._mend, where, what)

    def _mend(self, where: str, what: str) -> None:
        mend = self._site.mends.pop((where, what), None)
        self._active.discard((where, what))
        if mend is not None:
            mend()
            self._site.tell(What.MENDED, where, what)

    def _once(self, where: str, what: str) -> None:
        self._site.tell(What.FAULT, where, what)

    # --- the edge's machine -----------------------------------------------------------------

    def _kill(self) -> None:
        self._once("edge", "killed")
        self._site.edge.kill()

    def _power(self) -> None:
        self._once("edge", "power-cut")
        self._site.edge.cut_power()

    def _restart(self) -> None:
        """A stop in good order, as for an update."""
        self._site.edge.restart()

    def _disk(self, what: str, least_s: float, most_s: float) -> None:
        disk = self._site.edge.disk

        starts: dict[str, Callable[[], object]] = {
            "slow": lambda: setattr(disk, "slow", True),
            "full": disk.fill,
            "read-only": lambda: setattr(disk, "read_only", True),
        }
        mends: dict[str, Callable[[], object]] = {
            "slow": lambda: setattr(disk, "slow", False),
            "full": lambda: setattr(disk, "limit_bytes", None),
            "read-only": lambda: setattr(disk, "read_only", False),
        }
        self._begin("disk", what, self._chance.uniform(least_s, most_s), starts[what], mends[what])
        if self._chance.random() < LEAVE_SHARE:
            later_s = self._chance.random() * LEAVE_WITHIN_S
            self._site.loop.outside(later_s, self._site.crowd.alarm)

    def _eio(self) -> None:
        self._once("disk", "eio")
        self._site.edge.disk.syncs_to_fail = self._chance.choice((1, 1, 1, 2, 5))

    def _clock(self) -> None:
        clock = self._site.clock
        by_us = self._chance.choice((TEN_YEARS_US, DAY_US, HOUR_US))
        by_us *= self._chance.choice((1, -1))
        trusted = self._chance.random() < 0.5

        def step() -> None:
            clock.step(by_us)
            clock.disciplined = trusted

        def right() -> None:
            clock.step(0)
            clock.disciplined = True

        self._begin("clock", "step", self._chance.uniform(10, 40) * MINUTE_S, step, right)

    def _pins(self) -> None:
        pins = self._site.edge.pins
        self._begin(
            "pins",
            "failing",
            self._chance.uniform(5, 300),
            lambda: setattr(pins, "failing", 0.5),
            lambda: setattr(pins, "failing", 0.0),
        )

    def _camera(self) -> None:
        cameras = self._site.edge.cameras
        one = cameras[self._chance.choice(sorted(cameras))]
        lasts_s = self._chance.uniform(2, 600)
        self._begin(one.name, "dark", lasts_s, lambda: one.fail(True), lambda: one.fail(False))

    def _faces(self) -> None:
        faces = self._site.edge.faces
        assert faces is not None, "there are cameras"
        self._begin(
            "faces",
            "gone",
            self._chance.uniform(2, 300),
            lambda: setattr(faces, "gone", True),
            lambda: setattr(faces, "gone", False),
        )

    # --- wires and readers ------------------------------------------------------------------

    def _noise(self) -> None:
        line = self._chance.choice(list(self._site.hardware.wires))
        share = self._chance.random() * 0.4
        hardware = self._site.hardware
        self._begin(
            line,
            "noise",
            self._chance.uniform(2, 60),
            lambda: hardware.noise(line, share),
            lambda: hardware.noise(line, 0.0),
        )

    def _unplug(self) -> None:
        line = self._chance.choice(list(self._site.hardware.wires))
        wire = self._site.hardware.wires[line]
        self._begin(line, "unplugged", self._chance.uniform(0.5, 60), wire.unplug, wire.replug)

    def _mute(self) -> None:
        device = self._chance.choice(list(self._site.hardware.readers))
        self._silence(device, MUTE_S_MIN * (MUTE_S_MAX / MUTE_S_MIN) ** self._chance.random())

    def _silence(self, device: str, for_s: float) -> None:
        hardware = self._site.hardware
        self._begin(
            device,
            "mute",
            for_s,
            lambda: hardware.mute(device, True),
            lambda: hardware.mute(device, False),
        )

    def _overtake(self, portal: str) -> None:
        """What the lock is about to be told waits, and a posture comes before it."""
        held_up_s = self._chance.uniform(HELD_UP_S_MIN, HELD_UP_S_MAX)
        self.counts["overtake"] = self.counts.get("overtake", 0) + 1
        self._silence(self._site.plan.config.portals[portal].lock.device, held_up_s)
        self._site.loop.outside(self._chance.random() * held_up_s, self._posture)

    def _reboot(self) -> None:
        device = self._chance.choice(list(self._site.hardware.readers))
        self._once(device, "reboot")
        self._site.hardware.reboot(device)

    # --- broker and central -----------------------------------------------------------------

    def _broker(self, what: str, least_s: float, most_s: float) -> None:
        broker = self._site.broker
        share = self._chance.choice((0.05, 0.3, 0.9))
        pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "stopped": (broker.stop, broker.start),
            "frozen": (broker.freeze, broker.thaw),
            "losing": (lambda: broker.lose(share), lambda: broker.lose(0)),
            "doubling": (lambda: broker.double(share), lambda: broker.double(0)),
            "delaying": (lambda: broker.delay(share, 3.0), lambda: broker.delay(0, 0)),
            "cut-off-edge": (
                lambda: broker.partition(EDGE_CLIENT),
                lambda: broker.heal(EDGE_CLIENT),
            ),
            "cut-off-central": (
                lambda: broker.partition(CENTRAL_CLIENT),
                lambda: broker.heal(CENTRAL_CLIENT),
            ),
        }
        self._begin("broker", what, self._chance.uniform(least_s, most_s), *pairs[what])

    def _central(self, *, power: bool) -> None:
        self._once("central", "power-cut" if power else "killed")
        if power:
            self._site.central.cut_power()
        else:
            self._site.central.kill()

    def _central_full(self) -> None:
        disk = self._site.central.disk
        self._begin(
            "central",
            "full",
            self._chance.uniform(5, 300),
            disk.fill,
            lambda: setattr(disk, "limit_bytes", None),
        )

    # --- what a site lives through -------------------------------------------------------------

    def _fire(self) -> None:
        fire = self._chance.choice(list(self._site.plan.config.fires))
        burns_s = self._chance.uniform(0.5, 10) * MINUTE_S
        if not self._rate.aimed or self._chance.random() >= BURNT_SHARE:
            self._site.burn(fire, burns_s)
            return
        self._chance.choice((self._mute, self._unplug))()
        later_s = self._chance.random() * BURNT_BEFORE_S
        self._site.loop.outside(later_s, self._site.burn, fire, burns_s)

    def _posture(self) -> None:
        mode = self._chance.choice((Mode.LOCKDOWN, Mode.SHELTER, Mode.EVACUATE, Mode.NORMAL))
        threat = self._chance.choice((1, 1, 2, 4))
        self._site.set_posture(mode, threat)
        back_s = self._chance.uniform(0.5, 20) * MINUTE_S
        self._site.loop.outside(back_s, self._site.set_posture, Mode.NORMAL, 1)

    def _wedge(self) -> None:
        portal = self._chance.choice(list(self._site.hardware.portals.values()))
        portal.wedge(True)
        self._site.loop.outside(self._chance.uniform(10, 600), portal.wedge, False)
