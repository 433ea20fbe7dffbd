"""`sentrypost policy sign`, `show`, `load`, `return` and `status`, as two people use them."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from edge.commands.check import check
from edge.commands.policy import policy
from edge.policy_bundle import PAYLOAD_BYTES_MAX, BundleError, compiled, packed, unpacked
from edge.signatures import (
    SIGNATURES_MAX,
    EnvelopeError,
    Use,
    public_text,
    sign,
    signed_too,
    unverified,
    verify,
)
from edge.signing_keys import make_signing_key
from policies import SourceFile
from tests.edge.house import POLICY, House
from tests.edge.process import running_process
from tests.edge.signed import ANNA, BEN, bundle, digest_of, key, shut, version
from tests.edge.test_signatures import KIND, PAYLOAD, trusted

EVENT = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261225\nEND:VEVENT\nEND:VCALENDAR\n"
HOLIDAYS = '\n[calendar.feasts]\nfile = "feasts.ics"\n[schedule.s]\ndaily = ["08:00-18:00"]\n'


def ran(*words: object) -> Result:
    return CliRunner().invoke(policy, [str(word) for word in words])


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Keys as people make them, a new policy with a calendar, and the present one."""
    house = House(tmp_path)
    entries = []
    for name in ("anna", "ben"):
        made = make_signing_key(tmp_path / f"{name}.key")
        entries.append(
            f'\n[key.{name}]\nperson = "{name}"\npublic = "{public_text(made.public)}"\n'
            'may = ["policy"]\n'
        )
    with (tmp_path / "site.toml").open("a") as site:
        site.write("".join(entries))
    (tmp_path / "feasts.ics").write_text(EVENT)
    (tmp_path / "new.toml").write_text(shut(2) + HOLIDAYS + 'except = "feasts"\n')
    return house


def test_two_people_sign_and_the_policy_goes_live_and_comes_back(house: House) -> None:
    folder, file = house.folder, house.folder / "site.policy"
    site = ("--config", folder / "site.toml")
    made = ran(
        "sign", folder / "new.toml", folder / "feasts.ics",
        "--key", folder / "anna.key", "--out", file,
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "of site house, version 2\ndigest " in made.output
    added = ran("sign", "--add", file, folder / "policy.toml", "--key", folder / "ben.key")
    assert added.exit_code == 0, added.output
    assert "staff" in added.output, "whom it changes anything for"
    assert "hall" in added.output or "front" in added.output
    shown = ran("show", file, *site)
    assert "file feasts.ics" in shown.output
    assert shown.output.count(", holds") == 2
    assert "2 of 2 people: anna, ben" in shown.output
    assert "not looked at" in ran("show", file).output
    facts = json.loads(ran("show", file, *site, "--json").output)
    assert (facts["version"], facts["signed_by"]) == (2, ["anna", "ben"])

    async def scene() -> None:
        async with house.line(), running_process(house) as edge:
            await asyncio.to_thread(live)
            await edge.stop()

    def live() -> None:
        assert "signed by nobody" in ran("status", *site).output
        loaded = ran("load", file, *site)
        assert loaded.exit_code == 0, loaded.output
        assert loaded.output.startswith("version 2 is in force, digest ")
        assert loaded.output.endswith("signed by anna, ben\n")
        again = ran("load", file, *site)
        assert again.exit_code == 1
        assert "version 2 was in force" in again.output
        status = ran("status", *site).output
        assert "signed by anna, ben" in status
        assert "leads to version 1" in status
        checked = CliRunner().invoke(check, ["--config", str(folder / "site.toml")]).output
        assert "in force is another policy: version 2" in checked
        assert "policies are signed by two of: anna, ben" in checked
        assert ran("return", *site).output.startswith("version 1 is in force")
        assert json.loads(ran("status", *site, "--json").output)["version"] == 1

    asyncio.run(scene())


def test_who_can_change_the_policy_is_said(house: House) -> None:
    site = house.folder / "site.toml"
    site.write_text(site.read_text().partition("\n[key.ben]")[0])
    said = CliRunner().invoke(check, ["--config", str(site)]).output
    assert "whoever can write the site file can change the policy" in said


def test_what_is_wrong_is_not_signed_and_no_file_is_written_over(house: House) -> None:
    folder, out = house.folder, house.folder / "out.policy"
    key_option = ("--key", folder / "anna.key")
    assert ran("sign", *key_option).exit_code == 2
    (folder / "new.toml").write_text(version(2).replace('roles = ["staff"]', 'roles = ["stuff"]'))
    wrong = ran("sign", folder / "new.toml", *key_option, "--out", out)
    assert (wrong.exit_code, "did you mean 'staff'" in wrong.output) == (1, True)
    never = '\n[[never]]\nid = "n"\nroles = ["staff"]\nreach = ["vault"]\n'
    (folder / "new.toml").write_text(version(2) + never)
    broken = ran("sign", folder / "new.toml", *key_option, "--out", out)
    assert (broken.exit_code, "does not hold" in broken.output) == (1, True)
    assert not out.exists()
    out.write_text("mine")
    assert ran("sign", folder / "policy.toml", *key_option, "--out", out).exit_code == 1
    assert out.read_text() == "mine"
    assert ran("show", out).exit_code == 1


def test_loading_needs_the_daemon(house: House) -> None:
    (house.folder / "x.policy").write_bytes(bundle(shut(2), ANNA, BEN))
    asked = ran("load", house.folder / "x.policy", "--config", house.folder / "site.toml")
    assert asked.exit_code == 1
    assert "no daemon runs here" in asked.output


# --- the file -----------------------------------------------------------------------------------


def test_a_signature_is_added_once_and_only_so_many() -> None:
    envelope = sign(PAYLOAD, KIND, [key(1)])
    twice = signed_too(signed_too(envelope, key(2)), key(2))
    found = verify(twice, [trusted(1), trusted(2)], KIND, Use.POLICY, needs=2)
    assert found.people == ("person-1", "person-2")
    assert unverified(twice, KIND) == (PAYLOAD, (key(1).id, key(2).id))
    for number in range(3, SIGNATURES_MAX + 1):
        twice = signed_too(twice, key(number))
    with pytest.raises(EnvelopeError, match="already"):
        signed_too(twice, key(20))


def test_what_is_packed_is_unpacked() -> None:
    sources = [SourceFile("folder/policy.toml", POLICY.encode())]
    found = unpacked(packed(sources, compiled(sources)))
    assert (found.site, found.version, found.digest) == ("house", 1, digest_of(POLICY))
    assert [file.name for file in found.files] == ["policy.toml"]
    assert compiled(found.sources).digest == found.digest


def test_a_policy_too_large_to_sign_is_refused() -> None:
    text = POLICY + "# a comment that nobody needs\n" * (PAYLOAD_BYTES_MAX // 60)
    sources = [SourceFile(f"{at}.toml", text.encode()) for at in range(3)]
    with pytest.raises(BundleError, match="can be signed"):
        packed(sources, compiled([SourceFile("a", POLICY.encode())]))
    with pytest.raises(BundleError, match="larger than"):
        unpacked(b" " * (PAYLOAD_BYTES_MAX + 1))


@given(st.binary(max_size=300) | st.text().map(str.encode))
def test_anything_else_is_no_policy(data: bytes) -> None:
    with pytest.raises(BundleError):
        unpacked(data)
