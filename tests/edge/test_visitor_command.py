"""Visitor codes from end to end: made at the edge, drawn, scanned at a door, and judged there."""

import asyncio
import os
import re
from pathlib import Path

import click
import pytest
import zxingcpp
from click.testing import CliRunner, Result
from msgspec.structs import replace

from controller import events as ev
from controller.ids import CredentialRef, HolderId
from controller.inputs import ClockChecked
from edge.assembly import Edge
from edge.commands.key import key
from edge.commands.person import person
from edge.people import (
    EMPTY,
    Change,
    HolderRecord,
    People,
    SiteKey,
    change_of,
    load_site_key,
    offered,
)
from edge.people.badges import BADGES_MAX
from edge.people.records import changed
from edge.present import line
from edge.visitor_codes import VisitorCode, VisitorCodes
from edge.visitor_issue import NotIssuedError, issued, times_of
from policies.codes import Code
from simulators.secret_file import write_secret
from tests.edge.house import FRONT, bodies, until
from tests.edge.visited import Site, scene


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def of_terminal(printed: str) -> list[list[bool]]:
    """The light dots of a drawing, two rows in each line of characters."""
    found = []
    for row in printed.splitlines():
        found.append([sign in "█▀" for sign in row])
        found.append([sign in "█▄" for sign in row])
    width = max(map(len, found))
    return [row + [False] * (width - len(row)) for row in found]


def of_svg(drawn: str) -> list[list[bool]]:
    """The light dots of a drawing: its path says where the dark ones lie side by side."""
    path = re.search(r'd="M(\d+) (\d+)\.5([^"]*)" stroke|d="M(\d+) (\d+)\.5([^"]*)"', drawn)
    assert path is not None
    x, y, rest = [one for one in path.groups() if one is not None]
    side = int(re.findall(r'width="(\d+)"', drawn)[0]) // 4
    dots = [[True] * side for _ in range(side)]
    column, row = int(x), int(y)
    for step, across, down in re.findall(r"([hm])(-?\d+)(?: (-?\d+))?", rest):
        if step == "h":
            dots[row][column : column + int(across)] = [False] * int(across)
        row += int(down or 0)
        column += int(across)
    return dots


def scanned(dots: list[list[bool]]) -> str:
    """What somebody else's scanner reads of it."""
    size = 6
    rows = [[light for light in row for _ in range(size)] for row in dots for _ in range(size)]
    data = bytes(255 * light for row in rows for light in row)
    picture = memoryview(data).cast("B", (len(rows), len(rows[0])))
    (found,) = zxingcpp.read_barcodes(picture)
    return str(found.text)


def test_a_code_is_drawn_scanned_and_opens_the_door_until_its_time_is_over(site: Site) -> None:
    async def what(edge: Edge) -> None:
        site.by_port = True
        drawn = await site.asks("7", "--hours", "4")
        assert drawn.exit_code == 0, drawn.output
        assert re.search(r"a code for '7', valid from .* until ", drawn.stderr)
        text = scanned(of_terminal(drawn.stdout))
        assert await site.enters(edge, text) is Code.GRANTED
        await until(edge, ev.EffectEnded, 3)
        assert len(site.house.opened_at(FRONT)) == 1

        code = site.codes().read(text)
        assert code.valid_until_s - code.valid_from_s == 4 * 3600
        now_s = edge.daemon.now().utc_s
        over = replace(code, valid_until_s=now_s)
        early = replace(code, valid_from_s=now_s + 600)
        assert await site.decided(edge, site.codes().text(over)) is Code.EXPIRED
        assert await site.decided(edge, site.codes().text(early)) is Code.NOT_YET_VALID
        assert len(site.house.opened_at(FRONT)) == 1
        # Its end keeps nobody in.
        assert await site.decided(edge, site.codes().text(over), "scan-out") is Code.GRANTED

    scene(site, what)


def test_what_was_not_made_here_opens_nothing_and_is_recorded(site: Site) -> None:
    async def what(edge: Edge) -> None:
        text = await site.makes("7", "--hours", "4")
        code = site.codes().read(text)
        site_key = load_site_key(site.house.folder / "site.key")
        forged = VisitorCodes("house", SiteKey(os.urandom(32))).text(code)
        assert "not signed" in await site.ignored(edge, forged)
        assert "another site" in await site.ignored(edge, VisitorCodes("mill", site_key).text(code))
        altered = text[:30] + ("A" if text[30] != "A" else "B") + text[31:]
        assert "a visitor code" in await site.ignored(edge, altered)
        assert "damaged" in await site.ignored(edge, text[:-1])
        assert "damaged" in await site.ignored(edge, text + "A" * 60)
        # A code that is signed and not on file, as after the person was erased.
        stranger = VisitorCode(id=bytes(16), valid_from_s=0, valid_until_s=2**40 - 1)
        assert await site.decided(edge, site.codes().text(stranger)) is Code.UNKNOWN_CREDENTIAL
        assert await site.decided(edge, "https://example.org/") is Code.UNKNOWN_CREDENTIAL
        assert site.house.opened_at(FRONT) == []

    scene(site, what)


def test_a_code_is_revoked_with_the_persons_badges_and_shut_out_without_a_clock(
    site: Site,
) -> None:
    async def what(edge: Edge) -> None:
        text = await site.makes("7", "--hours", "4")
        daemon = edge.daemon
        daemon._clock.trusted = lambda: False  # type: ignore[method-assign]
        daemon.judge(ClockChecked(id=daemon.new_id(), trusted=False, stepped_ms=0))
        assert await site.decided(edge, text) is Code.CLOCK_UNTRUSTED
        refused = await site.asks("7", "--hours", "4")
        assert refused.exit_code == 1
        assert "the clock is not trusted" in refused.output
        del daemon._clock.trusted
        assert await site.enters(edge, text) is Code.GRANTED
        revoked = await edge.desk.import_people(b"id,status\n7,revoked\n", "smith", False)
        assert revoked.applied
        assert await site.decided(edge, text) is Code.CREDENTIAL_REVOKED

    scene(site, what)


def test_making_one_is_on_record_and_nothing_keeps_it(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    async def what(edge: Edge) -> None:
        site.by_port = True
        text = await site.makes("7", "--hours", "4")
        assert await site.enters(edge, text) is Code.GRANTED
        (made,) = await bodies(edge, ev.VisitorCodeMade)
        assert isinstance(made, ev.VisitorCodeMade)
        kinds = [type(one) for one in await bodies(edge)]
        assert ev.HoldersReplaced in kinds[kinds.index(ev.VisitorCodeMade) :]
        stored = await edge.daemon.writer.read(1, 10_000, 64 * 1024 * 1024)
        said = [
            line(entry, one.personal, edge.daemon.site.policy.zone).text
            for one in stored
            if (entry := ev.decode_entry(one.entry)).kind == "visitor-code-made"
        ]
        assert re.fullmatch(
            r".*a code for visitor .* valid from .* until .*; asked for by \w+", said[0]
        )
        number = site.codes().read(text).id
        await edge.daemon.keep_state()
        kept = [
            path.read_bytes() for path in (site.house.folder / "state").rglob("*") if path.is_file()
        ]
        everything = b"".join(kept) + caplog.text.encode() + repr(edge.daemon.site.state).encode()
        for secret in (text.encode(), text[5:45].encode(), number, number.hex().encode()):
            assert secret not in everything

    with caplog.at_level("DEBUG"):
        scene(site, what)


REFUSED = (
    (("9", "--hours", "4"), "nobody on file has the id '9'"),
    (("1", "--hours", "4"), "'1' is no visitor, and a code can be copied"),
    (("2", "--hours", "4"), "'2' is no visitor, and a code can be copied"),
    (("8", "--hours", "4"), "'8' is suspended"),
    (("6", "--hours", "4"), "'6' is not valid at that time"),
    (("7", "--hours", "4", "--from", "2020-01-01T00:00"), "that time is over"),
    (("7", "--hours", "0"), "0 is not in the range"),
    (("7", "--hours", "745"), "745 is not in the range"),
    (("7", "--hours", "4", "--text", "--svg", "x.svg"), "not both"),
    (("7", "--hours", "4", "--svg", "no-such-folder/x.svg"), "nothing can be written there"),
)


async def with_others(edge: Edge) -> None:
    """Wim is suspended, Xenia's time was over long ago."""
    others = (
        b"id,name,roles,valid-until,status\n8,Wim,visitor,,suspended\n6,Xenia,visitor,2020-01-01,\n"
    )
    assert (await edge.desk.import_people(others, "smith", False)).applied


def test_who_gets_none_is_told_why_by_the_edge_and_where_none_runs(site: Site) -> None:
    async def refuses() -> None:
        for words, said in REFUSED:
            done = await site.asks(*words)
            assert done.exit_code != 0, words
            assert said in done.output, words

    async def what(edge: Edge) -> None:
        await with_others(edge)
        await refuses()
        assert await bodies(edge, ev.VisitorCodeMade) == []

    scene(site, what)
    with People.open(site.house.folder / "state" / "site.db") as people:
        before = people.version
    asyncio.run(refuses())
    with People.open(site.house.folder / "state" / "site.db") as people:
        assert people.version == before


def test_a_code_that_is_made_while_the_edge_is_away_opens_when_it_is_back(site: Site) -> None:
    made: list[str] = []

    async def later(edge: Edge) -> None:
        await until(edge, ev.EdgeReady, 2)
        assert await site.enters(edge, made[0]) is Code.GRANTED
        assert len(await bodies(edge, ev.VisitorCodeMade)) == 1

    async def nothing(_: Edge) -> None:
        """It has run once."""

    scene(site, nothing)
    picture = site.house.folder / "vera.svg"
    drawn = asyncio.run(site.asks("7", "--hours", "4", "--svg", str(picture)))
    assert drawn.exit_code == 0, drawn.output
    assert picture.stat().st_mode & 0o777 == 0o600
    made.append(scanned(of_svg(picture.read_text())))
    again = asyncio.run(site.asks("7", "--hours", "4", "--svg", str(picture)))
    assert "there is such a file" in again.output
    scene(site, later)


def test_a_change_set_brings_a_code_to_another_edge(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = site.house.folder
    monkeypatch.chdir(folder)

    def runs(command: click.Command, *words: str) -> Result:
        done = CliRunner().invoke(command, words)
        assert done.exit_code == 0, done.output
        return done

    entry = runs(key, "new", "chief", "--person", "Chief", "--may", "people").stdout
    with (folder / "site.toml").open("a") as file:
        file.write(f"\n{entry}")

    async def nothing(_: Edge) -> None:
        """Vera is on file."""

    scene(site, nothing)
    other = folder / "other.db"
    write_secret(other, (folder / "state" / "site.db").read_bytes())
    with People.open(other) as elsewhere:
        version = elsewhere.version
    code = asyncio.run(site.makes("7", "--hours", "4"))
    runs(person, "export", "news.set", "--since", str(version), "--key", "chief.key")
    config = site.house.config()
    site_key = load_site_key(config.site_key)
    offer = offered((folder / "news.set").read_bytes(), config.keys, site_key, config.site)
    with People.open(other) as elsewhere:
        change = change_of(elsewhere.roll, offer)
        assert change is not None
        elsewhere.apply(change)
        brought = elsewhere.directory().by_ref.get(site.codes().ref(site.codes().read(code)))
    assert brought is not None


def test_a_code_is_never_longer_valid_than_its_visitor(site: Site) -> None:
    record = HolderRecord(
        id="a" * 16,
        external_id="7",
        name="Vera",
        roles=("visitor",),
        valid_from_s=500,
        valid_until_s=9_000,
    )
    policy = site.house.config().policy
    assert times_of(record, policy, None, 1, 1_000) == (1_000, 4_600)
    assert times_of(record, policy, None, 24, 1_000) == (1_000, 9_000)
    assert times_of(record, policy, 0, 1, 1_000) == (500, 3_600)
    for from_s, now_s in ((9_000, 1_000), (None, 9_000)):
        with pytest.raises(NotIssuedError, match="not valid at that time"):
            times_of(record, policy, from_s, 1, now_s)
    nobody = replace(record, roles=())
    with pytest.raises(NotIssuedError, match="no visitor"):
        times_of(nobody, policy, None, 1, 1_000)


def test_nobody_collects_codes_without_end() -> None:
    record = HolderRecord(id="a" * 16, external_id="7", name="Vera", roles=("visitor",))
    roll = changed(EMPTY, Change(base=0, holders=(record,)))
    ids = iter(range(10_000))
    for number in range(BADGES_MAX):
        ref = CredentialRef(f"{number:064x}")
        roll = changed(roll, issued(roll, HolderId(record.id), ref, lambda: f"{next(ids):016x}"))
    assert len(roll.credentials) == BADGES_MAX
    with pytest.raises(NotIssuedError, match="50 badges and codes") as caught:
        issued(roll, HolderId(record.id), CredentialRef("f" * 64))
    assert "badge none" in caught.value.remedy
    with pytest.raises(NotIssuedError, match="not on file any more"):
        issued(EMPTY, HolderId(record.id), CredentialRef("f" * 64))
