"""`sentrypost picture`: asked of a running edge, and of files that no daemon uses."""

import asyncio
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from controller.events_pictures import PictureKept, PictureShown
from edge.commands.picture import picture
from edge.pictures import keeper
from tests.edge.house import ADA, BOB, FRONT_CONTACT, House, bodies, until
from tests.edge.pictures.drawn import END, START
from tests.edge.pictures.test_keeper import entries_of, front
from tests.edge.pictures.watched import Watched, at_rest, watched
from tests.edge.test_erase import badges

Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def _short_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "AFTER_S", 1)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def asked(house: House, *words: str) -> Result:
    return CliRunner().invoke(picture, [*words, "--config", str(house.folder / "site.toml")])


def said(house: House, *words: str) -> Any:
    done = asked(house, *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def play(house: House, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Ada, then Bob, then a door that is forced: their entries. Everything is asked meanwhile."""
    seqs: dict[str, int] = {}

    async def run() -> None:
        async with watched(house, monkeypatch, [front()]) as one:
            await badges(one.edge, house, ADA, BOB)
            await until(one.edge, PictureKept, 2)
            house.board.set_input(FRONT_CONTACT, True)
            await until(one.edge, ev.PassageMade)
            house.board.set_input(FRONT_CONTACT, False)
            await until(one.edge, ev.PortalClosed)
            house.board.set_input(FRONT_CONTACT, True)
            await until(one.edge, ev.PortalForced)
            await until(one.edge, PictureKept, 3)
            house.board.set_input(FRONT_CONTACT, False)
            async with asyncio.timeout(30):
                while len(one.store.index.rows()) < 3:
                    await asyncio.sleep(0.01)
            rows = one.store.index.rows()
            seqs.update(zip(("ada", "bob", "clip"), (row.seq or 0 for row in rows), strict=True))
            seqs["decision"] = rows[0].about[0]
            await asyncio.to_thread(look_at_all, house, seqs)
            await damaged(one, house, seqs)

    asyncio.run(run())
    return seqs


def look_at_all(house: House, seqs: dict[str, int]) -> None:
    """What every command says, whether a daemon runs or not."""
    listed = said(house, "list")
    assert [one["seq"] for one in listed["pictures"]] == [seqs[w] for w in ("ada", "bob", "clip")]
    assert (listed["total"], listed["pictures"][2]["what"]) == (3, "clip")
    assert "wrapped" not in listed["pictures"][0]
    (only,) = said(house, "list", "--about", str(seqs["decision"]))["pictures"]
    assert only["seq"] == seqs["ada"]
    assert said(house, "list", "--portal", "vault-door")["pictures"] == []
    assert said(house, "list", "--since", "2999-01-01T00:00")["pictures"] == []
    assert f"#{seqs['clip']}" in asked(house, "list").output

    folder = Path(tempfile.mkdtemp(dir=house.folder))
    one = folder / "one.jpg"
    given = said(house, "export", str(seqs["decision"]), str(one), "--reason", "a trial")
    assert given["picture"]["seq"] == seqs["ada"]
    assert one.read_bytes().startswith(START)
    assert one.read_bytes().endswith(END)
    assert one.stat().st_mode & 0o777 == 0o600
    clip = folder / "clip"
    done = asked(house, "export", str(seqs["clip"]), str(clip))
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in clip.iterdir())
    assert len(names) == only_of(house, seqs["clip"])["count"] >= 40
    assert names[0].startswith("0001-")
    assert names[0].endswith("Z.jpg")
    assert all((clip / name).read_bytes().startswith(START) for name in names)
    assert sorted(path.name for path in folder.iterdir()) == ["clip", "one.jpg"]

    for words in (("export", "1", str(folder / "x")), ("export", str(seqs["ada"]), str(one))):
        refused = asked(house, *words)
        assert refused.exit_code == 1, refused.output
    assert sorted(path.name for path in folder.iterdir()) == ["clip", "one.jpg"]

    verified = said(house, "verify")
    assert (verified["sound"], verified["erased"], verified["findings"]) == (3, 0, [])


def only_of(house: House, seq: int) -> Any:
    return next(one for one in said(house, "list")["pictures"] if one["seq"] == seq)


async def damaged(one: Watched, house: House, seqs: dict[str, int]) -> None:
    """Files that are not what they were are told by their entries, and not given away."""
    rows = {row.seq: row for row in one.store.index.rows()}
    path = one.store.index.path_of(rows[seqs["ada"]].id)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    other = one.store.index.path_of(rows[seqs["bob"]].id)
    his = other.read_bytes()
    other.unlink()
    stray = one.store.index.path_of("f" * 32)
    stray.write_bytes(b"put there by somebody")
    done = await asyncio.to_thread(asked, house, "verify")
    assert done.exit_code == 1
    told = {line.partition(":")[0]: line for line in done.stdout.splitlines() if ": " in line}
    assert "is not the one that was kept" in told[f"#{seqs['ada']}"]
    assert "No such file" in told[f"#{seqs['bob']}"]
    assert stray.name in told["-"]
    gone = house.folder / "gone"
    for seq in ("ada", "bob"):
        refused = await asyncio.to_thread(asked, house, "export", str(seqs[seq]), str(gone))
        assert refused.exit_code == 1, refused.output
    assert not gone.exists()
    path.write_bytes(whole)
    other.write_bytes(his)
    stray.unlink()
    shown = await bodies(one.edge, PictureShown)
    assert len(shown) == 3, "two that were given, and one that broke on the way"


def test_pictures_are_listed_given_and_looked_through_with_a_daemon_and_without(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seqs = play(house, monkeypatch)
    look_at_all(house, seqs)
    shown = [body for body in entries_of(house) if isinstance(body, PictureShown)]
    assert [body.reason for body in shown] == ["a trial", "", "", "a trial", ""]

    async def lose_the_keys() -> None:
        async with at_rest(house) as store:
            with store.index._writing() as database:
                database.execute("DELETE FROM picture WHERE seq = ?", [seqs["ada"]])

    asyncio.run(lose_the_keys())
    done = asked(house, "verify")
    assert done.exit_code == 1
    assert f"#{seqs['ada']}" in done.stdout
    assert "no entry says that it was erased" in done.stdout


def test_where_nothing_was_ever_kept_that_is_said(house: House) -> None:
    async def run() -> None:
        from tests.edge.house import running

        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)

            def ask() -> None:
                assert said(house, "list")["pictures"] == []
                for words in (("verify",), ("export", "1", str(house.folder / "x"))):
                    refused = asked(house, *words)
                    assert refused.exit_code == 1, refused.output
                    assert not isinstance(refused.exception, ValueError)

            await asyncio.to_thread(ask)

    asyncio.run(run())
    assert said(house, "list")["pictures"] == []
    assert asked(house, "verify").exit_code == 1
    assert not (house.folder / "state" / "pictures.db").exists()
