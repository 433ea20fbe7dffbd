"""What can go wrong with what is kept of cameras; every message ends with what to do about it."""


class PicturesError(Exception):
    """The base of all of them. None of them ever holds a door up."""


class PictureKeyError(PicturesError):
    """The key file cannot be used; the message never has a byte of the key."""


class PictureMissingError(PicturesError):
    """There is no such picture, or not any more."""


class PictureDamagedError(PicturesError):
    """Bytes that nobody sealed under this key: changed, cut off, or of another key."""
