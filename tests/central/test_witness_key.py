"""Another key for the witness, from the command to the edges that follow."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from central.archive_sqlite import SqliteArchive
from central.commands import central
from central.witness import NAME as WITNESS
from central.witness import Judgement, MemoryRegained, Witness
from central.witness_key import FORMER, NEXT, WitnessKey, load_witness_key, rotate_witness_key
from controller import events as ev
from edge.journal import Signers, verify_folder
from edge.journal_keys import public_keys
from edge.key_files import KeyFileError
from edge.notes import Algorithm, NoteKey, cosignature, cosigned_at, note_key
from edge.signatures import SigningKey, key_id
from edge.signing_keys import make_signing_key
from edge.witness_keys import FOLLOWED_FILE, WitnessRing, succeeded, succession, witnesses_of
from simulators.broker_process import BrokerProcess
from tests.central.rig import CentralProcess
from tests.central.test_witness import EDGE, SITE, key, sent
from tests.central.test_witnessed import alarms, running_central, running_edge
from tests.edge.file_cuts import CutError, cut_after
from tests.edge.house import House, running, until

FIRST, SECOND = key(21), key(22)
SEEN_S = 1_795_000_000
SUCCESSION = succession(succeeded(WITNESS, FIRST, SECOND, SEEN_S))


def before() -> Witness:
    return Witness(FIRST, lambda: SEEN_S)


def after() -> Witness:
    return Witness(SECOND, lambda: SEEN_S + 60, (SUCCESSION,))


# --- the file -------------------------------------------------------------------------------------


def silent() -> str:
    return ""


def test_a_power_cut_anywhere_leaves_a_key_to_which_everybody_is_led(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotated = set[bool]()
    for steps in range(200):
        folder = tmp_path / str(steps)
        folder.mkdir()
        file = folder / "witness.key"
        first = make_signing_key(file)
        with monkeypatch.context() as patch:
            cut = cut_after(patch, steps)
            try:
                rotate_witness_key(file, "", SEEN_S)
            except CutError:
                pass
            was_cut = cut()
        found = load_witness_key(file, silent)
        assert_leads(first, found)
        rotated.add(found.key.public != first.public)
        # A second start finds the same; and whoever asks for it again comes to a new key.
        assert load_witness_key(file, silent).key.public == found.key.public
        following = rotate_witness_key(file, "", SEEN_S + 1)
        assert following.key.public != found.key.public
        assert_leads(first, following)
        assert {path.name for path in folder.glob("w*")} == {file.name, file.name + FORMER}
        assert file.stat().st_mode & 0o777 == 0o600
        if not was_cut:
            break
    assert steps > 10
    assert rotated == {False, True}


def assert_leads(first: SigningKey, found: WitnessKey) -> None:
    """An edge that knows the first alone comes to the present one."""
    ring = WitnessRing(NoteKey(WITNESS, first.public, Algorithm.WITNESS))
    asyncio.run(ring.follow([one.note for one in found.successions]))
    assert ring.witnesses.key.public == found.key.public


def test_a_key_and_successions_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "witness.key"
    make_signing_key(file)
    rotate_witness_key(file, "", SEEN_S)
    file.unlink()
    make_signing_key(file)
    with pytest.raises(KeyFileError, match="bring the right file"):
        load_witness_key(file, silent)
    (tmp_path / f"witness.key{FORMER}").unlink()
    assert load_witness_key(file, silent).successions == ()


def asked(*words: str) -> Result:
    return CliRunner().invoke(central, ["key", *words])


def test_the_command_says_what_edges_have_to_know(tmp_path: Path) -> None:
    file = str(tmp_path / "witness.key")
    first = asked(file, "--new")
    assert first.exit_code == 0, first.output
    assert asked(file).stdout == first.stdout
    rotated = asked(file, "--rotate")
    assert rotated.exit_code == 0, rotated.output
    assert "start central anew" in rotated.stderr
    assert rotated.stdout != first.stdout
    said = json.loads(asked(file, "--json").stdout)
    assert said["key"] == rotated.stdout.strip()
    assert said["id"] == key_id(note_key(said["key"]).public)
    (former,) = said["former"]
    assert former["key"] == first.stdout.strip()
    assert former["until"].startswith("20")
    assert asked(file, "--new", "--rotate").exit_code == 2
    assert asked(str(tmp_path / "none.key"), "--rotate").exit_code == 1


def test_a_passphrase_closes_the_next_key_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "witness.key"
    make_signing_key(file, b"open sesame")
    monkeypatch.setattr("edge.commands.common.passphrase", lambda _: "open sesame")
    done = asked(str(file), "--rotate")
    assert done.exit_code == 0, done.output
    assert b"ENCRYPTED" in file.read_bytes()
    assert not file.with_name(file.name + NEXT).exists()


# --- the witness ----------------------------------------------------------------------------------


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[SqliteArchive]:
    with closing(SqliteArchive(tmp_path / "archive.db")) as opened:
        yield opened


def judged(
    archive: SqliteArchive, by: Witness, size: int, old: int, cosigned: str = ""
) -> Judgement:
    one = sent(size, old)
    if cosigned:
        one = msgspec.structs.replace(one, cosigned=cosigned)
    return by.judge(archive, SITE, EDGE, one)


def test_it_goes_on_from_what_its_former_key_has_cosigned(archive: SqliteArchive) -> None:
    judged(archive, before(), 5, 0)
    less, told = judged(archive, after(), 4, 0)
    assert told is not None
    assert told.reason == "4 entries, and 5 were cosigned"
    assert less is not None
    assert cosigned_at(less.note, before().key) == SEEN_S, "what it had said, said again"
    more, told = judged(archive, after(), 6, 5)
    assert (more is not None, told) == (True, None)
    assert more is not None
    assert more.successions == (SUCCESSION.note,)
    assert cosigned_at(more.note, after().key) == SEEN_S + 60


def test_its_former_signature_gives_its_memory_back_where_it_has_none(
    archive: SqliteArchive,
) -> None:
    answer, _ = judged(archive, before(), 5, 0)
    assert answer is not None
    archive.forget(SITE, EDGE)
    _, told = judged(archive, after(), 7, 5, answer.note)
    assert isinstance(told, MemoryRegained)


def test_a_stolen_former_key_proves_nothing_against_the_new_one(archive: SqliteArchive) -> None:
    """Whoever has it and the journal's key shows a larger journal, seen later."""
    judged(archive, after(), 5, 0)
    forged = sent(9, salt="forged")
    text = forged.note.rpartition("\n\n")[0] + "\n"
    shown = forged.note + cosignature(text, WITNESS, FIRST, SEEN_S + 9_999)
    one = msgspec.structs.replace(sent(10, 9, salt="forged"), cosigned=shown)
    answer, told = after().judge(archive, SITE, EDGE, one)
    assert told is not None
    assert not isinstance(told, MemoryRegained)
    assert answer is not None
    assert answer.problem, "what is remembered is the journal that the new key has cosigned"


# --- over the wire --------------------------------------------------------------------------------


def test_an_edge_follows_over_the_wire_and_no_answer_of_the_former_key_counts_then(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    archive = tmp_path / "archive.db"

    async def run() -> None:
        async with running_edge(tmp_path / "j", mosquitto.port, before().key) as edge:
            async with running_central(archive, mosquitto.port, witness=before()):
                await edge.happen(10)
                await edge.cosigned_up_to(10)
            async with running_central(archive, mosquitto.port, witness=after()) as found:
                await edge.happen(10)
                await told_of(edge.witnessed._witness, after().key)
                edge._believed = after().key
                await edge.cosigned_up_to(20)
            assert not alarms(found)
            assert edge.reports == []
            await edge.witnessed.look_back()
            async with running_central(archive, mosquitto.port, witness=before()):
                await edge.happen(10)
                async with asyncio.timeout(15):
                    while not edge.reports:
                        await asyncio.sleep(0.01)
                assert "has not cosigned it" in edge.reports[0].reason  # type: ignore[union-attr]
                assert await edge.cosigned() == 20

    asyncio.run(run())


async def told_of(ring: WitnessRing | None, newest: NoteKey) -> None:
    assert ring is not None
    async with asyncio.timeout(15):
        while ring.witnesses.key != newest:
            await asyncio.sleep(0.01)


def test_a_whole_edge_follows_a_central_whose_key_was_rotated(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """The commands, both processes' files, the record, and everybody who verifies afterwards."""
    file = tmp_path / "witness.key"
    named = asked(str(file), "--new").stdout.strip()
    broker = f'\n[broker]\nhost = "127.0.0.1"\nport = {mosquitto.port}\nwitness = "{named}"\n'
    house = House(tmp_path, broker)
    state = tmp_path / "state"

    async def cosigned() -> None:
        async with house.line(), running(house) as edge:
            process = CentralProcess(
                mosquitto.port, tmp_path / "archive.db", "--witness-key", str(file)
            )
            try:
                seq = edge.daemon.writer.last_seq
                assert await edge.checkpoints.take()
                async with asyncio.timeout(60):
                    while True:
                        kept = await edge.daemon.writer.newest_cosigned()
                        if kept is not None and kept.size >= seq:
                            break
                        await asyncio.sleep(0.05)
                if file.with_name(file.name + FORMER).exists():
                    (entry,) = await until(edge, ev.WitnessKeyFollowed)
                    said = json.loads(asked(str(file), "--json").stdout)
                    ids = (said["id"], said["former"][0]["id"])
                    assert entry == ev.WitnessKeyFollowed(key=ids[0], former=ids[1])
                report = await edge.desk.verify(lambda *_: None)
                assert report.sound, report.findings
            finally:
                process.stop()

    asyncio.run(cosigned())
    assert asked(str(file), "--rotate").exit_code == 0
    asyncio.run(cosigned())
    assert (state / FOLLOWED_FILE).exists()
    asyncio.run(cosigned())  # after a restart it is the new one's from the first moment on
    signers = Signers.under(public_keys(state), witnesses_of(note_key(named), state))
    assert [one.public for one in signers.witnesses] == [
        load_witness_key(file, silent).key.public,
        note_key(named).public,
    ]
    assert verify_folder(state / "journal", signers=signers).sound
