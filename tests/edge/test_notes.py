"""Signed notes and cosignatures, against a published note and against whatever is changed."""

from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.checkpoint import Checkpoint, CheckpointError, checkpoint_of, log_name
from edge.notes import (
    Algorithm,
    NoteError,
    NoteKey,
    cosignature,
    cosigned_at,
    note_key,
    opened,
    signed,
)
from edge.signatures import SigningKey

# golang.org/x/mod/sumdb/note, the package's own example.
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngo"
    "tpRZb6KE6RyyBwJnAM=\n"
)
LOG_NAME = log_name("testonia", "gate", "0123456789abcdef")
LOG, WITNESS = (SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in (1, 2))
LOG_KEY = NoteKey(LOG_NAME, LOG.public, Algorithm.LOG)
WITNESS_KEY = NoteKey("central.testonia", WITNESS.public, Algorithm.WITNESS)
CHECKPOINT = Checkpoint(LOG_NAME, 1_000, bytes(range(32)))
SEEN_S = 1_795_000_000


def noted() -> str:
    return signed(CHECKPOINT.text, LOG_NAME, LOG)


def cosigned() -> str:
    return noted() + cosignature(CHECKPOINT.text, WITNESS_KEY.name, WITNESS, SEEN_S)


def test_a_published_note_is_opened_by_its_published_key() -> None:
    text = opened(PUBLISHED, note_key(PUBLISHED_KEY))
    assert text.startswith("If you think cryptography")
    assert note_key(PUBLISHED_KEY).text == PUBLISHED_KEY
    with pytest.raises(NoteError, match="does not fit"):
        opened(PUBLISHED.replace("think", "thank"), note_key(PUBLISHED_KEY))


def test_a_checkpoint_is_signed_and_cosigned_and_read_back() -> None:
    note = cosigned()
    assert note.count("\n") == 6
    assert checkpoint_of(opened(note, LOG_KEY)) == CHECKPOINT
    assert cosigned_at(note, WITNESS_KEY) == SEEN_S
    assert opened(noted(), note_key(LOG_KEY.text)) == CHECKPOINT.text


def test_a_witness_is_no_log_and_a_log_no_witness() -> None:
    """The same key and name under the other algorithm is another key."""
    as_log = WITNESS_KEY._replace(algorithm=Algorithm.LOG)
    as_witness = LOG_KEY._replace(algorithm=Algorithm.WITNESS)
    for key, read in ((as_log, opened), (as_witness, cosigned_at)):
        with pytest.raises(NoteError, match="has not"):
            read(cosigned(), key)
    with pytest.raises(NoteError, match="has not cosigned"):
        cosigned_at(noted(), WITNESS_KEY)


def test_no_byte_of_a_note_can_be_changed_unseen() -> None:
    note = cosigned().encode()
    for place, flip in product(range(len(note)), (1, 2, 3, 32)):
        other = note[:place] + bytes([note[place] ^ flip]) + note[place + 1 :]
        try:
            text = other.decode()
            assert (opened(text, LOG_KEY), cosigned_at(text, WITNESS_KEY)) != (
                CHECKPOINT.text,
                SEEN_S,
            )
        except (NoteError, UnicodeDecodeError):
            continue


@pytest.mark.parametrize(
    "note",
    ["", "\n", "text\n", "text\n\n", "text\n\n\u2014 a AAAA\n", "text\n\n- a AAAAAAAA\n",
     "text\n\n\u2014 a AAAAAAAA", "text\n\n\u2014 a+b AAAAAAAA\n", "x" * 5000,
     "text\n\n" + "\u2014 a AAAAAAAA\n" * 17, "\ud800\n\n\u2014 a AAAAAAAA\n"],
)  # fmt: skip
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(NoteError):
        opened(note, LOG_KEY)


@pytest.mark.parametrize(
    "text",
    ["", "a+b", "a+00000000+AAAA", PUBLISHED_KEY.replace("c74f", "c74e"),
     NoteKey("zero", bytes(32), Algorithm.LOG).text,
     NoteKey("a b", b"\1" * 32, Algorithm.LOG).text],
)  # fmt: skip
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        note_key(text)


@pytest.mark.parametrize(
    "text",
    ["", "a\n1\n", "a\n01\n{r}\n", "a\n-1\n{r}\n", "a\n1\n{r}", "a\n1\n{r}\nextra\n", "\n1\n{r}\n",
     "a\n1\nAAAA\n", "a\n9999999999999999\n{r}\n", "a\n1\n{r} \n", "a\n\u0661\n{r}\n"],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    root = Checkpoint("a", 1, bytes(32)).text.split("\n")[2]
    with pytest.raises(CheckpointError):
        checkpoint_of(text.replace("{r}", root))
