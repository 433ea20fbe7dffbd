"""A stranger who is the archive of one edge, written from `docs/mqtt.md`."""

import json
import sqlite3
from pathlib import Path

from tests.stranger.listener import Listener
from tests.stranger.reading import Batch, RefusedError, link, origin


class Archive(Listener):
    """A listener that stores what it hears in a file, and only then says so."""

    def __init__(
        self, path: Path, host: str, port: int, site: str, edge: str, *, name: str, five: bool
    ) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS entry (incarnation TEXT, seq INTEGER, data BLOB,"
            " personal TEXT, PRIMARY KEY (incarnation, seq))"
        )
        self.evidence: list[bytes] = []
        self.answers = 0
        super().__init__(host, port, site, edge, name=name, five=five)

    def close(self) -> None:
        super().close()
        self._db.close()

    def filters(self) -> list[str]:
        return [f"{self._own}/status", f"{self._own}/journal"]

    def stored(self, incarnation: str) -> list[bytes]:
        """Every entry of one journal, in order."""
        with self.lock:
            rows = self._db.execute(
                "SELECT data FROM entry WHERE incarnation = ? ORDER BY seq", (incarnation,)
            )
            return [data for (data,) in rows]

    def lose(self, incarnation: str, beyond: int) -> None:
        """As after a restore from an old copy."""
        with self.lock:
            self._db.execute(
                "DELETE FROM entry WHERE incarnation = ? AND seq > ?", (incarnation, beyond)
            )

    def took(self, came: Batch) -> None:
        """Store, commit, answer: in this order. Raises RefusedError."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for number, sent in enumerate(came.entries, start=came.first):
                personal = json.dumps(sent.personal)
                self._db.execute(
                    "INSERT OR IGNORE INTO entry VALUES (?, ?, ?, ?)",
                    (came.incarnation, number, sent.data, personal),
                )
                (known,) = self._db.execute(
                    "SELECT data FROM entry WHERE incarnation = ? AND seq = ?",
                    (came.incarnation, number),
                ).fetchone()
                if known != sent.data:
                    self.evidence.append(sent.data)
                    raise RefusedError(f"entry {number} is stored with other bytes")
            self._db.execute("COMMIT")
        except RefusedError:
            self._db.execute("ROLLBACK")
            raise
        finally:
            self._answer(came.incarnation)

    def _answer(self, incarnation: str) -> None:
        """Up to where nothing is missing, and the chain there."""
        mark, chain, beyond = 0, origin(self.site, self.edge, incarnation), False
        rows = self._db.execute(
            "SELECT seq, data FROM entry WHERE incarnation = ? ORDER BY seq", (incarnation,)
        )
        for seq, data in rows:
            if seq != mark + 1:
                beyond = True
                break
            mark, chain = seq, link(chain, data)
        said = {
            "v": 1,
            "incarnation": incarnation,
            "stored_up_to": mark,
            "chain": chain.hex(),
            "gap": beyond,
            "archive": "a stranger's",
        }
        self.paho.publish(f"{self._own}/journal/ack", json.dumps(said), qos=1)
        self.answers += 1
