"""Whether the files are what the journal says of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from controller.events import EntryError, decode_body, decode_entry, kind_of
from controller.events_pictures import PictureId, PictureKept, PicturesErased
from edge.control.messages_pictures import FINDINGS_MAX, PictureFinding, VerifyPicturesReply
from edge.pictures.errors import PicturesError
from edge.pictures.index import SUFFIX, PictureIndex, Row

KEPT, ERASED = kind_of(PictureKept), kind_of(PicturesErased)

Progress = Callable[[int, int], None]
"""Files looked at, and files in all. Called on any thread."""


class Recorded(NamedTuple):
    """What the journal says of one picture. `gone`: the entry by which it was erased; 0: none."""

    seq: int
    sha256: str
    sealed_bytes: int
    gone: int = 0


def recorded_in(entries: Iterable[bytes]) -> dict[PictureId, Recorded]:
    """By the entries of a journal, in order. Entries of later versions are passed over."""
    found: dict[PictureId, Recorded] = {}
    for data in entries:
        note(data, found)
    return found


def note(data: bytes, found: dict[PictureId, Recorded]) -> None:
    """One entry more."""
    try:
        entry = decode_entry(data)
        body = decode_body(entry) if entry.kind in (KEPT, ERASED) else None
    except EntryError:
        return
    if isinstance(body, PictureKept):
        found[body.picture] = Recorded(entry.seq, body.sha256, body.sealed_bytes)
    elif isinstance(body, PicturesErased):
        for picture in body.pictures:
            known = found.get(picture, Recorded(0, "", 0))
            found[picture] = known._replace(gone=entry.seq)


class Before(NamedTuple):
    """What there is before the journal is read: what goes or comes meanwhile is no finding."""

    rows: tuple[Row, ...]
    unknown: tuple[str, ...]


def before(index: PictureIndex) -> Before:
    """Raises PicturesError."""
    return Before(index.everything(), index.unknown())


def looked_through(
    was: Before,
    recorded: Mapping[PictureId, Recorded],
    index: PictureIndex,
    begun: int,
    progress: Progress = lambda done, total: None,
) -> VerifyPicturesReply:
    """Every picture of the journal and every file, each read whole. Nothing is opened: no key is
    needed. `begun`: the journal's first entry that is still there. Raises PicturesError.
    """
    findings: list[PictureFinding] = []
    sound = unproven = 0
    for done, row in enumerate(was.rows, start=1):
        progress(done, len(was.rows))
        said = recorded.get(row.id)
        if said is None and row.seq is None:
            continue  # it is under way
        wrong = _wrong(row, said, index, begun)
        if wrong:
            seq = row.seq if said is None else said.seq
            findings.append(PictureFinding(seq=seq or 0, what=wrong))
        sound += not wrong and said is not None and not said.gone
        unproven += not wrong and said is None
    findings += _missing(was, recorded, index)
    return VerifyPicturesReply(
        sound=sound,
        erased=sum(1 for one in recorded.values() if one.gone),
        unproven=unproven,
        findings=tuple(sorted(findings, key=lambda one: one.seq)[:FINDINGS_MAX]),
    )


def _wrong(row: Row, said: Recorded | None, index: PictureIndex, begun: int) -> str:
    """What does not hold of a picture that had a key."""
    name = index.path_of(row.id).name
    if said is None and (row.seq or 0) >= begun:
        return f"{name}: the journal has no entry that says it was kept"
    if said is not None and said.gone:
        still = index.has(row.id)
        return f"{name} is erased by entry {said.gone}, and its key is still there" if still else ""
    if said is not None and (row.sha256, row.sealed_bytes) != (said.sha256, said.sealed_bytes):
        return f"{name}: the file of keys has another hash of it than the journal"
    try:
        found = index.digest_of(row.id)
    except PicturesError as error:
        return str(error) if index.has(row.id) else ""
    if found != (row.sealed_bytes, row.sha256):
        return f"{name}: the file is not the one that was kept: it was changed, or its disk forgets"
    return ""


def _missing(
    was: Before, recorded: Mapping[PictureId, Recorded], index: PictureIndex
) -> Iterator[PictureFinding]:
    """What the journal has and nobody else, and files that nobody knows."""
    known = {row.id for row in was.rows}
    for picture, said in recorded.items():
        if not said.gone and picture not in known and not index.has(picture):
            what = f"{picture}{SUFFIX}: its key is gone, and no entry says that it was erased"
            yield PictureFinding(seq=said.seq, what=what)
    still = set(index.unknown())
    for name in was.unknown:
        if name in still:
            yield PictureFinding(seq=0, what=f"{name}: a file that has no key, or is half written")
