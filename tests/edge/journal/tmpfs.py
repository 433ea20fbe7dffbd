"""A small file system that can be filled and made read-only; only root may mount one."""

import subprocess
from contextlib import suppress
from pathlib import Path


class Tmpfs:
    """Mounted on `path` until `unmount`."""

    def __init__(self, path: Path, mebibytes: int = 2) -> None:
        self.path = path
        self.mounted = self._mount("-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs")

    def remount(self, option: str) -> None:
        assert self._mount("-o", f"remount,{option}")

    def fill(self) -> None:
        """To the last byte, with one file that `empty` removes."""
        with (self.path / "ballast").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def empty(self) -> None:
        (self.path / "ballast").unlink()

    def unmount(self) -> None:
        subprocess.run(["umount", self.path], check=True, capture_output=True)

    def _mount(self, *arguments: str) -> bool:
        try:
            run = subprocess.run(["mount", *arguments, self.path], check=False, capture_output=True)
        except FileNotFoundError:
            return False
        return run.returncode == 0
