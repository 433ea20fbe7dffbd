"""The files of a policy: those that are named, and what they include."""

from collections.abc import Callable, Sequence
from pathlib import Path

from policies import SourceFile, included


def with_included(files: Sequence[Path], read: Callable[[Path], bytes | None]) -> list[SourceFile]:
    """Every file once, in the order in which it is named first. What `read` gives None for is left
    out: of an included file the loader says that it is missing.
    """
    sources = []
    waiting = list(files)
    for file in waiting:  # it grows while it is read
        data = read(file)
        if data is None:
            continue
        source = SourceFile(str(file), data)
        sources.append(source)
        waiting += [
            beside for name in included(source) if (beside := file.parent / name) not in waiting
        ]
    return sources
