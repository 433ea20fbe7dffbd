"""`sentrypost key`, and the site file that takes what it prints."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.commands.key import USES, key
from edge.config import ConfigError
from edge.signatures import KEYS_MAX, Use
from tests.edge.house import House

ZEROS = "A" * 43 + "="


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.chdir(tmp_path)
    return House(tmp_path)


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(key, arguments, input=typed)


def add(house: House, text: str) -> None:
    with (house.folder / "site.toml").open("a") as file:
        file.write("\n" + text)


def test_what_is_printed_is_what_the_site_file_takes(house: House) -> None:
    made = run("new", "chief", "--person", 'Anna "A" Berger', "--may", "people", "--may", "order")
    assert made.exit_code == 0, made.output
    add(house, made.stdout)
    (one,) = house.config().keys
    assert (one.name, one.person) == ("chief", 'Anna "A" Berger')
    assert one.may == {Use.PEOPLE, Use.ORDER}
    assert (house.folder / "chief.key").stat().st_mode & 0o777 == 0o600
    shown = json.loads(run("show", "--json").stdout)
    assert shown == [
        {
            "name": "chief",
            "id": one.id,
            "person": one.person,
            "kind": "ed25519",
            "may": ["order", "people"],
        }
    ]
    assert one.id in run("show").stdout


def test_the_private_half_is_never_printed(house: House) -> None:
    made = run("new", "chief", "--may", "people", "--passphrase", typed="secret\nsecret\n")
    assert made.exit_code == 0, made.output
    pem = (house.folder / "chief.key").read_text()
    assert "ENCRYPTED" in pem
    for line in pem.splitlines()[1:-1]:
        assert line not in made.output
    assert "secret" not in made.output
    assert tomllib.loads(made.stdout)["key"]["chief"]["person"] == "chief"


def test_a_key_is_not_made_twice_nor_without_a_use(house: House) -> None:
    assert run("new", "chief", "--may", "people").exit_code == 0
    before = (house.folder / "chief.key").read_bytes()
    again = run("new", "chief", "--may", "people")
    assert again.exit_code == 1
    assert "never written over" in again.stderr
    assert (house.folder / "chief.key").read_bytes() == before
    assert run("new", "other").exit_code == 2
    assert run("new", "../other", "--may", "people").exit_code == 1


def test_the_command_offers_what_there_is() -> None:
    assert sorted(USES) == sorted(Use)


def entry(name: str, public: str, person: str = "anna", may: str = '"people"') -> str:
    return f'[key.{name}]\nperson = "{person}"\npublic = "{public}"\nmay = [{may}]\n'


def public_of(name: str) -> str:
    found: str = tomllib.loads(run("new", name, "--may", "people").stdout)["key"][name]["public"]
    return found


def test_every_mistake_in_a_key_has_its_line_and_column(house: House) -> None:
    good = public_of("one")
    add(
        house,
        entry("one", good)
        + entry("same", good, person="ben")
        + entry("short", "AAAA")
        + entry("zeros", ZEROS)
        + entry("strange", "?")
        + entry("nobody", public_of("nobody"), person="")
        + entry("idle", public_of("idle"), may="")
        + entry("wrong", public_of("wrong"), may='"people", "polcy"'),
    )
    with pytest.raises(ConfigError) as refused:
        house.config()
    lines = (house.folder / "site.toml").read_text().splitlines()
    said = {}
    for problem in refused.value.problems:
        text = lines[problem.line - 1]
        said[problem.path] = (problem.message, text[problem.column - 1 :].split(" ")[0])
    assert said == {
        "key.same.public": ("key 'one' is the same", f'"{good}"'),
        "key.short.public": ("has 3 bytes, a public key has 32", '"AAAA"'),
        "key.zeros.public": ("is no key: anybody could sign with it", f'"{ZEROS}"'),
        "key.strange.public": ("is not base64", '"?"'),
        "key.nobody.person": ("expected 'str' of length >= 1", '""'),
        "key.idle.may": ("expected 'array' of length >= 1", "[]"),
        "key.wrong.may.1": ("unknown value 'polcy'", '"polcy"]'),
    }


def test_a_site_has_so_many_keys_and_no_more(house: House) -> None:
    add(house, "".join(entry(f"k{n}", ZEROS) for n in range(KEYS_MAX + 1)))
    with pytest.raises(ConfigError, match=re.escape(f"at most {KEYS_MAX} keys")):
        house.config()


def test_a_site_without_keys_says_so(house: House) -> None:
    assert "no key" in run("show").stdout
