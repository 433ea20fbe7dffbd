"""The site file's points: which device each hangs on, and that they are what the policy says."""

from collections.abc import Iterable, Mapping

from drivers.family import DeviceOptions, Reliance
from edge.site_file import (
    FireEntry,
    Input,
    Output,
    PointEntry,
    PortalEntry,
    SourceEntry,
)
from edge.wiring_points import PerimeterCheck
from policies.compiled import CompiledPolicy, ExitKind, Lock, OnFire, PortalRule, Rex
from policies.document import Place, valid_id
from policies.problems import Problem, did_you_mean

PORTALS_MAX, FIRES_MAX = 400, 100
"""What one edge serves: their names must fit into the one entry that every start begins with."""


def names_in(content: Mapping[str, object], table: str) -> tuple[str, ...]:
    """Names in one table of the file, the entries that could not be read included."""
    raw = content.get(table, {})
    return tuple(raw) if isinstance(raw, dict) else ()


def named_tables(
    content: Mapping[str, object], table: str, root: Place, problems: list[Problem]
) -> dict[str, Mapping[str, object]]:
    """The tables written as `[table.NAME]`, by name; what is none goes into `problems`."""
    raw, place = content.get(table, {}), root.child(table)
    if not isinstance(raw, dict):
        problems.append(place.problem(f"must be written as [{table}.<name>]"))
        return {}
    found: dict[str, Mapping[str, object]] = {}
    for name, item in raw.items():
        at = place.child(name)
        if not valid_id(name):
            problems.append(at.at_key("a name is 1 to 64 of a-z, 0-9, '-' and '_'"))
        if isinstance(item, dict):
            found[name] = item
        else:
            problems.append(at.problem("must be a table"))
    return found


def unknown(at: Place, what: str, name: str, options: Iterable[str]) -> Problem:
    """About a key that names nothing."""
    return at.at_key(f"no {what} '{name}'", did_you_mean(name, options))


class WiringCheck:
    """Looks at portals and fire inputs and gathers what is wrong with them in `problems`."""

    def __init__(
        self,
        root: Place,
        content: Mapping[str, object],
        devices: Mapping[str, DeviceOptions],
        reliances: Mapping[str, Reliance],
        portals: Mapping[str, PortalEntry],
        fires: Mapping[str, FireEntry],
        points: Mapping[str, PointEntry],
        sources: Mapping[str, SourceEntry],
    ) -> None:
        self._root, self._content = root, content
        self._devices, self._portals, self._fires = devices, portals, fires
        self._reliances = reliances
        self._exposed = {portal.entry_reader for portal in portals.values()}
        self._taken: dict[tuple[str, str, int], str] = {}
        written = {table: names_in(content, table) for table in ("point", "source")}
        self._perimeter = PerimeterCheck(root, points, sources, portals, written)
        self.problems: list[Problem] = self._perimeter.problems

    def check_points(self) -> None:
        """Every point exists and is used once; no lock hangs on the unsecured side unnoticed."""
        for name, portal in self._portals.items():
            at = self._root.child("portal", name)
            self._check_point(at.child("lock"), portal.lock)
            for key in ("contact", "rex", "bolt"):
                point: Input | None = getattr(portal, key)
                if point is not None:
                    self._check_point(at.child(key), point)
            readers = {"entry-reader": portal.entry_reader, "exit-reader": portal.exit_reader}
            for key, reader in readers.items():
                if reader is not None:
                    self._check_reader(at.child(key), reader)
            if portal.lock.device in self._exposed and not portal.accept_exposed_lock:
                self.problems.append(
                    at.child("lock").problem(
                        f"'{portal.lock.device}' hangs on the unsecured side: whoever opens it "
                        "works the lock",
                        "put the lock on a device inside, or say accept-exposed-lock = true",
                    )
                )
        for name, fire in self._fires.items():
            at = self._root.child("fire", name, "input")
            self._check_point(at, fire.input)
            if fire.input.device in self._exposed:
                self.problems.append(at.problem("a fire input must hang on a device inside"))
            if not self._is_watched(fire.input.device):
                self.problems.append(
                    at.problem(
                        f"nobody would notice within three seconds that '{fire.input.device}' is "
                        "gone, and that is a fire",
                        "hang the fire input on a device at a serial line",
                    )
                )
        self._perimeter.check_points(self._check_point)

    def _is_watched(self, device: str) -> bool:
        return device not in self._reliances or self._reliances[device].watched

    def _check_point(
        self,
        at: Place,
        point: Output | Input,
    ) -> None:
        kind, number = (
            ("output", point.output) if isinstance(point, Output) else ("input", point.input)
        )
        device = self._devices.get(point.device)
        wired = 0 if device is None else getattr(device, f"{kind}s")
        if device is None:
            self._unknown_device(at, point.device)
        elif not 0 <= number < wired:
            self.problems.append(
                at.problem(f"'{point.device}' has {wired} {kind}s, counted from 0")
            )
        self._take(at, (point.device, kind, number))

    def _check_reader(
        self,
        at: Place,
        reader: str,
    ) -> None:
        if reader not in self._devices:
            self._unknown_device(at, reader)
        self._take(at, (reader, "reader", 0))

    def _take(self, at: Place, point: tuple[str, str, int]) -> None:
        if point in self._taken:
            device, what, number = point
            self.problems.append(
                at.problem(f"{what} {number} of '{device}' is already used at {self._taken[point]}")
            )
        self._taken.setdefault(point, at.where())

    def check_against(self, policy: CompiledPolicy) -> None:
        """The file wires exactly the policy's portals and fire inputs, each as the policy says."""
        counts = (
            (policy.portals, PORTALS_MAX, "portals"),
            (policy.fire_inputs, FIRES_MAX, "fire inputs"),
        )
        for found, limit, what in counts:
            if len(found) > limit:
                self.problems.append(
                    self._root.at_key(f"one edge serves at most {limit} {what}", "split the policy")
                )
        self._perimeter.check_against(policy)
        known = {rule.id: rule for rule in policy.portals}
        for name in names_in(self._content, "portal"):
            if name not in known:
                self._unknown(("portal", name), "portal of the policy", name, known)
        for name in names_in(self._content, "fire"):
            if name not in {fire.id for fire in policy.fire_inputs}:
                options = [fire.id for fire in policy.fire_inputs]
                self._unknown(("fire", name), "fire input of the policy", name, options)
        for fire in policy.fire_inputs:
            if fire.id not in names_in(self._content, "fire"):
                self.problems.append(
                    self._root.at_key(f"fire input '{fire.id}' of the policy is not wired")
                )
        for name, rule in known.items():
            portal = self._portals.get(name)
            if portal is None:
                if name not in names_in(self._content, "portal"):
                    self.problems.append(
                        self._root.at_key(f"portal '{name}' of the policy is not wired")
                    )
                continue
            at = self._root.child("portal", name)
            wired = {"contact": portal.contact, "bolt": portal.bolt, "rex": portal.rex}
            said = {"contact": rule.contact, "bolt": rule.bolt, "rex": rule.rex is not None}
            for key, point in wired.items():
                if (point is not None) is not said[key]:
                    has = "has" if said[key] else "has no"
                    self.problems.append(
                        at.at_key(f"the policy says that the portal {has} {key}", "make both agree")
                    )
            self._check_exit_button(at, rule, portal)
            if rule.exit is ExitKind.READER and portal.exit_reader is None:
                self.problems.append(at.at_key("the policy asks for an exit reader here"))
            self._check_times(at, rule, portal)
            self._check_ways(at.child("lock"), rule, portal.lock.device)

    def _check_ways(self, at: Place, rule: PortalRule, device: str) -> None:
        """The device can do for good, or for a time, what this lock is opened by."""
        reliance = self._reliances.get(device)
        if reliance is None or reliance.timer is None:
            return  # told already
        if not reliance.holds and rule.on_fire is OnFire.RELEASE:
            wrong = f"'{device}' locks again by itself: a release for a fire would not last"
            hint = (
                "put the lock on an output that stays as it is set, or give the portal mechanical "
                'egress and on-fire = "leave"'
            )
            self.problems.append(at.problem(wrong, hint))
        if rule.lock is Lock.POWER_TO_UNLOCK:
            return
        hint = "put a lock that is power-to-lock on another device"
        if not reliance.holds:
            wrong = f"'{device}' is a whole lock, and knows of no current that keeps it shut"
            self.problems.append(at.problem(wrong, hint))
        elif not reliance.cuts:
            wrong = f"'{device}' cannot cut the current for a time, which is what opens this lock"
            self.problems.append(at.problem(wrong, hint))

    def _check_times(self, at: Place, rule: PortalRule, portal: PortalEntry) -> None:
        """The lock's own device ends every release, with nobody's help."""
        device = portal.lock.device
        if device not in self._reliances:
            return  # a device that could not be read has said so
        timer = self._reliances[device].timer
        if timer is None:
            wrong = f"'{device}' cannot end a release by itself: a dead edge would leave it open"
            hint = "put the lock on a device that times its own outputs"
            self.problems.append(at.child("lock").problem(wrong, hint))
            return
        times_ms = {"open-s": rule.open_ms, "open-extended-s": rule.open_extended_ms}
        for key, open_ms in times_ms.items():
            if open_ms and (open_ms % timer.step_ms or open_ms > timer.ms_max):
                steps = f"in steps of {timer.step_ms} ms, at most {timer.ms_max / 1e3} s"
                self.problems.append(at.at_key(f"{key} of the policy must be {steps}"))

    def _check_exit_button(self, at: Place, rule: PortalRule, portal: PortalEntry) -> None:
        """An input that unlocks is worth as much as the lock."""
        unlocks = rule.rex is Rex.UNLOCK and not portal.accept_exposed_lock
        if unlocks and portal.rex is not None and not self._is_watched(portal.rex.device):
            self.problems.append(
                at.child("rex").problem(
                    f"whoever is at the network of '{portal.rex.device}' can ask for the exit, "
                    "which unlocks",
                    "put the input on a device at a serial line, or say accept-exposed-lock = true",
                )
            )
        if unlocks and portal.rex is not None and portal.rex.device in self._exposed:
            self.problems.append(
                at.child("rex").problem(
                    f"'{portal.rex.device}' hangs on the unsecured side: whoever opens it asks "
                    "for the exit, which unlocks",
                    "put the input on a device inside, or say accept-exposed-lock = true",
                )
            )

    def _unknown_device(self, at: Place, name: str) -> None:
        devices = names_in(self._content, "device")
        if name not in devices:
            self.problems.append(
                at.problem(f"unknown device '{name}'", did_you_mean(name, devices))
            )

    def _unknown(self, path: tuple[str, ...], what: str, name: str, options: Iterable[str]) -> None:
        self.problems.append(unknown(self._root.child(*path), what, name, options))
