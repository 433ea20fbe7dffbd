"""Acknowledgements of alarms as signed files, which central sends: somebody there has seen it.

One names the journal, the alarm, and the entry that told it last, so that it acts once: what is
told again later has been seen by nobody, and a file that comes again changes nothing.
"""

from typing import Annotated, NamedTuple

import msgspec

from controller.body import Seq
from controller.ledger import PERSONAL_CHARS_MAX
from edge.signatures import SigningKey, TrustedKey, Use, sign, unverified, verify
from edge.wire import Incarnation

PAYLOAD_TYPE = "application/vnd.sentrypost.alarm+json"
SCHEMA = 1

WORD_BYTES_MAX = 16 * 1024
"""Of the envelope: several times what eight signatures take."""

BY_CHARS_MAX = 256
"""With the names of those who sign it fits into what is kept of whoever did something."""

PlaceName = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class AlarmWordError(Exception):
    """It is no acknowledgement, or not one for this edge. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class AlarmWord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whoever signs this has seen alarm `alarm` of that journal as entry `last` told it. `reason`:
    what he says to it. `by`: where the key is not that person's own, who has seen it, by the word
    of the key's person. Both name people and are for the record beside the entry alone.
    """

    schema: Annotated[int, msgspec.Meta(ge=SCHEMA, le=SCHEMA)] = SCHEMA
    site: PlaceName
    edge: PlaceName
    incarnation: Incarnation
    alarm: Seq
    last: Seq
    reason: Annotated[str, msgspec.Meta(max_length=PERSONAL_CHARS_MAX)] = ""
    by: Annotated[str, msgspec.Meta(max_length=BY_CHARS_MAX)] | msgspec.UnsetType = msgspec.UNSET

    def __repr__(self) -> str:
        return f"AlarmWord({self.site}/{self.edge}#{self.alarm}, …)"


class SignedWord(NamedTuple):
    """One that somebody has signed who may: `people`, by their names in the site file."""

    word: AlarmWord
    people: tuple[str, ...]


_DECODER = msgspec.json.Decoder(AlarmWord)


def signed(word: AlarmWord, key: SigningKey) -> bytes:
    """The envelope."""
    return sign(msgspec.json.encode(word), PAYLOAD_TYPE, (key,))


def read_word(envelope: bytes) -> AlarmWord:
    """What an envelope holds, whoever has signed it. Raises AlarmWordError, SignatureError."""
    return _decoded(unverified(_bounded(envelope), PAYLOAD_TYPE)[0])


def signed_word(
    envelope: bytes, keys: tuple[TrustedKey, ...], site: str, edge: str, incarnation: str
) -> SignedWord:
    """The word for this edge's journal, of somebody who may give it. Raises AlarmWordError,
    SignatureError.
    """
    seen = verify(_bounded(envelope), keys, PAYLOAD_TYPE, Use.ALARM)
    word = _decoded(seen.payload)
    if (word.site, word.edge) != (site, edge):
        raise AlarmWordError(
            f"it is for {word.site}/{word.edge}, this is {site}/{edge}", "send it there"
        )
    if word.incarnation != incarnation:
        raise AlarmWordError(
            "it is about an alarm of another journal", "look at the alarms that are open now"
        )
    return SignedWord(word, seen.people)


def _bounded(envelope: bytes) -> bytes:
    if len(envelope) > WORD_BYTES_MAX:
        raise AlarmWordError(
            f"larger than {WORD_BYTES_MAX} bytes: no acknowledgement", "name another file"
        )
    return envelope


def _decoded(payload: bytes) -> AlarmWord:
    try:
        return _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AlarmWordError(
            f"not an acknowledgement: {error}", "make it anew; both sides need the same version"
        ) from None
