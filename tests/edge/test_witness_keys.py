"""Another key for the witness: who goes over to it, and that what the former one cosigned holds."""

import asyncio
import subprocess
import sys
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.checkpoint import Checkpoint
from controller.merkle import Frontier
from edge import verify_journal
from edge.control.closed import opened_closed
from edge.exports import Log, export, proof
from edge.journal import Signers, verify_folder
from edge.journal.checkpoints import note_cosigned, take
from edge.notes import Algorithm, NoteError, NoteKey, cosignature, signed
from edge.signatures import SigningKey
from edge.witness_keys import (
    FOLLOWED_FILE,
    SUCCESSIONS_MAX,
    Witnesses,
    WitnessRing,
    read_successions,
    succeeded,
    succession,
    witnesses_from,
    witnesses_of,
    write_successions,
)
from tests.edge.file_cuts import CutError, cut_after
from tests.edge.journal.support import open_journal, records
from tests.edge.journal.test_verify_checkpoints import LOG, NAME, UTC_US

WITNESS, AT_S = "sentrypost/_central", 1_800_000_000


def key(number: int) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def public(one: SigningKey) -> NoteKey:
    return NoteKey(WITNESS, one.public, Algorithm.WITNESS)


FIRST, SECOND, THIRD, THIEF = (key(number) for number in (11, 12, 13, 99))
STEPS = (succeeded(WITNESS, FIRST, SECOND, AT_S), succeeded(WITNESS, SECOND, THIRD, AT_S + 1))


# --- what a succession is -----------------------------------------------------------------------


def test_both_keys_have_signed_it() -> None:
    step = succession(STEPS[0])
    assert (step.former, step.key, step.utc_s) == (public(FIRST), public(SECOND), AT_S)


def test_one_signature_is_not_enough_nor_somebody_elses() -> None:
    text = STEPS[0].rpartition("\n\n")[0] + "\n"
    for signers in ((SECOND,), (FIRST,), (SECOND, THIEF), (THIEF, FIRST)):
        with pytest.raises(NoteError):
            succession(signed(text, WITNESS, *signers))


def test_what_is_signed_as_something_else_is_none() -> None:
    """Nothing that the journal's key or the witness's signs every day leads anywhere."""
    lines = STEPS[0].rpartition("\n\n")[0].split("\n")
    for changed in (
        ["witness-succession/v2", *lines[1:]],
        [lines[0], lines[1], lines[1], lines[3]],
        [*lines[:3], "yesterday"],
        [*lines[:3], "1" * 11],
        [*lines, "more"],
        lines[:3],
        [lines[0], public(FIRST).text.replace("+", "_", 1), *lines[2:]],
        [lines[0], NoteKey(WITNESS, FIRST.public, Algorithm.LOG).text, *lines[2:]],
        [lines[0], NoteKey("another", FIRST.public, Algorithm.WITNESS).text, *lines[2:]],
    ):
        with pytest.raises(NoteError):
            succession(signed("\n".join(changed) + "\n", WITNESS, SECOND, FIRST))
    with pytest.raises(NoteError, match="no succession"):
        succession(signed(Checkpoint(NAME, 1, b"\0" * 32).text, WITNESS, SECOND, FIRST))


# --- who is believed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "newest", "former"),
    [
        (FIRST, THIRD, (SECOND, FIRST)),
        (SECOND, THIRD, (SECOND, FIRST)),
        (THIRD, THIRD, (SECOND, FIRST)),
        (THIEF, THIEF, ()),
    ],
)
def test_the_site_file_may_name_any_of_them_and_nobody_else(
    named: SigningKey, newest: SigningKey, former: tuple[SigningKey, ...]
) -> None:
    found = witnesses_from(public(named), STEPS)
    assert found.key == public(newest)
    assert found.former == tuple(map(public, former))


def test_it_leads_one_way_and_only_from_the_key_that_is_believed() -> None:
    start = Witnesses(public(FIRST))
    assert [step.key for step in start.beyond(STEPS)] == [public(SECOND), public(THIRD)]
    assert start.beyond(STEPS[1:]) == (), "from the second alone nobody comes there"
    stolen = succeeded(WITNESS, FIRST, THIEF, AT_S)
    after = start.after(succession(STEPS[0]))
    assert after.beyond((stolen,)) == (), "the former key says nothing any more"
    back = succeeded(WITNESS, SECOND, FIRST, AT_S)
    assert after.beyond((back,)) == (), "nobody goes back"


def test_what_was_followed_is_recorded_and_on_file_for_the_next_run(tmp_path: Path) -> None:
    ring = WitnessRing(public(FIRST), tmp_path)
    recorded: list[tuple[NoteKey, bool]] = []

    async def record(step: object) -> bool:
        assert step is not None
        recorded.append((ring.witnesses.key, (tmp_path / FOLLOWED_FILE).exists()))
        return True

    ring.record = record
    asyncio.run(ring.follow(STEPS))
    assert recorded == [(public(FIRST), False), (public(SECOND), True)], "the record comes first"
    assert ring.witnesses.key == public(THIRD)
    again = WitnessRing(public(FIRST), tmp_path)
    assert again.witnesses == ring.witnesses
    assert witnesses_of(public(FIRST), tmp_path) == ring.witnesses
    asyncio.run(again.follow(STEPS))
    assert len(recorded) == 2, "it is followed once"


def test_what_cannot_be_recorded_is_not_followed(tmp_path: Path) -> None:
    ring = WitnessRing(public(FIRST), tmp_path)

    async def record(_: object) -> bool:
        return False

    ring.record = record
    asyncio.run(ring.follow(STEPS))
    assert ring.witnesses == Witnesses(public(FIRST))
    assert not (tmp_path / FOLLOWED_FILE).exists()


def test_a_forged_one_is_told_and_moves_nothing(tmp_path: Path) -> None:
    ring = WitnessRing(public(FIRST), tmp_path)
    text = STEPS[0].rpartition("\n\n")[0] + "\n"
    with pytest.raises(NoteError):
        asyncio.run(ring.follow((signed(text, WITNESS, SECOND, THIEF),)))
    assert ring.witnesses.key == public(FIRST)


@pytest.mark.parametrize("content", [b"nonsense", b'["nonsense"]', b"\xff", b"[1]"])
def test_a_damaged_file_leaves_the_key_that_the_site_file_names(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / FOLLOWED_FILE).write_bytes(content)
    assert WitnessRing(public(FIRST), tmp_path).witnesses == Witnesses(public(FIRST))


def test_a_power_cut_anywhere_leaves_what_was_or_what_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / FOLLOWED_FILE
    write_successions(path, [succession(STEPS[0])])
    seen = set[int]()
    for steps in range(100):
        with monkeypatch.context() as patch:
            cut = cut_after(patch, steps)
            try:
                write_successions(path, [succession(note) for note in STEPS])
            except CutError:
                pass
            was_cut = cut()
        found = read_successions(path)
        assert found in (STEPS[:1], STEPS)
        seen.add(len(found))
        if not was_cut:
            break
    assert steps > 3
    assert seen == {1, 2}


def test_no_more_are_kept_than_anybody_needs(tmp_path: Path) -> None:
    keys = [key(number) for number in range(100, 100 + SUCCESSIONS_MAX + 5)]
    notes = [succeeded(WITNESS, former, one, AT_S) for former, one in pairwise(keys)]
    path = tmp_path / FOLLOWED_FILE
    write_successions(path, [succession(note) for note in notes])
    assert read_successions(path) == tuple(notes[-SUCCESSIONS_MAX:])
    assert witnesses_of(public(keys[-1]), tmp_path) is not None
    assert path.stat().st_mode & 0o777 == 0o600


# --- what was cosigned ----------------------------------------------------------------------------


def _note(tree: Frontier) -> str:
    return signed(Checkpoint(NAME, tree.size, tree.root).text, NAME, LOG)


def cosigned(folder: Path, *by: SigningKey) -> None:
    """A closed journal: each of these has cosigned ten entries more than the one before."""
    with closing(open_journal(folder)) as journal:
        for number, one in enumerate(by):
            first = journal.last_seq + 1
            journal.append(records(first, first + 9))
            kept = take(journal, _note, UTC_US + number)
            text = kept.note.rpartition("\n\n")[0] + "\n"
            line = cosignature(text, WITNESS, one, AT_S + number)
            note_cosigned(journal, kept.size, kept.note + line)


def judged_by(*keys: SigningKey) -> Signers:
    witnesses = tuple(map(public, keys))
    return Signers(LOG.public, witnesses[0], (), witnesses[1:])


def test_what_a_former_key_cosigned_holds_and_it_cosigns_nothing_new(tmp_path: Path) -> None:
    cosigned(tmp_path / "good", FIRST, SECOND, SECOND)
    report = verify_folder(tmp_path / "good", signers=judged_by(SECOND, FIRST))
    assert report.sound, report.findings
    assert report.checkpoints.cosigned is not None
    assert report.checkpoints.cosigned.size == 30
    assert report.checkpoints.witness == public(SECOND).text
    assert not verify_folder(tmp_path / "good", signers=judged_by(SECOND)).sound
    cosigned(tmp_path / "bad", FIRST, SECOND, FIRST)
    (found,) = verify_folder(tmp_path / "bad", signers=judged_by(SECOND, FIRST)).findings
    assert (found.seq, "under a former key" in found.what) == (30, True)


def test_an_outsider_verifies_on_both_sides_of_it(tmp_path: Path) -> None:
    """With the script that knows nothing of us, under the keys that he has from elsewhere."""
    cosigned(tmp_path / "j", FIRST, SECOND)
    log = NoteKey(NAME, LOG.public, Algorithm.LOG)
    with opened_closed(tmp_path / "j") as journal:
        before = Log(journal, log, (public(FIRST),))
        after = Log(journal, log, (public(SECOND), public(FIRST)))
        old = proof(before, 3, 10, personal=False)
        assert proof(after, 3, 10, personal=False) == old, "named is who has cosigned that one"
        new = proof(after, 3, None, personal=False)
        whole = b"".join(export(after, 1, None, personal=False))
    one, other = public(FIRST).text, public(SECOND).text
    for data, keys, holds in (
        (old, (one,), True),
        (old, (other,), False),
        (old, (one, other), True),
        (old, (), True),
        (new, (other,), True),
        (new, (one,), False),
        (whole, (other,), True),
        (whole, (one,), False),
        (whole, (one, other), True),
    ):
        file = tmp_path / "given"
        file.write_bytes(data)
        named = [word for text in keys for word in ("--witness", text)]
        script = [sys.executable, "-I", "-S", verify_journal.__file__, *named, str(file)]
        done = subprocess.run(script, check=False, capture_output=True, text=True)
        assert (done.returncode == 0) is holds, done.stderr + done.stdout
        assert ("cosigned up to entry" in done.stdout) is holds
