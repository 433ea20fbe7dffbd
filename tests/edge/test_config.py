"""The site file: what it must not say, and that every mistake is told with its place."""

import re
from pathlib import Path

import msgspec
import pytest

from controller.events import ENTRY_BYTES_MAX, EdgeStarted
from controller.retention import RecordClass
from drivers.family import SerialLine
from drivers.mqtt_address import BrokerAddress
from edge import wiring_check
from edge.config import ConfigError, load_config
from tests.edge.house import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def said(house: House, *changes: tuple[str, str], policy: tuple[str, str] | None = None) -> str:
    """What is wrong with the house's files once they are changed; one line for each mistake."""
    _change(house.folder / "site.toml", changes)
    if policy is not None:
        _change(house.folder / "policy.toml", [policy])
    with pytest.raises(ConfigError) as caught:
        load_config(house.folder / "site.toml")
    return str(caught.value)


def _change(file: Path, changes: object) -> None:
    text = file.read_text()
    for good, bad in changes:  # type: ignore[attr-defined]  # pairs
        assert text.count(good) == 1, good
        text = text.replace(good, bad)
    file.write_text(text)


def place_of(house: House, message: str, words: str) -> tuple[int, int]:
    """Line and column of the one mistake with these words."""
    (line,) = [line for line in message.splitlines() if words in line]
    found = re.fullmatch(rf"{re.escape(str(house.folder))}/site\.toml:(\d+):(\d+): error: .*", line)
    assert found, line
    return int(found[1]), int(found[2])


def line_of(house: House, text: str) -> int:
    lines = (house.folder / "site.toml").read_text().splitlines()
    (number,) = [n for n, line in enumerate(lines, start=1) if text in line]
    return number


def test_a_good_file_is_a_frozen_value_with_absolute_paths(house: House) -> None:
    config = house.config()
    assert (config.site, config.edge) == ("house", "gate")
    assert config.state.is_absolute()
    assert config.site_key.is_absolute()
    line = config.lines["north"][1].options
    assert isinstance(line, SerialLine)
    assert line.port == str(house.folder / "north")
    with pytest.raises(AttributeError):
        config.site = "another"  # type: ignore[misc]  # that is what must not work


def test_an_unknown_key_is_an_error_and_the_likely_one_is_named(house: House) -> None:
    message = said(house, ("poll-ms = 20", "pol-ms = 20"))
    assert "unknown key 'pol-ms'; did you mean 'poll-ms'?" in message
    assert place_of(house, message, "pol-ms") == (line_of(house, "pol-ms"), 1)


def test_an_unknown_table_is_an_error_and_the_likely_one_is_named(house: House) -> None:
    message = said(house, ("[fire.panel]", "[fires.panel]"))
    assert "unknown key 'fires'; did you mean 'fire'?" in message


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("baud = 115200", "baud = 12345", "baud must be one of"),
        ("baud = 115200", 'baud = "fast"', "expected 'int', got 'str'"),
        ("poll-ms = 20", "poll-ms = 1", "poll_ms must be 10..500"),
        ("address = 2", "address = 1", "two readers have the same address"),
        ("address = 2", "address = 127", "device.vault-in: address must be"),
        ('driver = "osdp"', 'driver = "osd"', "did you mean 'osdp'?"),
        ('key = "board.key"', "", "device.board: 'key' is missing"),
        ('site-key = "site.key"', 'site-key = "sight.key"', "no file"),
        ('policy = ["policy.toml"]', "policy = []", "at least one policy file is needed"),
        ('site = "house"', 'site = "hose"', "the policy is for site 'house'"),
        ('edge = "gate"', 'edge = "Gate"', "1 to 64 of a-z"),
        ('edge = "gate"', 'edge = "9gate"', "must start with a letter"),
        ('edge = "gate"\n', "", "'edge' is missing"),
        ("[device.board]", "[device.Board]", "a name is 1 to 64 of"),
        ('lock = { device = "board", output = 0 }', "", "'lock' is missing"),
        ('"vault-in"\nexit', '"vault-inn"\nexit', "unknown device 'vault-inn'"),
        ("input = 3 }", "input = 4 }", "'board' has 4 inputs, counted from 0"),
        ("output = 1 }", "output = -1 }", "'board' has 2 outputs, counted from 0"),
        ('entry-reader = "front-in"', 'entry-reader = "vault-in"', "already used"),
        ("input = 2 }", "input = 0 }", "input 0 of 'board' is already used"),
        ("output = 1 }", "output = 0 }", "output 0 of 'board' is already used"),
        ('rex = { device = "board", input = 1 }', "", "the policy says that the portal has rex"),
        ('exit-reader = "vault-out"', "", "the policy asks for an exit reader here"),
    ],
)
def test_it_is_refused(house: House, good: str, bad: str, words: str) -> None:
    assert words in said(house, (good, bad))


def test_a_lock_on_the_unsecured_side_is_refused_unless_accepted_by_name(house: House) -> None:
    exposed = (
        '[device.front-in]\nline = "north"',
        '[device.front-in]\nline = "north"\noutputs = 1',
    )
    moved = (
        'lock = { device = "board", output = 0 }',
        'lock = { device = "front-in", output = 0 }',
    )
    message = said(house, exposed, moved)
    assert "'front-in' hangs on the unsecured side: whoever opens it works the lock" in message
    assert place_of(house, message, "unsecured")[0] == line_of(house, '"front-in", output = 0')
    _change(
        house.folder / "site.toml",
        [("[portal.front]", "[portal.front]\naccept-exposed-lock = true")],
    )
    assert house.config().portals["front"].accept_exposed_lock


def test_a_fire_input_on_the_unsecured_side_is_refused(house: House) -> None:
    exposed = ('[device.front-in]\nline = "north"', '[device.front-in]\nline = "north"\ninputs = 1')
    moved = ('{ device = "board", input = 3 }', '{ device = "front-in", input = 0 }')
    assert "a fire input must hang on a device inside" in said(house, exposed, moved)


def test_a_time_that_no_reader_can_be_told_is_refused(house: House) -> None:
    """Found out when it is loaded: at the door it would be too late."""
    timed = (
        'rex = "shunt"\nopen-s = 2\nheld-s = 3',
        'rex = "shunt"\nopen-s = 7200\nheld-s = 7300\nstuck-s = 8000',
    )
    assert "open-s of the policy must be in steps of 100 ms, at most 6553.5 s" in said(
        house, policy=timed
    )


def test_a_time_for_who_needs_more_is_one_that_a_reader_can_be_told(house: House) -> None:
    timed = (
        'rex = "shunt"\nopen-s = 2\nheld-s = 3',
        'rex = "shunt"\nopen-s = 2\nheld-s = 3\n'
        "open-extended-s = 7200\nheld-extended-s = 7300\nstuck-s = 8000",
    )
    told = said(house, policy=timed)
    assert "open-extended-s of the policy must be in steps of 100 ms, at most 6553.5 s" in told
    assert "open-s of the policy" not in told


def test_a_portal_of_the_policy_that_is_not_wired_is_told(house: House) -> None:
    text = (house.folder / "site.toml").read_text()
    begin = text.index("[portal.vault-door]")
    end = text.index("[fire.panel]")
    message = said(house, (text[begin:end], ""))
    assert "portal 'vault-door' of the policy is not wired" in message


def test_a_portal_that_the_policy_has_not_is_told_with_the_likely_one(house: House) -> None:
    message = said(house, ("[portal.front]", "[portal.frond]"))
    assert "no portal of the policy 'frond'; did you mean 'front'?" in message


def test_a_fire_input_that_is_not_wired_is_told(house: House) -> None:
    wired = '[fire.panel]\ninput = { device = "board", input = 3 }'
    assert "fire input 'panel' of the policy is not wired" in said(house, (wired, ""))


def test_a_reader_without_its_key_file_has_still_to_be_paired(house: House) -> None:
    (house.folder / "board.key").unlink()
    _, line = house.config().lines["north"]
    files = {device.name: set(device.files) for device in line.devices}
    assert files["board"] == set()
    assert files["front-in"] == {"key"}


def test_too_many_readers_on_a_slow_line_are_refused(house: House) -> None:
    more = "".join(
        f'[device.more-{n}]\nline = "north"\naddress = {n}\nkey = "more-{n}.key"\n'
        for n in range(10, 11)
    )
    key = house.folder / "more-10.key"
    key.write_bytes((house.folder / "board.key").read_bytes()[::-1])
    key.chmod(0o600)
    message = said(house, ("baud = 115200", "baud = 9600"), ("[fire.panel]", f"{more}[fire.panel]"))
    assert "5 readers at 9600 baud, at most 4 fit; raise the speed of line and readers" in message


def test_two_lines_on_one_port_are_refused(house: House) -> None:
    second = '[line.south]\ndriver = "osdp"\nport = "north"\n\n[device.board]'
    message = said(
        house, ("[device.board]", second), ('"north"\naddress = 4', '"south"\naddress = 4')
    )
    assert "line 'north' has this port already" in message


def test_mistakes_of_the_policy_are_told_beside_those_of_the_site_file(house: House) -> None:
    message = said(
        house,
        ("keypad = true", "keybad = true"),
        ('trust-clock = "always"', 'trust-clock = "sometimes"'),
        policy=("clearance = 3", "clearance = 33"),
    )
    assert "policy.toml:" in message
    assert "clearance" in message
    assert "keybad" in message
    assert "sometimes" in message


@pytest.mark.parametrize("name", ["front-in.key", "mqtt.password"])
def test_a_secret_that_others_may_read_is_refused(tmp_path: Path, name: str) -> None:
    house = House(tmp_path, '[broker]\nhost = "h"\npassword-file = "mqtt.password"\n')
    (tmp_path / "mqtt.password").write_text("hunter2")
    (tmp_path / "mqtt.password").chmod(0o600)
    assert house.config().broker_password == "hunter2"
    (tmp_path / name).chmod(0o640)
    message = said(house)
    assert f"others on this machine can read or change '{tmp_path / name}'" in message
    assert f"chmod 600 {tmp_path / name}" in message


def test_no_secret_shows_in_what_is_printed_of_the_configuration(tmp_path: Path) -> None:
    house = House(tmp_path, '[broker]\nhost = "h"\npassword-file = "mqtt.password"\n')
    (tmp_path / "mqtt.password").write_text("hunter2")
    (tmp_path / "mqtt.password").chmod(0o600)
    config = house.config()
    shown = f"{config!r} {config} {config.lines!r} {config.devices!r} {config.broker!r}"
    assert "hunter2" not in shown
    for key in tmp_path.glob("*.key"):
        assert key.read_bytes().hex() not in shown
        assert repr(key.read_bytes())[2:-1] not in shown


def test_further_nodes_of_the_broker_are_read_and_a_bad_one_is_told(tmp_path: Path) -> None:
    entry = '[broker]\nhost = "a"\nport = 8883\nalso = ["b", "c:1884", "[::1]:1885"]\n'
    house = House(tmp_path, entry)
    config = house.config()
    assert config.broker_nodes == (
        BrokerAddress("b", 8883),
        BrokerAddress("c", 1884),
        BrokerAddress("::1", 1885),
    )
    message = said(house, ("c:1884", "c:188400"))
    assert "'c:188400' is not HOST or HOST:PORT" in message


def test_for_how_long_each_class_is_kept(house: House) -> None:
    assert house.config().retention == {}
    with (house.folder / "site.toml").open("a") as file:
        file.write("\n[retention]\npassages-days = 90\nsystem-days = 365\n")
    assert house.config().retention == {RecordClass.PASSAGES: 90, RecordClass.SYSTEM: 365}
    assert "days" in said(house, ("passages-days = 90", "passages-days = 0"))
    assert "passage-days" in said(house, ("passages-days = 0", "passage-days = 9"))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name the site file with --config"):
        load_config(tmp_path / "site.toml")


def test_a_file_that_is_no_toml_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('site = "house"\nedge = = 3\n')
    with pytest.raises(ConfigError, match=r"site\.toml:2:8: error: "):
        load_config(tmp_path / "site.toml")


def test_every_mistake_of_one_line_and_its_devices_is_told_at_its_device(house: House) -> None:
    (house.folder / "board.key").write_text("not a key")
    message = said(
        house,
        ("baud = 115200", "baud = 4711"),
        ("address = 1\n", "address = 200\n"),
        ("address = 2\n", "address = 201\n"),
    )
    for words in ("device.front-in", "device.vault-in", "device.board", "baud must be one of"):
        assert words in message, f"{words!r} is missing in:\n{message}"


def test_an_input_that_unlocks_is_refused_on_the_unsecured_side(house: House) -> None:
    message = said(
        house,
        ('key = "front-in.key"', 'key = "front-in.key"\ninputs = 1'),
        ('rex = { device = "board", input = 1 }', 'rex = { device = "front-in", input = 0 }'),
        policy=('rex = "shunt"', 'rex = "unlock"'),
    )
    assert "whoever opens it asks for the exit" in message


def test_more_portals_than_the_first_entry_can_name_are_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring_check, "PORTALS_MAX", 1)
    assert "one edge serves at most 1 portals" in said(house)


def test_the_first_entry_can_name_all_that_is_served_and_every_zone_left_unseen() -> None:
    longest = "p" * 60
    body = EdgeStarted(
        version="1",
        policy="d" * 64,
        portals=tuple(f"{longest}{n:04}" for n in range(wiring_check.PORTALS_MAX)),
        fires=tuple(f"{longest}{n:04}" for n in range(wiring_check.FIRES_MAX)),
        unseen=tuple(f"{longest}{n:04}" for n in range(wiring_check.PORTALS_MAX)),
    )
    assert len(msgspec.json.encode(body)) < ENTRY_BYTES_MAX - 1024
