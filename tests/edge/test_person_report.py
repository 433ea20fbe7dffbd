"""Everything that is kept of one person, told once it is on record who asked, and nobody else's."""

import asyncio
import json
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from controller.events import decode_entry
from controller.sightings import Muster
from controller.whereabouts import People, Presence
from edge.assembly import Edge
from edge.commands.person import person
from edge.control.messages import SentEntry
from edge.control.messages_report import OnFile
from edge.people.records import HolderRecord, Roll
from edge.person_report import About, told
from edge.secret_file import new_secret
from tests.edge.checks import ready, without_a_journal
from tests.edge.house import ADA, BOB, FRONT_CONTACT, House, bodies, running, until
from tests.edge.process import entries, running_process
from tests.golden import messages as golden

ADA_ID, BOB_ID = "a" * 16, "b" * 16


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def scene(house: House, what: Callable[[Edge], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            await what(edge)

    asyncio.run(run())


async def a_day(edge: Edge, house: House) -> None:
    """Ada goes in, Bob is refused, and somebody's badge is not known."""
    house.badge("front-in", ADA)
    await until(edge, ev.PortalGranted)
    house.board.set_input(FRONT_CONTACT, True)
    await until(edge, ev.PassageMade)
    house.board.set_input(FRONT_CONTACT, False)
    await until(edge, ev.PortalClosed)
    for number, badge in ((2, BOB), (3, b"\x55\x55\x55\x40")):
        house.badge("front-in", badge)
        await until(edge, ev.DecisionMade, number)


def report(house: House, who: str, name: str, *options: str) -> Result:
    out = str(house.folder / name)
    config = str(house.folder / "site.toml")
    return CliRunner().invoke(person, ["report", who, "--out", out, "--config", config, *options])


def test_it_tells_what_is_kept_of_her_and_nothing_of_others(house: House) -> None:
    scene(house, lambda edge: a_day(edge, house))
    done = report(house, "1", "ada.json", "--json")
    assert done.exit_code == 0, done.output
    text = (house.folder / "ada.json").read_text()
    said = json.loads(text)
    assert said["format"] == "sentrypost-person-report-1"
    on_file = said["kept"]["on_file"]
    assert (on_file["name"], on_file["roles"], on_file["pin"]) == ("Ada L", ["staff"], True)
    assert said["kept"]["now"]["zone"] == "hall"
    kinds = [one["kind"] for one in said["entries"]]
    assert kinds == ["decision-made", "portal-granted", "passage-made", "person-reported"]
    assert said["entries"][0]["personal"] == {
        "person": "Ada L",
        "badge": on_file["badges"][0]["reference"],
    }
    assert said["processing"]["site"] == "house"
    assert "Bob" not in text
    assert BOB_ID not in text
    assert "argon2" not in text.lower().replace("an argon2id hash", "")
    assert "duress_hash" not in text


def test_the_same_as_text(house: House) -> None:
    scene(house, lambda edge: a_day(edge, house))
    assert report(house, "1", "ada.txt").exit_code == 0
    text = (house.folder / "ada.txt").read_text()
    for part in ("ON FILE", "Ada L", "seen last in", "hall", "front was passed", "NOT KEPT"):
        assert part in text
    assert "4 entries are about the person" in text
    assert "there is no archive" in text
    assert "Bob" not in text


def test_it_says_what_the_archive_has_and_how_to_find_it_there(
    tmp_path: Path, silent_port: int
) -> None:
    house = House(tmp_path, f'[broker]\nhost = "127.0.0.1"\nport = {silent_port}\n')
    scene(house, lambda edge: a_day(edge, house))
    assert report(house, "1", "ada.txt").exit_code == 0
    text = (house.folder / "ada.txt").read_text()
    assert "has the entries up to 0 of this journal" in text
    assert f"`sentrypost central search --person` there with the random id {ADA_ID}" in text


def test_nothing_that_is_kept_of_people_is_forgotten_in_it() -> None:
    """Whoever adds a field to the record, the file, or the core's memory of people adds it here."""
    renamed = {"id": "random_id", "external_id": "id"}
    on_file = {renamed.get(name, name) for name in HolderRecord.__struct_fields__} - {"version"}
    assert on_file | {"pin", "badges", "face"} == set(OnFile.__struct_fields__)
    assert set(Roll.__struct_fields__) == {"version", "holders", "credentials", "pins"}
    of_people = {"presences", "escorts", "unescorted", "screened", "wrong_pins", "locked_out"}
    of_people |= {"sightings", "muster"}
    assert set(People.__struct_fields__) == of_people | {"inside", "firsts"}
    assert set(Muster.__struct_fields__) == {"entry", "at_s", "order", "drill", "checks"}
    of_presence = {"zone", "since_s", "entered_s", "overstayed", "party"}
    assert set(Presence.__struct_fields__) == of_presence


def test_it_is_recorded_who_asked_before_anything_is_told(house: House) -> None:
    scene(house, lambda edge: a_day(edge, house))
    assert report(house, "2", "bob.json", "--json").exit_code == 0
    (reported,) = entries(house, ev.PersonReported)
    assert reported.holder == BOB_ID
    said = json.loads((house.folder / "bob.json").read_bytes())
    assert said["entries"][-1]["kind"] == "person-reported"
    assert said["entries"][-1]["seq"] == said["kept"]["recorded"]
    assert said["entries"][-1]["personal"] == {}, "who asked is somebody else"


def test_a_running_daemon_tells_it_over_its_socket(house: House) -> None:
    async def run() -> None:
        async with house.line(), running_process(house) as edge:
            await edge.badge_opens()
            done = await asyncio.to_thread(report, house, "1", "ada.json", "--json")
            assert done.exit_code == 0, done.output
            assert await edge.stop() == 0

    asyncio.run(run())
    said = json.loads((house.folder / "ada.json").read_bytes())
    assert "decision-made" in [one["kind"] for one in said["entries"]]
    assert len(entries(house, ev.PersonReported)) == 1


def test_where_it_cannot_be_on_record_nothing_is_told(house: House) -> None:
    async def what(edge: Edge) -> None:
        free, stalled = await without_a_journal(edge)
        refused = await edge.desk.report_person("1", "smith")
        assert refused.kept is None
        assert "who asked for it" in refused.reason
        free.set()
        await stalled
        await until(edge, ev.JournalRestored)
        assert await bodies(edge, ev.PersonReported) == []
        told = await edge.desk.report_person("1", "smith")
        assert told.kept is not None
        (recorded,) = await bodies(edge, ev.PersonReported)
        assert recorded.holder == told.kept.on_file.random_id

    scene(house, what)


def test_nobody_is_refused_and_nothing_is_recorded(house: House) -> None:
    scene(house, lambda edge: a_day(edge, house))
    done = report(house, "99", "nobody.json")
    assert done.exit_code == 1
    assert "nobody on file has the id '99'" in done.output
    assert not (house.folder / "nobody.json").exists()
    assert entries(house, ev.PersonReported) == []


def test_the_file_is_for_its_owner_alone_and_takes_no_other_s_place(house: House) -> None:
    scene(house, lambda edge: a_day(edge, house))
    assert report(house, "1", "ada.txt").exit_code == 0
    assert stat.S_IMODE((house.folder / "ada.txt").stat().st_mode) == 0o600
    before = (house.folder / "ada.txt").read_bytes()
    again = report(house, "2", "ada.txt")
    assert again.exit_code == 1
    assert "there is such a file" in again.output
    assert (house.folder / "ada.txt").read_bytes() == before
    assert len(entries(house, ev.PersonReported)) == 1


def half_written(path: Path) -> None:
    with new_secret(path) as file:
        file.write(b"half")
        raise ZeroDivisionError


def test_a_file_that_cannot_be_finished_has_no_name(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        half_written(tmp_path / "half")
    assert list(tmp_path.iterdir()) == []


# --- whose a value is ---------------------------------------------------------------------------


def sent() -> list[SentEntry]:
    """The golden journal: Ann Example, h1, was decided about; an unknown badge was ignored."""
    return [
        SentEntry(
            seq=event.header.seq,
            entry=golden.encode(event).decode(),
            chain="00" * 32,
            personal=event.personal,
        )
        for event in golden.journal()
    ]


def values(who: About) -> dict[str, tuple[str, ...]]:
    return {one.entry.kind: tuple(p.field for p in one.personal) for one in told(sent(), who)}


def test_entries_are_found_by_id_and_by_a_badge_where_no_id_stands() -> None:
    ann = About(holder="h1", name="Ann Example", badges=frozenset({"c0ffee"}))
    assert values(ann) == {
        "badge-ignored": ("badge",),
        "decision-made": ("person", "badge"),
        "portal-granted": (),
        "passage-made": (),
    }


def test_a_namesake_and_a_later_owner_of_the_badge_get_nothing_of_hers() -> None:
    other = About(holder="h9", name="Ann Example", badges=frozenset({"c0ffee"}))
    assert values(other) == {"badge-ignored": ("badge",)}
    assert values(About(holder="h9", name="Eve", badges=frozenset())) == {}


def test_who_stands_in_an_entry_as_somebody_else_gets_no_value_of_it() -> None:
    along = About(holder="h2", name="Ben", badges=frozenset())
    assert values(along) == {"portal-granted": (), "passage-made": ()}
    assert all(decode_entry(one.entry.encode()) for one in sent())
