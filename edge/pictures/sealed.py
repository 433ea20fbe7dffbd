"""The sealed file of a picture or clip, and how its key is wrapped.

A file is `SPPICT01`, the header of one stream, and a message for what it is and for each frame:
libsodium's secretstream (XChaCha20-Poly1305), so that no frame can be left out, moved or cut off
unseen, and only one is in memory at a time. Every message is bound to the picture's id. A file's
key is 32 random bytes of its own, wrapped by XChaCha20-Poly1305 under the site's picture key, and
bound to the id as well.
"""

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec
from nacl import bindings
from nacl.exceptions import CryptoError

from controller.events_pictures import PictureId, PictureKind
from drivers.cameras.api import PICTURE_BYTES_MAX
from edge.pictures.errors import PictureDamagedError
from edge.pictures.frame import Frame
from edge.pictures.index import Digest
from edge.pictures.key import KEY_BYTES, PictureKey

MAGIC = b"SPPICT01"
LENGTH_BYTES = 4
NONCE_BYTES = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
STREAM_HEADER_BYTES = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
MESSAGE_BYTES_MAX = PICTURE_BYTES_MAX + 4096
"""A frame with its time and size; what is longer was not written by us."""

_MORE = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_LAST = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What the file is, for whoever has it and its key and nothing else."""

    site: str
    edge: str
    what: PictureKind
    portal: str
    camera: str
    about: tuple[int, ...]


_ENCODER = msgspec.msgpack.Encoder()
_HEAD = msgspec.msgpack.Decoder(Head)
_FRAME = msgspec.msgpack.Decoder(Frame)


def new_file_key() -> bytes:
    return os.urandom(KEY_BYTES)


def wrapped(key: PictureKey, picture: PictureId, file_key: bytes) -> bytes:
    """The file's key as it may lie on a disk."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        file_key, bytes.fromhex(picture), nonce, key.secret
    )


def unwrapped(key: PictureKey, picture: PictureId, closed: bytes) -> bytes:
    """Raises PictureDamagedError where it was wrapped under another key, or for another picture."""
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            closed[NONCE_BYTES:], bytes.fromhex(picture), closed[:NONCE_BYTES], key.secret
        )
    except (CryptoError, ValueError, TypeError):
        raise PictureDamagedError(
            f"picture {picture}: its key cannot be opened; name the picture key that it was kept "
            "under, in the site file"
        ) from None


def seal(
    path: Path, picture: PictureId, file_key: bytes, head: Head, frames: Iterable[Frame]
) -> Digest:
    """Write the file whole and on disk; at least one frame. Raises OSError, and then there may be a
    part of it.
    """
    stream = bindings.crypto_secretstream_xchacha20poly1305_state()
    begin = bindings.crypto_secretstream_xchacha20poly1305_init_push(stream, file_key)
    hashed, count = sha256(), 0
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        for piece in _pieces(stream, begin, picture, head, frames):
            file.write(piece)
            hashed.update(piece)
            count += len(piece)
        file.flush()
        os.fsync(fd)
    return Digest(count, hashed.hexdigest())


def _pieces(
    stream: bindings.crypto_secretstream_xchacha20poly1305_state,
    begin: bytes,
    picture: PictureId,
    head: Head,
    frames: Iterable[Frame],
) -> Iterator[bytes]:
    bound = bytes.fromhex(picture)
    yield MAGIC + begin
    before = _ENCODER.encode(head)
    for frame in frames:
        yield _message(stream, before, bound, _MORE)
        before = _ENCODER.encode(frame)
    yield _message(stream, before, bound, _LAST)


def _message(
    stream: bindings.crypto_secretstream_xchacha20poly1305_state,
    plain: bytes,
    bound: bytes,
    tag: int,
) -> bytes:
    closed = bindings.crypto_secretstream_xchacha20poly1305_push(stream, plain, bound, tag)
    return len(closed).to_bytes(LENGTH_BYTES, "big") + closed


class Opened:
    """A sealed file that is read. `head` first, then `frames`, once."""

    def __init__(self, file: BinaryIO, picture: PictureId, file_key: bytes) -> None:
        """Raises PictureDamagedError, OSError."""
        self._file, self._picture, self._ended = file, picture, False
        self._stream = bindings.crypto_secretstream_xchacha20poly1305_state()
        begin = file.read(len(MAGIC) + STREAM_HEADER_BYTES)
        if len(begin) != len(MAGIC) + STREAM_HEADER_BYTES or not begin.startswith(MAGIC):
            raise self._damaged("it is no sealed picture")
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(
            self._stream, begin[len(MAGIC) :], file_key
        )
        try:
            self.head = _HEAD.decode(self._next())
        except msgspec.MsgspecError:
            raise self._damaged("a newer version wrote it") from None

    def frames(self) -> Iterator[Frame]:
        """In order, each as it is wanted. Raises PictureDamagedError where one was changed, moved
        or cut off; whatever came before it is genuine.
        """
        while not self._ended:
            try:
                yield _FRAME.decode(self._next())
            except msgspec.MsgspecError:
                raise self._damaged("a newer version wrote it") from None
        if self._file.read(1):
            raise self._damaged("there is more behind its end")

    def _next(self) -> bytes:
        length = int.from_bytes(self._file.read(LENGTH_BYTES), "big")
        if not 0 < length <= MESSAGE_BYTES_MAX:
            raise self._damaged("it is cut off or was changed")
        closed = self._file.read(length)
        if len(closed) != length:
            raise self._damaged("it is cut off or was changed")
        try:
            plain, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(
                self._stream, closed, bytes.fromhex(self._picture)
            )
        except (CryptoError, ValueError):
            raise self._damaged("it is cut off or was changed") from None
        self._ended = tag == _LAST
        return plain

    def _damaged(self, what: str) -> PictureDamagedError:
        return PictureDamagedError(
            f"picture {self._picture}: {what}; keep the file as evidence and look for a backup"
        )
