"""Another key for the journal: the witness follows, what was signed before holds, and a power cut
anywhere leaves a key that is believed."""

import asyncio
import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from central.archive_sqlite import SqliteArchive
from central.witness import KeyFollowed, NotCosigned, Witness
from controller import events as ev
from controller.checkpoint import Checkpoint, log_name
from controller.merkle import EMPTY, above, consistency
from edge import verify_journal, wire
from edge.checkpoints import Checkpointer
from edge.commands.journal import journal
from edge.journal import Signers, verify_folder
from edge.journal.writer import JournalWriter
from edge.journal_keys import (
    FORMER_FILE,
    KEY_FILE,
    NEXT_FILE,
    JournalKey,
    KeyRing,
    RotationError,
    begin_rotation,
    journal_key,
    public_keys,
)
from edge.notes import Algorithm, NoteKey, signed
from edge.signatures import SigningKey
from simulators.broker_process import BrokerProcess
from tests.central.rig import record, running_central
from tests.central.rig import until as until_true
from tests.central.test_witness import CENTRAL, EDGE, NAME, SEEN_S, SITE, key, leaves
from tests.central.test_witnessed import alarms, running_edge, witness
from tests.edge.file_cuts import CutError, cut_after
from tests.edge.house import House, running, until
from tests.servers import skip_or_fail

FIRST, SECOND, THIRD = key(1), key(2), key(4)


def sent(size: int, old: int, *by: SigningKey) -> wire.CheckpointSent:
    """A checkpoint signed by these, presented as the first one's."""
    own = leaves(size)
    proof = consistency(old, size, above(EMPTY.with_leaves(own[:old]), lambda a, b: own[a:b]))
    text = Checkpoint(NAME, size, EMPTY.with_leaves(own).root).text
    return wire.CheckpointSent(
        note=signed(text, NAME, *by),
        key=NoteKey(NAME, by[0].public, Algorithm.LOG).text,
        old=old,
        proof=tuple(node.hex() for node in proof),
    )


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[SqliteArchive]:
    with closing(SqliteArchive(tmp_path / "archive.db")) as opened_one:
        yield opened_one


def judged(archive: SqliteArchive, one: wire.CheckpointSent) -> object:
    """Nothing where it is plainly cosigned; otherwise what was told."""
    return Witness(CENTRAL, lambda: SEEN_S).judge(archive, SITE, EDGE, one).told


def alarm(archive: SqliteArchive, one: wire.CheckpointSent) -> str:
    told = judged(archive, one)
    assert isinstance(told, NotCosigned)
    assert told.alarm
    return told.reason


def test_the_witness_follows_to_a_key_that_the_known_one_vouches_for(
    archive: SqliteArchive,
) -> None:
    assert judged(archive, sent(5, 0, FIRST)) is None
    assert alarm(archive, sent(6, 5, SECOND)) == "it is signed under another key than before"
    assert isinstance(judged(archive, sent(6, 5, SECOND, FIRST)), KeyFollowed)
    assert judged(archive, sent(7, 6, SECOND)) is None
    assert judged(archive, sent(8, 7, SECOND, FIRST)) is None, "still signed by both"
    assert isinstance(judged(archive, sent(9, 8, THIRD, SECOND)), KeyFollowed)
    assert judged(archive, sent(10, 9, THIRD)) is None


def test_nobody_leads_back_to_a_former_key(archive: SqliteArchive) -> None:
    """A note with both signatures went over the wire, for anybody to present as the old one's."""
    judged(archive, sent(5, 0, FIRST))
    both = sent(6, 5, SECOND, FIRST)
    judged(archive, both)
    own = NoteKey(NAME, FIRST.public, Algorithm.LOG).text
    back = msgspec.structs.replace(sent(6, 6, SECOND, FIRST), key=own)
    assert alarm(archive, back) == "it is signed under a former key of its own"
    assert alarm(archive, sent(7, 6, FIRST)) == "it is signed under a former key of its own"
    assert judged(archive, sent(7, 6, SECOND)) is None


def test_a_line_that_only_looks_like_the_known_keys_leads_nowhere(
    archive: SqliteArchive,
) -> None:
    judged(archive, sent(5, 0, FIRST))
    forged = sent(6, 5, SECOND, FIRST)
    other = sent(7, 5, FIRST).note.splitlines()[-1]
    lines = forged.note.splitlines()
    note = "\n".join((*lines[:-1], other)) + "\n"
    assert alarm(archive, msgspec.structs.replace(forged, note=note))
    assert judged(archive, sent(6, 5, FIRST)) is None


def rotated(state: Path, *, begin: bool = True) -> None:
    """All of a rotation's steps, with a witness that follows at once."""
    if begin:
        begin_rotation(state)
    ring = KeyRing(journal_key(state), state)
    ring.advance()
    ring.followed()
    ring.advance()


@pytest.mark.parametrize("follows", [False, True])
def test_a_power_cut_anywhere_leaves_a_key_that_the_witness_believes(
    tmp_path: Path, archive: SqliteArchive, monkeypatch: pytest.MonkeyPatch, follows: bool
) -> None:
    """At each step on the disk. `follows`: the witness had, when the power went."""
    seen: set[tuple[bool, bool]] = set()
    steps = 0
    while True:
        state = tmp_path / f"{follows}-{steps}"
        state.mkdir()
        first = journal_key(state).key
        archive.forget(SITE, EDGE)
        judged(archive, sent(5, 0, first))
        with monkeypatch.context() as patch:
            cut = cut_after(patch, steps)
            try:
                rotated(state)
            except CutError:
                pass
            was_cut = cut()
        after = journal_key(state)
        assert not after.of_this_run
        if follows and after.successor is not None:
            judged(archive, sent(6, 5, *after.signing))
        # The edge goes on from there, and so does the witness, with what was signed before.
        ring = KeyRing(after, state)
        size = 7
        old = 6 if follows and after.successor is not None else 5
        told = judged(archive, sent(size, old, *ring.advance().signing))
        if after.successor is None and after.key.public != first.public:
            # Both steps were done: the witness must have seen both signatures before.
            assert isinstance(told, NotCosigned)
        else:
            assert told is None or isinstance(told, KeyFollowed)
        assert first.public in after.publics
        seen.add((after.successor is not None, after.key.public == first.public))
        ring.followed()
        rotated(state, begin=after.successor is None and after.key.public == first.public)
        assert journal_key(state).key.public != first.public
        assert first.public in journal_key(state).former
        assert not (state / NEXT_FILE).exists()
        if not was_cut:
            break
        steps += 1
    assert seen == {(False, True), (True, True), (False, False)}, "each state was met"
    assert steps > 10


def test_a_second_rotation_waits_for_the_first_and_a_lost_key_is_not_rotated(
    tmp_path: Path,
) -> None:
    with pytest.raises(RotationError, match="no key to rotate from"):
        begin_rotation(tmp_path)
    journal_key(tmp_path)
    begin_rotation(tmp_path)
    with pytest.raises(RotationError, match="is under way"):
        begin_rotation(tmp_path)
    assert (tmp_path / NEXT_FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / NEXT_FILE).write_text("nonsense")
    assert journal_key(tmp_path).successor is None, "and the one in force goes on"


def test_what_root_makes_belongs_to_whom_the_folder_belongs(tmp_path: Path) -> None:
    """Otherwise the service could not read it, and would be refused its own key."""
    if os.geteuid() != 0:
        skip_or_fail("only root can do this for another account")
    journal_key(tmp_path)
    service = pwd.getpwnam("nobody").pw_uid
    for file in (tmp_path, tmp_path / KEY_FILE):
        os.chown(file, service, -1)
    begin_rotation(tmp_path)
    assert (tmp_path / NEXT_FILE).stat().st_uid == service
    rotated(tmp_path, begin=False)
    owners = {file.name: file.stat().st_uid for file in tmp_path.iterdir()}
    assert owners == {KEY_FILE: service, FORMER_FILE: service}


async def _opened(folder: Path) -> JournalWriter:
    return await JournalWriter.open(
        folder, site=SITE, edge=EDGE, entropy=lambda n: b"\1" * n, utc_us=1
    )


def test_what_was_signed_before_holds_and_a_former_key_signs_nothing_new(tmp_path: Path) -> None:
    async def run(*keys: JournalKey) -> None:
        writer = await _opened(tmp_path / "j")
        for one in keys:
            await writer.append(
                [record(writer.incarnation, writer.last_seq + 1, site=SITE, edge=EDGE)]
            )
            taken = Checkpointer(writer, KeyRing(one), lambda: 1, lambda _: None)
            assert await taken.take()
        await writer.close()

    first, both = JournalKey(FIRST), JournalKey(FIRST, successor=SECOND)
    asyncio.run(run(first, both, JournalKey(SECOND)))
    known = Signers(SECOND.public, None, (FIRST.public,))
    assert verify_folder(tmp_path / "j", signers=known).sound
    assert not verify_folder(tmp_path / "j", signers=Signers(SECOND.public)).sound
    asyncio.run(run(first))
    (found,) = verify_folder(tmp_path / "j", signers=known).findings
    assert "under a former key" in found.what


def invoked(*arguments: str | Path) -> str:
    done = CliRunner().invoke(journal, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_running_edge_takes_the_new_key_and_outsiders_verify_on_both_sides_of_it(
    tmp_path: Path,
) -> None:
    """The command, the daemon, and the script that knows nothing of us."""
    house = House(tmp_path)
    state = house.folder / "state"

    async def scene() -> list[str]:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            assert await edge.checkpoints.take()
            before = edge.checkpoints.key.text
            await asyncio.to_thread(invoked, "key", "rotate", "--state", state)
            assert await edge.checkpoints.take(), "signed by both"
            assert edge.checkpoints.key.text != before
            former, key = edge.checkpoints.ring.keys.key.id, edge.checkpoints.ring.keys.successor
            assert key is not None
            # No witness has to follow: it is recorded, and only then the old one goes, at once.
            recorded = await until(edge, ev.JournalKeyRotated)
            assert recorded == [ev.JournalKeyRotated(key=key.id, former=former)]
            await until_true(lambda: not (state / NEXT_FILE).exists(), "the old one is gone")
            assert await edge.checkpoints.take()
            report = await edge.desk.verify(lambda *_: None)
            assert report.sound
            assert report.key == edge.checkpoints.key.text
            return [before, edge.checkpoints.key.text]

    before, after = asyncio.run(scene())
    assert before != after
    said = json.loads(invoked("key", "show", "--state", state, "--json"))
    assert (said["next"], len(said["former"])) == (None, 1)
    assert len((state / FORMER_FILE).read_text().split()) == 1
    assert "in force" in invoked("key", "show", "--state", state)
    invoked("verify", "--state", state)
    file = tmp_path / "all.jsonl"
    invoked("export", file, "--state", state)
    script = [sys.executable, verify_journal.__file__, str(file)]
    done = subprocess.run([*script[:2], "--log", after, script[2]], check=False)
    assert done.returncode == 0


def test_a_note_signed_by_both_is_good_for_the_outsider_under_either(tmp_path: Path) -> None:
    async def run() -> str:
        writer = await _opened(tmp_path / "j")
        await writer.append([record(writer.incarnation, 1, site=SITE, edge=EDGE)])
        ring = KeyRing(JournalKey(FIRST, successor=SECOND))
        await Checkpointer(writer, ring, lambda: 1, lambda _: None).take()
        await writer.close()
        return log_name(SITE, EDGE, writer.incarnation)

    name = asyncio.run(run())
    state = tmp_path / "state"
    state.mkdir()
    shutil.move(tmp_path / "j", state / "journal")
    for number, one in enumerate((FIRST, SECOND)):
        text = NoteKey(name, one.public, Algorithm.LOG).text
        file = tmp_path / f"{number}.json"
        invoked("prove", "1", file, "--state", state, "--key", text)
        script = [sys.executable, verify_journal.__file__, "--log", text, str(file)]
        assert subprocess.run(script, check=False).returncode == 0
    assert public_keys(state) == (), "there is no key beside it"


def test_a_key_is_rotated_while_the_witness_follows(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """Through a time in which nobody reaches it, and a restart in the middle."""
    archive, state = tmp_path / "archive.db", tmp_path
    first = journal_key(state).key

    def ring() -> KeyRing:
        return KeyRing(journal_key(state), state)

    async def run() -> None:
        async with (
            running_central(archive, mosquitto.port, witness=witness()),
            running_edge(tmp_path / "j", mosquitto.port, ring=ring()) as edge,
        ):
            await edge.happen(10)
            await edge.cosigned_up_to(10)
        begin_rotation(state)
        async with running_edge(tmp_path / "j", mosquitto.port, ring=ring()) as edge:
            for _ in range(3):
                await edge.happen(5)
            assert edge.ring.keys.successor is not None, "nobody has followed"
        async with (
            running_central(archive, mosquitto.port, witness=witness()) as found,
            running_edge(tmp_path / "j", mosquitto.port, ring=ring()) as edge,
        ):
            await edge.witnessed.look_back()
            assert edge.reports == []
            await edge.happen(5)
            await edge.cosigned_up_to(30)
            assert edge.ring.keys.key.public == first.public
            await edge.happen(5)
            await edge.cosigned_up_to(35)
            assert edge.ring.keys.key.public != first.public
            assert edge.ring.keys.former == (first.public,)
            await edge.happen(5)
            await edge.cosigned_up_to(40)
            assert not alarms(found)
            assert [one for one in found if isinstance(one, KeyFollowed)]
        async with (
            running_central(archive, mosquitto.port, witness=witness()) as found,
            running_edge(tmp_path / "j", mosquitto.port, ring=ring()) as edge,
        ):
            await edge.witnessed.look_back()
            await edge.happen(5)
            await edge.cosigned_up_to(45)
            assert edge.reports == []
            assert not alarms(found)

    asyncio.run(run())
