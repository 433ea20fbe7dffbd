"""A stranger who is the archive of one edge, written from `docs/mqtt.md`."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

from tests.stranger.listener import Listener
from tests.stranger.reading import Batch, Json, RefusedError, link, origin

ABOUT = (
    ("decision-made", "request.holder.id", ("badge", "person")),
    ("consent-given", "holder", ("reason",)),
    ("delivery-taken", "bearer", ("company", "vehicle")),
    ("delivery-taken", "recipient", ("contents",)),
    ("face-enrolled", "holder", ("consent",)),
    ("factor-answered", "after.holder", ("reason",)),
    ("guard-vouched", "holder", ("reason",)),
    ("presence-corrected", "holder", ("reason",)),
    ("visit-expected", "holder", ("organisation", "purpose")),
    ("visitor-signed-in", "holder", ("document",)),
)
"""The table of the page."""


def _about(holder: str) -> Callable[[Json], list[str]]:
    """Which values beside an entry are about this person."""

    def fields(said: Json) -> list[str]:
        his: list[str] = []
        for kind, place, names in ABOUT:
            if said["kind"] == kind:
                found = said["body"]
                for step in place.split("."):
                    found = (found or {}).get(step)
                his += names if found == holder else ()
        return his

    return fields


class Archive(Listener):
    """A listener that stores what it hears in a file, and only then says so."""

    def __init__(
        self,
        path: Path,
        host: str,
        port: int,
        site: str,
        edge: str,
        *,
        name: str,
        five: bool,
        tls: tuple[str, str] | None = None,
    ) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS entry (incarnation TEXT, seq INTEGER, data BLOB,"
            " personal TEXT, leaf BLOB, PRIMARY KEY (incarnation, seq))"
        )
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS gone (incarnation TEXT, first INTEGER, last INTEGER,"
            " chain BLOB)"
        )
        self.evidence: list[bytes] = []
        self.answers = 0
        super().__init__(host, port, site, edge, name=name, five=five, tls=tls)

    def close(self) -> None:
        super().close()
        self._db.close()

    def filters(self) -> list[str]:
        return [f"{self._own}/status", f"{self._own}/journal"]

    def stored(self, incarnation: str) -> list[bytes]:
        """Every entry of one journal, in order."""
        with self.lock:
            rows = self._db.execute(
                "SELECT data FROM entry WHERE incarnation = ? AND data <> x'' ORDER BY seq",
                (incarnation,),
            )
            return [data for (data,) in rows]

    def gone(self, incarnation: str) -> list[tuple[int, int]]:
        """Ranges of which nothing is left, and single entries of which the leaf is."""
        with self.lock:
            ranges = self._db.execute(
                "SELECT first, last FROM gone WHERE incarnation = ?"
                " UNION ALL SELECT seq, seq FROM entry WHERE incarnation = ? AND data = x''",
                (incarnation, incarnation),
            )
            return sorted(ranges)

    def values(self) -> list[str]:
        """All that is kept beside entries."""
        with self.lock:
            rows = self._db.execute("SELECT personal FROM entry ORDER BY incarnation, seq")
            return [value for (kept,) in rows for value in json.loads(kept).values()]

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
            self._begin(came)
            for number, sent in enumerate(came.entries, start=came.first):
                personal = json.dumps(sent.personal)
                self._db.execute(
                    "INSERT INTO entry VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
                    " SET data = excluded.data, personal = excluded.personal"
                    " WHERE data = x'' AND leaf = excluded.leaf",
                    (came.incarnation, number, sent.data, personal, sent.leaf),
                )
                (known,) = self._db.execute(
                    "SELECT leaf FROM entry WHERE incarnation = ? AND seq = ?",
                    (came.incarnation, number),
                ).fetchone()
                if known != sent.leaf:
                    self.evidence.append(sent.data)
                    raise RefusedError(f"entry {number} is stored with other bytes")
            for sent in came.entries:
                if sent.entry["kind"] == "person-erased":
                    self._erase(came.incarnation, sent.entry["body"])
            self._db.execute("COMMIT")
        except RefusedError:
            self._db.execute("ROLLBACK")
            raise
        finally:
            self._answer(came.incarnation)

    def _begin(self, came: Batch) -> None:
        """Where all in front of it is gone, and we have not got it. Raises RefusedError."""
        mark, chain, _ = self._upto(came.incarnation)
        if came.before is None or mark >= came.first:
            return
        if mark < came.first - 1:
            row = (came.incarnation, mark + 1, came.first - 1, came.before)
            self._db.execute("INSERT INTO gone VALUES (?, ?, ?, ?)", row)
        elif chain != came.before:
            raise RefusedError("another chain in front of it than ours")

    def _erase(self, incarnation: str, body: Json) -> None:
        """What it names, and what entries say by themselves to be about the person."""
        for values in body["values"]:
            for first, last in values["entries"]:
                of_it = "incarnation = ? AND seq BETWEEN ? AND ?"
                self._remove(of_it, (incarnation, first, last), lambda _, v=values: v["fields"])
        self._remove("instr(data, ?) > 0", (body["holder"].encode(),), _about(body["holder"]))

    def _remove(
        self, of_it: str, given: tuple[object, ...], fields: Callable[[Json], list[str]]
    ) -> None:
        """Of the rows for which `of_it` holds, the values of these fields."""
        rows = self._db.execute(f"SELECT rowid, data, personal FROM entry WHERE {of_it}", given)
        for rowid, data, personal in rows.fetchall():
            gone = fields(json.loads(data))
            left = {name: value for name, value in json.loads(personal).items() if name not in gone}
            self._db.execute(
                "UPDATE entry SET personal = ? WHERE rowid = ?", (json.dumps(left), rowid)
            )

    def _answer(self, incarnation: str) -> None:
        """Up to where nothing is missing, and the chain there."""
        mark, chain, beyond = self._upto(incarnation)
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

    def _upto(self, incarnation: str) -> tuple[int, bytes, bool]:
        """Up to where nothing is missing that there is, the chain there, and whether more came."""
        mark, chain = 0, origin(self.site, self.edge, incarnation)
        gone = {
            first: (last, behind)
            for first, last, behind in self._db.execute(
                "SELECT first, last, chain FROM gone WHERE incarnation = ?", (incarnation,)
            )
        }
        mark, chain = gone.get(mark + 1, (mark, chain))
        rows = self._db.execute(
            "SELECT seq, leaf FROM entry WHERE incarnation = ? ORDER BY seq", (incarnation,)
        )
        for seq, leaf in rows:
            if seq > mark + 1:
                return mark, chain, True
            if seq == mark + 1:
                mark, chain = seq, link(chain, leaf)
                mark, chain = gone.get(mark + 1, (mark, chain))
        return mark, chain, False
