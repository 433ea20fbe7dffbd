"""No page of a segment, and none of an archive, keeps a copy of a value that was erased."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from controller.events_people import ErasedValues
from edge.erasing import carried_out
from edge.journal import JournalWriter, verify_folder
from edge.journal.erasure import Recorded
from edge.journal.remnants import STEP_ROWS, Key, Rows, rewritten
from edge.journal.rewriting import Rewriting
from tests.edge.journal.support import EDGE, SITE, entropy, open_journal, record
from tests.edge.journal.test_erasure import ANN, decision, erased

WORD = 16

TABLE = Rows("personal", ("journal", "seq", "field"), 5)


def text(random: Random, length: int) -> str:
    """One word again and again, so that every piece of it, of twice its length, has it."""
    word = f"{random.getrandbits(4 * WORD):0{WORD}x}"
    return (word * (length // WORD + 1))[:length]


def left_of(values: Sequence[str], folder: Path) -> list[str]:
    raw = b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())
    return [one for one in values if one[:WORD].encode() in raw]


class Filled:
    """A table as the archive has it: several journals grow at once, so that pages are divided in
    the middle; then half of it is deleted.
    """

    def __init__(self, folder: Path, random: Random, lengths: Sequence[int]) -> None:
        self.folder, self.random, self.lengths = folder, random, lengths
        self.values: dict[Key, str] = {}
        self.connection = sqlite3.connect(folder / "t.db", isolation_level=None)
        for pragma in ("journal_mode = WAL", "secure_delete = ON", "synchronous = OFF"):
            self.connection.execute(f"PRAGMA {pragma}").fetchall()
        self.connection.execute(
            "CREATE TABLE personal (journal, seq, field, value, salt,"
            " PRIMARY KEY (journal, seq, field)) WITHOUT ROWID"
        )
        self._next = [0] * 6
        for _ in range(250):
            self.add(random.choice((1, 2, 5, 20)))
        self.gone = random.sample(sorted(self.values), len(self.values) // 2)
        for key in self.gone:
            self.connection.execute(
                "DELETE FROM personal WHERE journal = ? AND seq = ? AND field = ?", key
            )

    def close(self) -> None:
        self.connection.close()

    def add(self, count: int) -> None:
        journal = self.random.randrange(6)
        for _ in range(count):
            self._next[journal] += 1
            for field in ("badge", "person"):
                key = (journal, self._next[journal], field)
                self.values[key] = text(self.random, self.random.choice(self.lengths))
                row = (*key, self.values[key], self.random.randbytes(16))
                self.connection.execute("INSERT INTO personal VALUES (?, ?, ?, ?, ?)", row)

    def left(self) -> list[str]:
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return left_of([self.values[key] for key in self.gone], self.folder)

    def rewrite(self, meanwhile: int = 0) -> int:
        steps, key = 0, (-1, -1, "")
        at: Key | None = key
        while at is not None:
            self.connection.execute("BEGIN")
            at = rewritten(self.connection, TABLE, at)
            self.connection.execute("COMMIT")
            steps += 1
            if steps <= meanwhile:
                self.add(20)
        return steps


def test_divided_pages_have_copies_where_nothing_is_written_anew(tmp_path: Path, seed: int) -> None:
    # Some twelve in one table, and now and then few: three tables never have none.
    found = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        with closing(Filled(folder, Random(seed + number), (200, 400))) as filled:
            found += filled.left()
    assert found


@pytest.mark.parametrize("lengths", [(40,), (200, 400), (20, 900)], ids=str)
def test_copies_in_divided_pages_go_when_all_is_written_anew(
    tmp_path: Path, seed: int, lengths: Sequence[int]
) -> None:
    filled = Filled(tmp_path, Random(seed), lengths)
    with closing(filled):
        rows = filled.connection.execute("SELECT * FROM personal ORDER BY 1, 2, 3").fetchall()
        assert filled.rewrite() > len(rows) // STEP_ROWS
        assert filled.left() == []
        after = filled.connection.execute("SELECT * FROM personal ORDER BY 1, 2, 3").fetchall()
        assert after == rows, "the others are as they were"


def test_what_is_stored_meanwhile_hides_none(tmp_path: Path, seed: int) -> None:
    filled = Filled(tmp_path, Random(seed), (200, 400))
    with closing(filled):
        filled.rewrite(meanwhile=10)
        assert filled.left() == []


def test_a_journal_keeps_no_piece_of_a_long_value(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    names = [text(random, random.choice((200, 400))) for _ in range(3_000)]
    with closing(open_journal(tmp_path)) as journal:
        records = [decision(seq, ANN, f"{seq:064x}", name) for seq, name in enumerate(names, 1)]
        for at in range(0, len(records), 3):
            journal.append(records[at : at + 3])
    gone = sorted(random.sample(range(1, 3_001), 1_000))
    parts = (ErasedValues(fields=("person",), entries=tuple((one, one) for one in gone)),)

    async def run() -> None:
        writer = await JournalWriter.open(
            tmp_path, site=SITE, edge=EDGE, entropy=entropy, utc_us=1_700_000_000_000_000
        )
        his = [names[one - 1] for one in gone]
        await carried_out(writer, [Recorded(1, erased(writer.last_seq, parts))], 1)
        assert left_of(his, tmp_path) == []
        await writer.close()

    asyncio.run(run())
    report = verify_folder(tmp_path)
    assert (report.findings, report.personal) == ((), 5_000)


class Counted:
    """Which keys were looked for from."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[int] = []

        def counting(connection: sqlite3.Connection, rows: Rows, begin: Key) -> Key | None:
            self.begun.append(int(begin[0]))
            return rewritten(connection, rows, begin)

        monkeypatch.setattr("edge.journal.rewriting.rewritten", counting)


def test_who_was_here_once_costs_a_short_stretch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all of it is written anew where it has to be."""
    counted = Counted(monkeypatch)
    with closing(open_journal(tmp_path)) as journal:
        journal.append([record(seq, person=f"value {seq}") for seq in range(1, 12_001)])
        for gone, steps, begins in (
            ([(6_000, 6_000)], 8, 4_999),
            ([(6_000, 6_000), (6_500, 6_500)], 10, 4_999),
            ([(1, 1), (12_000, 12_000)], 9, 0),
            ([(1, 12_000)], 40, 0),
            ([(20_000, 20_001)], 3, 11_000),
        ):
            counted.begun.clear()
            rewriting = Rewriting(gone)
            while not rewriting.step(journal):
                pass
            assert len(counted.begun) == pytest.approx(steps, abs=1), gone
            assert counted.begun[0] == begins, gone
    assert verify_folder(tmp_path).sound
