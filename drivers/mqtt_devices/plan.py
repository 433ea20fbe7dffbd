"""One device's plan: its mapping with its names and numbers filled in, and judged as a whole."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec

from drivers.family import Timer
from drivers.mqtt_devices.mapping import (
    AnswerEntry,
    AskedEntry,
    AskEntry,
    BadgeEntry,
    BadgeForm,
    CommandEntry,
    Each,
    InputEntry,
    MappingEntry,
    MessageEntry,
    OutputEntry,
    TimeForm,
)
from drivers.mqtt_topics import filter_problem, topic_problem
from policies.model import Entry

LENGTHS = ("ms", "tenths", "s")
"""Placeholders that say how long a pulse lasts."""

_OF_A_CLOCK = {TimeForm.UNIX, TimeForm.UNIX_MS}

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9]*)\}")
_OF_DEVICE = ("topic", "name")
_OF_PAYLOAD = {"id", "until", *LENGTHS}

E_ = TypeVar("E_", bound=Entry)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a site file says of one device, beside its mapping.

    `exact`: the mapping was written for this device, so that a number it does not have is a
    mistake. `reply`: where answers to us come.
    """

    device: str
    inputs: int
    outputs: int
    keypad: bool
    fill: Mapping[str, str]
    reply: str
    exact: bool
    relock_ms: int | None = None
    silent_after_s: int | None = None
    max_age_s: int | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`rules` read messages; `answers` are those of the commands, by output. `secrets` are for
    badges and keys, also of a keypad that is not used. Nothing in it has a placeholder that is not
    known before a message is sent.
    """

    device: str
    what: str
    inputs: int
    outputs: int
    rules: tuple[MessageEntry, ...]
    ask: AskEntry | None
    commands: Mapping[int, CommandEntry]
    secrets: tuple[MessageEntry, ...]
    silent_after_s: int | None

    @property
    def answers(self) -> tuple[AnswerEntry, ...]:
        return tuple(one.answer for one in self.commands.values() if one.answer is not None)

    @property
    def filters(self) -> frozenset[str]:
        """What has to be subscribed."""
        return frozenset(one.topic for one in self.rules) | {one.topic for one in self.answers}

    def timer(self) -> Timer | None:
        """What all of its outputs can time."""
        return timer_of(self.commands.values())


def timer_of(commands: Iterable[CommandEntry]) -> Timer | None:
    """What all of these outputs can time; None where there is none, or one that cannot."""
    steps: list[int] = []
    limits: list[int] = []
    for command in commands:
        step, limit = command.step_ms or command.relock_ms, command.ms_max or command.relock_ms
        if step is None or limit is None:
            return None
        steps.append(step)
        limits.append(limit)
    return Timer(max(steps), min(limits)) if steps else None


def plan_of(mapping: MappingEntry, wanted: Wanted) -> Plan:
    """Raises ValueError with one message for each thing that cannot be as it is described."""
    maker = _Maker(mapping, wanted)
    plan = maker.plan()
    if maker.problems:
        raise ValueError(*dict.fromkeys(maker.problems))
    return plan


def placeholders(text: str) -> set[str]:
    return set(_PLACEHOLDER.findall(text))


class _Maker:
    def __init__(self, mapping: MappingEntry, wanted: Wanted) -> None:
        self._mapping, self._wanted = mapping, wanted
        self._fill = {**wanted.fill, "reply": wanted.reply}
        self._used: set[str] = set()
        self.problems: list[str] = []

    def plan(self) -> Plan:
        """As far as it can be made; what is wrong with it stands in `problems`."""
        mapping, wanted = self._mapping, self._wanted
        inputs = self._each(mapping.input, wanted.inputs, "input")
        outputs = self._each(mapping.output, wanted.outputs, "output")
        commands = {
            one.number: self._timed(one)
            for one in self._each(mapping.command, wanted.outputs, "output")
            if isinstance(one.number, int)
        }
        ask = None if mapping.ask is None else self._filled(mapping.ask, {})
        plain = [
            *mapping.availability,
            *mapping.badge,
            *(mapping.keys if wanted.keypad else ()),
            *mapping.tamper,
            *mapping.misbehaviour,
            *mapping.refusal,
            *mapping.alive,
        ]
        rules: list[MessageEntry] = [self._filled(rule, {}) for rule in plain]
        rules += [*inputs, *outputs]
        if ask is not None:
            rules.append(ask.answer)
        plan = Plan(
            device=wanted.device,
            what=mapping.what,
            inputs=wanted.inputs,
            outputs=wanted.outputs,
            rules=self._aged(rules),
            ask=ask,
            commands=commands,
            secrets=tuple(self._filled(one, {}) for one in (*mapping.badge, *mapping.keys)),
            silent_after_s=wanted.silent_after_s or mapping.silent_after_s,
        )
        self._judge(plan, inputs, outputs)
        return plan

    # --- filling in -------------------------------------------------------------------------

    def _each(self, entries: Iterable[E_], count: int, what: str) -> list[E_]:
        """Entries that stand for every number once for each."""
        found = []
        for entry in entries:
            number = getattr(entry, "number")  # noqa: B009 - all three kinds have it
            if number is Each.EACH:
                found += [self._numbered(entry, one) for one in range(count)]
            elif number < count:
                found.append(self._numbered(entry, number))
            elif self._wanted.exact:
                self._wrong(f"the mapping has {what} {number}, the device {count} of them")
        return found

    def _numbered(self, entry: E_, number: int) -> E_:
        filled = self._filled(entry, {"n": str(number), "n1": str(number + 1)})
        return msgspec.structs.replace(filled, number=number)

    def _filled(self, entry: E_, more: Mapping[str, str]) -> E_:
        """The entry with its placeholders replaced, as far as they are known before it is sent."""
        known = {**self._fill, **more}

        def replaced(value: object) -> object:
            if isinstance(value, str):
                self._used |= placeholders(value)
                return _PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), value)
            if isinstance(value, dict):
                return {key: replaced(one) for key, one in value.items()}
            if isinstance(value, (list, tuple)):
                return [replaced(one) for one in value]
            return value

        return msgspec.convert(replaced(msgspec.to_builtins(entry)), type(entry))

    def _timed(self, command: CommandEntry) -> CommandEntry:
        """A lock with a fixed time has it from the site file, where the mapping leaves it open."""
        open_ended = command.relock_ms is None and command.ms_max is None
        if open_ended and self._wanted.relock_ms is not None:
            return msgspec.structs.replace(command, relock_ms=self._wanted.relock_ms)
        if self._wanted.relock_ms is not None:
            self._wrong("`relock-ms` is for a lock whose time cannot be told; this one's can")
        return command

    def _aged(self, rules: list[MessageEntry]) -> tuple[MessageEntry, ...]:
        """The device's clock is trusted as far as the site file says, where it does."""
        max_age_s = self._wanted.max_age_s
        timed = [one for one in rules if one.time is not None and one.time.form in _OF_A_CLOCK]
        if max_age_s is None:
            return tuple(rules)
        if not timed:
            self._wrong("`max-age-s` is for a device that says the Unix time of its messages")
        return tuple(_aged(one, max_age_s) if one in timed else one for one in rules)

    # --- judging ----------------------------------------------------------------------------

    def _wrong(self, problem: str) -> None:
        self.problems.append(problem)

    def _judge(self, plan: Plan, inputs: list[InputEntry], outputs: list[OutputEntry]) -> None:
        self._judge_fill()
        self._judge_topics(plan)
        self._judge_rules(plan)
        self._judge_points(plan, inputs, outputs)
        if not (self._mapping.availability or plan.ask or plan.silent_after_s):
            self._wrong(
                "nothing says that the device has gone; give `availability`, `ask` or "
                "`silent-after-s`"
            )
        if self._wanted.keypad and not self._mapping.keys:
            self._wrong("`keypad` is set, and the mapping says nothing of keys")
        if plan.ask is not None and plan.ask.answer.id and "{id}" not in plan.ask.payload:
            self._wrong("its answer to `ask` repeats a number: name {id} in the payload of `ask`")
        for command in plan.commands.values():
            for problem in _command_problems(command, asked=plan.ask is not None):
                self._wrong(f"output {command.number}: {problem}")

    def _judge_fill(self) -> None:
        for key in _OF_DEVICE:
            value = self._wanted.fill.get(key)
            if value is None and key in self._used:
                self._wrong(f"the mapping needs `{key}`")
            elif value is not None and key not in self._used:
                self._wrong(f"the mapping has no use for `{key}`; leave it out")
            elif value is not None and (topic_problem(f"_/{value}") or not value.strip("/ ")):
                self._wrong(f"`{key}` {topic_problem(f'_/{value}') or 'is empty'}")

    def _judge_topics(self, plan: Plan) -> None:
        asked = () if plan.ask is None else (plan.ask.topic,)
        spoken = [*asked, *(command.topic for command in plan.commands.values())]
        judged = [(text, filter_problem(text)) for text in sorted(plan.filters)]
        judged += [(text, topic_problem(text)) for text in spoken]
        for text, problem in judged:
            if unknown := placeholders(text) - set(_OF_DEVICE):
                self._wrong(f"topic '{text}': {{{min(unknown)}}} is not known there")
            elif problem:
                self._wrong(f"topic '{text}' {problem}")

    def _judge_rules(self, plan: Plan) -> None:
        for rule in plan.rules:
            for path in paths_of(rule):
                if placeholders(path) - set(_OF_DEVICE):
                    self._wrong(f"path '{path}': only {{n}} and {{n1}} are known there")
            if isinstance(rule, BadgeEntry):
                self._judge_badge(rule)
            if rule.time is not None and rule.path is None:
                self._wrong(f"topic '{rule.topic}': a plain text has no time in it")
            if rule.time is not None and rule.time.max_age_s and rule.time.form not in _OF_A_CLOCK:
                self._wrong(f"topic '{rule.topic}': `max-age-s` needs a Unix time")

    def _judge_badge(self, rule: BadgeEntry) -> None:
        sized = (rule.bits is not None) + (rule.bits_path is not None)
        if rule.form is BadgeForm.NUMBER and sized != 1:
            self._wrong(f"topic '{rule.topic}': a number needs `bits` or `bits-path`")
        if rule.form is not BadgeForm.NUMBER and (sized or rule.bits_less):
            self._wrong(f"topic '{rule.topic}': digits say by themselves how many bits they are")
        if rule.bits is not None and rule.bits_less >= rule.bits:
            self._wrong(f"topic '{rule.topic}': `bits-less` leaves no bits")

    def _judge_points(
        self, plan: Plan, inputs: list[InputEntry], outputs: list[OutputEntry]
    ) -> None:
        heard = {one.number for one in inputs}
        for number in range(plan.inputs):
            if number not in heard:
                self._wrong(f"nothing in the mapping says how input {number} is")
        told = {one.number for one in outputs}
        for number in range(plan.outputs):
            command = plan.commands.get(number)
            if command is None:
                self._wrong(f"the mapping cannot tell output {number} to lock and unlock")
            elif number not in told and command.answer is None:
                self._wrong(f"nothing in the mapping says whether output {number} obeyed")
        for one in inputs:
            if set(map(_typed, one.active)) & set(map(_typed, one.inactive)):
                self._wrong(f"input {one.number}: a value is both active and inactive")
            if one.falls_after_ms is None and not one.inactive:
                self._wrong(f"input {one.number}: needs `inactive`, or `falls-after-ms`")
        for two in outputs:
            if set(map(_typed, two.on)) & set(map(_typed, two.off)):
                self._wrong(f"output {two.number}: a value is both on and off")


def _aged(rule: MessageEntry, max_age_s: int) -> MessageEntry:
    assert rule.time is not None, "only what has a time is asked"
    time = msgspec.structs.replace(rule.time, max_age_s=max_age_s)
    return msgspec.structs.replace(rule, time=time)


def _typed(value: object) -> tuple[type, object]:
    """Python takes true for 1."""
    return type(value), value


def paths_of(rule: MessageEntry) -> Iterator[str]:
    """Every place in the JSON that a rule looks at."""
    if rule.path is not None:
        yield rule.path
    yield from (one.path for one in rule.when)
    if rule.time is not None:
        yield rule.time.path
    if isinstance(rule, BadgeEntry) and rule.bits_path is not None:
        yield rule.bits_path
    if isinstance(rule, AskedEntry) and rule.id is not None:
        yield rule.id


def _command_problems(command: CommandEntry, *, asked: bool) -> Iterator[str]:
    pulses = [one for one in (command.pulse, command.pulse_off) if one is not None]
    texts = [*pulses, command.on, command.off]
    for text in texts:
        for unknown in sorted(placeholders(text) - _OF_PAYLOAD - set(_OF_DEVICE)):
            yield f"{{{unknown}}} is not known in a payload"
    if any(placeholders(text) & {"until", *LENGTHS} for text in (command.on, command.off)):
        yield "`on` and `off` are for good: no time can stand in them"
    told = [bool(placeholders(text) & set(LENGTHS)) for text in pulses]
    if command.relock_ms is not None:
        if any(told) or command.ms_max is not None or command.step_ms is not None:
            yield "a lock with `relock-ms` has one time, and none can be told to it"
    elif not all(told):
        yield (
            "its pulse does not say for how long, so that nobody would lock it again if the edge "
            "or the network fails; name {ms}, {tenths} or {s} in it, or give the lock's own fixed "
            "time as `relock-ms`"
        )
    elif command.step_ms is None or command.ms_max is None:
        yield "needs `step-ms` and `ms-max`: what the device itself can time"
    elif any("tenths" in placeholders(text) for text in pulses) and command.step_ms % 100:
        yield "counts tenths of a second: `step-ms` is a multiple of 100"
    if not asked and not all("until" in placeholders(text) for text in pulses):
        yield (
            "a release that was held up on the way would open it late; give `ask`, so that it is "
            "only sent to a device that has just answered, or name {until} in its pulses"
        )
    if command.answer is not None and not all("id" in placeholders(text) for text in texts):
        yield "its answer repeats a number: name {id} in every payload"
