"""The lines and devices of a site file, each in the words of the driver that serves it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import replace

from drivers.family import (
    MADE,
    PLAIN,
    DeviceOptions,
    DeviceSpec,
    Family,
    LineOptions,
    LineSpec,
    Reliance,
    SerialLine,
    file_keys,
    files_named,
)
from edge.credentials import CredentialError, file_named
from edge.lines import LineError, family_of
from edge.wiring_check import named_tables, names_in, unknown
from policies.document import Place
from policies.entries import convert_entry
from policies.model import Entry
from policies.problems import Problem

Reads = Callable[[str, Place, str], bytes | None]
"""What a file holds that a key names: the name, where, and the key. None: told as a problem."""


class LinesFile:
    """`[line.…]` and `[device.…]`, with their problems."""

    def __init__(
        self, root: Place, content: Mapping[str, object], folder: Path, secret: Reads, plain: Reads
    ) -> None:
        self._root, self._content, self._folder = root, content, folder
        self._secret, self._plain = secret, plain
        self.problems: list[Problem] = []
        self.lines: dict[str, LineOptions] = {}
        self.devices: dict[str, DeviceOptions] = {}
        self._families: dict[str, Family] = {}
        for name, raw in named_tables(content, "line", root, self.problems).items():
            self._read_line(name, raw)
        for name, raw in named_tables(content, "device", root, self.problems).items():
            self._read_device(name, raw)
        self._check_ports()

    def specs(self) -> dict[str, tuple[str, LineSpec]]:
        """By id: the driver's name and the line as its driver takes it; more problems."""
        found = {}
        for name, options in self.lines.items():
            spec = self._spec(name, options)
            found[name] = (options.driver, spec)
            if not _is_whole(spec):  # a file that cannot be read is one mistake only
                continue
            try:
                self._families[name].build(spec)
            except ValueError as error:
                self.problems += [self._about(spec, str(problem)) for problem in error.args]
        return found

    def reliances(self) -> dict[str, Reliance]:
        """How far each device that could be read is relied on."""
        return {
            name: self._families[device.line].reliance(device)
            for name, device in self.devices.items()
        }

    def _read_line(self, name: str, raw: Mapping[str, object]) -> None:
        at, driver = self._root.child("line", name), raw.get("driver")
        if not isinstance(driver, str):
            self.problems += convert_entry(LineOptions, {**raw}, at, {})[1][:1]
            return
        try:
            family = family_of(driver)
        except LineError as error:
            self.problems.append(at.child("driver").problem(str(error)))
            return
        self._families[name] = family
        options, problems = convert_entry(family.line, raw, at, {})
        self.problems += problems
        if isinstance(options, SerialLine):
            options = replace(options, port=str(self._folder / options.port))
        if options is not None:
            self.lines[name] = options

    def _read_device(self, name: str, raw: Mapping[str, object]) -> None:
        at, line = self._root.child("device", name), raw.get("line")
        known = names_in(self._content, "line")
        if isinstance(line, str) and line not in known:
            self.problems.append(unknown(at.child("line"), "line", line, known))
            return
        if not isinstance(line, str):
            self.problems += convert_entry(DeviceOptions, {**raw}, at, {})[1][:1]
            return
        if line not in self._families:
            return  # its line's own mistake says enough
        options, problems = convert_entry(self._families[line].device, raw, at, {})
        self.problems += problems
        if options is not None:
            self.devices[name] = options

    def _check_ports(self) -> None:
        ports: dict[str, str] = {}
        for name, line in self.lines.items():
            if not isinstance(line, SerialLine):
                continue
            other = ports.setdefault(line.port, name)
            if other != name:
                at = self._root.child("line", name, "port")
                self.problems.append(at.problem(f"line '{other}' has this port already"))

    def _spec(self, name: str, options: LineOptions) -> LineSpec:
        on_line = tuple(
            DeviceSpec(
                name=device,
                options=wired,
                files=self._files(wired, self._root.child("device", device)),
            )
            for device, wired in self.devices.items()
            if wired.line == name
        )
        files = self._files(options, self._root.child("line", name))
        return LineSpec(name=name, options=options, devices=on_line, files=files)

    def _files(self, options: Entry, at: Place) -> dict[str, bytes]:
        """What the files hold that an entry names."""
        kinds, found = file_keys(type(options)), {}
        for key, name in files_named(options).items():
            if kinds[key] == MADE and not self._is_made(name, at, key):
                continue
            content = (self._plain if kinds[key] == PLAIN else self._secret)(name, at, key)
            if content is not None:
                found[key] = content
        return found

    def _is_made(self, name: str, at: Place, key: str) -> bool:
        """Whether there is such a file; a name that cannot be one is told where it is read."""
        try:
            return file_named(name, self._folder).exists()
        except CredentialError:
            return True

    def _about(self, spec: LineSpec, problem: str) -> Problem:
        """A driver's problem, at the device that it names or at the line."""
        for device in spec.devices:
            prefix = f"device {device.name}: "
            if problem.startswith(prefix):
                return self._root.child("device", device.name).at_key(problem[len(prefix) :])
        return self._root.child("line", spec.name).at_key(problem)


def _is_whole(spec: LineSpec) -> bool:
    """Whether every file was read that its entries name."""
    entries: tuple[LineSpec | DeviceSpec, ...] = (spec, *spec.devices)
    return all(_needed(one.options) <= one.files.keys() for one in entries)


def _needed(options: Entry) -> set[str]:
    """The keys of files that must be there."""
    kinds = file_keys(type(options))
    return {key for key in files_named(options) if kinds[key] != MADE}
