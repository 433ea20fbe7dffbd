"""Following a daemon for good: it may restart, be busy, or go away for a while."""

import time
from abc import ABC, abstractmethod

import click

from edge.commands.common import failed_by
from edge.control.client import (
    ConnectionLostError,
    ControlClientError,
    NoDaemonError,
    RefusedError,
)
from edge.control.messages import Refusal

AGAIN_S = 1.0
"""Between two tries: a daemon restarts in about as long."""


class Following(ABC):
    """Shows what a daemon tells, whatever happens to the connection, until Ctrl-C.

    `goes_on_after`: refusals that pass.
    """

    goes_on_after = frozenset({Refusal.SLOW, Refusal.STOPPING, Refusal.BUSY})

    def __init__(self) -> None:
        self._said = ""

    @abstractmethod
    def follow(self) -> None:
        """Show what comes until the connection ends, which is a ControlClientError."""

    def forever(self) -> None:
        """Raises Failed where it cannot go on."""
        while True:
            try:
                self.follow()
            except RefusedError as error:
                if error.code not in self.goes_on_after:
                    raise failed_by(error) from error
                self.note(str(error))
            except (ConnectionLostError, NoDaemonError) as error:
                self.note(str(error))
            except ControlClientError as error:
                raise failed_by(error) from error
            time.sleep(AGAIN_S)

    def heard(self) -> None:
        """The connection works: the next trouble is another one."""
        self._said = ""

    def note(self, text: str) -> None:
        """Beside the stream, once for each trouble."""
        if text != self._said:
            click.echo(f"-- {text}; trying again", err=True)
        self._said = text
