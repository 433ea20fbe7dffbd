"""Progress of long work, on standard error, where somebody looks on."""

import sys
from types import TracebackType
from typing import Any, Self

import click


class Bars:
    """One bar after the other: what is done is told by its name. Nothing where nobody looks on."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._what = ""
        self._bar: Any = None  # click's class for it is private

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def tell(self, what: str, done: int, total: int) -> None:
        """So much of `what` is done now; it may grow while it is."""
        if not self._shown or not total:
            return
        if what != self._what:
            self._end()
            self._what = what
            self._bar = click.progressbar(length=total, label=what, file=sys.stderr)
            self._bar.render_progress()
        self._bar.length = total
        self._bar.update(max(0, done - self._bar.pos))

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()
        self._bar = None
