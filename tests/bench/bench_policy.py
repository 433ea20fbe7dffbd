"""Decisions a second beside two engines of rules that others wrote, and what a change costs.

All engines answer the same questions, and answer them alike, before any of them is timed. The
questions are those of a calm day (tests.policies.big), because the others know nothing of postures,
escorts or occupancy; what those cost is measured of ours alone.
"""

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from edge.people import Change, Roll
from edge.people.records import changed, contents_digest, directory_after, directory_of
from edge.undisturbed import set_aside, undisturbed
from policies import CompiledPolicy, Direction, HolderFacts, Mode, Request, decide, load
from tests.bench import Figure
from tests.bench.policy_memory import write
from tests.bench.policy_peers import Casbin, Cedar
from tests.policies import big
from tests.records import ROOT

ASKED = {100: (500, 300), 1_000: (200, 100), 10_000: (40, 20)}
"""By how many rules: how many questions cedarpy and casbin are asked."""

QUESTIONS = 20_000
PASSES = 3
"""The best of them: other work on the machine only ever takes away."""
REPEATS = 1_000

NOON_S = big.YEAR_FROM_S + 20 * 86_400 + 11 * 3_600
MEDIAN_US, P99_US = 5.0, 20.0
CHANGE_US = 50.0
STALL_MS = 10.0
MEMORY_MB = 40.0
"""The aims."""

PERIOD_S = 0.002
CALM_S = 3.0


class Latency(NamedTuple):
    """Microseconds, and decisions a second of processor time."""

    median_us: float
    p99_us: float
    rate: float


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _pass(asks: Sequence[Callable[[], object]]) -> Latency:
    taken_ns = []
    clock = time.perf_counter_ns
    used_s = time.thread_time()
    for ask in asks:
        begun = clock()
        ask()
        taken_ns.append(clock() - begun)
    used_s = time.thread_time() - used_s
    median, p99 = _quantile(taken_ns, 0.5) / 1e3, _quantile(taken_ns, 0.99) / 1e3
    return Latency(median, p99, len(taken_ns) / used_s)


def _used_once_s(work: Callable[[], object]) -> float:
    """Seconds of processor time that `work` takes."""
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def _used_s(work: Callable[[], object]) -> float:
    """The same; the best of some passes."""
    return min(_used_once_s(work) for _ in range(PASSES))


def _used_us(work: Callable[[], object]) -> float:
    """Microseconds of processor time, of work that is too short to be timed once."""

    def many() -> None:
        for _ in range(REPEATS):
            work()

    return _used_s(many) * 1e6 / REPEATS


def _measure(
    asks: Sequence[Callable[[], object]], before: Callable[[], None] = lambda: None
) -> Latency:
    """The best median, the best 99th percentile and the best rate of some passes."""
    passes = []
    for _ in range(PASSES):
        before()
        passes.append(_pass(asks))
    medians, p99s, rates = zip(*passes, strict=True)
    return Latency(min(medians), min(p99s), max(rates))


def _ours(policy: CompiledPolicy, requests: Sequence[Request]) -> list[Callable[[], object]]:
    return [partial(decide, policy, request) for request in requests]


def _figures(name: str, latency: Latency, note: str) -> list[Figure]:
    return [
        Figure(f"{name}, median", latency.median_us, "us", note),
        Figure(f"{name}, p99", latency.p99_us, "us", note),
        Figure(f"{name}", latency.rate, "1/s", "by processor time, timers included"),
    ]


# --- beside the others ---------------------------------------------------------------------------


def _aside(site: big.Site, policy: CompiledPolicy, requests: Sequence[Request]) -> Iterator[Figure]:
    rules = len(site.rules)
    verdicts = [decide(policy, request).granted for request in requests]
    plain = [big.expected(site, policy, request) for request in requests[:2_000]]
    assert verdicts[:2_000] == plain, "ours against the plain rules"
    granted = sum(verdicts) / len(verdicts)
    assert 0.2 < granted < 0.8, granted
    ours = _measure(_ours(policy, requests))
    said = f"{len(requests):,} questions, {granted:.0%} granted, {big.HOLDERS:,} people"
    yield from _figures(f"{rules:,} rules, decide()", ours, said)
    for peer, count in zip((Cedar, Casbin), ASKED[rules], strict=True):
        asks = list(peer(site).questions(policy, requests[:count]))
        answers = [ask() for ask in asks]
        assert answers == verdicts[:count], f"{peer.name} against ours"
        theirs = _measure(asks)
        name = f"{rules:,} rules, {peer.name}"
        yield from _figures(name, theirs, f"{count} questions, the same verdicts")
        ratio = theirs.median_us / ours.median_us
        yield Figure(f"{name} / decide()", ratio, "", "medians of the same run")


# --- ours alone ----------------------------------------------------------------------------------


def _forget(policy: CompiledPolicy) -> None:
    policy.standings.clear()
    policy.offsets.clear()
    for passage in policy.passages.values():
        passage.memo.clear()


def _loop() -> None:
    for _ in range(100):
        pass


def _worst(request: Request) -> Request:
    """Everything that can be against it is."""
    holder = request.holder
    assert holder is not None
    against = msgspec.structs.replace(
        holder, valid_until_s=big.YEAR_FROM_S, suspended=True, locked_out=True, watchlisted=True
    )
    return msgspec.structs.replace(
        request,
        holder=against,
        mode=Mode.LOCKDOWN,
        threat=4,
        consent=False,
        escorted=False,
        second_person=False,
        interlock_clear=False,
        operable=False,
        inside={f"zone-{n}": 10_000 for n in range(big.ZONES)},
    )


def _alone(
    policy: CompiledPolicy, calm: Sequence[Request], people: list[HolderFacts]
) -> Iterator[Figure]:
    dice = Random(2)
    forget = partial(_forget, policy)
    yield from _figures("a loop of 100", _measure([_loop] * QUESTIONS), "what the machine is like")
    cold = _measure(_ours(policy, calm), forget)
    yield from _figures("decide(), cold", cold, "each set of roles at each door for the first time")
    any_time = [
        msgspec.structs.replace(
            request,
            utc_s=big.YEAR_FROM_S + dice.randrange(big.YEAR_S),
            holder=dice.choice(people),
        )
        for request in calm
    ]
    replay = _measure(_ours(policy, any_time), forget)
    yield from _figures("decide(), replay", replay, "cold, anybody, at any second of a year")
    worst = [_worst(request) for request in calm]
    objections = statistics.mean(len(decide(policy, one).objections) for one in worst)
    bad = _measure(_ours(policy, worst))
    yield from _figures("decide(), refused", bad, f"{objections:.3g} objections each, lockdown")
    out = [msgspec.structs.replace(one, direction=Direction.EXIT) for one in calm]
    leaving = _measure(_ours(policy, out))
    yield from _figures("decide(), way out", leaving, "free and reader exits, warm")
    warm = _measure(_ours(policy, calm))
    for name, found in (("warm", warm), ("cold", cold), ("refused", bad)):
        aim = f"aim: {MEDIAN_US:.0f} and {P99_US:.0f} us"
        yield Figure(f"decide(), {name}, median / aim", found.median_us / MEDIAN_US, "", aim)
        yield Figure(f"decide(), {name}, p99 / aim", found.p99_us / P99_US, "", aim)


# --- changes -------------------------------------------------------------------------------------


def _tick(ask: Callable[[], object], over: Callable[[], bool]) -> list[float]:
    """How late a decision is that a timer asks for each `PERIOD_S`; milliseconds."""
    late_ms = []
    due = time.perf_counter() + PERIOD_S
    while not over():
        time.sleep(max(0.0, due - time.perf_counter()))
        ask()
        now = time.perf_counter()
        late_ms.append((now - due) * 1e3)
        due = max(due + PERIOD_S, now)
    return late_ms


def _reload(
    site: big.Site, policy: CompiledPolicy, requests: Sequence[Request]
) -> Iterator[Figure]:
    dice = Random(3)

    def ask() -> None:
        decide(policy, dice.choice(requests))

    def during() -> tuple[list[float], float]:
        begun = time.perf_counter()
        thread = threading.Thread(target=partial(_load, site))
        thread.start()
        late = _tick(ask, lambda: not thread.is_alive())
        return late, time.perf_counter() - begun

    until = time.perf_counter() + CALM_S
    calm = _tick(ask, lambda: time.perf_counter() > until)
    said = f"nothing else in this process; longest {max(calm):.3g} ms"
    yield Figure("a decision each 2 ms, p99", _quantile(calm, 0.99), "ms late", said)
    said = f"{len(site.rules):,} rules, processor time"
    yield Figure("policy loaded", _used_s(partial(_load, site)), "s", said)
    plain, taken = during()
    said = f"a thread loads the policy in {taken:.3g} s; longest {max(plain):.3g} ms"
    yield Figure("a decision while loading, p99", _quantile(plain, 0.99), "ms late", said)
    note = "with policy and people, processor time: a stall, whenever it comes"
    yield Figure("a full garbage collection", _used_s(gc.collect) * 1e3, "ms", note)
    set_aside()
    with undisturbed():
        quiet, taken = during()
    p99 = _quantile(quiet, 0.99)
    said = f"as the daemon does it, in {taken:.3g} s; longest {max(quiet):.3g} ms"
    yield Figure("a decision while loading, undisturbed, p99", p99, "ms late", said)
    yield Figure("the same / aim", p99 / STALL_MS, "", f"aim: {STALL_MS:.0f} ms")
    note = "what the start and the load have made is left alone"
    yield Figure("a full garbage collection, undisturbed", _used_s(gc.collect) * 1e3, "ms", note)
    gc.unfreeze()
    old = [_load(site)]
    note = "processor time: one stall, once nobody needs it any more"
    yield Figure("the policy before is freed", _used_once_s(old.clear) * 1e3, "ms", note)


def _one_changed(roll: Roll) -> Iterator[Figure]:
    """One person suspended: what has to be done until the core has been told."""
    person = next(roll.holders.values())
    suspended = msgspec.structs.replace(person, suspended=True, version=2)
    change = Change(base=roll.version, holders=(suspended,))
    directory, after = directory_of(roll), changed(roll, change)

    def altogether() -> str:
        stands = changed(roll, change)
        return contents_digest(stands) + directory_after(directory, change, stands).digest

    steps: list[tuple[str, Callable[[], object]]] = [
        ("people as on file", partial(changed, roll, change)),
        ("their digest", partial(contents_digest, after)),
        ("people as the core knows them", partial(directory_after, directory, change, after)),
        ("all together", altogether),
    ]
    name = f"one of {big.HOLDERS:,} changed"
    for step_name, step in steps:
        taken_us = _used_us(step)
        yield Figure(f"{name}, {step_name}", taken_us, "us", "processor time")
    note = f"aim: {CHANGE_US:.0f} us, the disk apart"
    yield Figure(f"{name} / aim", taken_us / CHANGE_US, "", note)
    anew_s = _used_s(partial(directory_of, roll))
    yield Figure("people as the core knows them, made anew", anew_s * 1e3, "ms", "at a start")


def _looked_up(roll: Roll) -> Iterator[Figure]:
    """What a badge asks of the people: whose it is, and who that is."""
    directory, dice = directory_of(roll), Random(4)
    badges = dice.sample(list(directory.by_ref), 1_000)

    def all_of_them() -> None:
        for ref in badges:
            directory.holders.get(directory.by_ref[ref].holder)

    each_us = _used_s(all_of_them) * 1e6 / len(badges)
    yield Figure("a badge and its holder looked up", each_us, "us", f"of {big.HOLDERS:,} people")


def _memory(site: big.Site, roll: Roll) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        write(Path(folder), site.sources, roll)
        for how, argument in (("allocated", ["trace"]), ("resident", [])):
            command = [sys.executable, "-m", "tests.bench.policy_memory", folder, *argument]
            said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            for name, value in json.loads(said.stdout).items():
                yield Figure(f"memory {how}, {name}", value, "MB", _about(site))
                if name == "policy and people":
                    aim = f"aim: {MEMORY_MB:.0f} MB"
                    yield Figure(f"memory {how}, {name} / aim", value / MEMORY_MB, "", aim)


def _about(site: big.Site) -> str:
    return f"{len(site.rules):,} rules, {big.PORTALS:,} portals, {big.HOLDERS:,} people"


def _load(site: big.Site) -> CompiledPolicy:
    return load(site.sources, timezone=ZoneInfo, tzdata_version="bench")


def run() -> list[Figure]:
    """Name, value, unit, note."""
    load_average = os.getloadavg()[0]
    figures = [Figure("load of the machine", load_average, "", f"{os.cpu_count()} cores")]
    roll = big.roll()
    people = [holder.facts for holder in directory_of(roll).holders.values()]
    for rules in ASKED:
        site = big.site(rules)
        policy = _load(site)
        requests = list(big.calm_questions(site, people, QUESTIONS, [NOON_S]))
        figures += _aside(site, policy, requests)
    figures += _alone(policy, requests, people)
    figures += _reload(site, policy, requests)
    figures += _one_changed(roll)
    figures += _looked_up(roll)
    figures += _memory(site, roll)
    return figures
