"""The site file: TOML into frozen values, with every mistake of one run at its line and column.

The policy says what a portal is; this file says which device points its lock, contact and readers
hang on, where the journal lies and which broker to use.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import msgspec

from controller.events_pictures import PictureKind
from controller.retention import RecordClass
from drivers.cameras.api import CameraSpec
from drivers.family import DeviceOptions, LineSpec
from drivers.mqtt_address import BrokerAddress
from edge.badge_formats import BadgeFormats, BadgeFormatsFile
from edge.broker_config import BrokerReading
from edge.cameras_file import TABLE as CAMERA
from edge.cameras_file import CamerasFile, portal_problems
from edge.clock import Trust
from edge.credentials import CredentialError, file_named
from edge.duress import RECIPIENTS_MAX, RecipientError, recipient
from edge.face_keys import TemplateKeyFiles, template_keys
from edge.lines import reliances
from edge.lines_file import LinesFile
from edge.notes import NoteKey
from edge.policy_bundle import compiled
from edge.policy_files import with_included
from edge.secret_file import is_open_to_others
from edge.signatures import KEYS_MAX, PublicKeyError, TrustedKey
from edge.site_file import (
    BadgeFormatEntry,
    BrokerEntry,
    DuressEntry,
    FireEntry,
    Header,
    KeyEntry,
    PagesEntry,
    PointEntry,
    PortalEntry,
    RetentionEntry,
    SourceEntry,
    TerminalEntry,
)
from edge.terminals import TABLE as TERMINAL
from edge.terminals import terminal_portal_problems, terminal_problems
from edge.tls import TlsFiles
from edge.trusted_keys import KeyUseError, key_field, trusted_key
from edge.wiring_check import WiringCheck, named_tables, names_in
from policies import PolicyError
from policies.compiled import CompiledPolicy
from policies.document import Place, valid_id
from policies.entries import convert_entry
from policies.model import Entry
from policies.problems import Problem, SourceFile
from policies.prove import refusals
from policies.syntax import decode_toml

BADGE_FORMAT = "badge-format"
_NAMED = (
    "line", "device", BADGE_FORMAT, "portal", CAMERA, "fire", "point", "source", "key", TERMINAL,
)  # fmt: skip
TABLES = ("broker", *_NAMED, "duress", "retention", "pages")

NO_COPIES: Mapping[Path, bytes] = MappingProxyType({})


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole site file, checked against its policy. Paths are absolute."""

    site: str
    edge: str
    file: Path
    state: Path
    site_key: Path
    template_keys: TemplateKeyFiles
    """Under which templates of faces lie."""
    trust_clock: Trust
    policy: CompiledPolicy
    broker: BrokerEntry | None
    broker_password: str | None
    broker_nodes: tuple[BrokerAddress, ...]
    """Further nodes of the broker, tried in turn where the one before fails."""
    witness: NoteKey | None
    """Who cosigns the journal's size, where somebody does."""
    tls: TlsFiles | None
    """What the way to the broker is secured with, where it is."""
    tls_faults: tuple[Problem, ...] = ()
    """What is wrong with those files: the broker is not reached, and every door works."""
    lines: Mapping[str, tuple[str, LineSpec]]
    """By id: the driver's name and the line."""
    devices: Mapping[str, DeviceOptions]
    cameras: Mapping[str, tuple[str, CameraSpec]] = {}
    """By id: the driver's name and the camera."""
    badges: BadgeFormats = BadgeFormats()
    portals: Mapping[str, PortalEntry]
    fires: Mapping[str, FireEntry]
    points: Mapping[str, PointEntry]
    local_sources: Mapping[str, SourceEntry]
    keys: tuple[TrustedKey, ...]
    """Whose signatures count, and for what."""
    recipients: tuple[bytes, ...]
    """Public keys of those who are told of duress."""
    retention: Mapping[RecordClass, int] = {}
    """For how many days each class of entries is kept; for good where it is not there."""
    picture_key: Path | None = None
    former_picture_key: Path | None = None
    """Under which the keys of pictures lie; None: under one of the state folder's own."""
    picture_days: Mapping[PictureKind, int] = {}
    """For how many days what is kept of cameras is kept."""
    pages: PagesEntry = PagesEntry()
    """Without a name browsers find them under the site's own, `rp_id`."""
    terminals: Mapping[str, TerminalEntry] = {}
    """Guards' screens."""
    policy_files: tuple[SourceFile, ...]
    """What `policy` was made of."""
    sources: Mapping[Path, bytes]
    """What was read: the site file, and the policy's files where it comes from those."""
    policy_faults: tuple[Problem, ...] = ()
    """Mistakes in the policy that the site file names; another one stands in for it."""
    kept: bool
    """It comes from copies of them and not from the files."""

    @property
    def plan(self) -> Path | None:
        """The file of a drawing of the site."""
        return None if self.pages.plan is None else self.file.parent / self.pages.plan

    def __repr__(self) -> str:
        return f"Config(site={self.site!r}, edge={self.edge!r}, file={str(self.file)!r})"


class ConfigError(Exception):
    """The file was not loaded; `problems` are all mistakes of one run."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def load_config(
    path: Path,
    copies: Mapping[Path, bytes] = NO_COPIES,
    policy_files: Sequence[SourceFile] = (),
) -> Config:
    """Read and check the site file, its policy and its keys.

    `copies` stand for files of theirs, by their absolute paths; `policy_files` for the policy that
    it names, whatever is there. Raises ConfigError with every problem found, the policy's included.
    """
    try:
        data = _content(path.resolve(), copies)
    except OSError as error:
        missing = f"cannot be read: {error.strerror}"
        hint = "name the site file with --config"
        raise ConfigError([Problem(str(path), 1, 1, "", missing, hint)]) from error
    decoded = decode_toml(SourceFile(str(path), data))
    if isinstance(decoded, Problem):
        raise ConfigError([decoded])
    return _Reader(path.resolve(), data, copies, policy_files, *decoded).config()


def under_policy(config: Config, policy: CompiledPolicy, files: Sequence[SourceFile]) -> Config:
    """The same site under another policy than its file names."""
    own = {config.file: config.sources[config.file]}
    return msgspec.structs.replace(config, policy=policy, policy_files=tuple(files), sources=own)


def wiring_problems(config: Config, policy: CompiledPolicy) -> tuple[Problem, ...]:
    """What of the site file does not fit a policy of the same site."""
    file = SourceFile(str(config.file), config.sources[config.file])
    decoded = decode_toml(file)
    assert not isinstance(decoded, Problem), "it was read before"
    content, root = decoded
    tables = config.portals, config.fires, config.points, config.local_sources
    own = reliances(config.lines, config.devices)
    check = WiringCheck(root, content, config.devices, own, *tables)
    check.check_against(policy)
    cameras = portal_problems(root, config.cameras, policy)
    terminals = terminal_portal_problems(root, config.terminals, policy)
    return tuple(sorted({*check.problems, *cameras, *terminals}))


def _content(path: Path, copies: Mapping[Path, bytes]) -> bytes:
    return copies[path] if path in copies else path.read_bytes()


E = TypeVar("E", bound=Entry)


class _Reader:
    """Reads one file and gathers its problems."""

    def __init__(
        self,
        path: Path,
        data: bytes,
        copies: Mapping[Path, bytes],
        policy_files: Sequence[SourceFile],
        content: Mapping[str, object],
        root: Place,
    ) -> None:
        self.path = path
        self.copies = copies
        self.policy_files = tuple(policy_files)
        self.sources = {path: data}
        self.root = root
        self.content = content
        self.problems: list[Problem] = []

    def config(self) -> Config:
        header = self._header()
        broker = self._single("broker", BrokerEntry)
        lines = LinesFile(self.root, self.content, self.path.parent, self._secret, self._plain)
        cameras = CamerasFile(self.root, self.content, self.path.parent, self._secret, self._plain)
        devices = lines.devices
        portals = self._table("portal", PortalEntry)
        fires = self._table("fire", FireEntry)
        points = self._table("point", PointEntry)
        local = self._table("source", SourceEntry)
        keys = self._keys()
        recipients = self._recipients()
        retention, picture_days = self._retention()
        policy, specs = self._policy(self.content.get("policy")), lines.specs()
        self.problems += [*lines.problems, *cameras.problems]
        badges = self._badges(devices)
        tables = portals, fires, points, local
        wiring = WiringCheck(self.root, self.content, devices, lines.reliances(), *tables)
        wiring.check_points()
        terminals, pages = self._pages(devices, portals, policy)
        if policy is not None:
            wiring.check_against(policy)
            self.problems += portal_problems(self.root, cameras.cameras, policy)
        password = self._password(broker)
        reading = BrokerReading(broker, self.root.child("broker"), self.path.parent)
        self.problems += [*wiring.problems, *reading.problems]
        site_key = None if header is None else self._file(header.site_key, self.root, "site-key")
        if self.problems or header is None or policy is None or site_key is None:
            raise ConfigError(self.problems)
        return Config(
            site=header.site,
            edge=header.edge,
            file=self.path,
            state=self.path.parent / header.state,
            site_key=site_key,
            template_keys=template_keys(header, self.root, self.path.parent),
            trust_clock=header.trust_clock,
            policy=policy,
            broker=broker,
            broker_password=password,
            broker_nodes=reading.nodes,
            witness=reading.witness,
            tls=reading.tls,
            tls_faults=reading.faults(f"{header.site}/{header.edge}"),
            lines=specs,
            devices=devices,
            cameras=cameras.cameras,
            badges=badges,
            portals=portals,
            fires=fires,
            points=points,
            local_sources=local,
            keys=keys,
            recipients=recipients,
            retention=retention,
            picture_key=self._picture_key(header.picture_key),
            former_picture_key=self._picture_key(header.former_picture_key),
            picture_days=picture_days,
            pages=pages,
            terminals=terminals,
            policy_files=self.policy_files,
            sources=self.sources,
            kept=bool(self.copies),
        )

    def _pages(
        self,
        devices: Mapping[str, DeviceOptions],
        portals: Mapping[str, PortalEntry],
        policy: CompiledPolicy | None,
    ) -> tuple[dict[str, TerminalEntry], PagesEntry]:
        """The guards' screens, and what the pages are."""
        pages = self._single("pages", PagesEntry)
        found = self._table(TERMINAL, TerminalEntry)
        self.problems += terminal_problems(self.root, found, devices, portals)
        if policy is not None:
            self.problems += terminal_portal_problems(self.root, found, policy)
        return found, pages or PagesEntry()

    def _header(self) -> Header | None:
        keys = [field.encode_name for field in msgspec.structs.fields(Header)]
        for key in self.content:
            if key not in (*keys, *TABLES):
                at = self.root.child(key)
                self.problems.append(at.unknown_key(key, (*keys, *TABLES)))
        scalars = {key: self.content[key] for key in keys if key in self.content}
        header, problems = convert_entry(Header, scalars, self.root, {})
        self.problems += problems
        for key in ("site", "edge"):
            name = self.content.get(key)
            if isinstance(name, str) and not valid_id(name):
                at = self.root.child(key)
                self.problems.append(at.problem("1 to 64 of a-z, 0-9, '-' and '_'"))
            elif isinstance(name, str) and key == "edge" and not name[0].isalpha():
                self.problems.append(self.root.child(key).problem("must start with a letter"))
        return header

    def _single(self, table: str, kind: type[E]) -> E | None:
        """A table that stands once, if it stands there."""
        raw, place = self.content.get(table), self.root.child(table)
        if raw is None:
            return None
        if not isinstance(raw, dict):
            self.problems.append(place.problem("must be a table"))
            return None
        entry, problems = convert_entry(kind, raw, place, {})
        self.problems += problems
        return entry

    def _table(self, table: str, kind: type[E]) -> dict[str, E]:
        entries: dict[str, E] = {}
        for name, raw in named_tables(self.content, table, self.root, self.problems).items():
            entry, problems = convert_entry(kind, raw, self.root.child(table, name), {})
            self.problems += problems
            if entry is not None:
                entries[name] = entry
        return entries

    def _badges(self, devices: Mapping[str, DeviceOptions]) -> BadgeFormats:
        entries = self._table(BADGE_FORMAT, BadgeFormatEntry)
        reading = BadgeFormatsFile(self.root.child(BADGE_FORMAT), entries)
        reading.check(devices, names_in(self.content, BADGE_FORMAT))
        self.problems += reading.problems
        return reading.formats

    def _keys(self) -> tuple[TrustedKey, ...]:
        """The public keys, each of them once."""
        keys: dict[bytes, TrustedKey] = {}
        entries = self._table("key", KeyEntry)
        if len(entries) > KEYS_MAX:
            self.problems.append(self.root.child("key").at_key(f"at most {KEYS_MAX} keys"))
        for name, entry in entries.items():
            at = self.root.child("key", name)
            try:
                key = trusted_key(name, entry)
            except PublicKeyError as error:
                hint = "copy the line that `sentrypost key new` has printed, or an SSH key's"
                self.problems.append(at.child(key_field(entry)).problem(f"{error}", hint))
                continue
            except KeyUseError as error:
                self.problems.append(at.child("may").problem(str(error), error.remedy))
                continue
            other = keys.setdefault(key.public, key)
            if other is not key:
                hint = "one key is one entry: name there all that it may sign"
                at = at.child(key_field(entry))
                self.problems.append(at.problem(f"key '{other.name}' is the same", hint))
        return tuple(keys.values())

    def _picture_key(self, name: str | None) -> Path | None:
        """Whether it can be read is told by what reads it: doors go on without pictures."""
        if name is None:
            return None
        try:
            return file_named(name, self.path.parent)
        except CredentialError:
            return self.path.parent / name

    def _retention(self) -> tuple[dict[RecordClass, int], dict[PictureKind, int]]:
        entry = self._single("retention", RetentionEntry) or RetentionEntry()
        days = {
            RecordClass.PASSAGES: entry.passages_days,
            RecordClass.ALARMS: entry.alarms_days,
            RecordClass.PEOPLE: entry.people_days,
            RecordClass.SYSTEM: entry.system_days,
        }
        pictures = {
            PictureKind.PICTURE: entry.pictures_days,
            PictureKind.CLIP: entry.clips_days,
        }
        return {one: count for one, count in days.items() if count is not None}, pictures

    def _recipients(self) -> tuple[bytes, ...]:
        """Who is told of duress, each of them once."""
        entry = self._single("duress", DuressEntry)
        place = self.root.child("duress", "recipients")
        found: list[bytes] = []
        for text in () if entry is None else entry.recipients:
            try:
                public = recipient(text)
            except RecipientError as error:
                hint = "copy the line that `sentrypost duress new` has printed"
                self.problems.append(place.problem(f"'{text[:16]}…' {error}", hint))
                continue
            if public in found:
                self.problems.append(place.problem(f"'{text[:16]}…' stands there twice"))
            found.append(public)
        if len(found) > RECIPIENTS_MAX:
            wrong = f"{len(found)} recipients: a note has places for {RECIPIENTS_MAX}"
            self.problems.append(place.problem(wrong, "let several people have one key"))
        return tuple(found)

    def _policy(self, names: object) -> CompiledPolicy | None:
        """The policy, read whatever else is wrong in this file."""
        place = self.root.child("policy")
        given = bool(self.policy_files)
        if not given:
            self.policy_files = self._named_files(names, place)
        if not self.policy_files:
            return None
        try:
            policy = compiled(self.policy_files)
        except PolicyError as error:
            self.problems += error.problems
            return None
        if policy.site != self.content.get("site"):
            wrong = f"the policy is for site '{policy.site}', not for the site of this file"
            self.problems.append(place.problem(wrong))
        if not self.copies and not given:  # what was in force is not refused: nothing else is left
            self.problems += refusals(policy, self.policy_files)
        return policy

    def _named_files(self, names: object, place: Place) -> tuple[SourceFile, ...]:
        """The files that the site file names and what they include; none if one is missing."""
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return ()
        listed = [self.path.parent / name for name in names]
        missing = [
            name
            for name, file in zip(names, listed, strict=True)
            if file not in self.copies and self._file(name, self.root, "policy") is None
        ]
        if not names:
            self.problems.append(place.problem("at least one policy file is needed"))
        if missing or not names:
            return ()
        sources = with_included(listed, lambda file: self._policy_bytes(file, place))
        return tuple(sources) if set(listed) <= set(self.sources) else ()

    def _policy_bytes(self, file: Path, place: Place) -> bytes | None:
        if file not in self.copies and not file.is_file():
            return None
        data = self._bytes_of(file, place)
        if data is not None:
            self.sources[file] = data
        return data

    def _file(self, name: str, place: Place, key: str) -> Path | None:
        at = place.child(key)
        try:
            file = file_named(name, self.path.parent)
        except CredentialError as error:
            self.problems.append(at.problem(str(error), error.remedy))
            return None
        if file.is_file():
            return file
        self.problems.append(at.problem(f"no file '{file}'", "paths are relative to this file"))
        return None

    def _password(self, broker: BrokerEntry | None) -> str | None:
        if broker is None or broker.password_file is None:
            return None
        at = self.root.child("broker")
        data = self._secret(broker.password_file, at, "password-file")
        try:
            return None if data is None else data.decode().strip()
        except UnicodeDecodeError:
            self.problems.append(at.child("password-file").problem("the file is not UTF-8 text"))
            return None

    def _plain(self, name: str, place: Place, key: str) -> bytes | None:
        """The content of a file that others may read."""
        file = self._file(name, place, key)
        return None if file is None else self._bytes_of(file, place.child(key))

    def _secret(self, name: str, place: Place, key: str) -> bytes | None:
        """The content of a file that nobody but its owner may touch."""
        file = self._file(name, place, key)
        if file is None:
            return None
        if is_open_to_others(file, file.stat().st_mode):
            hint = f"close it with: chmod 600 {shlex.quote(str(file))}"
            said = f"others on this machine can read or change '{file}'"
            self.problems.append(place.child(key).problem(said, hint))
        return self._bytes_of(file, place.child(key))

    def _bytes_of(self, file: Path, place: Place) -> bytes | None:
        try:
            return _content(file, self.copies)
        except OSError as error:
            self.problems.append(place.problem(f"'{file}' cannot be read: {error.strerror}"))
            return None
