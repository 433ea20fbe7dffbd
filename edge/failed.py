"""How a command ends that did not succeed: what happened, what to do about it, the exit code."""

import click

FAILED = 1

CONFIGURATION = 78
"""EX_CONFIG of sysexits.h: a service manager need not start it again before somebody mended it."""


class Failed(click.ClickException):
    """Printed by `edge.main` as `error: message` and `remedy: remedy`, without a traceback."""

    exit_code = FAILED

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class Misconfigured(Failed):
    """The site file or a policy has mistakes."""

    exit_code = CONFIGURATION


def failed_by(error: Exception) -> Failed:
    """Of a typed error: with its `remedy`, or with what stands after the semicolon of its text."""
    remedy = getattr(error, "remedy", None)
    if isinstance(remedy, str):
        return Failed(str(error), remedy)
    message, _, rest = str(error).partition("; ")
    return Failed(message, rest)
