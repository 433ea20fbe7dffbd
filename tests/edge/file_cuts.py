"""The power goes between two steps of a change of files."""

import os
from collections.abc import Callable

import pytest


class CutError(BaseException):
    """The power is gone."""


def cut_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> Callable[[], bool]:
    """After so many calls that change or sync something on the disk; asked, whether it came."""
    left = steps

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            nonlocal left
            if left == 0:
                raise CutError
            left -= 1
            return real(*arguments, **named)

        return call

    for name in ("open", "fsync", "fchmod", "link", "unlink", "replace", "rename"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    return lambda: left == 0
