"""`sentrypost order`, `key fido2`: files made, signed in four ways, looked at; no daemon runs."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from edge import security_keys
from edge.commands import order as order_module
from edge.commands.key import key as key_command
from edge.commands.order import order as order_command
from edge.config import load_config
from edge.fido2_assertions import rp_id
from edge.key_files import write_key
from edge.order_particulars import CLASSES
from edge.orders import ACCEPT_S, LiftOrder, LockdownOrder, read_order
from edge.signatures import Use, public_text
from edge.signed_orders import order_of
from tests.edge.authenticator import Authenticator, PluggedIn
from tests.edge.house import POLICY, House
from tests.edge.ordered import ANNA, BEN, SOME_ID, SshKey

TABLE = '\n[order.lift]\nroles = ["staff"]\npeople = 2\n'


class Site(NamedTuple):
    """Where its site file, policy and keys lie."""

    folder: Path


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Anna and Ben have keys of their own; Anna is on file."""
    made = House(tmp_path_factory.mktemp("site"))
    for name, one, holder in (("anna", ANNA, 'holder = "1"\n'), ("ben", BEN, "")):
        write_key(made.folder / f"{name}.key", one.private, b"")
        public = public_text(one.public)
        entry = f'[key.{name}]\nperson = "{name}"\npublic = "{public}"\nmay = ["order"]\n'
        entered(Site(made.folder), entry + holder)
    return made.folder


@pytest.fixture
def house(pattern: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    shutil.copytree(pattern, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Site(tmp_path)


def run(group: object, *words: str, typed: str = "") -> Result:
    done = CliRunner().invoke(group, words, input=typed)  # type: ignore[arg-type]
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def order(*words: str, typed: str = "") -> Result:
    return run(order_command, *words, typed=typed)


def entered(house: Site, text: str) -> None:
    with (house.folder / "site.toml").open("a") as file:
        file.write(f"\n{text}")


def made(kind: str = "lockdown", *words: str, issuer: str = "anna") -> Path:
    """A new order in a file."""
    out = Path(f"{kind}-{len(list(Path().glob('*.order')))}.order")
    done = order("new", kind, "--out", str(out), "--issuer", issuer, "--reason", "a test", *words)
    assert done.exit_code == 0, done.output
    (told,) = re.findall(r"^id ([0-9a-f]{64})$", done.stdout, re.MULTILINE)
    assert told == json.loads(order("show", str(out), "--json").stdout)["id"]
    return out


def remedy(done: Result) -> str:
    return str(getattr(done.exception, "remedy", ""))


def refused(*words: str) -> str:
    done = order(*words)
    assert done.exit_code != 0
    return done.output


def test_a_lift_is_made_signed_by_two_and_looked_at(house: Site) -> None:
    file = made("lift", "--lifts", SOME_ID)
    assert "have signed it who may count" in refused("verify", str(signed(file, "anna")))
    done = order("verify", str(signed(file, "ben")))
    assert done.exit_code == 0, done.output
    assert "signed by ben with key 'ben' (ed25519)" in done.stdout
    assert re.search(r"an edge takes it until \S+ [0-9:]{8}\+0[12]:00$", done.stdout, re.MULTILINE)
    assert "the policy has no table for it: 2 people must sign" in done.stdout
    told = json.loads(order("verify", str(file), "--json").stdout)
    assert (told["people"], told["needs"], told["lacking"]) == (["anna", "ben"], 2, "")
    keys = load_config(house.folder / "site.toml").keys
    found = order_of(file.read_bytes(), keys, "house")
    assert found.id == told["id"]
    assert isinstance(found.order, LiftOrder)
    assert found.order.ends == (SOME_ID,)
    assert abs(found.order.counter - time.time() * 1000) < 60_000
    assert abs(found.order.accept_until_s - time.time() - ACCEPT_S) < 60


def signed(file: Path, name: str) -> Path:
    done = order("sign", str(file), "--key", f"{name}.key")
    assert done.exit_code == 0, done.output
    return file


def test_where_the_policy_names_roles_who_signs_is_on_file(house: Site) -> None:
    (house.folder / "policy.toml").write_text(POLICY + TABLE)
    file = signed(signed(made("lift", "--ends", SOME_ID), "anna"), "ben")
    said = refused("verify", str(file))
    assert "1 of 2 people" in said
    assert "on file with one of the roles staff" in said


def test_every_kind_can_be_made(house: Site) -> None:
    ends = ("--ends", SOME_ID)
    portals = ("--portal", "front", "--until", "+10m")
    options = {
        "shelter": ("--zone", "hall", "--drill", "--no-moves", "--until", "+1h"),
        "raise": ("--level", "4"),
        "unlock": (*portals, "--despite", SOME_ID),
        "hold": portals,
        "fire-override": ("--fire", "panel"),
        "counters": ("--challenge", "5a" * 16, "--counter", "7"),
        "delegate": ("--role", "staff", "--person", "2", "--kind", "lift", "--until", "+2d"),
        "succeed": ("--role", "staff", "--person", "2", "--unreachable", "staff", "--until", "+2h"),
    }
    bare = {"lockdown", "evacuate"}
    for kind in CLASSES:
        file = made(kind, *(() if kind in bare else options.get(kind, ends)))
        found = read_order(file.read_bytes())
        assert found.kind == kind
        said = order("show", str(file)).stdout
        assert "reason: a test" in said
        assert (SOME_ID in said) is (kind in {"lift", "lower", "unlock"} or kind[:4] == "end-")
        assert "nobody has signed it" in said


def test_an_explicit_default_is_the_same_order(house: Site) -> None:
    file = made("lockdown", "--cover", "full", "--zone", "hall", "--review", "2026-11-22T18:00")
    found = read_order(file.read_bytes())
    assert isinstance(found, LockdownOrder)
    assert (found.cover, found.zones) == ("full", ("hall",))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("lockdown", "--portal", "front"), "'lockdown' takes no --portal"),
        (("lockdown", "--level", "3"), "'lockdown' takes no --level"),
        (("lift",), "'lift' needs --ends"),
        (("lift", "--ends", "12"), "no such order"),
        (("raise",), "'raise' needs --level"),
        (("hold", "--portal", "front"), "'hold' needs --until"),
        (("hold", "--portal", "front", "--until", "2020-01-01T00:00"), "over already"),
        (("hold", "--portal", "front", "--until", "soon"), "is no time"),
        (("lockdown", "--zone", "hal"), "did you mean 'hall'"),
        (("unlock", "--portal", "frnt", "--until", "+1h"), "did you mean 'front'"),
        (("lockdown", "--until", "+1h"), "a drill alone ends by a time"),
        (("lockdown", "--no-moves"), "in a drill alone"),
        (("lockdown", "--counter", "0"), "no such order"),
        (("lockdown", "--issuer", "ana"), "no [key.ana]"),
        (("lockdown", "--reason", "r" * 201), "no such order"),
        (("open-everything",), "is not one of"),
    ],
    ids=str,
)
def test_what_no_edge_would_take_is_not_made(house: Site, words: tuple[str, ...], why: str) -> None:
    before = ("new", words[0], "--out", "x.order", "--issuer", "anna", "--reason", "r")
    assert why in refused(*before, *words[1:])
    assert not Path("x.order").exists()


def test_nothing_is_written_over(house: Site) -> None:
    file = made()
    words = ("new", "lockdown", "--out", str(file), "--issuer", "anna", "--reason", "r")
    assert "there is such a file" in refused(*words)


def test_ssh_keygen_signs_what_is_printed(house: Site) -> None:
    ssh = SshKey(house.folder)
    entered(house, f'[key.desk]\nperson = "anna"\npublic = "{ssh.line.strip()}"\nmay = ["order"]\n')
    file = made("lockdown", issuer="desk")
    told = json.loads(order("show", str(file), "--json").stdout)
    printed = subprocess.run(
        (sys.executable, "-c", PRINTING, str(file)), capture_output=True, check=True, timeout=60,
        env=os.environ | {"PYTHONPATH": str(Path(order_module.__file__).parents[2])},
    ).stdout  # fmt: skip
    Path("order.sig").write_bytes(ssh.signs(printed, told["to_sign"]["namespace"]))
    done = order("sign", str(file), "--ssh", "order.sig")
    assert done.exit_code == 0, done.output
    assert "signed by anna with key 'desk' (ssh)" in order("verify", str(file)).stdout
    other = made("lockdown", issuer="desk")
    assert "none of the site's SSH keys" in refused("sign", str(other), "--ssh", "order.sig")


PRINTING = """
import sys
from edge.commands.order import order
order(["sign", sys.argv[1], "--print"])
"""


def test_a_page_s_security_key_signs(house: Site) -> None:
    device = Authenticator(rp_id("house"))
    entered(house, fido2_entry(device))
    file = made("lockdown", issuer="stick")
    told = json.loads(order("show", str(file), "--json").stdout)["to_sign"]
    assert told["rp_id"] == device.rp
    asked = base64.urlsafe_b64decode(told["challenge"] + "==")
    Path("said.json").write_bytes(device.response(asked))
    assert order("sign", str(file), "--assertion", "said.json").exit_code == 0
    assert "signed by anna with key 'stick' (fido2)" in order("verify", str(file)).stdout
    other = made("lockdown", issuer="stick")
    assert "another order" in refused("sign", str(other), "--assertion", "said.json")


def fido2_entry(device: Authenticator) -> str:
    text = base64.b64encode(device.attested).decode()
    return f'[key.stick]\nperson = "anna"\nfido2 = "{text}"\nmay = ["order"]\n'


def test_a_security_key_here_is_enrolled_and_signs(
    house: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = PluggedIn(Authenticator(rp_id("house"), count=3))
    monkeypatch.setattr(
        security_keys.CtapHidDevice, "list_devices", classmethod(lambda _: iter([device]))
    )
    entered(house, run(key_command, "fido2", "stick", "--person", "anna").stdout)
    stick = next(key for key in load_config(house.folder / "site.toml").keys if key.kind == "fido2")
    assert (stick.person, stick.may) == ("anna", frozenset({Use.ORDER}))
    file = made("lockdown", issuer="stick")
    done = order("sign", str(file), "--security-key")
    assert done.exit_code == 0, done.output
    assert device.closed
    (count,) = order_of(file.read_bytes(), [stick], "house").counts
    assert (count.key, count.signed) == (stick.id, device.key.count)


@pytest.mark.parametrize(
    ("devices", "why"),
    [
        ([], "no security key is plugged in"),
        ([{}, {}], "2 security keys are plugged in"),
        ([{"pinless": True}], "has not signed"),
        ([{"absent": True}], "has not signed"),
    ],
    ids=str,
)
def test_a_security_key_that_does_not_sign_says_why(
    house: Site, monkeypatch: pytest.MonkeyPatch, devices: list[dict[str, bool]], why: str
) -> None:
    device = Authenticator(rp_id("house"))
    there = [PluggedIn(device, **how) for how in devices]
    monkeypatch.setattr(
        security_keys.CtapHidDevice, "list_devices", classmethod(lambda _: iter(there))
    )
    assert "knows no security key" in refused("sign", str(made()), "--security-key")
    entered(house, fido2_entry(device))
    file = made("lockdown", issuer="stick")
    before = file.read_bytes()
    assert why in refused("sign", str(file), "--security-key")
    assert file.read_bytes() == before


def test_a_key_says_how_it_signs(house: Site) -> None:
    ssh = SshKey(house.folder)
    entered(house, f'[key.desk]\nperson = "anna"\npublic = "{ssh.line.strip()}"\nmay = ["order"]\n')
    said = run(key_command, "show").stdout
    assert "desk: anna, ssh, may sign order" in said
    assert {one["kind"] for one in json.loads(run(key_command, "show", "--json").stdout)} == {
        "ed25519",
        "ssh",
    }


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ('public = "ssh-ed25519 AAAA"\nmay = ["order"]', "no Ed25519 key of OpenSSH"),
        ('public = "ssh-rsa AAAA"\nmay = ["order"]', "is not base64"),
        ('fido2 = "AAAA"\nmay = ["order"]', "no credential of a security key"),
        ('fido2 = "AAAA"\npublic = "AAAA"\nmay = ["order"]', "one of 'public' and 'fido2'"),
        ('may = ["order"]', "one of 'public' and 'fido2'"),
    ],
    ids=str,
)
def test_a_mistake_in_a_key_is_named(house: Site, entry: str, why: str) -> None:
    entered(house, f'[key.x]\nperson = "x"\n{entry}\n')
    with pytest.raises(Exception, match=re.escape(why)):
        load_config(house.folder / "site.toml")


@pytest.mark.parametrize(
    ("uses", "holder", "why"),
    [
        ('"order", "people"', "", "signs orders and nothing else"),
        ('"consent"', "", "signs orders and nothing else"),
        ('"raise"', "", "signs orders and nothing else"),
    ],
)
def test_an_ssh_key_signs_orders_alone(house: Site, uses: str, holder: str, why: str) -> None:
    line = SshKey(house.folder).line.strip()
    entered(house, f'[key.x]\nperson = "x"\npublic = "{line}"\nmay = [{uses}]\n{holder}')
    with pytest.raises(Exception, match=why):
        load_config(house.folder / "site.toml")


@pytest.mark.parametrize("more", ['may = ["raise", "order"]', 'may = ["raise"]\nholder = "1"'])
def test_an_edge_s_own_key_does_nothing_else(house: Site, more: str) -> None:
    printed = run(key_command, "new", "north", "--may", "raise").stdout
    entered(house, re.sub(r"may    = .*", more, printed))
    with pytest.raises(Exception, match="'raise' is for an edge's own key"):
        load_config(house.folder / "site.toml")
    entered_again = (house.folder / "site.toml").read_text().replace(more, 'may = ["raise"]')
    (house.folder / "site.toml").write_text(entered_again)
    assert "edge's own" in order("verify", str(by_edge())).stdout


def by_edge() -> Path:
    """A lockdown that the key switch gave: made as an edge does."""
    from edge.orders import signed_by, stamp, stamped
    from edge.signing_keys import load_signing_key

    key = load_signing_key(Path("north.key"), str)
    head = stamp("house", key.id, "r", now_ms=7, review_s=7, entropy=os.urandom)
    Path("by-edge.order").write_bytes(
        signed_by(stamped(LockdownOrder, head)(source="key-switch"), (key,))
    )
    return Path("by-edge.order")


def test_what_is_no_order_is_said_to_be_none(house: Site) -> None:
    Path("big").write_bytes(b" " * 5000)
    Path("none").write_bytes(b"{}")
    for command in ("show", "verify"):
        assert "larger than any order" in refused(command, "big")
        assert "no signed file" in refused(command, "none")
    assert "give one of --key" in refused("sign", "none")
    assert "no signed file" in refused("sign", "none", "--print")
