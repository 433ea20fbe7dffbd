"""Sources, read to their end."""

from drivers.cameras.source import PictureError, Source, SourceError


def read_on(source: Source) -> tuple[int, str]:
    """How many frames came, and why there are no more."""
    taken = 0
    while True:
        try:
            source.read()
        except PictureError:
            continue
        except SourceError as error:
            return taken, str(error)
        taken += 1
