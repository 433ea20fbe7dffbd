"""What a file of people does, and what is said about every mistake in one."""

import unicodedata
from datetime import UTC, datetime

import pytest

from controller.ids import HolderId
from edge.control.messages import CSV_BYTES_MAX, PROBLEMS_MAX
from edge.people import (
    EMPTY,
    FILE_BYTES_MAX,
    HolderRecord,
    ImportRefusedError,
    Roll,
    answer,
    credential_ref,
    seal,
)
from edge.people.records import changed, directory_of
from edge.people.table import CELL_CHARS_MAX, ROWS_MAX
from policies.facts import CredentialStatus
from tests.edge.people.support import CHEAP, HEADER, KEY, change, csv, plan

ANNA = "0042,Anna Öz,staff guard,h10301:118/1603,0042,2026-01-01,2026-01-31,"
BERT = "42,Bert,visitor,26:2ec0c87,,,,"


def after(*rows: str, roll: Roll = EMPTY, header: str = HEADER) -> Roll:
    return changed(roll, change(csv(*rows, header=header), roll))


def said(data: bytes, roll: Roll = EMPTY) -> list[str]:
    return [str(problem) for problem in plan(data, roll).problems]


def person(roll: Roll, external_id: str) -> HolderRecord:
    (record,) = (h for h in roll.holders.values() if h.external_id == external_id)
    return record


def badges(roll: Roll, external_id: str) -> list[str]:
    holder = person(roll, external_id).id
    return sorted(c.status for c in roll.credentials.values() if c.holder == holder)


def utc_s(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


# --- the file -----------------------------------------------------------------------------------


def test_a_row_becomes_a_person_with_badge_pin_and_validity() -> None:
    roll = after(ANNA, BERT)
    anna = person(roll, "0042")
    assert (anna.name, anna.roles, anna.version) == ("Anna Öz", ("guard", "staff"), 1)
    # Berlin is one hour ahead; the last day counts to its end.
    assert anna.valid_from_s == utc_s("2025-12-31T23:00:00")
    assert anna.valid_until_s == utc_s("2026-01-31T23:00:00")
    assert CHEAP.verify(roll.pins[HolderId(anna.id)].hash, "0042")
    directory = directory_of(roll)
    ref = credential_ref(KEY, 26, bytes.fromhex("bb032180"))
    credential = directory.by_ref[ref]
    assert credential.holder == anna.id
    assert credential.status is CredentialStatus.ACTIVE
    assert directory.holders[credential.holder].knows_pin
    assert not directory.holders[HolderId(person(roll, "42").id)].knows_pin


def test_leading_zeros_make_other_ids_and_other_pins() -> None:
    roll = after("007,A,staff,,0042,,,", "7,B,staff,,00042,,,", "07,C,staff,,42424,,,")
    assert sorted(h.external_id for h in roll.holders.values()) == ["007", "07", "7"]
    stored = roll.pins[HolderId(person(roll, "007").id)].hash
    assert CHEAP.verify(stored, "0042")
    assert not CHEAP.verify(stored, "00042")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_spreadsheets_write_bytes_order_marks_semicolons_and_crlf(
    mark: str, delimiter: str, newline: str
) -> None:
    lines = ["name,id,roles", "Ánna,007,staff", "", " Bert , 8 , staff ,,", ""]
    data = (mark + newline.join(lines).replace(",", delimiter)).encode()
    roll = changed(EMPTY, change(data))
    people = sorted((h.external_id, h.name) for h in roll.holders.values())
    assert people == [("007", "Ánna"), ("8", "Bert")]


def test_ten_bad_rows_are_named_in_one_run_with_row_column_and_hint() -> None:
    rows = [
        ",No Id,staff,,,,,",  # 2
        "3,Eve,stafff,,,,,",  # 3
        "4,Eve,staff,26:2ec0c8,,,,",
        "5,Eve,staff,,42,,,",
        "6,Eve,staff,,,31.01.2026,,",
        "7,Eve,staff,,,,2026-02-30,",
        "8,Eve,staff,,,,,actve",
        "9,Eve\u202etxt,staff,,,,,",
        "10,Eve,staff,,,2026-02-01,2026-01-01,",
        "11,Eve,staff,,",
        "12,,,,,,,",  # 12: two problems
        "13,Fine,staff,,,,,",
    ]
    found = plan(csv(*rows)).problems
    assert [(p.row, p.column) for p in found] == [
        (2, "id"),
        (3, "roles"),
        (4, "badge"),
        (5, "pin"),
        (6, "valid-from"),
        (7, "valid-until"),
        (8, "status"),
        (9, "name"),
        (10, "valid-until"),
        (11, ""),
        (12, "name"),
        (12, "roles"),
    ]
    assert all(p.hint for p in found)
    hints = "\n".join(str(p) for p in found)
    for expected in (
        "row 3, roles: the policy knows no role 'stafff'; did you mean 'staff'?",
        "leading zeros",
        "did you mean 'active'?",
        "U+202E",
        "5 cells, the header names 8 columns",
    ):
        assert expected in hints


def test_all_mistakes_of_one_row_are_named() -> None:
    found = plan(csv("1,A\u0007,boss,26:1,12,x,y,z")).problems
    assert sorted(p.column for p in found) == [
        "badge",
        "name",
        "pin",
        "roles",
        "status",
        "valid-from",
        "valid-until",
    ]


def test_a_plan_with_a_problem_is_never_sealed() -> None:
    with pytest.raises(ImportRefusedError, match="row 3, id"):
        seal(plan(csv(ANNA, ",Nobody,staff,,,,,")), CHEAP)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "row 1: no header"),
        ("id,name,rolse", "row 1, rolse: unknown column 3; did you mean 'roles'?"),
        ("id,name,name", "row 1, name: named twice"),
        ("name,roles", "row 1, id: this column is missing"),
        ("id|name|roles", "unknown column 1"),
    ],
)
def test_a_wrong_header_is_said_and_nothing_behind_it_is_judged(header: str, expected: str) -> None:
    (problem, *more) = said(csv(ANNA, header=header))
    assert expected in problem
    assert all(text.startswith("row 1") for text in more)


def test_what_is_not_utf8_is_named_at_its_row() -> None:
    data = csv(BERT) + "43,J\xfcrgen,staff,,,,,\n".encode("latin-1")
    assert said(data) == ["row 3: not UTF-8 from here on; save it as CSV UTF-8"]
    assert said(csv(BERT).decode().encode("utf-16")) == [
        "file: this is UTF-16; save it as CSV UTF-8"
    ]


def test_an_open_quotation_mark_does_not_swallow_people_in_silence() -> None:
    texts = said(csv('1,"Anna,staff,,,,,', BERT))
    assert len(texts) == 1
    assert "quotation mark" in texts[0]


def test_a_quotation_mark_out_of_place_is_no_name() -> None:
    assert said(csv('1,"Anna"Berta,staff,,,,,'))[0].startswith("row 2: ")


@pytest.mark.parametrize("digits", ["٤٨١٥", "４８１５", "48 15", "+4815", "4815.0"])
def test_a_pin_is_what_a_keypad_can_send(digits: str) -> None:
    assert "row 2, pin: not digits alone" in said(csv(f"1,A,staff,,{digits},,,"))[0]


def test_a_file_has_limits() -> None:
    assert FILE_BYTES_MAX == CSV_BYTES_MAX
    assert "larger than" in said(b"id\n" * FILE_BYTES_MAX)[0]
    rows = b"id,name,roles\n" + b"".join(b"%d,A,staff\n" % n for n in range(ROWS_MAX + 1))
    assert said(rows) == [f"row {ROWS_MAX + 2}: more than {ROWS_MAX} rows; split the file"]
    long = "x" * (CELL_CHARS_MAX + 1)
    assert said(csv(f"1,{long},staff,,,,,")) == [
        f"row 2, name: longer than {CELL_CHARS_MAX} characters"
    ]


def test_the_reply_has_a_limit_and_counts_the_rest() -> None:
    reply = answer(plan(csv(*[",A,staff,,,,,"] * 1000)), 0, applied=False)
    assert len(reply.problems) == PROBLEMS_MAX
    assert reply.problems[-1].message == f"{1000 - PROBLEMS_MAX + 1} more problems"


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "character",
    [*"\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200e\u200f\u061c", *"\x00\x07\x1b\x7f\x85"],
)
def test_a_name_with_bidi_or_control_characters_is_refused(character: str) -> None:
    (text,) = said(csv(f"1,An{character}na,staff,,,,,"))
    assert f"character 3 is U+{ord(character):04X}" in text
    assert character not in text


def test_names_are_kept_in_composed_form() -> None:
    decomposed = unicodedata.normalize("NFD", "Núñez")
    assert person(after(f"1,{decomposed},staff,,,,,"), "1").name == "Núñez" != decomposed


@pytest.mark.parametrize("name", ["علی‌رضا", "李小龍", "O’Brien-Ñandú", "x" * 100])
def test_names_of_the_world_are_taken(name: str) -> None:
    assert person(after(f"1,{name},staff,,,,,"), "1").name == name


@pytest.mark.parametrize("name", ["x" * 101, "---", "1234"])
def test_what_nobody_can_be_called_is_refused(name: str) -> None:
    assert "row 2, name" in said(csv(f"1,{name},staff,,,,,"))[0]


# --- dates --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "start", "until"),
    [
        ("2026-07-01", "2026-06-30T22:00:00", "2026-07-01T22:00:00"),
        # The day on which the clocks go forward has 23 hours.
        ("2026-03-29", "2026-03-28T23:00:00", "2026-03-29T22:00:00"),
        ("2024-02-29", "2024-02-28T23:00:00", "2024-02-29T23:00:00"),
        ("2026-07-01T08:30", "2026-07-01T06:30:00", "2026-07-01T06:30:00"),
        ("2026-07-01 08:30:15", "2026-07-01T06:30:15", "2026-07-01T06:30:15"),
        ("2026-07-01T08:30Z", "2026-07-01T08:30:00", "2026-07-01T08:30:00"),
        ("2026-07-01T08:30-05:00", "2026-07-01T13:30:00", "2026-07-01T13:30:00"),
    ],
)
def test_dates_are_those_of_the_site(cell: str, start: str, until: str) -> None:
    assert person(after(f"1,A,staff,,,{cell},,"), "1").valid_from_s == utc_s(start)
    assert person(after(f"1,A,staff,,,,{cell},"), "1").valid_until_s == utc_s(until)


@pytest.mark.parametrize(
    "cell",
    [
        "20260131",
        "2026-W05-6",
        "2026-13-01",
        "2026-02-29",
        "26-01-31",
        "2026-01-31T25:00",
        "9999-12-31",
        "0001-01-01",
        "1969-12-31",
        "2026-01-31T10:00+99:00",
        "٢٠٢٦-01-31",
        "tomorrow",
    ],
)
def test_what_is_no_date_is_refused(cell: str) -> None:
    (text,) = said(csv(f"1,A,staff,,,,{cell},"))
    assert "row 2, valid-until" in text


@pytest.mark.parametrize("cell", ["2026-03-29T02:30", "2026-10-25T02:30"])
def test_a_time_that_exists_twice_or_not_at_all_needs_its_offset(cell: str) -> None:
    assert "twice or not at all" in said(csv(f"1,A,staff,,,{cell},,"))[0]
    assert not said(csv(f"1,A,staff,,,{cell}+01:00,,"))


# --- people on file -----------------------------------------------------------------------------


def test_empty_cells_and_missing_columns_leave_what_is_on_file() -> None:
    before = after(ANNA)
    for data in (csv("0042,,,,,,,"), csv("0042", header="id")):
        assert not change(data, before)
        assert plan(data, before).unchanged == 1


def test_a_row_with_a_known_id_updates_and_counts_the_version_up() -> None:
    before = after(ANNA, BERT)
    planned = plan(csv("0042,Anna Berg,staff,,,,,"), before)
    assert planned.added == ()
    assert [(u.id, u.columns) for u in planned.updated] == [("0042", ("name", "roles"))]
    roll = changed(before, seal(planned, CHEAP))
    anna = person(roll, "0042")
    assert (anna.id, anna.version) == (person(before, "0042").id, 2)
    assert (anna.name, anna.roles) == ("Anna Berg", ("staff",))
    assert anna.valid_until_s == person(before, "0042").valid_until_s
    assert roll.pins == before.pins
    assert roll.credentials == before.credentials
    assert person(roll, "42") == person(before, "42")


def test_the_same_file_again_changes_nothing() -> None:
    rows = (
        ANNA.replace(",0042,", ",,"),
        BERT,
        "3,C,staff,26:0000001,,,,lost",
        "4,D,staff,,,,,suspended",
    )
    before = after(*rows)
    assert not change(csv(*rows), before)


def test_none_takes_away() -> None:
    roll = after("0042,,,none,none,none,none,", roll=after(ANNA))
    anna = person(roll, "0042")
    assert (anna.valid_from_s, anna.valid_until_s) == (None, None)
    assert not roll.pins
    assert not roll.credentials


def test_a_pin_in_the_file_replaces_the_one_on_file() -> None:
    roll = after("0042,,,,77777777,,,", roll=after(ANNA))
    stored = roll.pins[HolderId(person(roll, "0042").id)].hash
    assert CHEAP.verify(stored, "77777777")
    assert person(roll, "0042").version == 2


def test_an_end_before_the_beginning_on_file_is_refused() -> None:
    before = after("1,A,staff,,,2026-05-01,,")
    assert "ends before it begins" in said(csv("1,,,,,,2026-04-30,"), before)[0]
    assert not said(csv("1,,,,,,2026-05-01,"), before)


def test_suspended_is_the_person_and_active_lifts_it() -> None:
    suspended = after("0042,,,,,,,suspended", roll=after(ANNA))
    assert person(suspended, "0042").suspended
    assert badges(suspended, "0042") == ["active"]
    assert person(after("0042,Anna,,,,,,", roll=suspended), "0042").suspended
    assert not person(after("0042,,,,,,,active", roll=suspended), "0042").suspended


# --- badges -------------------------------------------------------------------------------------


def test_one_badge_for_two_people_names_both_rows() -> None:
    # Written in two ways: it is the same badge.
    texts = said(csv(ANNA, "2,B,staff,26:2ec0c86,,,,"))
    assert texts == ["row 3, badge: row 2 has the same badge; a badge has one holder"]


def test_one_person_in_two_rows_names_both() -> None:
    assert said(csv(BERT, BERT)) == ["row 3, id: row 2 is the same person; remove one of the rows"]


def test_a_badge_that_somebody_else_holds_names_him() -> None:
    for status in ("", "lost", "revoked"):
        before = after(ANNA + status)
        (text,) = said(csv("9,New,staff,26:2ec0c86,,,,"), before)
        assert "row 2, badge: this badge is on file" in text
        assert "person with id 0042" in text


def test_a_badge_can_be_handed_on_in_one_file_in_either_order() -> None:
    take, give = "0042,,,none,,,,", "42,,,26:2ec0c86,,,,"
    for rows in ((take, give), (give, take)):
        roll = after(*rows, roll=after(ANNA, BERT))
        ref = credential_ref(KEY, 26, bytes.fromhex("bb032180"))
        directory = directory_of(roll)
        assert directory.by_ref[ref].holder == person(roll, "42").id
        assert badges(roll, "0042") == []
        assert badges(roll, "42") == ["active", "revoked"]


def test_another_badge_revokes_the_old_one() -> None:
    roll = after("0042,,,26:0000001,,,,", roll=after(ANNA))
    assert badges(roll, "0042") == ["active", "revoked"]
    old = directory_of(roll).by_ref[credential_ref(KEY, 26, bytes.fromhex("bb032180"))].id
    assert roll.credentials[old].status is CredentialStatus.REVOKED


def test_a_lost_badge_stays_lost_when_another_one_is_given() -> None:
    lost = after("0042,,,,,,,lost", roll=after(ANNA))
    assert badges(lost, "0042") == ["lost"]
    assert badges(after("0042,,,26:0000001,,,,active", roll=lost), "0042") == ["active", "lost"]


@pytest.mark.parametrize("status", ["lost", "revoked"])
def test_an_import_never_brings_a_lost_or_revoked_badge_back(status: str) -> None:
    before = after(ANNA + status)
    assert badges(before, "0042") == [status]
    (text,) = said(csv("0042,,,26:2ec0c86,,,,active"), before)
    assert f"row 2, badge: this badge is on file as {status}" in text
    for row in ("0042,,,26:2ec0c86,,,,", "0042,,,,,,,active", "0042,,,26:2ec0c86,,,,suspended"):
        assert badges(after(row, roll=before), "0042") == [status]
    assert badges(after("0042,,,26:2ec0c86,,,,lost", roll=before), "0042") == [status]


def test_revoked_without_a_badge_named_is_every_badge_of_the_person() -> None:
    both = after("0042,,,26:0000001,,,,", roll=after(ANNA + "lost"))
    assert badges(both, "0042") == ["active", "lost"]
    assert badges(after("0042,,,,,,,revoked", roll=both), "0042") == ["revoked", "revoked"]


def test_lost_without_any_badge_is_a_mistake() -> None:
    before = after("1,A,staff,,,,,")
    for status in ("lost", "revoked"):
        assert "no badge is on file" in said(csv(f"1,,,,,,,{status}"), before)[0]
        assert "badge none" in said(csv(f"1,,,none,,,,{status}"), before)[0]


# --- secrets ------------------------------------------------------------------------------------


def test_no_repr_and_no_problem_shows_a_pin_or_a_badge() -> None:
    secrets = ("48151623", "2ec0c86", "118/1603", "bb032180")
    good = plan(csv("1,A,staff,26:2ec0c86,48151623,,,", "2,B,staff,h10301:11/1603,,,,"))
    sealed = seal(good, CHEAP)
    bad = plan(
        csv(
            "1,A,staff,27:2ec0c86a,48151623x,,,",
            "2,B,staff,h10301:118/1603/1,4815162342,,,",
            "3,C,staff,2ec0c86,4815 1623,,,",
        )
    )
    assert len(bad.problems) == 6
    shown = repr((good, good.new_pins, sealed, bad, changed(EMPTY, sealed)))
    shown += "\n".join(str(problem) for problem in bad.problems) + repr(bad.problems)
    for secret in secrets:
        assert secret not in shown
    assert "argon2" not in shown


def test_a_visitor_has_no_other_role() -> None:
    header = "id,name,roles"
    (problem,) = plan(csv("v1,Vic,visitor staff", "v2,Wim,visitor", header=header)).problems
    assert (problem.row, problem.column) == (2, "roles")
    assert problem.message == "'visitor' is a visitor's role and 'staff' is not"


def test_watchlists_and_who_gives_no_biometrics_are_columns_too() -> None:
    header = "id,name,roles,watchlists,biometrics"
    roll = after(
        "1,Ann,staff,banned summit,no", "2,Bob,staff,,yes", "3,Cora,staff,,", header=header
    )
    assert person(roll, "1").watchlists == ("banned", "summit")
    assert [person(roll, number).biometrics for number in "123"] == [False, True, True]
    kept = after("1,Ann,staff,,", header=header, roll=roll)
    assert person(kept, "1").watchlists == ("banned", "summit"), "an empty cell changes nothing"
    assert person(after("1,Ann,staff,none,yes", header=header, roll=roll), "1").watchlists == ()
    wrong = said(csv("4,Dan,staff,baned,perhaps", header=header))
    assert any("no watchlist 'baned'" in problem for problem in wrong)
    assert any("neither yes nor no" in problem for problem in wrong)
    facts = directory_of(roll).holders[HolderId(person(roll, "1").id)].facts
    assert (facts.watchlists, facts.biometrics) == (("banned", "summit"), False)
