"""A site of any size, made up: policy, site file, keys and people, as an integrator writes them.

A gate and a front door lead to the lobby; behind it lie wings of six portals, one of each kind that
the design knows. The same chance makes the same site.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from controller.ids import CredentialId, HolderId
from drivers.badges import Badge, parse_badge
from edge.config import Config, load_config
from edge.people import Change, CredentialRecord, HolderRecord, People, PinRecord, load_site_key
from edge.people.refs import credential_ref
from policies.compiled import CompiledPolicy
from policies.facts import CredentialStatus
from simulators.secret_file import write_secret

FACILITY = 118
DEAD_HASH = "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"
"""No PIN has it: in virtual time `Plan.pins` knows what is right."""

HEAD = """schema = 1
site = "virtual"
version = 1
timezone = "Europe/Vienna"

[schedule.office]
mon-fri = ["07:30-18:30"]
[schedule.cleaning]
daily = ["18:00-21:00"]

[factors]
badge = { 1 = "badge" }
high = { 1 = "badge+pin" }
seen = { 1 = "badge+face" }

[alternative]
face = "pin"

[role.staff]
clearance = 3
[role.archivist]
clearance = 5
[role.diplomat]
clearance = 5
protected = true
[role.guard]
clearance = 6
emergency = true
overrides = ["lockdown", "shelter", "evacuate", "fire", "threat"]
[role.cleaner]
clearance = 1

[fire.main]
[fire.annex]

[zone.street]
kind = "public"
[zone.court]
kind = "premises"
inside = "street"
factors = "badge"
[zone.lobby]
kind = "premises"
inside = "court"
factors = "badge"
"""

FREE = 'lock = "power-to-unlock"\negress = "mechanical"\nexit = "free"\nrex = "shunt"\n'
MAGNET = 'lock = "power-to-lock"\negress = "electric"\non-fire = "release"\n'

GATE = f'from = "street"\nto = "court"\nkind = "gate"\n{FREE}open-s = 5\nheld-s = 20\n'
FRONT = f'from = "court"\nto = "lobby"\nkind = "door"\n{FREE}open = "office"\n'

WING = (
    ("office", "lobby", "wing", f"{FREE}bolt = true\nrefuge-route = true\n"),
    ("archive", "wing", "archive", f'{MAGNET}exit = "reader"\nhard-wired-release = true\n'),
    ("refuge", "wing", "refuge", f"{FREE}emergency = true\n"),
    ("side", "street", "wing", f'{MAGNET}exit = "free"\nrex = "unlock"\n'),
    ("lock-a", "wing", "vestibule", f'{FREE}interlock = "lock-%d"\n'),
    ("lock-b", "vestibule", "store", f'{FREE}interlock = "lock-%d"\n'),
)
"""Portals of a wing: name, outer zone, inner zone, what they are."""

ZONES = {
    "wing": 'kind = "premises"\ninside = "lobby"\nfactors = "badge"\n',
    "archive": 'kind = "premises"\ninside = "wing-%d"\nfactors = "high"\nclearance = { 1 = 4 }\n',
    "refuge": 'kind = "refuge"\ninside = "wing-%d"\nfactors = "badge"\n',
    "vestibule": 'kind = "premises"\ninside = "wing-%d"\nfactors = "badge"\n',
    "store": 'kind = "premises"\ninside = "vestibule-%d"\nfactors = "badge"\n',
}


FACES_OF = 2
"""One of so many people gives a face."""


class Character(NamedTuple):
    """A kind of person: roles, how many of a hundred, and what is wrong with the badge."""

    name: str
    roles: tuple[str, ...]
    share: int
    status: CredentialStatus = CredentialStatus.ACTIVE
    known: bool = True


CHARACTERS = (
    Character("staff", ("staff",), 62),
    Character("archivist", ("staff", "archivist"), 12),
    Character("diplomat", ("staff", "diplomat"), 8),
    Character("guard", ("guard",), 6),
    Character("cleaner", ("cleaner",), 6),
    Character("finder", ("staff",), 3, CredentialStatus.LOST),
    Character("stranger", (), 3, known=False),
)
"""A finder carries a badge that somebody has reported lost; a stranger one that nobody issued."""


class Person(NamedTuple):
    name: str
    character: Character
    badge: Badge
    pin: str

    @property
    def in_good_standing(self) -> bool:
        return self.character.known and self.character.status is CredentialStatus.ACTIVE


class Plan(NamedTuple):
    """The site on disk, and who walks about in it."""

    config: Config
    people: tuple[Person, ...]
    pins: dict[HolderId, str]
    ways: dict[str, tuple[str, ...]]
    """For each zone the portals that lead from the street into it, in order."""

    @property
    def faces(self) -> dict[HolderId, str]:
        """Whose faces are enrolled, and their names."""
        known = [person.name for person in self.people if person.character.known]
        return dict(list(zip(self.pins, known, strict=True))[::FACES_OF])


def write_plan(folder: Path, *, portals: int, people: int, chance: Random) -> Plan:
    """Make the site in an empty folder. `portals` at least 2."""
    names = list(_portals(portals))
    write_secret(folder / "site.key", chance.randbytes(32))
    (folder / "policy.toml").write_text(_policy(names))
    (folder / "site.toml").write_text(_site(folder, names, chance))
    config = load_config(folder / "site.toml")
    everybody = tuple(_person(number, people) for number in range(people))
    known = [(f"{i:016x}", p) for i, p in enumerate(everybody, 1) if p.character.known]
    return Plan(config, everybody, enrolled(config, known), ways_of(config.policy))


def ways_of(policy: CompiledPolicy) -> dict[str, tuple[str, ...]]:
    """For each zone the portals that lead from the street into it, in order."""
    ways: dict[str, tuple[str, ...]] = {"street": ()}
    for portal in policy.portals:
        ways.setdefault(portal.inner, (*ways[portal.outer], portal.id))
    return ways


def asks_for_faces(zone: str) -> bool:
    """Whether whoever enters is asked for badge and face, and for a PIN where no face is had: every
    other wing, and all stores.
    """
    kind, _, number = zone.rpartition("-")
    return kind == "store" or (kind == "wing" and bool(int(number) % 2))


def _portals(count: int) -> Iterator[tuple[str, str, int, int]]:
    """Name, wing's kind of portal (-1, -2: gate, front), and wing of each portal."""
    yield "gate", "", -1, 0
    yield "front", "", -2, 0
    for number in range(count - 2):
        wing, kind = divmod(number, len(WING))
        yield f"{WING[kind][0]}-{wing}", WING[kind][2], kind, wing


def _policy(names: list[tuple[str, str, int, int]]) -> str:
    text, zones = HEAD, ["court", "lobby"]
    for name, inner, kind, wing in names:
        if kind < 0:
            text += f"\n[portal.{name}]\n{GATE if kind == -1 else FRONT}debounce-ms = 20\n"
            continue
        zone = f"{inner}-{wing}"
        if zone not in zones:
            zones.append(zone)
            said = _numbered(ZONES[inner], wing)
            if asks_for_faces(zone):
                said = said.replace('"badge"', '"seen"') + "face-turns = { 1 = 1 }\n"
            text += f"\n[zone.{zone}]\n{said}"
        _, outer, _, what = WING[kind]
        source = outer if outer in {"street", "lobby"} else f"{outer}-{wing}"
        text += f'\n[portal.{name}]\nfrom = "{source}"\nto = "{zone}"\nkind = "door"\n'
        text += f"{_numbered(what, wing)}open-s = 4\nheld-s = 15\n"
    common = [z for z in zones if not z.startswith("archive")]
    archives = [z for z in zones if z.startswith("archive")]
    text += _grant("everybody", ["staff", "guard"], common)
    text += _grant("cleaning", ["cleaner"], common, 'when = "cleaning"\n')
    if archives:
        text += _grant("archives", ["archivist", "guard"], archives)
    return text


def _numbered(text: str, number: int) -> str:
    return text.replace("%d", str(number))


def _grant(name: str, roles: list[str], zones: list[str], more: str = "") -> str:
    return f'\n[[grant]]\nid = "{name}"\nroles = {roles}\nzones = {zones}\n{more}'


def _site(folder: Path, names: list[tuple[str, str, int, int]], chance: Random) -> str:
    """A board for every two portals, with their readers on its line."""
    text = 'site = "virtual"\nedge = "gate"\npolicy = ["policy.toml"]\nstate = "state"\n'
    text += 'site-key = "site.key"\n[broker]\nhost = "virtual"\n'
    for line in range((len(names) + 1) // 2):
        text += f'\n[line.line-{line}]\ndriver = "osdp"\nport = "line-{line}"\nbaud = 115200\n'
        text += _device(folder, chance, f"board-{line}", line, 1, "inputs = 8\noutputs = 2\n")
    for number, (name, inner, kind, wing) in enumerate(names):
        line, half = divmod(number, 2)
        board, first = f"board-{line}", 3 * half
        is_archive = kind >= 0 and WING[kind][0] == "archive"
        asks_for_pins = is_archive or asks_for_faces(f"{inner}-{wing}")
        keypad = "keypad = true\n" if asks_for_pins else ""
        text += _device(folder, chance, f"{name}-in", line, 2 + 2 * half, keypad)
        if is_archive:
            text += _device(folder, chance, f"{name}-out", line, 3 + 2 * half, keypad)
        text += f'\n[portal.{name}]\nlock = {{ device = "{board}", output = {half} }}\n'
        text += f'contact = {{ device = "{board}", input = {first} }}\n'
        text += f'entry-reader = "{name}-in"\n'
        if is_archive:
            text += f'exit-reader = "{name}-out"\n'
        else:
            text += f'rex = {{ device = "{board}", input = {first + 1} }}\n'
        if kind == 0:
            text += f'bolt = {{ device = "{board}", input = {first + 2} }}\n'
    last = (len(names) - 1) // 2
    text += '\n[fire.main]\ninput = { device = "board-0", input = 6 }\n'
    return text + f'\n[fire.annex]\ninput = {{ device = "board-{last}", input = 7 }}\n'


def _device(folder: Path, chance: Random, name: str, line: int, address: int, more: str) -> str:
    write_secret(folder / f"{name}.key", chance.randbytes(16).hex().encode())
    return (
        f'\n[device.{name}]\nline = "line-{line}"\naddress = {address}\nkey = "{name}.key"\n{more}'
    )


def _person(number: int, of: int) -> Person:
    """The shares of the characters hold at any number of people."""
    place = number * 100 / of
    for character in CHARACTERS:
        if place < character.share:
            break
        place -= character.share
    badge = parse_badge(f"h10301:{FACILITY}/{1000 + number}")
    return Person(f"{character.name} {number}", character, badge, f"{number * 7919 % 9000 + 1000}")


def enrolled(config: Config, known: Sequence[tuple[str, Person]]) -> dict[HolderId, str]:
    """Put these people on file, each under an id; their PINs."""
    key = load_site_key(config.site_key)
    change = Change(
        base=0,
        holders=tuple(
            HolderRecord(id=i, external_id=i, name=p.name, roles=p.character.roles)
            for i, p in known
        ),
        credentials=tuple(
            CredentialRecord(
                id=CredentialId(i),
                holder=HolderId(i),
                ref=credential_ref(key, p.badge.bits, p.badge.data),
                status=p.character.status,
            )
            for i, p in known
        ),
        pins=tuple(PinRecord(holder=i, hash=DEAD_HASH) for i, _ in known),
    )
    config.state.mkdir(mode=0o700)
    with People.open(config.state / "site.db", create=True) as people:
        people.apply(change)
    return {HolderId(i): p.pin for i, p in known}
