"""`sentrypost policy explain`, `simulate`, `diff` and `whatif`, as officers call them."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from controller.events import DecisionMade, Event, Header, decode_entry, encode, kind_of
from controller.ids import AttemptId, PortalId, ReaderId
from edge.commands.policy import policy
from edge.commands.policy_files import read
from edge.failed import CONFIGURATION, FAILED
from edge.present import as_json
from policies import Decision, Direction, decide
from policies.facts import REASONS_MAX, as_recorded
from tests.edge.control.rig import Running
from tests.policies.support import IN, ask, changed, embassy_text, holder, vienna

USAGE = 2


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(policy, [str(argument) for argument in arguments])


def done(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def told(*arguments: str | Path) -> Any:
    return json.loads(done(*arguments, "--json"))


@pytest.fixture
def embassy(tmp_path: Path) -> Path:
    file = tmp_path / "embassy.toml"
    file.write_text(embassy_text())
    return file


@pytest.fixture
def stricter(tmp_path: Path) -> Path:
    """Local staff up to level 2 alone."""
    file = tmp_path / "stricter.toml"
    file.write_text(changed("threat-max = 3", "threat-max = 2"))
    return file


def decision(file: Path, number: int, threat: int, answer: Decision | None = None) -> DecisionMade:
    by = read((file,))
    request = ask("main-gate", IN, "local-staff", threat=threat, utc_s=FRIDAY + number)
    return DecisionMade(
        attempt=AttemptId(f"a{number}"),
        reader=ReaderId("gate-in"),
        portal=PortalId("main-gate"),
        direction=Direction.ENTRY,
        policy=by.digest,
        request=request,
        decision=answer or decide(by, request),
    )


FRIDAY = vienna("2026-11-20 10:00")


def journal_lines(*bodies: DecisionMade) -> str:
    """As `sentrypost journal show --json` prints them."""
    lines = []
    for seq, body in enumerate(bodies, 1):
        header = Header(
            site="embassy-vienna",
            edge="gate",
            incarnation="0" * 16,
            seq=seq,
            kind=kind_of(type(body)),
            utc_us=body.request.utc_s * 1_000_000,
            mono_us=seq,
            clock_trusted=True,
            cause="test",
            policy=body.policy[:16],
        )
        lines.append(as_json(decode_entry(encode(Event(header=header, body=body))), ()).decode())
    return "".join(f"{line}\n" for line in lines)


@pytest.fixture
def journal(embassy: Path, tmp_path: Path) -> Path:
    """Level 1, 3 and 4 in three seconds."""
    file = tmp_path / "journal.jsonl"
    bodies = [decision(embassy, number, threat) for number, threat in enumerate((1, 3, 4))]
    file.write_text(journal_lines(*bodies))
    return file


# --- explain -------------------------------------------------------------------------------------


def test_explain_answers_in_a_sentence_and_a_table(embassy: Path) -> None:
    said = done(
        *("explain", embassy, "--role", "diplomat", "--portal", "archive-door"),
        *("--at", "2026-11-22T09:00", "--threat", "3", "--factors", "badge+pin"),
    )
    sentence, _, head, *rows = said.splitlines()
    assert sentence.startswith("Diplomat may not enter archive through archive-door on Sun ")
    assert head.split() == ["gate", "answer", "why"]
    numbers = [row.split()[0] for row in rows if not row.startswith(" ")]
    assert numbers == ["0", "1", "1b", "2", "3", "4", "5", "6", "7", "8", "9"]
    assert any(row.endswith("opens next Mon 2026-11-23 07:30: badge+pin") for row in rows)


def test_explain_as_json_says_what_is_missing(embassy: Path) -> None:
    answer = told(
        *("explain", embassy, "--role", "staff", "--portal", "staff-door"),
        *("--at", "2026-11-20T10:00", "--threat", "3"),
    )
    assert (answer["granted"], answer["code"], answer["missing"]) == (False, 701, [["pin"]])
    assert answer["asked"] == {"way": "asked", "sets": [["badge", "pin"]]}
    assert [gate["gate"] for gate in answer["gates"] if gate["objections"]] == ["7"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--role", "visitor", "--escorted"), 100),
        (("--role", "visitor"), 605),
        (("--role", "host-police"), 403),
        (("--role", "host-police", "--consent"), 100),
        (("--role", "staff", "--role", "guard", "--mode", "lockdown"), 107),
        (("--role", "guard", "--fire"), 107),
        (("--role", "staff", "--factors", ""), 701),
        (("--role", "guard", "--direction", "exit"), 103),
        ((), 301),
    ],
)
def test_every_option_reaches_the_question(
    embassy: Path, options: tuple[str, ...], code: int
) -> None:
    at = ("--portal", "main-gate", "--at", "2026-11-20T10:00+01:00")
    assert told("explain", embassy, *at, *options)["code"] == code


def test_explain_takes_a_decision_of_a_journal(
    embassy: Path, stricter: Path, journal: Path
) -> None:
    said = told("explain", embassy, "--journal", journal, "--seq", "3")
    assert (said["code"], "recorded" in said) == (603, False)
    other = done("explain", stricter, "--journal", journal, "--seq", "2")
    assert other.startswith("Entry 2 was decided by another policy (")
    assert "as 100: this is what FILES would say.\nLocal-staff may not enter" in other


def test_explain_takes_a_question_of_its_own(embassy: Path, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    request = {"portal": "main-gate", "direction": "entry", "utc_s": FRIDAY, "clock_trusted": True}
    file.write_text(json.dumps(request | {"credential": "lost", "holder": None}))
    assert told("explain", embassy, "--request", file)["code"] == 302
    file.write_text("{}")
    result = run("explain", embassy, "--request", file)
    assert (result.exit_code, "is no question" in result.output) == (FAILED, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--portal", "main-gat"), "no portal 'main-gat'; did you mean 'main-gate'?"),
        (("--portal", "main-gate", "--role", "gard"), "no role 'gard'; did you mean 'guard'?"),
        (("--portal", "main-gate", "--role", "staff", "--factors", "bage"), "unknown factor"),
        (("--portal", "main-gate", "--role", "staff", "--factors", "pin|face"), "say one set"),
        (("--portal", "main-gate", "--at", "noon"), "write it as 2026-11-22T09:00"),
        ((), "say what to explain"),
        (("--seq", "1"), "--journal and --seq belong together"),
    ],
)
def test_what_is_asked_wrongly_is_named(
    embassy: Path, options: tuple[str, ...], words: str
) -> None:
    result = run("explain", embassy, *options)
    assert result.exit_code == USAGE
    assert words in result.output


def test_a_policy_with_mistakes_explains_nothing(embassy: Path) -> None:
    embassy.write_text(changed('when  = "visiting"', 'when  = "visitng"'))
    for command in ("explain", "simulate"):
        result = run(command, embassy, *(["--portal", "x"] if command == "explain" else []))
        assert result.exit_code == CONFIGURATION
        assert "did you mean 'visiting'" in result.output


# --- simulate -----------------------------------------------------------------------------------


def test_simulate_draws_the_day(embassy: Path) -> None:
    said = done("simulate", embassy, "--role", "visitor", "--escorted", "--date", "2026-11-23")
    head, ruler, *rows, legend = said.splitlines()
    assert head == "Monday 2026-11-23, visitor, normal, threat level 1, escorted"
    gate = next(row for row in rows if row.startswith("main-gate "))
    assert gate.endswith("09:00-12:30 badge or guard; 14:00-16:30 badge or guard")
    assert "into forecourt" in gate
    assert gate[ruler.index("09")] == "█"
    assert gate[ruler.index("09") - 1] == "·"
    assert next(row for row in rows if row.startswith("archive-door ")).endswith("  never")
    assert next(row for row in rows if row.startswith("front-door exit")).endswith("  free")
    assert "stands open" not in legend


def test_simulate_as_json_names_the_seconds(embassy: Path) -> None:
    answer = told("simulate", embassy, "--role", "staff", "--threat", "5", "--date", "2026-11-23")
    gate = answer["passages"][0]
    assert gate["hours"] == [
        {
            "from": "2026-11-22T23:00:00Z",
            "to": "2026-11-23T23:00:00Z",
            "asked": {"way": "asked", "sets": [["badge"]]},
        }
    ]
    assert run("simulate", embassy, "--date", "monday").exit_code == USAGE


# --- diff -----------------------------------------------------------------------------------------


def test_diff_of_two_files_as_table_csv_and_json(embassy: Path, stricter: Path) -> None:
    head, first, *_ = done("diff", embassy, stricter, "--from", "2026-11-23").splitlines()
    assert head.split() == ["where", "who", "before", "after", "modes", "threat", "when", "given"]
    assert first.split()[:6] == ["main-gate", "local-staff", "badge", "never", "normal", "3"]
    rows = list(csv.DictReader(io.StringIO(done("diff", "--csv", embassy, stricter))))
    assert {row["who"] for row in rows} == {"local-staff"}
    changes = told("diff", embassy, stricter)["changes"]
    assert [change["threat"] for change in changes] == [[3]] * len(rows)
    assert changes[0]["before"] == {"way": "asked", "sets": [["badge"]]}


def test_diff_of_two_lists_of_files(embassy: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.toml"
    more.write_text("[role.intern]\nclearance = 1\n")
    assert done("diff", embassy, "--", embassy, more) == "role intern: new\n"
    assert done("diff", embassy, "--", embassy) == "nothing changes for anybody\n"
    for wrong in ((embassy,), (embassy, embassy, more), (embassy, "--"), (embassy, "--", "none")):
        assert run("diff", *wrong).exit_code == USAGE, wrong


def test_diff_looks_at_sets_of_roles_that_people_have(embassy: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.toml"
    new.write_text(changed('["cleaner", "local-staff", "visitor"]', '["visitor"]'))
    assert done("diff", embassy, new) == "nothing changes for anybody\n"
    people = tmp_path / "people.csv"
    people.write_text("id,name,roles\n1,Ada L,diplomat cleaner\n2,Bo K,staff\n")
    for option in (("--people", people), ("--together", "cleaner+diplomat")):
        assert "cleaner+diplomat" in done("diff", *option, embassy, new)
    people.write_text("id,name,roles\n1,Ada L,diplomt\n")
    result = run("diff", "--people", people, embassy, new)
    assert (result.exit_code, "row 2" in result.output) == (FAILED, True)


# --- what if --------------------------------------------------------------------------------------


def test_whatif_under_the_same_policy_finds_nothing(embassy: Path, journal: Path) -> None:
    assert done("whatif", embassy, "--journal", journal) == (
        "3 decisions: 3 same, 0 opens, 0 shuts, 0 otherwise, 0 cannot be compared, "
        "0 not reproduced\n"
    )


def test_whatif_lists_what_another_policy_would_have_answered(
    stricter: Path, journal: Path
) -> None:
    head, first, *_, counts = done("whatif", stricter, "--journal", journal).splitlines()
    assert head.split()[:3] == ["entry", "when", "portal"]
    assert first.split()[0] == "2"
    assert "shuts" in first
    assert counts.startswith("3 decisions: 2 same, 0 opens, 1 shuts")
    (row,) = csv.DictReader(io.StringIO(done("whatif", stricter, "--journal", journal, "--csv")))
    assert row["would be"].startswith("refused: the threat level is above the rule's ceiling (603")
    answer = told("whatif", stricter, "--journal", journal)
    assert answer["counts"]["shuts"] == 1
    assert answer["differences"][0]["now"]["objections"] == [603]
    assert answer["differences"][0]["roles"] == ["local-staff"]


def test_whatif_looks_at_the_time_that_is_asked_for(stricter: Path, journal: Path) -> None:
    between = ("--from", "2026-11-20T10:00:01", "--to", "2026-11-20T10:00:02")
    assert told("whatif", stricter, "--journal", journal, *between)["counts"]["shuts"] == 1
    result = run("whatif", stricter, "--journal", journal, "--from", "2026-11-21")
    assert (result.exit_code, "no decision in that time" in result.output) == (FAILED, True)


def test_a_decision_that_its_own_policy_does_not_give_again_is_an_error(
    embassy: Path, tmp_path: Path
) -> None:
    file = tmp_path / "journal.jsonl"
    refused = decision(embassy, 0, 4).decision
    file.write_text(journal_lines(decision(embassy, 0, 1, refused)))
    result = run("whatif", embassy, "--journal", file)
    assert result.exit_code == FAILED
    assert "1 decision is not what this very policy answers" in result.output
    said = done("explain", embassy, "--journal", file, "--seq", "1")
    assert said.startswith("NOT REPRODUCED: entry 1 says 603, by this policy.")


def test_whatif_names_the_entries_whose_reasons_were_cut_off(tmp_path: Path) -> None:
    """More rules than an entry holds reasons; none of them holds at ten on a Friday."""
    file, lines = tmp_path / "many.toml", tmp_path / "journal.jsonl"
    rule = '[[grant]]\nid = "g%d"\nroles = ["auditor"]\nportals = ["main-gate"]\nwhen = "x"\n'
    file.write_text(
        embassy_text()
        + '[role.auditor]\n[schedule.x]\nmon-fri = ["02:00-03:00"]\n'
        + "".join(rule % number for number in range(REASONS_MAX + 1))
    )
    made = decision(file, 0, 1)
    request = msgspec.structs.replace(made.request, holder=holder("auditor"))
    cut = msgspec.structs.replace(
        made, request=request, decision=as_recorded(decide(read((file,)), request))
    )
    lines.write_text(journal_lines(made, *[cut] * 11))
    said = done("whatif", file, "--journal", lines).splitlines()
    assert said[0].startswith("12 decisions: 12 same, ")
    assert said[1] == (
        "11 with 64 reasons or more, of which the first 64 are recorded and compared: "
        "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ..."
    )
    assert told("whatif", file, "--journal", lines)["cut"] == [*range(2, 13)]
    lines.write_text(journal_lines(made))
    assert told("whatif", file, "--journal", lines)["cut"] == []


def test_whatif_and_explain_read_a_state_folder(
    embassy: Path, stricter: Path, tmp_path: Path
) -> None:
    """With the daemon running and after it has ended."""
    state = tmp_path / "state"
    with Running(state) as running:
        running.record(*(decision(embassy, number, threat) for number, threat in ((0, 1), (1, 3))))
        counts = told("whatif", stricter, "--journal", state)["counts"]
    assert (counts["same"], counts["shuts"]) == (1, 1)
    assert told("whatif", stricter, "--journal", state)["counts"] == counts
    seq = told("whatif", stricter, "--journal", state)["differences"][0]["seq"]
    assert told("explain", embassy, "--journal", state, "--seq", str(seq))["granted"]
    result = run("explain", embassy, "--journal", state, "--seq", "1")
    assert (result.exit_code, "is no decision" in result.output) == (FAILED, True)


def test_a_file_that_is_no_journal_is_named(embassy: Path, journal: Path) -> None:
    journal.write_text(journal.read_text() + "no json\n")
    result = run("whatif", embassy, "--journal", journal)
    assert (result.exit_code, f"{journal}, line 4" in result.output) == (FAILED, True)


def test_nothing_that_is_shown_tells_of_duress(embassy: Path, tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    made = decision(embassy, 0, 1)
    by = read((embassy,))
    request = msgspec.structs.replace(made.request, duress=True)
    made = msgspec.structs.replace(made, request=request, decision=decide(by, request))
    file.write_text(journal_lines(made))
    assert "duress" in file.read_text()
    for options in ((), ("--json",)):
        said = done("explain", embassy, "--journal", file, "--seq", "1", *options)
        assert "duress" not in said
        assert "901" not in said
    moved = tmp_path / "other.toml"
    moved.write_text(
        changed('"local-staff"]\nzones = ["forecourt"', '"cleaner"]\nzones = ["forecourt"')
    )
    for options in ((), ("--json",), ("--csv",)):
        said = done("whatif", moved, "--journal", file, *options)
        assert "local-staff" in said
        assert "duress" not in said
        assert "901" not in said


def test_the_present_is_what_is_left_out(embassy: Path) -> None:
    today = datetime.now(UTC).date().year
    assert str(today) in done("simulate", embassy, "--role", "staff").splitlines()[0]
