"""What an outsider is given proves itself to a program that knows nothing of us, or does not."""

import base64
import hashlib
import io
import json
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.checkpoint import Checkpoint, log_name
from controller.ledger import leaf
from controller.merkle import EMPTY, Frontier, inclusion
from edge.control.closed import opened_closed
from edge.exports import Log, ProofError, export, proof
from edge.journal.checkpoints import note_cosigned, take
from edge.notes import Algorithm, NoteKey, cosignature, signed
from edge.signatures import LOW_ORDER, SigningKey
from edge.verify_journal import File, Key, Wrong, led_to, signed_by
from tests.edge.journal.support import (
    EDGE,
    INCARNATION,
    SITE,
    by_hand,
    open_journal,
    record,
    records,
)
from tests.tidy.repository import ROOT

VERIFIER = ROOT / "edge" / "verify_journal.py"
LOG = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
CENTRAL = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\2" * 32))
STRANGER = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\3" * 32))
NAME = log_name(SITE, EDGE, INCARNATION)
KEY = NoteKey(NAME, LOG.public, Algorithm.LOG)
WITNESS = NoteKey("central", CENTRAL.public, Algorithm.WITNESS)
UTC_US = 1_700_000_000_000_000
COSIGNED, SAID, ENTRIES = 37, 50, 53


def note(tree: Frontier, key: SigningKey = LOG) -> str:
    return signed(Checkpoint(NAME, tree.size, tree.root).text, NAME, key)


def cosigned(plain: str, key: SigningKey = CENTRAL) -> str:
    text = plain.rpartition("\n\n")[0] + "\n"
    return plain + cosignature(text, "central", key, 1_700_000_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed journal of 53 entries, every third about a person: 37 of them cosigned, 50 signed,
    and nothing said of the last three.
    """
    made = tmp_path_factory.mktemp("journal")
    with closing(open_journal(made)) as journal:
        for size in (COSIGNED, SAID, ENTRIES):
            journal.append(records(journal.last_seq + 1, size))
            if size != ENTRIES:
                kept = take(journal, note, UTC_US)
            if size == COSIGNED:
                note_cosigned(journal, size, cosigned(kept.note))
    return made


def exported(folder: Path, first: int, last: int | None, *, personal: bool = True) -> bytes:
    with opened_closed(folder) as journal:
        return b"".join(export(Log(journal, KEY, (WITNESS,)), first, last, personal=personal))


def proved(folder: Path, seq: int, size: int | None = None, *, personal: bool = True) -> bytes:
    with opened_closed(folder) as journal:
        return proof(Log(journal, KEY, (WITNESS,)), seq, size, personal=personal)


def outsider(data: bytes, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The verifier alone in an empty folder, without any package or anything of ours."""
    alone = tmp_path / "verify_journal.py"
    alone.write_bytes(VERIFIER.read_bytes())
    (tmp_path / "given").write_bytes(data)
    return subprocess.run(
        [sys.executable, "-I", "-S", alone.name, *arguments, "given"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- what holds -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "values", "word"),
    [
        (1, None, 16, "from entry 38 on by the journal's own key alone"),
        (1, 1, 0, "cosigned up to entry 37"),
        (6, 20, 5, "cosigned up to entry 37"),
        (37, 37, 0, "cosigned up to entry 37"),
        (38, 38, 0, "from entry 38 on by the journal's own key alone"),
        (30, 45, 6, "from entry 38 on by the journal's own key alone"),
        (50, 50, 0, "from entry 50 on by the journal's own key alone"),
    ],
)
def test_an_export_of_any_range_is_verified(
    folder: Path, tmp_path: Path, first: int, last: int | None, values: int, word: str
) -> None:
    told = outsider(exported(folder, first, last), tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    said = f"entries {first} to {last or SAID} of {NAME}, {values} personal values\n"
    assert said in told.stdout
    assert word in told.stdout
    assert told.stdout.endswith("VERIFIED\n")


@pytest.mark.parametrize(("seq", "size", "covered"), [(1, None, 37), (37, None, 37), (30, 50, 50)])
def test_a_proof_of_any_entry_is_verified(
    folder: Path, tmp_path: Path, seq: int, size: int | None, covered: int
) -> None:
    made = proved(folder, seq, size)
    assert f"\\n{covered}\\n" in made.decode()
    told = outsider(made, tmp_path, "--log", KEY.text)
    assert (told.returncode, told.stderr) == (0, "")
    assert f"entries {seq} to {seq} of {NAME}" in told.stdout
    assert len(made) < 3_000


def test_without_personal_values_no_byte_of_them_is_given_and_the_proof_is_the_same(
    folder: Path, tmp_path: Path
) -> None:
    for made in (exported(folder, 1, 37, personal=False), proved(folder, 6, personal=False)):
        assert b"Person" not in made
        assert b"salt" not in made
        told = outsider(made, tmp_path)
        assert (told.returncode, "0 personal values" in told.stdout) == (0, True)
    assert b"Person 6" in proved(folder, 6)


def test_keys_from_elsewhere_are_demanded_of_the_file(folder: Path, tmp_path: Path) -> None:
    both = ("--log", KEY.text, "--witness", WITNESS.text)
    early = outsider(exported(folder, 1, 37), tmp_path, *both)
    assert early.returncode == 0
    assert "compare them" not in early.stdout
    assert (
        "keys that were not named are those of the file"
        in outsider(exported(folder, 1, 37), tmp_path, "--log", KEY.text).stdout
    )
    late = outsider(exported(folder, 1, 38), tmp_path, *both)
    assert (late.returncode, late.stdout) == (1, "")
    assert "not every entry is cosigned by the witness that was named" in late.stderr
    other = NoteKey(NAME, STRANGER.public, Algorithm.LOG)
    assert outsider(exported(folder, 1, 37), tmp_path, "--log", other.text).returncode == 1
    wrong_use = outsider(exported(folder, 1, 37), tmp_path, "--log", WITNESS.text)
    assert wrong_use.returncode == 2


def test_a_cosignature_taken_off_is_missed_where_the_witness_is_named(
    folder: Path, tmp_path: Path
) -> None:
    def bare(lines: list[Any]) -> None:
        text, gap, signatures = lines[-1]["checkpoint"].rpartition("\n\n")
        lines[-1]["checkpoint"] = text + gap + signatures.split("\n")[0] + "\n"

    made = changed(exported(folder, 1, 20), bare)
    assert outsider(made, tmp_path).returncode == 0
    assert outsider(made, tmp_path, "--witness", WITNESS.text).returncode == 1


# --- what does not ----------------------------------------------------------------------------

Change = Callable[[list[Any]], None]


def changed(made: bytes, change: Change) -> bytes:
    lines = [json.loads(line) for line in made.splitlines()]
    change(lines)
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def entry_at(lines: list[Any], seq: int) -> Any:
    found = [one for one in lines if f'"seq":{seq},' in one.get("entry", "")]
    return found[0]


def edit_entry(lines: list[Any]) -> None:
    one = entry_at(lines, 12)
    one["entry"] = one["entry"].replace('"done"', '"dune"')


def swap_entries(lines: list[Any]) -> None:
    one, other = entry_at(lines, 10), entry_at(lines, 11)
    one["entry"], other["entry"] = other["entry"], one["entry"]


def leave_an_entry_out(lines: list[Any]) -> None:
    lines.remove(entry_at(lines, 14))


def give_an_entry_twice(lines: list[Any]) -> None:
    lines.insert(5, entry_at(lines, 14))


def hide_an_entry_in_a_subtree(lines: list[Any]) -> None:
    one = entry_at(lines, 14)
    root = leaf(one["entry"].encode()).hex()
    lines[lines.index(one)] = {"leaves": 1, "root": root}


def other_value(lines: list[Any]) -> None:
    entry_at(lines, 12)["personal"][0]["value"] = "Eve"


def other_salt(lines: list[Any]) -> None:
    entry_at(lines, 12)["personal"][0]["salt"] = "00" * 16


def other_field(lines: list[Any]) -> None:
    entry_at(lines, 12)["personal"][0]["field"] = "reader"


def other_range(lines: list[Any]) -> None:
    lines[0]["to"] += 1


def other_subtree(lines: list[Any]) -> None:
    place = next(one for one in lines if "leaves" in one)
    place["root"] = leaf(b"").hex()


def other_note(lines: list[Any]) -> None:
    lines[-1]["checkpoint"] = lines[-1]["checkpoint"].replace("\n37\n", "\n38\n", 1)


def note_by_a_stranger(lines: list[Any]) -> None:
    """Over the right tree."""
    tree = EMPTY.with_leaves(leaf(one.entry) for one in records(1, COSIGNED))
    lines[-1]["checkpoint"] = note(tree, STRANGER)


def note_of_another_journal(lines: list[Any]) -> None:
    """Over the right tree and under the right key."""
    tree = EMPTY.with_leaves(leaf(one.entry) for one in records(1, COSIGNED))
    said = Checkpoint(log_name(SITE, "south", INCARNATION), tree.size, tree.root)
    lines[-1]["checkpoint"] = signed(said.text, NAME, LOG)


def key_of_a_stranger(lines: list[Any]) -> None:
    lines[0]["log"] = NoteKey(NAME, STRANGER.public, Algorithm.LOG).text


def key_with_another_id(lines: list[Any]) -> None:
    name, said, data = lines[0]["log"].split("+", 2)
    lines[0]["log"] = f"{name}+{int(said, 16) ^ 1:08x}+{data}"


def key_under_which_anybody_signs(lines: list[Any]) -> None:
    key = NoteKey(NAME, bytes([1]) + bytes(31), Algorithm.LOG)
    text = lines[-1]["checkpoint"].rpartition("\n\n")[0] + "\n"
    line = base64.b64encode(key.id + bytes([1]) + bytes(63)).decode()
    lines[0]["log"] = key.text
    lines[-1]["checkpoint"] = f"{text}\n\u2014 {NAME} {line}\n"


def cosigned_by_a_stranger(lines: list[Any]) -> None:
    plain = lines[-1]["checkpoint"]
    text, gap, signatures = plain.rpartition("\n\n")
    own, theirs = signatures.split("\n")[:2]
    forged = cosignature(text + "\n", "central", STRANGER, 1_700_000_000)
    data = base64.b64decode(forged.split(" ")[2])
    line = base64.b64encode(WITNESS.id + data[4:]).decode()
    assert theirs.startswith("\u2014 central ")
    lines[-1]["checkpoint"] = f"{text}{gap}{own}\n\u2014 central {line}\n"


def cosigned_at_another_time(lines: list[Any]) -> None:
    head, _, line = lines[-1]["checkpoint"].rstrip("\n").rpartition(" ")
    data = bytearray(base64.b64decode(line))
    data[11] ^= 1
    lines[-1]["checkpoint"] = f"{head} {base64.b64encode(data).decode()}\n"


def no_checkpoint_at_the_end(lines: list[Any]) -> None:
    lines.pop()


def something_unknown(lines: list[Any]) -> None:
    lines[3]["remark"] = "harmless"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edit_entry, "was not made of what stands before it"),
        (swap_entries, "entry 10 says that it is 11"),
        (leave_an_entry_out, "entry 14 says that it is 15"),
        (give_an_entry_twice, "says that it is 14"),
        (hide_an_entry_in_a_subtree, "in the place of entries that must be given"),
        (other_value, "entry 12: the value beside it is not what 'badge' commits to"),
        (other_salt, "entry 12: the value beside it is not what 'badge' commits to"),
        (other_field, "entry 12: the value beside it is not what 'reader' commits to"),
        (other_range, "in the place of entries that must be given"),
        (other_subtree, "was not made of what stands before it"),
        (other_note, f"the signature of {NAME} does not fit"),
        (note_by_a_stranger, f"the checkpoint is not signed by {NAME}"),
        (note_of_another_journal, "a checkpoint of another journal"),
        (key_of_a_stranger, f"the checkpoint is not signed by {NAME}"),
        (key_with_another_id, "its id does not fit"),
        (key_under_which_anybody_signs, f"the signature of {NAME} does not fit"),
        (cosigned_by_a_stranger, "the signature of central does not fit"),
        (cosigned_at_another_time, "the signature of central does not fit"),
        (no_checkpoint_at_the_end, "does not end with a checkpoint of all entries"),
        (something_unknown, "remark"),
    ],
)
def test_an_export_that_was_changed_is_refused(
    folder: Path, tmp_path: Path, change: Change, said: str
) -> None:
    told = outsider(changed(exported(folder, 8, 20), change), tmp_path)
    assert (told.returncode, told.stdout) == (1, "")
    assert "NOT VERIFIED: " in told.stderr
    assert said in told.stderr


def edit_proven(lines: list[Any]) -> None:
    lines[0]["entry"] = lines[0]["entry"].replace('"mono_us":12', '"mono_us":13')


def other_path(lines: list[Any]) -> None:
    lines[0]["path"][2] = lines[0]["path"][1]


def shorter_path(lines: list[Any]) -> None:
    lines[0]["path"].pop()


def longer_path(lines: list[Any]) -> None:
    lines[0]["path"].append("00" * 32)


def other_index(lines: list[Any]) -> None:
    lines[0]["index"] += 1


def index_past_the_end(lines: list[Any]) -> None:
    lines[0]["index"] = 37


def value_proven(lines: list[Any]) -> None:
    lines[0]["personal"][0]["value"] = "Eve"


def second_line(lines: list[Any]) -> None:
    lines.append(lines[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edit_proven, "the path does not lead from the entry"),
        (other_path, "the path does not lead from the entry"),
        (shorter_path, "the path does not lead from the entry"),
        (longer_path, "the path does not lead from the entry"),
        (other_index, "the path does not lead from the entry"),
        (index_past_the_end, "the path does not lead from the entry"),
        (value_proven, "the value beside it is not what"),
        (key_of_a_stranger, "is not signed by"),
        (other_note, "does not fit the checkpoint"),
        (cosigned_by_a_stranger, "the signature of central does not fit"),
        (second_line, "something stands behind the proof"),
    ],
)
def test_a_proof_that_was_changed_is_refused(
    folder: Path, tmp_path: Path, change: Change, said: str
) -> None:
    told = outsider(changed(proved(folder, 12), change), tmp_path)
    assert (told.returncode, told.stdout) == (1, "")
    assert said in told.stderr


def test_an_entry_of_another_journal_under_our_tree_is_refused(tmp_path: Path) -> None:
    """A leaf is bytes: that they say of themselves where they belong is asked as well."""
    foreign = record(1, edge="south").entry.decode()
    tree = EMPTY.with_leaves([leaf(foreign.encode())])
    head = {"log": KEY.text, "witness": "", "checkpoint": note(tree), "index": 0, "path": []}
    made = {"format": "sentrypost-journal-proof-1", **head, "entry": foreign, "personal": []}
    told = outsider(json.dumps(made).encode() + b"\n", tmp_path)
    assert told.returncode == 1
    assert f"entry 1 says that it is 1 of {SITE}/south" in told.stderr


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"{}\n", b"[]\n", b"\xff\n", b'{"format": 1}\n', b"[" * 100_000 + b"\n"],
    ids=["nothing", "no line", "no member", "a list", "no UTF-8", "no format", "too deep"],
)
def test_what_is_no_file_of_ours_is_refused_with_a_word(data: bytes, tmp_path: Path) -> None:
    told = outsider(data, tmp_path)
    assert told.returncode == 1
    assert told.stderr.startswith("NOT VERIFIED: ")
    assert "Traceback" not in told.stderr


def test_any_flipped_bit_is_refused(folder: Path, seed: int) -> None:
    """In this process: hundreds of programs would take minutes."""
    made = exported(folder, 8, 20)
    keys = (Key(KEY.text, Algorithm.LOG), [Key(WITNESS.text, Algorithm.WITNESS)])
    File(io.BytesIO(made), *keys).judge()
    chance = random.Random(seed)
    for place in chance.sample(range(len(made)), 300):
        flipped = bytearray(made)
        flipped[place] ^= 1 << chance.randrange(8)
        with pytest.raises(Wrong):
            File(io.BytesIO(bytes(flipped)), *keys).judge()


# --- the arithmetic ---------------------------------------------------------------------------

RFC_8032 = {
    "1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
        "cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d"
        "0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7609"
        "84dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    "SHA(abc)": (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66"
        "431e0303dca179c138ac17ad9bef1177331a704",
    ),
}
"""Section 7.1."""


@pytest.fixture(params=RFC_8032.values(), ids=RFC_8032)
def vector(request: pytest.FixtureRequest) -> tuple[bytes, bytes, bytes]:
    public, data, signature = (bytes.fromhex(text) for text in request.param)
    return public, data, signature


def test_the_vectors_of_rfc_8032(vector: tuple[bytes, bytes, bytes]) -> None:
    public, data, signature = vector
    assert signed_by(public, data, signature)
    assert not signed_by(public, data + b"\0", signature)
    for place in range(0, 64, 7):
        other = bytearray(signature)
        other[place] ^= 0x10
        assert not signed_by(public, data, bytes(other))


def test_a_signature_has_one_form(vector: tuple[bytes, bytes, bytes]) -> None:
    """Section 5.1.7: a scalar is below the group's order."""
    public, data, signature = vector
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(signature[32:], "little") + order
    assert not signed_by(public, data, signature[:32] + scalar.to_bytes(32, "little"))


def test_what_the_library_signs_is_signed() -> None:
    for number in range(8):
        key = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)))
        data = bytes(number) * 999
        assert signed_by(key.public, data, key.private.sign(data))
        assert not signed_by(key.public, data + b"\0", key.private.sign(data))


def test_a_path_is_that_of_one_leaf_alone() -> None:
    """The last leaf of 37 hangs so high that, put elsewhere, its path would seem to lead up too."""
    leaves = [leaf(one.entry) for one in records(1, 37)]
    path = list(inclusion(36, 37, lambda begin, end: EMPTY.with_leaves(leaves[begin:end]).root))
    root = EMPTY.with_leaves(leaves).root
    assert led_to(36, 37, leaves[36], path) == root
    assert [led_to(place, 37, leaves[36], path) for place in range(36)] == [None] * 36


def test_no_key_of_small_order_has_signed_anything() -> None:
    for key in LOW_ORDER:
        assert not signed_by(key, b"", bytes([1]) + bytes(63))


# --- what we give away ------------------------------------------------------------------------


def test_a_journal_that_does_not_hold_what_was_signed_gives_no_proof(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path)) as journal:
        journal.append(records(1, 8))
        take(journal, note, UTC_US)
    forged = leaf(record(3, reason="nothing").entry)
    with by_hand(tmp_path) as raw:
        raw.execute("UPDATE entry SET leaf = ? WHERE seq = 3", (forged,))
    for give in (lambda: proved(tmp_path, 5), lambda: exported(tmp_path, 5, 6)):
        with pytest.raises(ProofError, match="does not hold the 8 entries"):
            give()


def test_a_checkpoint_under_another_key_proves_nothing(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path)) as journal:
        journal.append(records(1, 8))
        take(journal, lambda tree: note(tree, STRANGER), UTC_US)
    with pytest.raises(ProofError, match="has not signed it"):
        proved(tmp_path, 5)


def test_what_no_checkpoint_covers_is_not_given(folder: Path) -> None:
    for give in (lambda: proved(folder, 51), lambda: exported(folder, 40, 51)):
        with pytest.raises(ProofError, match="no checkpoint covers entry 51"):
            give()
    with pytest.raises(ProofError, match="no checkpoint of 36 entries is kept"):
        proved(folder, 5, 36)
    with pytest.raises(ProofError, match="no checkpoint covers entry 40"):
        proved(folder, 40, 37)
