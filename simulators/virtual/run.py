"""One run of a virtual site from a seed to its verdict."""

import asyncio
import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec

from edge.journal.folder import segment_name
from edge.journal.segments import Segments, present
from edge.journal.verify import Verification
from simulators.virtual.doors_rules import door_rules
from simulators.virtual.faults import Faults, Level
from simulators.virtual.loop import run
from simulators.virtual.machines import JOURNAL, SIGNERS
from simulators.virtual.people import DAY_S
from simulators.virtual.plan import write_plan
from simulators.virtual.rule import Rule, Violation
from simulators.virtual.seen import Trace
from simulators.virtual.site import Site

QUIET_S = 120.0
"""After the last fault is mended: readers are back, a journal that failed is written again."""

ARCHIVED_WITHIN_S = 900.0
"""What is still on its way then has been forgotten."""

STOP_WITHIN_S = 60.0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a run: the same options give the same trace."""

    seed: int
    days: float = 1.0
    faults: Level = Level.NORMAL
    portals: int = 10
    people: int = 200
    hour: int = 0
    """At which the first day, a Monday, begins: nights are long, and little happens."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. `broken`: the first rule that did not hold, with its story; else empty."""

    options: Options
    trace: str
    seen: int
    entries: Mapping[str, int]
    faults: Mapping[str, int]
    broken: str = ""
    broken_at_s: float = 0.0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is written of a run, so that it can be repeated: by which code it was made."""

    verdict: Verdict
    version: str
    commit: str


def simulate(
    options: Options,
    *,
    keep: Callable[[str], None] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Verdict:
    """Run it. `keep` gets every line of the trace, `progress` the days done, each virtual hour.

    A rule that is broken ends the run at once.
    """
    open_files = _open_files()
    with TemporaryDirectory(prefix="sentrypost-virtual-") as folder:
        verdict = run(_play(options, Path(folder), keep, progress))
    gc.collect()
    left = _open_files() - open_files
    if left > 0 and not verdict.broken:
        story = f"nothing-grows: {left} descriptors were left open"
        return msgspec.structs.replace(verdict, broken=story)
    return verdict


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _play(
    options: Options,
    folder: Path,
    keep: Callable[[str], None] | None,
    progress: Callable[[float], None] | None,
) -> Verdict:
    chance = Random(options.seed)
    plan = write_plan(folder, portals=options.portals, people=options.people, chance=chance)
    trace = Trace(keep)
    rules = door_rules(plan)
    site = Site(plan, chance, options.days, trace, rules, hour=options.hour)
    faults = Faults(site, options.faults, Random(chance.getrandbits(64)))
    people = site.start()
    faults.start()
    await _pass_days(site, options.days, progress)
    faults.end()
    for task in people:
        task.cancel()
    if site.violation is None:
        await _come_to_rest(site, rules)
    site.close()
    broken = site.violation
    return Verdict(
        options=options,
        trace=trace.digest,
        seen=trace.count,
        entries=dict(sorted(site.kinds.items())),
        faults=dict(sorted(faults.counts.items())),
        broken="" if broken is None else str(broken),
        broken_at_s=0.0 if broken is None else broken.at_s,
    )


async def _pass_days(site: Site, days: float, progress: Callable[[float], None] | None) -> None:
    until_s = days * DAY_S
    while site.violation is None and (now_s := site.loop.time()) < until_s:
        if progress is not None:
            progress(now_s / DAY_S)
        try:
            async with asyncio.timeout_at(min(until_s, now_s + 3_600.0)):
                await site.ended.wait()
        except TimeoutError:
            continue


async def _come_to_rest(site: Site, rules: list[Rule]) -> None:
    """Everything is mended; then every entry has to be in the archive, and the chain to verify."""
    site.mend_all()
    await _wait(site, QUIET_S)
    with site.guarded():
        await _archived(site)
        await asyncio.wait_for(site.edge.stop(), STOP_WITHIN_S)
        await asyncio.wait_for(site.central.stop(), STOP_WITHIN_S)
        _compare(site)
        for rule in rules:
            rule.finish(site.loop.time())


async def _wait(site: Site, for_s: float) -> None:
    try:
        async with asyncio.timeout(for_s):
            await site.ended.wait()
    except TimeoutError:
        return


async def _archived(site: Site) -> None:
    until_s = site.loop.time() + ARCHIVED_WITHIN_S
    seen = "no edge runs"
    while site.violation is None:
        edge = site.edge.edge
        if edge is not None and edge.uplink is not None:
            status, down = edge.uplink.status, edge.daemon.recorder.down
            seen = f"{status}, the journal is {'down' if down else 'up'}"
            if status.connected and not status.behind and not down:
                return
        if site.loop.time() > until_s:
            story = f"the archive never got everything: {seen}"
            raise Violation("archive-is-the-journal", until_s, story)
        await _wait(site, 1.0)


def _compare(site: Site) -> None:
    """Journal, archive and our own account hold the same."""
    at_s = site.loop.time()
    disk = site.edge.disk
    identity = (site.plan.config.site, site.plan.config.edge, site.ledger.incarnation)
    entries = len(site.ledger.entries)
    numbers = present(JOURNAL, disk.names_in(JOURNAL))
    active = disk.connect(JOURNAL / segment_name(numbers[-1]))
    segments = Segments(JOURNAL, numbers, active, disk.connect)
    verification = Verification(segments, entries, 0, SIGNERS)
    while not verification.step(segments):
        pass
    segments.shut()
    report = verification.report()
    if not report.sound or report.last_seq != entries:
        raise Violation("the-chain-verifies", at_s, str(report.findings[:3]))
    archive = site.central.open_archive(Random(0))
    try:
        site.ledger.same_archive(at_s, archive.entries(*identity), report.personal)
    finally:
        archive.close()
