"""People from edge A to edge B by file: two whole edges, their commands, one site's keys."""

import asyncio
import hashlib
import json
import threading
from base64 import b64decode
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from controller import events as ev
from controller.events import decode_body, decode_entry
from edge.assembly import Edge
from edge.commands.person_sets import FILE_BEHIND
from edge.people_desk import KEPT, WAITING
from edge.present import line
from edge.signatures import ENVELOPE_BYTES_MAX
from policies.codes import Code
from simulators.secret_file import write_secret
from tests.commands import command
from tests.edge.checks import ready
from tests.edge.house import ADA, FRONT, POLICY, House, bodies, running, until
from tests.edge.process import running_process

REVOKED = b"id,status\n1,revoked\n"


class Said(NamedTuple):
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Site:
    """Edge A knows Ada and Bob, edge B nobody; the chief may sign people, the guard may not."""

    def __init__(self, folder: Path) -> None:
        (folder / "a").mkdir()
        (folder / "b").mkdir()
        self.folder = folder
        self.a, self.b = House(folder / "a"), House(folder / "b")
        for path in (self.b.folder / "state").iterdir():
            path.unlink()
        write_secret(self.b.folder / "site.key", (self.a.folder / "site.key").read_bytes())
        site = self.b.folder / "site.toml"
        site.write_text(site.read_text().replace('edge = "gate"', 'edge = "annex"'))

    async def keys(self) -> None:
        for name, use in (("chief", "people"), ("guard", "order")):
            made = await self.run("key", "new", name, "--may", use)
            assert made.code == 0, made.err
            for house in (self.a, self.b):
                with (house.folder / "site.toml").open("a") as file:
                    file.write(f"\n{made.out}")

    @property
    def chief(self) -> str:
        """The id of the chief's key."""
        (found,) = [key.id for key in self.a.config().keys if key.name == "chief"]
        return found

    async def run(self, *words: str, data: bytes = b"") -> Said:
        """A command in the folder of both."""
        done = await asyncio.to_thread(command, *words, cwd=self.folder, data=data)
        return Said(done.returncode, done.stdout, done.stderr)

    async def person(self, edge: str, *words: str, data: bytes = b"") -> Said:
        return await self.run("person", *words, "--config", f"{edge}/site.toml", data=data)

    async def export(self, name: str, *words: str, edge: str = "a") -> Path:
        done = await self.person(edge, "export", name, *words, "--key", "chief.key")
        assert done.code == 0, done.err
        return self.folder / name

    async def status(self, edge: str) -> Any:
        return (await self.run("status", "--json", "--config", f"{edge}/site.toml")).json


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def change_set_of(file: Path) -> str:
    """How the journal names it."""
    return hashlib.sha256(b64decode(json.loads(file.read_bytes())["payload"])).hexdigest()


async def decided(edge: Edge, house: House, count: int) -> ev.DecisionMade:
    """What is decided about Ada's badge at the front door; `count`: how many that makes."""
    house.badge("front-in", ADA)
    *_, last = await until(edge, ev.DecisionMade, count)
    assert isinstance(last, ev.DecisionMade)
    return last


async def said_by(edge: Edge, kind: type[ev.Body]) -> list[str]:
    """The lines for people of the entries of one kind."""
    found = await edge.daemon.writer.read(1, 10_000, 64 * 1024 * 1024)
    read = [(decode_entry(record.entry), record.personal) for record in found]
    zone = edge.daemon.site.policy.zone
    return [
        line(entry, personal, zone).text
        for entry, personal in read
        if isinstance(decode_body(entry), kind)
    ]


def test_a_revocation_at_one_edge_closes_the_doors_of_the_other(site: Site) -> None:
    async def run() -> None:
        await site.keys()
        async with site.a.line(), site.b.line():
            everybody = await site.export("all.set", "--all")
            assert everybody.stat().st_mode & 0o777 == 0o600
            taken = await site.person("b", "take", "all.set")
            assert taken.code == 0, taken.err
            assert taken.out.startswith("version 1 of the people is in force: 2 people, 2 badges")
            async with running(site.a) as a, running(site.b) as b:
                await ready(a)
                await ready(b)
                assert (await decided(b, site.b, 1)).decision.granted
                async with asyncio.timeout(5):
                    while not site.b.opened_at(FRONT):
                        await asyncio.sleep(0.01)
                await revoked_and_carried(a, b)

    async def revoked_and_carried(a: Edge, b: Edge) -> None:
        done = await site.person("a", "import", "-", data=REVOKED)
        assert done.code == 0, done.err
        assert not (await decided(a, site.a, 1)).decision.granted
        delta = await site.export("delta.set", "--since", "1")
        before = len(site.b.opened_at(FRONT))
        dry = await site.person("b", "take", "--dry-run", "delta.set")
        assert "would be taken: 1 person, 1 badge, 0 PINs changed" in dry.out
        assert (b.daemon.people.version, b.daemon.people.staged) == (1, None)
        taken = await site.person("b", "take", "delta.set", "--json")
        assert (taken.code, taken.json["applied"]) == (0, True), taken.err
        last = await decided(b, site.b, 2)
        assert (last.decision.granted, last.decision.code) == (False, Code.CREDENTIAL_REVOKED)
        assert len(site.b.opened_at(FRONT)) == before, "the door has not opened again"
        *_, replaced = await bodies(b, ev.HoldersReplaced)
        assert isinstance(replaced, ev.HoldersReplaced)
        assert replaced.version == 2
        assert replaced.provenance.change_set == change_set_of(delta)
        assert replaced.provenance.keys == (site.chief,)
        assert replaced.operator is not None, "who took it"
        *_, shown = await said_by(b, ev.HoldersReplaced)
        assert f"by change set {change_set_of(delta)[:16]} signed with {site.chief[:16]}" in shown
        *_, shown = await said_by(b, ev.DecisionMade)
        assert "revoked" in shown
        await both_tell_the_same(a, b)

    async def both_tell_the_same(a: Edge, b: Edge) -> None:
        of_a, of_b = await site.status("a"), await site.status("b")
        for field in ("people_version", "people_made_utc_us"):
            assert of_a[field] == of_b[field]
        assert of_b["people_version"] == 2
        page = await site.run("status", "--config", "b/site.toml")
        assert "people    version 2, changed " in page.out
        told = (await site.person("b", "history", "--json")).json["changes"]
        assert [(one["number"], one["people"]) for one in told] == [(2, ["1"]), (1, [])]
        assert told[0]["made_edge"] == "gate"
        assert told[0]["seq"] is not None
        assert told[0]["touched"] == [1, 1, 0]
        newest = (await site.person("a", "history", "-n", "1")).out
        assert newest.count("\n") == 1
        assert " at gate: 1 person, 1 badge, 0 PINs (ids 1); journal " in newest

    asyncio.run(run())


def test_what_is_refused_by_a_running_edge_changes_nothing(site: Site) -> None:
    async def run() -> None:
        await site.keys()
        for house, kind in ((site.a, "regular"), (site.b, "visitor")):
            guest = f'\n[role.guest]\nkind = "{kind}"\n'
            (house.folder / "policy.toml").write_text(POLICY + guest)
        await site.export("all.set", "--all")
        await site.person("b", "take", "all.set")
        async with site.b.line(), running(site.b) as b:
            await ready(b)
            for name, data, reason in await spoiled(site):
                people = b.daemon.people
                before = (people.roll, people.history(10), people.staged)
                (site.folder / "spoiled").write_bytes(data)
                done = await site.person("b", "take", "spoiled")
                assert done.code == 1, name
                assert reason in done.err, (name, done.err)
                assert "remedy: " in done.err, name
                assert (people.roll, people.history(10), people.staged) == before, name
            assert len(await bodies(b, ev.HoldersReplaced)) == 1, "the start's"
            assert (await decided(b, site.b, 1)).decision.granted

    asyncio.run(run())


async def spoiled(site: Site) -> list[tuple[str, bytes, str]]:
    good = (site.folder / "all.set").read_bytes()
    by_guard = await site.person("a", "export", "guard.set", "--all", "--key", "guard.key")
    assert by_guard.code == 0, by_guard.err
    return [
        ("cut off", good[: len(good) // 2], "no signed file, or cut off"),
        ("one sign changed", _turned(good), "nobody has signed this who may sign people"),
        ("a guard", (site.folder / "guard.set").read_bytes(), "these may not: guard"),
        ("50 MB", b"A" * 50_000_000, f"larger than {ENVELOPE_BYTES_MAX} bytes"),
        ("text", b"id,name\n1,Eve\n", "no signed file"),
        ("a gap", await _later(site), "the set builds on version 2, version 1 is on file"),
        ("a visitor and more", await _mixed(site), "have another role as well: 1 person (2)"),
    ]


async def _later(site: Site) -> bytes:
    """What has changed at A after a change of which B does not know."""
    for status in (b"suspended", b"active"):
        done = await site.person("a", "import", "-", data=b"id,status\n2," + status + b"\n")
        assert done.code == 0, done.err
    return (await site.export("later.set", "--since", "2")).read_bytes()


async def _mixed(site: Site) -> bytes:
    """Somebody with roles that A's policy lets him have."""
    done = await site.person("a", "import", "-", data=b"id,roles\n2,staff guest\n")
    assert done.code == 0, done.err
    return (await site.export("mixed.set", "--since", "1")).read_bytes()


def _turned(data: bytes) -> bytes:
    at = data.index(b'"payload":"') + 500
    return data[:at] + (b"A" if data[at : at + 1] != b"A" else b"B") + data[at + 1 :]


def test_a_set_taken_while_the_journal_hangs_is_kept_and_comes_in_force(site: Site) -> None:
    async def run() -> None:
        await site.keys()
        await site.export("all.set", "--all")
        await site.person("b", "take", "all.set")
        await site.person("a", "import", "-", data=REVOKED)
        await site.export("delta.set", "--since", "1")
        async with site.b.line(), running(site.b) as b:
            await ready(b)
            people, free = b.daemon.people, threading.Event()
            stalled = asyncio.ensure_future(b.daemon.writer._call(lambda _: free.wait(60)))
            kept = await site.person("b", "take", "delta.set")
            assert kept.code == 1
            assert f"not in force yet: {KEPT}" in kept.err
            second = await site.person("b", "take", "delta.set")
            assert WAITING in second.err
            assert people.staged is not None
            free.set()
            await stalled
            async with asyncio.timeout(10):
                while people.staged is not None:
                    await asyncio.sleep(0.02)
            assert people.version == 2
            assert people.directory().provenance.keys == (site.chief,)
            assert (await decided(b, site.b, 1)).decision.code is Code.CREDENTIAL_REVOKED

    asyncio.run(run())


def test_a_set_is_in_force_once_the_journal_has_it_though_the_file_cannot_be_written(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        await site.keys()
        await site.export("all.set", "--all")
        await site.person("b", "take", "all.set")
        await site.person("a", "import", "-", data=REVOKED)
        await site.export("delta.set", "--since", "1")
        async with site.b.line(), running(site.b) as b:
            await ready(b)
            people = b.daemon.people
            honest, in_the_way = people.settle, site.b.folder / "state" / "site.db-journal"

            def settle(seq: int | None) -> None:
                in_the_way.mkdir()
                monkeypatch.undo()
                honest(seq)

            monkeypatch.setattr(people, "settle", settle)
            taken = await site.person("b", "take", "delta.set")
            assert taken.code == 0, taken.err
            assert taken.out.startswith("version 2 of the people is in force")
            assert FILE_BEHIND in taken.err
            assert (await decided(b, site.b, 1)).decision.code is Code.CREDENTIAL_REVOKED
            told = await site.person("b", "history")
            assert "version 2 is in force and recorded" in told.err
            unwritten = await site.person("b", "export", "x.set", "--all", "--key", "chief.key")
            assert "version 2 is in force and recorded" in unwritten.err
            in_the_way.rmdir()
            async with asyncio.timeout(10):
                while people.staged is not None:
                    await asyncio.sleep(0.02)
            assert "2  " in (await site.person("b", "history")).out

    asyncio.run(run())


DIES_BEFORE_THE_FILE = """
import os, signal
from edge.people.store import People
People.settle = lambda self, seq: os.kill(os.getpid(), signal.SIGKILL)
"""
DIES_BEFORE_THE_JOURNAL = """
import os, signal
from edge.people.store import People
honest = People.stage
def stage(self, *arguments):
    honest(self, *arguments)
    os.kill(os.getpid(), signal.SIGKILL)
People.stage = stage
"""


@pytest.mark.parametrize(
    ("plant", "recorded"), [(DIES_BEFORE_THE_FILE, True), (DIES_BEFORE_THE_JOURNAL, False)]
)
def test_a_power_cut_leaves_a_set_in_force_exactly_if_the_journal_has_it(
    site: Site, plant: str, recorded: bool
) -> None:
    async def run() -> None:
        await site.keys()
        await site.export("all.set", "--all")
        await site.person("b", "take", "all.set")
        await site.person("a", "import", "-", data=REVOKED)
        delta = await site.export("delta.set", "--since", "1")
        async with site.b.line():
            async with running_process(site.b, plant=plant) as edge:
                lost = await site.person("b", "take", "delta.set")
                assert lost.code == 1
                assert "sentrypost status" in lost.err
                assert await edge.ended() == -9
            async with running(site.b) as b:
                await until(b, ev.EdgeReady, 2)
                await until(b, ev.ReaderFound, 8)
                assert b.daemon.people.staged is None
                first = await decided(b, site.b, 1)
                assert first.decision.granted is not recorded
                again = await site.person("b", "take", "delta.set", "--json")
                assert again.json["already"] is recorded, again
                last = await decided(b, site.b, 2)
                assert last.decision.code is Code.CREDENTIAL_REVOKED
                replaced = await bodies(b, ev.HoldersReplaced)
                sets = [one.provenance.change_set for one in replaced if one.version == 2]
                assert set(sets) == {change_set_of(delta)}

    asyncio.run(run())
