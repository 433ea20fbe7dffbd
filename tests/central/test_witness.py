"""The witness: what adds to a journal is cosigned, what was cut or written anew is not."""

import random
from contextlib import closing

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central import witness as central_witness
from central.archive import ArchiveError
from central.archive_sql import SqlArchive
from central.witness import (
    ASKED_MAX,
    JournalReplaced,
    Judgement,
    MemoryRegained,
    NotCosigned,
    Remembered,
    Witness,
)
from controller.checkpoint import Checkpoint, checkpoint_of, log_name
from controller.ledger import leaf
from controller.merkle import EMPTY, above, consistency
from edge import wire
from edge.notes import Algorithm, NoteKey, cosignature, cosigned_at, opened, signed, text_of
from edge.signatures import SigningKey
from tests.central.stores import Store

SITE, EDGE, JOURNAL = "testonia", "gate", "0123456789abcdef"
NAME = log_name(SITE, EDGE, JOURNAL)
SEEN_S = 1_795_000_000


def key(number: int) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


OWN, OTHER, CENTRAL = key(1), key(2), key(3)


def leaves(count: int, salt: str = "") -> list[bytes]:
    return [leaf(f"{salt}{number}".encode()) for number in range(count)]


def sent(size: int, old: int = 0, *, by: SigningKey = OWN, salt: str = "") -> wire.CheckpointSent:
    """The checkpoint of a journal of that many entries, proven from `old`."""
    own = leaves(size, salt)
    tree = EMPTY.with_leaves(own)
    proof = consistency(old, size, above(EMPTY.with_leaves(own[:old]), lambda a, b: own[a:b]))
    return wire.CheckpointSent(
        note=signed(Checkpoint(NAME, size, tree.root).text, NAME, by),
        key=NoteKey(NAME, by.public, Algorithm.LOG).text,
        old=old,
        proof=tuple(node.hex() for node in proof),
    )


def witness() -> Witness:
    return Witness(CENTRAL, lambda: SEEN_S)


def judge(archive: SqlArchive, one: wire.CheckpointSent) -> tuple[int, str, bool]:
    """The size that the answer vouches for (-1: no answer), the problem, and whether it alarms."""
    answer, told = witness().judge(archive, SITE, EDGE, one)
    assert (told is None) == (answer is not None and not answer.problem)
    if answer is None:
        assert told is not None
        return -1, told.reason, told.alarm
    assert cosigned_at(answer.note, witness().key) == SEEN_S
    size = checkpoint_of(opened(answer.note, NoteKey(NAME, OWN.public, Algorithm.LOG))).size
    return size, answer.problem, told is not None and told.alarm


def test_what_adds_to_the_journal_is_cosigned(archive: SqlArchive) -> None:
    assert judge(archive, sent(0)) == (0, "", False)
    assert judge(archive, sent(5)) == (5, "", False)
    assert judge(archive, sent(5, 5)) == (5, "", False), "an idle journal says so as well"
    assert judge(archive, sent(1_000, 5)) == (1_000, "", False)


def test_a_first_sight_begins_anywhere(archive: SqlArchive) -> None:
    assert judge(archive, sent(40, 17)) == (40, "", False)


def test_a_journal_that_comes_back_smaller_is_an_alarm(archive: SqlArchive) -> None:
    judge(archive, sent(50))
    assert judge(archive, sent(49, 0)) == (50, "49 entries, and 50 were cosigned", True)


@pytest.mark.parametrize("size", [50, 51, 100])
def test_a_journal_that_was_written_anew_is_an_alarm(archive: SqlArchive, size: int) -> None:
    judge(archive, sent(50))
    rewritten = sent(size, 50, salt="forged ")
    what = "it does not begin with the 50 entries that were cosigned"
    assert judge(archive, rewritten) == (50, what, True)
    assert judge(archive, sent(size, 50)) == (size, "", False), "the true one goes on"


def test_proven_from_elsewhere_it_hears_from_where_and_not_for_ever(archive: SqlArchive) -> None:
    """Who has heard it and goes on does not hold what was cosigned."""
    one = witness()
    for size, old, problem, alarm in (
        (50, 0, "", False),
        (60, 20, "proven from 20, and 50 were cosigned", False),
        (60, 50, "", False),
        *((70 + n, 0, "proven from 0, and 60 were cosigned", n == ASKED_MAX) for n in range(4)),
    ):
        answer, told = one.judge(archive, SITE, EDGE, sent(size, old))
        assert answer is not None
        assert (answer.problem, told is not None and told.alarm) == (problem, alarm)


def test_a_stolen_name_under_another_key_is_an_alarm(archive: SqlArchive) -> None:
    judge(archive, sent(50))
    assert judge(archive, sent(60, 50, by=OTHER)) == (-1, "it is signed under another key than "
                                                      "before", True)  # fmt: skip


def test_nobody_speaks_for_another_edge(archive: SqlArchive) -> None:
    answer, told = witness().judge(archive, SITE, "annex", sent(5))
    assert answer is None
    assert told is not None
    assert "of another journal" in told.reason


def test_what_it_cosigned_outlives_the_witness(store: Store) -> None:
    for opening in range(2):
        with closing(store.open()) as archive:
            if opening == 0:
                judge(archive, sent(50))
            else:
                assert judge(archive, sent(10))[2], "smaller than before the restart"


class Overtaken:
    """Between what this witness reads and what it writes, another one cosigns `other`."""

    def __init__(self, archive: SqlArchive, other: wire.CheckpointSent) -> None:
        self._archive, self._other = archive, other

    def remembered(self, log: str) -> Remembered | None:
        known = self._archive.remembered(log)
        judge(self._archive, self._other)
        return known

    def journals(self, site: str, edge: str) -> int:
        return self._archive.journals(site, edge)

    def remember(self, log: str, what: Remembered, before: Remembered | None) -> None:
        self._archive.remember(log, what, before)


@pytest.mark.parametrize("known", [0, 10])
def test_two_witnesses_with_one_memory_never_go_back_behind_each_other(
    archive: SqlArchive, known: int
) -> None:
    if known:
        judge(archive, sent(known))
    overtaken = Overtaken(archive, sent(30, known))
    with pytest.raises(ArchiveError, match="another witness"):
        witness().judge(overtaken, SITE, EDGE, sent(20, known))
    assert judge(archive, sent(20, 20))[2], "smaller than what the other one cosigned"


def test_forgotten_is_one_edge_and_no_other(archive: SqlArchive) -> None:
    judge(archive, sent(5))
    assert (archive.forget(SITE, "gat"), archive.forget(SITE, "gate0")) == (0, 0)
    assert archive.journals(SITE, EDGE) == 1
    assert archive.forget(SITE, EDGE) == 1
    assert archive.remembered(NAME) is None


def test_lines_of_others_are_not_kept(archive: SqlArchive) -> None:
    """Kept, they would fill a note until nobody could read it."""
    one = sent(5)
    line = one.note.splitlines()[-1].replace(NAME, "junk")
    stuffed = msgspec.structs.replace(one, note=one.note + f"{line}\n" * 15)
    answer, told = witness().judge(archive, SITE, EDGE, stuffed)
    assert told is None
    assert answer is not None
    assert "junk" not in answer.note
    assert cosigned_at(answer.note, witness().key) == SEEN_S


def test_nobody_invents_journals_without_end(
    archive: SqlArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(central_witness, "JOURNALS_MAX", 2)

    def of(incarnation: str, edge: str = EDGE, old: int = 0) -> Judgement:
        name = log_name(SITE, edge, incarnation)
        text = Checkpoint(name, 1, EMPTY.with_leaves(leaves(1)).root).text
        key_of = NoteKey(name, OWN.public, Algorithm.LOG).text
        one = wire.CheckpointSent(note=signed(text, name, OWN), key=key_of, old=old)
        return witness().judge(archive, SITE, edge, one)

    first, second, third = (of(f"{n:016x}") for n in range(3))
    assert (first.told, first.answer is None) == (None, False)
    assert second.answer is not None, "it is cosigned, and somebody has to know why it is there"
    assert isinstance(second.told, JournalReplaced)
    assert f"journal {1:016x} begins in place of 1" in second.told.reason
    assert isinstance(third.told, NotCosigned)
    assert third.answer is None
    assert of("0" * 16, old=1).told is None, "those that are known go on"
    assert of("0" * 16, "gate-2").told is None, "and so do other edges"
    assert archive.forget(SITE, EDGE) == 2
    assert of("f" * 16).told is None


def test_no_changed_message_is_cosigned(archive: SqlArchive, seed: int) -> None:
    dice = random.Random(seed)
    judge(archive, sent(50))
    good = msgspec.json.encode(sent(70, 50))
    for _ in range(2_000):
        place = dice.randrange(len(good))
        bad = good[:place] + bytes([good[place] ^ 1 << dice.randrange(7)]) + good[place + 1 :]
        try:
            one = wire.decode_checkpoint(bad)
        except wire.WireError:
            continue
        if msgspec.structs.replace(one, v=1) != sent(70, 50):
            answer, _ = witness().judge(archive, SITE, EDGE, one)
            assert answer is None or answer.problem, bad


def cosigned(
    size: int, at_s: int = SEEN_S, *, by: SigningKey = CENTRAL, log: SigningKey = OWN
) -> str:
    """The note over that many entries, as a witness signed it at that time."""
    note = sent(size, by=log).note
    text = note.rpartition("\n\n")[0] + "\n"
    return note + cosignature(text, central_witness.NAME, by, at_s)


def of_another_journal() -> str:
    """Signed under this one's name all the same."""
    tree = EMPTY.with_leaves(leaves(50))
    text = Checkpoint(log_name(SITE, "annex", JOURNAL), 50, tree.root).text
    line = cosignature(text, central_witness.NAME, CENTRAL, SEEN_S)
    return signed(text, NAME, OWN) + line


def shown(size: int, old: int, note: str, salt: str = "") -> wire.CheckpointSent:
    return msgspec.structs.replace(sent(size, old, salt=salt), cosigned=note)


def size_of(archive: SqlArchive) -> int:
    known = archive.remembered(NAME)
    return -1 if known is None else checkpoint_of(text_of(known.note)).size


@pytest.mark.parametrize("remembered", [0, 20])
def test_a_witness_without_its_memory_goes_on_from_its_own_signature(
    archive: SqlArchive, remembered: int
) -> None:
    if remembered:
        judge(archive, sent(remembered))
    # Not even what has lost its end since then, or was written anew, is a first sight.
    junk = sent(50).note.splitlines()[-1].replace(NAME, "junk")
    stuffed = cosigned(50) + f"{junk}\n" * 10
    for cut in (shown(49, 0, stuffed), shown(60, 50, cosigned(50), salt="forged ")):
        answer, told = witness().judge(archive, SITE, EDGE, cut)
        assert isinstance(told, NotCosigned)
        assert told.alarm
        assert answer is not None
        assert answer.note == cosigned(50), "lines of others are not kept"
        assert size_of(archive) == 50, "and what was shown is not forgotten again"
    archive.forget(SITE, EDGE)
    if remembered:
        judge(archive, sent(remembered))
    answer, told = witness().judge(archive, SITE, EDGE, shown(60, 50, cosigned(50)))
    assert isinstance(told, MemoryRegained)
    ours = str(remembered) if remembered else "nothing"
    assert told.reason.startswith(
        f"50 entries were cosigned here, by our own signature, and {ours} "
    )
    assert answer is not None
    assert (answer.problem, size_of(archive)) == ("", 60)
    assert judge(archive, shown(70, 60, cosigned(60))) == (70, "", False), "once"


def test_it_is_told_from_where_to_prove_when_the_memory_comes_back(archive: SqlArchive) -> None:
    judge(archive, sent(20))
    answer, told = witness().judge(archive, SITE, EDGE, shown(60, 20, cosigned(50)))
    assert answer is not None
    assert isinstance(told, NotCosigned)
    assert (told.alarm, answer.problem) == (False, "proven from 20, and 50 were cosigned")
    assert judge(archive, shown(60, 50, cosigned(50))) == (60, "", False)


def test_a_signature_from_before_what_is_remembered_leads_on_from_nothing(
    archive: SqlArchive,
) -> None:
    """What is remembered came after it, and is smaller: two journals under one name."""
    judge(archive, sent(20))
    before = shown(60, 50, cosigned(50, SEEN_S - 1))
    assert judge(archive, before) == (20, "proven from 50, and 20 were cosigned", False)
    assert size_of(archive) == 20


@pytest.mark.parametrize(
    "note",
    [
        "",
        "nonsense\n\n— nobody AAAA\n",
        sent(50).note,
        cosigned(50, by=OTHER),
        cosigned(50, log=OTHER),
        cosigned(50).replace("\n50\n", "\n51\n"),
        cosigned(50).replace(EDGE, "annex"),
        of_another_journal(),
    ],
)
def test_nothing_but_its_own_signature_over_this_journal_counts(
    archive: SqlArchive, note: str
) -> None:
    judge(archive, sent(20))
    assert judge(archive, shown(60, 20, note)) == (60, "", False)


def test_a_memory_that_comes_back_knows_the_keys_from_before(archive: SqlArchive) -> None:
    """What is shown may have been signed under the key that the journal has no more."""
    judge(archive, sent(20))
    tree = EMPTY.with_leaves(leaves(30))
    both = signed(Checkpoint(NAME, 30, tree.root).text, NAME, OTHER, OWN)
    rotated = msgspec.structs.replace(sent(30, 20, by=OTHER), note=both)
    witness().judge(archive, SITE, EDGE, rotated)
    known = archive.remembered(NAME)
    assert known is not None
    later = msgspec.structs.replace(sent(60, 50, by=OTHER), cosigned=cosigned(50))
    answer, told = witness().judge(archive, SITE, EDGE, later)
    assert isinstance(told, MemoryRegained)
    assert answer is not None
    assert (answer.problem, size_of(archive)) == ("", 60)
    now = archive.remembered(NAME)
    assert now is not None
    assert now.key == known.key
