"""Verify what `sentrypost journal prove` and `sentrypost journal export` have written.

    python verify_journal.py [--log KEY] [--witness KEY]... FILE

Needs Python 3.11 and nothing else, and imports nothing of Sentrypost: take this one file. What the
files are, and what is proved by whom, stands in docs/journal-export.md.

Ends with 0 where everything holds, with 1 where something does not, with 2 when called wrongly.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from datetime import UTC, datetime
from typing import Any, BinaryIO

PROOF = "sentrypost-journal-proof-1"
EXPORT = "sentrypost-journal-export-1"
LOG, WITNESS = 1, 4
LINE_BYTES_MAX = 4 * 1024 * 1024
SIZE_MAX = 2**53 - 1
UTC_S_MAX = 2**33
"""Of a time that a calendar has."""


class Wrong(Exception):  # noqa: N818  # what is wrong with the file
    """It does not hold; the text says what and where."""


# --- Ed25519, RFC 8032 section 5.1 ------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)

NEUTRAL = (0, 1, 1, 0)


def _added(one: Any, other: Any) -> Any:
    """The sum of two points, each x, y, z, t with x·y = z·t (section 5.1.4)."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(factor: int, point: Any) -> Any:
    found = NEUTRAL
    while factor:
        if factor & 1:
            found = _added(found, point)
        point = _added(point, point)
        factor >>= 1
    return found


def _same(one: Any, other: Any) -> bool:
    return not (one[0] * other[2] - other[0] * one[2]) % P and not (
        (one[1] * other[2] - other[1] * one[2]) % P
    )


def _point(data: bytes) -> Any:
    """The point of 32 bytes (section 5.1.3); None where they are none, or not its only form."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P or (not x and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed_by(public: bytes, data: bytes, signature: bytes) -> bool:
    """Whether the signature over `data` is by this key (section 5.1.7), and the key is one."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, half = _point(public), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or half is None or scalar >= ORDER or _same(_times(8, key), NEUTRAL):
        return False
    digest = hashlib.sha512(signature[:32] + public + data).digest()
    challenge = int.from_bytes(digest, "little") % ORDER
    return _same(_times(scalar, BASE), _added(half, _times(challenge, key)))


# --- keys and notes ---------------------------------------------------------------------------


class Key:
    """A public key with the name under which it signs."""

    def __init__(self, text: str, algorithm: int) -> None:
        self.text = text
        self.name, _, rest = text.partition("+")
        said, _, encoded = rest.partition("+")
        data = _unpacked(encoded)
        plain = self.name.isprintable() and " " not in self.name
        if not self.name or not plain or len(data) != 33:
            raise Wrong(f"no key: {text[:80]!r}")
        if data[0] != algorithm:
            raise Wrong(f"the key of {self.name} is of another kind")
        self.public = data[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4]
        if self.id.hex() != said:
            raise Wrong(f"the key of {self.name} was changed: its id does not fit")


def _unpacked(encoded: str) -> bytes:
    """Of base64 in its one right form; nothing otherwise."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError:
        return b""
    return data if base64.b64encode(data).decode() == encoded else b""


class Checkpoint:
    """A note by the log, perhaps cosigned: `size`, `root`, and the `witness` with its `utc_s`, or
    None.
    """

    def __init__(self, note: str, log: Key, witnesses: list[Key]) -> None:
        text, gap, signatures = note.rpartition("\n\n")
        lines = signatures.split("\n")
        if not gap or lines.pop() or not lines:
            raise Wrong("no signed checkpoint")
        self._signed = (text + "\n").encode()
        self._lines = [self._read(line) for line in lines]
        self._look_at_log(log)
        name, size, root, *rest = (text + "\n").split("\n")
        if rest != [""] or not re.fullmatch("0|[1-9][0-9]{0,15}", size):
            raise Wrong("no checkpoint: three lines are asked for")
        if name != log.name:
            raise Wrong(f"a checkpoint of another journal, {name[:80]}")
        self.size, self.root = int(size), _unpacked(root)
        if len(self.root) != 32 or self.size > SIZE_MAX:
            raise Wrong("no checkpoint: no root, or no size")
        self.utc_s: int | None = None
        self.witness: Key | None = None
        for one in witnesses:
            if self.utc_s is None and (utc_s := self._cosigned_at(one)) is not None:
                self.utc_s, self.witness = utc_s, one

    @staticmethod
    def _read(line: str) -> tuple[str, bytes]:
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        data = _unpacked(encoded)
        if dash != "\u2014" or not name or len(data) <= 4:
            raise Wrong(f"no signature: {line[:40]!r}")
        return name, data

    def _of(self, key: Key) -> bytes | None:
        found = [data[4:] for name, data in self._lines if (name, data[:4]) == (key.name, key.id)]
        return found[0] if found else None

    def _look_at_log(self, log: Key) -> None:
        signature = self._of(log)
        if signature is None:
            raise Wrong(f"the checkpoint is not signed by {log.name}")
        if not signed_by(log.public, self._signed, signature):
            raise Wrong(f"the signature of {log.name} does not fit the checkpoint")

    def _cosigned_at(self, witness: Key) -> int | None:
        line = self._of(witness)
        if line is None:
            return None
        utc_s = int.from_bytes(line[:8], "big")
        data = b"cosignature/v1\ntime %d\n" % utc_s + self._signed
        if utc_s > UTC_S_MAX or not signed_by(witness.public, data, line[8:]):
            raise Wrong(f"the signature of {witness.name} does not fit the checkpoint")
        return utc_s


# --- the tree, RFC 6962 section 2.1 -----------------------------------------------------------


def leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """One that grows; of it the subtrees are kept that have no partner, the largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._subtrees: list[tuple[int, bytes]] = []

    def put(self, leaves: int, root: bytes) -> None:
        if leaves < 1 or leaves & (leaves - 1) or self.size % leaves:
            raise Wrong(f"a subtree of {leaves} leaves behind {self.size}")
        self.size += leaves
        while self._subtrees and self._subtrees[-1][0] == leaves:
            root = node(self._subtrees.pop()[1], root)
            leaves *= 2
        self._subtrees.append((leaves, root))

    @property
    def root(self) -> bytes:
        if not self._subtrees:
            return hashlib.sha256(b"").digest()
        found = self._subtrees[-1][1]
        for _, root in reversed(self._subtrees[:-1]):
            found = node(root, found)
        return found


def led_to(index: int, size: int, found: bytes, path: list[bytes]) -> bytes | None:
    """The root to which the path leads from a leaf (RFC 9162 section 2.1.3.2); None: to none."""
    if not 0 <= index < size:
        return None
    place, last = index, size - 1
    for other in path:
        if not last:
            return None
        if place & 1 or place == last:
            found = node(other, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node(found, other)
        place, last = place >> 1, last >> 1
    return None if last else found


# --- entries ----------------------------------------------------------------------------------


def judge_entry(text: str, seq: int, log: Key, personal: Any) -> int:
    """Raises Wrong where the entry is not number `seq` of the log, or a value beside it does not
    fit; how many of these there are.
    """
    entry = _object(text, f"entry {seq}")
    place = "/".join(str(entry.get(name)) for name in ("site", "edge", "incarnation"))
    if entry.get("seq") != seq or f"sentrypost/{place}" != log.name:
        raise Wrong(f"entry {seq} says that it is {entry.get('seq')} of {place}")
    body, found = entry.get("body"), 0
    for value in _listed(personal):
        if not isinstance(value, dict) or sorted(value) != ["field", "salt", "value"]:
            raise Wrong(f"entry {seq}: no personal value: {value!r}")
        field = value["field"]
        if not isinstance(body, dict) or body.get(field) != commitment(seq, **value):
            raise Wrong(f"entry {seq}: the value beside it is not what {field!r} commits to")
        found += 1
    return found


def commitment(seq: int, field: Any, salt: Any, value: Any) -> str:
    if not isinstance(salt, str) or not re.fullmatch("[0-9a-f]{32}", salt):
        raise Wrong(f"entry {seq}: a personal value without its salt")
    try:
        parts = (field.encode(), bytes.fromhex(salt), value.encode())
    except (AttributeError, UnicodeEncodeError):
        raise Wrong(f"entry {seq}: no personal value") from None
    digest = hashlib.sha256(b"pf1")
    for part in parts:
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.hexdigest()


def _object(text: str | bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Wrong(f"{what} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Wrong(f"{what} is no JSON object")
    return found


def _listed(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise Wrong(f"no list: {found!r}")
    return found


def _hash(text: Any) -> bytes:
    if not isinstance(text, str) or not re.fullmatch("[0-9a-f]{64}", text):
        raise Wrong(f"no hash: {text!r}")
    return bytes.fromhex(text)


def _whole(number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= SIZE_MAX:
        raise Wrong(f"no number: {number!r}")
    return number


# --- files ------------------------------------------------------------------------------------


class File:
    """One proof or export, with the keys that count. `log` and `witnesses`: those from elsewhere; a
    witness has several where its key was rotated.
    """

    def __init__(self, lines: BinaryIO, log: Key | None, witnesses: list[Key]) -> None:
        self._lines = lines
        self._number = 0
        head = self._next()
        if head is None:
            raise Wrong("the file is empty")
        self._head = head
        self.log, self.witnesses = self._keys(log, witnesses)
        self._demanded = bool(witnesses)
        self.first = self.last = self.personal = 0
        self.cosigned: Checkpoint | None = None

    def judge(self) -> None:
        """Raises Wrong, with the line."""
        try:
            kind = self._head.get("format")
            if kind == PROOF:
                self._judge_proof()
            elif kind == EXPORT:
                self._judge_export()
            else:
                raise Wrong(f"neither a proof nor an export that is known here: {kind!r}")
        except Wrong as error:
            raise Wrong(f"line {self._number}: {error}") from None
        if self._demanded and (self.cosigned is None or self.cosigned.size < self.last):
            raise Wrong("not every entry is cosigned by the witness that was named")

    def _keys(self, log: Key | None, witnesses: list[Key]) -> tuple[Key, list[Key]]:
        named, seen = self._head.get("log"), self._head.get("witness")
        if not isinstance(named, str) or not isinstance(seen, str):
            raise Wrong("the first line names no keys")
        own = Key(named, LOG)
        if log is not None and log.text != own.text:
            raise Wrong(f"signed under another key than the one that was named: {own.text}")
        other = [Key(seen, WITNESS)] if seen else []
        return own, witnesses or other

    def _judge_proof(self) -> None:
        asked = {"format", "log", "witness", "checkpoint", "index", "path", "entry", "personal"}
        self._refuse_members(self._head, asked)
        checkpoint = self._checkpoint(self._head["checkpoint"])
        index, text = _whole(self._head["index"]), self._text(self._head["entry"])
        path = [_hash(one) for one in _listed(self._head["path"])]
        root = led_to(index, checkpoint.size, leaf(text.encode()), path)
        if root != checkpoint.root:
            raise Wrong("the path does not lead from the entry to the checkpoint")
        self.first = self.last = index + 1
        self.personal = judge_entry(text, index + 1, self.log, self._head["personal"])
        if self._next() is not None:
            raise Wrong("something stands behind the proof")

    def _judge_export(self) -> None:
        self._refuse_members(self._head, {"format", "log", "witness", "from", "to"})
        self.first, self.last = _whole(self._head["from"]), _whole(self._head["to"])
        if not 1 <= self.first <= self.last:
            raise Wrong(f"no entries from {self.first} to {self.last}")
        tree, closed = Tree(), False
        while (line := self._next()) is not None:
            closed = "checkpoint" in line
            if closed:
                self._refuse_members(line, {"checkpoint"})
                checkpoint = self._checkpoint(line["checkpoint"])
                if (checkpoint.size, checkpoint.root) != (tree.size, tree.root):
                    raise Wrong("the checkpoint was not made of what stands before it")
            elif "entry" in line:
                self._take_entry(tree, line)
            else:
                self._take_subtree(tree, line)
        if not closed or tree.size < self.last:
            raise Wrong("the file does not end with a checkpoint of all entries")

    def _take_entry(self, tree: Tree, line: dict[str, Any]) -> None:
        seq, text = tree.size + 1, self._text(line["entry"])
        self._refuse_members({"personal": [], **line}, {"entry", "personal"})
        if not self.first <= seq <= self.last:
            raise Wrong(f"entry {seq} is not one of {self.first} to {self.last}")
        self.personal += judge_entry(text, seq, self.log, line.get("personal", []))
        tree.put(1, leaf(text.encode()))

    def _take_subtree(self, tree: Tree, line: dict[str, Any]) -> None:
        self._refuse_members(line, {"leaves", "root"})
        leaves = _whole(line["leaves"])
        if tree.size < self.last and tree.size + leaves >= self.first:
            raise Wrong("a subtree stands in the place of entries that must be given")
        tree.put(leaves, _hash(line["root"]))

    def _checkpoint(self, note: Any) -> Checkpoint:
        found = Checkpoint(self._text(note), self.log, self.witnesses)
        if found.utc_s is not None:
            self.cosigned = found
        return found

    def _next(self) -> dict[str, Any] | None:
        line = self._lines.readline(LINE_BYTES_MAX + 1)
        if not line:
            return None
        self._number += 1
        if len(line) > LINE_BYTES_MAX or not line.endswith(b"\n"):
            raise Wrong("the line is too long, or the file is cut off")
        return _object(line, "the line")

    @staticmethod
    def _text(found: Any) -> str:
        if not isinstance(found, str):
            raise Wrong(f"no text: {found!r}")
        try:
            found.encode()
        except UnicodeEncodeError:
            raise Wrong("a text that cannot be UTF-8") from None
        return found

    @staticmethod
    def _refuse_members(line: dict[str, Any], asked: set[str]) -> None:
        if line.keys() != asked:
            raise Wrong(f"members {sorted(line)}, and {sorted(asked)} are asked for")


def told(file: File, given: argparse.Namespace) -> str:
    """What a file that holds has proved."""
    which = f"entries {file.first} to {file.last}"
    lines = [f"{which} of {file.log.name}, {file.personal} personal values"]
    upto = 0 if file.cosigned is None else file.cosigned.size
    seen = file.cosigned
    if seen is not None and seen.utc_s is not None and seen.witness is not None:
        at = datetime.fromtimestamp(seen.utc_s, UTC).isoformat()
        lines.append(f"cosigned up to entry {upto} at {at} by {seen.witness.text}")
    if upto < file.last:
        since = max(upto + 1, file.first)
        lines.append(f"from entry {since} on by the journal's own key alone")
    lines.append(f"signed by {file.log.text}")
    if not given.log or not (given.witness or not file.witnesses):
        lines.append("keys that were not named are those of the file: compare them")
    return "\n".join([*lines, "VERIFIED", ""])


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify a proof or an export of a journal.")
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--log", metavar="KEY", help="the journal's public key, from elsewhere")
    parser.add_argument(
        "--witness",
        metavar="KEY",
        action="append",
        default=[],
        help="who must have cosigned every entry; once for each of its keys",
    )
    given = parser.parse_args()
    try:
        log = None if given.log is None else Key(given.log, LOG)
        witnesses = [Key(text, WITNESS) for text in given.witness]
    except Wrong as error:
        parser.error(str(error))
    try:
        with open(given.file, "rb") as lines:  # noqa: PTH123  # nothing but what is imported
            file = File(lines, log, witnesses)
            file.judge()
    except Wrong as error:
        sys.stderr.write(f"NOT VERIFIED: {ascii(str(error))[1:-1]}\n")
        return 1
    except OSError as error:
        parser.error(f"{given.file}: {error.strerror}")
    sys.stdout.write(told(file, given))
    return 0


if __name__ == "__main__":
    sys.exit(main())
