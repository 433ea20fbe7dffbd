"""What is wrong with a policy or a record is a clear problem in its place, or a refusal: never an
opening. More of the loader's problems are in test_loader.py.
"""

import pytest

from policies import Code, decide
from policies.syntax import LINE_CHARACTERS_MAX, UNREAD
from tests.policies.support import FRIDAY_10H, IN, OUT, ask, changed, embassy, holder, problems
from tests.policies.test_loader import SMALL

HALL = 'kind = "premises"\nfactors = "standard"\n'


def test_fifty_megabytes_are_not_read() -> None:
    (problem,) = problems(b"#" * 50_000_000)
    assert problem.message.startswith("the file has 50000000 bytes, at most ")


@pytest.mark.parametrize("bracket", ["[\n", "[[\n", "[ [\n"])
def test_nesting_over_lines_is_as_deep_as_over_one(bracket: str) -> None:
    (problem,) = problems("a = " + bracket * 20_000)
    assert problem.message == "nested too deeply"


def test_tables_in_tables_are_no_keys_of_the_language() -> None:
    path = ".".join(["zone", *["a"] * (LINE_CHARACTERS_MAX // 2 - 5)])
    found = problems(f"{SMALL}[{path}]\nkind = 'public'\n")
    assert {problem.path: problem.message for problem in found} == {
        "zone.a": "'kind' is missing",
        "zone.a.a": "unknown key 'a'",
    }


@pytest.mark.parametrize(
    "twice",
    [
        'kind = "public"\nkind = "public"\n',
        'kind = "public"\nclearance = { 1 = 1, 1 = 2 }\n',
        'kind = "public"\nclearance.1 = 1\nclearance.1 = 2\n',
        '"kind" = "public"\nkind = "refuge"\n',
    ],
)
def test_a_key_twice_is_never_the_last_of_them(twice: str) -> None:
    (problem,) = problems(f"{SMALL}[zone.cellar]\n{twice}")
    last = twice.count("\n")
    first = 2 if "{" in twice else last - 1
    above = SMALL.count("\n") + 1
    assert (problem.message, problem.line) == ("is given twice", above + last)
    assert problem.hint is not None
    assert problem.hint.startswith(f"first in 0.toml:{above + first}; ")


@pytest.mark.parametrize(
    ("text", "path", "first", "second"),
    [
        ("[zone.a]\nx = 1\n\n[zone.b]\n[zone.a]\n", "zone.a", 1, (5, 1)),
        ('[zone]\na = { kind = "public" }\n[zone.a]\n', "zone.a", 2, (3, 1)),
        ("[a.b]\n[a]\n[a.b]\n", "a.b", 1, (3, 1)),
        ("[[g]]\n[g.x]\n[[g]]\n[g.x]\n[g.x]\n", "g.1.x", 4, (5, 1)),
        ("a = [1,\n2]\r\nb = 1\n  a = [3,\n4]\n", "a", 1, (4, 3)),
        ("zone.a = 1\nzone.a.b = 2\n", "zone.a", 1, (2, 6)),
        ("c = { 1 = 1, 1 = 2, 1 = 3 }\n", "c.1", 1, (1, 14)),
        ("[a]\r\n\r\nx = 1\r\n\r\n[a]\r\n", "a", 1, (5, 1)),
    ],
)
def test_what_stands_twice_is_told_with_the_line_of_the_first(
    text: str, path: str, first: int, second: tuple[int, int]
) -> None:
    (problem,) = problems(text)
    assert (problem.path, problem.message) == (path, "is given twice")
    assert (problem.line, problem.column) == second
    assert problem.hint == f"first in 0.toml:{first}; {UNREAD}"


@pytest.mark.parametrize(
    ("text", "day", "place"),
    [
        ("dates = [2026-13-01]\n", "2026-13-01", (1, 10)),
        ("dates = [\n  2026-12-25,\n  2026-13-01,\n]\n", "2026-13-01", (3, 3)),
        ("dates = [2026-12-25, 2026-02-29, 2026-13-01]\n", "2026-02-29", (1, 22)),
        ("day = 2026-02-30", "2026-02-30", (1, 7)),
        ("day = 2026-1-5\n", "2026-1-5", (1, 7)),
    ],
)
def test_a_date_that_does_not_exist_is_told_as_one(
    text: str, day: str, place: tuple[int, int]
) -> None:
    (problem,) = problems(text)
    assert problem.message == f"'{day}' is not a date"
    assert (problem.line, problem.column) == place
    assert problem.hint == f"write a day as 2026-12-25; {UNREAD}"


@pytest.mark.parametrize(
    "text",
    [
        "a = [1\n",
        "a = [2026-12-25 2026-12-26]\n",
        "a = \n",
        'a = "2026-13-01" 3\n',
        "[g.x]\n[[g]]\n",
    ],
)
def test_any_other_slip_says_that_nothing_after_it_was_read(text: str) -> None:
    (problem,) = problems(text)
    assert problem.hint == UNREAD
    assert "is not a date" not in problem.message


@pytest.mark.parametrize(
    "data",
    [
        SMALL.encode("utf-16"),
        SMALL.encode() + 'name = "Büro"\n'.encode("latin-1"),
        SMALL.encode() + b"# \xc0\xaf, a slash in too many bytes\n",
        SMALL.encode() + b"# \xed\xa0\x80, half of a pair\n",
        SMALL.encode() + b"# \xf4\x90\x80\x80, beyond the last\n",
        SMALL.encode() + b"# cut \xe2\x82",
    ],
)
def test_what_is_not_utf_8_is_not_guessed(data: bytes) -> None:
    (problem,) = problems(data)
    assert problem.message == "not UTF-8 text"


@pytest.mark.parametrize("length", [2, 3, 20])
def test_zones_inside_each_other_are_named_once_each(length: int) -> None:
    ring = [f"z{number}" for number in range(length)]
    text = SMALL
    for zone, around in zip(ring, (*ring[1:], ring[0]), strict=True):
        text += f'[zone.{zone}]\ninside = "{around}"\n{HALL}'
    found = [problem for problem in problems(text) if "inside itself" in problem.message]
    assert [problem.path for problem in found] == [f"zone.{zone}.inside" for zone in ring]
    assert found[0].message == "a zone inside itself: " + " in ".join([*ring, ring[0]])


REFERENCES = [
    ('[zone.x]\ninside = "loby"\n' + HALL, "unknown zone 'loby'"),
    ('[zone.x]\nkind = "premises"\nfactors = "standart"\n', "unknown factors profile 'standart'"),
    (f'[zone.x]\nscreening = ["gat"]\n{HALL}[screening.gate]\n', "unknown screening 'gat'"),
    ('[schedule.x]\ndaily = ["01:00-02:00"]\nexcept = "feasts"\n', "unknown calendar 'feasts'"),
    ('[fire.x]\nzones = ["loby"]\n', "unknown zone 'loby'"),
    ('[[grant]]\nid = "g"\nroles = ["stuff"]\nzones = ["lobby"]\n', "unknown role 'stuff'"),
    ('[[grant]]\nid = "g"\nroles = ["staff"]\nportals = ["dor"]\n', "unknown portal 'dor'"),
    ('[[deny]]\nid = "d"\nroles = ["staff"]\nzones = ["loby"]\n', "unknown zone 'loby'"),
    ('[order.lockdown]\nroles = ["stuff"]\n', "unknown role 'stuff'"),
    ('[[never]]\nid = "n"\nroles = ["staff"]\nreach = ["loby"]\n', "unknown zone 'loby'"),
    (
        '[[always]]\nid = "a"\nroles = ["staff"]\nfrom = ["loby"]\nreach = ["street"]\n',
        "unknown zone 'loby'",
    ),
]


@pytest.mark.parametrize(("text", "message"), REFERENCES)
def test_what_a_policy_names_and_does_not_have(text: str, message: str) -> None:
    found = problems(SMALL + "[role.staff]\n" + text)
    assert message in [problem.message for problem in found], found


def test_dates_that_contradict_each_other_let_nobody_in_and_everybody_out() -> None:
    """Valid from a moment that comes after the end."""
    for shift in (-86_400, -1, 0, 1, 86_400):
        contradiction = holder(
            "staff", valid_from_s=FRIDAY_10H + 1 + shift, valid_until_s=FRIDAY_10H + shift
        )
        entry = decide(embassy(), ask("main-gate", IN, contradiction))
        assert not entry.granted
        assert {o.code for o in entry.objections} <= {Code.NOT_YET_VALID, Code.EXPIRED}
        assert decide(embassy(), ask("archive-door", OUT, contradiction)).granted


def test_a_policy_with_one_mistake_is_no_policy() -> None:
    """Nothing of it is used, however right the rest is."""
    assert len(problems(changed("threat-max = 3", "threat-max = 30"))) == 1


def test_zones_nested_without_end_are_refused_quickly() -> None:
    zones = ['[zone.z0]\nkind = "public"\n']
    zones += [
        f'[zone.z{n}]\nkind = "premises"\nfactors = "f"\ninside = "z{n - 1}"\n'
        for n in range(1, 2_000)
    ]
    head = (
        'schema = 1\nsite = "deep"\nversion = 1\ntimezone = "UTC"\n[factors]\nf = { 1 = "badge" }\n'
    )
    found = problems(head + "".join(zones))
    assert "more than 32 zones inside each other" in {problem.message for problem in found}
