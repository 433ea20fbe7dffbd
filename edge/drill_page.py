"""The report of a drill as one page that needs nothing else: for a screen, dark or light, and for
paper. It has no script; everything that is named in it is escaped.
"""

from collections.abc import Iterable
from datetime import tzinfo
from html import escape

from edge.drill_words import (
    DOOR_HEADS,
    PEOPLE_HEADS,
    Cells,
    Names,
    doors,
    head,
    people,
    people_summary,
    summary,
    warnings,
)
from edge.drills import Report
from edge.present import clean
from edge.tone import Tone

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --line: #c9ced6;
  --quiet: #555d69; --alarm: #a30d11; --notice: #7a4a00; --band: #f3f5f8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaee; --paper: #14171b; --line: #3c434d;
  --quiet: #a8b0bc; --alarm: #ff8f88; --notice: #f2b85c; --band: #1d2127; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.drill { border: 2px solid var(--notice); color: var(--notice); display: inline-block;
  padding: .1rem .6rem; font-weight: 700; letter-spacing: .06em; }
.warning { border-left: .3rem solid var(--notice); padding-left: .75rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: 1rem 0; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left;
  vertical-align: top; }
th { color: var(--quiet); font-weight: 600; } tbody tr:nth-child(even) { background: var(--band); }
.alarm { color: var(--alarm); font-weight: 700; } .notice { color: var(--notice); }
@media print { :root { --ink: #000; --paper: #fff; --line: #888; --quiet: #333; --alarm: #000;
  --notice: #000; --band: #fff; } body { max-width: none; padding: 0; font-size: 10pt; }
  .wide { overflow: visible; } tr, dl > * { break-inside: avoid; } thead { display:
  table-header-group; } h2 { break-after: avoid; } }
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<p class="drill">DRILL</p>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def page(report: Report, names: Names, site: str, edge: str, zone: tzinfo) -> str:
    """The whole page."""
    drill = report.drill
    pieces = [
        *(f'<p class="warning">{_safe(one)}</p>' for one in warnings(report)),
        "<dl>",
        *(f"<dt>{_safe(name)}</dt><dd>{_safe(value)}</dd>" for name, value in head(report, zone)),
        "</dl>",
        "<h2>Doors</h2>",
        f"<p>{_safe(summary(drill))}</p>",
        _table(DOOR_HEADS if drill.works_locks else DOOR_HEADS[:2], doors(drill)),
        "<h2>People</h2>",
        f"<p>{_safe(people_summary(drill))}</p>",
        _table(PEOPLE_HEADS, people(drill, names)),
        "<h2>What was real meanwhile</h2>",
        f"<p>{_safe(real_summary(report))}</p>",
        _table(("entry", "what happened"), _real(report)),
    ]
    title = f"Drill of {drill.order.kind} at {site}, edge {edge}"
    return _PAGE.format(title=_safe(title), style=_STYLE, body="\n".join(pieces))


def real_summary(report: Report) -> str:
    """How much of it there was."""
    count = len(report.real) + report.drill.real_more
    if not count:
        return "No alarm and no fault came in between."
    more = f"; {report.drill.real_more} more are in the journal" if report.drill.real_more else ""
    return f"{count} alarms and faults that were no part of the drill{more}."


def _real(report: Report) -> Iterable[Cells]:
    for one in report.real:
        yield one.tone, (f"{one.seq}", one.text)


def _table(heads: tuple[str, ...], rows: Iterable[Cells]) -> str:
    lines = [_row(len(heads), tone, cells) for tone, cells in rows]
    if not lines:
        return ""
    head = "".join(f'<th scope="col">{_safe(one)}</th>' for one in heads)
    body = "\n".join(lines)
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n'
        "</tbody></table></div>"
    )


def _row(columns: int, tone: Tone, cells: tuple[str, ...]) -> str:
    mark = {Tone.ALARM: ' class="alarm"', Tone.NOTICE: ' class="notice"'}.get(tone, "")
    padded = (*cells, *[""] * (columns - len(cells)))
    return f"<tr{mark}>{''.join(f'<td>{_safe(cell)}</td>' for cell in padded)}</tr>"


def _safe(text: str) -> str:
    return escape(clean(text))
