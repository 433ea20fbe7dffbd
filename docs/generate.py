"""Write the pages that are drawn from the code: `python docs/generate.py`."""

from pathlib import Path

from controller import attempt, portal

STATE_MACHINES = Path(__file__).resolve().parent / "state-machines.md"

_PAGE = """\
# State machines

Drawn from the tables in `controller/portal.py` and `controller/attempt.py` by `docs/generate.py`.
Each table is complete: every state answers every signal, checked when the module is imported.
Signals that mean nothing in a state, and those that are recorded and lead nowhere, are left out.

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
"""


def state_machines() -> str:
    """The whole page."""
    return _PAGE.format(
        portal=portal.diagram(), portal_table=_portal_table(), attempt=attempt.diagram()
    )


def _portal_table() -> str:
    rows = [["signal", *portal.State], ["---"] * (len(portal.State) + 1)]
    for signal in portal.Signal:
        notes = [portal.TABLE[state][signal].note for state in portal.State]
        rows.append([signal, *(note or "-" for note in notes)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    STATE_MACHINES.write_text(state_machines())
