"""`sentrypost policy explain`, `simulate`, `diff` and `whatif`: what a policy does, in words.

None of them needs a running edge, and none of them changes anything.
"""

import csv
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from edge.commands.common import Failed, json_option
from edge.commands.policy_asking import (
    asker_of,
    asker_options,
    presented_of,
    refuse_unknown,
    together_of,
    utc_of,
)
from edge.commands.policy_files import FILES, read_or_fail
from edge.commands.policy_words import (
    comparison_cells,
    cut_in_words,
    day_words,
    gate_cells,
    plain_change,
    plain_comparison,
    plain_day,
    plain_explanation,
    table,
)
from edge.commands.recorded import one_decision, recorded_decisions, request_in
from policies import CompiledPolicy, Direction, Request
from policies.day import day_of, ruler
from policies.diff import Line, line
from policies.diff import diff as differences
from policies.explain import explain as explained
from policies.hours import Span, midnight
from policies.whatif import Comparison, Outcome, again

YEAR = timedelta(days=366)
"""What `diff` looks at from today on: every holiday once."""
PROGRESS_S = 0.5
JOURNAL = click.Path(exists=True, path_type=Path)
csv_option = click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")


# --- explain -------------------------------------------------------------------------------------


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILES)
@click.option("--portal", help="Which portal.")
@click.option(
    "--direction",
    type=click.Choice([direction.value for direction in Direction]),
    default=Direction.ENTRY.value,
    show_default=True,
    help="Which way.",
)
@click.option("--at", help="When, on the site's wall: 2026-11-22T09:00. Left out: now.")
@click.option("--factors", default="badge", show_default=True, help="What is presented.")
@asker_options
@click.option("--journal", type=JOURNAL, help="Explain a decision of this journal, with --seq.")
@click.option("--seq", type=click.IntRange(min=1), help="Which entry of the journal.")
@click.option(
    "--request",
    "request_file",
    type=FILES,
    help="Explain this question: JSON, as a decision in the journal has it.",
)
@json_option
def explain(
    files: tuple[Path, ...],
    portal: str | None,
    direction: str,
    at: str | None,
    factors: str,
    journal: Path | None,
    seq: int | None,
    request_file: Path | None,
    as_json: bool,
    **asker: Any,
) -> None:
    """Say why somebody may pass or may not: a sentence, and every gate in its order.

    Ask with --portal and who, when and how; or give a recorded decision with --journal and --seq.
    FILES are the policy that answers.
    """
    if (journal is None) != (seq is None):
        raise click.UsageError("--journal and --seq belong together")
    if [portal, journal, request_file].count(None) != 2:
        raise click.UsageError("say what to explain: --portal, --journal or --request")
    policy = read_or_fail(files)
    remark = ""
    if journal is not None and seq is not None:
        recorded = one_decision(journal, seq)
        request, remark = recorded.request, _remark(again(policy, recorded))
    elif request_file is not None:
        request = request_in(request_file)
    else:
        assert portal is not None, "the only one left"
        refuse_unknown("portal", portal, policy.portals_by_id)
        request = msgspec.structs.replace(
            asker_of(policy, asker),
            portal=portal,
            direction=Direction(direction),
            utc_s=int(time.time()) if at is None else int(utc_of(at, policy)),
            presented=presented_of(factors if asker["roles"] else ""),
        )
    answer = explained(policy, request)
    if as_json:
        plain = plain_explanation(answer) | ({"recorded": remark} if remark else {})
        click.echo(json.dumps(plain, indent=2))
        return
    for said in filter(None, (remark, answer.sentence)):
        click.echo(said)
    click.echo()
    _print(table(("", "gate", "answer", "why"), gate_cells(answer, policy.zone)))


def _remark(comparison: Comparison) -> str:
    """How far the record and this policy agree; empty where this policy made the decision."""
    recorded = comparison.recorded
    if comparison.outcome is Outcome.NOT_REPRODUCED:
        return (
            f"NOT REPRODUCED: entry {recorded.seq} says {recorded.decision.code:d}, by this policy."
        )
    if comparison.outcome is Outcome.SAME:
        return ""
    return (
        f"Entry {recorded.seq} was decided by another policy ({recorded.policy[:16]}), "
        f"as {recorded.decision.code:d}: this is what FILES would say."
    )


# --- simulate ------------------------------------------------------------------------------------


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILES)
@click.option("--date", "day", help="Which day on the site's wall: 2026-11-23. Left out: today.")
@asker_options
@json_option
def simulate(files: tuple[Path, ...], day: str | None, as_json: bool, **asker: Any) -> None:
    """Show what somebody can open on one day, hour by hour, and with what.

    Nothing else stands in the way: no limit of people, no lost badge.
    """
    policy = read_or_fail(files)
    request = asker_of(policy, asker)
    on = _date(day, policy)
    within = (midnight(on, policy.zone), midnight(on + timedelta(days=1), policy.zone))
    days = day_of(policy, request, within)
    if as_json:
        plain = [plain_day(one) for one in days]
        click.echo(json.dumps({"date": on.isoformat(), "passages": plain}, indent=2))
        return
    click.echo(f"{on:%A} {on}, {_situation(request)}")
    head = ("", "", ruler(within, policy.zone), "")
    _print(table(head, (day_words(one, within, policy.zone) for one in days)))
    click.echo("█ opens  ▄ a part of the half hour  ○ nobody is asked  · shut")


def _date(text: str | None, policy: CompiledPolicy) -> date:
    if text is None:
        return datetime.now(policy.zone).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"'{text}' is no date; write it as 2026-11-23") from error


def _situation(request: Request) -> str:
    roles = request.holder.roles if request.holder is not None else ()
    said = [" and ".join(roles) or "anybody", str(request.mode), f"threat level {request.threat}"]
    facts = {
        "fire": request.fire,
        "escorted": request.escorted,
        "with consent": request.consent,
        "with a second person": request.second_person,
        "before the first person is in": not request.first_person_in,
        "gives no biometrics": request.holder is not None and not request.holder.biometrics,
    }
    return ", ".join([*said, *(words for words, so in facts.items() if so)])


# --- diff ----------------------------------------------------------------------------------------


class TwoPolicies(click.Command):
    """`OLD NEW`, or `OLD... -- NEW...`: what stands behind `--` is kept apart from the rest."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            place = args.index("--")
            args, newer = args[:place], args[place + 1 :]
            ctx.obj = tuple(FILES.convert(name, None, ctx) for name in newer)
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[OPTIONS]", "OLD... -- NEW..."]


@click.command(cls=TwoPolicies)
@click.argument("files", nargs=-1, required=True, type=FILES)
@click.option(
    "--together",
    multiple=True,
    help="Roles of one person that are looked at as one: staff+guard; may be repeated.",
)
@click.option(
    "--people", type=FILES, help="Look at the sets of roles in this file for `person import`."
)
@click.option(
    "--from", "start", help="The first day that is looked at: 2026-11-23. Left out: today."
)
@csv_option
@json_option
@click.pass_context
def diff(
    context: click.Context,
    files: tuple[Path, ...],
    together: tuple[str, ...],
    people: Path | None,
    start: str | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Say what changes for whom, where and when, if NEW takes the place of OLD.

    Where each policy is one file, the `--` between them may be left out. A year is looked at,
    every role by itself and anybody without a credential.
    """
    newer: tuple[Path, ...] | None = context.obj
    if newer is None:
        if len(files) != 2:
            raise click.UsageError("name two files, or two lists of files with -- between them")
        files, newer = files[:1], files[1:]
    if not newer:
        raise click.UsageError("no file behind --")
    old, new = read_or_fail(files), read_or_fail(newer)
    first = _date(start, new)
    within = (midnight(first, new.zone), midnight(first + YEAR, new.zone))
    found = differences(
        old,
        new,
        within,
        together=together_of(together, people, (old, new)),
        progress=_progress("passages"),
    )
    _wipe()
    lines = [line(change, within, new.zone) for change in found.changes]
    if as_json:
        facts = [msgspec.structs.asdict(fact) for fact in found.facts]
        changes = [
            plain_change(change, said) for change, said in zip(found.changes, lines, strict=True)
        ]
        click.echo(json.dumps({"facts": facts, "changes": changes}, indent=2))
    elif as_csv:
        _csv(Line._fields, lines)
    else:
        _print(_in_words(found.facts, lines))


def changes_in_words(old: CompiledPolicy, new: CompiledPolicy) -> Iterator[str]:
    """What `new` changes in the year from today on, as `diff` says it."""
    first = _date(None, new)
    within = (midnight(first, new.zone), midnight(first + YEAR, new.zone))
    found = differences(old, new, within, progress=_progress("passages"))
    _wipe()
    yield from _in_words(found.facts, [line(change, within, new.zone) for change in found.changes])


def _in_words(facts: Sequence[object], lines: Sequence[Line]) -> Iterator[str]:
    for fact in facts:
        yield str(fact)
    if facts and lines:
        yield ""
    yield from table(Line._fields, lines) if lines else ()
    if not (facts or lines):
        yield "nothing changes for anybody"


# --- what if -------------------------------------------------------------------------------------


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILES)
@click.option(
    "--journal",
    type=JOURNAL,
    required=True,
    help="A state folder, or lines as `sentrypost journal show --json` prints them.",
)
@click.option("--from", "start", help="From this time on: 2026-11-20 or 2026-11-20T09:00.")
@click.option("--to", "end", help="Before this time.")
@csv_option
@json_option
def whatif(
    files: tuple[Path, ...],
    journal: Path,
    start: str | None,
    end: str | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Make recorded decisions again under the policy that FILES spell, and list the differences.

    Under the policy that made them every answer must be the same; one that is not is an error.
    """
    policy = read_or_fail(files)
    span = (
        0 if start is None else int(utc_of(start, policy)),
        sys.maxsize if end is None else int(utc_of(end, policy)),
    )
    counts: Counter[Outcome] = Counter()
    cut: list[int] = []
    differing = list(_differing(policy, journal, span, counts, cut))
    _wipe()
    if as_json:
        plain = [plain_comparison(comparison) for comparison in differing]
        summary = {outcome.value: counts[outcome] for outcome in Outcome}
        click.echo(json.dumps({"counts": summary, "cut": cut, "differences": plain}, indent=2))
    else:
        head = ("entry", "when", "portal", "who", "outcome", "was", "would be")
        cells = [comparison_cells(comparison, policy.zone) for comparison in differing]
        if as_csv:
            _csv(head, cells)
        else:
            _print(table(head, cells) if cells else ())
            said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome)
            click.echo(f"{counts.total()} decisions: {said}")
            _print(cut_in_words(cut))
    if broken := counts[Outcome.NOT_REPRODUCED]:
        said = "1 decision is" if broken == 1 else f"{broken} decisions are"
        raise Failed(
            f"{said} not what this very policy answers",
            "`sentrypost journal verify`; was it another version of Sentrypost? keep a copy",
        )


def _differing(
    policy: CompiledPolicy, journal: Path, span: Span, counts: Counter[Outcome], cut: list[int]
) -> Iterator[Comparison]:
    """Those that are not the same; `counts` and `cut` are told of all, `cut` by entry."""
    progress = _progress("decisions")
    for recorded in recorded_decisions(journal):
        if span[0] <= recorded.request.utc_s < span[1]:
            comparison = again(policy, recorded)
            counts[comparison.outcome] += 1
            progress(counts.total(), 0)
            if comparison.cut:
                cut.append(recorded.seq)
            if comparison.outcome is not Outcome.SAME:
                yield comparison
    if not counts:
        raise Failed(f"{journal} has no decision in that time", "look at --journal, --from, --to")


# --- printing ------------------------------------------------------------------------------------


def _print(lines: Iterable[str]) -> None:
    for text in lines:
        click.echo(text)


def _csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)


def _progress(what: str) -> Callable[[int, int], None]:
    """Tells a terminal, on standard error and twice a second, how far it is: what is piped stays
    clean."""
    if not sys.stderr.isatty():
        return lambda _done, _total: None
    told_s = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told_s
        if time.monotonic() - told_s >= PROGRESS_S:
            told_s = time.monotonic()
            of = f" of {total}" if total else ""
            click.echo(f"\r{done}{of} {what}", nl=False, err=True)

    return tell


def _wipe() -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)


COMPARING = (explain, simulate, diff, whatif)
