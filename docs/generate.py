"""Write what the pages take from the code: `python docs/generate.py`, from the project's folder.

`state-machines.md`, `asyncapi.json` and the policy's schema are written whole. In the other pages a
section between `<!-- generated: name -->` and `<!-- end -->` is written anew; what stands around it
is left alone.
"""

import json
import re
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from controller import alarm, attempt, barrier, delivery, point, portal, visit
from controller.alarm_kinds import RULES
from controller.events import KINDS, Body
from docs import asyncapi, devices_page, mapping_words, mqtt_page, sizing
from docs.meanings import ACTIONS, ALTERNATIVES, EVENTS, INCLUDED, POLICY_KEYS, SITE_KEYS
from docs.meanings_devices import CAMERA_OWN_KEYS, DEVICE_KEYS, LINE_KEYS
from docs.policy_schema import policy_schema
from docs.tables import table
from drivers.cameras.api import CameraOptions
from drivers.family import DeviceOptions, LineOptions
from drivers.osdp import rules, states
from edge import site_file
from edge.cameras import camera_families
from edge.lines import families
from policies.codes import TEXTS
from policies.document import LISTED, TABLES
from policies.foreign_codes import BACNET, ONVIF
from policies.loader import INCLUDE
from policies.model import Header
from policies.profiles import BIOMETRIC

DOCS = Path(__file__).resolve().parent
STATE_MACHINES = DOCS / "state-machines.md"
POLICY_SCHEMA = DOCS.parent / "policies" / "policy.schema.json"
ASYNCAPI = DOCS / "asyncapi.json"
KEY_COLUMNS = ("key", "type", "default", "meaning")
PROSE_WIDTH = 100
HEAD_ROWS = 2
"""Of a Markdown table, before its first row."""
PAGES = tuple(
    DOCS / name
    for name in (
        "policy.md",
        "operations.md",
        "mqtt.md",
        "scale.md",
        "devices.md",
        "mqtt-devices.md",
    )
)

_PAGE = """\
# State machines

Drawn from the tables in `controller/portal.py`, `controller/attempt.py`, `controller/point.py`,
`controller/barrier.py`, `controller/visit.py`, `controller/delivery.py` and
`drivers/osdp/states.py` by `docs/generate.py`. Each table is complete:
every state answers every signal, checked when the module is imported. Signals that mean nothing in
a state, and those that are recorded and lead nowhere, are left out.

## Portal

`settled` is no state of its own: it is whatever the record calls for once the reason for another
state has gone, looked at in this order: released, not seen (`unknown`), `fault`, leased, `open`, a
grant still in force, `secured` by a posture, `locked`.

```mermaid
{portal}```

What is recorded, by state and signal (`-`: nothing, and nothing changes):

{portal_table}
## Attempt

```mermaid
{attempt}```

## Alarm point

`settled` is whatever the line alone calls for: `quiet`, `seen`, `masked`, `fault` or `unknown`.
Every fault of the line is told, armed or not; activity alarms where the zone is armed.

```mermaid
{point}```

## Alarm in the queue

`raised` is still so, `cleared` no more, `happened` was a moment; nobody has acknowledged any of
them. `acknowledged` is still so, `in-hand` was a moment. What was acknowledged and is told again
has been seen by nobody.

```mermaid
{alarm}```

## Barrier

What is driven over vehicles. `lower` comes only while the safety loop is seen free, `hold` in its
place where it is not; `taken` also means that it cannot be read.

```mermaid
{barrier}```

## Visit

`seen-leaving` is the word of a door, or of a guard. `time-ended-away`: the expected end has come,
and the visitor has not, or was seen leaving. Whatever was given for a visit lets in while it is
`signed-in` and not a moment longer, and leads out for as long as it is on file.

```mermaid
{visit}```

## Delivery

A diplomatic bag is `taken` and `handed` in one step, and one that was taken is never `refused`.

```mermaid
{delivery}```

## OSDP link

One device on a line, from the first probe to the session. A step that cannot happen in a state ends
the process: it would be a bug.

```mermaid
{link}```

What is done, by state, when something else than the answer comes, or nothing; the table stands in
`drivers/osdp/rules.py` and is checked when imported. On the way to a session a refusal is in clear;
inside one it counts only with its MAC. While nothing is asked, whatever comes is dropped. "Times"
says how often the same bytes go out in all before the link begins anew; to a reader that is only
looked for they go out once, and in a session as often as the last column says, where it does: a
poll may have been answered with a badge, which a reader tells again to the same bytes and in no new
session.

{rules}"""


def state_machines() -> str:
    """The whole page."""
    return _PAGE.format(
        portal=portal.diagram(),
        portal_table=_portal_table(),
        attempt=attempt.diagram(),
        point=point.diagram(),
        alarm=alarm.diagram(),
        barrier=barrier.diagram(),
        visit=visit.diagram(),
        delivery=delivery.diagram(),
        link=states.mermaid(),
        rules=_rules_table(),
    )


def _rules_table() -> str:
    rows = [
        [
            trouble.value,
            *(rules.RULES[state, trouble].value for state in states.State),
            str(rules.TRIES_MAX.get(trouble, "-")),
            str(rules.TRIES_IN_SESSION.get(trouble, "-")),
        ]
        for trouble in rules.Trouble
    ]
    return table(("instead of the answer", *states.State, "times", "in a session"), rows)


def _portal_table() -> str:
    rows = [["signal", *portal.State], ["---"] * (len(portal.State) + 1)]
    for signal in portal.Signal:
        notes = [portal.TABLE[state][signal].note for state in portal.State]
        rows.append([signal, *(note or "-" for note in notes)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def policy_schema_text() -> str:
    """The whole file."""
    return json.dumps(policy_schema(), indent=1, ensure_ascii=False) + "\n"


# --- sections -----------------------------------------------------------------------------------


class DriftError(ValueError):
    """Code and words do not cover each other, or a page names a section that does not exist."""


def covered(what: str, code: Iterable[str], words: Iterable[str]) -> None:
    """Raises DriftError unless both name the same."""
    if differ := sorted(set(code) ^ set(words)):
        raise DriftError(f"docs/meanings.py and the code differ in {what}: {', '.join(differ)}")


def keys_of(
    struct: type[msgspec.Struct],
    meanings: Mapping[str, str],
    elsewhere: Collection[str] = (),
) -> str:
    """One table of a TOML file: key, type, default, meaning; without those that are told elsewhere.

    Raises DriftError.
    """
    fields = [one for one in msgspec.structs.fields(struct) if one.encode_name not in elsewhere]
    covered(struct.__name__, [field.encode_name for field in fields], meanings)
    return table(
        KEY_COLUMNS,
        (
            (
                f"`{field.encode_name}`",
                type_words(msgspec.inspect.type_info(field.type)),
                "required" if field.required else value_words(default_of(field)),
                meanings[field.encode_name],
            )
            for field in fields
        ),
    )


def default_of(field: msgspec.structs.FieldInfo) -> object:
    """What a field is when the file leaves it out."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def value_words(value: object) -> str:
    """A default as it would stand in the file; nothing for None, which no file can say."""
    match value:
        case None:
            return "–"
        case bool():
            return f"`{str(value).lower()}`"
        case Enum():
            return f'`"{value.value}"`'
        case tuple():
            inner = ", ".join(value_words(one).strip("`") for one in value)
            return f"`[{inner}]`"
        case dict():
            return "`{}`"
        case _:
            return '`""`' if value == "" else f"`{value}`"


def type_words(kind: Any) -> str:
    """A type of msgspec's inspection in words."""
    match kind:
        case msgspec.inspect.UnionType(types=types):
            kinds = [one for one in types if not isinstance(one, msgspec.inspect.NoneType)]
            return " or ".join(type_words(one) for one in kinds)
        case msgspec.inspect.EnumType(cls=cls):
            return ", ".join(f"`{member.value}`" for member in cls)
        case msgspec.inspect.LiteralType(values=values):
            return ", ".join(f"`{value}`" for value in values)
        case msgspec.inspect.VarTupleType(item_type=item):
            return f"list of: {type_words(item)}"
        case msgspec.inspect.DictType(value_type=value):
            return f"by threat level: {type_words(value)}"
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            word = "integer" if isinstance(kind, msgspec.inspect.IntType) else "number"
            return f"{word}{_range(kind)}"
        case msgspec.inspect.StrType(max_length=most):
            return "text" if most is None else f"text of at most {most}"
        case msgspec.inspect.BoolType():
            return "`true`, `false`"
        case msgspec.inspect.DateType():
            return "date"
        case msgspec.inspect.StructType(cls=cls) if cls in {site_file.Input, site_file.Output}:
            return "device point"
        case msgspec.inspect.StructType(fields=fields):
            return f"`{{ {', '.join(f'{field.encode_name} = …' for field in fields)} }}`"
        case msgspec.inspect.Metadata(type=inner):
            return type_words(inner)
        case _:
            raise DriftError(f"no words for {kind}")


def _range(kind: Any) -> str:
    low = f"above {kind.gt:g}" if kind.gt is not None else f"{kind.ge}"
    high = kind.le
    if high is None:
        return ""
    return f", {low} to {high}" if kind.gt is None else f", {low}, at most {high:g}"


def policy_keys() -> str:
    """Every table of a policy file but `[factors]`, which has no keys of its own."""
    structs: dict[str, type[msgspec.Struct]] = {"": Header, **TABLES}
    covered("the policy's tables", structs, POLICY_KEYS)
    covered("[alternative]", BIOMETRIC, ALTERNATIVES)
    parts = []
    for name, struct in structs.items():
        listed = name in LISTED
        title = f"[[{name}]]" if listed else f"[{name}.<id>]"
        head = f"### `{title}`" if name else "### At the top"
        rows = keys_of(struct, POLICY_KEYS[name])
        if not name:
            rows += f"| `{INCLUDE}` | list of: text | `[]` | {INCLUDED} |\n"
        parts.append(f"{head}\n\n{rows}")
    instead = ((f"`{factor}`", "factors", "–", ALTERNATIVES[factor]) for factor in BIOMETRIC)
    parts.insert(1, f"### `[alternative]`\n\n{table(KEY_COLUMNS, instead)}")
    return "\n".join(parts)


def site_keys() -> str:
    """Every table of the site file."""
    structs: dict[str, type[msgspec.Struct]] = {
        "": site_file.Header,
        "broker": site_file.BrokerEntry,
        "line": LineOptions,
        "device": DeviceOptions,
        "badge-format": site_file.BadgeFormatEntry,
        "portal": site_file.PortalEntry,
        "camera": CameraOptions,
        "fire": site_file.FireEntry,
        "point": site_file.PointEntry,
        "source": site_file.SourceEntry,
        "key": site_file.KeyEntry,
        "duress": site_file.DuressEntry,
        "retention": site_file.RetentionEntry,
        "terminal": site_file.TerminalEntry,
        "pages": site_file.PagesEntry,
    }
    covered("the site file's tables", structs, SITE_KEYS)
    titles = {"": "### At the top"}
    titles |= {name: f"### `[{name}]`" for name in ("broker", "duress", "retention", "pages")}
    return "\n".join(
        f"{titles.get(name, f'### `[{name}.<id>]`')}\n\n{keys_of(struct, SITE_KEYS[name])}"
        for name, struct in structs.items()
    )


def driver_keys() -> str:
    """Each installed driver's own keys, next to those that every line and device has."""
    found = families()
    covered("the drivers' lines", found, LINE_KEYS)
    covered("the drivers' devices", found, DEVICE_KEYS)
    parts = []
    for name, family in sorted(found.items()):
        what = f"{family.about.what[:1].upper()}{family.about.what[1:]}."
        parts.append(f"### {name}\n\n{textwrap.fill(what, PROSE_WIDTH)}\n")
        meanings = {"line": LINE_KEYS[name], "device": DEVICE_KEYS[name]}
        for what, struct, elsewhere in devices_page.own_keys(family):
            rows = keys_of(struct, meanings[what], elsewhere)
            own = rows.count("\n") > HEAD_ROWS
            parts.append(f"`[{what}.<id>]`:\n\n{rows}" if own else f"No own keys of a {what}.\n")
    return "\n".join(parts)


_STAGES = {
    1: "Granted",
    2: "Gate 0: input and record",
    3: "Gate 3: identity",
    4: "Gate 4: prohibition",
    5: "Gate 5: posture",
    6: "Gate 6: permit",
    7: "Gate 7: factors",
    8: "Gate 8: state (806: gate 1b)",
    9: "Notes",
}


def reason_codes() -> str:
    """Every code with its text, under its gate."""
    covered("stages of codes", {str(code // 100) for code in TEXTS}, map(str, _STAGES))
    return table(
        ("code", "name", "gate", "text"),
        (
            (str(int(code)), code.name.lower().replace("_", "-"), _STAGES[code // 100], text)
            for code, text in sorted(TEXTS.items())
        ),
    )


def foreign_codes() -> str:
    """Every code as BACnet and ONVIF would say it."""
    return table(
        ("code", "name", "BACnet", "ONVIF"),
        (
            (
                str(int(code)),
                code.name.lower().replace("_", "-"),
                f"{event.name.lower().replace('_', '-')} ({event:d})" if event else "–",
                ONVIF[code] or "–",
            )
            for code, event in sorted(BACNET.items())
        ),
    )


def sentence_of(kind: str, body: type[Body]) -> str:
    """The first sentence of the kind's docstring. Raises DriftError where words are missing."""
    text = " ".join((vars(body).get("__doc__") or "").split())
    unfit = not text or text.startswith("`") or body.__name__ + "(" in text
    if unfit is not (kind in EVENTS):
        raise DriftError(f"docs/meanings.py EVENTS: {kind} has {'no' if unfit else 'two'} meanings")
    return EVENTS[kind] if unfit else text.partition(". ")[0].rstrip(".") + "."


def alarm_queue() -> str:
    """What stands in the alarm queue, the most urgent first."""
    rows = sorted(RULES.items(), key=lambda one: (one[1].priority, one[0]))
    return table(
        ("priority", "kind", "what", "because", "over when"),
        (
            (
                f"{int(rule.priority)} {rule.priority.name.lower()}",
                f"`{kind}`",
                rule.title,
                rule.why,
                "somebody says what it was" if rule.over is None else "it is so no more",
            )
            for kind, rule in rows
        ),
    )


def event_kinds() -> str:
    """Every kind of event: what happened, and what to do where there is something to do."""
    covered("events with an action", set(ACTIONS) - set(KINDS), ())
    return table(
        ("event", "what happened", "what to do"),
        (
            (f"`{kind}`", sentence_of(kind, body), ACTIONS.get(kind, "–"))
            for kind, body in KINDS.items()
        ),
    )


def sizing_table() -> str:
    """What sites of several sizes take."""
    return table(sizing.HEAD, sizing.rows())


def camera_keys() -> str:
    """Each installed kind of camera's own keys, next to those that every camera has."""
    found = camera_families()
    covered("the kinds of cameras", found, CAMERA_OWN_KEYS)
    base = {field.encode_name for field in msgspec.structs.fields(CameraOptions)}
    parts = []
    for name, family in sorted(found.items()):
        what = f"{family.about.what[:1].upper()}{family.about.what[1:]}."
        rows = keys_of(family.options, CAMERA_OWN_KEYS[name], base)
        parts.append(f"### camera {name}\n\n{textwrap.fill(what, PROSE_WIDTH)}\n\n{rows}")
    return "\n".join(parts)


def mapping_keys() -> str:
    """Every table of a mapping of MQTT devices."""
    return "\n".join(
        f"{title}:\n\n{keys_of(kind, meanings, mapping_words.told_elsewhere(kind))}"
        for title, kind, meanings in mapping_words.TABLES
    )


SECTIONS: Mapping[str, Callable[[], str]] = {
    "policy-keys": policy_keys,
    "reason-codes": reason_codes,
    "foreign-codes": foreign_codes,
    "site-keys": site_keys,
    "families": lambda: devices_page.families_table(families()),
    "driver-keys": driver_keys,
    "camera-families": lambda: devices_page.cameras_table(camera_families()),
    "camera-keys": camera_keys,
    "mapping-keys": mapping_keys,
    "event-kinds": event_kinds,
    "alarm-queue": alarm_queue,
    "sizing": sizing_table,
    **mqtt_page.SECTIONS,
}

_SECTION = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def written(page: str) -> str:
    """The page with every generated section as the code has it now. Raises DriftError."""

    def fresh(found: re.Match[str]) -> str:
        if found[2] not in SECTIONS:
            raise DriftError(f"no section {found[2]!r}; there are {', '.join(SECTIONS)}")
        return f"{found[1]}\n{SECTIONS[found[2]]()}\n{found[3]}"

    return _SECTION.sub(fresh, page)


if __name__ == "__main__":
    STATE_MACHINES.write_text(state_machines())
    POLICY_SCHEMA.write_text(policy_schema_text())
    ASYNCAPI.write_text(asyncapi.text())
    for path in PAGES:
        path.write_text(written(path.read_text()))
